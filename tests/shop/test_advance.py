"The next days of a made shop: history stays, what describes the run is true, and a live database follows."
import shutil, signal, sqlite3, subprocess, sys, threading, time
from contextlib import closing
from datetime import date, timedelta

import httpx
import pandas as pd
import pyarrow as pa
import pytest

from shop_nb.analytics.connect import as_batch
from shop_nb.app.cli import main
from shop_nb.app.run import existing, verify, verify_database
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.database.sqlite import alone
from shop_nb.files.digest import digest
from shop_nb.files.folders import leftovers
from shop_nb.generator.blocks import tables
from shop_nb.generator.draws import VERSION
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.quality.validate import validate
from shop_nb.runs.run_folder import read_manifest, renew_manifest
from shop_nb.shop.advance import advance
from shop_nb.shop.shop import Shop
from support import until
from support.forks import STEP, forks
from support.server import MAIN, Server

SIZE = dict(seed=5, customers=200, products=60, orders=400, order_items=1000)
FIRST, LAST = '2025-09-30', '2025-10-14'


@pytest.fixture(scope='module')
def first(tmp_path_factory):
    "A run with a database; not to be changed."
    folder = tmp_path_factory.mktemp('first') / 'mine'
    Shop(**SIZE, until=FIRST).save(folder)
    Shop.open(folder).load()
    return folder


@pytest.fixture
def run(first, tmp_path): return shutil.copytree(first, tmp_path / 'mine')


@pytest.fixture(scope='module')
def at_once(tmp_path_factory):
    "The run as it is when it is made until the last day at once."
    folder = tmp_path_factory.mktemp('last') / 'mine'
    Shop(**SIZE, until=LAST).save(folder)
    return folder


def digests(db):
    "The digests of a database's tables."
    found = {}
    with closing(sqlite3.connect(db)) as con:
        for n, t in TABLES.items():
            rows = con.execute(f'select {", ".join(t.names)} from {n}').fetchall()
            found[n] = digest(pa.Table.from_batches([as_batch(rows, arrow_schema(n))]), n)
    return found


def said_by(manifest): return {n: t['digest'] for n, t in manifest['tables'].items()}


@pytest.mark.parametrize('more', [
    dict(), dict(seed=8, behaviour='us'), dict(behaviour='in'), dict(parameters={'delivery.returns.Fashion': .9}),
])
def test_only_the_days_after_add_rows_and_only_what_was_going_on_changes(more):
    "Between two days: keys stay, and so does every cell but those of orders and products that were not at their end."
    life = dict(orders={'status', 'delivered_at'}, payments={'status', 'paid_at', 'attempts', 'refunded_cents'},
                order_items={'returned_quantity'}, products={'discontinued_on'}, customers=set())
    days = pd.date_range('2025-02-10', '2026-02-20', periods=6).date
    before = tables(Settings(**SIZE | more, until=days[0]))
    for last, day in zip(days, days[1:]):
        now = tables(Settings(**SIZE | more, until=day))
        for name, t in TABLES.items():
            old, new = before[name].to_pandas().set_index(t.key), now[name].to_pandas().set_index(t.key)
            assert set(old.index) <= set(new.index)
            same = new.loc[old.index]
            differ = {c for c in old if not old[c].equals(same[c])}
            assert differ <= life[name], (name, differ)
            added = new.drop(old.index)
            for c in {'signed_up_at', 'launched_on', 'ordered_at'} & set(added):
                end = pd.Timestamp(last) + timedelta(hours=23, minutes=59, seconds=59)
                assert (pd.to_datetime(added[c]) > end).all(), (name, c)
        settled = before['orders'].to_pandas().set_index('order_id')
        settled = settled[settled.ordered_at < pd.Timestamp(last) - timedelta(200)]
        assert settled.equals(now['orders'].to_pandas().set_index('order_id').loc[settled.index])
        before = now


def test_day_by_day_and_at_once(run, at_once):
    "The same manifest but for nothing, the same files, the same database; each step says what it did."
    for day in pd.date_range(FIRST, LAST)[1::2].date:
        facts = advance(run, day)
        assert facts['until'] == day
        assert sum(facts['more'].values()) == sum(facts['database']['kinds'][n]['inserted'] for n in TABLES)
        assert not any(k['late'] for k in facts['database']['kinds'].values()), 'nothing comes before the newest order'
    advance(run, LAST)
    assert read_manifest(run) == read_manifest(at_once)
    in_files = {n: digest(t, n) for n, t in Shop.open(run).tables.items()}
    assert said_by(read_manifest(run)) == digests(run / 'shop.db') == in_files
    assert not len(verify(run))
    assert validate(run).ok
    assert sorted(p.name for p in run.iterdir()) == ['.shop.db.lock', 'manifest.json', 'shop.db', 'tables']


@pytest.mark.parametrize('how', [dict(format='csv'), dict(workers=2)])
def test_format_and_parts(tmp_path, at_once, how):
    Shop(**SIZE, until=FIRST).save(run := tmp_path / 'mine', **how)
    facts = advance(run, LAST, workers=how.get('workers', 1))
    assert facts['database'] is None
    assert said_by(read_manifest(run)) == said_by(read_manifest(at_once))
    assert all(p.suffix == f'.{how.get("format", "parquet")}' for p in (run / 'tables').iterdir())
    assert all(p.is_dir() == ('workers' in how) for p in (run / 'tables').iterdir())


def test_nothing_stays_that_describes_fewer_days(run):
    "And what is no description stays: somebody's own file."
    (run / 'answers').mkdir()
    for name in 'answers/order_status.csv', 'answers.html', 'analysis.sql', 'index.html', 'run.log', 'mine.txt':
        (run / name).touch()
    removed = advance(run, LAST)['removed']
    assert set(removed) == {'answers', 'answers.html', 'analysis.sql', 'index.html', 'run.log'}
    assert sorted(p.name for p in run.iterdir()) == ['.shop.db.lock', 'manifest.json', 'mine.txt', 'shop.db', 'tables']
    assert advance(run, LAST)['removed'] == []


def test_the_same_day_again_changes_nothing(run, first):
    before = {p: p.read_bytes() for p in run.rglob('*') if p.is_file()}
    facts = advance(run, FIRST)
    assert facts['database']['known']
    assert not any(facts['more'].values())
    assert {p: p.read_bytes() for p in run.rglob('*') if p.is_file()} == before


def refused(run, until=LAST):
    before = {p: p.read_bytes() for p in run.rglob('*') if p.is_file()}
    with pytest.raises(ShopError) as e: advance(run, until)
    assert len(str(e.value).splitlines()) == 2, str(e.value)
    assert {p: p.read_bytes() for p in run.rglob('*') if p.is_file()} == before
    return e.value.code, str(e.value)


def test_what_cannot_be_advanced(run, tmp_path):
    code, said = refused(run, '2025-09-29')
    assert (code, said.splitlines()[0]) == (2, 'until 2025-09-29 is before 2025-09-30, the last day of the run.')
    for wrong in 'soon', '2025-13-01', '2095-01-01': assert refused(run, wrong)[0] == 2
    manifest = read_manifest(run)
    renew_manifest(run, **manifest | dict(version=VERSION - 1))
    assert f'version {VERSION - 1} of the generator' in refused(run)[1]
    renew_manifest(run, **{n: v for n, v in manifest.items() if n != 'settings'} | {'import': dict(files={})})
    code, said = refused(run)
    assert code == 2
    assert 'was imported' in said
    assert f'shop-nb import SOURCE --out {run}' in said
    (tmp_path / 'bare').mkdir()
    assert refused(tmp_path / 'bare')[0] == 2
    assert not list((tmp_path / 'bare').iterdir())


def test_what_is_deleted(tmp_path):
    "Tables lose what the shop deletes; a database, which would keep it, is refused before anything changes."
    run, rates = tmp_path / 'run', {'payments.purged_after': 10, 'payments.fails': {'card': .5}}
    Shop(**SIZE, until=FIRST, parameters=rates).save(run)
    Shop.open(run).load()
    before = read_manifest(run)
    with pytest.raises(ShopError, match='would keep the orders that this shop deletes'): advance(run, LAST)
    assert read_manifest(run) == before
    (run / 'shop.db').unlink()
    advance(run, LAST)
    whole = tables(Settings(**SIZE, until=LAST, parameters=rates))
    assert said_by(read_manifest(run)) == {n: digest(t, n) for n, t in whole.items()}
    before = Shop(**SIZE, until=FIRST, parameters=rates).orders
    assert set(before.order_id) - set(whole['orders']['order_id'].to_pylist())


@pytest.mark.parametrize('incident, day', [
    ('double_charge', '2025-06-12 to 2025-06-20'), ('price_error', '2025-06-12 10:00 to 12:00'),
])
def test_rows_that_break_a_rule_are_in_the_tables_alone(tmp_path, incident, day):
    "An append says the same of them; what is said to be done makes the database anew, and the next days follow."
    run, db = tmp_path / 'run', tmp_path / 'run' / 'shop.db'
    Shop(seed=5, customers=200, products=20, orders=6000, order_items=12000, until='2025-06-10',
         parameters={f'incidents.{incident}': day}).save(run)
    load(run, db)
    before = digests(db)
    said = '^Rule .* is violated: .*[.]\nThe tables go on to 2025-06-30, the database does not'
    with pytest.raises(ShopError, match=said) as e: advance(run, '2025-06-30')
    assert f'shop-nb load {run} --db {db} makes it anew' in str(e.value)
    with pytest.raises(ShopError) as same: load(run, db, append=True)
    assert str(same.value).split('\n')[0] == str(e.value).split('\n')[0]
    assert digests(db) == before
    with pytest.raises(ShopError, match='The tables go on to 2025-06-30'): advance(run, '2025-07-01')
    assert main(['load', str(run), '--db', str(db)]) in (0, None)
    assert advance(run, '2025-06-30')['database']['known']
    assert digests(db) == said_by(read_manifest(run))


def test_a_relative_day(tmp_path):
    start, yesterday = date.today() - timedelta(40), date.today() - timedelta(1)
    size, run = SIZE | dict(orders=300, order_items=700), tmp_path / 'mine'
    Shop(**size, start=start, end=yesterday, until=start + timedelta(9)).save(run)
    assert advance(run, 'yesterday')['until'] == yesterday
    assert len(Shop.open(run).orders) == 300


def test_a_database_that_cannot_follow_is_noticed_before(run):
    with closing(sqlite3.connect(run / 'shop.db')) as con: con.execute('pragma user_version = 2')
    assert 'not the database of a shop of this version' in refused(run)[1]


def test_a_database_that_does_not_take_the_rows_is_told(run, first, at_once):
    "The tables are new, the database is as it was, and the same call brings it along once it can."
    with closing(sqlite3.connect(run / 'shop.db')) as con, con:
        email = Shop(**SIZE, until=LAST).customers.email.iloc[-1]
        con.execute('create temp table more as select * from customers limit 1')
        con.execute('update more set customer_id = 9999, email = ?', (email,))
        con.execute('insert into customers select * from more')
    with pytest.raises(ShopError, match='there is a row with the same email .UNIQUE.'): advance(run, LAST)
    assert said_by(read_manifest(run)) == said_by(read_manifest(at_once))
    assert digests(run / 'shop.db')['orders'] == said_by(read_manifest(first))['orders']
    with closing(sqlite3.connect(run / 'shop.db')) as con, con:
        con.execute('delete from customers where customer_id = 9999')
    facts = advance(run, LAST)
    assert not any(facts['more'].values())
    assert digests(run / 'shop.db') == said_by(read_manifest(run))


def test_commands(run, tmp_path, capsys):
    "By the command line: a run and another database follow each other; each says what it did."
    shutil.copy(run / 'shop.db', other := tmp_path / 'other.db')
    (run / 'answers.html').touch()
    assert main(['advance', str(run), '--until', LAST]) == 0
    out = capsys.readouterr().out
    assert f'Appended to {run / "shop.db"} (load 2)' in out
    assert 'Removed, as it described fewer days: answers.html' in out
    assert out.endswith(f'Done: {run} until {LAST}\n')
    for said in 'Appended to', 'has these rows already (load 2): nothing was changed':
        assert main(['load', str(run), '--db', str(other), '--append']) == 0
        assert said in capsys.readouterr().out
    assert main(['advance', str(run), '--until', 'soon']) == 2
    assert capsys.readouterr().err == "until is a date, not 'soon'.\nWrite it like --until 2026-01-31\n"
    assert main(['advance', str(run), '--until', FIRST]) == 2
    assert main(['advance', str(run)]) == 2
    assert main(['advance', str(tmp_path / 'none'), '--until', LAST]) == 2


@pytest.mark.slow
def test_a_live_database_follows(run, at_once):
    "Served and asked without a pause, day by day it gets what a database has that is loaded from the whole."
    server, stop, wrong, counts = Server(run / 'shop.db'), threading.Event(), [], {}

    def ask():
        head = {'Authorization': f'Bearer {server.token}'}
        params = dict(sort='-order_id', limit=20, expand='items,payment', count='true')
        with httpx.Client(base_url=server.url, headers=head, timeout=30) as client:
            while not stop.is_set():
                page = client.get('/v1/orders', params=params)
                if page.status_code != 200: wrong.append(page.text)
                counts.setdefault(threading.get_ident(), []).append(page.json().get('count'))

    threads = [threading.Thread(target=ask) for _ in range(2)]
    try:
        for t in threads: t.start()
        order = server.client.get('/v1/orders', params=dict(limit=1)).json()
        for day in pd.date_range(FIRST, LAST)[1::3].date:
            kinds = advance(run, day)['database']['kinds']
            assert not any(k['late'] for k in kinds.values())
        advance(run, LAST)
        newest = server.client.get('/v1/orders', params=dict(sort='-order_id', limit=1)).json()['items'][0]
        assert newest['ordered_at'] == str(Shop.open(at_once).orders.ordered_at.max())
        answer = server.client.get('/v1/questions/order_status').json()
        assert sum(row['orders'] for row in answer['rows']) == len(Shop.open(at_once).orders)
        assert order['items']
    finally:
        stop.set()
        for t in threads: t.join()
        code = server.stop()
    assert code == 0
    assert not wrong
    for seen in counts.values(): assert seen == sorted(seen), 'orders only come'
    load(at_once, at_once.with_name('whole.db'))
    assert digests(run / 'shop.db') == digests(at_once.with_name('whole.db'))


# ---- runs that break off

@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'pandas', 'pyarrow.parquet', 'shop_nb.shop.advance') as run: yield run


STEPS = [
    'shop_nb.shop.advance.save_tables', 'shop_nb.generator.blocks._write_all', 'shop_nb.generator.blocks.move_tables',
    'shop_nb.shop.shop.remove_path', 'shop_nb.shop.shop.renew_manifest', 'shop_nb.files.folders.remove_path',
    'os.replace', 'shop_nb.shop.shop.write_manifest', 'shop_nb.shop.advance.append_tables']


@pytest.mark.parametrize('step', STEPS)
def test_killed_before_a_step(run, first, at_once, in_processes, step):
    "kill -9: the old run, the new one, or one known to be unfinished; the same call finishes it; nothing is left over."
    (run / 'answers.html').touch()
    code, said = in_processes((STEP, step, 'SIGKILL', 'shop_nb.shop.advance', 'advance', run, LAST))[0]
    assert code == -signal.SIGKILL, said
    state(run, first, at_once)
    advance(run, LAST)
    finished(run, at_once)


@pytest.mark.parametrize('step', STEPS)
def test_interrupted_before_a_step(run, first, at_once, in_processes, step):
    "Ctrl-C: the old run or the new one as a whole, and nothing left over."
    code, said = in_processes((STEP, step, 'SIGINT', 'shop_nb.shop.advance', 'advance', run, LAST))[0]
    assert 'KeyboardInterrupt' in said
    assert code == 1
    state(run, first, at_once)
    assert 'tables' in read_manifest(run)
    assert {p.name for p in run.iterdir()} - {'.shop.db.lock'} == {'manifest.json', 'shop.db', 'tables'}
    advance(run, LAST)
    finished(run, at_once)


def bytes_of(run): return {p: p.read_bytes() for p in run.rglob('*') if p.is_file() and p.name != '.shop.db.lock'}


TOLD = """
from shop_nb.core.errors import ShopError
from shop_nb.shop.advance import advance
try: advance(*args)
except ShopError as e: print(e.code, e)
"""


def test_no_room(run, in_processes):
    before, limit = bytes_of(run), 'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))\n'
    code, said = in_processes((limit + TOLD, run, LAST))[0]
    assert (code, len(said.splitlines())) == (0, 2), said
    assert said.startswith(f'2 {run / "tables"} cannot be written: File too large'), said
    assert bytes_of(run) == before
    assert not [p for p in run.iterdir() if 'unfinished' in p.name]


def test_no_permission(run, bound):
    before = bytes_of(run)
    run.chmod(0o555)
    try: done = bound([sys.executable, '-c', f'args = {[str(run), LAST]!r}\n{TOLD}'])
    finally: run.chmod(0o755)
    assert len(done.stdout.splitlines()) == 2, done.stdout + done.stderr
    assert done.stdout.startswith('2 '), done.stdout
    assert 'cannot be' in done.stdout
    assert bytes_of(run) == before


def test_a_second_one_at_the_same_time(run, in_processes):
    before = bytes_of(run)
    with alone(run / 'tables'): said = in_processes((TOLD, run, LAST))[0]
    assert said == [0, f'1 {run} is being advanced by another program.\nWait until it is done\n']
    assert bytes_of(run) == before


@pytest.mark.slow
@pytest.mark.parametrize('what', ['advance', 'load'])
def test_ctrl_c_at_the_command_line(tmp_path, what):
    "Within two seconds, with a line and its exit code; what was there is there, or what was to come if it was late."
    run, db = tmp_path / 'mine', tmp_path / 'shop.db'
    big = Shop(seed=5, scale=20, until='2025-11-30')
    big.save(run)
    if what == 'load': big.load(db)
    before = bytes_of(tmp_path)
    words = ['advance', run, '--until', '2025-12-31']
    if what == 'load':
        Shop(seed=5, scale=20).save(tmp_path / 'more')
        words = ['load', tmp_path / 'more', '--db', db, '--append']
    job = subprocess.Popen([sys.executable, '-c', MAIN, *map(str, words)], stderr=subprocess.PIPE, text=True)
    if what == 'advance': assert until(lambda: leftovers(run / 'tables'))
    time.sleep(2.5 if what == 'load' else .1)
    begun = time.monotonic()
    job.send_signal(signal.SIGINT)
    said = job.communicate(timeout=30)[1]
    assert time.monotonic() - begun < 2
    assert job.returncode == 130, said
    assert said.endswith('Interrupted; nothing was left half done.\n')
    assert 'Traceback' not in said
    assert not list(tmp_path.rglob('*.unfinished'))
    if before.items() <= bytes_of(tmp_path).items(): return
    if what == 'load': assert not verify_database(db, tmp_path / 'more')[1]
    else: assert read_manifest(run)['settings']['until'] == '2025-12-31' and not len(verify(run))


def state(run, first, at_once):
    "A run that was killed is the old one, the new one, or known to be unfinished; its database is whole."
    manifest = read_manifest(run)
    if 'tables' in manifest:
        assert {n: digest(t, n) for n, t in Shop.open(run).tables.items()} == said_by(manifest)
        assert said_by(manifest) in (said_by(read_manifest(first)), said_by(read_manifest(at_once)))
    else:
        said = f'is not finished(.|\n)*shop-nb advance {run} --until {LAST}'
        with pytest.raises(ShopError, match=said): existing(run)
        assert not (run / 'answers.html').exists()
    if not (run / 'shop.db').exists(): return
    with closing(sqlite3.connect(run / 'shop.db')) as con:
        assert con.execute('pragma integrity_check').fetchone() == ('ok',)
    assert digests(run / 'shop.db') in (digests(first / 'shop.db'), said_by(read_manifest(at_once)))


def finished(run, at_once, left=('.shop.db.lock', 'manifest.json', 'shop.db', 'tables')):
    assert read_manifest(run) == read_manifest(at_once)
    assert {n: digest(t, n) for n, t in Shop.open(run).tables.items()} == said_by(read_manifest(at_once))
    if 'shop.db' in left: assert digests(run / 'shop.db') == said_by(read_manifest(at_once))
    assert sorted(p.name for p in run.iterdir()) == [*left]
    assert [p.name for p in run.parent.iterdir()] == [run.name]
    assert len(list((run / 'tables').iterdir())) == 5
