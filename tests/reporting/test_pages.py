"Pages that show data: whatever a name says, it is shown as it is, and a page runs no script but its own."
import re

import pyarrow.parquet as pq
import pytest
from nbformat import v4

from shop_nb import Shop
from shop_nb.reporting.pages import notebook_page, policy
from shop_nb.reporting.profile import MINIMAL_ABOVE, dictionary_html, profile
from shop_nb.runs.run_folder import identity, write_manifest
from shop_nb.app.run import index_html
from shop_nb.model.schema import TABLES
from support import FULL
from support.hostile import HOSTILE, SMALL, hostile

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
    (folder / 'dictionary.html').write_text(dictionary_html(opened.tables, 'index.html', opened.market))
    for name in TABLES: # a profile of each kind
        least = MINIMAL_ABOVE if name == 'customers' or FULL and name == 'products' else 0
        profile(opened.tables[name], name, folder / f'profile/{name}.html', least, home='../index.html')
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
TAKEN = '''() => [...document.querySelectorAll('*')].filter(e =>
    e.matches('img[src="x"], base, iframe, object, form, [autofocus], svg[onload], a[href^="javascript" i]')
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
    tab.evaluate('''() => {
        const script = document.createElement('script')
        script.textContent = 'window.ran = 1'
        document.body.append(script)
    }''')
    assert tab.evaluate('window.ran') is None
    tab.close()


def test_a_policy_names_scripts_by_their_text():
    assert "script-src 'none'" in policy()
    assert 'unsafe' not in policy().replace("style-src 'unsafe-inline'", '')
    assert policy('a') != policy('b')
    assert "script-src 'self' 'sha256-" in policy('a', files=True)
