"A load into PostgreSQL is what one into SQLite is: all or nothing, with every constraint, digest and answer equal."
import os, re, signal, subprocess, sys, threading
from contextlib import closing
from pathlib import Path

import adbc_driver_postgresql.dbapi as driver
import pytest

from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, questions
from shop_nb.app.run import verify_database
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database import postgresql as module
from shop_nb.database.load import load
from shop_nb.files.digest import digest
from shop_nb.files.market import source_market
from shop_nb.files.servers import server_of
from shop_nb.generator.blocks import tables
from shop_nb.model.queries import LEFT
from shop_nb.model.dialects import create_indexes
from shop_nb.model.market import market_rules
from shop_nb.model.schema import TABLES
from shop_nb.model.views import VIEWS
from shop_nb.shop.shop import Shop
from support import FULL, ROOT
from support.forks import forks
from postgres import server
from support.loads import LOAD, SPOILING, kill_at_random, plain, with_signals
from support.refused import REFUSED
from support.server import SETTINGS

OTHER = Settings(seed=6, customers=20, products=30, orders=30, order_items=60)


@pytest.fixture(scope='module')
def url():
    "A database on a server of our own."
    with server(fsync='off') as begin: yield f'{begin}/postgres'


@pytest.fixture(scope='module')
def other(): return tables(OTHER)


def run_all(url, *statements):
    "What each statement answers; all of them land."
    with closing(driver.connect(url)) as con, closing(con.cursor()) as cur:
        found = []
        for sql in statements:
            cur.execute(sql)
            found.append(cur.fetchall() if cur.description else None)
        con.commit()
        return found


def run(url, *statements): return run_all(url, *statements)[-1]


@pytest.fixture
def place(url, request, other):
    "The place of a shop, where another shop is."
    schema = 't_' + re.sub('[^a-z0-9]+', '_', request.node.name.lower())[:30]
    at = f'{url}?schema={schema}'
    load(other, at)
    yield at
    run(url, f'drop schema if exists {schema} cascade')


def schema_of(place): return server_of(place).schema


def all_rows(place, *queries):
    return run_all(place.split('?')[0], f'set search_path = {schema_of(place)}', *queries)[1:]


def rows(place, sql): return all_rows(place, sql)[0]


def same_as(place, shop):
    "Whether a place holds a shop, and nothing that a load leaves behind."
    found, _ = verify_database(place)
    left = rows(place, f"select nspname::text from pg_namespace where nspname like '{schema_of(place)}_%'")
    return (left, {n: t['digest'] for n, t in found.items()}) == ([], {n: digest(t, n) for n, t in shop.items()})


def test_it_is_complete(shop, place):
    facts = load(shop, place)
    assert facts['rows'] == {n: len(t) for n, t in shop.items()}
    assert same_as(place, shop)
    relations = dict(rows(place, "select relkind::text, count(*) from pg_class where relnamespace = "
                                 f"'{schema_of(place)}'::regnamespace group by 1"))
    assert (relations['v'], relations['r']) == (len(VIEWS), len(TABLES) + 2)
    sql = f"select indexname::text from pg_indexes where schemaname = '{schema_of(place)}'"
    indexes = {name for name, in rows(place, sql)}
    assert {sql.split()[2] for sql in create_indexes()} < indexes
    said = rows(place, f'''select relname::text, attname::text, col_description(pg_class.oid, attnum)
        from pg_class join pg_attribute on attrelid = pg_class.oid
        where relnamespace = '{schema_of(place)}'::regnamespace
        and col_description(pg_class.oid, attnum) is not null''')
    meanings = {(t.name, c.name): c.doc for t in TABLES.values() for c in t.columns}
    assert {(t, c): words for t, c, words in said} == meanings


def test_its_types_are_native(place):
    kinds = dict(rows(place, f'''select column_name::text, data_type::text from information_schema.columns
        where table_schema = '{schema_of(place)}' and table_name in ('orders', 'products')'''))
    want = dict(order_id='bigint', ordered_at='timestamp without time zone', launched_on='date', tax_included='boolean',
                status='text')
    assert {name: kinds[name] for name in want} == want


def test_every_rule_holds_there(shop, place):
    load(shop, place)
    rules = market_rules(source_market(place))
    assert len(rules) > 80
    found = all_rows(place, *(r.query('postgresql') for r in rules))
    assert not [rule.name for rule, broken in zip(rules, found) if broken]


def test_every_rule_finds_there_what_it_finds_in_duckdb(shop, place):
    "In tables without constraints, with wrong rows of many kinds."
    load(shop, place)
    checks = rows(place, f'''select conrelid::regclass::text, conname::text from pg_constraint
        where connamespace = '{schema_of(place)}'::regnamespace and contype in ('c', 'f', 'u')''')
    loose = [f'alter table {table} drop constraint {name}' for table, name in checks]
    columns = [(t.name, c.name) for t in TABLES.values() for c in t.columns if not c.key]
    loose += [f'alter table {table} alter {column} drop not null' for table, column in columns]
    search = f'set search_path = {schema_of(place)}'
    run(place.split('?')[0], search, *loose, *SPOILING)
    rules, broken = market_rules(source_market(place)), set()
    with closing(connect(place)) as duck:
        for rule, there in zip(rules, all_rows(place, *(r.query('postgresql') for r in rules))):
            here = duck.execute(rule.query('duckdb')).fetchall()
            assert sorted(map(str, there)) == sorted(map(str, here)), rule.name
            if there: broken.add(rule.name)
    assert len(broken) > 25, broken


def test_views_say_the_same(shop, place):
    "Row by row, and to the cent."
    load(shop, place)
    with closing(connect(place)) as duck:
        for view in VIEWS:
            columns = [c for c, *_ in duck.execute(f'describe {view}').fetchall()]
            cells = ', '.join(columns)
            here = duck.execute(f'select {cells} from {view}').fetchall()
            assert sorted(map(plain, rows(place, f'select {cells} from {view}'))) == sorted(map(plain, here)), view


@pytest.mark.parametrize('name', questions())
def test_the_answers_are_the_same(shop, url, tmp_path_factory, name, kept={}):
    if not kept:
        kept.update(lite=tmp_path_factory.mktemp('loaded') / 'shop.db', there=url)
        for at in kept.values(): load(shop, at)
    there, lite = (ask(name, kept[at]) for at in ('there', 'lite'))
    assert there.frame.equals(lite.frame)
    assert there.computed == 'PostgreSQL itself'
    by = f'DuckDB from the rows of {kept["lite"]}' if name in LEFT['sqlite'] else 'SQLite itself'
    assert lite.computed == by


@pytest.mark.filterwarnings('ignore:Setting an item of incompatible dtype')
@pytest.mark.parametrize('kind', REFUSED)
def test_a_refusal_names_the_row_as_sqlite_does(shop, other, place, tmp_path, kind):
    frames = {n: t.to_pandas() for n, t in shop.items()}
    plant, says = REFUSED[kind]
    plant(frames)
    said = []
    for at in place, tmp_path / 'shop.db':
        with pytest.raises(ShopError) as e: load(frames, at)
        said.append(str(e.value))
    assert said[0] == said[1]
    assert said[0].startswith(says)
    assert same_as(place, other)


@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'duckdb', 'shop_nb.database.postgresql') as run: yield run


STEPS = 'customers', 'order_items', 'create_keys', '_compare', '_replace', '_facts'


@pytest.mark.parametrize('at, sig', with_signals(*STEPS))
def test_broken_off(folder, shop, other, place, in_processes, at, sig):
    "kill -9 and Ctrl-C leave the old shop; the next load works."
    code, said = in_processes((LOAD, module.__name__, str(folder), place, at, sig))[0]
    assert code == -signal.SIGKILL if sig == 'SIGKILL' else 'KeyboardInterrupt' in said
    assert same_as(place, other)
    load(folder, place)
    assert same_as(place, shop)


KILLS = 50 if FULL else 4


@pytest.mark.slow
def test_killed_at_any_moment(folder, shop, other, place, in_processes):
    def look(whole):
        if not same_as(place, shop): # it may have landed before it was killed
            assert not whole
            assert same_as(place, other)

    call = LOAD, module.__name__, folder, place, '', ''
    kill_at_random(in_processes, call, lambda: load(other, place), look, KILLS)
    load(folder, place)
    assert same_as(place, shop)


def test_what_arrives_otherwise_does_not_land(shop, other, place, monkeypatch):
    "One cell of one table that the server would store in another way."
    compare = module._compare

    def spoil(cur, streams):
        cur.execute("update products set brand = 'Other' where product_id = (select max(product_id) from products)")
        compare(cur, streams)

    monkeypatch.setattr(module, '_compare', spoil)
    with pytest.raises(ShopError, match='products on the server differs from its source'): load(shop, place)
    assert same_as(place, other)


def test_what_is_not_a_shops_stays(shop, other, place):
    "A table beside the shop's, a view in another schema that reads it, and a schema of something else."
    schema, begin = schema_of(place), place.split('?')[0]
    run(begin, f'create table {schema}.notes as select 1 as a')
    with pytest.raises(ShopError, match='also has notes, which would be lost') as e: load(shop, place)
    assert e.value.code == 2
    run(begin, f'drop table {schema}.notes', f'create view public.theirs as select * from {schema}.orders')
    with pytest.raises(ShopError, match='cannot be dropped: view (public.)?theirs depends on') as e: load(shop, place)
    assert e.value.code == 2
    assert same_as(place, other)
    run(begin, 'drop view public.theirs', 'create schema things', 'create table things.orders as select 1 as a')
    with pytest.raises(ShopError, match='things is not that of a shop'): load(shop, f'{begin}?schema=things')
    assert run(begin, 'select a from things.orders') == [(1,)]
    load(shop, place)
    assert same_as(place, shop)


def test_who_was_allowed_to_read_may_read_the_new_tables(shop, place):
    schema, begin = schema_of(place), place.split('?')[0]
    run(begin, f"create role reader login password '{os.environ['PGPASSWORD']}'",
        f'grant usage on schema {schema} to reader',
        f'grant select on {schema}.orders, {schema}.order_totals to reader with grant option',
        f'grant select (customer_id, country) on {schema}.customers to reader')
    load(shop, place)
    as_reader = begin.replace('shop@', 'reader@')
    assert run(as_reader, f'select count(*) from {schema}.orders') == [(400,)]
    assert run(as_reader, f'select count(revenue_cents) from {schema}.order_totals') == [(400,)]
    assert run(as_reader, f'select count(country) from {schema}.customers') == [(200,)]
    for sql in f'select email from {schema}.customers', f'select * from {schema}.payments':
        with pytest.raises(driver.Error, match='permission denied'): run(as_reader, sql)
    with pytest.raises(ShopError, match='permission denied for table.*\n.*with grant') as e:
        ask('daily_revenue', f'{as_reader}?schema={schema}')
    assert e.value.code == 2


def test_who_reads_goes_on(shop, place, monkeypatch):
    "Until the end; a session that keeps the old tables open keeps the new ones out, and nothing is lost."
    monkeypatch.setattr(module, 'PATIENCE', 1)
    begin = place.split('?')[0]
    with closing(driver.connect(begin)) as con, closing(con.cursor()) as cur:
        cur.execute(f'select count(*) from {schema_of(place)}.orders')
        assert cur.fetchall() == [(30,)]
        with pytest.raises(ShopError, match='lock timeout') as e: load(shop, place)
        assert 'Close the sessions that use the tables' in str(e.value)
        cur.execute(f'select count(*) from {schema_of(place)}.orders')
        assert cur.fetchall() == [(30,)]
    load(shop, place)
    assert same_as(place, shop)


def test_two_loads_take_turns(shop, other, place):
    done = []
    def work(source): done.append(load(source, place)['rows']['orders'])
    jobs = [threading.Thread(target=work, args=(source,)) for source in (shop, other) * 2]
    for job in jobs: job.start()
    for job in jobs: job.join()
    assert sorted(done) == [30, 30, 400, 400]
    assert same_as(place, shop) or same_as(place, other)


def test_an_imported_shop_keeps_its_keys_and_says_what_it_lacks(tmp_path, url):
    shop = Shop.read(ROOT / 'docs' / 'samples' / 'shopify' / 'orders_export.csv', tmp_path / 'run')
    at = f'{url}?schema=imported'
    load(tmp_path / 'run', at)
    assert source_market(at) == shop.market
    with closing(connect(at)) as con:
        keys = 'select * from crosswalk order by all'
        assert con.execute(keys).fetchall() == shop.connection.execute(keys).fetchall()
    assert not verify_database(at, tmp_path / 'run')[1]
    assert ask('monthly_revenue', at).frame.equals(shop.ask('monthly_revenue').frame)
    for view in VIEWS: rows(at, f'select * from {view}')


def test_a_database_that_is_not_its_run_is_told(shop, place, tmp_path):
    Shop(SETTINGS).save(tmp_path / 'run')
    load(shop, place)
    assert not verify_database(place, tmp_path / 'run')[1]
    rows(place, "update products set brand = 'Other' where product_id = 1")
    assert verify_database(place, tmp_path / 'run')[1] == ['products']


def test_text_is_text_in_a_database_of_another_encoding(shop, url):
    "The server converts it; what it has no character for is refused."
    run_outside(url, "create database latin encoding 'LATIN1' template template0 locale 'C'")
    latin = url.replace('/postgres', '/latin')
    load(shop, latin)
    assert not all(name.isascii() for name in shop['customers']['first_name'].to_pylist())
    assert run(latin, 'select sum(octet_length(first_name) - length(first_name)) from shop.customers') == [(0,)]
    assert same_as(f'{latin}?schema=shop', shop)
    customers = shop['customers'].to_pandas()
    customers.loc[3, 'first_name'] = '日本'
    says = '^The tables cannot be loaded: character .* no equivalent in encoding "LATIN1"'
    with pytest.raises(ShopError, match=says) as e:
        load(shop | dict(customers=customers), latin)
    assert e.value.code == 1
    assert same_as(latin + '?schema=shop', shop)


def run_outside(url, sql):
    "A statement that no transaction may hold."
    with closing(driver.connect(url, autocommit=True)) as con, closing(con.cursor()) as cur: cur.execute(sql)


def test_who_may_not_see_the_schema_is_told(shop, place):
    run(place.split('?')[0], f"create role stranger login password '{os.environ['PGPASSWORD']}'")
    for work in (lambda at: ask('monthly_revenue', at), lambda at: load(shop, at),
                 lambda at: load(shop, at, append=True)):
        with pytest.raises(ShopError, match='permission denied for .*\n.*with grant') as e:
            work(place.replace('shop@', 'stranger@'))
        assert e.value.code == 2


@pytest.mark.parametrize('change, says', [
    (lambda u: u.replace('/postgres', '/nowhere'), 'database "nowhere" does not exist'),
    (lambda u: re.sub(r':\d+/', ':1/', u), 'Connection refused'),
    (lambda u: u + '?sslmode=never', 'invalid sslmode value'),
])
def test_a_server_that_cannot_be_reached_is_told(shop, url, change, says):
    for work in lambda at: load(shop, at), connect, source_market:
        with pytest.raises(ShopError, match=says) as e: work(change(url))
        assert e.value.code == 2


def test_where_no_shop_is(url):
    with pytest.raises(ShopError, match='has no shop') as e: ask('monthly_revenue', f'{url}?schema=empty')
    assert e.value.code == 2


def test_a_password_comes_from_the_environment_and_not_from_the_url(shop, place, monkeypatch):
    "In the URL it would be in the list of processes."
    secret = os.environ['PGPASSWORD']
    for at in place.replace('shop@', f'shop:{secret}@'), f'{place}&password={secret}':
        with pytest.raises(ShopError, match='can be read in the list of processes') as e: load(shop, at)
        assert e.value.code == 2
        assert secret not in str(e.value)
    assert secret not in str(load(shop, place))
    monkeypatch.setenv('PGPASSWORD', 'another')
    with pytest.raises(ShopError, match='password authentication failed for user "shop"') as e: load(shop, place)
    assert e.value.code == 2
    assert 'another' not in str(e.value)


SHOP_NB = Path(sys.executable).with_name('shop-nb')


def test_the_command_line(folder, url):
    at = f'{url}?schema=by_command'
    def command(*words): return subprocess.run([SHOP_NB, *words], capture_output=True, text=True)
    assert command('load', folder, '--db', at).stdout == f'Loaded 2,060 rows into {at}\n'
    assert 'revenue' in command('ask', 'monthly_revenue', '--db', at).stdout
    assert digest(tables(SETTINGS)['orders'], 'orders') in command('verify', '--db', at).stdout
    assert 'has these rows already (load 1)' in command('load', folder, '--db', at, '--append').stdout
