"What the tests share."
import ctypes, os, signal, subprocess, sys
from collections import Counter
from pathlib import Path

import pytest

from support import ROOT


@pytest.fixture(scope='session')
def root():
    "The project's folder."
    return ROOT


@pytest.fixture(scope='session')
def tracked():
    "The files that git tracks, or would if they were added: paths relative to the project."
    import dist
    return sorted(map(Path, dist.files()))


@pytest.fixture(scope='module')
def browser():
    "A browser without a window; not of the whole session, because Playwright's event loop runs as long."
    from browse import chromium
    with chromium() as it: yield it


def _drop_override():
    "Take from root what lets it write where permissions do not allow it; nothing happens for others."
    for capability in 1, 2: getattr(ctypes.CDLL(None), 'prctl', lambda *_: 0)(24, capability, 0, 0, 0) # PR_CAPBSET_DROP


@pytest.fixture(scope='session')
def bound():
    "Run a command that permissions bind, whoever runs the tests."

    def run(command, **how):
        return subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=_drop_override, **how)

    return run


def pytest_configure():
    """Spark takes the Java that is fit for it, and a process the compiled library.

    Where the tests run in the background, Ctrl-C or a hang-up may be ignored, and every child would ignore it, too."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL) # by nohup
    os.environ.pop('PYTHONDONTWRITEBYTECODE', None) # hundreds of processes start: each would compile the library anew
    sys.dont_write_bytecode = False
    import tools

    if home := tools.java(): os.environ['JAVA_HOME'] = str(home)


LONG = (
    'tests/dashboard/test_page.py',
    'tests/project/test_docs.py',
    'tests/project/test_deploy.py',
    'tests/app/test_run.py',
    'tests/dashboard/test_serve.py',
    'tests/database/test_appends.py',
    'tests/database/test_own_sql.py',
    'tests/imports/test_crashes.py',
    'tests/course/test_lessons.py',
    'tests/shop/test_incidents.py',
    'tests/database/test_postgresql.py',
    'tests/database/test_mysql.py',
    'tests/project/test_wheel.py',
    'tests/generator/test_spark.py',
    'tests/api/test_app_changes.py',
    'tests/imports/test_replay.py',
    'tests/database/test_duckdb.py',
    'tests/analytics/test_questions.py',
    'tests/analytics/test_absent.py',
    'tests/history/test_replay.py',
    'tests/imports/test_contract.py',
    'tests/database/test_postgresql_append.py',
    'tests/api/test_app_openapi.py',
    'tests/generator/test_parameters.py',
    'nbs/evidence/engines.ipynb',
    'tests/feeds/test_feed_files.py',
    'tests/audit/test_audit.py',
    'tests/shop/test_advance.py',
    'tests/app/test_cli.py',
    'tests/formats/test_online_retail.py',
    'tests/reporting/test_pages.py',
    'tests/dashboard/test_live.py',
    'tests/files/test_sources.py',
    'tests/reporting/test_charts.py',
    'tests/imports/test_imports.py',
    'tests/formats/test_tables.py',
    'nbs/29_audit/05_audit.ipynb',
    'tests/database/test_append.py',
    'tests/formats/test_damage.py',
    'tests/generator/test_blocks.py',
    'nbs/evidence/certificate.ipynb',
    'tests/formats/test_shopify.py',
    'tests/imports/test_files.py',
    'tests/api/test_app_running.py',
    'tests/api/test_app_proxy.py',
    'tests/shop/test_lakes.py',
    'tests/shop/test_crashes.py',
    'tests/api/test_app_slow_clients.py',
    'tests/formats/test_woocommerce.py',
    'nbs/45_realism/06_scorecard.ipynb',
    'tests/api/test_app_soak.py',
    'tests/shop/test_read.py',
    'tests/store/test_change_log.py',
    'tests/dashboard/test_absent.py',
    'tests/api/test_app_behind_a_proxy.py',
    'tests/api/test_app_races.py',
    'tests/api/test_app_keys.py',
    'tests/imports/test_poison.py',
    'tests/imports/test_known.py',
    'tests/app/test_imported.py',
) # files that take long, the longest first; others with few tests come last


def pytest_collection_modifyitems(config, items):
    """Where processes share the tests, each takes a file at a time, in this order.

    So no long one is left for the end, when the other process has nothing to do."""
    if not hasattr(config, 'workerinput'): return
    place = {ROOT / name: i for i, name in enumerate(LONG)}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (place.get(item.path, len(LONG)), -tests[item.path]))


MAIN = sys.modules['__main__']


@pytest.fixture(scope='session')
def renamed():
    "The settings of a small shop with categories, segments, channels and payment methods of its own."
    from shop_nb.behaviour.settings import Settings
    sizes = dict(customers=120, products=60, orders=300, order_items=700)
    return Settings(behaviour=str(ROOT / 'tests/support/own.toml'), **sizes)


@pytest.fixture(scope='session')
def renamed_tables(renamed):
    "The tables of that shop, as Arrow tables by name."
    from shop_nb.generator.blocks import tables
    return tables(renamed)


@pytest.fixture(scope='session')
def renamed_db(renamed, renamed_tables, tmp_path_factory):
    "The database of that shop; not to be changed."
    from shop_nb.database.load import load
    from shop_nb.model.market import market_of
    path = tmp_path_factory.mktemp('renamed') / 'shop.db'
    load(renamed_tables, path, market=market_of(renamed.values))
    return path


@pytest.fixture
def undrawn(monkeypatch):
    "Pages without charts and profiles, where a test looks at something else of them: drawing takes most of the time."
    for module in 'shop.shop', 'app.run', 'app.imported':
        monkeypatch.setattr(f'shop_nb.{module}.figure', lambda answer, sizes=(): '<svg></svg>')
    monkeypatch.setattr('shop_nb.reporting.profile._report', lambda *_: '<head></head><body></body>')


@pytest.fixture(autouse=True)
def main_stays():
    "An IPython shell of a test puts its own module in the place of __main__; later processes need the real one."
    sys.modules['__main__'] = MAIN
    yield
    sys.modules['__main__'] = MAIN
