"Clients that send or read slowly, and what is no request."
import re, shutil, socket, sqlite3, threading, time
from contextlib import closing, contextmanager, suppress

import httpx
import pytest

from shop_nb.api.app import make_app
from shop_nb.api.http_server import Config


@contextmanager
def in_a_thread(db, **config):
    "A service in a thread, with a small buffer for what it sends: (port, application)."
    import uvicorn
    listening, app = socket.socket(), make_app(Config(str(db), **config))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    listening.bind(('127.0.0.1', 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, http='httptools', timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    while not server.started: time.sleep(0.05)
    try: yield listening.getsockname()[1], app
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()


@pytest.fixture
def hasty(made, tmp_path):
    "A service that is not patient."
    shutil.copy(made, tmp_path / 'shop.db')
    with in_a_thread(tmp_path / 'shop.db', read_timeout=0.5, write_timeout=1) as it: yield it


def test_a_body_that_comes_slowly(hasty):
    port, app = hasty
    head = '\r\n'.join([
        'POST /v1/orders HTTP/1.1', 'Host: localhost', 'Content-Type: application/json', 'Content-Length: 100',
        f'Authorization: Bearer {app.state.service.keys.create(["*"])}', '', '',
    ])
    with socket.create_connection(('127.0.0.1', port), timeout=30) as s:
        s.sendall(head.encode() + b'{"a"')
        told = b''.join(iter(lambda: s.recv(65536), b''))
    assert told.startswith(b'HTTP/1.1 408 ')
    assert b'application/problem+json' in told


def test_a_body_that_was_answered_early_is_no_head(server):
    "A refused upload leaves its connection in order: the next request gets its own answer."
    with httpx.Client(base_url=server.url) as c:
        for size in (200_000, 3_000_000, 20_000_000) * 3:
            with suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
                assert c.post('/v1/customers:bulk', content=b' ' * size).status_code in (401, 413)
            assert c.get('/healthz').json() == {'status': 'ok'}


def test_an_answer_that_is_taken_slowly(hasty, capfd):
    "Whoever does not read is cut off, and the state that the export saw is let go."
    port, app = hasty
    store = app.state.service.store
    with closing(sqlite3.connect(store.path)) as con, con:
        con.execute('''WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 41000)
                       INSERT INTO products
                       SELECT i, 'sku' || i, hex(zeroblob(90)), category, brand, price_cents, cost_cents,
                           launched_on, NULL
                       FROM n, products WHERE product_id = 1''')

    def exporting(s):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(('127.0.0.1', port))
        s.sendall(b'GET /v1/products:export?format=ndjson HTTP/1.1\r\nHost: localhost\r\n\r\n')

    with socket.socket() as s:
        exporting(s)
        while b'product_id' not in s.recv(1000): pass # rows are on their way
        with store.transaction() as c: c.patch_row('products', 1, dict(brand='Later'))
        with closing(sqlite3.connect(store.path, timeout=0.1)) as con:
            assert con.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()[0] == 1 # held
        time.sleep(2)
        for _ in range(100):
            with closing(sqlite3.connect(store.path, timeout=0.1)) as con:
                if con.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()[0] == 0: break
            time.sleep(0.1)
        else:
            raise AssertionError('the export still holds what it saw')
        s.settimeout(30)
        got = b''.join(iter(lambda: s.recv(1 << 20), b''))
    assert not got.endswith(b'0\r\n\r\n')
    assert any('"too slow"' in line for line in capfd.readouterr().err.splitlines())


def test_an_answer_that_is_read_slowly_arrives(made, tmp_path):
    "A line that is slow is no reason to cut off an answer, however small the patience for what is to come."
    shutil.copy(made, tmp_path / 'shop.db')
    with in_a_thread(tmp_path / 'shop.db', read_timeout=0.3, write_timeout=60) as (port, _), socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        s.connect(('127.0.0.1', port))
        s.sendall(b'GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n')
        got, began = b'', time.monotonic()
        while part := s.recv(65536):
            got += part
            if time.monotonic() - began < 2: time.sleep(0.2)
        head, _, body = got.partition(b'\r\n\r\n')
        assert time.monotonic() - began > 2
        assert len(body) == int(re.search(rb'content-length: (\d+)', head)[1])


def test_what_is_no_request_is_refused(server):
    for head in (
        b'GET /\x01 HTTP/1.1\r\n\r\n',
        b'POST /v1/orders HTTP/1.1\r\nContent-Length: ' + b'9' * 5000 + b'\r\n\r\n',
        b'nonsense\r\n\r\n',
        b'POST /v1/customers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n',
    ):
        with socket.create_connection(('127.0.0.1', int(server.url.rsplit(':', 1)[1])), timeout=10) as s:
            s.sendall(head)
            told = b''.join(iter(lambda: s.recv(65536), b''))
        assert told.startswith(b'HTTP/1.1 400 Bad Request\r\n')
