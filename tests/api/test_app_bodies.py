"Bodies that cannot be read, or do not fit: what is said, and where it points."
import csv, io, json, re

import pytest

from support.api import a_customer, is_problem


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
            '/v1/customers:bulk', params=dict(dry_run='true'), content=out.getvalue(),
            headers={'Content-Type': 'text/csv'}
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
