"A database that computes an answer by itself gives the one of DuckDB, to the last digit, and says who computed it."
import datetime as dt, re, signal, sqlite3
from contextlib import closing, suppress

import pytest
import sqlglot
from hypothesis import Phase, given, settings as hypothesis_settings, strategies as st

import postgres
from shop_nb.analytics import questions as module
from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, askable, find, own_sql, question, questions
from shop_nb.core.errors import ShopError
from shop_nb.database.asking import ENGINES, Unanswered, open_asked
from shop_nb.database.load import load
from shop_nb.files.market import source_market
from shop_nb.files.servers import open_server, server_of
from shop_nb.model.market import Market
from shop_nb.model.queries import LEFT, QUERIES
from shop_nb.model.views import VIEWS
from shop_nb.shop.shop import Shop
from support import FULL, ROOT
from support.mysql import DIALECT, server

PLACES = 'sqlite', 'postgresql', DIALECT
SIZES = dict(customers=80, products=40, orders=150, order_items=400)
SAMPLES = ROOT / 'docs' / 'samples'
SHOPS = dict( # what is loaded: a shop, or tables
    default=lambda out: Shop(),
    india=lambda out: Shop(behaviour='in', **SIZES),
    tiny=lambda out: Shop(seed=3, customers=6, products=12, orders=8, order_items=16),
    years=lambda out: Shop(seed=4, start='2019-01-01', customers=200, products=40, orders=600, order_items=1200),
    without_payments=lambda out: Shop.read(SAMPLES / 'shopify' / 'orders_export.csv', out / 'shopify'),
    without_costs=lambda out: Shop.read(SAMPLES / 'olist', out / 'olist'),
    empty=lambda out: {name: t.slice(0, 0) for name, t in Shop(**SIZES).tables.items()},
)
WINDOWS = ( # what is asked, as far as a question takes it
    {},
    dict(start='2025-03-05', end='2025-09-09', limit=3, least=1, days=1, country='AT'),
    dict(start='2031-01-15', end='2031-03-01', days=3000, country="\\'; it's"),
)


@pytest.fixture(scope='module')
def places(tmp_path_factory):
    "Where shops are loaded, by dialect."
    with postgres.server(fsync='off') as pg, server() as mysql:
        yield {'sqlite': tmp_path_factory.mktemp('own') / 'shop.db', 'postgresql': f'{pg}/postgres', DIALECT: mysql}


@pytest.fixture(scope='module', params=SHOPS)
def shop(request, tmp_path_factory):
    "Tables, and the market they are of."
    made = SHOPS[request.param](tmp_path_factory.mktemp('made'))
    return (made, Market()) if isinstance(made, dict) else (made.tables, made.market)


@pytest.fixture(scope='module', params=PLACES)
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


def all_the_same(dialect, at, windows, turn=None):
    "Compare all questions, or a third of them, by turns; the market is read once, which takes as long as a question."
    market, place = source_market(at), PLACES.index(dialect)
    mine = [name for n, name in enumerate(questions()) if turn is None or (n + turn + place) % 3 == 0]
    with closing(connect(at)) as con, pytest.MonkeyPatch.context() as once:
        once.setattr(module, 'source_market', lambda source: market)
        for name, q in askable(market.absent)[0].items():
            for window in windows if name in mine else ():
                same(name, dialect, at, con, **{p: v for p, v in window.items() if p in q.params})


def test_answers_are_those_of_duckdb(place, request):
    "Daily all windows of one shop; of the others each question in one database, with one of the first two."
    shop = [*SHOPS].index(request.node.callspec.params['shop'])
    if FULL or [*SHOPS][shop] == 'tiny': return all_the_same(*place, WINDOWS)
    all_the_same(*place, WINDOWS[(shop + PLACES.index(place[0])) % 2:][:1], turn=shop)


@given(st.data())
@hypothesis_settings(max_examples=60 if FULL else 2, deadline=None, phases=[Phase.generate]) # shrinking takes minutes
def test_any_shop_has_the_same_answers(places, data):
    "Daily each database answers a third of the questions."
    number = lambda least, most: data.draw(st.integers(least, most))
    orders = number(1, 60)
    made = Shop(
        seed=number(0, 10**6), customers=number(1, 40), products=number(8, 40), orders=orders,
        order_items=orders + number(0, orders), behaviour=data.draw(st.sampled_from(['eu', 'uk', 'us', 'br', 'in'])),
        start=dt.date(2025, 1, 1) - dt.timedelta(number(0, 900))
    )
    window = data.draw(st.sampled_from(WINDOWS[:2]))
    for dialect, at in places.items():
        load(made.tables, at, market=made.market)
        all_the_same(dialect, at, [window], turn=None if FULL else orders)


# ------------------------------------------------------------------------ a second opinion

GLOT = dict(sqlite='sqlite', postgresql='postgres', mariadb='mysql', mysql='mysql') # names of sqlglot
SPELT = dict(start=dt.date(2025, 1, 1), end=dt.date(2025, 12, 31))


def written(name, dialect):
    "A question with its values, as an engine or DuckDB reads it."
    q = find(name)
    if dialect != 'duckdb': return own_sql(q.sql, dialect, q.params | SPELT)
    values = {p: 'null' if v is None else str(v) for p, v in q.params.items()}
    values |= {p: f"date '{v}'" for p, v in SPELT.items()}
    return re.sub(r'\$(\w+)', lambda found: values[found[1]], q.sql)


def parses(name, dialect):
    "The query as sqlglot reads it; `values (1)` is `values row(1)` in MySQL, and not in MariaDB."
    sql = written(name, dialect)
    if dialect == 'mariadb':
        sql = re.sub(r'(?<=values )\(.*\)$', lambda rows: rows[0].replace('(', 'row('), sql, flags=re.M)
    return sqlglot.parse_one(sql, read=GLOT[dialect])


@pytest.mark.parametrize('dialect', QUERIES)
@pytest.mark.parametrize('name', questions())
def test_another_reader_knows_the_words(name, dialect):
    tree = parses(name, dialect)
    assert [c.alias_or_name for c in tree.selects] == connect(Shop(**SIZES).tables).sql(written(name, 'duckdb')).columns


@pytest.mark.parametrize('name', questions())
def test_words_that_a_dialect_replaces_are_in_no_text(name):
    "They would change there, too, and with them the answer."
    texts = ' '.join(re.findall(r"'[^']*'", find(name).sql))
    assert not re.search(r"\b(rank|lines|values|interval|filter)\b|//| / ", texts)


def rounded(rows): return [[round(float(v), 3) if isinstance(v, (int, float)) else str(v) for v in row] for row in rows]


def test_another_translator_gives_the_same_answers():
    "PostgreSQL's SQL, put back into DuckDB's by sqlglot: all but what it divides as whole numbers."
    shop = Shop(customers=200, products=60, orders=400, order_items=1000)
    differ = set()
    for name in questions():
        back = sqlglot.transpile(written(name, 'postgresql'), read='postgres', write='duckdb')[0]
        mine = shop.connection.sql(written(name, 'duckdb')).fetchall()
        if rounded(shop.connection.sql(back).fetchall()) != rounded(mine): differ.add(name)
    assert differ == {'rfm_segments', 'customer_lifetime_value'} # with `//`


# ------------------------------------------------------------------------ one moment, and nobody's rows changed

@pytest.fixture(scope='module')
def loaded(places):
    "A shop in every database."
    for at in places.values(): load(Shop(**SIZES).tables, at)
    return places


def change(at, sql):
    "Somebody else changes a shop."
    if server_of(at):
        with open_server(server_of(at)) as (con, cur):
            cur.execute(sql)
            con.commit()
    else:
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(at, timeout=0)) as con, con: con.execute(sql)


@pytest.mark.parametrize('dialect', PLACES)
def test_it_is_asked_as_of_one_moment(loaded, dialect):
    "Others change a server's shop meanwhile; in SQLite they have to wait."
    at = loaded[dialect]
    count = 'select count(*) from customers where marketing_opt_in'
    with open_asked(server_of(at) or at) as asked:
        before = asked.rows(count)
        change(at, 'update customers set marketing_opt_in = not marketing_opt_in')
        assert asked.rows(count) == before
    with open_asked(server_of(at) or at) as asked: assert (asked.rows(count) == before) == (dialect == 'sqlite')


@pytest.mark.parametrize('sql', ['update payments set attempts = 2', 'delete from payments'])
@pytest.mark.parametrize('dialect', PLACES)
def test_it_is_only_read(loaded, dialect, sql):
    at = loaded[dialect]
    with suppress(ShopError, Unanswered), open_asked(server_of(at) or at) as asked:
        with pytest.raises(Unanswered): asked.rows(sql)
    with open_asked(server_of(at) or at) as asked: assert asked.rows('select count(*) from daily_sales') != [(0,)]


# ------------------------------------------------------------------------ what is left to DuckDB

@pytest.mark.parametrize('dialect', PLACES)
def test_a_question_that_somebody_adds_is_left_to_duckdb(loaded, dialect, monkeypatch):
    at = loaded[dialect]
    monkeypatch.setattr(module, '_registry', dict(questions()))
    question('medians', 'Medians', 'one row', 'select median(units) as units from order_totals')
    assert ask('medians', at).subtitle == f'one row; computed in DuckDB from the rows of {at}'
    question('monthly_revenue', 'Another', 'one row', 'select count(*) as orders from orders')
    assert ask('monthly_revenue', at).computed.startswith('DuckDB from')


@pytest.mark.parametrize('dialect', PLACES)
def test_a_shop_without_its_views_is_left_to_duckdb(places, dialect):
    at = places[dialect]
    load(Shop(**SIZES).tables, at)
    views = [*VIEWS][::-1]
    for view in views: change(at, f'drop view {view}')
    answer = ask('monthly_revenue', at)
    assert answer.computed == f'DuckDB from the rows of {at}'
    assert answer.frame.revenue.sum() > 0
    load(Shop(**SIZES).tables, at)


def test_what_an_engine_refuses_is_left_to_duckdb(loaded, monkeypatch):
    monkeypatch.setitem(QUERIES['sqlite']['calls'], 'round(', 'rounded({0}, {1})')
    assert ask('monthly_revenue', loaded['sqlite']).computed.startswith('DuckDB from')


def test_duckdb_says_so_too(tmp_path):
    shop = Shop(**SIZES)
    load(shop.tables, f'duckdb:{tmp_path}/shop.duckdb')
    assert ask('monthly_revenue', f'duckdb:{tmp_path}/shop.duckdb').subtitle.endswith('; computed in DuckDB itself')
    assert shop.ask('monthly_revenue').computed == ''
    assert 'computed' not in shop.ask('monthly_revenue').to_json()


def test_json_says_who(loaded):
    assert '"computed": "PostgreSQL itself"' in ask('order_status', loaded['postgresql']).to_json()


def test_ctrl_c_is_what_it_is(loaded):
    "Python handles it while SQLite computes, and SQLite makes an error of it."
    forever = 'with recursive t(n) as (select 1 union all select n + 1 from t) select max(n) from t'
    with open_asked(loaded['sqlite']) as asked, pytest.raises(KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, .3)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        asked.rows(forever)
