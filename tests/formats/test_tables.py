"Five tables with keys of somebody else."
import hashlib, uuid
from contextlib import closing

import pandas as pd, pytest

from support.imported import run_import
from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, questions
from shop_nb.model.schema import TABLES
from shop_nb.shop.shop import Shop

FOREIGN = dict(
    hex=lambda n: hashlib.sha256(b'%d' % n).hexdigest()[:20], uuid=lambda n: str(uuid.UUID(int=n * 7919**7 % 2**128)),
    text=lambda n: f'Nº {n % 97}/{n}', gaps=lambda n: str(n * 37 + 1_000_000_007 * (n % 5)))


def exported(shop, key, units=False):
    "The tables of a shop as CSV files with foreign keys"
    keys = {t.key for t in TABLES.values()}
    for name, table in TABLES.items():
        frame = getattr(shop, name).copy()
        for column in keys & set(frame): frame[column] = frame[column].map(key)
        money = [c.name for c in table.columns if c.type == 'cents'] if units else []
        for column in money: frame[column] = frame[column].map(lambda c: f'{c // 100}.{c % 100:02}')
        frame = frame.rename(columns={c: c.removesuffix('_cents') for c in money})
        yield f'{name}.csv', frame.to_csv(index=False)


@pytest.fixture(scope='module')
def shop(): return Shop(orders=1500, seed=11)


@pytest.mark.parametrize('kind, units', [('hex', False), ('uuid', True), ('text', False), ('gaps', True)])
def test_a_made_shop_gives_the_same_answers(tmp_path, shop, kind, units):
    run = run_import(tmp_path, dict(exported(shop, FOREIGN[kind], units)))
    assert run.facts['format'] == 'tables'
    assert run.aside == []
    assert not {'absent', 'waived'} & set(run.market)
    with closing(connect(run.folder)) as con:
        for name in questions():
            pd.testing.assert_frame_equal(ask(name, con).frame, shop.ask(name).frame, check_dtype=False)
    for name, table in TABLES.items(): # and every cell is as it was
        want = getattr(shop, name).drop(columns=['order_item_id', 'payment_id'], errors='ignore')
        got = run.con.execute(f'from {name}').df()
        if 'order_id' in want:
            want['order_id'] = want['order_id'].map(FOREIGN[kind])
            got['order_id'] = got['order_id'].map(dict(run.rows('select order_id, source_key from orders_key')))
        by = ['order_id', 'line_number'] if name == 'order_items' else list(want)[:1]
        got, want = (f.sort_values(by, ignore_index=True) for f in (got[list(want)], want))
        pd.testing.assert_frame_equal(got.astype(want.dtypes), want)


OWN = dict(
    customers='customer_id,email,country\nc-1,ada@example.com,United Kingdom\nc-2,,FR\n',
    products='product_id,name,category,price\n0980,Sandwalk,Novels,12.5\n0981,Tide Tables,,8\n',
    orders='order_id,customer_id,ordered_at,status,shipping\n07,c-1,2025-02-01 09:30,delivered,2.9\n'
           '22,c-1,2025-02-03 18:05,paid,0\n',
    order_items='order_id,product_id,quantity,unit_price\n07,0980,1,12.5\n07,0981,2,7.5\n22,0980,3,12.5\n',
    payments='order_id,method,status,amount,paid_at\n07,bank,captured,30.40,2025-02-01 09:31\n'
             '22,,captured,37.50,2025-02-03 18:06\n')


def own(**changes): return {f'{name}.csv': text for name, text in (OWN | changes).items() if text}


def test_tables_of_ones_own(imports):
    run = imports(own())
    assert run.facts['amount_cents'] == dict(source=6790, loaded=6790, quarantined=0, skipped=0)
    assert run.rows('select source_key, email, country from customers join customers_key using (customer_id)') == [
        ('c-1', 'ada@example.com', 'GB'), ('c-2', None, 'FR')] # who never ordered stays
    assert run.rows('select source_key, name, category, price_cents from products join products_key using (product_id)'
                    ) == [('0980', 'Sandwalk', 'Novels', 1250), ('0981', 'Tide Tables', None, 800)]
    assert run.orders('status, shipping_cents') == [('07', 'delivered', 290), ('22', 'paid', 0)]
    assert run.lines() == [('07', '0980', 1, 1250), ('07', '0981', 2, 750), ('22', '0980', 3, 1250)]
    assert run.payments('method, amount_cents') == [('07', 'bank', 3040), ('22', None, 3750)]
    assert 'orders.tax_cents' in run.market['absent']
    assert 'orders.status' not in run.market['absent']


def test_descriptions_and_payments_may_be_missing(imports):
    run = imports(own(customers='', products='', payments=''))
    assert run.rows('select source_key from customers_key') == [('c-1',)]
    assert run.rows('select source_key from products_key order by 1') == [('0980',), ('0981',)]
    assert {'payments', 'customers.email', 'products.name'} <= set(run.market['absent'])


def test_what_is_broken_is_set_aside_with_its_order(imports):
    items = OWN['order_items'].replace('22,0980', '22,nowhere')
    run = imports(own(order_items=items, payments=OWN['payments'].replace('bank,captured', 'bank,failed')))
    assert run.reasons == [('07', 'payments.paid_when_captured'), ('22', 'product_id_exists')]
    assert run.counts == dict(read=11, loaded=4, quarantined=7, skipped=0)
    assert run.facts['amount_cents']['quarantined'] == 6790


def test_two_rows_of_a_key(imports):
    again = OWN['orders'] + OWN['orders'].splitlines()[2] + '\n'
    assert imports(own(orders=again)).reasons == []
    other = OWN['orders'] + '07,c-2,2025-02-01 09:30,delivered,2.9\n'
    assert imports(own(orders=other), out='other').reasons == [('07', 'key')]


def test_a_named_file_comes_before_one_that_only_fits(imports):
    run = imports(own() | {'visits.csv': 'visit_id,customer_id,country\n1,c-9,DE\n'})
    assert ('c-9',) not in run.rows('select source_key from customers_key')


def test_an_addition_may_lack_tables(imports):
    run = imports(own())
    more = imports({'orders.csv': 'order_id,customer_id,ordered_at,status,shipping\n31,c-2,2025-03-01 10:00,paid,0\n',
                    'order_items.csv': 'order_id,product_id,quantity,unit_price\n31,0981,1,8\n',
                    'payments.csv': 'order_id,method,status,amount,paid_at\n31,bank,captured,8.00,2025-03-01 10:01\n'})
    assert more.orders('status') == [('07', 'delivered'), ('22', 'paid'), ('31', 'paid')]
    assert more.rows('select name, price_cents from products order by 1') == [('Sandwalk', 1250), ('Tide Tables', 800)]
    assert more.market['absent'] == run.market['absent']


def test_a_mended_order_without_the_other_tables(imports):
    imports(own())
    late = imports({'orders.csv': 'order_id,customer_id,ordered_at,status,shipping\n31,c-2,2025-03-01 10:00,paid,0\n',
                    'order_items.csv': 'order_id,product_id,quantity,unit_price\n31,0981,1,8\n'})
    assert late.reasons == [('31', 'order_has_payment')] # the shop has payments


# --------------------------------------------------------------------------- limits that are ours alone

def test_prices_of_any_currency_and_lines_that_are_free(imports):
    "Prices above ours, a line that is free by its discount, a parcel without a time, shared addresses: all is loaded."
    run = imports(dict(
        {'customers.csv': 'customer_id,email,phone\nc-1,us@example.com,0171 123\nc-2,us@example.com,(02) 33\n',
         'products.csv': 'product_id,sku,price\np,A,9500000\nq,A,1\n',
         'orders.csv': 'order_id,customer_id,ordered_at,status,delivered_at\n1,c-1,2025-02-01,delivered,2025-02-01\n'
                       '2,c-2,2025-02-02,paid,\n',
         'order_items.csv': 'order_id,product_id,quantity,unit_price,discount\n'
                            '1,p,3,9500000,0\n1,q,2,1,2\n2,q,1,1,1\n'}))
    assert run.aside == []
    assert run.lines('unit_price_cents, discount_cents') == [
        ('1', 'p', 950_000_000, 0), ('1', 'q', 100, 200), ('2', 'q', 100, 100)]
    assert run.rows('select email, phone from customers order by customer_id') == [
        ('us@example.com', '0171 123'), ('us@example.com', '(02) 33')]
    assert run.facts['amount_cents']['loaded'] == 2_850_000_000


def test_amounts_that_64_bits_do_not_hold_are_set_aside(imports):
    run = imports({
        'orders.csv': 'order_id,customer_id,ordered_at,status,delivered_at\n1,a,2025-02-01,delivered,2025-02-03\n'
                      '2,a,2025-02-01,delivered,2025-02-03\n3,a,2025-02-01,delivered,2025-02-03\n',
        'order_items.csv': 'order_id,product_id,quantity,unit_price,returned_quantity\n1,p,2,90000000,1\n'
                           '2,p,1,90000000,0\n3,p,1,90000000001,0\n'})
    assert run.reasons == [('1', 'amounts_within_limit'), ('3', 'values')]
    assert [order for order, *_ in run.orders('status')] == ['2']


# ---------------------------------------------------------------------------------- several payments

def paid(imports, rows, header='method,status,amount,refunded,paid_at'):
    "The payment that an order of 50.00 has, from these rows; None if it is set aside."
    rows = ''.join(f'1,{row}\n' for row in rows)
    run = imports({'orders.csv': 'order_id,customer_id,ordered_at\n1,a,2025-02-01 09:00\n',
                   'order_items.csv': 'order_id,product_id,quantity,unit_price\n1,p,5,10\n',
                   'payments.csv': f'order_id,{header}\n{rows}'})
    found = run.payments('method, status, amount_cents, refunded_cents, paid_at::varchar')
    assert bool(found) != bool(run.aside)
    return found[0][1:] if found else run.aside[0][1]


NOON = '2025-02-01 12:00:00'
ONE = { # rows of payments: what they come to
    ('card,captured,30,0,2025-02-01 10:00', f'voucher,captured,20,0,{NOON}'): ('card', 'captured', 5000, 0, NOON),
    ('card,failed,50,0,', f'bank,captured,50,0,{NOON}'): ('bank', 'captured', 5000, 0, NOON),
    ('card,failed,50,0,', 'bank,failed,50,0,'): ('bank', 'failed', 5000, 0, None),
    (f'card,captured,30,0,{NOON}', f'voucher,refunded,20,20,{NOON}'): ('card', 'partially_refunded', 5000, 2000, NOON),
    (f'card,refunded,30,30,{NOON}', f'voucher,refunded,20,20,{NOON}'): ('card', 'refunded', 5000, 5000, NOON),
    (f'card,captured,50,0,{NOON}',) * 2: ('card', 'captured', 5000, 0, NOON),
    (f'card,captured,30,0,{NOON}', 'bank,pending,20,0,'): 'a part of it is paid, and a part is not',
    (f'card,captured,30,0,{NOON}', f'bank,lost,20,0,{NOON}'): 'status is lost',
}


@pytest.mark.parametrize('rows', ONE)
def test_several_payments_are_one(imports, rows):
    found = paid(imports, rows)
    if isinstance(ONE[rows], str): assert ONE[rows] in found
    else: assert found == ONE[rows]


def test_a_key_tells_equal_payments_apart(imports):
    header, row = 'payment_id,method,status,amount,refunded,paid_at', f'card,captured,25,0,{NOON}'
    assert paid(imports, [f'x,{row}', f'y,{row}', f'y,{row}'], header) == ('card', 'captured', 5000, 0, NOON)


def test_a_payment_with_two_contents_sets_its_order_aside(imports):
    header, row = 'payment_id,method,status,amount,refunded,paid_at', f'card,captured,25,0,{NOON}'
    assert 'there twice' in paid(imports, [f'x,{row}', f"x,{row.replace('25', '26')}"], header)
