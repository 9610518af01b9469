"A service in a process of its own."
import json, signal, subprocess, sys, time

import httpx

from browse import free_port
from shop_nb.api.auth import ApiKeys
from shop_nb.behaviour.settings import Settings

SETTINGS = Settings(seed=5, customers=200, products=60, orders=400, order_items=1000)
SMALL = Settings(seed=3, customers=6, products=12, orders=8, order_items=16)
MAIN = 'import sys; from shop_nb.app.cli import main; sys.exit(main())'


class Server:
    "A service in a process of its own, as `shop-nb api` starts it."

    def __init__(self, db, *args, workers=1, port=None):
        self.db, self.port = db, port or free_port()
        self.url, self.log = f'http://127.0.0.1:{self.port}', db.with_name('api.log')
        self.token = ApiKeys(db).create(['*'])
        before = len(self.events('started')) if self.log.exists() else 0
        self.process = subprocess.Popen(
            [
                sys.executable,
                '-c',
                MAIN,
                'api',
                '--db',
                str(db),
                '--port',
                str(self.port),
                '--workers',
                str(workers),
                *args,
            ],
            stderr=self.log.open('ab'),
        )
        for _ in range(1200):
            if len(self.events('started')) >= before + workers and self.answers(): break
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.1)
        else:
            raise AssertionError(self.log.read_text())
        self.client = httpx.Client(base_url=self.url, headers={'Authorization': f'Bearer {self.token}'}, timeout=30)

    def answers(self):
        try:
            return httpx.get(self.url + '/readyz', timeout=30).status_code < 500
        except httpx.TransportError:
            return False

    def stop(self, sig=signal.SIGTERM):
        self.client.close()
        self.process.send_signal(sig)
        code = self.process.wait(120)
        if sig != signal.SIGKILL:
            assert self.log.read_text().endswith('Stopped.\n'), 'and nothing about work that was left half done'
        return code

    def events(self, event):
        return [
            d for l in self.log.read_text().splitlines() if l.startswith('{') and (d := json.loads(l))['event'] == event
        ]
