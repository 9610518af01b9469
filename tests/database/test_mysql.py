"A load into MariaDB, and before a release into MySQL, is what one into SQLite is: all or nothing, and equal in all."
import os, re, signal, subprocess, sys, threading, time
from contextlib import closing, nullcontext, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pymysql
import pytest

from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, questions
from shop_nb.app.run import verify_database
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database import mysql as module
from shop_nb.database.load import load
from shop_nb.files.digest import digest
from shop_nb.files.market import source_market
from shop_nb.files import servers
from shop_nb.files.servers import dialect_of, fetch, mysql_rows, open_server, server_errors, server_of
from shop_nb.generator.blocks import tables
from shop_nb.model.dialects import DIALECTS, create_indexes
from shop_nb.model.market import market_rules
from shop_nb.model.schema import TABLES
from shop_nb.model.views import VIEWS
from shop_nb.shop.shop import Shop
from support import FULL, ROOT
from support.examples import CHECKS, example
from support.forks import forks
from support.loads import LOAD, SPOILING, kill_at_random, plain, with_signals
from support.refused import REFUSED
from support.mysql import DIALECT, new_database, new_user, server
from support.server import SETTINGS

OTHER = Settings(seed=6, customers=20, products=30, orders=30, order_items=60)


@pytest.fixture(scope='module')
def url():
    "A database on a server of our own."
    with server() as at: yield at


@pytest.fixture(scope='module')
def other(): return tables(OTHER)


def run_all(url, *statements):
    "What each statement answers."
    with open_server(server_of(url)) as (con, cur):
        found = [fetch(cur, sql) for sql in statements]
        con.commit()
        return found


def run(url, *statements): return run_all(url, *statements)[-1]


@pytest.fixture
def empty(url, request):
    "A database of the test's own."
    at = f'{url}_' + re.sub('[^a-z0-9]+', '_', request.node.name.lower())[:40]
    name = urlsplit(at).path[1:]
    run(url, *new_database(name))
    yield at
    run(url, f'drop database {name}')


@pytest.fixture
def place(empty, other):
    "The place of a shop, where another shop is."
    load(other, empty)
    return empty


@pytest.fixture(scope='module')
def kept(url, other):
    "The place of a shop that several tests leave as it is."
    at = f'{url}_kept'
    run(url, f'create database {urlsplit(at).path[1:]}')
    load(other, at)
    return at


def same_as(place, shop):
    "Whether a place holds a shop, and nothing that a load leaves behind."
    found, _ = verify_database(place)
    names = {name for name, in run(place, 'show tables')}
    assert names == {*TABLES, *VIEWS, 'market', 'loads'}
    return {n: t['digest'] for n, t in found.items()} == {n: digest(t, n) for n, t in shop.items()}


def after_a_kill(place, shop):
    "Whether a shop is there as its tables, once the server has ended what it was doing."
    found, _ = verify_database(place)
    assert {*TABLES, *VIEWS, 'market', 'loads'} <= {name for name, in run(place, 'show tables')}
    return {n: t['digest'] for n, t in found.items()} == {n: digest(t, n) for n, t in shop.items()}


def test_it_is_complete(shop, place):
    facts = load(shop, place)
    assert facts['rows'] == {n: len(t) for n, t in shop.items()}
    assert same_as(place, shop)
    columns, tables_of, indexes, references = run_all(
        place, 'select table_name, column_name, column_comment from information_schema.columns '
               "where table_schema = database() and column_comment <> ''",
        "select table_name, table_comment from information_schema.tables where table_schema = database() "
        "and table_type = 'BASE TABLE' and table_comment <> ''",
        'select distinct index_name from information_schema.statistics where table_schema = database()',
        'select table_name, column_name, referenced_table_name from information_schema.key_column_usage '
        'where table_schema = database() and referenced_table_name is not null')
    comments = {(t.name, c.name): c.doc for t in TABLES.values() for c in t.columns}
    assert {(t, c): words for t, c, words in columns if t in TABLES} == comments
    assert {*dict(tables_of)} == {*TABLES}
    assert {sql.split()[2] for sql in create_indexes()} < {name for name, in indexes}
    assert {*references} == {(t.name, c, p) for t in TABLES.values() for c, p in t.parents.items()}


def test_its_types_are_native(kept):
    kinds = dict(run(kept, '''select column_name, column_type from information_schema.columns
        where table_schema = database() and table_name in ('orders', 'products')'''))
    want = dict(ordered_at='datetime', launched_on='date', tax_included='tinyint(1)', status='varchar(700)')
    assert {name: kinds[name] for name in want} == want
    assert kinds['order_id'].startswith('bigint')


def test_every_check_refuses_its_bad_rows(empty, other):
    "In the tables as they are after their names changed; without references, so that examples stand alone."
    load(other, empty)
    with open_server(server_of(empty)) as (con, cur):
        cur.execute('set foreign_key_checks = 0')
        for name in TABLES: cur.execute(f'delete from {name}')
        con.commit()
        for name in TABLES:
            row = example(name)
            insert(cur, name, row)
            con.rollback()
        for table, name, change in CHECKS:
            timed = name.endswith(('_date', '_time')) # what the server reads in other forms is no other value
            if timed and not re.search('02-30|25:00|x', str(change)): continue
            with pytest.raises(pymysql.Error) as e: insert(cur, table, example(table) | change)
            con.rollback()
            code, said = e.value.args
            if timed: assert code in (1265, 1292), said
            elif DIALECT == 'mysql': assert code == 3819 and f"'{table}_chk_" in said, said
            else: assert code == 4025 and said.endswith(f'`{table}`'), said


def insert(cur, table, row):
    cur.execute(f'insert into {table} values ({", ".join(["%s"] * len(row))})', list(row.values()))


def test_every_rule_holds_there(shop, place):
    load(shop, place)
    rules = market_rules(source_market(place))
    assert len(rules) > 80
    found = run_all(place, *(r.query(DIALECT) for r in rules))
    assert not [rule.name for rule, broken in zip(rules, found) if broken]


def test_every_rule_finds_there_what_it_finds_in_duckdb(shop, place):
    "In tables without constraints, with wrong rows of many kinds."
    load(shop, place)
    for name in TABLES: # copies without keys and checks take the tables' places
        columns = run(place, f'select column_name, column_type from information_schema.columns '
                             f"where table_schema = database() and table_name = '{name}' order by ordinal_position")
        cells = ', '.join(f'{c} {kind} null' for c, kind in columns)
        run(place, f'create table copy_{name} ({cells}) {DIALECTS[DIALECT].after}',
            f'insert into copy_{name} select * from {name}')
    run(place, f'drop table {", ".join(reversed(TABLES))}', *(f'rename table copy_{name} to {name}' for name in TABLES))
    run(place, *SPOILING)
    rules, broken = market_rules(source_market(place)), set()
    with closing(connect(place)) as duck:
        for rule, there in zip(rules, run_all(place, *(r.query(DIALECT) for r in rules))):
            here = duck.execute(rule.query('duckdb')).fetchall()
            assert sorted(map(plain, there)) == sorted(map(plain, here)), rule.name
            if there: broken.add(rule.name)
    assert len(broken) > 25, broken


def test_views_say_the_same(shop, place):
    "Row by row, and to the cent."
    load(shop, place)
    with closing(connect(place)) as duck:
        for view in VIEWS:
            columns = [c for c, *_ in duck.execute(f'describe {view}').fetchall()]
            here = duck.execute(f'select {", ".join(columns)} from {view}').fetchall()
            there = run(place, f'select {", ".join(f"`{c}`" for c in columns)} from {view}')
            assert sorted(map(plain, there)) == sorted(map(plain, here)), view


def test_the_answers_are_the_same(shop, place, tmp_path):
    "Some of them: nbs/evidence/engines.ipynb compares them all."
    for at in place, tmp_path / 'shop.db': load(shop, at)
    for name in [*questions()][::7]: assert ask(name, place).frame.equals(ask(name, tmp_path / 'shop.db').frame), name


@pytest.mark.filterwarnings('ignore:Setting an item of incompatible dtype')
@pytest.mark.parametrize('kind', REFUSED)
def test_a_refusal_names_the_row_as_sqlite_does(shop, other, kept, tmp_path, kind):
    frames = {n: t.to_pandas() for n, t in shop.items()}
    plant, says = REFUSED[kind]
    plant(frames)
    said = []
    for at in kept, tmp_path / 'shop.db':
        with pytest.raises(ShopError) as e: load(frames, at)
        said.append(str(e.value))
    assert said[0] == said[1]
    assert said[0].startswith(says)
    assert same_as(kept, other)


HOSTILE = (
    '"', '""', "'", '\\', '\\N', '\\"', 'NULL', 'a,b', 'a",b', '",\n"', 'a\nb', 'a\r\nb', '\t', ' a ', 'ä 日本 🛒', '%s',
    '\x1a',
)


def test_any_text_arrives(shop, place):
    products = shop['products'].to_pandas()
    for i, text in enumerate(HOSTILE):
        products.loc[i, 'name'] = text
        products.loc[i + 20, 'brand'] = text * 3
    load(shop | dict(products=products), place)
    with closing(connect(place)) as con:
        found = con.execute('select name from products order by product_id limit ?', [len(HOSTILE)]).fetchall()
    assert [name for name, in found] == [*HOSTILE]


@pytest.mark.parametrize('append', [False, True])
@pytest.mark.parametrize('text, characters', [('a' * 701, 701), ('é' * 1_200, '1,200')])
def test_text_that_is_too_long_is_refused_and_not_cut(shop, other, kept, append, text, characters):
    products = shop['products'].to_pandas()
    products.loc[2, 'name'] = 'é' * 700
    products.loc[3, 'name'] = text
    says = f'^products: name has {characters} characters, at product_id 4; in MariaDB and MySQL it may have 700[.]'
    with pytest.raises(ShopError, match=says) as e: load(shop | dict(products=products), kept, append=append)
    assert e.value.code == 1
    assert same_as(kept, other)


@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'duckdb', 'pymysql', 'shop_nb.database.mysql') as run: yield run


STEPS = 'order_items', 'create_indexes', '_compare', '_swap'


@pytest.mark.parametrize('at, sig', with_signals(*STEPS))
def test_broken_off(folder, shop, other, place, in_processes, at, sig):
    "kill -9 and Ctrl-C leave the old shop; the next load works, and leaves nothing of the one before."
    code, said = in_processes((LOAD, module.__name__, str(folder), place, at, sig))[0]
    assert code == -signal.SIGKILL if sig == 'SIGKILL' else 'KeyboardInterrupt' in said
    assert after_a_kill(place, other)
    load(folder, place)
    assert same_as(place, shop)


def test_a_first_load_that_is_broken_off_makes_no_shop(folder, shop, empty, in_processes):
    assert in_processes((LOAD, module.__name__, str(folder), empty, '_replace', 'SIGKILL'))[0][0] == -signal.SIGKILL
    with pytest.raises(ShopError, match='has no shop'): ask('monthly_revenue', empty)
    load(folder, empty)
    assert same_as(empty, shop)


KILLS = 50 if FULL else 4


@pytest.mark.slow
def test_killed_at_any_moment(folder, shop, other, place, in_processes):
    def look(whole):
        if not after_a_kill(place, shop): # it may have landed before it was killed
            assert not whole
            assert after_a_kill(place, other)

    call = LOAD, module.__name__, folder, place, '', ''
    kill_at_random(in_processes, call, lambda: load(other, place), look, KILLS)
    load(folder, place)
    assert same_as(place, shop)


def test_the_last_step_is_the_servers(folder, shop, other, place):
    """A program that is killed as soon as it has sent it: the new shop lands, and in MariaDB all of it with its views.
    In MySQL the next load takes away the old tables."""
    before, cut = module._replace, []

    def send_and_die(cur, dialect, views):
        real = cur.execute

        def execute(sql):
            if not sql.startswith(('begin not atomic', 'rename table')): return real(sql)
            cut.append(sql)
            cur.connection._execute_command(3, sql) # COM_QUERY, whose answer nobody waits for
            cur.connection._force_close()

        cur.execute = execute
        with suppress(pymysql.Error): before(cur, dialect, views)

    with pytest.MonkeyPatch.context() as m:
        m.setattr(module, '_replace', send_and_die)
        load(folder, place)
    assert cut
    for _ in range(100):
        names = {name for name, in run(place, 'show tables')}
        if not any(name.startswith('shop_nb_new_' if DIALECT == 'mysql' else 'shop_nb_') for name in names): break
        time.sleep(.1)
    assert after_a_kill(place, shop)
    if DIALECT == 'mysql': load(folder, place)
    assert same_as(place, shop)


def test_what_arrives_otherwise_does_not_land(shop, other, place, monkeypatch):
    "One cell of one table that the server would store in another way."
    compare = module._compare

    def spoil(cur, streams, begin):
        cur.execute(f"update {begin}products set brand = 'Other' where product_id = 7")
        compare(cur, streams, begin)

    monkeypatch.setattr(module, '_compare', spoil)
    with pytest.raises(ShopError, match='products on the server differs from its source'): load(shop, place)
    assert same_as(place, other)


def test_a_server_gets_no_file_but_the_one_it_is_to_read(place, tmp_path):
    (tmp_path / 'secret').write_text('1\n')
    ask_for = f"load data local infile '{tmp_path}/secret' into table stolen"
    run(place, 'create table stolen (n int)')
    for lend in (lambda con: nullcontext()), (lambda con: module._lent(con, '/dev/fd/99')):
        with pytest.raises(ShopError, match='asked for a(nother)? file'):
            with server_errors(server_of(place)), open_server(server_of(place), sends=True) as (con, cur):
                with lend(con): cur.execute(ask_for)
    assert run(place, 'select count(*) from stolen') == [(0,)]
    run(place, 'drop table stolen')


def test_a_reference_that_the_loader_cannot_see(shop, other, place, url):
    "The new shop is there, whole, and so is what the reference needs; the next load says the same before it begins."
    name, beside = urlsplit(place).path[1:], f'{urlsplit(url).path[1:]}_beside'
    run(place, *new_database(beside),
        f'create table {beside}.marks (order_id bigint, foreign key (order_id) references {name}.orders (order_id))',
        *new_user('blind'),
        f"grant all on {name}.* to blind@'127.0.0.1'")
    blind = place.replace('shop@', 'blind@')
    with pytest.raises(ShopError, match='^The new shop is there. .* cannot be dropped') as e: load(shop, blind)
    assert 'Drop the foreign key' in str(e.value)
    assert {n: t['digest'] for n, t in verify_database(place)[0].items()} == {n: digest(t, n) for n, t in shop.items()}
    with pytest.raises(ShopError, match='^The tables of the shop before, .* cannot be dropped'): load(other, blind)
    run(place, f'drop database {beside}')
    load(other, blind)
    assert same_as(place, other)


def test_keys_of_a_source_that_cannot_be_read_do_not_land(tmp_path, place, other):
    Shop.read(ROOT / 'docs' / 'samples' / 'shopify' / 'orders_export.csv', tmp_path / 'run')
    keys = tmp_path / 'run/crosswalk/orders.parquet'
    data = keys.read_bytes()
    keys.write_bytes(data[:4] + b'x' * 56 + data[60:])
    with pytest.raises((ShopError, OSError, pa.ArrowException)): load(tmp_path / 'run', place)
    assert same_as(place, other)


def test_what_is_not_a_shops_stays(shop, other, place):
    "A table and a view beside the shop's stay, also one that refers to it; a name that the shop needs is not taken."
    run(place, 'create table notes (order_id bigint primary key)',
        'create view theirs as select count(*) as n from orders')
    load(shop, place)
    assert run(place, 'select n from theirs') == [(400,)]
    run(place, 'alter table notes add foreign key (order_id) references orders (order_id)')
    with pytest.raises(ShopError, match='cannot be dropped: notes refers to them') as e: load(other, place)
    assert e.value.code == 2
    run(place, 'drop table notes', 'drop view theirs')
    assert same_as(place, shop)


@pytest.mark.parametrize('made', ['table orders (a int)', 'table daily_sales (a int)', 'view market as select 1 as a'])
def test_a_name_that_somebody_else_has_is_not_taken(shop, empty, made):
    run(empty, f'create {made}')
    with pytest.raises(ShopError, match=f'has {made.split()[1]}, which is not that of a shop') as e: load(shop, empty)
    assert e.value.code == 2
    assert run(empty, 'show tables') == [(made.split()[1],)]


def test_who_was_allowed_to_read_may_read_the_new_tables(shop, place):
    name = urlsplit(place).path[1:]
    run(place, *new_user('reader'),
        *(f"grant select on {name}.{t} to reader@'127.0.0.1'" for t in ('orders', 'order_totals')))
    load(shop, place)
    as_reader = place.replace('shop@', 'reader@')
    assert run(as_reader, 'select count(*) from orders') == [(400,)]
    assert run(as_reader, 'select count(revenue_cents) from order_totals') == [(400,)]
    for work in lambda: ask('daily_revenue', as_reader), lambda: load(shop, as_reader):
        with pytest.raises(ShopError) as e: work()
        assert e.value.code == 2


def test_who_may_not_make_views_is_told_before_anything_changes(shop, other, place):
    rights = 'select, insert, create, drop, alter, index, references'
    run(place, *new_user('loader'),
        f"grant {rights} on {urlsplit(place).path[1:]}.* to loader@'127.0.0.1'")
    with pytest.raises(ShopError, match='CREATE VIEW command denied.*\n.*with grant') as e:
        load(shop, place.replace('shop@', 'loader@'))
    assert e.value.code == 2
    assert same_as(place, other)


def test_who_reads_goes_on(shop, place, monkeypatch):
    "Until the end; a session that keeps the old tables open keeps the new ones out, and nothing is lost."
    monkeypatch.setattr(module, 'PATIENCE', 1)
    with open_server(server_of(place)) as (con, cur):
        cur.execute('start transaction')
        assert fetch(cur, 'select count(*) from orders') == [(30,)]
        with pytest.raises(ShopError, match='[Ll]ock wait timeout') as e: load(shop, place)
        assert 'Close the sessions that use the tables' in str(e.value)
        assert fetch(cur, 'select count(*) from orders') == [(30,)]
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


def test_an_imported_shop_keeps_its_keys_and_says_what_it_lacks(tmp_path, empty, other):
    shop = Shop.read(ROOT / 'docs' / 'samples' / 'shopify' / 'orders_export.csv', tmp_path / 'run')
    load(tmp_path / 'run', empty)
    assert source_market(empty) == shop.market
    with closing(connect(empty)) as con:
        keys = 'select * from crosswalk order by all'
        assert con.execute(keys).fetchall() == shop.connection.execute(keys).fetchall()
    assert not verify_database(empty, tmp_path / 'run')[1]
    assert ask('monthly_revenue', empty).frame.equals(shop.ask('monthly_revenue').frame)
    for view in VIEWS: run(empty, f'select * from {view}')
    load(other, empty) # whose views, and whose tables, are others
    assert same_as(empty, other)


def test_a_database_that_is_not_its_run_is_told(shop, place, tmp_path):
    Shop(SETTINGS).save(tmp_path / 'run')
    load(shop, place)
    assert not verify_database(place, tmp_path / 'run')[1]
    run(place, "update products set brand = 'Other' where product_id = 1")
    assert verify_database(place, tmp_path / 'run')[1] == ['products']


@pytest.mark.parametrize('change, says', [
    (lambda u: u.replace('/lab', '/labyrinth'), "Unknown database 'labyrinth'"),
    (lambda u: re.sub(r':\d+/', ':1/', u), 'Connection refused'),
    (lambda u: u + '?ssl_ca=/nowhere.pem', 'No such file'),
])
def test_a_server_that_cannot_be_reached_is_told(shop, url, change, says):
    for work in lambda at: load(shop, at), connect, source_market:
        with pytest.raises(ShopError, match=says) as e: work(change(url))
        assert e.value.code == 2


def test_where_no_shop_is(empty):
    with pytest.raises(ShopError, match='has no shop') as e: ask('monthly_revenue', empty)
    assert e.value.code == 2


def test_a_server_that_takes_no_files_is_told(shop):
    with server(local_infile=0) as at:
        with pytest.raises(ShopError, match='set global local_infile = 1') as e: load(shop, at)
        assert e.value.code == 2
        assert run(at, 'show tables') == []


LIMITS = dict(mariadb=dict(max_statement_time=.001), mysql=dict(max_execution_time=1)) # a millisecond per statement


def test_a_limit_of_the_server_cuts_off_nothing(shop):
    "It is for other people's queries: a load reads back millions of rows, and a question may take a minute."
    with server(**LIMITS[DIALECT]) as at:
        load(shop, at)
        assert verify_database(at)[0]['orders']['digest'] == digest(shop['orders'], 'orders')
        assert ask('rfm_segments', at).computed.endswith(' itself')


def test_a_password_comes_from_the_environment_or_a_file_and_not_from_the_url(shop, place, monkeypatch, tmp_path):
    "In the URL it would be in the list of processes."
    secret = os.environ['MYSQL_PWD']
    for at in place.replace('shop@', f'shop:{secret}@'), f'{place}?password={secret}':
        with pytest.raises(ShopError, match='can be read in the list of processes') as e: load(shop, at)
        assert e.value.code == 2
        assert secret not in str(e.value)
    assert secret not in str(load(shop, place))
    monkeypatch.setenv('MYSQL_PWD', 'another')
    with pytest.raises(ShopError, match="Access denied for user 'shop'") as e: load(shop, place)
    assert e.value.code == 2
    assert 'another' not in str(e.value)
    monkeypatch.delenv('MYSQL_PWD')
    monkeypatch.setenv('HOME', str(tmp_path))
    with pytest.raises(ShopError, match="Access denied for user 'shop'"): load(shop, place)
    (tmp_path / '.my.cnf').write_text(f'[client]\npassword = "{secret}"\nsocket = /nowhere\n')
    assert load(shop, place)
    (tmp_path / '.my.cnf').write_text('password')
    with pytest.raises(ShopError, match='my.cnf cannot be read'): load(shop, place)


def test_old_servers_are_told():
    "Their tables change names one by one, or their checks hold nothing."
    for version in '8.0.16', '5.7.44', '10.5.29-MariaDB':
        with pytest.raises(ShopError, match='too old.\nTake MariaDB 10.6 or MySQL 8.0.19') as e: dialect_of(version)
        assert e.value.code == 2


SHOP_NB = Path(sys.executable).with_name('shop-nb')


def test_the_command_line(folder, empty):
    def command(*words): return subprocess.run([SHOP_NB, *words], capture_output=True, text=True)
    assert command('load', folder, '--db', empty).stdout == f'Loaded 2,060 rows into {empty}\n'
    assert 'revenue' in command('ask', 'monthly_revenue', '--db', empty).stdout
    assert digest(tables(SETTINGS)['orders'], 'orders') in command('verify', '--db', empty).stdout
    there = f'{empty} has these rows already (load 1): nothing was changed\n'
    assert command('load', folder, '--db', empty, '--append').stdout == there


@pytest.mark.parametrize('place', ['mysql:lab', 'mariadb:lab', 'postgresql:lab'])
def test_a_url_without_its_slashes_is_not_a_file(shop, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ShopError, match=f'{place} is not the URL of a server') as e: load(shop, place)
    assert e.value.code == 2
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------------------ many rows in one value

def read_rows(place, table, columns, *before):
    "A table as it is read, after statements of the session's own; and how many statements the reading took."
    with open_server(server_of(place)) as (_, cur):
        for sql in before: cur.execute(sql)
        asked, execute = [], cur.execute
        cur.execute = lambda sql: (asked.append(sql), execute(sql))[1]
        found = mysql_rows(cur, table, columns).read_all()
        return found, len(asked)


@pytest.mark.parametrize('chunk, most', [(1, 32), (7, 7), (30, 3), (8192, 2)])
def test_rows_come_in_chunks(kept, other, monkeypatch, chunk, most):
    monkeypatch.setattr(servers, 'CHUNK', chunk)
    for name in TABLES:
        found, asked = read_rows(kept, name, TABLES[name].names)
        assert digest(found, name) == digest(other[name], name)
        if len(other[name]) <= 30: assert asked <= most, name


def test_what_is_cut_off_is_asked_for_again(kept, other):
    found, asked = read_rows(kept, 'customers', TABLES['customers'].names, 'set session group_concat_max_len = 1000')
    assert digest(found, 'customers') == digest(other['customers'], 'customers')
    assert asked > 5
    with pytest.raises(ShopError, match='a row that is too long'):
        read_rows(kept, 'customers', TABLES['customers'].names, 'set session group_concat_max_len = 20')


@pytest.mark.parametrize('text', ['a\nb', 'a,b', '"', '""', ' ', "\\n\\", 'ß€😀', "it's", '\r\n'])
def test_any_text_comes_back_from_a_chunk(empty, text):
    columns = 'customer_id bigint primary key, first_name varchar(50), email varchar(50)'
    run(empty, f'create table customers ({columns}) charset utf8mb4')
    rows = [(i, text, None if i == 3 else 'x') for i in (-5, 3, 4)]
    with open_server(server_of(empty)) as (con, cur):
        for row in rows: cur.execute('insert into customers values (%s, %s, %s)', row)
        con.commit()
    names = ['customer_id', 'first_name', 'email']
    found, _ = read_rows(empty, 'customers', names)
    assert found.to_pylist() == [dict(zip(names, row)) for row in rows]


def test_where_no_key_is_a_key_alone_rows_come_one_by_one(empty):
    "A view, and tables whose keys repeat or are missing, lose nothing."
    run(empty, 'create table customers (customer_id bigint, first_name varchar(50))')
    run(empty, "insert into customers values (1, 'a'), (1, 'b'), (null, 'c')")
    run(empty, 'create view orders as select customer_id as order_id from customers')
    run(empty, 'create table payments (payment_id bigint, order_id bigint, primary key (payment_id, order_id))')
    run(empty, 'insert into payments values (1, 1), (1, 2)')
    assert len(read_rows(empty, 'customers', ['customer_id', 'first_name'])[0]) == 3
    assert len(read_rows(empty, 'orders', ['order_id'])[0]) == 3
    assert len(read_rows(empty, 'payments', ['payment_id', 'order_id'])[0]) == 2
