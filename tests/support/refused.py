"Rows that a database refuses: how each is planted, and how the refusal begins."
import pandas as pd

from shop_nb.model.schema import TABLES


def bad(column, value, table='order_items', at=700):
    def plant(f):
        f[table][column] = f[table][column].astype(object) if value is None else f[table][column]
        f[table].loc[at, column] = value
        return f[table].loc[at, TABLES[table].key]
    return plant


def twice(f):
    f['payments'].loc[9] = f['payments'].loc[8]
    return f['payments'].loc[9, 'payment_id']


REFUSED = {
    'FOREIGN KEY': (bad('product_id', 4711), 'order_items: product_id 4711 is not in products (FOREIGN KEY)'),
    'FOREIGN KEY of orders': (
        bad('customer_id', 4711, 'orders', 399),
        'orders: customer_id 4711 is not in customers (FOREIGN KEY)',
    ),
    'CHECK': (bad('quantity', 0), 'order_items: constraint quantity_least does not hold'),
    'CHECK across columns': (
        bad('discount_cents', 10**9),
        'order_items: constraint discount_below_price does not hold',
    ),
    'CHECK of a list': (bad('status', 'lost', 'payments', 3), 'payments: constraint status_values does not hold'),
    'UNIQUE key': (twice, 'payments: there is a row with the same'),
    'UNIQUE email': (
        lambda f: bad('email', f['customers'].email[3], 'customers', 5)(f),
        'customers: there is a row with the same email',
    ),
    'NOT NULL': (bad('quantity', None), 'order_items: quantity is null'),
    'first row': (
        bad('first_name', '', 'customers', 0),
        'customers: constraint first_name_text does not hold, at customer_id 1 (row 1)',
    ),
    'a fraction of a second': (
        bad('ordered_at', pd.Timestamp('2025-01-01 00:00:00.5'), 'orders', 7),
        'orders: ordered_at 2025-01-01 00:00:00.500000 is not in whole seconds',
    ),
    'a fraction in a time that may be null': (
        bad('paid_at', pd.Timestamp('2025-01-01 00:00:00.25'), 'payments', 9),
        'payments: paid_at 2025-01-01 00:00:00.250000 is not in whole seconds',
    ),
    'not of its type': (
        bad('quantity', 'two'),
        'order_items.quantity fails the check type for 1 row, first row 701: two.',
    ),
}
