"An import loses nothing, invents nothing, and may be repeated."
import json
from contextlib import closing

import pyarrow as pa, pyarrow.parquet as pq
import pytest

from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, questions
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.files.folders import leftovers
from shop_nb.formats.format import OwnColumns
from shop_nb.imports.imports import Source, finish_import, import_shop
from shop_nb.imports.quarantine import MENDED, export, listing, read_rows
from shop_nb.model.schema import TABLES
from shop_nb.quality.validate import validate
from shop_nb.runs.run_folder import READY
from support.sources import HEADER, TILL, tickets, write_tickets


def digests(manifest):
    return {name: t['digest'] for name, t in manifest['tables'].items()}


def by_fate(manifest):
    "Rows of all files: read, loaded, set aside, skipped."
    files = manifest['import']['files'].values()
    return tuple(sum(f[fate] for f in files) for fate in ('read', 'loaded', 'quarantined', 'skipped'))


def without_ids(frame):
    return frame[[c for c in frame if not c.endswith('_id')]]


# ------------------------------------------------------------------------------ a made shop under other keys

@pytest.fixture(scope='module')
def imported(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp('imported') / 'run'
    return folder, import_shop(Source([source]), folder)


def test_nothing_is_set_aside_of_a_good_shop(imported):
    folder, manifest = imported
    assert by_fate(manifest)[2:] == (0, 0)
    assert listing(read_rows(folder)) == 'Nothing is set aside.'
    report = validate(folder)
    assert report.ok, str(report)


@pytest.fixture(scope='module')
def two(imported, made):
    "Connections to the shop, and to what was imported of it."
    with closing(connect(made.tables)) as ours, closing(connect(imported[0])) as theirs: yield ours, theirs


@pytest.mark.parametrize('name', questions())
def test_the_same_answers_under_other_keys(two, name):
    ours, theirs = (ask(name, con).frame for con in two)
    assert without_ids(ours).equals(without_ids(theirs))


def test_the_crosswalk_joins_back(imported, source):
    import pandas as pd
    folder, _ = imported
    for name in ('customers', 'products', 'orders'):
        found, key = pq.read_table(folder / 'crosswalk' / f'{name}.parquet'), TABLES[name].key
        assert found.schema.field(key).type == pa.int64()
        keys = found.to_pandas()
        theirs = pd.read_csv(source / f'{name}.csv', dtype=str)[key]
        assert sorted(keys.source_key) == sorted(theirs)
        assert sorted(keys[key]) == sorted(pq.read_table(folder / 'tables' / f'{name}.parquet')[key].to_pylist())


def test_the_crosswalk_is_in_the_database(imported, tmp_path):
    "As many rows as keys, wherever the shop is kept, and each key of ours leads to one of theirs."
    folder, manifest = imported
    load(folder, tmp_path / 'shop.db')
    rows = sum(manifest['tables'][name]['rows'] for name in ('customers', 'products', 'orders'))
    sql = """select table_name, source_key, key from crosswalk order by all"""
    found = [connect(source).sql(sql).fetchall() for source in (folder, tmp_path / 'shop.db')]
    assert found[0] == found[1]
    assert len(found[0]) == rows
    joined = """select count(*), count(distinct source_key) from orders
join crosswalk on table_name = 'orders' and key = order_id"""
    n = manifest['tables']['orders']['rows']
    assert connect(tmp_path / 'shop.db').sql(joined).fetchall() == [(n, n)]


def test_an_append_brings_the_keys_that_are_new(till, tmp_path):
    def keys(source): return connect(source).sql('select * from crosswalk order by all').fetchall()
    run, db = tmp_path / 'run', tmp_path / 'shop.db'
    import_shop(Source([write_tickets(tmp_path / 'a.csv', tickets(40))], 'till'), run)
    load(run, db)
    before = keys(db)
    import_shop(Source([write_tickets(tmp_path / 'b.csv', tickets(80))], 'till'), run)
    load(run, db, append=True)
    assert keys(db) == keys(run)
    assert len(before) < len(keys(db))
    assert set(before) < set(keys(db))


def test_the_same_files_give_the_same_run(imported, source, tmp_path):
    again = import_shop(Source([source]), tmp_path / 'run')
    assert digests(again) == digests(imported[1])


def test_a_second_import_of_the_same_files_changes_nothing(source, tmp_path):
    first = import_shop(Source([source]), tmp_path / 'run')
    second = import_shop(Source([source]), tmp_path / 'run')
    assert digests(second) == digests(first)
    read, loaded, aside, skipped = by_fate(second)
    assert (loaded, aside, skipped) == (0, 0, read)


def test_it_loads_into_a_database_and_answers_there(imported, tmp_path):
    folder, _ = imported
    load(folder, tmp_path / 'shop.db')
    for name in ('monthly_revenue', 'revenue_by_country'):
        assert ask(name, tmp_path / 'shop.db').frame.equals(ask(name, folder).frame)


# --------------------------------------------------------------------------------------- part by part

def test_days_that_come_later_end_as_all_at_once(till, tmp_path):
    lines = tickets(60) + tickets(60, 60, '2025-03-02') + tickets(60, 120, '2025-03-03')
    whole = import_shop(Source([write_tickets(tmp_path / 'all.csv', lines)], 'till'), tmp_path / 'whole')
    for i in range(3):
        path = write_tickets(tmp_path / f'{i}.csv', lines[60 * i:60 * i + 60])
        parts = import_shop(Source([path], 'till'), tmp_path / 'parts')
    assert digests(parts) == digests(whole)


def test_new_late_updated_and_equal_orders_are_told_apart(till, tmp_path):
    lines = tickets(40, day='2025-03-02')
    import_shop(Source([write_tickets(tmp_path / 'a.csv', lines)], 'till'), tmp_path / 'run')
    changed = [lines[0].replace(',front,', ',back,'), lines[1].replace(',front,', ',back,'), *lines[2:]]
    more = changed + tickets(2, 100, '2025-03-03') + tickets(4, 200, '2025-03-01')
    manifest = import_shop(Source([write_tickets(tmp_path / 'b.csv', more)], 'till'), tmp_path / 'run')
    assert manifest['import']['rows']['orders'] == dict(new=1, late=2, updated=1, same=19)
    assert by_fate(manifest) == (46, 8, 0, 38)


def test_keys_stay_when_later_files_come(till, tmp_path):
    def keys(): return dict(pq.read_table(tmp_path / 'run/crosswalk/orders.parquet').to_pandas().values)
    import_shop(Source([write_tickets(tmp_path / 'a.csv', tickets(40))], 'till'), tmp_path / 'run')
    before = keys()
    import_shop(Source([write_tickets(tmp_path / 'b.csv', tickets(80))], 'till'), tmp_path / 'run')
    assert len(keys()) == 40
    assert {k: v for k, v in keys().items() if k in before} == before


def test_an_order_of_hundreds_of_lines_has_room(till, tmp_path):
    lines = [f'T1,2025-03-01 10:00:00,A{i},1,1.00,M1,front,Wien' for i in range(250)] + tickets(20, 50)
    import_shop(Source([write_tickets(tmp_path / 'a.csv', lines)], 'till'), tmp_path / 'run')
    items = pq.read_table(tmp_path / 'run/tables/order_items.parquet').to_pandas()
    assert items.order_item_id.is_unique
    assert (items.order_item_id == items.order_id * 100 + items.line_number).all()
    assert validate(tmp_path / 'run').ok


# ------------------------------------------------------------------------------------------ set aside

BAD = { # what is wrong with a line, and the rule that says so
    'T0,2025-03-01 10:00:00,A1,two,4.50,M0,front,Wien': 'values',
    'T0,yesterday,A1,2,4.50,M0,front,Wien': 'values',
    'T0,2025-03-01 10:00:00,A1,2,4.505,M0,front,Wien': 'values',
    'T0,2025-03-01 10:00:00,,2,4.50,M0,front,Wien': 'product_id',
    'T0,2025-03-01 10:00:00,A1,-2,4.50,M0,front,Wien': 'order_items.quantity',
    'T0,2025-03-01 10:00:00,A1,2,0.00,M0,front,Wien': 'order_items.unit_price_cents',
    'T0,1999-03-01 10:00:00,A1,2,4.50,M0,front,Wien': 'ordered_at',
    ',2025-03-01 10:00:00,A1,2,4.50,M0,front,Wien': 'tickets',
}


@pytest.mark.parametrize('line', BAD)
def test_a_bad_line_is_set_aside_with_its_order_and_nothing_else(till, tmp_path, line):
    good = tickets(40)
    path = write_tickets(tmp_path / 'a.csv', [line, *good[1:]])
    manifest = import_shop(Source([path], 'till'), tmp_path / 'run')
    aside = read_rows(tmp_path / 'run').to_pylist()
    lines = 1 if line.startswith(',') else 2 # without a ticket, it belongs to none
    assert [(r['line'], r['raw'].strip()) for r in aside][0] == (2, line)
    assert len(aside) == lines
    assert {r['rule'] for r in aside} == {BAD[line]}
    assert by_fate(manifest) == (40, 40 - lines, lines, 0)
    amounts = manifest['import']['amount_cents']
    assert amounts['source'] == amounts['loaded'] + amounts['quarantined'] + amounts['skipped']
    assert validate(tmp_path / 'run').ok


def test_what_is_mended_moves_once(till, tmp_path):
    good = tickets(40)
    bad = [good[0].replace(',4.50,', ',oops,'), *good[1:]]
    import_shop(Source([write_tickets(tmp_path / 'a.csv', bad)], 'till'), tmp_path / 'run')
    path, = export(read_rows(tmp_path / 'run'), tmp_path / 'mend')
    path.write_text(path.read_text().replace(',oops,', ',4.50,'))
    for _ in range(2): manifest = import_shop(Source([path], 'till'), tmp_path / 'run')
    assert len(read_rows(tmp_path / 'run')) == 0
    assert len(read_rows(tmp_path / 'run', MENDED)) == 2
    whole = import_shop(Source([write_tickets(tmp_path / 'b.csv', good)], 'till'), tmp_path / 'whole')
    assert {n: t['rows'] for n, t in manifest['tables'].items()} == {n: t['rows'] for n, t in whole['tables'].items()}


def test_a_repeated_import_does_not_double_the_quarantine(till, tmp_path):
    path = write_tickets(tmp_path / 'a.csv', [*BAD, *tickets(20, 100)])
    for _ in range(3): import_shop(Source([path], 'till'), tmp_path / 'run')
    assert len(read_rows(tmp_path / 'run')) == len(BAD)


def test_skipped_rows_are_counted(till, tmp_path):
    lines = tickets(40)
    lines[3] = lines[3].replace(',1,4.50,', ',0,4.50,')
    manifest = import_shop(Source([write_tickets(tmp_path / 'a.csv', [*lines, HEADER])], 'till'), tmp_path / 'run')
    assert by_fate(manifest) == (41, 39, 0, 2)


# --------------------------------------------------------------------------------- what is not there

def test_nothing_is_invented(till, tmp_path):
    import_shop(Source([write_tickets(tmp_path / 'a.csv', tickets(40))], 'till'), tmp_path / 'run')
    market = json.loads((tmp_path / 'run/manifest.json').read_text())['market']
    assert {'payments', 'orders.status', 'orders.tax_cents', 'products.cost_cents'} <= set(market['absent'])
    assert not {'orders.channel', 'customers.city'} & set(market['absent'])
    orders = pq.read_table(tmp_path / 'run/tables/orders.parquet')
    for name in ('status', 'tax_cents', 'shipping_cents', 'delivered_at'): assert orders[name].null_count == len(orders)
    run = tmp_path / 'run'
    with pytest.raises(ShopError, match='payment_methods needs payments, which'): ask('payment_methods', run)
    assert ask('monthly_revenue', run).frame.revenue.sum() > 0


def test_a_wrong_sum_stops_the_import(till, tmp_path, monkeypatch):
    from dataclasses import replace
    from shop_nb.formats import format as chapter
    wrong = replace(TILL, amount='select sum(quantity * unit_price_cents) + 1 from order_items')
    monkeypatch.setattr(chapter, 'formats', lambda: dict(till=wrong))
    with pytest.raises(ShopError, match='come to .* cents in the source'):
        import_shop(Source([write_tickets(tmp_path / 'a.csv', tickets(40))], 'till'), tmp_path / 'run')
    assert not (tmp_path / 'run').exists()
    assert not leftovers(tmp_path / 'run')


# ------------------------------------------------------------------------------------- other refusals

def test_a_made_shop_takes_no_import(made, source, tmp_path):
    made.save(tmp_path / 'made')
    with pytest.raises(ShopError, match='is a made shop'): import_shop(Source([source]), tmp_path / 'made')


def test_another_currency_is_refused(till, tmp_path):
    path = write_tickets(tmp_path / 'a.csv', tickets(40))
    import_shop(Source([path], 'till', currency='GBP'), tmp_path / 'run')
    with pytest.raises(ShopError, match='are in USD, those of the run in GBP'):
        import_shop(Source([path], 'till', currency='USD'), tmp_path / 'run')


def test_unknown_files_are_told_what_they_lack(till, tmp_path):
    (tmp_path / 'a.csv').write_text('one,two\n1,2\n')
    with pytest.raises(ShopError, match='No known format has these columns: a.csv has the columns one, two'):
        import_shop(Source([tmp_path / 'a.csv']), tmp_path / 'run')
    with pytest.raises(ShopError, match='There is no column Ticket, Time'):
        import_shop(Source([tmp_path / 'a.csv'], 'till'), tmp_path / 'run')


def test_own_columns_and_words(till, tmp_path):
    header = HEADER.replace('Ticket', 'Bon').replace('Counter', 'Kassa')
    path = write_tickets(tmp_path / 'a.csv', tickets(20), header)
    headers = dict(tickets=dict(ticket='Bon', counter='Kassa'))
    own = OwnColumns('till', headers=headers, values=dict(counter=dict(FRONT='web')))
    import_shop(Source([path], own=own), tmp_path / 'run')
    orders = pq.read_table(tmp_path / 'run/tables/orders.parquet')
    assert set(orders['channel'].to_pylist()) == {'web'}


def test_what_a_stopped_import_had_completed_is_finished(till, tmp_path):
    run = tmp_path / 'run'
    import_shop(Source([write_tickets(tmp_path / 'a.csv', tickets(20))], 'till'), run)
    later = import_shop(Source([write_tickets(tmp_path / 'b.csv', tickets(40))], 'till'), tmp_path / 'other')
    (tmp_path / 'other').rename(run / READY)
    finish_import(run)
    assert not (run / READY).exists()
    assert json.loads((run / 'manifest.json').read_text())['tables'] == later['tables']
    assert validate(run).ok


def test_the_list_says_how_many_more_there_are(tmp_path):
    path = tmp_path / 'orders.csv'
    path.write_text('order,customer,time,product,quantity,price\n'
                    + ''.join(f'{n},a,2025-01-01,p,1,{"x" if n < 5 else 2.5}\n' for n in range(6)))
    import_shop(Source([path], currency='EUR'), tmp_path / 'run')
    text = listing(read_rows(tmp_path / 'run'))
    assert text.startswith('values: 5 rows of 5 orders\n')
    assert text.endswith('\n  and 2 more rows')


@pytest.mark.parametrize('folder', [True, False])
def test_a_column_that_only_some_files_have_is_asked_about(tmp_path, folder):
    "Or else an order without shipping would be one that was shipped for nothing."
    (tmp_path / 'parts').mkdir()
    head = 'order,customer,time,product,quantity,price'
    paths = [tmp_path / 'parts' / f'{n}.csv' for n in (1, 2)]
    paths[0].write_text(f'{head},shipping\n1,a,2025-01-01,p,1,5,2.50\n')
    paths[1].write_text(f'{head}\n2,a,2025-01-01,p,1,5\n')
    source = Source([tmp_path / 'parts'] if folder else paths, currency='EUR')
    with pytest.raises(ShopError, match='has no column shipping, which another file of lines has'):
        import_shop(source, tmp_path / 'run')
    assert not (tmp_path / 'run').exists()
    source.contract = dict(columns=dict(shipping='evolve'))
    assert any('has no column shipping' in note for note in import_shop(source, tmp_path / 'run')['import']['notes'])
