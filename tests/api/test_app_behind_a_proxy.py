"A service below a path, under a name of its own."
import re, shutil, subprocess, sys
from contextlib import contextmanager

import httpx
import pytest

from support import ROOT
from support.server import Server
from support.api import a_customer


@contextmanager
def proxied(target, prefix, keep_host='yes'):
    "The address of a proxy that cuts a prefix off."
    script = str(ROOT / 'tests' / 'support' / 'proxy.py')
    process = subprocess.Popen(
        [sys.executable, script, target, prefix, keep_host], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process.stdout.readline().strip().rstrip('/')
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture(scope='module')
def behind(made, tmp_path_factory):
    "A service that knows of its proxy, and the proxy's address below a path."
    db = tmp_path_factory.mktemp('behind') / 'shop.db'
    shutil.copy(made, db)
    server = Server(db, '--root-path', '/shop/', '--trust-proxy', '127.0.0.1', '--allow-host', 'shop.example')
    with proxied(server.url, '/shop') as at: yield server, at
    assert server.stop() == 0
    assert not server.events('failure')


def test_behind_a_proxy(behind):
    "Whatever leads on has the prefix: redirects, the next page, a row that was made, questions and documentation."
    server, at = behind
    with httpx.Client(headers=dict(server.client.headers), timeout=30) as api:
        origin = at.removesuffix('/shop')
        assert httpx.get(f'{at}/v1/orders').status_code == 401
        for path in '/shop', '/shop/':
            assert api.get(origin + path).headers['location'] == '/shop/docs'
        first = api.get(f'{at}/v1/products', params=dict(limit=2, sort='-price_cents', name__contains='a'))
        link = re.fullmatch('<(/shop/v1/products[?].+)>; rel="next"', first.headers['link'])[1]
        assert (
            api.get(origin + link).json()['items'][0]
            == api.get(f'{at}/v1/products', params=dict(limit=3, sort='-price_cents', name__contains='a')).json()[
                'items'
            ][2]
        )
        new, key = a_customer(api_of(api, at)) | dict(email='proxy@example.com'), {'Idempotency-Key': 'proxied'}
        made, again = (api.post(f'{at}/v1/customers', json=new, headers=key) for _ in range(2))
        assert made.status_code == 201
        assert (made.headers['location']
        == again.headers['location']
        == f'/shop/v1/customers/{made.json()["customer_id"]}')
        assert api.get(origin + made.headers['location']).json() == made.json()
        assert again.headers['idempotency-replayed'] == 'true'
        assert (
            api.delete(origin + made.headers['location'], headers={'If-Match': made.headers['etag']}).status_code == 204
        )
        assert all(api.get(origin + q['href']).status_code == 200 for q in api.get(f'{at}/v1/questions').json()[:3])
        told = api.get(f'{at}/openapi.json').json()
        assert told['servers'] == [dict(url='/shop')]
        assert not [p for p in told['paths'] if p.startswith('/shop')]
        page = api.get(f'{at}/docs').text
        assets = [f'{at}/{a}' for a in re.findall('(?:src|href)="([^"]+)"', page)]
        assert len(assets) == 4
        assert all(api.get(a).status_code == 200 for a in assets)
        assert api.post(f'{at}/healthz').headers['allow'] == 'GET, HEAD'
        for r in (
            api.get(f'{at}/v1/customers/99999999'),
            api.patch(f'{at}/v1/orders/1', json={}, headers={'If-Match': '*'}),
        ):
            assert r.json()['status'] == 404
            assert r.json()['errors'][0]['parameter'] == 'key'
    assert server.client.get('/shop/v1/orders').status_code == 200 # a proxy that leaves the prefix where it is
    assert server.client.get('/shopping').status_code == 404


def api_of(client, at): return httpx.Client(base_url=at, headers=client.headers)


def test_a_name_of_its_own_behind_a_proxy(behind):
    "A proxy on the same machine hands on the name that it was asked by."
    server, _ = behind
    with proxied(server.url, '') as at:

        def status(host, path='/healthz', **headers):
            return httpx.get(at + path, headers=dict(Host=host) | headers).status_code

        assert [status(h) for h in ('shop.example', 'SHOP.EXAMPLE.', 'evil.example')] == [200, 200, 421]
        assert [
            status('shop.example', '/v1/orders', **h) for h in ({}, dict(Authorization=f'Bearer {server.token}'))
        ] == [401, 200]


@pytest.mark.slow
def test_documentation_behind_a_proxy_and_offline(behind, browser):
    "The page loads all it needs under the prefix and nothing from elsewhere, and a request tried there is answered."
    _, at = behind
    page, failed = browser.new_page(), []
    page.on('response', lambda r: r.status >= 400 and failed.append((r.status, r.url)))
    page.on('request', lambda r: r.url.startswith((at, 'data:', 'blob:')) or failed.append(r.url))
    page.on('requestfailed', lambda r: failed.append(r.url))
    page.on('console', lambda m: m.type == 'error' and failed.append(m.text))
    page.on('pageerror', lambda e: failed.append(str(e)))
    page.goto(at + '/')
    page.get_by_text('Revenue by month').first.wait_for(timeout=60_000)
    page.locator('#operations-service-get_health').click()
    with page.expect_response(lambda r: r.url.endswith('/healthz')) as said:
        page.get_by_role('button', name='Execute').click()
    assert said.value.status == 200
    assert said.value.url == at + '/healthz'
    page.close()
    assert not failed
