"Somebody's own shop in one line: it is what an import is, and nothing of it stays behind."
import gc
from pathlib import Path

import pandas as pd, pytest

from shop_nb import Shop
from shop_nb.core.errors import ShopError
from shop_nb.formats.format import OwnColumns, read_columns
from shop_nb.imports.imports import Source, import_shop
from support import ROOT

SAMPLES = ROOT / 'docs' / 'samples'


@pytest.mark.parametrize('path, format', [
    ('lines/cafe.csv', 'lines'), ('shopify/orders_export.csv', 'shopify'), ('woocommerce/orders.csv', 'woocommerce'),
    ('olist', 'olist'), ('online-retail', 'online-retail'), ('tables', 'tables')])
def test_it_is_what_an_import_is(tmp_path, path, format):
    own = SAMPLES / 'lines' / 'columns.toml' if format == 'lines' else None
    shop = Shop.read(SAMPLES / path, columns=own)
    assert shop.imported.manifest['import']['format'] == format
    assert f'imported as {format}' in repr(shop)
    source = Source([SAMPLES / path], own=read_columns(own) if own else OwnColumns())
    assert import_shop(source, tmp_path / 'run')['tables'] == shop.imported.manifest['tables']
    assert len(shop.ask('monthly_revenue'))


def test_its_folder_goes_with_it():
    shop = Shop.read(SAMPLES / 'shopify' / 'orders_export.csv')
    folder = Path(shop.folder)
    assert folder.is_dir()
    del shop
    gc.collect()
    assert not folder.exists()


def test_a_folder_of_ones_own_stays_and_is_added_to(tmp_path):
    path = SAMPLES / 'shopify' / 'orders_export.csv'
    first = Shop.read(path, tmp_path / 'mine')
    again = Shop.read(path, tmp_path / 'mine')
    assert again.folder == tmp_path / 'mine'
    assert again.rows() == first.rows() == Shop.open(tmp_path / 'mine').rows()
    assert again.imported.manifest['import']['number'] == 2


def test_days_alone_are_no_midnights():
    lines = pd.DataFrame(dict(order=[1, 1, 2], date='2025-01-01', customer=['a', 'a', 'b'], product=['x', 'y', 'x'],
                              quantity=1, price=1.5))
    with pytest.raises(ShopError, match='hour_weekday needs orders.time_of_day'): Shop.read(lines).ask('hour_weekday')
    timed = Shop.read(lines.assign(date=['2025-01-01 00:00', '2025-01-01 00:00', '2025-01-01 12:30']))
    assert timed.ask('hour_weekday').frame.query('orders > 0').hour.to_list() == [0, 12]


def test_the_sum_names_files_whole():
    shop = Shop.read(SAMPLES / 'olist')
    for name in shop.imported.manifest['import']['files']: assert f'\n{name} ' in repr(shop.imported)


@pytest.mark.parametrize('how, says', [
    (dict(columns='none.toml'), 'none.toml'), (dict(contract=dict(colums='evolve')), 'colums'),
    (dict(format='shopfy'), 'shopify'), (dict(separator='ab'), 'separator'),
    (dict(column='x.toml'), "Did you mean 'columns'")])
def test_what_cannot_be_is_refused(how, says):
    with pytest.raises(ShopError, match=says): Shop.read(SAMPLES / 'shopify' / 'orders_export.csv', **how)
