"The scorecard: its measures are right, a shop passes, and a shop with one fault is found out."
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np, pandas as pd, pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from shop_nb.realism import facts as R
from shop_nb.generator.blocks import tables, write_tables
from shop_nb.realism.order_lines import read_lines
from shop_nb.realism.facts import FACTS, Sales
from shop_nb.realism.scorecard import FRAME, scorecard
from shop_nb.core.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.shop.shop import Shop

COLUMNS = dict(
    customer='Customer ID', order='Invoice', time='InvoiceDate', product='StockCode', quantity='Quantity', price='Price'
)


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


def missed(shop, **tables): return set(scorecard(shop | tables).missed.fact)


def values(c): return c.frame.set_index('fact').value


# --- the table of facts

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


# --- measures, against other ways to the same number

def test_gini():
    x = np.array([1, 2, 2, 7, 0])
    assert R.gini(x) == pytest.approx(abs(x[:, None] - x).mean() / (2 * x.mean()))


def test_negative_binomial(rng):
    stats = pytest.importorskip('scipy.stats')
    x = rng.negative_binomial(0.7, 0.7 / (0.7 + 2), 4000)
    r = R.negative_binomial_shape(x)
    assert 0.6 < r < 0.8
    like = lambda r: stats.nbinom.logpmf(x, r, r / (r + x.mean())).sum()
    assert like(r) > max(like(r * 1.01), like(r / 1.01))
    assert R.negative_binomial_shape(rng.poisson(1.5, 4000)) > 15


def test_bg_nbd(rng):
    "The fit finds what customers were made with, and no better likelihood is near it."
    n = 6000
    rate, leave, T = rng.gamma(0.6, 1 / 8, n), rng.beta(0.8, 2.5, n), rng.uniform(26, 52, n)
    x, tx = np.zeros(n, dtype=int), np.zeros(n)
    alive, t = np.ones(n, dtype=bool), np.zeros(n)
    while alive.any():
        alive &= rng.random(n) > leave * (x > 0)
        t = t + rng.exponential(1 / rate)
        alive &= t < T
        x += alive
        tx = np.where(alive, t, tx)
    r, alpha, a, b = R.bg_nbd(x, tx, T)
    assert r == pytest.approx(0.6, rel=0.2)
    assert alpha == pytest.approx(8, rel=0.3)
    assert a / (a + b) == pytest.approx(0.8 / 3.3, rel=0.3)


def test_poisson_tail():
    stats = pytest.importorskip('scipy.stats')
    k, mean = np.array([1, 2, 3, 10, 60, 400]), np.array([.01, .5, .02, 4., 30., 350.])
    np.testing.assert_allclose(R._tail(k, mean), stats.poisson.sf(k - 1, mean), rtol=1e-6)


def test_prices_and_ranks_against_scipy(shop, card):
    stats = pytest.importorskip('scipy.stats')
    s = R._sold(shop)
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
        order=lambda l: range(len(l)),
        product=1,
        quantity=1,
        price=100,
        value=100,
    )
    s = Sales(l)
    assert R._return(s, 1) == pytest.approx(0.5)
    assert R._return(s, 6) == pytest.approx(1 / 3)


# --- shops

def test_the_default_shop_is_in_band(card):
    assert card.in_band >= 34
    assert card.frame.value.notna().all()
    assert not card.off


@pytest.fixture(scope='module')
def cards(): return {seed: scorecard(tables(Settings(seed=seed))) for seed in range(1, 21)}


def told(rows): return rows[['fact', 'value']].round(4).to_numpy().tolist()


@pytest.mark.slow
def test_twenty_seeds(cards):
    assert not {s: told(c.missed) for s, c in cards.items() if c.in_band < 34}


@pytest.mark.slow
def test_twenty_seeds_outside_the_frame(cards):
    out = {s: c.outside[~c.outside.in_band.fillna(True)] for s, c in cards.items()}
    assert not {s: told(rows) for s, rows in out.items() if len(rows)}


def test_the_same_card_every_time(shop, card):
    assert scorecard(shop)._repr_html_() == card._repr_html_()


def test_order_of_rows_does_not_matter(shop, card, rng):
    mixed = {n: t.sample(frac=1, random_state=3) for n, t in shop.items()}
    order_free = [f for f in FACTS if 'shuffled' not in f and 'repeat' not in f]
    pd.testing.assert_series_equal(values(scorecard(mixed))[order_free], values(card)[order_free])


def test_uniform_customers_are_found(shop, rng):
    o = shop['orders']
    found = missed(shop, orders=o.assign(customer_id=rng.integers(1, 2001, len(o))))
    assert found >= {
        'window of mean 2: one order',
        'window of mean 2: variance / mean',
        'window of mean 2: Gini',
        'year: variance / mean',
        'year: Gini of orders',
        'year: negative binomial r',
        'BG/NBD r',
        'same customer, same spending',
        'gap: correlation with the one before',
        'later lines that repeat a product',
    }
    assert not found & {f.name for f in FACTS.values() if f.group in (R._prices, R._selling, R._clock)}


def test_strangers_baskets_are_found(shop, rng):
    "Orders go to other customers, who buy as often as before: spending and favourites are no longer theirs."
    o = shop['orders']
    assert {'same customer, same spending', 'later lines that repeat a product'} <= missed(
        shop, orders=o.assign(customer_id=rng.permutation(o.customer_id))
    )


@pytest.mark.parametrize(
    'change, found',
    [
        (
            lambda l, r: l.assign(product_id=r.integers(1, 601, len(l))),
            {
                'lines per product: Gini',
                'lines of the top 20%',
                'best product',
                'significant pairs / those in shuffled baskets',
            },
        ),
        (
            lambda l, r: l.assign(product_id=r.permutation(l.product_id)),
            {'later lines that repeat a product', 'significant pairs / those in shuffled baskets'},
        ),
        (lambda l, r: l.assign(quantity=r.integers(1, 6, len(l))), {'quantity: share of 1', 'quantity: mean'}),
        (
            lambda l, r: l.assign(unit_price_cents=l.product_id * 97 % 7000 + 301),
            {'prices: ten commonest endings', 'products sold at more than one price'},
        ),
        (
            lambda l, r: l.assign(unit_price_cents=l.groupby('product_id').unit_price_cents.transform('first')),
            {'products sold at more than one price'},
        ),
        (lambda l, r: l[l.line_number == 1], {'orders with one line'}),
    ],
    ids=[
        'uniform products',
        'dealt products',
        'uniform quantities',
        'no price points',
        'prices that never move',
        'one line',
    ],
)
def test_faults_in_lines_are_found(shop, rng, change, found):
    assert found <= missed(shop, order_items=change(shop['order_items'], rng).assign(discount_cents=0))


@pytest.mark.parametrize(
    'change, found',
    [
        (
            lambda t, r: t.dt.floor('D') + pd.to_timedelta(r.integers(0, 86400, len(t)), 's'),
            {'hours: entropy / that of a flat day', 'orders from 0 to 6 h'},
        ),
        (lambda t, r: t.dt.floor('D') + pd.Timedelta(hours=12), {'hours: entropy / that of a flat day'}),
        (
            lambda t, r: (
                pd.Timestamp('2025-01-01') + pd.to_timedelta(r.integers(0, 365, len(t)), 'D') + (t - t.dt.floor('D'))
            ),
            {
                'weekday index: sd',
                'daily rate: CV',
                'months: CV',
                'months: peak / mean',
                'daily orders: correlation a week apart',
            },
        ),
    ],
    ids=['flat hours', 'noon', 'flat year'],
)
def test_faults_in_times_are_found(shop, rng, change, found):
    o = shop['orders']
    assert found <= missed(shop, orders=o.assign(ordered_at=change(o.ordered_at, rng)))


def test_faults_outside_the_frame_are_found(shop):
    p, l, o = shop['payments'], shop['order_items'], shop['orders']

    def out(**t):
        c = scorecard(shop | t).outside
        return set(c[~c.in_band.fillna(True)].fact)

    assert {'first method', 'last method'} & out(
        payments=p.assign(method=np.resize(['card', 'wallet', 'invoice', 'bank_transfer'], len(p)))
    )
    assert {'attempts that fail', 'tried again after a decline'} & out(
        payments=p.assign(attempts=p.attempts.clip(upper=1))
    )
    assert 'lines returned' in out(order_items=l.assign(returned_quantity=0))
    assert 'fashion returns / mean of the other categories' in out(
        order_items=l.assign(returned_quantity=(np.arange(len(l)) % 12 == 0).astype(int))
    )
    assert 'orders cancelled' in out(orders=o.assign(status=o.status.where(np.arange(len(o)) % 8 > 0, 'cancelled')))
    assert 'delivery time: log-sd' in out(
        orders=o.assign(delivered_at=(o.ordered_at + pd.Timedelta(days=3)).where(o.delivered_at.notna()))
    )
    assert {'first region', 'first city'} <= out(customers=shop['customers'].assign(region='A', city='B', country='DE'))


# --- sources

def test_every_source_of_a_shop_gives_the_same(tmp_path):
    s = Settings(seed=9, orders=600, order_items=1500, customers=300, products=120)
    write_tables(s, tmp_path / 'run' / 'tables')
    write_tables(s, tmp_path / 'csv', format='csv')
    card = scorecard(tables(s))
    for source in Shop(s), tmp_path / 'run', str(tmp_path / 'run' / 'tables'), tmp_path / 'csv':
        c = scorecard(source)
        pd.testing.assert_frame_equal(c.frame, card.frame)
        pd.testing.assert_frame_equal(c.outside, card.outside)


def test_two_tables_are_enough(shop, card):
    c = scorecard({n: shop[n] for n in ('orders', 'order_items')})
    assert c.outside is None
    assert c.frame.value.notna().all()


@pytest.mark.parametrize('ending', ['csv', 'parquet'])
def test_own_orders(tmp_path, own, card, ending):
    path = tmp_path / f'own.{ending}'
    own.to_csv(path, index=False) if ending == 'csv' else own.to_parquet(path)
    got, want = values(scorecard(path, products=600, **COLUMNS)), values(card)
    money = [
        'year: Gini of revenue',
        'same customer, same spending',
        'order value: log-sd',
    ] # without the campaigns' discounts
    by_chance = [f for f in FACTS if 'shuffled' in f or 'repeat' in f]
    pd.testing.assert_series_equal(got.drop(money + by_chance), want.drop(money + by_chance), rtol=1e-6)
    np.testing.assert_allclose(got[money], want[money], rtol=0.1)


def test_own_orders_with_plain_names_and_cents(own):
    plain = own.rename(columns={v: k for k, v in COLUMNS.items()})
    in_cents = plain.assign(price=(plain.price * 100).round().astype(int))
    same(content(in_cents, cents=True), content(plain))
    assert values(scorecard(in_cents.head(600), cents=True))['orders with one line'] > 0


def test_lines_that_are_no_sales_are_left_out_and_counted(own):
    more = pd.concat(
        [
            own,
            own.head(5).assign(Quantity=-1),
            own.head(7).assign(**{'Customer ID': None, 'Invoice': 'B1'}),
            own.head(3).assign(Price=0),
        ]
    )
    same(content(more, **COLUMNS), content(own, **COLUMNS))
    card = repr(scorecard(pd.concat([more.head(600), more.tail(15)]), **COLUMNS))
    for said in (
        "7 lines have no customer (column 'Customer ID')",
        "5 lines have no positive quantity (column 'Quantity')",
        "3 lines have no positive price (column 'Price')",
    ):
        assert f'{said} and were left out.' in card


@pytest.mark.parametrize('change, given, says', [
    (lambda o: o.drop(columns='Price'), COLUMNS, 'no column Price'),
    (lambda o: o, {}, "customer='CustomerID'"),
    (lambda o: o, COLUMNS | dict(colour='red'), 'no role'),
    (lambda o: o.head(20), COLUMNS, 'too few'),
    (lambda o: o.head(0), COLUMNS, 'too few'),
    (lambda o: o.astype({'Quantity': object}).assign(Quantity='two'), COLUMNS, "'two' is not a number"),
    (lambda o: o.assign(InvoiceDate='yesterday-ish'), COLUMNS, 'is not a time'),
], ids=['a column short', 'other names', 'unknown role', 'few', 'none', 'words', 'no times'])
def test_what_is_wrong_with_own_orders_is_told_in_two_lines(own, change, given, says):
    with pytest.raises(ShopError) as e: scorecard(change(own), **given)
    assert says in str(e.value)
    assert len(str(e.value).splitlines()) == 2


@pytest.mark.parametrize('name, text', [('none.csv', None), ('broken.parquet', 'no parquet'), ('empty.csv', '')])
def test_files_that_cannot_be_read(tmp_path, name, text):
    if text is not None: (tmp_path / name).write_text(text)
    with pytest.raises(ShopError) as e: scorecard(tmp_path / name)
    assert len(str(e.value).splitlines()) == 2


def test_a_dictionary_without_orders():
    with pytest.raises(ShopError, match='no table orders'): scorecard({'customers': pd.DataFrame()})


# --- own orders, written in many ways: the facts are those of the same lines in a frame

@pytest.fixture(scope='module')
def lines():
    "Order lines of a small shop, as the guide takes them, with prices in euro"
    sql = '''select o.customer_id customer, o.order_id "order", o.ordered_at time, i.product_id product, i.quantity, i.unit_price_cents / 100 price
             from orders o join order_items i using (order_id)'''
    return Shop(seed=9, orders=600, order_items=1500, customers=300, products=120).sql(sql)


@pytest.fixture(scope='module')
def plain(lines):
    c = scorecard(lines)
    assert c.in_band == 28
    assert c.sizes['orders'] == 600
    assert c.sizes['products'] == 107
    assert len(c.notes) == 2
    return c.frame


def content(source, **how):
    "The lines that are read, whatever their codes are called; two that are equal have the same card"
    read, _ = read_lines(source, **how)
    return read.assign(**{role: pd.factorize(read[role])[0] for role in ('customer', 'order', 'product')})


def same(a, b): pd.testing.assert_frame_equal(a, b)


def test_lines_of_a_file_give_the_card_of_the_frame(tmp_path, lines, plain):
    lines.to_csv(tmp_path / 'own.csv', index=False)
    same(scorecard(tmp_path / 'own.csv').frame, plain)


def written(form): return lambda l: l.assign(time=l.time.dt.strftime(form))


def fractions(l): return l.assign(time=[t.isoformat(' ') + ('.500000' if i % 3 else '') for i, t in enumerate(l.time)])


def two_offsets(l):
    return l.assign(time=[t.isoformat(' ') + (' +0100' if i % 3 else ' +0200') for i, t in enumerate(l.time)])


def aware(l):
    return l.assign(
        time=pd.Series(
            [t.to_pydatetime().replace(tzinfo=timezone(timedelta(hours=i % 3))) for i, t in enumerate(l.time)],
            dtype=object,
        )
    )


def test_one_instant_on_two_clocks():
    times = [datetime(2025, 1, 31, 10 + h, tzinfo=timezone(timedelta(hours=h))) for h in (1, 2)]
    got, _ = read_lines(
        pd.DataFrame(
            dict(customer=1, order=[1, 2], time=pd.Series(times, dtype=object), product=1, quantity=1, price=1)
        )
    )
    assert list(got.time.dt.hour) == [11, 12]


def on_first_lines(l, *roles):
    later = l['order'].duplicated()
    return l.astype(object).assign(**{r: l[r].astype(str).where(~later, None) for r in roles})


TIMES = {
    f: written(f)
    for f in (
        '%Y-%m-%dT%H:%M:%S',
        '%Y-%m-%d %H:%M:%S.%f',
        '%Y-%m-%dT%H:%M:%SZ',
        '%Y-%m-%dT%H:%M:%S+02:00',
        '%d/%m/%Y %H:%M:%S',
        '%m/%d/%Y %H:%M:%S',
        '%d-%m-%Y %H:%M:%S',
        '%d.%m.%Y %H:%M:%S',
        '%Y/%m/%d %H:%M:%S',
        '%m/%d/%Y %I:%M:%S %p',
        '%d %b %Y %H:%M:%S',
        '%b %d, %Y %I:%M:%S %p',
        '%a, %d %b %Y %H:%M:%S +0000',
        '%a %b %d %H:%M:%S %Y',
        '%Y%m%dT%H%M%S',
        '%d-%b-%y %I.%M.%S.000000 %p',
    )
} | dict(
    fractions=fractions,
    two_offsets=two_offsets,
    aware=aware,
    period=lambda l: l.assign(time=l.time.dt.to_period('s')),
    zone=lambda l: l.assign(time=l.time.dt.tz_localize('UTC')),
    objects=lambda l: l.assign(time=l.time.astype(object)),
)
OTHERS = dict(
    text=lambda l: l.astype(str),
    objects=lambda l: l.astype(object),
    nullable=lambda l: l.convert_dtypes(),
    category=lambda l: l.astype(str).astype('category'),
    float_ids=lambda l: l.astype(dict(customer=float, order=float, product=float)),
    index=lambda l: l.set_index(['order', 'product']),
    zeros=lambda l: l.assign(product=l['product'].astype(str).str.zfill(5)),
    blanks=lambda l: l.assign(product=l['product'].astype(str) + '  '),
    long_ids=lambda l: l.assign(order=[str(10**17 + i) for i in pd.factorize(l['order'])[0]]),
    euro=lambda l: l.assign(price=[f'€ {p:,.2f}' for p in l.price]),
    comma=lambda l: l.assign(price=[f'{p:.2f}'.replace('.', ',') for p in l.price]),
    shopify=lambda l: on_first_lines(l, 'customer', 'time'),
    only_customer=lambda l: on_first_lines(l, 'customer'),
    only_time=lambda l: on_first_lines(l, 'time'),
) | {
    code: lambda l, code=code: l.assign(product=l['product'].astype(str).replace('55', code))
    for code in ('NA', 'null', 'None', 'nan', 'TRUE', '#N/A', '-')
}


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('change', [*TIMES.values(), *OTHERS.values()], ids=[*TIMES, *OTHERS])
def test_own_orders_in_other_words(tmp_path, lines, change):
    frame, path = change(lines), tmp_path / 'own.csv'
    frame.reset_index().to_csv(path, index=False)
    for source in frame, path: same(content(source), content(lines))


@pytest.mark.parametrize(
    'how',
    [
        dict(sep=';', decimal=','),
        dict(sep='\t'),
        dict(sep='|'),
        dict(encoding='utf-8-sig'),
        dict(encoding='utf-16'),
        dict(encoding='cp1252'),
        dict(compression='gzip'),
        dict(compression='zip'),
        dict(compression='xz'),
        dict(lineterminator='\r', quoting=1),
    ],
    ids=str,
)
def test_own_orders_in_other_files(tmp_path, lines, how):
    path = tmp_path / 'own.csv'
    lines.assign(product='Tüte\n' + lines['product'].astype(str)).to_csv(path, index=False, **how)
    same(content(path), content(lines))
    assert ('Windows-1252' in ' '.join(read_lines(path)[1])) == (how.get('encoding') == 'cp1252')


@pytest.mark.parametrize('unit', ['s', 'ms', 'us', 'ns'])
@pytest.mark.parametrize('zone', [None, 'UTC'])
def test_own_orders_in_parquet(tmp_path, lines, unit, zone):
    import pyarrow as pa, pyarrow.parquet as pq

    t = pa.Table.from_pandas(lines, preserve_index=False)
    t = t.set_column(2, 'time', t['time'].cast(pa.timestamp(unit, tz=zone)))
    folder = tmp_path / 'order=1'
    folder.mkdir()
    pq.write_table(t.slice(0, 700), folder / 'a.parquet')
    pq.write_table(t.slice(700), folder / 'b.parquet')
    (folder / '_SUCCESS').touch()
    for source in t, folder: same(content(source), content(lines))


def test_long_ids_beside_an_empty_one(tmp_path, lines):
    f = lines.assign(order=pd.array(10**17 + pd.factorize(lines['order'])[0], dtype='Int64'))
    f.loc[3, 'order'] = pd.NA
    f.to_csv(tmp_path / 'own.csv', index=False)
    f.to_parquet(tmp_path / 'own.parquet')
    for source in f, tmp_path / 'own.csv', tmp_path / 'own.parquet':
        c = scorecard(source)
        assert c.sizes['orders'] == 600
        assert '1 line has no order' in repr(c)
    with pytest.raises(ShopError, match='lost digits'): scorecard(f.astype({'order': float}))


@pytest.mark.parametrize('role, value', [('customer', 999999), ('time', pd.Timestamp('2025-12-24'))])
def test_an_order_that_names_two(lines, role, value):
    f, i = lines.copy(), lines.index[lines['order'].duplicated()][0]
    f.loc[i, role] = value
    same(content(f), content(lines))
    assert read_lines(f)[1].count(f'1 order has more than one {role}; the first counts.') == 1


def early(l): return l[l.time.dt.day <= 12]


def test_day_or_month_first_is_asked_for(lines):
    f = early(lines)
    for first, form in ((True, '%d/%m/%Y %H:%M:%S'), (False, '%m/%d/%Y %H:%M:%S')):
        with pytest.raises(ShopError, match='Give dayfirst=True or dayfirst=False'): read_lines(written(form)(f))
        same(content(written(form)(f), dayfirst=first), content(f))
    assert 'read day first' in ' '.join(read_lines(written('%d/%m/%Y')(lines))[1])


def one(role, value, at=5):
    def change(l):
        f = l.astype({role: object})
        f.loc[at, role] = value
        return f

    return change


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(
    'change, says',
    [
        (lambda l: l.assign(time=l.time.astype('datetime64[s]').astype('int64')), "unit='s'"),
        (lambda l: l.assign(time=l.time.astype('datetime64[ms]').astype('int64').astype(str)), "unit='ms'"),
        (lambda l: l.assign(time=45000.5), "origin='1899-12-30'"),
        (one('time', 'NA'), "'NA' is not a time (one such value, in row 5)"),
        (lambda l: one('time', '2025-01-02')(written('%d/%m/%Y')(l)), 'two ways'),
        (one('time', pd.Timestamp('1903-01-01')), '1970 to 2199'),
        (one('price', np.inf), 'inf is not a number'),
        (one('price', 1e300), 'too large'),
        (one('price', 'NA'), "'NA' is not a number"),
        (one('price', True), 'True is not a number'),
        (lambda l: l.assign(price=[f"{'$' if i else '€'} 5" for i in range(len(l))]), 'different currencies'),
        (lambda l: l.assign(price='1,234'), 'thousands or decimals'),
        (lambda l: l.assign(price=['9,50', *['9.50'] * (len(l) - 1)]), 'different decimal marks'),
        (lambda l: l.assign(product=[[1, 2]] * len(l)), 'is not a code'),
        (lambda l: pd.concat([l, l[['price']]], axis=1), "'price' appears twice"),
        (lambda l: l.assign(**{'price.1': 1}), "'price' appears twice"),
        (lambda l: l.assign(product=None), '1,500 lines have no product'),
        (lambda l: l.assign(customer=''), '1,500 lines have no customer'),
        (lambda l: l.assign(price=0), '1,500 lines have no positive price'),
        (lambda l: l.head(0), 'There are no order lines'),
    ],
)
def test_own_orders_that_are_refused(lines, change, says):
    with pytest.raises(ShopError) as e: scorecard(change(lines))
    assert says in str(e.value)
    assert len(str(e.value).splitlines()) == 2


@pytest.mark.parametrize(
    'given, says',
    [
        (dict(dayfirst='yes'), 'dayfirst'),
        (dict(cents='no'), 'cents'),
        (dict(products='600'), 'products'),
        (dict(products=0), 'products'),
        (dict(decimal='comma'), 'decimal'),
        (dict(customer='order'), 'customer and order'),
    ],
)
def test_calls_that_cannot_be(lines, given, says):
    with pytest.raises(ShopError, match=says) as e: scorecard(lines, **given)
    assert e.value.code == 2


@pytest.mark.parametrize(
    'more, says',
    [
        ('a"b,"c"d,2\n', "line 1502: ',' expected"),
        ('1,2,3,4,5,6,7\n', 'line 1502: 7 fields'),
        ('1,2,x,4,5,6\n', "'x' is not a time (one such value, in line 1502)"),
    ],
)
def test_lines_of_a_file_that_are_refused(tmp_path, lines, more, says):
    (tmp_path / 'own.csv').write_text(lines.to_csv(index=False) + more)
    with pytest.raises(ShopError) as e: scorecard(tmp_path / 'own.csv')
    assert says in str(e.value)


# --- own orders as other programs leave them

def part(folder, name, **columns):
    "A file of three lines, of which some columns are written differently"
    values = dict(
        customer=['1', '2', '3'],
        order=['11', '12', '13'],
        time='2025-01-31 10:00',
        product=['5', '6', '7'],
        quantity='1',
        price='9.50',
    )
    pd.DataFrame(values | columns).to_csv(folder / name, index=False)


def test_codes_that_one_part_has_as_floats(tmp_path):
    "A gap in a column makes pandas write 12 as 12.0, and another part has no gap"
    part(tmp_path, 'a.csv')
    part(tmp_path, 'b.csv', customer=['1.0', '2.0', ''], order=['21.0', '22.0', '23.0'], product=['5.0', '7.0', '8.0'])
    read, notes = read_lines(tmp_path)
    assert list(read.customer) == ['1', '2', '3', '1', '2']
    assert set(read['product']) == {'5', '6', '7'}
    assert notes == ['1 line has no customer and was left out.']
    part(tmp_path, 'b.csv', order=['21', '22', '23'], product=['5.0', '5.5', '6.0'])
    assert list(read_lines(tmp_path)[0]['product']) == [
        '5',
        '6',
        '7',
        '5.0',
        '5.5',
        '6.0',
    ] # the point is part of a code


@pytest.mark.parametrize('code', ['1.23457E+11', '1,23457E+11', '1e+17', '9100000000000001.0'])
def test_codes_that_a_program_has_cut_are_refused(tmp_path, code):
    part(tmp_path, 'a.csv', order=[code, '12', '13'])
    with pytest.raises(ShopError, match=r'order: .* has lost digits \(one such value, in line 2\)'):
        read_lines(tmp_path / 'a.csv')


@pytest.mark.parametrize(
    'prices',
    [
        ['€4.50', '4.50 EUR', 'EUR 4.50'],
        ['$4.50', 'USD 4.50', 'US$ 4.50'],
        ['$4.50', '4.50 CAD', '4.50'],
        ['4.50 kr', 'SEK 4.50', '4.50'],
        ['kr. 4.50', '4.50 kr', '4.50'],
    ],
)
def test_one_currency_in_several_spellings(tmp_path, prices):
    part(tmp_path, 'a.csv', price=prices)
    assert list(read_lines(tmp_path / 'a.csv')[0].price) == [450] * 3


@pytest.mark.parametrize(
    'prices',
    [['€4.50', '4.50 USD', '1'], ['$4.50', 'USD 4.50', '4.50 CAD'], ['£1', '¥1', '1'], ['4.50 EUR', '4.50 kr', '1']],
)
def test_two_currencies_are_refused(tmp_path, prices):
    part(tmp_path, 'a.csv', price=prices)
    with pytest.raises(ShopError, match='are in different currencies'): read_lines(tmp_path / 'a.csv')


def test_a_decimal_mark_that_nothing_shows_is_asked_for(tmp_path):
    part(tmp_path, 'a.csv', price=['1.000', '2.500', '7'])
    with pytest.raises(ShopError, match="Give decimal='.' or decimal=','"): read_lines(tmp_path / 'a.csv')
    assert list(read_lines(tmp_path / 'a.csv', decimal=',')[0].price) == [100_000, 250_000, 700]
    assert list(read_lines(tmp_path / 'a.csv', decimal='.')[0].price) == [100, 250, 700]
    part(tmp_path, 'a.csv', price=['1.000', '2.5', '7'])
    with pytest.raises(ShopError, match="price: '2.5' does not have ',' as its decimal mark"):
        read_lines(tmp_path / 'a.csv', decimal=',')


def test_a_folder_of_own_orders(tmp_path):
    "What is not data is left out with a word, what cannot be read is named."
    part(tmp_path, 'a.csv')
    part(tmp_path, 'b.txt', order=['21', '22', '23'])
    (tmp_path / 'README.txt').write_text('The orders of 2025.')
    for name in 'Thumbs.db', '_SUCCESS', '.DS_Store': (tmp_path / name).write_bytes(b'\0\5 left')
    read, notes = read_lines(tmp_path)
    assert list(read['order']) == ['11', '12', '13', '21', '22', '23']
    assert notes == [
        'README.txt has no order lines and was left out.',
        'Thumbs.db has no order lines and was left out.',
    ]
    for name, content, says in (
        ('c.parquet', b'PAR1 cut', 'cannot be read: '),
        ('d.csv', b'a,b\n1,2\n', 'have no column customer'),
        ('e.csv', b'', 'have no column'),
        ('f.csv.gz', b'\x1f\x8b cut', 'cannot be read: '),
        ('g.xlsx', b'PK\3\4 cut', 'cannot be read: '),
        ('sub/h.json', b'{}', 'is JSON'),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ShopError, match=says) as e: read_lines(tmp_path)
        assert name in str(e.value)
        assert len(str(e.value).splitlines()) == 2
        (tmp_path / name).unlink()


@pytest.mark.parametrize('first', ['\n', '\r\n\r\n', ',,,,,\n', ' \n', '\ufeff\n'])
def test_blank_lines_before_the_header(tmp_path, first):
    part(tmp_path, 'a.csv')
    text = (tmp_path / 'a.csv').read_text()
    (tmp_path / 'a.csv').write_text(first + text.replace('9.50', 'free', 1), newline='')
    with pytest.raises(ShopError, match=f'in line {3 + (len(first) == 4)}'): read_lines(tmp_path / 'a.csv')
    (tmp_path / 'a.csv').write_text(first + text, newline='')
    assert len(read_lines(tmp_path / 'a.csv')[0]) == 3


def test_names_and_codes_of_blanks_alone(tmp_path):
    part(tmp_path, 'a.csv', product=['5', '\u3000\xa0\u200b', '7'])
    read, notes = read_lines(tmp_path / 'a.csv')
    assert list(read['product']) == ['5', '7']
    assert notes == ['1 line has no product and was left out.']
    with pytest.raises(ShopError, match='The column of customer has no name') as e:
        read_lines(tmp_path / 'a.csv', customer='\u2003 ')
    assert e.value.code == 2


@pytest.mark.parametrize('name', ['Customer', 'customer id', 'customers', 'CUSTOMER_ID'])
def test_a_column_of_nearly_that_name_is_told(tmp_path, name):
    part(tmp_path, 'a.csv')
    frame = pd.read_csv(tmp_path / 'a.csv', dtype=str).rename(columns=dict(customer=name))
    with pytest.raises(ShopError, match=f"Did you mean '{name}'"): read_lines(frame)


def test_what_a_file_repeats_or_leaves_empty(tmp_path, lines):
    (tmp_path / 'own.csv').write_text('sep=,\n' + lines.to_csv(index=False) + ','.join(lines) + '\n\n,,,,,\n')
    same(content(tmp_path / 'own.csv'), content(lines))
    assert read_lines(tmp_path / 'own.csv')[1] == [
        '1 line repeats the header and was left out.',
        '1 line has no order and was left out.',
    ]


def test_the_column_that_is_the_reason_is_named_once_and_is_no_markup(lines):
    name = '<b>sku</b>'
    c = scorecard(
        lines.assign(product=lines['product'].where(lines['product'] != 55)).rename(columns=dict(product=name)),
        product=name,
    )
    said = "67 lines have no product (column '<b>sku</b>') and were left out."
    assert repr(c).count(said) == 1
    assert c._repr_html_().count('67 lines') == 1
    assert name not in c._repr_html_()


@pytest.mark.parametrize(
    'source',
    [None, 5, [], {}, b'x', '', 'no such file', 'x' * 5000, '\0', pd.DataFrame()],
    ids=lambda s: str(s)[:12].strip('\0') or type(s).__name__,
)
def test_what_is_no_source(source):
    with pytest.raises(ShopError) as e: scorecard(source)
    assert len(str(e.value).splitlines()) == 2


ODD = st.sampled_from(
    [
        None,
        np.nan,
        pd.NaT,
        pd.NA,
        '',
        'NA',
        0,
        -1,
        1.5,
        1e300,
        np.inf,
        -np.inf,
        10**30,
        True,
        'x',
        '1,5',
        '1.234',
        '€5',
        b'\xff',
        date(2025, 1, 1),
        datetime(1, 1, 1),
        datetime(9999, 12, 31),
        time(5),
        timedelta(1),
        Decimal('1.5'),
        Decimal('sNaN'),
        [1],
        (1, 2),
        {1: 2},
        np.array([1, 2]),
        1 + 2j,
        pd.Timestamp('2025-01-01', tz='UTC'),
        pd.Period('2025-01'),
        '13/01/2025',
        '\x00',
        '\ud800',
        '\n\n',
        object(),
    ]
)


@pytest.mark.filterwarnings('error')
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_odd_values_give_a_card_or_a_sentence(lines, data):
    f = lines.head(data.draw(st.sampled_from([0, 1, 400]))).copy()
    for role in data.draw(st.lists(st.sampled_from(list(f)), min_size=1, max_size=3, unique=True)):
        column = f[role].to_numpy(dtype=object).copy()
        odd = data.draw(ODD)
        for i in range(0, len(column), data.draw(st.sampled_from([1, 2, 150]))): column[i] = odd
        f[role] = pd.Series(column, f.index, dtype=object)
    try: c = scorecard(f)
    except ShopError as e: assert len(str(e).splitlines()) <= 2
    else: assert repr(c) and c._repr_html_()


@pytest.mark.parametrize(
    'table, change, says',
    [
        ('orders', lambda t: t.drop(columns='status'), 'orders has no column status'),
        ('orders', lambda t: t.set_index('order_id'), 'orders has no column order_id'),
        ('orders', lambda t: t.assign(ordered_at='soon'), 'orders.ordered_at has the type object'),
        ('order_items', lambda t: t.assign(quantity=np.nan), 'order_items.quantity is empty'),
        ('orders', lambda t: pd.concat([t, t]), 'orders has an order_id twice'),
        ('orders', lambda t: t.assign(status='cancelled'), '0 finished orders'),
        ('order_items', lambda t: t.head(0), '0 finished orders'),
        ('orders', lambda t: None, 'orders is no table'),
    ],
)
def test_tables_that_hold_no_sales(shop, table, change, says):
    with pytest.raises(ShopError, match=says): scorecard(shop | {table: change(shop[table])})


# --- what cannot be measured, and other sizes

def test_what_is_not_there_is_not_measured(own):
    few = own[own.InvoiceDate < '2025-03-01'].assign(InvoiceDate=lambda o: o.InvoiceDate.dt.floor('D'))
    c = scorecard(few, **COLUMNS)
    f = c.frame.set_index('fact')
    for name in (
        'hours: entropy / that of a flat day',
        'orders from 0 to 6 h',
        'month-6 return / month-1 return',
        'months: CV',
    ):
        assert np.isnan(f.value[name])
        assert f.in_band[name] is pd.NA
        assert f.note[name].startswith('not measured: ')
    assert 'not measured' in repr(c)
    assert c._repr_html_()


def test_one_line_orders_of_one_time_buyers(rng):
    "A marketplace: nobody comes again, one line per order, one price. The card shows what it can."
    n = 400
    c = scorecard(
        pd.DataFrame(
            dict(
                customer=range(n),
                order=range(n),
                time=pd.Timestamp('2025-01-01') + pd.to_timedelta(rng.integers(0, 364 * 86400, n), 's'),
                product=range(n),
                quantity=1,
                price=9.99,
            )
        )
    )
    f = c.frame.set_index('fact')
    assert f.in_band['year: variance / mean'] is pd.NA
    assert f.in_band['BG/NBD r'] is pd.NA
    assert not f.in_band['orders with one line']
    assert np.isnan(f.value['prices: KS distance from log-normal'])


def test_another_size_is_told():
    c = scorecard(tables(Settings(customers=8000, orders=16000, order_items=40000)))
    assert c.off == ['orders', 'lines']
    assert '4,000 orders (here 14' in repr(c)
    f = c.frame.set_index('fact')
    assert f.note['lines per product: Gini'] == 'the band is for 10,000 lines'
    assert not f.note['quantity: mean']


def test_no_scipy():
    import subprocess, sys

    code = "import sys; sys.modules['scipy'] = None; from shop_nb.realism.scorecard import scorecard; from shop_nb.generator.blocks import tables; from shop_nb.core.settings import Settings; scorecard(tables(Settings(orders=600, order_items=1500, customers=300, products=120)))"
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0
