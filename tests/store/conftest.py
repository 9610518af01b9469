"The database of a test module's shop, which its tests copy."
import pytest

from shop_nb.database.load import load
from shop_nb.generator.blocks import tables


@pytest.fixture(scope='module')
def made(request, tmp_path_factory):
    "That of the module's SETTINGS; not to be changed."
    path = tmp_path_factory.mktemp('made') / 'shop.db'
    load(tables(request.module.SETTINGS), path)
    return path
