"Charts: every name is drawn as it is, and a figure follows its page."
import warnings

import pytest

from shop_nb import Shop
from shop_nb.analytics.questions import questions
from shop_nb.reporting.charts import both, label, png, recoloured, svg
from support.hostile import HOSTILE, SMALL, hostile


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
