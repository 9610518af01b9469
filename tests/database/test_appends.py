"An append into DuckDB and MariaDB does what one into SQLite does: all or nothing, once for each source, with readers."
import random, re, shutil, signal, subprocess, sys, threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import duckdb, pymysql, pytest

import shop_nb.database.appends as module
from shop_nb.app.cli import main
from shop_nb.app.run import verify_database
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.files.servers import fetch, open_server, server_of
from shop_nb.model.dialects import create_indexes
from shop_nb.shop.advance import advance
from shop_nb.shop.shop import Shop
from support import FULL, ROOT
from support.append_promises import *
from support.append_promises import SIZE, append, digests, of
from support.appends import some
from support.forks import forks
from support.loads import kill_at_random, with_signals
from support.mysql import new_database, new_user, server

ENGINES = 'duckdb', 'mysql'


@pytest.fixture(scope='module')
def url():
    "A database on a server of our own."
    with server() as at: yield at


@pytest.fixture(scope='module', params=ENGINES)
def engine(request): return request.param


@pytest.fixture(scope='module')
def empty(engine, url, tmp_path_factory):
    "Where a shop may be."
    if engine == 'mysql': return url
    return f'duckdb:{tmp_path_factory.mktemp("shop")}/shop.duckdb'


@pytest.fixture(scope='module')
def loaded(old, tmp_path_factory):
    "A file that has the old shop, to be copied: faster than a load."
    path = tmp_path_factory.mktemp('loaded') / 'shop.duckdb'
    load(old, f'duckdb:{path}')
    return path


@pytest.fixture
def db(empty, old, loaded):
    if server_of(empty): load(old, empty)
    else:
        for path in file_of(empty).parent.iterdir(): path.unlink()
        shutil.copy(loaded, file_of(empty))
    return empty


@pytest.fixture(scope='module')
def kept(engine, url, old, tmp_path_factory):
    "A database that is loaded once, for what is refused and so changes nothing in it."
    there = f'{url}_kept' if engine == 'mysql' else f'duckdb:{tmp_path_factory.mktemp("kept")}/shop.duckdb'
    if engine == 'mysql': query(url, f'create database {urlsplit(there).path[1:]}')
    load(old, there)
    return there


def file_of(db): return Path(db.removeprefix('duckdb:'))


def query(db, *statements):
    "What the last statement answers."
    if not server_of(db):
        with closing(duckdb.connect(str(file_of(db)))) as con:
            return [con.execute(sql).fetchall() for sql in statements][-1]
    with open_server(server_of(db)) as (con, cur):
        found = [fetch(cur, sql) for sql in statements]
        con.commit()
        return found[-1]


def loads(db):
    return query(
        db, 'select load_id, load_key, loaded_at, first_ordered_at, last_ordered_at from loads order by load_id')


def alone(db):
    "Whether nothing is left beside a file, or in a database."
    if not server_of(db): return [p.name for p in file_of(db).parent.iterdir()] == ['shop.duckdb']
    return not any(name.startswith('shop_nb_') for name, in query(db, 'show tables'))


def refuses(source, db, code=1, before=None, **how):
    "An append that is refused leaves everything as it was, with the digests `before`: what it says."
    before, kept = before or digests(db), loads(db)
    with pytest.raises(ShopError) as e: append(source, db, **how)
    assert e.value.code == code, str(e.value)
    assert len(str(e.value).splitlines()) == 2
    assert (digests(db), loads(db)) == (before, kept)
    assert alone(db)
    return str(e.value)


@pytest.mark.parametrize('seed', range(12 if FULL else 2))
def test_any_parts_in_any_order_make_the_whole(old, new, empty, tmp_path, seed):
    "Some orders of a shop, then those of a later one in parts: the digests of the later one, and the counts of SQLite."
    rng = random.Random(seed)
    parts = [{at for at in new['orders']['ordered_at'].to_pylist() if rng.random() < .5} for _ in range(2)]
    sources = [
        some(new, parts[0].__contains__), some(new, lambda at: at not in parts[0]), some(old, parts[1].__contains__)]
    shops = [*rng.sample(sources, 3), new]
    for at in empty, tmp_path / 'shop.db': load(shops[0], at)
    for shop in shops[1:]: assert append(shop, empty) == append(shop, tmp_path / 'shop.db')
    assert digests(empty) == of(new)


def test_the_days_that_advance_makes(db, tmp_path):
    "An advanced run, appended: what a load of it is."
    run = tmp_path / 'run'
    Shop(**SIZE, until=FIRST).save(run)
    for day in '2025-10-07', '2025-10-14', '2025-11-01':
        advance(run, day)
        append(run, db)
        assert not verify_database(db, run)[1]
    assert len(loads(db)) == 4


def test_keys_references_checks_and_indexes_stay(new, db):
    append(new, db)
    bad = ('update customers set email = (select e from (select min(email) as e from customers) as x)',
           'update order_items set product_id = 4711', "update payments set status = 'lost'",
           'insert into payments select * from payments')
    for sql in bad:
        with pytest.raises((duckdb.ConstraintException, pymysql.Error)): query(db, sql)
    if not server_of(db): return
    names = 'select distinct index_name from information_schema.statistics where table_schema = database()'
    assert {sql.split()[2] for sql in create_indexes()} <= {name for name, in query(db, names)}


def test_what_does_not_change_is_not_touched(old, new, db):
    "A row that somebody else has changed and the source does not have stays; so does one of a load that is known."
    key = old['payments']['payment_id'][0].as_py()
    query(db, f'update payments set attempts = 17 where payment_id = {key}')
    attempts = f'select attempts from payments where payment_id = {key}'
    for source in some(new, lambda at: at.month == 10), old:
        known = append(source, db)['known']
        assert query(db, attempts) == [(17,)]
    assert known


CHANGE = "update customers set first_name = 'Zoë' where customer_id = 1"


def with_orders(shop):
    "The places of two customers with orders."
    ids = sorted(set(shop['orders']['customer_id'].to_pylist()))
    return [shop['customers']['customer_id'].to_pylist().index(i) for i in (ids[0], ids[-1])]


def test_unique_values_may_change_places(old, db, lite):
    "Those of rows that others refer to, and two lines of an order."
    customers, products, items = (old[n].to_pandas() for n in ('customers', 'products', 'order_items'))
    pair = with_orders(old)
    customers.loc[pair, 'email'] = list(customers.email[pair[::-1]])
    products.loc[[3, 4], 'sku'] = list(products.sku[[4, 3]])
    two = items.index[items.order_id == items.order_id[items.line_number == 2].iloc[0]][:2]
    moved = [c for c in items.columns if c not in ('order_item_id', 'order_id', 'line_number')]
    for c in moved: items.loc[two, c] = items.loc[two[::-1], c].to_numpy()
    shop = old | dict(customers=customers, products=products, order_items=items)
    facts = append(shop, db)
    assert facts == append(shop, lite)
    assert [facts['kinds'][n]['updated'] for n in ('customers', 'products', 'order_items')] == [2, 2, 2]
    assert digests(db) == digests(lite)
    emails = 'select email from customers where customer_id in (%s, %s) order by customer_id'
    rows = query(db, emails % tuple(customers.customer_id[pair]))
    assert rows == [(e,) for e in customers.email[pair]]


def test_an_order_may_get_another_customer(old, db):
    orders = old['orders'].to_pandas()
    orders.loc[len(orders) - 1, 'customer_id'] = 1
    append(old | dict(orders=orders), db)
    assert query(db, f'select customer_id from orders where order_id = {orders.order_id.iloc[-1]}') == [(1,)]


def test_a_source_that_changes_while_it_is_read(new, kept, monkeypatch):
    monkeypatch.setattr(module, '_key', lambda streams: 'another')
    assert 'The source was changed while it was read' in refuses(new, kept)


def test_what_arrives_otherwise_does_not_land(old, new, kept, monkeypatch):
    "One cell of one table that the database would store in another way."
    spoil = "update {}products set brand = 'Other' where product_id = 7"
    check, extend = module._check_rows, module._extend_crosswalk

    def check_rows(cur, streams):
        cur.execute(spoil.format(''))
        check(cur, streams)

    def extend_crosswalk(con, files):
        con.execute(spoil.format('loading.'))
        extend(con, files)

    monkeypatch.setattr(module, '_check_rows', check_rows)
    monkeypatch.setattr(module, '_extend_crosswalk', extend_crosswalk)
    assert 'products in the database would differ from its source' in refuses(new, kept, before=of(old))


LOAD = '''
import os, signal
import shop_nb.database.appends as P
from shop_nb.database.load import load
source, place, at, sig = args
def before(name):
    f = getattr(P, name)
    def g(*a, **k):
        os.kill(os.getpid(), getattr(signal, sig))
        return f(*a, **k)
    setattr(P, name, g)
if at: before(at)
load(source, place, append=True)
'''
STEPS = [('duckdb', at) for at in ('_stage_duckdb', '_attach_copy', '_move_duckdb', '_check_copy', '_replace')]
STEPS += [('mysql', at) for at in ('_stage_mysql', '_sort_out', '_change', '_record', '_check_rows')]


@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'duckdb', 'pymysql', 'shop_nb.database.appends') as run: yield run


BROKEN_OFF = [(*step, sig) for step, sig in with_signals(*STEPS)]


@pytest.mark.parametrize('engine, at, sig', BROKEN_OFF, indirect=['engine'], scope='module')
def test_broken_off(files, old, new, db, in_processes, at, sig):
    code, said = in_processes((LOAD, files, db, at, sig))[0]
    assert code == -signal.SIGKILL if sig == 'SIGKILL' else 'KeyboardInterrupt' in said
    assert digests(db) == of(old)
    if sig == 'SIGINT': assert alone(db)
    append(files, db)
    assert digests(db) == of(new)
    assert alone(db)


KILLS = 50 if FULL else 3


@pytest.mark.slow
def test_killed_at_any_moment(files, old, new, db, in_processes):
    "The old shop with one load, or the new one with two."
    first = loads(db)

    def fresh():
        load(old, db)
        first[:] = loads(db)

    def look(whole):
        found = digests(db), len(loads(db))
        assert found == (of(new), 2) if whole else found in ((of(old), 1), (of(new), 2))

    kill_at_random(in_processes, (LOAD, files, db, '', ''), fresh, look, KILLS)
    append(files, db)
    assert digests(db) == of(new)
    assert alone(db)


@pytest.mark.slow
def test_four_at_once(files, new, db, in_processes):
    assert in_processes(*[(LOAD, files, db, '', '')] * 4) == [[0, '']] * 4
    assert digests(db) == of(new)
    assert len(loads(db)) == 2


def test_where_no_shop_is(new, url, tmp_path):
    query(url, *new_database(f'{urlsplit(url).path[1:]}_none'))
    for place, says in ((f'{url}_none', 'has no shop'), (f'duckdb:{tmp_path}/none.duckdb', 'There is no database')):
        with pytest.raises(ShopError, match=says) as e: append(new, place)
        assert e.value.code == 2
    assert not list(tmp_path.iterdir())


def test_keys_of_later_exports_come_along(empty, tmp_path):
    "An import of which some keys are missing: it brings them into the table crosswalk."
    Shop.read(ROOT / 'docs' / 'samples' / 'tables', tmp_path / 'run')
    load(tmp_path / 'run', empty)
    column = '`key`' if server_of(empty) else 'key'
    keys = f'select table_name, source_key, {column} from crosswalk order by 1, 2'
    before = query(empty, keys)
    query(empty, "delete from crosswalk where table_name = 'products'", "update loads set load_key = 'another'")
    append(tmp_path / 'run', empty)
    assert query(empty, keys) == before


def test_the_command_line(files, db, capsys, tmp_path, lite):
    for place in db, str(lite):
        assert main(['load', str(files), '--db', place, '--append']) == 0
        assert main(['load', str(files), '--db', place, '--append']) == 0
    said = capsys.readouterr().out.replace(db, 'PLACE').replace(str(lite), 'PLACE').splitlines()
    assert said[:len(said) // 2] == said[len(said) // 2:]
    assert said[-1] == 'PLACE has these rows already (load 2): nothing was changed'


# DuckDB alone

@pytest.fixture
def duck(loaded, tmp_path): return Path(shutil.copy(loaded, tmp_path))


def test_what_somebody_added_to_the_file_stays(new, duck):
    own = ('create table notes (customer_id bigint, note varchar)', "insert into notes values (1, 'calls')",
           'create view mine as select count(*) as n from orders', 'create index by_city on customers (city)',
           'alter table order_items add column mark varchar', "update order_items set mark = 'kept'")
    query(f'duckdb:{duck}', *own)
    duck.chmod(0o640)
    facts = append(new, duck)
    with closing(duckdb.connect(str(duck), read_only=True)) as con:
        assert con.execute('select * from notes').fetchall() == [(1, 'calls')]
        assert con.execute('select n from mine').fetchone() == (len(new['orders']),)
        assert con.execute("select count(*) from duckdb_indexes() where index_name = 'by_city'").fetchone() == (1,)
        kinds = facts['kinds']['order_items']
        marked = con.execute("select count(*) from order_items where mark = 'kept'").fetchone()[0]
        assert marked == kinds['unchanged']
    assert duck.stat().st_mode & 0o777 == 0o640


def test_a_table_that_refers_to_what_changes_is_told(new, duck):
    query(f'duckdb:{duck}', 'create table notes (order_id bigint references orders)',
          'insert into notes select order_id from orders')
    said = refuses(new, f'duckdb:{duck}', code=2)
    assert said.startswith('Another table refers to rows of orders that change')


HOLD = '''import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "reads")
print(1, flush=True)
sys.stdin.read()
print(con.execute("select count(*) from orders").fetchone()[0])'''


def held(duck, how):
    words = [sys.executable, '-c', HOLD, str(duck), how]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_who_reads_a_file_goes_on(old, new, duck):
    with held(duck, 'reads') as other:
        other.stdout.readline()
        append(new, duck)
        assert other.communicate()[0].strip() == str(len(old['orders']))
    assert digests(str(duck)) == of(new)


def test_a_file_that_a_program_writes_to_stays(old, new, duck):
    with held(duck, 'writes') as other:
        other.stdout.readline()
        with pytest.raises(ShopError, match='shop.duckdb is locked by another program') as e: append(new, duck)
        assert e.value.code == 2
        other.communicate()
    assert digests(str(duck)) == of(old)


def test_nobody_writes_to_a_file_while_its_copy_is_made(new, duck, monkeypatch):
    real, said = module._replace, []

    def replace(copy, path):
        words = [sys.executable, '-c', HOLD, path, 'writes']
        job = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        said.append(job.stderr)
        real(copy, path)

    monkeypatch.setattr(module, '_replace', replace)
    append(new, duck)
    assert 'Conflicting lock is held' in said[0]
    assert digests(str(duck)) == of(new)


def test_files_that_take_no_rows(old, new, duck, tmp_path):
    before = duck.read_bytes()
    said = 'is open in this process.\nClose it, then append again'
    with closing(duckdb.connect(str(duck))), pytest.raises(ShopError, match=said): append(new, duck)
    duck.with_name('shop.duckdb.wal').write_bytes(b'changes')
    said = 'was not closed by the program that changed it.\n.*append again'
    with pytest.raises(ShopError, match=said): append(new, duck)
    duck.with_name('shop.duckdb.wal').unlink()
    assert duck.read_bytes() == before
    mine, text = tmp_path / 'mine.duckdb', tmp_path / 'text.duckdb'
    with closing(duckdb.connect(str(mine))) as con: con.execute('create table mine as select 1 as a')
    text.write_text('some text')
    for path, says in (
        (mine, 'is not the database of a shop'), (text, 'is not a file of DuckDB'),
        (tmp_path / 'no/a.duckdb', 'There is no'),
    ):
        with pytest.raises(ShopError, match=says) as e: append(new, path)
        assert e.value.code == 2


def test_a_full_disk(old, new, duck, monkeypatch):
    def full(*_): raise OSError(28, 'No space left on device')
    monkeypatch.setattr(module.shutil, 'copyfileobj', full)
    before = duck.read_bytes()
    with pytest.raises(ShopError, match='No space left on device') as e: append(new, duck)
    assert e.value.code == 2
    assert duck.read_bytes() == before
    assert [p.name for p in duck.parent.iterdir()] == ['shop.duckdb']


# MariaDB alone

@pytest.fixture
def maria(old, url):
    load(old, url)
    return url


def test_on_a_server_who_reads_goes_on_and_who_writes_waits(old, new, maria, monkeypatch):
    "Until the end a reader sees the old rows; a change from elsewhere comes before or after, not between."
    real, seen, other = module._check_rows, [], []
    insert = 'insert into customers select 4711, first_name, last_name, \'a@b.cc\', phone, street, city, region, ' \
             'postal_code, country, latitude, longitude, signed_up_at, segment, marketing_opt_in from customers limit 1'

    def look(*args):
        seen.append(query(maria, 'select count(*) from orders'))
        for change in CHANGE, 'delete from payments limit 1', insert:
            with pytest.raises(pymysql.Error, match='[Ll]ock wait timeout'):
                query(maria, 'set innodb_lock_wait_timeout = 1', change)
        other.append(threading.Thread(target=query, args=(maria, CHANGE)))
        other[0].start()
        return real(*args)

    monkeypatch.setattr(module, '_check_rows', look)
    append(new, maria)
    other[0].join()
    assert seen == [[(len(old['orders']),)]]
    assert query(maria, 'select count(*) from orders') == [(len(new['orders']),)]
    assert query(maria, 'select first_name from customers where customer_id = 1') == [('Zoë',)]


def test_on_a_server_a_lock_of_somebody_else_is_waited_for_but_not_for_long(old, new, maria, monkeypatch):
    monkeypatch.setattr(module, 'PATIENCE', 1)
    with open_server(server_of(maria)) as (con, cur):
        cur.execute(CHANGE)
        said = refuses(new, maria, code=2)
        assert re.search('Lock wait timeout.*\nClose the sessions that use the tables', said)


def test_what_refers_to_the_shops_tables_stays(old, new, maria):
    "A row of somebody else that refers to an order or a customer stays when those change, even where it would go too."
    customers = new['customers'].to_pandas()
    pair = with_orders(new)
    customers.loc[pair, 'email'] = list(customers.email[pair[::-1]])
    query(maria, 'create table notes (order_id bigint, customer_id bigint, '
                 'foreign key (order_id) references orders (order_id) on delete cascade, '
                 'foreign key (customer_id) references customers (customer_id) on delete cascade)',
          'insert into notes select order_id, customer_id from orders')
    append(new | dict(customers=customers), maria)
    assert query(maria, 'select count(*) from notes') == [(len(old['orders']),)]
    query(maria, 'drop table notes')


def test_text_that_is_too_long_is_refused_and_not_cut(new, maria):
    said = refuses(changed(new, 'products', 3, name='a' * 701), maria)
    assert said.startswith('products: name has 701 characters, at product_id')


def test_who_may_not_change_the_tables_is_told(old, new, maria):
    query(maria, *new_user('looker'),
          f"grant select on {urlsplit(maria).path[1:]}.* to looker@'127.0.0.1'")
    with pytest.raises(ShopError, match='denied.*\n.*with grant') as e: append(new, maria.replace('shop@', 'looker@'))
    assert e.value.code == 2
    assert digests(maria) == of(old)
