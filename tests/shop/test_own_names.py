"A shop with categories, segments, channels and payment methods of its own: what is said of its rows, wherever they go."
import json, sqlite3
from contextlib import closing

import pyarrow as pa
import pytest

from shop_nb import Shop
from shop_nb.behaviour.settings import Settings
from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.files.market import source_market
from shop_nb.generator.blocks import tables
from shop_nb.model.market import Market, market_of
from shop_nb.quality.validate import validate

COLUMNS = ['products.category', 'customers.segment', 'orders.channel', 'payments.method']


@pytest.fixture(scope='module')
def market(renamed): return market_of(renamed.values)


@pytest.fixture(scope='module')
def run(renamed, tmp_path_factory):
    "The run of that shop: tables and manifest; not to be changed."
    folder = tmp_path_factory.mktemp('renamed-run') / 'run'
    Shop(renamed).save(folder)
    return folder


def with_value(shop, place, value):
    "The tables with another value in the first row of a column."
    table, column = place.split('.')
    t = shop[table]
    values = [value, *t[column].to_pylist()[1:]]
    at = t.schema.names.index(column)
    return shop | {table: t.set_column(at, t.schema.field(at), pa.array(values, t.schema.field(at).type))}


@pytest.mark.parametrize('place', COLUMNS)
def test_validate_says_what_there_is(renamed_tables, market, place):
    table, column = place.split('.')
    found = validate(with_value(renamed_tables, place, 'barter'), market=market).failures
    assert [(f['table'], f['check'], f['column'], f['failures']) for f in found] == [(table, 'values', column, 1)]
    assert found[0]['meaning'] == 'one of ' + ', '.join(market[place])


@pytest.mark.parametrize('place', COLUMNS)
def test_load_says_what_there_is(renamed_tables, market, tmp_path, place):
    with pytest.raises(ShopError) as e:
        load(with_value(renamed_tables, place, 'barter'), tmp_path / 'shop.db', market=market)
    assert f'is barter, and must be one of {", ".join(market[place])}' in str(e.value)


def test_a_run_and_its_database_know_the_lists(run, market, tmp_path):
    assert source_market(run) == market
    assert source_market(run / 'tables') == market
    assert json.loads((run / 'manifest.json').read_text())['market']['payments.method'] == ['pix', 'boleto']
    assert validate(run).ok
    load(run, tmp_path / 'shop.db')
    assert source_market(tmp_path / 'shop.db') == market


def test_rows_of_the_default_shop_are_refused(market, tmp_path):
    default = tables(Settings(customers=40, products=30, orders=80, order_items=180))
    found = validate(default, market=market).failures
    assert {f'{f["table"]}.{f["column"]}' for f in found if f['check'] == 'values'} == set(COLUMNS)
    with pytest.raises(ShopError, match='must be one of'): load(default, tmp_path / 'shop.db', market=market)


def test_a_question_knows_the_shops_categories(run, renamed_db):
    for source in run, renamed_db:
        assert set(ask('top_products', source, category='Plants').frame.category) == {'Plants'}
        says = 'There are Books, Plants, Home Office'
        with pytest.raises(ShopError, match=says): ask('top_products', source, category='Toys')


def test_a_category_without_products_is_known(renamed_tables, market):
    more = Market(market.currency, (('products.category', (*market['products.category'], 'Tools')), *market.lists[1:]))
    assert len(ask('top_products', connect(renamed_tables, market=more), category='Tools')) == 0


def test_the_dictionary_shows_the_lists(run, market):
    frame = Shop.open(run).dictionary().set_index(['table', 'column']).constraint
    for place in COLUMNS: assert frame[tuple(place.split('.'))] == 'one of ' + ', '.join(market[place])


def test_names_may_have_any_sign(tmp_path):
    "Signs that mean something in SQL, in HTML, in a message's template or to DuckDB are signs of a name."
    names = "it's", '{method}', '<b>bold</b>', '50% "off"', '$pay;--'
    shares = dict.fromkeys(names, .2)
    values = {'payments.methods': shares, 'payments.methods_large': shares, 'payments.fails': dict.fromkeys(names, .1),
              'payments.give_up': shares,
              'payments.delay': dict.fromkeys(names, 60)}
    shop = Shop(customers=30, products=30, orders=60, order_items=120, parameters=values)
    assert shop.validate().ok
    assert set(shop.tables['payments']['method'].to_pylist()) == set(names)
    load(shop.tables, tmp_path / 'shop.db', market=shop.market)
    with closing(sqlite3.connect(tmp_path / 'shop.db')) as con:
        assert {m for m, in con.execute('select distinct method from payments')} == set(names)
    with pytest.raises(ShopError) as e:
        load(with_value(shop.tables, 'payments.method', 'card'), tmp_path / 'other.db', market=shop.market)
    assert 'method is card, and must be one of ' + ', '.join(names) in str(e.value)
