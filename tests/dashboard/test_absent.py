"The dashboard of a shop that lacks something: numbers as before, and one line that says what is left out."
import pyarrow as pa, pytest

from shop_nb.analytics.connect import connect
from shop_nb.analytics.measures import CARDS, Filters, measure_sql
from shop_nb.behaviour.settings import Settings
from shop_nb.dashboard import rollup as rollups
from shop_nb.dashboard.panels import TABS
from shop_nb.generator.blocks import tables
from shop_nb.model.market import Market
from support import FULL
from support.absent import FLAT, TAX, case_name, emptied, lacking, neutral, opened

CASES = [('orders.status',), ('customers.country',), ('products.category',), ('products.cost_cents',), ('payments',),
         ('payments.method',), ('orders.delivered_at',), ('customers.signed_up_at',), ('orders.channel',), TAX, FLAT]


@pytest.fixture(scope='module')
def shop(): return tables(Settings(scale=.05))


@pytest.fixture
def made(shop, tmp_path, monkeypatch):
    "What makes the rollup of tables in memory that are of a market."
    def make(tables, market=Market()):
        real = connect
        monkeypatch.setattr(rollups, 'connect', lambda source, locked: real(source, market=market, locked=locked))
        rollups.build(tables, tmp_path / 'shop.rollup')
        return rollups.Rollup(tmp_path / 'shop.rollup')
    return make


@pytest.mark.parametrize('absent', CASES if FULL else CASES[::2], ids=case_name)
def test_a_dashboard_shows_what_it_can_and_says_the_rest(shop, made, absent):
    rollup = made(emptied(shop, absent), lacking(absent))
    cards = {c['name']: c for c in rollup.headline(Filters())}
    expected = opened(neutral(shop, absent))
    for name, card in cards.items():
        (value,), = expected.sql(measure_sql(name, Filters())).fetchall()
        assert float(card['value'] or 0) == pytest.approx(float(value or 0)), name
        (own,), = opened(emptied(shop, absent), lacking(absent)).sql(measure_sql(name, Filters(), absent)).fetchall()
        assert own == value
    said = rollup.lacks()
    listed = said.partition(': ')[2].partition('.')[0].split(', ')
    for name, measure in CARDS.items(): assert (name in cards) != (measure.title in listed)
    pages = rollup.pages()
    for page in pages.values():
        for name in page['panels']: assert rollup.panel(name, Filters()).as_json()['name'] == name
    gone = {p for _, names in TABS.values() for p in names} - {p for page in pages.values() for p in page['panels']}
    assert {f'by_{d}' for d in rollups.DIMENSIONS if d not in rollup.dimensions} <= gone
    assert rollups.absent_of(rollup.con) == absent


def test_a_whole_shop_lacks_nothing(shop, made):
    rollup = made(shop)
    assert rollup.lacks() == ''
    assert rollup.pages() == {k: dict(title=t, panels=[*p]) for k, (t, p) in TABS.items()}


def test_bars_add_up_where_some_rows_have_no_name(shop, made):
    "A third of the customers has no country, and a third of the products no category."
    lost = dict(shop)
    columns = dict(customers='country', products='category', orders='channel', payments='method')
    for table, column in columns.items():
        at = lost[table].schema.get_field_index(column)
        values = [None if i % 3 == 0 else v for i, v in enumerate(lost[table][column].to_pylist())]
        lost[table] = lost[table].set_column(at, pa.field(column, pa.string()), pa.array(values, pa.string()))
    gaps = 'customers.country', 'products.category', 'orders.channel', 'payments.method'
    rollup = made(lost, Market(gaps=gaps))
    revenue = {c['name']: c['value'] for c in rollup.headline(Filters())}['revenue']
    for dimension in rollups.DIMENSIONS:
        frame = rollup.panel(f'by_{dimension}', Filters()).frame
        assert rollups.UNKNOWN in set(frame[dimension])
        assert frame.revenue.sum() == pytest.approx(revenue)
    unknown = rollup.headline(Filters(country=(rollups.UNKNOWN,)))
    assert 0 < unknown[0]['value'] < revenue
