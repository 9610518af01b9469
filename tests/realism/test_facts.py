"The facts: declared whole, and measured right."

import numpy as np, pandas as pd, pytest

from shop_nb.realism import facts as R
from shop_nb.realism.facts import FACTS
from shop_nb.realism.sales import Sales, sales_of
from shop_nb.realism.scorecard import FRAME
from support.realism import values


def test_facts_are_whole():
    f = R.facts()
    assert len(f) == 35
    assert f.fact.is_unique
    assert (f.low < f.high).all()
    assert (f.naive_low <= f.naive_high).all()
    assert f[list(R.DATA_SETS.values())].notna().any(axis=1).all()
    assert all(set(x.frame) <= set(FRAME) for x in FACTS.values())


def test_most_bands_leave_the_naive_shop_out():
    f = R.facts()
    assert ((f.naive_high < f.low) | (f.naive_low > f.high)).sum() >= 28


def test_prices_and_ranks_against_scipy(shop, card):
    stats = pytest.importorskip('scipy.stats')
    s = sales_of(shop)
    price = s.common_price
    log = np.log(price[~np.isnan(price)])
    v = values(card)
    assert v['prices: KS distance from log-normal'] == pytest.approx(
        stats.kstest(log, 'norm', args=(log.mean(), log.std(ddof=1))).statistic
    )
    sold = s.product_lines > 0
    assert v['price against lines sold'] == pytest.approx(stats.spearmanr(price[sold], s.product_lines[sold]).statistic)


def test_measures_against_plain_pandas(shop, card):
    v = values(card)
    o = shop['orders'][~shop['orders'].status.isin(['cancelled', 'returned'])]
    l = shop['order_items'].merge(o, on='order_id')
    c = o.customer_id.value_counts()
    n = l.groupby('order_id').size()
    assert v['year: variance / mean'] == pytest.approx(c.var() / c.mean())
    assert v['orders with one line'] == pytest.approx((n == 1).mean())
    assert v['quantity: mean'] == pytest.approx(l.quantity.mean())
    d = o.ordered_at.dt.floor('D').value_counts().sort_index().asfreq('D', fill_value=0)
    assert v['daily orders: correlation a week apart'] == pytest.approx(d.autocorr(7))
    assert v['months: peak / mean'] == pytest.approx((m := d.groupby(d.index.month).mean()).max() / m.mean())
    assert v['orders from 0 to 6 h'] == pytest.approx((o.ordered_at.dt.hour < 6).mean())
    days = (
        o.assign(d=o.ordered_at.dt.floor('D')).drop_duplicates(['customer_id', 'd']).sort_values(['customer_id', 'd'])
    )
    gap = days.groupby('customer_id').d.diff().dt.days
    assert v['gap between orders: CV'] == pytest.approx(gap.std() / gap.mean())
    ever = pd.Series(l.sort_values(['customer_id', 'ordered_at']).groupby('product_id').size()).reindex(
        shop['products'].product_id, fill_value=0
    )
    assert v['best product'] == pytest.approx(ever.max() / ever.sum())


def test_month_1_return_of_a_planted_shop():
    "Ten months with 60 newcomers each; half of each month's come back in the next month, a third in the sixth."
    rows = []
    for m in range(10):
        for i in range(60):
            for k, comes in ((0, True), (1, i % 2), (6, i % 3 == 0)):
                if comes: rows.append((f'{m}-{i}', np.datetime64('2025-01', 'M') + m + k))
    l = pd.DataFrame(rows, columns=['customer', 'month'])
    l = l[l.month < np.datetime64('2025-11')].assign(
        time=lambda l: l.month.astype('datetime64[s]') + pd.Timedelta(days=29) * (l.month == np.datetime64('2025-10')),
        order=lambda l: range(len(l)), product=1, quantity=1, price=100, value=100
    )
    s = Sales(l)
    assert R.return_share(s, 1) == pytest.approx(0.5)
    assert R.return_share(s, 6) == pytest.approx(1 / 3)
