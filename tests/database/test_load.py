"A load is all or nothing: what SQLite refuses, and what breaks a load off, leaves the old database as it was."
import json, os, re, shutil, signal, sqlite3, subprocess, sys, textwrap
from contextlib import closing, contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from shop_nb.files.market import source_market
from shop_nb.generator.blocks import tables, write_tables
from shop_nb.files.sources import read_table
from shop_nb.database.load import load
from shop_nb.database.sqlite import APPLICATION_ID, USER_VERSION
from shop_nb.model.rules import RULES, violations
from shop_nb.model.views import VIEWS
from shop_nb.model.schema import TABLES
from shop_nb.model.dialects import create_indexes
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from support.forks import forks
from support.refused import REFUSED, bad

SETTINGS = Settings(seed=5, customers=200, products=60, orders=400, order_items=1000)


@pytest.fixture(scope='module')
def shop(): return tables(SETTINGS)


@pytest.fixture
def frames(shop): return {n: t.to_pandas() for n, t in shop.items()}


@pytest.fixture(scope='module')
def old(tmp_path_factory):
    path = tmp_path_factory.mktemp('old') / 'shop.db'
    load(tables(Settings(seed=6, customers=20, products=30, orders=30, order_items=60)), path)
    return path


@pytest.fixture
def db(old, tmp_path):
    "An old database, of another shop."
    shutil.copy(old, tmp_path / 'shop.db')
    return tmp_path / 'shop.db'


@pytest.fixture(autouse=True)
def hasty(monkeypatch):
    "Whoever is in the way stays there for as long as a test takes, so there is nothing to wait for."
    monkeypatch.setattr('shop_nb.database.load.GRACE', 0.05)
    monkeypatch.setattr('shop_nb.database.load.PATIENCE', 0.2)


def query(db, sql):
    with closing(sqlite3.connect(db)) as con: return con.execute(sql).fetchall()


def dump(db):
    "Everything in a database, but for the time of its load."
    with closing(sqlite3.connect(db)) as con: lines = list(con.iterdump())
    return [re.sub(r"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'", 'now', l, count=1) if '"loads"' in l else l for l in lines]


def alone(db): return sorted(p.name for p in db.parent.iterdir() if p.is_file())


# ---- what a load gives

def test_content(shop, db):
    facts = load(shop, db)
    assert facts['rows'] == {n: t.num_rows for n, t in shop.items()}
    assert alone(db) == ['shop.db']
    for n, t in shop.items():
        got = query(db, f'SELECT * FROM {n} ORDER BY {TABLES[n].key}')
        text = [
            c.cast(pa.timestamp('s')).cast(pa.string())
            if pa.types.is_timestamp(c.type)
            else c.cast(pa.string())
            if pa.types.is_date(c.type)
            else c
            for c in t.columns
        ]
        assert got == list(zip(*(c.to_pylist() for c in text)))
        for c in TABLES[n].columns:
            if c.type in ('cents', 'count'):
                assert (
                    facts['sums'][f'{n}.{c.name}']
                    == pc.sum(t[c.name]).as_py()
                    == query(db, f'SELECT sum({c.name}) FROM {n}')[0][0]
                )


def test_database_is_complete(shop, db):
    facts = load(shop, db)
    assert query(db, 'PRAGMA integrity_check') == [('ok',)]
    assert query(db, 'PRAGMA foreign_key_check') == []
    assert query(db, 'PRAGMA application_id') == [(APPLICATION_ID,)]
    assert query(db, 'PRAGMA user_version') == [
        (USER_VERSION,)
    ]
    made = query(db, "SELECT type, name FROM sqlite_schema WHERE sql IS NOT NULL")
    assert {n for t, n in made if t == 'view'} == set(VIEWS)
    assert facts['views'] == len(VIEWS)
    assert sum(t == 'index' for t, _ in made) == len(create_indexes()) == facts['indexes']
    assert {t for (t,) in query(db, 'SELECT DISTINCT tbl FROM sqlite_stat1')} == {*TABLES, 'market', 'loads'}
    assert all(strict for (_, name, type, _, _, strict) in query(db, 'PRAGMA table_list') if name in TABLES)
    for v in VIEWS: query(db, f'SELECT * FROM {v} LIMIT 1')
    assert facts['bytes'] == db.stat().st_size


def test_no_rule_is_broken(shop, db):
    load(shop, db)
    with closing(sqlite3.connect(db)) as con:
        assert {r.name: n for r in RULES if (n := len(violations(con, r, 'sqlite')))} == {}


def test_same_content_from_anywhere(shop, frames, tmp_path):
    write_tables(SETTINGS, tmp_path / 'csv', format='csv')
    write_tables(SETTINGS, tmp_path / 'parquet')
    (tmp_path / 'parts' / 'orders.parquet').mkdir(parents=True)
    for i in range(4):
        pq.write_table(shop['orders'].slice(i * 100, 100), tmp_path / 'parts' / 'orders.parquet' / f'part-{i}.parquet')
    dumps, market = [], source_market(tmp_path / 'parquet') # which the other sources do not say
    for i, source in enumerate(
        [
            shop,
            frames,
            tmp_path / 'csv',
            str(tmp_path / 'parquet'),
            shop | dict(orders=tmp_path / 'parts' / 'orders.parquet'),
        ]
    ):
        load(source, tmp_path / f'{i}.db', market=market)
        dumps.append(dump(tmp_path / f'{i}.db'))
    assert all(d == dumps[0] for d in dumps)
    assert len(dumps[0]) > 2000


def test_again_and_again(shop, db):
    load(shop, db)
    first, size = dump(db), db.stat().st_size
    for _ in range(3): load(shop, str(db))
    assert dump(db) == first
    assert db.stat().st_size == size
    assert alone(db) == ['shop.db']


def test_a_load_is_recorded(shop, db):
    "A row for the load, with a key that hangs on the rows alone, and its days."
    facts = load(shop, db)
    (id, key, at, rows, *days), = query(db, 'SELECT * FROM loads')
    assert (id, key) == (1, facts['load_key'])
    assert re.fullmatch(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d', at)
    assert {t: kinds['inserted'] for t, kinds in json.loads(rows).items()} == facts['rows']
    assert days == [str(f(shop['orders']['ordered_at']).as_py()) for f in (pc.min, pc.max)]
    shuffled = shop | dict(orders=shop['orders'].take(list(range(399, -1, -1))))
    assert load(shuffled, db)['load_key'] == key
    assert load(shop | dict(payments=shop['payments'].slice(1)), db)['load_key'] != key


def test_tables_without_rows(shop, db):
    none = {n: shop[n].slice(0, 0) for n in ('orders', 'order_items', 'payments')}
    assert load(shop | none, db)['rows'] == dict(customers=200, products=60, orders=0, order_items=0, payments=0)


def test_progress(shop, db):
    seen = []
    load(shop, db, progress=lambda *a: seen.append(a))
    assert [s for s in seen if s[1] == s[2]] == [(n, t.num_rows, t.num_rows) for n, t in shop.items()]


def test_keeps_permissions_and_links(shop, db, tmp_path):
    db.chmod(0o640)
    (tmp_path / 'link.db').symlink_to(db)
    load(shop, tmp_path / 'link.db')
    assert (tmp_path / 'link.db').is_symlink()
    assert db.stat().st_mode & 0o777 == 0o640
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]


def test_a_reader_is_waited_for_and_then_sees_the_new_shop(shop, db):
    "No file is taken from under a transaction, not even from one that only reads."
    with closing(sqlite3.connect(db, isolation_level=None)) as reader:
        reader.execute('BEGIN')
        assert reader.execute('SELECT count(*) FROM orders').fetchone() == (30,)
        assert 'cannot be replaced now' in refuses(shop, db, 1)
        assert reader.execute('SELECT count(*) FROM order_items').fetchone() == (60,)
        reader.execute('COMMIT')
        load(shop, db)
        assert reader.execute('SELECT count(*) FROM orders').fetchone() == (400,)
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]


# ---- rows that SQLite refuses

@pytest.mark.filterwarnings('ignore:Setting an item of incompatible dtype')
@pytest.mark.parametrize('kind', REFUSED)
def test_refused(frames, db, kind):
    plant, says = REFUSED[kind]
    key, before = plant(frames), db.read_bytes()
    with pytest.raises(ShopError) as e: load(frames, db)
    assert str(e.value).startswith(says)
    assert len(str(e.value).splitlines()) == 2
    assert e.value.code == 1
    if ' row' in str(e.value) and 'type' not in kind: assert f' {key} (row ' in str(e.value)
    assert db.read_bytes() == before
    assert alone(db) == ['shop.db']


def test_refused_from_csv(tmp_path, db):
    write_tables(SETTINGS, tmp_path / 'csv', format='csv')
    before, path = db.read_bytes(), tmp_path / 'csv' / 'payments.csv'
    path.write_text(path.read_text().replace('"card"', '"cheque"', 1))
    with pytest.raises(ShopError, match='payments: constraint method_values does not hold, at payment_id'):
        load(tmp_path / 'csv', db)
    path.write_bytes(b'')
    with pytest.raises(ShopError, match='payments is empty: payments.csv'): load(tmp_path / 'csv', db)
    path.unlink()
    with pytest.raises(ShopError, match='The table payments is missing'): load(tmp_path / 'csv', db)
    assert db.read_bytes() == before
    assert alone(db) == ['shop.db']


# ---- targets that cannot be

def test_damaged_source_is_named(tmp_path, db):
    "The target is not to blame."
    write_tables(SETTINGS, tmp_path / 'run')
    path, before = tmp_path / 'run' / 'orders.parquet', db.read_bytes()
    data = path.read_bytes()
    path.write_bytes(data[:300] + b'\xff' * 20 + data[320:])
    with pytest.raises(ShopError) as e: load(tmp_path / 'run', db)
    assert e.value.code == 1
    assert str(e.value).startswith('orders cannot be read: orders.parquet: ')
    assert 'written' not in str(e.value)
    assert len(str(e.value).splitlines()) == 2
    assert db.read_bytes() == before
    assert alone(db) == ['shop.db']


def refuses(source, db, code):
    with pytest.raises(ShopError) as e: load(source, db)
    assert e.value.code == code
    assert len(str(e.value).splitlines()) == 2
    return str(e.value)


def test_targets(shop, tmp_path):
    (tmp_path / 'notes.txt').write_text('mine')
    assert 'not a SQLite database' in refuses(shop, tmp_path / 'notes.txt', 2)
    assert (tmp_path / 'notes.txt').read_text() == 'mine'
    assert 'is a folder' in refuses(shop, tmp_path, 2)
    assert 'Make the folder' in refuses(shop, tmp_path / 'no' / 'shop.db', 2)
    assert [p.name for p in tmp_path.iterdir()] == ['notes.txt']


def test_empty_and_damaged_targets_are_replaced(shop, db):
    db.write_bytes(db.read_bytes()[:5000])
    load(shop, db)
    db.write_bytes(b'')
    load(shop, db)
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]


@pytest.mark.parametrize('mode', ['delete', 'wal'])
def test_a_writer_is_not_disturbed(shop, db, mode):
    with closing(sqlite3.connect(db, isolation_level=None)) as writer:
        writer.execute(f'PRAGMA journal_mode = {mode}')
        writer.execute('BEGIN IMMEDIATE')
        writer.execute('UPDATE payments SET attempts = attempts + 1')
        assert 'cannot be replaced now' in refuses(shop, db, 1)
        writer.execute('COMMIT')
    assert query(db, 'SELECT count(*) FROM orders') == [(30,)]
    assert set(alone(db)) <= {'shop.db', '.shop.db.lock'}


IDLE = '''
import sqlite3, sys
con = sqlite3.connect(sys.argv[1], isolation_level=None)
con.execute('UPDATE payments SET attempts = attempts + 1')
print('open', flush=True)
sys.stdin.read()
'''


def test_wal_database_that_another_process_has_open(shop, frames, db):
    "It keeps its file and gets the new content; when nobody has it open any more, it is replaced."
    query(db, 'PRAGMA journal_mode = wal')
    other = subprocess.Popen([sys.executable, '-c', IDLE, db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == 'open\n'
    inode = db.stat().st_ino
    load(shop, db)
    assert db.stat().st_ino == inode
    assert query(db, 'PRAGMA journal_mode') == [('wal',)]
    assert query(db, 'PRAGMA integrity_check') == [('ok',)]
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]
    bad('quantity', 0)(frames)
    assert 'quantity_least' in refuses(frames, db, 1)
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]
    other.kill()
    other.communicate()
    assert db.with_name('shop.db-wal').stat().st_size > 0 # killed: its journal is still there
    load(shop, db)
    assert db.stat().st_ino != inode
    assert set(alone(db)) == {'shop.db', '.shop.db.lock'}
    assert (query(db, 'SELECT count(*), sum(attempts) FROM payments')
    == [(400, pc.sum(shop['payments']['attempts']).as_py())])


def test_readers_of_a_live_database_see_one_shop(shop, db):
    "While the content changes, whoever reads has the old shop to the end of the transaction, and then the new one."
    with closing(sqlite3.connect(db, isolation_level=None)) as reader:
        reader.execute('PRAGMA journal_mode = wal')
        reader.execute('BEGIN')
        assert reader.execute('SELECT count(*) FROM orders').fetchone() == (30,)
        load(shop, db)
        assert reader.execute('SELECT count(*) FROM order_items').fetchone() == (60,)
        reader.execute('COMMIT')
        assert reader.execute('SELECT count(*) FROM order_items').fetchone() == (1000,)


def test_killed_while_it_copies(files, db, broken_off):
    "kill -9 in the middle of the copy: programs that have the database open go on with the old shop."
    with closing(sqlite3.connect(db, isolation_level=None)) as service:
        service.execute('PRAGMA journal_mode = wal')
        before = list(service.iterdump())
        assert broken_off(files, db, '_copy', 'SIGKILL')[0] == -signal.SIGKILL
        assert list(service.iterdump()) == before
        load(files, db)
        assert service.execute('SELECT count(*) FROM orders').fetchone() == (400,)


def test_stale_journals_of_a_lost_database_are_removed(shop, tmp_path):
    for s in '-wal', '-shm', '-journal': (tmp_path / f'shop.db{s}').write_bytes(b'stale')
    load(shop, tmp_path / 'shop.db')
    assert alone(tmp_path / 'shop.db') == ['shop.db']
    assert query(
        tmp_path / 'shop.db', 'SELECT count(*) FROM orders'
    ) == [(400,)]


# ---- loads that break off

LOAD = '''
import os, signal, sys
import shop_nb.database.load as L
source, db, at, sig = args
def die(*_): os.kill(os.getpid(), getattr(signal, sig))
def before(name):
    f = getattr(L, name)
    def g(*a, **k):
        die()
        return f(*a, **k)
    setattr(L, name, g)
progress = lambda t, n, of: die() if t == at else None
if at in dir(L): before(at)
if at == 'replaced':
    replace = os.replace
    def then(*a):
        replace(*a)
        die()
    L.os.replace = then
L.load(source, db, progress)
'''


@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'pandas', 'pyarrow.parquet', 'shop_nb.database.load') as run: yield run


@pytest.fixture
def broken_off(in_processes):
    "A load that gets a signal at some point: its exit code and what it said."
    return lambda *args: in_processes((LOAD, *args))[0]


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('shop')
    write_tables(SETTINGS, folder)
    return folder


@pytest.mark.parametrize('at', ['customers', 'order_items', '_compare', '_replace', 'replaced'])
def test_killed(files, db, at, broken_off):
    "kill -9: the old database, or the new one if it had its name already; the next load works and tidies up."
    before = db.read_bytes()
    assert broken_off(files, db, at, 'SIGKILL')[0] == -signal.SIGKILL
    if at != 'replaced':
        assert db.read_bytes() == before
        assert '.shop.db.loading' in alone(db)
    assert query(db, 'PRAGMA integrity_check') == [('ok',)]
    assert query(db, 'SELECT count(*) FROM orders') == [
        (400 if at == 'replaced' else 30,)
    ]
    load(files, db)
    assert alone(db) == ['shop.db']
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]


@pytest.mark.parametrize('at', ['orders', '_compare', '_replace'])
def test_interrupted(files, db, at, broken_off):
    "Ctrl-C: nothing is left, nothing is changed."
    before, (code, said) = db.read_bytes(), broken_off(files, db, at, 'SIGINT')
    assert 'KeyboardInterrupt' in said
    assert code != 0
    assert db.read_bytes() == before
    assert alone(db) == ['shop.db']


def test_error_in_progress_is_told(shop, db):
    before = db.read_bytes()
    with pytest.raises(ZeroDivisionError): load(shop, db, progress=lambda *a: 1 / 0)
    assert db.read_bytes() == before
    assert alone(db) == ['shop.db']


REFUSED_LOAD = '''
from shop_nb.database.load import load
from shop_nb.core.errors import ShopError
try: load(*args)
except ShopError as e: print(e.code, e)
'''
NO_ROOM = '''
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
'''


def test_no_room(files, db, in_processes):
    "A file that cannot grow: two lines, and the old database is there."
    before = db.read_bytes()
    code, said = in_processes((NO_ROOM + REFUSED_LOAD, files, db))[0]
    assert code == 0, said
    assert len(said.splitlines()) == 2, said
    assert said.startswith('2 '), said
    assert db.read_bytes() == before
    assert alone(db) == ['shop.db']


def test_folder_that_cannot_be_written(files, old, tmp_path, bound):
    "In either mode the folder is blamed, not the disk nor another program."
    targets = [tmp_path / mode / 'shop.db' for mode in ('delete', 'wal')]
    for db in targets:
        db.parent.mkdir()
        shutil.copy(old, db)
        query(db, f'PRAGMA journal_mode = {db.parent.name}')
        db.parent.chmod(0o555)
    code = f'for args in {[(str(files), str(db)) for db in targets]}:' + textwrap.indent(REFUSED_LOAD, '    ')
    try: done = bound([sys.executable, '-c', code])
    finally:
        for db in targets: db.parent.chmod(0o755)
    said = done.stdout.splitlines()
    assert len(said) == 4, done.stderr
    assert said[0].startswith('2 '), done.stderr
    assert said[2].startswith('2 '), done.stderr
    for db, wrong in zip(targets, said[::2]):
        assert 'cannot be written' in wrong or 'Permission denied' in wrong
        assert query(db, 'SELECT count(*) FROM orders') == [(30,)]
        assert set(alone(db)) <= {'shop.db', '.shop.db.lock'}


def test_loads_at_the_same_time(files, tmp_path, in_processes):
    code = 'from shop_nb.database.load import load; load(*args)'
    assert in_processes(*[(code, files, tmp_path / 'shop.db')] * 3) == [[0, '']] * 3
    assert alone(tmp_path / 'shop.db') == ['shop.db']
    assert query(
        tmp_path / 'shop.db', 'SELECT count(*) FROM orders'
    ) == [(400,)]


def test_one_sqlite_at_a_time(shop, db, monkeypatch):
    "Python's sqlite3 never has a file open while ADBC has it: closing one would drop the locks of the other."
    import shop_nb.database.load as L

    new, opened, connect = db.with_name('.shop.db.loading'), [], sqlite3.connect

    def descriptors():
        return sum(
            os.readlink(f'/proc/self/fd/{f}') == str(new)
            for f in os.listdir('/proc/self/fd')
            if os.path.exists(f'/proc/self/fd/{f}')
        )

    def spy(path, *a, **k):
        opened.append((str(path), descriptors()))
        return connect(path, *a, **k)

    if not os.path.isdir('/proc/self/fd'): pytest.skip('needs /proc')
    monkeypatch.setattr(L.sqlite3, 'connect', spy)
    load(shop, db)
    assert opened, opened
    assert all(n == 0 for _, n in opened), opened


# ---- size

@pytest.mark.slow
def test_memory_stays_flat(tmp_path):
    "While tables stream into SQLite, a small part of them is in memory."
    write_tables(Settings(customers=1000, orders=60_000, order_items=400_000), tmp_path)
    whole, before, held = read_table(tmp_path, 'order_items').nbytes, pa.total_allocated_bytes(), []
    load(tmp_path, tmp_path / 'shop.db', lambda *_: held.append(pa.total_allocated_bytes() - before))
    assert len(held) > 8, (max(held), whole)
    assert max(held) < whole / 2, (max(held), whole)


def test_a_database_of_something_else_that_is_open_is_left_alone(tmp_path, shop):
    db = tmp_path / 'foreign.db'
    with closing(sqlite3.connect(db, isolation_level=None)) as con:
        con.execute('PRAGMA journal_mode = WAL')
        con.execute('CREATE TABLE diary (day)')
        con.execute('SELECT * FROM diary')
        with pytest.raises(ShopError, match='not the database of a shop'): load(shop, db)
        assert con.execute('SELECT count(*) FROM diary').fetchone() == (0,)


# ---- whoever has it open, and whose it is

HOLDER = '''
import sqlite3, sys
db, mode, before, after = sys.argv[1:]
con = sqlite3.connect(db, isolation_level=None)
con.execute(f'PRAGMA journal_mode = {mode}').fetchall()
con.execute('CREATE TABLE IF NOT EXISTS customers AS SELECT 1 AS customer_id, NULL AS first_name')
for sql in before.split(';'): con.execute(sql).fetchall()
print('open', flush=True)
sys.stdin.readline()
for sql in after.split(';'): con.execute(sql).fetchall()
print('done', flush=True)
sys.stdin.readline()
'''
READ, WRITE = 'SELECT * FROM customers', "UPDATE customers SET first_name = 'mine' WHERE customer_id = 1"
HOLDERS = { # what it did before the load, what it does after; may a load come between: with a rollback journal, in WAL
    'idle': ('SELECT 1', WRITE, True, True),
    'begin': ('BEGIN', f'{WRITE};COMMIT', True, True),
    'reader': (f'BEGIN;{READ}', f'COMMIT;{WRITE}', False, True),
    'reader, then writer': (
        f'BEGIN;{READ}',
        f'{WRITE};COMMIT',
        False,
        None,
    ), # in WAL mode SQLite refuses that after any other write
    'deferred writer': (f'BEGIN;{WRITE}', 'COMMIT', False, False),
    'begin immediate': ('BEGIN IMMEDIATE', f'{WRITE};COMMIT', False, False),
    'begin exclusive': (f'BEGIN EXCLUSIVE;{WRITE}', 'COMMIT', False, False),
    'exclusive mode': (f'PRAGMA locking_mode = EXCLUSIVE;{WRITE}', WRITE, False, False),
}
HELD = [
    (kind, mode) for kind in HOLDERS for i, mode in enumerate(['delete', 'wal']) if HOLDERS[kind][2 + i] is not None
]


@contextmanager
def holder(db, mode, before, after):
    "Another process that has a database open; gives what makes it go on."
    job = subprocess.Popen(
        [sys.executable, '-c', HOLDER, db, mode, before, after], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True
    )
    try:
        assert job.stdout.readline() == 'open\n'

        def go_on():
            job.stdin.write('\n')
            job.stdin.flush()
            return job.stdout.readline()

        yield go_on
    finally:
        job.kill()
        job.communicate()


@pytest.mark.parametrize('whose', ['shop', 'foreign'])
@pytest.mark.parametrize('kind, mode', HELD)
def test_nobody_loses_what_he_writes(shop, tmp_path, db, kind, mode, whose):
    "Whatever another process holds, its commit succeeds after the load, and its change is there."
    before, after, *free = HOLDERS[kind]
    db, free = db if whose == 'shop' else tmp_path / 'foreign.db', free[mode == 'wal']
    with holder(db, mode, before, after) as go_on:
        if whose == 'foreign': assert 'is not the database of a shop' in refuses(shop, db, 2)
        elif free: load(shop, db)
        else: assert 'cannot be replaced now: a program is at work in it' in refuses(shop, db, 1)
        assert go_on() == 'done\n'
    assert query(db, 'SELECT first_name FROM customers WHERE customer_id = 1') == [('mine',)]
    if whose == 'shop': assert query(db, 'SELECT count(*) FROM orders') == [(400 if free else 30,)]
    assert not [p for p in alone(db) if 'loading' in p]


@pytest.mark.parametrize('mode', ['delete', 'wal'])
def test_a_killed_writer_leaves_no_half_of_a_transaction(shop, db, mode):
    "Its hot journal is rolled back or its log taken in; then the file is replaced, and no journal of the old is left."
    with holder(
        db, mode, f'PRAGMA cache_size = 1;BEGIN;{WRITE};UPDATE orders SET channel = \'app\';SELECT * FROM payments',
        'COMMIT'
    ):
        pass
    load(shop, db)
    assert query(db, 'PRAGMA integrity_check') == [('ok',)]
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]
    assert alone(db) == ['shop.db']
    assert ('mine',) not in query(db, 'SELECT first_name FROM customers')


def rubbish(path): path.write_bytes(os.urandom(20_000)) # as an encrypted database looks


def cut(path):
    with closing(sqlite3.connect(path)) as con:
        con.executescript('CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(90000))')
    path.write_bytes(path.read_bytes()[:50_000])


def whole(path):
    with closing(sqlite3.connect(path)) as con: con.execute('CREATE TABLE orders (a)')


@pytest.mark.parametrize(
    'make, says',
    [
        (whole, 'not the database of a shop'),
        (cut, 'not the database of a shop'),
        (rubbish, 'not a SQLite database'),
        (lambda p: os.mkfifo(p), 'is not a regular file'),
    ],
    ids=['whole', 'damaged', 'encrypted', 'fifo'],
)
def test_what_is_not_a_shop_is_never_replaced(shop, tmp_path, make, says):
    make(tmp_path / 'mine.db')
    before = (tmp_path / 'mine.db').stat()
    assert says in refuses(shop, tmp_path / 'mine.db', 2)
    after = (tmp_path / 'mine.db').stat()
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)


def test_an_empty_file_that_somebody_is_filling_stays(shop, tmp_path):
    "Nothing is in the file before the first commit."
    (tmp_path / 'new.db').touch()
    with closing(sqlite3.connect(tmp_path / 'new.db', isolation_level=None)) as con:
        con.executescript('BEGIN EXCLUSIVE; CREATE TABLE mine (x)')
        assert (tmp_path / 'new.db').stat().st_size == 0
        assert 'a program is at work in it' in refuses(
            shop, tmp_path / 'new.db', 1
        )
        con.execute('COMMIT')
    assert query(tmp_path / 'new.db', 'SELECT count(*) FROM mine') == [(0,)]


def test_where_nobody_can_tell_who_has_it_open(shop, db, monkeypatch):
    "Off Linux, a database keeps its file, and a damaged one can be replaced all the same."
    monkeypatch.setattr('shop_nb.database.load.is_open', lambda db: True)
    inode = db.stat().st_ino
    load(shop, db)
    assert db.stat().st_ino == inode
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]
    db.write_bytes(db.read_bytes()[:5000])
    load(shop, db)
    assert query(db, 'SELECT count(*) FROM orders') == [(400,)]


def test_a_look_drops_no_lock_of_this_process(shop, db):
    "Closing a file would drop what SQLite has locked in the same process."
    with closing(sqlite3.connect(db, isolation_level=None)) as con:
        con.execute('BEGIN IMMEDIATE')
        refuses(shop, db, 1)
        done = subprocess.run(
            [
                sys.executable,
                '-c',
                f"import sqlite3; sqlite3.connect({str(db)!r}, timeout=0).execute('begin immediate')",
            ],
            capture_output=True,
            text=True,
        )
        assert 'database is locked' in done.stderr
