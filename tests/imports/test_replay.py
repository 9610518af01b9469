"What an import sets aside, mended and loaded again: it is read as it was, and nothing is made up."
import pytest

from shop_nb.formats.format import read_columns
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import export, read_rows
from shop_nb.reading.text import Reading
from shop_nb.shop.shop import Shop
from support import ROOT

SAMPLES = ROOT / 'docs' / 'samples'


def mended(run, folder, old, new):
    "The rows that are set aside, as files in which a text is replaced."
    paths = export(read_rows(run), folder)
    for path in paths: path.write_text(path.read_text(encoding='utf-8').replace(old, new), encoding='utf-8')
    return paths


def test_a_map_of_ones_own_holds_for_what_is_mended(tmp_path):
    run = tmp_path / 'run'
    first = import_shop(Source([SAMPLES / 'lines/cafe.csv'], own=read_columns(SAMPLES / 'lines/columns.toml')), run)
    aside = sum(f['quarantined'] for f in first['import']['files'].values())
    assert aside
    paths = mended(run, tmp_path / 'mend', 'drei', '3')
    later = import_shop(Source(paths), run)
    assert sum(f['loaded'] for f in later['import']['files'].values()) == aside
    assert len(read_rows(run)) == 0
    assert later['import']['own'] == first['import']['own']


def test_a_zone_holds_for_what_is_mended(tmp_path):
    path = tmp_path / 'orders.csv'
    path.write_text('order,customer,time,product,quantity,price\n1,a,2025-01-01T23:30:00Z,p,1,abc\n'
                    '2,a,2025-01-01T10:00:00Z,p,1,5.00\n')
    run = tmp_path / 'run'
    import_shop(Source([path], reading=Reading(zone='Europe/Vienna'), currency='EUR'), run)
    import_shop(Source(mended(run, tmp_path / 'mend', 'abc', '5.00')), run)
    times = Shop.open(run).orders.ordered_at.astype(str).tolist()
    assert sorted(times) == ['2025-01-01 11:00:00', '2025-01-02 00:30:00']


def test_what_is_not_mended_makes_nothing_up(tmp_path):
    "A customer who is not there is not made of an order that names one."
    run = tmp_path / 'run'
    first = import_shop(Source([SAMPLES / 'tables'], currency='GBP'), run)
    before = read_rows(run)
    later = import_shop(Source(export(before, tmp_path / 'mend')), run)
    assert later['tables'] == first['tables']
    assert not sum(f['loaded'] for f in later['import']['files'].values())
    assert set(read_rows(run)['key'].to_pylist()) == set(before['key'].to_pylist())


@pytest.mark.parametrize('name', ['customers', 'products', 'orders', 'order_items', 'payments'])
def test_a_single_table_changes_nothing_that_is_there(tmp_path, name):
    run = tmp_path / 'run'
    first = import_shop(Source([SAMPLES / 'tables'], currency='GBP'), run)
    later = import_shop(Source([SAMPLES / 'tables' / f'{name}.csv']), run)
    assert later['tables'] == first['tables']


def test_how_a_file_is_read_is_told(tmp_path):
    path = tmp_path / 'orders.csv'
    path.write_bytes('order;customer;time;product;quantity;price\n1;Zoë;2025-01-01;p;1;5,00\n'.encode('cp1252'))
    notes = import_shop(Source([path], currency='EUR'), tmp_path / 'run')['import']['notes']
    assert any('semicolons' in note for note in notes)
    assert any('Windows-1252' in note or 'cp1252' in note for note in notes)


HEADER = 'order,customer,time,product,quantity,price\n'


@pytest.mark.parametrize('line', ['1,a,2025-01-01,q,1,7,extra', '1,a,2025-01-01,q', '1,a,2025-01-01,"q,1,7'])
def test_a_record_that_is_no_row_takes_its_order_with_it(tmp_path, line):
    "And comes back with it: the order has all its lines, or is not there."
    path, run = tmp_path / 'orders.csv', tmp_path / 'run'
    path.write_text(f'{HEADER}1,a,2025-01-01,p,1,5\n2,b,2025-01-01,q,1,5\n{line}\n')
    first = import_shop(Source([path], currency='EUR'), run)
    assert first['tables']['orders']['rows'] == 1
    assert [(r['line'], r['key'], r['rule']) for r in read_rows(run).to_pylist()] == [
        (2, '1', 'records'), (4, '1', 'records')]
    later = import_shop(Source(mended(run, tmp_path / 'mend', line, '1,a,2025-01-01,q,1,7')), run)
    assert later['tables']['orders']['rows'] == 2
    assert sorted(Shop.open(run).order_items.unit_price_cents) == [500, 500, 700]
    assert len(read_rows(run)) == 0


def test_an_order_that_outgrows_its_number_is_set_aside(tmp_path):
    path, run = tmp_path / 'orders.csv', tmp_path / 'run'
    path.write_text(f'{HEADER}1,a,2025-01-01,p,1,5\n2,b,2025-01-01,q,1,5\n')
    first = import_shop(Source([path], currency='EUR'), run)
    path.write_text(HEADER + ''.join(f'1,a,2025-01-01,p{i},1,5\n' for i in range(150)))
    later = import_shop(Source([path]), run)
    assert later['tables']['orders'] == first['tables']['orders']
    assert later['tables']['order_items'] == first['tables']['order_items']
    assert 'it has 150 lines now, and room for 99' in read_rows(run)['reason'][0].as_py()
