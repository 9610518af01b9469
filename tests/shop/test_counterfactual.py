"Twin worlds: what two behaviours share, and what can be compared across currencies."
import pandas as pd, pytest

from shop_nb import Shop, twin
from shop_nb.behaviour.behaviours import BEHAVIOURS
from shop_nb.behaviour.settings import Settings

SIZE = dict(customers=200, products=60, orders=400, order_items=1000)
NOT_OF_THE_MARKET = {
    'customers': ['segment', 'marketing_opt_in'],
    'products': ['sku', 'name', 'category', 'brand', 'launched_on', 'discontinued_on'],
    'orders': ['channel'],
    'order_items': ['order_id', 'line_number'],
    'payments': ['order_id'],
}


@pytest.fixture(scope='module')
def shop(): return Shop(**SIZE)


@pytest.fixture(scope='module', params=BEHAVIOURS[1:])
def worlds(request, shop): return shop.twin(behaviour=request.param)


def same_columns(worlds, table):
    "The columns that a market does not change; names of products are Portuguese in one of them."
    translated = worlds.b.settings.values['products.language'] != 'en'
    return [c for c in NOT_OF_THE_MARKET[table] if not (translated and c == 'name')]


def in_both(worlds, table, key):
    "A table's rows of both worlds with the keys that both have."
    x, y = (shop.frame(table).set_index(key) for shop in (worlds.a, worlds.b))
    both = x.index.intersection(y.index)
    return x.loc[both], y.loc[both]


def test_most_orders_of_two_markets_can_be_joined(worlds):
    x, _ = in_both(worlds, 'orders', 'order_id')
    assert len(x) > .8 * SIZE['orders']


@pytest.mark.parametrize('table', NOT_OF_THE_MARKET)
def test_what_is_not_of_the_market_is_the_same(worlds, table):
    x, y = in_both(worlds, table, list(worlds.a.frame(table))[0])
    names = same_columns(worlds, table)
    pd.testing.assert_frame_equal(x[names], y[names])


def test_what_is_said_to_have_changed_has(worlds):
    moved = worlds.changed()
    for table in NOT_OF_THE_MARKET:
        assert not set(moved.column[moved.table == table]) & set(same_columns(worlds, table))
    assert {'price_cents', 'postal_code', 'amount_cents'} < set(moved.column)


def test_counts_can_be_compared_across_currencies(worlds):
    o = worlds.orders
    assert (o.units_effect == o.units_b - o.units_a).all()
    assert list(worlds.categories()['effect']) == ['units']


def test_amounts_cannot(worlds):
    assert not {'revenue_cents_effect', 'returned_cents_effect'} & {*worlds.orders, *worlds.customers}


def test_amounts_can_in_one_currency(shop):
    dollars = shop.twin(**{'shop.currency': 'USD'}).b
    assert 'revenue_cents_effect' in dollars.twin(**{'coupons.share': 0}).orders


def test_all_differences_are_there_and_few_are_shown(worlds):
    every = worlds.differs()
    assert len(every) > 50
    assert f', {len(every) - 3} more)' in repr(worlds)
    assert f'{len(every) - 3} more: see differs()' in worlds._repr_html_()


def test_few_differences_are_all_shown():
    assert repr(twin(Settings(**SIZE), orders=500)) == 'Twin(orders: 400 → 500)'
