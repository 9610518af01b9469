"An audit finds no fault with a warehouse that is right, and in any other one the batch that went wrong first"
import json, random, sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import adbc_driver_postgresql.dbapi as postgresql
import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from hypothesis import given, settings as hypothesis_settings, strategies as st

import mariadb
import postgres
from shop_nb.app.cli import main
from shop_nb.audit import differences as rows_module
from shop_nb.audit.audit import audit
from shop_nb.audit.differences import Suspects, changes_in
from shop_nb.audit.sheet import AMOUNTS, Sheet, read_sheet, sheet
from shop_nb.audit.warehouse import Rows, as_declared
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.files.digest import digest
from shop_nb.files.servers import open_server, server_of
from shop_nb.generator.blocks import generator, tables, write_tables
from shop_nb.history.changes import changes
from shop_nb.history.replay import Replay, as_of
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.shop.shop import Shop
from support import FULL

SETTINGS = Settings(customers=200, products=60, orders=400, order_items=1000)
SMALL = dict(customers=100, products=60, orders=300, order_items=700)
SHOPS = dict(
    eu=SETTINGS,
    india=Settings(**SMALL, behaviour='in'),
    purged=Settings(**SMALL, parameters=(('payments.purged_after', 20), ('payments.fails', {'card': .5}))),
    at_noon=Settings(**SMALL, until='2025-09-30', until_time='12:34:56'),
)


@pytest.fixture(scope='module')
def shop(): return tables(SETTINGS)


@pytest.fixture(scope='module')
def promised(): return sheet(SETTINGS, '2025-10-01', every=7 * 86400)


@pytest.fixture(scope='module')
def batches(promised):
    "The changes of each batch, as dictionaries; those before the first one are batch 0"
    spans = [(None, promised.begin), *(promised.span(i) for i in range(1, len(promised) + 1))]
    return [list(changes(SETTINGS, *span)) for span in spans]


def loaded(batches):
    "Tables without keys, to which changes were applied as SQL does"
    state = {name: {} for name in TABLES}
    for c in (change for batch in batches for change in batch):
        rows, key = state[c['table']], c['key']
        if c['operation'] == 'insert': rows.setdefault(key, []).append(c['after'])
        elif c['operation'] == 'update': rows[key] = [c['after']] * len(rows.get(key, []))
        else: rows.pop(key, None)
    return {name: pa.Table.from_pylist([row for several in rows.values() for row in several], arrow_schema(name))
            for name, rows in state.items()}


@hypothesis_settings(max_examples=100 if FULL else 8, deadline=None)
@given(st.sampled_from(sorted(SHOPS)), st.integers(0, 10**9), st.integers(0, 10**9),
       st.sampled_from([86400, 7 * 86400, 30 * 86400, 7200, 3601]))
def test_a_sheet_says_how_the_tables_stand(name, a, b, every):
    settings = SHOPS[name]
    calendar = generator(settings).calendar
    start, now = calendar.start * 86400, calendar.now
    begin = start + a % (now - start)
    end = min(begin + 1 + b % (60 * 86400), now)
    made = sheet(settings, *(np.datetime64(at, 's') for at in (begin, end)), every=every)
    assert made.span(1)[0] == made.begin and made.ends[-1] == end
    for i in {0, 1, len(made)}:
        at = made.span(i)[1] if i else made.begin
        for name, t in tables(as_of(settings, at)).items():
            amounts = {c: pc.sum(t[c]).as_py() or 0 for c in AMOUNTS[name]}
            assert made.state(i, name) == dict(rows=len(t), amounts=amounts, digest=digest(t, name)), (i, name)


@pytest.mark.parametrize('begin, days', [
    ('2025-12-01', 31), ('2025-12-30 12:00', 2), (None, None), ('2024-06-01', 579),
])
def test_progress_counts_the_days_of_the_sheet(begin, days):
    seen = []
    made = sheet(SETTINGS, begin, progress=lambda *a: seen.append(a))
    days = days or len(made)
    assert seen[-1] == (days, days) and {all for _, all in seen} == {days}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen) and min(seen)[0] > 0


def test_a_sheet_counts_what_its_batches_hold(promised, batches):
    for i, batch in enumerate(batches[1:], 1):
        counted = pd.Series([(c['table'], c['operation']) for c in batch]).value_counts()
        for name, n in promised.batches[i - 1]['changes'].items():
            assert n == {operation: counted.get((name, operation), 0) for operation in n}


def as_folder(shop, place, kind):
    for name, t in shop.items():
        if kind == 'csv': t.to_pandas().to_csv(place / f'{name}.csv', index=False)
        else: t.to_pandas().to_parquet(place / f'{name}.parquet')
    return place


def part(path):
    path.parent.mkdir(parents=True)
    return path


def as_packed(shop, place, kind):
    for name, t in shop.items(): t.to_pandas().to_csv(place / f'{name}.csv.{kind}', index=False)
    return place


def as_parts(shop, place, kind):
    "Folders named as tables or as files of them, with a part of each half, one packed"
    for name, t in shop.items():
        (folder := place / f'{name}{kind}').mkdir()
        frame, half = t.to_pandas(), len(t) // 2
        frame[:half].to_csv(folder / 'part-0.csv.gz', index=False)
        frame[half:].to_csv(folder / 'part-1.csv', index=False)
    return place


_BY = dict(customers=['city', 'marketing_opt_in'], products=['discontinued_on'], orders=['delivered_at'],
           order_items=['line_number'], payments=['method', 'attempts']) # among them times, nulls, and text with marks


def as_partitions(shop, place, kind):
    for name, t in shop.items():
        if kind == 'delta': write_deltalake(place / name, t, partition_by=_BY[name])
        else: pq.write_to_dataset(t, place / f'{name}.parquet', partition_cols=_BY[name])
    return place


def as_sqlite(shop, place, kind):
    with closing(sqlite3.connect(place / 'theirs.db')) as con:
        for name, t in shop.items(): t.to_pandas().assign(loaded_by='etl').to_sql(name.upper(), con, index=False)
    return place / 'theirs.db'


def as_duckdb(shop, place, kind):
    with duckdb.connect(place / 'theirs.duckdb') as con:
        for name, t in shop.items():
            con.register('arrow', t)
            cents = ', '.join(f'{c}::decimal(12, 0) as {c}' for c in AMOUNTS[name])
            con.execute(f'create table {name}_all as select * {f"replace ({cents})" if cents else ""} from arrow')
            con.execute(f'create view {name} as from {name}_all order by random()')
    return f'duckdb:{place}/theirs.duckdb'


def as_run(shop, place, kind):
    write_tables(SETTINGS, place)
    return place


def as_loaded(shop, place, kind):
    load(shop, place / 'shop.db')
    return place / 'shop.db'


@pytest.mark.parametrize('write, kind', [
    (as_folder, 'csv'), (as_folder, 'parquet'), (as_packed, 'gz'), (as_packed, 'bz2'), (as_parts, ''),
    (as_parts, '.csv'), (as_partitions, 'hive'), (as_partitions, 'delta'), (as_sqlite, ''), (as_duckdb, ''),
    (as_run, ''), (as_loaded, ''),
])
def test_a_warehouse_of_any_kind(shop, promised, tmp_path, monkeypatch, write, kind):
    monkeypatch.chdir(tmp_path)
    found = audit(write(shop, Path('.'), kind), promised)
    assert found.ok, str(found)
    if write in (as_run, as_loaded): return
    (other := tmp_path / 'other').mkdir()
    spoilt = shop | dict(orders=shop['orders'].slice(1))
    found = audit(write(spoilt, other, kind), promised)
    assert not found.ok and found.first == 0
    assert list(found.findings.mistake) == ['missing']


def test_a_warehouse_in_postgresql(shop, promised):
    with postgres.server(fsync='off') as begin:
        url = f'{begin}/postgres'
        with closing(postgresql.connect(url)) as con, closing(con.cursor()) as cur:
            for name, t in shop.items(): cur.adbc_ingest(name, t, mode='create')
            cur.execute('alter table payments alter amount_cents type numeric(12, 2)')
            cur.execute('alter table payments alter method type char(40)')
            cur.execute("alter table orders alter ordered_at type timestamptz using ordered_at at time zone 'UTC'")
            con.commit()
            assert audit(f'{url}?schema=public', promised).ok
            cur.execute("update orders set ordered_at = ordered_at - interval '1 hour'")
            cur.execute('update payments set amount_cents = amount_cents / 100')
            cur.execute("alter table orders rename column channel to source")
            con.commit()
            for name in TABLES: cur.execute(f'create materialized view of_{name} as select * from {name}')
            cur.execute('create schema seen')
            for name in TABLES: cur.execute(f'alter materialized view of_{name} set schema seen')
            for name in TABLES: cur.execute(f'alter materialized view seen.of_{name} rename to {name}')
            con.commit()
        with closing(postgresql.connect(url)) as con, closing(con.cursor()) as cur:
            cur.execute('create schema empty')
            for name in TABLES: cur.execute(f'create table empty.{name} as select * from public.{name} limit 0')
            con.commit()
        found = audit(f'{url}?schema=empty', promised, 0)
        assert set(found.findings.mistake) == {'missing', 'no column'} # one was renamed
        found = audit(f'{url}?schema=seen', promised)
        assert str(found) == str(audit(f'{url}?schema=public', promised))
        said = dict(zip(found.findings.mistake + found.findings.table, found.findings.words))
        assert 'delivered_at' not in str(found)
        assert f'{len(shop["orders"])} rows with a wrong value of ordered_at: 1 hour early' in said['wrong valueorders']
        assert '100 times too small' in said['wrong valuepayments']
        assert said['no columnorders'] == 'there is no column channel'
        with pytest.raises(ShopError, match='none of the tables'): audit(f'{url}?schema=elsewhere', promised)


_MARIADB = dict(id='bigint', count='int', cents='decimal(12,0)', text='char(200)', date='date', time='datetime',
                flag='tinyint', degrees='double')


def test_a_warehouse_in_mariadb(shop, promised):
    with mariadb.server() as url:
        with open_server(server_of(url)) as (con, cur):
            for name, t in shop.items():
                columns = ', '.join(f'{c.name} {_MARIADB[c.type]}' for c in TABLES[name].columns)
                cur.execute(f'create table {name} ({columns}) character set utf8mb4')
                marks = ', '.join(['%s'] * len(t.column_names))
                cur.executemany(f'insert into {name} values ({marks})', [tuple(r.values()) for r in t.to_pylist()])
            con.commit()
        assert audit(url, promised).ok
        with open_server(server_of(url)) as (con, cur):
            cur.execute('delete from order_items where line_number = 2 limit 1')
            con.commit()
        assert list(audit(url, promised).findings.mistake) == ['missing']


@pytest.mark.parametrize('seed', range(60 if FULL else 12))
def test_a_change_that_is_lost_is_found_in_its_batch(promised, batches, seed):
    "If the state at the end shows it at all"
    draw = random.Random(seed)
    number = draw.randrange(1, len(batches))
    lost = draw.choice(batches[number])
    spoilt = [[c for c in batch if c is not lost] for batch in batches]
    found = audit(loaded(spoilt), promised)
    later = [c for batch in batches[number:] for c in batch if c['key'] == lost['key'] and c['table'] == lost['table']
             and c['sequence'] > lost['sequence']]
    if lost['operation'] == 'update' and later: # a later row replaced it
        assert found.ok
        return
    assert found.first == number, str(found)
    assert len(found.findings) == 1 and str(lost['key']) in found.findings.words[0]


@pytest.mark.parametrize('number', [1, 6, 12])
def test_a_batch_that_is_lost_is_the_first(promised, batches, number):
    found = audit(loaded([batch for i, batch in enumerate(batches) if i != number]), promised)
    assert found.first == number
    assert found.findings.words.str.contains('missing').any()


def test_a_warehouse_that_stopped_or_ran_ahead_is_told_in_a_sentence(promised, batches):
    behind = audit(loaded(batches[:8]), promised)
    assert behind.first == 8
    assert set(behind.findings.mistake) == {'behind'}
    assert audit(loaded(batches[:8]), promised, 7).ok
    assert audit(loaded(batches[:8]), promised, promised.span(7)[1]).ok
    ahead = audit(loaded(batches[:10]), promised, 7)
    assert ahead.first == 8 and set(ahead.findings.mistake) == {'ahead'}
    assert audit(loaded(batches[:1]), promised, 0).ok


def test_wrong_from_the_beginning(promised, batches, shop):
    hour = pa.scalar(timedelta(hours=1), pa.duration('us'))
    t = shop['orders']
    late = t.set_column(t.column_names.index('ordered_at'), 'ordered_at', pc.add(t['ordered_at'], hour))
    found = audit(shop | dict(orders=late), promised)
    assert found.first == 0
    assert len(found.findings) == 1 and '1 hour late' in found.findings.words[0]
    assert found.tables['orders'].wrong == len(t)


@pytest.mark.parametrize('seed', range(40 if FULL else 10))
def test_a_doubled_insert_is_found_in_its_batch(promised, batches, seed):
    "Also if both rows were updated later"
    draw = random.Random(seed)
    number = draw.randrange(1, len(batches))
    twice = draw.choice([c for c in batches[number] if c['operation'] == 'insert'])
    spoilt = [[c for c in batch for _ in range(1 + (c is twice))] for batch in batches]
    found = audit(loaded(spoilt), promised)
    assert found.first == number and list(found.findings.mistake) == ['twice'], str(found)


@pytest.mark.parametrize('seed', range(40 if FULL else 10))
def test_a_wrong_value_is_found_in_the_batch_that_wrote_it_last(promised, batches, seed):
    draw = random.Random(seed)
    number = draw.randrange(1, len(batches))
    spoilt = draw.choice([c for c in batches[number] if c['table'] == 'orders'])
    wrong = spoilt | dict(after=spoilt['after'] | dict(tax_cents=spoilt['after']['tax_cents'] + 7))
    found = audit(loaded([[wrong if c is spoilt else c for c in batch] for batch in batches]), promised)
    later = [c for batch in batches for c in batch if c['key'] == spoilt['key'] and c['sequence'] > spoilt['sequence']]
    if later: assert found.ok
    else: assert found.first == number and '7 too large' in found.findings.words[0], str(found)


def test_types_of_their_own(promised, shop, tmp_path):
    with duckdb.connect(tmp_path / 'theirs.duckdb') as con:
        for name, t in shop.items():
            con.register('arrow', t)
            con.execute(f'create table {name} as select * from arrow')
        con.execute('alter table customers alter latitude type decimal(9, 4)')
        con.execute('alter table customers alter longitude type float')
        con.execute('alter table orders alter ordered_at type varchar using epoch(ordered_at)::bigint::varchar')
        con.execute('alter table payments alter amount_cents type double')
    assert audit(tmp_path / 'theirs.duckdb', promised).ok
    bits = [b'\x01' if opt else b'\x00' for opt in shop['customers']['marketing_opt_in'].to_pylist()]
    column = shop['customers'].column_names.index('marketing_opt_in')
    customers = shop['customers'].set_column(column, 'marketing_opt_in', pa.array(bits))
    assert audit(shop | dict(customers=customers), promised).ok


def with_cells(t, column, *cells):
    "A table whose first cells of a column are others, in the type that these have with the rest as text"
    texts = [*cells, *map(str, t[column].to_pylist()[len(cells):])]
    return t.set_column(t.column_names.index(column), column, pa.array(texts))


@pytest.mark.parametrize('column, cell', [
    ('shipping_cents', 'NaN'), ('shipping_cents', '1e400'), ('ordered_at', '2025-01-01 03:18:19 EST'),
    ('ordered_at', '13/01/2025'), ('ordered_at', '2025-01-01 03:18:19.000000001'), ('ordered_at', '9' * 18),
    ('order_id', '2.50101E+13'), ('customer_id', '²'), ('ordered_at', '12025-01-01'), ('tax_included', 'maybe'),
])
def test_a_cell_that_cannot_be_is_shown(promised, shop, column, cell):
    found = audit(shop | dict(orders=with_cells(shop['orders'], column, cell)), promised)
    assert found.tables['orders'].wrong in (1, 2) # a key that cannot be read is a row too many, and one too few
    assert cell in str(found)


def test_what_arrow_has_and_python_has_not(promised, shop):
    t = shop['orders']
    forever = pa.array([2**62, *t['ordered_at'].cast(pa.int64()).to_pylist()[1:]], pa.timestamp('us'))
    text = b''.join(b'\xff' + s.encode()[1:] if not i else s.encode() for i, s in enumerate(t['status'].to_pylist()))
    ends = np.cumsum([0, *map(len, t['status'].to_pylist())]).astype(np.int32)
    broken = pa.Array.from_buffers(pa.string(), len(t), [None, pa.py_buffer(ends), pa.py_buffer(text)])
    nan = pa.array([float('nan'), *map(float, t['shipping_cents'].to_pylist()[1:])])
    for column, cells in ('ordered_at', forever), ('status', broken), ('shipping_cents', nan):
        found = audit(shop | dict(orders=t.set_column(t.column_names.index(column), column, cells)), promised)
        assert found.tables['orders'].wrong == 1, column
        assert f'a wrong value of {column}' in str(found)


def test_more_than_the_sheet_tells_of(batches, shop):
    short = sheet(SETTINGS, '2025-10-01', '2025-10-15')
    found = audit(shop, short)
    assert not found.ok and found.first > len(short)
    assert 'after the last batch' in str(found)


def test_a_run_that_was_advanced_is_ahead_of_its_sheet(promised):
    earlier = Settings(customers=200, products=60, orders=400, order_items=1000, until='2025-12-15')
    made = sheet(earlier, '2025-12-01')
    found = audit(tables(Settings(customers=200, products=60, orders=400, order_items=1000, until='2025-12-20')), made)
    assert set(found.findings.mistake) <= {'too early'} and found.first == len(made) + 1


AHEAD = dict(customers=300, products=60, orders=700, order_items=1700, parameters=(
    ('payments.purged_after', 20), ('payments.fails', {'card': .5}), ('products.repricing', True),
    ('customers.consent_changes', .9), ('customers.moves', .5), ('customers.erasures', .2)))


@pytest.mark.parametrize('until, later', [
    ('2025-06-30', '2025-07-20'), ('2025-03-31', '2025-12-31'), ('2025-12-31', '2026-01-01'),
    ('2025-12-31', '2026-03-10'),
])
def test_a_warehouse_that_is_newer_than_its_sheet_has_no_other_fault(until, later):
    "Also where orders were deleted later, prices are back at what they were, and the year of the shop is over."
    found = audit(tables(Settings(until=later, **AHEAD)), sheet(Settings(until=until, **AHEAD), '2025-03-01'))
    assert {'too early', 'deleted early'} >= set(found.findings.mistake), str(found)
    assert found.first == len(found.sheet) + 1 and until < found.latest[:10] <= later
    assert f'changes after its last batch, up to {found.latest}.' in str(found)
    assert json.loads(found.to_json())['latest'] == found.latest
    assert sum(t.wrong for t in found.tables.values()) == sum(t.seen for t in found.tables.values())


def test_what_is_wrong_with_a_warehouse_that_is_newer_than_its_sheet_is_still_found():
    made = sheet(Settings(until='2025-06-30', **AHEAD), '2025-03-01')
    now = tables(Settings(until='2025-07-20', **AHEAD))
    kept = now['orders'].filter(pc.not_equal(now['orders']['order_id'], lost := now['orders']['order_id'][40].as_py()))
    found = audit(now | dict(orders=kept), made)
    assert list(found.findings.mistake[found.findings.batch <= len(made)]) == ['missing']
    assert str(lost) in found.findings.words[0]
    assert str(found).splitlines()[-1] == f'There are changes of later batches, too, up to {found.latest}.'


def test_a_later_value_is_no_wrong_one_in_a_warehouse_that_is_ahead():
    "Of a row that has a wrong value besides, the wrong value alone is told."
    made = sheet(Settings(until='2025-06-30', **AHEAD), '2025-03-01')
    now = tables(Settings(until='2025-07-20', **AHEAD))
    t = now['orders']
    some = pc.greater(t['ordered_at'], pa.scalar(datetime(2025, 6, 10)))
    tax = pc.if_else(some, pc.add(t['tax_cents'], 7), t['tax_cents'])
    spoilt = t.set_column(t.column_names.index('tax_cents'), 'tax_cents', tax)
    found = audit(now | dict(orders=spoilt), made)
    words = found.findings.words[found.findings.mistake == 'wrong value'].tolist()
    assert len(words) == 1 and 'wrong value of tax_cents: 7 too large' in words[0]


def test_rows_that_are_missing_are_not_deleted_early_where_nothing_is_ahead():
    "What will be deleted later and is missing now is missing."
    settings = Settings(until='2025-06-30', **AHEAD)
    log = changes(replace(settings, until='2025-12-31'), '2025-07-01').tables['orders']
    keys = log.filter(pc.equal(log['operation'], 'delete'))['key']
    now, made = tables(settings), sheet(settings, '2025-03-01')
    found = audit(now | dict(orders=now['orders'].filter(pc.invert(pc.is_in(now['orders']['order_id'], keys)))), made)
    assert set(found.findings.mistake) == {'missing'} and found.latest is None


def test_a_key_that_nobody_has_in_an_empty_table(shop):
    made = sheet(SETTINGS)
    empty = {name: arrow_schema(name).empty_table() for name in TABLES}
    row = shop['orders'].slice(0, 1).set_column(0, 'order_id', pa.array([-1]))
    assert list(audit(empty | dict(orders=row), made, 0).findings.mistake) == ['unknown']


@pytest.mark.parametrize('write, wrong', [
    (lambda t, p: (p / 'orders.csv').write_text(t.to_pandas().to_csv(index=False, sep=';')), 'no commas'),
    (lambda t, p: (p / 'orders.csv').write_bytes(t.to_pandas().to_csv(index=False).encode('utf-16')), 'cannot be read'),
    (lambda t, p: (p / 'orders.parquet').write_text('no such thing'), 'cannot be read'),
    (lambda t, p: (p / 'orders.csv.zst').write_bytes(b'no such thing'), 'cannot be read'),
    (lambda t, p: t.to_pandas().to_csv(p / 'orders.csv.zip', index=False),
     r'orders.csv.zip cannot be read.\nWrite it as Par'),
    (lambda t, p: t.to_pandas().to_csv(part(p / 'orders/2025/part.csv'), index=False), 'no files that can be read'),
    (lambda t, p: [t.to_pandas().to_csv(p / f'orders.csv{end}', index=False) for end in ('', '.gz')], 'orders twice'),
    (lambda t, p: part(p / 'orders/_delta_log/00.json').write_text('{}'), 'cannot be read as a table of Delta'),
    (lambda t, p: t.rename_columns({'channel': 'STATUS'}).to_pandas().to_parquet(p / 'orders.parquet'), 'status twice'),
])
def test_files_that_cannot_be_read(promised, shop, tmp_path, write, wrong):
    write(shop['orders'], tmp_path)
    with pytest.raises(ShopError, match=wrong) as e: audit(tmp_path, promised)
    assert len(str(e.value).splitlines()) <= 2


def test_what_happens_when_a_batch_begins_belongs_to_it():
    at = changes(SETTINGS, '2025-06-01').tables['orders']['moment'][0].as_py()
    made = sheet(SETTINGS, at, at + timedelta(days=1))
    assert made.state(0, 'orders')['digest'] == digest(tables(as_of(SETTINGS, at))['orders'], 'orders')
    assert made.batch_of(np.array([made.ends[0] - 86400 - 1, made.ends[0] - 1, made.ends[0]])).tolist() == [0, 1, 2]


@pytest.mark.parametrize('first', [True, False])
def test_of_several_rows_of_a_key_the_right_one_counts(promised, shop, first):
    update = changes(SETTINGS, promised.begin).tables['orders'].filter(pc.field('operation') == 'update').slice(0, 1)
    old = pa.Table.from_pylist(update['before'].to_pylist(), arrow_schema('orders'))
    both = [old, shop['orders']] if first else [shop['orders'], old]
    found = audit(shop | dict(orders=pa.concat_tables(both)), promised)
    assert list(found.findings.mistake) == ['added'] and found.tables['orders'].wrong == 1
    assert found.first == promised.batch_of(np.array([update['moment'].cast(pa.int64())[0].as_py()]))[0]


def test_a_column_that_was_never_right_is_wrong_since_its_first_value(shop):
    "Though each of its rows was written again later"
    made = sheet(SETTINGS, '2025-01-01')
    t = shop['orders']
    late = t.set_column(2, 'ordered_at', pc.add(t['ordered_at'], pa.scalar(timedelta(hours=1), pa.duration('us'))))
    first = pc.min(t['ordered_at']).as_py()
    assert audit(shop | dict(orders=late), made).first == (first - datetime(2025, 1, 1)).days + 1


def test_a_column_that_is_wrong_from_some_batch_on(promised, batches):
    "Also where a row that was right until then is written again"
    def spoil(c):
        if c['table'] != 'orders' or c['after']['delivered_at'] is None: return c
        return c | dict(after=c['after'] | dict(delivered_at=c['after']['delivered_at'] - timedelta(hours=1)))
    found = audit(loaded(batches[:6] + [[*map(spoil, batch)] for batch in batches[6:]]), promised)
    assert found.first == 6 and '1 hour early' in found.findings.words[0]


def test_before_the_shop_opens_there_are_customers_and_products():
    made = sheet(SETTINGS, every=30 * 86400)
    at = max(i for i in range(1, len(made)) if made.span(i)[1] < '2024-06-01')
    replay = Replay()
    replay.apply(changes(SETTINGS, end=made.span(at)[1]))
    here = replay.as_of(made.span(at)[1])
    assert audit(here, made, at).ok
    found = audit(here | dict(customers=here['customers'].slice(1)), made, at)
    assert list(found.findings.mistake) == ['missing'] and 0 < found.first < at


def test_a_batch_in_the_wrong_order(promised, batches):
    found = audit(loaded(batches[:9] + [batches[9][::-1]] + batches[10:]), promised)
    assert found.first == 9
    assert 'out of order' in set(found.findings.mistake)


@pytest.mark.parametrize('number', [1, 3, 6, 7, 9, 13])
def test_updates_that_are_appended_are_found_in_their_batch(promised, batches, number):
    "Also where a later update made both rows alike"
    def spoil(c): return c | dict(operation='insert') if c['operation'] == 'update' else c
    found = audit(loaded([*batches[:number], [*map(spoil, batches[number])], *batches[number + 1:]]), promised)
    assert found.first == number and 'twice' in set(found.findings.mistake)


def test_a_row_that_will_be_as_it_was_is_not_ahead():
    "A customer agrees, no longer does, and agrees again: who missed the second of these is not at the third"
    minded = (('customers.consent_changes', .9),)
    settings = Settings(customers=200, products=20, orders=20, order_items=40, parameters=minded)
    made, log = sheet(settings, '2025-01-01', every=30 * 86400), changes(settings, '2025-01-01').tables['customers']
    minds = log.filter(pc.field('event') == 'changed_consent').to_pandas()
    batch = made.batch_of(minds.moment.to_numpy().astype('datetime64[s]').astype(np.int64))
    minds = minds.assign(batch=batch)[['key', 'batch', 'before']].sort_values(['key', 'batch'])
    both = minds[minds.key.eq(minds.key.shift(-1)) & minds.batch.lt(minds.batch.shift(-1))].iloc[0]
    t = tables(as_of(settings, made.span(int(both.batch))[1]))
    rows = {r['customer_id']: r for r in t['customers'].to_pylist()} | {both.key: both.before}
    customers = pa.Table.from_pylist(list(rows.values()), arrow_schema('customers'))
    found = audit(t | dict(customers=customers), made, int(both.batch))
    assert list(found.findings.mistake) == ['not updated'] and found.first == both.batch


def deleted(log, name, key):
    "A log in which a row is deleted an hour after its last change, and the change that deletes it"
    rows = log.tables[name]
    last = rows.filter(pc.equal(rows['key'], key)).to_pylist()[-1]
    gone = last | dict(sequence=last['sequence'] + 3600 * 10**6, transaction=last['sequence'] + 3600 * 10**6,
                       moment=last['moment'] + timedelta(hours=1), operation='delete', event='erased',
                       before=last['after'], after=None)
    return pa.concat_tables([rows, pa.Table.from_pylist([gone], rows.schema)]), gone


def test_a_deletion_that_is_lost(promised, shop):
    log, key = changes(SETTINGS), shop['customers']['customer_id'][-1].as_py()
    rows, gone = deleted(log, 'customers', key)
    log.tables['customers'] = rows
    truth = shop['customers'].slice(0, len(shop['customers']) - 1)
    rest = truth, changes_in([log]), promised, len(promised)
    found = Suspects(Rows('customers', shop['customers']), *rest).differences()
    at = promised.batch_of(np.array([int((gone['moment'] - datetime(1970, 1, 1)).total_seconds())]))[0]
    assert found.cells[['batch', 'mistake', 'key']].values.tolist() == [[at, 'not deleted', key]]
    right = Suspects(Rows('customers', truth), truth, changes_in([log]), promised, len(promised)).differences()
    assert not right.wrong


@pytest.mark.parametrize('month', [3, 7, 11])
def test_deletions_of_a_made_shop_that_are_lost(month):
    "A loader that forgets the deletions of one month is found out in the first batch that has one."
    settings = SHOPS['purged']
    promised, log, replay = sheet(settings, '2025-01-01', every=86400), changes(settings), Replay()
    lost = []
    for name, rows in log.tables.items():
        forgotten = pc.and_(pc.equal(rows['operation'], 'delete'), pc.equal(pc.month(rows['moment']), month))
        lost += rows.filter(forgotten)['moment'].to_pylist()
        log.tables[name] = rows.filter(pc.invert(forgotten))
    replay.apply(log)
    found = audit(replay.as_of('2026-01-01'), promised)
    assert set(found.findings.mistake) == {'not deleted'}
    assert promised.span(found.first)[0] == f'{min(lost):%Y-%m-%d 00:00:00}'
    assert sum(table.wrong for table in found.tables.values()) == len(lost) > 6
    assert audit(tables(settings), promised).ok


@pytest.mark.parametrize('write', [as_duckdb, as_sqlite, as_folder], ids=['duckdb', 'sqlite', 'parquet'])
def test_an_empty_table_has_its_columns(shop, promised, tmp_path, write):
    "It is as promised where nothing is promised, and lacks all rows where some are; no column is missing."
    empty = {name: t.slice(0, 0) for name, t in shop.items()}
    place = write(empty, tmp_path, 'parquet')
    assert audit(place, sheet(SETTINGS), 0).ok
    found = audit(place, promised)
    assert set(found.findings.mistake) == {'missing'}
    for name, t in found.tables.items(): assert t.wrong == t.promised['rows'], name


def test_a_sheet_by_its_file_and_what_is_no_warehouse(shop, promised, tmp_path):
    promised.save(tmp_path / 'sheet.json')
    for path in (tmp_path / 'sheet.json', str(tmp_path / 'sheet.json')): assert audit(shop, path).ok
    with pytest.raises(ShopError, match='Shop is no warehouse'): audit(Shop(SETTINGS), promised)


def test_rows_of_nobody_and_without_a_key(promised, shop):
    t = shop['payments'].to_pandas()
    strange = t.tail(1).assign(payment_id=99)
    keyless = t.tail(2).assign(payment_id=None)
    spoilt = pd.concat([t.astype({'payment_id': 'Int64'}), strange, keyless.astype({'payment_id': 'Int64'})])
    found = audit(shop | dict(payments=spoilt), promised)
    assert set(found.findings.mistake) == {'unknown', 'no key'} and found.first is None
    assert 'cannot be told' in str(found)
    assert found.tables['payments'].wrong == 3


def test_columns_and_tables_that_are_missing(promised, shop):
    found = audit({n: t for n, t in shop.items() if n != 'products'} | dict(
        orders=shop['orders'].drop_columns('channel'), payments=shop['payments'].drop_columns('payment_id')), promised)
    said = set(found.findings.words)
    assert said == {'there is no column channel', 'there is no column payment_id', 'there is no such table'}
    with pytest.raises(ShopError, match='none of the tables'): audit({}, promised)


def test_cells_that_cannot_be_read_are_wrong(promised, shop):
    t = shop['orders'].to_pandas()
    t['delivered_at'] = t.delivered_at.astype(object).where(t.delivered_at.notna(), 'n/a')
    found = audit(shop | dict(orders=t), promised)
    assert 'whose delivered_at is n/a and should be null' in str(found)


def with_blanks_for_nulls(t, column):
    return t.set_column(t.column_names.index(column), column, pc.fill_null(t[column].cast(pa.string()), ''))


@pytest.mark.parametrize('name, column', [
    ('orders', 'delivered_at'), ('products', 'discontinued_on'), ('payments', 'paid_at'),
])
@pytest.mark.parametrize('write, kind', [
    (lambda shop, *_: shop, ''), (as_folder, 'parquet'), (as_sqlite, ''), (as_folder, 'csv'),
], ids=['frames', 'parquet', 'sqlite', 'csv'])
def test_an_empty_text_is_no_null(promised, shop, tmp_path, write, kind, name, column):
    "But where it cannot be told from one."
    found = audit(write(shop | {name: with_blanks_for_nulls(shop[name], column)}, tmp_path, kind), promised)
    assert found.ok == (kind == 'csv')
    if found.ok: return
    assert found.tables[name].wrong == shop[name][column].null_count and len(found.findings) == 1
    assert f'wrong value of {column}: an empty text instead of null' in str(found)
    assert f"whose {column} is '' and should be null" in str(found)


def test_only_so_many_rows_are_looked_into(monkeypatch, promised, shop):
    monkeypatch.setattr(rows_module, 'MOST', 5)
    found = audit(shop | dict(orders=shop['orders'].slice(100)), promised)
    assert (found.tables['orders'].wrong, found.tables['orders'].seen) == (100, 5)
    assert '100 wrong (the first 5 were looked into)' in str(found)


def test_a_sheet_of_another_version_knows_no_rows(promised, shop):
    other = Sheet(**{name: getattr(promised, name) for name in Sheet.__dataclass_fields__} | dict(version=1))
    assert audit(shop, other).ok
    found = audit(shop | dict(orders=shop['orders'].slice(1)), other)
    assert found.first is None and 'version 1 of the generator' in str(found)


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"version": 3}', '\x00', '[' * 10**5])
def test_what_is_no_sheet(tmp_path, text):
    (tmp_path / 'sheet.json').write_text(text)
    with pytest.raises(ShopError, match='not an audit sheet') as e: read_sheet(tmp_path / 'sheet.json')
    assert e.value.code == 2
    with pytest.raises(ShopError, match='cannot be read'): read_sheet(tmp_path / 'none.json')


@pytest.mark.parametrize('change', [
    dict(batches=[]), dict(begin='yesterday'), dict(settings=dict(colour='red')), dict(before={}), dict(settings=None),
    dict(more=1), dict(before={name: dict(rows='4', amounts={}, digest='') for name in TABLES}),
])
def test_a_damaged_sheet(tmp_path, promised, change):
    promised.save(tmp_path / 'sheet.json')
    facts = json.loads((tmp_path / 'sheet.json').read_text()) | change
    (tmp_path / 'sheet.json').write_text(json.dumps(facts))
    with pytest.raises(ShopError) as e: read_sheet(tmp_path / 'sheet.json')
    assert e.value.code == 2


@pytest.mark.parametrize('after, wrong', [
    (99, 'no batch 99'), ('2025-10-02', 'No batch ends at'), ('soon', 'not a moment'),
])
def test_a_batch_that_there_is_not(promised, shop, after, wrong):
    with pytest.raises(ShopError, match=wrong): audit(shop, promised, after)


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Shop(SETTINGS).save('run')
    assert main(['sheet', 'run', '--out', 'sheet.json', '--from', '2025-12-01']) in (0, None)
    assert main(['audit', 'run', 'sheet.json']) in (0, None)
    assert 'All tables are as promised' in capsys.readouterr().out
    orders = pd.read_parquet('run/tables/orders.parquet')
    orders.iloc[:-1].to_parquet('run/tables/orders.parquet')
    assert main(['audit', 'run', 'sheet.json', '--json']) == 1
    said = json.loads(capsys.readouterr().out)
    assert not said['ok'] and said['tables']['orders']['wrong'] == 1 and said['first'] == said['findings'][0]['batch']
    for call in (
        ['sheet', 'run', '--out', 'a', '--every', 'often'], ['sheet', 'run', '--out', '.'],
        ['audit', 'run', 'sheet.json', '--after', '²'], ['audit', 'run', 'sheet.json', '--after', '2020-01-01'],
        ['audit', 'nowhere', 'sheet.json'], ['audit', 'run', 'run/manifest.json'],
    ):
        assert main(call) == 2, call


CELLS = st.one_of(
    st.none(), st.integers(-2**70, 2**70), st.floats(), st.text(max_size=5), st.binary(max_size=4),
    st.decimals(places=2, min_value=-10**6, max_value=10**6), st.booleans(), st.datetimes())


@hypothesis_settings(max_examples=300 if FULL else 60, deadline=None)
@given(st.lists(CELLS, max_size=5),
       st.sampled_from([c for t in TABLES.values() for c in t.columns]))
def test_any_cell_is_read_or_said_not_to_be(values, column):
    "And never a traceback, nor another value than was there"
    try: array = pa.array(values)
    except (pa.ArrowException, OverflowError):
        array = pa.array([None if v is None else str(v) for v in values], pa.string())
    to = {c.type: f.type for name, t in TABLES.items() for c, f in zip(t.columns, arrow_schema(name))}[column.type]
    cells, bad = as_declared(array, column.type, to)
    assert cells.type == to and len(cells) == len(values)
    for i, (cell, value) in enumerate(zip(cells.to_pylist(), array.to_pylist())):
        if i in bad: assert cell is None
        elif column.type in ('cents', 'count', 'id') and isinstance(value, (int, float)): assert cell == value
