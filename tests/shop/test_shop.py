"One object for people: nothing is made before it is asked for, and what is opened is what was saved."
import ast, json, os, re, subprocess, sys

import pandas as pd
import pytest

from shop_nb import Shop
from shop_nb.model.schema import TABLES
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.shop.shop import BOOKS
from shop_nb.runs.run_folder import MADE, is_run, own_folder, read_manifest, write_manifest

SMALL = dict(customers=60, products=40, orders=120, order_items=300)


@pytest.fixture(scope='module')
def shop(): return Shop(**SMALL)


@pytest.fixture(scope='module')
def saved(shop, tmp_path_factory):
    "A folder with the small shop in it; not to be changed."
    folder = tmp_path_factory.mktemp('saved') / 'run'
    shop.save(folder)
    return folder


def said_by(code):
    return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    heavy = "{'pandas', 'numpy', 'pyarrow', 'duckdb'}"
    assert said_by(f'import sys, shop_nb; print(sorted({heavy} & set(sys.modules)))') == '[]'


TYPED = """
from shop_nb import Shop, twin
from shop_nb.shop.shop import Shop as Same
shop = Shop(orders=4000, seed=7)
reveal_type(shop)  # shop_nb.shop.shop.Shop
reveal_type(Same.open('reports/mine'))  # shop_nb.shop.shop.Shop
reveal_type(shop.ask('monthly_revenue'))  # shop_nb.analytics.questions.Answer
reveal_type(shop.rows())  # dict[str, int]
reveal_type(shop.validate())  # shop_nb.quality.validate.Report
reveal_type(shop.twin(seed=8))  # shop_nb.shop.counterfactual.Twin
shop.customers, shop.products, shop.orders, shop.order_items, shop.payments
shop.sql('select 1'), shop.connection, shop.answers(), shop.profile(), shop.dictionary()
shop.save('reports/mine'), shop.load('shop.db'), shop.truth(), shop.save_truth('truth')
shop.order(25030900000002), shop.customer(1), shop.day('2025-03-09'), shop.block('orders', 0)
twin(seed=8).orders, twin(seed=8).customers, twin(seed=8).categories(), twin(seed=8).changed()
shop.asq('monthly_revenue')  # "Shop" has no attribute "asq"
shop.ask(5)  # incompatible type "int"; expected "str"
"""


def test_a_type_checker_sees_what_a_shop_can_do(root, tmp_path):
    "So py.typed is a promise that holds: what is right is known by its type, and what is wrong is told."
    (tmp_path / 'lines.py').write_text(TYPED)
    command = [sys.executable, '-m', 'mypy', '--ignore-missing-imports', '--follow-imports=silent']
    done = subprocess.run(
        [*command, '--cache-dir', str(root / '.cache/mypy'), 'lines.py'], cwd=tmp_path,
        env=os.environ | dict(MYPYPATH=str(root)), capture_output=True, text=True)
    told = {int(n): words for n, words in re.findall(r'^lines.py:(\d+): \w+: (.*)$', done.stdout, re.M)}
    wanted = {n: line.split('  # ')[1] for n, line in enumerate(TYPED.splitlines(), 1) if '  # ' in line}
    assert set(told) == set(wanted), done.stdout + done.stderr
    for n, words in wanted.items(): assert words in told[n]


def test_the_class_is_whole_wherever_it_comes_from():
    code = '''from shop_nb.shop.shop import Shop
import shop_nb
print(Shop is shop_nb.Shop, {'order', 'truth', 'twin', 'open', 'sql'} <= set(dir(Shop)))'''
    assert said_by(code) == 'True True'


def test_no_method_is_added_from_outside(root):
    "Neither `@patch` nor `setattr` makes a method of `Shop` or `Twin`: an editor would not see it."
    for name in 'shop', 'random_access', 'counterfactual', 'latent_truth':
        tree = ast.parse((root / f'shop_nb/shop/{name}.py').read_text(encoding='utf-8'))
        assert not {'patch', 'setattr'} & {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}, name


def test_nothing_is_made_until_it_is_asked_for():
    big = Shop(orders=10**9, order_items=2 * 10**9, customers=10**8)
    assert 'tables' not in vars(big)
    assert '1,000,000,000 orders' in repr(big)
    assert 'tables' not in vars(big)


def test_settings_by_name_are_settings(shop):
    assert shop.settings == Settings(**SMALL) == Shop(Settings(**SMALL)).settings
    with pytest.raises(ShopError, match="Did you mean 'orders'"): Shop(order=5)
    with pytest.raises(ShopError, match='given twice'): Shop(Settings(), orders=5)


def test_settings_by_name_do_not_hang_on_folder_or_environment(tmp_path, monkeypatch):
    (tmp_path / 'settings.ini').write_text('[shop]\nseed = 99\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('SHOP_NB_ORDERS', '17')
    assert Shop().settings == Settings()


@pytest.mark.parametrize('name', TABLES)
def test_tables_are_frames(shop, name):
    frame = getattr(shop, name)
    assert isinstance(frame, pd.DataFrame)
    assert frame is getattr(shop, name)
    assert len(frame) == shop.settings.counts[name] == shop.tables[name].num_rows


def test_dates_are_dates(shop):
    assert pd.api.types.is_datetime64_any_dtype(shop.products.launched_on)
    assert pd.api.types.is_datetime64_any_dtype(shop.orders.ordered_at)


def test_a_changed_frame_changes_no_answer():
    shop = Shop(**SMALL)
    shop.orders['status'] = 'cancelled'
    assert shop.sql('select count(distinct status) as n from orders').n[0] > 1


def test_it_shows_itself_the_same_way_each_time(shop, saved):
    assert repr(shop) == repr(Shop(**SMALL)) == repr(Shop.open(saved))
    assert shop._repr_html_() == Shop.open(saved)._repr_html_()


def test_what_is_opened_is_what_was_saved(shop, saved):
    opened = Shop.open(saved)
    assert opened.settings == shop.settings
    for name in TABLES: assert opened.tables[name].equals(shop.tables[name])
    assert opened.ask('order_status').frame.equals(shop.ask('order_status').frame)
    assert opened.validate().ok


def test_csv_is_the_same_shop(shop, tmp_path):
    told = shop.save(tmp_path / 'csv', format='csv')
    opened = Shop.open(tmp_path / 'csv')
    assert told['tables'] == read_manifest(tmp_path / 'csv')['tables']
    for name in TABLES: assert opened.tables[name].equals(shop.tables[name])
    assert opened.ask('order_status').frame.equals(shop.ask('order_status').frame)


def test_a_manifest_names_the_shop_and_nothing_else(shop, saved, tmp_path):
    shop.save(tmp_path / 'again')
    assert (tmp_path / 'again/manifest.json').read_bytes() == (saved / 'manifest.json').read_bytes()
    told = json.loads((saved / 'manifest.json').read_text())
    assert set(told) == {'shop_nb', 'version', 'settings', 'market', 'tables'}


def test_saving_over_a_run_takes_what_speaks_of_the_old_tables(shop, tmp_path):
    shop.save(tmp_path / 'run')
    for name in MADE + BOOKS: (tmp_path / 'run' / name).touch()
    Shop(**SMALL, seed=8).save(tmp_path / 'run')
    assert sorted(p.name for p in (tmp_path / 'run').iterdir()) == ['manifest.json', 'tables']
    assert Shop.open(tmp_path / 'run').settings.seed == 8


def test_a_folder_of_somebody_else_is_left_alone(shop, tmp_path):
    (tmp_path / 'thesis.txt').write_text('years of work')
    with pytest.raises(ShopError, match='not of a run') as e: shop.save(tmp_path)
    assert e.value.code == 2
    assert [p.name for p in tmp_path.iterdir()] == ['thesis.txt']
    with pytest.raises(ShopError, match='is a file'): shop.save(tmp_path / 'thesis.txt')


@pytest.mark.parametrize('text', [
    '{"name": "My web app", "version": 3, "settings": {}, "tables": []}', '{}', '[]', '{', '\x00',
    '{"settings": {"seed": 7}}',
])
def test_a_manifest_of_somebody_else_makes_no_run(shop, tmp_path, text):
    (tmp_path / 'manifest.json').write_text(text)
    (tmp_path / 'index.html').write_text('mine')
    with pytest.raises(ShopError, match='not of a run') as e: shop.save(tmp_path)
    assert e.value.code == 2
    assert not is_run(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['index.html', 'manifest.json']
    assert (tmp_path / 'index.html').read_text() == 'mine'


def test_a_folder_without_a_name(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ShopError, match='empty') as e: shop.save('')
    assert e.value.code == 2
    assert not list(tmp_path.iterdir())
    assert own_folder('.') == own_folder(tmp_path.relative_to(tmp_path))


def test_a_link_to_nothing_is_no_folder(shop, tmp_path):
    (tmp_path / 'run').symlink_to(tmp_path / 'gone')
    said = f'run is a link to {tmp_path}/gone, which does not exist'
    with pytest.raises(ShopError, match=said) as e: shop.save(tmp_path / 'run')
    assert e.value.code == 2
    assert [p.name for p in tmp_path.iterdir()] == ['run']
    (tmp_path / 'gone').mkdir()
    shop.save(tmp_path / 'run')
    assert is_run(tmp_path / 'gone')


def test_a_notebook_of_a_run_that_saves_into_it_stays(shop, tmp_path, monkeypatch):
    "As the first step of a run does: by its own path, from within notebooks/."
    shop.save(tmp_path)
    for name in 'html', 'notebooks': (tmp_path / name).mkdir()
    (tmp_path / 'notebooks/10_generate.ipynb').touch()
    (tmp_path / 'run.log').touch()
    monkeypatch.chdir(tmp_path / 'notebooks')
    shop.save('..')
    assert sorted(p.name for p in tmp_path.iterdir()) == ['manifest.json', 'notebooks', 'run.log', 'tables']
    assert (tmp_path / 'notebooks/10_generate.ipynb').exists()


@pytest.mark.parametrize('until', ['2025-05-31', '2025-12-31', '2026-06-30'])
def test_rows_are_foreseen_up_to_until(until):
    shop = Shop(**SMALL, until=until)
    text, rows = repr(shop), shop.rows()
    assert 'tables' not in vars(shop)
    assert shop._repr_html_().count('about') == text.count('about') == (until != '2025-12-31')
    made = {name: t.num_rows for name, t in shop.tables.items()}
    assert shop.rows() == made
    assert 'about' not in repr(shop)
    assert made | dict(order_items=0) == rows | dict(order_items=0)
    assert abs(made['order_items'] / rows['order_items'] - 1) < .2
    if until == '2025-12-31': assert made == rows == shop.settings.counts


def test_what_needs_a_folder_or_settings(shop, saved, tmp_path):
    for method in shop.answers, shop.profile:
        with pytest.raises(ShopError, match='Where should') as e: method()
        assert e.value.code == 2
    unknown = Shop.open(saved / 'tables')
    with pytest.raises(ShopError, match='settings of this shop are not known') as e: unknown.save(tmp_path / 'new')
    assert e.value.code == 2
    assert not (tmp_path / 'new').exists()


@pytest.mark.parametrize('settings', [None, 5, [1], {'path': 'x'}, {'sed': 7}, {'seed': 'x'}])
def test_a_manifest_whose_settings_name_no_shop(shop, tmp_path, settings):
    shop.save(tmp_path)
    write_manifest(tmp_path, settings=settings)
    with pytest.raises(ShopError) as e: Shop.open(tmp_path)
    assert e.value.code == 2


def test_a_failed_save_leaves_nothing(shop, tmp_path):
    with pytest.raises(ShopError): shop.save(tmp_path / 'new', format='xml')
    assert not (tmp_path / 'new').exists()


def test_a_folder_of_tables_without_manifest(shop, saved):
    opened = Shop.open(saved / 'tables')
    assert opened.settings is None
    assert len(opened.orders) == 120
    assert 'settings unknown' in repr(opened)
    assert 'A shop' in opened._repr_html_()


def test_what_cannot_be_opened(tmp_path):
    for folder in tmp_path, tmp_path / 'none':
        with pytest.raises(ShopError) as e: Shop.open(folder)
        assert e.value.code == 2
    for text in '{', '[]':
        (tmp_path / 'manifest.json').write_text(text)
        with pytest.raises(ShopError, match='cannot be read') as e: read_manifest(tmp_path)
        assert e.value.code == 2


@pytest.mark.parametrize('query, told', [
    ('select *\nfrom ordrs', [
        'Table with name ordrs does not exist!\nDid you mean "orders"?\n', 'The tables are customers, ', 'sales_lines',
    ]),
    ('select stat from orders', ['Candidate bindings: "status"', 'orders has order_id, customer_id, ordered_at']),
    ('select 1\nfrom orders as o\njoin payments as p on o.id = p.id',
     ['orders has order_id', 'payments has payment_id']),
    ('select status\nfrm orders where', ['LINE 2: frm orders where\n            ^']),
    ("select status\nfrom orders\nwhere cast(status as int) = 1",
     ['LINE 3: where cast(status as int) = 1\n              ^^^^']),
    ('select coun(*) from orders', ['Did you mean "count"?']),
])
def test_wrong_sql_is_told_as_duckdb_tells_it(shop, query, told):
    "With what it suggests, the line and the place in it, and the names that help."
    with pytest.raises(ShopError) as e: shop.sql(query)
    text = str(e.value)
    assert e.value.code == 2
    for words in told: assert words in text
    assert not any(glued in text for glued in ('!.', '?.', '..'))


def test_a_misspelt_question_gets_the_nearest(shop):
    with pytest.raises(ShopError, match="Did you mean 'monthly_revenue'?"): shop.ask('monthly_revenu')


def test_a_category_that_is_not_there_is_told():
    for setting in 'promotion', 'price_change':
        with pytest.raises(ShopError) as e: Shop(**{setting: 'Toy 30 2025-11-03'})
        assert str(e.value).startswith("There is no category 'Toy'.\nDid you mean 'Toys'? There are Books, ")
        assert e.value.code == 2


def test_sums_of_cents_are_whole(shop):
    assert shop.sql('select sum(amount_cents) as n from payments').n.dtype == 'int64'


def test_load(shop, tmp_path):
    facts = shop.load(tmp_path / 'shop.db')
    assert facts['rows'] == shop.settings.counts
    with pytest.raises(ShopError, match='Where'): shop.load()


@pytest.fixture(scope='module', params=['in memory', 'a run', 'CSV'])
def kept(request, tmp_path_factory):
    "The same shop, wherever it is kept; folders may be called anything."
    s = Shop(**SMALL)
    if request.param == 'in memory': return s
    folder = tmp_path_factory.mktemp('kept') / "p[1]'b*{x,y}"
    s.save(folder, format='csv' if request.param == 'CSV' else 'parquet')
    return Shop.open(folder)


@pytest.mark.parametrize('statement', [
    "copy orders to 'x.csv'", "attach 'x.db'", "export database 'x'", "import database 'x'", 'install httpfs',
    'load httpfs', 'set threads = 1', 'set variable ran_from = null', 'reset threads', 'pragma version',
    'call pragma_version()', 'checkpoint', 'drop view orders', 'drop view order_totals', 'create table t as select 1',
    'create or replace view orders as select 1', 'create macro m(x) as x', 'insert into orders select * from orders',
    'delete from orders', 'update orders set channel = null', 'alter table orders rename to o', 'begin',
    'commit; drop view orders', 'select 1; drop view orders', 'use memory', 'prepare p as select 1', "execute p",
    "detach memory", 'with t as (delete from orders returning *) select * from t', 'explain analyze delete from orders',
    "select * from query('drop view orders')"])
def test_a_query_changes_nothing(kept, statement, tmp_path, monkeypatch):
    "A pasted query, or one of a lesson, leaves the shop and the folder as they were."
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ShopError) as e: kept.sql(statement)
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) <= 2
    assert not list(tmp_path.iterdir())
    assert kept.sql('select count(*) as n from order_totals').n[0] == len(kept.orders)
    assert kept.ask('monthly_revenue').params['start'] is not None


@pytest.mark.parametrize('query', [
    "from read_csv('{0}/x.csv')", "from read_text('{0}/x.csv')", "from '{0}/x.csv'",
    "from read_parquet('{0}/x.parquet')", "from glob('{0}/*')", "from sniff_csv('{0}/x.csv')",
    "from 'http://localhost:1/x.parquet'", "from 's3://a/x.parquet'", "from read_json('{0}/x.csv')",
])
def test_a_query_reads_no_other_file(kept, query, tmp_path):
    (tmp_path / 'x.csv').write_text('secret\n1\n')
    pd.DataFrame(dict(secret=[1])).to_parquet(tmp_path / 'x.parquet')
    with pytest.raises(ShopError) as e: kept.sql(query.format(tmp_path))
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) == 2
    assert 'secret' not in str(e.value)


def test_files_stay_closed_to_the_connection_too(kept, tmp_path):
    "Its owner may have tables and macros there; nothing that is said to it opens a file or the network again."
    import duckdb
    con = kept.connection
    con.execute('create or replace temp macro twice(x) as 2 * x')
    assert kept.sql('select twice(21) as n').n[0] == 42
    for statement in (
        f"copy orders to '{tmp_path}/x.csv'", f"attach '{tmp_path}/x.db'", 'set enable_external_access = true',
        'set lock_configuration = false', 'install httpfs', 'load httpfs',
    ):
        with pytest.raises(duckdb.Error): con.execute(statement)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('query, rows', [
    ('pivot orders on channel using count(*) group by status', None), ('summarize orders', None),
    ('describe orders', None), ('show tables', None), ('explain select 1', 1), ('values (1), (2)', 2),
    ('from orders limit 3', 3),
    ('with recursive t(i) as (select 1 union all select i + 1 from t where i < 4) from t', 4),
])
def test_all_that_reads_is_a_query(kept, query, rows):
    answer = kept.sql(query)
    assert len(answer) == rows if rows else len(answer)


def test_queries_in_threads_do_not_meet(kept):
    from concurrent.futures import ThreadPoolExecutor
    def count(i): return kept.sql(f'select count(*) + {i} as n from order_totals').n[0]
    with ThreadPoolExecutor(4) as pool: found = list(pool.map(count, range(40)))
    assert found == [len(kept.orders) + i for i in range(40)]


def test_links_in_a_run_are_not_written_through(tmp_path, undrawn):
    "What a link in a run's folder leads to is somebody else's."
    shop = Shop(customers=60, products=40, orders=120, order_items=300)
    shop.save(tmp_path / 'run')
    (tmp_path / 'mine').mkdir()
    for name in 'analysis.sql', 'answers.html', 'dictionary.html', f'.manifest.json.{os.getpid()}.new':
        (tmp_path / 'mine' / name).write_text('mine')
        (tmp_path / 'run' / name).symlink_to(tmp_path / 'mine' / name)
    (tmp_path / 'mine' / 'folder').mkdir()
    for name in 'answers', 'profile': (tmp_path / 'run' / name).symlink_to(tmp_path / 'mine' / 'folder')
    made = Shop.open(tmp_path / 'run')
    made.answers()
    made.profile(minimal_above=0)
    assert not (tmp_path / 'run' / 'answers').is_symlink()
    assert (tmp_path / 'run' / 'answers' / 'monthly_revenue.csv').is_file()
    assert (tmp_path / 'run' / 'profile' / 'orders.html').is_file()
    assert not (tmp_path / 'run' / 'answers.html').is_symlink()
    (tmp_path / 'run' / 'html').symlink_to(tmp_path / 'mine' / 'folder')
    shop.save(tmp_path / 'run')
    assert sorted(p.name for p in (tmp_path / 'run').iterdir()) == ['manifest.json', 'tables']
    assert not list((tmp_path / 'mine' / 'folder').iterdir())
    assert {p.read_text() for p in (tmp_path / 'mine').iterdir() if p.is_file()} == {'mine'}


def test_a_sum_that_no_integer_holds_is_a_number(shop):
    assert shop.sql('select sum(order_id::hugeint * order_id * 10000) as n from orders').n[0] > 1e30


def test_a_query_is_one_statement(shop):
    "All statements but the last would run without any limit."
    with pytest.raises(ShopError, match='one statement, and this has 2'): shop.sql('select 1; select 2')


@pytest.mark.parametrize('end', [';', ' ;\n', '; -- done', ';\n/* done */\n'])
def test_what_follows_a_semicolon_does_not_matter(shop, end):
    assert shop.sql(f"select 'é;' as one{end}").one.tolist() == ['é;']
