"""The behaviours that come along: each makes a valid shop, in which its values can be found again."""
import json, math, sqlite3, tomllib
from contextlib import closing
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest

from shop_nb.app.cli import main
from shop_nb.behaviour.behaviours import BEHAVIOURS, POOLS, as_json, read_behaviour
from shop_nb.behaviour.days import days_by_rule
from shop_nb.behaviour.parameters import PARAMETERS
from shop_nb.behaviour.settings import Settings, read_settings
from shop_nb.database.load import load
from shop_nb.generator.blocks import tables
from shop_nb.generator.calendar import Calendar
from shop_nb.generator.pools import places
from shop_nb.quality.validate import validate
from shop_nb.shop.shop import Shop
from support import ROOT

MARKETS = 'uk', 'us', 'br', 'in'
FIGURES = tomllib.loads((ROOT / 'nbs' / 'sources' / 'figures.toml').read_text(encoding='utf-8'))
SHOP = dict(customers=1500, products=400, orders=3000, order_items=7500, seed=5)


@lru_cache(maxsize=None)
def made(market): return tables(Settings(**SHOP, behaviour=market))


@lru_cache(maxsize=None)
def orders(market):
    "Orders with their payments and the places of their customers."
    t = {name: table.to_pandas() for name, table in made(market).items()}
    both = t['orders'].merge(t['payments'], on='order_id', suffixes=('', '_payment'))
    return both.merge(t['customers'], on='customer_id', suffixes=('', '_customer'))


@pytest.fixture(params=MARKETS)
def market(request): return request.param


def near(found, share, n, sigmas=4.5):
    "Whether a share of n is within some standard errors."
    return abs(found - share) <= sigmas * math.sqrt(max(share * (1 - share), 1 / n) / n)


# ------------------------------------------------------------------------ a shop of each

def test_all_come_along(): assert BEHAVIOURS == ('eu', 'br', 'in', 'uk', 'us')


def test_every_check_passes(market): assert validate(made(market)).ok


def test_it_loads(market, tmp_path):
    facts = load(made(market), tmp_path / 'shop.sqlite')
    assert facts['rows']['orders'] == 3000
    with closing(sqlite3.connect(tmp_path / 'shop.sqlite')) as con:
        methods = {m for m, in con.execute('select distinct method from payments')}
    assert methods <= set(read_behaviour(market)['payments.methods'])


def test_city_region_code_phone_and_point_belong_together(market):
    customers = made(market)['customers'].to_pandas().sample(100, random_state=1)
    columns = ['country', 'region', 'city', 'postal_code', 'latitude', 'longitude']
    both = customers.merge(places(market).drop_duplicates(columns), on=columns, how='left')
    assert both.phone_prefix.notna().all()
    assert all(phone.startswith(f'{prefix} ') for phone, prefix in zip(both.phone, both.phone_prefix))
    assert set(both.country) == set(POOLS[market])


# ------------------------------------------------------------------------ values, found again

def test_methods_have_their_shares(market):
    o, values = orders(market), read_behaviour(market)
    large = o.amount_cents >= values['payments.large_from'] * 100
    for name, some in (('payments.methods', o[~large]), ('payments.methods_large', o[large])):
        if len(some) < 100: continue
        for method, share in values[name].items():
            assert near((some.method == method).mean(), share, len(some)), (name, method)


def test_hours_have_their_shares(market):
    o, hours = orders(market), np.array(read_behaviour(market)['demand.hours'])
    working = o[o.ordered_at.dt.weekday < 5].ordered_at.dt.hour
    for hour, share in enumerate(hours / hours.sum()): assert near((working == hour).mean(), share, len(working)), hour


def test_peaks_stand_out(market):
    "A day has its factor times the orders of an ordinary one, unless the limit cuts it."
    values = read_behaviour(market)
    calendar = Calendar(Settings(**SHOP | dict(orders=400_000, order_items=400_000), behaviour=market))
    usual = calendar.intensity.trend * calendar.intensity.season * calendar.intensity.weekday * calendar.intensity.noise
    found = pd.Series(calendar.counts['orders'], usual.index)['2025'] / usual['2025']
    found /= found[calendar.intensity.peak['2025'] == 1].median()
    wanted = {}
    for name, factor in values['demand.peaks'].items():
        for day in days_by_rule(values['demand.days'][name], 2025, values['demand.days']):
            wanted[pd.Timestamp(day)] = factor
    for day, factor in wanted.items():
        most = values['demand.day_limit'] * calendar.intensity.trend[day] / usual[day]
        assert found[day] == pytest.approx(min(factor, most), rel=.15), day


def test_parcels_take_their_time(market):
    "From payment to the door: packing takes a day, and the hand-over is on a later day; the rest is the way."
    o, values = orders(market), read_behaviour(market)
    way = o.region.map(values['delivery.transit_by_region']).fillna(o.country.map(values['delivery.transit']))
    done = o[o.delivered_at.notna() & (o.paid_at < o.delivered_at)]
    days = (done.delivered_at - done.paid_at).dt.total_seconds() / 86400
    for median, some in days.groupby(way[done.index]):
        if len(some) >= 100: assert .8 * median + .7 < some.median() < 1.2 * median + 3, median


def test_parcels_cost_what_the_region_asks(market):
    o, values = orders(market), read_behaviour(market)
    fee = o.region.map(values['shipping.by_region']).fillna(o.country.map(values['shipping.fee']))
    paid = o.shipping_cents > 0
    assert paid.any()
    assert o.shipping_cents[paid].tolist() == (fee[paid] * 100).round().astype(int).tolist()


def test_returns_follow_the_categories(market):
    items, products = (made(market)[n].to_pandas() for n in ('order_items', 'products'))
    lines = items.merge(products, on='product_id')
    lines = lines.merge(orders(market)[['order_id', 'status', 'ordered_at']], on='order_id')
    old = lines[lines.status.isin(['delivered', 'returned']) & (lines.ordered_at < '2025-10-01')]
    for name, share in read_behaviour(market)['delivery.returns'].items():
        some = old[old.category == name].returned_quantity > 0
        assert near(some.mean(), share, len(some)), name


# ------------------------------------------------------------------------ paid at the door, and refused

@lru_cache(maxsize=None)
def settled():
    "Orders of a larger shop in India that can be neither on their way nor open any more."
    t = tables(Settings(**SHOP | dict(orders=12_000, order_items=20_000), behaviour='in', until='2026-06-30'))
    o = t['orders'].to_pandas().merge(t['payments'].to_pandas(), on='order_id', suffixes=('', '_payment'))
    return o[o.ordered_at < '2026-03-01']


def test_a_quarter_of_cash_parcels_is_refused():
    values = read_behaviour('in')
    kept, shares = 1 - values['delivery.cancelled'], values['payments.refused']
    cash = settled()[settled().method == 'cash_on_delivery']
    assert near(cash.status.eq('cancelled').mean(), 1 - kept * (1 - shares['cash_on_delivery']), len(cash))
    prepaid = settled()[(settled().method != 'cash_on_delivery') & (settled().status_payment != 'failed')]
    assert near(prepaid.status.eq('cancelled').mean(), 1 - kept * (1 - shares['card']), len(prepaid))


def test_cash_is_paid_at_the_door():
    cash = settled()[settled().method == 'cash_on_delivery']
    arrived = cash.delivered_at.notna()
    assert (cash.paid_at[arrived] == cash.delivered_at[arrived]).all()
    assert cash.paid_at[~arrived].isna().all()
    assert set(cash.status_payment[~arrived]) == {'failed'}
    assert set(cash.status[~arrived]) == {'cancelled'}


def test_a_refused_parcel_that_was_paid_for_is_refunded():
    o = settled()
    prepaid = o[(o.method != 'cash_on_delivery') & o.paid_at.notna() & (o.status == 'cancelled')]
    assert set(prepaid.status_payment) == {'refunded'}
    assert (prepaid.refunded_cents == prepaid.amount_cents).all()
    assert prepaid.delivered_at.isna().all()


def test_until_then_a_cash_payment_is_pending():
    cash = orders('in')[orders('in').method == 'cash_on_delivery']
    underway = cash[cash.status == 'shipped']
    assert len(underway)
    assert set(underway.status_payment) == {'pending'}
    assert underway.attempts.eq(0).all()


def test_time_moves_cash_orders_forward():
    "A later end takes cash orders from pending to shipped, and on to delivered or cancelled; the rest is as it was."
    ends = '2026-01-01', '2026-01-12'
    a, b = (tables(Settings(**SHOP, behaviour='in', until=end))['orders'].to_pandas() for end in ends)
    stage = dict(pending=0, paid=1, shipped=2, delivered=3, returned=4, cancelled=4)
    before, after = a.status.map(stage), b.status[:len(a)].map(stage)
    assert (after >= before).all()
    assert set(b.status[:len(a)][a.status == 'shipped']) >= {'delivered', 'cancelled'}
    done = a.delivered_at.notna()
    assert (a.delivered_at[done] == b.delivered_at[:len(a)][done]).all()


def test_whoever_lets_a_boleto_run_out_gives_up():
    o = orders('br')[orders('br').ordered_at < '2025-12-15']
    failed = o.groupby('method').status_payment.apply(lambda status: status.eq('failed').mean())
    assert near(failed['boleto'], .5 * (.9 + .1 * .45 * .35), (o.method == 'boleto').sum(), 5)
    assert failed['boleto'] > .35 > .2 > failed['card']


# ------------------------------------------------------------------------ sources

def test_what_differs_has_a_source(market):
    b = read_behaviour(market)
    assert set(b.sources) == set(b.origins)
    assert all(len(text) > 10 for text in b.sources.values())


SAME = { # what a figure is called in a behaviour, and how its numbers are written there
    'prices.currency': ('shop.currency', lambda v: v), 'payment.methods': ('payments.methods', lambda v: v),
    'payment.fails': ('payments.fails', lambda v: v), 'payment.give_up': ('payments.give_up', lambda v: v),
    'calendar.growth': ('demand.growth', lambda v: v), 'calendar.months': ('demand.months', lambda v: v),
    'calendar.weekdays': ('demand.weekdays', lambda v: v), 'calendar.hours': ('demand.hours', lambda v: v),
    'delivery.returned': ('delivery.returns', lambda v: v), 'delivery.cancelled': ('delivery.cancelled', lambda v: v),
    'shipping.free_from': ('shipping.free_from', lambda v: v / 100),
}


def test_the_figures_are_those_of_the_sources(market):
    values, compared = read_behaviour(market), 0
    for group, entries in FIGURES[market].items():
        for name, entry in entries.items():
            parameter, as_there = SAME.get(f'{group}.{name}', (None, None))
            if parameter:
                assert as_json(dict(values.values)[parameter], parameter) == as_there(entry['value']), parameter
            compared += bool(parameter)
    assert compared >= 7


@pytest.mark.parametrize('market', ['us', 'br', 'in'])
def test_the_level_of_prices_is_that_of_the_sources(market):
    assert read_behaviour(market)['products.price_level'] == figure(market, 'prices.level')


def test_what_is_earned_does_not_depend_on_where_the_tax_stands(market):
    "Where prices contain the tax, costs are a smaller share of them: the margin is about that of eu."
    def margin(name):
        sql = 'select 1 - sum(cost_cents) / sum(revenue_cents) as margin from sales_lines'
        return Shop(**SHOP, behaviour=name).sql(sql).margin[0]
    assert margin(market) == pytest.approx(margin('eu'), abs=.03)


def test_british_prices_contain_the_tax():
    "The figure is for prices without tax; the behaviour's prices contain what is due in the mean."
    values = read_behaviour('uk')
    shares, taxed = values['products.categories'], values['tax.by_category']
    with_tax = figure('uk', 'prices.level') * sum(share * (1 + taxed[name] * .2) for name, share in shares.items())
    assert values['products.price_level'] == pytest.approx(with_tax, abs=.02)


REGIONS = dict(
    Southeast='ES MG RJ', South='PR RS SC', CentreWest='DF GO MS MT', Northeast='AL BA CE MA PB PE PI RN SE',
    North='AC AM AP PA TO',
)


def figure(market, name):
    group, noun = name.split('.')
    return FIGURES[market][group][noun]['value']


def by_state(figures): # of Brazil
    regions = {state: region for region, states in REGIONS.items() for state in states.split()}
    return {state: figures.get(state, figures.get(regions.get(state))) for state in set(places('br').region)}


def test_the_figures_by_region_are_those_of_the_sources():
    br, india, us = (read_behaviour(m) for m in ('br', 'in', 'us'))
    assert br['shipping.by_region'] == {s: v / 100 for s, v in by_state(figure('br', 'shipping.price')).items()}
    assert br['delivery.transit_by_region'] == by_state(figure('br', 'delivery.transit'))
    part = {region: names[3:].capitalize() for region, names in zip(places('in').region, places('in').names)}
    transit = figure('in', 'delivery.transit')
    assert india['delivery.transit_by_region'] == {region: transit[name] for region, name in part.items()}
    assert us['tax.by_region'] == figure('us', 'tax.rates')
    rates = {s: r for s, r in figure('br', 'tax.rates').items() if s in br['tax.by_region']}
    assert br['tax.by_region'] == pytest.approx({s: 100 * r / (100 - r) for s, r in rates.items()}, abs=.0006)
    assert set(br['tax.by_region']) == set(places('br').region)


@pytest.mark.parametrize('market, country', [('uk', 'GB'), ('us', 'US'), ('in', 'IN')])
def test_one_price_per_country(market, country):
    assert read_behaviour(market)['shipping.fee'][country] == figure(market, 'shipping.price') / 100


@pytest.mark.parametrize('market, country', [('uk', 'GB'), ('us', 'US')])
def test_one_time_per_country(market, country):
    assert read_behaviour(market)['delivery.transit'][country] == figure(market, 'delivery.transit')


@pytest.mark.parametrize('market, full', [('uk', 20), ('in', 18)])
def test_taxes_by_category_are_those_of_the_sources(market, full):
    shares = read_behaviour(market)['tax.by_category']
    rates = {name: share * full for name, share in shares.items()}
    assert rates == pytest.approx(figure(market, 'tax.rates'), abs=.001)


DELAYS = {
    'br': {'pix', 'card', 'wallet', 'boleto', 'gift_card'},
    'in': {'upi', 'cash_on_delivery', 'card', 'wallet', 'netbanking', 'bnpl'},
}


def test_delays_and_refusals_are_those_of_the_sources():
    for market, methods in DELAYS.items():
        assert read_behaviour(market)['payments.delay'] == figure(market, 'payment.delay')
        assert set(read_behaviour(market)['payments.delay']) == methods
    refused = figure('in', 'payment.refused')
    wanted = {m: refused.get(m, refused['prepaid']) for m in DELAYS['in']}
    assert read_behaviour('in')['payments.refused'] == wanted


NAMES = { # how a peak of the figures is called in a behaviour
    'black_friday_plus_1': ('Saturday after it', 'Weekend after it'), 'black_friday_plus_2': ('Weekend after it',),
    'black_friday_minus_1': ('Thursday before it',), 'new_year': ("New Year's Day",), 'singles_day': ("Singles' Day",),
    'mothers_day_week': ("Week before Mothers' Day",), 'valentines_week': ('Week before Dia dos Namorados',),
    'fathers_day_week': ("Week before Fathers' Day",), 'childrens_day_week': ("Week before Children's Day",),
    'festive_sale_days_1_to_4': ('Festive sale',), 'festive_sale_days_5_to_8': ('Festive sale, later days',),
}


def test_peaks_are_those_of_the_sources(market):
    peaks = read_behaviour(market)['demand.peaks']
    known = {name.casefold().replace(' ', '_'): factor for name, factor in peaks.items()}
    for name, factor in figure(market, 'calendar.peaks').items():
        names = [n.casefold().replace(' ', '_') for n in NAMES.get(name, (name,))]
        assert factor in [known.get(n) for n in names], name


@pytest.mark.parametrize('feast', ['Diwali', 'Holi'])
def test_moving_feasts_are_those_of_the_sources(feast):
    assert read_behaviour('in')['demand.days'][feast].split(', ') == figure('in', f'calendar.{feast.lower()}')


DATES = [
    ('us', 'Prime Day', ['2025-07-08', '2025-07-09']), ('us', 'Thanksgiving', ['2025-11-27']),
    ('us', 'Cyber Monday', ['2025-12-01']), ('us', 'Weekend after it', ['2025-11-29', '2025-11-30']),
    ('uk', 'Cyber Monday', ['2025-12-01']), ('uk', 'Boxing Day', ['2025-12-26']), ('br', 'Carnival', ['2025-03-04']),
    ('br', "Week before Mothers' Day", [f'2025-05-{d:02d}' for d in range(4, 11)]),
    ('in', 'Festive sale', [f'2025-09-{d}' for d in range(15, 19)]), ('in', 'Dhanteras', ['2025-10-18']),
    ('in', 'Independence Day sale', [f'2025-08-{d}' for d in range(12, 16)]),
]


@pytest.mark.parametrize('market, name, wanted', DATES, ids=[f'{m} {n}' for m, n, _ in DATES])
def test_days_of_2025(market, name, wanted):
    rules = read_behaviour(market)['demand.days']
    assert [str(day) for day in days_by_rule(rules[name], 2025, rules)] == wanted


# ------------------------------------------------------------------------ how they are asked for

def test_by_name_everywhere():
    small = dict(customers=60, products=40, orders=120, order_items=300)
    shop = Shop(behaviour='us', **small)
    assert set(shop.customers.country) == {'US'}
    assert shop.settings == read_settings(False, {'SHOP_NB_BEHAVIOUR': 'us'}, **small)
    assert shop.settings.parameters == ()
    assert shop.settings.values['shop.currency'] == 'USD'


def test_from_the_command_line(tmp_path, capsys):
    rows = dict(customers=60, products=40, orders=120, order_items=300)
    small = [word for name, n in rows.items() for word in ('-p', name, str(n))]
    assert main(['generate', '--out', str(tmp_path / 'us'), '-p', 'behaviour', 'us', *small]) == 0
    assert json.loads((tmp_path / 'us' / 'manifest.json').read_text())['settings']['behaviour'] == 'us'
    assert main(['verify', str(tmp_path / 'us')]) == 0
    capsys.readouterr()
    assert main(['why', 'demand.peaks', '-p', 'behaviour', 'us']) == 0
    said = capsys.readouterr().out
    assert 'Adobe Analytics 2024' in said
    assert 'Prime Day' in said


def test_a_file_may_extend_a_market(tmp_path):
    (tmp_path / 'mine.toml').write_text('extends = "in"\n[payments.refused]\ncash_on_delivery = 0.5\n')
    s = Settings(behaviour=str(tmp_path / 'mine.toml'))
    assert s.behaviour == 'in'
    assert s.values['payments.refused']['cash_on_delivery'] == .5
    assert s.values['payments.refused']['card'] == .02
    assert [name for name, _ in s.parameters] == ['payments.refused']


def test_methods_of_ones_own():
    "A method that no behaviour has needs a value wherever the others have one, and none where 0 is meant."
    own = {'payments.methods': {'card': .5, 'barter': .5}, 'payments.methods_large': {'card': .5, 'barter': .5},
           'payments.fails.barter': 0, 'payments.give_up.barter': 0, 'payments.delay.barter': 60}
    s = Settings(customers=60, products=40, orders=120, order_items=300, parameters=own)
    assert set(tables(s)['payments']['method'].to_pylist()) == {'card', 'barter'}
    assert s.values['payments.refused'] == {'card': 0, 'barter': 0}


def test_the_currency_moves_nothing():
    small = dict(customers=60, products=40, orders=120, order_items=300)
    a, b = tables(Settings(**small)), tables(Settings(**small, parameters={'shop.currency': 'PLN'}))
    assert all(a[name].equals(b[name]) for name in a)
    assert len(PARAMETERS['shop.currency'].kind.options) > 5
