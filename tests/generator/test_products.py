"""Names and prices agree, at every level of prices; and what sells does not hang on the currency."""
import numpy as np, pandas as pd, pytest
from scipy.stats import spearmanr

from shop_nb.behaviour.settings import Settings
from shop_nb.generator.blocks import tables
from shop_nb.generator.calendar import Calendar
from shop_nb.generator.orders import MOST_EXTRA
from shop_nb.generator.pools import words
from shop_nb.generator.products import Catalogue, median_prices, price_point, products_table, typical_price
from shop_nb.model.schema import MAX_LINE, MAX_PRICE
from shop_nb.quality.validate import validate

NOUN_PRICE = {(c, n): p for c, w in words('words').items() for n, p in zip(w['nouns'], w['noun_price'])}
ADJECTIVES = {c: sorted(w['adjectives'], key=len, reverse=True) for c, w in words('words').items()}


def catalogue(**parameters):
    settings = {name.replace('_', '.', 1): value for name, value in parameters.items()}
    return Catalogue(Calendar(Settings(products=4000, seed=5, parameters=settings)))


def noun_of(category, name):
    adjective = next(a for a in ADJECTIVES[category] if name.startswith(f'{a} '))
    return name.removeprefix(f'{adjective} ')


@pytest.fixture(scope='module', params=[1, 2, 3])
def goods(request):
    "The products of a shop, with what their noun costs against the median of the category."
    settings = Settings(products=4000, seed=request.param)
    goods = products_table(Catalogue(Calendar(settings))).to_pandas()
    noun = [noun_of(c, n) for c, n in zip(goods.category, goods.name)]
    median = goods.category.map(settings.values['products.median_price'])
    return goods.assign(level=[NOUN_PRICE[key] for key in zip(goods.category, noun)], median=median)


def test_prices_follow_nouns(goods):
    rank = goods.groupby('category')[['level', 'price_cents']].apply(lambda g: spearmanr(g.level, g.price_cents)[0])
    assert rank.min() >= .8


def test_prices_lie_near_what_the_noun_says(goods):
    factor = goods.price_cents / 100 / goods['median'] / goods.level
    assert factor.between(1 / 3, 3).mean() >= .95


def test_the_middle_of_a_category_stays(goods):
    ratio = goods.price_cents.groupby(goods.category).median() / 100 / goods.groupby('category')['median'].first()
    assert ratio.between(.85, 1.15).all()


def test_prices_spread_within_a_category_as_in_shops(goods):
    sd = np.log(goods.price_cents).groupby(goods.category).std()
    assert sd.between(.52, .72).all()
    assert abs(sd.mean() - .62) < .03


def test_nothing_sells_below_its_cost(goods): assert (goods.cost_cents < goods.price_cents).all()
def test_prices_are_positive(goods): assert goods.price_cents.min() > 0


def test_without_the_names_prices_go_by_category_alone():
    plain = catalogue(products_price_of_name=0, products_price_spread=.62)
    assert (plain.name_level == 10**6).all()
    fashion = plain.category == plain.traits.index.get_loc('Fashion')
    assert abs(spearmanr(plain.noun[fashion], plain.base_price[fashion])[0]) < .1


def test_names_do_not_hang_on_prices():
    a, b = (products_table(c).drop_columns(['price_cents', 'cost_cents'])
            for c in (catalogue(), catalogue(products_price_level=20, products_price_of_name=.3)))
    assert a.equals(b)


# ------------------------------------------------------------------------ the level of prices

@pytest.mark.parametrize('level', [.01, .9, 3, 20, 160, 1000])
def test_any_level_of_prices(level):
    table = products_table(catalogue(products_price_level=level)).to_pandas()
    assert table.price_cents.between(1, MAX_PRICE).all()
    assert (table.cost_cents <= table.price_cents).all()


@pytest.mark.parametrize('level', [.01, 20, 1000])
def test_a_shop_at_any_level_of_prices_is_valid(level):
    small = dict(customers=100, products=60, orders=300, order_items=800)
    assert validate(tables(Settings(**small, parameters={'products.price_level': level}))).ok


def test_the_largest_line_is_within_its_limit():
    "One unit, those beyond the first, and one more on sale."
    assert (1 + MOST_EXTRA + 1) * MAX_PRICE <= MAX_LINE


@pytest.mark.parametrize('level', [.9, 1.15, 3, 20])
def test_medians_follow_the_level(level):
    c = catalogue(products_price_level=level)
    ratio = pd.Series(c.list_prices[:, 0]).groupby(c.category).median() / median_prices(c.values)
    assert ratio.between(.8, 1.2).all()


def test_large_prices_are_whole():
    "As 1,499 rupees; none is cut off at the highest price that the schema allows."
    prices = catalogue(products_price_level=20).list_prices
    assert not (prices % 100).any()
    assert (prices // 100 % 10 == 9).mean() > .5
    assert prices.max() < MAX_PRICE


def test_small_prices_keep_their_cents():
    prices = catalogue(products_price_level=.9).list_prices
    assert (prices % 100 == 99).mean() > .4


def test_no_ending_takes_off_a_whole_step():
    values = catalogue(products_price_endings=[99, 50]).values
    asked = np.arange(100, 2000)
    for style in 0, 1: assert (abs(price_point(asked, values, style) - asked) < 200).all()


@pytest.mark.parametrize('level', [.1, 20])
def test_popularity_does_not_hang_on_the_currency(level):
    euros, other = catalogue(), catalogue(products_price_level=level)
    assert abs(typical_price(other.values) / typical_price(euros.values) / level - 1) < .01
    assert abs(other.popularity - euros.popularity).max() < 10 # thousandths, as cents are whole
