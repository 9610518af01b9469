"""Tax as a market has it: on top of prices or within them, by country, region and category, exact to the cent."""
import sqlite3
from contextlib import closing
from fractions import Fraction
from functools import lru_cache
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings as limits, strategies as st

from shop_nb.behaviour.behaviours import as_toml
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import SettingsError
from shop_nb.generator.orders import _tax_of
from shop_nb.model.rules import RULES, violations
from shop_nb.shop.shop import Shop

SHOP = dict(customers=400, products=150, orders=1200, order_items=3100, seed=5)
COUPONS = {'coupons.share': .4, 'coupons.cut': 15}
MIXED = {'Books': 7 / 19, 'Grocery': 0, 'Toys': .5}
UK = {
    'customers.pool': 'uk', 'customers.countries': {'GB': 1}, 'shipping.fee': {'GB': 4}, 'tax.rate': {'GB': 20},
    'delivery.transit': {'GB': 2}, 'tax.included': True, 'tax.by_category': {'Books': 0, 'Grocery': 0},
}
US = {
    'customers.pool': 'us', 'customers.countries': {'US': 1}, 'shipping.fee': {'US': 6}, 'tax.rate': {'US': 0},
    'delivery.transit': {'US': 3}, 'tax.by_region': {'CA': 8.685, 'TX': 8.2, 'NY': 8.253, 'LA': 10.12},
    'tax.by_category': {'Grocery': .125},
}
REGIMES = dict(
    default={}, included={'tax.included': True}, mixed={'tax.by_category': MIXED}, uk=UK, us=US,
    both={'tax.by_category': MIXED, 'tax.included': True, 'tax.by_region': {'Bayern': 8.685, 'Wien': 0}},
)


@lru_cache(maxsize=None)
def shop(regime):
    return Shop(**SHOP, parameters=COUPONS | REGIMES[regime])


def half_up(x): return floor(x + Fraction(1, 2))


@pytest.mark.parametrize('included', [False, True])
@limits(max_examples=300, deadline=None)
@given(net=st.integers(0, 2_500_000_000), rate=st.integers(0, 180_000))
def test_tax_is_rounded_half_up(included, net, rate):
    share = Fraction(rate, 100_000)
    exact = net * share / (1 + share) if included else net * share
    assert _tax_of(np.array([net]), np.array([rate]), included).tolist() == [half_up(exact)]


def order_tax(order, lines, values):
    "The tax of an order by its lines, in exact fractions; the discount is spread over the rates in whole cents."
    full = values['tax.by_region'].get(order.region, values['tax.rate'][order.country])
    goods, tax, upto, spread = int(lines.net.sum()), 0, 0, 0
    net = goods - int(order.discount_cents)
    by_share = lines.groupby(lines.category.map(values['tax.by_category'])).net.sum()
    for share, cents in sorted(by_share.items()):
        upto += int(cents)
        own, spread = upto * net // goods - spread, upto * net // goods
        rate = Fraction(round(full * share * 1000), 100_000)
        tax += half_up(own * rate / (1 + rate) if values['tax.included'] else own * rate)
    return tax


@pytest.mark.parametrize('regime', REGIMES)
def test_tax_is_that_of_the_goods_after_discount(regime):
    s = shop(regime)
    orders = s.orders.merge(s.customers[['customer_id', 'region', 'country']], on='customer_id')
    items = s.order_items.merge(s.products[['product_id', 'category']], on='product_id')
    items['net'] = items.quantity * items.unit_price_cents - items.discount_cents
    lines = dict(list(items.groupby('order_id')))
    expected = [order_tax(o, lines[o.order_id], s.settings.values) for o in orders.itertuples()]
    assert orders.tax_cents.tolist() == expected
    assert orders.discount_cents.gt(0).sum() > 100


@pytest.mark.parametrize('regime', REGIMES)
def test_the_shop_keeps_all_rules(regime, tmp_path):
    s = shop(regime)
    assert s.validate().ok
    s.load(tmp_path / 'shop.db')
    with closing(sqlite3.connect(tmp_path / 'shop.db')) as con:
        assert not [r.name for r in RULES if violations(con, r, 'sqlite')]


@pytest.mark.parametrize('regime', REGIMES)
def test_the_ledger_closes(regime):
    o, included = shop(regime).sql('select * from order_totals'), REGIMES[regime].get('tax.included', False)
    assert (o.tax_included == included).all()
    added = 0 if included else o.tax_cents
    assert (o.amount_cents == o.goods_cents - o.discount_cents + o.shipping_cents + added).all()
    paid = o.amount_cents - o.shipping_cents # for the goods
    assert (o.revenue_cents == (paid - o.tax_cents) * o.is_sale).all()


@pytest.mark.parametrize('regime', REGIMES)
def test_revenue_by_line_adds_up_to_that_of_the_order(regime):
    o = shop(regime).sql("""
        select t.revenue_cents, t.returned_cents, sum(l.revenue_cents) as by_line, sum(l.returned_cents) as back_by_line
        from order_totals as t
        join sales_lines as l using (order_id)
        group by t.order_id, t.revenue_cents, t.returned_cents""")
    assert len(o) > 1000
    assert (o.revenue_cents == o.by_line).all()
    assert (o.returned_cents == o.back_by_line).all()


EDGES = dict(
    one_order=dict(orders=1, order_items=1, customers=1, products=5),
    one_line=dict(orders=300, order_items=300),
)


@pytest.mark.parametrize('edge', [{}, *EDGES.values()], ids=['usual', *EDGES])
@pytest.mark.parametrize('market', ['eu', 'uk', 'us', 'br', 'in'])
def test_the_lines_of_an_order_have_its_tax(market, edge):
    s = Shop(**SHOP | edge, behaviour=market)
    by_order = s.order_items.groupby('order_id').tax_cents.sum()
    assert by_order.tolist() == s.orders.sort_values('order_id').tax_cents.tolist()
    assert s.order_items.tax_cents.ge(0).all()
    assert by_order.sum() > 0 or edge
    lines = s.sql('select revenue_cents, returned_cents, line_cents from sales_lines')
    assert (lines.revenue_cents.between(0, lines.line_cents) & lines.returned_cents.between(0, lines.line_cents)).all()


@pytest.mark.parametrize('regime', REGIMES)
def test_a_line_has_the_tax_of_its_own_rate(regime):
    s, values = shop(regime), shop(regime).settings.values
    places = s.orders.merge(s.customers[['customer_id', 'region', 'country']], on='customer_id')
    lines = s.order_items.merge(s.products[['product_id', 'category']], on='product_id').merge(
        places[['order_id', 'region', 'country', 'discount_cents']], on='order_id', suffixes=('', '_order'))
    net = lines.quantity * lines.unit_price_cents - lines.discount_cents
    net -= net * lines.discount_cents_order / net.groupby(lines.order_id).transform('sum')
    full = lines.region.map(values['tax.by_region']).fillna(lines.country.map(values['tax.rate']))
    rate = full * lines.category.map(values['tax.by_category']) / 100
    exact = net * rate / (1 + rate) if values['tax.included'] else net * rate
    assert (lines.tax_cents[rate == 0] == 0).all()
    assert (abs(lines.tax_cents - exact) < 1 + rate).all() # a cent by the discount, and half a cent at either end


def zero_rated(**more):
    "Lines of books in sales of a British shop, where books are free of tax and prices contain it."
    s = Shop(customers=400, products=150, orders=1500, order_items=4000, seed=5, behaviour='uk', **more)
    assert s.settings.values['tax.by_category']['Books'] == 0
    return s, s.sql("""
        select l.*, i.tax_cents, o.goods_cents, o.discount_cents, o.refunded_cents, o.status,
            o.tax_cents as order_tax_cents
        from sales_lines as l
        join order_items as i using (order_item_id)
        join order_totals as o on o.order_id = l.order_id
        where l.category = 'Books'""")


def test_zero_rated_goods_carry_no_tax_of_others():
    s, books = zero_rated(parameters={'coupons.share': .4})
    assert (books.tax_cents == 0).all()
    assert books.order_tax_cents.gt(0).sum() > 100
    whole = books.discount_cents == 0
    assert whole.sum() > 100 < (~whole).sum()
    assert (books.revenue_cents == books.line_cents)[whole].all()
    charged = books.line_cents * (books.goods_cents - books.discount_cents) / books.goods_cents
    assert (abs(books.revenue_cents - charged) < 1).all()


def test_a_returned_zero_rated_line_gives_back_its_price():
    s, books = zero_rated(parameters={'coupons.share': 0, 'delivery.returns.Books': .5})
    back = books[books.returned_quantity > 0]
    share = back.line_cents * back.returned_quantity // back.quantity
    assert len(back) > 50
    assert (back.returned_cents == share).all()
    alone = back.groupby('order_id').order_item_id.transform('size').eq(1) & back.status.eq('delivered')
    others = s.order_items[s.order_items.returned_quantity > 0].groupby('order_id').size()
    alone &= back.order_id.map(others).eq(1)
    assert alone.sum() > 20
    assert (back.refunded_cents == share)[alone].all()


@pytest.mark.parametrize('regime', REGIMES)
def test_a_refund_is_what_was_paid_for_what_came_back(regime):
    o = shop(regime).sql("""
        select t.*, b.tax_back
        from order_totals as t
        join (
            select order_id, sum(tax_cents * returned_quantity // quantity) as tax_back
            from order_items
            group by order_id
        ) as b using (order_id)
        where t.status = 'delivered' and t.refunded_cents > 0""")
    assert len(o) > 5
    assert (o.refunded_cents == o.returned_cents + o.tax_back).all()


def test_only_how_tax_is_charged_differs():
    a, b = shop('default'), shop('included')
    for table in 'customers', 'products': assert a.tables[table].equals(b.tables[table])
    assert a.order_items.drop(columns='tax_cents').equals(b.order_items.drop(columns='tax_cents'))
    assert (a.orders.discount_cents == b.orders.discount_cents).all()
    assert a.payments.amount_cents.sum() > b.payments.amount_cents.sum()


def test_a_region_has_a_rate_of_its_own():
    s = shop('us')
    o = s.orders.merge(s.customers, on='customer_id')
    taxed = o.groupby('region').tax_cents.sum()
    assert set(taxed[taxed > 0].index) == {'CA', 'TX', 'NY', 'LA'}


def test_a_category_may_be_free_of_tax():
    s = shop('uk')
    lines = s.order_items.merge(s.products, on='product_id')
    free = lines.assign(free=lines.category.isin(['Books', 'Grocery'])).groupby('order_id').free.all()
    tax = s.orders.set_index('order_id').tax_cents
    assert free.sum() > 20
    assert (tax[free[free].index] == 0).all()
    assert (tax[free[~free].index] > 0).all()


@pytest.mark.parametrize('name, value, message', [
    ('tax.by_region.Bayer', 7, "no region 'Bayer'"),
    ('tax.by_region', {'CA': 7}, "customers.pool is eu, which has no region 'CA'"),
    ('tax.by_region.Bayern', 70, '70 is not from 0 to 60'), ('tax.by_category.Toy', .5, "'Toy' is not known"),
    ('tax.by_category.Toys', 4, 'is not from 0 to 3'), ('tax.included', 'yes', "'yes' is not true or false"),
    ('tax.included', 1, '1 is not true or false'),
])
def test_what_cannot_be_is_refused(name, value, message):
    with pytest.raises(SettingsError, match=message): Settings(parameters={name: value})


def test_the_nearest_region_is_named():
    with pytest.raises(SettingsError, match="Did you mean 'Bayern'"): Settings(parameters={'tax.by_region.Bayer': 7})


@pytest.mark.parametrize('regime', REGIMES)
def test_a_regime_survives_a_file(regime, tmp_path):
    path = tmp_path / 'mine.toml'
    groups = {}
    for name, value in REGIMES[regime].items(): groups.setdefault(name.split('.')[0], []).append((name, value))
    path.write_text('\n'.join(
        f'[{group}]\n' + '\n'.join(f'{name.split(".")[1]} = {as_toml(value)}' for name, value in pairs)
        for group, pairs in groups.items()), encoding='utf-8')
    assert Settings(behaviour=str(path)) == Settings(parameters=REGIMES[regime])
    assert Settings(**Settings(behaviour=str(path)).as_dict()) == Settings(parameters=REGIMES[regime])
