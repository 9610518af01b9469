"A service on a shop that lacks something: nulls come and go, its rules hold, and a question that needs more says so."
import pytest
from fastapi.testclient import TestClient

from shop_nb.api.app import make_app
from shop_nb.api.http_server import Config
from shop_nb.database.load import load
from shop_nb.generator.blocks import tables
from support.absent import FLAT, emptied, lacking
from support.server import SETTINGS


@pytest.fixture(scope='module')
def client(tmp_path_factory):
    db = tmp_path_factory.mktemp('flat') / 'shop.db'
    load(emptied(tables(SETTINGS), FLAT), db, market=lacking(FLAT))
    app = make_app(Config(str(db), quiet=True))
    with TestClient(app, base_url='http://localhost') as client:
        client.headers['Authorization'] = 'Bearer ' + app.state.service.keys.create(['*'])
        yield client


def test_what_is_absent_is_null(client):
    order = client.get('/v1/orders', params=dict(limit=1)).json()['items'][0]
    assert order['status'] is None
    assert order['tax_cents'] is None
    assert order['ordered_at']


def test_the_questions_are_those_that_can_be_asked(client):
    names = [q['name'] for q in client.get('/v1/questions').json()]
    assert 'monthly_revenue' in names
    assert 'delivery_times' not in names
    for name in names: assert client.get(f'/v1/questions/{name}').status_code == 200, name
    answer = client.get('/v1/questions/monthly_revenue').json()
    assert 'the source does not tell its tax' in answer['caveats']
    assert all('refunded_amount' not in row for row in answer['rows'])


def test_another_question_says_what_it_needs(client):
    r = client.get('/v1/questions/payment_methods')
    assert r.status_code == 404
    assert "payment_methods needs payments, which this shop's source does not have" in r.json()['detail']


def test_the_rules_that_the_shop_has_hold_for_changes(client):
    product = client.get('/v1/products', params=dict(limit=1)).json()['items'][0]['product_id']
    line = dict(product_id=product, quantity=2, unit_price_cents=990)
    order = dict(customer_id=1, ordered_at='2031-02-03 10:00:00', items=[line])
    made = client.post('/v1/orders', json=order)
    assert made.status_code == 201, made.text
    assert made.json()['status'] is None
    assert made.json().get('payment') is None
    empty = client.post('/v1/orders', json=order | dict(items=None))
    assert empty.status_code == 409
    assert 'order_has_lines' in empty.text
    twice = order | dict(items=[line, line | dict(unit_price_cents=991)])
    assert client.post('/v1/orders', json=twice).status_code == 409


def test_a_row_that_lacks_what_must_be_there_is_refused(client):
    r = client.post('/v1/orders', json=dict(customer_id=1, items=[]))
    assert r.status_code == 422
    assert 'ordered_at' in r.text


@pytest.mark.parametrize('column, value', [
    ('status', 'paid'), ('tax_cents', 100), ('delivered_at', '2031-02-05 10:00:00'),
])
def test_what_is_absent_stays_absent(client, column, value):
    "No question would ever show it."
    product = client.get('/v1/products', params=dict(limit=1)).json()['items'][0]['product_id']
    line = dict(product_id=product, quantity=2, unit_price_cents=990)
    order = dict(customer_id=1, ordered_at='2031-02-03 10:00:00', items=[line])
    refused = client.post('/v1/orders', json=order | {column: value})
    assert refused.status_code == 422
    assert column in refused.text
    made = client.post('/v1/orders', json=order | {column: None})
    assert made.status_code == 201, made.text
    patched = client.patch(made.headers['Location'], json={column: value})
    assert patched.status_code == 422


def test_the_example_of_a_new_order_is_one(client):
    schema = client.get('/openapi.json').json()['components']['schemas']['NewOrder']
    example, = schema['examples']
    assert 'tax_cents' not in example
    assert schema['properties']['tax_cents']['type'] == 'null'
    product = client.get('/v1/products', params=dict(limit=1)).json()['items'][0]['product_id']
    for item in example['items']: item['product_id'] = product
    made = client.post('/v1/orders', json=example | dict(customer_id=1))
    assert made.status_code == 201, made.text
