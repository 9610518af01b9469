"The market of tables without a manifest: Parquet files say it themselves."
import hashlib, json, shutil

import pyarrow.parquet as pq
import pytest

from shop_nb.analytics.questions import ask
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.files.files import MARKET, find_table, market_metadata, parts
from shop_nb.files.market import source_market
from shop_nb.generator.blocks import tables, write_empty, write_tables
from shop_nb.model.market import Market, as_dict, market_of
from shop_nb.quality.validate import validate

SIZE = dict(customers=40, products=30, orders=80, order_items=180)


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize('name', ['eu', 'us', 'in'])
def test_tables_without_a_manifest_keep_their_market(tmp_path, name, workers):
    settings = Settings(behaviour=name, **SIZE)
    write_tables(settings, tmp_path / 'out', workers=workers)
    assert source_market(tmp_path / 'out') == market_of(settings.values)
    assert ask('monthly_revenue', tmp_path / 'out').currency == settings.values['shop.currency']
    assert validate(tmp_path / 'out').ok
    load(tmp_path / 'out', tmp_path / 'shop.db')
    assert source_market(tmp_path / 'shop.db') == market_of(settings.values)


def test_each_file_says_it_alone(tmp_path):
    "Whichever table is looked at, and however the files were made; and the same settings give the same bytes."
    settings = Settings(behaviour='br', **SIZE)
    hashes = []
    for out in tmp_path / 'a', tmp_path / 'b':
        write_tables(settings, out, workers=2)
        files = [part for table in sorted(out.iterdir()) for part in parts(table)]
        said = {pq.read_metadata(f).metadata[MARKET.encode()].decode() for f in files if pq.read_metadata(f).num_rows}
        assert said == {market_metadata(market_of(settings.values))[MARKET]}
        hashes.append([hashlib.sha256(f.read_bytes()).hexdigest() for f in files])
    assert hashes[0] == hashes[1]
    for name in 'customers', 'products', 'order_items', 'payments': shutil.rmtree(tmp_path / 'a' / f'{name}.parquet')
    assert source_market(tmp_path / 'a') == market_of(settings.values)


def test_what_says_nothing_has_the_market_of_all(tmp_path):
    settings = Settings(behaviour='us', **SIZE)
    write_tables(settings, tmp_path / 'csv', format='csv')
    (tmp_path / 'plain').mkdir()
    for name, table in tables(settings).items(): pq.write_table(table, tmp_path / 'plain' / f'{name}.parquet')
    (tmp_path / 'broken').mkdir()
    (tmp_path / 'broken' / 'orders.parquet').write_bytes(b'PAR1')
    for name in 'csv', 'plain', 'broken', 'not there': assert source_market(tmp_path / name) == Market()


def test_a_market_that_cannot_be_is_refused(tmp_path):
    table = tables(Settings(**SIZE))['orders']
    pq.write_table(table.replace_schema_metadata({MARKET: '{"currency": "<b>"}'}), tmp_path / 'orders.parquet')
    with pytest.raises(ShopError, match='market of this shop cannot be read') as e: source_market(tmp_path)
    assert e.value.code == 2


def test_tables_without_a_block_say_it_too(tmp_path):
    market = Market('INR')
    write_empty(['orders'], tmp_path, 'parquet', market)
    path, = parts(find_table(tmp_path, 'orders'))
    assert json.loads(pq.read_metadata(path).metadata[MARKET.encode()]) == as_dict(market)
