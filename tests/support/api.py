"Rows to send to a service, and what its problems look like."
import re


def new_order(api, **more):
    product = api.get('/v1/products', params=dict(discontinued_on__isnull='true', limit=1)).json()['items'][0]
    price, order = (
        product['price_cents'],
        dict(
            customer_id=1,
            ordered_at='2026-02-03 10:00:00',
            status='pending',
            channel='web',
            shipping_cents=490,
            tax_cents=0,
            tax_included=False,
            discount_cents=0,
        ),
    )
    return (
        order
        | dict(
            items=[
                dict(
                    product_id=product['product_id'],
                    quantity=2,
                    unit_price_cents=price,
                    discount_cents=0,
                    tax_cents=0,
                    returned_quantity=0,
                )
            ],
            payment=dict(method='card', status='pending', amount_cents=2 * price + 490, refunded_cents=0, attempts=0),
        )
        | more
    )


def taxed(order, cents):
    "What makes this the tax of an order, all of it on its first line."
    first, *others = order['items']
    return dict(tax_cents=cents, items=[first | dict(tax_cents=cents), *(i | dict(tax_cents=0) for i in others)])


def a_customer(api): return {n: v for n, v in api.get('/v1/customers/1').json().items() if n != 'customer_id'}


def is_problem(r, status):
    assert r.status_code == status, r.text
    told = r.json()
    assert r.headers['content-type'] == 'application/problem+json'
    assert told['status'] == status
    assert told['title']
    assert told['detail']
    assert not re.search(r'Traceback|File "|sqlite|SELECT |INSERT |UPDATE ', r.text, re.I), r.text
    return told
