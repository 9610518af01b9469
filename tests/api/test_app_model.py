"The service against a model of plain dicts: whatever a client does, both say the same."
import json, shutil, sqlite3
from contextlib import closing

import pytest
from fastapi.testclient import TestClient
from hypothesis import settings as hypothesis_settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from shop_nb.api.app import make_app
from shop_nb.api.http_server import Config
from shop_nb.model.schema import TABLES
from shop_nb.store.repository import filters
from support import FULL
from support.database import broken, everything, holds


DAY = '2026-02-03'
SKUS = [f'M-{i}' for i in range(6)]
MAILS = [f'm{i}@example.com' for i in range(6)]
WORDS = ['Ulm', 'Graz', "O'Hara", 'Łódź']
TAGS = st.sampled_from(['right', 'right', 'right', 'any', 'wrong', 'none'])
COLUMN = dict(customers='city', products='brand')


class Model(RuleBasedStateMachine):
    "What clients may do to the five tables, and what a dict says must come of it"

    client = token = source = served = None

    @initialize()
    def begin(self):
        with closing(sqlite3.connect(self.source)) as a, closing(sqlite3.connect(self.served)) as b:
            a.backup(b)
        self.rows, self.requests, self.seen = everything(self.served), {}, {}
        self.first = {
            t: {k: v for k, v in next(iter(self.rows[t].values())).items() if k != TABLES[t].key} for t in COLUMN
        }

    # -- what is asked and expected

    def ask(self, method, path, **kw): return self.client.request(method, path, **kw)

    def whole(self, key):
        own = lambda t: [r for _, r in sorted(self.rows[t].items()) if r['order_id'] == key]
        return self.rows['orders'][key] | dict(items=own('order_items'), payment=own('payments')[0])

    def expected(self, table, key): return self.whole(key) if table == 'orders' else self.rows[table][key]

    def take(self, row):
        "Put an order with its parts into the model"
        row = dict(row)
        for t, parts in ('order_items', row.pop('items')), ('payments', [row.pop('payment')]):
            self.rows[t] = {k: r for k, r in self.rows[t].items() if r['order_id'] != row['order_id']} | {
                p[TABLES[t].key]: p for p in parts
            }
        self.rows['orders'][row['order_id']] = row

    def pick(self, data, table): return data.draw(st.sampled_from([*sorted(self.rows[table]), 10**6]))

    def condition(self, tag, table, key):
        "The If-Match of a tag, and the status that it must lead to, if not to the change"
        if tag == 'none': return {}, 428
        if key not in self.rows[table]: return {'If-Match': '*' if tag == 'any' else '"0"'}, 404
        at = self.ask('GET', f'/v1/{table}/{key}')
        return {'If-Match': dict(right=at.headers['etag'], any='*', wrong='"0"')[tag]}, 412 if tag == 'wrong' else None

    def new(self, table, data):
        row = self.first[table] | {COLUMN[table]: data.draw(st.sampled_from(WORDS))}
        return row | (
            dict(email=data.draw(st.sampled_from(MAILS)))
            if table == 'customers'
            else dict(sku=data.draw(st.sampled_from(SKUS)), discontinued_on=None, launched_on='2025-01-01')
        )

    def taken(self, table, row, but=None):
        name = dict(customers='email', products='sku')[table]
        return any(r[name] == row[name] for k, r in self.rows[table].items() if k != but)

    def next_key(self, table): return max(self.rows[table], default=0) + 1

    def is_answered_again(self, r, request, made):
        "With the row as it is now, or with the news that it was deleted"
        if made is None:
            assert r.status_code == 404
            assert 'deleted' in r.json()['detail']
        else:
            assert r.status_code == 201
            assert r.headers['idempotency-replayed'] == 'true'
            assert r.json() == (self.whole(made) if request[0] == 'orders' else self.rows[request[0]][made])

    def order(self, data, more=0):
        "An order that is good, or that lacks `more` cents"
        on_sale = [p for p in self.rows['products'].values() if p['launched_on'] <= DAY and not p['discontinued_on']]
        some = data.draw(
            st.lists(st.sampled_from(on_sale), min_size=1, max_size=3, unique_by=lambda p: p['product_id'])
        )
        lines = [
            dict(
                product_id=p['product_id'],
                quantity=data.draw(st.integers(1, 3)),
                unit_price_cents=p['price_cents'],
                discount_cents=0,
                tax_cents=0,
                returned_quantity=0,
            )
            for p in some
        ]
        tax, included = data.draw(st.integers(0, 50)), data.draw(st.booleans())
        lines[0]['tax_cents'] = tax
        goods = sum(l['quantity'] * l['unit_price_cents'] for l in lines)
        return dict(
            customer_id=data.draw(st.sampled_from(sorted(self.rows['customers']))),
            ordered_at=f'{DAY} 10:00:00',
            delivered_at=None,
            status='pending',
            channel='web',
            shipping_cents=490,
            tax_cents=tax,
            tax_included=included,
            discount_cents=0,
            items=lines,
            payment=dict(
                method='card',
                status='pending',
                paid_at=None,
                amount_cents=goods + 490 + (0 if included else tax) + more,
                refunded_cents=0,
                attempts=0,
            ),
        )

    def agrees(self, sent, got):
        "An order came back as it was sent, with keys"
        order = got['order_id']
        assert {k: got[k] for k in sent if k not in ('items', 'payment')} == {
            k: v for k, v in sent.items() if k not in ('items', 'payment')
        }
        assert got['items'] == [
            dict(order_item_id=order * 100 + i, order_id=order, line_number=i) | l
            for i, l in enumerate(sent['items'], 1)
        ]
        assert got['payment'] == dict(payment_id=got['payment']['payment_id'], order_id=order) | sent['payment']

    # -- what clients do

    @rule(data=st.data(), table=st.sampled_from(['customers', 'products']), key=st.sampled_from([None, None, 'a', 'b']))
    def create(self, data, table, key):
        row = self.new(table, data)
        body = json.dumps(row)
        r = self.ask(
            'POST', f'/v1/{table}', content=body,
            headers={'Content-Type': 'application/json'} | ({'Idempotency-Key': key} if key else {})
        )
        if key in self.requests:
            if self.requests[key][0] != (table, body):
                assert r.status_code == 422
            else:
                self.is_answered_again(r, *self.requests[key])
        elif self.taken(table, row):
            assert r.status_code == 409
        else:
            assert r.status_code == 201, r.text
            assert r.json() == row | {TABLES[table].key: self.next_key(table)}, r.text
            self.rows[table][self.next_key(table)] = r.json()
            if key: self.requests[key] = (table, body), r.json()[TABLES[table].key]

    @rule(data=st.data(), table=st.sampled_from(['customers', 'products']), tag=TAGS, whole=st.booleans())
    def change(self, data, table, tag, whole):
        key, new = self.pick(data, table), self.new(table, data)
        head, refused = self.condition(tag, table, key)
        name = COLUMN[table]
        if whole:
            body = self.rows[table].get(key, new) | {
                n: new[n] for n in (name, dict(customers='email', products='sku')[table])
            }
        else:
            body = {name: new[name]}
        r = self.ask(
            'PUT' if whole else 'PATCH', f'/v1/{table}/{key}', json=body | ({TABLES[table].key: key} if whole else {}),
            headers=head
        )
        if refused:
            assert r.status_code == refused
        elif whole and self.taken(table, body, key):
            assert r.status_code == 409
        else:
            now = self.rows[table][key] | body
            assert r.status_code == 200, r.text
            assert r.json() == now, r.text
            self.rows[table][key] = now

    @rule(data=st.data(), table=st.sampled_from(['customers', 'products', 'orders']), tag=TAGS)
    def delete(self, data, table, tag):
        key = self.pick(data, table)
        head, refused = self.condition(tag, table, key)
        r = self.ask('DELETE', f'/v1/{table}/{key}', headers=head)
        if refused:
            assert r.status_code == refused
        elif table != 'orders' and any(
            o[TABLES[table].key] == key
            for o in self.rows[dict(customers='orders', products='order_items')[table]].values()
        ):
            assert r.status_code == 409
        else:
            assert r.status_code == 204
            del self.rows[table][key]
            self.requests = {
                k: (request, None if (request[0], made) == (table, key) else made)
                for k, (request, made) in self.requests.items()
            }
            if table == 'orders':
                for t in 'order_items', 'payments':
                    self.rows[t] = {k: p for k, p in self.rows[t].items() if p['order_id'] != key}

    @rule(data=st.data(), more=st.sampled_from([0, 0, 0, 1]), key=st.sampled_from([None, 'c', 'd']))
    def order_once(self, data, more, key):
        if not self.rows['customers']: return
        body = self.order(data, more)
        for again in range(2 if key else 1):
            sent = json.dumps(body)
            r = self.ask(
                'POST', '/v1/orders', content=sent,
                headers={'Content-Type': 'application/json'} | ({'Idempotency-Key': key} if key else {})
            )
            if key in self.requests:
                if self.requests[key][0] == ('orders', sent):
                    self.is_answered_again(r, *self.requests[key])
                else:
                    assert r.status_code == 422
            elif more:
                assert r.status_code == 409
                assert r.json()['errors'][0]['pointer'] == '/payment/amount_cents'
            else:
                assert r.status_code == 201, r.text
                assert r.json()['order_id'] not in self.rows['orders'], r.text
                self.agrees(body, r.json())
                self.take(r.json())
                if key: self.requests[key] = ('orders', sent), r.json()['order_id']

    @rule(data=st.data(), tag=TAGS, more=st.sampled_from([0, 0, 1]), whole=st.booleans())
    def change_order(self, data, tag, more, whole):
        key = data.draw(
            st.sampled_from(
                [k for k, o in sorted(self.rows['orders'].items()) if o['ordered_at'][:10] == DAY] + [10**6]
            )
        )
        if not self.rows['customers']: return
        head, refused = self.condition(tag, 'orders', key)
        body = self.order(data, more)
        if not whole and key in self.rows['orders']:
            old = self.whole(key)
            extra = data.draw(st.integers(0, 40))
            first, *others = old['items']
            amount = old['payment']['amount_cents'] + (0 if old['tax_included'] else extra) + more
            body = dict(
                tax_cents=old['tax_cents'] + extra,
                items=[dict(first, tax_cents=first['tax_cents'] + extra), *others],
                payment=dict(amount_cents=amount),
            )
        r = self.ask('PUT' if whole else 'PATCH', f'/v1/orders/{key}', json=body, headers=head)
        if refused:
            assert r.status_code == refused
        elif more:
            assert r.status_code == 409
        elif whole:
            assert r.status_code == 200, r.text
            self.agrees(body, r.json())
            self.take(r.json())
        else:
            want = old | body | dict(payment=old['payment'] | body['payment'])
            assert r.status_code == 200
            assert r.json() == want
            self.take(want)

    @rule(data=st.data(), table=st.sampled_from(['order_items', 'payments']))
    def part_alone(self, data, table):
        "A line or a payment cannot open the ledger by itself"
        if not self.rows[table]: return
        key = data.draw(st.sampled_from(sorted(self.rows[table])))
        column = dict(order_items='unit_price_cents', payments='amount_cents')[table]
        r = self.ask(
            'PATCH', f'/v1/{table}/{key}', json={column: self.rows[table][key][column] + 1}, headers={'If-Match': '*'}
        )
        assert r.status_code == 409

    @rule(
        data=st.data(), table=st.sampled_from(['customers', 'products']), n=st.integers(0, 5), each=st.booleans(),
        dry=st.booleans()
    )
    def bulk(self, data, table, n, each, dry):
        rows = [self.new(table, data) for _ in range(n)]
        wrong = data.draw(st.sets(st.integers(0, 5), max_size=1))
        for i in wrong & set(range(n)): rows[i][COLUMN[table]] = ''
        before, refused, keys = dict(self.rows[table]), [], []
        for i, row in enumerate(rows):
            if i in wrong or self.taken(table, row):
                refused.append(i)
            else:
                keys.append(self.next_key(table))
                self.rows[table][keys[-1]] = row | {TABLES[table].key: keys[-1]}
        r = self.ask(
            'POST', f'/v1/{table}:bulk', params=dict(mode='each' if each else 'atomic', dry_run=str(dry).lower()),
            json=rows
        )
        if refused and not each:
            assert r.status_code == (422 if wrong & set(range(n)) else 409), r.text
        else:
            assert r.status_code == (207 if refused else 200), r.text
            assert r.json()['keys'] == keys, r.text
            assert r.json()['created'] == len(keys), r.text
            assert sorted({int(f['pointer'].split('/')[1]) for f in r.json()['refused']}) == refused
        if dry or refused and not each: self.rows[table] = before

    @rule(data=st.data(), n=st.integers(1, 3), wrong=st.sets(st.integers(0, 2), max_size=1), each=st.booleans())
    def bulk_of_orders(self, data, n, wrong, each):
        if not self.rows['customers']: return
        rows = [self.order(data, i in wrong) for i in range(n)]
        r, bad = (
            self.ask('POST', '/v1/orders:bulk', params=dict(mode='each' if each else 'atomic'), json=rows),
            wrong & set(range(n)),
        )
        if bad and not each:
            assert r.status_code == 409
            return
        assert r.status_code == (207 if bad else 200), r.text
        assert len(r.json()['keys']) == n - len(bad), r.text
        for key, row in zip(r.json()['keys'], [row for i, row in enumerate(rows) if i not in bad]):
            got = self.ask('GET', f'/v1/orders/{key}', params=dict(expand='items,payment')).json()
            self.agrees(row, got)
            self.take(got)

    # -- what they see

    @rule(data=st.data(), table=st.sampled_from(sorted(TABLES)))
    def read(self, data, table):
        "A row, and a tag that stands for what it says"
        key = self.pick(data, table)
        r = self.ask('GET', f'/v1/{table}/{key}', params=dict(expand='items,payment') if table == 'orders' else {})
        if key not in self.rows[table]:
            assert r.status_code == 404
            return
        row, tag = self.expected(table, key), r.headers['etag']
        assert r.json() == row
        for old, seen in self.seen.get((table, key), {}).items():
            assert (old == tag) == (seen == row)
            assert self.ask('GET', f'/v1/{table}/{key}', headers={'If-None-Match': old}).status_code == (
                304 if seen == row else 200
            )
        self.seen.setdefault((table, key), {})[tag] = row

    @rule(data=st.data(), table=st.sampled_from(sorted(TABLES)), limit=st.integers(1, 9))
    def walk(self, data, table, limit):
        "Every page of a list, with filters and an order"
        t, rows, chosen = TABLES[table], list(self.rows[table].values()), {}
        for name in data.draw(st.lists(st.sampled_from(sorted(filters(t))), max_size=2, unique=True)) if rows else ():
            c, op = filters(t)[name]
            value = data.draw(st.sampled_from(rows))[c.name]
            if op == 'isnull':
                chosen[name] = data.draw(st.sampled_from(['true', 'false']))
            elif value is None:
                continue
            elif op == 'in':
                chosen[name] = [value]
            elif op == 'contains':
                chosen[name] = value[1:4]
            else:
                chosen[name] = value
        sort = data.draw(st.sampled_from(['', *(s + n for n in t.names for s in ('', '-'))]))
        want = sorted(
            (r for r in rows if all(holds(r[filters(t)[n][0].name], filters(t)[n][1], v) for n, v in chosen.items())),
            key=lambda r: r[t.key],
        )
        name = sort.lstrip('-')
        if name:
            want.sort(
                key=lambda r: (r[name] is not None, r[name].encode() if isinstance(r[name], str) else r[name] or 0),
                reverse=sort[0] == '-',
            )
        if ',' in ''.join(v[0] if isinstance(v, list) and isinstance(v[0], str) else '' for v in chosen.values()):
            return
        params = {
            n: str(v[0] if isinstance(v, list) else v).lower()
            if isinstance(v[0] if isinstance(v, list) else v, bool)
            else v
            for n, v in chosen.items()
        }
        got, cursor = [], None
        while True:
            r = (
                self.ask(
                    'GET',
                    f'/v1/{table}',
                    params=params
                    | dict(limit=limit, sort=sort, count='true')
                    | (dict(cursor=cursor) if cursor else {}),
                )
                if sort
                else self.ask(
                    'GET', f'/v1/{table}',
                    params=params | dict(limit=limit, count='true') | (dict(cursor=cursor) if cursor else {})
                )
            )
            assert r.status_code == 200, (chosen, r.text)
            assert r.json()['count'] == len(want), (chosen, r.text)
            got += r.json()['items']
            if not (cursor := r.json()['next']): break
        assert got == want, (chosen, sort)

    def teardown(self):
        if hasattr(self, 'rows'):
            assert everything(self.served) == self.rows
            assert not broken(self.served)


@pytest.mark.slow
def test_the_service_does_as_a_model_does(small, tmp_path):
    "Whatever clients do one after another, the service and a dict never differ."
    db = tmp_path / 'shop.db'
    shutil.copy(small, db)
    app = make_app(Config(str(db), quiet=True))
    with TestClient(
        app, base_url='http://localhost', headers={'Authorization': f'Bearer {app.state.service.keys.create(["*"])}'}
    ) as client:
        Model.client, Model.source, Model.served = client, small, db
        run_state_machine_as_test(
            Model,
            settings=hypothesis_settings(
                max_examples=500 if FULL else 10, stateful_step_count=30 if FULL else 20, deadline=None, database=None,
                report_multiple_bugs=False, print_blob=False
            ),
        )
