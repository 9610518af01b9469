"An Idempotency-Key that came before, with another body, is refused by design: each request gets one of its own."
import uuid

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get('idempotency-key') or ''
    if case.method == 'POST' and 0 < len(key) <= 200 and all('!' <= c <= '~' for c in key): case.headers['idempotency-key'] = key + uuid.uuid4().hex


@schemathesis.serializer('application/x-ndjson')
def ndjson(context, value): return value if isinstance(value, bytes) else str(value).encode()
