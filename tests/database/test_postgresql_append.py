"An append on a server does what one into SQLite does: all or nothing, once for each source, and beside readers."
import signal, threading
from contextlib import closing

import adbc_driver_postgresql.dbapi as driver
import pytest

import shop_nb.database.postgresql_append as module
from postgres import server
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.shop.shop import Shop
from support import ROOT
from support.append_promises import *
from support.append_promises import append, digests, of
from support.appends import some
from support.forks import forks
from support.loads import with_signals


@pytest.fixture(scope='module')
def url():
    with server(fsync='off') as begin: yield f'{begin}/postgres'


@pytest.fixture
def db(url, old):
    load(old, url)
    return url


@pytest.fixture(scope='module')
def kept(url, old):
    "A database that is loaded once, for what is refused and so changes nothing in it."
    with closing(driver.connect(url, autocommit=True)) as con, closing(con.cursor()) as cur:
        cur.execute('create database kept')
    there = url.removesuffix('postgres') + 'kept'
    load(old, there)
    return there


def query(url, *statements):
    "What the last statement answers."
    with closing(driver.connect(url)) as con, closing(con.cursor()) as cur:
        for sql in ('set search_path = shop', *statements): cur.execute(sql)
        found = cur.fetchall() if cur.description else None
        con.commit()
        return found


def loads(url):
    return query(url, 'select load_id, load_key, rows, first_ordered_at, last_ordered_at from loads order by load_id')


def refuses(source, url, code=1, before=None, **how):
    "An append that is refused leaves everything as it was, with the digests `before`: what it says."
    before, kept = before or digests(url), loads(url)
    with pytest.raises(ShopError) as e: append(source, url, **how)
    assert e.value.code == code, str(e.value)
    assert len(str(e.value).splitlines()) == 2
    assert (digests(url), loads(url)) == (before, kept)
    return str(e.value)


def test_kinds(old, new, url, lite):
    for db in url, lite: load(some(old, lambda at: at.day % 2 or at.month > 6), db)
    facts = append(new, url)
    assert facts == append(new, lite)
    assert all(facts['kinds']['orders'].values())
    assert digests(url) == of(new)


def test_unique_values_may_change_places(old, db):
    customers = old['customers'].to_pandas()
    customers.loc[[3, 4], 'email'] = list(customers.email[[4, 3]])
    facts = append(old | dict(customers=customers), db)
    assert facts['kinds']['customers']['updated'] == 2
    assert query(db, 'select email from customers where customer_id in (4, 5) order by customer_id') == [
        (e,) for e in customers.email[[3, 4]]]


LOAD = '''
import os, signal
import shop_nb.database.postgresql_append as P
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


@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'duckdb', 'shop_nb.database.postgresql_append') as run: yield run


@pytest.mark.parametrize('at, sig', with_signals('_stage', '_sort_out', '_move', '_record'))
def test_broken_off(files, old, new, db, in_processes, at, sig):
    code, said = in_processes((LOAD, files, db, at, sig))[0]
    assert code == -signal.SIGKILL if sig == 'SIGKILL' else 'KeyboardInterrupt' in said
    assert digests(db) == of(old)
    append(files, db)
    assert digests(db) == of(new)


@pytest.mark.slow
def test_eight_at_once(files, new, db, in_processes):
    said = in_processes(*[(LOAD, files, db, '', '')] * 8)
    assert said == [[0, '']] * 8
    assert digests(db) == of(new)
    assert len(loads(db)) == 2


CHANGE = "update customers set first_name = 'Zoë' where customer_id = 1"


def test_who_reads_goes_on_and_who_writes_waits(new, db, monkeypatch):
    "Until the end a reader sees the old rows; a change from elsewhere comes before or after, not between."
    real, seen, other = module._record, [], []

    def look(*args):
        seen.append(query(db, 'select count(*) from orders'))
        with pytest.raises(driver.Error, match='lock timeout'):
            query(db, "set lock_timeout = '100ms'", CHANGE)
        other.append(threading.Thread(target=query, args=(db, CHANGE)))
        other[0].start()
        return real(*args)

    monkeypatch.setattr(module, '_record', look)
    before = query(db, 'select count(*) from orders')
    append(new, db)
    other[0].join()
    assert seen == [before]
    assert query(db, 'select count(*) from orders') == [(len(new['orders']),)]
    assert query(db, 'select first_name from customers where customer_id = 1') == [('Zoë',)]


def test_a_change_of_somebody_else_stays(new, db):
    append(new, db)
    query(db, CHANGE)
    assert append(new, db)['known']
    assert query(db, 'select first_name from customers where customer_id = 1') == [('Zoë',)]


def test_where_no_shop_is(new, url):
    with pytest.raises(ShopError, match='has no shop') as e: append(new, f'{url}?schema=empty')
    assert e.value.code == 2


def test_keys_of_later_exports_come_along(url, tmp_path):
    "An import in two parts: the second one brings its keys into the table crosswalk."
    sample = ROOT / 'docs' / 'samples' / 'tables'
    Shop.read(sample, tmp_path / 'run')
    load(tmp_path / 'run', url)
    before = query(url, 'select table_name, source_key, key from crosswalk order by 1, 2')
    query(url, 'delete from crosswalk where table_name = \'products\'', 'delete from loads where load_id < 0')
    query(url, "update loads set load_key = 'another'")
    append(tmp_path / 'run', url)
    assert query(url, 'select table_name, source_key, key from crosswalk order by 1, 2') == before
