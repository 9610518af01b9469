"The service: what HTTP promises, to friends and to others. Most tests ask a real server."
import csv, io, json, os, re, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, threading, time, tracemalloc
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from functools import cache
from urllib.parse import quote

import duckdb
import httpx
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException

from shop_nb.analytics.questions import Answer, ask, questions
from shop_nb.api.app import make_app
from shop_nb.app.cli import main
from shop_nb.api.http_server import Config
from shop_nb.generator.blocks import tables
from shop_nb.api.auth import Keys
from shop_nb.database.load import load
from shop_nb.model.rules import RULES, violations
from shop_nb.model.schema import TABLES
from shop_nb.core.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.api.models import MANY, PATTERNS, SHAPES, _parse
from shop_nb.store.repository import Store, filters
from support import ROOT, until
from support.server import FULL, Server



@pytest.fixture
def cli(capsys):
    "Call the command line: exit code, standard output, standard error."
    def call(*args):
        capsys.readouterr()
        return main([str(a) for a in args]), *capsys.readouterr()
    return call


def new_order(api, **more):
    product = api.get('/v1/products', params=dict(discontinued_on__isnull='true', limit=1)).json()['items'][0]
    price, order = (
        product['price_cents'],
        dict(
            customer_id=1,
            ordered_at='2026-02-03 10:00:00',
            status='pending',
            channel='web',
            shipping_cents=490,
            tax_cents=0,
            discount_cents=0,
        ),
    )
    return (
        order
        | dict(
            items=[
                dict(
                    product_id=product['product_id'],
                    quantity=2,
                    unit_price_cents=price,
                    discount_cents=0,
                    returned_quantity=0,
                )
            ],
            payment=dict(method='card', status='pending', amount_cents=2 * price + 490, refunded_cents=0, attempts=0),
        )
        | more
    )


def a_customer(api): return {n: v for n, v in api.get('/v1/customers/1').json().items() if n != 'customer_id'}


def is_problem(r, status):
    assert r.status_code == status, r.text
    told = r.json()
    assert r.headers['content-type'] == 'application/problem+json'
    assert told['status'] == status
    assert told['title']
    assert told['detail']
    assert not re.search(r'Traceback|File "|sqlite|SELECT |INSERT |UPDATE ', r.text, re.I), r.text
    return told


# ---- rows

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
        at,
        json={column: whole[column]},
        headers={'If-Match': put.headers['etag'], 'Content-Type': 'application/merge-patch+json'},
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


def test_parameters(api):
    got = api.get(
        '/v1/products',
        params=[
            ('category__in', 'Home,Toys'),
            ('category__in', 'Books'),
            ('fields', 'category,name'),
            ('name__contains', 'A'),
        ],
    ).json()['items']
    assert got
    assert {tuple(r) for r in got} == {('category', 'name')}
    assert {r['category'] for r in got} <= {'Home', 'Toys', 'Books'}
    told = is_problem(api.get('/v1/products', params=dict(price_cent__gte=1)), 422)
    assert 'price_cents__gte' in told['errors'][0]['detail']
    assert told['errors'][0]['parameter'] == 'price_cent__gte'
    for wrong in [
        dict(limit=0),
        dict(limit=1001),
        dict(sort='nothing'),
        dict(fields='sku,'),
        dict(count='yes'),
        dict(price_cents='a'),
        dict(launched_on='2025-02-30'),
        dict(expand='orders'),
    ]:
        is_problem(api.get('/v1/products', params=wrong), 422)
    order = api.get('/v1/orders', params=dict(limit=1, expand='customer,items,payment')).json()['items'][0]
    assert order['items'][0]['order_id'] == order['payment']['order_id'] == order['order_id']
    assert order['customer']['customer_id'] == order['customer_id']
    is_problem(api.get('/v1/questions/monthly_revenue', params=dict(star='2025-01-01')), 422)


def test_dates_by_their_pattern():
    "The pattern of a date takes what SQLite takes, and nothing else."
    con, date = sqlite3.connect(':memory:'), re.compile(PATTERNS['date'])
    for year in (1900, 1999, 2000, 2023, 2024, 2088, 2089):
        for month in range(0, 14):
            for day in range(0, 33):
                text = f'{year}-{month:02}-{day:02}'
                valid, = con.execute("SELECT ? IS date(?, '+0 days')", (text, text)).fetchone()
                assert bool(date.fullmatch(text)) == bool(valid), text


@pytest.mark.parametrize(
    'written',
    [
        '2025-11-01T00:00:00',
        '2025-11-01t00:00:00.000',
        '2025-11-01 00:00',
        '2025-11-01',
        '2025-11-01 00:00:00.000000000',
    ],
)
def test_times_as_programs_write_them(api, written):
    "As a filter, in a row, in rows of each kind, and as the parameter of a question; shown they are always in one form."
    kept, found = '2025-11-01 00:00:00', lambda **q: api.get('/v1/orders', params=dict(limit=1000) | q).json()['items']
    assert found(ordered_at__gte=written) == found(ordered_at__gte=kept) != found()
    assert found(ordered_at__in=f'{written},{kept}') == found(ordered_at=kept)
    row = a_customer(api) | dict(signed_up_at=written, email='t@example.com')
    made = api.post('/v1/customers', json=row)
    assert made.status_code == 201, made.text
    assert made.json()['signed_up_at'] == kept, made.text
    put = api.patch(made.headers['location'], json=dict(signed_up_at=written), headers={'If-Match': '*'})
    assert put.json()['signed_up_at'] == kept
    assert api.delete(made.headers['location'], headers={'If-Match': '*'}).status_code == 204
    line = io.StringIO()
    csv.writer(line).writerows([row, row.values()])
    for kind, body in (
        ('application/json', json.dumps([row])),
        ('application/x-ndjson', json.dumps(row)),
        ('text/csv', line.getvalue()),
    ):
        (key,) = api.post('/v1/customers:bulk', content=body, headers={'Content-Type': kind}).json()['keys']
        assert api.get(f'/v1/customers/{key}').json()['signed_up_at'] == kept
        api.delete(f'/v1/customers/{key}', headers={'If-Match': '*'})
    ask = lambda start: api.get('/v1/questions/monthly_revenue', params=dict(start=start)).json()
    assert ask(written)['params'] == ask('2025-11-01')['params']
    assert (
        api.get('/v1/products', params=dict(launched_on__gte=written)).json()
        == api.get('/v1/products', params=dict(launched_on__gte='2025-11-01')).json()
    )


@pytest.mark.parametrize(
    'written',
    [
        '2025-11-01T00:00:00Z',
        '2025-11-01T00:00:00+01:00',
        '2025-11-01 00:00:00.5',
        '2025-02-30',
        '01/11/2025',
        '1761951600',
        '2025-11-01T24:00:00',
        '٢٠٢٥-11-01',
        'now',
    ],
)
def test_times_that_are_none_are_told_in_words(api, written):
    for at, name in (
        ('/v1/orders', 'ordered_at__gte'),
        ('/v1/products', 'launched_on'),
        ('/v1/questions/monthly_revenue', 'start'),
    ):
        told = is_problem(api.get(at, params={name: written}), 422)['errors'][0]
        assert re.search('be a (time|date) from 1900 to 2089, such as 2025-11-01', told['detail']), told
    assert (
        'local time, without Z'
        in is_problem(api.patch('/v1/customers/1', json=dict(signed_up_at=written), headers={'If-Match': '*'}), 422)[
            'detail'
        ]
    )


def test_no_pattern_is_an_explanation(api):
    "Whatever has to have a form, the refusal says which in words."
    wrong = [
        (f'/v1/{n}', {name: 'no' if c.type != 'text' else 'a\0'})
        for n, t in TABLES.items()
        for name, (c, op) in filters(n).items()
        if not c.values
    ]
    wrong += [(f'/v1/{n}', {p: '§'}) for n in TABLES for p in ('sort', 'fields', 'expand')] + [
        (f'/v1/questions/{n}', {p: '§'}) for n, q in questions().items() for p in q.params
    ]
    answers = [api.get(at, params=params) for at, params in wrong]
    body = {c.name: '\0' if c.type == 'text' else 'no' for c in TABLES['customers'].columns}
    answers += [
        api.patch('/v1/customers/1', json=body, headers={'If-Match': '*'}),
        api.patch(
            '/v1/customers/1', json=dict(email='nobody', phone='12', country='Germany'), headers={'If-Match': '*'}
        ),
    ]
    answers += [
        api.post('/v1/orders', json={}, headers={'Idempotency-Key': 'é'.encode()}),
        api.post('/v1/customers:bulk', json=[body]),
    ]
    details = [f['detail'] for r in answers if r.status_code != 200 for f in is_problem(r, 422)['errors']]
    assert len(details) > 150
    assert not [d for d in details if 'pattern' in d or '[^' in d or '(?:' in d or '^' in d]
    assert 'Input should be written like clara.moreau1@example.com' in details
    assert 'Input should have no NUL character' in details


# ---- conditions

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


# ---- orders as a whole

def test_an_order_is_one_call(server, api):
    made = api.post('/v1/orders', json=new_order(api)).json()
    assert [len(made['items']), made['payment']['order_id']] == [1, made['order_id']]
    told = is_problem(api.post('/v1/orders', json=new_order(api, tax_cents=5)), 409)
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
    more = dict(tax_cents=7, payment=dict(amount_cents=made['payment']['amount_cents'] + 7))
    assert (
        api.patch(at, json=more, headers={'If-Match': '*'}).json()['payment']['amount_cents']
        == made['payment']['amount_cents'] + 7
    )
    is_problem(api.delete(f'/v1/payments/{made["payment"]["payment_id"]}', headers={'If-Match': '*'}), 409)
    assert api.delete(at, headers={'If-Match': '*'}).status_code == 204
    with closing(sqlite3.connect(server.db)) as con:
        assert not {r.name for r in RULES if violations(con, r, 'sqlite')}


# ---- once

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
        server.url + '/v1/orders',
        json=order,
        headers=key | {'Authorization': f'Bearer {Keys(server.db).create(["orders:write"])}'},
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
        with service.store.change():
            first = pool.submit(client.post, '/v1/orders', json=order, headers=head)
            while not service.in_flight: time.sleep(0.01)
            is_problem(client.post('/v1/orders', json=order, headers=head), 409)
            assert not first.done()
        assert first.result(30).status_code == 201
    assert client.post('/v1/orders', json=order, headers=head).headers['idempotency-replayed'] == 'true'


# ---- bulk and export

def test_bulk(server, api):
    product = api.get('/v1/products/1').json()
    del product['product_id']
    rows = [product | dict(sku=f'BULK-{i}') for i in range(4)]
    bad = [rows[0], rows[1] | dict(price_cents=0), rows[0], rows[3]]
    count = lambda: api.get('/v1/products', params=dict(count='true', limit=1)).json()['count']
    before = count()
    told = is_problem(api.post('/v1/products:bulk', json=bad), 422)
    assert told['errors'][0]['pointer'] == '/1/price_cents'
    assert count() == before
    told = is_problem(api.post('/v1/products:bulk', json=[rows[0], rows[0]]), 409)
    assert told['errors'][0]['pointer'] == '/1/sku'
    assert count() == before
    dry = api.post('/v1/products:bulk', params=dict(dry_run='true'), json=rows).json()
    assert dry['created'] == 4
    assert dry['dry_run']
    assert count() == before
    told = api.post('/v1/products:bulk', params=dict(mode='each'), json=bad)
    each = told.json()
    assert told.status_code == 207
    assert each['created'] == 2
    assert [f['pointer'] for f in each['refused']] == ['/1/price_cents', '/2/sku']
    assert count() == before + 2
    lines = ''.join(json.dumps(r | dict(sku=r['sku'] + 'n')) + '\n' for r in rows)
    assert (
        api.post('/v1/products:bulk', content=lines, headers={'Content-Type': 'application/x-ndjson'}).json()['created']
        == 4
    )
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(r | dict(sku=r['sku'] + 'c') for r in rows)
    made = api.post(
        '/v1/products:bulk', content=out.getvalue(), headers={'Content-Type': 'text/csv; charset=utf-8'}
    ).json()
    assert made['created'] == 4
    assert api.get(f'/v1/products/{made["keys"][-1]}').json() == rows[-1] | dict(
        product_id=made['keys'][-1], sku=rows[-1]['sku'] + 'c'
    )
    is_problem(api.post('/v1/products:bulk', content='{}', headers={'Content-Type': 'text/csv'}), 400)
    is_problem(api.post('/v1/products:bulk', content='{', headers={'Content-Type': 'application/x-ndjson'}), 400)
    is_problem(api.post('/v1/products:bulk', content='<a/>', headers={'Content-Type': 'text/xml'}), 415)
    is_problem(api.post('/v1/products:bulk', json=[{}] * (MANY + 1)), 422)


def test_ten_thousand_at_once(inside):
    client, app = inside()
    row = client.get('/v1/products/1').json()
    del row['product_id']
    made = client.post(
        '/v1/products:bulk',
        json=[row | dict(sku=f'B-{i}') for i in range(MANY)],
        headers={'Authorization': f'Bearer {app.state.service.keys.create(["*"])}'},
    )
    assert made.status_code == 200
    assert made.json()['created'] == MANY


TEXTS = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\0'), min_size=1, max_size=40) | st.text(
    '\r\n\t ",;\'ab=+-@\\\ufeff\u2028', min_size=1, max_size=12
)


@settings(max_examples=400 if FULL else 25, deadline=None, suppress_health_check=list(HealthCheck))
@given(texts=st.lists(TEXTS, min_size=1, max_size=20))
def test_each_text_comes_back(named, texts):
    "What goes in as text is in the exported file for each reader of CSV, and goes in again as it was."
    client, _ = named
    row = a_customer(client)
    rows = [row | dict(street=t, region=t[::-1], email=f'text{i}@example.com') for i, t in enumerate(texts)]
    first = client.post('/v1/customers:bulk', json=rows)
    assert first.status_code == 200, first.text
    file = client.get(
        '/v1/customers:export', params=dict(customer_id__in=','.join(map(str, first.json()['keys'])))
    ).content
    for reader in read_csv, read_pandas, read_arrow, read_duckdb:
        assert reader(file) == [(t, t[::-1]) for t in texts], reader.__name__
    for k in first.json()['keys']: client.delete(f'/v1/customers/{k}', headers={'If-Match': '*'})
    again = client.post('/v1/customers:bulk', content=file, headers={'Content-Type': 'text/csv'})
    assert again.status_code == 200, again.text
    assert [
        (g['street'], g['region']) for g in (client.get(f'/v1/customers/{k}').json() for k in again.json()['keys'])
    ] == [(t, t[::-1]) for t in texts]
    for k in again.json()['keys']: client.delete(f'/v1/customers/{k}', headers={'If-Match': '*'})


def read_csv(file): return [(r['street'], r['region']) for r in csv.DictReader(io.StringIO(file.decode(), newline=''))]


def read_pandas(file):
    frame = pd.read_csv(io.BytesIO(file), dtype=str, keep_default_na=False)
    return list(zip(frame.street, frame.region))


def read_arrow(file):
    table = pa_csv.read_csv(
        io.BytesIO(file),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict(street=pa.string(), region=pa.string()), strings_can_be_null=False
        ),
    )
    return list(zip(table['street'].to_pylist(), table['region'].to_pylist()))


def read_duckdb(file):
    with tempfile.NamedTemporaryFile(suffix='.csv') as f:
        f.write(file)
        f.flush()
        names = file.partition(b'\n')[0].decode().split(',')
        return duckdb.sql(
            f"select street, region from read_csv('{f.name}', delim=',', quote='\"', escape='\"', header=true, new_line='\\n', auto_detect=false, columns={dict.fromkeys(names, 'varchar')})"
        ).fetchall()


def test_answers_give_back_what_went_in(tmp_path):
    texts = ['a\rb', 'a\r\nb', 'a\nb', '"', ' a ', '\t', 'é', '=1']
    a = Answer(questions()['order_status'], pd.DataFrame(dict(t=texts, n=range(len(texts)))))
    a.to_csv(tmp_path / 'a.csv')
    for text in a.to_csv(), (tmp_path / 'a.csv').read_bytes().decode():
        assert [r['t'] for r in csv.DictReader(io.StringIO(text, newline=''))] == texts
        assert text.startswith('t,n\n')


def test_a_file_for_a_spreadsheet(named):
    "It is marked as UTF-8 and has no formula; other files stay exact."
    client, _ = named
    row, texts = (
        a_customer(client),
        ["=cmd|'/C calc'!A0", '+1234', '@SUM(1)', '-2+3', '\tx', '\r=1', ' =1', '＝1', 'Straße', "'quoted", 'a=1'],
    )
    keys = [
        client.post('/v1/customers', json=row | dict(first_name=t, email=f's{i}@example.com')).json()['customer_id']
        for i, t in enumerate(texts)
    ]

    def names(**more):
        file = client.get('/v1/customers:export', params=dict(customer_id__in=','.join(map(str, keys))) | more).content
        return file[:3], [r['first_name'] for r in csv.DictReader(io.StringIO(file.decode('utf-8-sig'), newline=''))]

    assert names()[1] == names(spreadsheet='false')[1] == texts
    assert names()[0] == b'cus'
    mark, got = names(spreadsheet='true')
    assert mark == '\ufeff'.encode()
    assert got == ["'" + t if i < 8 else t for i, t in enumerate(texts)]
    is_problem(client.get('/v1/customers:export', params=dict(spreadsheet='true', format='parquet')), 400)
    asked = client.get('/v1/questions/revenue_by_country', params=dict(spreadsheet='true', format='csv'))
    assert asked.content.startswith('\ufeff'.encode())
    assert asked.content[3:] == client.get('/v1/questions/revenue_by_country', params=dict(format='csv')).content
    for k in keys: client.delete(f'/v1/customers/{k}', headers={'If-Match': '*'})


@pytest.mark.parametrize('table', TABLES)
def test_exports_are_the_table(server, api, table):
    t = TABLES[table]
    want = sqlite3.connect(server.db).execute(f'SELECT * FROM {table} ORDER BY {t.key}').fetchall()
    get = lambda format: api.get(f'/v1/{table}:export', params=dict(format=format)).content
    names, *rows = csv.reader(io.StringIO(get('csv').decode()))
    assert names == t.names
    assert rows == [['' if v is None else str(v) for v in r] for r in want]
    assert [tuple(json.loads(l).values()) for l in get('ndjson').splitlines()] == want
    arrow, parquet = pa.ipc.open_stream(get('arrow')).read_all(), pq.read_table(io.BytesIO(get('parquet')))
    assert arrow.num_rows == len(want)
    assert arrow.equals(parquet)
    assert arrow[t.key].to_pylist() == [r[0] for r in want]
    one = api.get(f'/v1/{table}:export', params={'format': 'csv', t.key: want[3][0]})
    assert len(one.text.splitlines()) == 2
    assert one.headers['content-disposition'] == f'attachment; filename="{table}.csv"'


# ---- questions

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
        == 'month,orders,units,revenue_eur,aov_eur,refunded_eur,growth_rate'
    )
    assert (
        pq.read_table(io.BytesIO(api.get(at + '&format=parquet').content)).num_rows
        == pa.ipc.open_stream(api.get(at + '&format=arrow').content).read_all().num_rows
        == 1
    )
    is_problem(api.get('/v1/questions/monthly_revenue?start=2025-03-01&end=2025-01-01'), 400)
    assert 'monthly_revenue' in is_problem(api.get('/v1/questions/monthly_revenu'), 404)['detail']


# ---- who may do what

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
    key = Keys(db).find(token)
    assert key.may('orders:read')
    assert key.may('products:write')
    assert not key.may('products:read')
    assert 0 < key.expires - time.time() < 86_401
    listed = cli('key', 'list', '--db', db)[1]
    assert key.id in listed
    assert token not in listed
    assert key.hash not in listed
    assert cli('key', 'revoke', key.id, '--db', db)[0] == 0
    assert Keys(db).find(token) is None
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


# ---- hostile words

HOSTILE = [
    "'",
    '"',
    "' OR '1'='1",
    "'; DROP TABLE orders; --",
    '1; DELETE FROM orders',
    "' UNION SELECT sql FROM sqlite_schema --",
    '%',
    '_',
    '*',
    '[',
    '\\',
    '${jndi:x}',
    '../../etc/passwd',
    '\u202e',
    '😀',
    'a' * 300,
    '\x00',
    '1e999',
    'NaN',
    '-1',
    str(2**63),
    'null',
    '[]',
    '{}',
    '<script>',
    "x' AND (SELECT count(*) FROM payments) > 0 --",
    'customer_id;--',
    "name COLLATE NOCASE",
    'rowid',
    '_idempotency',
    'sqlite_master',
    '%00',
    '\r\nX-Injected: 1',
]


@pytest.mark.slow
def test_injection(inside):
    "In every filter, sort, cursor and key: refused or not found, never more than was asked for, never SQL."
    api, _ = inside(quiet=True)
    before = {t: api.get(f'/v1/{t}', params=dict(count='true', limit=1)).json()['count'] for t in TABLES}
    kinds = set() # the first filter of each kind gets all words, the others some of them in turn
    for table in TABLES:
        for n, (name, (c, op)) in enumerate(filters(table).items()):
            kind = c.type, bool(c.values), op
            words = HOSTILE[n % 8 :: 8] if kind in kinds and not FULL else HOSTILE
            kinds.add(kind)
            for word in words:
                r = api.get(f'/v1/{table}', params={name: word, 'limit': 5})
                assert r.status_code in (200, 422), (name, word, r.text)
                if r.status_code == 200 and op in ('', 'contains') and c.type == 'text' and not c.values:
                    assert all(
                        word.lower() in row[c.name].lower() if op else row[c.name] == word for row in r.json()['items']
                    ), (name, word)
                if r.status_code == 422: is_problem(r, 422)
        for word in HOSTILE:
            for name in 'sort', 'fields', 'expand':
                is_problem(api.get(f'/v1/{table}', params={name: word}), 422)
            r = api.get(f'/v1/{table}', params=dict(cursor=word))
            is_problem(r, r.status_code) if r.status_code in (400, 422) else pytest.fail(r.text)
            assert api.get(f'/v1/{table}/{quote(word, safe="")}').status_code in (404, 422), word
    assert {t: api.get(f'/v1/{t}', params=dict(count='true', limit=1)).json()['count'] for t in TABLES} == before


def test_cursors_are_bound(api):
    next = api.get('/v1/orders', params=dict(limit=2, sort='-ordered_at')).json()['next']
    assert api.get('/v1/orders', params=dict(limit=9, sort='-ordered_at', cursor=next)).status_code == 200
    for wrong in [dict(sort='ordered_at'), dict(sort='-ordered_at', status='paid'), {}]:
        is_problem(api.get('/v1/orders', params=dict(cursor=next, **wrong)), 400)
    is_problem(api.get('/v1/order_items', params=dict(cursor=next, sort='-order_id')), 400)
    for i in range(0, len(next), 7):
        is_problem(
            api.get(
                '/v1/orders',
                params=dict(sort='-ordered_at', cursor=next[:i] + ('A' if next[i] != 'A' else 'B') + next[i + 1 :]),
            ),
            400,
        )


BODIES = [
    '',
    '{',
    '[]',
    'null',
    '1',
    '"x"',
    '{"city": "\\ud800"}',
    '{"city": "a\\u0000b"}',
    '{"latitude": NaN}',
    '{"latitude": 1e999}',
    '{"customer_id": 1e30}',
    '{"marketing_opt_in": 1}',
    '{"signed_up_at": "2025-02-30 00:00:00"}',
    '{"nobody": 1}',
    '{"city": ["a"]}',
    '{"city": ""}',
    '{"city": null}',
    '{"latitude": "4"}',
    '[' * 5000,
]


@pytest.mark.parametrize('body', BODIES)
def test_bodies_that_cannot_be(api, body):
    for method, at in [('PATCH', '/v1/customers/1'), ('PUT', '/v1/customers/1'), ('POST', '/v1/customers')]:
        r = api.request(method, at, content=body, headers={'If-Match': '*', 'Content-Type': 'application/json'})
        assert r.status_code in (400, 409, 422), r.text
        is_problem(r, r.status_code)


def test_the_kind_of_a_body_is_looked_at(api):
    "A body of a kind that is not read is 415, one that cannot be read 400, and one of the wrong form 422, the same for one row and for many."
    for at in '/v1/customers', '/v1/customers:bulk':
        for kind in ({}, {'Content-Type': 'text/plain'}, {'Content-Type': 'application/json-patch+json'}):
            is_problem(api.post(at, content=b'{}', headers=kind), 415)
        is_problem(api.post(at, content=b'{"a"', headers={'Content-Type': 'application/json'}), 400)
        is_problem(api.post(at, content=b'7', headers={'Content-Type': 'application/json; charset=utf-8'}), 422)
    for kind, status in (
        ('application/json-patch+json', 415),
        ('application/merge-patch+json', 200),
        ('application/json', 200),
    ):
        assert (
            api.patch('/v1/customers/1', content=b'{}', headers={'If-Match': '*', 'Content-Type': kind}).status_code
            == status
        )
    for kind, body in (
        ('application/x-ndjson', b'{}\n{'),
        ('application/x-ndjson', b'7\n'),
        ('text/csv', b'nobody\n1\n'),
    ):
        is_problem(api.post('/v1/customers:bulk', content=body, headers={'Content-Type': kind}), 400)


def test_a_bulk_is_counted_before_it_is_held():
    "A body of a million short rows is turned away by the first ten thousand."
    for kind, line in (('text/csv', b'1\n'), ('application/x-ndjson', b'{}\n')):
        body = (b'sku\n' if kind == 'text/csv' else b'') + line * 1_000_000
        tracemalloc.start()
        with pytest.raises(HTTPException, match='10,000 rows at most'): deque(_parse(TABLES['products'], kind, body), 0)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 40_000_000, (kind, most)


def names(n=1_200_000): return b'{' + b','.join(b'"k%d":1' % i for i in range(n)) + b'}'


HUGE = { # name: where, kind, body, status
    'names': ('', 'json', lambda: names(), 413),
    'names of one that is just short enough': ('', 'json', lambda: names(6_500), 422),
    'lines of one that is just short enough': ('', 'json', lambda: b'{"items":[' + b'{"a":1},' * 8_000 + b'{}]}', 422),
    'a row of names': (':bulk', 'json', lambda: b'[' + names() + b']', 400),
    'lists': (':bulk', 'json', lambda: b'[{"a":[' + b'[],' * 5_000_000 + b'[]]}]', 400),
    'short lists': (
        ':bulk',
        'json',
        lambda: b'[' + b','.join([b'{"a":[' + b'[],' * 500 + b'[]]}'] * 3_000) + b']',
        422,
    ),
    'depth': (':bulk', 'json', lambda: b'[' * 15_000_000, 400),
    'rows': (':bulk', 'json', lambda: b'[' + b'{},' * 5_000_000 + b'{}]', 422),
    'wrong rows': (':bulk', 'json', lambda: b'[' + b','.join([names(150)] * 5_000) + b']', 422),
    'a line of names': (':bulk', 'x-ndjson', lambda: names(), 400),
    'columns': (':bulk', 'csv', lambda: b'k,' * 7_500_000, 400),
    'a line of fields': (':bulk', 'csv', lambda: b'email\n' + b',' * 15_000_000, 400),
    'a text': (':bulk', 'json', lambda: b'[{"email":"' + b'a@' * 7_000_000 + b'"}]', 400),
}


@pytest.mark.parametrize('what', HUGE)
def test_no_body_holds_the_others_up(server, api, what):
    "However much is wrong with it: whoever asks meanwhile is answered at once."
    where, kind, make, status = HUGE[what]
    body, stop, longest = make(), threading.Event(), []

    def watch():
        with httpx.Client(base_url=server.url, timeout=60) as client:
            while not stop.is_set() or len(longest) < 3:
                began = time.perf_counter()
                assert client.get('/healthz').status_code == 200
                longest.append(time.perf_counter() - began)
                time.sleep(0.005)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        is_problem(
            api.post(
                '/v1/orders' + where,
                content=body,
                headers={'Content-Type': 'text/csv' if kind == 'csv' else f'application/{kind}'},
            ),
            status,
        )
    finally:
        stop.set()
        watching.join()
    assert max(longest) < 0.5


UNREADABLE = { # what is wrong: kind, body, what is said of it
    'a long number': (
        'json',
        b'[{"customer_id":' + b'9' * 5000 + b'}]',
        'a number has too many digits at line 1, column 2',
    ),
    'Latin-1': ('json', '[{"city":\n "Zürich"}]'.encode('latin-1'), 'it is not UTF-8 at line 2, column 4'),
    'depth': ('json', b'[{"city":' + b'[' * 5000, 'a value is nested too deeply at line 1, column 2'),
    'a mark': ('json', b'\xef\xbb\xbf[]', 'it begins with a byte order mark (BOM), which JSON does not have'),
    'nothing': ('json', b' \n', 'it is empty'),
    'NaN': ('json', b'[{"latitude":NaN}]', 'NaN is no JSON at line 1, column 2'),
    'the end': ('json', b'[{"city":', 'a value is missing at line 1, column 10'),
    'an open text': ('json', b'[{"city":"x', 'a text has no closing quote at line 1, column 10'),
    'single quotes': ('json', b"[{'city':1}]", 'a name in double quotes is missing at line 1, column 3'),
    'a colon': ('json', b'[{"city"}]', 'a colon is missing at line 1, column 9'),
    'a comma': ('json', b'[{"city":"x" "y":1}]', 'a comma or a closing bracket is missing at line 1, column 14'),
    'a tab': ('json', b'[{"city":"a\tb"}]', 'a text has a control character that is not escaped at line 1, column 12'),
    'a backslash': ('json', b'[{"city":"\\x"}]', 'a text has a backslash that begins no escape at line 1, column 11'),
    'rows without a comma': ('json', b'[{} {}]', 'a comma or ] is missing at line 1, column 5'),
    'a last comma': ('json', b'[{},\n]', 'a row is missing after the last comma at line 2, column 1'),
    'more': ('json', b'[]\n[]', 'there is more after the end at line 2, column 1'),
    'a line': ('x-ndjson', b'{"city":"x"}\n\n{"city":\n', 'a value is missing at line 3, column 9'),
    'Latin-1 in a line': (
        'x-ndjson',
        '{}\n{"city":"Zürich"}\n'.encode('latin-1'),
        'it is not UTF-8 at line 2, column 11',
    ),
    'a mark before lines': (
        'x-ndjson',
        b'\xef\xbb\xbf{}\n',
        'it begins with a byte order mark (BOM), which JSON does not have',
    ),
    'depth of a line': ('x-ndjson', b'{}\n{"city":' + b'[' * 5000, 'a value is nested too deeply at line 2, column 1'),
    'no lines': ('x-ndjson', b'', 'it is empty'),
    'two on a line': ('x-ndjson', b'{} {}\n', 'there is more after the end at line 1, column 4'),
    'an open quote': (
        'csv',
        b'email,city\na@b.cd,x\ny@b.cd,"x\n\n',
        'a quote is not closed in the row that begins in line 3',
    ),
    'a quote inside': (
        'csv',
        b'email,city\na@b.cd,"x"y\n',
        'a closing quote is followed by something other than a comma in the row that begins in line 2',
    ),
    'Latin-1 in CSV': ('csv', 'email,city\na@b.cd,Zürich\n'.encode('latin-1'), 'it is not UTF-8 at line 2, column 9'),
    'no CSV': ('csv', b'', 'it is empty'),
    'another column': ('csv', b'emial\n1\n', "there is no column 'emial', which line 1 names"),
    'a column twice': ('csv', b'email,email\n1,2\n', 'line 1 has a column that is named twice'),
}
OF_PYTHON = (
    r'codec|Expecting|recursion|Exceeds|\(char|decode|unexpected|Traceback|set_int_max|_parsing|dictionary|instance of'
)


@pytest.mark.parametrize('what', UNREADABLE)
def test_a_body_that_cannot_be_read_is_told_in_one_sentence(api, what):
    "What is wrong, and where; the same for a body that is one row."
    kind, body, said = UNREADABLE[what]
    kind = 'text/csv' if kind == 'csv' else f'application/{kind}'
    detail = is_problem(api.post('/v1/customers:bulk', content=body, headers={'Content-Type': kind}), 400)['detail']
    assert detail == f'The body cannot be read as {kind}: {said}.'
    if kind != 'application/json' or ' row' in said or ' ]' in said: return
    for method, at in ('POST', '/v1/customers'), ('PATCH', '/v1/customers/1'):
        one = is_problem(api.request(method, at, content=body, headers={'Content-Type': kind, 'If-Match': '*'}), 400)[
            'detail'
        ]
        assert one.startswith(f'The body cannot be read as {kind}: {said.partition(" at line")[0]}')


@pytest.mark.parametrize('at,many', [('/v1/customers', False), ('/v1/customers:bulk', True)], ids=['one', 'bulk'])
def test_values_of_the_wrong_type_are_told_in_plain_words(api, at, many):
    "JSON has objects and numbers, and no dictionaries, instances or parsers."
    wrong = [
        {n: v} for n in (*a_customer(api), 'customer_id') for v in (None, 1.5, 'x', [], {}, True, 10**400, '\ud800')
    ]
    wrong += [{}, {'items': 7}, {'payment': [1]}, {'items': [7]}] if many else []
    bodies = [json.dumps([row] if many else row).encode() for row in wrong] + [b'7', b'[7]', b'"x"', b'null']
    answers = [api.post(at, content=b, headers={'Content-Type': 'application/json'}) for b in bodies]
    answers += [
        api.get('/v1/customers', params={n: '9' * 5000})
        for n in ('limit', 'customer_id', 'customer_id__in', 'latitude__gt')
    ]
    answers += [api.get('/v1/customers/' + '9' * 5000), api.get('/v1/customers/x')]
    for r in answers:
        assert 400 <= r.status_code < 500
        assert not re.search(
            OF_PYTHON, ' '.join([r.json()['detail'], *(f['detail'] for f in r.json().get('errors', ()))])
        ), r.text


def test_one_bad_row_among_many(api):
    "A row that cannot be read, or is not valid, refuses the thousand good ones after it, too, and is named."
    row, count = a_customer(api), lambda: api.get('/v1/customers', params=dict(count='true', limit=1)).json()['count']
    good, before = [row | dict(email=f'many{i}@example.com') for i in range(1001)], count()
    text = json.dumps(good[0]) + ',\n{"email" "x"},\n' + ',\n'.join(map(json.dumps, good[1:]))
    lines = text.replace(',\n', '\n')
    for kind, body in ('application/json', f'[{text}]'), ('application/x-ndjson', lines):
        detail = is_problem(api.post('/v1/customers:bulk', content=body.encode(), headers={'Content-Type': kind}), 400)[
            'detail'
        ]
        assert detail.endswith('a colon is missing at line 2, column 10.')
    told = is_problem(api.post('/v1/customers:bulk', json=[good[0], row | dict(country=7), *good[1:]]), 422)
    assert told['detail'] == '1 row is not valid; nothing was written.'
    assert [f['pointer'] for f in told['errors']] == ['/1/country']
    told = is_problem(api.post('/v1/customers:bulk', json=[good[0], good[0], *good[1:]]), 409)
    assert told['detail'] == '1 row is refused; nothing was written.'
    assert count() == before


@pytest.mark.parametrize(
    'body,status',
    [
        (b'[]', 200),
        (b' [ ] ', 200),
        (b'', 400),
        (b'{}', 422),
        (b'"a"', 422),
        (b'7', 422),
        (b'[7]', 422),
        (b'[{}]', 422),
        (b'[{},]', 400),
        (b'[{} {}]', 400),
        (b'[{}', 400),
        (b'[,{}]', 400),
        (b'[] []', 400),
        (b'[]x', 400),
        (b'[{"a":NaN}]', 400),
        (b'[{"a":' + b'9' * 5000 + b'}]', 400),
        (b'\xef\xbb\xbf[]', 400),
        (b'[{"city":"\xff"}]', 400),
        (b'[null]', 422),
        (b'[{"a":[' + b'1,' * 2000 + b'1]}]', 422),
    ],
)
def test_a_list_is_read_as_json_is(api, body, status):
    assert (
        api.post('/v1/customers:bulk', content=body, headers={'Content-Type': 'application/json'}).status_code == status
    )


def test_csv_with_names_twice_or_numbers_as_programs_write_them(api):
    row = a_customer(api) | dict(email='csv@example.com')

    def send(names, values):
        out = io.StringIO()
        csv.writer(out).writerows([names, values])
        return api.post(
            '/v1/customers:bulk',
            params=dict(dry_run='true'),
            content=out.getvalue(),
            headers={'Content-Type': 'text/csv'},
        )

    assert send([*row, 'customer_id'], [*row.values(), '4000.0']).json()['keys'] == [4000]
    for wrong in '4000.5', '4_000', '4e3', '٤':
        assert send([*row, 'customer_id'], [*row.values(), wrong]).status_code == 422, wrong
    assert 'named twice' in is_problem(send([*row, 'email'], [*row.values(), 'other@example.com']), 400)['detail']


def test_much_that_is_wrong_is_told_in_short(api):
    "However many names are unknown, a few are told, and only some with what they might have been."
    told = is_problem(api.get('/v1/orders', params={f'statuz{i}': 1 for i in range(2000)}), 422)['errors']
    assert len(told) == 100
    assert 0 < sum('Did you mean' in f['detail'] for f in told) <= 20
    wrong = [{f'citi{i}': 1 for i in range(500)}] * 50
    told = api.post('/v1/customers:bulk', params=dict(mode='each'), json=wrong).json()['refused']
    assert len(told) == 50 * 5
    assert sum('Did you mean' in f['detail'] for f in told) <= 20
    assert is_problem(api.post('/v1/customers', json={'a/b~c': 1}), 422)['errors'][-1]['pointer'] == '/a~1b~0c'


def test_names_that_are_repeated_are_done_once(inside, monkeypatch):
    client, app = inside()
    page, asked = app.state.service.store.page, []
    monkeypatch.setattr(
        app.state.service.store,
        'page',
        lambda t, found, sort, after, limit, fields, expand, count: (
            asked.append((fields, expand)),
            page(t, found, sort, after, limit, fields, expand, count),
        )[1],
    )
    assert (
        client.get('/v1/orders', params=dict(expand='items,payment,items', fields='status,order_id,status')).status_code
        == 200
    )
    assert asked == [(['status', 'order_id'], ['items', 'payment'])]
    for param, name in dict(expand='items', fields='status', sort='status').items():
        is_problem(client.get('/v1/orders', params={param: ','.join([name] * 5000)}), 422)


def test_where_a_fault_points(api):
    "To a place in the body, or to the parameter at fault; what was not sent has no pointer."
    order = api.get('/v1/orders', params=dict(limit=1)).json()['items'][0]
    at, match = f"/v1/customers/{order['customer_id']}", {'If-Match': '*'}
    assert (
        'pointer'
        not in is_problem(api.patch(at, json=dict(signed_up_at='2030-01-01 00:00:00'), headers=match), 409)['errors'][0]
    )
    assert is_problem(api.delete(at, headers=match), 409)['errors'][0]['parameter'] == 'key'
    assert (
        is_problem(api.get('/v1/customers/999999'), 404)['errors'][0]['parameter']
        == 'key'
        == is_problem(api.patch('/v1/customers/999999', json={}, headers=match), 404)['errors'][0]['parameter']
    )
    assert (
        is_problem(api.patch(at, json={}, headers={'If-Match': '"old"'}), 412)['errors'][0]['parameter'] == 'if-match'
    )
    assert is_problem(api.patch(at, json=dict(country='Z'), headers=match), 422)['errors'][0]['pointer'] == '/country'


def test_text_is_found_in_capitals_or_not(api):
    made = api.post(
        '/v1/customers',
        json={n: v for n, v in api.get('/v1/customers/1').json().items() if n != 'customer_id'}
        | dict(email='rhone@example.com', city='Saint-Étienne sur Rhône'),
    )
    assert made.status_code == 201, made.text
    for part in 'RHÔNE', 'rhône', 'étienne SUR', 'SAINT':
        assert made.json()['customer_id'] in {
            r['customer_id']
            for r in api.get('/v1/customers', params=dict(city__contains=part, limit=1000)).json()['items']
        }, part
    assert api.delete(made.headers['location'], headers={'If-Match': '*'}).status_code == 204


NAMES = [
    'José',
    'Jose\u0301',
    'Straßer',
    'STRASSER',
    'Ångström',
    'A\u030angström',
    'ΌΔΥΣΣΕΥΣ',
    'Łódź',
    'ÉCLAIR',
    'plain',
    'İzmir',
]


@pytest.mark.parametrize(
    'part,found',
    [
        ('José', {0, 1}),
        ('Jose\u0301', {0, 1}),
        ('JOSÉ', {0, 1}),
        ('jose', set()),
        ('straßer', {2, 3}),
        ('STRASSER', {2, 3}),
        ('STRAẞER', {2, 3}),
        ('strasse', {2, 3}),
        ('ångSTRÖM', {4, 5}),
        ('όδυσσευς', {6}),
        ('ΌΔΥΣΣΕΥΣ', {6}),
        ('łÓDŹ', {7}),
        ('éclair', {8}),
        ('e\u0301clair', {8}),
        ('eclair', set()),
        ('PLAIN', {9}),
        ('i\u0307zmir', {10}),
    ],
)
def test_names_are_found_however_they_are_written(named, part, found):
    "Capitals or not, composed or not, and for all letters alike."
    client, keys = named
    got = {
        r['customer_id']
        for r in client.get('/v1/customers', params=dict(first_name__contains=part, limit=1000)).json()['items']
    }
    assert {i for i, k in enumerate(keys) if k in got} == found


@pytest.fixture(scope='module')
def named(made, tmp_path_factory):
    "A service whose customers have the names above, and their keys."
    db = tmp_path_factory.mktemp('named') / 'shop.db'
    shutil.copy(made, db)
    with TestClient(
        make_app(Config(str(db), quiet=True)),
        base_url='http://localhost',
        headers={'Authorization': 'Bearer ' + Keys(db).create(['*'])},
    ) as client:
        row = a_customer(client)
        yield (
            client,
            [
                client.post('/v1/customers', json=row | dict(first_name=n, email=f'n{i}@example.com')).json()[
                    'customer_id'
                ]
                for i, n in enumerate(NAMES)
            ],
        )


# ---- manners

def test_problems_everywhere(server, api):
    is_problem(api.get('/nothing'), 404)
    assert is_problem(api.post('/v1/customers/1'), 405)
    assert api.post('/v1/customers/1').headers['allow'] == 'DELETE, GET, HEAD, PATCH, PUT'
    assert api.request('DELETE', '/v1/orders').headers['allow'] == 'GET, HEAD, POST'
    assert api.put('/v1/orders:bulk').headers['allow'] == 'POST'
    is_problem(api.post('/v1/orders', content=b'x' * 16_000_001), 413)
    is_problem(
        httpx.post(
            server.url + '/v1/orders',
            content=(b'x' * 100_000 for _ in range(200)),
            headers=dict(api.headers) | {'Content-Type': 'application/json'},
            timeout=30,
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


def test_rate_limit(inside):
    client, _ = inside(rate=5)
    got = [client.get('/readyz') for _ in range(30)]
    stopped = [r for r in got if r.status_code == 429]
    assert 10 <= len(got) - len(stopped) <= 15
    assert all(int(r.headers['retry-after']) >= 1 for r in stopped)
    assert is_problem(stopped[0], 429)
    assert client.get('/healthz').status_code == 200 # a probe is not counted
    time.sleep(1)
    assert client.get('/readyz').status_code == 200


def test_a_rate_is_not_escaped_by_a_header(own):
    "Only a proxy that was named may say who asks."

    def asked(server):
        return [server.client.get('/readyz', headers={'X-Forwarded-For': f'10.0.0.{i}'}).status_code for i in range(20)]

    plain = own('--rate', '2')
    assert asked(plain).count(429) > 10
    assert plain.stop(signal.SIGINT) == 0
    behind = own('--rate', '2', '--trust-proxy', '127.0.0.1')
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


# ---- behind a proxy

@contextmanager
def proxied(target, prefix, keep_host='yes'):
    "The address of a proxy that cuts a prefix off."
    process = subprocess.Popen(
        [sys.executable, str(ROOT / 'tests' / 'support' / 'proxy.py'), target, prefix, keep_host], stdout=subprocess.PIPE, text=True
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
    "Whatever leads on has the prefix: redirects, the next page, the row that was made, questions and the documentation."
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
    "The page loads all it needs under the prefix and nothing from elsewhere, and a request that is tried there is answered."
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
    head = f'POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\nAuthorization: Bearer {app.state.service.keys.create(["*"])}\r\n\r\n'
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
                       INSERT INTO products SELECT i, 'sku' || i, hex(zeroblob(90)), category, brand, price_cents, cost_cents, launched_on, NULL FROM n, products WHERE product_id = 1''')

    def exporting(s):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(('127.0.0.1', port))
        s.sendall(b'GET /v1/products:export?format=ndjson HTTP/1.1\r\nHost: localhost\r\n\r\n')

    with socket.socket() as s:
        exporting(s)
        while b'product_id' not in s.recv(1000): pass # rows are on their way
        with store.change() as c: c.patch_row('products', 1, dict(brand='Later'))
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


# ---- running it

@pytest.mark.slow
def test_several_workers(own):
    "Two processes, one shop: nothing is lost, and the metrics are those of both."
    server = own(workers=2)
    order = new_order(server.client)

    def client(n):
        with httpx.Client(base_url=server.url, headers=server.client.headers, timeout=30) as c:
            return [
                c.post('/v1/orders', json=order, headers={'Idempotency-Key': f'{n}-{i // 2}'}).headers['location']
                for i in range(10)
            ]

    with ThreadPoolExecutor(8) as pool: made = [l for ls in pool.map(client, range(8)) for l in ls]
    assert len(made) == 80
    assert len(set(made)) == 40
    count = int(
        re.search(r'_count\{method="POST",route="/v1/orders",status="201"\} (\d+)', server.client.get('/metrics').text)[
            1
        ]
    )
    assert count == 80
    assert len({e['pid'] for e in server.events('started')}) == 2
    assert server.stop() == 0
    with closing(sqlite3.connect(server.db)) as con:
        assert not {r.name for r in RULES if violations(con, r, 'sqlite')}


@pytest.mark.slow
def test_a_reload_under_it(own):
    "A load while the service answers: old shop or new one, no error, and the keys stay."
    server, seen, stop = own(), set(), threading.Event()

    def ask():
        with httpx.Client(base_url=server.url, headers=server.client.headers, timeout=30) as c:
            while not stop.is_set():
                seen.add((c.get('/v1/orders?count=true&limit=1').json()['count'],))
                assert c.get('/v1/questions/order_status').status_code == 200

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(ask) for _ in range(4)]
        load(tables(Settings(seed=6, customers=20, products=30, orders=30, order_items=60)), server.db)
        time.sleep(0.5)
        stop.set()
        for j in jobs: j.result()
    assert seen <= {(400,), (30,)}
    assert server.client.get('/v1/orders?count=true&limit=1').json()['count'] == 30
    assert server.client.post('/v1/orders', json=new_order(server.client)).status_code == 201
    assert server.client.get('/readyz').status_code == 200
    assert not server.events('failure')


def test_it_finishes_what_it_began(own):
    "SIGTERM while a stream is on its way: the stream arrives whole, and the process ends with 0."
    server = own()
    plain = {'Accept-Encoding': 'identity'}
    with server.client.stream('GET', '/v1/order_items:export?format=ndjson', headers=plain) as r:
        chunks = r.iter_raw()
        first = next(chunks)
        server.process.send_signal(signal.SIGTERM)
        whole = first + b''.join(chunks)
    assert len(whole.splitlines()) == 1000
    assert server.process.wait(40) == 0
    assert server.events('stopped')
    assert sorted(p.name for p in server.db.parent.iterdir() if p.suffix in ('.db-wal', '.db-shm')) == []


def test_a_port_that_is_taken(server, cli):
    code, _, told = cli('api', '--db', server.db, '--port', server.port)
    assert code == 2
    assert f'127.0.0.1:{server.port}' in told
    assert 'Traceback' not in told


def test_the_documentation_shows_requests_that_work(inside):
    "Every route says what it does in words of its own, and its example is answered; what is added by example is added."
    client, app = inside()
    told, key = client.get('/openapi.json').json(), {'Authorization': 'Bearer ' + app.state.service.keys.create(['*'])}
    ops = [(verb.upper(), path, op) for path, found in told['paths'].items() for verb, op in found.items()]
    assert len({op['summary'] for *_, op in ops}) == len(ops)
    for verb, path, op in ops:
        if path.startswith('/v1/'):
            shown, at = re.search(r'Example: `(\w+) (.+?)`', op['description']).groups()
            assert shown == verb, (verb, path)
            assert re.fullmatch(path.replace('{key}', r'\d+'), at.partition('?')[0]), (verb, path)
            if verb == 'GET' and '{key}' not in path:
                assert client.get(at).status_code == 200, at

    def bulk(table): return told['paths'][f'/v1/{table}:bulk']['post']['requestBody']['content']

    for table, t in TABLES.items():
        new, patch = (told['components']['schemas'][SHAPES[table][k].__name__]['examples'][0] for k in ('new', 'patch'))
        SHAPES[table]['new'].model_validate(new)
        SHAPES[table]['patch'].model_validate(patch)
        assert (
            bulk(table)['application/json']['example']
            == [new]
            == [json.loads(bulk(table)['application/x-ndjson']['example'])]
        )
        if table in ('order_items', 'payments'): # these come with an order: its example has them, and theirs say so
            for path, body in ((f'/v1/{table}', new), (f'/v1/{table}:bulk', [new])):
                said, refused = told['paths'][path]['post']['description'], client.post(path, json=body, headers=key)
                assert refused.status_code == 409, path
                assert 'Alone it is refused with 409' in said, path
                assert said.endswith(', which shows the form, and is refused'), path
            continue
        for kind, content in bulk(table).items():
            if 'example' not in content: continue
            body = json.dumps(content['example']) if kind == 'application/json' else content['example']
            done = client.post(
                f'/v1/{table}:bulk',
                params=dict(dry_run='true'),
                content=body.encode(),
                headers=key | {'Content-Type': kind},
            )
            assert (done.status_code, done.json()['created']) == (200, 1), done.text
        made = client.post(f'/v1/{table}', json=new, headers=key)
        assert made.status_code == 201, made.text
        assert client.patch(made.headers['location'], json=patch, headers=key | {'If-Match': '*'}).status_code == 200, made.text
        assert client.put(made.headers['location'], json=new, headers=key | {'If-Match': '*'}).status_code == 200


def test_links_of_the_documentation_lead_where_they_say(inside):
    "From every kind of answer that has a row, each declared link is a route that takes what the answer gives it, and answers."
    client, app = inside()
    told, key = client.get('/openapi.json').json(), {'Authorization': 'Bearer ' + app.state.service.keys.create(['*'])}
    ops = {op['operationId']: (verb, path, op) for path, found in told['paths'].items() for verb, op in found.items()}

    def value(expression, answer):
        where, _, pointer = expression.removeprefix('$response.').partition('#')
        if where.startswith('header.'): return answer.headers[where.removeprefix('header.')]
        found = answer.json()
        for part in pointer.split('/')[1:]:
            found = found[int(part)] if isinstance(found, list) else found[part]
        return found

    def follow(id, answer):
        "The operations that an answer leads to; each is asked, those that write with what leaves the row as it is, or with a version that it has not."
        said, row = ops[id][2]['responses'][str(answer.status_code)], answer.json()
        assert {h.lower() for h in said['headers']} <= {*answer.headers}, id
        for name, link in said['links'].items():
            verb, path, op = ops[link['operationId']]
            given = {n: value(e, answer) for n, e in link['parameters'].items()}
            places = {p['name']: p['in'] for p in op['parameters']}
            assert {*given} <= {*places}, (id, name)
            at, query, headers = (
                path.replace('{key}', str(given.get('key'))),
                *({n: str(v) for n, v in given.items() if places[n] == kind} for kind in ('query', 'header')),
            )
            if verb == 'get':
                got = client.get(at, params=query)
                assert got.status_code == 200, (id, name)
                assert all(
                    str(r[n]) == v for r in got.json().get('items', ()) for n, v in query.items()
                ), (id, name)
                continue
            table = link['operationId'].partition('_')[2] + 's'
            assert given == {'key': row[TABLES[table].key], 'if-match': answer.headers['etag']}, (id, name)
            wrong = {'if-match': '"another"'}
            if verb == 'delete':
                assert client.delete(at, headers=key | wrong).status_code == 412, (id, name)
            else:
                sent = {n: row[n] for n in TABLES[table].names} if verb == 'put' else {}
                assert [client.request(verb, at, json=sent, headers=key | h).status_code for h in (headers, wrong)] == [
                    200,
                    412,
                ], (id, name)
        return {*said['links']}

    for table, t in TABLES.items():
        page = client.get(f'/v1/{table}', params=dict(limit=1))
        one = table.removesuffix('s')
        near = {f'get_{p.removesuffix("s")}' for p in t.parents.values()}
        near |= {f'list_{o.name}' for o in TABLES.values() if table in o.parents.values()}
        assert follow(f'list_{table}', page) == near | {f'get_{one}'}
        row = page.json()['items'][0]
        at = f'/v1/{table}/{row[t.key]}'
        rest = near | {f'{what}_{one}' for what in ('get', 'replace', 'update', 'delete')}
        assert follow(f'get_{one}', client.get(at)) == rest
        assert follow(f'update_{one}', client.patch(at, json={}, headers=key | {'If-Match': '*'})) == rest
        assert follow(f'replace_{one}', client.put(at, json=row, headers=key | {'If-Match': '*'})) == rest
        if table in ('order_items', 'payments'):
            assert {*ops[f'create_{one}'][2]['responses']['201']['links']} == rest # they come with an order
        else:
            assert (
                follow(
                    f'create_{one}',
                    client.post(
                        f'/v1/{table}',
                        json=told['components']['schemas'][SHAPES[table]['new'].__name__]['examples'][0],
                        headers=key,
                    ),
                )
                == rest
            )


def test_examples_with_a_key_work_in_the_shop_that_everybody_makes(tmp_path):
    "In the default shop every row that an example names is there, and can be replaced and changed as the example does; a line is added with its order."
    load(tables(Settings()), tmp_path / 'shop.db')
    app = make_app(Config(str(tmp_path / 'shop.db')))
    with TestClient(app, base_url='http://localhost') as client:
        told, key = (
            client.get('/openapi.json').json(),
            {'Authorization': 'Bearer ' + app.state.service.keys.create(['*']), 'If-Match': '*'},
        )
        for table in TABLES:
            for verb, op in told['paths'][f'/v1/{table}/{{key}}'].items():
                at, model = (
                    re.search(r'Example: `\w+ (.+?)`', op['description'])[1],
                    SHAPES[table]['patch' if verb == 'patch' else 'new'].__name__,
                )
                body = (
                    {} if verb in ('get', 'delete') else dict(json=told['components']['schemas'][model]['examples'][0])
                )
                if verb != 'delete':
                    assert (done := client.request(verb, at, headers=key, **body)).status_code == 200, (
                        verb,
                        at,
                        done.text,
                    )
        order, found = (
            re.search('`PATCH (.+?)`', told['paths']['/v1/order_items']['post']['description'])[1],
            client.get('/v1/products', params=dict(discontinued_on__isnull='true', limit=2)).json()['items'],
        )
        was = client.get(order, params=dict(expand='items,payment')).json()
        new = dict(
            product_id=found[1]['product_id'],
            quantity=1,
            unit_price_cents=found[1]['price_cents'],
            discount_cents=0,
            returned_quantity=0,
        )
        both = dict(
            items=[*was['items'], new],
            payment=dict(amount_cents=was['payment']['amount_cents'] + found[1]['price_cents']),
        )
        assert (done := client.patch(order, json=both, headers=key)).status_code == 200, done.text
        assert len(
            done.json()['items']
        ) == 2, done.text


@pytest.mark.slow
@pytest.mark.parametrize('seed', [1, 2, 3] if FULL else [1])
def test_schemathesis(own, seed):
    "Every check, on examples made up for each route and on sequences of requests: what the documentation says is what the service does."
    server = own()
    # sequences end where the same requests are answered otherwise than before, and begin anew while there is time
    for args in (
        ['--max-examples', '1000', '--phases', 'examples,coverage,fuzzing']
        if FULL
        else ['--max-examples', '3', '--phases', 'examples,fuzzing', '--max-time', '12'],
        ['--max-examples', '1000', '--phases', 'stateful', '--max-time', '300' if FULL else '15'],
    ):
        done = subprocess.run(
            [
                sys.executable,
                '-m',
                'schemathesis.cli',
                '--config-file',
                str(ROOT / 'tests' / 'api' / 'schemathesis' / 'schemathesis.toml'),
                'run',
                server.url + '/openapi.json',
                *args,
                '--checks',
                'all',
                '--seed',
                str(seed),
                '--request-timeout',
                '60',
            ],
            cwd=server.db.parent,
            capture_output=True,
            text=True,
            env=os.environ
            | dict(
                SHOP_KEY=server.token,
                SCHEMATHESIS_HOOKS='hooks',
                PYTHONPATH=os.pathsep.join([str(ROOT / 'tests' / 'api' / 'schemathesis'), *sys.path]),
            ),
        )
        print(done.stdout[-1500:])
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert int(re.search(r'API Links: +(\d+) covered', done.stdout)[1]) >= (50 if FULL else 5), (
        done.stdout
    ) # how many depends on the machine
    assert not server.events('failure')


@pytest.mark.slow
@pytest.mark.parametrize('name', ['SIGINT', 'SIGTERM', 'SIGHUP'])
def test_a_service_that_is_stopped_says_so_and_nothing_else(own, name):
    service = own()
    assert service.stop(getattr(signal, name)) == 0
    said = [line for line in service.log.read_text().splitlines() if not line.startswith('{')]
    assert said[-1] == 'Stopped.'
    assert len(said) == 2, said # the first is the address
