"A made shop under foreign keys, poisoned: nothing good is lost, nothing bad is in, and the sums are equal."
import csv, io, random

import duckdb
import pandas as pd
import pytest

from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import read_rows
from shop_nb.model.schema import TABLES
from shop_nb.quality.validate import validate
from shop_nb.shop.shop import Shop
from support import FULL
from support.sources import write_tables

SIZE = (dict(customers=120_000, products=2_000, orders=400_000, order_items=1_000_000) if FULL else
        dict(customers=900, products=300, orders=2_000, order_items=5_000))
SHARE = 1_000 # of so many rows one gets a poison, and at least one


def text(row, **how):
    "A row as a line of CSV."
    out = io.StringIO()
    csv.writer(out, lineterminator='\n', **how).writerow(row.values())
    return out.getvalue()


def put(column, *values):
    "Another value in a column; those that are functions get the old one."
    def change(row, rng):
        value = rng.choice(values)
        return [text(row | {column: value(row[column]) if callable(value) else value})]
    return change


def far(row, rng): return [text(row | dict(quantity='900000000000', unit_price_cents='90000000000000000'))]


def twin(column, value):
    "The row, and one with its key and another value."
    def change(row, rng): return [text(row), text(row | {column: value(row[column])})]
    return change


def broken(row, rng):
    "The row on two lines, as if its text had a new line in it."
    line = text(row)
    place = rng.choice([i for i, c in enumerate(line) if c == ',' and line.count('"', 0, i) % 2 == 0][1:])
    return [line[:place] + '\n', line[place:]]


def plus(n): return lambda value: str(int(value) + n)
def twice(row, rng): return [text(row)] * 2
def dropped(row, rng): return []
def longer(row, rng): return [text(row | dict(more='1'))]
def shorter(row, rng): return [text(dict(list(row.items())[:-2]))]
def header(row, rng): return [text(row), text({c: c for c in row})]
def blank(row, rng): return ['\n', text(row), '\n']
def quoted(row, rng): return [text(row, quoting=csv.QUOTE_ALL)]
def stray(row, rng): return [text(row).replace(',', ',a "b" c', 1)]


NO_NUMBER = 'abc', '--', 'NaN', 'inf', '1e400', '7 pcs', '#REF!', '٣x'
NO_CENTS = *NO_NUMBER, '12.34'
ASIDE = { # poison that no reading repairs: its order, or the orders of its customer or product, are set aside
    'no time': ('orders', put('ordered_at', '', 'yesterday', '2025-13-45 10:00:00', '0000-00-00 00:00:00', '25:61')),
    'a time long ago': (
        'orders', put('ordered_at', '1970-01-01 00:00:00', '1899-12-30 10:00:00', '9999-12-31 23:59:59')),
    'a status that there is not': ('orders', put('status', 'lost', 'SHIPPED!', '', '0')),
    'a customer who is not there': ('orders', put('customer_id', 'f' * 12, '', '0', 'NULL')),
    'no amount': ('orders', put('shipping_cents', *NO_CENTS)),
    'an amount below 0': ('orders', put('shipping_cents', '-1', '-490')),
    'a cent more': ('orders', put('shipping_cents', plus(1))),
    'an order with two contents': ('orders', twin('shipping_cents', plus(100))),
    'an order without a key': ('orders', put('order_id', '')),
    'an order that is missing': ('orders', dropped),
    'an order on two lines': ('orders', broken),
    'a field too many': ('orders', longer),
    'fields too few': ('orders', shorter),
    'a quote in a field': ('orders', stray),
    'no character': ('orders', put('channel', 'we\0b')),
    'a delivery before the order': ('orders', put('delivered_at', '2001-01-01 00:00:00')),
    'no flag': ('orders', put('tax_included', 'perhaps', '2')),
    'no quantity': ('order_items', put('quantity', '', '1.5', *NO_CENTS)),
    'a quantity that cannot be': ('order_items', put('quantity', '0', '-1', '1000000000000', '9' * 30)),
    'no price': ('order_items', put('unit_price_cents', '', *NO_CENTS)),
    'a price that cannot be': ('order_items', put('unit_price_cents', '0', '-5', '1' + '0' * 17, '9' * 40)),
    'numbers whose product is none': ('order_items', far),
    'a product that is not there': ('order_items', put('product_id', 'f' * 12, '', 'NA')),
    'a line of another order': ('order_items', put('order_id', 'f' * 12, '')),
    'a line that is missing': ('order_items', dropped),
    'a line twice': ('order_items', twice),
    'a line on two lines': ('order_items', broken),
    'more returned than bought': ('order_items', put('returned_quantity', '999')),
    'a discount above the price': ('order_items', put('discount_cents', '99999999')),
    'another amount': ('payments', put('amount_cents', plus(1), plus(-1), '0', *NO_CENTS)),
    'a payment status that there is not': ('payments', put('status', 'maybe', '')),
    'a payment with two contents': ('payments', twin('amount_cents', plus(100))),
    'a payment on two lines': ('payments', broken),
    'more refunded than paid': ('payments', put('refunded_cents', plus(10**7))),
    'paid before the order': ('payments', put('paid_at', '2001-01-01 00:00:00')),
    'a place that there is not': ('customers', put('latitude', '91', '-91.5', *NO_NUMBER)),
    'a country that there is not': ('customers', put('country', 'Atlantis', 'ZZ', 'Euskirchen')),
    'no such flag': ('customers', put('marketing_opt_in', 'maybe')),
    'a customer with two contents': ('customers', twin('city', lambda city: city + 'x')),
    'a customer on two lines': ('customers', broken),
    'a customer without a key': ('customers', put('customer_id', '')),
    'a customer who is missing': ('customers', dropped),
    'no list price': ('products', put('price_cents', '', '0', '-1', *NO_CENTS)),
    'no day': ('products', put('launched_on', 'soon', '2025-02-30')),
    'a product that is missing': ('products', dropped),
}
SAME = { # poison that reading repairs: everything is loaded, with equal content
    'an order twice': ('orders', twice),
    'a payment twice': ('payments', twice),
    'a customer twice': ('customers', twice),
    'a product twice': ('products', twice),
    'the header again': ('orders', header),
    'the header of lines again': ('order_items', header),
    'blank lines': ('order_items', blank),
    'everything in quotes': ('order_items', quoted),
    'a float': ('order_items', put('unit_price_cents', lambda value: f'{value}.0')),
    'a power': ('order_items', put('unit_price_cents', lambda value: f'{int(value) / 1000!r}E+03')),
    'spaces around it': ('orders', put('shipping_cents', lambda value: f'  {value} ')),
    'a T in a time': ('orders', put('ordered_at', lambda value: value.replace(' ', 'T'))),
    'a fraction of 0': ('orders', put('ordered_at', lambda value: f'{value}.000000')),
    'another word for yes': ('orders', put('tax_included', lambda value: dict(true='YES', false='n')[value.lower()])),
}
POISON = ASIDE | SAME


def poison(home, rng):
    "Poison the files of a shop; returns the orders that are not to be loaded, each with the reason"
    frames = {n: pd.read_csv(home / f'{n}.csv', dtype=str, keep_default_na=False) for n in TABLES}
    lines = {n: (home / f'{n}.csv').read_text().splitlines(keepends=True) for n in TABLES}
    assert all(len(lines[n]) == len(frames[n]) + 1 for n in TABLES)
    owner = dict(
        customers=frames['orders'].groupby('customer_id').order_id.agg(set),
        products=frames['order_items'].groupby('product_id').order_id.agg(set))
    units, touched, gone, changed = dict(customers='customer_id', products='product_id'), set(), {}, []
    for kind, (table, change) in POISON.items():
        frame, left = frames[table], max(1, len(frames[table]) // SHARE)
        while left:
            n = rng.randrange(len(frame))
            row = frame.iloc[n].to_dict()
            orders = owner[table].get(row[units[table]], set()) if table in units else {row['order_id']}
            new = change(row, rng) if all(map(str.isdigit, [row.get('shipping_cents', '0')])) else None
            if not orders or len(orders) > 9 or orders & touched or new == [text(row)]: continue
            touched |= orders
            if kind in ASIDE: gone |= dict.fromkeys(orders, kind)
            changed.append((table, n + 1, new))
            left -= 1
    for table, n, new in changed: lines[table][n] = ''.join(new)
    for table in TABLES: (home / f'{table}.csv').write_text(''.join(lines[table]))
    return gone


CONTENT = { # rows under the source's keys
    'orders': '''select o.source_key as "order", c.source_key as customer, t.* exclude (order_id, customer_id)
        from t join o using (order_id) join c using (customer_id)''',
    'order_items': '''select o.source_key as "order", p.source_key as product,
            t.* exclude (order_id, order_item_id, product_id)
        from t join o using (order_id) join p using (product_id)''',
    'payments': 'select o.source_key as "order", t.* exclude (order_id, payment_id) from t join o using (order_id)',
}


def content(run, table, without):
    con = duckdb.connect()
    for name, view in dict(orders='o', customers='c', products='p').items():
        con.execute(f"create view {view} as from read_parquet('{run}/crosswalk/{name}.parquet')")
    con.execute(f"create view t as from read_parquet('{run}/tables/{table}.parquet')")
    con.register('without', pd.DataFrame(dict(key=sorted(without)), dtype=str))
    rest = f'from ({CONTENT[table]}) where "order" not in (select key from without) order by all'
    return con.sql(rest).to_arrow_table()


SEEDS = 15, 23


@pytest.mark.parametrize('seed', SEEDS)
def test_nothing_good_is_lost_and_nothing_bad_is_in(tmp_path, seed):
    shop = Shop(seed=9, **SIZE)
    source = write_tables({name: shop.frame(name) for name in TABLES}, tmp_path / 'source')
    import_shop(Source([source]), tmp_path / 'good')
    gone = poison(source, random.Random(seed))
    manifest = import_shop(Source([source]), run := tmp_path / 'run')
    for table in CONTENT:
        found, right = content(run, table, ()), content(tmp_path / 'good', table, gone)
        assert {gone[key] for key in found['order'].to_pylist() if key in gone} == set(), table
        assert set(found['order'].to_pylist()) == set(right['order'].to_pylist()), table
        assert found.equals(right), table
    for name, f in manifest['import']['files'].items():
        assert f['read'] == f['loaded'] + f['quarantined'] + f['skipped'], name
    amounts = manifest['import']['amount_cents']
    assert amounts['source'] == amounts['loaded'] + amounts['quarantined'] + amounts['skipped']
    aside = read_rows(run)
    assert len(aside) == sum(f['quarantined'] for f in manifest['import']['files'].values())
    assert None not in aside['reason'].to_pylist() + aside['raw'].to_pylist()
    report = validate(run)
    assert report.ok, str(report)
