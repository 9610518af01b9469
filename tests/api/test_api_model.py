"The service against a model of plain dicts, and against clients that race, retry and lose their server."
import json, os, shutil, signal, sqlite3, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from browse import free_port
from shop_nb.api.app import make_app
from shop_nb.api.http_server import Config
from shop_nb.generator.blocks import tables
from shop_nb.database.load import load
from shop_nb.model.rules import RULES, violations
from shop_nb.model.schema import TABLES
from shop_nb.core.settings import Settings
from shop_nb.store.repository import filters, fold
from support.server import FULL, Server

SMALL = Settings(seed=3, customers=6, products=12, orders=8, order_items=16)
DAY = '2026-02-03'


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp('made') / 'shop.db'
    load(tables(SMALL), path)
    return path


@pytest.fixture
def served(made, tmp_path):
    "A service in a process of its own."
    shutil.copy(made, tmp_path / 'shop.db')
    server = Server(tmp_path / 'shop.db')
    yield server
    assert server.stop() == 0


def broken(db):
    with closing(sqlite3.connect(db)) as con: return {r.name for r in RULES if violations(con, r, 'sqlite')}


def everything(db):
    "The database as {table: {key: row}}, read without the library."

    def row(t, values): return {c.name: bool(v) if c.type == 'flag' else v for c, v in zip(t.columns, values)}

    with closing(sqlite3.connect(db)) as con:
        return {
            n: {r[0]: row(t, r) for r in con.execute(f'SELECT {", ".join(t.names)} FROM {n}')}
            for n, t in TABLES.items()
        }


# ---- a model

def holds(value, op, other):
    if op == 'isnull': return (value is None) == (other == 'true')
    if op == 'ne': return value != other
    if value is None: return False
    return {
        '': lambda: value == other,
        'gt': lambda: value > other,
        'gte': lambda: value >= other,
        'lt': lambda: value < other,
        'lte': lambda: value <= other,
        'in': lambda: value in other,
        'contains': lambda: fold(other) in fold(value),
    }[op]()


SKUS, MAILS, WORDS = (
    [f'M-{i}' for i in range(6)],
    [f'm{i}@example.com' for i in range(6)],
    ['Ulm', 'Graz', "O'Hara", 'Łódź'],
)
TAGS = st.sampled_from(['right', 'right', 'right', 'any', 'wrong', 'none'])
COLUMN = dict(customers='city', products='brand')


class Model(RuleBasedStateMachine):
    "What clients may do to the five tables, and what a dict says must come of it"

    client = token = source = served = None

    @initialize()
    def begin(self):
        with closing(sqlite3.connect(self.source)) as a, closing(sqlite3.connect(self.served)) as b:
            a.backup(b)
        self.rows, self.wishes, self.seen = everything(self.served), {}, {}
        self.first = {
            t: {k: v for k, v in next(iter(self.rows[t].values())).items() if k != TABLES[t].key} for t in COLUMN
        }

    # -- what is asked and expected

    def ask(self, method, path, **kw): return self.client.request(method, path, **kw)

    def whole(self, key):
        own = lambda t: [r for _, r in sorted(self.rows[t].items()) if r['order_id'] == key]
        return self.rows['orders'][key] | dict(items=own('order_items'), payment=own('payments')[0])

    def told(self, table, key): return self.whole(key) if table == 'orders' else self.rows[table][key]

    def take(self, row):
        "Put an order with its parts into the model"
        row = dict(row)
        for t, parts in ('order_items', row.pop('items')), ('payments', [row.pop('payment')]):
            self.rows[t] = {k: r for k, r in self.rows[t].items() if r['order_id'] != row['order_id']} | {
                p[TABLES[t].key]: p for p in parts
            }
        self.rows['orders'][row['order_id']] = row

    def pick(self, data, table): return data.draw(st.sampled_from([*sorted(self.rows[table]), 10**6]))

    def condition(self, tag, table, key):
        "If-Match as wished, and what it must lead to, if not to the change"
        if tag == 'none': return {}, 428
        if key not in self.rows[table]: return {'If-Match': '*' if tag == 'any' else '"0"'}, 404
        at = self.ask('GET', f'/v1/{table}/{key}')
        return {'If-Match': dict(right=at.headers['etag'], any='*', wrong='"0"')[tag]}, 412 if tag == 'wrong' else None

    def new(self, table, data):
        row = self.first[table] | {COLUMN[table]: data.draw(st.sampled_from(WORDS))}
        return row | (
            dict(email=data.draw(st.sampled_from(MAILS)))
            if table == 'customers'
            else dict(sku=data.draw(st.sampled_from(SKUS)), discontinued_on=None, launched_on='2025-01-01')
        )

    def taken(self, table, row, but=None):
        name = dict(customers='email', products='sku')[table]
        return any(r[name] == row[name] for k, r in self.rows[table].items() if k != but)

    def next_key(self, table): return max(self.rows[table], default=0) + 1

    def is_answered_again(self, r, wish, made):
        "With the row as it is now, or with the news that it was deleted"
        if made is None:
            assert r.status_code == 404
            assert 'deleted' in r.json()['detail']
        else:
            assert r.status_code == 201
            assert r.headers['idempotency-replayed'] == 'true'
            assert r.json() == (self.whole(made) if wish[0] == 'orders' else self.rows[wish[0]][made])

    def order(self, data, more=0):
        "An order that is good, or that lacks `more` cents"
        on_sale = [p for p in self.rows['products'].values() if p['launched_on'] <= DAY and not p['discontinued_on']]
        some = data.draw(
            st.lists(st.sampled_from(on_sale), min_size=1, max_size=3, unique_by=lambda p: p['product_id'])
        )
        lines = [
            dict(
                product_id=p['product_id'],
                quantity=data.draw(st.integers(1, 3)),
                unit_price_cents=p['price_cents'],
                discount_cents=0,
                returned_quantity=0,
            )
            for p in some
        ]
        tax = data.draw(st.integers(0, 50))
        return dict(
            customer_id=data.draw(st.sampled_from(sorted(self.rows['customers']))),
            ordered_at=f'{DAY} 10:00:00',
            delivered_at=None,
            status='pending',
            channel='web',
            shipping_cents=490,
            tax_cents=tax,
            discount_cents=0,
            items=lines,
            payment=dict(
                method='card',
                status='pending',
                paid_at=None,
                amount_cents=sum(l['quantity'] * l['unit_price_cents'] for l in lines) + 490 + tax + more,
                refunded_cents=0,
                attempts=0,
            ),
        )

    def agrees(self, sent, got):
        "An order came back as it was sent, with keys"
        order = got['order_id']
        assert {k: got[k] for k in sent if k not in ('items', 'payment')} == {
            k: v for k, v in sent.items() if k not in ('items', 'payment')
        }
        assert got['items'] == [
            dict(order_item_id=order * 100 + i, order_id=order, line_number=i) | l
            for i, l in enumerate(sent['items'], 1)
        ]
        assert got['payment'] == dict(payment_id=got['payment']['payment_id'], order_id=order) | sent['payment']

    # -- what clients do

    @rule(data=st.data(), table=st.sampled_from(['customers', 'products']), key=st.sampled_from([None, None, 'a', 'b']))
    def create(self, data, table, key):
        row = self.new(table, data)
        body = json.dumps(row)
        r = self.ask(
            'POST',
            f'/v1/{table}',
            content=body,
            headers={'Content-Type': 'application/json'} | ({'Idempotency-Key': key} if key else {}),
        )
        if key in self.wishes:
            if self.wishes[key][0] != (table, body):
                assert r.status_code == 422
            else:
                self.is_answered_again(r, *self.wishes[key])
        elif self.taken(table, row):
            assert r.status_code == 409
        else:
            assert r.status_code == 201, r.text
            assert r.json() == row | {TABLES[table].key: self.next_key(table)}, r.text
            self.rows[table][self.next_key(table)] = r.json()
            if key: self.wishes[key] = (table, body), r.json()[TABLES[table].key]

    @rule(data=st.data(), table=st.sampled_from(['customers', 'products']), tag=TAGS, whole=st.booleans())
    def change(self, data, table, tag, whole):
        key, new = self.pick(data, table), self.new(table, data)
        head, refused = self.condition(tag, table, key)
        name = COLUMN[table]
        if whole:
            body = self.rows[table].get(key, new) | {
                n: new[n] for n in (name, dict(customers='email', products='sku')[table])
            }
        else:
            body = {name: new[name]}
        r = self.ask(
            'PUT' if whole else 'PATCH',
            f'/v1/{table}/{key}',
            json=body | ({TABLES[table].key: key} if whole else {}),
            headers=head,
        )
        if refused:
            assert r.status_code == refused
        elif whole and self.taken(table, body, key):
            assert r.status_code == 409
        else:
            now = self.rows[table][key] | body
            assert r.status_code == 200, r.text
            assert r.json() == now, r.text
            self.rows[table][key] = now

    @rule(data=st.data(), table=st.sampled_from(['customers', 'products', 'orders']), tag=TAGS)
    def delete(self, data, table, tag):
        key = self.pick(data, table)
        head, refused = self.condition(tag, table, key)
        r = self.ask('DELETE', f'/v1/{table}/{key}', headers=head)
        if refused:
            assert r.status_code == refused
        elif table != 'orders' and any(
            o[TABLES[table].key] == key
            for o in self.rows[dict(customers='orders', products='order_items')[table]].values()
        ):
            assert r.status_code == 409
        else:
            assert r.status_code == 204
            del self.rows[table][key]
            self.wishes = {
                k: (wish, None if (wish[0], made) == (table, key) else made) for k, (wish, made) in self.wishes.items()
            }
            if table == 'orders':
                for t in 'order_items', 'payments':
                    self.rows[t] = {k: p for k, p in self.rows[t].items() if p['order_id'] != key}

    @rule(data=st.data(), more=st.sampled_from([0, 0, 0, 1]), key=st.sampled_from([None, 'c', 'd']))
    def order_once(self, data, more, key):
        if not self.rows['customers']: return
        body = self.order(data, more)
        for again in range(2 if key else 1):
            sent = json.dumps(body)
            r = self.ask(
                'POST',
                '/v1/orders',
                content=sent,
                headers={'Content-Type': 'application/json'} | ({'Idempotency-Key': key} if key else {}),
            )
            if key in self.wishes:
                if self.wishes[key][0] == ('orders', sent):
                    self.is_answered_again(r, *self.wishes[key])
                else:
                    assert r.status_code == 422
            elif more:
                assert r.status_code == 409
                assert r.json()['errors'][0]['pointer'] == '/payment/amount_cents'
            else:
                assert r.status_code == 201, r.text
                assert r.json()['order_id'] not in self.rows['orders'], r.text
                self.agrees(body, r.json())
                self.take(r.json())
                if key: self.wishes[key] = ('orders', sent), r.json()['order_id']

    @rule(data=st.data(), tag=TAGS, more=st.sampled_from([0, 0, 1]), whole=st.booleans())
    def change_order(self, data, tag, more, whole):
        key = data.draw(
            st.sampled_from(
                [k for k, o in sorted(self.rows['orders'].items()) if o['ordered_at'][:10] == DAY] + [10**6]
            )
        )
        if not self.rows['customers']: return
        head, refused = self.condition(tag, 'orders', key)
        body = self.order(data, more)
        if not whole and key in self.rows['orders']:
            old = self.whole(key)
            extra = data.draw(st.integers(0, 40))
            body = dict(
                tax_cents=old['tax_cents'] + extra,
                payment=dict(amount_cents=old['payment']['amount_cents'] + extra + more),
            )
        r = self.ask('PUT' if whole else 'PATCH', f'/v1/orders/{key}', json=body, headers=head)
        if refused:
            assert r.status_code == refused
        elif more:
            assert r.status_code == 409
        elif whole:
            assert r.status_code == 200, r.text
            self.agrees(body, r.json())
            self.take(r.json())
        else:
            want = old | body | dict(payment=old['payment'] | body['payment'])
            assert r.status_code == 200
            assert r.json() == want
            self.take(want)

    @rule(data=st.data(), table=st.sampled_from(['order_items', 'payments']))
    def part_alone(self, data, table):
        "A line or a payment cannot open the ledger by itself"
        if not self.rows[table]: return
        key = data.draw(st.sampled_from(sorted(self.rows[table])))
        column = dict(order_items='unit_price_cents', payments='amount_cents')[table]
        r = self.ask(
            'PATCH', f'/v1/{table}/{key}', json={column: self.rows[table][key][column] + 1}, headers={'If-Match': '*'}
        )
        assert r.status_code == 409

    @rule(
        data=st.data(),
        table=st.sampled_from(['customers', 'products']),
        n=st.integers(0, 5),
        each=st.booleans(),
        dry=st.booleans(),
    )
    def bulk(self, data, table, n, each, dry):
        rows = [self.new(table, data) for _ in range(n)]
        wrong = data.draw(st.sets(st.integers(0, 5), max_size=1))
        for i in wrong & set(range(n)): rows[i][COLUMN[table]] = ''
        before, refused, keys = dict(self.rows[table]), [], []
        for i, row in enumerate(rows):
            if i in wrong or self.taken(table, row):
                refused.append(i)
            else:
                keys.append(self.next_key(table))
                self.rows[table][keys[-1]] = row | {TABLES[table].key: keys[-1]}
        r = self.ask(
            'POST',
            f'/v1/{table}:bulk',
            params=dict(mode='each' if each else 'atomic', dry_run=str(dry).lower()),
            json=rows,
        )
        if refused and not each:
            assert r.status_code == (422 if wrong & set(range(n)) else 409), r.text
        else:
            assert r.status_code == (207 if refused else 200), r.text
            assert r.json()['keys'] == keys, r.text
            assert r.json()['created'] == len(keys), r.text
            assert sorted({int(f['pointer'].split('/')[1]) for f in r.json()['refused']}) == refused
        if dry or refused and not each: self.rows[table] = before

    @rule(data=st.data(), n=st.integers(1, 3), wrong=st.sets(st.integers(0, 2), max_size=1), each=st.booleans())
    def bulk_of_orders(self, data, n, wrong, each):
        if not self.rows['customers']: return
        rows = [self.order(data, i in wrong) for i in range(n)]
        r, bad = (
            self.ask('POST', '/v1/orders:bulk', params=dict(mode='each' if each else 'atomic'), json=rows),
            wrong & set(range(n)),
        )
        if bad and not each:
            assert r.status_code == 409
            return
        assert r.status_code == (207 if bad else 200), r.text
        assert len(r.json()['keys']) == n - len(bad), r.text
        for key, row in zip(r.json()['keys'], [row for i, row in enumerate(rows) if i not in bad]):
            got = self.ask('GET', f'/v1/orders/{key}', params=dict(expand='items,payment')).json()
            self.agrees(row, got)
            self.take(got)

    # -- what they see

    @rule(data=st.data(), table=st.sampled_from(sorted(TABLES)))
    def read(self, data, table):
        "A row, and a tag that stands for what it says"
        key = self.pick(data, table)
        r = self.ask('GET', f'/v1/{table}/{key}', params=dict(expand='items,payment') if table == 'orders' else {})
        if key not in self.rows[table]:
            assert r.status_code == 404
            return
        told, tag = self.told(table, key), r.headers['etag']
        assert r.json() == told
        for old, said in self.seen.get((table, key), {}).items():
            assert (old == tag) == (said == told)
            assert self.ask('GET', f'/v1/{table}/{key}', headers={'If-None-Match': old}).status_code == (
                304 if said == told else 200
            )
        self.seen.setdefault((table, key), {})[tag] = told

    @rule(data=st.data(), table=st.sampled_from(sorted(TABLES)), limit=st.integers(1, 9))
    def walk(self, data, table, limit):
        "Every page of a list, with filters and an order"
        t, rows, given = TABLES[table], list(self.rows[table].values()), {}
        for name in data.draw(st.lists(st.sampled_from(sorted(filters(t))), max_size=2, unique=True)) if rows else ():
            c, op = filters(t)[name]
            value = data.draw(st.sampled_from(rows))[c.name]
            if op == 'isnull':
                given[name] = data.draw(st.sampled_from(['true', 'false']))
            elif value is None:
                continue
            elif op == 'in':
                given[name] = [value]
            elif op == 'contains':
                given[name] = value[1:4]
            else:
                given[name] = value
        sort = data.draw(st.sampled_from(['', *(s + n for n in t.names for s in ('', '-'))]))
        want = sorted(
            (r for r in rows if all(holds(r[filters(t)[n][0].name], filters(t)[n][1], v) for n, v in given.items())),
            key=lambda r: r[t.key],
        )
        name = sort.lstrip('-')
        if name:
            want.sort(
                key=lambda r: (r[name] is not None, r[name].encode() if isinstance(r[name], str) else r[name] or 0),
                reverse=sort[0] == '-',
            )
        if ',' in ''.join(v[0] if isinstance(v, list) and isinstance(v[0], str) else '' for v in given.values()):
            return
        params = {
            n: str(v[0] if isinstance(v, list) else v).lower()
            if isinstance(v[0] if isinstance(v, list) else v, bool)
            else v
            for n, v in given.items()
        }
        got, cursor = [], None
        while True:
            r = (
                self.ask(
                    'GET',
                    f'/v1/{table}',
                    params=params
                    | dict(limit=limit, sort=sort, count='true')
                    | (dict(cursor=cursor) if cursor else {}),
                )
                if sort
                else self.ask(
                    'GET',
                    f'/v1/{table}',
                    params=params | dict(limit=limit, count='true') | (dict(cursor=cursor) if cursor else {}),
                )
            )
            assert r.status_code == 200, (given, r.text)
            assert r.json()['count'] == len(want), (given, r.text)
            got += r.json()['items']
            if not (cursor := r.json()['next']): break
        assert got == want, (given, sort)

    def teardown(self):
        if hasattr(self, 'rows'):
            assert everything(self.served) == self.rows
            assert not broken(self.served)


@pytest.mark.slow
def test_it_does_as_a_model_does(made, tmp_path):
    "Whatever clients do one after another, the service and a dict never differ."
    db = tmp_path / 'shop.db'
    shutil.copy(made, db)
    app = make_app(Config(str(db), quiet=True))
    with TestClient(
        app, base_url='http://localhost', headers={'Authorization': f'Bearer {app.state.service.keys.create(["*"])}'}
    ) as client:
        Model.client, Model.source, Model.served = client, made, db
        run_state_machine_as_test(
            Model,
            settings=hypothesis_settings(
                max_examples=500 if FULL else 10,
                stateful_step_count=30 if FULL else 20,
                deadline=None,
                database=None,
                report_multiple_bugs=False,
                print_blob=False,
            ),
        )


# ---- races

def test_of_fifty_one_succeeds(served):
    "Fifty clients change the same row, again and again: each version is left once, and all of them are one chain."
    at, left, rounds, first = (
        '/v1/customers/3',
        {},
        4 if FULL else 2,
        served.client.get('/v1/customers/3').headers['etag'],
    )

    def client(n):
        with httpx.Client(base_url=served.url, headers=served.client.headers, timeout=120) as c:
            for i in range(rounds):
                while True:
                    tag = c.get(at).headers['etag']
                    r = c.patch(at, json=dict(city=f'{n} {i}'), headers={'If-Match': tag})
                    if r.status_code == 200:
                        left.setdefault(tag, []).append(r.headers['etag'])
                        break
                    assert r.status_code == 412, r.text
                    if not FULL: break

    with ThreadPoolExecutor(50) as pool: list(pool.map(client, range(50)))
    assert left
    assert all(len(to) == 1 for to in left.values())
    assert not FULL or len(left) == 50 * rounds
    tag, chain = first, 0
    while tag in left: tag, chain = left[tag][0], chain + 1
    assert chain == len(left)
    assert served.client.get(at).headers['etag'] == tag


def asking(port, token, body, key, stop):
    "Ask for an order until somebody says that it is done: its address"
    while time.monotonic() < stop:
        try:
            with closing(HTTPConnection('127.0.0.1', port, timeout=30)) as con:
                con.request(
                    'POST',
                    '/v1/orders',
                    body,
                    {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json', 'Idempotency-Key': key},
                )
                r = con.getresponse()
                told = r.read()
        except (OSError, HTTPException):
            time.sleep(0.1)
            continue
        if r.status == 201: return r.headers['Location']
        assert r.status in (409, 503), told
        time.sleep(0.05)
    raise AssertionError('nobody answered')


@pytest.mark.slow
def test_each_order_once_whatever_dies(made, tmp_path):
    "Clients ask for orders until they are told so, while the server is killed: each order is there once, and none is missing."
    clients, each, kills = (64, 200, 10) if FULL else (8, 15, 2)
    db = tmp_path / 'shop.db'
    shutil.copy(made, db)
    port, before = free_port(), everything(db)
    with closing(sqlite3.connect(db)) as con:
        some = con.execute(
            "SELECT product_id, price_cents FROM products WHERE launched_on <= '2026-01-01' AND discontinued_on IS NULL"
        ).fetchall()
    server = Server(db, port=port)
    token, until = server.token, time.monotonic() + 1200

    def wish(n): # known by its shipping_cents
        product, price = some[n % len(some)]
        return json.dumps(
            dict(
                customer_id=1,
                ordered_at=f'2026-{1 + n // each % 2:02}-{1 + n // each % 28:02} 10:00:00',
                status='pending',
                channel='web',
                shipping_cents=n,
                tax_cents=0,
                discount_cents=0,
                items=[
                    dict(product_id=product, quantity=1, unit_price_cents=price, discount_cents=0, returned_quantity=0)
                ],
                payment=dict(method='card', status='pending', amount_cents=price + n, refunded_cents=0, attempts=0),
            )
        )

    def client(c):
        return {
            n: asking(port, token, wish(n), f'wish-{n}', until)
            for n in range(10_000 + c * each, 10_000 + (c + 1) * each)
        }

    count = lambda: sqlite3.connect(db).execute('SELECT count(*) FROM orders').fetchone()[0] - len(before['orders'])
    with ThreadPoolExecutor(clients) as pool:
        jobs = [pool.submit(client, c) for c in range(clients)]
        for k in range(kills):
            while count() < clients * each * (k + 1) // (kills + 2) and not any(
                j.done() and j.exception() for j in jobs
            ):
                time.sleep(0.02)
            server.stop(signal.SIGKILL)
            server = Server(db, port=port)
        acknowledged = {n: at for j in jobs for n, at in j.result().items()}
    assert server.stop() == 0
    with closing(sqlite3.connect(db)) as con:
        there = con.execute('SELECT shipping_cents, order_id FROM orders WHERE shipping_cents >= 10000').fetchall()
    assert len(acknowledged) == clients * each
    assert sorted(there) == sorted(
        (n, int(at.rsplit('/', 1)[1])) for n, at in acknowledged.items()
    )
    assert len(everything(db)['orders']) == len(before['orders']) + clients * each
    assert not broken(db)


# ---- for long

def size(pid):
    "Megabytes of memory and open files of a process and its children"
    status = open(f'/proc/{pid}/status').read()
    return int(status.split('VmRSS:')[1].split()[0]) / 1024, len(os.listdir(f'/proc/{pid}/fd'))


@pytest.mark.slow
def test_it_lasts(served, made, tmp_path):
    "Everything at once, with loads under it: no fault, and neither memory nor files grow."
    seconds, seen, told, sizes = 600 if FULL else 6, {}, [], []
    until = time.monotonic() + seconds

    def client(n):
        with httpx.Client(base_url=served.url, headers=served.client.headers, timeout=120) as c:
            while time.monotonic() < until:
                tag = c.get('/v1/products/3').headers['etag']
                orders = c.get('/v1/orders', params=dict(limit=20, expand='customer,items,payment', count='true'))
                for r in [
                    orders,
                    c.get('/v1/order_items', params=dict(sort='-quantity', quantity__gte=2)),
                    c.get('/v1/questions/order_status'),
                    c.get('/v1/payments:export', params=dict(format=['csv', 'ndjson', 'parquet', 'arrow'][n % 4])),
                    c.patch('/v1/products/3', json=dict(brand=f'{n} {time.monotonic()}'), headers={'If-Match': tag}),
                    c.post('/v1/customers', json={}),
                    c.get('/v1/customers/5', headers={'If-None-Match': '"0"'}),
                    c.get('/metrics'),
                ]:
                    seen[r.status_code] = seen.get(r.status_code, 0) + 1
                    if r.status_code >= 500: told.append(r.text)
                time.sleep(0.01)

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(client, n) for n in range(6)]
        while time.monotonic() < until:
            load(tables(SMALL), served.db)
            sizes.append(size(served.process.pid))
            time.sleep(seconds / 12)
        for j in jobs: j.result()
    sizes.append(size(served.process.pid))
    if FULL: print(seen, sizes)
    assert not told
    assert set(seen) <= {200, 412, 422}
    assert seen[200] > seconds
    assert not served.events('failure')
    assert not broken(served.db)
    half = sizes[len(sizes) // 2]
    assert sizes[-1][0] < 1.1 * half[0] + 20
    assert sizes[-1][1] <= sizes[min(2, len(sizes) - 2)][1] + 8
