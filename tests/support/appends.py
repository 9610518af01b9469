"Sources of an append: some of a shop's orders, and rows that a database refuses."
import sqlite3
from contextlib import closing

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shop_nb.analytics.connect import as_batch
from shop_nb.model.rules import RULES, violations
from shop_nb.model.schema import TABLES, arrow_schema

OF_ORDERS = 'orders', 'order_items', 'payments'


def some(shop, keep):
    "A shop with some of its orders: those whose time `keep` takes."
    kept = [bool(keep(at)) for at in shop['orders']['ordered_at'].to_pylist()]
    keys = shop['orders']['order_id'].filter(pa.array(kept))
    return shop | {n: shop[n].filter(pc.is_in(shop[n]['order_id'], keys)) for n in OF_ORDERS}


def plant(shop, *statements):
    "A shop after some statements of SQL, without any constraint; and the rules that it breaks."
    with closing(sqlite3.connect(':memory:')) as con:
        for n, t in shop.items():
            con.execute(f'create table {n} ({", ".join(t.column_names)})')
            rows = [[str(v) if hasattr(v, 'year') else v for v in r.values()] for r in t.to_pylist()]
            con.executemany(f'insert into {n} values ({", ".join("?" * t.num_columns)})', rows)
        for sql in statements: con.execute(sql)
        broken = {r.name for r in RULES if violations(con, r, 'sqlite')}
        made = {n: con.execute(f'select * from {n}').fetchall() for n in TABLES}
    return {n: pa.Table.from_batches([as_batch(rows, arrow_schema(n))]) for n, rows in made.items()}, broken


ORDER = "(select max(order_id) from orders where status = 'delivered')"
LEDGER = [
    ('payments', 'amount_cents'), ('orders', 'shipping_cents'), ('orders', 'tax_cents'), ('order_items', 'quantity'),
]
PLANTS = [
    ('order_after_signup', "update customers set signed_up_at = '2025-10-14 23:59:59' "
     f'where customer_id = (select customer_id from orders where order_id = {ORDER})'),
    ('order_has_lines', 'delete from order_items where order_id = (select max(order_id) from orders)'),
    ('order_has_payment', 'delete from payments where order_id = (select max(order_id) from orders)'),
    ('product_on_sale', "update products set discontinued_on = '2025-06-01' "
     'where product_id = (select product_id from order_items order by order_id desc limit 1)'),
    ('product_on_sale', "update products set launched_on = '2025-10-01', discontinued_on = null "
     'where product_id = (select product_id from order_items limit 1)'),
    ('one_price_a_day', '''update order_items set unit_price_cents = unit_price_cents + 1 where order_item_id = (
        select max(b.order_item_id) from order_items as a join order_items as b on a.product_id = b.product_id
        and a.order_id / 100000000 = b.order_id / 100000000 and a.order_id < b.order_id)'''),
    ('status_pairs', f"update orders set status = 'shipped', delivered_at = null where order_id = {ORDER}; "
     "update payments set status = 'failed', paid_at = null "
     "where order_id = (select max(order_id) from orders where status = 'shipped')"),
    ('cancelled_not_captured', f"update orders set status = 'cancelled', delivered_at = null where order_id = {ORDER}"),
    ('paid_after_ordered',
     f"update payments set paid_at = '2025-01-01 00:00:00' where order_id = {ORDER} and paid_at is not null"),
    ('returns_of_delivered', f'update order_items set returned_quantity = 1 where order_id = {ORDER}; '
     f"update orders set status = 'shipped', delivered_at = null where order_id = {ORDER}"),
    ('returned_is_all_back', f"update orders set status = 'returned' where order_id = {ORDER}"),
    ('discount_within_goods', f'update orders set discount_cents = 10000000 where order_id = {ORDER}'),
    ('tax_within_goods', f'update orders set tax_included = 1, tax_cents = 10000000 where order_id = {ORDER}'),
    ('refund', f"update payments set refunded_cents = 1, status = 'partially_refunded' where order_id = {ORDER}"),
    *[('ledger', f'update {table} set {column} = {column} + 1 where order_id = {ORDER}') for table, column in LEDGER],
    ('line_taxes', f'update order_items set tax_cents = tax_cents + 1 where order_id = {ORDER}'),
]


def changed(shop, table, at, **values):
    frame = shop[table].to_pandas()
    for column, value in values.items():
        if value is None: frame[column] = frame[column].astype(object)
        frame.loc[at, column] = value
    return shop | {table: frame}


REFUSED = { # what is refused: a table, a row, its values, and what is said
    'CHECK': (
        'order_items', 600, dict(quantity=0),
        'order_items: constraint quantity_least does not hold, at order_item_id {key} (row 601)'),
    'CHECK of a list': (
        'payments', 3, dict(status='lost'),
        'payments: constraint status_values does not hold, at payment_id {key} (row 4)'),
    'NOT NULL': (
        'products', 3, dict(brand=None),
        'products: brand is null, at product_id {key} (row 4)'),
    'a fraction of a second': (
        'orders', 7, dict(ordered_at=pd.Timestamp('2025-01-01 00:00:00.5')),
        'orders: ordered_at 2025-01-01 00:00:00.500000 is not in whole seconds, at order_id {key} (row 8)'),
    'FOREIGN KEY': (
        'order_items', 600, dict(product_id=4711),
        'order_items: product_id 4711 is not in products (FOREIGN KEY), at order_item_id {key} (row 601)'),
    'FOREIGN KEY of orders': (
        'orders', 250, dict(customer_id=4711),
        'orders: customer_id 4711 is not in customers (FOREIGN KEY), at order_id {key} (row 251)'),
}
