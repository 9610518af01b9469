"What the documentation says is what the service does."
import json, os, re, subprocess, sys

import pytest
from fastapi.testclient import TestClient

from shop_nb.api.app import make_app
from shop_nb.api.http_server import Config
from shop_nb.generator.blocks import tables
from shop_nb.database.load import load
from shop_nb.model.schema import TABLES
from shop_nb.behaviour.settings import Settings
from shop_nb.api.models import models_of
from support import FULL, ROOT


def example_of(told, table, kind):
    return told['components']['schemas'][models_of()[table][kind].__name__]['examples'][0]


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
        new, patch = (example_of(told, table, kind) for kind in ('new', 'patch'))
        models_of()[table]['new'].model_validate(new)
        models_of()[table]['patch'].model_validate(patch)
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
                f'/v1/{table}:bulk', params=dict(dry_run='true'), content=body.encode(),
                headers=key | {'Content-Type': kind}
            )
            assert (done.status_code, done.json()['created']) == (200, 1), done.text
        made = client.post(f'/v1/{table}', json=new, headers=key)
        assert made.status_code == 201, made.text
        at, head = made.headers['location'], key | {'If-Match': '*'}
        assert client.patch(at, json=patch, headers=head).status_code == 200, made.text
        assert client.put(at, json=new, headers=head).status_code == 200


def test_links_of_the_documentation_lead_where_they_say(inside):
    "From every answer that has a row, each declared link is a route that takes what the answer gives it, and answers."
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
        "The operations that an answer leads to; each is asked, those that write with what changes nothing."
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
            made = client.post(f'/v1/{table}', json=example_of(told, table, 'new'), headers=key)
            assert follow(f'create_{one}', made) == rest


def test_examples_with_a_key_work_in_the_shop_that_everybody_makes(tmp_path):
    "In the default shop every row of an example is there, can be replaced and changed; a line comes with its order."
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
                    models_of()[table]['patch' if verb == 'patch' else 'new'].__name__,
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
            tax_cents=0,
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
    "Every check, on made-up examples of each route and on sequences of requests: the service does what it documents."
    server = own()
    # sequences end where the same requests are answered otherwise than before, and begin anew while there is time
    for args in (
        ['--max-examples', '1000', '--phases', 'examples,coverage,fuzzing']
        if FULL
        else ['--max-examples', '3', '--phases', 'examples,fuzzing', '--max-time', '5'],
        ['--max-examples', '1000', '--phases', 'stateful', '--max-time', '300' if FULL else '10'],
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
