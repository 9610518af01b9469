"Many rows in and out: bulks, exports, files for other programs."
import csv, io, json, sqlite3, tempfile

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shop_nb.analytics.questions import Answer, questions
from shop_nb.model.schema import TABLES
from shop_nb.api.parameters import BULK_ROWS
from support import FULL
from support.api import a_customer, is_problem


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
    is_problem(api.post('/v1/products:bulk', json=[{}] * (BULK_ROWS + 1)), 422)


def test_ten_thousand_at_once(inside):
    client, app = inside()
    row = client.get('/v1/products/1').json()
    del row['product_id']
    made = client.post(
        '/v1/products:bulk', json=[row | dict(sku=f'B-{i}') for i in range(BULK_ROWS)],
        headers={'Authorization': f'Bearer {app.state.service.keys.create(["*"])}'}
    )
    assert made.status_code == 200
    assert made.json()['created'] == BULK_ROWS


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
        columns = dict.fromkeys(names, 'varchar')
        form = "delim=',', quote='\"', escape='\"', header=true, new_line='\\n', auto_detect=false"
        return duckdb.sql(f"select street, region from read_csv('{f.name}', {form}, columns={columns})").fetchall()


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
