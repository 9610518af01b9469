"A load into a file of DuckDB is what one into SQLite is: all or nothing, with equal constraints, digests and answers."
import signal, sqlite3, subprocess, sys
from contextlib import closing

import duckdb, pytest

from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, questions
from shop_nb.app.run import verify_database
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database import duckdb as module
from shop_nb.database.duckdb import stored_digests
from shop_nb.database.load import load
from shop_nb.files.digest import digest
from shop_nb.files.duckdb import duckdb_path
from shop_nb.files.market import source_market
from shop_nb.generator.blocks import tables
from shop_nb.model.dialects import create_tables
from shop_nb.model.market import market_rules
from shop_nb.model.rules import violations
from shop_nb.model.schema import TABLES
from shop_nb.model.views import VIEWS
from shop_nb.shop.shop import Shop
from support import FULL, ROOT
from support.forks import forks
from support.loads import kill_at_random
from support.refused import REFUSED
from support.server import SETTINGS
from support.loads import with_signals



@pytest.fixture
def db(tmp_path):
    "A file of another shop."
    path = tmp_path / 'shop.duckdb'
    load(tables(Settings(seed=6, customers=20, products=30, orders=30, order_items=60)), f'duckdb:{path}')
    return path


def opened(path): return closing(duckdb.connect(str(path), read_only=True))


def rows(path, sql):
    with opened(path) as con: return con.execute(sql).fetchall()


def alone(path): return sorted(p.name for p in path.parent.iterdir())


def test_it_is_complete(shop, db):
    facts = load(shop, f'duckdb:{db}')
    assert facts['rows'] == {n: len(t) for n, t in shop.items()}
    assert alone(db) == ['shop.duckdb']
    with opened(db) as con:
        assert stored_digests(con) == {n: digest(t, n) for n, t in shop.items()}
        assert not any(violations(con, rule) for rule in market_rules(source_market(db)))
        views = con.execute('select view_name from duckdb_views() where not internal').fetchall()
        assert {n for n, in views} == {*VIEWS}
        assert con.execute('select count(*) from duckdb_indexes()').fetchone() == (0,)
        said = con.execute('select table_name, column_name, comment from duckdb_columns() where comment is not null')
        assert {(t, c): words for t, c, words in said.fetchall()} == {
            (t.name, c.name): c.doc for t in TABLES.values() for c in t.columns}


def test_constraints_are_the_declared_ones(shop, db, tmp_path):
    "Keys are added when the rows are there; the file then has what the declaration says, in each column."
    load(shop, f'duckdb:{db}')
    with closing(duckdb.connect(str(tmp_path / 'declared.duckdb'))) as con:
        for sql in create_tables('duckdb'): con.execute(sql)
    sql = """select table_name, constraint_type, constraint_column_names, constraint_text, referenced_table,
             referenced_column_names from duckdb_constraints() order by all"""
    assert len(rows(db, sql)) > len(TABLES)
    declared = rows(tmp_path / 'declared.duckdb', sql)
    assert [r for r in rows(db, sql) if r[0] in TABLES] == declared
    assert {r[1] for r in declared} == {'PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY', 'CHECK', 'NOT NULL'}


def test_it_is_known_by_the_same_key(shop, db, tmp_path):
    assert load(shop, f'duckdb:{db}')['load_key'] == load(shop, tmp_path / 'shop.db')['load_key']


@pytest.mark.parametrize('name', questions())
def test_the_answers_are_the_same(shop, folder, tmp_path_factory, name, kept={}):
    if not kept:
        home = tmp_path_factory.mktemp('loaded')
        kept.update(lite=home / 'shop.db', duck=f'duckdb:{home}/shop.duckdb')
        for place in kept.values(): load(folder, place)
        kept.update(path=kept['duck'].removeprefix('duckdb:'), folder=folder)
        for at, place in kept.items(): kept[at] = connect(place) # once for all questions
    duck, lite, path, there = (ask(name, kept[at]).frame for at in ('duck', 'lite', 'path', 'folder'))
    assert duck.equals(lite)
    assert path.equals(there)


@pytest.mark.filterwarnings('ignore:Setting an item of incompatible dtype')
@pytest.mark.parametrize('kind', REFUSED)
def test_a_refusal_names_the_row_as_sqlite_does(shop, db, tmp_path, kind):
    frames = {n: t.to_pandas() for n, t in shop.items()}
    plant, says = REFUSED[kind]
    plant(frames)
    before, said = db.read_bytes(), []
    for place in f'duckdb:{db}', tmp_path / 'shop.db':
        with pytest.raises(ShopError) as e: load(frames, place)
        said.append(str(e.value))
    assert said[0] == said[1]
    assert said[0].startswith(says)
    assert db.read_bytes() == before
    assert alone(db) == ['shop.duckdb']


LOAD = '''
import os, signal
import shop_nb.database.duckdb as D
from shop_nb.database.load import load
source, db, at, sig = args
def die(*_): os.kill(os.getpid(), getattr(signal, sig))
def before(holder, name):
    f = getattr(holder, name)
    def g(*a, **k):
        die()
        return f(*a, **k)
    setattr(holder, name, g)
if at == 'os.replace': before(os, 'replace')
elif at in dir(D): before(D, at)
load(source, db, lambda table, n, of: die() if table == at else None)
'''


@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'duckdb', 'shop_nb.database.duckdb') as run: yield run


@pytest.mark.parametrize('at, sig', with_signals('customers', 'order_items', '_record', '_compare', 'os.replace'))
def test_broken_off(folder, db, in_processes, at, sig):
    "kill -9 and Ctrl-C leave the old file; the next load works and tidies up."
    before = db.read_bytes()
    code, said = in_processes((LOAD, folder, f'duckdb:{db}', at, sig))[0]
    assert code == -signal.SIGKILL if sig == 'SIGKILL' else 'KeyboardInterrupt' in said
    assert db.read_bytes() == before
    if sig == 'SIGINT': assert alone(db) == ['shop.duckdb']
    load(folder, f'duckdb:{db}')
    assert alone(db) == ['shop.duckdb']
    assert rows(db, 'select count(*) from orders') == [(400,)]


KILLS = 50 if FULL else 3


@pytest.mark.slow
def test_killed_at_any_moment(folder, shop, db, in_processes):
    "The file is the old one or the new one, byte by byte what it was or table by table what it was to be."
    old, there = db.read_bytes(), f'duckdb:{db}'
    new = {n: digest(t, n) for n, t in shop.items()}

    def look(whole):
        if db.read_bytes() == old:
            assert not whole
            return
        with opened(db) as con: assert stored_digests(con) == new

    kill_at_random(in_processes, (LOAD, folder, there, '', ''), lambda: db.write_bytes(old), look, KILLS)
    load(folder, there)
    assert alone(db) == ['shop.duckdb']


def test_what_arrives_otherwise_does_not_land(shop, db, monkeypatch):
    "One cell of one table that DuckDB would store in another way."
    record, before = module._record, db.read_bytes()

    def spoil(con, streams):
        con.execute("update products set brand = 'Other' where product_id = (select max(product_id) from products)")
        record(con, streams)

    monkeypatch.setattr(module, '_record', spoil)
    with pytest.raises(ShopError, match='products in the database differs from its source'): load(shop, f'duckdb:{db}')
    assert db.read_bytes() == before
    assert alone(db) == ['shop.duckdb']


def test_what_a_program_did_not_finish_stays(shop, db):
    "The journal of a program that was killed holds what is not in the file yet."
    db.with_name('shop.duckdb.wal').write_bytes(b'changes')
    before = db.read_bytes()
    with pytest.raises(ShopError, match='was not closed by the program that changed it'): load(shop, f'duckdb:{db}')
    assert db.read_bytes() == before
    assert alone(db) == ['shop.duckdb', 'shop.duckdb.wal']


@pytest.mark.parametrize('kind', ['db', 'duckdb'])
def test_a_database_that_is_not_its_run_is_told(shop, folder, tmp_path, kind):
    Shop(SETTINGS).save(tmp_path / 'run')
    path = tmp_path / f'shop.{kind}'
    load(shop, path)
    found, wrong = verify_database(path, tmp_path / 'run')
    assert {n: t['digest'] for n, t in found.items()} == {n: digest(t, n) for n, t in shop.items()}
    assert {n: t['rows'] for n, t in found.items()} == {n: len(t) for n, t in shop.items()}
    assert not wrong
    connected = sqlite3.connect(path) if kind == 'db' else duckdb.connect(str(path))
    with closing(connected) as con:
        con.execute("update products set brand = 'Other' where product_id = (select max(product_id) from products)")
        con.commit()
    assert verify_database(path, tmp_path / 'run')[1] == ['products']


def test_what_is_not_a_shop_stays(shop, tmp_path):
    path = tmp_path / 'mine.duckdb'
    with closing(duckdb.connect(str(path))) as con: con.execute('create table mine as select 1 as a')
    for make, says in (None, 'is not the database of a shop'), ('some text', 'is not a file of DuckDB'):
        if make: path.write_text(make)
        before = path.read_bytes()
        with pytest.raises(ShopError, match=says) as e: load(shop, f'duckdb:{path}')
        assert e.value.code == 2
        assert path.read_bytes() == before


HOLD = 'import duckdb, sys; con = duckdb.connect(sys.argv[1]); print(1, flush=True); sys.stdin.read()'


def begun(code, db):
    return subprocess.Popen([sys.executable, '-c', code, str(db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_a_file_that_a_program_writes_to_stays(shop, db):
    with begun(HOLD, db) as other:
        other.stdout.readline()
        with pytest.raises(ShopError, match='shop.duckdb is locked by another program'): load(shop, f'duckdb:{db}')
        with pytest.raises(ShopError, match='shop.duckdb is locked by another program'): connect(f'duckdb:{db}')
        other.stdin.close()
    assert load(shop, f'duckdb:{db}')['rows']['orders'] == 400


READ = """import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=True)
print(1, flush=True)
sys.stdin.read()
print(con.execute('select count(*) from orders').fetchone()[0])"""


def test_who_reads_goes_on(shop, db):
    with begun(READ, db) as other:
        other.stdout.readline()
        load(shop, f'duckdb:{db}')
        assert other.communicate()[0].strip() == b'30'
    assert rows(db, 'select count(*) from orders') == [(400,)]


def test_a_file_that_this_process_has_open_stays(shop, db):
    with closing(duckdb.connect(str(db))) as con:
        with pytest.raises(ShopError, match='shop.duckdb is open in this process'): load(shop, f'duckdb:{db}')
        assert con.execute('select count(*) from orders').fetchone() == (30,)


WRITE = 'import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute("delete from loads")'


def test_to_look_at_a_shop_drops_no_lock_of_this_process(shop, tmp_path):
    "To open and close a file of SQLite would: whether it is one of DuckDB is not found out so."
    db = tmp_path / 'shop.db'
    load(shop, db)
    with closing(sqlite3.connect(db, isolation_level=None)) as con:
        con.execute('begin exclusive')
        for look in source_market, duckdb_path: look(db)
        done = subprocess.run([sys.executable, '-c', WRITE, str(db)], capture_output=True, text=True)
        assert 'database is locked' in done.stderr


def test_the_name_is_enough(shop, tmp_path):
    load(shop, tmp_path / 'shop.duckdb')
    assert rows(tmp_path / 'shop.duckdb', 'select count(*) from orders') == [(400,)]


@pytest.mark.parametrize('place, says', [
    ('duckdb:{}/nowhere/shop.duckdb', 'there is no folder'), ('duckdb:{}', 'it is a folder')])
def test_places(shop, tmp_path, place, says):
    with pytest.raises(ShopError, match=says) as e: load(shop, place.format(tmp_path))
    assert e.value.code == 2


def test_an_imported_shop_keeps_its_keys_and_says_what_it_lacks(tmp_path):
    shop = Shop.read(ROOT / 'docs' / 'samples' / 'shopify' / 'orders_export.csv', tmp_path / 'run')
    load(tmp_path / 'run', f'duckdb:{tmp_path}/shop.duckdb')
    assert source_market(f'duckdb:{tmp_path}/shop.duckdb') == shop.market
    with closing(connect(f'duckdb:{tmp_path}/shop.duckdb')) as con:
        assert con.execute('select * from crosswalk order by all').fetchall() == shop.connection.execute(
            'select * from crosswalk order by all').fetchall()
        said = shop.imported.manifest['tables']
        assert stored_digests(con) == {name: said[name]['digest'] for name in TABLES}
        assert ask('monthly_revenue', con).frame.equals(shop.ask('monthly_revenue').frame)
