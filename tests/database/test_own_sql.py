"A database that computes an answer by itself gives the one of DuckDB, to the last digit, and says who computed it."
import datetime as dt, re, sqlite3
from contextlib import closing, suppress

import pytest
import sqlglot
from hypothesis import given, settings as hypothesis_settings, strategies as st

import mariadb
import postgres
from shop_nb.analytics import questions as module
from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, askable, find, own_sql, question, questions
from shop_nb.core.errors import ShopError
from shop_nb.database import asking
from shop_nb.database.asking import ENGINES, Unanswered, open_asked
from shop_nb.database.load import load
from shop_nb.files.market import source_market
from shop_nb.files.servers import open_server, server_of
from shop_nb.model.market import Market
from shop_nb.model.queries import LEFT, QUERIES
from shop_nb.model.views import VIEWS
from shop_nb.shop.shop import Shop
from support import FULL, ROOT

SIZES = dict(customers=80, products=40, orders=150, order_items=400)
SAMPLES = ROOT / 'docs' / 'samples'
SHOPS = dict( # what is loaded: a shop, or tables
    default=lambda out: Shop(),
    india=lambda out: Shop(behaviour='in', **SIZES),
    us=lambda out: Shop(behaviour='us', seed=9, **SIZES),
    tiny=lambda out: Shop(seed=3, customers=6, products=12, orders=8, order_items=16),
    years=lambda out: Shop(seed=4, start='2019-01-01', customers=200, products=40, orders=600, order_items=1200),
    without_payments=lambda out: Shop.read(SAMPLES / 'shopify' / 'orders_export.csv', out / 'shopify'),
    without_costs=lambda out: Shop.read(SAMPLES / 'olist', out / 'olist'),
    empty=lambda out: {name: t.slice(0, 0) for name, t in Shop(**SIZES).tables.items()},
)
WINDOWS = ( # what is asked, as far as a question takes it
    {},
    dict(start='2025-03-05', end='2025-09-09', limit=3, least=1, days=1),
    dict(start='2025-06-01', end='2025-06-01', country='AT', least=1),
    dict(start='2031-01-15', end='2031-03-01', days=3000, country="it's"),
)


@pytest.fixture(scope='module')
def places(tmp_path_factory):
    "Where shops are loaded, by dialect."
    with postgres.server(fsync='off') as pg, mariadb.server() as maria:
        yield dict(sqlite=tmp_path_factory.mktemp('own') / 'shop.db', postgresql=f'{pg}/postgres', mariadb=maria)


@pytest.fixture(scope='module', params=SHOPS)
def shop(request, tmp_path_factory):
    "Tables, and the market they are of."
    made = SHOPS[request.param](tmp_path_factory.mktemp('made'))
    return (made, Market()) if isinstance(made, dict) else (made.tables, made.market)


@pytest.fixture(scope='module', params=QUERIES)
def place(request, places, shop):
    "A shop in a database: the dialect, and where it is."
    load(shop[0], places[request.param], market=shop[1])
    return request.param, places[request.param]


def same(name, dialect, at, con, **params):
    "Compare an answer with that of DuckDB over the rows of the database."
    own, duck = ask(name, at, **params), ask(name, con, **params)
    left = name in LEFT[dialect]
    assert own.computed == (f'DuckDB from the rows of {at}' if left else f'{ENGINES[dialect]} itself')
    assert own.subtitle.split('; computed')[0] in duck.subtitle
    assert own.to_csv() == duck.to_csv()
    assert own.frame.equals(duck.frame)
    assert (own.params, own.note, own.cut, own.currency) == (duck.params, duck.note, duck.cut, duck.currency)
    assert own.question == duck.question


def all_the_same(dialect, at):
    "Compare all that can be asked."
    with closing(connect(at)) as con:
        for name, q in askable(source_market(at).absent)[0].items():
            asked = [{p: v for p, v in w.items() if p in q.params} for w in WINDOWS]
            for params in asked: same(name, dialect, at, con, **params)


def test_answers_are_those_of_duckdb(place):
    all_the_same(*place)


@given(st.data())
@hypothesis_settings(max_examples=40 if FULL else 3, deadline=None)
def test_any_shop_has_the_same_answers(places, data):
    number = lambda least, most: data.draw(st.integers(least, most))
    orders = number(1, 60)
    made = Shop(
        seed=number(0, 10**6), customers=number(1, 40), products=number(8, 40), orders=orders,
        order_items=orders + number(0, 100), behaviour=data.draw(st.sampled_from(['eu', 'uk', 'us', 'br', 'in'])),
        start=dt.date(2025, 1, 1) - dt.timedelta(number(0, 900))
    )
    for dialect, at in places.items():
        load(made.tables, at, market=made.market)
        all_the_same(dialect, at)
