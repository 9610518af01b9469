"""The scale-out engine: local, on Sail, and on a real cluster that loses a worker in the middle."""
import json, os, signal, socket, subprocess, sys, time
from importlib.util import find_spec
from pathlib import Path

import pytest

import tools
from shop_nb.files.digest import digest
from shop_nb.generator import blocks as g
from shop_nb.generator import spark as sp
from shop_nb.generator.draws import VERSION
from shop_nb.model.schema import TABLES
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.files.sources import read_table

SMALL = Settings(customers=300, products=60, orders=900, order_items=2000)
from support import ROOT


@pytest.fixture
def sail():
    if not (find_spec('pysail') and find_spec('pyspark')): pytest.fail("pysail is missing: pip install 'shop_nb[sail]'")


@pytest.fixture(scope='module')
def java():
    if not (find_spec('pyspark') and find_spec('py4j')): pytest.fail("pyspark is missing: pip install 'shop_nb[spark]'")
    if not tools.java(): pytest.fail(tools.TOOLS['java'].missing)


QUICK = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' # halves what a short life of a JVM costs


def expected(s): return {n: dict(rows=t.num_rows, digest=digest(t, n)) for n, t in g.tables(s).items()}


def files(folder): return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob('*') if p.is_file())


def parts(s, size, format='parquet'):
    "The files that a run must leave: one part for each table of each block."
    made = dict(orders=('orders', 'order_items', 'payments'))
    return sorted(
        f'{n}.{format}/part-{b.number:05d}.{format}'
        for b in g.generator(s, size).blocks()
        for n in made.get(b.kind, (b.kind,))
    )


# --- on Sail, without Java

@pytest.mark.parametrize('format, size', [('parquet', 100), ('csv', 333), ('parquet', g.BLOCK)])
def test_sail_makes_the_same_shop(sail, tmp_path, format, size):
    seen = []
    facts = sp.run_spark(SMALL, tmp_path / 'out', 'sail', format, progress=lambda *a: seen.append(a), size=size)
    assert facts == expected(SMALL)
    assert files(tmp_path) == ['out/' + p for p in parts(SMALL, size, format)]
    for n in TABLES:
        assert digest(read_table(tmp_path / 'out', n), n) == facts[n]['digest']
    assert seen[-1] == (sum(f['rows'] for f in facts.values()),) * 2
    assert [a for a, _ in seen] == sorted(
        a for a, _ in seen
    )


def test_a_stopped_run_leaves_the_old_files(sail, tmp_path):
    g.write_tables(SMALL, tmp_path / 'out')
    before = {p: (tmp_path / p).read_bytes() for p in files(tmp_path)}

    def stop(done, all):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sp.run_spark(Settings(orders=20_000, order_items=50_000), tmp_path / 'out', 'sail', progress=stop, size=100)
    assert {p: (tmp_path / p).read_bytes() for p in files(tmp_path / 'out') for p in [f'out/{p}']} == before


def test_a_shop_that_has_not_sold_yet(sail, tmp_path):
    "No block of orders at all: their tables are there, and empty."
    s = next(
        s
        for seed in range(200)
        for s in [Settings(seed=seed, customers=3, products=4, orders=3, order_items=3, until='2025-01-01')]
        if not g.tables(s)['orders'].num_rows
    )
    assert sp.run_spark(s, tmp_path / 'out', 'sail') == expected(s)
    assert read_table(tmp_path / 'out', 'orders').equals(g.tables(s)['orders'])
    with sp.spark_session('sail') as spark:
        assert sp.spark_table(spark, s, 'orders').count() == 0


def test_tables_as_frames(sail):
    with sp.spark_session('sail') as spark:
        for n, f in expected(SMALL).items():
            assert digest(sp.spark_table(spark, SMALL, n, size=250).toArrow(), n) == f['digest']
        with pytest.raises(ShopError, match="There is no table 'carts'"):
            sp.spark_table(spark, SMALL, 'carts')


# --- what is said when something is not there

@pytest.mark.parametrize(
    'master, missing, message',
    [
        ('sail', 'pysail', r"shop_nb\[sail\]"),
        ('sail', 'pyspark', r"shop_nb\[sail\]"),
        ('sc://127.0.0.1:1', 'grpc', r"shop_nb\[sail\]"),
        ('local[*]', 'pyspark', r"shop_nb\[spark\]"),
        ('local[*]', 'pyspark.core', r"shop_nb\[spark\]"),
        ('spark://127.0.0.1:1', '', 'No Spark answers at spark://127.0.0.1:1'),
        ('sc://127.0.0.1:1', '', 'No Spark answers at sc://127.0.0.1:1'),
    ],
)
def test_what_is_missing_is_named(java, sail, monkeypatch, tmp_path, master, missing, message):
    for m in [m for m in sys.modules if missing and (m == missing or m.startswith(missing + '.'))]:
        monkeypatch.delitem(sys.modules, m)
    if missing: monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ShopError, match=message) as e: sp.run_spark(SMALL, tmp_path / 'out', master)
    assert e.value.code == 2
    assert not list(tmp_path.iterdir())


def test_no_java(java, monkeypatch, tmp_path):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('JAVA_HOME', raising=False)
    with pytest.raises(ShopError, match='Java 17') as e: sp.run_spark(SMALL, tmp_path / 'out')
    assert e.value.code == 2


def test_format_and_workers_that_do_not_fit(tmp_path):
    with pytest.raises(ShopError, match='xlsx'): sp.run_spark(SMALL, tmp_path, format='xlsx')
    with pytest.raises(ShopError, match='version'):
        sp.put_block(SMALL, 100, 0, tmp_path, 'parquet', version=0)
    with pytest.raises(ShopError, match='does not see the folder'):
        sp.put_block(SMALL, 100, 0, tmp_path / 'elsewhere', 'parquet')


# --- Spark itself, on this machine

def test_local_spark_makes_the_same_shop(java, tmp_path, monkeypatch, capfd):
    "Both formats in one session; a worker's complaint arrives as a line or two."
    monkeypatch.setenv('JAVA_TOOL_OPTIONS', QUICK)
    with sp.spark_session('local[2]') as spark:
        for format, size in (('parquet', 150), ('csv', g.BLOCK)):
            assert sp.run_spark(SMALL, tmp_path / format, format=format, size=size, spark=spark) == expected(SMALL)
            assert files(tmp_path / format) == parts(SMALL, size, format)
        t = sp.spark_table(spark, SMALL, 'orders', size=300).toArrow()
        assert digest(t, 'orders') == expected(SMALL)['orders']['digest']
        with pytest.raises(ShopError, match='session in this process already'):
            sp.run_spark(SMALL, tmp_path / 'two')
        monkeypatch.setattr(sp, 'VERSION', 0)
        with pytest.raises(ShopError) as e: sp.run_spark(SMALL, tmp_path / 'old', spark=spark)
    assert str(e.value).splitlines() == [
        f'A worker has version {VERSION} of the generator, and the driver version 0.',
        'Install the same shop_nb everywhere.',
    ]
    assert sorted(p.name for p in tmp_path.iterdir()) == ['csv', 'parquet']
    assert capfd.readouterr().err == ''


# --- a cluster

def children(pid):
    return [c for t in Path(f'/proc/{pid}/task').glob('*/children') for c in map(int, t.read_text().split())]


def command(pid):
    try: return Path(f'/proc/{pid}/cmdline').read_bytes().decode(errors='replace')
    except OSError: return ''


def wait_for(what, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what(): return found
        time.sleep(.05)
    pytest.fail(f'waited {seconds} s in vain')


def end(pids):
    for pid in pids:
        try: os.kill(pid, signal.SIGKILL)
        except ProcessLookupError: pass


@pytest.fixture
def cluster(java, tmp_path):
    "A standalone master and two workers of one core each, on the loopback interface."
    import pyspark

    home = Path(pyspark.__file__).parent
    started = []
    env = {k: v for k, v in os.environ.items() if not k.startswith('SPARK_')} | dict(
        SPARK_HOME=str(home),
        SPARK_LOCAL_IP='127.0.0.1',
        PYSPARK_PYTHON=sys.executable,
        PYTHONPATH=str(ROOT),
        JAVA_TOOL_OPTIONS=QUICK,
        SPARK_DAEMON_MEMORY="256m",
    )
    with socket.create_server(('127.0.0.1', 0)) as s: port = s.getsockname()[1]

    def start(name, *args):
        with open(tmp_path / f'{name}.log', 'wb') as log:
            started.append(
                subprocess.Popen(
                    [home / 'bin/spark-class', *args, '--host', '127.0.0.1', '--webui-port', '0'], env=env,
                    cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )
            )
        return started[-1]

    def listens():
        try:
            return socket.create_connection(('127.0.0.1', port), 1).close() or True
        except OSError:
            return False

    _master, url = (
        start('master', 'org.apache.spark.deploy.master.Master', '--port', str(port)),
        f'spark://127.0.0.1:{port}',
    )
    try:
        wait_for(listens)
        workers = [
            start(
                f'worker{i}', 'org.apache.spark.deploy.worker.Worker', '-c', '1', '-m', '1g', '-d',
                str(tmp_path / f'work{i}'), url
            )
            for i in (1, 2)
        ]
        wait_for(
            lambda: all(
                b'Successfully registered with master' in (tmp_path / f'worker{i}.log').read_bytes() for i in (1, 2)
            )
        )
        yield url, workers, env
    finally:
        below = [c for p in started for c in children(p.pid)]
        below += [c for p in below for c in children(p)]
        for p in started:
            p.kill()
            p.wait()
        end(below)


def test_a_cluster_that_loses_a_worker_makes_the_same_shop(cluster, tmp_path):
    "A worker and its executor are killed in the middle: the digests are the local engine's, each part is there once."
    url, workers, env = cluster
    size = 250
    s = Settings(orders=5_000, order_items=12_000)
    say = lambda text: print(f'{time.monotonic() - begin:5.1f} s  {text}')
    (tmp_path / 'data').mkdir()
    begin = time.monotonic()
    due = parts(s, size)
    killed = []
    code = f'''
import json
from shop_nb.generator.spark import Settings, run_spark
settings = Settings(orders={s.orders}, order_items={s.order_items})
print(json.dumps(run_spark(settings, 'data/shop', {url!r}, size={size}, log='driver.log')))
'''
    job = subprocess.Popen(
        [sys.executable, '-c', code], env=env, cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True
    )
    try:
        done = lambda: len(list((tmp_path / 'data').glob('.shop.*/*.parquet/part-*')))
        wait_for(lambda: job.poll() is not None or done() > len(due) / 5, 240)
        before = done()
        victim = workers[0].pid
        killed = [victim] + [c for c in children(victim) if 'CoarseGrainedExecutorBackend' in command(c)]
        orphans = [c for k in killed[1:] for c in children(k)]
        end(killed)
        say(f'{before} of {len(due)} parts are there: killed worker {killed[0]} and its executor {killed[1:]}')
        out, err = job.communicate(timeout=240)
        say('the job is done')
    finally:
        if job.poll() is None:
            job.kill()
            job.wait()
        end(p for p in (orphans if killed else []) if 'pyspark' in command(p))
    log = (tmp_path / 'driver.log').read_text() if (tmp_path / 'driver.log').exists() else ''
    for line in log.splitlines():
        if 'Lost executor' in line: say(f'driver: {line[18:]}')
    assert job.returncode == 0, err + log
    assert err == ''
    assert json.loads(out) == expected(s)
    assert files(tmp_path / 'data' / 'shop') == due
    assert [p.name for p in (tmp_path / 'data').iterdir()] == ['shop']
    assert len(killed) == 2
    assert 0 < before < len(due)
    assert 'Lost executor' in log
