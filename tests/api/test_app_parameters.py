"Query parameters: what they take, and what is said of those that are none."
import csv, io, json, re, sqlite3

import pytest

from shop_nb.analytics.questions import questions
from shop_nb.model.schema import TABLES
from shop_nb.api.models import PATTERNS
from shop_nb.store.repository import filters
from support.api import a_customer, is_problem


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
    "As a filter, in a row, in rows of each kind, and as a question's parameter; shown they are always in one form."
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
