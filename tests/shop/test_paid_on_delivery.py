"A parcel is on its way while its payment is pending only if it is paid on delivery; wherever rules are checked."
import sqlite3
from contextlib import closing, nullcontext
from dataclasses import replace

import pytest

from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.files.market import source_market
from shop_nb.model.market import as_dict, from_dict, market_rules
from shop_nb.model.rules import violations
from shop_nb.quality.validate import validate
from shop_nb.shop.shop import Shop
from shop_nb.store.integrity import broken

SIZE = dict(customers=60, products=40, orders=200, order_items=420)
SHARES = {'card': .5, 'cash': .5}
CASH = {
    'payments.methods': SHARES, 'payments.methods_large': SHARES, 'payments.fails': {'cash': 0},
    'payments.give_up': {'cash': 0}, 'payments.delay': {'cash': 0}, 'payments.on_delivery': {'cash': 1},
}
SHOPS = {name: Shop(behaviour=name, **SIZE) for name in ('eu', 'in')} | dict(cash=Shop(parameters=CASH, **SIZE))


def with_unpaid_parcel(shop, method):
    "The tables as frames, with an order that is shipped while its payment by a method is pending; and that order."
    frames = {name: t.to_pandas() for name, t in shop.tables.items()}
    orders, payments, items = (frames[n] for n in ('orders', 'payments', 'order_items'))
    key = payments.order_id[payments.status == 'captured'].iloc[0]
    orders.loc[orders.order_id == key, ['status', 'delivered_at']] = ['shipped', None]
    payments.loc[payments.order_id == key, ['status', 'paid_at', 'method']] = ['pending', None, method]
    items.loc[items.order_id == key, 'returned_quantity'] = 0
    return frames, int(key)


@pytest.mark.parametrize('own', [False, True], ids=['made', 'imported'])
@pytest.mark.parametrize('name, method, may_be', [
    ('eu', 'card', False), ('in', 'card', False), ('in', 'cash_on_delivery', True), ('cash', 'cash', True),
    ('cash', 'card', False),
])
def test_only_what_is_paid_on_delivery_travels_unpaid(tmp_path, name, method, may_be, own):
    shop, db = SHOPS[name], tmp_path / 'shop.db'
    market = replace(shop.market, own=own)
    frames, key = with_unpaid_parcel(shop, method)
    wrong = [] if may_be or own else ['status_pairs']
    assert [f['check'] for f in validate(frames, market=market).failures] == wrong
    load(shop.tables, db, market=market)
    assert source_market(db) == market
    with closing(sqlite3.connect(db)) as con:
        con.execute("update orders set status = 'shipped', delivered_at = null where order_id = ?", (key,))
        pending = "update payments set status = 'pending', paid_at = null, method = ? where order_id = ?"
        con.execute(pending, (method, key))
        con.execute('update order_items set returned_quantity = 0 where order_id = ?', (key,))
        assert [r.name for r in market_rules(market) if violations(con, r, 'sqlite')] == wrong
        assert [e.kind for e in broken(con, [key], market).values()] == wrong
    said = 'Rule status_pairs is violated: order status shipped cannot go with payment status pending'
    with pytest.raises(ShopError, match=said) if wrong else nullcontext(): load(frames, db, market=market, append=True)


@pytest.mark.parametrize('name', SHOPS)
def test_a_shop_keeps_which_methods_are_paid_on_delivery(name):
    market = SHOPS[name].market
    assert market.on_delivery == dict(eu=(), cash=('cash',)).get(name, ('cash_on_delivery',))
    assert from_dict(as_dict(market)) == market
    assert SHOPS[name].validate().ok
