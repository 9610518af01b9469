"A shop has one currency; what is made of it says so, and what was made before it could is refused."
import json, re, shutil, sqlite3

import pytest

from shop_nb import Shop
from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.quality.validate import validate
from shop_nb.shop.magic import query

SIGNS = dict(USD='$', INR='₹')


@pytest.fixture(scope='module', params=SIGNS)
def shop(request):
    return Shop(customers=60, products=40, orders=120, order_items=300, **{'shop.currency': request.param})


@pytest.fixture(scope='module')
def page(shop, tmp_path_factory):
    "The page of answers of a run."
    folder = tmp_path_factory.mktemp('run')
    shop.answers(folder)
    return (folder / 'answers.html').read_text()


def test_a_run_that_is_opened_has_the_currency(shop, tmp_path):
    shop.save(tmp_path / 'run')
    assert Shop.open(tmp_path / 'run').ask('monthly_revenue').currency == shop.market.currency


def test_a_database_has_the_currency(shop, tmp_path):
    shop.load(tmp_path / 'shop.db')
    assert ask('monthly_revenue', tmp_path / 'shop.db').currency == shop.market.currency


def test_a_query_has_the_currency(shop):
    answer = query('select 1234567.5 as revenue', shop)
    assert answer.subtitle == f'1 row; amounts in {shop.market.currency}'


def test_a_query_groups_digits_as_the_currency_does(shop):
    grouped = dict(USD='1,234,567.50', INR='12,34,567.50')
    assert query('select 1234567.5 as revenue', shop).as_text().revenue[0] == grouped[shop.market.currency]


def test_a_query_without_amounts_has_none(shop):
    assert query('select 5 as orders', shop).subtitle == '1 row'


def test_a_shop_shows_its_currency_once(shop): assert shop._repr_html_().count(shop.market.currency) == 1


def test_twins_show_their_currency_once(shop):
    assert shop.twin(**{'coupons.share': 0})._repr_html_().count(shop.market.currency) == 1


def test_twins_with_two_currencies_show_both(shop):
    assert f'amounts in {shop.market.currency} and CHF' in shop.twin(**{'shop.currency': 'CHF'})._repr_html_()


def test_the_page_of_answers_knows_no_other_currency(page):
    assert not re.search(r'€|\bEUR\b|\beuros?\b', page)


def test_charts_on_the_page_have_the_sign(shop, page): assert f'>{SIGNS[shop.market.currency]}' in page


def test_the_dictionary_says_the_currency_once(shop, tmp_path):
    from shop_nb.reporting.profile import dictionary_html
    assert dictionary_html(shop.tables, market=shop.market).count(shop.market.currency) == 1


# ------------------------------------------------------------------ runs and databases of before
OPENING = dict(
    open=Shop.open,
    ask=lambda path: ask('monthly_revenue', path),
    connect=connect,
    validate=validate,
    load=lambda path: load(path, path.parent / 'again.db'),
)


@pytest.fixture(scope='module')
def old(tmp_path_factory):
    "A folder with a run of version 2 and its database, as if made by it."
    folder = tmp_path_factory.mktemp('old')
    shop = Shop(customers=30, products=10, orders=60, order_items=120)
    manifest = shop.save(folder / 'run')
    old = {k: v for k, v in manifest.items() if k != 'market'} | dict(version=2)
    (folder / 'run/manifest.json').write_text(json.dumps(old, default=str))
    shop.load(folder / 'shop.db')
    con = sqlite3.connect(folder / 'shop.db')
    con.execute('drop table market')
    con.commit()
    con.close()
    return folder


@pytest.mark.parametrize('opening', OPENING)
def test_an_old_run_is_refused_with_the_line_that_makes_it_again(old, opening):
    with pytest.raises(ShopError) as e: OPENING[opening](old / 'run')
    assert str(e.value) == f"{old / 'run'} is of an earlier version.\nMake it again: shop-nb run --out {old / 'run'}"


@pytest.mark.parametrize('opening', OPENING)
def test_an_old_run_is_refused_as_a_wrong_call(old, opening):
    with pytest.raises(ShopError) as e: OPENING[opening](old / 'run')
    assert e.value.code == 2


@pytest.mark.parametrize('opening', ['ask', 'connect'])
def test_an_old_database_is_refused_with_the_line_that_loads_it_again(old, opening):
    with pytest.raises(ShopError) as e: OPENING[opening](old / 'shop.db')
    db = old / 'shop.db'
    assert str(e.value) == f'{db} is of an earlier version.\nLoad it again: shop-nb load DIR --db {db}'


def test_an_old_run_can_be_made_again(old, tmp_path):
    shutil.copytree(old / 'run', tmp_path / 'run')
    Shop(customers=30, products=10, orders=60, order_items=120).save(tmp_path / 'run')
    assert Shop.open(tmp_path / 'run').market.currency == 'EUR'


def test_an_old_database_can_be_loaded_again(old, tmp_path):
    shutil.copy(old / 'shop.db', tmp_path / 'shop.db')
    Shop(customers=30, products=10, orders=60, order_items=120).load(tmp_path / 'shop.db')
    assert ask('monthly_revenue', tmp_path / 'shop.db').currency == 'EUR'


@pytest.mark.parametrize('value', ['USD', '', '"USD', 'null, null'])
def test_a_database_whose_market_is_damaged_is_refused(tmp_path, value):
    Shop(customers=30, products=10, orders=60, order_items=120).load(tmp_path / 'shop.db')
    con = sqlite3.connect(tmp_path / 'shop.db')
    con.execute("update market set value = ? where name = 'currency'", [value])
    con.commit()
    con.close()
    with pytest.raises(ShopError, match='market of this shop cannot be read'): connect(tmp_path / 'shop.db')
