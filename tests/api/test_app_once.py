"A request that is sent again takes effect once."
import re, time
from concurrent.futures import ThreadPoolExecutor

import httpx

from shop_nb.api.auth import ApiKeys
from support.api import a_customer, is_problem, new_order


def test_once(server, api):
    order, key = new_order(api), {'Idempotency-Key': 'tuesday'}
    first, again = (api.post('/v1/orders', json=order, headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert first.headers['location'] == again.headers['location']
    assert 'idempotency-replayed' not in first.headers
    assert again.headers['idempotency-replayed'] == 'true'
    is_problem(api.post('/v1/orders', json=order | dict(channel='app'), headers=key), 422)
    is_problem(api.post('/v1/orders:bulk', json=[order], headers=key), 422)
    is_problem(api.post('/v1/orders', json=order, headers={'Idempotency-Key': 'é'.encode()}), 422)
    other = httpx.post(
        server.url + '/v1/orders', json=order,
        headers=key | {'Authorization': f'Bearer {ApiKeys(server.db).create(["orders:write"])}'}
    )
    assert other.status_code == 201
    assert other.headers['location'] != first.headers['location']


def test_a_row_that_was_deleted_is_nowhere(own):
    "Neither in the database nor beside it, nor in what is kept for those who ask again; they are told that it is gone."
    server = own()
    api, key = server.client, {'Idempotency-Key': 'forget-me'}
    row = a_customer(api) | dict(first_name='Zwirbelfritz', street='Am Tobelrain 7', email='zwirbelfritz@example.com')

    def holders():
        return [
            p.name
            for p in server.db.parent.iterdir()
            if re.search('Zwirbelfritz|Tobelrain', p.read_bytes().decode('latin-1'), re.I)
        ]

    made = api.post('/v1/customers', json=row, headers=key)
    again = api.post('/v1/customers', json=row, headers=key)
    assert made.status_code == again.status_code == 201
    assert again.content == made.content
    assert again.headers['etag'] == made.headers['etag']
    assert holders()
    changed = api.patch(made.headers['location'], json=dict(city='Neustadt'), headers={'If-Match': '*'})
    again = api.post('/v1/customers', json=row, headers=key)
    assert again.status_code == 201
    assert again.json() == changed.json()
    assert again.headers['etag'] == changed.headers['etag']
    assert api.delete(made.headers['location'], headers={'If-Match': '*'}).status_code == 204
    assert not holders()
    new = row | dict(first_name='Else', street='-', email='else@example.com')
    other = api.post('/v1/customers', json=new, headers={'Idempotency-Key': 'another'})
    assert other.headers['location'] == made.headers['location'] # the number is free again
    told = is_problem(api.post('/v1/customers', json=row, headers=key), 404)
    assert 'has been deleted' in told['detail']
    assert api.get('/v1/customers', params=dict(first_name='Zwirbelfritz')).json()['items'] == []
    assert api.post('/v1/customers', json=new, headers={'Idempotency-Key': 'another'}).json() == other.json()
    assert not holders()
    hidden = api.post(
        '/v1/customers', json=row | dict(email='hidden@example.com'), headers={'Idempotency-Key': 'third'}
    ).headers['location']
    assert api.patch(hidden, json=dict(first_name='-', street='-'), headers={'If-Match': '*'}).status_code == 200
    assert server.stop() == 0
    assert not holders() # what was overwritten goes with the file of changes


def test_in_flight(inside):
    "While a wish is being done, the same wish is told so."
    client, app = inside()
    service, order = app.state.service, new_order(client)
    head = {'Authorization': f'Bearer {service.keys.create(["*"])}', 'Idempotency-Key': 'k'}
    with ThreadPoolExecutor(1) as pool:
        with service.store.transaction():
            first = pool.submit(client.post, '/v1/orders', json=order, headers=head)
            while not service.in_flight: time.sleep(0.01)
            is_problem(client.post('/v1/orders', json=order, headers=head), 409)
            assert not first.done()
        assert first.result(30).status_code == 201
    assert client.post('/v1/orders', json=order, headers=head).headers['idempotency-replayed'] == 'true'
