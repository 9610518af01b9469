"The whole job: one real run, looked at from all sides, and what happens when something goes wrong."
import ast, json, os, re, resource, shutil, signal, sqlite3, subprocess, sys, time
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

import psutil
import pytest

import shop_nb.app.run as module
from shop_nb import Shop, __version__
from shop_nb.analytics.questions import questions
from shop_nb.generator.draws import VERSION
from shop_nb.app.cli import main
from shop_nb.reporting.profile import dictionary_html, profile
from shop_nb.app.run import (
    all_parameters, building, check_parameters, headline, index_html, named, pipeline, run, verify,
)
from shop_nb.runs.run_folder import identity, read_manifest, write_manifest
from shop_nb.model.schema import TABLES
from shop_nb.store.repository import Store
from shop_nb.behaviour.settings import Settings, describe
from shop_nb.core.errors import ShopError
from support import FULL

pytestmark = pytest.mark.slow
SETTINGS = dict(customers=120, products=60, orders=240, order_items=600, seed=3)
STEPS = [p.stem for p in pipeline()]


@pytest.fixture(scope='session')
def done(tmp_path_factory):
    "A run; not to be changed."
    folder = tmp_path_factory.mktemp('runs') / 'small'
    run(folder, tell=lambda step, seconds: None, **SETTINGS, minimal_above=0)
    return folder


@pytest.fixture
def short(monkeypatch):
    "A pipeline of the first notebook alone."
    monkeypatch.setattr(module, 'pipeline', lambda: pipeline()[:1])


def pages(folder): return sorted(folder.rglob('*.html'))


def notebook(path, *cells):
    "A notebook with a parameters cell and some more."
    def cell(i, source, tags=()):
        code = dict(cell_type='code', id=f'c{i}', execution_count=None, outputs=[])
        return code | dict(metadata=dict(tags=list(tags)), source=source)
    made = [cell(0, 'out: str = ""', ['parameters']), *(cell(i + 1, c) for i, c in enumerate(cells))]
    kernel = dict(name='python3', display_name='python3', language='python')
    path.write_text(json.dumps(dict(cells=made, metadata=dict(kernelspec=kernel), nbformat=4, nbformat_minor=5)))
    return path


def test_a_run_has_everything(done):
    files = {p.relative_to(done).as_posix() for p in done.rglob('*') if p.is_file()}
    wanted = ['index.html', 'manifest.json', 'run.log', 'shop.db', 'analysis.sql', 'answers.html', 'dictionary.html']
    for step in STEPS: wanted += [f'notebooks/{step}.ipynb', f'html/{step}.html']
    wanted += [f'{folder}/{t}.{kind}' for t in TABLES for folder, kind in (('tables', 'parquet'), ('profile', 'html'))]
    wanted += [f'answers/{name}.csv' for name in questions()]
    assert files == set(wanted)
    assert [p.name for p in done.parent.iterdir()] == ['small'], 'something was left beside the run'


def test_manifest(done):
    told = read_manifest(done)
    assert (told['version'], told['shop_nb']) == (VERSION, __version__)
    assert SETTINGS.items() <= told['settings'].items()
    rows = dict(customers=120, products=60, orders=240, order_items=600, payments=240)
    assert {n: t['rows'] for n, t in told['tables'].items()} == rows
    assert all(re.fullmatch('[0-9a-f]{32}', t['digest']) for t in told['tables'].values())
    assert told['checks']['ok']
    assert not told['checks']['failures']
    assert list(told['seconds']) == STEPS
    assert all(s > 0 for s in told['seconds'].values())
    assert set(told['answers']) == set(questions())
    assert set(told['profiles'].values()) == {'minimal'}
    assert {'python', 'pyarrow', 'duckdb'} <= set(told['packages'])


def test_log_is_one_event_a_line(done):
    events = [json.loads(line) for line in (done / 'run.log').read_text().splitlines()]
    told = [(e['event'], e.get('step')) for e in events]
    others = [e for e in told if e[1] != module.ASIDE]
    steps = [(e, step) for step in STEPS if step != module.ASIDE for e in ('step_started', 'step_done')]
    assert others == [('run_started', None), *steps, ('run_done', None)]
    begun = told.index(('step_started', module.ASIDE))
    assert told.index(('step_done', STEPS[0])) < begun < told.index(('step_done', STEPS[1]))
    assert told[-2][0] == 'step_done'
    assert ('step_done', module.ASIDE) in told
    assert all(e['time'].endswith('Z') and e['level'] == 'info' for e in events)
    assert {e['run'] for e in events} == {json.loads((done / 'manifest.json').read_text())['run']}


def test_pages_need_no_network(done):
    for page in pages(done):
        text = re.sub(r'xmlns(:\w+)?="[^"]*"', '', page.read_text())
        found = re.findall(r'''(?:src|href|url|@import)\s*[=(]?\s*["']?(?:https?:)?//[^\s"'>)]+''', text)
        assert not found, f'{page.relative_to(done)}: {found[:3]}'


def test_links_lead_somewhere(done):
    for page in [p for p in pages(done) if p.parent.name != 'profile']:
        text = page.read_text()
        for link in re.findall(r'''<a [^>]*href="([^"]+)"''', text):
            path, _, anchor = link.partition('#')
            target = (page.parent / unquote(path)).resolve() if path else page
            assert target.exists(), f'{page.name}: {link}'
            assert done in target.parents, f'{page.name}: {link}'
            if anchor: assert f'id="{anchor}"' in target.read_text(), f'{page.name}: {link}'


def test_pages_are_for_phones_and_for_the_dark(done):
    for page in pages(done):
        text = page.read_text()
        assert 'width=device-width' in text, page
        assert 'light dark' in text, page


def test_index_says_what_the_shop_is(done):
    text = (done / 'index.html').read_text()
    revenue = Shop.open(done).ask('monthly_revenue').frame.revenue.sum()
    assert 'A shop of 240 orders' in text
    assert f'€{revenue:,.0f}' in text
    assert 'All checks passed' in text
    assert text.count('<svg') == 2 * len(module.CHARTS)
    assert '-p customers 120 -p products 60 -p orders 240' in text


def test_database_and_files_agree(done):
    assert Shop.open(done).ask('order_status').to_csv() == (done / 'answers/order_status.csv').read_text()
    assert main(['ask', 'order_status', '--db', str(done / 'shop.db')]) == 0


def test_analysis_sql_runs_as_it_is(done, monkeypatch):
    import duckdb
    monkeypatch.chdir(done)
    duckdb.connect().execute(Path('analysis.sql').read_text())


def test_notebooks_hold_no_address_of_this_machine(done):
    for path in (done / 'notebooks').glob('*.ipynb'):
        text = path.read_text()
        assert str(done.parent) not in text, path.name
        assert str(Path.home()) not in text.replace('"/root"', ''), path.name
        nb = json.loads(text)
        assert nb['metadata']['papermill']['exception'] is None
        assert nb['metadata']['papermill']['parameters']['out'] == '..'


def test_profiles_depend_on_the_data_alone(done, tmp_path):
    import matplotlib
    shop = Shop.open(done)
    with matplotlib.rc_context({'svg.fonttype': 'none', 'font.size': 20}): # a look that is meant for other pictures
        profile(shop.tables['payments'], 'payments', tmp_path / 'payments.html', minimal_above=0, home='../index.html')
    assert (tmp_path / 'payments.html').read_bytes() == (done / 'profile/payments.html').read_bytes()
    assert dictionary_html(shop.tables, 'index.html', shop.market) == (done / 'dictionary.html').read_text()


def test_verify(done):
    assert len(verify(done)) == 0
    assert main(['verify', str(done)]) == 0


@pytest.mark.parametrize('table, column', [
    ('customers', 'city'), ('products', 'price_cents'), ('orders', 'delivered_at'), ('order_items', 'quantity'),
    ('payments', 'method'),
])
def test_a_changed_cell_is_found_and_named(done, tmp_path, capsys, table, column):
    import pyarrow as pa, pyarrow.parquet as pq
    shutil.copytree(done, copy := tmp_path / 'copy')
    path = copy / f'tables/{table}.parquet'
    data = pq.read_table(path)
    cells, at, field = data[column].to_pylist(), data.schema.get_field_index(column), data.schema.field(column)
    if column == 'delivered_at': cells[5] = None if cells[5] else cells[0]
    else: cells[5] = dict(city='Atlantis', method='cash').get(column) or cells[5] + 1
    pq.write_table(data.set_column(at, field, pa.array(cells, field.type)), path)
    assert main(['verify', str(copy)]) == 1
    assert re.findall(r'^\w+', capsys.readouterr().out, re.M) == [table]


def test_verify_names_what_else_may_be_wrong(done, tmp_path):
    shutil.copytree(done, copy := tmp_path / 'copy')
    (copy / 'tables/orders.parquet').unlink()
    (copy / 'tables/payments.parquet').write_text('not Parquet')
    told = read_manifest(copy)
    told['tables']['products']['digest'] = '0' * 32
    (copy / 'manifest.json').write_text(json.dumps(told))
    wrong = verify(copy).set_index('table')
    assert list(wrong.index) == ['products', 'orders', 'payments']
    assert 'manifest' in wrong.what['products']
    (copy / 'manifest.json').write_text(json.dumps(told | dict(tables=dict.fromkeys(TABLES, 5))))
    assert list(verify(copy)['table']) == list(TABLES)
    (copy / 'manifest.json').write_text(json.dumps(told | dict(version=VERSION + 1)))
    with pytest.raises(ShopError, match='version') as e: verify(copy)
    assert e.value.code == 1


@pytest.mark.parametrize('wrong', [
    dict(settings=[7]), dict(settings=None), dict(settings=dict(path='x')), dict(settings=dict(seed='x')),
    dict(tables=[]), dict(tables=5),
], ids=str)
def test_verify_refuses_a_manifest_of_no_shop(tmp_path, wrong):
    Shop(**SETTINGS).save(tmp_path)
    write_manifest(tmp_path, **wrong)
    with pytest.raises(ShopError) as e: verify(tmp_path)
    assert e.value.code == 2


def test_rows_in_other_files_are_the_same_table(done, tmp_path):
    "A table in parts, in another order and otherwise compressed has the same digest."
    import pyarrow.parquet as pq
    shutil.copytree(done, copy := tmp_path / 'copy')
    path = copy / 'tables/orders.parquet'
    data = pq.read_table(path)
    path.unlink()
    path.mkdir()
    pq.write_table(data.slice(100), path / 'part-0.parquet', compression='zstd')
    pq.write_table(data.slice(0, 100), path / 'part-1.parquet', compression='none', row_group_size=7)
    assert len(verify(copy)) == 0


def test_parameters_are_the_settings():
    "The notebook that makes the tables takes every setting, in the settings' own words."
    first = pipeline()[0]
    cell = next(c for c in json.loads(first.read_text())['cells'] if 'parameters' in c['metadata'].get('tags', []))
    lines = ''.join(cell['source']).splitlines()
    told = {m[1]: (m[2], m[3], m[4]) for m in (re.fullmatch(r'(\w+): (\w+) = (.*?)  # (.*)', line) for line in lines)}
    kind = dict(int='int', float='float')
    assert {d['name']: (kind.get(d['type'], 'str'), 'None', d['meaning']) for d in describe()}.items() <= told.items()
    sources = (''.join(c['source']) for c in json.loads(first.read_text())['cells'])
    call = next(source for source in sources if 'named(' in source and 'import' not in source)
    calls = [node for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Call)]
    assert {keyword.arg for node in calls for keyword in node.keywords} == {d['name'] for d in describe()}


def test_parameters_are_checked_before_anything_is_done(tmp_path):
    for given, message in [
        (dict(ordrs=5), "Did you mean 'orders'"), (dict(workers='two'), 'whole number'),
        (dict(orders=0), 'orders is 0'), (dict(nonsense=1), 'no setting'),
    ]:
        with pytest.raises(ShopError, match=message) as e: run(tmp_path / 'out', **given)
        assert e.value.code == 2
    assert not list(tmp_path.iterdir())
    assert set(all_parameters()) == {d['name'] for d in describe()} | {'workers', 'minimal_above'}
    settings, others = check_parameters(dict(seed='9', workers='2'))
    assert settings.seed == 9
    assert others == dict(workers=2, minimal_above=20000)


def test_settings_come_from_file_then_environment_then_arguments(tmp_path, monkeypatch):
    (tmp_path / 'settings.ini').write_text('[shop]\nseed = 11\norders = 50\norder_items = 100\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('SHOP_NB_ORDERS', '60')
    settings, _ = check_parameters(dict(order_items='120'))
    assert (settings.seed, settings.orders, settings.order_items) == (11, 60, 120)


def test_the_check_and_the_notebook_read_the_same_settings(tmp_path, monkeypatch):
    "settings.ini of the current folder, or else of the project."
    (project := tmp_path / 'project').mkdir()
    (here := tmp_path / 'here').mkdir()
    (project / 'settings.ini').write_text('[shop]\nseed = 12\n')
    monkeypatch.setattr(module, 'project_root', lambda: project)
    monkeypatch.chdir(here)
    assert check_parameters({})[0].seed == named().settings.seed == 12
    (here / 'settings.ini').write_text('[shop]\nseed = 13\n')
    assert check_parameters({})[0].seed == named().settings.seed == 13


def test_a_run_makes_the_shop_that_it_checked(short, tmp_path, monkeypatch):
    "A setting that is taken back stays so in the kernel, which sees the same environment."
    monkeypatch.setattr(module, '_pages', lambda folder, told: read_manifest(folder))
    monkeypatch.setenv('SHOP_NB_PROMOTION', 'Toys 20 2025-06-01 2025-06-14')
    told = run(tmp_path / 'shop', **SETTINGS, promotion='')
    logged = json.loads((tmp_path / 'shop/run.log').read_text().splitlines()[0])
    assert told['settings'] == logged['settings'] == Settings(**SETTINGS).as_dict()
    assert (tmp_path / 'shop/notebooks/10_generate.ipynb').exists()


def test_refunds_are_a_share_of_what_was_paid(done):
    shop = Shop.open(done)
    paid = shop.payments.amount_cents[shop.payments.paid_at.notna()].sum()
    card = next(c for c in headline(shop) if c['label'] == 'Refund rate')
    rate = f'{100 * shop.payments.refunded_cents.sum() / paid:.1f}%'
    assert card['value'] == rate == read_manifest(done)['headline']['Refund rate']
    assert paid != shop.sql('select sum(amount_cents) as n from order_totals where is_sale = 1').n[0]
    assert re.search(r'Not final: [\d,]+ orders? can still come back\.$', card['note'])


def test_orders_placed_and_sales_are_two_numbers(done):
    "On the first page as on the dashboard, from the one definition of each."
    shop, cards = Shop.open(done), {c['label']: c['value'] for c in headline(Shop.open(done))}
    sales = shop.orders.status.isin(['paid', 'shipped', 'delivered', 'returned']).sum()
    assert cards['Orders placed'] == f'{len(shop.orders):,}' != cards['Sales'] == f'{sales:,}'
    page = (done / 'index.html').read_text()
    assert all(f'>{label}</span><span class="value">{value}</span>' in page for label, value in cards.items())


def test_a_new_run_takes_the_place_of_the_old_one(done, short, undrawn, tmp_path, capsys):
    shutil.copytree(done, out := tmp_path / 'shop')
    (out / 'old').touch()
    run(out, **SETTINGS | dict(seed=4))
    assert '10_generate' in capsys.readouterr().out
    assert read_manifest(out)['settings']['seed'] == 4
    assert not (out / 'old').exists()
    assert not (out / 'dictionary.html').exists(), 'of a step that this run has not'
    assert [p.name for p in tmp_path.iterdir()] == ['shop']


def test_a_failed_step_is_kept_and_named(tmp_path, monkeypatch, capsys):
    "Exit code 1 and two lines; the old run stays whole, the new one is beside it with the notebook that failed."
    out = tmp_path / 'shop'
    (out / 'tables').mkdir(parents=True)
    write_manifest(out, **identity(Settings()), old=True)
    before = (out / 'manifest.json').read_text()
    cells = 'kept = 1', 'raise ValueError("the roof\\nis on fire")', 'never = 1'
    broken = notebook(tmp_path / '20_broken.ipynb', *cells)
    monkeypatch.setattr(module, 'pipeline', lambda: [pipeline()[0], broken])
    code = main(['run', '--out', str(out), *(w for n, v in SETTINGS.items() for w in ('-p', n, str(v)))])
    err = capsys.readouterr().err.splitlines()
    assert code == 1
    assert len(err) == 2
    assert err[0] == 'Step 20_broken failed: ValueError: the roof.'
    kept = Path(err[1].removeprefix('Its notebook: '))
    assert kept == tmp_path / 'shop.failed/notebooks/20_broken.ipynb'
    assert 'the roof' in kept.read_text()
    assert (out / 'manifest.json').read_text() == before
    assert {'shop_nb', 'version', 'settings', 'tables'} <= set(read_manifest(tmp_path / 'shop.failed'))
    events = [json.loads(line)['event'] for line in (tmp_path / 'shop.failed/run.log').read_text().splitlines()]
    assert events[-2:] == ['step_started', 'step_failed']


def test_a_shop_that_fails_its_checks_stops_the_run(done, tmp_path, monkeypatch):
    "The notebook that checks fails when the data is not as it should be; what failed is in the manifest."
    import papermill
    shutil.copytree(done, copy := tmp_path / 'copy')
    database = (copy / 'tables/payments.parquet')
    import pyarrow.parquet as pq
    pq.write_table(pq.read_table(database).slice(1), database)
    to = copy / 'notebooks/20_validate.ipynb'
    with pytest.raises(papermill.PapermillExecutionError, match='checks failed|check failed'):
        papermill.execute_notebook(pipeline()[1], to, dict(out='..'), cwd=to.parent, progress_bar=False)
    assert not read_manifest(copy)['checks']['ok']


def test_what_is_in_the_way_of_a_run(tmp_path):
    (tmp_path / 'mine').mkdir()
    (tmp_path / 'mine/thesis.txt').write_text('years')
    (tmp_path / 'file').touch()
    for out in 'mine', 'file':
        with pytest.raises(ShopError) as e: run(tmp_path / out)
        assert e.value.code == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ['file', 'mine']


@pytest.mark.parametrize('beside', ['shop.failed', '.shop.old'])
def test_what_is_beside_a_run_and_somebody_elses_is_left_alone(tmp_path, beside):
    (mine := tmp_path / beside).mkdir()
    (mine / 'thesis.txt').write_text('years')
    for made in True, False:
        with pytest.raises(ShopError, match='not of a run') as e:
            with building(tmp_path / 'shop') as folder:
                if made: (folder / 'new').touch()
                else: raise ValueError
        assert e.value.code == 2
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob('*'))] == [beside, f'{beside}/thesis.txt']


def test_what_an_earlier_run_left_beside_makes_room(tmp_path):
    "A step that fails at once leaves a folder that the next run may take."
    for name in 'shop.failed', '.shop.old':
        (tmp_path / name).mkdir()
        write_manifest(tmp_path / name, **identity(Settings()))
    with building(tmp_path / 'shop') as folder: (folder / 'new').touch()
    assert [p.name for p in tmp_path.iterdir()] == ['shop']


def test_a_run_that_failed_in_its_first_step_is_a_run(tmp_path, monkeypatch):
    broken = notebook(tmp_path / '10_broken.ipynb', '1 / 0')
    monkeypatch.setattr(module, 'pipeline', lambda: [broken])
    monkeypatch.setattr(module, 'check_parameters', lambda given: (Settings(), {}))
    for _ in range(2):
        with pytest.raises(ShopError, match='10_broken failed'): run(tmp_path / 'shop')


def kernels(folder):
    "Processes of a run: the kernels that are at work in it, and the step beside."
    found = []
    for p in psutil.process_iter(['cmdline', 'cwd']):
        if str(folder) in (p.info['cwd'] or ''): found.append(p)
    apart = [p for p in psutil.Process().children() if '_apart' in ' '.join(p.cmdline())]
    return found + [p for p in apart if p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize('failing, why', [
    ('20_check', 'Step 20_check failed: ZeroDivisionError'),
    ('50_profile', 'Step 50_profile failed: ZeroDivisionError'),
    ('', 'died'),
])
def test_a_run_ends_with_each_of_its_steps(tmp_path, monkeypatch, failing, why):
    "A step that fails ends the one beside it, which says if it fails itself; no process is left, what there is stays."
    beside = {
        '20_check': 'import time; time.sleep(300)', '50_profile': '1 / 0',
        '': 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)',
    }
    check = '1 / 0' if failing == '20_check' else 'pass'
    source = {'10_make': 'pass', '20_check': check, '50_profile': beside[failing]}
    made = [notebook(tmp_path / f'{name}.ipynb', text) for name, text in source.items()]
    monkeypatch.setattr(module, 'pipeline', lambda: made)
    monkeypatch.setattr(module, 'check_parameters', lambda given: (Settings(), {}))
    begun = time.monotonic()
    with pytest.raises(ShopError, match=why if failing else '50_profile failed'):
        run(tmp_path / 'shop', tell=lambda *_: None)
    assert time.monotonic() - begun < 120
    end = time.monotonic() + 15
    while kernels(tmp_path) and time.monotonic() < end: time.sleep(.2)
    assert not kernels(tmp_path)
    assert (tmp_path / 'shop.failed/run.log').exists()


def test_a_terminal_has_a_bar_for_the_step_beside(tmp_path, capsys):
    "Also for the one that runs in parallel; it counts from its own start."
    made = notebook(tmp_path / '50_profile.ipynb', 'import time; time.sleep(1)')
    (tmp_path / 'notebooks').mkdir()
    with module._aside() as aside:
        aside.start(made, tmp_path, {}, tmp_path)
        aside.begun -= 60
        seconds = module._awaited(aside, dict(desc='5/5 50_profile', ncols=78, bar_format=module._BAR))
    bars = capsys.readouterr().err.split('\r')
    assert seconds > 1
    assert '5/5 50_profile   0%' in bars[1]
    assert '5/5 50_profile 100%' in bars[-1]
    assert ' 01:' in bars[-1]


def test_a_step_beside_whose_process_is_gone_is_told(tmp_path):
    with pytest.raises(ShopError, match='Step 50_profile failed: its process ended'):
        with module._aside() as aside:
            aside.process.kill()
            aside.process.wait()
            aside.start(pipeline()[-1], tmp_path, {}, tmp_path)
            aside.seconds()


def test_two_steps_write_the_manifest_at_the_same_time(tmp_path):
    "Each fact is kept, whoever writes at the same time."
    code = '''import sys
from shop_nb.app.run import write_manifest
for i in range(60): write_manifest(sys.argv[1], **{f"{sys.argv[2]}{i}": i})'''
    writers = [subprocess.Popen([sys.executable, '-c', code, str(tmp_path), name]) for name in 'ab']
    assert [w.wait(120) for w in writers] == [0, 0]
    assert len(read_manifest(tmp_path)) == 120
    assert [p.name for p in tmp_path.iterdir()] == ['manifest.json']


def cells(step):
    path = next(p for p in pipeline() if p.stem == step)
    return [''.join(c['source']) for c in json.loads(path.read_text())['cells'] if c['cell_type'] == 'code']


def test_the_step_that_loads_fails_if_the_database_differs(done, tmp_path, monkeypatch):
    shutil.copytree(done, copy := tmp_path / 'copy')
    source = '\n'.join(cells('30_load')).replace('out: str = ""', f'out = {str(copy)!r}')
    exec(source, {})
    import shop_nb.analytics.questions
    asked = shop_nb.analytics.questions.ask
    monkeypatch.setattr(shop_nb.analytics.questions, 'ask', lambda name, source: asked('revenue_by_category', source))
    with pytest.raises(AssertionError, match='differ'): exec(source, {})


def test_the_ledger_of_the_step_that_checks(done):
    "Every payment counts, also those that failed: the column is not called paid."
    ledger = Shop.open(done).sql(next(c for c in cells('20_validate') if 'order_totals' in c).split("'''")[1])
    assert list(ledger) == ['orders', 'amount_cents', 'due_cents', 'orders_that_differ']
    assert ledger.amount_cents[0] == ledger.due_cents[0] == Shop.open(done).payments.amount_cents.sum()
    assert ledger.orders_that_differ[0] == 0


def test_an_interrupted_run_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with building(tmp_path / 'shop') as folder:
            (folder / 'half').touch()
            raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_each_notebook_runs_alone(tmp_path):
    "By plain papermill, from any folder, with a path as that folder sees it."
    def papermill(name, *args):
        code = 'from shop_nb.core.extras import import_lightly; import_lightly("papermill.__main__").papermill()'
        path = next(p for p in pipeline() if p.stem == name)
        words = [sys.executable, '-c', code, str(path), f'{name}.ipynb', '-p', 'out', 'my/shop', *args]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    counts = 'customers', 'products', 'orders', 'order_items'
    made = papermill('10_generate', *(word for n in counts for word in ('-p', n, str(SETTINGS[n]))))
    assert made.returncode == 0, made.stderr
    assert papermill('30_load').returncode == 0
    parts = {'shop_nb', 'version', 'settings', 'market', 'tables', 'database'}
    assert set(read_manifest(tmp_path / 'my/shop')) == parts
    assert (tmp_path / 'my/shop/shop.db').exists()


@pytest.mark.parametrize('page', [
    'index.html', 'answers.html', 'dictionary.html', 'html/10_generate.html', 'profile/orders.html',
])
@pytest.mark.parametrize('width, scheme', [(360, 'dark'), (1280, 'light')])
def test_pages_in_a_browser(done, browser, page, width, scheme):
    "No sideways scrolling, no error, no other host, and a dark page for those who want one."
    errors, others = [], []
    tab = browser.new_page(viewport=dict(width=width, height=800), color_scheme=scheme)
    tab.on('console', lambda m: m.type == 'error' and errors.append(m.text))
    tab.on('pageerror', lambda e: errors.append(str(e)))
    tab.on('request', lambda r: r.url.startswith(('file:', 'data:')) or others.append(r.url))
    tab.goto((done / page).as_uri())
    assert tab.evaluate('document.documentElement.scrollWidth - innerWidth') <= 0
    light = sum(map(int, re.findall(r'\d+', tab.evaluate('getComputedStyle(document.body).backgroundColor'))[:3])) > 380
    assert (errors, others) == ([], [])
    assert light == (scheme == 'light')
    tab.close()


# ---- ended, without room, and with other kernels about

STARTED = """
import sys
import shop_nb.app.run as module
from shop_nb.app.cli import main
steps = module.pipeline
module.pipeline, module.figure = lambda: {pipeline}, lambda *_: ''
sys.exit(main(['run', '--out', sys.argv[1]]))
"""


def started(out, pipeline, **how):
    words = [sys.executable, '-c', STARTED.format(pipeline=pipeline), out]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


@pytest.mark.parametrize('name, code', [('SIGTERM', 143), ('SIGHUP', 129), ('SIGKILL', -9)])
def test_an_ended_run_ends_its_kernel(tmp_path, name, code):
    "By TERM and HUP nothing is left; by KILL the kernel ends by itself. Over what is left the same run works."
    touch = f'open({str(tmp_path / "begun")!r}, "w").close()'
    wait = notebook(tmp_path / '10_wait.ipynb', touch, 'import time; time.sleep(120)')
    job = started(tmp_path / 'runs' / 'r', f'[__import__("pathlib").Path({str(wait)!r})]')
    until = time.monotonic() + 60
    while not (tmp_path / 'begun').exists() and job.poll() is None and time.monotonic() < until: time.sleep(.1)
    family = psutil.Process(job.pid).children(recursive=True)
    assert family
    job.send_signal(getattr(signal, name))
    _, err = job.communicate(timeout=30)
    assert job.returncode == code
    assert 'Traceback' not in err
    assert not psutil.wait_procs(family, timeout=20)[1], 'a kernel goes on'
    if code > 0:
        assert not list((tmp_path / 'runs').iterdir())
        if not FULL: return # a run in an empty folder is that of other tests
    assert code > 0 or list((tmp_path / 'runs').iterdir()), 'else this shows nothing'
    again = started(tmp_path / 'runs' / 'r', 'steps()[:1]')
    again.communicate(timeout=60)
    assert (tmp_path / 'runs' / 'r' / 'tables').is_dir()


def test_a_run_without_room(tmp_path):
    "Files cannot grow beyond what a small disk would hold: two lines, and the folder that was kept is there."
    def small(): resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
    job = started(tmp_path / 'r', 'steps()[:1]', preexec_fn=small)
    _, err = job.communicate(timeout=60)
    assert job.returncode == 2, err
    assert 1 <= len(err.splitlines()) <= 2, err
    assert 'File too large' in err, err
    assert str(tmp_path / 'r.failed') in err
    assert (tmp_path / 'r.failed').is_dir()
    assert [p.name for p in tmp_path.iterdir()] == ['r.failed']


def test_a_run_takes_its_own_python(tmp_path, bound):
    "Whatever is installed under the name of its kernel, and whether or not there is a home to write to."
    kernel = tmp_path / 'jupyter' / 'kernels' / 'python3'
    kernel.mkdir(parents=True)
    spec = dict(argv=['/bin/false', '{connection_file}'], display_name='another', language='python')
    (kernel / 'kernel.json').write_text(json.dumps(spec))
    (home := tmp_path / 'home').mkdir()
    home.chmod(0o555)
    say = 'import sys; open("../python", "w").write(sys.executable)'
    tell = notebook(tmp_path / '10_tell.ipynb', say, 'import matplotlib.pyplot', '1 / 0')
    env = os.environ | dict(JUPYTER_PATH=str(tmp_path / 'jupyter'), JUPYTER_PREFER_ENV_PATH='0', HOME=str(home))
    code = STARTED.format(pipeline=f'[__import__("pathlib").Path({str(tell)!r})]')
    done = bound([sys.executable, '-c', code, tmp_path / 'r'], env=env)
    home.chmod(0o755)
    assert 'ZeroDivisionError' in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert (tmp_path / 'r.failed' / 'python').read_text() == sys.executable
    assert 'writable' not in (tmp_path / 'r.failed' / 'notebooks' / '10_tell.ipynb').read_text()


@pytest.mark.parametrize('currency,sign', [('USD', '$'), ('INR', '₹'), ('PLN', 'PLN\u00a0')])
def test_a_run_says_the_currency_of_its_shop(tmp_path, undrawn, capsys, currency, sign):
    folder = tmp_path / 'run'
    shop = Shop(customers=120, products=60, orders=240, order_items=600, **{'shop.currency': currency})
    shop.save(folder)
    shop.load(folder / 'shop.db')
    cards = {card['label']: card for card in headline(Shop.open(folder))}
    assert cards['Revenue']['value'].startswith(sign)
    assert cards['Refund rate']['note'].count(sign) == 2
    assert not any('€' in text for card in cards.values() for text in card.values())
    assert f'Amounts are in {currency},' in index_html(Shop.open(folder))
    for source, by in (['--run', str(folder)], ''), (['--db', str(folder / 'shop.db')], '; computed in SQLite itself'):
        assert main(['ask', 'monthly_revenue', *source]) == 0
        said = capsys.readouterr().out
        assert said.rstrip().endswith(f'one row per calendar month; amounts in {currency}{by}')
        assert said.count(currency) == 1
    assert main(['ask', 'monthly_revenue', '--run', str(folder), '--format', 'json']) == 0
    assert json.loads(capsys.readouterr().out)['currency'] == currency


def test_a_run_and_a_database_of_before_are_refused(tmp_path, capsys):
    folder = tmp_path / 'run'
    shop = Shop(customers=120, products=60, orders=240, order_items=600)
    shop.save(folder)
    shop.load(folder / 'shop.db')
    manifest = json.loads((folder / 'manifest.json').read_text())
    (folder / 'manifest.json').write_text(json.dumps({k: v for k, v in manifest.items() if k != 'market'}))
    with closing(sqlite3.connect(folder / 'shop.db')) as con: con.execute('drop table market')
    for source, again in (
        (['--run', str(folder)], 'shop-nb run --out'),
        (['--db', str(folder / 'shop.db')], 'shop-nb load DIR --db'),
    ):
        assert main(['ask', 'monthly_revenue', *source]) == 2
        said = capsys.readouterr().err
        assert 'is of an earlier version' in said
        assert again in said
    with pytest.raises(ShopError, match='shop-nb load DIR --db'): Store(folder / 'shop.db')
