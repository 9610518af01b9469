"One file with a row per order line."
import csv, io, tempfile
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from shop_nb.core.errors import ShopError
from shop_nb.formats.format import OwnColumns, columns_of, recognise
from shop_nb.formats.lines import FIELDS, LINES
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import read_rows
from support import FULL
from support.imported import run_import

CAFE = '''Receipt;Date;Client;Article;Qty;Unit price;Shipping;Country
71;2025-03-01 09:12;K-004;Beans 1 kg;2;18,90;4,50;UK
71;;;Filter;1;3,20;;
71;;;Sticker;1;0;;
72;2025-03-01 11:40;K-011;Beans 1 kg;1;18,90;;Germany
'''


def test_order_fields_on_the_first_line_alone(imports):
    run = imports({'till.csv': CAFE})
    assert run.facts['format'] == 'lines'
    assert run.aside == []
    assert run.orders('ordered_at, shipping_cents') == [
        ('71', datetime(2025, 3, 1, 9, 12), 450), ('72', datetime(2025, 3, 1, 11, 40), 0)]
    assert run.lines() == [('71', 'Beans 1 kg', 2, 1890), ('71', 'Filter', 1, 320), ('72', 'Beans 1 kg', 1, 1890)]
    assert run.rows('select source_key, country from customers join customers_key using (customer_id)') == [
        ('K-004', 'GB'), ('K-011', 'DE')]
    assert run.counts == dict(read=4, loaded=3, quarantined=0, skipped=1)
    assert run.facts['amount_cents'] == dict(source=6440, loaded=6440, quarantined=0, skipped=0)
    assert {'payments', 'orders.status', 'orders.tax_cents', 'products.price_cents'} <= set(run.market['absent'])


def test_what_is_repeated_counts_once_and_the_first_value_counts(imports):
    head = 'order_id,order_date,customer_id,product_id,quantity,price,shipping,status,tax,tax_included\n'
    run = imports({'lines.csv': head + '''1,2025-03-01 10:00,a,x,1,10,4.90,Delivered,1.10,no
1,2025-03-01 10:05,b,y,2,5,4.90,Delivered,1.10,no
2,2025-03-02 10:00,b,x,1,10,0,canceled,1.00,no
'''})
    assert run.orders('status, shipping_cents, tax_cents, tax_included') == [
        ('1', 'delivered', 490, 110, False), ('2', 'cancelled', 0, 100, False)]
    assert run.rows('select source_key from customers_key order by 1') == [('a',), ('b',)]
    assert run.facts['amount_cents']['loaded'] == 2000 + 490 + 110 + 1000 + 100


def test_a_customer_of_a_later_line_alone_is_no_customer(imports):
    run = imports({'lines.csv': 'order,time,customer,product,quantity,price\n'
                                '1,2025-03-01 10:00,a,x,1,10\n1,2025-03-01 10:00,999,y,1,10\n'})
    assert run.rows('select source_key from customers_key') == [('a',)]


@pytest.mark.parametrize('bad, rule', [
    ('5,2025-03-01 10:00,a,x,-1,10,', 'lines'), ('5,2025-03-01 10:00,a,x,0,10,', 'lines'),
    ('5,2025-03-01 10:00,a,x,1,-10,', 'lines'), ('5,2025-03-01 10:00,a,x,,10,', 'lines'),
    ('5,2025-03-01 10:00,a,x,1,,', 'lines'), ('5,2025-03-01 10:00,a,x,1.5,10,', 'values'),
    ('5,2025-03-01 10:00,a,x,1,1.0005,', 'values'), ('5,2025-03-01 10:00,,x,1,10,', 'customer_id'),
    ('5,,a,x,1,10,', 'ordered_at'), ('5,2025-03-01 10:00,a,,1,10,', 'product_id')])
def test_what_is_set_aside(imports, bad, rule):
    good = '6,2025-03-01 10:00,a,y,1,10,2.50'
    before = '' if rule in ('customer_id', 'ordered_at') else '5,2025-03-01 10:00,a,y,1,10,\n'
    run = imports({'lines.csv': f'order,time,customer,product,quantity,price,shipping\n{before}{bad}\n{good}\n'})
    assert run.lines('quantity') == [('6', 'y', 1)]
    assert run.reasons == [('5', rule)]


def test_shipping_on_a_free_line(imports):
    head = 'order,time,customer,product,quantity,price,shipping\n'
    run = imports({'lines.csv': f'{head}5,2025-03-01 10:00,a,gift,1,0,4.90\n5,,,y,1,10,\n'})
    assert run.orders('shipping_cents') == [('5', 490)]
    assert run.lines('quantity') == [('5', 'y', 1)]
    assert run.counts == dict(read=2, loaded=1, quarantined=0, skipped=1)


def test_a_free_line_with_shipping_alone(imports):
    run = imports({'lines.csv': 'order,time,customer,product,quantity,price,shipping\n'
                                '5,2025-03-01 10:00,a,y,1,0,3\n5,2025-03-01 10:00,a,z,1,0,3\n6,2025-03-01,a,y,1,1,\n'})
    assert run.reasons == [('5', 'lines')]
    assert run.facts['amount_cents'] == dict(source=400, loaded=100, quarantined=300, skipped=0)


def test_a_line_without_its_order_is_set_aside_alone(imports):
    run = imports({'lines.csv': 'order,time,customer,product,quantity,price\n'
                                '1,2025-03-01 10:00,a,x,1,10\n,2025-03-01 10:00,a,x,1,10\n'})
    assert run.aside == [(3, 'it names no order')]
    assert run.counts['loaded'] == 1


def test_payments_are_told_or_absent(imports):
    head = 'order,time,customer,product,quantity,price,payment method,payment_status,order_total,refunded\n'
    run = imports({'lines.csv': f'{head}1,2025-03-01 10:00,a,x,2,10,card,Captured,20,\n1,,,y,1,5,,,,\n'})
    assert run.payments('method, status, amount_cents, refunded_cents') == [('1', 'card', 'captured', 2000, 0)]
    head = 'order,time,customer,product,quantity,price,payment method\n'
    run = imports({'lines.csv': f'{head}1,2025-03-01 10:00,a,x,2,10,card\n'}, out='other')
    assert 'payments' in run.market['absent']
    assert run.rows('select count(*) from payments') == [(0,)]


def test_headers_of_ones_own(imports):
    own = OwnColumns('lines', headers=dict(lines=dict(
        order='Bon', time='Wann', customer='Wer', product='Ware', quantity='Menge', price='Preis', status='Stand')),
        values=dict(status={'bezahlt': 'paid'}))
    text = 'Bon,Wann,Wer,Ware,Menge,Preis,Stand\n1,2025-03-01 10:00,a,x,2,10,bezahlt\n'
    assert imports({'a.csv': text}, own=own).orders('status') == [('1', 'paid')]
    with pytest.raises(ShopError, match='No known format'): imports({'a.csv': text}, out='other')


@pytest.mark.parametrize('header', [
    'Customer ID,Order ID,Order Date,Product ID,Quantity,Unit Price',
    'client_id;invoice_no;date;sku;qty;price'.replace(';', ','),
    'email,transaction_id,timestamp,item,units,item_price', 'customer,order,time,product,quantity,price'])
def test_common_headers(header):
    columns = header.split(',')
    assert recognise({'a': columns}).name == 'lines'
    assert len(columns_of(LINES['lines'], columns)) >= 6


def test_no_header_stands_for_two_needed_roles():
    needed = [h for f in FIELDS if f.needed for h in (f.header, *f.others)]
    assert len(needed) == len(set(needed))


lines_of_order = st.lists(st.tuples(
    st.integers(0, 5), st.integers(1, 40), st.integers(0, 9_999), st.integers(0, 50)), min_size=1, max_size=5)
orders = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6), st.integers(0, 900), st.integers(0, 300),
                            st.booleans(), lines_of_order), min_size=1, max_size=8)


@settings(max_examples=60 if FULL else 8, deadline=None, suppress_health_check=list(HealthCheck))
@given(orders)
def test_orders_come_back_equal(made):
    text, want, free = io.StringIO(), [], 0
    rows = csv.writer(text)
    rows.writerow('order,time,customer,product,quantity,price,discount,shipping,order discount'.split(','))
    amount = 0
    for n, (customer, minute, shipping, discount, repeat, lines) in enumerate(made):
        lines = [(p, q, c, min(d, q * c - 1) if c else 0) for p, q, c, d in lines]
        goods = sum(q * c - d for _, q, c, d in lines)
        discount = min(discount, goods)
        time = datetime(2024, 1, 1) + timedelta(minutes=minute)
        own = [f'{time:%Y-%m-%d %H:%M}', f'c{customer}', f'{shipping / 100:.2f}', f'{discount / 100:.2f}']
        for i, (product, quantity, cents, less) in enumerate(lines):
            t, c, s, d = own if repeat or not i else [''] * 4
            rows.writerow([f'o{n}', t, c, f'p{product}', quantity, f'{cents / 100:.2f}', f'{less / 100:.2f}', s, d])
        paid = [line for line in lines if line[2]]
        if paid: want.append((f'o{n}', time, f'c{customer}', shipping, discount, paid))
        free += not paid and not shipping
        amount += goods + shipping - discount
    with tempfile.TemporaryDirectory() as folder: check(folder, text.getvalue(), want, amount)


def check(folder, text, want, amount):
    run = run_import(folder, {'lines.csv': text}, 'lines')
    got = run.rows('''select k.source_key, ordered_at, c.source_key, shipping_cents, discount_cents,
    (select list((p.source_key, quantity, unit_price_cents, i.discount_cents) order by line_number)
    from order_items as i join products_key as p using (product_id) where i.order_id = o.order_id)
from orders as o join orders_key as k using (order_id) join customers_key as c using (customer_id)''')
    as_lines = lambda lines: [(f'p{p}', q, c, d) for p, q, c, d in lines]
    assert sorted(got) == sorted((*o[:5], as_lines(o[5])) for o in want)
    amounts, counts = run.facts['amount_cents'], run.counts
    assert amounts['source'] == amount == sum(amounts[f] for f in ('loaded', 'quarantined', 'skipped'))
    assert counts['read'] == counts['loaded'] + counts['quarantined'] + counts['skipped']


@pytest.mark.parametrize('name', ['shipping', 'order_discount', 'tax'])
def test_lines_that_differ_in_an_amount_of_the_order_are_set_aside(tmp_path, name):
    "It may be one for each line, or a mistake: neither is counted once without a word."
    path = tmp_path / 'orders.csv'
    path.write_text(f'order,customer,time,product,quantity,price,{name}\n1,a,2025-01-01,p,1,5,2.00\n'
                    '1,a,2025-01-01,q,1,5,3.00\n2,a,2025-01-01,p,1,5,2.00\n2,a,2025-01-01,q,1,5,\n')
    manifest = import_shop(Source([path], currency='EUR'), tmp_path / 'run')
    assert manifest['tables']['orders']['rows'] == 1
    assert {r['key'] for r in read_rows(tmp_path / 'run').to_pylist()} == {'1'}
    assert 'differ in' in read_rows(tmp_path / 'run')['reason'][0].as_py()


def test_orders_whose_lines_are_of_several_customers_or_days_are_counted_and_named(tmp_path):
    "A till that starts over with number 1 each day makes one order of several."
    path = tmp_path / 'orders.csv'
    path.write_text('order,customer,time,product,quantity,price\n'
                    '1,a,2025-01-01 09:00,p,1,5\n2,b,2025-01-01 10:00,p,1,5\n'
                    '1,a,2025-01-02 09:00,q,1,5\n2,c,2025-01-02 10:00,q,1,5\n3,d,2025-01-02 11:00,p,1,5\n3,,,q,1,5\n')
    manifest = import_shop(Source([path], currency='EUR'), tmp_path / 'run')
    doubts = [note for note in manifest['import']['notes'] if ': the lines ' in note]
    assert doubts == [
        'Order 2: the lines name different customers, and the first one counts.',
        '2 orders, such as 1: the lines are of different days, and the first one counts. '
        'Where numbers start over each day, put the day before them.']
    assert manifest['tables']['orders']['rows'] == 3
