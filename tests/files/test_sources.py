"Every reader takes the same tables, reads the same rows from them, and refuses the others in the same words."
import csv, re, shutil
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings, strategies as st

from shop_nb.analytics.connect import connect
from shop_nb.dashboard.rollup import stamp
from shop_nb.files.digest import digest
from shop_nb.generator.blocks import tables
from shop_nb.database.load import load
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.shop.shop import Shop
from shop_nb.files.sources import Given, given_tables, message, _quotes_fit
from shop_nb.files.files import parts
from shop_nb.quality.validate import validate

SHOP = tables(Settings(seed=11, customers=60, products=30, orders=80, order_items=200))


def of_questions(source, name):
    columns = ', '.join(arrow_schema(name).names)
    return connect(source).sql(f'select {columns} from {name}').to_arrow_table().cast(arrow_schema(name))


def of_database(source, name):
    db = Path(source) / 'shop.db'
    load(source, db)
    return of_questions(db, name)


def of_validate(source, name):
    g = given_tables(source)[name]
    report = validate(source)
    if bad := [f for f in report.failures if f['table'] == name]: raise ShopError(*message(bad[0]).split('\n'))
    return g.to_arrow()


READERS = dict(
    validate=of_validate, load=of_database, ask=of_questions, shop=lambda source, name: Shop.open(source).tables[name]
)


def read_by_all(source, name):
    "What each reader makes of a table: the digest of its content, or the first line of its refusal."
    def one(read):
        try: return digest(read(source, name), name)
        except ShopError as e:
            assert len(str(e).splitlines()) == 2, e
            return str(e).splitlines()[0]
    return {reader: one(read) for reader, read in READERS.items()}


def written(home, table, format='csv'):
    "A folder with the shop, in one format, and the path of a table in it."
    for n, t in SHOP.items():
        pa_csv.write_csv(t, home / f'{n}.csv') if format == 'csv' else pq.write_table(t, home / f'{n}.parquet')
    return home / f'{table}.{format}'


def agree(home, name, want=None, says=None):
    "All readers read `want`, or all refuse with these words."
    got = read_by_all(home, name)
    assert len(set(got.values())) == 1, got
    if says: assert says in next(iter(got.values()))
    else: assert next(iter(got.values())) == digest(SHOP[name] if want is None else want, name), got


# ---- folders

def folder_of_parts(home, format, home_name='shop', name='orders'):
    path = written(home, name, format)
    path.unlink()
    path.mkdir()
    rows, write = SHOP[name], pa_csv.write_csv if format == 'csv' else pq.write_table
    for i in range(3): write(rows.slice(i * 30, 30), path / f'part-{i}.{format}')
    return path


LEFT = [
    '_SUCCESS',
    '_temporary/0/part-9.{}',
    '.part-0.{}.crc',
    '.DS_Store',
    '._part-0.{}',
    '_part-7.{}',
    '.part-8.{}',
    'README.txt',
    'Thumbs.db',
    '__MACOSX/part-0.{}',
    '.ipynb_checkpoints/part-0.{}',
    '_metadata',
    'empty/.keep',
    'desktop.ini',
    'part-0.{}.crc',
    'part-0.{}~',
]
STRAY = ['part-9.{}.gz', 'day=1/part-0.{}', 'sub/deep/part-0.{}', 'part-9.zip', 'part-9.{other}', 'dir.{}/part-0.{}']


def put(folder, file, format):
    file = folder / file.format(format, format, other='parquet' if format == 'csv' else 'csv')
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b'' if file.name == '_SUCCESS' else b'\0\5 left')


@pytest.mark.parametrize('format', ['csv', 'parquet'])
def test_what_is_left_beside_the_parts_is_no_part(tmp_path, format):
    path = folder_of_parts(tmp_path, format)
    for file in LEFT: put(path, file, format)
    assert [p.name for p in parts(path)] == [f'part-{i}.{format}' for i in range(3)]
    agree(tmp_path, 'orders')


@pytest.mark.parametrize('format', ['csv', 'parquet'])
@pytest.mark.parametrize('file', STRAY)
def test_rows_are_never_left_out_without_a_word(tmp_path, format, file):
    put(folder_of_parts(tmp_path, format), file, format)
    agree(tmp_path, 'orders', says='orders has files that are not part of it')


@pytest.mark.parametrize('format', ['csv', 'parquet'])
def test_parts_are_named_and_empty_ones_told(tmp_path, format):
    path = folder_of_parts(tmp_path, format)
    (path / f'part-1.{format}').write_bytes(b'')
    agree(tmp_path, 'orders', says=f'orders is empty: part-1.{format}: 0 bytes')
    for p in path.iterdir(): p.unlink()
    agree(tmp_path, 'orders', says='orders is not there')
    (path / f'_part.{format}').write_text('left')
    agree(tmp_path, 'orders', says='orders is not there')


def test_parts_may_be_written_differently(tmp_path):
    "Columns in another order, kindred types, a part without rows, dictionaries: cast as one table."
    path = folder_of_parts(tmp_path, 'parquet')
    rows = SHOP['orders']
    first = rows.slice(0, 30).select(rows.column_names[::-1])
    few = rows.slice(30, 30).set_column(4, 'channel', rows['channel'].slice(30, 30).dictionary_encode())
    small = few.set_column(1, 'customer_id', pc.cast(few['customer_id'], pa.int16()))
    ns = rows.slice(60).set_column(2, 'ordered_at', pc.cast(rows['ordered_at'].slice(60), pa.timestamp('ns')))
    floats = ns.set_column(5, 'shipping_cents', pc.cast(ns['shipping_cents'], pa.float64()))
    for i, t in enumerate((first, small, floats, rows.slice(0, 0))): pq.write_table(t, path / f'part-{i}.parquet')
    agree(tmp_path, 'orders')
    broken = floats.set_column(5, 'shipping_cents', pc.add(floats['shipping_cents'], .5))
    pq.write_table(broken, path / 'part-2.parquet')
    agree(tmp_path, 'orders', says='orders.shipping_cents fails the check type for 20 rows, first part-2.parquet row 1')


NAMES = [
    'country=DE',
    'seed=8',
    'year=2025/month=03',
    'customer_id=1',
    'status=pending',
    'order_id=',
    'ordered_at=2025-01-01',
    'a=b=c',
    "o'clock",
    'a*b?[1]',
    'x[a-z]',
    'ü %20 #1',
    '{a,b}',
    'country=__HIVE_DEFAULT_PARTITION__',
    'shop.csv',
    'a b=c d',
    'category=Toys',
    'method=card',
    '_run',
    '.run',
]


@pytest.mark.parametrize(
    'name, format', [(n, f) for f in ('parts', 'csv', 'parquet') for n in (NAMES if f == 'parts' else NAMES[:3])]
)
def test_names_of_folders_are_no_data(tmp_path, name, format):
    home = tmp_path / name / 'tables'
    home.mkdir(parents=True)
    if format == 'parts':
        folder_of_parts(home, 'parquet')
    else:
        written(home, 'orders', format)
    want = {t: digest(rows, t) for t, rows in SHOP.items()}
    con = connect(home.parent)
    for t in TABLES:
        there = con.sql(f'select * from {t}').to_arrow_table()
        assert there.column_names == list(TABLES[t].names), 'no column of the name of a folder'
        assert digest(there.cast(arrow_schema(t)), t) == want[t]
    assert {t: len(rows) for t, rows in SHOP.items()} == {
        t: g.rows for t, g in given_tables(home.parent).items() if g.look() == []
    }


@pytest.mark.parametrize('format', ['csv', 'parquet'])
def test_the_dashboard_sees_a_change_of_any_part(tmp_path, format):
    path = folder_of_parts(tmp_path, format)
    before = stamp(tmp_path)
    put(path, '_SUCCESS', format)
    assert stamp(tmp_path) == before
    shutil.copy(path / f'part-0.{format}', path / f'part-3.{format}')
    assert stamp(tmp_path) != before


@pytest.mark.parametrize('place', ['', 'tables'])
def test_two_formats_of_a_table_are_refused_by_both_names(tmp_path, place):
    "Nothing says which of the two counts, so nothing is read, and no reader hides it."
    home = tmp_path / place
    home.mkdir(exist_ok=True)
    written(home, 'orders', 'parquet')
    pa_csv.write_csv(SHOP['orders'].slice(0, 5), home / 'orders.csv')
    agree(
        tmp_path, 'orders',
        says=f'has the table orders twice: {place and place + "/"}orders.parquet and {place and place + "/"}orders.csv.'
    )
    with pytest.raises(ShopError, match='twice') as e: stamp(tmp_path)
    assert e.value.code == 1
    (home / 'orders.csv').unlink()
    agree(tmp_path, 'orders')


# ---- CSV

def edit(n, change):
    "Change a line; the header is line 1."
    def whole(text):
        lines = text.split('\n')
        lines[n - 1] = change(lines[n - 1])
        return '\n'.join(lines)
    return whole


def street(value): return edit(3, lambda line: ','.join([*line.split(',')[:5], value, *line.split(',')[6:]]))


def changed(column, value, row=1):
    rows = SHOP['customers'].to_pylist()
    rows[row][column] = value
    return pa.Table.from_pylist(rows, schema=arrow_schema('customers'))


GOOD = { # what is done to customers.csv, and the rows that it then has
    'as it is': (lambda t: t, None),
    'byte order mark': (lambda t: '\ufeff' + t, None),
    'CRLF': (lambda t: t.replace('\n', '\r\n'), None),
    'CR': (lambda t: t.replace('\n', '\r'), None),
    'no quotes': (lambda t: re.sub('"([^",]*)"', r'\1', t), None), # but where a text has a comma
    'no last line end': (lambda t: t.rstrip('\n'), None),
    'blank first lines': (lambda t: '\n\n' + t, None),
    'byte order mark and a blank line': (lambda t: '\ufeff\r\n' + t, None),
    'plus signs': (
        lambda t: '\n'.join(f'+{line}' if i and line else line for i, line in enumerate(t.split('\n'))),
        None,
    ),
    'blank lines': (lambda t: t.replace('\n', '\n\n'), None),
    'keys with .0': (
        lambda t: '\n'.join(
            f'{a}.0,{b}' if i and b else a + ',' * bool(b) + b
            for i, (a, _, b) in enumerate(line.partition(',') for line in t.split('\n'))
        ),
        None,
    ),
    'line end in quotes': (street('"Hof 12\nc/o Empfang"'), changed('street', 'Hof 12\nc/o Empfang')),
    'CR in quotes': (street('"Hof 12\rc/o"'), changed('street', 'Hof 12\rc/o')),
    'doubled quotes': (street('"Hof ""12"" ""x"""'), changed('street', 'Hof "12" "x"')),
    'quote without quotes around': (street('Hof 12" hinten'), changed('street', 'Hof 12" hinten')),
    'comma': (street('"Hof 12, hinten"'), changed('street', 'Hof 12, hinten')),
    'NA': (street('NA'), changed('street', 'NA')),
    'blanks': (street('"  Hof 12 "'), changed('street', '  Hof 12 ')),
    'controls': (street('"Hof\x01\x0b\x1a\x85\u2028 12"'), changed('street', 'Hof\x01\x0b\x1a\x85\u2028 12')),
    'looks like a number': (street('0012'), changed('street', '0012')),
}
BAD = { # and what is then said
    'open quote': (street('"Hof 12'), 'customers has a quote that is not doubled: line 3: '),
    'quote that is not doubled': (street('"Hof 12" hinten"'), 'customers has a quote that is not doubled: line 3: '),
    'blank after a quote': (street('"Hof 12" '), 'customers has a quote that is not doubled: line 3: '),
    'quote after a line end in text': (
        lambda t: edit(6, lambda x: x.replace('",', '"x",', 1))(edit(2, lambda x: x.replace('"', '"\n', 1))(t)),
        'customers has a quote that is not doubled: line 6: ',
    ),
    'index': (
        lambda t: '\n'.join(f'{i - 1 if i else ""},{line}' if line else line for i, line in enumerate(t.split('\n'))),
        'customers has a column without a name: column 1',
    ),
    'index with a name': (
        lambda t: '\n'.join(
            f'{i - 1 if i else "Unnamed: 0"},{line}' if line else line for i, line in enumerate(t.split('\n'))
        ),
        'customers.Unnamed: 0 is not known',
    ),
    'column twice': (edit(1, lambda h: h.replace('"city"', '"street"')), 'customers.city is not there'),
    'key that is no whole number': (
        edit(4, lambda x: '67.5' + x[1:]),
        'customers.customer_id fails the check type for 1 row, first line 4: 67.5',
    ),
    'too many fields': (edit(5, lambda x: x + ',1'), 'customers has lines of another length: line 5: 16 fields'),
    'too many fields after blank lines': (
        lambda t: '\n\n' + edit(5, lambda x: x + '\n\n' + x + ',1')(t),
        'customers has lines of another length: line 9: 16 fields',
    ),
    'no whole number after line ends in text': (
        lambda t: edit(6, lambda x: '67.5' + x[1:])(edit(2, lambda x: x.replace('"', '"\n\n', 1))(t)),
        'customers.customer_id fails the check type for 1 row, first line 6: 67.5',
    ),
    'a name with capitals': (
        edit(1, lambda h: h.replace('"customer_id"', 'Customer_ID')),
        'customers.Customer_ID is not known',
    ),
    'semicolons': (lambda t: t.replace(',', ';'), 'customers has no commas between fields'),
    'no bytes': (lambda t: '', 'customers is empty: customers.csv: 0 bytes'),
    'no such day': (lambda t: t.replace('-01-', '-13-', 1), 'customers.signed_up_at fails the check type for 1 row'),
}


@pytest.mark.parametrize('kind', GOOD)
def test_all_read_the_same_rows_of_csv(tmp_path, kind):
    path, (change, want) = written(tmp_path, 'customers'), GOOD[kind]
    path.write_bytes(change(path.read_text(encoding='utf-8')).encode())
    agree(tmp_path, 'customers', want)


@pytest.mark.parametrize('kind', BAD)
def test_all_refuse_the_same_csv_in_the_same_words(tmp_path, kind):
    path, (change, says) = written(tmp_path, 'customers'), BAD[kind]
    path.write_bytes(change(path.read_text(encoding='utf-8')).encode())
    agree(tmp_path, 'customers', says=says)


@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_large_csv_with_line_ends_in_text(tmp_path, end):
    "Many blocks of Arrow's reader, and a line end in every street."
    n, some = 30_000, SHOP['customers'].slice(0, 1).to_pylist()[0]
    many = pa.table(
        {c: pa.array([some[c]] * n, t.type) for c, t in zip(arrow_schema('customers').names, arrow_schema('customers'))}
    )
    ids = pa.array(range(1, n + 1))
    street = pc.binary_join_element_wise(pc.cast(ids, pa.string()), 'Hof "12", \nc/o \rEmpfang', ' ')
    many = many.set_column(0, 'customer_id', ids).set_column(5, 'street', street).cast(arrow_schema('customers'))
    path = tmp_path / 'customers.csv'
    pa_csv.write_csv(many, path)
    if end != '\n': path.write_bytes(path.read_bytes().replace(b'\n', end.encode()))
    want = many.set_column(5, 'street', pc.replace_substring(street, '\n', end)).cast(arrow_schema('customers'))
    assert path.stat().st_size > 4 << 20
    given = Given('customers', path)
    assert given.look() == []
    assert given.rows == n
    assert digest(given.to_arrow(), 'customers') == digest(want, 'customers')


quoted = st.text(alphabet='a,"\n\r ', max_size=8)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(quoted, quoted), min_size=1, max_size=5), st.integers(1, 9))
@example([('"', '')], 1)
def test_what_is_written_with_doubled_quotes_fits(tmp_path_factory, rows, step):
    "Whatever the text, and wherever the file is cut into steps."
    from shop_nb.files import sources
    path, before = tmp_path_factory.getbasetemp() / 'quotes.csv', sources._STEP
    text = 'a,b\n' + ''.join(','.join('"' + v.replace('"', '""') + '"' for v in row) + '\n' for row in rows)
    path.write_bytes(text.encode())
    try:
        sources._STEP = step
        assert _quotes_fit(path)
        path.write_bytes(text.encode()[:-2]) # the last quote is lost
        assert not _quotes_fit(path)
    finally: sources._STEP = before


@pytest.mark.parametrize(
    'name, meant',
    [
        ('Customer_ID', 'customer_id'),
        ('customer id', 'customer_id'),
        ('orderid', 'order_id'),
        ('STATUS', 'status'),
        ('ordered at', 'ordered_at'),
        (' order_id', 'order_id'),
    ],
)
def test_a_name_that_is_nearly_right_is_told_first(name, meant):
    orders = SHOP['orders'].rename_columns([name if n == meant else n for n in SHOP['orders'].column_names])
    first, second = [message(f) for f in Given('orders', orders).look()]
    assert first.startswith(f'orders.{name} is not known.')
    assert first.endswith(f"Did you mean '{meant}'?")
    assert second.startswith(f'orders.{meant} is not there.')


# ---- frames

def frames(**changed): return {n: t.to_pandas() for n, t in SHOP.items()} | changed


def refused(source, says):
    "All readers refuse tables in memory with these words."
    report = validate(source)
    assert says in [message(f).split('\n')[0] for f in report.failures]
    for read in (connect, lambda s: given_tables(s)['orders'].to_arrow()):
        with pytest.raises(ShopError) as e: read(source)
        assert str(e.value).split('\n')[0] == says
        assert e.value.code == 1


def test_a_key_that_is_the_index_is_named():
    orders = SHOP['orders'].to_pandas()
    refused(frames(orders=orders.set_index('order_id')), 'orders.order_id is not there.')
    refused(frames(orders=orders.set_index(['order_id', 'customer_id'])), 'orders.order_id is not there.')
    with pytest.raises(ShopError, match='reset_index'): connect(frames(orders=orders.set_index('order_id')))


def test_frames_of_other_shapes():
    orders = SHOP['orders'].to_pandas()
    refused(
        frames(orders=orders.set_axis(pd.MultiIndex.from_product([['a'], orders.columns]), axis=1)),
        "orders.('a', 'order_id') is not known.",
    )
    refused(frames(orders=pd.concat([orders, orders[['status']]], axis=1)), 'orders.status is there twice.')
    refused(frames(orders=orders.assign(note='x')), 'orders.note is not known.')
    refused(
        frames(orders=orders.assign(status=[1, *orders.status[1:]])),
        'orders.status fails the check type for 1 row, first row 1: 1.',
    )
    refused(
        frames(orders=orders.assign(customer_id=orders.customer_id + 0.5)),
        f'orders.customer_id fails the check type for 80 rows, first row 1: {orders.customer_id[0] + 0.5}.',
    )
    whole = orders.assign(
        customer_id=orders.customer_id.astype(float), status=orders.status.astype('category'),
        channel=orders.channel.astype(object), tax_cents=orders.tax_cents.astype(object)
    )
    assert validate(frames(orders=whole)).ok
    assert digest(
        Given('orders', whole.iloc[:, ::-1]).to_arrow(), 'orders'
    ) == digest(SHOP['orders'], 'orders')


def test_text_that_is_no_text():
    "Half a surrogate pair is told with table, column and row; in a name of a column, too."
    customers = SHOP['customers'].to_pandas()
    bad = customers.assign(first_name=[*customers.first_name[:4], 'a\ud800', *customers.first_name[5:]])
    source = frames(customers=bad)
    report = validate(source)
    assert [message(f).split('\n')[0] for f in report.failures] == [
        'customers.first_name fails the check type for 1 row, first row 5: a\\ud800.'
    ]
    for read in connect, lambda s: load(s, 'nowhere.db'):
        with pytest.raises(ShopError, match='customers.first_name fails the check type for 1 row, first row 5'):
            read(source)
    with pytest.raises(ShopError, match=r'customers.\\ud800 is not known'):
        Given('customers', customers.assign(**{'\ud800': 1})).accept()


class Capsules:
    "A table of another library, which only speaks Arrow's C stream, with the types that Polars has."
    def __init__(self, table): self.table = table
    def __arrow_c_stream__(self, requested_schema=None): return self.table.__arrow_c_stream__(requested_schema)


def as_polars(table):
    "Text as views or in dictionaries of views, small whole numbers."
    def column(c):
        if not pa.types.is_string(c.type): return c
        views = c.combine_chunks().cast(pa.string_view())
        if len(set(c.to_pylist())) > 10: return views
        codes = c.combine_chunks().dictionary_encode()
        return pa.DictionaryArray.from_arrays(codes.indices.cast(pa.uint32()), codes.dictionary.cast(pa.string_view()))
    return Capsules(pa.table([column(c) for c in table.columns], names=table.column_names))


def as_duckdb(table): return duckdb.from_arrow(table)


def as_reader(table): return pa.RecordBatchReader.from_batches(table.schema, table.to_batches())


@pytest.mark.parametrize('form', [as_polars, as_duckdb, as_reader])
def test_tables_of_other_libraries(tmp_path, form):
    def given(): return {n: form(t) for n, t in SHOP.items()}

    assert validate(given()).ok
    load(given(), tmp_path / 'shop.db')
    for con in connect(given()), connect(tmp_path / 'shop.db'):
        for name, table in SHOP.items():
            assert digest(con.sql(f'select * from {name}').to_arrow_table().cast(arrow_schema(name)), name) == digest(
                table, name
            )


@pytest.mark.parametrize(
    'thing, says',
    [
        (None, 'orders is not a table but None.'),
        (5, 'orders is not a table but of the type int.'),
        ({'order_id': [1]}, 'orders is not a table but of the type dict.'),
        (pa.array([1]), 'orders cannot be read as an Arrow table'),
    ],
)
def test_what_is_no_table_is_told_by_its_name(thing, says):
    for read in validate, connect, lambda s: load(s, 'nowhere.db'):
        with pytest.raises(ShopError) as e: read(frames(orders=thing))
        assert str(e.value).startswith(says)
        assert len(str(e.value).splitlines()) == 2
        assert e.value.code == 2


# ---- text

def test_a_nul_is_told_with_its_row(tmp_path):
    rows, columns = SHOP['customers'].to_pylist(), ['first_name', 'email', 'phone', 'postal_code']
    for row, column in zip(rows, columns): row[column] += '\0'
    value = pa.Table.from_pylist(rows, schema=arrow_schema('customers'))
    pa_csv.write_csv(value, written(tmp_path, 'customers'))
    for source in dict(SHOP, customers=value), tmp_path:
        found = {(f['check'], f['column']): f['first_keys'] for f in validate(source).failures}
        for row, column in zip(rows, columns):
            assert found['text', column] == [row['customer_id']]
    for i, column in enumerate(columns):
        one = changed(column, rows[i][column], i)
        with pytest.raises(
            ShopError,
            match=rf'customers: constraint {column}_text does not hold, at customer_id {rows[i]["customer_id"]} ',
        ):
            load(dict(SHOP, customers=one), tmp_path / 'x.db')


def test_a_post_code_that_lost_its_zeros_is_found(tmp_path):
    code = changed('postal_code', '6844', [c == 'DE' for c in SHOP['customers']['country'].to_pylist()].index(True))
    pa_csv.write_csv(code, written(tmp_path, 'customers'))
    report = validate(tmp_path)
    assert [f['check'] for f in report.failures] == ['postal_code_of_country']
    assert report.failures[0]['failures'] == 1
    with pytest.raises(ShopError, match='constraint postal_code_of_country does not hold'):
        load(tmp_path, tmp_path / 'x.db')


def test_fields_that_are_all_quoted_are_the_same_table(tmp_path):
    "pandas writes an empty date as two quotes if it is asked to quote everything."
    shop = Shop(orders=120, order_items=300, customers=60, products=60)
    shop.save(tmp_path / 'run', format='csv')
    shop.products.to_csv(tmp_path / 'run' / 'tables' / 'products.csv', index=False, quoting=csv.QUOTE_ALL)
    assert validate(tmp_path / 'run').ok
    assert Shop.open(tmp_path / 'run').products.equals(shop.products)
