"What happens around each route: problems, headers, rates, hosts, origins, log and metrics."
import json, re, signal, socket, threading, time
from types import SimpleNamespace

import httpx
import pytest

from shop_nb.api import middleware
from shop_nb.api.http_server import Config
from shop_nb.core.errors import ShopError
from support import until
from support.api import is_problem


def test_problems_everywhere(server, api):
    is_problem(api.get('/nothing'), 404)
    assert is_problem(api.post('/v1/customers/1'), 405)
    assert api.post('/v1/customers/1').headers['allow'] == 'DELETE, GET, HEAD, PATCH, PUT'
    assert api.request('DELETE', '/v1/orders').headers['allow'] == 'GET, HEAD, POST'
    assert api.put('/v1/orders:bulk').headers['allow'] == 'POST'
    is_problem(api.post('/v1/orders', content=b'x' * 16_000_001), 413)
    is_problem(
        httpx.post(
            server.url + '/v1/orders', content=(b'x' * 100_000 for _ in range(200)),
            headers=dict(api.headers) | {'Content-Type': 'application/json'}, timeout=30
        ),
        413,
    )
    is_problem(api.get('/v1/orders', headers={'Host': 'evil.example'}), 421)


def test_headers(api):
    r = api.get('/v1/orders?limit=1', headers={'X-Request-Id': 'my-own.1', 'Origin': 'https://elsewhere.example'})
    assert r.headers['x-request-id'] == 'my-own.1'
    assert r.headers['x-content-type-options'] == 'nosniff'
    assert "default-src 'none'" in r.headers['content-security-policy']
    assert 'access-control-allow-origin' not in r.headers
    assert 'server' not in r.headers
    assert re.fullmatch(
        '[0-9a-f]{16}', api.get('/healthz', headers={'X-Request-Id': 'not sane; at all'}).headers['x-request-id']
    )


def test_a_fault_is_not_shown(inside, monkeypatch, capfd):
    client, app = inside()
    monkeypatch.setattr(app.state.service.store, 'page', lambda *a, **k: 1 / 0)
    r = client.get('/v1/orders')
    is_problem(r, 500)
    told = [json.loads(l) for l in capfd.readouterr().err.splitlines() if 'failure' in l]
    assert told[0]['id'] == r.headers['x-request-id']
    assert 'ZeroDivisionError' in told[0]['error']


def test_rate_limit(inside, monkeypatch):
    now = 0.0
    monkeypatch.setattr(middleware, 'time', SimpleNamespace(monotonic=lambda: now, perf_counter=time.perf_counter))
    client, _ = inside(rate=5)
    got = [client.get('/readyz') for _ in range(30)]
    assert [r.status_code for r in got] == [200] * 10 + [429] * 20
    assert {r.headers['retry-after'] for r in got[10:]} == {'1'}
    assert is_problem(got[-1], 429)
    assert client.get('/healthz').status_code == 200 # a probe is not counted
    now = 1.0
    assert [client.get('/readyz').status_code for _ in range(6)] == [200] * 5 + [429]


def test_a_rate_is_not_escaped_by_a_header(own):
    "Only a proxy that was named may say who asks."

    def asked(server):
        return [server.client.get('/readyz', headers={'X-Forwarded-For': f'10.0.0.{i}'}).status_code for i in range(20)]

    plain = own('--rate', '1')
    assert asked(plain).count(429) > 10
    assert plain.stop(signal.SIGINT) == 0
    behind = own('--rate', '1', '--trust-proxy', '127.0.0.1')
    assert asked(behind) == [200] * 20
    assert [
        behind.client.get('/readyz', headers={'X-Forwarded-For': f'10.1.1.{i}, 9.9.9.9'}).status_code for i in range(20)
    ].count(429) > 10 # a client wrote the first


HOSTS = [
    'localhost',
    'LOCALHOST:8421',
    'localhost.',
    'localhost:',
    '127.0.0.1',
    '127.0.0.2:80',
    '127.0.0.1.',
    '[::1]',
    '[::1]:8000',
    '[0:0:0:0:0:0:0:1]',
    '[::FFFF:127.0.0.1]:1',
    '',
]


OTHERS = [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    '10.0.0.1',
    '[::2]',
    'localhost..',
    '2130706433',
    'x.localhost',
    'shop.example.evil',
    'localhost evil',
    ':80:',
]


def test_hosts_have_many_spellings(inside):
    "This machine is meant, or it is not; a name that was allowed is one more, and closes the service."
    client, _ = inside()

    def status(host, path='/v1/orders', of=client): return of.get(path, headers={'Host': host}).status_code

    assert {h: status(h) for h in HOSTS} == dict.fromkeys(HOSTS, 200)
    assert {h: status(h) for h in OTHERS} == dict.fromkeys(OTHERS, 421)
    told = is_problem(client.get('/healthz', headers={'Host': 'evil.example'}), 421)['detail']
    assert '--allow-host' in told
    assert '--host' in told
    named, _ = inside(names=['Shop.Example.', 'münchen.example'])
    for host in 'shop.example', 'SHOP.example.:443', 'xn--mnchen-3ya.example', *HOSTS:
        assert (status(host, '/healthz', named), status(host, of=named)) == (200, 401), host
    assert {status(h, '/healthz', named) for h in OTHERS} == {421}
    away, _ = inside(host='0.0.0.0', names=['shop.example'])
    assert [status(h, '/healthz', away) for h in ('shop.example', '10.0.0.1:8000', 'localhost', 'evil.example')] == [
        200,
        200,
        200,
        421,
    ]
    for wrong in (
        dict(names=['']),
        dict(names=['a b']),
        dict(names=['http://x']),
        dict(proxies=['*']),
        dict(proxies=['nginx']),
        dict(root_path='shop'),
        dict(root_path='/a/../b'),
        dict(root_path='/"'),
        dict(root_path='//evil.example'),
    ):
        with pytest.raises(ShopError): Config('shop.db', **wrong)
    assert [Config('s', host=h).open for h in ('LocalHost', '127.0.0.2', '::1', '0.0.0.0', '::', '10.0.0.1')] == [
        True
    ] * 3 + [False] * 3
    assert not any(
        Config('s', **told).open for told in (dict(names=['a']), dict(root_path='/a'), dict(proxies=['10.0.0.0/8']))
    )


def test_what_brings_much_along_does_not_hold_the_others_up(inside, monkeypatch):
    "A small page by its key is read at once, everything else away from the loop that answers."
    client, app = inside()
    page, threads = app.state.service.store.page, []
    monkeypatch.setattr(
        app.state.service.store, 'page', lambda *a, **k: (threads.append(threading.get_ident()), page(*a, **k))[1]
    )
    for more in (
        {},
        dict(expand='items'),
        dict(limit=500),
        dict(status='paid'),
        dict(sort='-status'),
        dict(count='true'),
    ):
        assert client.get('/v1/orders', params=more).status_code == 200
    assert len(threads) == 6
    assert threads[0] not in threads[1:]


def test_time_limit(inside):
    client, app = inside(timeout=0)
    r = client.get('/v1/order_items', params=dict(quantity=98, count='true', sort='-discount_cents'))
    assert is_problem(r, 503)
    assert r.headers['retry-after']
    app.state.service.store.timeout = 10
    assert client.get('/v1/order_items', params=dict(quantity=98)).status_code == 200


def test_a_rate_below_one_lets_in_one_now_and_then():
    from shop_nb.api.middleware import Buckets
    b = Buckets(.2)
    assert b.wait('a') == 0
    assert 0 < b.wait('a') <= 5
    assert b.wait('b') == 0


def test_cors(inside):
    client, _ = inside(origins=('https://shop.example',))
    r = client.get('/v1/orders?limit=1', headers={'Origin': 'https://shop.example'})
    assert r.headers['access-control-allow-origin'] == 'https://shop.example'
    assert (
        'access-control-allow-origin'
        not in client.get('/v1/orders?limit=1', headers={'Origin': 'https://evil.example'}).headers
    )


def test_where_any_page_may_ask_reading_needs_a_key(inside):
    client, app = inside(origins=['*'])
    asked = {'Origin': 'https://evil.example'}
    is_problem(client.get('/v1/orders?limit=1', headers=asked), 401)
    r = client.get(
        '/v1/orders?limit=1', headers=asked | {'Authorization': 'Bearer ' + app.state.service.keys.create(['*'])}
    )
    assert r.status_code == 200
    assert r.headers['access-control-allow-origin'] == '*'
    for wrong in '', 'null', 'shop.example', 'https://shop.example/', 'https://*', '* ':
        with pytest.raises(ShopError, match='not a valid origin'): Config('shop.db', origins=[wrong])


def test_metrics_of_an_odd_manifest(inside):
    "Whatever the run beside the database says of itself, there are metrics, and only numbers in them."
    client, app = inside()
    key = {'Authorization': 'Bearer ' + app.state.service.keys.create(['metrics:read'])}
    manifest = app.state.service.store.path.with_name('manifest.json')
    for text in (
        '',
        '[]',
        'null',
        '{"tables": 7, "seconds": []}',
        '{"tables": {"orders": 7, "payments": {"rows": "many"}}}',
        '{"tables": {"orders": {"rows": true}}, "seconds": {"run": null, "load": NaN}}',
        '{' * 3000,
        '\xff',
    ):
        manifest.write_bytes(text.encode('latin-1'))
        r = client.get('/metrics', headers=key)
        assert r.status_code == 200, text
        assert 'shop_request_seconds' in r.text, text
        assert not re.search(r'shop_run_rows\{|many|None|True', r.text), text
    manifest.write_text('{"tables": {"orders": {"rows": 30}}, "seconds": {"load": 1.5}}')
    assert 'shop_run_rows{table="orders"} 30.0\n' in client.get('/metrics', headers=key).text


def test_log_and_metrics(server, api):
    api.get('/v1/customers', params=dict(email='secret.person@example.com'), headers={'X-Request-Id': 'look-for-me'})
    (line,) = until(lambda: [e for e in server.events('request') if e['id'] == 'look-for-me'])
    assert line['route'] == '/v1/customers'
    assert line['status'] == 200
    assert line['ms'] > 0
    assert line['key'] == server.token.split('_')[1]
    log = server.log.read_text()
    assert 'secret.person' not in log
    assert server.token not in log
    for path in (
        '/v1/nothing?email=secret.person',
        '/v1/customers/x?email=secret.person',
        '/?email=secret.person',
        '/v1/orders?cursor=secret.person',
    ):
        for headers in {}, {'Host': 'evil.example'}, {'Authorization': 'Bearer secret.person'}:
            api.get(path, headers=headers)
    with socket.create_connection(('127.0.0.1', server.port), timeout=10) as s:
        s.sendall(b'GET /?email=secret.person\x01 HTTP/1.1\r\n\r\n')
        assert b' 400 ' in s.recv(65536)
    assert 'secret.person' not in server.log.read_text()
    text = api.get('/metrics').text
    assert re.search(r'shop_request_seconds_count\{method="GET",route="/v1/customers",status="200"\} \d', text)
    assert 'secret' not in text
