"The log of changes: what was committed is there once, in order, and nothing else; it is enough to follow a shop."
import json, random, re, sqlite3, threading, time
from contextlib import closing, suppress

import pytest

from shop_nb import Shop
from shop_nb.analytics.connect import connect
from shop_nb.analytics.questions import ask, questions
from shop_nb.behaviour.settings import Settings
from shop_nb.database.load import load
from shop_nb.feeds.json_lines import json_texts
from shop_nb.files.digest import digest
from shop_nb.generator.blocks import tables
from shop_nb.model.schema import TABLES
from shop_nb.store.change_log import LOG, read_log, seal
from shop_nb.store.incoming import apply_changes
from shop_nb.store.integrity import Refused
from shop_nb.store.replica import Replicas
from shop_nb.store.repository import Store
from shop_nb.store.transactions import transaction

SETTINGS = Settings(seed=5, customers=60, products=30, orders=150, order_items=400)


@pytest.fixture
def opened(made, tmp_path):
    "Open copies of the shop, by name."
    stores = []
    def open_copy(name='shop'):
        path = tmp_path / f'{name}.db'
        path.write_bytes(made.read_bytes())
        stores.append(Store(path))
        with stores[-1].transaction(): pass # from here on there is a log
        return stores[-1]
    yield open_copy
    for store in stores: store.close()


def logged(store, after=None):
    return [json.loads(line) for line in read_log(store.reader(), after, 10**6).lines()]


def stored(change):
    "A line of a log as the store takes it."
    def row(name, image):
        if image is None: return None
        return {c.name: image[c.name].replace('T', ' ') if c.type == 'time' and image[c.name] else image[c.name]
                for c in TABLES[name].columns}
    return change | {side: row(change['table'], change[side]) for side in ('before', 'after')}


def stored_digest(path, name):
    with closing(connect(str(path))) as con: return digest(con.sql(f'from {name}').to_arrow_table(), name)


def content(store):
    rows = 'select * from {t.name} order by {t.key}'
    return {t.name: store.reader().execute(rows.format(t=t)).fetchall() for t in TABLES.values()}


def an_order(store):
    "An order of the shop as a new one."
    order = store.page('orders', dict(status='pending'), limit=1, expand=['items', 'payment']).items
    order = order or store.page('orders', {}, limit=1, expand=['items', 'payment']).items
    row = {n: v for n, v in order[0].items() if n != 'order_id'}
    own = 'order_id', 'order_item_id', 'payment_id'
    return row | dict(items=[{n: v for n, v in i.items() if n not in own} for i in row['items']],
                      payment={n: v for n, v in row['payment'].items() if n not in own})


def test_a_new_price_is_an_event(opened):
    store = opened()
    price = store.get('products', 1)[0]['price_cents']
    with store.transaction() as c: c.patch_row('products', 1, dict(price_cents=price + 100))
    with store.transaction() as c: c.patch_row('products', 1, dict(name='Something Else'))
    assert [c['event'] for c in logged(store)] == ['repriced', 'changed']


def test_each_kind_of_write_is_there(opened):
    store = opened()
    with store.transaction() as c: order = c.create('orders', an_order(store))[0]
    with store.transaction() as c: c.patch_row('customers', 1, dict(segment='student'))
    with store.transaction() as c: c.patch_row('products', 1, dict(discontinued_on='2026-12-01'))
    key, row = order['order_id'], {n: v for n, v in order.items() if n not in ('items', 'payment')}
    other = 'app' if order['channel'] == 'web' else 'web'
    with store.transaction() as c: c.replace('orders', key, row)
    with store.transaction() as c: c.patch_row('orders', key, dict(channel=other, items=order['items']))
    with store.transaction() as c: c.delete('orders', key)
    changes = logged(store)
    seen = [(c['table'], c['event'], c['operation']) for c in changes]
    parts = len(order['items']) + 1
    assert [t for t, *_ in seen[:1 + parts]] == ['orders', *['order_items'] * (parts - 1), 'payments']
    assert {(event, operation) for _, event, operation in seen[:1 + parts]} == {('placed', 'insert')}
    assert seen[1 + parts:-1 - parts] == [
        ('customers', 'changed', 'update'), ('products', 'discontinued', 'update'), ('orders', 'changed', 'update')]
    assert {(event, operation) for _, event, operation in seen[-1 - parts:]} == {('deleted', 'delete')}
    numbers = [c['sequence'] for c in changes]
    assert numbers == sorted(set(numbers))
    first = {}
    for c in changes: first.setdefault(c['transaction'], c['sequence'])
    assert all(number == sequence for number, sequence in first.items())
    assert len({c['transaction'] for c in changes}) == 5 # the replacement changed nothing


def test_what_is_rolled_back_leaves_nothing(opened):
    store = opened()
    with suppress(ZeroDivisionError), store.transaction() as c:
        c.patch_row('customers', 1, dict(segment='student'))
        raise ZeroDivisionError
    with transaction(store, dry_run=True) as c: c.patch_row('customers', 2, dict(segment='student'))
    payment = store.page('payments', limit=1).items[0]['payment_id']
    with pytest.raises(Refused), store.transaction() as c: c.patch_row('payments', payment, dict(amount_cents=1))
    assert logged(store) == []
    with store.transaction() as c:
        row = store.get('customers', 1)[0] | dict(customer_id=None)
        made, refused = c.create_many('customers', [row | dict(email='a@b.cd'), row, row | dict(email='b@b.cd')])
    assert [c['key'] for c in logged(store)] == made
    assert list(refused) == [1]


def test_a_write_of_another_program_is_noticed(opened):
    store = opened()
    unsold = 'select max(product_id) from products where product_id not in (select product_id from order_items)'
    with closing(sqlite3.connect(store.path)) as con, con:
        con.execute("update customers set marketing_opt_in = 1 - marketing_opt_in where customer_id in (3, 4)")
        gone = con.execute(unsold).fetchone()[0]
        con.execute('update products set product_id = 1000 where product_id = ?', (gone,))
    with store.transaction() as c: c.patch_row('customers', 1, dict(city='Here'))
    changes = logged(store)
    assert [(c['table'], c['operation'], c['key']) for c in changes] == [
        ('customers', 'update', 3), ('customers', 'update', 4), ('products', 'delete', gone),
        ('products', 'insert', 1000), ('customers', 'update', 1)]
    assert len({c['transaction'] for c in changes}) == 2


def test_an_append_is_noticed(tmp_path):
    shop = Shop(seed=5, customers=60, products=30, orders=150, order_items=400)
    for name in 'shop.db', 'copy.db': shop.as_of('2025-12-01').load(tmp_path / name)
    with Store(tmp_path / 'shop.db') as store, Store(tmp_path / 'copy.db') as copy:
        with store.transaction(): pass
        load(shop.tables, tmp_path / 'shop.db', append=True)
        with store.transaction(): pass
        changes = logged(store)
        assert len({c['transaction'] for c in changes}) == 1
        with copy.transaction() as c: assert apply_changes(c, list(map(stored, changes))).refused is None
        assert content(copy) == content(store)


def test_it_is_enough_to_follow_a_shop(opened):
    "Random changes; a copy that applies the log, each page twice, is the shop."
    store, copy, random_ = opened(), opened('copy'), random.Random(3)
    def customer(): return random_.randint(1, 60)
    def create(c): c.create('orders', an_order(store) | dict(customer_id=customer()))
    def person(c):
        change = random_.choice([dict(segment='student'), dict(city='Ü"\\\n'), dict(latitude=50 + random_.random())])
        c.patch_row('customers', customer(), change)

    def new_person(c):
        row = store.get('customers', 1)[0]
        c.create('customers', row | dict(customer_id=None, email=f'{random_.random()}@b.cd'))

    def last(): return store.page('customers', sort='-customer_id', limit=1).items[0]['customer_id']
    def remove(c): c.delete('orders', random_.choice(store.page('orders', limit=50).items)['order_id'])
    def forget(c): c.delete('customers', last())
    def price(c): c.patch_row('products', random_.randint(1, 30), dict(cost_cents=random_.randint(1, 100)))
    cursor, kinds = None, [create, person, new_person, remove, forget, price]
    for _ in range(15):
        for _ in range(random_.randint(1, 8)):
            with suppress(Refused), store.transaction() as c:
                for _ in range(random_.randint(1, 3)): random_.choice(kinds)(c)
        for _ in range(2):
            start = cursor
            while True:
                page = read_log(store.reader(), start, 5)
                with copy.transaction() as c:
                    outcome = apply_changes(c, [stored(json.loads(line)) for line in page.lines()])
                assert outcome.refused is None, outcome
                start = page.next
                if not page.more: break
        cursor = start
        assert content(copy) == content(store)


def test_a_database_that_was_loaded_again_refuses_old_cursors(opened):
    store = opened()
    with store.transaction() as c: c.patch_row('customers', 1, dict(segment='student'))
    cursor = read_log(store.reader()).next
    load(tables(SETTINGS), store.path)
    with closing(sqlite3.connect(store.path)) as con:
        assert not con.execute("select 1 from sqlite_schema where name like 'shop_nb%'").fetchall()
    with store.transaction(): pass
    begin = read_log(store.reader()).next
    for wrong in {cursor, 0, begin + 1} - {begin}:
        with pytest.raises(Refused) as e: read_log(store.reader(), wrong)
        assert e.value.kind == 'cursor'


def test_what_was_deleted_or_overwritten_is_not_in_the_log(opened):
    store = opened()
    row = store.get('customers', 1)[0] | dict(customer_id=None, email='z@b.cd', first_name='Zwirbelfritz')
    with store.transaction() as c: key = c.create('customers', row)[0]['customer_id']
    with store.transaction() as c: c.patch_row('customers', key, dict(segment='student'))
    with store.transaction() as c: c.patch_row('customers', 2, dict(last_name='Zwirbelfrau'))
    with store.transaction() as c: c.patch_row('customers', 2, dict(last_name='Someone'))
    with store.transaction() as c: c.delete('customers', key)
    store.close()
    for path in store.path.parent.glob('shop.db*'):
        assert not re.search(b'Zwirbelf', path.read_bytes()), path
    with closing(sqlite3.connect(store.path)) as con:
        assert con.execute(f'select operation, before, after from {LOG} where key = ?', (key,)).fetchall() == [
            ('insert', None, None), ('update', None, None), ('delete', None, None)]


def test_the_tables_stay_what_they_were(opened, made, tmp_path):
    "The log changes no digest, no answer, and nothing that an append says of the database."
    store, plain = opened(), tmp_path / 'plain.db'
    plain.write_bytes(made.read_bytes())
    for name in TABLES: assert stored_digest(store.path, name) == stored_digest(plain, name)
    for name in questions(): assert ask(name, str(store.path)).frame.equals(ask(name, str(plain)).frame), name
    facts = [load(tables(SETTINGS), path, append=True) for path in (store.path, plain)]
    for f in facts: assert f.pop('bytes', 0) >= 0
    assert facts[0] == facts[1]
    assert logged(store) == []


@pytest.mark.parametrize('incidents', [
    {}, {'incidents.bot_wave': '20 2025-11-05', 'incidents.price_error': '2025-12-01'},
])
def test_a_stream_is_applied_once_in_the_form_of_its_lines(tmp_path, incidents):
    shop = Shop(seed=5, customers=60, products=30, orders=150, order_items=400, parameters=incidents)
    shop.as_of('2025-11-01').load(tmp_path / 'shop.db')
    lines = [json.loads(line) for line in json_texts(shop.changes('2025-11-01', '2026-01-01')).to_pylist()]
    with Store(tmp_path / 'shop.db') as store:
        for i in range(0, len(lines), 50): # overlapping, cut where transactions end
            first, last = (lines[n]['transaction'] for n in (max(i - 20, 0), min(i + 50, len(lines) - 1)))
            part = [line for line in lines if first <= line['transaction'] <= last]
            with store.transaction() as c: assert apply_changes(c, list(map(stored, part))).refused is None
        mine = logged(store)
    def kept(line): return {n: v for n, v in line.items() if n not in ('sequence', 'transaction')}
    assert list(map(kept, mine)) == list(map(kept, lines))


# ---- the replica follows it

def rows_of(replica):
    return {n: sorted(replica.con.cursor().execute(f'select * from {n}').fetchall()) for n in TABLES}


def test_a_replica_that_follows_is_one_made_anew(opened, monkeypatch):
    "After each of many changes, of the service and of others: the same content, version and answers; it is taken once."
    import shop_nb.store.replica as S
    store, random_, taken = opened(), random.Random(5), []
    replicas, real = Replicas(store), S.take
    monkeypatch.setattr(S, 'take', lambda path: taken.append(1) or real(path))
    replicas.current()

    def other_program():
        with closing(sqlite3.connect(store.path)) as con, con:
            con.execute('update customers set marketing_opt_in = 1 - marketing_opt_in where customer_id % 7 = 0')

    for i in range(12):
        with store.transaction() as c:
            kind = i % 4
            if kind == 0: c.create('orders', an_order(store))
            if kind == 1: c.delete('orders', random_.choice(store.page('orders', limit=20).items)['order_id'])
            if kind == 2: c.patch_row('customers', random_.randint(1, 60), dict(city=f'City {i}'))
            if kind == 3: c.patch_row('products', random_.randint(1, 30), dict(brand=f'Brand {i}'))
        if i % 5 == 0: other_program()
        followed, anew = replicas.current(), real(store.path)
        assert followed.version == anew.version
        assert followed.rows == anew.rows
        assert rows_of(followed) == rows_of(anew)
    for name in questions():
        assert replicas.answer(name)[0].frame.equals(ask(name, anew.con).frame), name
    assert len(taken) == 1
    load(tables(Settings(seed=6, customers=20, products=30, orders=30, order_items=60)), store.path)
    assert rows_of(replicas.current()) == rows_of(real(store.path))
    assert len(taken) == 2
    with store.transaction() as c: c.patch_row('customers', 1, dict(city='Begin')) # there is a log from here on
    replicas.current()
    for i in range(200): # as many changes as there are rows: taken anew meanwhile
        with store.transaction() as c: c.patch_row('customers', 1 + i % 20, dict(city=f'City {i}'))
        replicas.current()
    assert len(taken) == 4
    assert replicas.current().version == real(store.path).version
    replicas.close()


def test_answers_are_of_one_moment_while_it_follows(opened):
    "Many ask while orders come and go: each answer is one that the shop had under the version that it names."
    store = opened()
    replicas, stop, seen = Replicas(store), threading.Event(), {}

    def look():
        while not stop.is_set():
            answer, replica = replicas.answer('order_status')
            seen.setdefault(replica.version, set()).add(repr(answer.rows()))

    threads = [threading.Thread(target=look) for _ in range(3)]
    for t in threads: t.start()
    for _ in range(40):
        with store.transaction() as c: key = c.create('orders', an_order(store))[0]['order_id']
        time.sleep(.01)
        with store.transaction() as c: c.delete('orders', key)
    stop.set()
    for t in threads: t.join()
    assert len(seen) > 1
    assert all(len(answers) == 1 for answers in seen.values())
    replicas.close()


def test_a_large_transaction_takes_as_much_work_per_row_as_a_small_one(tmp_path):
    "Counted in steps of SQLite's machine, not in seconds."
    load(tables(Settings(seed=5, customers=500, products=30, orders=4000, order_items=8000)), tmp_path / 'shop.db')
    with Store(tmp_path / 'shop.db') as store:
        with store.transaction(): pass
        con, steps = store._writer, {}
        for some in 400, 4000:
            con.execute('begin immediate')
            con.execute('''update orders set tax_included = 1 - tax_included
where order_id in (select order_id from orders limit ?)''', (some,))
            con.execute('''update payments set attempts = attempts + 1
where payment_id in (select payment_id from payments limit ?)''', (some,))
            counted = []
            con.set_progress_handler(lambda: counted.append(1) and False, 1000)
            assert seal(con)
            con.set_progress_handler(None, 0)
            steps[some] = len(counted)
            con.execute('rollback')
    assert steps[4000] < 15 * steps[400]
