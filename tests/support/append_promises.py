"What an append promises in any database. A test file imports all, and has `query`, `refuses`, `db` and `kept`."
import pandas as pd
import pytest

from shop_nb.app.run import verify_database
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.files.digest import digest
from shop_nb.generator.blocks import tables, write_tables
from shop_nb.model.market import Market
from shop_nb.shop.shop import Shop
from support.appends import PLANTS, REFUSED, changed, plant, some

SIZE = dict(seed=5, customers=200, products=60, orders=400, order_items=1000)
FIRST, LAST = '2025-09-30', '2025-10-14'


@pytest.fixture(scope='module')
def old(): return tables(Settings(**SIZE, until=FIRST))


@pytest.fixture(scope='module')
def new(): return tables(Settings(**SIZE, until=LAST))


@pytest.fixture
def lite(old, tmp_path):
    load(old, tmp_path / 'shop.db')
    return tmp_path / 'shop.db'


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp('new')
    write_tables(Settings(**SIZE, until=LAST), folder)
    return folder


@pytest.fixture
def refused(request): return request.module.refuses


@pytest.fixture
def answer(request): return request.module.query


def append(source, db, **how): return load(source, db, append=True, **how)
def digests(db): return {n: t['digest'] for n, t in verify_database(db)[0].items()}
def of(shop): return {n: digest(t, n) for n, t in shop.items()}


def test_it_makes_and_tells_what_one_into_sqlite_does(old, new, db, lite, answer):
    "Whole, in halves of which one comes late, and again."
    for source in some(new, lambda at: at.day % 2), new, new, old:
        facts = append(source, db)
        assert facts == append(source, lite)
    assert (facts['known'], facts['load_id']) == (True, 1)
    assert digests(db) == of(new)
    assert answer(db, 'select load_id from loads order by load_id') == [(1,), (2,), (3,)]
    assert append(new, db)['load_id'] == 3


def test_tables_without_rows(old, db):
    before, none = digests(db), {n: t.slice(0, 0) for n, t in old.items()}
    append(none, db)
    assert digests(db) == before
    load(none, db)
    append(old, db)
    assert digests(db) == of(old)


@pytest.mark.parametrize('rule, sql', PLANTS, ids=lambda v: v if ' ' not in v else '')
def test_each_rule_across_tables_is_kept(old, new, kept, refused, rule, sql):
    bad, broken = plant(new, *sql.split('; '))
    word, name, *_ = refused(bad, kept, before=of(old)).split()
    assert word == 'Rule'
    assert name in broken


@pytest.mark.filterwarnings('ignore:Setting an item of incompatible dtype')
@pytest.mark.parametrize('kind', REFUSED)
def test_refused_as_in_sqlite(old, new, kept, lite, refused, kind):
    table, at, values, says = REFUSED[kind]
    bad = changed(new, table, at, **values)
    said = refused(bad, kept, before=of(old))
    assert said.startswith(says.format(key=bad[table].iloc[at, 0]))
    with pytest.raises(ShopError) as e: append(bad, lite)
    assert str(e.value) == said


def test_a_unique_value_of_a_row_that_stays(new, kept, refused, answer):
    email = answer(kept, 'select email from customers where customer_id = 4')[0][0]
    taken = changed(new, 'customers', 150, email=email)
    rest = taken['customers'].customer_id != 4
    orders = new['orders'].to_pandas().query('customer_id != 4')
    others = {n: (t := new[n].to_pandas())[t.order_id.isin(orders.order_id)] for n in ('order_items', 'payments')}
    said = refused(dict(taken, customers=taken['customers'][rest], orders=orders, **others), kept)
    assert said.startswith('customers: there is a row with the same email (UNIQUE)')


@pytest.mark.parametrize('other, says', [
    (dict(seed=6), 'differ in signed_up_at'),
    (dict(seed=6, until=FIRST), 'differ in signed_up_at'),
    (dict(customers=250), 'differ in signed_up_at'), (dict(products=80), 'differ in launched_on'),
    (dict(parameters={'customers.rate_shape': .2}), 'differ in customer_id'),
], ids=str)
def test_another_shop(old, kept, lite, refused, other, says):
    "Whatever its rows would break first."
    shop = tables(Settings(**dict(SIZE, until=LAST) | other))
    said = refused(shop, kept, before=of(old))
    assert said.startswith('The source is another shop: of ') and says in said
    with pytest.raises(ShopError) as e: append(shop, lite)
    assert str(e.value) == said


def lines_of(path, customer, product):
    "A file of order lines: 12 orders of as many customers."
    rows = [f'{customer}{n},2025-02-{n:02} 10:00:00,{customer}{n},{product}{n},1,9.99\n' for n in range(1, 13)]
    path.write_text('order,date,customer,product,quantity,price\n' + ''.join(rows))
    return path


def test_another_imported_shop(db, tmp_path):
    "Its keys are those of the shop that is there, and stand for others."
    Shop.read(lines_of(tmp_path / 'one.csv', 'c', 'p'), tmp_path / 'one')
    Shop.read(lines_of(tmp_path / 'two.csv', 'x', 'y'), tmp_path / 'two')
    load(tmp_path / 'one', db)
    before = digests(db)
    with pytest.raises(ShopError, match='The source is another shop: .* have other keys there, such as ') as e:
        append(tmp_path / 'two', db)
    assert e.value.code == 1
    assert digests(db) == before


def test_a_few_corrections_make_no_other_shop(old, db):
    "Though all rows of the source are among them."
    corrected = old['customers'].slice(0, 9).to_pandas()
    corrected['signed_up_at'] -= pd.Timedelta(hours=1)
    append({n: t.slice(0, 0) for n, t in old.items()} | dict(customers=corrected), db)
    assert digests(db) != of(old)


def test_another_market(new, kept, refused):
    assert 'currency USD' in refused(new, kept, market=Market('USD'))
