"Pages that show data: whatever a name says, it is shown as it is, and a page runs no script but its own."
import re, warnings

import pyarrow as pa, pyarrow.parquet as pq
import pytest
from nbformat import v4

from shop_nb import Shop
from shop_nb.analytics.questions import questions
from shop_nb.reporting.charts import both, label, png, recoloured, svg
from shop_nb.reporting.pages import notebook_page, policy
from shop_nb.reporting.profile import profile
from shop_nb.shop.run_folder import identity, write_manifest
from shop_nb.app.run import index_html
from shop_nb.model.schema import TABLES

SMALL = dict(customers=120, products=60, orders=240, order_items=600)
HOSTILE = [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(2)>',
    '<svg onload=alert(3)>',
    '"<metadata>',
    "</metadata>'><img src=x onerror=alert(4)>",
    "' onmouseover=alert(5) x='",
    '" autofocus onfocus=alert(6) x="',
    '</script><script>alert(7)</script>',
    'javascript:alert(8)',
    '{{7*7}}',
    '${7*7}',
    '$5{ b$',
    'A $5{ b$',
    'W' * 190,
    '\u202egnp.evil',
    'a\u200bb',
    '😀👩‍👩‍👧',
    "=cmd|'/C calc'!A0",
    '_hidden',
    '#0072b2',
    'svg x',
    'pp_var_1',
    'two\nlines',
    '\x1b[2J',
    'مرحبا',
    '<!-- x --> -->',
    '</title><img src=x onerror=alert(9)>',
    '<base href=//evil.example>',
    '&lt;b&gt;',
    ' ',
    r'\$x\$',
    '%s%n',
    '</style><img src=x>',
]


def hostile(tables):
    "The tables, with hostile texts in each column of text but the status, without which nothing would be a sale."

    def column(values, at, unique):
        return pa.array([HOSTILE[(i + at) % len(HOSTILE)] + f' {i}' * unique for i in range(len(values))], values.type)

    out = {}
    for name, table in tables.items():
        for i, f in enumerate(table.schema):
            if pa.types.is_string(f.type) and f.name != 'status':
                table = table.set_column(i, f, column(table[f.name], i, f.name in ('email', 'sku')))
        out[name] = table
    return out


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    "What a run shows of hostile data: every page of it, but for the notebooks' own steps."
    folder = tmp_path_factory.mktemp('hostile') / "<b>x&'y"
    shop = Shop(**SMALL)
    told = shop.save(folder)
    for name, table in hostile(shop.tables).items(): pq.write_table(table, folder / f'tables/{name}.parquet')
    bad = dict(zip(HOSTILE, HOSTILE))
    tables = {n: t | dict(digest=HOSTILE[i]) for i, (n, t) in enumerate(told['tables'].items())}
    write_manifest(
        folder, **identity(shop.settings) | dict(shop_nb=HOSTILE[1]), tables=tables, packages=bad, answers=bad,
        headline=bad, run=HOSTILE[0], checks=dict(ok=True, checks=dict.fromkeys(HOSTILE, 1), summary=HOSTILE[1])
    )
    opened = Shop.open(folder)
    opened.answers()
    opened.profile(minimal_above=0)
    for name in 'customers', 'products':
        profile(opened.tables[name], name, folder / f'profile/{name}.html', home='../index.html')
    frames = [
        v4.new_output('execute_result', {'text/html': x._repr_html_(), 'text/plain': repr(x)})
        for x in (opened.customers.head(40), opened, opened.ask('top_products'))
    ]
    texts = [
        v4.new_output('stream', text='\n'.join(HOSTILE)),
        v4.new_output('error', ename=HOSTILE[1], evalue=HOSTILE[0], traceback=HOSTILE),
    ]
    cells = [v4.new_markdown_cell('# A step'), v4.new_code_cell('\n'.join(HOSTILE), outputs=[*frames, *texts])]
    (folder / 'notebooks').mkdir(), (folder / 'html').mkdir()
    (folder / 'notebooks/10_step.ipynb').write_text(v4.writes(v4.new_notebook(cells=cells)))
    (folder / 'html/10_step.html').write_text(
        notebook_page(folder / 'notebooks/10_step.ipynb', home='../index.html'), encoding='utf-8'
    )
    (folder / 'index.html').write_text(index_html(opened), encoding='utf-8')
    return folder


# what of the data would be there as an element, or as an attribute that acts
TAKEN = '''() => [...document.querySelectorAll('*')].filter(e => e.matches('img[src="x"], base, iframe, object, form, [autofocus], svg[onload], a[href^="javascript" i]')
    || [...e.attributes].some(a => a.name.startsWith('on'))).map(e => e.outerHTML.slice(0, 200))'''


@pytest.mark.slow
def test_hostile_data_is_only_shown(run, browser):
    wrong = []
    pages = sorted(run.rglob('*.html'))
    assert len(pages) == 4 + len(TABLES)
    for path in pages:
        tab = browser.new_page(viewport=dict(width=1200, height=800))
        tab.on('dialog', lambda d: (wrong.append(('dialog', path.name, d.message)), d.dismiss()))
        tab.on('console', lambda m: wrong.append((path.name, m.text)))
        tab.on('pageerror', lambda e: wrong.append((path.name, str(e))))
        tab.on('request', lambda r: r.url.startswith(('file:', 'data:')) or wrong.append((path.name, r.url)))
        tab.goto(path.as_uri())
        wrong += [(path.name, e) for e in tab.evaluate(TAKEN)]
        text = path.read_text(encoding='utf-8')
        assert re.search('<head>\\s*<meta http-equiv="?Content-Security-Policy', text)
        assert "'unsafe-eval'" not in text.split('</head>')[0]
        assert tab.locator('script').count() == (3 if path.parent.name == 'profile' else 0), path.name
        tab.close()
    assert not wrong


@pytest.mark.slow
def test_a_profile_folds_and_turns_over(run, browser):
    "The profiler's own scripts are at work, in light and dark, and a script of somebody else is not."
    tab = browser.new_page(color_scheme='dark')
    tab.goto((run / 'profile/customers.html').as_uri())
    assert tab.evaluate('document.documentElement.dataset.bsTheme') == 'dark'
    hidden = tab.locator('#bottom-v1')
    assert not hidden.is_visible()
    tab.locator('[data-bs-target^="#bottom-v1,"]').click()
    hidden.locator('.tab-pane.active').first.wait_for()
    tab.locator('#bottom-v1 button.nav-link').nth(1).click()
    tab.wait_for_selector('#bottom-v1 .tab-pane:nth-child(2).active.show')
    tab.select_option('select#variables-dropdown', 'email')
    assert [v.get_attribute('id') for v in tab.locator('.variable').all() if v.is_visible()] == ['pp_var_v3']
    tab.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s) }"
    )
    assert tab.evaluate('window.ran') is None
    tab.close()


def test_a_column_of_one_value_is_escaped(tmp_path):
    "It is the one value that the profiler puts on its page as it is."
    products = Shop(**SMALL).tables['products']
    same = pa.array(['<img src=x onerror=alert(1)>'] * len(products))
    profile(
        products.set_column(products.schema.get_field_index('brand'), 'brand', same), 'products', tmp_path / 'p.html'
    )
    text = (tmp_path / 'p.html').read_text(encoding='utf-8')
    assert 'has constant value "&lt;img' in text


@pytest.mark.slow
def test_every_chart_draws_every_name():
    "As SVG and PNG, without a warning; names are not formulas, and what is too long is cut."
    shop = Shop(**SMALL)
    shop.__dict__['tables'] = hostile(shop.tables)
    names = [v for v in HOSTILE if v.strip()]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for name in questions():
            answer = shop.ask(name)
            words = [
                c
                for c in answer.frame
                if c not in answer.question.chart.get('y', ()) and answer.frame[c].dtype == object
            ]
            for c in words:
                answer.frame[c] = [names[i % len(names)] + ' ' * (i // len(names)) for i in range(len(answer.frame))]
            fig = answer.plot()
            text = svg(fig)
            assert '<img' not in text, name
            assert '<script' not in text, name
            assert 'W' * 60 not in text, name
            assert png(fig)[1:4] == b'PNG', name
    drawn = svg(shop.ask('top_customers').plot())
    assert sum(label(n) in drawn.replace('&lt;', '<').replace('&gt;', '>') for n in names) > 8


def test_labels():
    assert [label(v) for v in ('credit_card', 'Credit_Card', '_x', 'a\nb\tc', '\x00', '\u202ea', '', ' ', None)] == [
        'credit card',
        'Credit_Card',
        '_x',
        'a b c',
        '\ufffd',
        '\ufffda',
        '(empty)',
        '(empty)',
        'None',
    ]
    assert label('i' * 45) == 'i' * 45
    assert len(label('i' * 46)) < 46
    assert label('i' * 46).endswith('…')
    assert len(label('W' * 190, 20)) < 16


def test_a_name_that_is_a_colour_keeps_its_letters():
    drawn = '<text style="fill: #0072b2">#0072b2</text><!-- #0072b2 -->'
    assert recoloured(drawn) == '<text style="fill: light-dark(#0072b2, #56b4e9)">#0072b2</text><!-- #0072b2 -->'
    assert (
        both('<p style="fill: #0072b2">#0072b2</p>', '<p style="fill: #56b4e9">#0072b2</p>')
        == '<p style="fill: light-dark(#0072b2, #56b4e9)">#0072b2</p>'
    )


def test_a_figure_is_html_only_on_a_page_of_jupyter(monkeypatch):
    answer = Shop(**SMALL).ask('hour_weekday')
    monkeypatch.delenv('JPY_SESSION_NAME', raising=False)
    assert answer.plot()._repr_html_() is None
    monkeypatch.setenv('JPY_SESSION_NAME', 'lesson.ipynb')
    assert 'light-dark(' in answer.plot()._repr_html_()
    assert answer.plot('dark')._repr_html_() is None
    assert answer.plot()._repr_png_()[1:4] == b'PNG'


@pytest.mark.slow
def test_a_figure_follows_the_theme_of_jupyterlab(browser, monkeypatch):
    "Whatever the system's own theme is: bars, and a heat map, whose colours lie on a ramp."
    monkeypatch.setenv('JPY_SESSION_NAME', 'lesson.ipynb')
    shop = Shop(**SMALL)
    charts = [shop.ask(name).plot()._repr_html_() for name in ('order_status', 'hour_weekday')]
    fills = 'Array.from(document.querySelectorAll("svg text"), t => getComputedStyle(t).fill)'
    for system in 'light', 'dark':
        tab = browser.new_page(color_scheme=system)
        tab.set_content(f'<body data-jp-theme-light="false">{"".join(charts)}</body>')
        assert 'rgb(232, 234, 237)' in tab.evaluate(fills)
        tab.evaluate('document.body.dataset.jpThemeLight = "true"')
        assert 'rgb(31, 35, 40)' in tab.evaluate(fills)
        assert 'rgb(232, 234, 237)' not in tab.evaluate(fills)
        tab.close()


def test_a_policy_names_scripts_by_their_text():
    assert "script-src 'none'" in policy()
    assert 'unsafe' not in policy().replace("style-src 'unsafe-inline'", '')
    assert policy('a') != policy('b')
    assert "script-src 'self' 'sha256-" in policy('a', files=True)


def test_a_column_without_any_value_has_a_profile(tmp_path):
    products = Shop(orders=120, order_items=300, customers=60, products=30).products.assign(discontinued_on=None)
    assert profile(products, 'products', tmp_path / 'products.html')['rows'] == 30
