"A view has the same rows on every engine, also where a shop lacks columns and the view has to make them up"
from contextlib import closing

import pytest

import postgres
from shop_nb.analytics.connect import connect
from shop_nb.database.load import load
from shop_nb.files.servers import open_server, server_of
from shop_nb.shop.shop import Shop
from support import ROOT
from support.mysql import DIALECT, server as mysql

WHOLE = 'order_totals', 'sales_lines' # whole numbers, from which all other views are added up
SHOPS = dict(
    made=lambda out: Shop(customers=80, products=40, orders=150, order_items=400, behaviour='us').save(out),
    imported=lambda out: Shop.read(ROOT / 'docs' / 'samples' / 'shopify' / 'orders_export.csv', out),
)


@pytest.fixture(scope='module', params=SHOPS)
def run(request, tmp_path_factory):
    out = tmp_path_factory.mktemp('views') / request.param
    SHOPS[request.param](out)
    return out


@pytest.fixture(scope='module', params=[(postgres.server, '/postgres'), (mysql, '')], ids=['postgresql', DIALECT])
def server(request):
    begin, name = request.param
    with begin() as url: yield url + name


def rows(execute, columns, view):
    "The rows of a view, sorted; a number has to be whole"
    found = execute(f'select {", ".join(columns)} from {view}')
    assert all(v is None or int(v) == v for row in found for v in row)
    return sorted([tuple(-1 if v is None else int(v) for v in row) for row in found])


@pytest.mark.parametrize('view', WHOLE)
def test_whole_numbers_are_the_same(run, server, view):
    load(run, server)
    with closing(connect(run)) as con:
        there = con.sql(f'select * from {view} limit 0').columns
        columns = [c for c in there if c.endswith('_cents') or c in ('order_id', 'order_item_id', 'quantity')]
        assert len(columns) > 4
        here = rows(lambda sql: con.sql(sql).fetchall(), columns, view)
    with open_server(server_of(server)) as (_, cur):
        def ask(sql):
            cur.execute(sql)
            return cur.fetchall()
        there = rows(ask, columns, view)
    assert there == here
    assert len(here) > 15
