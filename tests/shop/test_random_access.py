"""Random access, twin worlds and the sealed truth: each agrees with the whole shop."""
import numpy as np
import pandas as pd
import pytest
from shop_nb import Settings, Shop, ShopError, twin
from shop_nb.generator.calendar import Calendar, dates, day_number, intensity, named_days, peaks, season
from shop_nb.behaviour.behaviours import behaviour
from shop_nb.generator.draws import Cells
from shop_nb.model.schema import TABLES
from shop_nb.shop.latent_truth import COLUMNS, TRUTH

EU = behaviour("eu")


@pytest.fixture(scope='module')
def shop(): return Shop(until='2026-02-10')


def test_every_order_alone(shop):
    "A hundred orders from all over the shop, also after `end`, equal their rows in the whole."
    whole = {n: shop.frame(n) for n in ('orders', 'order_items', 'payments')}
    for key in whole['orders'].order_id.iloc[::len(whole['orders']) // 100]:
        for n, rows in shop.order(int(key)).items():
            pd.testing.assert_frame_equal(rows, whole[n][whole[n].order_id == key].reset_index(drop=True))


def test_days_customers_blocks(shop):
    for d in ('2025-01-01', '2025-11-28', '2025-12-31', '2026-02-10'):
        o = shop.orders[shop.orders.ordered_at.dt.normalize() == d].reset_index(drop=True)
        pd.testing.assert_frame_equal(shop.day(d)['orders'], o)
    assert sum(len(shop.day(d)['orders']) for d in pd.date_range('2025-01-01', '2026-02-10').date) == len(shop.orders)
    for i in (1, 1000, len(shop.customers)):
        pd.testing.assert_frame_equal(
            shop.customer(i), shop.customers[shop.customers.customer_id == i].reset_index(drop=True), check_dtype=False
        )
    for n in TABLES:
        assert shop.block(n, 0).equals(shop.tables[n])


@pytest.mark.parametrize(
    'ask',
    [
        lambda s: s.order(25010199999999),
        lambda s: s.order(0),
        lambda s: s.order(-5),
        lambda s: s.order(26021100000001),
        lambda s: s.customer(0),
        lambda s: s.customer(10**9),
        lambda s: s.day('2024-12-31'),
        lambda s: s.day('2026-02-11'),
        lambda s: s.day('soon'),
        lambda s: s.block('orders', 1),
        lambda s: s.block('orders', -1),
        lambda s: s.block('nothing', 0),
    ],
)
def test_what_is_not_there(shop, ask):
    with pytest.raises(ShopError) as e: ask(shop)
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) == 2


def test_twin_differs_only_downstream():
    "A promotion: no order, customer or time moves, and nothing outside its days."
    w = twin(promotion='Toys 30 2025-11-03 2025-11-16')
    for column in ('order_id', 'customer_id', 'ordered_at', 'channel'):
        assert w.a.orders[column].equals(w.b.orders[column])
    assert w.a.customers.equals(w.b.customers)
    assert w.a.products.equals(w.b.products)
    assert (w.a.order_items.order_item_id == w.b.order_items.order_item_id).all()
    moved = w.orders[w.orders.filter(like='_effect').ne(0).any(axis=1)]
    assert len(moved)
    assert moved.day.between('2025-11-03', '2025-11-16').all()
    changed = w.changed()
    assert set(zip(changed.table, changed.column)) <= {
        ('orders', c) for c in ('shipping_cents', 'tax_cents', 'discount_cents', 'status', 'delivered_at')
    } | {
        ('order_items', c)
        for c in ('product_id', 'quantity', 'unit_price_cents', 'discount_cents', 'tax_cents', 'returned_quantity')
    } | {('payments', c) for c in ('method', 'status', 'amount_cents', 'refunded_cents', 'attempts', 'paid_at')}


def test_effects_add_up():
    w = twin(price_change='Fashion 10 2025-07-01')
    a, b = (int(s.sql('select sum(revenue_cents) from order_totals').iloc[0, 0]) for s in (w.a, w.b))
    assert w.orders.revenue_cents_effect.sum() == b - a == w.customers.revenue_cents_effect.sum()


def test_twins_with_other_numbers_of_orders():
    "More orders: those of the smaller shop are there, with the same customers."
    w = twin(orders=4400, order_items=11000)
    assert set(w.a.orders.order_id) < set(w.b.orders.order_id)
    assert len(w.orders) == 4400
    assert w.changed().query("table == 'orders' and column in ('customer_id', 'ordered_at')").empty


def test_twin_needs_a_difference():
    with pytest.raises(ShopError): twin(Settings(), Settings())


def test_price_change_recovered():
    "Knob: the list price moves by its per cent (give or take a price point) from its day, and a rise sells less."
    for percent in (-20, 10, 50):
        w = twin(price_change=f'Fashion {percent} 2025-07-01')
        x, y = (
            s.order_items.merge(s.products[['product_id', 'category']]).merge(s.orders[['order_id', 'ordered_at']])
            for s in (w.a, w.b)
        )
        same = x.merge(y, on=['order_item_id', 'product_id'], suffixes=('', '_b'))
        f = same.category == 'Fashion'
        later = same.ordered_at >= '2025-07-01'
        assert (same[~(f & later)].unit_price_cents == same[~(f & later)].unit_price_cents_b).all()
        ratio = (same.unit_price_cents_b / same.unit_price_cents)[f & later]
        assert abs(ratio.mean() - 1 - percent / 100) < 0.05
        units = [t[(t.category == 'Fashion') & (t.ordered_at >= '2025-07-01')].quantity.sum() for t in (x, y)]
        assert (units[1] - units[0]) * percent < 0


def test_truth_is_documented_and_keyed(shop):
    truth = shop.truth()
    assert set(truth) == set(TRUTH) == set(COLUMNS)
    for n, f in truth.items():
        assert set(COLUMNS[n]) <= set(f.columns)
        assert not f.isna().any().any()
    assert list(truth['customers'].customer_id) == list(shop.customers.customer_id)
    assert list(
        truth['products'].product_id
    ) == list(shop.products.product_id)


def test_truth_explains_the_data(shop, tmp_path):
    t = shop.truth()
    o, l = shop.orders, shop.order_items
    last = o.groupby('customer_id').ordered_at.max().dt.normalize()
    gone = t['customers'].set_index('customer_id').dropped_out_on
    assert (last <= gone.loc[last.index]).all()
    f = l.merge(o[['order_id', 'ordered_at']]).merge(
        t['prices'].rename(columns={'price_cents': 'list_cents'}), on='product_id'
    )
    day = f.ordered_at.dt.normalize()
    inside = (day >= f.quarter_start) & (day < f.quarter_start + pd.DateOffset(months=3))
    assert inside.sum() == len(l)
    assert (f.unit_price_cents == f.list_cents)[inside].all()
    off = (
        l.merge(o[['order_id', 'ordered_at']])
        .merge(shop.products[['product_id', 'category']])
        .assign(day=lambda f: f.ordered_at.dt.normalize())
        .merge(t['campaigns'], how='left', on=['day', 'category'])
    )
    assert (
        (off.quantity * off.unit_price_cents * off.percent_off.fillna(0) // 100).astype(int) == off.discount_cents
    ).all()
    assert t['days'].query("day <= '2025-12-31'").expected_orders.sum() == pytest.approx(4000, abs=0.1)
    assert shop.save_truth(tmp_path / 'truth') == {n: len(f) for n, f in t.items()}
    assert len(
        list((tmp_path / 'truth').iterdir())
    ) == len(t)


def test_calendar_parts():
    "Peaks fall on their days; the season's mean is about one; the busiest day is below the keys' limit."
    assert [str(dates(named_days("Black Friday", [y], EU))[0]) for y in (2023, 2024, 2025, 2026)] == [
        '2023-11-24',
        '2024-11-29',
        '2025-11-28',
        '2026-11-27',
    ]
    year = np.arange(day_number('2025-01-01'), day_number('2026-01-01'))
    assert abs(season(year, EU).mean() - 1) < 0.03
    assert peaks(year, Cells(7), EU)[day_number('2025-11-28') - year[0]] == 3.4
    for seed in range(30):
        days = np.arange(day_number('2024-01-01'), day_number('2030-01-01'))
        w = intensity(days, Cells(seed), EU).weight.to_numpy()
        for n in (30, 90, 365):
            assert (w / np.convolve(w, np.ones(n) / n, 'same'))[n:-n].max() < 8


def test_intensity_is_a_function_of_the_date():
    "Another window, the same days."
    a, b = (Calendar(Settings(start=s, end='2025-12-31')).intensity.weight for s in ('2025-01-01', '2025-06-01'))
    both = a.index.intersection(b.index)
    assert len(both) > 1000
    assert a[both].equals(b[both])
