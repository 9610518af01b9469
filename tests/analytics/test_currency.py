"An answer has the currency of its shop, and says it once."
import json
from contextlib import closing

import pandas as pd
import pytest

from shop_nb.analytics.connect import connect, currency_of
from shop_nb.analytics.questions import QUESTIONS, Answer, Question, analysis_sql, ask, say, unit_of
from shop_nb.behaviour.settings import Settings
from shop_nb.generator.blocks import tables, write_tables
from shop_nb.model.market import Market
from shop_nb.model.schema import TABLES

AMOUNTS = {
    name: [c for c in columns.split()]
    for name, columns in dict(
        monthly_revenue='revenue aov refunded_amount',
        daily_revenue='revenue mean_7d',
        revenue_by_category='revenue margin',
        revenue_by_country='revenue aov',
        top_products='revenue',
        top_customers='revenue',
        order_status='amount',
        payment_methods='captured_amount mean_amount',
        payment_failures='lost_amount',
        returns_by_category='revenue returned_amount',
        basket_size='aov',
        new_vs_returning='new_revenue returning_revenue',
        repeat_rate='',
        cohort_retention='',
        rfm_segments='revenue',
        customer_lifetime_value='month_revenue revenue margin',
        product_pareto='revenue',
        product_pairs='',
        hour_weekday='revenue',
        delivery_times='',
        discount_effect='aov margin_per_order',
        lapsed_customers='revenue',
    ).items()
}


@pytest.fixture(scope='module')
def shop(): return tables(Settings(customers=300, products=60, orders=900, order_items=2200))


@pytest.fixture(scope='module', params=['EUR', 'USD', 'INR', 'CHF'])
def currency(request): return request.param


@pytest.fixture(scope='module')
def con(shop, currency):
    con = connect(shop, market=Market(currency))
    yield con
    con.close()


@pytest.fixture(scope='module')
def plain(shop):
    with closing(connect(shop)) as con: yield con


def test_every_question_is_looked_at(): assert set(AMOUNTS) == set(QUESTIONS)


@pytest.mark.parametrize('name', AMOUNTS)
def test_which_columns_are_amounts(con, name):
    frame = ask(name, con).frame.select_dtypes('number')
    assert [c for c in frame if unit_of(c) == 'money'] == AMOUNTS[name]


@pytest.mark.parametrize('name', AMOUNTS)
def test_no_column_names_a_currency(con, name):
    assert not {'eur', 'usd', 'inr', 'cents'} & {word for c in ask(name, con).frame for word in c.split('_')}


@pytest.mark.parametrize('name', AMOUNTS)
def test_text_says_the_currency_once_where_there_are_amounts(con, currency, name):
    assert repr(ask(name, con)).count(currency) == (1 if AMOUNTS[name] else 0)


@pytest.mark.parametrize('name', AMOUNTS)
def test_html_says_the_currency_once_where_there_are_amounts(con, currency, name):
    assert ask(name, con)._repr_html_().count(currency) == (1 if AMOUNTS[name] else 0)


@pytest.mark.parametrize('name', AMOUNTS)
def test_json_has_the_currency_where_there_are_amounts(con, currency, name):
    assert json.loads(ask(name, con).to_json()).get('currency') == (currency if AMOUNTS[name] else None)


@pytest.mark.parametrize('name', AMOUNTS)
def test_the_currency_changes_no_number(con, plain, name):
    pd.testing.assert_frame_equal(ask(name, con).frame, ask(name, plain).frame, check_exact=True)


def test_the_script_says_the_currency_once(): assert analysis_sql(currency='BRL').count('BRL') == 1


def test_a_run_says_its_currency(tmp_path):
    "Files know it by the manifest, and a query reads no other file than theirs."
    settings = Settings(customers=30, products=10, orders=60, order_items=120)
    write_tables(settings, tmp_path / 'tables')
    manifest = dict(shop_nb='0.2.0', version=3, settings=settings.as_dict(), market=dict(currency='GBP'))
    (tmp_path / 'manifest.json').write_text(json.dumps(manifest, default=str))
    assert ask('monthly_revenue', tmp_path).currency == 'GBP'


def test_tables_by_hand_are_in_euro(shop): assert currency_of(connect(shop)) == 'EUR'


@pytest.mark.parametrize(
    'value, currency, text',
    [
        (1234567.5, 'EUR', '1,234,567.50'),
        (1234567.5, 'INR', '12,34,567.50'),
        (-250000, 'INR', '-2,50,000.00'),
        (99999, 'INR', '99,999.00'),
        (0.005, 'USD', '0.01'),
        (-0.001, 'USD', '0.00'),
        (None, 'USD', '–'),
    ],
)
def test_amounts_in_tables(value, currency, text): assert say('revenue', value, currency) == text


def test_counts_are_grouped_in_one_way(): assert say('orders', 1234567, 'INR') == '1,234,567'


@pytest.mark.parametrize('column', [c.name for t in TABLES.values() for c in t.columns])
def test_no_stored_column_is_taken_for_an_amount(column): assert unit_of(column) != 'money' or column == 'tax_included'


def test_words_and_flags_are_no_amounts():
    frame = pd.DataFrame(dict(discount=['none', 'up to 5%'], tax_included=[True, False], price_cents=[100, 250]))
    assert not Answer(Question('mine', 'Mine', 'one row', ''), frame, currency='USD').has_money
