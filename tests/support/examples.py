"The examples of the declaration as a shop of one row per table, and values that break it."
import sqlite3
from dataclasses import replace
import duckdb
from shop_nb.model.schema import (
    TABLES, example_row
)
from shop_nb.model.dialects import create_tables


def column(table, column, **changes):
    "The tables with one column of one table changed."
    t = TABLES[table]
    return TABLES | {
        table: replace(t, columns=tuple(replace(c, **changes) if c.name == column else c for c in t.columns))
    }


def text(v):
    "An example value as SQLite keeps it."
    return int(v) if isinstance(v, bool) else v if isinstance(v, (int, float, str)) or v is None else str(v)


def example(table): return {c.name: text(c.example) for c in TABLES[table].columns}


def insert(con, table, row):
    con.execute(f"insert into {table} values ({', '.join('?' * len(row))})", list(row.values()))


def sqlite_shop(tables=None, strict=False):
    "The examples in SQLite: with every constraint, or with none."
    con = sqlite3.connect(':memory:')
    for sql in (
        create_tables('sqlite', tables)
        if strict
        else [f"create table {t.name} ({', '.join(t.names)})" for t in TABLES.values()]
    ):
        con.execute(sql)
    con.execute('pragma foreign_keys = on')
    for t in tables or TABLES: insert(con, t, example(t))
    return con


def duckdb_shop():
    "The examples in DuckDB, without constraints."
    con = duckdb.connect()
    for t in TABLES: con.register('example', example_row(t)).execute(f'create table {t} as select * from example')
    return con

SHOPS = dict(sqlite=sqlite_shop, duckdb=duckdb_shop)


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
            dict(country='GB', postal_code='SW1A1AA'),
            dict(country='GB', postal_code='SW1A'),
            dict(country='US', postal_code='6844'),
            dict(country='US', postal_code='99501-12'),
            dict(country='BR', postal_code='69980'),
            dict(country='BR', postal_code='69980000'),
            dict(country='IN', postal_code='51830'),
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
    line_within_limit=(
        'order_items',
        [dict(unit_price_cents=8_000_000, quantity=14), dict(unit_price_cents=1_050_506, quantity=99)],
    ),
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
