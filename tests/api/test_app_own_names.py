"A service on a shop with categories, segments, channels and payment methods of its own."
import json, shutil

import pytest
from fastapi.testclient import TestClient

from shop_nb.api.app import make_app
from shop_nb.api.http_server import Config

CATEGORIES, METHODS = ['Books', 'Plants', 'Home Office'], ['pix', 'boleto']


@pytest.fixture(scope='module')
def renamed_app(renamed_db, tmp_path_factory):
    db = tmp_path_factory.mktemp('renamed-api') / 'shop.db'
    shutil.copy(renamed_db, db)
    app = make_app(Config(str(db), quiet=True))
    with TestClient(app, base_url='http://localhost') as client:
        client.headers['Authorization'] = 'Bearer ' + app.state.service.keys.create(['*'])
        yield client


@pytest.fixture(scope='module')
def told(renamed_app): return renamed_app.get('/openapi.json').json()


def parameter(told, path, name):
    "The schema of a query parameter, without what else may stand for it."
    shown = next(p['schema'] for p in told['paths'][path]['get']['parameters'] if p['name'] == name)
    return next((s for s in shown.get('anyOf', [shown]) if 'enum' in s), shown)


def test_the_document_has_the_shops_own_lists(told):
    schemas = told['components']['schemas']
    assert schemas['NewProduct']['properties']['category']['enum'] == CATEGORIES
    assert schemas['PaymentOfOrder']['properties']['method']['enum'] == METHODS
    assert parameter(told, '/v1/products', 'category')['enum'] == CATEGORIES
    assert parameter(told, '/v1/questions/top_products', 'category')['enum'] == CATEGORIES


@pytest.mark.parametrize('name', ['Garden', 'consumer', 'marketplace', 'wallet'])
def test_the_document_has_no_name_of_the_default_shop(told, name): assert f'"{name}"' not in json.dumps(told)


def test_a_row_outside_of_the_lists_is_refused_with_them(renamed_app):
    answer = renamed_app.patch('/v1/products/1', json=dict(category='Toys'), headers={'If-Match': '*'})
    assert answer.status_code == 422
    assert "'Books', 'Plants' or 'Home Office'" in answer.text


def test_a_row_with_an_own_name_is_taken(renamed_app):
    answer = renamed_app.patch('/v1/products/1', json=dict(category='Plants'), headers={'If-Match': '*'})
    assert (answer.status_code, answer.json()['category']) == (200, 'Plants')


def test_filters_and_questions_know_the_lists(renamed_app):
    found = renamed_app.get('/v1/products', params=dict(category__in='Plants,Home Office', limit=3)).json()['items']
    assert {row['category'] for row in found} <= {'Plants', 'Home Office'}
    assert renamed_app.get('/v1/products', params=dict(category='Toys')).status_code == 422
    assert renamed_app.get('/v1/questions/top_products', params=dict(category='Plants')).status_code == 200
    assert renamed_app.get('/v1/questions/top_products', params=dict(category='Toys')).status_code == 422


def test_the_example_of_a_new_order_can_be_added(renamed_app, told):
    example = told['components']['schemas']['NewOrder']['examples'][0]
    assert example['channel'] in ('shop', 'phone')
    assert example['payment']['method'] in METHODS


def test_two_services_in_one_process_have_lists_of_their_own(renamed_app, inside):
    other = inside()[0].get('/openapi.json').json()
    assert 'Garden' in other['components']['schemas']['NewProduct']['properties']['category']['enum']
    mine = renamed_app.get('/openapi.json').json()
    assert mine['components']['schemas']['NewProduct']['properties']['category']['enum'] == CATEGORIES
