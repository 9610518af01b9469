"Who may do what."
import shutil, time
from functools import cache

from shop_nb.api.auth import ApiKeys
from shop_nb.model.schema import TABLES
from support.api import is_problem


def routes(told):
    for path, methods in told['paths'].items():
        for method, op in methods.items():
            if scope := op.get('x-scope'): yield method.upper(), path.replace('{key}', '1'), scope


def test_each_route_with_each_key(inside):
    "Every route, with every kind of key, on a loopback address and on another one."
    for host, reads_open in [('127.0.0.1', True), ('0.0.0.0', False)]:
        client, app = inside(host=host, rate=0)
        keys, found = app.state.service.keys, list(routes(client.get('/openapi.json').json()))
        assert len(found) > 60
        good, old, some = keys.create(['*']), keys.create(['*'], days=0), cache(lambda *scopes: keys.create(scopes))
        for method, path, scope in found:
            other = some(
                *[
                    s
                    for s in ['orders:read', 'orders:write', 'customers:read', 'customers:write', 'questions:read']
                    if s != scope
                ][:4]
            )
            body = dict(json={}) if method in ('POST', 'PUT', 'PATCH') else {}

            def status(token=None, kind='Bearer'):
                return client.request(
                    method, path, **body, headers={'Authorization': f'{kind} {token}'} if token else {}
                ).status_code

            assert (status() != 401) == (reads_open and scope.endswith(':read')), (method, path)
            assert [status('wrong'), status(good[:-1]), status(good, 'Basic'), status(old)] == [401] * 4, (method, path)
            allowed = keys.find(other).may(scope)
            assert (status(other) == 403) != allowed, (method, path)
            assert status(good) not in (401, 403), (method, path)
            assert status(some(scope)) not in (401, 403)
        for path in '/healthz', '/readyz', '/docs', '/openapi.json':
            assert client.get(path).status_code == 200


def test_what_comes_along_needs_its_own_scope(inside):
    client, app = inside(host='0.0.0.0', rate=0)
    head = {'Authorization': f'Bearer {app.state.service.keys.create(["orders:read"])}'}
    assert client.get('/v1/orders?limit=1&expand=items,payment', headers=head).status_code == 200
    is_problem(client.get('/v1/orders?limit=1&expand=customer', headers=head), 403)
    key = client.get('/v1/orders?limit=1', headers=head).json()['items'][0]['order_id']
    is_problem(client.get(f'/v1/orders/{key}?expand=customer', headers=head), 403)


def test_who_may_write_and_not_read_reads_nothing(inside):
    client, app = inside()
    for table, t in TABLES.items():
        key = {'Authorization': 'Bearer ' + app.state.service.keys.create([f'{table}:write']), 'If-Match': '*'}
        row = client.get(f'/v1/{table}', params=dict(limit=1)).json()['items'][0]
        r = client.patch(f'/v1/{table}/{row[t.key]}', json={}, headers=key)
        assert r.status_code == 200, r.text
        assert r.json() == {t.key: row[t.key]}, r.text
        assert r.headers['etag'], r.text
        both = key | {'Authorization': 'Bearer ' + app.state.service.keys.create([f'{table}:write', f'{table}:read'])}
        assert client.patch(f'/v1/{table}/{row[t.key]}', json={}, headers=both).json().items() >= row.items()


def test_keys_from_the_command_line(made, tmp_path, cli):
    db = tmp_path / 'shop.db'
    shutil.copy(made, db)
    token = cli('key', 'create', '--db', db, '--scope', 'orders:read', '--scope', '*:write', '--days', 1)[
        1
    ].splitlines()[-1]
    key = ApiKeys(db).find(token)
    assert key.may('orders:read')
    assert key.may('products:write')
    assert not key.may('products:read')
    assert 0 < key.expires - time.time() < 86_401
    listed = cli('key', 'list', '--db', db)[1]
    assert key.id in listed
    assert token not in listed
    assert key.hash not in listed
    assert cli('key', 'revoke', key.id, '--db', db)[0] == 0
    assert ApiKeys(db).find(token) is None
    for wrong in [
        ('key', 'create', '--db', db, '--scope', 'all'),
        ('key', 'revoke', 'nobody', '--db', db),
        ('key', 'list', '--db', tmp_path / 'no.db'),
        ('api', '--db', tmp_path / 'no.db'),
    ]:
        code, _, told = cli(*wrong)
        assert code == 2, told
        assert 'Traceback' not in told, told
        assert 0 < len(told.strip().splitlines()) <= 3, told
