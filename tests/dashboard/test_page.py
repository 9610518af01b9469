"The dashboard: its numbers are the library's, and its page works for everyone, offline."
import datetime as dt, io, json, math, os, re, sys
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from itertools import combinations, product
from pathlib import Path
from random import Random
from urllib.parse import urlparse

import duckdb, pandas as pd, pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from playwright.sync_api import expect

from browse import free_port, kernels
from shop_nb import Shop
from shop_nb.analytics.questions import ask, cut_months
from shop_nb.reporting.charts import THEMES, svg
from shop_nb.dashboard.rollup import Rollup, build, rollup_path
from shop_nb.dashboard.backend import Backend, first_html, page_script, style_css
from shop_nb.analytics.measures import (
    CARDS, DIMENSIONS, MEASURES, SMALL, Filters, before, compared, from_query, measure_sql, to_query, year_before
)
from shop_nb.core.numbers import headline, money, short
from shop_nb.dashboard.panels import HISTORY, OWN, TABS
from shop_nb.dashboard.serve import FirstNumbers
from shop_nb.behaviour.behaviours import names_of
from shop_nb.core.errors import ShopError
from support import FULL, process, until

SIZE = dict(customers=400, products=120, orders=1600, order_items=4000, seed=5)
CATEGORIES = names_of('products.categories')
FIRST, LAST = dt.date(2025, 1, 1), dt.date(2025, 12, 31)
DAYS = (LAST - FIRST).days


@pytest.fixture(scope='module')
def shop(tmp_path_factory):
    "A run with tables and manifest; not to be changed."
    folder = tmp_path_factory.mktemp('dash') / 'corner shop'
    Shop(**SIZE).save(folder)
    return Shop.open(folder)


@pytest.fixture(scope='module')
def rollups(tmp_path_factory): return tmp_path_factory.mktemp('rollups')


@pytest.fixture(scope='module')
def rollup(shop, rollups): return Rollup(rollup_path(shop.folder, rollups))


@pytest.fixture(scope='module')
def backend(shop, rollups): return Backend(shop.folder, rollups)


CURRENCIES = 'EUR', 'USD', 'GBP', 'BRL', 'INR', 'CHF' # the last has no sign, so its code stands in front


def of_script(browser, function, cases):
    "What a function of the page's script, or one made of such, gives for each case; a case is a list of arguments."
    script = page_script().replace('export default {render}', f'return {function}')
    call = '([script, cases]) => { const f = new Function(script)(); return cases.map(c => f(...c)) }'
    page = browser.new_page()
    try:
        return page.evaluate(call, [script, cases])
    finally:
        page.close()


def test_numbers_are_written_one_way(browser):
    "A picture from Python and one in the browser write the same number alike, even one halfway between two."
    draw = Random(3)
    middles = [s * (k + 0.5) * 10.0**e for k in range(0, 1000, 37) for e in range(-3, 7) for s in (1, -1)]
    cases = [
        [v, unit, bare, currency]
        for v in middles
        + [draw.uniform(-1, 1) * 10 ** draw.uniform(-3, 9) for _ in range(500)]
        + [0, -0.0, 999.5, 9999, 10_000, 999_499.5, 999_500]
        for unit, currency in [*(('money', c) for c in CURRENCIES), ('count', 'EUR'), ('share', 'EUR')]
        for bare in (False, True)
    ]
    shown = of_script(browser, '(v, unit, bare, code) => (setCurrency(code), short(v, unit, bare))', cases)
    units = 'money', 'count', 'share'
    near_zero = [[f, v, unit] for f in ('full', 'headline') for v in (-0.001, -0.0) for unit in units]
    zeros = of_script(browser, '(f, v, unit) => ({full, headline})[f](v, unit)', near_zero)
    assert not [(c, s, short(*c)) for c, s in zip(cases, shown) if s != short(*c)][:9]
    assert len(zeros) == 12, zeros
    assert not [z for z in zeros if '-' in z and z != '-0.1%'], zeros


def test_a_folder_for_rollups_is_made_or_the_error_names_it(shop, tmp_path):
    assert rollup_path(shop.folder, tmp_path / 'new' / 'rollups').exists()
    (tmp_path / 'file').touch()
    with pytest.raises(ShopError, match='No folder for rollups can be made at .*file'):
        rollup_path(shop.folder, tmp_path / 'file' / 'rollups')


def subset(values): return st.lists(st.sampled_from(values), unique=True, max_size=3).map(tuple)


def views(rollup):
    "Any view: some days or all, some values of some dimensions."
    days = (
        st.tuples(st.integers(0, DAYS), st.integers(0, DAYS))
        .map(sorted)
        .map(lambda d: [FIRST + dt.timedelta(x) for x in d])
    )
    names = (
        rollup.names
        if rollup
        else dict(category=CATEGORIES, country=('DE', 'FR'), channel=('web', 'app'), method=('card', 'wallet'))
    )
    picks = st.fixed_dictionaries({d: subset(list(v)) for d, v in names.items()})
    return st.builds(lambda d, p: Filters(*(d or (None, None)), **p), st.none() | days, picks)


def plain(shop, name, f):
    "A measure by its own SQL over the run's Parquet files."
    value = shop.sql(measure_sql(name, f)).iloc[0, 0]
    return None if pd.isna(value) else float(value)


def agree(a, b): return a is b is None or (a is not None and b is not None and abs(a - b) < 1e-9 * max(1, abs(b)))


# -------------------------------------------------------------------------------- the numbers

@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_headline_numbers_are_what_sql_says(shop, rollup, data):
    f = data.draw(views(rollup))
    found = rollup.values(f)
    for name in CARDS: assert agree(found[name], plain(shop, name, f)), (name, f)
    assert rollup.counted(f)['open_sales'] == plain(shop, 'open_sales', f)


RAW = """
with line as (
    select i.order_id, i.line_number, i.quantity, i.quantity * i.unit_price_cents - i.discount_cents as net,
        p.category, p.cost_cents
    from order_items as i
    join products as p on p.product_id = i.product_id
),
running as (
    select *,
        sum(net) over (partition by order_id) as goods,
        sum(net) over (partition by order_id order by line_number) as upto
    from line
),
priced as (
    select r.order_id, r.category,
        r.upto * (goods - o.discount_cents) // goods
            - (r.upto - r.net) * (goods - o.discount_cents) // goods as revenue,
        r.quantity * r.cost_cents as cost
    from running as r
    join orders as o on o.order_id = r.order_id
),
sale as (
    select *, row_number() over (partition by customer_id order by ordered_at, order_id) as nth
    from orders
    where status in ('paid', 'shipped', 'delivered', 'returned')
),
seen as (
    select o.order_id, o.customer_id, o.status, o.delivered_at, p.status as paid, p.amount_cents, p.refunded_cents,
        c.signed_up_at::date >= (select min(ordered_at)::date from orders) as from_here
    from orders as o
    join customers as c on c.customer_id = o.customer_id
    join payments as p on p.order_id = o.order_id
    where o.ordered_at::date between $start and $end
        and c.country = coalesce($country, c.country)
        and ($category is null or exists (from line where line.order_id = o.order_id and line.category = $category))
),
sold as (select seen.*, sale.nth from seen join sale on sale.order_id = seen.order_id),
mine as (
    select priced.* from priced join sold on sold.order_id = priced.order_id
    where priced.category = coalesce($category, priced.category)
),
people as (select customer_id, count(*) as n, bool_or(nth = 1 and from_here) as new from sold group by customer_id),
sums as (select coalesce(sum(revenue), 0) as revenue, coalesce(sum(revenue - cost), 0) as profit from mine)
select revenue / 100 as revenue, profit / 100 as gross_profit, profit / nullif(revenue, 0) as gross_margin,
    (select count(*) from sold) as sales,
    revenue / 100 / nullif((select count(*) from sold), 0) as aov,
    (select count(*) from people where new) as new_customers,
    (select count(*) from people where not new) as returning_customers,
    (select count(*) filter (where n > 1) / nullif(count(*), 0) from people) as repeat_rate,
    (
        select sum(refunded_cents) / nullif(sum(amount_cents) filter (where paid not in ('pending', 'failed')), 0)
        from seen
    ) as refund_rate,
    (
        select count(*) filter (where paid = 'failed') / nullif(count(*) filter (where paid <> 'pending'), 0)
        from seen
    ) as failure_rate,
    (
        select count(*) from sold
        where status <> 'returned' and coalesce(delivered_at::date > date '2025-12-31' - 30, true)
    ) as can_come_back
from sums
"""
VIEWS = {
    'days=2025-10-03..2025-12-31': ('2025-10-03', '2025-12-31', '2025-07-05', '2025-10-02', None, None),
    'days=2025-12-02..2025-12-31': ('2025-12-02', '2025-12-31', '2025-11-02', '2025-12-01', None, None),
    'days=2025-11-28..2025-11-28': ('2025-11-28', '2025-11-28', '2025-11-27', '2025-11-27', None, None),
    'days=all': ('2025-01-01', '2025-12-31', None, None, None, None),
    'country=AT': ('2025-10-03', '2025-12-31', '2025-07-05', '2025-10-02', 'AT', None),
    'category=Toys': ('2025-10-03', '2025-12-31', '2025-07-05', '2025-10-02', None, 'Toys'),
    'category=Toys&country=AT': ('2025-10-03', '2025-12-31', '2025-07-05', '2025-10-02', 'AT', 'Toys'),
    'days=2024-06-01..2025-03-31': ('2025-01-01', '2025-03-31', None, None, None, None),
}


@pytest.fixture(scope='module')
def raw(shop):
    "Numbers by SQL of its own, over the Parquet files and nothing of the library."
    con = duckdb.connect()
    for t in ('customers', 'products', 'orders', 'order_items', 'payments'):
        con.execute(f"create view {t} as from '{shop.folder}/tables/{t}.parquet'")

    def ask(start, end, country, category):
        days = dict(
            start=dt.date.fromisoformat(start), end=dt.date.fromisoformat(end), country=country, category=category
        )
        cursor = con.execute(RAW, days)
        return dict(zip([c[0] for c in cursor.description], cursor.fetchone()))

    return ask


@pytest.mark.parametrize('query', VIEWS)
def test_ten_cards_are_what_the_tables_say(backend, raw, query):
    "Value, the value before, and what can still come back, in each view that people take first."
    start, end, then, until_then, country, category = VIEWS[query]
    now, was = raw(start, end, country, category), raw(then, until_then, country, category) if then else {}
    view = backend.answer(dict(ask='view', query=query))[0]
    cards = {c['name']: c for c in view['headline']}
    assert set(cards) | {'can_come_back'} == set(now)
    assert len(cards) == 10
    for name, card in cards.items():
        assert agree(card['value'], now[name]), (name, card['value'], now[name])
        assert agree(card['before'], was.get(name)), (name, card['before'], was.get(name))
        assert card['whole'] == (bool(category) and name not in ('revenue', 'gross_profit', 'gross_margin', 'aov')), (
            name
        )
        assert card['open'] == (now['can_come_back'] if name == 'refund_rate' else 0), name
    assert view['against'] == ([then, until_then] if then else None)
    assert (query == 'days=2024-06-01..2025-03-31') == (view['query'] == 'days=2025-01-01..2025-03-31')


def test_what_can_still_come_back_is_said_and_not_judged(backend, rollup):
    "In the card, its line, the panels about returns, and nowhere once the days for it are over."

    def card(query):
        cards = backend.answer(dict(ask='view', query=query))[0]['headline']
        return next(c for c in cards if c['name'] == 'refund_rate')

    recent, old = card('days=2025-12-02..2025-12-31'), card('days=2025-03-01..2025-05-31')
    assert recent['note'] == f"Not final: {recent['open']:,} orders can still come back."
    assert recent['final'] == 0
    assert old['open'] == 0
    assert old['note'] == ''
    assert old['final'] == len(old['spark'])
    whole = card('days=all')
    assert 25 < whole['final'] < len(whole['spark']) == 36, 'only the end of the line is open'
    for name in ('returns_by_category', 'order_flow'):
        panel = rollup.panel(name, Filters(dt.date(2025, 12, 2), LAST))
        assert recent['note'] in panel.note, name
        assert panel.open == recent['open'] == panel.as_json()['open'], name
        assert 'Not final' not in rollup.panel(name, Filters(dt.date(2025, 3, 1), dt.date(2025, 5, 31))).note
    assert 'still on the way' in rollup.panel('delivery_times', Filters()).note
    assert (
        recent['note']
        in backend.answer(dict(ask='measure', query='days=2025-12-02..2025-12-31', name='refund_rate'))[0]['note']
    )


def test_a_small_base_is_not_judged(backend, raw):
    "Fewer than 30 of what a number counts, in either period: sales, customers, or payments."
    for query in ('days=2025-11-28..2025-11-28', 'country=AT', 'days=2025-12-02..2025-12-31'):
        start, end, then, until_then, country, category = VIEWS[query]
        now, was = raw(start, end, country, category), raw(then, until_then, country, category)
        few = {c['name']: c['few'] for c in backend.answer(dict(ask='view', query=query))[0]['headline']}
        for name in ('sales', 'new_customers', 'returning_customers'):
            assert few[name] == (min(now[name], was[name]) < SMALL), (query, name)
        for name in ('revenue', 'gross_profit', 'gross_margin', 'aov', 'refund_rate'):
            assert few[name] == few['sales'], (query, name)
        assert few['repeat_rate'] == (min(n['new_customers'] + n['returning_customers'] for n in (now, was)) < SMALL)


def test_the_same_season_is_compared_where_there_is_one(tmp_path):
    "Weekdays stand against weekdays, 52 weeks earlier; without such days, the period before."
    f = Filters(dt.date(2025, 11, 28), dt.date(2025, 11, 28))
    assert year_before(f, FIRST) is None
    assert compared(f, FIRST) == before(f, FIRST)
    assert (
        compared(f, dt.date(2024, 1, 1))
        == year_before(f, dt.date(2024, 1, 1))
        == Filters(dt.date(2024, 11, 29), dt.date(2024, 11, 29))
    )
    assert year_before(Filters(FIRST, LAST), dt.date(2020, 1, 1)) is None, 'more than 52 weeks would overlap'
    shop = Shop(customers=200, products=60, orders=1200, order_items=3000, start='2024-01-01')
    shop.save(tmp_path / 'run')
    view = Backend(tmp_path / 'run', tmp_path).answer(dict(ask='view', query='days=2025-11-01..2025-11-30'))[0]
    assert view['against'] == ['2024-11-02', '2024-12-01']
    there = Filters(dt.date(2024, 11, 2), dt.date(2024, 12, 1))
    for c in view['headline']:
        assert agree(c['before'], plain(shop, c['name'], there)), c['name']


def test_days_are_written_without_repetition(browser):
    days = [
        ('2025-11-01', '2025-11-07'),
        ('2025-10-03', '2025-12-31'),
        ('2024-12-30', '2025-01-02'),
        ('2024-11-01', '2025-11-01'),
        ('2025-11-07', '2025-11-07'),
    ]
    shown = of_script(browser, '(a, b) => span(day(a), day(b))', days)
    assert shown == [
        '1 – 7 Nov 2025',
        '3 Oct – 31 Dec 2025',
        '30 Dec 2024 – 2 Jan 2025',
        '1 Nov 2024 – 1 Nov 2025',
        '7 Nov 2025',
    ]


def test_a_change_fits_the_numbers_beside_it(browser):
    "Both numbers as the cards show them, and the difference of what is shown."
    cases = [
        (0.42444, 0.41036, 'share', '1.4 pts', False),
        (0.4244, 0.4200, 'share', '0.4 pts', False),
        (0.11604, 0.04960, 'share', '6.6 pts', False),
        (0.41, 0.41049, 'share', '', None),
        (1000.4, 1000.1, 'money', '', None),
        (119_500, 119_536, 'money', 'under 0.1%', True),
        (20, 20, 'count', '', None),
        (0, 5, 'count', '', True),
        (95.594, 95.586, 'money', '', None),
        (200, 1102, 'count', '451.0%', True),
        (10, 250, 'count', '2400%', True),
    ]
    there = of_script(browser, 'change', [case[:3] for case in cases])
    assert [(t['size'], t['up']) for t in there] == [(size, up) for *_, size, up in cases]


def test_labels_of_dots_do_not_run_into_each_other(browser):
    "Wherever the dots lie, at any width; each name ends within the chart, and the largest has one."
    draw = Random(2)
    cases = [
        [
            [
                dict(x=draw.uniform(50, wide), y=draw.uniform(20, 240), name='x' * draw.randint(5, 26))
                for _ in range(12)
            ],
            50,
            wide,
            6,
        ]
        for wide in (340, 600, 1200)
        for _ in range(40)
    ]
    found = of_script(browser, 'placed', cases)
    for (_, left, right, _), labels in zip(cases, found):
        assert 1 <= len(labels) <= 6
        assert all(left <= q['left'] and q['left'] + q['wide'] <= right for q in labels)
        for a, b in combinations(labels, 2):
            assert abs(a['y'] - b['y']) >= 15 or a['left'] + a['wide'] < b['left'] or b['left'] + b['wide'] < a['left']


LONG = [
    'WWWWWWWWWWWW', 'iiiiiiiiiiiiiiiiiiiiiiii', 'Handwoven Chopping Board', 'Rechargeable Smartwatch',
    'Marketplaces of other companies', 'Wholesale and corporate gifts ' * 4, 'web', 'Ж' * 18, '東京' * 9,
]

BOXES = """(chart, panel, width, picks) => {
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    svg.style.font = FONT
    svg.innerHTML = charts[chart](panel, width, {picks}).out
    document.body.append(svg)
    svg.querySelectorAll('.strong').forEach(text => { text.style.fontWeight = 650 })
    const box = element => { const {x, y, width, height} = element.getBBox(); return {x, y, width, height} }
    return ['text', 'rect'].map(kind => [...svg.querySelectorAll(kind)].map(box))
}"""


@pytest.mark.parametrize('names', [LONG, LONG[:1], LONG[2:4], LONG[1:2], LONG[6:]], ids=lambda names: names[0][:9])
@pytest.mark.parametrize('kind', ['pick', 'hbar', 'grouped'])
def test_names_do_not_run_into_bars(browser, rollup, kind, names):
    "However wide their letters are, at any width, also where they are picked and so strong."
    panel = rollup.panel('rfm_segments' if kind == 'grouped' else 'by_channel', Filters()).as_json()
    row = panel['rows'][0]
    panel['rows'] = [[name, *row[1:]] for name in names]
    if kind == 'hbar': panel['chart'] = {k: v for k, v in panel['chart'].items() if k != 'dimension'}
    picks = dict(channel=names)
    widths = 240, 330, 560, 1100
    found = of_script(browser, BOXES, [[kind, panel, width, picks] for width in widths])
    for width, (texts, rects) in zip(widths, found):
        bars = [r for r in rects if r['height'] in (14, 20)]
        assert len(bars) >= len(names)
        for text, bar in product(texts, bars):
            beside = text['x'] + text['width'] <= bar['x'] or bar['x'] + bar['width'] <= text['x']
            above = text['y'] + text['height'] <= bar['y'] + 2 or bar['y'] + bar['height'] <= text['y'] + 2
            assert beside or above, (width, text, bar)
        assert all(text['x'] + text['width'] <= width + 1 for text in texts if text['x'] < 1), width


def test_one_late_parcel_does_not_take_the_room(browser, rollup):
    "The last hundredth of a distribution is one bar; nothing is lost, and the tip says what it holds."
    panels = [rollup.panel(name, Filters()) for name in ('delivery_times', 'basket_size', 'payment_attempts')]
    found = of_script(browser, 'shortened', [[p.as_json()] for p in panels])
    for panel, bars in zip(panels[:2], found):
        x, orders = panel.frame[panel.chart['x']], panel.frame.orders
        kept = int((orders.cumsum() < 0.99 * orders.sum()).sum()) + 1
        assert len(x) > kept + 4, 'else this shows nothing'
        assert bars['v'] == [*orders[:kept], orders[kept:].sum()]
        assert len(bars['names']) == kept + 1
        assert bars['v'][-1] <= 0.01 * orders.sum()
        assert bars['names'][-1] == f'{x[kept]}+'
        assert bars['tips'][-1] == f'{x[kept]} to {x.iloc[-1]}'
    assert abs(sum(found[1]['also']) - 1) < 0.01
    assert found[2]['v'] == panels[2].frame.payments.tolist()


def test_a_file_says_what_it_shows(backend):
    "The last column of each file, and its name, whatever is picked."
    query = 'days=2025-10-03..2025-12-31&category=Toys&country=AT'
    view = '2025-10-03 to 2025-12-31; category: Toys; country: AT'
    for name in ('headline', 'by_channel', 'top_products', 'hours', 'order_flow'):
        got, (csv,) = backend.answer(dict(ask='download', query=query, name=name, format='csv'))
        assert got['file'] == f'{name} 2025-10-03 to 2025-12-31 category Toys country AT.csv'
        assert set(pd.read_csv(io.BytesIO(csv)).view) == {view}, name
    got, (parquet,) = backend.answer(dict(ask='download', query=query, name='cohort_retention', format='parquet'))
    all_days = view.replace('2025-10-03', str(backend.rollup.bounds[0]))
    assert set(pd.read_parquet(io.BytesIO(parquet)).view) == {all_days}, 'all days up to the last'
    (own,), (days,) = (
        backend.answer(dict(ask='download', query=query, name=name, format='csv'))[1]
        for name in ('by_country', 'revenue_by_day')
    )
    assert set(pd.read_csv(io.BytesIO(own)).view) == {view.removesuffix('; country: AT')}, (
        'its own pick does not narrow it'
    )
    assert set(pd.read_csv(io.BytesIO(days)).view) == {all_days}, 'all days stand in it'
    query = 'category=' + ','.join(CATEGORIES)
    many = backend.answer(dict(ask='download', query=query, name='hours', format='csv'))[0]['file']
    assert len(many) <= 124
    assert many.endswith('.csv')
    assert not re.search(r'[/\\:]', many)


def test_a_panel_says_that_it_counts_whole_orders(rollup):
    toys, web = Filters(category=('Toys', 'Books')), Filters(channel=('web',))
    for name in ('hours', 'order_flow', 'delivery_times', 'payment_failures', 'payment_attempts'):
        assert 'Whole orders that contain Toys or Books.' in rollup.panel(name, toys).note, name
        assert 'contain' not in rollup.panel(name, web).note, name
    assert (
        rollup.panel('revenue_by_day', toys).note
        == 'Revenue of Toys or Books alone; sales are whole orders that contain either.'
    )
    for name in ('new_vs_returning', 'top_customers'):
        assert 'money is that of Toys or Books alone' in rollup.panel(name, toys).note
    for name in ('cohort_retention', 'repeat_rate'):
        assert 'New customers of the whole shop' in rollup.panel(name, toys).note
        assert 'New customers of the whole shop' in rollup.panel(name, web).note


def test_headline_numbers_are_the_librarys_questions(shop, rollup):
    days = dict(start=dt.date(2025, 3, 1), end=dt.date(2025, 10, 31))
    v, ask = rollup.values(Filters(**days)), lambda name: shop.ask(name, **days).frame
    months, new, paid, failed = (
        ask('monthly_revenue'),
        ask('new_vs_returning'),
        ask('payment_methods'),
        ask('payment_failures'),
    )
    assert (
        round(100 * v['revenue'])
        == round(100 * months.revenue.sum())
        == round(100 * ask('revenue_by_category').revenue.sum())
    )
    assert v['sales'] == months.orders.sum()
    assert v['new_customers'] == new.new_orders.sum()
    assert round(100 * v['gross_profit']) == round(100 * ask('revenue_by_category').margin.sum())
    assert agree(v['failure_rate'], failed.failed.sum() / failed.payments.sum())
    assert agree(v['aov'], months.revenue.sum() / months.orders.sum())
    refunds = shop.sql(
        'select sum(refunded_cents) as r from payments join orders using (order_id) '
        f"where ordered_at::date between '{days['start']}' and '{days['end']}'"
    ).r[0]
    assert agree(v['refund_rate'], refunds / 100 / paid.captured_amount.sum())


def test_change_is_against_the_period_before(shop, rollup):
    f = Filters(dt.date(2025, 6, 1), dt.date(2025, 6, 30), channel=('web',))
    told = {m['name']: m['before'] for m in rollup.headline(f)}
    for name in CARDS: assert agree(told[name], plain(shop, name, before(f, FIRST)))
    assert {m['before'] for m in rollup.headline(Filters(dt.date(2025, 1, 10), dt.date(2025, 2, 20)))} == {None}


@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sparks_add_up_to_their_days(shop, rollup, data):
    f = data.draw(views(rollup))
    a, b = rollup.window(f)
    size = -(-(b - a) // 40)
    lines = rollup.sparks(f)
    block = Filters(FIRST + dt.timedelta(b - size), FIRST + dt.timedelta(b - 1), **f.picks)
    for name in CARDS: assert agree(lines[name][-1], rollup.values(block)[name]), name
    assert all(len(lines[name]) == (b - a) // size for name in CARDS)
    assert 0 <= lines['final'] <= (b - a) // size


@given(data=st.data())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_panels_of_the_rollup_are_what_their_sql_says(shop, rollup, data):
    f = data.draw(views(rollup))
    for d in DIMENSIONS:
        panel = rollup.pick_panel(d, f)
        found = {r[0]: round(100 * r[1]) for r in panel.frame.itertuples(index=False) if r[1]}
        assert found == {r[0]: round(100 * r[1]) for r in shop.sql(panel.sql).itertuples(index=False) if r[1]}, d
    days, hours = rollup.revenue_panel(f), rollup.hours_panel(f)
    said = {(pd.Timestamp(r.day), round(100 * r.revenue)) for r in shop.sql(days.sql).itertuples() if r.revenue}
    assert {(r.day, round(100 * r.revenue)) for r in days.frame.itertuples() if r.revenue} == said
    assert {tuple(r) for r in hours.frame[['weekday', 'hour', hours.chart['z']]].itertuples(index=False) if r[2]} == {
        tuple(map(int, r)) for r in shop.sql(hours.sql).itertuples(index=False)
    }


QUESTIONS = sorted(
    {n for _, names in TABS.values() for n in names}
    - {'revenue_by_day', 'hours', *OWN}
    - {f'by_{d}' for d in DIMENSIONS}
)


@pytest.mark.parametrize('name', QUESTIONS)
def test_panels_are_the_librarys_answers(shop, rollup, name):
    f = Filters(dt.date(2025, 4, 1), dt.date(2025, 11, 30))
    start = FIRST if name in HISTORY else f.start
    there = shop.ask(name, **{k: v for k, v in dict(start=start, end=f.end).items() if k in shop.ask(name).params})
    pd.testing.assert_frame_equal(rollup.panel(name, f).frame, there.frame, check_dtype=False)


@pytest.mark.parametrize('name', ['top_products', 'returns_by_category'])
def test_a_picked_category_is_the_questions_parameter(shop, rollup, name):
    found = rollup.panel(name, Filters(category=('Books',))).frame
    assert set(found.category) == {'Books'}
    whole = (
        shop.ask(name, **(dict(category='Books') if name == 'top_products' else {}))
        .frame.query('category == "Books"')
        .reset_index(drop=True)
    )
    pd.testing.assert_frame_equal(found, whole, check_dtype=False)


def test_months_that_are_cut_are_told(shop, rollup):
    "By the view's first and last day: those months, no others; the weak one is not called the lowest."
    f = Filters(dt.date(2025, 5, 14), dt.date(2025, 8, 9))
    months = rollup.panel('new_vs_returning', f)
    assert list(months.frame.month.dt.month) == [5, 6, 7, 8]
    assert months.cut == {0: '14 – 31 May', 3: '1 – 9 Aug'}
    assert '14 – 31 May, 1 – 9 Aug' in months.note
    assert '2025-08' not in months.says
    assert '2025-05' not in months.says
    assert months.says.startswith('4 rows. Highest')
    assert rollup.panel(
        'new_vs_returning', Filters(dt.date(2025, 5, 14), dt.date(2025, 5, 20))
    ).says.startswith('1 row. ')
    assert rollup.panel('new_vs_returning', Filters(dt.date(2025, 5, 31), dt.date(2025, 8, 1))).cut == {
        0: '31 May',
        3: '1 Aug',
    }
    years = pd.DataFrame(dict(month=pd.date_range('2025-11-01', periods=4, freq='MS')))
    assert cut_months(years, dt.date(2025, 11, 14), dt.date(2026, 2, 1)) == {0: '14 – 30 Nov 2025', 3: '1 Feb 2026'}
    cohorts = rollup.panel('cohort_retention', f)
    shown = [r.cohort.month + r.month_number for r in cohorts.frame.iloc[list(cohorts.cut)].itertuples()]
    assert set(shown) == {8}
    assert len(shown) == sum(cohorts.frame.cohort.dt.month + cohorts.frame.month_number == 8)
    assert not rollup.panel('new_vs_returning', Filters()).cut
    assert not rollup.panel('new_vs_returning', Filters(dt.date(2025, 5, 1), dt.date(2025, 8, 31))).cut
    assert (
        'Mon, Tue, Wed come 2 times, the others once'
        in rollup.hours_panel(Filters(dt.date(2025, 11, 3), dt.date(2025, 11, 12))).note
    )
    assert not rollup.hours_panel(Filters(dt.date(2025, 11, 3), dt.date(2025, 11, 16))).note
    drawn = svg(shop.ask('new_vs_returning', start=f.start, end=f.end).plot())
    assert 'striped: 14 – 31 May and 1 – 9 Aug' in drawn
    assert 'striped' not in svg(shop.ask('new_vs_returning').plot())


def test_a_month_is_whole_where_nobody_bought_at_its_ends(tmp_path):
    "The first and last order cut no month; the days that the shop ran do, and so do those of a view."

    def panels(name, **settings):
        shop = Shop(customers=120, products=60, orders=240, order_items=600, **settings)
        shop.save(tmp_path / name)
        return shop, Rollup(rollup_path(tmp_path / name, tmp_path))

    size = dict(customers=120, products=60, orders=240, order_items=600)
    late = next(s for s in range(99) if Shop(**size, seed=s).orders.ordered_at.min().date() == dt.date(2025, 1, 2))
    shop, rollup = panels('whole', seed=late)
    assert rollup.bounds[0] == dt.date(2025, 1, 2), 'else this shows nothing'
    assert rollup.ran == (FIRST, LAST)
    for f in (
        Filters(),
        Filters(*rollup.bounds),
        Filters(country=('IT',)),
        Filters(FIRST.replace(month=2), rollup.bounds[1]),
    ):
        assert not rollup.panel('new_vs_returning', f).cut
    for given in ({}, dict(start='2025-01-02'), dict(start='2024-12-15', end='2026-01-15')):
        assert not shop.ask('new_vs_returning', **given).cut
        assert 'striped' not in svg(
            shop.ask('new_vs_returning', **given).plot()
        )
    assert (
        shop.ask('new_vs_returning', start='2025-01-04').cut
        == {0: '4 – 31 Jan'}
        == rollup.panel('new_vs_returning', Filters(dt.date(2025, 1, 4), LAST)).cut
    )
    assert shop.ask('new_vs_returning', end='2025-12-20').cut == {11: '1 – 20 Dec'}
    shop, rollup = panels('some', start='2025-03-11', end='2025-08-20')
    for cut in (
        shop.ask('new_vs_returning').cut,
        ask('new_vs_returning', tmp_path / 'some').cut,
        rollup.panel('new_vs_returning', Filters()).cut,
    ):
        assert cut == {0: '11 – 31 Mar', 5: '1 – 20 Aug'}
    assert not ask('new_vs_returning', shop.tables).cut, 'of tables alone nobody knows it'


def test_a_rate_says_of_how_many_it_is(rollup):
    "The repeat rate's base changes from point to point, so it goes with the points."
    panel = rollup.panel('repeat_rate', Filters())
    base = panel.frame[panel.chart['base']]
    assert base.is_monotonic_decreasing
    assert base.iloc[0] > base.iloc[-1] > 0
    assert 'n customers' in panel.note
    assert (panel.frame.repeated / base).round(4).tolist() == panel.frame.repeat_rate.tolist()


QUIET = Filters(
    dt.date(2025, 5, 14), dt.date(2025, 5, 14), category=('Garden',), country=('IT',), channel=('marketplace',)
)


@pytest.mark.parametrize(
    'name', sorted({n for _, names in TABS.values() for n in names} - {'revenue_by_day', 'by_country'})
)
def test_a_view_without_sales_is_said_in_words(rollup, name):
    assert not rollup.values(QUIET)['sales'], 'else this shows nothing'
    start = replace(QUIET, end=FIRST, start=FIRST) if name in HISTORY else QUIET
    panel = rollup.panel(name, start)
    assert panel.empty
    assert panel.as_json()['empty'] == panel.empty
    assert panel.says == 'No data for these filters.'
    assert not rollup.panel(name, Filters()).empty


def test_a_breakdown_with_one_bar_is_left_out(tmp_path):
    "A shop that sells in one country has no panel of countries, and nothing is said to be missing."
    channels = {'baskets.channels': {'shop': 1}}
    Shop(orders=300, order_items=700, behaviour='uk', parameters=channels).save(tmp_path / 'uk')
    rollup = Rollup(rollup_path(tmp_path / 'uk', tmp_path))
    panels = rollup.pages()['overview']['panels']
    assert panels == ['revenue_by_day', 'by_category', 'by_method', 'top_products', 'hours']
    assert rollup.lacks() == ''
    assert rollup.panel('by_country', Filters()).frame.country.tolist() == ['GB']


def test_parameters_of_a_run_are_facts(browser):
    "A row for each, a line for each entry, and nothing of it is taken for HTML."
    errors = ['Toys 100 2025-06-17 08:00:00 to 2025-06-17 14:00:00', 'product 17 0.01 2025-09-01 00:00:00 to 12:00:00']
    parameters = {
        'customers.rate_shape': .4, 'products.repricing': True, 'incidents.lost_feed': [],
        'incidents.price_error': errors, 'delivery.returns': {'Toys': .2, '<b>': 0},
    }
    manifests = [dict(settings=dict(seed=7, parameters=p)) for p in (parameters, None)]
    html, bare = of_script(browser, 'runCard', [[manifest, '2025-12-31'] for manifest in manifests])
    facts = dict(re.findall('<dt>(.*?)</dt><dd>(.*?)</dd>', html, re.S))
    assert [facts[n] for n in list(parameters)[:3]] == ['0.4', 'yes', 'none']
    assert facts['delivery.returns'] == 'Toys: 0.2\n&#60;b&#62;: 0'
    assert facts['incidents.price_error'].split('\n') == errors
    assert 'parameters' not in html + bare and '{' not in html


def test_own_questions(shop, rollup):
    flow = rollup.panel('order_flow', Filters()).frame.set_index('step').orders
    status = shop.ask('order_status').frame.set_index('status').orders
    assert flow['placed'] == status.sum()
    assert flow['kept'] == status['delivered']
    assert flow['delivered'] == status['delivered'] + status['returned']
    tries = rollup.panel('payment_attempts', Filters()).frame
    assert tries.payments.sum() == shop.sql("select count(*) as n from payments where status <> 'pending'").n[0]
    odd = rollup.panel('unusual_days', Filters()).frame
    outside = (odd.revenue > odd.most_revenue) | (odd.revenue < odd.least_revenue)
    assert len(odd) == DAYS + 1
    assert list(outside.astype(int)) == list(odd.is_unusual)
    some = rollup.panel('unusual_days', Filters(dt.date(2025, 11, 1), dt.date(2025, 11, 30))).frame
    assert list(some.is_unusual) == list(odd[odd.day.between('2025-11-01', '2025-11-30')].is_unusual), (
        'a day is judged alike in every view'
    )
    assert (
        rollup.panel('margin_by_volume', Filters()).frame.revenue.sum() - rollup.values(Filters())['revenue']
    ) < 0.01


@given(f=views(None))
def test_an_address_brings_the_view_back(f):
    names = dict(category=CATEGORIES, country=('DE', 'FR'), channel=('web', 'app'), method=('card', 'wallet'))
    assert from_query(to_query(f), (FIRST, LAST), names) == (f, [])


@pytest.mark.parametrize(
    'query, left',
    [
        ('days=soon', 'days soon'),
        ('days=2024-01-01..2024-02-01', 'days'),
        ('days=2025-03-01..2025-02-01', 'days'),
        ('category=Boats', 'category Boats'),
        ("country=DE' or 1=1", 'country'),
        ('channel=web;drop table orders', 'channel'),
        ('method=' + 'x' * 5000, 'payment method'),
    ],
)
def test_a_broken_address_is_told(backend, query, left):
    hello, _ = backend.answer(dict(ask='hello', query=query))
    assert left in hello['left'][0]
    assert not backend.answer(dict(ask='view', query=hello['query']))[0].get('error')


@pytest.mark.parametrize(
    'asked',
    [
        dict(ask='panel', query='', name='profit'),
        dict(ask='panel', query='', name='__class__'),
        dict(ask='measure', query='', name='x'),
        dict(ask='rows', table='orders; drop table orders'),
        dict(ask='columns', table='(select 1)'),
        dict(ask='nothing'),
        dict(ask='rows'),
        dict(ask='rows', table='orders', size='many'),
        dict(ask='download', query='', name='x', format='csv'),
    ],
)
def test_what_cannot_be_answered_is_an_error_and_nothing_breaks(backend, asked):
    assert backend.answer(dict(asked, id=7))[0]['error']
    rows = backend.answer(dict(ask='rows', id=8, table='orders', sort='1; drop table orders'))[0]
    assert rows['total'] == SIZE['orders']


def test_changed_files_never_show_old_numbers(tmp_path):
    run = tmp_path / 'run'
    Shop(**SIZE | dict(orders=800, order_items=2000)).save(run)
    backend, other = Backend(run, tmp_path), Backend(run, tmp_path)
    assert backend.on_changed() == dict(changed=False)
    assert other.follow()
    Shop(**SIZE | dict(orders=900, order_items=2000)).save(run)
    assert backend.on_changed() == dict(changed=True)
    assert not other.follow(), 'who follows adds nothing up'
    assert len(list(tmp_path.glob('*.rollup'))) == 1, 'who follows adds nothing up'
    assert (
        backend.on_reload()['rows']['orders']
        == 900
        == sum(backend.rollup.series(Filters())['orders'][:, 0])
        + backend.rollup.con.execute('select count(*) from rollup.orders where is_sale = 0').fetchone()[0]
    )
    assert backend.on_changed() == dict(changed=False)
    assert len(list(tmp_path.glob('*.rollup'))) == 2
    assert other.on_changed()['changed']
    assert other.follow()
    assert not other.on_changed()['changed']
    assert other.on_hello('')['rows'] == backend.on_hello('')['rows']


def test_a_rollup_is_whole_or_not_there(shop, tmp_path, monkeypatch):
    import shop_nb.dashboard.rollup as module
    monkeypatch.setitem(module._STATEMENTS, 'lines_by_day', 'select nothing from nowhere')
    with pytest.raises(ShopError): build(shop.folder, tmp_path / 'x.rollup')
    assert not list(tmp_path.iterdir())


def test_the_cache_does_not_grow(shop, tmp_path):
    for i in range(8):
        (tmp_path / f'{i}.rollup').write_bytes(b'')
        os.utime(tmp_path / f'{i}.rollup', (i, i))
    made = rollup_path(shop.folder, tmp_path)
    assert made.exists()
    assert len(list(tmp_path.iterdir())) == 5


def test_a_shop_is_served_only_if_it_is_one(tmp_path, capsys):
    from shop_nb.app.cli import main
    assert main(['dashboard', str(tmp_path / 'no')]) == 2
    (tmp_path / 'tables').mkdir()
    assert main(['dashboard', str(tmp_path)]) == 2
    assert 'Traceback' not in capsys.readouterr().err


# -------------------------------------------------------------------------------- the look

def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return sum(
        w * (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4)
        for w, c in zip((0.2126, 0.7152, 0.0722), parts)
    )


def contrast(a, b):
    x, y = sorted((luminance(a), luminance(b)))
    return (y + .05) / (x + .05)


@pytest.mark.parametrize('scheme', [0, 1], ids=['light', 'dark'])
def test_every_text_can_be_read(scheme):
    "What axe cannot judge inside drawings: text on cards 4.5 to 1, text on cells of a heat map too, marks 3 to 1."
    css = style_css()
    pairs = {
        n: [c if len(c) == 7 else '#' + ''.join(x * 2 for x in c[1:]) for c in (a, b)]
        for n, a, b in re.findall(r'--(\w+): light-dark\((#\w{3,6}), (#\w{3,6})\)', css)
    }
    v = {n: p[scheme] for n, p in pairs.items()}
    for n in ('ink', 'soft', 'accent', 'good', 'bad', 'marktext'):
        assert contrast(v[n], v['card']) >= 4.5, n
        assert contrast(v[n], v['page']) >= 4.5, n
    assert contrast(v['accent'], v['tint']) >= 4.5
    assert contrast(v['inbar'], v['main']) >= 4.5
    for i in range(6):
        assert contrast(v['onpale' if i < 3 else 'onmid' if i == 3 else 'ondark'], v[f'r{i}']) >= 4.5, i
    for n in ('main', 'mark'):
        assert contrast(v[n], v['card']) >= 3, n
    assert v['main'] == THEMES[('light', 'dark')[scheme]]['main']


# -------------------------------------------------------------------------------- the page

SERVE = [sys.executable, '-c', 'import sys; from shop_nb.app.cli import main; sys.exit(main())', 'dashboard']
KPI = '.kpi[data-name={}] .value'


def served(run, cache):
    "`shop-nb dashboard` on a port of its own: address and process."
    return process(*SERVE, str(run), '--port', str(free_port()), log=cache / 'server.log')


@pytest.fixture(scope='module')
def server(shop, tmp_path_factory):
    with served(shop.folder, tmp_path_factory.mktemp('cache')) as it: yield it


def opened(context, address, wrong):
    "A new page, of which `wrong` has the errors, and what it asks of others than the server."
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.on('console', lambda m: m.type == 'error' and wrong.append(m.text))
    page.on('pageerror', lambda e: wrong.append(str(e)))
    page.on(
        'request',
        lambda r: (
            urlparse(r.url).scheme in ('http', 'https', 'ws', 'wss')
            and not r.url.startswith(address)
            and wrong.append(r.url)
        ),
    )
    return page


@pytest.fixture
def visit(browser, server):
    "Open the dashboard: a page that is ready. In the end nothing may have gone wrong, and nobody else been asked."
    contexts, wrong = [], []

    def open(query='', address=server[0], ready=True, **look):
        context = browser.new_context(viewport=dict(width=look.pop('width', 1280), height=900), **look)
        contexts.append(context)
        page = opened(context, address, wrong)
        page.goto(address + query)
        if ready: page.wait_for_selector('[data-state=ready]')
        return page

    yield open
    for c in contexts:
        for page in c.pages: page.goto('about:blank')
        c.close()
    assert not wrong


@pytest.fixture(scope='module')
def standing(browser, server):
    "A page that stays open, and what has gone wrong on it."
    context, wrong = browser.new_context(), []
    page = opened(context, server[0], wrong)
    page.goto(server[0])
    page.wait_for_selector('[data-state=ready]')
    yield page, wrong
    page.goto('about:blank')
    context.close()


BACK = """query => {
    shopDashboard.laid = null
    history.pushState(null, '', query)
    dispatchEvent(new PopStateEvent('popstate'))
}"""
RESTS = '() => !shopDashboard.beforeKeys && shopDashboard.root.dataset.state == "ready"'
QUARTER = 'days=2025-10-03..2025-12-31' # with which the page opens


@pytest.fixture
def view(standing):
    "The open page, brought to an address as by Back and drawn anew: for tests that change only the view."
    page, wrong = standing

    def show(query=f'?{QUARTER}', width=1280, scheme='light'):
        page.set_viewport_size(dict(width=width, height=900))
        page.emulate_media(media='screen', color_scheme=scheme)
        settle(page, lambda: page.evaluate(BACK, query))
        return page

    yield show
    assert until(lambda: page.evaluate(RESTS))
    found, wrong[:] = wrong[:], []
    assert not found


def days_of(page): return [dt.date.fromisoformat(d) for d in re.search(r'days=([\d-]+)\.\.([\d-]+)', page.url).groups()]


def shown(page, name): return page.inner_text(KPI.format(name))


def delta(page, name): return page.inner_text(f'.kpi[data-name={name}] .delta [aria-hidden]')


def euro(v): return f"€{Decimal(v).quantize(Decimal(1) if abs(v) >= 1000 else Decimal('.01'), ROUND_HALF_UP):,}"


def settle(page, act):
    "Do something that changes the view, and wait until all of it is shown."
    page.evaluate('document.querySelector("#shop-dashboard").dataset.state = ""')
    act()
    page.wait_for_selector('[data-state=ready]')


@pytest.mark.slow
def test_it_opens_with_the_numbers_of_the_last_90_days(visit, shop):
    page = visit()
    f = Filters(*days_of(page))
    assert (f.end, (f.end - f.start).days) == (LAST, 89)
    assert shown(page, 'revenue') == euro(plain(shop, 'revenue', f))
    assert shown(page, 'sales') == f"{plain(shop, 'sales', f):,.0f}"
    assert shown(page, 'repeat_rate') == f"{100 * plain(shop, 'repeat_rate', f):.1f}%"
    assert page.locator('.kpi').count() == len(CARDS)
    assert page.title() == 'Overview · corner shop'
    assert page.locator('.skeleton').count() == 0


@pytest.mark.slow
def test_a_brush_changes_every_number_to_what_sql_says(visit, shop):
    page = visit('?days=all')
    box = page.locator('.p-revenue_by_day svg').bounding_box()
    page.mouse.move(box['x'] + 300, box['y'] + 120)
    page.mouse.down()
    page.mouse.move(box['x'] + 500, box['y'] + 120, steps=8)
    assert until(lambda: page.evaluate('performance.getEntriesByName("shop:brush").length')), (
        'polled from here: the page forbids eval'
    )
    settle(page, page.mouse.up)
    f = Filters(*days_of(page))
    assert 50 < (f.end - f.start).days < 90
    for name in ('revenue', 'gross_profit', 'aov'):
        assert shown(page, name) == euro(plain(shop, name, f)), name
    for name in ('sales', 'new_customers', 'returning_customers'):
        assert shown(page, name) == f'{plain(shop, name, f):,.0f}', name
    for name in ('gross_margin', 'repeat_rate', 'refund_rate', 'failure_rate'):
        assert shown(page, name) == f'{100 * plain(shop, name, f):.1f}%', name
    best = shop.ask('revenue_by_country', start=f.start, end=f.end).frame.revenue[0]
    assert f'€{best / 1000:.1f}k' in page.locator('.p-by_country .pickable').first.text_content()
    assert 'Revenue' in page.inner_text('.live')
    assert page.locator('.chips li').count() == 1


@pytest.mark.slow
def test_no_tile_stands_alone(view):
    "The tiles fill each of their rows, on a screen, a tablet and a phone."
    page = view()
    for width in 1280, 900, 700, 390:
        page.set_viewport_size(dict(width=width, height=900))
        left, right, *tiles = page.evaluate(
            '''() => {
                const box = element => element.getBoundingClientRect()
                const all = box(document.querySelector('.kpis'))
                const tiles = [...document.querySelectorAll('.kpis > .kpi')].map(box)
                return [all.left, all.right, ...tiles.map(tile => [tile.top, tile.left, tile.right])]
            }'''
        )
        rows = {top: [t for t in tiles if t[0] == top] for top, *_ in tiles}
        assert len(tiles) == 10, (width, rows)
        assert all(
            abs(min(l for _, l, _ in row) - left) < 2 and abs(max(r for *_, r in row) - right) < 2
            for row in rows.values()
        ), (width, rows)


@pytest.mark.slow
def test_peaks_are_those_of_the_picked_days(view):
    page = view('?days=2025-06-01..2025-08-31')
    named = lambda: re.findall(r'(\d+) (\w{3}): ', page.locator('.p-revenue_by_day .peaks').text_content())
    assert named()
    assert {m for _, m in named()} <= {'Jun', 'Jul', 'Aug'}
    page.get_by_role('slider', name='Move the period').focus()
    settle(page, lambda: page.keyboard.press('Home'))
    assert page.url.endswith('?days=2025-01-01..2025-04-02')
    assert {m for _, m in named()} <= {'Jan', 'Feb', 'Mar', 'Apr'}
    assert named()


@pytest.mark.slow
@pytest.mark.parametrize('width', [390, 1280])
def test_peaks_have_room(view, width):
    "Wherever the window stands, and whatever its width."
    page = view('?days=2025-10-03..2025-12-31', width=width)
    window, first = (page.get_by_role('slider', name=n) for n in ('Move the period', 'First day'))
    boxes = '''() => [...document.querySelectorAll('.p-revenue_by_day svg:has(.peaks), .p-revenue_by_day .peaks text')]
        .map(e => e.getBoundingClientRect()).map(b => [b.left, b.right, b.top])'''
    steps = 50 if FULL else 15
    for slider, key in [(first, 'ArrowRight')] * steps + [(window, 'ArrowLeft')] * steps:
        slider.press(key)
        (left, right, _), *labels = page.evaluate(boxes)
        assert labels, labels
        assert all(left <= l and r <= right for l, r, _ in labels), labels
        for a, b in combinations(labels, 2):
            assert a[1] <= b[0] or b[1] <= a[0] or abs(a[2] - b[2]) >= 14, (a, b)


@pytest.mark.slow
def test_cut_months_and_small_bases_are_seen(view):
    page = view('?days=2025-05-14..2025-08-09&page=customers')
    bars = page.locator('.p-new_vs_returning')
    assert bars.locator('.cut').count() == 2
    assert 'Striped: part of a month (14 – 31 May, 1 – 9 Aug)' in bars.inner_text()
    assert page.locator('.p-new_vs_returning [data-tip*="(only 1 – 9 Aug)"]').count() == 2
    tips = page.locator('.p-repeat_rate [data-tip]').evaluate_all('all => all.map(e => e.dataset.tip)')
    assert tips
    assert all(re.search(r', of [\d,]+ customers?$', t) for t in tips)


@pytest.mark.slow
@pytest.mark.parametrize('scheme, width', [('light', 1280), ('dark', 390)])
def test_an_empty_view_says_what_to_do(view, scheme, width):
    page = view('?' + to_query(QUIET), scheme=scheme, width=width)
    for name in ('by_category', 'by_channel', 'by_method', 'top_products', 'hours'):
        box = page.locator(f'.p-{name} .empty')
        assert '14 May 2025' in box.inner_text(), name
        assert 'Italy' in box.inner_text(), name
        assert box.bounding_box()['height'] > 90, name
        assert page.locator(f'.p-{name} svg').count() == 0
    settle(page, page.locator('.p-hours').get_by_role('button', name='Remove filters').click)
    settle(page, page.get_by_role('button', name='All', exact=True).click)
    assert page.locator('.empty').count() == 0
    assert page.url.endswith('?days=all')
    for name, title in dict(
        lapsed_customers='No good customer has gone quiet',
        product_pairs='No two products were bought together often enough',
    ).items():
        shown = page.evaluate(
            "([name, empty]) => shopDashboard.panels.emptyHtml({name, empty, chart: {kind: 'hbar'}})", [name, title]
        )
        assert title in shown
        assert 'This is true of the whole shop.' in shown
        assert 'Choose a' not in shown


@pytest.mark.slow
def test_the_keyboard_does_what_the_mouse_does(view, shop):
    page = view('?days=2025-06-01..2025-06-30')
    first = page.get_by_role('slider', name='First day')
    first.focus()
    for _ in range(3): page.keyboard.press('ArrowRight')
    page.keyboard.press('Shift+ArrowLeft')
    page.wait_for_url('**days=2025-05-28..2025-06-30*')
    page.wait_for_selector('[data-state=ready]')
    assert shown(page, 'revenue') == euro(plain(shop, 'revenue', Filters(dt.date(2025, 5, 28), dt.date(2025, 6, 30))))
    assert first.get_attribute('aria-valuetext') == '28 May 2025'
    assert page.evaluate('document.activeElement.dataset.key') == 'h0'
    bar = page.locator('.p-by_channel [data-key=web]')
    bar.focus()
    settle(page, lambda: page.keyboard.press('Enter'))
    assert bar.get_attribute('aria-pressed') == 'true'
    assert 'channel=web' in page.url
    assert page.evaluate('document.activeElement.dataset.key') == 'web', 'the focus stays'
    settle(page, lambda: page.keyboard.press(' '))
    assert 'channel' not in page.url


@pytest.mark.slow
def test_picks_are_chips_that_can_be_undone_and_cleared(visit, shop):
    page = visit('?days=all')
    settle(page, page.locator('.p-by_category [data-key=Books]').click)
    settle(page, page.locator('.p-by_country [data-key=DE]').click)
    settle(page, page.locator('.p-by_category [data-key=Toys]').click)
    f = Filters(category=('Books', 'Toys'), country=('DE',))
    assert shown(page, 'revenue') == euro(plain(shop, 'revenue', f))
    assert shown(page, 'sales') == f"{plain(shop, 'sales', f):,.0f}"
    assert [c.removesuffix('×') for c in page.locator('.chips button').all_inner_texts()] == [
        'Books',
        'Toys',
        'Germany',
    ]
    settle(page, page.get_by_role('button', name='Undo').click)
    assert page.locator('.chips li').count() == 2
    assert shown(page, 'sales') == f"{plain(shop, 'sales', Filters(category=('Books',), country=('DE',))):,.0f}"
    settle(page, page.get_by_role('button', name='Remove Germany').click)
    settle(page, page.go_back)
    assert 'country=DE' in page.url
    assert page.locator('.chips li').count() == 2
    settle(page, page.get_by_role('button', name='Clear').click)
    assert page.url.endswith('?days=all')
    assert shown(page, 'revenue') == euro(plain(shop, 'revenue', Filters()))


@pytest.mark.slow
def test_a_link_brings_the_view_back(visit, shop):
    query = '?days=2025-02-01..2025-09-15&category=Books,Home&channel=web&page=customers'
    page = visit(query)
    assert page.url.endswith(query)
    assert page.get_by_role('link', name='Customers').get_attribute('aria-current') == 'page'
    settle(page, page.get_by_role('link', name='Overview').click)
    f = Filters(dt.date(2025, 2, 1), dt.date(2025, 9, 15), category=('Books', 'Home'), channel=('web',))
    assert shown(page, 'revenue') == euro(plain(shop, 'revenue', f))
    page = visit('?days=all&category=Boats&country=DE')
    assert 'category Boats' in page.inner_text('.notes')
    assert page.url.endswith('?days=all&country=DE')


@pytest.mark.slow
def test_a_links_first_numbers_come_before_the_widget(visit, server, shop):
    "They stand in the page itself: those of the link, not of the view of the heated kernel; what is unread is not."
    query = '?days=2025-02-01..2025-09-15&category=Books,Home&channel=web'
    f = Filters(dt.date(2025, 2, 1), dt.date(2025, 9, 15), category=('Books', 'Home'), channel=('web',))
    page = visit(query, ready=False)
    page.wait_for_selector('.kpi .value')
    assert page.locator('.kpi .value').first.inner_text() == euro(plain(shop, 'revenue', f))
    page.wait_for_selector('[data-state=ready]')
    assert shown(page, 'revenue') == euro(plain(shop, 'revenue', f))

    def told(query):
        page = visit(query, ready=False)
        html = page.evaluate('document.getElementById("first-numbers").innerHTML')
        page.goto('about:blank')
        return html

    html = until(lambda: told("?days=soon&country=DE'--,DE&x=<b>")) # a busy server does without them
    last = Filters(LAST - dt.timedelta(89), LAST, country=('DE',))
    assert euro(plain(shop, 'revenue', last)) in html
    assert html.count('class="value"') == len(CARDS)
    assert '<b>' not in html


def test_pages_without_cards_have_no_first_numbers(backend, shop):
    numbers = FirstNumbers(backend)
    assert not numbers.html('page=customers')
    last = Filters(LAST - dt.timedelta(89), LAST, country=('DE',))
    for page in 'nonsense', 'toString', '%FF': # no such page: the overview, with its numbers
        assert euro(plain(shop, 'revenue', last)) in numbers.html(f'page={page}&country=DE'), page


def test_python_and_the_browser_write_the_same_number(browser):
    "The first numbers stand until the cards replace them: no digit may change. The two languages differ at halves."
    ties = [n / 8 for n in range(-40, 41)] + [
        79.125,
        999.995,
        999.996,
        1000.5,
        1001.5,
        2500.5,
        99_999_999.5,
        1e8,
        123_450_000.0,
        123_350_000.0,
    ]
    near = [x for v in ties for x in (v, math.nextafter(v, 9e9), math.nextafter(v, -9e9))]
    random = Random(1)
    values = [x for v in near + [random.uniform(0, 10 ** random.randint(0, 9)) for _ in range(2000)] for x in {v, -v}]
    cases = (
        [(v, 'money', c) for v in values for c in CURRENCIES]
        + [(v, 'share', 'EUR') for v in values]
        + [(n, 'count', 'INR') for n in (0, 1, 999, 1000, 1_234_567, -3)]
        + [(None, u, 'USD') for u in ('money', 'share', 'count')]
    )
    there = of_script(browser, '(v, unit, code) => (setCurrency(code), headline(v, unit))', cases)
    assert [(c, t) for c, t in zip(cases, there) if t != headline(*c)] == []
    assert headline(79.125, 'money') == '€79.13'
    assert headline(-2500.5, 'money') == '-€2,501'
    assert headline(None, 'money') == '–'
    assert headline(12_345_678, 'money', 'INR') == '₹1,23,45,678'


def test_amounts_in_full_have_the_sign_and_the_groups_of_their_currency(browser):
    "In tips as in Python, to the cent; a cell of a table has the groups without the sign."
    draw = Random(4)
    values = [0, 0.5, -0.01, 999.99, 1000, 99_999.99, 123_456, -1_234_567.5]
    values += [round(draw.uniform(-1, 1) * 10 ** draw.randint(0, 9), 2) for _ in range(400)]
    cases = [(v, c) for v in values for c in CURRENCIES]
    there = of_script(
        browser, "(v, code) => (setCurrency(code), [amount(v, 'money'), full(v, 'money'), currencySign()])", cases
    )
    assert [(c, a) for c, (a, _, _) in zip(cases, there) if a != money(c[0], 2, c[1])] == []
    assert [(c, a, f) for c, (a, f, sign) in zip(cases, there) if a.replace(sign, '') != f] == []
    assert [a for (v, _), (a, _, _) in zip(cases, there) if v == 123_456] == [
        '€123,456.00', '$123,456.00', '£123,456.00', 'R$123,456.00', '₹1,23,456.00', 'CHF\N{NO-BREAK SPACE}123,456.00'
    ]


@pytest.mark.parametrize('currency, sign', [('USD', '$'), ('INR', '₹'), ('CHF', 'CHF\N{NO-BREAK SPACE}')])
def test_the_backend_says_the_currency_of_the_run(tmp_path, currency, sign):
    "First of all, in the sentences of all panels, in the numbers before the script, and once in a file with amounts."
    Shop(**SIZE, **{'shop.currency': currency}).save(tmp_path / 'run')
    backend = Backend(tmp_path / 'run', tmp_path)
    assert backend.on_hello()['currency'] == backend.rollup.currency == currency
    first = first_html(backend, 'days=2025-11-28..2025-12-05')
    assert f'<p class="value" style="--letters: {5 + len(sign)}">{sign}' in first
    names = {name for _, names in TABS.values() for name in names}
    panels = [backend.on_panel('days=all', name)['panel'] for name in sorted(names)]
    parts = 'title', 'why', 'grain', 'note', 'says', 'columns'
    words = {p['name']: ' '.join(str(p[part]) for part in parts) for p in panels}
    assert [name for name, text in words.items() if re.search('€|eur', text, re.IGNORECASE)] == []
    about_money = 'by_country', 'new_vs_returning', 'top_products', 'revenue_by_day', 'unusual_days', 'lapsed_customers'
    assert [p['name'] for p in panels if p['name'] in about_money and f': {sign}' not in p['says']] == []
    for name in ('headline', 'by_country', 'top_customers', 'hours', 'order_flow'):
        table = pd.read_csv(io.BytesIO(backend.on_download('days=all', name, 'csv')[1][0]))
        said = set(table.currency.dropna()) if 'currency' in table else None
        assert said == (None if name in ('hours', 'order_flow') else {currency}), name


@pytest.mark.parametrize('currency', [
    '<img src=x onerror=alert(1)>', "USD'; drop table orders", '$', 'usd', 7, None, ['USD'],
])
def test_a_currency_of_a_manifest_is_a_code_or_the_run_is_refused(tmp_path, currency):
    "It stands in pages and SQL, and a manifest may come from anybody."
    Shop(customers=40, products=30, orders=60, order_items=120).save(tmp_path / 'run')
    manifest = tmp_path / 'run' / 'manifest.json'
    told = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(told | dict(market=told['market'] | dict(currency=currency))))
    with pytest.raises(ShopError, match='The market of this shop cannot be read'): Backend(tmp_path / 'run', tmp_path)


def test_a_rollup_of_another_currency_is_another(tmp_path):
    "Of a run that is made again in another currency no old sign stays."
    size = dict(customers=40, products=30, orders=60, order_items=120)
    for currency in ('GBP', 'BRL'):
        Shop(**size, **{'shop.currency': currency}).save(tmp_path / 'run')
        assert Rollup(rollup_path(tmp_path / 'run', tmp_path)).currency == currency


@pytest.mark.slow
def test_tips_say_money_in_one_form(view):
    "In full, with its sign; only the cells of a table, whose caption names the currency, go without."
    page, tips = view('?days=2025-05-14..2025-08-09'), []
    for title in ('Overview', 'Customers', 'Products', 'Operations'):
        if title != 'Overview': settle(page, page.get_by_role('link', name=title, exact=True).click)
        tips += page.locator('.panel [data-tip]').evaluate_all('all => all.map(e => e.dataset.tip)')
    money = [t for t in tips if '€' in t]
    assert len(money) > 100
    assert not [t for t in tips if re.search(r'(?<!lift )(?<![€\d,])\b\d[\d,]*\.\d\d\b', t)]
    assert not [t for t in money if not re.search(r'€[\d,]+\.\d\d(?!\d)', t) or re.search(r'€[\d.,]+[kM]', t)]


@pytest.mark.slow
def test_every_number_explains_itself_and_can_be_taken_away(visit, shop):
    page = visit('?days=2025-03-01..2025-05-31&channel=app')
    page.get_by_role('button', name='What is Returning customers?').click()
    page.wait_for_selector('dialog[open]')
    assert MEASURES['returning_customers'].what in page.inner_text('dialog')
    assert f"{shop.sql(page.inner_text('dialog pre')).iloc[0, 0]:,}" == shown(page, 'returning_customers')
    page.keyboard.press('Escape')

    def take(panel, what):
        page.locator(f'.p-{panel} summary').click()
        with page.expect_download() as got: page.locator(f'.p-{panel} .menu button', has_text=what).click()
        return got.value.suggested_filename, Path(got.value.path()).read_bytes()

    name, csv = take('by_country', 'Rows as CSV')
    there = shop.sql('''select country, sum(revenue_cents) / 100.0 as r
        from order_totals join customers using (customer_id)
        where is_sale = 1 and channel = 'app' and order_day between '2025-03-01' and '2025-05-31' group by 1''')
    found = pd.read_csv(io.BytesIO(csv))
    assert name == 'by_country 2025-03-01 to 2025-05-31 channel app.csv'
    assert {
        k: round(100 * v) for k, v in found[['country', 'revenue']].values if v
    } == {k: round(100 * v) for k, v in there.values}
    name, parquet = take('by_country', 'Rows as Parquet')
    assert name == 'by_country 2025-03-01 to 2025-05-31 channel app.parquet'
    assert pd.read_parquet(
        io.BytesIO(parquet)
    ).equals(found)
    name, svg = take('revenue_by_day', 'Chart as SVG')
    assert name == 'revenue_by_day 2025-01-01 2025-12-31 app.svg', 'it shows all days'
    assert '1 Jan – 31 Dec 2025 · app' in svg.decode(), 'it shows all days'
    assert svg.startswith(b'<svg xmlns')
    assert b'var(' not in svg
    assert b'Revenue over time' in svg
    name, png = take('hours', 'Chart as PNG')
    assert name == 'hours 2025-03-01 2025-05-31 app.png'
    assert png.startswith(b'\x89PNG')
    assert len(png) > 5000
    page.locator('.p-by_country summary').click()
    page.locator('.p-by_country .menu button', has_text='Table').click()
    assert 'Austria' not in page.inner_text('.p-by_country')
    assert page.locator('.p-by_country tbody tr').count() == len(
        found
    )
    assert page.text_content('.p-by_country caption').endswith('. Amounts in EUR')
    assert page.locator('.p-by_country th').all_inner_texts() == ['country', 'revenue', 'revenue share']


ROOM = """() => {
    const cut = [...document.querySelectorAll('.kpi .value')].filter(v => v.scrollWidth > v.clientWidth)
    const outside = [...document.querySelectorAll('svg.chart text')].filter(t => {
        const [picture, own] = [t.closest('svg'), t].map(element => element.getBoundingClientRect())
        return own.left < picture.left - 1 || own.right > picture.right + 1
    })
    return [...cut, ...outside].map(element => element.textContent).filter(text => /\\d/.test(text))
}"""


@pytest.mark.slow
def test_every_amount_has_the_sign_of_the_shop_and_room(visit):
    "Cards, charts, tips, what is read aloud, and the head of a table; the shop's currency comes with the first answer."
    page = visit('?days=2025-03-01..2025-08-31')
    signs = dict(USD='$', INR='₹', BRL='R$', CHF='CHF\N{NO-BREAK SPACE}')
    wide = signs if FULL else ['INR'] # narrow ones have the least room
    for width, (currency, sign) in product((1280, 390), signs.items()):
        if width > 390 and currency not in wide: continue
        page.set_viewport_size(dict(width=width, height=900))
        said = []
        for name in ('overview', 'customers', 'operations'):
            settle(page, lambda: page.evaluate(
                """([currency, page]) => {
                    shopDashboard.laid = null
                    shopDashboard.open({...shopDashboard.view.shop, currency}, page)
                    shopDashboard.show()
                }""", [currency, name]))
            said += page.locator('.kpi .value, .kpi .delta, svg.chart text, .live').all_text_contents()
            said += page.locator('[data-tip]').evaluate_all('all => all.map(e => e.dataset.tip)')
            if name == 'overview': assert f'. Revenue {sign}' in page.text_content('.live'), currency
            assert page.evaluate(ROOM) == [], (width, currency, name)
        assert sum(sign in text for text in said) > 100, currency
        assert not [text for text in said if '€' in text], currency
    page.evaluate("shopDashboard.panels.toggleTable('unusual_days')")
    assert page.text_content('.p-unusual_days caption').endswith('. Amounts in CHF')
    assert not [cell for cell in page.locator('.p-unusual_days tbody td').all_inner_texts() if 'CHF' in cell]


@pytest.mark.slow
def test_a_large_amount_fits_its_card(view):
    "As an owner of a large shop sees it: the longest texts that a card writes, on screens of four widths."
    page = view()
    for width in 1280, 721, 390, 331:
        page.set_viewport_size(dict(width=width, height=900))
        page.evaluate('new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))')
        for value in '€99,999,999', '-₹9,99,99,999', 'R$99,999,999', '-CHF\N{NO-BREAK SPACE}99,999,999':
            page.evaluate(
                """value => {
                    const card = {name: 'revenue', title: 'Revenue', unit: 'money', good: 1, value: 1, spark: null}
                    shopDashboard.cards.show({headline: [card, card], against: null})
                    for (const shown of document.querySelectorAll('.kpi .value')) {
                        shown.textContent = value
                        shown.style.setProperty('--letters', value.length)
                    }
                }""", value)
            assert page.evaluate(ROOM) == [], (width, value)
            assert set(page.locator('.kpi .value').all_text_contents()) == {value}, 'else this shows nothing'


@pytest.mark.slow
def test_cards_under_a_category_and_what_was_picked_on_paper(view):
    "On paper, too, without the filters; a card that counts whole orders says so, and what is not final has no colour."
    page = view(f'?{QUARTER}&category=Toys&country=AT')
    kinds = {name: page.get_attribute(f'.kpi[data-name={name}] .delta', 'class').split()[1:] for name in CARDS}
    assert [n for n in CARDS if page.locator(f'.kpi[data-name={n}] .whole').count()] == [
        n for n, m in CARDS.items() if m.whole
    ]
    assert page.inner_text('.kpi[data-name=sales] .whole') == 'whole orders'
    assert page.get_attribute('.kpi[data-name=sales] .whole', 'data-tip') == 'Whole orders that contain Toys'
    assert kinds['refund_rate'] == ['open']
    assert re.fullmatch(
        r'Not final: \d+ orders? can still come back\.', delta(page, 'refund_rate')
    )
    assert not [n for n, k in kinds.items() if {'good', 'bad'} & set(k)], 'so few are neither good nor bad'
    assert 'small base' in delta(page, 'revenue')
    assert 'from a small base, against 90 days before' in page.text_content(
        '.kpi[data-name=revenue] .delta .sr'
    )
    for title in ('Overview', 'Customers', 'Products', 'Operations'):
        if title != 'Overview': settle(page, page.get_by_role('link', name=title, exact=True).click)
        page.emulate_media(media='print')
        assert not page.is_visible('.chips'), title
        assert '3 Oct – 31 Dec 2025 · Toys · Austria' in page.inner_text(
            '.against'
        ), title
        page.emulate_media(media='screen')


@pytest.mark.slow
def test_typed_days_are_those_of_the_data(view, shop):
    "In fields, heading, brush, chip and address alike; while a year is being typed, nothing moves."
    page = view('?days=2025-03-01..2025-05-31')
    def everywhere(first, last):
        assert page.url.endswith(f'?days={first}..{last}')
        assert [page.input_value(q) for q in ('.from', '.to')] == [str(first), str(last)]
        assert page.get_by_role('slider', name='First day').get_attribute('aria-valuenow') == str((first - FIRST).days)
        assert page.inner_text('.against').startswith(page.locator('.chips button').inner_text().removesuffix('×'))
        assert shown(page, 'revenue') == euro(plain(shop, 'revenue', Filters(first, last)))
    settle(page, lambda: page.fill('.from', '2024-01-01'))
    everywhere(FIRST, dt.date(2025, 5, 31))
    settle(page, lambda: page.fill('.to', '2026-06-30'))
    everywhere(FIRST, LAST)
    page.fill('.to', '0202-06-30')
    assert page.input_value('.to') == '0202-06-30'
    assert page.url.endswith(f'?days={FIRST}..{LAST}')
    settle(page, page.locator('.to').blur)
    everywhere(FIRST, FIRST)


@pytest.mark.slow
def test_pictures_hold_their_notes(view, browser):
    "In lines that end within the picture, above the chart; where all days count, the view's are not named."
    page = view('?days=2025-05-31..2025-08-01&country=DE,FR,IT&category=Books,Home,Toys&page=customers')
    for panel, has, lacks in (
        ('new_vs_returning', ['31 May – 1 Aug 2025 · Books', 'France', 'Striped'], []),
        (
            'cohort_retention',
            ['Uses all data up to 1 Aug 2025, not only the chosen period.', 'Germany'],
            ['31 May – 1 Aug'],
        ),
        ('repeat_rate', ['Uses all data up to 1 Aug 2025, not only the chosen period.', 'as n shrinks.'], ['31 May']),
    ):
        page.locator(f'.p-{panel} summary').click()
        with page.expect_download() as got:
            page.locator(f'.p-{panel} .menu button', has_text='Chart as SVG').click()
        drawn = browser.new_page()
        drawn.set_content(Path(got.value.path()).read_text())
        notes = drawn.locator('svg > g > text.soft').all()
        said = ' '.join(n.text_content() for n in notes)
        assert all(t in said for t in has), said
        assert not any(t in said for t in lacks), said
        box, chart = drawn.locator('svg').bounding_box(), drawn.locator('svg > g > g').bounding_box()
        places = [n.bounding_box() for n in notes]
        assert all(b['x'] + b['width'] <= box['x'] + box['width'] - 20 for b in places), panel
        assert max(b['y'] + b['height'] for b in places) <= chart['y'] + 4, panel
        assert chart['y'] + chart['height'] <= box['y'] + box['height']
        drawn.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    'scheme, width', [('light', 1280), ('dark', 360), *([('dark', 390), ('light', 360)] if FULL else [])]
)
def test_it_is_for_everyone(visit, scheme, width):
    "No finding of axe on any page, no sideways scroll, nothing too small to touch."
    import axe_playwright_python

    axe = (Path(axe_playwright_python.__file__).parent / 'axe.min.js').read_text()
    page = visit(color_scheme=scheme, width=width, reduced_motion='reduce')
    page.evaluate(axe)
    for name, (title, _) in TABS.items():
        if name != 'overview': settle(page, page.get_by_role('link', name=title, exact=True).click)
        found = page.evaluate(
            "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )['violations']
        assert not [(v['impact'], v['id'], v['nodes'][0]['html'][:120]) for v in found], name
        assert page.evaluate('document.documentElement.scrollWidth - innerWidth') <= 0, name
        small = page.evaluate("""[...document.querySelectorAll(
            '#shop-dashboard :is(button, a[href], summary, input, .pickable, .handle)'
        )].map(e => [e, e.getBoundingClientRect()])
            .filter(([e, b]) => b.width && (b.width < 24 || b.height < 24) && !e.matches('.skip, .auto'))
            .map(([e, b]) => [e.outerHTML.slice(0, 90), b.width, b.height])""")
        assert not small, name
    background = page.evaluate("getComputedStyle(document.querySelector('#shop-dashboard')).backgroundColor")
    assert background == {'light': 'rgb(251, 251, 250)', 'dark': 'rgb(18, 21, 24)'}[scheme]
    assert page.evaluate("document.getAnimations().length") == 0


@pytest.mark.slow
def test_colours_can_be_chosen_and_stay(visit):
    page = visit('?page=data', color_scheme='light')
    page.get_by_role('button', name='Colours').click()
    page.get_by_role('button', name='Colours: light').click()
    page.reload()
    page.wait_for_selector('[data-state=ready]')
    assert (
        page.evaluate("getComputedStyle(document.querySelector('#shop-dashboard')).backgroundColor")
        == 'rgb(18, 21, 24)'
    )


@pytest.mark.slow
def test_the_tables_can_be_leafed_through(visit, shop):
    page = visit('?page=data')
    page.get_by_role('button', name='products').click()
    page.locator('[data-sort=price_cents]').click()
    page.locator('[data-sort=price_cents]').click()
    top = shop.products.sort_values('price_cents', ascending=False)
    expect(page.locator('.rows tbody tr').first).to_contain_text(str(top.price_cents.iloc[0]))
    page.get_by_role('button', name='Next').click()
    expect(page.locator('.pager')).to_contain_text('26 – 50 of 120')
    assert page.locator('th[aria-sort=descending]').count() == 1
    assert page.locator('.rows thead svg').count() >= 3
    assert '1,600' in page.inner_text('.tabs')
    assert '31 Dec 2025' in page.inner_text('.facts')


@pytest.mark.slow
def test_two_viewers_do_not_disturb_each_other_and_closing_frees_kernels(visit, standing, server, shop):
    assert until(lambda: len(kernels(server[1])) == 2), 'one of the page that stays open, and one that waits'
    one, two = visit('?days=all'), visit('?days=2025-08-01..2025-08-31')
    settle(one, one.locator('.p-by_channel [data-key=app]').click)
    settle(two, two.locator('.p-by_country [data-key=DE]').click)
    assert shown(one, 'revenue') == euro(plain(shop, 'revenue', Filters(channel=('app',))))
    assert shown(two, 'revenue') == euro(
        plain(shop, 'revenue', Filters(dt.date(2025, 8, 1), dt.date(2025, 8, 31), country=('DE',)))
    )
    assert until(lambda: len(kernels(server[1])) == 4), 'one a viewer, and one that waits for the next'
    one.close(run_before_unload=True)
    two.goto('about:blank')
    assert until(lambda: len(kernels(server[1])) == 2), 'closing and leaving frees'


@pytest.mark.slow
def test_new_data_is_told_and_shown_on_a_click_and_a_shop_that_went_away_is_told(visit, tmp_path):
    run = tmp_path / 'live'
    Shop(**SIZE | dict(orders=800, order_items=2000)).save(run)
    with served(run, tmp_path) as (address, _):
        page = visit('?days=all', address=address)
        old = shown(page, 'revenue')
        Shop(**SIZE | dict(orders=900, order_items=2300)).save(run)
        page.get_by_text('The run has changed').wait_for()
        assert shown(page, 'revenue') == old
        settle(page, page.get_by_role('button', name='Show the new data').click)
        assert shown(page, 'revenue') == euro(plain(Shop.open(run), 'revenue', Filters())) != old
        # and when it is gone, the page says so and still shows what it has
        for f in (run / 'tables').iterdir(): f.unlink()
        page.get_by_role('link', name='Data').click()
        page.locator('.notes .error').wait_for()
        settle(page, page.get_by_role('link', name='Overview').click)
        assert shown(page, 'revenue').startswith('€')
        page.goto('about:blank')


@pytest.mark.slow
def test_the_service_says_the_same(shop, rollup, tmp_path):
    "Each question that a headline number agrees with gives the same through HTTP, to the cent."
    from fastapi.testclient import TestClient
    from shop_nb.api.app import make_app
    from shop_nb.api.http_server import Config

    db = tmp_path / 'shop.db'
    shop.load(db)
    days = dict(start='2025-05-05', end='2025-09-14')
    v = rollup.values(Filters(dt.date(2025, 5, 5), dt.date(2025, 9, 14)))
    with TestClient(make_app(Config(str(db))), base_url='http://127.0.0.1') as client:

        def ask(name):
            said = client.get(f'/v1/questions/{name}', params=days)
            assert said.status_code == 200, said.text
            return pd.DataFrame(said.json()['rows'])

        for name in ('monthly_revenue', 'revenue_by_category', 'new_vs_returning', 'payment_methods'):
            here = shop.ask(name, **days).frame
            there = ask(name)[list(here.columns)]
            for c in here.columns:
                if pd.api.types.is_numeric_dtype(here[c]):
                    assert [
                        agree(a, b) for a, b in zip(map(float, here[c].fillna(0)), map(float, there[c].fillna(0)))
                    ] == [True] * len(here), (name, c)
        assert (
            round(100 * v['revenue'])
            == round(100 * ask('monthly_revenue').revenue.sum())
            == round(100 * ask('revenue_by_category').revenue.sum())
        )
        assert v['sales'] == ask('monthly_revenue').orders.sum()


@pytest.mark.slow
def test_a_period_before_without_sales_is_a_period(view, shop, rollup):
    "Nothing sold before is not the same as no time before."
    spans = (
        Filters(FIRST + dt.timedelta(d), FIRST + dt.timedelta(d + 1), category=('Garden',), country=('IT',))
        for d in range(20, DAYS)
    )
    quiet = next(f for f in spans if not rollup.values(before(f, FIRST))['sales'] and not rollup.values(f)['sales'])
    page = view('?' + to_query(quiet), width=360)
    assert shown(page, 'revenue') == '€0.00'
    assert delta(page, 'revenue') == 'unchanged'
    assert delta(page, 'aov') == 'no data'
    for name in CARDS:
        page.locator(f'.what[data-name={name}]').click()
        page.wait_for_selector('dialog[open]')
        said = page.locator('dialog b').inner_text()
        assert (said == '–') == (shown(page, name) == '–') == (rollup.values(quiet)[name] is None), name
        page.keyboard.press('Escape')
    ends = page.evaluate('[...document.querySelectorAll("nav a")].map(a => a.getBoundingClientRect().right)')
    assert len(ends) == 5
    assert max(ends) <= 360
