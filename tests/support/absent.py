"What tests of shops that lack something share: a made shop whose columns are emptied, as an import would leave them."
import datetime as dt

import pyarrow as pa

from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, questions
from shop_nb.core.errors import ShopError
from shop_nb.model.market import Market
from shop_nb.model.schema import TABLES

COLUMNS = [f'{t.name}.{c.name}' for t in TABLES.values() for c in t.columns if c.optional]
FLAT = tuple( # what a file of order lines lacks
    [f'customers.{c.name}' for c in TABLES['customers'].columns if c.optional]
    + [f'products.{name}' for name in ('category', 'brand', 'price_cents', 'cost_cents', 'launched_on')]
    + [f'orders.{c.name}' for c in TABLES['orders'].columns if c.optional]
    + [f'order_items.{c.name}' for c in TABLES['order_items'].columns if c.optional]
    + ['payments'])
TAX = 'orders.tax_cents', 'order_items.tax_cents' # who does not know that of an order does not know that of its lines
CASES = [(name,) for name in COLUMNS if name != TAX[0]] + [('payments',), TAX, FLAT]

NEUTRAL = { # what the definitions of a shop without a column come to
    'orders.status': 'delivered', 'orders.tax_cents': 0, 'orders.tax_included': False, 'orders.discount_cents': 0,
    'order_items.discount_cents': 0, 'order_items.tax_cents': 0, 'customers.signed_up_at': dt.datetime(2099, 1, 1),
    'products.launched_on': dt.date(2000, 1, 1),
}


REFUSED = 'customers.country', 'products.category', 'products.cost_cents', 'orders.channel', 'payments', TAX[0]
DAILY = [case for case in CASES if case is FLAT or {*NEUTRAL, *REFUSED} & {case[0]}] # what questions are asked about


def case_name(absent): return 'flat' if absent is FLAT else absent[0]


def emptied(shop, absent, values={}):
    "Arrow tables without a value in the absent columns, or with the one value that is given for them"
    found = dict(shop)
    for full in absent:
        name, _, column = full.partition('.')
        if not column:
            found[name] = found[name].slice(0, 0)
            continue
        table = found[name]
        at = table.schema.get_field_index(column)
        field = table.schema.field(at).with_nullable(True)
        column = pa.array([values.get(full)] * table.num_rows, field.type)
        found[name] = table.set_column(at, field, column)
    return found


def spread_tax(shop):
    "The lines, with the tax of their order by value: each has that of the lines so far, less that of those before it"
    orders = dict(zip(*(shop['orders'][n].to_pylist() for n in ('order_id', 'tax_cents'))))
    names = 'order_id', 'quantity', 'unit_price_cents', 'discount_cents'
    lines = [(o, q * u - d) for o, q, u, d in zip(*(shop['order_items'][n].to_pylist() for n in names))]
    goods, so_far, taxes = {}, {}, []
    for order, cents in lines: goods[order] = goods.get(order, 0) + cents
    for order, cents in lines:
        before = so_far.get(order, 0)
        so_far[order] = before + cents
        upto, earlier = (orders[order] * n // goods[order] for n in (so_far[order], before))
        taxes.append(upto - earlier)
    items = shop['order_items']
    at = items.schema.get_field_index('tax_cents')
    return items.set_column(at, items.schema.field(at), pa.array(taxes, pa.int64()))


def neutral(shop, absent):
    "The shop with all columns, and something neutral in those that others lack"
    if absent == TAX[1:]: return shop | dict(order_items=spread_tax(shop))
    return emptied(shop, [name for name in absent if name in NEUTRAL], NEUTRAL)


def lacking(absent): return Market(absent=tuple(absent))


def answers(con):
    "By question: its answer, or why it is refused"
    given = {}
    for name in questions():
        try: given[name] = ask(name, con)
        except ShopError as e: given[name] = e
    return given


def opened(tables, market=Market()): return connect(tables, market=market)
