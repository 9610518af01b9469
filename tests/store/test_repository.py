"A store: what it finds is what SQL finds, what it changes keeps every rule, and many may use it at once."
import json, multiprocessing, os, sqlite3, threading, time
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st

from shop_nb.store.transactions import KEPT, Reused, merge, once
from shop_nb.generator.blocks import tables
from shop_nb.api.auth import ApiKeys
from shop_nb.store.integrity import ORDER_RULES, Missing, Refused, Stale, rule_queries, broken
from shop_nb.database.load import load
from shop_nb.database.sqlite import hold_writers
from shop_nb.model.rules import RULES, violations
from shop_nb.model.schema import TABLES
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.store.replica import Replicas, TooSlow, take
from shop_nb.store.repository import Store, expansions, filters
from support.database import holds

SETTINGS = Settings(seed=5, customers=200, products=60, orders=400, order_items=1000)
OTHER = Settings(seed=6, customers=20, products=30, orders=30, order_items=60)


@pytest.fixture
def db(made, tmp_path):
    (tmp_path / 'shop.db').write_bytes(made.read_bytes())
    return tmp_path / 'shop.db'


@pytest.fixture
def store(db):
    with Store(db) as s: yield s


@pytest.fixture(scope='module')
def fixed(made):
    with Store(made) as s: yield s


def query(db, sql, *values):
    with closing(sqlite3.connect(db)) as con: return con.execute(sql, values).fetchall()


def order_of(store, **found): return store.page('orders', found, limit=1, expand=['items', 'payment']).items[0]


# ---- finding

def test_rows_are_what_the_database_has(fixed):
    for t in TABLES.values():
        rows = [r for chunk in fixed.stream(t.name, size=70) for r in chunk]
        assert rows == query(fixed.path, f'select * from {t.name} order by {t.key}')
        for row in rows[::97]:
            got, tag = fixed.get(t.name, row[0])
            assert tuple(got.values()) == row
            assert len(tag) == 32


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_pages_walk_every_row_once(fixed, data):
    "Any sort, any page size: the pages put together are what SQL sorts, nulls included."
    t = TABLES[data.draw(st.sampled_from(sorted(TABLES)))]
    order = data.draw(
        st.lists(st.tuples(st.sampled_from(t.names), st.booleans()), max_size=3, unique_by=lambda x: x[0])
    )
    limit, sort = data.draw(st.integers(30, 400)), ','.join('-' * d + n for n, d in order)
    got, after = [], None
    while True:
        page = fixed.page(t.name, sort=sort, after=json.loads(json.dumps(after)), limit=limit, count=True)
        got += [r[t.key] for r in page.items]
        if (after := page.next) is None: break
    by = ', '.join(f'{n} {"DESC" if d else "ASC"}' for n, d in [*order, (t.key, False)])
    assert got == [
        k for (k,) in query(fixed.path, f'select {t.key} from {t.name} order by {by}')
    ]
    assert page.count == len(got)


@pytest.mark.parametrize('table', TABLES)
def test_each_filter(fixed, table):
    "Every filter of every column finds what Python finds."
    rows = [r for page in [fixed.page(table, limit=1000)] for r in page.items]
    for name, (c, op) in filters(table).items():
        some = [r[c.name] for r in rows[:: len(rows) // 4] if r[c.name] is not None][:3]
        for value in (
            [True, False]
            if op == 'isnull'
            else [some]
            if op == 'in'
            else [s[1:4] for s in some]
            if op == 'contains'
            else some
        ):
            want = [r for r in rows if holds(r[c.name], op, value)]
            assert fixed.page(table, {name: value}, limit=1000).items == want, (name, value)


def test_names_are_looked_up(fixed):
    for wrong in [
        dict(filters={'price_cent': 1}),
        dict(sort='price'),
        dict(fields=['1; DROP TABLE orders']),
        dict(expand=['customers']),
    ]:
        with pytest.raises(Refused) as e: fixed.page('products', **wrong)
        assert e.value.kind == 'name'
    with pytest.raises(ShopError, match='There is no table'): fixed.page('sqlite_schema')


def test_expansions(fixed):
    for table in TABLES:
        page = fixed.page(table, limit=100, expand=expansions(table))
        for row in page.items:
            for name, (other, theirs, ours) in expansions(table).items():
                mine = row[name] if name == 'items' else [row[name]]
                assert mine
                assert all(m[theirs] == row[ours] for m in mine)


def test_a_walk_while_others_write(store):
    "Rows that stay are seen once, whatever comes and goes between the pages."
    stay, seen, after = {r['product_id'] for r in store.page('products', limit=1000).items}, [], None
    new = store.get('products', 1)[0] | dict(discontinued_on=None)
    with store.transaction() as c:
        made = [
            c.create('products', new | dict(product_id=None, sku=f'X-{i}', price_cents=100 * i + 1))[0]['product_id']
            for i in range(30)
        ]
    while True:
        page = store.page('products', sort='price_cents', after=after, limit=7)
        seen += [r['product_id'] for r in page.items]
        with store.transaction() as c:
            if made: c.delete('products', made.pop())
            c.create('products', new | dict(product_id=None, sku=f'Y-{len(seen)}', price_cents=len(seen) * 37 + 1))
        if (after := page.next) is None: break
    assert len(seen) == len(set(seen))
    assert stay <= set(seen)


def test_slow_queries_are_stopped(store):
    store.timeout = 0
    with pytest.raises(sqlite3.OperationalError, match='interrupted'):
        store.reader().execute(
            'with recursive n(i) as (select 1 union all select i + 1 from n limit 50000000) select count(*) from n'
        ).fetchall()
    store.timeout = 10
    assert store.page('orders', limit=1).items


# ---- rules

CORRUPT = {
    'ledger': "update payments set amount_cents = amount_cents + 1 where order_id = :o",
    'shipping': "update orders set shipping_cents = shipping_cents + 1 where order_id = :o",
    'no lines': "delete from order_items where order_id = :o",
    'no payment': "delete from payments where order_id = :o",
    'pair': "update orders set status = 'pending', delivered_at = null where order_id = :o",
    'cancelled': "update orders set status = 'cancelled', delivered_at = null where order_id = :o",
    'returned': "update orders set status = 'returned' where order_id = :o",
    'a unit back': "update order_items set returned_quantity = 1 where order_id = :o",
    'paid too early': "update payments set paid_at = '2024-01-01 00:00:00' where order_id = :o",
    'before sign-up': '''update customers set signed_up_at = '2026-01-01 00:00:00'
        where customer_id = (select customer_id from orders where order_id = :o)''',
    'not on sale': '''update products set launched_on = '2026-01-01', discontinued_on = null
        where product_id = (select min(product_id) from order_items where order_id = :o)''',
    'two prices': "update order_items set unit_price_cents = unit_price_cents + 1 where order_id = :o",
    'tax of a line': "update order_items set tax_cents = tax_cents + 1 where order_id = :o",
    'discount': "update orders set discount_cents = 100000000 where order_id = :o",
}


@pytest.mark.parametrize('what', CORRUPT)
def test_rules_of_a_few_orders_are_the_rules_of_all(db, what):
    "Asked of the orders that were touched, the rules find what they find in the whole shop."
    with closing(sqlite3.connect(db, isolation_level=None)) as con:
        busy = '''select i.order_id
            from order_items as i join orders as o using (order_id) join payments as p using (order_id)
            where o.status = 'delivered' and p.refunded_cents = 0
            group by i.product_id, i.order_id / 100000000
            having count(*) > 1
            limit 1'''
        (o,) = (
            con.execute(busy).fetchone()
            or con.execute("select order_id from payments where status = 'captured' limit 1").fetchone()
        )
        assert not broken(con, [k for (k,) in con.execute('select order_id from orders')])
        con.execute(CORRUPT[what], dict(o=o))
        whole = {r.name for r in ORDER_RULES.values() if violations(con, r, 'sqlite')}
        touched = {n for sql in rule_queries() for n, _ in con.execute(sql, (json.dumps([o]),))}
        every = {
            n
            for sql in rule_queries()
            for n, _ in con.execute(sql, (json.dumps([k for (k,) in con.execute('select order_id from orders')]),))
        }
        assert whole
        assert every == whole
        assert touched <= whole
        assert touched
        told = broken(con, [o])
        assert set(told) == {o}
        assert told[o].kind in whole
        assert len(str(told[o]).splitlines()) == 2
        assert str(told[o]).startswith(f'Rule {told[o].kind} is violated: ')
        assert ORDER_RULES[
            told[o].kind
        ].meaning not in str(told[o])


def test_rules_walk_no_whole_table(db):
    "However large a shop is, a change is judged by a few look-ups."
    with closing(sqlite3.connect(db)) as con:
        for sql in rule_queries():
            plan = [r[3] for r in con.execute('explain query plan ' + sql, ('[1]',))]
            scanned = {p.split()[1] for p in plan if p.startswith('SCAN')}
            assert not [n for n in scanned if n.startswith('main.') or n in ('customers', 'products', 'c')], plan
            assert any(
                'SEARCH main.' in p or 'SEARCH i' in p for p in plan
            ), plan


def test_every_shop_rule_isrule_queries():
    assert {r.name for r in RULES if not r.declared} == set(ORDER_RULES)
    assert all(sum(f"select '{n}'" in sql for sql in rule_queries()) == 1 for n in ORDER_RULES)


# ---- changing

def test_order_as_a_whole(store, db):
    order = order_of(store, status='delivered')
    key, (first, *others) = order['order_id'], order['items']
    changed = order | dict(
        items=[first | dict(tax_cents=first['tax_cents'] + 7), *others],
        tax_cents=order['tax_cents'] + 7,
        payment=order['payment'] | dict(amount_cents=order['payment']['amount_cents'] + 7),
    )
    with store.transaction() as c: now, tag = c.replace('orders', key, changed)
    assert now == store.get('orders', key, ['items', 'payment'])[0] == changed
    assert tag == store.get('orders', key)[1]
    with pytest.raises(Refused, match='2 cents|cents, but') as e, store.transaction() as c:
        c.patch_row('orders', key, dict(shipping_cents=order['shipping_cents'] + 9))
    assert e.value.kind == 'ledger'
    assert (e.value.table, e.value.column) == ('payments', 'amount_cents')
    with store.transaction() as c: c.delete('orders', key)
    assert not [
        1 for t in ('orders', 'order_items', 'payments') if query(db, f'select 1 from {t} where order_id = ?', key)
    ]


@pytest.mark.parametrize('table', ['order_items', 'payments'])
def test_parts_do_not_change_alone(store, table):
    "A line or a payment by itself would open the ledger: by any of the ways there are."
    row = store.page(table, limit=1).items[0]
    key, before = (
        row[TABLES[table].key],
        [query(store.path, f'select * from {t} order by 1') for t in ('payments', 'order_items')],
    )
    column = 'unit_price_cents' if table == 'order_items' else 'amount_cents'
    for change in [
        lambda c: c.patch_row(table, key, {column: row[column] + 1}),
        lambda c: c.replace(table, key, row | {column: row[column] + 1}),
        lambda c: c.delete(table, key),
    ]:
        with pytest.raises(Refused) as e, store.transaction() as c: change(c)
        assert e.value.kind in ORDER_RULES
    with pytest.raises(Refused), store.transaction() as c:
        c.create(
            'order_items',
            store.page('order_items', limit=1).items[0] | dict(order_item_id=None, line_number=25, product_id=60),
        )
    assert [query(store.path, f'select * from {t} order by 1') for t in ('payments', 'order_items')] == before


def test_what_products_and_customers_say_matters_to_orders(store):
    item = store.page('order_items', limit=1).items[0]
    with pytest.raises(Refused) as e, store.transaction() as c:
        c.patch_row('products', item['product_id'], dict(launched_on='2026-01-01', discontinued_on=None))
    assert e.value.kind == 'product_on_sale'
    customer = store.page('orders', limit=1).items[0]['customer_id']
    with pytest.raises(Refused) as e, store.transaction() as c:
        c.patch_row('customers', customer, dict(signed_up_at='2026-01-01 00:00:00'))
    assert e.value.kind == 'order_after_signup'
    with store.transaction() as c: c.patch_row('customers', customer, dict(city='Elsewhere'))


def test_refusals_name_what_is_wrong(store):
    customer = store.get('customers', 1)[0]
    cases = {
        ('unique', 'email'): customer | dict(customer_id=None),
        ('check', 'country'): customer | dict(customer_id=None, email='a@b.cd', country='Fra'),
        ('null', 'city'): customer | dict(customer_id=None, email='a@b.cd', city=None),
    }
    for (kind, column), row in cases.items():
        with pytest.raises(Refused) as e, store.transaction() as c: c.create('customers', row)
        assert (e.value.kind, e.value.table, e.value.column) == (kind, 'customers', column)
    with pytest.raises(Refused) as e, store.transaction() as c:
        c.create('orders', order_of(store) | dict(order_id=None, customer_id=10**9, items=None, payment=None))
    assert (e.value.kind, e.value.column) == ('reference', 'customer_id')
    with pytest.raises(Missing), store.transaction() as c: c.delete('customers', 10**9)
    with pytest.raises(Refused, match='too large'), store.transaction() as c:
        c.create('customers', customer | dict(customer_id=2**53 - 1, email='a@b.cd'))
    with pytest.raises(Refused), store.transaction() as c:
        c.create('customers', customer | dict(customer_id=2**70, email='a@b.cd'))


def test_versions(store, db):
    "Whoever changes a row, its version is another one; and the same again when it says the same."
    row, tag = store.get('customers', 3)
    with closing(sqlite3.connect(db)) as con, con:
        con.execute("update customers set city = 'Elsewhere' where customer_id = 3")
    assert store.get('customers', 3)[1] != tag
    with pytest.raises(Stale), store.transaction() as c:
        c.patch_row('customers', 3, dict(city='Here'), expected=[tag])
    with store.transaction() as c: c.patch_row('customers', 3, dict(city=row['city']))
    assert store.get('customers', 3)[1] == tag
    key = order_of(store)['order_id']
    before = store.get('orders', key)[1]
    with closing(sqlite3.connect(db)) as con, con:
        con.execute('update payments set attempts = attempts + 1 where order_id = ?', (key,))
    assert store.get('orders', key)[1] != before


def test_merge():
    assert merge(dict(a=1, b=dict(c=2, d=[1])), dict(b=dict(c=None, d=[2]))) == dict(a=1, b=dict(c=None, d=[2]))


def test_a_change_that_fails_leaves_nothing(store, db):
    before = list(sqlite3.connect(db).iterdump())
    with pytest.raises(ZeroDivisionError), store.transaction() as c:
        c.patch_row('customers', 1, dict(city='Nowhere'))
        1 / 0
    with store.transaction(dry_run=True) as c: c.patch_row('customers', 1, dict(city='Nowhere'))
    assert list(sqlite3.connect(db).iterdump()) == before
    assert not store._writer.in_transaction


# ---- many at once

def bump(path, times):
    with Store(path) as store:
        for _ in range(times):
            while True:
                row, tag = store.get('products', 1)
                try:
                    with store.transaction() as c:
                        c.patch_row('products', 1, dict(cost_cents=row['cost_cents'] + 1), expected=[tag])
                    break
                except Stale:
                    pass


def test_no_update_is_lost(db):
    "Three processes and, in one, four threads count up the same number: none overwrites another."
    with Store(db) as store: before = store.get('products', 1)[0]['cost_cents']
    jobs = [multiprocessing.get_context('spawn').Process(target=bump, args=(db, 25)) for _ in range(2)]
    for j in jobs: j.start()
    threads = [threading.Thread(target=bump, args=(db, 10)) for _ in range(4)]
    for t in threads: t.start()
    for j in (*threads, *jobs): j.join(60)
    assert [j.exitcode for j in jobs] == [0, 0]
    with Store(db) as store: assert store.get('products', 1)[0]['cost_cents'] == before + 90


def test_readers_do_not_wait(store):
    "While a change is open, others read what was before it, at once."
    with store.transaction() as c:
        c.patch_row('customers', 1, dict(city='Tomorrow'))
        began = time.monotonic()
        assert store.get('customers', 1)[0]['city'] != 'Tomorrow'
        assert time.monotonic() - began < 0.5
    assert store.get('customers', 1)[0]['city'] == 'Tomorrow'


def test_a_load_under_an_open_store(store, db):
    "The new shop is there for those who ask next; a walk that has begun sees the old one to its end."
    keys = ApiKeys(db)
    token, walk = keys.create(['*']), store.stream('orders', size=10)
    rows = next(walk)
    load(tables(OTHER), db)
    assert store.page('orders', count=True, limit=1).count == 30
    assert store.same_file()
    assert len(rows) + sum(map(len, walk)) == 400
    with store.transaction() as c: c.patch_row('customers', 1, dict(city='After'))
    once(store, lambda c: (200, '{}', b''), key='k')
    assert store.get('customers', 1)[0]['city'] == 'After'
    assert keys.find(token)
    assert query(db, 'pragma journal_mode') == [('wal',)]
    assert query(db, 'pragma integrity_check') == [('ok',)]


# ---- once

def test_once(store, db):
    def job(c):
        return (
            201,
            '{}',
            str(
                c.create(
                    'customers', store.get('customers', 1)[0] | dict(customer_id=None, email=f'{time.monotonic()}@b.cd')
                )[0]['customer_id']
            ).encode(),
        )

    first, again = once(store, job, 'me', 'k', 'd'), once(store, job, 'me', 'k', 'd')
    assert first[0] == again[0]
    assert (first[1], again[1]) == (False, True)
    assert once(store, job, 'you', 'k', 'd')[0] != first[0]
    with pytest.raises(Reused): once(store, job, 'me', 'k', 'other')
    with closing(sqlite3.connect(db)) as con, con: con.execute('update _idempotency set at = at - ?', (KEPT,))
    assert once(store, job, 'me', 'k', 'other')[1] is False
    assert query(db, 'select count(*) from _idempotency') == [(1,)]


def test_a_request_that_failed_may_be_sent_again(store, db):
    def fails(c):
        c.patch_row('customers', 1, dict(city='Half'))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError): once(store, fails, 'me', 'k', 'd')
    assert once(store, lambda c: (200, '{}', b'well'), 'me', 'k', 'd') == ((200, '{}', b'well'), False)
    assert store.get('customers', 1)[0]['city'] != 'Half'


def test_bulk_row_by_row(store, db):
    good = store.get('products', 1)[0] | dict(product_id=None)
    rows = [good | dict(sku='A'), good | dict(sku='A'), good | dict(sku='B', price_cents=0), good | dict(sku='C')]
    with store.transaction() as c: made, wrong = c.create_many('products', rows)
    assert len(made) == 2
    assert {i: e.kind for i, e in wrong.items()} == {1: 'unique', 2: 'check'}
    whole = order_of(store, status='delivered') | dict(order_id=None)
    whole['items'], whole['payment'] = (
        [{k: v for k, v in i.items() if not k.endswith('_id') or k == 'product_id'} for i in whole['items']],
        {k: v for k, v in whole['payment'].items() if not k.endswith('_id')},
    )
    rows = [whole, whole | dict(shipping_cents=whole['shipping_cents'] + 1), whole, whole | dict(items=None)]
    with store.transaction() as c: made, wrong = c.create_many('orders', rows)
    assert len(made) == 2
    assert {i: e.kind for i, e in wrong.items()} == {1: 'ledger', 3: 'order_has_lines'}
    assert {r.name for r in RULES if len(violations(sqlite3.connect(db), r, 'sqlite'))} == set()


def sold(*lines, day='2026-02-03', amount=None, **more):
    "A new order of (product, cents) lines."
    return (
        dict(
            customer_id=1,
            ordered_at=f'{day} 10:00:00',
            status='pending',
            channel='web',
            shipping_cents=0,
            tax_cents=0,
            tax_included=False,
            discount_cents=0,
            delivered_at=None,
            items=[
                dict(
                    product_id=p['product_id'],
                    quantity=1,
                    unit_price_cents=cents,
                    discount_cents=0,
                    tax_cents=0,
                    returned_quantity=0,
                )
                for p, cents in lines
            ],
            payment=dict(
                method='card',
                status='pending',
                amount_cents=sum(c for _, c in lines) if amount is None else amount,
                refunded_cents=0,
                attempts=0,
                paid_at=None,
            ),
        )
        | more
    )


@pytest.fixture
def on_sale(store): return [p for p in store.page('products', limit=1000).items if p['discontinued_on'] is None]


def test_a_row_of_a_bulk_is_judged_by_those_before_it(store, db, on_sale):
    "A refused row stands in nobody's way: not by its price, not by its key. A day's price is that of the first made."
    p, price = on_sale[0], on_sale[0]['price_cents']
    with store.transaction() as c:
        made, wrong = c.create_many(
            'orders', [sold((p, price), amount=1), sold((p, price + 1)), sold((p, price)), sold((p, price + 1))]
        )
    assert len(made) == 2
    assert {i: e.kind for i, e in wrong.items()} == {0: 'ledger', 2: 'one_price_a_day'}
    assert f"product_id {p['product_id']} costs {price + 1} cents that day, not {price}." in wrong[2].wrong
    key = made[0] + 100
    with store.transaction() as c:
        made, wrong = c.create_many(
            'orders',
            [
                sold((p, price + 1), amount=1, order_id=key),
                sold((p, price + 1), order_id=key),
                sold((p, price + 1), order_id=key),
            ],
        )
    assert made == [key]
    assert {i: e.kind for i, e in wrong.items()} == {0: 'ledger', 2: 'unique'}
    line = dict(order_item_id=None, order_id=key, quantity=1, discount_cents=0, tax_cents=0, returned_quantity=0)
    with store.transaction() as c:
        made, wrong = c.create_many(
            'order_items',
            [
                line | dict(line_number=n, product_id=q['product_id'], unit_price_cents=q['price_cents'])
                for n, q in enumerate(on_sale[1:20], 2)
            ],
        )
    assert not made
    assert {e.kind for e in wrong.values()} == {'ledger'}
    assert list(wrong) == list(range(19))


def test_the_price_of_a_day_is_that_of_before(store, db):
    "A bulk that sells at another price than the day's is refused, though many rows agree; what keeps it is made."
    ((product, price, order),) = query(
        db, 'select product_id, unit_price_cents, order_id from order_items order by order_item_id limit 1'
    )
    day = store.get('orders', order)[0]['ordered_at'][:10]

    def new(cents): return sold((dict(product_id=product), cents), day=day, ordered_at=f'{day} 23:59:59')

    with store.transaction() as c:
        made, wrong = c.create_many('orders', [new(price + 1), new(price + 1), new(price), new(price + 1)])
    assert len(made) == 1
    assert list(wrong) == [0, 1, 3]
    assert {e.kind for e in wrong.values()} == {'one_price_a_day'}
    with pytest.raises(Refused, match=f'costs {price} cents that day, not {price + 1}'), store.transaction() as c:
        c.create('orders', new(price + 1))


@pytest.mark.parametrize('which', [0, 1])
def test_no_order_of_a_day_changes_its_price_alone(store, db, on_sale, which):
    "Neither the first order of a product and day nor a later one takes another price; one alone on its day may."
    p, price = on_sale[0], on_sale[0]['price_cents']
    with store.transaction() as c: keys = [c.create('orders', sold((p, price)))[0]['order_id'] for _ in range(2)]
    other = dict(items=sold((p, price + 1))['items'], payment=dict(amount_cents=price + 1))
    with pytest.raises(Refused) as e, store.transaction() as c: c.patch_row('orders', keys[which], other)
    assert e.value.kind == 'one_price_a_day'
    with store.transaction() as c: c.delete('orders', keys[1 - which])
    with store.transaction() as c: c.patch_row('orders', keys[which], other)
    assert {r.name for r in RULES if len(violations(sqlite3.connect(db), r, 'sqlite'))} == set()


def test_a_row_of_a_bulk_takes_as_much_work_as_the_one_before(store, on_sale):
    "Ten thousand orders of one product on one day take ten thousand times the work of one, right or wrong."
    price = on_sale[0]['price_cents']
    for wrong in 0, 1:
        steps, after = [0], []
        with store.transaction(dry_run=True) as c:
            c.con.set_progress_handler(lambda: steps.__setitem__(0, steps[0] + 1), 20)
            for _ in range(6):
                c.create_many('orders', [sold((on_sale[0], price), shipping_cents=wrong) for _ in range(100)])
                after.append(steps[0])
            c.con.set_progress_handler(c.con.late, 1000)
        work = [b - a for a, b in zip(after, after[1:])]
        assert work[-1] < 1.3 * work[0] > 100, work


def test_a_bulk_leaves_no_order_unjudged(store, db):
    "What the same change did before the bulk is judged, too."
    paid = store.page('payments', dict(status='captured'), limit=1).items[0]
    with pytest.raises(Refused) as e, store.transaction() as c:
        c.patch_row('payments', paid['payment_id'], dict(amount_cents=paid['amount_cents'] + 100))
        made, wrong = c.create_many(
            'customers', [store.get('customers', 1)[0] | dict(customer_id=None, email='bulk@example.com')]
        )
        assert len(made) == 1
        assert not wrong
    assert e.value.kind == 'ledger'


# ---- replicas and keys

def test_replicas(store, db):
    replicas = Replicas(store)
    first = replicas.current()
    assert first is replicas.current()
    assert take(db).version == first.version
    with closing(sqlite3.connect(db)) as con, con:
        con.execute("update customers set city = 'Elsewhere' where customer_id = 3")
    second = replicas.current()
    assert second.version != first.version
    answer, seen = replicas.answer('monthly_revenue', dict(start='2025-03-01'))
    want = query(
        db,
        '''select strftime('%Y-%m-01', order_day), sum(revenue_cents) from order_totals
           where is_sale = 1 and order_day >= '2025-03-01' group by 1 order by 1''',
    )
    assert seen is second
    assert [(f'{m:%Y-%m-%d}', round(r * 100)) for m, r in zip(answer.frame.month, answer.frame.revenue)] == want
    assert replicas.answer('monthly_revenue', dict(start='2025-03-01'))[0] is answer
    with pytest.raises(ShopError) as e:
        replicas.answer('monthly_revenue', dict(start='2025-03-01', end='2025-01-01'))
    assert e.value.code == 2
    replicas.close()


def test_one_takes_the_replica(store, monkeypatch):
    "Of many who ask at once, one copies; the others get what there is."
    import shop_nb.store.replica as S

    replicas, real, taken = Replicas(store), S.take, []

    def slow(path):
        taken.append(1)
        time.sleep(0.3)
        return real(path)

    monkeypatch.setattr(S, 'take', slow)
    replicas.current()
    with store.transaction() as c: c.patch_row('customers', 1, dict(city='Elsewhere'))
    got = []
    threads = [threading.Thread(target=lambda: got.append(replicas.current().version)) for _ in range(8)]
    for t in threads: t.start()
    for t in threads: t.join()
    assert len(taken) == 2
    assert len(got) == 8
    assert len(set(got)) == 2
    replicas.close()


def test_slow_questions_are_stopped(store):
    replicas = Replicas(store)
    replicas.current().con.execute(
        '''create or replace view order_totals as
           select o.*, 1 as is_sale, cast(o.ordered_at as date) as order_day,
               1 as revenue_cents, 1 as units, 0 as refunded_cents
           from orders o, range(100000000) r, range(1000)'''
    )
    store.timeout = 0.3
    began = time.monotonic()
    with pytest.raises(TooSlow): replicas.answer('monthly_revenue')
    assert time.monotonic() - began < 10
    replicas.close()


@pytest.mark.parametrize('there', [True, False], ids=['file', 'nothing'])
def test_the_lock_follows_no_link(store, there):
    "What a link in the place of the lock file leads to is neither touched nor made."
    elsewhere, lock = store.path.with_name('elsewhere'), store.path.with_name('.shop.db.lock')
    if there: elsewhere.write_text('of somebody else')
    lock.unlink(missing_ok=True)
    lock.symlink_to(elsewhere)
    before = elsewhere.stat() if there else None
    for change in store.transaction, lambda: hold_writers(store.path):
        with pytest.raises(ShopError, match='is a link, which is not followed'), change(): pass
    with pytest.raises(ShopError, match='is a link'): ApiKeys(store.path).create(['*'])
    assert (elsewhere.stat() if there else None) == before
    assert elsewhere.exists() == there


def test_threads_that_end_leave_nothing_open(store):
    def handles(): return len(os.listdir('/proc/self/fd'))

    store.page('orders')
    before = handles()
    for _ in range(12):
        t = threading.Thread(target=store.page, args=('orders',))
        t.start()
        t.join()
    assert handles() <= before + 2


def test_a_change_has_the_write_lock_from_its_beginning(store):
    "Another program that knows nothing of our lock cannot write between what a change reads and what it writes."
    with store.transaction(), closing(sqlite3.connect(store.path, timeout=0, isolation_level=None)) as other:
        with pytest.raises(sqlite3.OperationalError, match='locked'): other.execute('begin immediate')
