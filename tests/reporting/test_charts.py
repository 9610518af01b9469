"Charts: every name is drawn as it is, and a figure follows its page."
import re, warnings

import pandas as pd, pytest

from shop_nb import Shop
from shop_nb.analytics.questions import Answer, Question, questions
from shop_nb.core.numbers import currency_sign
from shop_nb.reporting.charts import both, label, plot, png, recoloured, svg
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
        '–',
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


# ------------------------------------------------------------------ the currency of the shop
CURRENCIES = 'EUR', 'GBP', 'USD', 'BRL', 'INR', 'CHF'


@pytest.fixture(scope='module')
def answers():
    "An answer to every question, in no currency yet."
    shop = Shop(**SMALL)
    return {name: shop.ask(name) for name in questions()}


def words(answer, currency):
    "The texts of a chart of an answer in a currency."
    answer.currency = currency
    return re.findall('<text[^>]*>([^<]*)</text>', svg(plot(answer)))


@pytest.mark.parametrize('currency', CURRENCIES[1:])
def test_no_chart_is_in_euro_but_that_of_a_shop_in_euro(answers, currency):
    drawn = ' '.join(text for answer in answers.values() for text in words(answer, currency))
    assert not re.search(r'€|\bEUR\b|\beuros?\b', drawn)


@pytest.mark.parametrize('currency', CURRENCIES)
@pytest.mark.parametrize('name', ['monthly_revenue', 'daily_revenue', 'new_vs_returning', 'customer_lifetime_value',
                                  'revenue_by_category', 'payment_methods', 'lapsed_customers', 'discount_effect'])
def test_a_chart_of_amounts_names_the_currency_once(answers, currency, name):
    assert ' '.join(words(answers[name], currency)).count(currency) == 1


@pytest.mark.parametrize('name', [
    'order_status', 'cohort_retention', 'hour_weekday', 'product_pareto', 'delivery_times',
])
def test_a_chart_without_amounts_names_none(answers, name):
    assert 'USD' not in ' '.join(words(answers[name], 'USD'))


@pytest.mark.parametrize('currency', CURRENCIES[:-1])
@pytest.mark.parametrize('kind', ['line', 'stacked', 'scatter', 'hbar', 'grouped', 'heatmap'])
def test_every_kind_of_chart_has_the_sign(currency, kind):
    "Bars that carry their values are the exception: there is no room for it."
    x = dict(hbar='revenue', grouped=('revenue', 'margin')).get(kind, 'n')
    y = dict(hbar='name', grouped='name', stacked=('revenue', 'margin'), heatmap='name').get(kind, 'revenue')
    chart = dict(kind=kind, x=x, y=y, z='revenue', label='name', text=True)
    if kind != 'heatmap': del chart['z']
    frame = pd.DataFrame(dict(n=[1, 2], name=['a', 'b'], revenue=[25_000., 12_000.], margin=[9_000., 3_000.]))
    drawn = words(Answer(Question('mine', 'Mine', 'one row', '', chart=chart), frame), currency)
    assert any(text.startswith(currency_sign(currency)) for text in drawn)


def test_a_currency_without_a_sign_is_named_in_the_subtitle_alone(answers):
    texts = words(answers['daily_revenue'], 'CHF')
    assert [text.split(' · ')[0] for text in texts if 'CHF' in text] == ['revenue in CHF']
