"A small shop, and services on it: in a process of its own, or in this one."
import shutil

import pytest
from fastapi.testclient import TestClient

from shop_nb.api.app import make_app
from shop_nb.api.auth import ApiKeys
from shop_nb.api.http_server import Config
from shop_nb.app.cli import main
from shop_nb.database.load import load
from shop_nb.generator.blocks import tables
from support.api import a_customer
from support.server import SETTINGS, SMALL, Server


@pytest.fixture(scope='session')
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp('made') / 'shop.db'
    load(tables(SETTINGS), path)
    return path


@pytest.fixture(scope='session')
def server(made, tmp_path_factory):
    "One service for the tests that leave it as it was, or that do not mind."
    db = tmp_path_factory.mktemp('served') / 'shop.db'
    shutil.copy(made, db)
    s = Server(db)
    yield s
    assert s.stop() == 0, s.log.read_text()[-2000:]
    assert not s.events('failure')


@pytest.fixture
def own(made, tmp_path):
    "A service that a test may do with as it likes."
    shutil.copy(made, tmp_path / 'shop.db')
    started = []
    def start(*args, **more):
        started.append(Server(tmp_path / 'shop.db', *args, **more))
        return started[-1]
    yield start
    for s in started:
        if s.process.poll() is None: s.stop()


@pytest.fixture
def api(server): return server.client


@pytest.fixture
def inside(made, tmp_path):
    "A service in this process: (client, application)."
    shutil.copy(made, tmp_path / 'shop.db')
    clients = []
    def make(**config):
        app = make_app(Config(str(tmp_path / 'shop.db'), **config))
        clients.append(TestClient(app, base_url='http://localhost').__enter__())
        return clients[-1], app
    yield make
    for c in clients: c.__exit__(None, None, None)


@pytest.fixture(scope='session')
def small(tmp_path_factory):
    "The database of a shop that fits into a dict."
    path = tmp_path_factory.mktemp('small') / 'shop.db'
    load(tables(SMALL), path)
    return path


@pytest.fixture
def served(small, tmp_path):
    "A service of the small shop, in a process of its own."
    shutil.copy(small, tmp_path / 'shop.db')
    server = Server(tmp_path / 'shop.db')
    yield server
    assert server.stop() == 0


@pytest.fixture
def cli(capsys):
    "Call the command line: exit code, standard output, standard error."
    def call(*args):
        capsys.readouterr()
        return main([str(a) for a in args]), *capsys.readouterr()
    return call


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


@pytest.fixture(scope='session')
def named(made, tmp_path_factory):
    "A service whose customers have the names above, and their keys."
    db = tmp_path_factory.mktemp('named') / 'shop.db'
    shutil.copy(made, db)
    with TestClient(
        make_app(Config(str(db), quiet=True)), base_url='http://localhost',
        headers={'Authorization': 'Bearer ' + ApiKeys(db).create(['*'])}
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
