"The service for long, with everything at once."
import os, time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from shop_nb.database.load import load
from shop_nb.generator.blocks import tables
from support import FULL
from support.database import broken
from support.server import SMALL


def size(pid):
    "Megabytes of memory and open files of a process and its children"
    status = open(f'/proc/{pid}/status').read()
    return int(status.split('VmRSS:')[1].split()[0]) / 1024, len(os.listdir(f'/proc/{pid}/fd'))


@pytest.mark.slow
def test_the_service_lasts(served):
    "Everything at once, with loads under it: no fault, and neither memory nor files grow."
    seconds, statuses, failures, sizes = 600 if FULL else 6, {}, [], []
    until = time.monotonic() + seconds

    def client(n):
        with httpx.Client(base_url=served.url, headers=served.client.headers, timeout=120) as c:
            while time.monotonic() < until:
                tag = c.get('/v1/products/3').headers['etag']
                orders = c.get('/v1/orders', params=dict(limit=20, expand='customer,items,payment', count='true'))
                for r in [
                    orders,
                    c.get('/v1/order_items', params=dict(sort='-quantity', quantity__gte=2)),
                    c.get('/v1/questions/order_status'),
                    c.get('/v1/payments:export', params=dict(format=['csv', 'ndjson', 'parquet', 'arrow'][n % 4])),
                    c.patch('/v1/products/3', json=dict(brand=f'{n} {time.monotonic()}'), headers={'If-Match': tag}),
                    c.post('/v1/customers', json={}),
                    c.get('/v1/customers/5', headers={'If-None-Match': '"0"'}),
                    c.get('/metrics'),
                ]:
                    statuses[r.status_code] = statuses.get(r.status_code, 0) + 1
                    if r.status_code >= 500: failures.append(r.text)
                time.sleep(0.01)

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(client, n) for n in range(6)]
        while time.monotonic() < until:
            load(tables(SMALL), served.db)
            sizes.append(size(served.process.pid))
            time.sleep(seconds / 12)
        for j in jobs: j.result()
    sizes.append(size(served.process.pid))
    if FULL: print(statuses, sizes)
    assert not failures
    assert set(statuses) <= {200, 412, 422}
    assert statuses[200] > seconds
    assert not served.events('failure')
    assert not broken(served.db)
    half = sizes[len(sizes) // 2]
    assert sizes[-1][0] < 1.1 * half[0] + 20
    assert sizes[-1][1] <= sizes[min(2, len(sizes) - 2)][1] + 8
