"A made shop as other people keep theirs, and a format that only the tests know"
import pytest

from shop_nb.model.schema import TABLES
from shop_nb.shop.shop import Shop
from support.sources import TILL, write_tables


@pytest.fixture(scope='session')
def made():
    "A small made shop."
    return Shop(seed=5, orders=400, order_items=1000, customers=200, products=60)


@pytest.fixture(scope='session')
def source(made, tmp_path_factory):
    "Its tables under foreign keys."
    return write_tables({name: made.frame(name) for name in TABLES}, tmp_path_factory.mktemp('source') / 'tables')


@pytest.fixture
def till(monkeypatch):
    "A format that only the tests know."
    from shop_nb.formats import format as chapter
    known = chapter.formats()
    monkeypatch.setattr(chapter, 'formats', lambda: known | dict(till=TILL))
    return TILL
