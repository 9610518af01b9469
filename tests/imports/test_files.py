"Files that are given together may overlap: what is the same counts once, and what differs is set aside."
import shutil

import pytest

from shop_nb.app.run import verify
from shop_nb.core.errors import ShopError
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import export, read_rows
from shop_nb.shop.shop import Shop
from support import ROOT
from support.imported import run_import

SAMPLES = ROOT / 'docs' / 'samples'
HEAD = 'order,time,customer,product,quantity,price\n'
ONE, TWO, THREE = (f'{n},2025-01-0{n} 10:00,c{n},p1,{n},2.00\n' for n in (1, 2, 3))
MORE = '2,2025-01-02 10:00,c2,p2,1,5.00\n'


def in_lines(tmp_path, **files):
    return run_import(tmp_path, {f'{name}.csv': HEAD + text for name, text in files.items()}, 'lines')


def units(run): return run.rows('select sum(quantity) from order_items')[0][0]


@pytest.mark.parametrize('sample', sorted(p.name for p in SAMPLES.iterdir()))
def test_every_file_twice_is_every_file_once(tmp_path, sample):
    "As a browser saves them: the second one has a number behind its name."
    files, maps = (sorted((SAMPLES / sample).glob(f'*.{kind}')) for kind in ('csv', 'toml'))
    how = dict(columns=maps[0]) if maps else {}
    once = Shop.read([str(p) for p in files], tmp_path / 'once', **how)
    copies = [shutil.copy(p, tmp_path / f'{p.stem} (1).csv') for p in files]
    twice = Shop.read([str(p) for p in (*files, *copies)], tmp_path / 'twice', **how)
    said, again = once.imported.manifest, twice.imported.manifest
    assert {n: t['digest'] for n, t in again['tables'].items()} == {n: t['digest'] for n, t in said['tables'].items()}
    assert again['import']['amount_cents']['loaded'] == said['import']['amount_cents']['loaded']
    if sample in ('lines', 'olist', 'tables'):
        assert not sum(facts['loaded'] for name, facts in again['import']['files'].items() if '(1)' in name)


def test_an_order_in_two_exports_counts_once(tmp_path):
    run = in_lines(tmp_path, a=ONE + TWO + MORE, b=MORE + TWO + THREE)
    assert units(run) == 1 + 2 + 1 + 3
    assert run.counts == dict(read=6, loaded=4, quarantined=0, skipped=2)


def test_an_order_that_differs_between_exports_is_set_aside(tmp_path):
    "It was changed, or is cut short in one of them: both files are named."
    for files in dict(a=ONE + TWO, b=TWO.replace('2.00', '3.00') + THREE), dict(a=ONE + TWO + MORE, b=TWO + THREE):
        shutil.rmtree(tmp_path / 'run', ignore_errors=True)
        run = in_lines(tmp_path, **files)
        assert run.reasons == [('2', 'files')]
        assert units(run) == 1 + 3
        assert len(run.aside) == files['a'].count('\n2,') + files['b'].count('\n2,') + files['b'].startswith('2,')
        says = 'it is in a.csv and b.csv, with different rows: leave one of them out, or import one after the other'
        assert all(reason.endswith(says) for _, reason in run.aside)


def test_lines_that_are_shared_out_over_files_are_one_order(tmp_path):
    "Parts of one export, cut anywhere, in any order."
    run = in_lines(tmp_path, a=MORE + THREE, b=ONE + TWO)
    assert not run.aside
    assert units(run) == 1 + 2 + 1 + 3
    assert run.rows('select count(*) from orders') == [(3,)]


def test_equal_lines_of_one_file_are_lines(tmp_path):
    run = in_lines(tmp_path, a=ONE + TWO + TWO, b=THREE)
    assert units(run) == 1 + 2 + 2 + 3


def test_lines_that_tell_different_totals_or_refunds_set_their_order_aside(tmp_path):
    "An amount of the order that stands on its lines is the same on each; otherwise nobody can tell what it is of."
    for column in 'order_total', 'refunded':
        text = f'{HEAD.strip()},payment_status,{column}\n' + ''.join(
            f'{order},2025-01-01 10:00,c{order},p{n},1,5.00,captured,{value}\n'
            for order, values in ((1, (10, 10)), (2, (4, 6))) for n, value in enumerate(values))
        shutil.rmtree(tmp_path / 'run', ignore_errors=True)
        run = run_import(tmp_path, {'a.csv': text}, 'lines')
        assert [key for key, _ in run.reasons] == ['2']
        assert 'its lines differ in an amount of the order' in run.aside[0][1]


def test_what_comes_with_orders_that_are_set_aside_is_not_in_the_shop(tmp_path):
    "Tables without files of customers and products: those of a bad order are not made up."
    files = {'orders.csv': 'order_id,customer_id,ordered_at\n1,a,2025-01-01\n2,b,2025-01-02\n',
             'order_items.csv': 'order_id,product_id,quantity,unit_price\n1,p,1,2.00\n2,q,x,2.00\n'}
    run = run_import(tmp_path, files, 'tables')
    assert [run.rows(f'select count(*) from {name}') for name in ('customers', 'products', 'orders')] == [[(1,)]] * 3


def test_a_run_without_its_keys_is_refused(tmp_path):
    "They would be given a second time."
    run_import(tmp_path, {'a.csv': HEAD + ONE}, 'lines')
    keys = tmp_path / 'run' / 'crosswalk' / 'customers.parquet'
    kept = keys.read_bytes()
    def cut(): keys.write_bytes(kept[:-9])
    for damage, says in (keys.unlink, 'customers.parquet is missing'), (cut, 'cannot be read'):
        damage()
        with pytest.raises(ShopError, match=says) as e: run_import(tmp_path, {'b.csv': HEAD + TWO}, 'lines')
        assert e.value.code == 2
    keys.write_bytes(kept)
    waiting = tmp_path / 'run' / 'quarantine' / 'rows.parquet'
    waiting.write_bytes(waiting.read_bytes()[:-9])
    with pytest.raises(ShopError, match='cannot be read'): run_import(tmp_path, {'b.csv': HEAD + TWO}, 'lines')


def test_an_imported_run_cannot_be_made_again_and_says_so(tmp_path):
    run_import(tmp_path, {'a.csv': HEAD + ONE}, 'lines')
    with pytest.raises(ShopError, match='was imported: no settings make it again') as e: verify(tmp_path / 'run')
    assert 'version' not in str(e.value)


@pytest.mark.parametrize('value', ['9223372036854775808', '4006381333931', '99999999999999999999.00'])
@pytest.mark.parametrize('column', ['quantity', 'price', 'shipping'])
def test_a_number_that_cannot_be_is_set_aside_and_the_rest_loads(tmp_path, column, value):
    "Two barcodes glued together, for instance."
    cells = dict(quantity='1', price='2.00', shipping='1.00')
    bad = ','.join((cells | {column: value}).values())
    text = f'{HEAD.strip()},shipping\n1,2025-01-01,c1,p1,1,2.00,1.00\n2,2025-01-02,c2,p2,{bad}\n'
    run = run_import(tmp_path, {'a.csv': text}, 'lines')
    assert run.counts == dict(read=2, loaded=1, quarantined=1, skipped=0)
    assert value in run.aside[0][1]
    assert column in run.aside[0][1]


OTHER = 'customer,order,time,product,quantity,price\n' # the same columns in another order


def test_files_with_their_columns_in_another_order(tmp_path):
    "A broken record is of the order that its own file names, and a bad row comes with the header of its file."
    files = {'a.csv': HEAD + ONE, 'b.csv': OTHER + 'c2,4,2025-01-03 10:00,p1,2,2.00\nc2,4,2025-01-03 10:00,p2,2\n'
                                             'c3,5,2025-01-03 11:00,p1,x,2.00\n'}
    run = run_import(tmp_path, files, 'lines')
    assert run.reasons == [('4', 'records'), ('5', 'values')]
    assert units(run) == 1
    mend = export(read_rows(run.folder), tmp_path / 'mend')
    for file in mend:
        text = file.read_text().replace(',x,', ',3,').replace('p2,2\n', 'p2,2,5.00\n')
        assert text.startswith(OTHER)
        file.write_text(text)
    import_shop(Source(mend, mended=True), run.folder)
    assert units(run) == 1 + 2 + 2 + 3
    assert not read_rows(run.folder).num_rows
