"A shop with awkward amounts."
import random, sqlite3
import duckdb
import pyarrow as pa
import pytest
from shop_nb.model import schema
from shop_nb.model.views import create_views
from shop_nb.model.schema import (
    CAPTURED, ON_DELIVERY, STATUS_PAIRS, TABLES, UNPAID_PARCEL
)
from shop_nb.model.dialects import create_indexes, create_tables
from support.examples import example


def spread_tax(items, goods, charged, tax):
    "Give each line the tax on what is charged for it, so that they add up"
    value = paid = 0
    for i in items:
        value += i['quantity'] * i['unit_price_cents'] - i['discount_cents']
        so_far = value * charged // goods * tax // charged
        i['tax_cents'], paid = so_far - paid, so_far


@pytest.fixture(scope='module')
def shops():
    "A shop with awkward amounts, the same in both databases."
    rng, rows = random.Random(3), {t: [] for t in TABLES}
    product, customer = example('products') | dict(cost_cents=7), example('customers')
    categories = schema.TABLES['products']['category'].values
    rows['products'] = [
        product | dict(product_id=i, sku=f'A-{i}', category=rng.choice(categories)) for i in range(1, 41)
    ]
    rows['customers'] = [customer | dict(customer_id=i, email=f'c{i}@example.com') for i in range(1, 31)]
    for n in range(1, 401):
        key, (status, paid) = 25031800000000 + n, rng.choice(STATUS_PAIRS)
        items = [
            dict(
                order_item_id=key * 100 + i,
                order_id=key,
                line_number=i,
                product_id=p,
                quantity=(q := rng.randint(1, 99)),
                unit_price_cents=(u := [1, 3, 99, 1234, 999_999][p % 5]),
                discount_cents=rng.randrange(max(1, q * u // 3)),
                tax_cents=0,
                returned_quantity=q
                if status == 'returned'
                else rng.randint(0, q - 1)
                if paid == 'partially_refunded'
                else 0,
            )
            for i, p in enumerate(rng.sample(range(1, 41), rng.randint(1, 25)), 1)
        ]
        goods = sum(i['quantity'] * i['unit_price_cents'] - i['discount_cents'] for i in items)
        o = example('orders') | dict(
            order_id=key,
            customer_id=rng.randint(1, 30),
            status=status,
            discount_cents=rng.randint(0, goods // 3),
            tax_cents=goods // 5,
            tax_included=n % 2 == 0,
            shipping_cents=490,
        )
        spread_tax(items, goods, goods - o['discount_cents'], o['tax_cents'])
        if status not in schema.ARRIVED: o['delivered_at'] = None
        for_goods = goods - o['discount_cents']
        amount = for_goods + (0 if o['tax_included'] else o['tax_cents']) + o['shipping_cents']
        back = sum(
            (i['quantity'] * i['unit_price_cents'] - i['discount_cents']) * i['returned_quantity'] // i['quantity']
            for i in items
        )
        back_tax = sum(i['tax_cents'] * i['returned_quantity'] // i['quantity'] for i in items)
        part = back * for_goods // goods + (0 if o['tax_included'] else back_tax)
        refund = amount if paid == 'refunded' else part
        p = example('payments') | dict(
            payment_id=key * 10 + 1, order_id=key, status=paid, amount_cents=amount, refunded_cents=refund
        )
        if paid not in CAPTURED: p['paid_at'] = None
        if (status, paid) == UNPAID_PARCEL: p['method'] = rng.choice(ON_DELIVERY)
        if paid == 'partially_refunded' and not refund: continue
        rows['orders'].append(o)
        rows['order_items'] += items
        rows['payments'].append(p)
    lite, duck = sqlite3.connect(':memory:'), duckdb.connect()
    for sql in create_tables('sqlite'): lite.execute(sql)
    for sql in create_tables('duckdb'): duck.execute(sql)
    for t, rs in rows.items():
        lite.executemany(f"insert into {t} values ({', '.join('?' * len(rs[0]))})", [list(r.values()) for r in rs])
        duck.register('rows', pa.Table.from_pylist(rs)).execute(f'insert into {t} select * from rows')
    lite.commit()
    for sql in create_indexes() + create_views('sqlite'): lite.execute(sql)
    for sql in create_views('duckdb'): duck.execute(sql)
    return lite, duck, rows
