"What goes wrong strikes what it says and nothing else, and what it cost is known to the row and the cent."
import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from shop_nb import Shop
from shop_nb.audit.audit import audit
from shop_nb.audit.sheet import sheet
from shop_nb.behaviour.days import _SLOTS, MAX_BOTS, incident, wave_slot
from shop_nb.behaviour.parameters import PARAMETERS
from shop_nb.behaviour.settings import Settings, read_settings
from shop_nb.core.errors import SettingsError, ShopError
from shop_nb.feeds.feed_files import write_feed
from shop_nb.feeds.stream import stream
from shop_nb.files.digest import digest
from shop_nb.generator.blocks import generator, tables
from shop_nb.generator.calendar import FIRST_BOT, Calendar, struck
from shop_nb.generator.orders import longest_life
from shop_nb.history.changes import changes, delivered
from shop_nb.history.replay import Replay, as_of
from shop_nb.model.schema import DAY_KEYS, TABLES
from shop_nb.quality.validate import validate
from shop_nb.shop.counterfactual import Twin, changed_columns
from shop_nb.shop.incidents import without
from support import FULL, SHORT_LIVES

SMALL = dict(customers=300, products=80, orders=900, order_items=2300)
ALL = {
    'incidents.payment_outage': 'card 0.9 2025-02-10 to 2025-02-20, wallet 2025-03-05 08:00 to 20:00',
    'incidents.double_charge': '0.5 2025-03-01 to 2025-03-14',
    'incidents.price_error':
        'Electronics 100 2025-04-01 08:00 to 2025-04-05 14:00, product 3 0.01 2025-05-01 to 2025-06-30',
    'incidents.stock_out': 'Fashion 2025-05-10 to 2025-06-10, product 5 0.5 2025-01-01 to 2025-12-31',
    'incidents.channel_lost': 'app 0.7 2025-07-05 to 2025-07-12, 2025-07-20',
    'incidents.bot_wave': '60 2025-08-01 22:00 to 2025-08-02 02:00, 5 2025-08-01 to 2025-08-31',
    'incidents.returns_wave': 'Fashion 5 2025-09-01 to 2025-09-30',
    'incidents.lost_feed': '2025-10-05 to 2025-10-09',
}
CALM, BAD = Settings(**SMALL), Settings(**SMALL, parameters=ALL)
EVERY = [(name, i) for name, texts in BAD.parameters for i in range(len(texts))]
IN_SHOP = [pair for pair in EVERY if pair[0] != 'incidents.lost_feed']


@pytest.fixture(scope='module')
def bad(): return Shop(BAD)


@pytest.fixture(scope='module')
def listed(bad): return bad.incidents()


def during(one, orders):
    return orders.ordered_at.ge(one.begin) & orders.ordered_at.lt(one.end)


def own_names(table, like, *names):
    "The parameters of a shop with names of its own in a table, each like one that is there."
    values = Settings().values
    of_it = {name: dict(values[name])[like] for name, p in PARAMETERS.items() if getattr(p.kind, 'of', '') == table}
    tables = {table: dict.fromkeys(names, 1 / len(names))}
    return tables | {name: dict.fromkeys(names, value) for name, value in of_it.items()}


def own_categories(*names): return own_names('products.categories', 'Books', *names)


def of_spring(shop):
    "The lines of March, April and May, with category and time."
    lines = shop.order_items.merge(shop.products[['product_id', 'category']])
    lines = lines.merge(shop.orders[['order_id', 'ordered_at']])
    return lines[lines.ordered_at.between('2025-03-01', '2025-05-31 23:59:59')]


def alone(kind, text, **more): return Settings(**SMALL | more, parameters={f'incidents.{kind}': text})


# ------------------------------------------------------------------------ what stays, and what it cost

def test_its_bytes():
    "The digests of a shop in which everything goes wrong; they change only with the generator's version."
    assert {name: digest(t, name) for name, t in tables(BAD).items()} == GOLDEN


GOLDEN = dict(
    customers='16a479377131659273a3bc057b54a353',
    products='bef933aa792a08fa8bd694ac6e1ff276',
    orders='7177c59fe3f0c82cfc63818870d83e89',
    order_items='2a61ec75f5f05ae6ef7b8fc39094d571',
    payments='68c9ff3c142d5111fd7937fdd813f9fb',
)


@pytest.mark.parametrize('name, i', IN_SHOP)
def test_an_incident_strikes_only_orders_placed_while_it_lasts(bad, name, i):
    one, other = incident(BAD.values[name][i]), Shop(without(BAD, name, i))
    assert other.customers.equals(bad.customers)
    assert other.products.equals(bad.products)
    assert during(one, pd.concat([bad.orders, other.orders])).any()
    rest = [shop.orders[~during(one, shop.orders)].order_id for shop in (bad, other)]
    assert list(rest[0]) == list(rest[1])
    for table in ('orders', 'order_items', 'payments'):
        frames = (shop.frame(table) for shop in (bad, other))
        x, y = (frame[frame.order_id.isin(rest[0])].reset_index(drop=True) for frame in frames)
        assert x.equals(y), table


@pytest.mark.parametrize('name, i', IN_SHOP)
def test_what_it_cost_is_the_difference_of_two_whole_shops(bad, listed, name, i):
    one, other = incident(BAD.values[name][i]), Shop(without(BAD, name, i))
    same = (listed.incident == name.split('.')[1]) & (listed.begin == one.begin) & (listed.end == one.end)
    row, = listed[same].itertuples()
    effect = Twin(other, bad).orders
    assert row.loss_cents == effect.returned_cents_effect.sum() - effect.revenue_cents_effect.sum()
    def kept(payments):
        paid = payments[payments.paid_at.notna()]
        return paid.amount_cents.sum() - paid.refunded_cents.sum()
    assert row.paid_cents == kept(bad.payments) - kept(other.payments)
    differing, orders = 0, set()
    for table in ('orders', 'order_items', 'payments'):
        both = pd.concat([bad.frame(table), other.frame(table)]).drop_duplicates(keep=False)
        differing += both[TABLES[table].key].nunique()
        orders |= set(both.order_id)
    assert (row.rows, row.orders) == (differing, len(orders))
    assert row.orders > 0


def test_there_is_a_row_for_each(listed):
    assert len(listed) == len(EVERY)
    assert listed.begin.is_monotonic_increasing
    assert Shop(CALM).incidents().empty
    assert list(Shop(CALM).incidents().columns) == list(listed.columns)


def test_what_the_rules_find(bad):
    "The ledger names the payments that were taken twice, and no other rule but that of prices finds anything."
    found = {f['check']: f['failures'] for f in bad.validate().failures}
    assert {'ledger'} <= set(found) <= {'ledger', 'one_price_a_day'}
    other = Shop(without(BAD, 'incidents.double_charge'))
    twice = bad.payments.amount_cents.ne(other.payments.amount_cents)
    assert found['ledger'] == twice.sum() > 0
    assert (bad.payments.amount_cents[twice] == 2 * other.payments.amount_cents[twice]).all()


# ------------------------------------------------------------------------ one by one

def test_in_an_outage_every_attempt_fails():
    s = alone('payment_outage', 'card 2025-03-01 to 2025-05-31')
    shop, calm = Shop(s), Shop(CALM)
    paid = shop.payments.merge(shop.orders[['order_id', 'ordered_at']], on='order_id')
    struck = paid[(paid.method == 'card') & paid.ordered_at.between('2025-03-01', '2025-05-31 23:59:59')]
    assert set(struck.status) == {'failed'}
    assert struck.attempts.nunique() > 1
    others = paid[~paid.payment_id.isin(struck.payment_id)].payment_id
    x, y = (payments[payments.payment_id.isin(others)] for payments in (shop.payments, calm.payments))
    assert x.equals(y)


def test_cash_is_taken_in_an_outage_unless_it_is_named():
    "What is paid on delivery needs no payment provider."
    markets = dict(behaviour='in', until='2025-12-31')
    shop = Shop(alone('payment_outage', '2025-03-01 to 2025-05-31', **markets))
    later = shop.settings.values['payments.on_delivery']
    paid = shop.payments.merge(shop.orders[['order_id', 'ordered_at']], on='order_id')
    spring = paid[paid.ordered_at.between('2025-03-01', '2025-05-31 23:59:59')]
    at_once = spring.method.map(later).eq(0)
    assert set(spring[at_once].status) == {'failed'}
    assert (spring[~at_once].status == 'captured').mean() > .5
    cash = next(m for m, on in later.items() if on)
    named = Shop(alone('payment_outage', f'{cash} 2025-03-01 to 2025-05-31', **markets))
    both = named.payments.merge(named.orders[['order_id', 'ordered_at']], on='order_id')
    spring = both[both.ordered_at.between('2025-03-01', '2025-05-31 23:59:59')]
    assert set(spring.status[spring.method == cash]) == {'failed'}


def test_prices_alone_are_wrong():
    s = alone('price_error', 'Toys 0.01 2025-03-01 to 2025-05-31')
    shop, calm = Shop(s), Shop(CALM)
    x, y = calm.order_items, shop.order_items
    assert x[['order_item_id', 'product_id', 'quantity']].equals(y[['order_item_id', 'product_id', 'quantity']])
    wrong = x.unit_price_cents.ne(y.unit_price_cents)
    toys = shop.products.set_index('product_id').category.eq('Toys')
    assert y[wrong].product_id.map(toys).all()
    assert (y[wrong].unit_price_cents == np.rint(x[wrong].unit_price_cents * .01).clip(1)).all()
    checks = {f['check'] for f in shop.validate().failures}
    assert not checks # whole days have one price each


@pytest.mark.parametrize('size', [1, .4])
def test_nobody_buys_what_is_sold_out(size):
    spring = 'Fashion {size:g} 2025-03-01 to 2025-05-31'
    shop, calm = Shop(alone('stock_out', spring.format(size=size))), Shop(CALM)
    before, after = (of_spring(s).category.eq('Fashion').sum() for s in (calm, shop))
    assert after == 0 if size == 1 else .3 * before < after < .9 * before
    assert len(shop.order_items) == len(calm.order_items)
    assert validate(tables(shop.settings)).ok


def test_a_small_shop_that_sells_out():
    "Where hardly anything else is left, lines still have different products, and those that are in stock come first."
    s = Settings(customers=50, products=12, orders=300, order_items=900, parameters={
        'products.categories': dict(Books=.5, Toys=.5), 'incidents.stock_out': 'Books 2025-02-01 to 2025-11-30'})
    assert validate(tables(s)).ok


def test_what_is_left_is_bought_where_nearly_all_is_sold_out():
    "However rare what is left is: nobody who takes one product takes one that is sold out."
    mine = own_categories('Books', 'Toys') | {'products.categories': dict(Books=.95, Toys=.05)}
    mine['incidents.stock_out'] = 'Books 2025-03-01 to 2025-05-31'
    s = Settings(customers=300, products=80, orders=900, order_items=1300, parameters=mine)
    lines = of_spring(Shop(s))
    alone_in_order = lines.groupby('order_id').line_number.transform('max').eq(1)
    assert alone_in_order.sum() > 50
    assert set(lines.category[alone_in_order]) == {'Toys'}
    assert validate(tables(s)).ok


@pytest.mark.parametrize('what', ['Fashion', 'product 5', ''])
def test_what_comes_back_in_a_wave(what):
    shop, calm = Shop(alone('returns_wave', f'{what} 100 2025-01-01 to 2025-12-31')), Shop(CALM)
    more = shop.order_items.returned_quantity - calm.order_items.returned_quantity
    goods = calm.order_items.merge(calm.products[['product_id', 'category']])
    struck = goods.category.eq(what) | goods.product_id.eq(5) & (what == 'product 5') | (what == '')
    assert (more >= 0).all() and more[struck].sum() > 0 and not more[~struck].any()
    columns = ['order_item_id', 'product_id', 'quantity', 'unit_price_cents', 'tax_cents']
    assert shop.order_items[columns].equals(calm.order_items[columns])


def test_orders_of_a_lost_channel_are_not_there():
    shop, calm = Shop(alone('channel_lost', 'app 2025-03-01 to 2025-05-31')), Shop(CALM)
    missing = calm.orders[~calm.orders.order_id.isin(shop.orders.order_id)]
    app_orders = calm.orders.channel.eq('app') & calm.orders.ordered_at.between('2025-03-01', '2025-05-31 23:59:59')
    assert missing.order_id.equals(calm.orders[app_orders].order_id)
    with pytest.raises(ShopError, match='no order'): shop.order(int(missing.order_id.iloc[0]))


def test_bots_are_declined():
    shop, calm = Shop(alone('bot_wave', '300 2025-06-01 12:00 to 2025-06-02 03:00')), Shop(CALM)
    bots = shop.orders[~shop.orders.order_id.isin(calm.orders.order_id)]
    assert len(bots) == 300
    assert bots.ordered_at.between('2025-06-01 12:00', '2025-06-02 02:59:59').all()
    assert set(bots.status) == {'cancelled'}
    lines = shop.order_items[shop.order_items.order_id.isin(bots.order_id)]
    assert len(lines) == 300
    assert lines.product_id.nunique() == 1 == lines.line_number.max()
    payments = shop.payments[shop.payments.order_id.isin(bots.order_id)]
    assert set(payments.status) == {'failed'}
    assert payments.method.nunique() == 1
    assert shop.orders[~shop.orders.order_id.isin(bots.order_id)].reset_index(drop=True).equals(calm.orders)
    assert shop.orders.order_id.is_monotonic_increasing
    assert validate(tables(shop.settings)).ok


def test_how_bots_pay():
    "By card; where there are none, by what is not paid on delivery, however rare that is."
    wave = {'incidents.bot_wave': '30 2025-06-01'}
    def methods(**more):
        payments = Shop(Settings(**SMALL | more)).payments
        return set(payments.method[payments.order_id % DAY_KEYS >= FIRST_BOT])
    mine = own_names('payments.methods', 'wallet', 'cash', 'voucher')
    shares = dict(cash=.9, voucher=.1)
    mine |= {'payments.methods': shares, 'payments.methods_large': shares}
    mine |= {'payments.on_delivery': dict(cash=1, voucher=0)}
    assert methods(behaviour='in', parameters=wave) == {'card'}
    assert methods(parameters=mine | wave) == {'voucher'}


def test_nothing_is_sold_for_nothing():
    shop = Shop(alone('price_error', '0.0001 2025-01-01 to 2025-12-31'))
    assert shop.order_items.unit_price_cents.min() == 1
    assert shop.validate().ok


@pytest.mark.parametrize('kind, less, more', [
    ('payment_outage', 'card 0.3', 'card 0.8'), ('double_charge', '0.3', '0.8'), ('channel_lost', '0.3', '0.8'),
    ('stock_out', 'Toys 0.3', 'Toys 0.8'), ('returns_wave', '2', '6'), ('bot_wave', '30', '80'),
])
def test_more_keeps_what_was_there_with_less(kind, less, more):
    calm = Shop(CALM)
    struck = [Shop(alone(kind, f'{size} 2025-03-01 to 2025-06-30')) for size in (less, more)]
    def orders(shop):
        both = [pd.concat([calm.frame(t), shop.frame(t)]) for t in ('orders', 'order_items', 'payments')]
        return set().union(*(rows.drop_duplicates(keep=False).order_id for rows in both))
    few, many = map(orders, struck)
    assert few < many


# ------------------------------------------------------------------------ the promises of any shop

@pytest.mark.parametrize('size', [1 if FULL else 3, 7, 64, 333])
def test_any_partition(size):
    whole = tables(BAD)
    for name, t in tables(BAD, size=size, threads=2).items(): assert t.equals(whole[name]), name


def test_history_stays():
    short, long = tables(BAD), tables(replace(BAD, until=pd.Timestamp('2026-03-31').date()))
    for name in ('orders', 'order_items', 'payments'):
        assert long[name][TABLES[name].key].to_pylist()[: len(short[name])] == short[name][TABLES[name].key].to_pylist()


def test_the_replay_of_its_changes_is_the_shop():
    replay, draw = Replay(), random.Random(1)
    replay.apply(changes(BAD))
    begin, end = (pd.Timestamp(day).timestamp() for day in ('2025-01-01', '2026-01-01'))
    for at in sorted(draw.randrange(int(begin), int(end)) for _ in range(25)):
        when = np.datetime64(at, 's')
        found, truth = replay.as_of(when), tables(as_of(BAD, when))
        for name in TABLES: assert found[name].equals(truth[name]), (name, when)


@pytest.mark.parametrize('begin, end', [
    ('2025-08-01', '2025-08-02'), ('2025-08-10', '2025-08-11'), ('2025-07-20', '2025-07-22'),
])
def test_a_slice_of_its_changes(begin, end):
    whole, part = changes(BAD), changes(BAD, begin, end)
    log = whole.log
    expected = log[log.moment.ge(begin) & log.moment.lt(end)].reset_index(drop=True)
    assert part.log.equals(expected)


def test_bots_of_a_day_without_orders():
    "In a shop with an order a week, bots are numbered and found like in any other."
    wave = {'incidents.bot_wave': '90 2025-01-01 to 2025-12-31'}
    s = Settings(customers=40, products=20, orders=50, order_items=80, parameters=wave)
    whole = tables(s)
    assert len(whole['orders']) == 140
    for size in (1, 5): assert tables(s, size=size)['orders'].equals(whole['orders'])
    shop = Shop(s)
    placed = pd.Series(shop.orders.ordered_at.dt.date.to_numpy(), shop.orders.order_id)
    of_bots = placed.index % DAY_KEYS >= FIRST_BOT
    bots = list(placed.index[of_bots])
    assert len(bots) == 90
    empty = set(placed) - set(placed[~of_bots])
    assert len(empty) > 30
    log = changes(s).log
    for key in bots[:20] + bots[-3:]:
        day = shop.orders.set_index('order_id').ordered_at[key].date()
        assert shop.order(key)['orders'].order_id.tolist() == [key]
        assert key in shop.day(day)['orders'].order_id.tolist()
        next_day = day + pd.Timedelta(days=1)
        placed = changes(s, str(day), str(next_day)).log.query('table == "orders" and operation == "insert"')
        assert key in placed.key.tolist()
    inserts = log[(log.table == 'orders') & (log.operation == 'insert')]
    assert sorted(inserts.key) == shop.orders.order_id.tolist()


def test_bots_before_the_first_order():
    "A wave may come before anybody buys, and while the shop is known to that day only."
    wave = {'incidents.bot_wave': '90 2025-01-01 to 2025-01-20'}
    s = Settings(customers=5, products=20, orders=5, order_items=8, parameters=wave)
    first = Shop(replace(s, parameters=())).orders.ordered_at.min()
    assert first > pd.Timestamp('2025-01-20')
    whole, log = tables(s), changes(s)
    for size in (1, 2): assert changes(s, size=size).log.equals(log.log)
    replay = Replay()
    replay.apply(log)
    for day in ('2025-01-02', '2025-01-05 12:00', '2025-01-20', '2025-02-01', str(first), '2025-12-31'):
        truth, replayed = tables(as_of(s, day)), replay.as_of(day)
        for name in TABLES: assert replayed[name].equals(truth[name]), (name, day)
        before = np.count_nonzero(whole['orders']['ordered_at'].to_numpy() < np.datetime64(pd.Timestamp(day)))
        assert truth['orders'].equals(tables(as_of(s, day), size=1)['orders'])
        assert truth['orders']['order_id'].equals(whole['orders']['order_id'][:before])
        assert before > 0
    early = Shop(as_of(s, '2025-01-03'))
    assert len(early.block('orders', 0)) == len(early.orders)
    key = int(early.orders.order_id.iloc[-1])
    assert early.order(key)['orders'].order_id.tolist() == [key]
    assert early.incidents().orders.tolist() == [len(early.orders)]


def test_numbers_of_bots_leave_the_upper_half_of_a_day_free():
    "A service numbers orders of its own there, and takes no others from outside."
    assert FIRST_BOT + _SLOTS * MAX_BOTS <= DAY_KEYS // 2


def test_a_day_on_which_what_is_to_come_is_not_heard_of():
    "An incident or a promotion after `end` belongs to days that the shop, as of an earlier moment, does not have."
    s = Settings(
        **SMALL, until=pd.Timestamp('2026-02-28').date(), promotion='Toys 20 2026-02-01',
        price_change='Books 10 2026-02-05 2026-02-10',
        parameters={'incidents.bot_wave': '40 2026-02-10, 30 2025-06-01', 'incidents.channel_lost': '2026-02-20'})
    whole = tables(s)
    for moment in ('2025-03-01', '2025-09-09 09:09', '2026-01-31', '2026-02-11'):
        known, times = tables(as_of(s, moment)), whole['orders']['ordered_at'].to_numpy()
        expected = whole['orders']['order_id'].filter(times < np.datetime64(pd.Timestamp(moment)))
        assert known['orders']['order_id'].equals(expected)
    replay = Replay()
    replay.apply(changes(s))
    for moment in ('2025-07-01', '2026-02-01', '2026-02-15 12:00'):
        state, truth = replay.as_of(moment), tables(as_of(s, moment))
        for name in TABLES: assert state[name].equals(truth[name]), (name, moment)


@pytest.mark.parametrize('behaviour', ['us', 'br', 'in'])
def test_other_shops(behaviour):
    "What each incident cost is the difference of two whole shops, whatever they charge as tax or collect on delivery."
    year = '2025-03-01 to 2025-06-30'
    kinds = dict(
        payment_outage='0.5 ', double_charge='', price_error='', channel_lost='0.2 ', returns_wave='', bot_wave='50 ')
    struck = {f'incidents.{kind}': size + year for kind, size in kinds.items()}
    shop = Shop(Settings(**SMALL, behaviour=behaviour, parameters=struck))
    listed = shop.incidents().set_index('incident')
    assert {f['check'] for f in shop.validate().failures} == {'ledger'}
    for kind in kinds:
        effect = Twin(Shop(without(shop.settings, f'incidents.{kind}')), shop).orders
        assert listed.loss_cents[kind] == effect.returned_cents_effect.sum() - effect.revenue_cents_effect.sum(), kind
    assert (listed.orders > 0).all()
    delivered_ones = shop.payments.method.map(shop.settings.values['payments.on_delivery']).eq(1)
    other = Shop(without(shop.settings, 'incidents.payment_outage')).payments
    assert other[delivered_ones].equals(shop.payments[delivered_ones])


@pytest.mark.parametrize('when', ['2025-01-20', '2025-08-02 00:30'])
def test_what_is_to_come_has_cost_nothing(when):
    "The list has it with zeros, and of what is at work only that which has happened."
    early = Shop(as_of(BAD, when))
    numbers = early.incidents().set_index('begin')[['orders', 'rows', 'loss_cents', 'paid_cents']]
    assert len(numbers) == len(EVERY)
    to_come = numbers.index >= pd.Timestamp(when)
    assert to_come.any() and not numbers[to_come].any(axis=None)
    assert numbers.orders[~to_come].gt(0).any()


def test_the_list_is_in_order_of_time():
    "Those that begin together stay in the order of their declaration, and times are times also where there are none."
    kinds = 'payment_outage', 'double_charge', 'channel_lost'
    many = {f'incidents.{kind}': ['0.1 2025-06-01 to 2025-06-02', '0.1 2025-05-01'] * 4 for kind in kinds}
    listed = Shop(customers=10, products=20, orders=30, order_items=60, parameters=many).incidents()
    assert listed.incident.tolist() == [kind for _ in range(2) for kind in kinds for _ in range(4)]
    assert (listed.dtypes[['begin', 'end']] == Shop(CALM).incidents().dtypes[['begin', 'end']]).all()
    assert Shop(alone('lost_feed', '2025-12-31 to 9999-12-30')).incidents().end.dt.year.tolist() == [9999]


def test_bots_long_after_the_last_order():
    "Even when everything about the last order before them is over, they are in the changes of their day."
    mine = SHORT_LIVES | {'incidents.bot_wave': '3 2025-12-30'}
    s = Settings(customers=20, products=20, orders=2, order_items=2, parameters=mine)
    orders = Shop(s).orders
    others = [at.date() for key, at in zip(orders.order_id, orders.ordered_at) if key % DAY_KEYS < FIRST_BOT]
    assert (pd.Timestamp('2025-12-30').date() - max(others)).days * 86400 > longest_life(generator(s).catalogue)
    placed = changes(s, '2025-12-30', '2025-12-31').log.query('table == "orders" and operation == "insert"')
    assert len(placed) == 3


def test_an_incident_begins_with_its_first_second_and_ends_before_its_last():
    values = alone('payment_outage', 'card 2025-06-14 18:00 to 23:00').values
    begin, end = incident(values['incidents.payment_outage'][0]).span
    (one, during), = struck(values, 'payment_outage', np.array([begin - 1, begin, end - 1, end]))
    assert during.tolist() == [False, True, True, False]
    assert not list(struck(values, 'payment_outage', np.array([begin - 1, end])))


def test_bots_need_room_in_the_keys_of_a_day():
    busy = dict(customers=1000, orders=4 * 10**9, order_items=4 * 10**9)
    most = Calendar(Settings(**busy)).counts['orders'].max()
    assert FIRST_BOT < most < DAY_KEYS
    with pytest.raises(SettingsError, match=f'a key has room for {FIRST_BOT - 1:,}'):
        Calendar(Settings(**busy, parameters={'incidents.bot_wave': '2025-06-14'}))


def test_rows_are_foreseen():
    shop = Shop(alone('bot_wave', '500 2025-06-01, 7 2025-06-02'))
    assert shop.rows()['orders'] == len(Shop(shop.settings).orders) == 1407
    assert 'about 1,407 orders' in repr(shop)
    assert repr(Shop(CALM)).count('about') == 0
    wave = alone('bot_wave', '500 2025-06-01 to 2025-06-20, 7 2025-06-02')
    begun = replace(wave, until=pd.Timestamp('2025-06-10').date())
    assert shop.rows()['orders'] > Shop(begun).rows()['orders'] == len(Shop(begun).orders) > 600
    assert 'about' in repr(Shop(alone('channel_lost', '2025-06-01')))


def test_random_access(bad):
    for key in bad.orders.order_id.sample(30, random_state=2):
        for name, rows in bad.order(int(key)).items():
            frame = bad.frame(name)
            frame = frame[frame.order_id == key].reset_index(drop=True)
            assert rows.astype(object).equals(frame.astype(object)), (name, key)
    with pytest.raises(ShopError): bad.order(25080200000000 + FIRST_BOT + 999_999)


# ------------------------------------------------------------------------ feeds

def test_a_lost_day_is_in_no_feed(tmp_path):
    s = alone('lost_feed', '2025-10-05 to 2025-10-06, 2025-11-01 10:00 to 12:00')
    calm = tables(CALM)
    assert all(t.equals(calm[n]) for n, t in tables(s).items())
    log = changes(s)
    assert log.log.equals(changes(CALM).log)
    times = [incident(text) for text in s.values['incidents.lost_feed']]
    def lost(moments): return np.any([(moments >= one.begin) & (moments < one.end) for one in times], axis=0)
    left = log.log[~lost(log.log.moment)]
    assert 0 < len(left) < len(log)
    assert delivered(log, s).log.equals(left.reset_index(drop=True))
    sent = sum(len(chunk) for chunk in stream(s))
    assert sent == len(left)
    facts = write_feed(s, tmp_path / 'feed', 'days')
    assert sum(n for counts in facts['changes'].values() for n in counts.values()) == len(left)
    assert not (tmp_path / 'feed/2025-10-05').exists() and (tmp_path / 'feed/2025-10-07').exists()
    for form in ('jsonl', 'debezium', 'parquet', 'scd2', 'dbt'): write_feed(s, tmp_path / form, form)
    assert (tmp_path / 'jsonl/changes.jsonl').read_text().count('\n') == len(left)


def test_the_audit_finds_the_lost_day(tmp_path):
    s = alone('lost_feed', '2025-10-05')
    warehouse = Replay()
    warehouse.apply(delivered(changes(s), s))
    promised = sheet(s, '2025-09-01', every=86400)
    result = audit(warehouse.as_of('2026-01-01'), promised)
    assert not result.ok
    assert promised.span(result.first)[0] == '2025-10-05 00:00:00', result
    assert audit(tables(s), promised).ok


@pytest.mark.parametrize('begin, end', [
    ('2025-10-05 00:00:00', '2025-10-07 00:00:00'), ('2025-11-01 10:00:00', '2025-11-04 15:30:00'),
])
def test_the_list_has_what_the_feed_lacks(begin, end):
    s = alone('lost_feed', f'{begin} to {end}')
    row, = Shop(s).incidents().itertuples()
    log = changes(s).log
    assert row.rows == log.moment.between(begin, end, inclusive='left').sum()
    totals = Shop(CALM).sql('select order_id, ordered_at, net_cents from order_totals')
    placed = totals[totals.ordered_at.between(begin, end, inclusive='left')]
    assert 0 < len(placed) == Shop(CALM).orders.ordered_at.between(begin, end, inclusive='left').sum()
    assert (row.orders, row.loss_cents) == (len(placed), placed.net_cents.sum())


# ------------------------------------------------------------------------ how they are written

@pytest.mark.parametrize('kind, text, message', [
    ('payment_outage', 'kard 2025-06-14', "strikes 'kard'"),
    ('payment_outage', '2 2025-06-14', 'size of 2'),
    ('payment_outage', '2025-06-14 18:00', 'no end'),
    ('payment_outage', '2024-06-14', 'but the shop runs from'),
    ('payment_outage', '2026-01-01', 'but the shop runs from'),
    # as many minutes later as there are slots
    ('bot_wave', '5 2025-06-14 00:00 to 01:00, 6 2025-06-14 04:01 to 05:00', 'share a day'),
    ('payment_outage', '2025-06-14 to 2025-06-13', 'ends before it begins'),
    ('payment_outage', '2025-06-31', 'out of range'),
    ('payment_outage', 'soon', 'no incident'),
    ('payment_outage', 7, 'not a text'),
    ('channel_lost', 'fax 2025-06-14', "strikes 'fax'"),
    ('stock_out', '2025-06-14', 'does not name'),
    ('stock_out', 'product 81 2025-06-14', 'product 81'),
    ('price_error', 'product 0 2025-06-14', "strikes 'product 0'"),
    ('price_error', '0 2025-06-14', 'size of 0'),
    ('bot_wave', '100001 2025-06-14', 'size of 100001'),
    ('bot_wave', '5 2025-06-14 18:00 to 19:00, 6 2025-06-14 18:00:30 to 23:00', 'share a day'),
    ('bot_wave', 'app 5 2025-06-14', 'strikes everything'),
    ('double_charge', ['2025-06-14'] * 41, 'more than 40'),
    ('channel_lost', '2025-06-14 to 9999-12-31', 'out of range'),
    ('bot_wave', '1.5 2025-06-14', 'no whole number'),
    ('bot_wave', '1.000 2025-06-14', 'no whole number'),
    ('lost_feed', '2 2025-06-14', 'which it cannot have'),
    ('payment_outage', 'card 0,9 2025-06-14', "'0,9' has a comma"),
    ('payment_outage', '0.9 card 2025-06-14', 'what it strikes first'),
    ('payment_outage', 'card 90% 2025-06-14', 'Write a share'),
])
def test_what_is_wrong_is_said(kind, text, message):
    with pytest.raises(SettingsError, match=message): alone(kind, text)


def test_thousands_and_midnight():
    waves = alone('bot_wave', '1,000 2025-06-14,20,000 2025-06-15, 3 2025-06-16').values['incidents.bot_wave']
    assert [incident(text).size for text in waves] == [1000, 20_000, 3]
    evening = alone('payment_outage', 'card 2025-06-14 18:00 to 24:00,2025-07-01').values['incidents.payment_outage']
    assert [str(incident(text).end) for text in evening] == ['2025-06-15 00:00:00', '2025-07-02 00:00:00']


def test_the_only_category_cannot_be_sold_out():
    with pytest.raises(SettingsError, match='every category'):
        Settings(parameters={'products.categories': dict(Toys=1), 'incidents.stock_out': 'Toys 2025-06-14'})


@pytest.mark.parametrize('first, second', [
    ('2025-06-01 to 2025-06-20', '2025-06-20'), ('2025-06-20', '0.2 2025-06-01 to 2025-06-20'),
])
def test_all_categories_cannot_be_sold_out_at_a_time(first, second):
    both = {'incidents.stock_out': f'Toys {first}, Books {second}'}
    with pytest.raises(SettingsError, match='every category at 2025-06-20'):
        Settings(parameters=own_categories('Toys', 'Books') | both)
    Settings(parameters=own_categories('Toys', 'Books', 'Sweets') | both)
    apart = {'incidents.stock_out': 'Toys 2025-06-19, Books 2025-06-20, product 7 2025-06-20'}
    Settings(parameters=own_categories('Toys', 'Books') | apart)


@pytest.mark.parametrize('what', ['Top 10', 'product 3', 'product care', 'product 900', '4 seasons', 'Day to day'])
@pytest.mark.parametrize('kind', ['stock_out', 'price_error', 'returns_wave'])
def test_the_name_of_a_category_may_look_like_a_size_or_a_product(what, kind):
    struck = {f'incidents.{kind}': f'{what} 1 2025-03-01 to 2025-06-30'}
    s = Settings(**SMALL, parameters=own_categories(what, 'Books', 'Toys') | struck)
    assert Settings(**s.as_dict()) == s
    one, = map(incident, s.values[f'incidents.{kind}'])
    assert (one.what, one.size) == (what, 1)


@pytest.mark.parametrize('what', ['Top 10', 'product 3', 'product care'])
def test_a_category_of_any_name_can_be_sold_out(what):
    mine = own_categories(what, 'Books', 'Toys')
    sold_out = {'incidents.stock_out': f'{what} 1 2025-03-01 to 2025-06-30'}
    shop, calm = (Shop(Settings(**SMALL, parameters=mine | more)) for more in (sold_out, {}))
    lines = calm.order_items.assign(changed=calm.order_items.product_id.ne(shop.order_items.product_id))
    lines = lines.merge(calm.products[['product_id', 'category']]).merge(calm.orders[['order_id', 'ordered_at']])
    struck = lines[lines.category.eq(what) & lines.ordered_at.between('2025-03-01', '2025-06-30 23:59:59')]
    assert struck.changed.all() and len(struck) > 50


def test_waves_of_different_days_may_have_the_same_numbers():
    s = alone('bot_wave', '5 2025-06-14 00:00 to 01:00, 6 2025-06-15 00:06 to 05:00')
    slots = [wave_slot(incident(text)) for text in s.values['incidents.bot_wave']]
    assert slots[0] == slots[1]
    assert tables(s)['orders'].num_rows == 911


def test_a_name_that_ends_in_a_number_needs_a_size():
    with pytest.raises(SettingsError, match='Write a size after Top 10, such as Top 10 1 2025-06-14'):
        Settings(**SMALL, parameters=own_categories('Top 10', 'Books') | {'incidents.price_error': 'Top 10 2025-06-14'})


@pytest.mark.parametrize('size', ['0.00001', '1e-05', '.00001'])
def test_small_sizes(size):
    s = alone('payment_outage', f'card {size} 2025-06-14')
    assert s == alone('payment_outage', 'card 1e-5 2025-06-14') == Settings(**s.as_dict())


def test_ways_to_write_one(tmp_path):
    want = alone('payment_outage', 'card 0.5 2025-06-14 18:00 to 2025-06-14 23:00').parameters
    (tmp_path / 'settings.ini').write_text('[incidents]\npayment_outage = card .5 2025-06-14 18:00 to 23:00\n')
    (tmp_path / 'bad.toml').write_text(
        'extends = "eu"\n[incidents]\npayment_outage = ["card 0.5 2025-06-14T18:00 to 2025-06-14T23:00"]\n')
    assert read_settings(tmp_path / 'settings.ini', env={}).parameters == want
    assert read_settings(False, env={}, behaviour=str(tmp_path / 'bad.toml')).parameters == want
    env = {'SHOP_NB_INCIDENTS__PAYMENT_OUTAGE': 'card 0.5 2025-06-14 18:00:00 to 23:00'}
    assert read_settings(False, env=env).parameters == want
    made = alone('payment_outage', 'card 0.5 2025-06-14 18:00 to 23:00')
    assert Settings(**made.as_dict()) == made
    day = alone('lost_feed', pd.Timestamp('2025-06-14').date())
    assert day == alone('lost_feed', '2025-06-14') == alone('lost_feed', ['2025-06-14'])


def test_a_run_remembers_them(bad, listed, tmp_path):
    bad.save(tmp_path / 'run')
    again = Shop.open(tmp_path / 'run')
    assert again.settings == BAD
    assert again.incidents().equals(listed)
    assert Shop.open(tmp_path / 'run').load(tmp_path / 'shop.db')['rows']['orders'] == len(bad.orders)
    assert changed_columns(bad, again).empty
