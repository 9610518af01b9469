"Olist's nine files."
import csv, io, re, tempfile
from datetime import datetime as dt, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import export, read_rows
from shop_nb.model.market import from_dict, market_rules
from shop_nb.runs.run_folder import read_manifest
from support import FULL, ROOT
from support.imported import Imported, run_import

SAMPLE = ROOT/'docs'/'samples'/'olist'


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp('olist')/'run'
    return Imported(out, import_shop(Source([SAMPLE]), out))


def test_orders(run):
    assert run.facts['format'] == 'olist'
    assert run.market['currency'] == 'BRL'
    assert run.orders('ordered_at, status, shipping_cents, delivered_at') == [
        ('0a01', dt(2018, 1, 10, 9, 15), 'delivered', 1337, dt(2018, 1, 17, 18, 20, 31)),
        ('0a02', dt(2018, 3, 2, 20, 1, 44), 'delivered', 6025, dt(2018, 3, 12, 11, 45, 9)),
        ('0a03', dt(2018, 3, 5, 13, 22, 10), 'shipped', 872, None),
        ('0a04', dt(2018, 3, 8, 22, 47, 5), 'cancelled', 1500, None),
        ('0a05', dt(2018, 3, 11, 10, 5, 37), 'paid', 1823, None),
        ('0a06', dt(2018, 3, 12, 16, 30), 'pending', 910, None)]


def test_equal_units_are_one_line(run):
    assert run.lines()[:3] == [('0a01', 'p-lamp', 1, 5990), ('0a02', 'p-chair', 2, 12000), ('0a02', 'p-lamp', 1, 5750)]


def test_payments(run):
    assert run.payments('method, status, amount_cents, paid_at') == [
        ('0a01', 'credit_card', 'captured', 7327, dt(2018, 1, 10, 9, 30, 12)),
        ('0a02', 'credit_card', 'captured', 36102, dt(2018, 3, 3, 8, 10)), # with interest
        ('0a03', 'boleto', 'captured', 4371, dt(2018, 3, 5, 13, 40, 55)),
        ('0a04', 'debit_card', 'refunded', 7250, dt(2018, 3, 8, 23)),
        ('0a05', 'boleto', 'captured', 3813, dt(2018, 3, 11, 10, 20)), ('0a06', 'boleto', 'pending', 4409, None)]


def test_customers_are_people(run):
    rows = run.rows('''select source_key, city, region, country, latitude, longitude
from customers join customers_key using (customer_id) where source_key in ('ana', 'elisa') order by 1''')
    assert rows == [
        ('ana', 'sao paulo', 'SP', 'BR', -23.5614, -46.6544), ('elisa', 'belo horizonte', 'MG', 'BR', None, None)]
    assert run.rows('''select source_key, count(*) from orders join customers_key using (customer_id)
group by 1 having count(*) > 1''') == [('ana', 2)]


def test_categories_in_english(run):
    assert run.rows('select source_key, category from products join products_key using (product_id) order by 1') == [
        ('p-book', 'pc_gamer'), ('p-chair', 'office_furniture'), ('p-lamp', 'furniture_decor'), ('p-toy', None)]


def test_what_is_set_aside_absent_and_not_used(run):
    assert run.reasons == [('0a07', 'order_has_lines'), ('0a08', 'orders.delivered_when_arrived')]
    assert run.facts['amount_cents'] == dict(source=67050, loaded=62945, quarantined=4105, skipped=0)
    assert run.counts == dict(read=47, loaded=33, quarantined=5, skipped=9)
    assert {'orders.tax_cents', 'payments.refunded_cents', 'customers.postal_code', 'products.price_cents'} <= set(
        run.market['absent'])
    assert [n for n in run.facts['notes'] if n.endswith('is not used.')] == [
        'olist_order_reviews_dataset is not used.', 'olist_sellers_dataset is not used.']


def test_without_places_and_translation(tmp_path):
    needed = 'customers orders order_items order_payments products'.split()
    paths = [SAMPLE/f'olist_{name}_dataset.csv' for name in needed]
    run = Imported(tmp_path/'run', import_shop(Source(paths), tmp_path/'run'))
    assert 'customers.latitude' in run.market['absent']
    assert ('moveis_decoracao',) in run.rows('select category from products')


orders = st.lists(st.tuples(st.integers(0, 3), st.lists(st.tuples(
    st.integers(0, 3), st.integers(1, 50_000), st.integers(0, 5_000)), min_size=1, max_size=6),
    st.lists(st.integers(0, 90_000), min_size=1, max_size=4)), min_size=1, max_size=8)


def as_csv(header, rows):
    text = io.StringIO()
    csv.writer(text).writerows([header.split(), *rows])
    return text.getvalue()


@settings(max_examples=60 if FULL else 6, deadline=None, suppress_health_check=list(HealthCheck))
@given(orders)
def test_orders_come_back_equal(made):
    time = [dt(2018, 1, 1) + timedelta(hours=7 * n) for n in range(len(made))]
    money = '{:.2f}'.format
    files = {
        'customers.csv': as_csv('customer_id customer_unique_id customer_city', [
            (f'c{n}', f'u{c}', 'x') for n, (c, *_) in enumerate(made)]),
        'orders.csv': as_csv('order_id customer_id order_status order_purchase_timestamp order_approved_at '
                             'order_delivered_customer_date', [
            (f'o{n}', f'c{n}', 'shipped', t, t, '') for n, t in enumerate(time)]),
        'items.csv': as_csv('order_id product_id seller_id price freight_value', [
            (f'o{n}', f'p{p}', 's', money(price / 100), money(freight / 100))
            for n, (_, items, _) in enumerate(made) for p, price, freight in items]),
        'payments.csv': as_csv('order_id payment_sequential payment_type payment_value', [
            (f'o{n}', i, f'm{i}', money(value / 100))
            for n, (*_, paid) in enumerate(made) for i, value in enumerate(paid)]),
        'products.csv': as_csv('product_id product_category_name', [(f'p{p}', 'x') for p in range(4)])}
    with tempfile.TemporaryDirectory() as folder: check(run_import(folder, files), made)


def check(run, made):
    assert run.facts['format'] == 'olist'
    assert not run.aside
    got = {}
    for order, product, quantity, cents in run.lines(): got.setdefault(order, []).extend([(product, cents)] * quantity)
    assert {o: sorted(items) for o, items in got.items()} == {
        f'o{n}': sorted((f'p{p}', price) for p, price, _ in items) for n, (_, items, _) in enumerate(made)}
    assert dict(run.orders('shipping_cents')) == {
        f'o{n}': sum(f for *_, f in items) for n, (_, items, _) in enumerate(made)}
    assert {o: (m, a) for o, m, a in run.payments('method, amount_cents')} == {
        f'o{n}': (f'm{paid.index(max(paid))}', sum(paid)) for n, (*_, paid) in enumerate(made)}
    assert run.facts['amount_cents']['loaded'] == sum(p + f for _, items, _ in made for _, p, f in items)


# ------------------------------------------------------------------------------------ from one import to the next

def parts(status='delivered', delivered='2018-01-09 10:00', order='o1', category='moveis'):
    "One order of one person, in files."
    return {
        'customers.csv': as_csv('customer_id customer_unique_id customer_city', [(f'c-{order}', 'ana', 'x')]),
        'orders.csv': as_csv('order_id customer_id order_status order_purchase_timestamp order_approved_at '
                             'order_delivered_customer_date',
                             [(order, f'c-{order}', status, '2018-01-02 10:00', '2018-01-02 10:05', delivered)]),
        'items.csv': as_csv('order_id product_id seller_id price freight_value', [(order, 'p', 's', '5.00', '1.00')]),
        'payments.csv': as_csv('order_id payment_sequential payment_type payment_value',
                               [(order, 1, 'boleto', '6.00')]),
        'products.csv': as_csv('product_id product_category_name', [('p', category)]),
        'names.csv': as_csv('product_category_name product_category_name_english', [('moveis', 'furniture')])}


def test_a_mended_order_finds_its_customer(tmp_path):
    files = parts(delivered='')
    run_import(tmp_path, files)
    paths = export(read_rows(tmp_path/'run'), tmp_path/'mend')
    orders, = [path for path in paths if path.stem == 'orders']
    orders.write_text(orders.read_text().replace('2018-01-02 10:05:00,', '2018-01-02 10:05:00,2018-01-09 10:00:00')
                      .replace('10:05,\n', '10:05,2018-01-09 10:00\n'))
    import_shop(Source(paths, mended=True), tmp_path/'run')
    assert len(read_rows(tmp_path/'run')) == 0
    run = Imported(tmp_path/'run', read_manifest(tmp_path/'run'))
    assert run.rows('''select o.source_key, c.source_key, delivered_at from orders join orders_key as o using (order_id)
join customers_key as c using (customer_id)''') == [('o1', 'ana', dt(2018, 1, 9, 10))]


def test_new_orders_find_customers_of_earlier_files(tmp_path):
    "Their categories keep the names that an earlier file gave; somebody who was never there is not made up."
    run_import(tmp_path, parts() | {'customers.csv': as_csv(
        'customer_id customer_unique_id customer_city', [('c-o1', 'ana', 'x'), ('c-o2', 'ana', 'x')])})
    later = {name: text for name, text in parts(order='o2').items() if name not in ('customers.csv', 'names.csv')}
    (tmp_path/'later').mkdir()
    run = run_import(tmp_path/'later', later, out='../run')
    assert run.rows('select count(*), count(distinct customer_id) from orders') == [(2, 1)]
    assert run.rows('select category from products') == [('furniture',)]
    later = {name: text.replace('o2', 'o3') for name, text in later.items()}
    run = run_import(tmp_path/'later', later, out='../run')
    assert run.reasons == [('o3', 'customer_id')]


# ------------------------------------------------------------------------------------------ what is set aside

PLACED, PAID, ARRIVED = '2018-01-02 10:00', '2018-01-02 10:05', '2018-01-09 10:00'
STATUSES = 'created approved invoiced processing shipped delivered canceled unavailable'.split()
SOUND = {(s, a, d) for s in STATUSES for a in (PAID, '') for d in (ARRIVED, '')
         if (s == 'delivered') == bool(d) and (a or s in ('created', 'shipped', 'canceled', 'unavailable'))}
BAD = { # what is wrong with an order: the rule that says so
    'no items': 'order_has_lines', 'no payment': 'order_has_payment', 'early': 'orders.delivered_after_ordered',
    'paid early': 'paid_after_ordered', 'lost': 'orders.status', 'free': 'order_items.unit_price_cents',
    'freight': 'orders.shipping_cents', 'payment': 'payments.amount_cents', 'nobody': 'customer_id',
    'unread': 'customer_id_exists', 'no product': 'product_id', 'product': 'product_id_exists', 'twice': 'key',
    'north': 'customers.latitude', 'east': 'customers.longitude', 'only items': 'order_items.order_id_exists',
    'only payment': 'payments.order_id_exists', 'old': 'ordered_at', 'price': 'values', 'record': 'records'}
BUILT_IN = re.compile(r'.*(_id|_exists|line_number|codes_\w+|_from_1|unique_\w+|_within_limit|\.quantity'
                      r'|\.ordered_at|\.city|\.region|\.country'
                      r'|\.category|\.method|payments.status)|one_price_a_day|status_pairs|cancelled_not_captured')


def bad_files():
    "An order for each thing that may be wrong, and for each status with and without its times."
    rows = [(f'{s}{bool(a)}{bool(d)}', s, PLACED, a, d) for s in STATUSES for a in (PAID, '') for d in (ARRIVED, '')]
    rows += [(name, 'shipped', PLACED, PAID, '') for name in BAD if not name.startswith('only')]
    changed = {'early': ('delivered', PLACED, PAID, '2018-01-01 10:00'), 'lost': ('lost', PLACED, PAID, ''),
               'paid early': ('shipped', PLACED, '2018-01-01 10:00', ''), 'old': ('shipped', '1999-01-02', PAID, '')}
    rows = [(name, *changed.get(name, row)) for name, *row in rows] + [('twice', 'canceled', PLACED, PAID, '')]
    names = list(dict.fromkeys([row[0] for row in rows] + list(BAD)))
    price, product = {'free': '0.00', 'price': '5.005'}, {'product': 'q', 'no product': ''}
    items = [(n, product.get(n, 'p'), 's', price.get(n, '5.00'), '-1.00' if n == 'freight' else '1.00') for n in names
             if n not in ('no items', 'only payment')]
    paid = [(n, 1, 'boleto', '-1.00' if n == 'payment' else '6.00') for n in names
            if n not in ('no payment', 'only items')]
    people = [(f'c-{n}', f'u-{n}', n) for n in names if n != 'nobody']
    return parts() | {
        'customers.csv': as_csv('customer_id customer_unique_id customer_zip_code_prefix', people)
                         + 'c-more,u-unread\n',
        'places.csv': as_csv('geolocation_zip_code_prefix geolocation_lat geolocation_lng',
                             [('north', 95, 0), ('east', 0, 200)]),
        'orders.csv': as_csv('order_id customer_id order_status order_purchase_timestamp order_approved_at '
                             'order_delivered_customer_date', [(n, f'c-{n}', *row) for n, *row in rows]),
        'items.csv': as_csv('order_id product_id seller_id price freight_value', items) + 'record,p,s\n',
        'payments.csv': as_csv('order_id payment_sequential payment_type payment_value', paid)}


def test_the_guide_lists_what_is_set_aside(tmp_path):
    "Every rule that an order can break, and no other; all else holds by the way the tables are made."
    rows = re.findall(r'^\|.*\|(.*)\|$', (ROOT/'docs/how-to/23-import-olist.md').read_text(), re.MULTILINE)
    told = re.findall('`(.*?)`', ''.join(rows))
    run = run_import(tmp_path, bad_files())
    found = dict(run.reasons)
    sound = {f'{s}{bool(a)}{bool(d)}' for s, a, d in SOUND}
    assert {key: rule for key, rule in found.items() if key in BAD} == BAD
    assert {o for o, in run.rows('select source_key from orders_key')} == sound
    assert sorted(set(found.values())) == sorted(told)
    rules = {rule.name for rule in market_rules(from_dict(run.market))}
    assert not [name for name in rules - set(told) if not BUILT_IN.fullmatch(name)]
