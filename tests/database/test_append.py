"An append is all or nothing, once for each source, and beside readers; it makes what a load of the whole makes."
import json, os, random, shutil, signal, sqlite3, subprocess, sys, threading, time
from contextlib import closing
from datetime import timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import shop_nb.database.append as module
from shop_nb.analytics.connect import as_batch
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database.load import KINDS, load
from shop_nb.database.sqlite import hold_writers
from shop_nb.files.digest import digest
from shop_nb.generator.blocks import tables, write_tables
from shop_nb.model.market import Market, market_of
from shop_nb.model.rules import RULES, violations
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.store.repository import Store
from support import until
from support.appends import OF_ORDERS, PLANTS, REFUSED, changed, plant, some
from support.forks import STEP, forks
from support.loads import with_signals

SIZE = dict(seed=5, customers=200, products=60, orders=400, order_items=1000)
FIRST, LAST = '2025-09-30', '2025-10-14'


@pytest.fixture(scope='module')
def old(): return tables(Settings(**SIZE, until=FIRST))


@pytest.fixture(scope='module')
def new(): return tables(Settings(**SIZE, until=LAST))


@pytest.fixture(scope='module')
def loaded(old, tmp_path_factory):
    path = tmp_path_factory.mktemp('loaded') / 'shop.db'
    load(old, path)
    return path


@pytest.fixture
def db(loaded, tmp_path): return shutil.copy(loaded, tmp_path / 'shop.db')


@pytest.fixture(autouse=True)
def hasty(monkeypatch): monkeypatch.setattr(module, 'PATIENCE', .2)


def append(source, db, **how): return load(source, db, append=True, **how)


def query(db, sql):
    with closing(sqlite3.connect(db)) as con: return con.execute(sql).fetchall()


def content(db):
    "The rows of a database, and its loads but for their times."
    names = {n: ', '.join(t.names) for n, t in TABLES.items()}
    names['loads'] = 'load_id, load_key, rows, first_ordered_at, last_ordered_at'
    return {n: query(db, f'select {columns} from {n} order by 1') for n, columns in names.items()}


def digests(db):
    "The digests of a database's tables."
    found = {}
    for n, rows in content(db).items():
        if n in TABLES: found[n] = digest(pa.Table.from_batches([as_batch(rows, arrow_schema(n))]), n)
    return found


def of(shop): return {n: digest(t, n) for n, t in shop.items()}


def refuses(source, db, code=1, **how):
    "An append that is refused leaves everything as it was: what it says."
    before, bytes = content(db), db.read_bytes()
    with pytest.raises(ShopError) as e: append(source, db, **how)
    assert e.value.code == code, str(e.value)
    assert len(str(e.value).splitlines()) == 2
    assert content(db) == before
    assert db.read_bytes() == bytes
    return str(e.value)


# ---- what it makes

def test_it_makes_what_a_load_of_the_whole_makes(old, new, db):
    assert of(old) == digests(db)
    facts = append(new, db)
    assert digests(db) == of(new)
    assert query(db, 'pragma integrity_check') == [('ok',)]
    assert query(db, 'pragma foreign_key_check') == []
    assert facts['rows'] == {n: t.num_rows for n, t in new.items()}
    assert [r.name for r in RULES if violations(sqlite3.connect(db), r, 'sqlite')] == []


def test_the_kinds_are_those_that_pandas_finds(old, new, db):
    "Compared row by row, without SQL; and every row that was read is of one kind."
    load(some(old, lambda at: at.day % 2 or at.month > 6), db)
    known = {n: {r[0]: r for r in query(db, f'select * from {n}')} for n in TABLES}
    newest = max(r[TABLES['orders'].names.index('ordered_at')] for r in known['orders'].values())
    load(new, whole := db.with_name('whole.db'))
    wanted = {n: {r[0]: r for r in query(whole, f'select * from {n}')} for n in TABLES}
    placed = {key: row[2] for key, row in wanted['orders'].items()}
    counts = {n: dict.fromkeys(KINDS, 0) for n in TABLES}
    for n, rows in wanted.items():
        column = TABLES[n].names.index('order_id') if n in OF_ORDERS else None
        for key, row in rows.items():
            if key in known[n]: kind = 'unchanged' if row == known[n][key] else 'updated'
            else: kind = 'late' if column is not None and placed[row[column]] < newest else 'inserted'
            counts[n][kind] += 1
    facts = append(new, db)
    assert facts['kinds'] == counts
    assert all(counts['orders'].values()), counts
    assert json.loads(query(db, 'select rows from loads where load_id = 2')[0][0]) == counts
    assert digests(db) == of(new)


@pytest.mark.slow
def test_many_ways_lead_to_the_same(new, tmp_path):
    "Days in any steps, in parts of whole days, from files or memory: the last state counts, and nothing is lost."
    rng, days = random.Random(8), pd.date_range('2025-03-01', LAST).date
    for way in range(4):
        db = tmp_path / f'{way}.db'
        steps = sorted(rng.sample(list(days[:-1]), 3)) + [days[-1]]
        load(tables(Settings(**SIZE, until=steps[0])), db)
        for day in steps[1:]:
            now = tables(Settings(**SIZE, until=day))
            if way == 3: # the newest weeks alone, which have all that can still change
                now = some(now, lambda at: at.date() > day - timedelta(250))
            if way == 2: # halves in turn
                append(some(now, lambda at: at.day % 2), db)
                now = some(now, lambda at: not at.day % 2)
            if way == 1:
                write_tables(Settings(**SIZE, until=day), tmp_path / f'{day}', format='csv')
                now = tmp_path / f'{day}'
            append(now, db)
        assert digests(db) == of(new), way


def test_what_the_source_does_not_have_stays(old, new, db):
    "An export of the last days, with the customers and products of those alone."
    last = some(new, lambda at: str(at) > FIRST + ' 24')
    for n, key in ('customers', 'customer_id'), ('products', 'product_id'):
        child = last['orders'] if n == 'customers' else last['order_items']
        last[n] = last[n].filter(pc.is_in(last[n][key], child[key]))
    facts = append(last, db)
    assert facts['kinds']['orders']['inserted'] == new['orders'].num_rows - old['orders'].num_rows > 0
    have = digests(db)
    assert have['order_items'] == of(new)['order_items'] or have['order_items'] != of(old)['order_items']
    assert len(query(db, 'select 1 from orders')) == new['orders'].num_rows


def test_unique_values_may_change_places(old, db):
    "Two customers exchange their addresses, two lines of an order their products."
    customers, items = old['customers'].to_pandas(), old['order_items'].to_pandas()
    customers.loc[[3, 4], 'email'] = list(customers.email[[4, 3]])
    first = items.index[items.order_id.duplicated()][0]
    columns = [c for c in items if c not in ('order_item_id', 'line_number')]
    for c in columns:
        values = items[c].to_numpy().copy()
        values[[first - 1, first]] = values[[first, first - 1]]
        items[c] = values
    facts = append(old | dict(customers=customers, order_items=items), db)
    assert (facts['kinds']['customers']['updated'], facts['kinds']['order_items']['updated']) == (2, 2)
    assert query(db, 'select email from customers where customer_id in (4, 5) order by 1 desc') == [
        (e,) for e in sorted(customers.email[[3, 4]], reverse=True)]


def test_tables_without_rows(old, db):
    before, none = digests(db), {n: t.slice(0, 0) for n, t in old.items()}
    assert append(none, db)['kinds']['orders'] == dict.fromkeys(KINDS, 0)
    assert digests(db) == before
    load(none, db)
    append(old, db)
    assert digests(db) == of(old)
    assert query(db, 'select first_ordered_at from loads order by load_id')[0] == (None,)


# ---- once

def test_the_same_source_again_is_a_no_op(old, new, db, tmp_path):
    "Ten times, from memory and from files; also that of the load which made the database."
    first, again = append(new, db), content(db)
    assert not first['known']
    write_tables(Settings(**SIZE, until=LAST), tmp_path / 'run', format='csv')
    for source in [new] * 8 + [tmp_path / 'run', old]:
        facts = append(source, db)
        assert facts['known']
        assert facts['kinds'] == {}
        assert content(db) == again
    assert [load for load, in query(db, 'select load_id from loads order by load_id')] == [1, 2]


def test_an_older_source_that_comes_again_undoes_nothing(old, new, db):
    "Load A, B, A: the first arrival counts."
    append(new, db)
    assert append(old, db)['load_id'] == 1
    assert digests(db) == of(new)


def test_a_change_of_the_service_stays(new, db):
    append(new, db)
    with closing(sqlite3.connect(db)) as con, con:
        con.execute("update customers set first_name = 'Zoë' where customer_id = 1")
    append(new, db)
    assert query(db, 'select first_name from customers where customer_id = 1') == [('Zoë',)]


ONE = 'from shop_nb.database.load import load; print(load(*args, append=True)["known"])'


@pytest.fixture(scope='module')
def in_processes():
    modules = 'adbc_driver_sqlite.dbapi', 'pandas', 'pyarrow.parquet', 'shop_nb.database.append', 'shop_nb.shop.advance'
    with forks(*modules) as run: yield run


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('new')
    write_tables(Settings(**SIZE, until=LAST), folder)
    return folder


@pytest.mark.slow
def test_eight_at_once(files, new, db, in_processes):
    "One of them appends, the others find it done; none waits for long."
    begun = time.monotonic()
    said = in_processes(*[(ONE, files, db)] * 8)
    assert time.monotonic() - begun < 20
    assert [code for code, _ in said] == [0] * 8, said
    assert sorted(text for _, text in said) == ['False\n'] + ['True\n'] * 7
    assert digests(db) == of(new)
    assert len(query(db, 'select * from loads')) == 2


# ---- what is refused

@pytest.mark.parametrize('rule, sql', PLANTS, ids=lambda v: v if ' ' not in v else '')
def test_each_rule_across_tables_is_kept(new, db, rule, sql):
    "Whatever a source breaks is refused by the name of a rule that is broken, whether the order is new or known."
    bad, broken = plant(new, *sql.split('; '))
    assert rule in broken
    said = refuses(bad, db)
    assert said.split()[1] in broken, (said, broken)
    assert said.startswith('Rule ')
    if rule.startswith('order_has_'): return
    append(new, db)
    assert refuses(bad, db).split()[1] in broken


def test_every_rule_across_tables_has_a_plant():
    assert {r.name for r in RULES if not r.declared} == {r for r, _ in PLANTS}


@pytest.mark.filterwarnings('ignore:Setting an item of incompatible dtype')
@pytest.mark.parametrize('kind', REFUSED)
def test_refused_as_a_load_is(new, db, kind):
    table, at, values, says = REFUSED[kind]
    bad = changed(new, table, at, **values)
    assert refuses(bad, db).startswith(says.format(key=bad[table].iloc[at, 0]))


def test_a_unique_value_of_a_row_that_stays(new, db):
    "The address of a customer who is not in the source."
    taken = changed(new, 'customers', 150, email=query(db, 'select email from customers where customer_id = 4')[0][0])
    taken['customers'] = taken['customers'].iloc[100:]
    said = 'customers: there is a row with the same email (UNIQUE), at customer_id 151'
    assert refuses(taken, db).startswith(f'{said} (row 51)')
    twice = changed(new, 'customers', 150, email=new['customers']['email'][149].as_py())
    assert refuses(twice, db).startswith(f'{said} (row 151)')


def test_a_source_that_lacks_a_table_or_is_damaged(files, db, tmp_path):
    shutil.copytree(files, run := tmp_path / 'run')
    (run / 'payments.parquet').write_bytes(b'PAR1 no')
    assert 'payments cannot be read' in refuses(run, db)
    (run / 'payments.parquet').unlink()
    assert 'The table payments is missing' in refuses(run, db)


def test_a_source_that_changes_while_it_is_read(new, db, monkeypatch):
    key = module._key
    monkeypatch.setattr(module, '_key', lambda streams: key(streams)[::-1])
    assert 'was changed while it was read' in refuses(new, db)


# ---- the market

def test_another_market_is_refused(new, db):
    assert 'currency USD' in refuses(new, db, market=Market('USD'))
    lists = tuple((c, (*v, 'kiosk') if c == 'orders.channel' else v) for c, v in Market().lists)
    said = refuses(new, db, market=Market(lists=lists))
    assert 'orders.channel kiosk, which shop.db does not have' in said
    assert said.endswith('shop-nb load DIR --db shop.db')


def test_fewer_values_than_the_database_knows_fit(new, db):
    fewer = Market(lists=tuple((c, v[:1] if c == 'payments.method' else v) for c, v in Market().lists))
    append(new, db, market=fewer)
    assert digests(db) == of(new)


def test_a_shop_with_names_of_its_own(renamed, renamed_db, tmp_path):
    "A folder without a manifest, and tables in memory, are of the database's market."
    from dataclasses import replace
    db, more = shutil.copy(renamed_db, tmp_path / 'shop.db'), replace(renamed, until='2026-01-10')
    write_tables(more, tmp_path / 'plain', format='csv')
    append(tmp_path / 'plain', db)
    assert digests(db) == of(tables(more))
    assert append(tables(more), db)['known']
    assert 'which shop.db does not have' in refuses(tables(more), db, market=market_of(Settings().values))


# ---- which databases

def test_what_is_no_database_of_this_version(new, tmp_path, db):
    (tmp_path / 'notes.txt').write_text('mine')
    for name, says in ('none.db', 'There is no database'), ('notes.txt', 'is not a SQLite file'), ('', 'is a folder'):
        with pytest.raises(ShopError, match=says) as e: append(new, tmp_path / name)
        assert e.value.code == 2
        assert 'shop-nb load DIR --db FILE' in str(e.value)
    for mark in 'user_version = 2', 'application_id = 7':
        query(db, f'pragma {mark}')
        assert 'not the database of a shop of this version' in refuses(new, db, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['notes.txt', 'shop.db']


def test_no_second_library_opens_the_database(new, db, monkeypatch):
    "ADBC would drop the locks of this process: with a transaction open here, others stay out if an append is refused."
    import adbc_driver_sqlite.dbapi as dbapi
    monkeypatch.setattr(dbapi, 'connect', lambda *a, **k: 1 / 0)
    code = f"import sqlite3; sqlite3.connect({str(db)!r}, timeout=0).execute('begin immediate')"
    with closing(sqlite3.connect(db, isolation_level=None)) as con:
        con.execute('pragma journal_mode = wal')
        con.execute('begin immediate')
        con.execute("update customers set first_name = 'mine' where customer_id = 1")
        monkeypatch.setattr(module.sqlite3, 'connect', quick(sqlite3.connect))
        with pytest.raises(ShopError, match='locked by another program'): append(new, db)
        done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
        assert 'database is locked' in done.stderr
        con.execute('commit')
    monkeypatch.undo()
    append(new, db)
    assert len(query(db, 'select 1 from orders')) == new['orders'].num_rows


def quick(connect):
    "Connections that wait for nobody."
    return lambda *a, **k: connect(*a, **k | dict(timeout=.05))


# ---- beside others

def test_a_second_append_at_the_same_time_is_told(new, db):
    with hold_writers(db): assert 'is being changed by another program' in refuses(new, db)
    append(new, db)


@pytest.mark.parametrize('mode', ['delete', 'wal'])
@pytest.mark.parametrize('lock', ['begin immediate', 'begin exclusive'])
def test_it_waits_for_a_program_that_writes(new, db, monkeypatch, mode, lock):
    "As long in the first append as in a later one, and goes on if that program leaves everything as it was."
    monkeypatch.setattr(module, 'PATIENCE', 1)
    with closing(sqlite3.connect(db, isolation_level=None, check_same_thread=False)) as con:
        con.execute(f'pragma journal_mode = {mode}')
        con.execute(lock)
        begin = time.monotonic()
        assert 'shop.db is locked by another program' in refuses_open(new, db)
        assert time.monotonic() - begin > 1
        monkeypatch.setattr(module, 'PATIENCE', 20)
        threading.Timer(1, con.execute, ['rollback']).start()
        append(new, db)
    assert digests(db) == of(new)


def refuses_open(source, db):
    "An append that is refused, to a database that is not to be read meanwhile: what it says."
    with pytest.raises(ShopError) as e: append(source, db)
    assert e.value.code == 1
    return str(e.value)


def test_a_change_while_it_waits_to_go_live_is_noticed(new, db, monkeypatch):
    monkeypatch.setattr(module, 'PATIENCE', 20)
    with closing(sqlite3.connect(db, isolation_level=None, check_same_thread=False)) as con:
        con.execute('begin immediate')
        con.execute("update customers set first_name = 'mine' where customer_id = 1")
        threading.Timer(1, con.execute, ['commit']).start()
        assert 'was changed by another program meanwhile' in refuses_open(new, db)
    append(new, db)
    assert digests(db) == of(new)


def test_readers_go_on(old, new, db):
    "A reader in a transaction has the old shop to its end; one that is connected has the new one at its next query."
    with closing(sqlite3.connect(db, isolation_level=None)) as reader, closing(sqlite3.connect(db)) as idle:
        idle.execute('pragma journal_mode = wal')
        reader.execute('begin')
        assert reader.execute('select count(*) from orders').fetchone() == (old['orders'].num_rows,)
        append(new, db)
        assert reader.execute('select count(*) from payments').fetchone() == (old['payments'].num_rows,)
        assert idle.execute('select count(*) from payments').fetchone() == (new['payments'].num_rows,)
        reader.execute('commit')
        assert reader.execute('select count(*) from payments').fetchone() == (new['payments'].num_rows,)


def test_a_store_goes_on(new, db):
    "One that is open in this very process reads and writes before and after."
    with Store(db) as store:
        def rename(to):
            with store.transaction() as t: t.patch_row('customers', 1, dict(first_name=to))
        rename('Before')
        append(new, db)
        assert store.page('orders', count=True).count == new['orders'].num_rows
        rename('After')
    assert query(db, 'select first_name from customers where customer_id = 1') == [('After',)]


def test_a_database_that_was_replaced_meanwhile(new, old, db, monkeypatch):
    stage = module._stage_all
    def replaced(*args):
        stage(*args)
        load(old, other := db.with_name('other.db'))
        os.replace(other, db)
    monkeypatch.setattr(module, '_stage_all', replaced)
    with pytest.raises(ShopError, match='was changed by another program meanwhile'): append(new, db)
    assert digests(db) == of(old)


def test_a_database_that_was_changed_between_check_and_write(new, db, monkeypatch):
    "By a program that does not honour the lock."
    query(db, 'pragma journal_mode = wal')
    check, calls = module._check_same, []
    def late(con, path, seen):
        calls.append(seen)
        if len(calls) == 2:
            with closing(sqlite3.connect(db)) as other, other:
                other.execute("update customers set first_name = 'mine' where customer_id = 1")
        return check(con, path, seen)
    monkeypatch.setattr(module, '_check_same', late)
    with pytest.raises(ShopError, match='was changed by another program meanwhile'): append(new, db)
    monkeypatch.undo()
    assert query(db, 'select first_name from customers where customer_id = 1') == [('mine',)]
    append(new, db)


# ---- appends that break off

STEPS = ['_key', '_stage', '_bring', '_sort_out', '_check_rules', 'set_live', '_write', 'insert_load', '_find_load']


@pytest.mark.parametrize('step, signal_name', with_signals(*STEPS))
def test_broken_off(files, old, new, db, in_processes, step, signal_name):
    "Before each step: the old content, nothing left, and the same append works afterwards."
    call = STEP, f'shop_nb.database.append.{step}', signal_name, 'shop_nb.database.append', 'append_tables', files, db
    code, said = in_processes(call)[0]
    assert code == (-signal.SIGKILL if signal_name == 'SIGKILL' else 1), said
    assert signal_name == 'SIGKILL' or 'KeyboardInterrupt' in said
    assert query(db, 'pragma integrity_check') == [('ok',)]
    assert digests(db) == of(old)
    append(files, db)
    assert digests(db) == of(new)
    assert {p.name for p in db.parent.iterdir()} == {'shop.db', '.shop.db.lock'}


def test_killed_in_the_middle_of_the_transaction(files, old, new, db, in_processes):
    "After all rows are written, before the commit; a reader is connected all the while."
    with closing(sqlite3.connect(db)) as reader:
        code = STEP.replace('def die(*a, **k):', 'def die(*a, **k):\n    real(*a, **k)')
        call = code, 'shop_nb.database.append._write', 'SIGKILL', 'shop_nb.database.append', 'append_tables', files, db
        assert in_processes(call)[0][0] == -signal.SIGKILL
        assert reader.execute('select count(*) from orders').fetchone() == (old['orders'].num_rows,)
        append(files, db)
        assert reader.execute('select count(*) from orders').fetchone() == (new['orders'].num_rows,)
    assert digests(db) == of(new)


SLOW = '''
import sqlite3, shop_nb.database.append as A
def endless(con, streams, rules):
    con.execute('with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n')
A._sort_out = endless
print('at it', flush=True)
A.append_tables(*args)
'''


@pytest.mark.slow
def test_ctrl_c_stops_a_long_statement(files, old, db, tmp_path):
    code = f'args = {[str(files), str(db)]!r}\n{SLOW}'
    job = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert job.stdout.readline() == 'at it\n'
    time.sleep(1.5)
    begun = time.monotonic()
    job.send_signal(signal.SIGINT)
    said = job.communicate(timeout=20)[1]
    assert time.monotonic() - begun < 2
    assert said.endswith('KeyboardInterrupt\n')
    assert digests(db) == of(old)


# ---- no room, no permission

TOLD = '''
from shop_nb.core.errors import ShopError
from shop_nb.database.append import append_tables
try: append_tables(*args)
except ShopError as e: print(e.code, e)
'''


@pytest.mark.parametrize('room', [1, 40_000, 150_000])
def test_no_room(files, old, new, db, in_processes, room):
    "Files that cannot grow: two lines, and the old content."
    limit = f'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n'
    code, said = in_processes((limit + TOLD, files, db))[0]
    assert code == 0, said
    assert said.startswith('2 shop.db cannot be changed: '), said
    assert len(said.splitlines()) == 2, said
    assert query(db, 'pragma integrity_check') == [('ok',)]
    assert digests(db) == of(old)
    append(files, db)
    assert digests(db) == of(new)


@pytest.mark.parametrize('what, mode', [('shop.db', 0o444), ('shop.db', 0o000), ('', 0o555)])
def test_no_permission(files, old, db, bound, what, mode):
    path, before = db.parent / what, db.read_bytes()
    path.chmod(mode)
    try: done = bound([sys.executable, '-c', f'args = {[str(files), str(db)]!r}\n{TOLD}'])
    finally: path.chmod(0o755 if path.is_dir() else 0o644)
    assert done.stdout.startswith('2 shop.db cannot be changed: '), done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == 2
    assert db.read_bytes() == before


# ---- served

def test_readers_and_writers_of_a_live_database(new, db, monkeypatch):
    "While weeks come in, threads read whole orders and others change customers: nothing half is seen, nothing is lost."
    monkeypatch.setattr(module, 'PATIENCE', 10)
    stop, seen, wrong, renamed = threading.Event(), set(), [], []
    with Store(db) as store:
        def read():
            while not stop.is_set():
                page = store.page('orders', sort='-order_id', limit=30, expand=['items', 'payment'], count=True)
                seen.add(page.count)
                for o in page.items:
                    goods = sum(i['quantity'] * i['unit_price_cents'] - i['discount_cents'] for i in o['items'])
                    tax = 0 if o['tax_included'] else o['tax_cents']
                    due = goods - o['discount_cents'] + o['shipping_cents'] + tax
                    if o['payment']['amount_cents'] != due: wrong.append(o)
        def write():
            while not stop.is_set():
                with store.transaction() as t: t.patch_row('customers', 2, dict(city=f'Town {len(renamed)}'))
                renamed.append(len(renamed))
                time.sleep(.01)
        threads = [threading.Thread(target=f) for f in (read, read, write)]
        for t in threads: t.start()
        try:
            for day in pd.date_range(FIRST, LAST, freq='7D')[1:]:
                part = some(tables(Settings(**SIZE, until=day.date())), lambda at: str(at) > FIRST + ' 24')
                part['customers'] = part['customers'].filter(pc.greater(part['customers']['customer_id'], 2))
                append(part, db)
            assert until(lambda: new['orders'].num_rows in seen)
        finally:
            stop.set()
            for t in threads: t.join()
        assert not wrong
        days = pd.date_range(FIRST, LAST, freq='7D')
        assert seen == {len(query(db, f"select 1 from orders where ordered_at < '{day:%Y-%m-%d} 24'")) for day in days}
        assert query(db, 'select city from customers where customer_id = 2') == [(f'Town {renamed[-1]}',)]
    assert query(db, 'pragma integrity_check') == [('ok',)]


# ---- a shop that lacks something

def lacking(shop):
    "A shop without telephone numbers, with a gap among the addresses, and with a payment that is a cent off."
    customers, payments = shop['customers'].to_pandas(), shop['payments'].to_pandas()
    customers['phone'] = None
    customers.loc[3, 'email'] = None
    payments.loc[5, 'amount_cents'] += 1
    return shop | dict(customers=customers, payments=payments)


def test_a_shop_that_lacks_something(old, new, tmp_path):
    "Null where the market says so, and without the rules that it waives; more than it says is refused."
    db = tmp_path / 'shop.db'
    bare = Market(absent=('customers.phone',), gaps=('customers.email',), waived=('ledger',), own=True)
    load(lacking(old), db, market=bare)
    facts = append(lacking(new), db, market=bare)
    assert facts['kinds']['payments']['unchanged'] > 100
    load(lacking(new), whole := tmp_path / 'whole.db', market=bare)
    rows, of_whole = content(db), content(whole)
    assert [rows[n] for n in TABLES] == [of_whole[n] for n in TABLES]
    from dataclasses import replace
    for more, says in [
        (replace(bare, gaps=('orders.channel', 'customers.email')), 'rows without orders.channel'),
        (replace(bare, absent=()), 'values of customers.phone'),
        (replace(bare, waived=('ledger', 'refund')), 'orders that need not keep refund'),
        (replace(bare, own=False), 'orders of a made shop'),
    ]:
        assert f'The source has {says}, which shop.db does not have' in refuses(lacking(new), db, market=more)


def exported(shop, folder):
    "The tables as somebody else has them: CSV with keys of their own."
    folder.mkdir()
    for name, table in shop.items():
        frame = table.to_pandas()
        for key in {t.key for t in TABLES.values()} & set(frame): frame[key] = frame[key].map('K-{:x}'.format)
        frame.to_csv(folder / f'{name}.csv', index=False)
    return sorted(folder.iterdir())


@pytest.mark.slow
def test_the_next_export_of_an_imported_shop(old, new, tmp_path):
    "Imported, loaded; then the next export is imported into the same run, and comes into the database."
    from shop_nb.imports.imports import Source, import_shop
    db, run = tmp_path / 'shop.db', tmp_path / 'run'
    import_shop(Source(exported(old, tmp_path / 'first')), run)
    load(run, db)
    import_shop(Source(exported(new, tmp_path / 'next')), run)
    kinds = append(run, db)['kinds']
    assert kinds['orders']['inserted'] == new['orders'].num_rows - old['orders'].num_rows
    assert kinds['orders']['updated'] > 0
    load(run, whole := tmp_path / 'whole.db')
    assert digests(db) == digests(whole)
    assert append(run, db)['known']
