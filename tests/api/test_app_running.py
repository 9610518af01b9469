"Starting, stopping, several workers, and a load under it."
import re, signal, sqlite3, threading, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import httpx
import pytest

from shop_nb.generator.blocks import tables
from shop_nb.database.load import load
from shop_nb.model.rules import RULES, violations
from shop_nb.behaviour.settings import Settings
from support import until
from support.api import new_order


@pytest.mark.slow
def test_several_workers(own):
    "Two processes, one shop: nothing is lost, and the metrics are those of both."
    server = own(workers=2)
    order = new_order(server.client)

    def client(n):
        with httpx.Client(base_url=server.url, headers=server.client.headers, timeout=30) as c:
            return [
                c.post('/v1/orders', json=order, headers={'Idempotency-Key': f'{n}-{i // 2}'}).headers['location']
                for i in range(10)
            ]

    with ThreadPoolExecutor(8) as pool: made = [l for ls in pool.map(client, range(8)) for l in ls]
    assert len(made) == 80
    assert len(set(made)) == 40

    def counted():
        text = server.client.get('/metrics').text
        return int(re.search(r'_count\{method="POST",route="/v1/orders",status="201"\} (\d+)', text)[1])

    until(lambda: counted() >= 80) # a process counts a request after its answer is on its way
    assert counted() == 80
    assert len({e['pid'] for e in server.events('started')}) == 2
    assert server.stop() == 0
    with closing(sqlite3.connect(server.db)) as con:
        assert not {r.name for r in RULES if violations(con, r, 'sqlite')}


@pytest.mark.slow
def test_a_reload_under_it(own):
    "A load while the service answers: old shop or new one, no error, and the keys stay."
    server, seen, stop = own(), set(), threading.Event()

    def ask():
        with httpx.Client(base_url=server.url, headers=server.client.headers, timeout=30) as c:
            while not stop.is_set():
                seen.add((c.get('/v1/orders?count=true&limit=1').json()['count'],))
                assert c.get('/v1/questions/order_status').status_code == 200

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(ask) for _ in range(4)]
        load(tables(Settings(seed=6, customers=20, products=30, orders=30, order_items=60)), server.db)
        time.sleep(0.5)
        stop.set()
        for j in jobs: j.result()
    assert seen <= {(400,), (30,)}
    assert server.client.get('/v1/orders?count=true&limit=1').json()['count'] == 30
    assert server.client.post('/v1/orders', json=new_order(server.client)).status_code == 201
    assert server.client.get('/readyz').status_code == 200
    assert not server.events('failure')


def test_it_finishes_what_it_began(own):
    "SIGTERM while a stream is on its way: the stream arrives whole, and the process ends with 0."
    server = own()
    plain = {'Accept-Encoding': 'identity'}
    with server.client.stream('GET', '/v1/order_items:export?format=ndjson', headers=plain) as r:
        chunks = r.iter_raw()
        first = next(chunks)
        server.process.send_signal(signal.SIGTERM)
        whole = first + b''.join(chunks)
    assert len(whole.splitlines()) == 1000
    assert server.process.wait(40) == 0
    assert server.events('stopped')
    assert sorted(p.name for p in server.db.parent.iterdir() if p.suffix in ('.db-wal', '.db-shm')) == []


def test_a_port_that_is_taken(server, cli):
    code, _, told = cli('api', '--db', server.db, '--port', server.port)
    assert code == 2
    assert f'127.0.0.1:{server.port}' in told
    assert 'Traceback' not in told


@pytest.mark.slow
@pytest.mark.parametrize('name', ['SIGINT', 'SIGTERM', 'SIGHUP'])
def test_a_service_that_is_stopped_says_so_and_nothing_else(own, name):
    service = own()
    assert service.stop(getattr(signal, name)) == 0
    said = [line for line in service.log.read_text().splitlines() if not line.startswith('{')]
    assert said[-1] == 'Stopped.'
    assert len(said) == 2, said # the first is the address
