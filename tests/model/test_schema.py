"The declaration: everything follows from it, databases refuse what it forbids, rules find what breaks it."
import random, re, sqlite3, subprocess, sys
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree

import duckdb
import numpy as np
import pandera.errors
import pyarrow as pa
import pytest

from shop_nb.model import schema
from shop_nb.model.dictionary import dictionary, er_diagram
from shop_nb.model.rules import (
    BACK, LEDGER, LINE, REFUND, RETURNED, REVENUE, RULES, VIEWS, broken_check, create_views, ddl, declared_rules,
    violations
)
from shop_nb.model.schema import (
    CAPTURED, DAY_KEYS, DIALECTS, LINE_KEYS, MAX_PRICE, MAX_QUANTITY, ORDER_STATUSES, PAYMENT_STATUSES, REFUNDED, SALE,
    STATUS_PAIRS, TABLES, Check, arrow_schema, create_indexes, create_tables, example_row, pandera_schema, to_dialect
)
from shop_nb.core.settings import MAX_LINES
from shop_nb.reporting.profile import MINIMAL_ABOVE
from shop_nb.core.errors import ShopError

RULE = {r.name: r for r in RULES}


def column(table, column, **changes):
    "The tables with one column of one table changed."
    t = TABLES[table]
    return TABLES | {
        table: replace(t, columns=tuple(replace(c, **changes) if c.name == column else c for c in t.columns))
    }


# ---- one declaration -------------------------------------------------------------------------------------------------

def derived(tables, table):
    "Everything that is derived from one table, as text, by kind."
    t = tables[table]
    p = pandera_schema(t)
    return dict(
        arrow=arrow_schema(t).to_string(),
        dictionary=str(dictionary(t)),
        picture=er_diagram(tables),
        example=str(example_row(t).to_pydict()),
        pandera=str(
            [
                (n, str(c.dtype), c.nullable, c.unique, [(k.name, str(k.statistics)) for k in c.checks])
                for n, c in p.columns.items()
            ]
            + [k.name for k in p.checks]
        ),
        sqlite='\n'.join(create_tables('sqlite', tables)),
        duckdb='\n'.join(create_tables('duckdb', tables)),
        rules=str(declared_rules(tables)),
    )


@pytest.mark.parametrize('changes, moved', [
    (dict(name='postage_cents'), 'arrow dictionary picture example pandera sqlite duckdb rules'),
    (dict(type='text', ge=None, example='490'), 'arrow dictionary picture example pandera sqlite duckdb rules'),
    (dict(nullable=True), 'arrow dictionary picture pandera sqlite duckdb rules'),
    (dict(ge=10), 'dictionary pandera sqlite duckdb rules'),
    (dict(le=5000), 'dictionary pandera sqlite duckdb rules'),
    (dict(values=(0, 490)), 'dictionary pandera sqlite duckdb rules'),
    (dict(unique=True), 'dictionary picture pandera sqlite duckdb rules'),
    (dict(doc='Postage'), 'arrow dictionary picture sqlite duckdb')], ids=str)
def test_one_change_moves_everything(changes, moved):
    before, after = derived(TABLES, 'orders'), derived(column('orders', 'shipping_cents', **changes), 'orders')
    assert {k for k in before if before[k] != after[k]} == set(moved.split())


def test_a_new_check_moves_everything():
    t = replace(
        TABLES['orders'],
        checks=(
            *TABLES['orders'].checks,
            Check('free_web', 'The web ships for nothing', "shipping_cents = 0 OR channel <> 'web'"),
        ),
    )
    tables = TABLES | dict(orders=t)
    assert 'free_web' in '\n'.join(create_tables('sqlite', tables))
    assert any(
        r.name == 'orders.free_web' for r in declared_rules(tables)
    )
    with pytest.raises(pandera.errors.SchemaError, match='free_web'):
        pandera_schema(t).validate(example_row(t).to_pandas())


def test_a_new_reference_moves_the_picture_and_the_rules():
    tables = column('payments', 'attempts', references='customers')
    assert 'customers to payments.attempts' in er_diagram(tables)
    assert 'payments.attempts_exists' in {r.name for r in declared_rules(tables)}
    assert 'attempts INTEGER NOT NULL REFERENCES customers' in '\n'.join(create_tables(tables=tables))


def test_databases_have_the_declared_columns():
    lite, duck = sqlite3.connect(':memory:'), duckdb.connect()
    lite.executescript(ddl('sqlite'))
    for sql in create_tables('duckdb') + create_indexes() + create_views('duckdb'): duck.execute(sql)
    for t in TABLES.values():
        info = lite.execute(f'PRAGMA table_info({t.name})').fetchall()
        assert [(r[1], r[2], bool(r[3] or r[5]), bool(r[5])) for r in info] == [
            (c.name, DIALECTS['sqlite'].types[c.type], not c.nullable, c.key is not None) for c in t.columns
        ]
        assert {(r[3], r[2]) for r in lite.execute(f'PRAGMA foreign_key_list({t.name})')} == set(t.parents.items())
        got = duck.sql(f'SELECT * FROM {t.name}').to_arrow_table()
        assert [(f.name, f.type) for f in got.schema] == [(f.name, f.type) for f in arrow_schema(t)]
    strict = dict(
        lite.execute("SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    )
    assert strict == dict.fromkeys(TABLES, 1)


def test_dialects_can_be_added(monkeypatch):
    other = replace(
        DIALECTS['duckdb'],
        types={k: v.lower() for k, v in DIALECTS['duckdb'].types.items()},
        divide='DIV',
        after=' ENGINE=x',
    )
    monkeypatch.setitem(DIALECTS, 'other', other)
    sql = create_tables('other')
    assert ' DIV ' in sql[2]
    assert ' ENGINE=x' in sql[0]
    assert 'customer_id bigint PRIMARY KEY' in sql[0]


@pytest.mark.parametrize(
    'call',
    [
        lambda: arrow_schema('order'),
        lambda: dictionary('x'),
        lambda: create_tables('oracle'),
        lambda: to_dialect('1', 'oracle'),
        lambda: RULES[0].query('oracle'),
    ],
)
def test_unknown_names_are_told(call):
    with pytest.raises(ShopError) as e: call()
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) == 2


def test_heavy_modules_stay_out():
    code = 'import sys, shop_nb.model.dictionary, shop_nb.model.rules, shop_nb.model.schema; print([m for m in ("pandas", "pandera", "duckdb", "matplotlib") if m in sys.modules])'
    assert (
        subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip() == '[]'
    )


def test_every_column_is_explained():
    rows = dictionary()
    assert len(rows) == sum(len(t.columns) for t in TABLES.values())
    for r in rows:
        assert all(isinstance(v, str) for v in r.values()), r
        assert r['meaning'], r
        assert r['example'] not in ('', 'None'), r
    assert {r['unit'] for r in rows if r['column'].endswith('_cents')} == {'euro cents'}


def test_picture():
    svg = er_diagram()
    assert svg == er_diagram()
    texts = [e.text for e in ElementTree.fromstring(svg).iter('{http://www.w3.org/2000/svg}text')]
    for t in TABLES.values():
        assert t.name in texts
        assert set(t.names) <= set(texts)
    assert re.findall(r'https?://[^"]*', svg) == ['http://www.w3.org/2000/svg'], 'nothing is fetched'
    assert svg.count('class="line"') == sum(len(t.parents) for t in TABLES.values())
    assert 'prefers-color-scheme:dark' in svg


def test_keys_stay_whole_in_json():
    last = ((89_12_31 * DAY_KEYS + DAY_KEYS - 1) * LINE_KEYS) + MAX_LINES
    assert last < 2**53
    assert MAX_LINES < LINE_KEYS


def test_money_stays_within_64_bits():
    goods = MAX_LINES * MAX_QUANTITY * MAX_PRICE
    assert goods * goods * 1.3 < 2**63


def test_status_pairs_cover_every_status():
    assert {o for o, _ in STATUS_PAIRS} == set(ORDER_STATUSES)
    assert {p for _, p in STATUS_PAIRS} == set(PAYMENT_STATUSES)
    assert all(p in CAPTURED for o, p in STATUS_PAIRS if o in SALE)
    assert set(REFUNDED) < set(CAPTURED)
    assert not any(p in CAPTURED and p not in REFUNDED for o, p in STATUS_PAIRS if o == 'cancelled')


# ---- a small shop of examples: one row per table, in both databases ----------------------------------------------------

def text(v):
    "An example value as SQLite keeps it."
    return int(v) if isinstance(v, bool) else v if isinstance(v, (int, float, str)) or v is None else str(v)


def example(table): return {c.name: text(c.example) for c in TABLES[table].columns}


def insert(con, table, row):
    con.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", list(row.values()))


def sqlite_shop(tables=None, strict=False):
    "The examples in SQLite: with every constraint, or with none."
    con = sqlite3.connect(':memory:')
    for sql in (
        create_tables('sqlite', tables)
        if strict
        else [f"CREATE TABLE {t.name} ({', '.join(t.names)})" for t in TABLES.values()]
    ):
        con.execute(sql)
    con.execute('PRAGMA foreign_keys = ON')
    for t in tables or TABLES: insert(con, t, example(t))
    return con


def duckdb_shop():
    "The examples in DuckDB, without constraints."
    con = duckdb.connect()
    for t in TABLES: con.register('example', example_row(t)).execute(f'CREATE TABLE {t} AS SELECT * FROM example')
    return con


SHOPS = dict(sqlite=sqlite_shop, duckdb=duckdb_shop)


def test_examples_are_good():
    sqlite_shop(strict=True)
    for t in TABLES: pandera_schema(t).validate(example_row(t).to_pandas(), lazy=True)
    for dialect, shop in SHOPS.items():
        con = shop()
        assert [r.name for r in RULES if violations(con, r, dialect)] == []


# ---- CHECKs -----------------------------------------------------------------------------------------------------------

def bad_values(c):
    "A bad value for each constraint of a column, by the constraint's kind."
    if c.type == 'date': yield 'date', ['2025-02-30', '2025-2-3', '20250203', '', 'x', '2025-02-03 00:00:00']
    if c.type == 'time':
        yield (
            'time',
            [
                '2025-02-30 10:00:00',
                '2025-03-09T20:05:31',
                '2025-03-09 20:05',
                '2025-03-09 25:00:00',
                '2025-03-09',
                '2025-03-09 20:05:31.5',
                '',
            ],
        )
    if c.type == 'flag': yield 'flag', [2, -1]
    if c.values:
        yield 'values', ['nonsense', '', c.values[0].upper()]
    elif c.pattern: yield 'pattern', ['', '!', 'fr', '@.']
    if c.type == 'text' and not c.values: yield 'text', [f'{c.example}\0x', '\0'] + [''] * (not c.pattern)
    if c.ge is not None: yield 'least', [c.ge - 1]
    if c.le is not None: yield 'most', [c.le + 1]


BAD_ROWS = dict(
    postal_code_of_country=(
        'customers',
        [
            dict(country='DE', postal_code='6844'),
            dict(country='FR', postal_code='6900'),
            dict(country='IT', postal_code='187'),
            dict(country='ES', postal_code='0800A'),
            dict(country='AT', postal_code='10100'),
            dict(country='BE', postal_code='100'),
            dict(country='NL', postal_code='1011 ab'),
        ],
    ),
    end_after_launch=('products', [dict(discontinued_on='2024-10-02'), dict(discontinued_on='2024-10-01')]),
    order_id_codes_day=(
        'orders',
        [dict(order_id=25031900000001), dict(ordered_at='2025-03-19 00:00:00'), dict(ordered_at='2024-03-18 17:35:27')],
    ),
    order_number_from_1=('orders', [dict(order_id=25031800000000)]),
    delivered_when_arrived=(
        'orders',
        [dict(delivered_at=None), dict(status='shipped'), dict(status='returned', delivered_at=None)],
    ),
    delivered_after_ordered=(
        'orders',
        [dict(delivered_at='2025-03-18 17:35:27'), dict(delivered_at='2025-03-17 09:00:00')],
    ),
    item_id_codes_line=('order_items', [dict(line_number=2), dict(order_item_id=5)]),
    discount_below_price=(
        'order_items',
        [dict(discount_cents=2499), dict(discount_cents=2500), dict(quantity=2, discount_cents=4998)],
    ),
    returned_within_quantity=('order_items', [dict(returned_quantity=2)]),
    payment_id_codes_order=('payments', [dict(payment_id=250318000000012)]),
    paid_when_captured=('payments', [dict(paid_at=None), dict(status='failed'), dict(status='pending')]),
    refund_when_refunded=(
        'payments',
        [dict(refunded_cents=1), dict(status='refunded'), dict(status='partially_refunded')],
    ),
    refund_within_amount=('payments', [dict(status='refunded', refunded_cents=3465)]),
    tried_unless_pending=('payments', [dict(attempts=0), dict(attempts=0, status='failed', paid_at=None)]),
)

CHECKS = [
    (t.name, f'{c.name}_{kind}', {c.name: v})
    for t in TABLES.values()
    for c in t.columns
    for kind, vs in bad_values(c)
    for v in vs
]
CHECKS += [(table, name, row) for name, (table, rows) in BAD_ROWS.items() for row in rows]


def alone(table, name):
    "CREATE TABLE of a table with no CHECK but one: nothing else can refuse its rows."
    sql = next(s for s in create_tables() if s.startswith(f'CREATE TABLE {table} '))
    head, *checks = re.split(r',?\n  CONSTRAINT ', sql[:sql.rindex('\n)')])
    return head.rstrip(',') + f',\n  CONSTRAINT {next(c for c in checks if c.startswith(name + " "))}\n) STRICT'


def test_every_check_has_a_bad_row():
    declared = {(t, n) for t, s in zip(TABLES, create_tables()) for n in re.findall(r'CONSTRAINT (\w+)', s)}
    assert declared == {(t, n) for t, n, _ in CHECKS}


def commas(sql):
    "A table's columns end in commas before their comments; the last needs none if nothing follows."
    return re.sub(r',( +-- [^\n]*)\n,', r',\1\n', sql)


@pytest.mark.parametrize('table, name, change', CHECKS, ids=str)
def test_check_refuses(table, name, change):
    con = sqlite3.connect(':memory:')
    con.execute(commas(alone(table, name)))
    insert(con, table, example(table))
    con.execute(f'DELETE FROM {table}')
    with pytest.raises(sqlite3.IntegrityError, match=f'CHECK constraint failed: {name}$'):
        insert(con, table, example(table) | change)


@pytest.mark.parametrize('table, name, change', [c for c in CHECKS if c[1] in BAD_ROWS], ids=str)
def test_pandera_refuses(table, name, change):
    frame = (
        example_row(table)
        .to_pandas()
        .assign(
            **{
                k: [
                    np.datetime64(v, 'us')
                    if k.endswith('_at') and v
                    else np.datetime64('NaT', 'us')
                    if k.endswith('_at')
                    else date.fromisoformat(v)
                    if k.endswith('_on')
                    else v
                ]
                for k, v in change.items()
            }
        )
    )
    with pytest.raises(pandera.errors.SchemaErrors) as e: pandera_schema(table).validate(frame, lazy=True)
    assert name in set(e.value.failure_cases['check'])


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
            sqlite_shop(strict=True),
            table,
            example(table) | ({} if table != 'orders' else dict(order_id=25031800000002)) | change,
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


# ---- RULES ------------------------------------------------------------------------------------------------------------

def literal(v):
    "A value as portable SQL."
    if not isinstance(v, str): return 'NULL' if v is None else str(v)
    return ' || chr(0) || '.join(f"'{part}'" for part in v.split('\0'))


def plants():
    "(rule, statements that plant a violation of it) for every rule."
    for t in TABLES.values():
        for c in t.columns:
            if not c.nullable: yield f'{t.name}.{c.name}', [f'UPDATE {t.name} SET {c.name} = NULL']
            for kind, vs in bad_values(c):
                if kind in ('values', 'pattern', 'text', 'least', 'most'):
                    for v in vs: yield f'{t.name}.{c.name}', [f'UPDATE {t.name} SET {c.name} = {literal(v)}']
        for names in ((t.key,), *((c.name,) for c in t.columns if c.unique), *t.unique):
            yield f'{t.name}.unique_{"_".join(names)}', [f'INSERT INTO {t.name} SELECT * FROM {t.name}']
        for c in t.parents: yield f'{t.name}.{c}_exists', [f'UPDATE {t.name} SET {c} = {c} + 1']
    for name, (table, rows) in BAD_ROWS.items():
        for row in rows:
            yield f'{table}.{name}', [f"UPDATE {table} SET {', '.join(f'{k} = {literal(v)}' for k, v in row.items())}"]
    back = 'UPDATE order_items SET quantity = 3, returned_quantity = {}, unit_price_cents = 833'
    yield from [
        ('order_after_signup', ["UPDATE customers SET signed_up_at = '2025-03-18 17:35:28'"]),
        ('order_has_lines', ['DELETE FROM order_items']),
        ('order_has_payment', ['DELETE FROM payments']),
        ('product_on_sale', ["UPDATE products SET launched_on = '2025-03-19'"]),
        ('product_on_sale', ["UPDATE products SET discontinued_on = '2025-03-18'"]),
        (
            'one_price_a_day',
            [
                'INSERT INTO order_items SELECT order_item_id + 100, order_id + 1, line_number, product_id, quantity, unit_price_cents + 1, discount_cents, returned_quantity FROM order_items'
            ],
        ),
        ('status_pairs', ["UPDATE orders SET status = 'pending'"]),
        ('status_pairs', ["UPDATE payments SET status = 'failed'"]),
        ('cancelled_not_captured', ["UPDATE orders SET status = 'cancelled'"]),
        ('paid_after_ordered', ["UPDATE payments SET paid_at = '2025-03-18 17:35:26'"]),
        (
            'returns_of_delivered',
            ["UPDATE orders SET status = 'shipped'", 'UPDATE order_items SET returned_quantity = 1'],
        ),
        ('returned_is_all_back', ["UPDATE orders SET status = 'returned'"]),
        ('returned_is_all_back', ['UPDATE order_items SET returned_quantity = 1']),
        ('returned_is_all_back', ["UPDATE orders SET status = 'returned'", back.format(2)]),
        ('discount_within_goods', ['UPDATE orders SET discount_cents = 2500']),
        *[
            ('ledger', [f'UPDATE {t} SET {c} = {c} + 1'])
            for t, c in [
                ('payments', 'amount_cents'),
                ('orders', 'shipping_cents'),
                ('orders', 'tax_cents'),
                ('orders', 'discount_cents'),
                ('order_items', 'discount_cents'),
                ('order_items', 'unit_price_cents'),
                ('order_items', 'quantity'),
            ]
        ],
        ('refund', ['UPDATE payments SET refunded_cents = 1']),
        ('refund', [back.format(1)]),
        (
            'refund',
            [
                "UPDATE orders SET status = 'returned'",
                'UPDATE order_items SET returned_quantity = 1',
                "UPDATE payments SET refunded_cents = amount_cents - 1",
            ],
        ),
        ('refund', ["UPDATE orders SET status = 'cancelled'", 'UPDATE payments SET refunded_cents = 0']),
    ]


PLANTS = list(plants())


def test_every_rule_has_a_plant(): assert {n for n, _ in PLANTS} == set(RULE) and len(RULE) == len(RULES)


@pytest.mark.parametrize('dialect', SHOPS)
@pytest.mark.parametrize('name, statements', PLANTS, ids=str)
def test_rule_finds_a_planted_violation(name, statements, dialect):
    con, rule = SHOPS[dialect](), RULE[name]
    con.execute('PRAGMA foreign_keys = OFF') if dialect == 'sqlite' else None
    for sql in statements: con.execute(to_dialect(sql, dialect))
    rows = violations(con, rule, dialect)
    keys = {r[0] for r in con.execute(f'SELECT {TABLES[rule.table].key} FROM {rule.table}').fetchall()}
    assert rows, 'the first column is the key of the row at fault'
    assert {r[0] for r in rows} <= keys, 'the first column is the key of the row at fault'
    names = [d[0] for d in con.execute(rule.query(dialect)).description]
    for row in rows: denies(rule.violated(rule.says(dict(zip(names, row)))), f'Rule {name} is violated: ')


def denies(text, beginning=''):
    "A refusal says that something is wrong: nobody can read it as an assurance."
    assert text.startswith(beginning), text
    said = text.removeprefix(beginning)
    assert re.search(
        r'must be|does not hold where|is (not|before|more)|cannot|, but |has no |rows share| from .+ to ', said
    ), text
    assert '{' not in said, text
    assert 'None' not in said, text


@pytest.mark.parametrize('table', TABLES)
def test_each_check_of_a_database_says_what_is_wrong(table):
    t = TABLES[table]
    for name, _ in schema._checks_sql(t, DIALECTS['sqlite']):
        for row in example(table), dict.fromkeys(t.names):
            what, column = broken_check(t, name, row)
            denies(what)
            assert column in t.names


@pytest.mark.parametrize('dialect', SHOPS)
@pytest.mark.parametrize(
    'statements',
    [
        ["UPDATE customers SET country = 'NL', postal_code = '1011 AB'"],
        ["UPDATE customers SET country = 'GB', postal_code = 'SW1A 1AA'"],
        ["UPDATE products SET launched_on = '2025-03-18'"],
        ["UPDATE products SET discontinued_on = '2025-03-19'"],
        ['UPDATE products SET discontinued_on = NULL'],
        ["UPDATE customers SET signed_up_at = '2025-03-18 17:35:27'"],
        ["UPDATE payments SET paid_at = '2025-03-18 17:35:27'"],
        [
            "UPDATE orders SET status = 'returned'",
            'UPDATE order_items SET returned_quantity = 1',
            "UPDATE payments SET status = 'refunded', refunded_cents = 3464",
        ],
        [
            "UPDATE orders SET status = 'cancelled', delivered_at = NULL",
            "UPDATE payments SET status = 'failed', paid_at = NULL",
        ],
        [
            "UPDATE orders SET status = 'cancelled', delivered_at = NULL",
            "UPDATE payments SET status = 'refunded', refunded_cents = 3464",
        ],
        [
            "UPDATE orders SET status = 'pending', delivered_at = NULL",
            "UPDATE payments SET status = 'pending', paid_at = NULL, attempts = 0",
        ],
        [
            'UPDATE order_items SET quantity = 3, returned_quantity = 1, unit_price_cents = 833',
            "UPDATE payments SET status = 'partially_refunded', refunded_cents = 991",
        ],
    ],
    ids=str,
)
def test_rules_let_good_data_be(statements, dialect):
    con = SHOPS[dialect]()
    for sql in statements: con.execute(sql)
    assert [r.name for r in RULES if violations(con, r, dialect)] == []


# ---- money ------------------------------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def shops():
    "A shop with awkward amounts, the same in both databases."
    rng, rows = random.Random(3), {t: [] for t in TABLES}
    product, customer = example('products') | dict(cost_cents=7), example('customers')
    rows['products'] = [
        product | dict(product_id=i, sku=f'A-{i}', category=rng.choice(schema.CATEGORIES)) for i in range(1, 41)
    ]
    rows['customers'] = [customer | dict(customer_id=i, email=f'c{i}@example.com') for i in range(1, 31)]
    for n in range(1, 401):
        key, (status, paid) = 25031800000000 + n, rng.choice(STATUS_PAIRS)
        items = [
            dict(
                order_item_id=key * 100 + i,
                order_id=key,
                line_number=i,
                product_id=p,
                quantity=(q := rng.randint(1, 99)),
                unit_price_cents=(u := [1, 3, 99, 1234, 999_999][p % 5]),
                discount_cents=rng.randrange(max(1, q * u // 3)),
                returned_quantity=q
                if status == 'returned'
                else rng.randint(0, q - 1)
                if paid == 'partially_refunded'
                else 0,
            )
            for i, p in enumerate(rng.sample(range(1, 41), rng.randint(1, 25)), 1)
        ]
        goods = sum(i['quantity'] * i['unit_price_cents'] - i['discount_cents'] for i in items)
        o = example('orders') | dict(
            order_id=key,
            customer_id=rng.randint(1, 30),
            status=status,
            discount_cents=rng.randint(0, goods // 3),
            tax_cents=goods // 5,
            shipping_cents=490,
        )
        if status not in schema.ARRIVED: o['delivered_at'] = None
        amount = goods - o['discount_cents'] + o['shipping_cents'] + o['tax_cents']
        back = sum(
            (i['quantity'] * i['unit_price_cents'] - i['discount_cents']) * i['returned_quantity'] // i['quantity']
            for i in items
        )
        refund = amount if paid == 'refunded' else back * (goods - o['discount_cents'] + o['tax_cents']) // goods
        p = example('payments') | dict(
            payment_id=key * 10 + 1, order_id=key, status=paid, amount_cents=amount, refunded_cents=refund
        )
        if paid not in CAPTURED: p['paid_at'] = None
        if paid == 'partially_refunded' and not refund: continue
        rows['orders'].append(o)
        rows['order_items'] += items
        rows['payments'].append(p)
    lite, duck = sqlite3.connect(':memory:'), duckdb.connect()
    for sql in create_tables('sqlite'): lite.execute(sql)
    for sql in create_tables('duckdb'): duck.execute(sql)
    for t, rs in rows.items():
        lite.executemany(f"INSERT INTO {t} VALUES ({', '.join('?' * len(rs[0]))})", [list(r.values()) for r in rs])
        duck.register('rows', pa.Table.from_pylist(rs)).execute(f'INSERT INTO {t} SELECT * FROM rows')
    for sql in create_indexes() + create_views('sqlite'): lite.execute(sql)
    for sql in create_views('duckdb'): duck.execute(sql)
    return lite, duck, rows


def test_the_awkward_shop_keeps_all_rules(shops):
    lite, duck, _ = shops
    for r in RULES: assert not violations(lite, r, 'sqlite') and not violations(duck, r), r.name


@pytest.mark.parametrize('view', VIEWS)
def test_views_agree_in_both_databases(shops, view):
    lite, duck, _ = shops
    a, b = (con.execute(f'SELECT * FROM {view} ORDER BY 1, 2').fetchall() for con in (lite, duck))
    assert [[text(v) for v in r] for r in b] == [list(r) for r in a]
    assert a
    assert [c[0] for c in lite.execute(f'SELECT * FROM {view}').description] == [
        c[0] for c in duck.execute(f'SELECT * FROM {view}').description
    ]


def test_money_columns_are_whole_numbers(shops):
    _, duck, _ = shops
    for view in 'order_totals', 'sales_lines':
        types = {r[0]: r[1] for r in duck.execute(f'DESCRIBE {view}').fetchall()}
        assert {t for c, t in types.items() if c.endswith('_cents')} == {'BIGINT'}, types


def test_order_totals_are_what_they_say(shops):
    lite, _, rows = shops
    got = {
        r[0]: r[1:]
        for r in lite.execute(
            'SELECT order_id, goods_cents, is_sale, revenue_cents, returned_cents, net_cents, lines, units FROM order_totals'
        )
    }
    assert len(got) == len(rows['orders'])
    for o in rows['orders']:
        items = [i for i in rows['order_items'] if i['order_id'] == o['order_id']]
        goods = sum(i['quantity'] * i['unit_price_cents'] - i['discount_cents'] for i in items)
        back = sum(
            (i['quantity'] * i['unit_price_cents'] - i['discount_cents']) * i['returned_quantity'] // i['quantity']
            for i in items
        )
        sale = o['status'] in ('paid', 'shipped', 'delivered', 'returned')
        revenue = goods - o['discount_cents'] if sale else 0
        returned = back * revenue // goods
        assert got[o['order_id']] == (
            goods,
            sale,
            revenue,
            returned,
            revenue - returned,
            len(items),
            sum(i['quantity'] for i in items),
        )
        if o['status'] == 'returned':
            assert returned == revenue


def test_lines_add_up_to_their_orders(shops):
    for con in shops[:2]:
        off = con.execute('''SELECT t.order_id FROM order_totals t LEFT JOIN (SELECT order_id, count(*) AS n, sum(revenue_cents) AS r, sum(returned_cents) AS b, sum(line_cents) AS g FROM sales_lines GROUP BY order_id) l
            ON l.order_id = t.order_id WHERE t.is_sale = 1 AND (l.n IS NULL OR l.n <> t.lines OR l.r <> t.revenue_cents OR l.b <> t.returned_cents OR l.g <> t.goods_cents) OR t.is_sale = 0 AND l.n > 0''').fetchall()
        assert off == []
        assert con.execute(
            'SELECT count(*) FROM sales_lines WHERE revenue_cents NOT BETWEEN 0 AND line_cents OR returned_cents NOT BETWEEN 0 AND line_cents'
        ).fetchone() == (0,)


def test_money_words_are_python_and_sql():
    cells = dict(
        quantity=np.array([3, 2]),
        unit_price_cents=np.array([833, 100]),
        discount_cents=np.array([0, 1]),
        returned_quantity=np.array([1, 0]),
    )
    assert eval(LINE, {}, cells).tolist() == [2499, 199]
    assert eval(BACK, {}, cells).tolist() == [833, 0]
    order = dict(goods_cents=2499, discount_cents=0, shipping_cents=490, tax_cents=475, back_cents=833)
    assert [eval(x, {}, order) for x in (LEDGER, REVENUE, REFUND, RETURNED)] == [3464, 2499, 991, 833]


# ---- indexes ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(
    'where',
    [
        "orders WHERE customer_id = 5",
        "orders WHERE ordered_at >= '2025-03-01' AND ordered_at < '2025-04-01'",
        "orders WHERE status = 'paid'",
        'order_items WHERE product_id = 5',
        'order_items WHERE order_id = 25031800000001',
        'payments WHERE order_id = 25031800000001',
        "payments WHERE status = 'failed'",
        "products WHERE category = 'Home'",
        "customers WHERE country = 'FR'",
    ],
)
def test_questions_find_an_index(where):
    con = sqlite3.connect(':memory:')
    con.executescript(ddl())
    plan = ' '.join(r[3] for r in con.execute(f'EXPLAIN QUERY PLAN SELECT * FROM {where}'))
    assert plan.startswith('SEARCH'), plan
    assert 'USING INDEX' in plan, plan


def test_guides_have_the_numbers_of_the_code(root):
    def guide(name): return (root / 'docs/how-to' / name).read_text(encoding='utf-8')
    assert f'Tables above {MINIMAL_ABOVE:,} rows' in guide('09-profile.md')
    assert len(schema.POSTCODES) == 7
    assert 'the seven countries of a generated shop' in guide('04-database.md')


@pytest.mark.parametrize('name, meant', [('Orders', 'orders'), ('order', 'orders'), ('order items', 'order_items')])
def test_a_table_of_nearly_that_name_is_told(name, meant):
    with pytest.raises(ShopError, match=f"Did you mean '{meant}'"): schema.get_table(name)
