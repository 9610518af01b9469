"One row: from first to last, by its version, and an order as a whole."
import os, re, sqlite3
from contextlib import closing

import pytest

from shop_nb.model.rules import RULES, violations
from shop_nb.model.schema import TABLES
from shop_nb.store.repository import Store
from support.api import is_problem, new_order, taxed


@pytest.mark.parametrize('table', ['customers', 'products', 'orders'])
def test_a_row_from_first_to_last(api, table):
    t = TABLES[table]
    if table == 'orders':
        row = new_order(api)
    else:
        row = api.get(f'/v1/{table}', params=dict(limit=1)).json()['items'][0] | (
            dict(email='new@example.com') if table == 'customers' else dict(sku='NEW-1')
        )
        del row[t.key]
    made = api.post(f'/v1/{table}', json=row)
    assert made.status_code == 201, made.text
    key, at = made.json()[t.key], made.headers['location']
    assert at == f'/v1/{table}/{key}'
    assert api.get(at).headers['etag'] == made.headers['etag']
    whole = made.json()
    changed = (
        whole | dict(city='Elsewhere')
        if table == 'customers'
        else whole | dict(brand='Another')
        if table == 'products'
        else whole | dict(channel='app')
    )
    put = api.put(at, json=changed, headers={'If-Match': made.headers['etag']})
    assert put.status_code == 200
    assert put.json() == changed
    assert put.headers['etag'] != made.headers['etag']
    column = dict(customers='city', products='brand', orders='channel')[table]
    patched = api.patch(
        at, json={column: whole[column]},
        headers={'If-Match': put.headers['etag'], 'Content-Type': 'application/merge-patch+json'}
    )
    assert patched.json() == whole
    assert patched.headers['etag'] == made.headers['etag']
    gone = api.delete(at, headers={'If-Match': patched.headers['etag']})
    assert gone.status_code == 204
    assert not gone.content
    is_problem(api.get(at), 404)
    is_problem(api.delete(at, headers={'If-Match': '*'}), 404)


@pytest.mark.parametrize('table', TABLES)
def test_lists_are_what_the_store_has(server, api, table):
    with Store(server.db) as store: page = store.page(table, sort=f'-{TABLES[table].key}', limit=50)
    first = api.get(f'/v1/{table}', params=dict(sort=f'-{TABLES[table].key}', limit=30, count='true'))
    second = api.get(re.fullmatch('<(.+)>; rel="next"', first.headers['link'])[1])
    assert first.json()['items'] + second.json()['items'][:20] == page.items
    assert first.json()['count'] == sqlite3.connect(server.db).execute(f'SELECT count(*) FROM {table}').fetchone()[0]
    last = api.get(f'/v1/{table}', params={TABLES[table].key: page.items[0][TABLES[table].key]})
    assert last.json() == dict(items=page.items[:1], next=None)
    assert 'link' not in last.headers


def test_conditions(api):
    at, tag = '/v1/customers/7', api.get('/v1/customers/7').headers['etag']
    same = api.get(at, headers={'If-None-Match': f'"x", W/{tag}'})
    assert same.status_code == 304
    assert not same.content
    assert same.headers['etag'] == tag
    assert api.get(at, headers={'If-None-Match': '"x"'}).status_code == 200
    for method in 'PUT', 'PATCH', 'DELETE':
        body = dict(json=api.get(at).json()) if method != 'DELETE' else {}
        is_problem(api.request(method, at, **body), 428)
        is_problem(api.request(method, at, **body, headers={'If-Match': '"0123"'}), 412)
        is_problem(api.request(method, at, **body, headers={'If-Match': f'W/{tag}'}), 412)
    assert api.patch(at, json={}, headers={'If-Match': f'"0", {tag}'}).headers['etag'] == tag


def test_the_version_of_a_row_is_good_whatever_came_along(inside):
    client, app = inside()
    key = {'Authorization': f"Bearer {app.state.service.keys.create(['*'])}"}
    at = '/v1/order_items/' + str(
        client.get('/v1/order_items', params=dict(limit=1)).json()['items'][0]['order_item_id']
    )
    alone, along = (client.get(at, params=p).headers['etag'] for p in ({}, dict(expand='product')))
    assert alone != along
    assert client.get(at, params=dict(expand='product'), headers={'If-None-Match': along}).status_code == 304
    assert client.patch(at, json={}, headers=key | {'If-Match': along}).status_code == 200


def test_an_order_is_one_call(server, api):
    made = api.post('/v1/orders', json=new_order(api)).json()
    assert [len(made['items']), made['payment']['order_id']] == [1, made['order_id']]
    told = is_problem(api.post('/v1/orders', json=new_order(api) | taxed(new_order(api), 5)), 409)
    assert told['errors'][0]['pointer'] == '/payment/amount_cents'
    assert '+ 5 tax' in told['detail']
    assert told['detail'].startswith('Rule ledger is violated: ')
    assert told['errors'][0]['code'] == 'ledger'
    wrong = new_order(api)
    wrong['items'][0]['product_id'] = 10**6
    assert is_problem(api.post('/v1/orders', json=wrong), 409)['errors'][0] == dict(
        pointer='/items/0/product_id', code='reference', detail='product_id 1000000 is not in products.'
    )
    assert (
        is_problem(api.post('/v1/orders:bulk', json=[new_order(api), wrong]), 409)['errors'][0]['pointer']
        == '/1/items/0/product_id'
    )
    at = f'/v1/orders/{made["order_id"]}'
    is_problem(api.patch(at, json=dict(tax_cents=7), headers={'If-Match': '*'}), 409)
    more = taxed(made, 7) | dict(payment=dict(amount_cents=made['payment']['amount_cents'] + 7))
    assert (
        api.patch(at, json=more, headers={'If-Match': '*'}).json()['payment']['amount_cents']
        == made['payment']['amount_cents'] + 7
    )
    is_problem(api.delete(f'/v1/payments/{made["payment"]["payment_id"]}', headers={'If-Match': '*'}), 409)
    assert api.delete(at, headers={'If-Match': '*'}).status_code == 204
    with closing(sqlite3.connect(server.db)) as con:
        assert not {r.name for r in RULES if violations(con, r, 'sqlite')}


def test_tax_in_prices_is_not_added_again(server, api):
    untaxed = is_problem(api.post('/v1/orders', json=new_order(api, tax_cents=5, tax_included=True)), 409)
    assert (untaxed['errors'][0]['pointer'], untaxed['errors'][0]['code']) == ('/tax_cents', 'line_taxes')
    assert 'tax_cents is 5, but the lines have 0 cents of tax' in untaxed['detail']
    made = api.post('/v1/orders', json=(new := new_order(api, tax_included=True)) | taxed(new, 5)).json()
    assert made['tax_included'] is True
    at, amount = f'/v1/orders/{made["order_id"]}', made['payment']['amount_cents']
    alone = is_problem(api.patch(at, json=dict(tax_cents=7), headers={'If-Match': '*'}), 409)
    assert alone['errors'][0]['code'] == 'line_taxes'
    assert api.patch(at, json=taxed(made, 7), headers={'If-Match': '*'}).json()['tax_cents'] == 7
    told = is_problem(api.patch(at, json=dict(tax_included=False), headers={'If-Match': '*'}), 409)
    assert told['errors'][0]['code'] == 'ledger'
    added = dict(tax_included=False, payment=dict(amount_cents=amount + 7))
    assert api.patch(at, json=added, headers={'If-Match': '*'}).json()['payment']['amount_cents'] == amount + 7
    told = is_problem(api.patch(at, json=dict(tax_included=True), headers={'If-Match': '*'}), 409)
    assert 'with tax in its prices' in told['detail']
    dear = taxed(made, 10**7) | dict(tax_included=True, payment=dict(amount_cents=amount))
    told = is_problem(api.patch(at, json=dear, headers={'If-Match': '*'}), 409)
    assert told['errors'][0]['code'] == 'tax_within_goods'
    assert api.delete(at, headers={'If-Match': '*'}).status_code == 204


def test_an_order_says_whether_its_prices_contain_the_tax(api):
    new = new_order(api)
    del new['tax_included']
    assert is_problem(api.post('/v1/orders', json=new), 422)['errors'][0]['pointer'] == '/tax_included'


def test_head_is_get_without_the_body(server, api):
    for path in '/v1/customers/7', '/v1/orders?limit=2', '/v1/payments:export', '/healthz', '/v1/customers/1000000':
        got, head = api.get(path), api.head(path)
        assert head.status_code == got.status_code, path
        assert not head.content, path
        assert head.headers['content-type'] == got.headers['content-type'], path
        assert head.headers.get('etag') == got.headers.get('etag')
        assert head.headers.get(
            'content-length'
        ) == got.headers.get('content-length')
    assert (
        api.head('/v1/customers/7', headers={'If-None-Match': api.get('/v1/customers/7').headers['etag']}).status_code
        == 304
    )


def test_nothing_is_acknowledged_into_a_file_that_has_gone(inside, tmp_path):
    import shutil

    client, app = inside()
    store = app.state.service.store
    key = {'Authorization': f"Bearer {app.state.service.keys.create(['*'])}"}
    product = client.get('/v1/products', params=dict(limit=1)).json()['items'][0]
    shutil.copy(store.path, tmp_path / 'backup.db')
    os.replace(tmp_path / 'backup.db', store.path)
    r = client.patch(
        f"/v1/products/{product['product_id']}", json=dict(name='Another'), headers=key | {'If-Match': '*'}
    )
    assert is_problem(r, 503)
    assert client.get('/readyz').status_code == 503
