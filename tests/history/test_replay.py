"What changed, replayed, is how things stood: at any moment, for any shop, and however it is delivered"
import random
from itertools import cycle, product

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from shop_nb import Shop
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.generator.blocks import generator, tables
from shop_nb.generator.orders import lives, longest_life
from shop_nb.history.changes import Changes, change_batches, changes
from shop_nb.history.events import last_events, order_events
from shop_nb.history.replay import Replay, as_of, deliveries
from shop_nb.history.rows import CHANGING
from shop_nb.model.schema import TABLES, arrow_schema
from support import FULL, SHORT_LIVES

SMALL = dict(customers=300, products=80, orders=500, order_items=1300)
RESTLESS = {
    'customers.moves': .3, 'customers.new_emails': .3, 'customers.consent_changes': .4, 'customers.erasures': .6,
}
PURGED = {'payments.purged_after': 20, 'payments.fails': {'card': .5}, 'incidents.bot_wave': '30 2025-05-01'}
SHOPS = dict(
    eu=Settings(**SMALL),
    india=Settings(**SMALL, behaviour='in'), # much is paid on delivery, and some parcels are refused
    longer=Settings(**SMALL, until='2026-04-15', seed=3),
    at_noon=Settings(**SMALL, until='2025-09-30', until_time='12:34:56'),
    restless=Settings(**SMALL, parameters=tuple(RESTLESS.items())),
    repriced=Settings(
        **SMALL, price_change='Toys 10 2025-05-10 2025-08-20', parameters=(('products.repricing', True),)),
    purged=Settings(**SMALL, parameters=tuple(PURGED.items())),
    at_once=Settings(**SMALL, parameters=(('delivery.pack', .1), ('delivery.pack_spread', 0), ('payments.retry', 1))),
)
MOMENTS = 1000 if FULL else 30
PER_SHOP = -(-MOMENTS // len(SHOPS))


@pytest.fixture(scope='module', params=SHOPS)
def shop(request): return SHOPS[request.param]


def moments(settings, number):
    "Random seconds of a shop, some of them those at which something happens or has just happened, and the last one"
    calendar, draw = generator(settings).calendar, random.Random(settings.seed)
    begin, end = calendar.start * 86400, calendar.now
    happened = changes(settings, np.datetime64(begin, 's')).log.moment.sample(number, random_state=1)
    seconds = [t for at in happened for t in (int(at.timestamp()), int(at.timestamp()) + 1)]
    some = draw.sample(seconds + [draw.randrange(begin, end) for _ in range(number)], number - 1)
    return sorted(np.datetime64(t, 's') for t in [*some, end])


def same(found, settings, when):
    truth = tables(as_of(settings, when))
    for name in TABLES: assert found[name].equals(truth[name]), (name, when)


def test_in_order(shop):
    replay, log = Replay(), changes(shop)
    replay.apply(log)
    for when in moments(shop, PER_SHOP): same(replay.as_of(when), shop, when)


LATE = (0, .5), (3600, 0), (3 * 86400, .2) # seconds, and the share that comes twice


@pytest.mark.parametrize('name, late', [*product(SHOPS, LATE)] if FULL else [*zip(SHOPS, cycle(LATE))])
def test_late_shuffled_and_twice(name, late):
    "The state as of a moment is right as soon as everything from before it may have come"
    shop, (lateness, twice) = SHOPS[name], late
    replay, parts = Replay(), deliveries(changes(shop), lateness, twice, every=7200)
    wanted = moments(shop, PER_SHOP if FULL else 2)
    for part in parts + [None]:
        while wanted and (part is None or wanted[0].astype(int) + lateness <= part.begin):
            same(replay.as_of(wanted[0]), shop, wanted.pop(0))
        if part is not None: replay.apply(part)
    assert not wanted


def test_in_one_heap_the_wrong_way_round(shop):
    log = changes(shop)
    replay = Replay()
    for _ in range(2): replay.apply(Changes({n: t.take(np.arange(len(t))[::-1]) for n, t in log.tables.items()}, 0, 0))
    end = np.datetime64(generator(shop).calendar.now, 's')
    same(replay.as_of(end), shop, end)


def test_a_deletion_is_not_undone_by_an_older_change():
    log = changes(SHOPS['eu'], '2025-03-01', '2025-03-08')
    rows = log.tables['orders']
    first = rows.slice(0, 1)
    columns = dict(zip(rows.column_names, first.columns))
    later = pa.chunked_array([[first['sequence'][0].as_py() + 5]])
    columns |= dict(sequence=later, operation=pa.chunked_array([['delete']]))
    columns |= dict(before=first['after'], after=first['before'])
    gone = pa.Table.from_arrays(list(columns.values()), schema=rows.schema)
    empty = {name: t.slice(0, 0) for name, t in log.tables.items()}
    replay = Replay()
    for t in gone, first: replay.apply(Changes(empty | dict(orders=t), 0, 0))
    assert len(replay.as_of('2025-03-08')['orders']) == 0


def test_a_lost_change_is_noticed():
    "The equality can fail: without any one change of the last state, the state is another one"
    settings = SHOPS['eu']
    log = changes(settings)
    for name in 'orders', 'payments', 'order_items':
        rows = log.tables[name]
        last = Replay()
        last.apply(Changes(log.tables | {name: rows.slice(0, len(rows) - 1)}, 0, 0))
        with pytest.raises(AssertionError): same(last.as_of('2026-01-01'), settings, '2026-01-01')


@hypothesis_settings(max_examples=200 if FULL else 12, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 5000), st.integers(1, 3))
def test_a_slice_made_alone_is_the_slice_of_the_whole(a, b, size, threads):
    settings = SHOPS['restless']
    calendar = generator(settings).calendar
    first, last = calendar.first * 86400, calendar.now
    begin, end = sorted(first + x % (last - first + 1) for x in (a, b))
    end = min(end, begin + 40 * 86400)
    span = [np.datetime64(t, 's') for t in (begin, end)]
    whole, part = _whole(), changes(settings, *span, size=size, threads=threads)
    for name, rows in part.tables.items():
        at = whole.tables[name]['moment'].cast(pa.int64()).to_numpy()
        assert rows.combine_chunks().equals(whole.tables[name].slice(*_range(at, begin, end)).combine_chunks())


QUICK = (('delivery.pack', .1), ('delivery.transit_spread', 0), ('delivery.return_days', .1))
PATIENT = Settings(**SMALL, parameters=(*QUICK, ('payments.unpaid_days', 60))) # what is not paid stays longest


@pytest.mark.parametrize('settings', [*SHOPS.values(), PATIENT], ids=[*SHOPS, 'patient'])
def test_no_order_goes_on_longer_than_the_bound(settings):
    "Else a day that is made alone would leave out what happens to old orders"
    g = generator(settings)
    b = lives(g.catalogue, 0, g.calendar.rows('orders'))
    assert (last_events(order_events(b)) - b.time).max() <= longest_life(g.catalogue)
    assert changes(settings, '2025-09-29', '2025-09-30').tables['orders'].equals(
        _slice(changes(settings).tables['orders'], '2025-09-29', '2025-09-30'))


def _slice(rows, begin, end):
    low, high = _range(rows['moment'].to_numpy(), np.datetime64(begin, 's'), np.datetime64(end, 's'))
    return rows.slice(low, high)


def test_one_event_is_one_transaction_numbered_by_its_first_change(shop):
    log = pa.concat_tables([t.select(['sequence', 'transaction', 'moment', 'event', 'subject']) for t in
                            changes(shop).tables.values()]).to_pandas().sort_values('sequence')
    groups = log.groupby('transaction')
    assert (groups.sequence.min() == groups.sequence.min().index).all()
    assert (groups[['moment', 'event', 'subject']].nunique() == 1).all(axis=None)
    assert (groups.sequence.max() - groups.sequence.min() == groups.size() - 1).all() # nothing comes between
    placed = log[log.event == 'placed']
    assert placed.transaction.nunique() == placed.subject.nunique() < len(placed)


def test_a_row_changes_once_in_a_second(shop):
    "Whoever pays on delivery pays as the parcel is handed over: that is one event"
    for name, rows in changes(shop).tables.items():
        log = rows.select(['key', 'moment', 'event']).to_pandas()
        assert not log.duplicated(['key', 'moment']).any(), name
        if name == 'orders': assert not log.duplicated(['key', 'event']).any()


def test_what_customers_change_leaves_orders_as_they_were():
    "A move stays in the region, so shipping, tax and delivery stay, too"
    plain, restless = (tables(SHOPS[name]) for name in ('eu', 'restless'))
    without = {k: v for k, v in RESTLESS.items() if k != 'customers.erasures'}
    moved = tables(Settings(**SMALL, parameters=tuple(without.items())))
    for name in 'orders', 'order_items', 'payments', 'products': assert moved[name].equals(plain[name]), name
    columns = ['customer_id', 'region', 'country', 'signed_up_at', 'segment', 'first_name', 'phone']
    assert moved['customers'].select(columns).equals(plain['customers'].select(columns))
    places = [t['customers'].select(['country', 'region', 'city', 'postal_code']).to_pandas() for t in (plain, moved)]
    assert (places[0].city != places[1].city).mean() > .1
    known = set(map(tuple, tables(Settings(seed=5, customers=20_000))['customers'].select(
        ['country', 'region', 'city']).to_pandas().values))
    assert {tuple(row) for row in places[1].drop(columns='postal_code').values} <= known
    assert len(set(restless['customers']['email'].to_pylist())) == SMALL['customers']


def test_who_was_forgotten_buys_no_more():
    settings = Settings(customers=60, products=80, orders=2500, order_items=5000, parameters=(
        ('customers.erasures', 1), ('customers.lifetime_scale', 30)))
    log = changes(settings)
    at = log.tables['customers'].filter(pa.compute.field('event') == 'erased')
    gone = dict(zip(at['key'].to_pylist(), at['moment'].to_pylist()))
    orders = tables(settings)['orders'].to_pandas()
    assert len(gone) > 20
    assert not (orders.ordered_at > orders.customer_id.map(gone)).any()


def _range(at, begin, end):
    low, high = np.searchsorted(at, [begin, end])
    return low, high - low


def _whole(kept=[]):
    if not kept: kept.append(changes(SHOPS['restless']))
    return kept[0]


SIZES, BEGINS = (40, 300, 7, 10**6, 4096, 1000), (None, '2024-12-20', '2025-09-15 12:00')


@pytest.mark.parametrize('size, begin', [*product(SIZES, BEGINS)] if FULL else [*zip(SIZES, cycle(BEGINS))])
def test_batches_follow_one_another(begin, size):
    settings = SHOPS['longer']
    batches = list(change_batches(settings, begin, '2026-02-01', size=size))
    assert all(b.begin < b.end for b in batches)
    assert [b.begin for b in batches[1:]] == [b.end for b in batches[:-1]]
    assert sum(map(len, batches)) == len(changes(settings, begin, '2026-02-01'))
    for batch in batches:
        seconds = np.concatenate([t['moment'].cast(pa.int64()).to_numpy() for t in batch.tables.values()])
        assert ((seconds >= batch.begin) & (seconds < batch.end)).all()


def test_only_columns_that_may_change_do(shop):
    for name, rows in changes(shop).tables.items():
        updates = rows.filter(pa.compute.equal(rows['operation'], 'update'))
        before, after = (updates[side].combine_chunks() for side in ('before', 'after'))
        for i, column in enumerate(arrow_schema(name).names):
            if column not in CHANGING[name]: assert before.field(i).equals(after.field(i)), (name, column)


def test_each_row_is_inserted_once_and_before_its_children(shop):
    log = changes(shop)
    numbers = {}
    for name, rows in log.tables.items():
        inserts = rows.filter(pa.compute.equal(rows['operation'], 'insert'))
        keys = inserts['key'].to_pylist()
        assert len(set(keys)) == len(keys)
        numbers[name] = dict(zip(keys, inserts['sequence'].to_pylist()))
        parents = TABLES[name].parents
        for column, parent in parents.items():
            parent = parent.split('.')[0]
            of = inserts['after'].combine_chunks().field(arrow_schema(name).get_field_index(column)).to_pylist()
            assert all(numbers[parent][p] < n for p, n in zip(of, numbers[name].values())), (name, column)


@pytest.mark.parametrize('change', [
    dict(promotion='Toys 20 2025-06-01 2025-06-14'), dict(price_change='Toys 10 2025-06-01')])
@pytest.mark.parametrize('when', ['2025-03-01', '2025-06-01', '2025-06-01 00:00:01', '2025-07-01'])
def test_a_campaign_that_is_still_to_come_is_part_of_the_shop(change, when):
    settings = Settings(**SMALL, **change)
    replay = Replay()
    replay.apply(changes(settings, end=when))
    same(replay.as_of(when), settings, when)


def test_pieces_of_any_size_meet_at_midnights():
    for size in 1, 3, 10, 170, 10**6:
        batches = list(change_batches(SHOPS['eu'], '2025-11-27 13:00', '2025-11-30', size=size))
        midnights = {b.end for b in batches if b.end % 86400 == 0}
        assert len(midnights) >= 2 or len(batches) == 1
        assert sum(map(len, batches)) == len(changes(SHOPS['eu'], '2025-11-27 13:00', '2025-11-30'))


def test_shop_as_of_takes_part_in_everything(tmp_path):
    shop = Shop(Settings(**SMALL)).as_of('2025-06-30 12:00')
    assert shop.validate().ok
    manifest = shop.save(tmp_path / 'run')
    again = Shop.open(tmp_path / 'run')
    assert str(again.settings.until_time) == '12:00:00'
    assert again.tables == shop.tables
    assert manifest['tables']['orders']['rows'] == len(shop.orders)
    assert again.load()['rows']['orders'] == len(shop.orders)
    assert shop.ask('monthly_revenue').to_csv() == again.ask('monthly_revenue').to_csv()


@pytest.mark.parametrize('begin, end, wrong', [
    ('2025-01-01', '2027-01-01', 'leaves the shop'), ('2025-02-01', '2025-01-01', 'before it begins'),
    ('yesterday', None, 'not a moment'), ('2025-01-01T00:00:00.5', None, 'not a moment'), (3, None, 'not a moment'),
])
def test_a_span_that_cannot_be_is_refused(begin, end, wrong):
    with pytest.raises(ShopError, match=wrong) as e: changes(SHOPS['eu'], begin, end)
    assert e.value.code == 2


def test_an_hour_that_is_over_is_asked_for_in_vain():
    replay = Replay()
    replay.apply(changes(SHOPS['eu']))
    replay.as_of('2025-06-01')
    with pytest.raises(ShopError, match='has gone by'): replay.as_of('2025-05-01')


def test_the_truth_of_a_moment():
    "What is hidden of those who are known at a moment is what is hidden of them at the end."
    whole = Shop(Settings(**SMALL)).truth()
    for when in ('2025-06-30 12:00', '2025-01-01 00:00:01', '2025-12-31 23:59:59'):
        shop = Shop(Settings(**SMALL)).as_of(when)
        truth = shop.truth()
        for name in ('customers', 'products'):
            assert truth[name].equals(whole[name].head(len(shop.frame(name)))), (name, when)


def test_what_is_deleted_long_afterwards():
    "An order whose deletion is the last thing to happen, by months, is deleted in the changes of that day alone, too."
    purged = {'payments.purged_after': 200, 'payments.fails': {'card': .5}}
    settings = Settings(**SMALL, parameters=SHORT_LIVES | purged)
    whole, late = changes(settings).log, changes(settings, '2025-12-01', '2025-12-31').log
    expected = whole[whole.moment.ge('2025-12-01') & whole.moment.lt('2025-12-31')]
    assert late.equals(expected.reset_index(drop=True))
    assert (late.event == 'purged').any()
