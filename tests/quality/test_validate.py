"Each kind of defect is found, by the check that is meant for it and with its key; good data has none."
import json, shutil
from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from shop_nb.analytics.questions import ask
from shop_nb.generator.blocks import tables, write_tables
from shop_nb.database.load import load
from shop_nb.model.rules import RULES
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.files.sources import FIRST, Unreadable, given_tables, message
from shop_nb.quality.validate import validate

SETTINGS = Settings(seed=11, customers=200, products=60, orders=400, order_items=1000)
DAY = pd.Timedelta(days=1)


@pytest.fixture(scope='module')
def shop(): return tables(SETTINGS)


@pytest.fixture
def frames(shop): return {n: t.to_pandas() for n, t in shop.items()}


@pytest.fixture(scope='module')
def stored(tmp_path_factory):
    "The shop's files: a folder of each format, not to be changed."
    home = tmp_path_factory.mktemp('stored')
    for format in 'csv', 'parquet': write_tables(SETTINGS, home / format, format=format)
    return home


@pytest.fixture
def files(stored, tmp_path): return shutil.copytree(stored / 'csv', tmp_path / 'csv')


def found(report): return {(f['table'], f['check'], f['column']): f for f in report.failures}


def row(frame, **where):
    "The index of the first row with these values."
    for c, v in where.items(): frame = frame[frame[c] == v]
    return frame.index[0]


# ---- good data

@pytest.mark.parametrize('kind', ['arrow', 'frames', 'parquet', 'csv', 'run folder', 'mixed'])
def test_good_data(shop, frames, stored, tmp_path, kind):
    shutil.copytree(stored / 'parquet', tmp_path / 'tables')
    source = {
        'arrow': shop,
        'frames': frames,
        'run folder': tmp_path,
        'parquet': stored / 'parquet',
        'csv': stored / 'csv',
        'mixed': frames | dict(orders=tmp_path / 'tables' / 'orders.parquet'),
    }[kind]
    report = validate(source)
    assert report.ok, str(report)
    assert report.rows == {n: t.num_rows for n, t in shop.items()}
    columns = 'table', 'check', 'column', 'failures', 'first_keys', 'first_values', 'meaning'
    assert tuple(report.table.columns) == columns
    assert report.table.empty
    assert str(report).startswith('All ')
    assert all(n > 20 for n in report.checks.values())


def test_batches_change_nothing(frames):
    frames['orders'].loc[[3, 200, 399], 'tax_cents'] = -1
    whole, parts = validate(frames), validate(frames, batch=70)
    assert whole.to_json() == parts.to_json()
    assert not whole.ok


def test_a_header_alone_is_a_table_without_rows(shop, stored, tmp_path):
    "In CSV as in Parquet: as it should be where nobody has ordered, and found where other tables refer to it."
    for format in 'csv', 'parquet':
        folder = shutil.copytree(stored / format, tmp_path / format)
        for name in 'orders', 'order_items', 'payments':
            table, path = shop[name].slice(0, 0), folder / f'{name}.{format}'
            pa_csv.write_csv(table, path) if format == 'csv' else pq.write_table(table, path)
            report = validate(folder)
            assert report.ok == (name == 'payments'), str(report)
            assert report.rows[name] == 0, str(report)
        assert report.checks == validate(shop).checks
        assert ask('order_status', folder).frame.empty
        assert load(folder, tmp_path / 'shop.db')['rows']['orders'] == 0


def test_tables_without_rows(shop):
    "A shop that nobody has ordered from yet is as it should be."
    none = {n: shop[n].slice(0, 0) for n in ('orders', 'order_items', 'payments')}
    report = validate(shop | none)
    assert report.ok, str(report)
    assert report.rows['orders'] == 0, str(report)


# ---- values and rows: (what is planted, the key it is planted at, what must be found)

def put(table, column, value, at=5, check=None, **where):
    def plant(f):
        i = row(f[table], **where) if where else at
        f[table][column] = (
            f[table][column].astype(object) if value is None or isinstance(value, str) else f[table][column]
        )
        f[table].loc[i, column] = value(f[table].loc[i]) if callable(value) else value
        return f[table].loc[i, TABLES[table].key]

    return pytest.param(plant, (table, check, column), id=f'{table}.{column}.{check}')


def rule(name, plant):
    return pytest.param(
        plant, next((r.table, r.name.split('.')[-1], r.column) for r in RULES if r.name == name), id=name
    )


def change(table, column, value, **where):
    def plant(f):
        i = row(f[table], **where) if where else 5
        f[table].loc[i, column] = value(f[table].loc[i], f) if callable(value) else value
        return f[table].loc[i, TABLES[table].key]
    return plant


def huge_line(f):
    f['order_items'].loc[5, ['quantity', 'unit_price_cents']] = 14, 8_000_000
    return f['order_items'].loc[5, 'order_item_id']


def twice(table, **same):
    def plant(f):
        for c in same or [TABLES[table].key]: f[table].loc[6, c] = f[table].loc[5, c]
        return f[table].loc[[5, 6], TABLES[table].key].min()
    return plant


def more_tax_than_goods(f):
    f['orders'].loc[5, ['tax_included', 'tax_cents']] = True, 10**8
    return f['orders'].loc[5, 'order_id']


def drop_lines(f):
    key = f['orders'].loc[5, 'order_id']
    f['order_items'] = f['order_items'][f['order_items'].order_id != key]
    return key


def drop_payment(f):
    f['payments'] = f['payments'].drop(index=5)
    return f['orders'].loc[5, 'order_id']


def sold_before_launch(f):
    f['products'].loc[row(f['products'], product_id=f['order_items'].loc[5, 'product_id']), 'launched_on'] = date(
        2089, 1, 1
    )
    return f['order_items'][f['order_items'].product_id == f['order_items'].loc[5, 'product_id']].order_item_id.min()


def two_prices(f):
    items = f['order_items'].assign(day=f['order_items'].order_id // 10**8)
    same = items[items.duplicated(['day', 'product_id'], keep=False)].sort_values(
        ['day', 'product_id', 'order_item_id']
    )
    f['order_items'].loc[same.index[0], 'unit_price_cents'] += 1
    return same.order_item_id.iloc[0]


def same_product(f):
    lines = f['order_items'][f['order_items'].duplicated('order_id')].index[0]
    f['order_items'].loc[lines, 'product_id'] = f['order_items'].loc[lines - 1, 'product_id']
    return f['order_items'].loc[lines - 1, 'order_item_id']


def status(order, payment):
    def plant(f):
        i = row(f['orders'], status='cancelled')
        p = row(f['payments'], order_id=f['orders'].loc[i, 'order_id'])
        f['orders'].loc[i, 'status'], f['payments'].loc[p, 'status'] = order, payment
        return f['orders'].loc[i, 'order_id']
    return plant


def return_undelivered(f):
    keys = f['orders'][f['orders'].status == 'cancelled'].order_id
    i = f['order_items'][f['order_items'].order_id.isin(keys)].index[0]
    f['order_items'].loc[i, 'returned_quantity'] = 1
    return f['order_items'].loc[i, 'order_item_id']


COLUMN_DEFECTS = [ # planted together, in other columns or rows
    put('customers', 'email', 'nobody', check='pattern'),
    put('customers', 'country', None, check='not_null'),
    put('customers', 'city', '', check='text'),
    put('customers', 'first_name', 'Ben\0jamin', check='text'),
    put('customers', 'email', 'a@b.c\0', 6, check='text'),
    put('customers', 'latitude', 90.5, check='most'),
    put('customers', 'latitude', float('nan'), 6, check='not_null'),
    put('customers', 'segment', 'vip', check='values'),
    put('customers', 'signed_up_at', lambda r: r.signed_up_at + pd.Timedelta(milliseconds=1), check='whole_seconds'),
    put('products', 'price_cents', 0, check='least'),
    put('products', 'category', 'books', check='values'),
    put('orders', 'ordered_at', pd.NaT, check='not_null'),
    put('orders', 'tax_cents', -1, check='least'),
    put('orders', 'status', 'lost', check='values'),
    put('order_items', 'quantity', 100, check='most'),
    put('payments', 'amount_cents', None, check='not_null'),
    put('payments', 'method', 'cheque', check='values'),
]
DEFECTS = [
    rule('customers.unique_customer_id', twice('customers')),
    rule('customers.unique_email', twice('customers', email=1)),
    rule('customers.postal_code_of_country', change('customers', 'postal_code', lambda r, f: r.postal_code[1:])),
    rule('products.unique_sku', twice('products', sku=1)),
    rule(
        'products.end_after_launch',
        change('products', 'discontinued_on', lambda r, f: r.launched_on - timedelta(days=1)),
    ),
    rule('orders.unique_order_id', twice('orders')),
    rule('orders.customer_id_exists', change('orders', 'customer_id', 4711)),
    rule(
        'orders.order_id_codes_day', change('orders', 'ordered_at', lambda r, f: r.ordered_at + DAY, status='cancelled')
    ),
    rule('orders.delivered_when_arrived', change('orders', 'delivered_at', pd.NaT, status='delivered')),
    rule(
        'orders.delivered_after_ordered',
        change('orders', 'delivered_at', lambda r, f: r.ordered_at - DAY, status='delivered'),
    ),
    rule('order_items.unique_order_item_id', twice('order_items')),
    rule('order_items.unique_order_id_line_number', twice('order_items', order_id=1, line_number=1)),
    rule('order_items.unique_order_id_product_id', same_product),
    rule('order_items.order_id_exists', change('order_items', 'order_id', 8912319999999)),
    rule('order_items.product_id_exists', change('order_items', 'product_id', 4711)),
    rule('order_items.item_id_codes_line', change('order_items', 'line_number', 25)),
    rule('order_items.line_within_limit', huge_line),
    rule(
        'order_items.discount_below_price',
        change('order_items', 'discount_cents', lambda r, f: r.quantity * r.unit_price_cents),
    ),
    rule('order_items.returned_within_quantity', change('order_items', 'returned_quantity', 99)),
    rule('payments.unique_order_id', twice('payments', order_id=1)),
    rule('payments.order_id_exists', change('payments', 'order_id', 8912319999999)),
    rule('payments.payment_id_codes_order', change('payments', 'payment_id', 1)),
    rule('payments.paid_when_captured', change('payments', 'paid_at', pd.NaT, status='captured')),
    rule('payments.refund_when_refunded', change('payments', 'refunded_cents', 1, status='captured')),
    rule('payments.refund_within_amount', change('payments', 'refunded_cents', lambda r, f: r.amount_cents + 1)),
    rule('payments.tried_unless_pending', change('payments', 'attempts', 0)),
    rule(
        'order_after_signup',
        lambda f: (
            change(
                'customers', 'signed_up_at', pd.Timestamp('2089-01-01'), customer_id=f['orders'].loc[5, 'customer_id']
            )(f)
            and f['orders'][f['orders'].customer_id == f['orders'].loc[5, 'customer_id']].order_id.min()
        ),
    ),
    rule('order_has_lines', drop_lines),
    rule('order_has_payment', drop_payment),
    rule('product_on_sale', sold_before_launch),
    rule('one_price_a_day', two_prices),
    rule('status_pairs', status('cancelled', 'pending')),
    rule('cancelled_not_captured', status('cancelled', 'captured')),
    rule('paid_after_ordered', change('payments', 'paid_at', lambda r, f: r.paid_at - 2 * DAY, status='captured')),
    rule('returns_of_delivered', return_undelivered),
    rule('returned_is_all_back', change('orders', 'status', 'delivered', status='returned')),
    rule('discount_within_goods', change('orders', 'discount_cents', 10**9)),
    rule('tax_within_goods', more_tax_than_goods),
    rule('line_taxes', change('orders', 'tax_cents', lambda r, f: r.tax_cents + 1)),
    rule('ledger', change('payments', 'amount_cents', lambda r, f: r.amount_cents + 1, status='captured')),
    rule('refund', change('payments', 'refunded_cents', lambda r, f: r.refunded_cents - 1, status='refunded')),
]


def assert_found(report, expected, key):
    assert expected in found(report), str(report)
    f = found(report)[expected]
    assert f['failures'] >= 1
    assert f['first_keys'][0] == key
    assert f['meaning']
    assert not report.ok
    assert not report.skipped


def test_defects_of_columns_are_found(frames):
    keys = [(p.values[1], p.values[0](frames)) for p in COLUMN_DEFECTS]
    report = validate(frames)
    for expected, key in keys: assert_found(report, expected, key)
    assert {f['failures'] for f in report.failures if (f['table'], f['check'], f['column']) in dict(keys)} == {1}


@pytest.mark.parametrize('plant, expected', DEFECTS)
def test_defect_is_found(frames, plant, expected):
    key = plant(frames)
    assert_found(validate(frames), expected, key)


def test_all_rules_have_a_defect():
    "A rule that is added to the schema wants a defect here (number and payment_id follow from other keys)."
    tried = {p.id for p in DEFECTS}
    columns = {f'{t.name}.{c}' for t in TABLES.values() for c in t.names}
    untried = {r.name for r in RULES} - columns - tried
    assert untried <= {'products.unique_product_id', 'orders.order_number_from_1', 'payments.unique_payment_id'}, (
        untried
    )


def test_many_defects_at_once(frames):
    "All are found; each shows no more than its first rows, in order."
    frames['order_items'].loc[10:29, 'quantity'] = 0
    frames['payments'].loc[[7, 3], 'attempts'] = -1
    frames['customers'].loc[9, 'segment'] = 'vip'
    report = validate(frames)
    f = found(report)
    assert f['order_items', 'least', 'quantity']['failures'] == 20
    assert (
        f['order_items', 'least', 'quantity']['first_keys']
        == frames['order_items'].order_item_id[10 : 10 + FIRST].tolist()
    )
    assert f['payments', 'least', 'attempts']['first_values'] == [-1, -1]
    assert f['customers', 'values', 'segment']['first_keys'] == [10]
    assert [x['table'] for x in report.failures] == sorted(
        (x['table'] for x in report.failures), key=list(TABLES).index
    )
    again = validate(frames)
    assert again.to_json() == report.to_json()
    assert str(again) == str(report)


def test_report_speaks_three_ways(frames):
    frames['payments'].loc[3, 'amount_cents'] += 1
    report = validate(frames)
    data, key = json.loads(report.to_json()), int(frames['payments'].payment_id[3])
    assert data['ok'] is False
    assert data['rows']['payments'] == 400
    assert key in data['failures'][0]['first_keys']
    assert 'ledger' in str(report)
    assert str(key) in str(report)
    assert 'should be: the amount is goods' in str(report)
    assert '>ledger</td>' in report._repr_html_()
    assert report.table.check.tolist() == [
        f['check'] for f in report.failures
    ]


# ---- tables and types

def test_missing_table_and_columns(shop):
    report = validate(
        {n: t for n, t in shop.items() if n != 'products'}
        | dict(payments=shop['payments'].drop_columns(['method']).append_column('note', pa.nulls(400)))
    )
    f = found(report)
    assert ('products', 'missing', '') in f
    assert ('payments', 'column_missing', 'method') in f
    assert ('payments', 'column_unknown', 'note') in f
    assert 'product_on_sale' in report.skipped
    assert 'ledger' not in report.skipped


@pytest.mark.parametrize('column, values, first', [
    ('quantity', lambda s: s.astype(str), 'a column of string'),
    ('quantity', lambda s: s + .5, '1.5'),
    ('quantity', lambda s: s.astype(object).where(s.index != 17, 'two'), 'two'),
    ('quantity', lambda s: s > 1, 'a column of bool'),
    ('order_id', lambda s: pd.to_datetime(s // 10**10, unit='D'), 'a column of timestamp[ns]'),
])
def test_wrong_types_of_frames(frames, column, values, first):
    frames['order_items'][column] = values(frames['order_items'][column])
    f = found(validate(frames))['order_items', 'type', column]
    assert str(f['first_values'][0]) == first or first == '1.5' and f['first_values'][0] % 1 == .5


def test_types_that_mean_the_same(frames, tmp_path):
    "Wider numbers, other units of time, dictionaries, midnights for dates: nothing is lost, so nothing is wrong."
    f = frames
    f['order_items']['quantity'] = f['order_items']['quantity'].astype('int64')
    f['orders']['ordered_at'] = f['orders']['ordered_at'].astype('datetime64[ns]')
    f['orders']['status'] = f['orders']['status'].astype('category')
    f['products']['launched_on'] = pd.to_datetime(f['products']['launched_on'])
    f['payments']['attempts'] = f['payments']['attempts'].astype(float)
    assert validate(f).ok
    for n, frame in f.items(): frame.to_parquet(tmp_path / f'{n}.parquet')
    assert validate(tmp_path).ok
    f['products'].loc[0, 'launched_on'] += pd.Timedelta(hours=1)
    f['payments'].loc[0, 'paid_at'] = f['payments'].loc[0, 'paid_at']
    assert ('products', 'type', 'launched_on') in found(validate(f))
    f['orders']['ordered_at'] = f['orders']['ordered_at'].dt.tz_localize('UTC')
    assert ('orders', 'type', 'ordered_at') in found(validate(f))


def test_broken_parquet(stored, tmp_path):
    shutil.copytree(stored / 'parquet', tmp_path, dirs_exist_ok=True)
    (tmp_path / 'customers.parquet').write_bytes((tmp_path / 'customers.parquet').read_bytes()[:-100])
    (tmp_path / 'payments.parquet').write_bytes(b'')
    (tmp_path / 'orders.parquet').unlink()
    (tmp_path / 'orders.parquet').mkdir()
    report = validate(tmp_path)
    assert {('customers', 'unreadable', ''), ('payments', 'empty', ''), ('orders', 'missing', '')} <= set(found(report))
    assert report.rows['order_items'] == 1000


@pytest.mark.parametrize('parts', [False, True])
def test_damaged_page(stored, shop, tmp_path, parts):
    "The footer is whole, so the damage shows when the page is read: one finding, and the table's rules are skipped."
    shutil.copytree(stored / 'parquet', tmp_path, dirs_exist_ok=True)
    path = tmp_path / 'orders.parquet'
    if parts:
        path.unlink()
        path.mkdir()
        for i in range(2): pq.write_table(shop['orders'].slice(i * 200, 200), path / f'part-{i}.parquet')
        path /= 'part-1.parquet'
    data = path.read_bytes()
    path.write_bytes(data[:300] + b'\xff' * 20 + data[320:])
    report = validate(tmp_path)
    assert [(f['table'], f['check'], f['first_keys']) for f in report.failures] == [
        ('orders', 'unreadable', [path.name])
    ], str(report)
    assert {'ledger', 'order_has_lines'} <= set(report.skipped)
    assert report.rows['payments'] == 400
    with pytest.raises(Unreadable, match='orders cannot be read: ' + path.name):
        list(given_tables(tmp_path)['orders'].batches())


def test_page_that_is_no_text(stored, tmp_path):
    "A page that can be unpacked may hold text that is not UTF-8."
    shutil.copytree(stored / 'parquet', tmp_path, dirs_exist_ok=True)
    t = pq.read_table(tmp_path / 'customers.parquet')
    names = t['first_name'].combine_chunks()
    names = names.cast(pa.string())
    bad = pa.Array.from_buffers(
        pa.string(), len(names), [None, names.buffers()[1], pa.py_buffer(b'\xff' * names.buffers()[2].size)]
    )
    pq.write_table(
        t.set_column(t.schema.get_field_index('first_name'), 'first_name', bad), tmp_path / 'customers.parquet'
    )
    assert ('customers', 'unreadable', '') in found(validate(tmp_path))


def test_messages_end_once(stored, tmp_path):
    "Other libraries end their messages with a full stop, too."
    shutil.copytree(stored / 'parquet', tmp_path, dirs_exist_ok=True)
    (tmp_path / 'orders.parquet').write_bytes(b'not this')
    f = found(validate(tmp_path))['orders', 'unreadable', '']
    assert message(f).splitlines()[0].endswith('not a parquet file.')


def test_variables_are_no_tables(shop, monkeypatch):
    "DuckDB looks for a missing table among Python's variables, as a chapter has them; here it must not."
    monkeypatch.setattr('shop_nb.quality.validate.orders', shop['orders'].to_pandas(), raising=False)
    report = validate({n: t for n, t in shop.items() if n != 'orders'})
    assert set(found(report)) == {('orders', 'missing', '')}, str(report)
    assert 'ledger' in report.skipped, str(report)


def test_one_bad_part_of_many(stored, shop, tmp_path):
    shutil.copytree(stored / 'parquet', tmp_path, dirs_exist_ok=True)
    (tmp_path / 'order_items.parquet').unlink()
    (tmp_path / 'order_items.parquet').mkdir()
    for i in range(4):
        pq.write_table(shop['order_items'].slice(i * 250, 250), tmp_path / 'order_items.parquet' / f'part-{i}.parquet')
    assert validate(tmp_path).ok
    part = shop['order_items'].slice(500, 250).to_pandas()
    part.loc[2, 'quantity'] = -1
    pq.write_table(
        pa.Table.from_pandas(part, schema=arrow_schema('order_items'), preserve_index=False),
        tmp_path / 'order_items.parquet' / 'part-2.parquet',
    )
    assert found(validate(tmp_path))['order_items', 'least', 'quantity']['first_keys'] == [part.loc[2, 'order_item_id']]


@pytest.mark.parametrize('source', ['nowhere', {}, dict(sales=pd.DataFrame()), None, 5, [], '\0'], ids=repr)
def test_no_tables_at_all(source, tmp_path):
    for s in (source, tmp_path):
        with pytest.raises(ShopError) as e: validate(s)
        assert e.value.code == 2
        assert len(str(e.value).splitlines()) == 2


# ---- CSV files: (what is done to orders.csv, what must be found, the first place and value)

def line(n, f):
    "Change one line of a text; the header is line 1."
    def change(b):
        lines = b.split(b'\n')
        lines[n - 1] = f(lines[n - 1])
        return b'\n'.join(lines)
    return change


def header(f): return line(1, f)


CSV = {
    'empty': (lambda b: b'', ('empty', ''), 'orders.csv', '0 bytes'),
    'blank lines only': (lambda b: b'\n\n', ('column_missing', 'order_id'), None, None),
    'missing column': (header(lambda h: h.replace(b'"status"', b'"state"')), ('column_missing', 'status'), None, None),
    'extra column': (header(lambda h: h.replace(b'"status"', b'"state"')), ('column_unknown', 'state'), None, None),
    'column twice': (header(lambda h: h.replace(b'"status"', b'"channel"')), ('column_twice', 'channel'), None, None),
    'no header': (lambda b: b.split(b'\n', 1)[1], ('column_missing', 'order_id'), None, None),
    'semicolons': (lambda b: b.replace(b',', b';'), ('separator', ''), 'line 1', None),
    'tabs': (lambda b: b.replace(b',', b'\t'), ('separator', ''), 'line 1', None),
    'word for a number': (
        line(7, lambda x: x.rsplit(b',', 2)[0] + b',none,'),
        ('type', 'discount_cents'),
        'line 7',
        'none',
    ),
    'fraction for cents': (
        line(401, lambda x: x.rsplit(b',', 2)[0] + b',4.90,'),
        ('type', 'discount_cents'),
        'line 401',
        '4.90',
    ),
    'number beyond 64 bits': (
        line(9, lambda x: b'99999999999999999999,' + x.split(b',', 1)[1]),
        ('type', 'order_id'),
        'line 9',
        '99999999999999999999',
    ),
    'other date order': (line(3, lambda x: x.replace(b'2025-', b'31.12.', 1)), ('type', 'ordered_at'), 'line 3', None),
    'no such day': (
        line(3, lambda x: b','.join([*x.split(b',')[:2], b'2025-02-30 10:00:00', *x.split(b',')[3:]])),
        ('type', 'ordered_at'),
        'line 3',
        '2025-02-30 10:00:00',
    ),
    'a number left out': (
        line(5, lambda x: b','.join([*x.split(b',')[:5], b'', *x.split(b',')[6:]])),
        ('not_null', 'shipping_cents'),
        None,
        None,
    ),
    'too few fields': (line(6, lambda x: x.split(b',', 1)[1]), ('fields', ''), 'line 6', '9 fields'),
    'too many fields': (line(6, lambda x: x + b',1'), ('fields', ''), 'line 6', '11 fields'),
    'cut off': (lambda b: b[:-40], ('fields', ''), 'line 401', None),
    'latin-1': (
        line(
            8,
            lambda x: (
                x.replace(b'"web"', b'"w\xe9b"')
                .replace(b'"app"', b'"\xe9pp"')
                .replace(b'"marketplace"', b'"m\xe9rket"')
            ),
        ),
        ('encoding', ''),
        'line 8',
        None,
    ),
    'utf-16': (lambda b: b.decode().encode('utf-16'), ('encoding', ''), 'line 1', 'byte 0xff at offset 0'),
    'quote left open': (line(6, lambda x: x.replace(b'"', b'', 1)), None, None, None),
    'binary': (lambda b: bytes(range(256)) * 50, None, None, None),
}


@pytest.mark.parametrize('kind', CSV)
def test_bad_csv(files, kind):
    change, expected, key, value = CSV[kind]
    path = files / 'orders.csv'
    path.write_bytes(change(path.read_bytes()))
    report = validate(files)
    mine = {(f['check'], f['column']): f for f in report.failures if f['table'] == 'orders'}
    assert mine
    assert not report.ok
    if expected: assert expected in mine, str(report)
    f = mine[expected] if expected else next(iter(mine.values()))
    if key: assert f['first_keys'][0] == key
    if value: assert f['first_values'][0] == value
    assert len(message(f).splitlines()) == 2
    assert 'Traceback' not in str(report)


def test_csv_that_is_only_written_differently(files):
    "Windows line ends, a byte order mark, T in times, other cases of true, columns in another order."
    for p in files.iterdir(): p.write_bytes(b'\xef\xbb\xbf' + p.read_bytes().replace(b'\n', b'\r\n'))
    orders = pd.read_csv(files / 'orders.csv', dtype=str, keep_default_na=False)
    orders['ordered_at'] = orders.ordered_at.str.replace(' ', 'T')
    orders[orders.columns[::-1]].to_csv(files / 'orders.csv', index=False)
    customers = (files / 'customers.csv').read_text(encoding='utf-8-sig')
    (files / 'customers.csv').write_text(customers.replace(',true', ',TRUE'), encoding='utf-8')
    assert validate(files).ok, str(validate(files))


def test_text_is_taken_as_it_is(files):
    "Words that other readers take for null, commas, quotes, line breaks."
    customers = pd.read_csv(files / 'customers.csv', dtype=str, keep_default_na=False)
    customers.loc[0, ['first_name', 'last_name', 'city', 'street', 'country']] = [
        'NA',
        'null',
        'A, "B"',
        'Line 1\nLine 2',
        'NA',
    ]
    customers.to_csv(files / 'customers.csv', index=False)
    report = validate(files)
    assert report.ok, str(report)
    assert report.rows['customers'] == 200, str(report)


def test_places_count_ragged_lines(files):
    "A bad value is named by its line in the file, also after lines that are too long."
    path = files / 'orders.csv'
    lines = path.read_text().split('\n')
    for n in 3, 5, 9: lines[n - 1] += ',1'
    lines[11 - 1] = 'none,' + lines[11 - 1].split(',', 1)[1]
    path.write_text('\n'.join(lines))
    f = found(validate(files))
    assert f['orders', 'fields', '']['first_keys'] == ['line 3', 'line 5', 'line 9']
    assert f['orders', 'type', 'order_id']['first_keys'] == ['line 11']
