"Questions over HTTP."
import io, json, time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from shop_nb import Shop
from shop_nb.analytics.questions import ask, questions
from shop_nb.api.app import make_app
from shop_nb.api.http_server import Config
from support.api import is_problem, new_order


def test_questions(server, api):
    "Each question is answered, as the library answers it."
    listed = api.get('/v1/questions').json()
    assert [q['name'] for q in listed] == list(questions())
    for q in listed:
        got = api.get(q['href']).json()
        assert got['rows'] == json.loads(json.dumps(ask(q['name'], str(server.db)).rows())), q['name']
    assert len({api.get(q['href']).json()['as_of']['version'] for q in listed}) == 1


def test_a_question_says_what_it_saw(api):
    at = '/v1/questions/monthly_revenue?start=2026-02-01&end=2026-02-28'
    first = api.get(at)
    seen = first.json()['as_of']
    assert first.headers['x-as-of'] == f'{seen["version"]} {seen["at"]}'
    assert api.get(at, headers={'If-None-Match': first.headers['etag']}).status_code == 304
    api.post(
        '/v1/orders',
        json=new_order(api, ordered_at='2026-02-05 10:00:00', status='paid')
        | dict(payment=new_order(api)['payment'] | dict(status='captured', attempts=1, paid_at='2026-02-05 10:01:00')),
    )
    second = api.get(at).json()
    assert second['as_of']['version'] != seen['version']
    assert second['rows'][0]['orders'] == first.json()['rows'][0]['orders'] + 1
    brand, tag = api.get('/v1/products/1').json()['brand'], api.get(at).headers['etag']
    for new in (
        'Other',
        brand,
    ): # there and back: the shop is as it was, but the answer says another time, and is another one
        time.sleep(1.1)
        api.patch('/v1/products/1', json=dict(brand=new), headers={'If-Match': '*'})
        last = api.get(at)
    assert last.json()['as_of']['version'] == second['as_of']['version']
    assert last.json() != second
    assert last.headers['etag'] != tag
    assert (
        api.get(at + '&format=csv').text.splitlines()[0]
        == 'month,orders,units,revenue,aov,refunded_amount,growth_rate'
    )
    assert (
        pq.read_table(io.BytesIO(api.get(at + '&format=parquet').content)).num_rows
        == pa.ipc.open_stream(api.get(at + '&format=arrow').content).read_all().num_rows
        == 1
    )
    is_problem(api.get('/v1/questions/monthly_revenue?start=2025-03-01&end=2025-01-01'), 400)
    assert 'monthly_revenue' in is_problem(api.get('/v1/questions/monthly_revenu'), 404)['detail']


@pytest.mark.parametrize('currency', ['USD', 'INR'])
def test_the_currency_is_that_of_the_shop(tmp_path, currency):
    db = tmp_path / 'shop.db'
    Shop(orders=60, customers=30, products=20, order_items=120, **{'shop.currency': currency}).load(db)
    with TestClient(make_app(Config(str(db), quiet=True)), base_url='http://localhost') as client:
        told = client.get('/openapi.json')
        assert f"hundredths of the shop's currency, {currency};" in told.json()['info']['description']
        assert 'uro' not in told.text.replace('European', '')
        answer = client.get('/v1/questions/monthly_revenue').json()
    assert answer['currency'] == currency
    assert 'revenue' in answer['rows'][0]
