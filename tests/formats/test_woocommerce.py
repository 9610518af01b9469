"Orders of WooCommerce, as the plugin Advanced Order Export writes them."
import csv, io
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from support.imported import run_import
from shop_nb.formats.format import columns_of, formats, recognise

HEADER = [ # the columns that are checked when the plugin is installed
    'Order Number', 'Order Status', 'Order Date', 'Customer Note', 'First Name (Billing)', 'Last Name (Billing)',
    'Company (Billing)', 'Address 1&2 (Billing)', 'City (Billing)', 'State Code (Billing)', 'Postcode (Billing)',
    'Country Code (Billing)', 'Email (Billing)', 'Phone (Billing)', 'First Name (Shipping)', 'Last Name (Shipping)',
    'Address 1&2 (Shipping)', 'City (Shipping)', 'State Code (Shipping)', 'Postcode (Shipping)',
    'Country Code (Shipping)', 'Payment Method Title', 'Cart Discount Amount', 'Order Subtotal Amount',
    'Shipping Method Title', 'Order Shipping Amount', 'Order Refund Amount', 'Order Total Amount',
    'Order Total Tax Amount', 'SKU', 'Item #', 'Item Name', 'Quantity', 'Item Cost', 'Coupon Code', 'Discount Amount',
    'Discount Amount Tax']
LEFT = ['Quantity (- Refund)' if h == 'Quantity' else h for h in HEADER] # as newer versions have it
ALL = [*HEADER, 'Quantity (- Refund)', 'Item Cost Before Discount', 'Order Total Fee', 'Order Currency', 'Paid Date']


def text(*rows, header=HEADER):
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval='', lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def line(name='Mug', units=2, cost='10', sku='MUG', **cells):
    return {'Item Name': name, 'Quantity': units, 'Item Cost': cost, 'SKU': sku} | cells


def order(number, *lines, repeated=True, **cells):
    "The rows of an order that comes to 23.80, unless its cells say otherwise"
    usual = {
        'Order Number': number, 'Order Status': 'Completed', 'Order Date': '2025-03-03 10:00', 'Email (Billing)':
        'ada@example.com', 'First Name (Billing)': 'Ada', 'Last Name (Billing)': 'Lind', 'Country Code (Billing)': 'DE',
        'Postcode (Billing)': '06844', 'Payment Method Title': 'PayPal', 'Cart Discount Amount': '0',
        'Order Subtotal Amount': '20', 'Order Shipping Amount': '0', 'Order Refund Amount': '0',
        'Order Total Amount': '23.80', 'Order Total Tax Amount': '3.80'} | cells
    rows = [l | {'Item #': n} if l.get('Item Name') else l for n, l in enumerate(lines or (line(),), 1)]
    return [(usual if n == 0 or repeated else {'Order Number': number}) | row for n, row in enumerate(rows)]


def woo(imports, *orders, header=HEADER, **how):
    return imports({'orders.csv': text(*(row for rows in orders for row in rows), header=header)}, **how)


def test_it_is_found_by_its_header():
    for header in HEADER, LEFT, ALL: assert recognise({'orders': header}).name == 'woocommerce'
    part = formats()['woocommerce']['line_items']
    assert set(columns_of(part, ALL)) == {f.name for f in part.fields} - {'line_before', 'line_after'}


@pytest.mark.parametrize('repeated', [True, False])
@pytest.mark.parametrize('header', [HEADER, LEFT])
def test_lines_of_an_order(imports, repeated, header):
    rows = order(
        '501', line(), line('Jug', 1, '20', ''), line('Mug', 1, '10'), {'Coupon Code': 'SPRING'}, repeated=repeated, **{
            'Order Subtotal Amount': '50', 'Order Shipping Amount': '4.2', 'Order Total Tax Amount': '10.3',
            'Order Total Amount': '64.5'})
    if header is LEFT: rows = [{h.replace('Quantity', 'Quantity (- Refund)'): v for h, v in r.items()} for r in rows]
    run = woo(imports, rows, header=header)
    assert run.lines('line_number, quantity, unit_price_cents, discount_cents') == [
        ('501', 'MUG', 1, 2, 1000, 0), ('501', 'Jug', 2, 1, 2000, 0), ('501', 'MUG', 3, 1, 1000, 0)]
    assert run.orders('status, shipping_cents, tax_cents, tax_included, discount_cents') == [
        ('501', 'shipped', 420, 1030, False, 0)]
    assert run.payments('method, status, amount_cents, refunded_cents') == [('501', 'PayPal', 'captured', 6450, 0)]
    assert run.counts == dict(read=4, loaded=3, quarantined=0, skipped=1)
    assert run.facts['amount_cents'] == dict(source=6450, loaded=6450, quarantined=0, skipped=0)
    assert run.rows('select first_name, last_name, email, country, postal_code from customers') == [
        ('Ada', 'Lind', 'ada@example.com', 'DE', '06844')]
    assert {'payments.paid_at', 'orders.delivered_at', 'order_items.returned_quantity'} <= set(run.market['absent'])


def test_net_prices_with_more_digits(imports):
    run = woo(
        imports,
        order('1', line(units=3, cost='8.39'), **{'Order Subtotal Amount': '25.18', 'Order Total Amount': '29.97',
                                                  'Order Total Tax Amount': '4.79'}),
        order('2', line(units=3, cost='8.394958'), line('Jug', 1, '8.403361', 'JUG'), **{
            'Order Subtotal Amount': '33.59', 'Order Total Amount': '39.97', 'Order Total Tax Amount': '6.38'}))
    assert run.lines('quantity, unit_price_cents, discount_cents') == [
        ('1', 'MUG', 3, 840, 2), ('2', 'MUG', 3, 840, 1), ('2', 'JUG', 1, 840, 0)]
    assert run.payments('amount_cents') == [('1', 2997), ('2', 3997)]
    assert run.aside == []


OFF = {'Cart Discount Amount': '2', 'Order Total Amount': '21.42', 'Order Total Tax Amount': '3.42'}


def test_discounts(imports):
    before = 'Item Cost Before Discount'
    run = woo(
        imports, order('1', line(cost='9'), **OFF), # a single line
        order('2', line('Jug', 1, '8', 'JUG', **{before: '10'}), line(units=1, **{before: '10'}), **OFF),
        order('3', line('Jug', 1, '9', 'JUG'), line(units=1, cost='9'), **OFF), # nothing tells
        order('4', line(units=1, **{before: '10'}), line('Gift', 1, '0', 'G', **{before: '10'}), **{
            'Cart Discount Amount': '10', 'Order Total Amount': '11.90', 'Order Total Tax Amount': '1.90'}),
        order('5', line(cost='0'), **{'Cart Discount Amount': '20', 'Order Total Amount': '0',
                                      'Order Total Tax Amount': '0'}), header=ALL)
    assert run.lines('quantity, unit_price_cents, order_items.discount_cents') == [
        ('1', 'MUG', 2, 1000, 200), ('2', 'JUG', 1, 1000, 200), ('2', 'MUG', 1, 1000, 0),
        ('4', 'MUG', 1, 1000, 0), ('4', 'G', 1, 1000, 0)]
    assert run.orders('discount_cents') == [('1', 0), ('2', 0), ('4', 1000)]
    less = 'Item Cost is less its discount; export Item Cost Before Discount as well'
    assert [r for _, r in run.aside] == [less, less, 'nothing in it has a price']


def test_fees_paid_dates_and_currency(imports):
    run = woo(imports, order('1', **{'Order Total Fee': '3', 'Order Total Amount': '26.80', 'Order Currency': 'SEK',
                                     'Paid Date': '2025-03-03 10:01'}),
              order('2', **{'Order Status': 'Processing', 'Order Currency': 'SEK'}), header=ALL)
    assert run.lines() == [('1', 'MUG', 2, 1000), ('1', 'Fee', 1, 300), ('2', 'MUG', 2, 1000)]
    assert run.payments('status, paid_at') == [('1', 'captured', datetime(2025, 3, 3, 10, 1)), ('2', 'pending', None)]
    assert run.market['currency'] == 'SEK'


STATUSES = [ # status, given back: order and payment
    ('Pending payment', '0', 'pending', 'pending'), ('On hold', '0', 'pending', 'pending'),
    ('Processing', '0', 'paid', 'captured'), ('Completed', '0', 'shipped', 'captured'),
    ('Processing', '5', 'paid', 'partially_refunded'), ('Completed', '5', 'shipped', 'partially_refunded'),
    ('Completed', '23.80', 'returned', 'refunded'), ('Refunded', '23.80', 'returned', 'refunded'),
    ('Cancelled', '0', 'cancelled', 'failed'), ('Cancelled', '23.80', 'cancelled', 'refunded'),
    ('Failed', '0', 'cancelled', 'failed'), ('wc-on-hold', '0', 'pending', 'pending'),
    ('completed', '0', 'shipped', 'captured')]


def test_statuses(imports):
    run = woo(imports, *(order(str(n), **{'Order Status': s, 'Order Refund Amount': back})
                         for n, (s, back, *_) in enumerate(STATUSES, 101)))
    assert run.aside == []
    got = run.rows('''select o.status, p.status, refunded_cents
from payments as p join orders as o using (order_id) order by order_id''')
    assert got == [(*pair, round(float(back) * 100)) for _, back, *pair in STATUSES]


def test_statuses_without_a_pair(imports):
    run = woo(imports, order('1', **{'Order Status': 'Abgeschlossen'}), order('2', **{'Order Status': ''}),
              order('3', **{'Order Status': 'Cancelled', 'Order Refund Amount': '5'}),
              order('4', **{'Order Status': 'Refunded'}))
    none, told = 'its Order Status is not known', [r for _, r in run.aside]
    cancelled = 'it is cancelled, but not all of its money went back'
    assert [r.partition(': ')[0] for r in told[:3]] == [none, none, cancelled]
    assert 'Order Status "Abgeschlossen"; say what it means in a map of columns, under [values.order_status]' in told[0]
    assert told[2].endswith(': refunded 5.00, total 23.80')
    assert run.reasons[3] == ('4', 'payments.refund_when_refunded')


def test_what_does_not_add_up_is_set_aside_whole(imports):
    lines = 'its lines do not come to its total; refunded units are not in Quantity (- Refund)'
    total = 'its total is not its subtotal less the discount, plus shipping, fees and tax'
    amounts = 'Order Subtotal Amount', 'Order Total Amount', 'Order Total Tax Amount'
    run = woo(imports, order('1'), order('2', line(units=1)), order('3', line(), line('Jug', 1, '5')),
              order('4', **{'Order Total Amount': '30'}), order('5', line(units='two')),
              order('6', line(cost='0'), **dict.fromkeys(amounts, '0')),
              order('7', **{'Email (Billing)': ''}))
    reasons = [r for _, r in run.aside]
    assert [r.partition(': ')[0] for r in reasons[:4]] == [lines, lines, lines, total]
    assert reasons[0].endswith(': lines 10.00, total without shipping fees and tax 20.00')
    assert reasons[3].endswith(': subtotal 20.00, discount 0.00, shipping 0.00, fees 0.00, tax 3.80, total 30.00')
    assert "'two' is not a number" in reasons[4]
    assert reasons[5] == 'nothing in it has a price'
    assert run.reasons[-1] == ('7', 'customer_id')
    aside = 4 * 2380 + 3000
    assert run.facts['amount_cents'] == dict(source=2380 + aside, loaded=2380, quarantined=aside, skipped=0)


def test_free_items_and_orders_that_come_twice(imports):
    two = order('2', line(), line('Sticker', 1, '0', 'S'))
    run = imports({'a.csv': text(*order('1'), *two), 'b.csv': text(*two)})
    assert run.lines() == [('1', 'MUG', 2, 1000), ('2', 'MUG', 2, 1000)]
    assert run.counts == dict(read=5, loaded=2, quarantined=0, skipped=3)
    assert run.facts['amount_cents'] == dict(source=4760, loaded=4760, quarantined=0, skipped=0)
    other = order('2', line(), **{'Order Status': 'Processing'})
    run = imports({'a.csv': text(*two), 'b.csv': text(*other)}, out='other')
    assert {r for _, r in run.aside} == {'it is there twice, with different content'}
    assert run.orders('status') == []


def test_files_without_the_number_of_an_item_may_overlap(tmp_path):
    "Then an order begins with its first row in each file; the same one twice is no order of twice as many lines."
    header = [h for h in HEADER if h != 'Item #']
    rows = order('1', line(units=1), line('Cup', 1, sku='CUP'))
    both = text(*({h: cell for h, cell in row.items() if h in header} for row in rows), header=header)
    run = run_import(tmp_path, {'a.csv': both, 'b.csv': both}, 'woocommerce')
    assert run.rows('select quantity from order_items') == [(1,), (1,)]
    assert run.counts == dict(read=4, loaded=2, quarantined=0, skipped=2)


def money(cents): return f'{cents // 100}.{cents % 100:02}'


@st.composite
def made_up(draw):
    "Lines with prices that contain 19 % tax, or in whole cents without it"
    gross = draw(st.booleans())
    a_line = st.tuples(st.sampled_from('ABCD'), st.integers(1, 9), st.integers(50, 99_999))
    lines = draw(st.lists(a_line, min_size=1, max_size=5))
    return gross, lines, draw(st.integers(0, 2000)), draw(st.sampled_from(['Processing', 'Completed', 'On hold']))


def cents(x): return int(x.quantize(Decimal(1), ROUND_HALF_UP))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(made_up(), min_size=1, max_size=12), st.booleans())
def test_made_up_orders_come_back(tmp_path_factory, orders, repeated):
    rows, want = [], []
    for n, (gross, lines, shipping, status) in enumerate(orders):
        net = [(p, q, Decimal(c) / Decimal('1.19') if gross else Decimal(c)) for p, q, c in lines]
        goods = cents(sum(q * c for _, q, c in net))
        tax = sum(q * c for _, q, c in lines) - goods if gross else cents(goods * Decimal('.19'))
        total = goods + tax + shipping
        rows += order(str(n), *(line(f'Item {p}', q, money(cents(c)), p) for p, q, c in net), repeated=repeated, **{
            'Email (Billing)': f'c{n % 4}@example.com', 'Order Status': status,
            'Order Subtotal Amount': money(goods), 'Order Shipping Amount': money(shipping),
            'Order Total Tax Amount': money(tax), 'Order Total Amount': money(total),
            'Order Date': f'{datetime(2025, 1, 1, 9) + timedelta(minutes=n):%Y-%m-%d %H:%M}'})
        want.append((str(n), f'c{n % 4}@example.com', shipping, tax, total, goods))
    run = run_import(tmp_path_factory.mktemp('made'), {'orders.csv': text(*rows)})
    assert run.aside == []
    assert run.rows('''select ok.source_key, ck.source_key, shipping_cents, tax_cents, amount_cents, goods
from orders join payments using (order_id)
join orders_key as ok using (order_id) join customers_key as ck using (customer_id)
join (select order_id, sum(quantity * unit_price_cents - discount_cents) as goods from order_items group by 1)
using (order_id) order by order_id''') == want
    got = iter(run.lines('quantity, unit_price_cents, order_items.discount_cents'))
    for n, (gross, lines, *_) in enumerate(orders):
        for product, units, price in lines:
            key, sku, quantity, unit, off = next(got)
            assert (key, sku, quantity) == (str(n), product, units)
            assert off < units
            if not gross: assert (unit, off) == (price, 0)
            else: assert abs(unit - Decimal(price) / Decimal('1.19')) < 3
    total = sum(row[4] for row in want)
    assert run.facts['amount_cents'] == dict(source=total, loaded=total, quarantined=0, skipped=0)
