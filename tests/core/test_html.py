"What notebooks show of a shop: it is complete, escaped, and looks the same everywhere."
import re, subprocess
from html.parser import HTMLParser

import pytest

from shop_nb import Shop, twin
from shop_nb.core.html import COLOURS, MARKS, Raw, edge, inline, mark, table
from shop_nb.model.schema import TABLES
from shop_nb.quality.validate import validate

from support import ROOT
SMALL = dict(customers=200, products=60, orders=400, order_items=1000)


@pytest.fixture(scope='module')
def shop(): return Shop(**SMALL)


class Balanced(HTMLParser):
    "Fails for a tag that is closed and was not open, or is left open."

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        if tag not in ('br', 'img'): self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_words_are_escaped_and_code_is_marked():
    assert inline('a < b & `c > d`') == 'a &lt; b &amp; <code>c &gt; d</code>'
    text = table(['<i>', 'n'], [['<script>', 3], [Raw('<b>x</b>'), None]], right=('n',))
    assert '<script>' not in text
    assert '<i>' not in text
    assert '<b>x</b>' in text
    assert re.findall(r'text-align:(\w+)', text) == ['left', 'right'] * 3
    Balanced(text)


def test_colours_follow_the_page_and_have_a_last_value():
    for kind, colour in COLOURS.items():
        assert colour.startswith('var(--jp-')
        assert re.search(r'#[0-9a-f]{6}\)+$', colour)
        assert MARKS[kind] in mark(kind)
        assert colour in edge(kind, '')


def test_a_report_says_table_by_table_what_failed(shop):
    good = validate(shop.tables)._repr_html_()
    Balanced(good)
    assert good.count(MARKS['good']) == 1 + len(TABLES)
    assert MARKS['bad'] not in good
    payments = shop.payments.copy()
    payments.loc[3:5, 'amount_cents'] += 1
    bad = validate({**shop.tables, 'payments': payments})
    text = bad._repr_html_()
    Balanced(text)
    assert not bad.ok
    assert text.count(MARKS['bad']) == 2
    assert text.count(MARKS['good']) == len(TABLES) - 1
    for f in bad.failures:
        assert f'>{f["check"]}</td>' in text
    missing = validate({k: v for k, v in shop.tables.items() if k != 'payments'})
    Balanced(missing._repr_html_())
    assert 'payments' in missing._repr_html_()


@pytest.mark.parametrize('name', TABLES)
def test_a_table_of_the_schema_shows_each_column(name):
    text = TABLES[name]._repr_html_()
    Balanced(text)
    assert TABLES[name].grain in text
    assert all(
        f'<code>{c.name}</code>' in text and inline(c.doc) in text for c in TABLES[name].columns
    )


def test_a_shop_and_a_twin_name_what_is_special(shop):
    changed = Shop(**SMALL, promotion='Toys 30 2025-11-03 2025-11-16')
    for x in (shop, changed, twin(shop, changed), shop.ask('monthly_revenue')): Balanced(x._repr_html_())
    assert 'promotion Toys 30' in changed._repr_html_()
    assert 'promotion' not in shop._repr_html_()
    assert (
        '<td style="text-align:left">–</td><td style="text-align:left">Toys 30 2025-11-03 2025-11-16</td>'
        in twin(shop, changed)._repr_html_()
    )


def test_make_lab_opens_the_index():
    command = subprocess.run(
        ['make', '-n', '-o', '.venv/.ready', 'lab'], cwd=ROOT, capture_output=True, text=True
    ).stdout
    folder, page = re.search(r'jupyter lab (\S+) --LabApp.default_url=/lab/tree/(\S+)', command).groups()
    assert (ROOT / folder / page).is_file()
    assert page == 'index.ipynb'
