"kill -9 at any moment of a load, an append, a generate or an advance: what there is is whole; a repeat finishes it."
import random, shutil, signal, sqlite3, time
from contextlib import closing

import pyarrow as pa
import pytest

from shop_nb.analytics.connect import as_batch
from shop_nb.app.run import existing
from shop_nb.core.errors import ShopError
from shop_nb.files.digest import digest
from shop_nb.files.sources import read_table
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.runs.run_folder import read_manifest
from shop_nb.shop.shop import Shop
from support import FULL
from support.forks import forks

SIZE = dict(seed=5, customers=2000, products=100, orders=4000, order_items=10_000)
FIRST, LAST = '2025-11-30', '2025-12-31'
KILLS = 50 if FULL else 3 # of each of the four
CODE = dict(
    load='from shop_nb.database.load import load; load(args[0], args[1])',
    append='from shop_nb.database.load import load; load(args[0], args[1], append=True)',
    generate=f'from shop_nb.shop.shop import Shop; Shop(**{SIZE}, until="{LAST}").save(args[2])',
    advance=f'from shop_nb.shop.advance import advance; advance(args[2], "{LAST}")',
)


def in_files(folder): return {n: digest(read_table(folder, n), n) for n in TABLES}


def in_database(db):
    found = {}
    with closing(sqlite3.connect(db)) as con:
        assert con.execute('pragma integrity_check').fetchone() == ('ok',)
        assert con.execute('pragma foreign_key_check').fetchall() == []
        for n, t in TABLES.items():
            rows = con.execute(f'select {", ".join(t.names)} from {n}').fetchall()
            found[n] = digest(pa.Table.from_batches([as_batch(rows, arrow_schema(n))]), n)
        loads = con.execute('select count(*) from loads').fetchone()[0]
    return found, loads


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    "A run and its database, and the run as it is to be."
    home = tmp_path_factory.mktemp('made')
    for name, until in ('first', FIRST), ('last', LAST):
        Shop(**SIZE, until=until).save(home / name)
    Shop.open(home / 'first').load()
    return home


@pytest.fixture(scope='module')
def in_processes():
    with forks('adbc_driver_sqlite.dbapi', 'pandas', 'pyarrow.parquet', 'shop_nb.shop.advance') as run: yield run


def check_database(db, old, new):
    "Old or new as a whole, with a row for each load."
    content, loads = in_database(db)
    assert (content, loads) in ((old, 1), (new, 1), (new, 2))


def check_run(run, old, new):
    "Old, new, or known to be unfinished."
    manifest = read_manifest(run)
    if 'tables' in manifest:
        assert in_files(run) == {n: t['digest'] for n, t in manifest['tables'].items()}
        assert in_files(run) in (old, new)
    else:
        with pytest.raises(ShopError, match='is not finished'): existing(run)


@pytest.mark.slow
@pytest.mark.parametrize('what', CODE)
def test_killed_at_any_moment(made, tmp_path, in_processes, what):
    old, new = in_files(made / 'first'), in_files(made / 'last')
    db, run, rng, killed = tmp_path / 'a' / 'shop.db', tmp_path / 'b' / 'mine', random.Random(what), 0
    for place in db.parent, run.parent: place.mkdir()

    def fresh():
        for place in db.parent, run.parent: shutil.rmtree(place)
        db.parent.mkdir()
        shutil.copy(made / 'first' / 'shop.db', db)
        shutil.copytree(made / 'first', run)

    call, seconds = (CODE[what], made / 'last', db, run), 60
    for _ in range(2): # the first one still reads what it needs of libraries
        fresh()
        begun = time.monotonic()
        assert in_processes(call)[0] == [0, '']
        seconds = min(seconds, time.monotonic() - begun)
    for n in range(4 * KILLS):
        if killed == KILLS: break
        fresh()
        code = in_processes(call, kill=seconds * rng.uniform(.01, 1))[0][0]
        killed += code == -signal.SIGKILL
        check_database(db, old, new)
        check_run(run, old, new)
        if (run / 'shop.db').exists(): check_database(run / 'shop.db', old, new)
        assert in_processes(call)[0] == [0, ''], n
        if what in ('load', 'append'):
            assert in_database(db)[0] == new
            assert {p.name for p in db.parent.iterdir()} - {'.shop.db.lock'} == {'shop.db'}
        else:
            assert in_files(run) == new
            assert read_manifest(run) == read_manifest(made / 'last')
            assert {p.name for p in run.iterdir()} - {'.shop.db.lock', 'shop.db'} == {'manifest.json', 'tables'}
            assert len(list((run / 'tables').iterdir())) == 5
            if what == 'advance': assert in_database(run / 'shop.db') == (new, 2)
        assert [p.name for p in run.parent.iterdir()] == ['mine']
    assert killed == KILLS
