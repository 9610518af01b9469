"The orders export of Shopify."
import csv, io
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from support.imported import run_import
from shop_nb.formats.format import columns_of, formats, recognise

HEADER = [ # of an export of 2025
    'Name', 'Email', 'Financial Status', 'Paid at', 'Fulfillment Status', 'Fulfilled at', 'Accepts Marketing',
    'Currency', 'Subtotal', 'Shipping', 'Taxes', 'Total', 'Discount Code', 'Discount Amount', 'Shipping Method',
    'Created at', 'Lineitem quantity', 'Lineitem name', 'Lineitem price', 'Lineitem compare at price', 'Lineitem sku',
    'Lineitem requires shipping', 'Lineitem taxable', 'Lineitem fulfillment status', 'Billing Name', 'Billing Street',
    'Billing Address1', 'Billing Address2', 'Billing Company', 'Billing City', 'Billing Zip', 'Billing Province',
    'Billing Country', 'Billing Phone', 'Shipping Name', 'Shipping Street', 'Shipping Address1', 'Shipping Address2',
    'Shipping Company', 'Shipping City', 'Shipping Zip', 'Shipping Province', 'Shipping Country', 'Shipping Phone',
    'Notes', 'Note Attributes', 'Cancelled at', 'Payment Method', 'Payment Reference', 'Refunded Amount', 'Vendor',
    'Outstanding Balance', 'Employee', 'Location', 'Device ID', 'Id', 'Tags', 'Risk Level', 'Source',
    'Lineitem discount', 'Tax 1 Name', 'Tax 1 Value', 'Tax 2 Name', 'Tax 2 Value', 'Tax 3 Name', 'Tax 3 Value',
    'Tax 4 Name', 'Tax 4 Value', 'Tax 5 Name', 'Tax 5 Value', 'Phone', 'Receipt Number', 'Duties',
    'Billing Province Name', 'Shipping Province Name', 'Payment ID', 'Payment Terms Name', 'Next Payment Due At',
    'Payment References']


def text(*rows, header=HEADER):
    "Rows as the export has them"
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval='', lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def line(title='Tee - Red / M', units=1, price='20.00', sku='TEE-R-M', off='0.00', **cells):
    return {'Lineitem name': title, 'Lineitem quantity': units, 'Lineitem price': price, 'Lineitem sku': sku,
            'Lineitem discount': off, 'Vendor': 'Acme', 'Lineitem fulfillment status': 'pending'} | cells


def order(name, *lines, **cells):
    "The rows of an order that comes to 20.00, unless its cells say otherwise: those of the order are on the first"
    usual = {
        'Name': name, 'Email': 'ada@example.com', 'Financial Status': 'paid', 'Paid at': '2025-03-03 10:00:05 +0100',
        'Fulfillment Status': 'unfulfilled', 'Accepts Marketing': 'yes', 'Currency': 'EUR', 'Subtotal': '20.00',
        'Shipping': '0.00', 'Taxes': '0.00', 'Total': '20.00', 'Discount Amount': '0.00',
        'Created at': '2025-03-03 10:00:00 +0100', 'Payment Method': 'Shopify Payments', 'Refunded Amount': '0.00',
        'Source': 'web', 'Id': '5.1E+12', 'Billing Country': 'DE', 'Billing Zip': "'06844", 'Billing City': 'Dessau'}
    first, *others = lines or (line(),)
    return [usual | cells | first, *({'Name': name, 'Email': cells.get('Email', 'ada@example.com'),
                                      'Created at': cells.get('Created at', usual['Created at'])} | l for l in others)]


def shopify(imports, *orders, header=HEADER, **how):
    return imports({'orders_export.csv': text(*(row for rows in orders for row in rows), header=header)}, **how)


ORDER = 'status, shipping_cents, tax_cents, tax_included, discount_cents'


def test_it_is_found_by_its_header():
    assert recognise({'orders_export': HEADER}).name == 'shopify'
    names = columns_of(formats()['shopify']['line_items'], HEADER)
    assert {f.name for f in formats()['shopify']['line_items'].fields} - set(names) == {'tip'}


def test_lines_of_an_order_and_its_first_row(imports):
    run = shopify(imports, order('#1001', line(units=2), line('Mug', 1, '7.50', ''), line(units=1), **{
        'Subtotal': '67.50', 'Total': '72.40', 'Shipping': '4.90'}))
    assert run.lines('line_number, quantity, unit_price_cents, discount_cents') == [
        ('#1001', 'TEE-R-M', 1, 2, 2000, 0), ('#1001', 'Mug', 2, 1, 750, 0), ('#1001', 'TEE-R-M', 3, 1, 2000, 0)]
    assert run.orders(ORDER) == [('#1001', 'paid', 490, 0, False, 0)]
    assert run.payments('method, status, amount_cents, refunded_cents, paid_at') == [
        ('#1001', 'Shopify Payments', 'captured', 7240, 0, datetime(2025, 3, 3, 10, 0, 5))]
    assert run.facts['amount_cents'] == dict(source=7240, loaded=7240, quarantined=0, skipped=0)
    assert run.market['currency'] == 'EUR'
    assert run.aside == []
    assert run.rows('select sku, name, brand from products order by name') == [
        (None, 'Mug', 'Acme'), ('TEE-R-M', 'Tee - Red / M', 'Acme')]
    assert run.rows('select email, city, postal_code, country, marketing_opt_in from customers') == [
        ('ada@example.com', 'Dessau', '06844', 'DE', True)]
    assert {'orders.delivered_at', 'order_items.returned_quantity', 'products.price_cents', 'customers.first_name',
            'customers.signed_up_at'} <= set(run.market['absent'])
    assert 'payments' not in run.market['absent']
    assert 'orders.discount_cents' not in run.market['absent']


def test_discounts_of_lines_and_orders(imports):
    half = {'Subtotal': '15.00', 'Total': '15.00'}
    run = shopify(
        imports,
        order('#1', **half, **{'Discount Amount': '5.00'}),
        order('#2', line(off='5.00'), **half, **{'Discount Amount': '5.00'}), # told twice
        order('#3', line(off='5.00'), **half),
        order('#4', line(off='2.00'), **half, **{'Discount Amount': '3.00'}),
        order('#5', line(), line('Cap', off='20.00'), **{'Discount Amount': '20.00'}), # buy one, get one
        order('#6', **{'Subtotal': '0.00', 'Total': '0.00', 'Discount Amount': '20.00'})) # all of it
    assert run.orders('discount_cents') == [('#1', 500), ('#2', 0), ('#3', 0), ('#4', 300), ('#5', 2000), ('#6', 2000)]
    assert run.lines('order_items.discount_cents') == [
        ('#1', 'TEE-R-M', 0), ('#2', 'TEE-R-M', 500), ('#3', 'TEE-R-M', 500), ('#4', 'TEE-R-M', 200),
        ('#5', 'TEE-R-M', 0), ('#5', 'TEE-R-M', 0), ('#6', 'TEE-R-M', 0)]
    assert run.payments('amount_cents')[-1] == ('#6', 0)
    assert run.aside == []


def test_a_discount_on_shipping(imports):
    run = shopify(
        imports,
        order('#1', **{'Shipping': '4.90', 'Discount Amount': '4.90'}), # taken off Shipping
        order('#2', **{'Shipping': '0.00', 'Discount Amount': '4.90'}), # Shipping is what is left
        order('#3', **{'Shipping': '4.90', 'Discount Amount': '6.90', 'Subtotal': '18.00', 'Total': '18.00'}))
    assert run.orders('shipping_cents, discount_cents') == [('#1', 0, 0), ('#2', 0, 0), ('#3', 0, 200)]
    assert run.aside == []


@pytest.mark.parametrize('cells, want', [
    ({'Taxes': '3.19'}, (319, True)), ({'Taxes': '1.65', 'Total': '21.65'}, (165, False)),
    ({'Taxes': '1.65', 'Total': '26.55', 'Shipping': '4.90'}, (165, False))])
def test_tax_in_the_prices_or_added(imports, cells, want):
    run = shopify(imports, order('#1', **cells), order('#2', Email='bo@example.com'))
    assert run.orders('tax_cents, tax_included') == [('#1', *want), ('#2', 0, want[1])] # the second follows the first


def test_tips_and_gift_cards(imports):
    run = shopify(
        imports,
        order('#1', **{'Tip': '3.00', 'Total': '23.00', 'Taxes': '3.00'}),
        order('#2', line('Gift Card - 50.00', 1, '50.00', '', **{'Lineitem requires shipping': 'false'}), **{
            'Subtotal': '50.00', 'Total': '50.00', 'Payment Method': 'Gift Card + Shopify Payments'}),
        order('#3', line(), line('Tip', 1, '3.00', ''), **{'Subtotal': '23.00', 'Total': '23.00', 'Tip': '3.00'}),
        header=[*HEADER, 'Tip'])
    assert run.lines() == [('#1', 'TEE-R-M', 1, 2000), ('#1', 'Tip', 1, 300), ('#2', 'Gift Card - 50.00', 1, 5000),
                           ('#3', 'TEE-R-M', 1, 2000), ('#3', 'Tip', 1, 300)]
    assert run.payments('method, amount_cents') == [
        ('#1', 'Shopify Payments', 2300), ('#2', 'Gift Card + Shopify Payments', 5000),
        ('#3', 'Shopify Payments', 2300)]
    assert run.orders('tax_cents, tax_included')[0] == ('#1', 300, True)


def test_customers_by_email_or_telephone(imports):
    later = '2025-03-05 10:00:00 +0100'
    run = shopify(
        imports,
        order('#1', Email=' Ada@Example.com'),
        order('#2', **{'Billing City': 'Halle', 'Created at': later, 'Paid at': later}),
        order('#3', Email='', Phone="'+4915112345"),
        order('#4', Email=''),
        order('#5', Email='not one', Phone='0151 / 2'))
    assert run.rows('select source_key, email, phone, city from customers join customers_key using (customer_id)') == [
        ('ada@example.com', 'ada@example.com', None, 'Halle'), ('+4915112345', None, '+4915112345', 'Dessau'),
        ('not one', None, '0151 / 2', 'Dessau')]
    assert run.reasons == [('#4', 'customer_id')]


STATUSES = [ # financial, fulfilment, cancelled, refunded: order and payment
    ('pending', 'unfulfilled', '', '0.00', 'pending', 'pending'), ('authorized', '', '', '0.00', 'pending', 'pending'),
    ('pending', 'fulfilled', '', '0.00', 'shipped', 'pending'), ('paid', 'unfulfilled', '', '0.00', 'paid', 'captured'),
    ('paid', 'partial', '', '0.00', 'paid', 'captured'), ('paid', 'fulfilled', '', '0.00', 'shipped', 'captured'),
    ('partially_refunded', 'fulfilled', '', '8.00', 'shipped', 'partially_refunded'),
    ('partially_refunded', 'unfulfilled', '', '8.00', 'paid', 'partially_refunded'),
    ('refunded', 'fulfilled', '', '20.00', 'returned', 'refunded'),
    ('refunded', 'partial', '', '20.00', 'returned', 'refunded'),
    ('refunded', 'unfulfilled', '', '20.00', 'cancelled', 'refunded'),
    ('refunded', 'restocked', '', '20.00', 'cancelled', 'refunded'),
    ('voided', 'unfulfilled', '', '0.00', 'cancelled', 'failed'),
    ('refunded', 'fulfilled', 'x', '20.00', 'cancelled', 'refunded'),
    ('voided', 'unfulfilled', 'x', '0.00', 'cancelled', 'failed'), ('expired', '', 'x', '0.00', 'cancelled', 'failed')]
PART, KEPT = 'only a part of it is paid', 'it is cancelled, but not all of its money went back'
NO_PAIR = 'its Financial Status and Fulfillment Status do not go together'
ASIDE = [('partially_paid', '', '', PART), ('paid', '', 'x', KEPT), ('partially_refunded', '', 'x', KEPT),
         ('voided', 'fulfilled', '', NO_PAIR), ('draft', '', '', NO_PAIR), ('', '', '', NO_PAIR)]


def stated(n, financial, fulfilment, cancelled, refunded='0.00'):
    paid = financial in ('paid', 'partially_refunded', 'refunded')
    return order(f'#{n}', **{
        'Financial Status': financial, 'Fulfillment Status': fulfilment, 'Refunded Amount': refunded,
        'Paid at': '2025-03-03 10:00:05 +0100' if paid else '',
        'Cancelled at': cancelled and '2025-03-04 09:00:00 +0100'})


def test_statuses(imports):
    run = shopify(imports, *(stated(n, *case[:4]) for n, case in enumerate(STATUSES, 101)))
    assert run.aside == []
    assert run.market['waived'] == ['status_pairs']
    got = run.rows('''select o.status, p.status, refunded_cents, paid_at is not null
from payments as p join orders as o using (order_id) order by order_id''')
    assert got == [(s, p, round(float(back) * 100), p not in ('pending', 'failed')) for *_, back, s, p in STATUSES]


def test_statuses_without_a_pair(imports):
    run = shopify(imports, order('#1'), *(stated(n, *case[:3]) for n, case in enumerate(ASIDE, 101)))
    assert [reason.partition(': ')[0] for _, reason in run.aside] == [case[3] for case in ASIDE]
    told = [reason for _, reason in run.aside]
    assert 'Financial Status "partially_refunded"; refund it in Shopify and export again' in told[2]
    assert 'Financial Status "draft", Fulfillment Status ""; say what yours mean in a map of columns' in told[4]
    assert run.facts['amount_cents'] == dict(source=14000, loaded=2000, quarantined=12000, skipped=0)


def test_usual_pairs_waive_nothing(imports):
    run = shopify(imports, order('#1'), stated(2, 'refunded', 'fulfilled', '', '20.00'))
    assert not run.market.get('waived')
    assert run.aside == []


def test_times_are_the_wall_times_of_the_file(imports):
    winter, summer = '2025-03-20 10:00:00 +0100', '2025-04-02 11:00:00 +0200'
    run = shopify(imports, order('#1', **{'Created at': winter, 'Paid at': winter}),
                  order('#2', **{'Created at': summer, 'Paid at': summer}))
    assert run.orders('ordered_at') == [('#1', datetime(2025, 3, 20, 10)), ('#2', datetime(2025, 4, 2, 11))]


FREE = line('Sticker', 1, '0.00', 'STICK')
BLANK = dict.fromkeys(('Lineitem name', 'Lineitem quantity', 'Lineitem price', 'Lineitem sku', 'Lineitem discount'), '')


def test_free_items_and_rows_without_one(imports):
    run = shopify(imports, order('#1', FREE, line()), order('#2', line(), FREE), order('#3', line(), BLANK),
                  order('#4', FREE, **{'Subtotal': '0.00', 'Total': '0.00'}), order('#5', BLANK))
    assert run.lines() == [(f'#{n}', 'TEE-R-M', 1, 2000) for n in (1, 2, 3)]
    assert run.counts == dict(read=8, loaded=3, quarantined=1, skipped=4)
    assert run.aside == [(8, 'nothing in it has a price')]
    assert run.facts['amount_cents']['loaded'] == 6000


def test_what_does_not_add_up_is_set_aside_whole(imports):
    run = shopify(
        imports, order('#1'),
        order('#2', line(), line('Mug', 1, '7.50', ''), **{'Subtotal': '20.00'}), # a line too many
        order('#3', **{'Subtotal': '27.50', 'Total': '27.50'}), # a line too few
        order('#4', **{'Total': '21.00'}),
        order('#5', **{'Subtotal': '15.00', 'Total': '15.00', 'Discount Amount': '10.00'}),
        order('#6', line(price='twenty'), line()),
        [{'Name': '#7', **line()}], [{'Name': '', **line()}])
    lines, total = ('its lines less discounts do not come to its Subtotal',
                    'its Total is not Subtotal and Shipping, with or without Taxes')
    assert run.orders('discount_cents') == [('#1', 0)]
    reasons = [reason for _, reason in run.aside]
    assert [reason.partition(': ')[0] for reason in reasons[:5]] == [lines, lines, lines, total, lines]
    assert reasons[0].endswith(': lines 27.50, Lineitem discount 0.00, Discount Amount 0.00, Subtotal 20.00')
    assert reasons[3].endswith(': Subtotal 20.00, Shipping 0.00, Taxes 0.00, Total 21.00')
    assert "'twenty' is not a number" in reasons[5]
    assert reasons[7:] == ['no row of it has its Total', 'it names no order']
    assert run.facts['amount_cents'] == dict(source=2000 + 2000 + 2750 + 2100 + 1500 + 2000, loaded=2000,
                                             quarantined=10350, skipped=0)


def test_an_order_that_is_there_twice(imports):
    two = order('#2', line(), line('Mug', 1, '7.50', ''), **{'Subtotal': '27.50', 'Total': '27.50'})
    run = imports({'a.csv': text(*order('#1'), *two), 'b.csv': text(*two, *order('#3'))})
    assert run.lines() == [('#1', 'TEE-R-M', 1, 2000), ('#2', 'TEE-R-M', 1, 2000), ('#2', 'Mug', 1, 750),
                           ('#3', 'TEE-R-M', 1, 2000)]
    assert run.counts == dict(read=6, loaded=4, quarantined=0, skipped=2)
    assert run.facts['amount_cents'] == dict(source=6750, loaded=6750, quarantined=0, skipped=0)
    other = order('#2', line(), line('Mug', 1, '7.50', ''), **{'Subtotal': '27.50', 'Total': '27.50',
                                                               'Fulfillment Status': 'fulfilled'})
    run = imports({'a.csv': text(*order('#1'), *two), 'b.csv': text(*other)}, out='second')
    assert run.orders('status') == [('#1', 'paid')]
    assert {reason for _, reason in run.aside} == {'it is there twice, with different content'}
    assert len(run.aside) == 4


def test_the_next_export_brings_what_moved_on(imports):
    shopify(imports, order('#1'), order('#2'))
    run = shopify(imports, order('#2', **{'Fulfillment Status': 'fulfilled'}), order('#3'))
    assert run.orders('status') == [('#1', 'paid'), ('#2', 'shipped'), ('#3', 'paid')]
    assert run.facts['rows']['orders'] == dict(new=1, updated=1)


def test_two_currencies_are_refused(imports):
    orders = order('#1'), order('#2', Currency='USD')
    with pytest.raises(Exception, match='2 currencies: EUR, USD'): shopify(imports, *orders)


def money(cents): return f'{cents // 100}.{cents % 100:02}'


@st.composite
def made_up(draw):
    "An order as our tables have it, with tax in its prices or not"
    a_line = st.tuples(st.sampled_from('ABCD'), st.integers(1, 9), st.integers(1, 99_999))
    lines = draw(st.lists(a_line, min_size=1, max_size=5))
    lines = [(p, n, c, draw(st.integers(0, n * c - 1))) for p, n, c in lines]
    goods = sum(n * c - off for _, n, c, off in lines)
    status = draw(st.sampled_from([
        ('paid', 'unfulfilled', 'paid', 'captured'), ('pending', '', 'pending', 'pending'),
        ('paid', 'fulfilled', 'shipped', 'captured'), ('refunded', 'fulfilled', 'returned', 'refunded')]))
    off = draw(st.integers(0, goods - 1))
    return lines, off, draw(st.integers(0, 2000)), draw(st.integers(0, goods - off)), status


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(made_up(), min_size=1, max_size=12), st.booleans(), st.booleans())
def test_made_up_orders_come_back(tmp_path_factory, orders, included, twice):
    rows, want, sum_cents = [], [], 0
    for n, (lines, off, shipping, tax, (financial, fulfilment, *pair)) in enumerate(orders):
        net = sum(n * c - o for _, n, c, o in lines) - off
        total = net + shipping + (0 if included else tax)
        line_off = sum(o for *_, o in lines) if twice else 0
        time = datetime(2025, 1, 1, 9) + timedelta(minutes=n)
        rows += order(f'#{n}', *(line(f'Product {p}', q, money(c), p, money(o)) for p, q, c, o in lines), **{
            'Email': f'c{n % 4}@example.com', 'Subtotal': money(net), 'Shipping': money(shipping), 'Taxes': money(tax),
            'Total': money(total), 'Discount Amount': money(off + line_off), 'Financial Status': financial,
            'Fulfillment Status': fulfilment, 'Created at': f'{time} +0100',
            'Paid at': '' if financial == 'pending' else f'{time} +0100',
            'Refunded Amount': money(total if financial == 'refunded' else 0)})
        want.append((f'#{n}', f'c{n % 4}@example.com', time, pair[0], shipping, tax, off, pair[1], total, lines))
        sum_cents += total
    run = run_import(tmp_path_factory.mktemp('made'), {'orders_export.csv': text(*rows)})
    assert run.aside == []
    got = run.rows('''select ok.source_key, ck.source_key, ordered_at, o.status,
    shipping_cents, tax_cents, discount_cents, p.status, amount_cents, order_id, tax_included
from orders as o join payments as p using (order_id) join orders_key as ok using (order_id)
join customers_key as ck using (customer_id) order by order_id''')
    def lines_of(key):
        return run.rows(f"""select k.source_key, quantity, unit_price_cents, discount_cents
from order_items join products_key as k using (product_id) where order_id = {key} order by line_number""")
    lines = {key: [tuple(row) for row in lines_of(key)] for *_, key, _ in got}
    assert [(*row[:9], lines[row[9]]) for row in got] == want
    taxed = [row for row in got if row[5]]
    assert all(row[10] == included for row in (got if taxed else []))
    assert run.facts['amount_cents'] == dict(source=sum_cents, loaded=sum_cents, quarantined=0, skipped=0)


def test_orders_without_tax_stay_as_the_first_file_had_them(imports):
    "A later export of them alone does not tell how prices are meant."
    free = [order(f'#{n}', Email=f'{n}@example.com') for n in (4, 5)]
    shopify(imports, order('#1', Taxes='3.19'), *free)
    run = shopify(imports, *free)
    assert run.facts['rows']['orders'] == dict(same=2)
    assert {included for _, included in run.orders('tax_included')} == {True}
