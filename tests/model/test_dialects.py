"Databases have the declared columns, and refuse what the declaration forbids."
import re, sqlite3
from dataclasses import replace
import duckdb
import pytest
from shop_nb.model.views import create_views, ddl
from shop_nb.model.schema import (
    TABLES, arrow_schema
)
from shop_nb.model.dialects import DIALECTS, create_indexes, create_tables
from support.examples import CHECKS, example, insert, sqlite_shop


def test_databases_have_the_declared_columns():
    lite, duck = sqlite3.connect(':memory:'), duckdb.connect()
    lite.executescript(ddl('sqlite'))
    for sql in create_tables('duckdb') + create_indexes() + create_views('duckdb'): duck.execute(sql)
    for t in TABLES.values():
        info = lite.execute(f'pragma table_info({t.name})').fetchall()
        assert [(r[1], r[2].lower(), bool(r[3] or r[5]), bool(r[5])) for r in info] == [
            (c.name, DIALECTS['sqlite'].types[c.type], not c.nullable, c.key is not None) for c in t.columns
        ]
        assert {(r[3], r[2]) for r in lite.execute(f'pragma foreign_key_list({t.name})')} == set(t.parents.items())
        got = duck.sql(f'select * from {t.name}').to_arrow_table()
        assert [(f.name, f.type) for f in got.schema] == [(f.name, f.type) for f in arrow_schema(t)]
    strict = dict(
        lite.execute("select name, strict from pragma_table_list where type = 'table' and name not like 'sqlite%'")
    )
    assert strict == dict.fromkeys(TABLES, 1)


def test_dialects_can_be_added(monkeypatch):
    other = replace(
        DIALECTS['duckdb'], types={k: v.upper() for k, v in DIALECTS['duckdb'].types.items()}, words=(('//', 'div'),),
        after=' engine=x'
    )
    monkeypatch.setitem(DIALECTS, 'other', other)
    sql = create_tables('other')
    assert ' div ' in sql[2]
    assert ' engine=x' in sql[0]
    assert 'customer_id BIGINT primary key' in sql[0]


def alone(table, name):
    "The SQL of a table with no CHECK but one: nothing else can refuse its rows."
    sql = next(s for s in create_tables() if s.startswith(f'create table {table} '))
    head, *checks = re.split(r',?\n  constraint ', sql[:sql.rindex('\n)')])
    return head.rstrip(',') + f',\n  constraint {next(c for c in checks if c.startswith(name + " "))}\n) strict'


def test_every_check_has_a_bad_row():
    declared = {(t, n) for t, s in zip(TABLES, create_tables()) for n in re.findall(r'constraint (\w+)', s)}
    assert declared == {(t, n) for t, n, _ in CHECKS}


def commas(sql):
    "A table's columns end in commas before their comments; the last needs none if nothing follows."
    return re.sub(r',( +-- [^\n]*)\n,', r',\1\n', sql)


@pytest.mark.parametrize('table, name, change', CHECKS, ids=str)
def test_check_refuses(table, name, change):
    con = sqlite3.connect(':memory:')
    con.execute(commas(alone(table, name)))
    insert(con, table, example(table))
    con.execute(f'delete from {table}')
    with pytest.raises(sqlite3.IntegrityError, match=f'CHECK constraint failed: {name}$'):
        insert(con, table, example(table) | change)


@pytest.mark.parametrize(
    'table, change',
    [
        ('orders', dict(customer_id=2)),
        ('order_items', dict(order_item_id=2503180000000202, order_id=25031800000002, line_number=2)),
        ('order_items', dict(product_id=2, line_number=2, order_item_id=2503180000000102)),
        ('payments', dict(payment_id=250318000000021, order_id=25031800000002)),
    ],
    ids=str,
)
def test_references_are_refused(table, change):
    with pytest.raises(sqlite3.IntegrityError, match='FOREIGN KEY'):
        insert(
            sqlite_shop(strict=True), table,
            example(table) | ({} if table != 'orders' else dict(order_id=25031800000002)) | change
        )


@pytest.mark.parametrize(
    'table, change, said',
    [
        ('customers', dict(customer_id=2), 'customers.email'),
        ('products', dict(product_id=2), 'products.sku'),
        ('customers', {}, 'customers.customer_id'),
        (
            'order_items',
            dict(order_item_id=2503180000000102, line_number=2),
            'order_items.order_id, order_items.product_id',
        ),
        ('payments', {}, 'payments'),
    ],
    ids=str,
)
def test_keys_are_refused(table, change, said):
    with pytest.raises(sqlite3.IntegrityError, match=f'UNIQUE constraint failed: {said}'):
        insert(sqlite_shop(strict=True), table, example(table) | change)


@pytest.mark.parametrize(
    'table, name', [(t.name, c.name) for t in TABLES.values() for c in t.columns if not c.nullable and not c.key]
)
def test_nulls_are_refused(table, name):
    con = sqlite3.connect(':memory:')
    for sql in create_tables(): con.execute(sql)
    with pytest.raises(sqlite3.IntegrityError, match=f'NOT NULL constraint failed: {table}.{name}'):
        insert(con, table, example(table) | {name: None})


@pytest.mark.parametrize(
    'table, name',
    [
        ('orders', 'shipping_cents'),
        ('order_items', 'quantity'),
        ('payments', 'amount_cents'),
        ('customers', 'latitude'),
    ],
)
def test_types_are_strict(table, name):
    with pytest.raises(sqlite3.IntegrityError, match='cannot store TEXT value'):
        insert(sqlite_shop(strict=True), table, example(table) | {name: '12x'})


@pytest.mark.parametrize(
    'where',
    [
        "orders where customer_id = 5",
        "orders where ordered_at >= '2025-03-01' and ordered_at < '2025-04-01'",
        "orders where status = 'paid'",
        'order_items where product_id = 5',
        'order_items where order_id = 25031800000001',
        'payments where order_id = 25031800000001',
        "payments where status = 'failed'",
        "products where category = 'Home'",
        "customers where country = 'FR'",
    ],
)
def test_questions_find_an_index(where):
    con = sqlite3.connect(':memory:')
    con.executescript(ddl())
    plan = ' '.join(r[3] for r in con.execute(f'explain query plan select * from {where}'))
    assert plan.startswith('SEARCH'), plan
    assert 'USING INDEX' in plan, plan
