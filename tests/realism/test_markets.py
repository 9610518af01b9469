"The scorecard of every market: each fact is in its band, or out of it as the market means it."
from functools import lru_cache

import pandas as pd, pytest

from shop_nb.behaviour.behaviours import BEHAVIOURS, read_behaviour
from shop_nb.behaviour.settings import Settings
from shop_nb.generator.blocks import tables
from shop_nb.realism.facts import FACTS
from shop_nb.realism.scorecard import ON_PURPOSE, scorecard
from shop_nb.realism.shop_facts import OUTSIDE
from shop_nb.shop.shop import Shop
from support import FULL

SEEDS = range(1, 6 if FULL else 2)
BY_CHANCE = .05 # of a band, or of its only edge: how far one fact of a card may lie outside
MEANT = [(market, fact) for market, facts in ON_PURPOSE.items() for fact in facts]
EU = read_behaviour('eu')
SMALL = dict(customers=300, products=120, orders=600, order_items=1500)


def rows(card): return pd.concat([card.frame, card.outside]).set_index('fact')


@lru_cache(maxsize=None)
def measured(market):
    "All facts of a market, by seed."
    return {seed: rows(scorecard(Shop(seed=seed, behaviour=market))) for seed in SEEDS}


def far_out(r):
    "Whether a value is further out of its band than chance takes one."
    width = r.high - r.low if pd.notna(r.low) and pd.notna(r.high) else abs(r.low if pd.notna(r.low) else r.high)
    return r.value < r.low - BY_CHANCE * width or r.value > r.high + BY_CHANCE * width


@pytest.mark.slow
@pytest.mark.parametrize('market', BEHAVIOURS)
def test_what_no_market_moves_is_in_band(market):
    for seed, card in measured(market).items():
        out = card[~card.in_band.fillna(True) & ~card.on_purpose]
        assert len(out) <= 1, (seed, out.value.to_dict())
        assert not any(map(far_out, out.itertuples())), (seed, out.value.to_dict())


@pytest.mark.slow
@pytest.mark.parametrize('market, fact', MEANT)
def test_what_a_market_moves_is_out_of_band(market, fact):
    "An entry that is in band for every seed excuses nothing."
    assert any(card.on_purpose[fact] for card in measured(market).values())


@pytest.mark.slow
@pytest.mark.parametrize('market', BEHAVIOURS)
def test_what_is_not_measured_has_a_reason(market):
    for card in measured(market).values():
        unmeasured = card[card.value.isna()]
        assert unmeasured.note.str.match('not measured: .').all()
        assert set(unmeasured.index) <= {'card attempts that fail / bank transfers'}


@pytest.mark.parametrize('market, fact', MEANT)
def test_an_entry_names_a_fact_and_values_with_sources(market, fact):
    assert fact in FACTS | OUTSIDE
    assert set(ON_PURPOSE[market][fact]) <= set(read_behaviour(market).sources)


def all_at(market, name, value): return {name: dict.fromkeys(read_behaviour(market)[name], value)}


WEEK, FAILS = 'daily orders: correlation a week apart', dict(pix=.06, card=.105, wallet=.06, boleto=.03, gift_card=.07)
MONTHS = {'demand.months': list(EU['demand.months'])}
PAID = {'payments.fails': FAILS} | all_at('br', 'payments.give_up', .22)
BRITISH = {'customers.pool': 'uk', 'customers.countries': {'GB': 1}, 'shipping.fee': {'GB': 49},
           'delivery.transit': {'GB': 4}, 'tax.rate': {'GB': 18}, 'delivery.transit_by_region': {}}
INSTEAD = { # values as another market has them
    ('us', WEEK): MONTHS,
    ('br', WEEK): MONTHS | {'demand.weekdays': list(EU['demand.weekdays'])},
    ('br', 'orders cancelled'): PAID,
    ('br', 'attempts that fail'): {'payments.fails': FAILS},
    ('br', 'orders that stay unpaid'): PAID,
    ('in', WEEK): MONTHS | all_at('in', 'demand.peaks', 1),
    ('in', 'orders cancelled'): all_at('in', 'payments.refused', 0),
    ('in', 'first region'): BRITISH,
}


@pytest.mark.slow
@pytest.mark.parametrize('market, fact', MEANT)
def test_with_other_values_it_is_in_band(market, fact):
    "The parameters of an entry are what takes the fact out of its band."
    assert set(ON_PURPOSE[market][fact]) <= set(INSTEAD[market, fact])
    card = rows(scorecard(Shop(seed=1, behaviour=market, parameters=INSTEAD[market, fact])))
    assert not card.on_purpose[fact]
    assert card.in_band[fact], card.value[fact]


def test_a_card_names_the_market(tmp_path):
    shop = Shop(seed=9, behaviour='in', **SMALL)
    shop.save(tmp_path / 'run')
    for source in shop, tmp_path / 'run', str(tmp_path / 'run' / 'tables'):
        card = scorecard(source)
        assert 'The market is in.' in repr(card)
        assert rows(card).on_purpose['orders cancelled']
        assert 'Shipway' in rows(card).note['orders cancelled']
        assert '○' in card._repr_html_()


def test_tables_alone_have_no_market():
    card = scorecard(tables(Settings(seed=9, behaviour='in', **SMALL)))
    assert card.market == ''
    assert 'market' not in repr(card)
    assert not rows(card).on_purpose.any()
