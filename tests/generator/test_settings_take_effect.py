"""Each setting does what it says: its value is recovered from the data, over three seeds, ten before a release."""
import tempfile
from functools import lru_cache
import numpy as np
import pytest
from shop_nb import Settings, tables
from shop_nb.behaviour.settings import SETTINGS
from support import FULL

SMALL = dict(customers=400, products=120, orders=800, order_items=2000)
SEEDS = range(10 if FULL else 3)


@lru_cache(maxsize=None)
def made(seed, **given):
    "The five tables as frames; the same frames for the same settings."
    return {n: t.to_pandas() for n, t in tables(Settings(**SMALL | dict(seed=seed) | given)).items()}


def units(t, category, first='2000-01-01', last='2100-01-01'):
    "Units of a category sold between two days."
    f = t['order_items'].merge(t['products'][['product_id', 'category']]).merge(t['orders'][['order_id', 'ordered_at']])
    return f[(f.category == category) & (f.ordered_at >= first) & (f.ordered_at < last)].quantity.sum()


def seed(s):
    "Another seed, other customers for the orders; the same seed, the same."
    a, b, c = (made(x)['orders'].customer_id.to_numpy() for x in (s, s, s + 100))
    assert (a == b).all()
    assert (a != c).mean() > .9


def start(s):
    "No order before it, and the first one soon after it."
    for d in ('2025-01-01', '2025-05-01'):
        first = made(s, start=d)['orders'].ordered_at.min()
        assert np.datetime64(d) <= first < np.datetime64(d) + np.timedelta64(7, 'D')


def end(s):
    "No order after it, the last one shortly before, and all of them there."
    for d in ('2025-06-30', '2025-12-31'):
        o = made(s, end=d)['orders']
        last = o.ordered_at.max()
        assert np.datetime64(d) - np.timedelta64(7, 'D') < last < np.datetime64(d) + np.timedelta64(1, 'D')
        assert len(o) == SMALL['orders']


def until(s):
    "Half a year more brings, at the same rates, between a quarter and two thirds more orders; half a year less fewer."
    less, plain, more = (len(made(s, until=d)['orders']) for d in ('2025-06-30', '2025-12-31', '2026-06-30'))
    assert less < plain == SMALL['orders']
    assert 0.25 < more / plain - 1 < 0.67
    assert 0.25 < less / plain < 0.55


def until_time(s):
    "What happens on the last day before it is there, and nothing that happens later."
    plain, noon = made(s)['orders'], made(s, until_time='12:00')['orders']
    expected = plain[plain.ordered_at < '2025-12-31 12:00']
    assert noon.order_id.tolist() == expected.order_id.tolist() and len(noon) < len(plain)
    assert not (noon.delivered_at >= '2025-12-31 12:00').any() and (plain.delivered_at >= '2025-12-31 12:00').any()


def count(name):
    def test(s):
        for n in (SMALL[name], 2 * SMALL[name]):
            given = {name: n} | (dict(order_items=2.5 * n) if name == 'orders' else {})
            assert len(made(s, **{k: int(v) for k, v in given.items()})[name]) == n
    test.__doc__ = f'As many {name} as asked for.'
    return test


def scale(s):
    "Customers, orders and lines grow with it, products with its square root."
    t = made(s, scale=4)
    assert {n: len(f) for n, f in t.items()} == dict(
        customers=1600, products=240, orders=3200, order_items=8000, payments=3200
    )


def promotion(s):
    "More units of the category with each ten per cent, and the cut stands on the lines."
    sold = []
    for cut in (None, 20, 50):
        t = made(s, promotion=cut and f'Home {cut} 2025-03-01 2025-04-30')
        sold.append(units(t, 'Home', '2025-03-01', '2025-05-01'))
        if cut:
            f = (
                t['order_items']
                .merge(t['products'][['product_id', 'category']])
                .merge(t['orders'][['order_id', 'ordered_at']])
            )
            f = f[(f.category == 'Home') & (f.ordered_at >= '2025-03-01') & (f.ordered_at < '2025-05-01')]
            assert (f.discount_cents >= f.quantity * f.unit_price_cents * cut // 100).all()
    assert sold[0] < sold[1] < sold[2]


def price_change(s):
    "The mean price of the same lines moves by its per cent, within three points, and no other category's does."
    a, b = (
        made(s, price_change=p)['order_items']
        .merge(made(s)['products'][['product_id', 'category']])
        .set_index('order_item_id')
        for p in (None, 'Fashion 20 2025-01-01')
    )
    both = a.join(b, rsuffix='_b')
    both = both[both.product_id == both.product_id_b]
    fashion = both.category == 'Fashion'
    assert abs(both[fashion].unit_price_cents_b.sum() / both[fashion].unit_price_cents.sum() - 1.2) < 0.03
    assert (both[~fashion].unit_price_cents_b == both[~fashion].unit_price_cents).all()


def behaviour(s):
    "A file of one's own changes what it names, and nothing else."
    with tempfile.NamedTemporaryFile('w', suffix='.toml') as file:
        file.write('[coupons]\nshare = 0.5')
        file.flush()
        a, b = made(s), made(s, behaviour=file.name)
    assert a['orders'].discount_cents.gt(0).mean() < .2
    assert .4 < b['orders'].discount_cents.gt(0).mean() < .6
    follow = ['returned_quantity', 'tax_cents'] # of what was paid, which a coupon changes
    assert a['order_items'].drop(columns=follow).equals(b['order_items'].drop(columns=follow))


def parameters(s):
    "A value by the name of a parameter; test_parameters has each of them."
    opted = made(s, parameters=(('customers.consent', .9),))['customers'].marketing_opt_in
    assert .85 < opted.mean() < .95


KNOBS = dict(
    seed=seed, behaviour=behaviour, parameters=parameters, start=start, end=end, until=until, until_time=until_time,
    scale=scale, promotion=promotion, price_change=price_change,
    **{n: count(n) for n in ('customers', 'products', 'orders', 'order_items')},
)


def test_every_setting_has_a_test(): assert set(KNOBS) == set(SETTINGS)


@pytest.mark.parametrize('s', SEEDS)
@pytest.mark.parametrize('name', SETTINGS)
def test_knob(name, s): KNOBS[name](s)
