"kill -9 or Ctrl-C in an import, no room, no permission, two at once: what there is is whole; a repeat finishes it."
import random, shutil, signal, sqlite3, subprocess, sys, time
from contextlib import closing

import pyarrow as pa, pyarrow.parquet as pq
import pytest

from shop_nb.analytics.connect import as_batch
from shop_nb.app.run import existing
from shop_nb.core.errors import ShopError
from shop_nb.files.digest import digest
from shop_nb.files.folders import leftovers, working_folder
from shop_nb.files.sources import read_table
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import MENDED, OPEN
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.runs.run_folder import MADE, READY, read_manifest
from support import FULL, ROOT
from support.forks import BREAK, forks

SAMPLE = (ROOT / 'docs/samples/shopify/orders_export.csv').read_text().splitlines(keepends=True)
KILLS = 50 if FULL else 3 # at random moments
IMPORT = '''
from shop_nb.database.load import load
from shop_nb.imports.imports import Source, import_shop
def loaded(new): load(new, new / 'shop.db')
import_shop(Source([args[0]]), args[1], then=loaded)
'''
WHOLE = 'from shop_nb.app.imported import import_run, Source; import_run(Source([args[0]]), args[1])'
def _steps(*names): return [f'shop_nb.imports.imports.{name}' for name in names]
BEFORE = _steps('read_sheets', 'check', '_write_tables', 'set_aside', '_land') + ['os.replace@2']
if FULL: BEFORE += _steps('stage_sheets', 'shape', 'compare', 'add_up', 'write_file') + ['os.replace', 'os.replace@3']
LANDING = _steps('finish_import@2', '_move_in', 'remove_path@4') + [f'os.replace@{n}' for n in (4, 6, 8)]
if FULL: LANDING += _steps('bring_in') + ['os.replace@5', 'os.replace@7']
# os.replace: manifest, new database, the whole new run; then database, tables, crosswalk, quarantine, manifest
EXCEPT = '.shop.db.lock' # which stays


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    "An export, and the next one, which has more orders and a row that is set aside."
    home = tmp_path_factory.mktemp('files')
    half = next(i for i, line in enumerate(SAMPLE) if i > len(SAMPLE) / 2 and '@' in line)
    (home / 'first.csv').write_text(''.join(SAMPLE[:half]))
    (home / 'next.csv').write_text(''.join(SAMPLE))
    return home


@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'pandas', 'duckdb', 'shop_nb.imports.imports', 'shop_nb.database.load',
               'shop_nb.app.imported') as run: yield run


def in_database(db):
    with closing(sqlite3.connect(db)) as con:
        assert con.execute('pragma integrity_check').fetchone() == ('ok',)
        assert con.execute('pragma foreign_key_check').fetchall() == []
        rows = {n: con.execute(f'select {", ".join(t.names)} from {n}').fetchall() for n, t in TABLES.items()}
    return {n: digest(pa.Table.from_batches([as_batch(r, arrow_schema(n))]), n) for n, r in rows.items()}


def in_folder(run):
    "What a run has: digests of its tables in files and in the database, crosswalk, and what is set aside."
    tables = {n: digest(read_table(run, n), n) for n in TABLES}
    assert tables == {n: t['digest'] for n, t in read_manifest(run)['tables'].items()} == in_database(run / 'shop.db')
    keyed = 'customers', 'products', 'orders'
    keys = {n: pq.read_table(run / 'crosswalk' / f'{n}.parquet').to_pydict() for n in keyed}
    aside = {n: pq.read_table(run / 'quarantine' / n).drop_columns(['run', 'file']).to_pydict() for n in (OPEN, MENDED)}
    return tables, keys, aside


def in_bytes(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*') if p.is_file() and p.name != EXCEPT}


@pytest.fixture(scope='module')
def made(files, tmp_path_factory, in_processes):
    "A run of the first export, and of both."
    home = tmp_path_factory.mktemp('made')
    assert in_processes((IMPORT, files / 'first.csv', home / 'old')) == [[0, '']]
    shutil.copytree(home / 'old', home / 'new')
    assert in_processes((IMPORT, files / 'next.csv', home / 'new')) == [[0, '']]
    assert in_processes((IMPORT, files / 'next.csv', home / 'alone')) == [[0, '']]
    return home


@pytest.fixture(scope='module')
def has(made):
    "What each of them has; not to be changed."
    return {p.name: in_folder(p) for p in made.iterdir()}


@pytest.fixture(scope='module')
def old(made):
    "The files of the first one; not to be changed."
    return in_bytes(made / 'old')


def test_the_two_runs_differ(has):
    "In all that is compared below."
    assert all(a != b for a, b in zip(has['old'], has['new']))
    assert has['new'][2][OPEN]['line']


def fresh(made, place, there):
    run = place / 'run'
    if place.exists(): shutil.rmtree(place)
    place.mkdir()
    if there: shutil.copytree(made / 'old', run)
    return run


def check(has, old, run, there):
    "The old run byte for byte, the new one, or known to be unfinished; returns whether it is old."
    if (run / READY).exists() or not there and not run.exists() and leftovers(run):
        said = 'is not finished(.|\n)*(import FILES --out|shop-nb run)'
        with pytest.raises(ShopError, match=said): existing(run)
        return False
    if not run.exists(): return not there
    if there and in_bytes(run) == old: return True
    assert in_folder(run) == has['new' if there else 'alone']
    return False


def check_again(has, run, there, call, in_processes):
    "The next import of the same files ends where an unbroken one would have, and clears what is left."
    assert in_processes(call)[0] == [0, '']
    assert in_folder(run) == has['new' if there else 'alone']
    assert {p.name for p in run.iterdir()} - {EXCEPT, *MADE} == {'manifest.json', 'tables', 'crosswalk', 'quarantine'}
    assert [p.name for p in run.parent.iterdir()] == ['run']


STEPS = [(True, step) for step in BEFORE + LANDING] + [(False, step) for step in (BEFORE if FULL else BEFORE[2:])]


@pytest.mark.slow
@pytest.mark.parametrize('there, step', STEPS)
def test_killed_at_a_step(files, made, has, old, tmp_path, in_processes, there, step):
    run = fresh(made, tmp_path / 'a', there)
    assert in_processes((BREAK + IMPORT, step, 'SIGKILL', files / 'next.csv', run))[0] == [-signal.SIGKILL, '']
    assert (run / READY).exists() == (step in LANDING)
    assert check(has, old, run, there) == (there and step in BEFORE)
    check_again(has, run, there, (IMPORT, files / 'next.csv', run), in_processes)


@pytest.mark.slow
@pytest.mark.parametrize('there, step', STEPS if FULL else STEPS[::2])
def test_interrupted_at_a_step(files, made, has, old, tmp_path, in_processes, there, step):
    "Nothing is changed, or what is complete comes in whole; nothing is left in either case."
    run = fresh(made, tmp_path / 'a', there)
    code, said = in_processes((BREAK + IMPORT, step, 'SIGINT', files / 'next.csv', run))[0]
    assert (code, said.splitlines()[-1]) == (1, 'KeyboardInterrupt')
    assert {p.name for p in run.parent.iterdir()} <= {'run'}
    assert not (run / READY).exists()
    if step in BEFORE and not there: assert not run.exists()
    else: assert check(has, old, run, there) == (step in BEFORE)


@pytest.mark.slow
def test_killed_at_any_moment(files, made, has, old, tmp_path, in_processes):
    rng, killed, seconds = random.Random('import'), 0, 60
    run = tmp_path / 'a' / 'run'
    call = WHOLE if FULL else IMPORT, files / 'next.csv', run
    for there in True, False: # the first one still reads what it needs of libraries
        fresh(made, run.parent, there)
        begun = time.monotonic()
        assert in_processes(call)[0] == [0, '']
        seconds = min(seconds, time.monotonic() - begun)
    for n in range(4 * KILLS):
        if killed == KILLS: break
        there = n % 3 < 2
        fresh(made, run.parent, there)
        code = in_processes(call, kill=seconds * rng.uniform(.01, 1))[0][0]
        killed += code == -signal.SIGKILL
        check(has, old, run, there)
        check_again(has, run, there, call, in_processes)
    assert killed == KILLS


# ---- Ctrl-C on the command line

ENDLESS = '''
import sys, shop_nb.imports.imports as module
def endless(stage, *_):
    print('at it', flush=True)
    stage.con.execute(sys.argv[-1])
module.check = endless
from shop_nb.app.cli import main
sys.exit(main(sys.argv[1:-1]))
'''
SLOW = ('select count(*) from range(10_000_000) as a, range(10_000_000) as b where a.range * b.range % 7 = 3',
        'with recursive n(i) as (select 1 union all select i + 1 from n where i < 1e9) select max(i) from n')


@pytest.mark.slow
@pytest.mark.parametrize('name, code, sql', [
    ('SIGINT', 130, SLOW[0]), ('SIGINT', 130, SLOW[1]), ('SIGTERM', 143, SLOW[0]),
])
def test_a_signal_stops_a_long_statement(files, made, old, tmp_path, name, code, sql):
    "Within two seconds, with one line, and nothing is changed."
    run = fresh(made, tmp_path / 'a', True)
    words = [sys.executable, '-c', ENDLESS, 'import', files / 'next.csv', '--out', run, sql]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as job:
        try:
            assert job.stdout.readline() == 'at it\n'
            time.sleep(.5)
            begun = time.monotonic()
            job.send_signal(getattr(signal, name))
            said = job.communicate(timeout=20)[1]
            assert time.monotonic() - begun < 2
        finally: job.kill()
    assert job.returncode == code, said
    assert said.splitlines()[-1].endswith('nothing was left half done.')
    assert 'Traceback' not in said
    assert in_bytes(run) == old
    assert [p.name for p in run.parent.iterdir()] == ['run']


# ---- no room, no permission, two at once

TOLD = '''
import shop_nb.app.imported, shop_nb.reporting.profile, shop_nb.shop.shop
from shop_nb.app.cli import main
shop_nb.app.imported.figure = shop_nb.shop.shop.figure = lambda *_: '<svg></svg>'
shop_nb.reporting.profile._report = lambda *_: '<head></head><body></body>'
code = main(['import', args[0], '--out', args[1]])
print(code)
'''


def told(said):
    "Exit code and the lines of the error; those of progress are left out."
    *lines, code = [line for line in said.splitlines() if ' rows in ' not in line and ' rows, ' not in line]
    return int(code), lines


@pytest.mark.parametrize('room', [1, 20_000, 60_000, 150_000]) # for DuckDB's file, the text, the tables, the database
def test_no_room(files, made, old, tmp_path, in_processes, room):
    runs = {there: fresh(made, tmp_path / str(there), there) for there in (True, False)}
    limit = f'import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))\n'
    jobs = [(limit + TOLD, files / 'next.csv', run) for run in runs.values()]
    for (there, run), (_, said) in zip(runs.items(), in_processes(*jobs)):
        code, lines = told(said)
        assert (code, len(lines)) == (2, 2), said
        assert f'{run}' in lines[0]
        assert 'cannot be ' in lines[0]
        assert '.unfinished' not in said
        assert in_bytes(run) == old if there else not run.exists()
        assert {p.name for p in run.parent.iterdir()} == ({'run'} if there else set())


SHUT = { # what is shut: the message
    '.': 'run cannot be written: Permission denied', 'run': 'run cannot be written: Permission denied',
    'run/tables': 'run cannot be written: Permission denied',
    'run/shop.db': 'run/shop.db cannot be written: Permission denied',
    'next/a.csv': 'next/a.csv cannot be read: Permission denied', 'next': 'next cannot be read: Permission denied',
}


@pytest.mark.slow
@pytest.mark.parametrize('what', SHUT)
def test_no_permission(files, made, old, tmp_path, bound, what):
    "On a folder or file of the run, the folder that it is in, a file of the source, or the source's folder."
    run = fresh(made, tmp_path / 'a', True)
    (tmp_path / 'a' / 'next').mkdir()
    shutil.copy(files / 'next.csv', source := tmp_path / 'a' / 'next' / 'a.csv')
    path = run.parent / what
    mode = path.stat().st_mode
    path.chmod(0o000 if path.is_file() or what == 'next' else 0o555)
    try: done = bound([sys.executable, '-c', f'args = {[str(source.parent), str(run)]!r}\n{TOLD}'])
    finally: path.chmod(mode)
    code, lines = told(done.stderr + done.stdout)
    assert (code, len(lines)) == (2, 2), done.stderr
    assert SHUT[what] in lines[0]
    assert in_bytes(run) == old
    assert {p.name for p in run.parent.iterdir()} == {'run', 'next'}


def test_a_second_import_is_refused_while_one_is_at_work(files, made, old, tmp_path, in_processes):
    run = fresh(made, tmp_path / 'a', True)
    with working_folder(run, alone=True):
        code, lines = told(in_processes((TOLD, files / 'next.csv', run))[0][1])
    assert code == 1
    assert lines == [f'{run} is being written by another program.', 'Wait until it is done, then try again']
    assert in_bytes(run) == old


@pytest.mark.slow
@pytest.mark.parametrize('there', [True, False])
def test_imports_at_the_same_time(files, made, has, tmp_path, in_processes, there):
    "One is done, the others are told so, or come after it and change nothing."
    run = fresh(made, tmp_path / 'a', there)
    found = in_processes(*[(IMPORT, files / 'next.csv', run)] * 4)
    assert [0, ''] in found
    assert all(code == 0 or 'is being written by another program' in said for code, said in found)
    assert in_folder(run) == has['new' if there else 'alone']
    assert [p.name for p in run.parent.iterdir()] == ['run']


def test_a_database_in_which_somebody_writes_stays(files, made, has, old, tmp_path):
    "The run is as it was, and the import works once they are done."
    run = fresh(made, tmp_path / 'a', True)
    from shop_nb.database.load import load
    def loaded(new): load(new, new / 'shop.db')
    with closing(sqlite3.connect(run / 'shop.db', isolation_level=None)) as other:
        other.execute('begin immediate')
        with pytest.raises(ShopError, match='shop.db cannot be replaced now: a program is at work in it'):
            import_shop(Source([files / 'next.csv']), run, then=loaded)
    assert in_bytes(run) == old
    assert [p.name for p in run.parent.iterdir()] == ['run']
    import_shop(Source([files / 'next.csv']), run, then=loaded)
    assert in_folder(run) == has['new']
