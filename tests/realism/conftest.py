"The default shop, its card, and order lines as people have them."

import numpy as np, pandas as pd, pytest

from shop_nb.behaviour.settings import Settings
from shop_nb.generator.blocks import tables
from shop_nb.realism.scorecard import scorecard
from shop_nb.shop.shop import Shop
from support import FULL


@pytest.fixture(scope='module')
def shop():
    return {n: t.to_pandas(date_as_object=False) for n, t in tables(Settings()).items()}


@pytest.fixture(scope='module')
def card(shop): return scorecard(shop)


@pytest.fixture(scope='module')
def own(shop):
    "The shop's finished sales as somebody's own file has them."
    l = shop['order_items'].merge(shop['orders'][~shop['orders'].status.isin(['cancelled', 'returned'])], on='order_id')
    return pd.DataFrame(
        {
            'Invoice': 'A' + l.order_id.astype(str),
            'StockCode': l.product_id,
            'Quantity': l.quantity,
            'InvoiceDate': l.ordered_at,
            'Price': l.unit_price_cents / 100,
            'Customer ID': l.customer_id,
            'Country': 'DE',
        }
    )


@pytest.fixture
def rng(): return np.random.default_rng(5)


@pytest.fixture(scope='module')
def cards():
    "The cards of some seeds. The chapter on the scorecard measures all twenty, and a test compares its outputs."
    return {seed: scorecard(tables(Settings(seed=seed))) for seed in range(1, 21 if FULL else 4)}


@pytest.fixture(scope='module')
def lines():
    "Order lines of a small shop, as the guide takes them, with prices in euro"
    sql = '''select o.customer_id customer, o.order_id "order", o.ordered_at time,
                    i.product_id product, i.quantity, i.unit_price_cents / 100 price
             from orders o join order_items i using (order_id)'''
    return Shop(seed=9, orders=600, order_items=1500, customers=300, products=120).sql(sql)


@pytest.fixture(scope='module')
def plain(lines):
    c = scorecard(lines)
    assert set(c.missed.fact) == {
        # bands for more orders, lines or products
        'later lines that repeat a product',
        'significant pairs / those in shuffled baskets',
        'daily orders: correlation a week apart',
        # chance, among 300 customers
        'same customer, same spending',
        'month-6 return / month-1 return',
    }
    assert c.sizes['orders'] == 600
    assert c.sizes['products'] == lines['product'].nunique()
    assert len(c.notes) == 2
    return c.frame
