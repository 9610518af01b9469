"""Each parameter does what it says: what it moves moves in one direction, nothing upstream moves, none lacks a test."""
import ast, math

import numpy as np
import pandas as pd
import pytest

from shop_nb.behaviour.behaviours import POOLS, as_json, as_toml
from shop_nb.behaviour.parameters import PARAMETERS
from shop_nb.behaviour.settings import Settings
from shop_nb.behaviour.stages import STAGES, columns_after
from shop_nb.generator.blocks import tables
from shop_nb.generator.invariance import moved
from shop_nb.generator.pools import places, words
from shop_nb.quality.validate import validate
from support import FULL, ROOT
from support.effects import EFFECTS, SAYS, SHOP, found, made, summaries


def test_every_parameter_has_a_test(): assert set(EFFECTS) == set(PARAMETERS)
def test_every_stage_is_known(): assert {p.stage for p in PARAMETERS.values()} <= set(STAGES)


@pytest.fixture(scope='module', params=[name for name, (values, _) in EFFECTS.items() if values])
def name(request): return request.param # of the module, so that both tests of a parameter share its shops


def test_a_parameter_does_what_it_says(name):
    values, _ = EFFECTS[name]
    got = [found(name, value) for value in values]
    assert all(a < b for a, b in zip(got, got[1:])), got


def test_only_what_lies_downstream_moves(name):
    values, _ = EFFECTS[name]
    a, b = (made(Settings(**SHOP, seed=4, parameters={name: v}).parameters) for v in (values[0], values[-1]))
    allowed = columns_after(PARAMETERS[name].stage)
    whole = {c[:-2] for c in allowed if c.endswith('.*')}
    assert [c for c in moved(a, b) if c not in allowed and c.split('.')[0] not in whole] == []


def test_push():
    "A rise in price loses more lines the higher the parameter."
    def lines(push):
        t = tables(Settings(**SHOP, seed=4, price_change='Fashion 50 2025-01-01', parameters={'campaigns.push': push}))
        category = t['products'].to_pandas().set_index('product_id').category
        return (t['order_items'].to_pandas().product_id.map(category) == 'Fashion').mean()

    shares = [lines(push) for push in (0, 1, 2)]
    assert shares[0] > shares[1] > shares[2]

MARKETS = dict(uk='GB', us='US', br='BR', **{'in': 'IN'})


@pytest.mark.parametrize('pool', MARKETS)
def test_pool(pool):
    "Customers of another market live in its places, have its names and numbers, and the shop passes every check."
    country = MARKETS[pool]
    alone = {
        'customers.pool': pool, 'customers.countries': {country: 1},
        'shipping.fee': {country: 5}, 'tax.rate': {country: 8.25}, 'delivery.transit': {country: 4}}
    t = tables(Settings(**SHOP, seed=4, parameters=alone))
    customers, known = t['customers'].to_pandas(), places(pool)
    columns = ['city', 'region', 'postal_code', 'country', 'latitude', 'longitude']
    both = customers.merge(known.drop_duplicates(columns), on=columns, how='left')
    assert both.phone_prefix.notna().all()
    assert all(phone.startswith(f'{prefix} ') for phone, prefix in zip(both.phone, both.phone_prefix))
    names = words('names', pool)
    assert all(first in names[n]['first'] for first, n in zip(both.first_name, both.names))
    assert all(any(street in text for street in names[n]['streets']) for text, n in zip(both.street, both.names))
    assert validate(t).ok


def test_each_pool_has_its_countries():
    for pool, countries in POOLS.items(): assert set(places(pool).country) == set(countries)


def test_common_names_are_commoner():
    "Names of another market are drawn by how many people have them."
    alone = {
        'customers.pool': 'br', 'customers.countries': {'BR': 1},
        'shipping.fee': {'BR': 5}, 'tax.rate': {'BR': 18}, 'delivery.transit': {'BR': 4}}
    t = tables(Settings(**SHOP | dict(customers=4000), seed=4, parameters=alone))
    share = t['customers']['last_name'].to_pandas().value_counts(normalize=True)
    pool = words('names', 'br')['BR']
    weight = dict(zip(pool['last'], np.array(pool['last_weight']) / sum(pool['last_weight'])))
    assert abs(share['Silva'] - weight['Silva']) < .03


# ------------------------------------------------------------------------ no other constant

STRUCTURE = { # numbers that do not shape the shop, but how it is computed
    'NOISE_DAYS', 'LOWEST_SEASON', 'FIRST_BOT', 'NEVER', 'SHORTEST_SALE', 'DRIFT_MONTHS', 'COMPANIONS', 'GROUP',
    'ATTEMPTS', 'OPEN_TO_ALL', 'STRATUM', 'FAVOURITES', 'TRIES', 'MOST_EXTRA', 'FULL', 'SECONDS_TO_PAY', 'HOUSES',
    'TREND_BOUNDS',
}
PLAIN = {0, .5, 1, 1e4, 1e6, .001, 2, 2.56, 3600, 86.4, 365.25, -1} # in formulas: halves, units, seconds and days


LITERALS = ast.Constant | ast.UnaryOp | ast.List | ast.Tuple | ast.BinOp


@pytest.mark.parametrize('chapter', ['calendar', 'products', 'customers', 'orders'])
def test_no_other_number_shapes_the_shop(chapter):
    code = ast.parse((ROOT / 'shop_nb/generator' / f'{chapter}.py').read_text(encoding='utf-8'))
    numbers, structural = {}, set()
    assigned = [node for node in ast.walk(code) if isinstance(node, ast.Assign)]
    for node in assigned:
        if {getattr(t, 'id', '') for t in node.targets} & STRUCTURE: structural |= set(ast.walk(node))
        if not isinstance(node.value, LITERALS): continue
        names = [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name) and n.id.isupper()]
        if any(isinstance(n, ast.Constant) and isinstance(n.value, int | float) for n in ast.walk(node.value)):
            numbers |= dict.fromkeys(n for n in names if not n.startswith('_'))
    for node in ast.walk(code):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, float): continue
        assert node in structural or node.value in PLAIN, node.lineno
    assert set(numbers) <= STRUCTURE


def test_defaults_come_back():
    "The defaults, given as changes, are no change."
    assert Settings(parameters={n: as_json(p.default, n) for n, p in PARAMETERS.items()}) == Settings()


def test_shares_are_recovered():
    "The shares of segments, channels, categories and countries in a larger shop, within three standard errors."
    t = tables(Settings(seed=1, scale=5))
    columns = {
        'customers.segments': ('customers', 'segment'), 'baskets.channels': ('orders', 'channel'),
        'products.categories': ('products', 'category'), 'customers.countries': ('customers', 'country'),
    }
    for name, (table, column) in columns.items():
        found = t[table][column].to_pandas().value_counts(normalize=True)
        for value, share in PARAMETERS[name].default:
            error = math.sqrt(share * (1 - share) / t[table].num_rows)
            assert abs(found.get(value, 0) - share) < 3.3 * error, (name, value)


# ------------------------------------------------------------------------ the table of the reference

MEASURED = pd.read_csv(ROOT / 'nbs/evidence/effects.csv', keep_default_na=False)


def test_the_reference_has_every_parameter():
    assert [*dict.fromkeys(MEASURED.parameter)] == [name for name, (values, _) in EFFECTS.items() if values]
    assert set(MEASURED.parameter) == set(SAYS)


def test_what_the_reference_says_was_measured(name):
    "The shop of the tests is one of the five that were measured; before a release all five are measured again."
    values, _ = EFFECTS[name]
    rows = MEASURED[MEASURED.parameter == name]
    assert [*rows.value] == [as_toml(v) for v in values]
    assert [*rows.measured] == [SAYS[name]] * len(values)
    for value, row in zip(values, rows.itertuples()):
        lowest, highest = row.low * (1 - 1e-5 * np.sign(row.low)), row.high * (1 + 1e-5 * np.sign(row.high))
        assert lowest <= found(name, value) <= highest


@pytest.mark.parametrize('one', MEASURED.parameter.unique() if FULL else ['delivery.returns'])
def test_the_reference_is_measured_again(one):
    rows = MEASURED[MEASURED.parameter == one][['mean', 'low', 'high', 'least_rise']].to_numpy()
    assert [[f'{n:.6g}' for n in row] for row in rows] == [[f'{n:.6g}' for n in row] for row in summaries(one)]


def test_the_effect_is_there_in_each_of_five_shops(name):
    "The means rise from value to value, and in every shop the last value gives more than the first."
    rows = MEASURED[MEASURED.parameter == name]
    assert rows['mean'].is_monotonic_increasing
    assert rows['mean'].is_unique
    assert rows.least_rise.iloc[-1] > 0
