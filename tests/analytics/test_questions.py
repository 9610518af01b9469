"Questions and charts: both sources agree, and pandas, which knows nothing of the SQL, agrees with them."
import datetime as dt, re, signal, sqlite3, subprocess, sys, threading, time
from itertools import combinations

import numpy as np, pandas as pd, pyarrow as pa, pyarrow.parquet as pq, pytest
from fastcore.docments import docments

from shop_nb.analytics.questions import PARAMS, QUESTIONS, Answer, analysis_sql, ask, label_of, unit_of
from shop_nb.analytics.connect import connect, fetch
from shop_nb.reporting.charts import BUILDERS, THEMES, plot, png, svg
from shop_nb.core.numbers import short
from shop_nb.generator.blocks import tables, write_tables
from shop_nb.realism.facts import fact
from shop_nb.model.schema import TABLES
from shop_nb.model.dialects import create_tables
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.shop.shop import Shop

NAMES = '''monthly_revenue daily_revenue revenue_by_category revenue_by_country top_products top_customers order_status
payment_methods payment_failures returns_by_category basket_size new_vs_returning repeat_rate cohort_retention
rfm_segments customer_lifetime_value product_pareto product_pairs hour_weekday delivery_times discount_effect
lapsed_customers'''.split()
SALE = ['paid', 'shipped', 'delivered', 'returned']

# ------------------------------------------------------------------ the shop, three ways
@pytest.fixture(scope='session')
def shop(): return tables(Settings())

@pytest.fixture(scope='session')
def run(shop, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run o'clock [1]") # a name that SQL and globs would trip over
    (folder / 'tables').mkdir()
    for name, t in shop.items():
        if name != 'orders':
            pq.write_table(t, folder / 'tables' / f'{name}.parquet')
            continue
        (folder / 'tables/orders.parquet').mkdir()
        for i in range(3):
            pq.write_table(t.slice(i * 1500, 1500), folder / f'tables/orders.parquet/part-{i}.parquet')
    return folder

@pytest.fixture(scope='session')
def db(shop, tmp_path_factory):
    path = tmp_path_factory.mktemp('db') / 'shop.db'
    con = sqlite3.connect(path)
    for sql in create_tables('sqlite'): con.execute(sql)
    for name, t in shop.items():
        for c, f in enumerate(t.schema):
            if pa.types.is_temporal(f.type):
                text = (
                    t.column(c).cast(pa.timestamp('s')).to_pylist()
                    if pa.types.is_timestamp(f.type)
                    else t.column(c).to_pylist()
                )
                t = t.set_column(c, f.name, pa.array([None if v is None else str(v) for v in text], pa.string()))
        con.executemany(f"insert into {name} values ({', '.join('?' * t.num_columns)})", zip(*t.to_pydict().values()))
    con.commit()
    con.close()
    return path

@pytest.fixture(scope='session')
def con(run): return connect(run)

@pytest.fixture(scope='session')
def raw(shop):
    "Frames with the few columns that pandas needs, made without the views"
    f = {n: t.to_pandas(date_as_object=False) for n, t in shop.items()}
    i, o = f['order_items'], f['orders']
    i['line'] = i.quantity * i.unit_price_cents - i.discount_cents
    g = i.groupby('order_id').agg(goods=('line', 'sum'), units=('quantity', 'sum'), lines=('line', 'size'))
    o = f['orders'] = o.merge(g, left_on='order_id', right_index=True).merge(
        f['payments'].drop(columns='status'), on='order_id'
    )
    o['day'], o['month'] = o.ordered_at.dt.normalize(), o.ordered_at.dt.to_period('M').dt.to_timestamp()
    o['sale'], o['revenue'] = o.status.isin(SALE), o.goods - o.discount_cents
    s = f['sales'] = o[o.sale].merge(f['customers'], on='customer_id').sort_values(['ordered_at', 'order_id'])
    s['number'] = s.groupby('customer_id').cumcount() + 1
    first = s[s.number == 1].set_index('customer_id')
    s['first_day'], s['cohort'] = s.customer_id.map(first.day), s.customer_id.map(first.month)
    s['new'] = s.signed_up_at.dt.normalize() >= o.day.min()
    lines = (
        i.merge(s[['order_id', 'goods', 'revenue', 'day', 'status']], on='order_id')
        .merge(f['products'], on='product_id')
        .sort_values('order_item_id')
    )
    upto = [int(v) for v in lines.groupby('order_id').line.cumsum()]
    at = lambda upto: [u * int(r) // int(g) for u, r, g in zip(upto, lines.revenue, lines.goods)]
    lines['cents'] = np.array(at(upto)) - np.array(at([u - int(l) for u, l in zip(upto, lines.line)]))
    f['lines'] = lines
    f['today'] = o.day.max()
    return f

def same(a, b):
    "Cell for cell, types too"
    pd.testing.assert_frame_equal(a.frame, b.frame, check_exact=True)

def close(name, con, want, **params):
    "The columns of `want` as the question has them, to the last rounded digit"
    got = ask(name, con, **params).frame
    assert len(got) == len(want), (len(got), len(want))
    for c in want:
        a, b = got[c].reset_index(drop=True), want[c].reset_index(drop=True)
        if unit_of(c) == 'money':
            assert np.allclose(a.astype(float), b.astype(float) / 100, atol=0.00501, equal_nan=True), c
        elif pd.api.types.is_float_dtype(b):
            assert np.allclose(a.astype(float), b, atol=0.0000501, equal_nan=True), c
        else:
            assert a.tolist() == b.tolist(), c

# ------------------------------------------------------------------ all questions, all sources
def test_there_are_the_22(): assert sorted(QUESTIONS) == sorted(NAMES)

@pytest.mark.parametrize('name', NAMES)
def test_sqlite_and_memory_say_what_parquet_says(name, con, db, shop):
    answer = ask(name, con)
    assert len(answer) > 0
    same(answer, ask(name, db))
    same(answer, ask(name, shop))

def test_order_of_rows_does_not_matter(con, shop):
    mixed = connect({n: t.take(pa.array(np.random.default_rng(1).permutation(t.num_rows))) for n, t in shop.items()})
    for name in NAMES: same(ask(name, con), ask(name, mixed))

def test_pandas_frames_are_a_source(con, shop):
    frames = {n: t.to_pandas() for n, t in shop.items()}
    same(ask('monthly_revenue', con), ask('monthly_revenue', frames))

@pytest.mark.parametrize('name', NAMES)
def test_style(name):
    q = QUESTIONS[name]
    assert q.grain.startswith('one row')
    assert q.title
    assert q.why.endswith('?')
    assert all(line.strip() for line in q.sql.splitlines())
    assert {'start', 'end'} <= set(q.params) <= set(PARAMS)
    assert 'order by' in q.sql.split(')')[-1] or 'order by' in q.sql.splitlines()[-1] + q.sql.splitlines()[-2]
    assert not re.search(r'\b(SELECT|FROM|WHERE|GROUP|ORDER)\b|current_date|now\(|random\(|avg\(', q.sql)

@pytest.mark.parametrize('name', NAMES)
def test_ratios_and_money_are_rounded(name, con):
    for c, v in ask(name, con).frame.select_dtypes('float').items():
        assert (v.dropna() == v.dropna().round(2 if unit_of(c) == 'money' else 4)).all(), c

def test_the_questions_agree_on_revenue(con, raw):
    total = raw['sales'].revenue.sum()
    for name in (
        'monthly_revenue',
        'daily_revenue',
        'revenue_by_category',
        'revenue_by_country',
        'product_pareto',
        'hour_weekday',
        'rfm_segments',
    ):
        assert round(ask(name, con).frame.revenue.sum() * 100) == total, name
    both = ask('new_vs_returning', con).frame
    assert round((both.new_revenue + both.returning_revenue).sum() * 100) == total

# ------------------------------------------------------------------ once more in pandas
def test_monthly_revenue(con, raw):
    g = (
        raw['sales']
        .groupby('month')
        .agg(
            orders=('order_id', 'size'), units=('units', 'sum'), revenue=('revenue', 'sum'),
            refunded_amount=('refunded_cents', 'sum')
        )
        .reset_index()
    )
    g['aov'], g['growth_rate'] = g.revenue / g.orders, g.revenue.pct_change()
    close('monthly_revenue', con, g)

def test_daily_revenue(con, raw):
    o = raw['orders']
    g = (
        raw['sales']
        .groupby('day')
        .revenue.agg(orders='size', revenue='sum')
        .reindex(pd.date_range(o.day.min(), o.day.max(), name='day'), fill_value=0)
    )
    g['mean_7d'] = g.revenue.rolling(7).mean()
    close('daily_revenue', con, g.reset_index())

def test_revenue_by_category(con, raw):
    l = raw['lines'].assign(margin=lambda d: d.cents - d.quantity * d.cost_cents)
    g = l.groupby('category').agg(
        orders=('order_id', 'nunique'), units=('quantity', 'sum'), revenue=('cents', 'sum'),
        margin=('margin', 'sum')
    )
    g['revenue_share'], g['margin_rate'] = g.revenue / g.revenue.sum(), g.margin / g.revenue
    close('revenue_by_category', con, g.sort_values('revenue', ascending=False).reset_index())

def test_revenue_by_country(con, raw):
    g = (
        raw['sales']
        .groupby('country')
        .agg(customers=('customer_id', 'nunique'), orders=('order_id', 'size'), revenue=('revenue', 'sum'))
        .reset_index()
    )
    g['aov'] = g.revenue / g.orders
    close('revenue_by_country', con, g.sort_values(['revenue', 'country'], ascending=[False, True]))

def test_top_products(con, raw):
    l = raw['lines'][lambda d: d.category == 'Home']
    g = (
        l.groupby(['product_id', 'name'])
        .agg(orders=('order_id', 'size'), units=('quantity', 'sum'), revenue=('cents', 'sum'))
        .reset_index()
    )
    close(
        'top_products', con, g.sort_values(['revenue', 'product_id'], ascending=[False, True]).head(5),
        category='Home', limit=5
    )

def test_top_customers(con, raw):
    g = (
        raw['sales']
        .groupby('customer_id')
        .agg(orders=('order_id', 'size'), revenue=('revenue', 'sum'), last_order_on=('day', 'max'))
        .reset_index()
    )
    close(
        'top_customers', con, g.sort_values(['revenue', 'customer_id'], ascending=[False, True]).head(25), limit=25
    )

def test_order_status(con, raw):
    g = (
        raw['orders']
        .groupby('status')
        .agg(orders=('order_id', 'size'), amount=('amount_cents', 'sum'))
        .reset_index()
    )
    g['share'] = g.orders / g.orders.sum()
    close('order_status', con, g.sort_values(['orders', 'status'], ascending=[False, True]))

def test_payment_methods_and_failures(con, raw):
    p = raw['orders'].merge(raw['payments'][['order_id', 'status']], on='order_id', suffixes=('', '_paid'))
    p['ok'], p['lost'] = ~p.status_paid.isin(['pending', 'failed']), p.amount_cents.where(p.status_paid == 'failed', 0)
    g = (
        p.assign(cents=p.amount_cents * p.ok)
        .groupby('method')
        .agg(payments=('ok', 'size'), captured_rate=('ok', 'mean'), captured_amount=('cents', 'sum'))
        .reset_index()
    )
    g['captured_share'] = g.captured_amount / g.captured_amount.sum()
    close('payment_methods', con, g.sort_values(['payments', 'method'], ascending=[False, True]))
    d = p[p.status_paid != 'pending'].assign(
        bad=lambda d: d.status_paid == 'failed', again=lambda d: d.attempts > 1, saved=lambda d: (d.attempts > 1) & d.ok
    )
    h = (
        d.groupby('method')
        .agg(
            payments=('bad', 'size'), failed=('bad', 'sum'), failure_rate=('bad', 'mean'), lost_amount=('lost', 'sum'),
            retried=('again', 'sum'), saved=('saved', 'sum')
        )
        .reset_index()
    )
    h['recovered_rate'] = h.pop('saved') / h.retried
    h['refused'] = 0
    close('payment_failures', con, h.sort_values(['failure_rate', 'method'], ascending=[False, True]))

def test_returns_by_category(con, raw):
    l = raw['lines'][lambda d: d.status.isin(['delivered', 'returned'])]
    g = (
        l.groupby('category')
        .agg(units=('quantity', 'sum'), returned_units=('returned_quantity', 'sum'), revenue=('cents', 'sum'))
        .reset_index()
    )
    g['return_rate'] = g.returned_units / g.units
    close('returns_by_category', con, g.sort_values(['return_rate', 'category'], ascending=[False, True]))
    back = (l.cents * l.returned_quantity / l.quantity).sum()
    returned = ask('returns_by_category', con).frame.returned_amount.sum() * 100
    assert abs(returned - back) < len(l) # a cent a line at most

def test_basket_size(con, raw):
    g = raw['sales'].groupby('lines').agg(orders=('order_id', 'size'), revenue=('revenue', 'sum'))
    g = g.reindex(range(1, g.index.max() + 1), fill_value=0)
    g['aov'], g['share'] = g.revenue / g.orders, g.orders / g.orders.sum()
    close('basket_size', con, g.drop(columns='revenue').reset_index())

def test_new_vs_returning(con, raw):
    s = raw['sales'].assign(first=lambda d: d.new & (d.number == 1))
    g = s.groupby('month').apply(
        lambda d: pd.Series(
            dict(
                new_orders=d['first'].sum(),
                returning_orders=(~d['first']).sum(),
                new_revenue=d.revenue[d['first']].sum(),
                returning_revenue=d.revenue[~d['first']].sum(),
            )
        ),
        include_groups=False,
    )
    close('new_vs_returning', con, g.reset_index())

def test_repeat_rate(con, raw):
    s, want = raw['sales'][lambda d: d.new], []
    second = s[s.number == 2].set_index('customer_id').day
    firsts = s[s.number == 1].set_index('customer_id').day
    for days in ask('repeat_rate', con).frame.days:
        base = firsts[firsts + pd.Timedelta(days=days) <= raw['today']]
        again = (second.reindex(base.index) - base).dt.days <= days
        want.append(dict(days=days, customers=len(base), repeated=int(again.sum()), repeat_rate=again.mean()))
    close('repeat_rate', con, pd.DataFrame(want))

def test_cohort_retention(con, raw):
    s = raw['sales'][lambda d: d.new]
    months = lambda d: d.dt.year * 12 + d.dt.month
    counts = s.assign(n=months(s.month) - months(s.cohort)).groupby(['cohort', 'n']).customer_id.nunique()
    want = [
        dict(
            cohort=c,
            month_number=n,
            cohort_size=counts[c, 0],
            customers=counts.get((c, n), 0),
            retention_rate=counts.get((c, n), 0) / counts[c, 0],
        )
        for c in sorted({c for c, _ in counts.index})
        for n in range((raw['today'].year - c.year) * 12 + raw['today'].month - c.month + 1)
    ]
    close('cohort_retention', con, pd.DataFrame(want))

def test_rfm_segments(con, raw):
    g = (
        raw['sales']
        .groupby('customer_id')
        .agg(day=('day', 'max'), orders=('order_id', 'size'), cents=('revenue', 'sum'))
    )
    g['recency'] = (raw['today'] - g.day).dt.days
    r = 5 - (g.recency.rank(method='min').astype(int) - 1) * 5 // len(g)
    f = 1 + (g.orders.rank(method='min').astype(int) - 1) * 5 // len(g)
    g['segment'] = np.select(
        [(r >= 4) & (f >= 4), (r >= 3) & (f >= 3), r >= 4, r == 3, f >= 3],
        ['champions', 'loyal', 'recent', 'needs attention', 'at risk'], 'hibernating'
    )
    h = (
        g.groupby('segment')
        .agg(customers=('cents', 'size'), revenue=('cents', 'sum'), mean_orders=('orders', 'mean'))
        .reset_index()
    )
    close('rfm_segments', con, h.sort_values(['revenue', 'segment'], ascending=[False, True]))

def test_product_pareto(con, raw):
    p = raw['products'][['product_id', 'launched_on']][lambda d: d.launched_on <= raw['today']]
    g = p.assign(revenue=p.product_id.map(raw['lines'].groupby('product_id').cents.sum()).fillna(0)).drop(
        columns='launched_on'
    )
    g = g.sort_values(['revenue', 'product_id'], ascending=[False, True])
    g['running_share'] = g.revenue.cumsum() / g.revenue.sum()
    close('product_pareto', con, g)
    a = ask('product_pareto', con).frame
    assert a['class'].is_monotonic_increasing
    assert 0.8 <= a.running_share[a['class'] == 'A'].max() < 0.83

def test_product_pairs(con, raw):
    baskets = raw['lines'].groupby('order_id').product_id.apply(sorted)
    together = pd.Series([p for b in baskets for p in combinations(b, 2)]).value_counts()
    bought = raw['lines'].product_id.value_counts()
    got = ask('product_pairs', con, limit=50).frame
    assert got.orders.tolist() == together.head(len(got)).tolist()
    for a, b, n, lift in got[['product_a_id', 'product_b_id', 'orders', 'lift']].itertuples(index=False):
        assert together[(a, b)] == n
        assert abs(lift - n * len(baskets) / (bought[a] * bought[b])) < 1e-4

def test_hour_weekday(con, raw):
    s = raw['sales']
    g = s.groupby([s.ordered_at.dt.dayofweek + 1, s.ordered_at.dt.hour]).revenue.agg(orders='size', revenue='sum')
    g = g.reindex(pd.MultiIndex.from_product([range(1, 8), range(24)], names=['weekday', 'hour']), fill_value=0)
    close('hour_weekday', con, g.reset_index())

def test_delivery_times(con, raw):
    o = raw['orders'].dropna(subset='delivered_at').merge(raw['customers'][['customer_id', 'country']])
    for params, d in (({}, o), (dict(country='de'), o[o.country == 'DE'])):
        days = (d.delivered_at.dt.normalize() - d.day).dt.days.value_counts()
        g = days.reindex(range(days.index.max() + 1), fill_value=0).rename_axis('days').reset_index(name='orders')
        g['arrived_share'] = g.orders.cumsum() / g.orders.sum()
        close('delivery_times', con, g, **params)

def test_lapsed_customers(con, raw):
    g = (
        raw['sales']
        .groupby('customer_id')
        .agg(orders=('order_id', 'size'), revenue=('revenue', 'sum'), last_order_on=('day', 'max'))
        .reset_index()
    )
    g['silent_days'] = (raw['today'] - g.last_order_on).dt.days
    g = (
        g[(g.silent_days >= 60) & (g.orders >= 3)]
        .sort_values(['revenue', 'customer_id'], ascending=[False, True])
        .head(30)
    )
    close('lapsed_customers', con, g, days=60, least=3, limit=30)

def test_customer_lifetime_value(con, raw):
    s = raw['sales'][lambda d: d.new].assign(n=lambda d: (d.day - d.first_day).dt.days // 30)
    whole = s.groupby('customer_id').first_day.first().map(lambda d: ((raw['today'] - d).days + 1) // 30)
    worth = 0
    for n, customers, got in (
        ask('customer_lifetime_value', con).frame[['month_number', 'customers', 'revenue']].itertuples(index=False)
    ):
        lived = whole[whole >= n].index
        worth += s[(s.n == n - 1) & s.customer_id.isin(lived)].revenue.sum() / len(lived)
        assert customers == len(lived)
        assert abs(worth / 100 - got) < 0.006

# ------------------------------------------------------------------ one SQL file for people
def test_analysis_sql_runs_as_it_is(run, con, monkeypatch):
    import duckdb

    monkeypatch.chdir(run)
    text, db, found = analysis_sql(), duckdb.connect(), []
    for s in db.extract_statements(text):
        if s.type == duckdb.StatementType.SELECT:
            found.append(db.sql(s.query).df())
        else:
            db.execute(s)
    for name, frame in zip(QUESTIONS, found, strict=True):
        want = ask(name, con).frame
        assert list(frame) == list(want), name
        assert len(frame) == len(want), name
        for c in want:
            assert [None if pd.isna(v) else v for v in frame[c]] == [None if pd.isna(v) else v for v in want[c]], (
                name,
                c,
            )
    for q in QUESTIONS.values():
        assert f'-- Grain: {q.grain}' in text

# ------------------------------------------------------------------ calls that are wrong
@pytest.mark.parametrize(
    'call, words, code',
    [
        (lambda s: ask('monthly_revenu', s), ["'monthly_revenu'", "Did you mean 'monthly_revenue'"], 2),
        (lambda s: ask('order_status', s, colour='red'), ["no parameter 'colour'", 'start, end'], 2),
        (lambda s: ask('top_products', s, limit=0), ['limit', 'whole number from 1'], 2),
        (lambda s: ask('top_products', s, limit='ten'), ['limit', 'whole number from 1'], 2),
        (lambda s: ask('top_products', s, category='Cars'), ["'Cars'", 'Books'], 2),
        (lambda s: ask('order_status', s, start='31.12.2025'), ['start', '2025-01-31'], 2),
        (lambda s: ask('order_status', s, start='2025-06-01', end='2025-05-01'), ['2025-06-01', '2025-05-01'], 2),
        (
            lambda s: ask('order_status', s, start='2027-01-01'),
            ['start is 2027-01-01, but the data ends on 2025-12-31', 'earlier start'],
            2,
        ),
        (
            lambda s: ask('order_status', s, end='2024-01-01'),
            ['end is 2024-01-01, but the data begins on 2025-01-01', 'later end'],
            2,
        ),
        (lambda s: ask('order_status', 'no/such/run'), ['no/such/run'], 2),
        (lambda s: plot(ask('order_status', s), theme='pink'), ["'pink'", 'light'], 2),
    ],
)
def test_two_lines_say_what_is_wrong(call, words, code, con):
    with pytest.raises(ShopError) as e: call(con)
    message = str(e.value)
    assert all(w in message for w in words)
    assert len(message.splitlines()) <= 2
    assert e.value.code == code

@pytest.mark.parametrize(
    'value, day',
    [
        ('2025-02-01T00:00:00', dt.date(2025, 2, 1)),
        ('2025-02-01 00:00', dt.date(2025, 2, 1)),
        (dt.datetime(2025, 2, 1), dt.date(2025, 2, 1)),
        (pd.Timestamp('2025-02-01'), dt.date(2025, 2, 1)),
        (np.datetime64('2025-02-01'), dt.date(2025, 2, 1)),
        ('2025-02-01T12:30:00', None),
        (dt.datetime(2025, 2, 1, 12, 30), None),
        ('soon', None),
    ],
)
@pytest.mark.parametrize('name', ['start', 'end'])
def test_a_day_may_be_a_time_at_midnight(name, value, day, con):
    if day:
        assert ask('order_status', con, **{name: value}).params[name] == day
    else:
        with pytest.raises(ShopError, match=f'{name} cannot be .*\n.*without a time of day') as e:
            ask('order_status', con, **{name: value})
        assert e.value.code == 2

def test_no_rows_say_why(con, shop):
    nobody = ask('top_customers', con, country='us')
    assert nobody.note == "no country is 'US'; there are AT, BE, DE, ES, FR, IT, NL"
    assert nobody.note in repr(nobody)
    assert 'no country is &#x27;US&#x27;' in nobody._repr_html_()
    assert 'the orders run from 2025-01-01 to 2025-12-31' in repr(
        ask('top_customers', con, start='2030-01-01', end='2030-02-01')
    )
    products = shop['products']
    no_toys = connect(shop | dict(products=products.filter(pa.compute.not_equal(products['category'], 'Toys'))))
    assert "no category is 'Toys'; there are Beauty, Books" in repr(ask('top_products', no_toys, category='Toys'))
    assert 'no rows: nothing matches days = 3000' in repr(ask('lapsed_customers', con, days=3000))
    assert ask('lapsed_customers', con, days=3000, least=1).note == 'nothing matches days = 3000'
    assert ask('lapsed_customers', con, days=3000, least=1000).note == 'nothing matches least = 1000 and days = 3000'

def test_headings_use_the_words_of_the_field(con):
    def head(name): return [h for h in re.findall('<th[^>]*>(.*?)</th>', ask(name, con)._repr_html_())]
    assert {'sales', 'gross profit', 'gross margin'} <= set(head('revenue_by_category'))
    assert 'orders' in head('order_status')
    assert 'sales' not in head('order_status')
    assert 'AOV' in head('monthly_revenue')
    assert label_of('orders') == 'orders'

# ------------------------------------------------------------------ queries that explode
TRIPLES = 'from order_items as a, order_items as b, order_items as c'
EVERY = f'select * {TRIPLES}'
ENDLESS = f'select count(*) {TRIPLES} where a.quantity + b.quantity > c.quantity'
ASK = '''
import resource, sys
from shop_nb import Shop, ShopError
shop = Shop()
shop.sql('select 1')
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print('ready', flush=True)
try: shop.sql(sys.argv[1])
except KeyboardInterrupt: print('interrupted', flush=True)
except ShopError as e: print(str(e).splitlines()[0], flush=True)
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> (30 if sys.platform == 'darwin' else 20)
print('gigabytes', grown, 'then', shop.sql('select 42 as n').n[0])
'''

def _asked(sql, interrupt=False):
    "What a process that runs a query prints, and the seconds from Ctrl-C to its first word"
    with subprocess.Popen([sys.executable, '-c', ASK, sql], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == 'ready\n'
        last = threading.Timer(60, process.kill)
        last.start()
        if interrupt:
            time.sleep(2)
            process.send_signal(signal.SIGINT)
        began = time.perf_counter()
        first = process.stdout.readline().strip()
        seconds, rest = time.perf_counter() - began, process.stdout.read().strip()
        last.cancel()
        return first, seconds, rest

@pytest.mark.skipif(sys.platform == 'win32', reason='Windows has no SIGINT for one process')
def test_interrupt_stops_a_query():
    "Within two seconds, and the shop goes on to answer"
    first, seconds, rest = _asked(ENDLESS, interrupt=True)
    assert first == 'interrupted'
    assert seconds < 2
    assert rest == 'gigabytes 0 then 42'

@pytest.mark.skipif(sys.platform == 'win32', reason='Windows does not tell the peak of memory in this way')
def test_a_query_without_a_join_condition_is_refused():
    "By a sentence, before it has taken much memory"
    first, _, rest = _asked(EVERY)
    assert first == 'This query has more than 5,000,000 rows: is a join condition missing?'
    assert rest in ('gigabytes 0 then 42', 'gigabytes 1 then 42')

def test_rows_and_memory_have_a_bound(con):
    assert fetch(con, 'select * from range(10)', most=10).num_rows == 10
    with pytest.raises(ShopError, match='more than 9 rows: is a join condition missing') as e:
        fetch(con, 'select * from range(10)', most=9)
    assert e.value.code == 2
    limit, spill = con.sql("select current_setting('memory_limit'), current_setting('temp_directory')").fetchall()[0]
    number, unit = limit.split()
    assert unit == 'MiB' or float(number) <= 4
    assert 'shop_nb-' in spill

def test_what_is_no_shop_is_refused(tmp_path, shop):
    def refused(source, words, code=2):
        with pytest.raises(ShopError, match=words) as e: connect(source)
        assert len(str(e.value).splitlines()) <= 2
        assert '..' not in str(e.value)
        assert e.value.code == code
    refused(tmp_path / 'nowhere', 'There is no ')
    refused(tmp_path, 'no table customers here')
    refused({'orders': shop['orders']}, 'has no customers, products')
    (tmp_path / 'text.db').write_text('not a database')
    refused(tmp_path / 'text.db', 'is not a SQLite file')
    sqlite3.connect(tmp_path / 'empty.db').execute('create table t (a)').connection.close()
    refused(tmp_path / 'empty.db', 'is not a shop: no such table')
    refused({**shop, 'orders': shop['orders'].drop_columns(['status'])}, 'orders.status is not there', 1)
    refused({**shop, 'orders': shop['orders'].to_pandas().drop(columns='status')}, 'orders', 1)
    for n in TABLES: (tmp_path / f'{n}.parquet').write_bytes(b'PAR1 but no more')
    refused(tmp_path, 'customers cannot be read: customers.parquet', 1)

SMALL = Settings(customers=200, products=60, orders=400, order_items=1000)

def test_a_damaged_page_is_told(tmp_path):
    "The footer is whole, so only the question meets it; also over a connection that is there already"
    write_tables(SMALL, tmp_path)
    path = tmp_path / 'orders.parquet'
    data = path.read_bytes()
    path.write_bytes(data[:300] + b'\xff' * 20 + data[320:])
    for source in tmp_path, connect(tmp_path):
        with pytest.raises(ShopError) as e: ask('order_status', source)
        assert e.value.code == 1
        assert 'orders.parquet' in str(e.value)
        assert len(str(e.value).splitlines()) == 2

def test_a_table_in_two_places_is_refused(tmp_path):
    "Tables in a folder and in its `tables/` are two shops, and nothing says which one counts."
    write_tables(Settings(customers=20, products=30, orders=30, order_items=60), tmp_path / 'tables')
    (tmp_path / 'orders.CSV').write_text('order_id')
    with pytest.raises(ShopError, match='orders twice: orders.CSV and tables/orders.parquet') as e: connect(tmp_path)
    assert e.value.code == 1


def test_csv_is_a_source(tmp_path):
    write_tables(SMALL, tmp_path / 'tables', format='csv')
    small = tables(SMALL)
    for name in NAMES: same(ask(name, tmp_path), ask(name, small))

def test_parameters_are_bound(con):
    "A value is a value, whatever it looks like"
    evil = "DE'; drop table orders; --"
    assert len(ask('delivery_times', con, country=evil)) == 0
    assert len(ask('order_status', con)) > 0
    same(ask('order_status', con, start=dt.date(2025, 3, 1)), ask('order_status', con, start='2025-03-01'))
    same(ask('top_products', con, limit='3'), ask('top_products', con, limit=3))

def test_sources_stay_as_they_are(db, run):
    before = db.read_bytes()
    c = connect(db)
    c.execute('delete from orders')
    c.close()
    assert db.read_bytes() == before
    with pytest.raises(Exception): connect(run).execute('delete from orders')

# ------------------------------------------------------------------ answers
def test_answers_are_written(con, tmp_path):
    import json

    a = ask('monthly_revenue', con)
    assert a.to_csv().splitlines()[0].startswith('month,orders')
    assert a.to_csv().splitlines()[1].startswith(
        '2025-01-01,'
    )
    got = json.loads(a.to_json())
    assert got['name'] == 'monthly_revenue'
    assert got['grain'] == a.grain
    assert len(got['rows']) == len(a)
    assert got['rows'][0]['growth_rate'] is None
    a.to_csv(tmp_path / 'a.csv')
    a.to_json(tmp_path / 'a.json')
    assert (tmp_path / 'a.csv').read_text() == a.to_csv()
    assert json.loads((tmp_path / 'a.json').read_text()) == got
    assert '<table>' in a._repr_html_()
    assert a.title in repr(a)
    assert a.sql.startswith('with')

@pytest.mark.parametrize('name', NAMES)
def test_nothing_in_the_window(name, con):
    a = ask(name, con, start='1999-01-01', end='1999-01-02')
    assert svg(a.plot())
    assert repr(a)
    assert a._repr_html_()
    assert a.to_json()

def test_a_shop_without_orders(shop):
    empty = connect({n: t.slice(0, 0) if n in ('orders', 'order_items', 'payments') else t for n, t in shop.items()})
    for name in NAMES: assert svg(ask(name, empty).plot())

def test_a_very_small_shop():
    small = connect(tables(Settings(customers=5, products=10, orders=8, order_items=12)))
    for name in NAMES: assert svg(ask(name, small).plot())

# ------------------------------------------------------------------ charts
@pytest.mark.parametrize('name', NAMES)
def test_every_question_has_a_chart(name, con):
    answer = ask(name, con)
    assert answer.question.chart['kind'] in BUILDERS
    fig = answer.plot()
    light = svg(fig)
    assert light == svg(plot(answer))
    assert answer.title in light
    assert light.startswith('<svg')
    assert 'role="img"' in light
    assert not re.search(r'(href|src)="(?!#)|url\((?!#)|\d{4}-\d\d-\d\dT', light)
    image = png(fig)
    assert image[:4] == b'\x89PNG'
    assert len(image) < 50_000
    assert light == svg(fig)

def test_dark_is_another_picture(con):
    light, dark = (svg(ask('order_status', con).plot(theme)) for theme in THEMES)
    assert light != dark
    assert THEMES['dark']['page'] in dark
    assert THEMES['light']['ink'] not in dark

def test_a_figure_shows_itself(con):
    fig = ask('order_status', con).plot()
    assert fig._repr_png_() == png(fig) == png(ask('order_status', con).plot())

@pytest.mark.parametrize('f', [*BUILDERS.values(), plot, Answer.plot, fact], ids=lambda f: f.__qualname__)
def test_arguments_are_told(f):
    "Those who write a chart or a fact of their own read here what they get and give"
    untold = [
        a for a, doc in docments(f, returns=False).items() if not doc and a not in ('self', 'real')
    ] # docments knows no **real
    assert not untold
    assert f.__doc__

@pytest.mark.parametrize(
    'value, unit, text',
    [
        (12345, 'money', '€12.3k'),
        (999, 'money', '€999'),
        (49.9, 'money', '€49.90'),
        (1_234_567, 'money', '€1.23M'),
        (123_456_789, 'money', '€123.5M'),
        (0, 'money', '€0.00'),
        (-1500, 'money', '-€1.5k'),
        (0.1234, 'share', '12.3%'),
        (1, 'share', '100.0%'),
        (9_999, 'count', '9,999'),
        (12_000, 'count', '12.0k'),
        (None, 'money', '–'),
        (-0.001, 'money', '€0.00'),
        (float('inf'), 'money', '€InfinityM'),
        (1e40, 'count', f'{1e40 / 1e6:.1f}M'),
    ],
)
def test_short_numbers(value, unit, text):
    assert short(value, unit) == text


def test_included_tax_is_no_discount():
    "Markets whose prices contain the tax have about as many orders without a discount."
    def without(name):
        answer = Shop(seed=3, behaviour=name).ask('discount_effect')
        return answer.frame.set_index('discount').orders['none']
    assert without('uk') == pytest.approx(without('eu'), rel=.05)
