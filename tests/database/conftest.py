"A small shop that several kinds of databases take."
import pytest

from shop_nb.generator.blocks import tables, write_tables
from support.server import SETTINGS


@pytest.fixture(scope='session')
def shop():
    "Its tables, by name."
    return tables(SETTINGS)


@pytest.fixture(scope='session')
def folder(tmp_path_factory):
    "Its tables as files; not to be changed."
    path = tmp_path_factory.mktemp('tables')
    write_tables(SETTINGS, path)
    return path
