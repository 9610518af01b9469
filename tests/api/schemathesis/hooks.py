"""How requests are made that the service can take: each wish its own, and orders that close

An Idempotency-Key that came before, with another body, is refused by design: each request gets one of its own.
By chance no order has a customer who is there and a payment that is its sum. Most new orders are therefore orders of
the shop: half as they are, a quarter with one column as it was made up. The others are all made up. In sequences half
of the lists have one parameter at most, so that they find rows."""
import os
import uuid
import zlib
from functools import cache

import httpx
import schemathesis

OWN = 'order_id', 'order_item_id', 'payment_id' # keys that a new row gets


def ready(row):
    return {
        n: [ready(r) for r in v] if isinstance(v, list) else ready(v) if isinstance(v, dict) else v
        for n, v in row.items()
        if n not in OWN
    }


def ask(url, **params):
    return httpx.get(url, params=params, headers={'Authorization': 'Bearer ' + os.environ['SHOP_KEY']}, timeout=60)


@cache
def orders(url):
    "Orders of the shop, as they would be sent again."
    return [ready(r) for r in ask(f'{url}/v1/orders', limit=200, expand='items,payment').json()['items']]


def draw(made): return zlib.crc32(repr(made).encode()) # the same for what is the same, so that a run can be repeated


def closing(row, made):
    "What was made up; or an order of the shop, as it is or with a column of what was made up."
    which, columns = draw(made), sorted({*made} - {'items', 'payment', *OWN})
    if row is None or which % 4 == 0: return made
    return row | {c: made[c] for c in columns[which // 512 % max(len(columns), 1):][:which % 4 == 1]}


def like(url, made):
    "A new order."
    return closing(orders(url)[draw(made) // 4 % len(orders(url))], made)


def instead(url, path, made):
    "An order that replaces one."
    found = ask(url + path, expand='items,payment')
    return closing(ready(found.json()) if found.status_code == 200 else None, made)


def narrow(query):
    "One parameter of many, best one that a link may have set: many filters at once leave no row to go on from."
    return {n: query[n] for n in [n for n in query if n.endswith('_id')][:1] or [*query][:1]}


@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get('idempotency-key') or ''
    if case.method == 'POST' and 0 < len(key) <= 255 and all('!' <= c <= '~' for c in key):
        case.headers['idempotency-key'] = key[:223] + uuid.uuid4().hex
    how = case.meta
    if how is None or how.generation.mode.is_negative or how.phase.name not in ('fuzzing', 'stateful'): return
    url, body = case.operation.base_url.rstrip('/'), case.body
    if case.operation.label == 'POST /v1/orders' and isinstance(body, dict): case.body = like(url, body)
    if case.operation.label == 'PUT /v1/orders/{key}' and isinstance(body, dict):
        case.body = instead(url, case.formatted_path, body)
    if how.phase.name == 'stateful' and case.method == 'GET' and case.query and draw(case.query) % 2:
        case.query = narrow(case.query)
    if case.operation.label == 'POST /v1/orders:bulk' and isinstance(body, list):
        case.body = [like(url, r) for r in body]


@schemathesis.serializer('application/x-ndjson')
def ndjson(context, value): return value if isinstance(value, bytes) else str(value).encode()
