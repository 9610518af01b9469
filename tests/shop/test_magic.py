"`%load_ext shop_nb`: SQL in a cell of its own, in a real IPython and a real kernel."
import subprocess, sys

import pandas as pd, pytest

from shop_nb import Shop, ShopError
from shop_nb.shop.magic import (
    OPTIONS,
    Query,
    complete_line,
    complete_sql,
    find_shop,
    guess_chart,
    match,
    query,
    relations,
)

SMALL = dict(customers=200, products=60, orders=400, order_items=1000)


@pytest.fixture(scope='module')
def shop(): return Shop(**SMALL)


@pytest.fixture
def shell(shop, capsys):
    "An IPython with a shop in it and the magic loaded."
    from IPython.core.interactiveshell import InteractiveShell
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.user_ns['shop'] = shop
    shell.run_line_magic('load_ext', 'shop_nb')
    yield shell
    InteractiveShell.clear_instance()


def run(shell, code):
    "What a cell gives; and what it printed is for capsys."
    return shell.run_cell(code)


def test_sql_in_a_cell(shell, shop):
    answer = run(
        shell, '%%ask\n-- Sales\nselect is_sale, count(*) as n from order_totals group by all order by all'
    ).result
    assert isinstance(answer, Query)
    assert answer.title == 'Sales'
    assert answer.frame.equals(shop.sql('select is_sale, count(*) as n from order_totals group by all order by all'))
    assert '<table>' in answer._repr_html_()
    assert 'Sales' in repr(answer)


def test_a_question_by_its_name(shell, shop):
    answer = run(shell, 'a = %ask top_customers country=AT limit=3\na').result
    assert answer.frame.equals(shop.ask('top_customers', country='AT', limit=3).frame)
    assert 'monthly_revenue' in run(shell, '%ask').result.index


def test_a_chart_where_it_makes_sense(shell, capsys):
    run(shell, '%ask monthly_revenue')
    assert 'Figure' in capsys.readouterr().out
    run(shell, '%ask monthly_revenue --no-chart')
    assert 'Figure' not in capsys.readouterr().out
    run(shell, '%%ask\nselect * from orders')
    assert 'Figure' not in capsys.readouterr().out


def test_to_keeps_the_frame_and_quiet_shows_nothing(shell, capsys):
    assert run(shell, '%%ask --to dear --quiet\nselect max(price_cents) as cents from products').result is None
    assert shell.user_ns['dear'].cents.iat[0] == shell.user_ns['shop'].products.price_cents.max()
    assert capsys.readouterr().out == ''


def test_a_semicolon_is_the_end_of_a_query(shell):
    answer = run(shell, '%%ask\nselect 42 as n; \n').result
    assert answer.frame.n.tolist() == [42]


@pytest.mark.parametrize(
    'code', ['%ask\nselect 1', '\n%ask --to x\n-- a title\nwith t as (select 1) select * from t', '%ask\nfrom orders']
)
def test_sql_beneath_the_line_form_is_told_in_words(shell, capsys, code):
    assert not run(shell, code).success
    out, err = capsys.readouterr()
    assert 'two per cent signs' in out + err
    assert 'SyntaxError' not in out + err


def test_python_beneath_the_line_form_stays_python(shell):
    assert run(shell, '%ask\nfrom math import pi\npi').result > 3


def test_an_interrupted_query_is_told_without_a_traceback(shell, shop, monkeypatch, capsys):
    def interrupted(query): raise KeyboardInterrupt
    monkeypatch.setattr(shop, 'sql', interrupted, raising=False)
    assert not run(shell, '%%ask\nselect 1').success
    out, err = capsys.readouterr()
    assert 'The query was interrupted.' in out + err
    assert 'Traceback' not in out + err


@pytest.mark.parametrize(
    'code,says',
    [
        ('%%ask\nselect * from order', 'DuckDB: Parser Error'),
        ('%%ask\nselect no_such from orders', 'no_such'),
        ('%ask monthly_revenu', "Did you mean 'monthly_revenue'"),
        ('%ask top_customers AT', 'NAME=VALUE'),
        ('%ask top_customers limit=many', 'limit'),
        ('%%ask monthly_revenue\nselect 1', 'is not an option'),
        ('%%ask --shop paris\nselect 1', 'no shop called paris'),
        ('%%ask --run no/such\nselect 1', 'no folder no/such'),
        ('%ask --colour red', 'unrecognized arguments'),
    ],
)
def test_an_error_is_two_lines(shell, capsys, code, says):
    done = run(shell, code)
    out = capsys.readouterr()
    assert not done.success
    assert says in out.out + out.err
    assert 'Traceback' not in out.out + out.err
    assert len((out.out + out.err).strip().splitlines()) <= 4


def test_which_shop_is_meant(shop, tmp_path):
    other = Shop(seed=8, **SMALL)
    assert find_shop(dict(berlin=shop, x=1)) is shop
    assert find_shop(dict(berlin=shop, _=shop)) is shop
    assert find_shop(dict(berlin=shop, also=shop)) is shop
    assert find_shop(dict(shop=shop, paris=other)) is shop
    assert find_shop(dict(berlin=shop, paris=other), 'paris') is other
    shop.save(tmp_path / 'run')
    assert find_shop({}, run=tmp_path / 'run').orders.equals(shop.orders)
    for names in ({}, dict(n=1), dict(berlin=shop, paris=other)):
        with pytest.raises(ShopError): find_shop(names)


def test_an_error_when_there_is_no_shop(shell, capsys):
    del shell.user_ns['shop']
    run(shell, '%%ask\nselect 1')
    out = capsys.readouterr()
    assert 'shop = Shop()' in out.out + out.err


@pytest.mark.parametrize(
    'sql',
    [
        "select 1 as a, 2 as a",
        "select * from orders where false",
        "select [1, 2] as l, {'a': 1} as s",
        'select null as n',
        'select ordered_at, order_id from orders',
        "select 'a' as k, null as v union all select 'b', null",
        'select 1.5 as x, 0.12 as some_share',
        "select current_date as d, 1 as n",
        "select '<b>' as \"<i>\", 1 as n union all select '&', 2",
        "select date '2025-01-01' as month, 5 as n union all select date '2025-02-01', 6",
    ],
)
def test_every_answer_can_be_shown(shop, sql):
    answer = query(sql, shop)
    assert repr(answer)
    assert '<b>' not in answer._repr_html_().replace('<b>Answer</b>', '')
    assert '<i>' not in answer._repr_html_()
    if answer.question.chart: answer.plot()


def test_times_keep_their_hours_and_numbers_their_digits(shop):
    answer = query('select ordered_at, 1 / 3 as third from orders order by order_id limit 1', shop)
    assert f'{shop.orders.ordered_at.iat[0]:%H:%M:%S}' in repr(answer)
    assert '0.3333' in repr(answer)
    assert '0.33333' not in repr(answer)
    assert answer.frame.third.iat[0] == 1 / 3


def test_guessed_charts():
    days = pd.DataFrame(dict(day=pd.date_range('2025-01-01', periods=40), orders=range(40)))
    assert guess_chart(days)['kind'] == 'line'
    assert guess_chart(days.head(5).rename(columns=dict(day='month')))['kind'] == 'bar'
    assert guess_chart(pd.DataFrame(dict(k=list('abc'), n=[1, 2, 3]))) == dict(kind='hbar', x='n', y='k')
    for none in (
        days.head(1),
        days[['day']],
        pd.DataFrame(),
        pd.DataFrame(dict(k=list('aab'), n=[1, 2, 3])),
        pd.DataFrame(dict(k=list('ab'), order_id=[1, 2])),
        pd.DataFrame(dict(k=list('ab'), n=[-1, 2])),
    ):
        assert guess_chart(none) == {}


def test_completion_knows_tables_and_columns(shop):
    assert {'customers', 'order_totals', 'buyers'} <= set(relations())
    for name, columns in relations().items(): assert list(shop.sql(f'select * from {name} limit 0').columns) == columns
    assert complete_sql('', 'select * from order_t')[1] == [('order_totals', 'table')]
    assert ('revenue_cents', 'column') in complete_sql('select  from order_totals', 'select ')[1]
    assert ('country', 'column') not in complete_sql('select  from order_totals', 'select ')[1]
    assert complete_sql('select c.co from customers as c', 'select c.co')[1] == [('country', 'column')]
    assert complete_sql('select x.co from customers as c', 'select x.co')[1] == []
    assert dict(complete_line('--')[1]) == {o: 'option' for o in OPTIONS}
    assert complete_line('', sql=True)[1] == complete_line('--')[1]
    assert complete_line('--run rep') == ('rep', [])
    assert match('print(1)\nx = %ask monthly', 1, 16)[1] == [('monthly_revenue', 'question')]
    assert match('x = 5', 0, 5) is None
    assert match('', 0, 0) is None
    assert match('%%ask', 0, 5) is None


def test_completion_speaks_alone_and_can_be_unloaded(shell):
    def names(code): return {c.text for c in shell.Completer.completions(code, len(code))}

    from IPython.core.completer import provisionalcompleter

    with provisionalcompleter():
        assert names('%%ask\nselect * from pay') == {'payments'}
        assert names('%%ask\nselect o.stat') == set()
        assert names('%ask monthly') == {'monthly_revenue'}
        assert 'print' in names('pri')
        shell.run_line_magic('load_ext', 'shop_nb')
        shell.run_line_magic('reload_ext', 'shop_nb')
        assert sum(getattr(m, 'matcher_identifier', '') == 'shop_nb' for m in shell.Completer.custom_matchers) == 1
        shell.run_line_magic('unload_ext', 'shop_nb')
        assert 'payments' not in names('%%ask\nselect * from pay')
    assert not shell.run_cell('%ask monthly_revenue').success


def test_a_kernel_answers_and_completes():
    "As JupyterLab does it: over the wire."
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name='python3')
    try:
        shown = []
        code = f'%load_ext shop_nb\nfrom shop_nb import Shop\nshop = Shop(**{SMALL})'
        assert client.execute_interactive(code, timeout=60, output_hook=shown.append)['content']['status'] == 'ok'
        client.execute_interactive(
            '%%ask\nselect channel, count(*) as n from orders group by all', timeout=60, output_hook=shown.append
        )
        kinds = [set(m['content']['data']) for m in shown if 'data' in m['content']]
        assert {'image/png', 'text/plain'} in kinds
        assert {'text/html', 'text/plain'} in kinds
        code = '%%ask\nselect o.stat from orders o'
        told = client.complete(code, len('%%ask\nselect o.stat'), reply=True, timeout=60)['content']
        assert told['matches'] == ['status']
        assert code[told['cursor_start'] : told['cursor_end']] == 'stat'
        code = '%%ask\nselect * from '
        assert 'order_items' in client.complete(code, len(code), reply=True, timeout=60)['content']['matches']
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_importing_shop_nb_still_loads_nothing():
    code = '''import sys, shop_nb
assert callable(shop_nb.load_ipython_extension)
print([m for m in ('pandas', 'numpy', 'IPython', 'duckdb', 'shop_nb.shop.magic') if m in sys.modules])'''
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout == '[]\n'
