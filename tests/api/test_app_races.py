"The service with clients that race, retry, and lose their server."
import json, shutil, signal, sqlite3, time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPException

import httpx
import pytest

from browse import free_port
from support import FULL
from support.database import broken, everything
from support.server import Server


def test_of_fifty_changes_of_a_version_one_succeeds(served):
    "Fifty clients change the same row, again and again: each version is left once, and all of them are one chain."
    at, left, rounds = '/v1/customers/3', {}, 4 if FULL else 2
    first = served.client.get(at).headers['etag']

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


def add_order(port, token, body, key, stop):
    "Send an order until the service says that it is added: its address"
    while time.monotonic() < stop:
        try:
            with closing(HTTPConnection('127.0.0.1', port, timeout=30)) as con:
                con.request(
                    'POST', '/v1/orders', body,
                    {'Authorization': f'Bearer {token}', 'Content-Type': 'application/json', 'Idempotency-Key': key}
                )
                r = con.getresponse()
                answer = r.read()
        except (OSError, HTTPException):
            time.sleep(0.1)
            continue
        if r.status == 201: return r.headers['Location']
        assert r.status in (409, 503), answer
        time.sleep(0.05)
    raise AssertionError('nobody answered')


@pytest.mark.slow
def test_each_order_is_added_once_whatever_dies(small, tmp_path):
    "Clients send orders until they are answered, while the server is killed: each is there once, none is missing."
    clients, each, kills = (64, 200, 10) if FULL else (8, 15, 2)
    db = tmp_path / 'shop.db'
    shutil.copy(small, db)
    port, before = free_port(), everything(db)
    with closing(sqlite3.connect(db)) as con:
        some = con.execute(
            "SELECT product_id, price_cents FROM products WHERE launched_on <= '2026-01-01' AND discontinued_on IS NULL"
        ).fetchall()
    server = Server(db, port=port)
    token, until = server.token, time.monotonic() + 1200

    def order(n): # known by its shipping_cents
        product, price = some[n % len(some)]
        return json.dumps(
            dict(
                customer_id=1,
                ordered_at=f'2026-{1 + n // each % 2:02}-{1 + n // each % 28:02} 10:00:00',
                status='pending',
                channel='web',
                shipping_cents=n,
                tax_cents=0,
                tax_included=False,
                discount_cents=0,
                items=[
                    dict(
                        product_id=product, quantity=1, unit_price_cents=price, discount_cents=0, tax_cents=0,
                        returned_quantity=0
                    )
                ],
                payment=dict(method='card', status='pending', amount_cents=price + n, refunded_cents=0, attempts=0),
            )
        )

    def client(c):
        return {
            n: add_order(port, token, order(n), f'order-{n}', until)
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
