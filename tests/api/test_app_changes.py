"The log of changes over HTTP: read on, waited for, streamed and written into; by several clients, and after a kill."
import json, os, signal, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from shop_nb import Shop
from shop_nb.api.auth import ApiKeys
from shop_nb.database.load import load
from shop_nb.feeds.json_lines import json_texts
from shop_nb.generator.blocks import tables
from shop_nb.model.rules import RULES, violations
from shop_nb.model.schema import TABLES
from shop_nb.store.repository import Store, connect
from support.api import is_problem, new_order
from support.server import MAIN, SMALL, Server

LINES = {'Content-Type': 'application/x-ndjson'}
EVENTS = {'Accept': 'text/event-stream'}
SIZES = dict(seed=4, customers=80, products=40, orders=300, order_items=700)


@pytest.fixture(scope='module')
def shop(): return Shop(**SIZES)


@pytest.fixture(scope='module')
def lines(shop):
    "What happens from December on."
    return [text for text in json_texts(shop.changes('2025-12-01')).to_pylist()]


@pytest.fixture
def start(shop, tmp_path):
    "Start a service of the shop as it was at the beginning of December, any number of times."
    shop.as_of('2025-12-01').load(tmp_path / 'shop.db')
    servers = []
    def again(**more):
        servers.append(Server(tmp_path / 'shop.db', '--rate', '0', **more))
        return servers[-1]
    yield again
    for s in servers:
        if s.process.poll() is None: s.stop()


def content(db):
    con = connect(db, 'ro')
    try: return {t.name: con.execute(f'select * from {t.name} order by {t.key}').fetchall() for t in TABLES.values()}
    finally: con.close()


def broken_rules(db):
    con = connect(db, 'ro')
    try: return {r.name for r in RULES if violations(con, r, 'sqlite')}
    finally: con.close()


@pytest.fixture(scope='module')
def december(shop, tmp_path_factory):
    "What the shop's database is at the end."
    db = tmp_path_factory.mktemp('end') / 'shop.db'
    shop.load(db)
    return content(db)


def page_of(client, after, **params):
    if after is not None: params['after'] = after
    return client.get('/v1/changes', params=params).json()


def read_all(client, after=None, limit=100):
    items = []
    while True:
        page = page_of(client, after, limit=limit)
        items += page['items']
        after = page['next']
        if not page['more']: return items, after


def told(item): return {n: item[n] for n in item if n not in ('sequence', 'transaction', 'offset')}


def transactions(lines):
    "Whole transactions, each as a text."
    found = {}
    for text in lines: found.setdefault(json.loads(text)['transaction'], []).append(text)
    return [''.join(texts) for texts in found.values()]


@contextmanager
def events(client, **headers):
    "The events of a service as they come: (id, lines)."
    with client.stream('GET', '/v1/changes', headers=EVENTS | headers) as answer:
        assert answer.status_code == 200
        assert answer.headers['content-type'].startswith('text/event-stream')
        def each():
            id, data = None, []
            for line in answer.iter_lines():
                if line.startswith('id: '): id = int(line[4:])
                if line.startswith('data: '): data.append(json.loads(line[6:]))
                if not line and data:
                    yield id, data
                    data = []
        yield each()


def stream(url, run, *args, key):
    "Start the command that streams a run."
    return subprocess.Popen([sys.executable, '-c', MAIN, 'stream', str(run), '--to', f'{url}/v1/changes', *args],
                            stderr=subprocess.PIPE, text=True, env=os.environ | dict(SHOP_NB_KEY=key))


def test_one_request_after_the_other(inside):
    client, app = inside()
    client.headers['Authorization'] = 'Bearer ' + app.state.service.keys.create(['*'])
    assert read_all(client)[0] == []
    order = client.post('/v1/orders', json=new_order(client)).json()
    assert client.patch('/v1/customers/1', json=dict(segment='student'), headers={'If-Match': '*'}).status_code == 200
    client.post('/v1/orders', json=new_order(client) | dict(customer_id=0)) # refused
    client.post('/v1/customers:bulk?dry_run=true', json=[])
    client.delete(f'/v1/orders/{order["order_id"]}', headers={'If-Match': '*'})
    items, last = read_all(client)
    assert [i['operation'] for i in items] == ['insert'] * 3 + ['update'] + ['delete'] * 3
    assert len({i['transaction'] for i in items}) == 3
    for limit in 1, 2, 100: assert read_all(client, limit=limit) == (items, last)
    assert read_all(client, after=items[2]['sequence'])[0] == items[3:]
    text = client.get('/v1/changes', headers={'Accept': 'application/x-ndjson'})
    assert [json.loads(line) for line in text.text.splitlines()] == items
    assert int(text.headers['x-next']) == last
    for wrong in 1, last + 1:
        problem = is_problem(client.get('/v1/changes', params=dict(after=wrong)), 400)
        assert str(wrong) in problem['detail']
    for wrong in dict(after=-1), dict(limit=0), dict(wait=31), dict(other=1):
        is_problem(client.get('/v1/changes', params=wrong), 422)


def test_a_request_waits(own):
    server = own()
    _, last = read_all(server.client)
    began = time.monotonic()
    assert page_of(server.client, last, wait=.5) == dict(items=[], next=last, more=False)
    assert time.monotonic() - began >= .5
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(server.client.get, '/v1/changes', params=dict(after=last, wait=20))
        time.sleep(.3)
        server.client.patch('/v1/products/1', json=dict(brand='New'), headers={'If-Match': '*'})
        item, = waiting.result().json()['items']
    assert item['after']['brand'] == 'New'
    with server.client.stream('GET', '/v1/changes', headers=EVENTS) as answer: # and a stop does not wait for a stream
        parts = answer.iter_raw()
        next(parts)
        server.process.send_signal(signal.SIGTERM)
        for _ in parts: pass
    assert server.process.wait(20) == 0


def test_what_another_program_changes_is_there(own):
    server = own()
    _, last = read_all(server.client)
    with Store(server.db) as store:
        store._writer.execute('update customers set marketing_opt_in = 1 - marketing_opt_in')
    assert len(read_all(server.client, last)[0]) == 200


def test_a_stream_of_a_made_shop(start, shop, lines, december, tmp_path):
    "The command feeds a service; the shop is then as it was made, and its log tells the same in the same form."
    server, run = start(), tmp_path / 'run'
    shop.save(run)
    for again in range(2):
        done = stream(server.url, run, '--from', '2025-12-01', key=server.token)
        assert done.wait(120) == 0, done.stderr.read()
    assert content(server.db) == december
    assert not broken_rules(server.db)
    assert list(map(told, read_all(server.client)[0])) == [told(json.loads(text)) for text in lines]
    without = stream(server.url, run, '--from', '2025-12-01', key='')
    assert without.wait(60) == 1
    assert 'SHOP_NB_KEY' in without.stderr.read()


def test_a_stream_in_which_orders_are_deleted(tmp_path):
    "Orders that nobody paid for go from the service's database, too, and from its log."
    shop = Shop(**SIZES, parameters={'payments.purged_after': 15, 'payments.fails': {'card': .5}})
    deleted = [change for change in shop.changes('2025-12-01') if change['operation'] == 'delete']
    purged = {change['key'] for change in deleted if change['table'] == 'orders'}
    assert len(purged) >= 3
    shop.as_of('2025-12-01').load(tmp_path / 'shop.db')
    shop.save(tmp_path / 'run')
    shop.load(tmp_path / 'end.db')
    server = Server(tmp_path / 'shop.db', '--rate', '0')
    try:
        done = stream(server.url, tmp_path / 'run', '--from', '2025-12-01', key=server.token)
        assert done.wait(120) == 0, done.stderr.read()
        assert content(server.db) == content(tmp_path / 'end.db')
        assert not broken_rules(server.db)
        log = read_all(server.client)[0]
        gone = [c['key'] for c in log if c['operation'] == 'delete' and c['table'] == 'orders']
        assert set(gone) == purged and len(gone) == len(purged)
        assert not any(c['after'] for c in log if c['table'] == 'orders' and c['key'] in purged)
    finally: server.stop()


def test_a_stream_with_a_rate_sends_whole_transactions(start, shop, lines, tmp_path):
    server, run = start(), tmp_path / 'run'
    shop.save(run)
    words = '--from 2025-12-01 --until 2025-12-03 --rate 200 --twice .2'.split()
    done = stream(server.url, run, *words, key=server.token)
    assert done.wait(120) == 0, done.stderr.read()
    expected = [told(change) for change in map(json.loads, lines) if change['moment'] < '2025-12-03']
    assert list(map(told, read_all(server.client)[0])) == expected


def test_wrong_lines(start, lines):
    server, parts = start(), transactions(lines)
    def post(text): return server.client.post('/v1/changes', content=text.encode(), headers=LINES)
    line = parts[0].splitlines()[0]
    first = json.loads(line)
    for wrong, at in [
        (first | dict(table='shops'), '/1/table'),
        (first | dict(key='1'), '/1/key'),
        (first | dict(extra=1), '/1/extra'),
        (first | dict(after=first['after'] | dict(extra=1)), '/1/after/extra'),
        (first | dict(after=None, operation='update', before=first['after']), '/1/operation'),
        (first | dict(key=first['key'] + 1), '/1/operation'),
        ({}, '/1/table'),
    ]:
        problem = is_problem(post(f'{line}\n{json.dumps(wrong)}\n'), 422)
        assert problem['errors'][0]['pointer'] == at, problem
        assert problem['detail'].startswith('Line 2'), problem
    assert read_all(server.client)[0] == []
    is_problem(post('{'), 400)
    is_problem(server.client.post('/v1/changes', json={}), 415)
    some = next(i for i, part in enumerate(parts) if part.count('\n') > 2 and '"event":"placed"' in part)
    cut = ''.join(parts[:some]) + ''.join(parts[some].splitlines(True)[:-1]) + parts[some + 1] # without its payment
    problem = is_problem(post(cut), 409)
    assert problem['errors'][0]['pointer'] == f'/{sum(part.count(chr(10)) for part in parts[:some])}'
    assert len(read_all(server.client)[0]) == sum(part.count('\n') for part in parts[:some])
    assert post(''.join(parts)).json()['known'] == sum(part.count('\n') for part in parts[:some])
    assert not broken_rules(server.db)


@pytest.mark.parametrize('workers', [1, 2])
def test_two_write_while_two_read(start, lines, workers):
    "Each transaction once, in order, no gap: for who asks again and again, and for who takes events."
    server, parts = start(workers=workers), transactions(lines)
    stop, total = threading.Event(), 300
    def client(): return httpx.Client(base_url=server.url, headers=server.client.headers, timeout=60)

    def post():
        with client() as c:
            for i in range(0, len(parts), 7):
                c.post('/v1/changes', content=''.join(parts[i:i + 7]).encode(), headers=LINES).raise_for_status()

    def change():
        with client() as c:
            for i in range(total):
                c.patch('/v1/products/1', json=dict(brand=f'Brand {i}'), headers={'If-Match': '*'}).raise_for_status()

    def poll():
        items, after = [], None
        with client() as c:
            while True:
                over = stop.is_set()
                page = page_of(c, after, limit=20, wait=.2)
                items += page['items']
                after = page['next']
                if over and not page['items']: return items

    def listen():
        items, last = [], {}
        with client() as c:
            while not (stop.is_set() and len(items) >= len(lines) + total):
                with events(c, **last) as found:
                    for id, data in found:
                        items += data
                        last = {'Last-Event-ID': str(id)}
                        if len(items) % 5 == 0 or len(items) >= len(lines) + total: break # and connect again
        return items

    with ThreadPoolExecutor(4) as pool:
        readers, writers = [pool.submit(poll), pool.submit(listen)], [pool.submit(post), pool.submit(change)]
        for job in writers: job.result()
        stop.set()
        seen = [job.result() for job in readers]
    everything, _ = read_all(server.client)
    assert seen == [everything, everything]
    assert [told(i) for i in everything if i['table'] != 'products' or i['key'] != 1] == [
        t for t in map(told, map(json.loads, lines)) if t['table'] != 'products' or t['key'] != 1]
    brands = [i['after']['brand'] for i in everything if i['table'] == 'products' and i['key'] == 1]
    assert brands == [f'Brand {i}' for i in range(total)]


def test_killed_in_the_middle_of_a_stream(start, shop, lines, december, tmp_path):
    "kill -9, again and again: after the last restart the shop is whole, and so is its log, for a reader who goes on."
    run, items, after, key = tmp_path / 'run', [], None, None
    shop.save(run)
    for attempt in range(4):
        server = start()
        key = server.token
        feeding = stream(server.url, run, '--from', '2025-12-01', *(['--rate', '100'] if attempt < 3 else []), key=key)
        if attempt < 3:
            seen = len(items)
            while len(items) < seen + 40:
                page = page_of(server.client, after, wait=5, limit=10)
                items += page['items']
                after = page['next']
            server.stop(signal.SIGKILL)
            assert feeding.wait(60) == 1
        else: assert feeding.wait(120) == 0, feeding.stderr.read()
        assert not broken_rules(server.db)
    more, _ = read_all(server.client, after)
    assert content(server.db) == december
    assert list(map(told, items + more)) == [told(json.loads(text)) for text in lines]
    numbers = [i['sequence'] for i in items + more]
    assert numbers == sorted(set(numbers))


def test_a_shop_that_is_loaded_again_begins_a_log(own):
    server = own()
    server.client.patch('/v1/products/1', json=dict(brand='New'), headers={'If-Match': '*'})
    _, last = read_all(server.client)
    load(tables(SMALL), server.db)
    is_problem(server.client.get('/v1/changes', params=dict(after=last)), 400)
    assert read_all(server.client)[0] == []


def test_keys(inside):
    client, app = inside(host='0.0.0.0', rate=0)
    def status(scope, method='GET'):
        head = {'Authorization': 'Bearer ' + ApiKeys(app.state.service.config.db).create([scope])} if scope else {}
        body = b'' if method == 'POST' else None
        return client.request(method, '/v1/changes', headers=head | LINES, content=body).status_code
    scopes = None, 'orders:read', 'changes:read', '*:read', 'changes:write'
    assert [status(scope) for scope in scopes] == [401, 403, 200, 200, 403]
    assert [status(s, 'POST') for s in (None, 'orders:write', 'changes:write', 'changes:read')] == [401, 403, 400, 403]
