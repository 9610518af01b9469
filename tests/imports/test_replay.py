"What an import sets aside, mended and loaded again: it is read as it was, and nothing is made up."
import pytest

from shop_nb.core.errors import ShopError
from shop_nb.formats.format import read_columns
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import MENDED, export, read_rows
from shop_nb.reading.text import Reading
from shop_nb.runs.run_folder import read_manifest
from shop_nb.shop.shop import Shop
from support import ROOT
from support.imported import Imported

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


# ------------------------------------------------------------------- orders that the run has already

def lines_of(run):
    "Lines of the run under the source's keys: order, product, quantity, cents."
    return Imported(run, read_manifest(run)).lines()


def write(path, *rows, header=HEADER):
    path.write_text(header + ''.join(f'{row}\n' for row in rows))
    return path


KEYLESS = '1,a,2025-01-01,p,1,5', '1,a,2025-01-01,q,2,6', ',a,2025-01-01,r,1,7', '2,b,2025-01-02,p,1,5'


@pytest.mark.parametrize('product', ['r', 'p'])
@pytest.mark.parametrize('mended', [True, False])
def test_a_mended_row_alone_does_not_replace_its_order(tmp_path, product, mended):
    "Also where the product of its line is there already; an export that is no mend may change a line."
    run = tmp_path / 'run'
    rows = [row.replace(',r,', f',{product},') for row in KEYLESS]
    first = import_shop(Source([write(tmp_path / 'a.csv', *rows)], currency='EUR'), run)
    alone = write(tmp_path / 'mend.csv', '1' + rows[2])
    later = import_shop(Source([alone], mended=mended), run)
    assert later['tables'] == first['tables']
    waits = [row for row in read_rows(run).to_pylist() if row['key'] == '1']
    assert [row['rule'] for row in waits] == ['order_keeps_lines']
    assert 'of its lines in the run (2), ' in waits[0]['reason']
    whole = write(tmp_path / 'whole.csv', *rows[:2], '1' + rows[2])
    import_shop(Source([whole], mended=mended), run)
    assert [line[1:] for line in lines_of(run)] == [('p', 1, 500), ('q', 2, 600), (product, 1, 700), ('p', 1, 500)]


def test_a_mended_row_alone_does_not_replace_an_equal_line(tmp_path):
    run = tmp_path / 'run'
    first = import_shop(Source([write(tmp_path / 'a.csv', KEYLESS[3], ',b,2025-01-02,p,3,4')], currency='EUR'), run)
    later = import_shop(Source([write(tmp_path / 'mend.csv', '2,b,2025-01-02,p,3,4')], mended=True), run)
    assert later['tables'] == first['tables']
    assert ('2', 'mended') in [(row['key'], row['rule']) for row in read_rows(run).to_pylist()]


def test_an_export_that_cuts_an_order_is_told(tmp_path):
    run, cut = tmp_path / 'run', tmp_path / 'cut.csv'
    first = import_shop(Source([write(tmp_path / 'a.csv', *KEYLESS[:2])], currency='EUR'), run)
    write(cut, KEYLESS[1], KEYLESS[3])
    later = import_shop(Source([cut]), run)
    assert later['import']['rows']['orders'] == dict(new=1)
    assert lines_of(run)[:2] == [('1', 'p', 1, 500), ('1', 'q', 2, 600)]
    with pytest.raises(ShopError, match='orders 1: of its lines'):
        import_shop(Source([cut], contract=dict(rules=dict(order_keeps_lines='freeze'))), run)
    taken = import_shop(Source([cut], contract=dict(rules=dict(order_keeps_lines='evolve'))), run)
    assert '1 order came with less than the run had of it, and was replaced.' in taken['import']['notes']
    assert lines_of(run) == [('1', 'q', 2, 600), ('2', 'p', 1, 500)]
    assert first['tables']['order_items']['rows'] == 2


def test_units_that_came_back_stay(tmp_path):
    run, header = tmp_path / 'run', HEADER.replace('\n', ',returned\n')
    import_shop(Source([write(tmp_path / 'a.csv', '1,a,2025-01-01,p,3,5,2', header=header)], currency='EUR'), run)
    later = import_shop(Source([write(tmp_path / 'b.csv', '1,a,2025-01-01,p,3,5,1', header=header)]), run)
    assert later['import']['rows']['orders'] == {}
    assert 'units that came back in the run (2), 1 would be lost' in read_rows(run)['reason'][0].as_py()


def test_a_mended_folder_that_is_older_than_the_run_changes_nothing(tmp_path):
    run = tmp_path / 'run'
    import_shop(Source([write(tmp_path / 'a.csv', '1,a,2025-01-01,p,x,5', KEYLESS[3])], currency='EUR'), run)
    old = mended(run, tmp_path / 'mend', ',x,', ',1,')
    good = import_shop(Source([write(tmp_path / 'b.csv', '1,a,2025-01-01,p,2,5')]), run)
    assert len(read_rows(run)) == 0
    later = import_shop(Source(old, mended=True), run)
    assert later['tables'] == good['tables']
    assert [(row['key'], row['rule']) for row in read_rows(run).to_pylist()] == [('1', 'mended')]
    import_shop(Source([write(tmp_path / 'b.csv', '1,a,2025-01-01,p,2,5')], mended=True), run) # it is as the run has it
    assert len(read_rows(run)) == 0


def test_a_mended_row_that_named_no_order_moves_once(tmp_path):
    "With the rest of its order, or when its order is new; alone it only gets a name."
    run = tmp_path / 'run'
    import_shop(Source([write(tmp_path / 'a.csv', *KEYLESS, ',c,2025-01-03,s,1,8')], currency='EUR'), run)
    assert len(read_rows(run)) == 2
    alone = write(tmp_path / 'alone.csv', '1' + KEYLESS[2], '3,c,2025-01-03,s,1,8')
    import_shop(Source([alone], mended=True), run)
    assert [(row['key'], row['file']) for row in read_rows(run).to_pylist()] == [('1', 'alone.csv')]
    assert [row['line'] for row in read_rows(run, MENDED).to_pylist()] == [6]
    whole = write(tmp_path / 'b.csv', *KEYLESS[:2], '1' + KEYLESS[2])
    for _ in range(2): import_shop(Source([whole], mended=True), run)
    assert len(read_rows(run)) == 0
    assert lines_of(run) == [
        ('1', 'p', 1, 500), ('1', 'q', 2, 600), ('1', 'r', 1, 700), ('2', 'p', 1, 500), ('3', 's', 1, 800)]


def test_a_mended_row_alone_does_not_stand_for_an_order_that_waits(tmp_path):
    "Unlike one that is left when its copies are taken out."
    run = tmp_path / 'run'
    rows = '1,a,2025-01-01,p,1,5', '1,a,2025-01-01,q,x,6', ',a,2025-01-01,r,1,7', '2,b,2025-01-02,p,1,5'
    first = import_shop(Source([write(tmp_path / 'a.csv', *rows)], currency='EUR'), run)
    later = import_shop(Source([write(tmp_path / 'mend.csv', '1' + rows[2])], mended=True), run)
    assert later['tables'] == first['tables']
    assert ('1', 'order_keeps_lines') in [(row['key'], row['rule']) for row in read_rows(run).to_pylist()]
    import_shop(Source([write(tmp_path / 'a.csv', *rows)], currency='EUR'), run)
    import_shop(Source([write(tmp_path / 'mend.csv', rows[0])], mended=True), run)
    assert lines_of(run)[0] == ('1', 'p', 1, 500)


# ------------------------------------------------------------------- rows that are set aside again

BROKEN = '1,a,2025-01-01,p,1,2', '1,a,2025-01-01,q,x,2', '1,a,2025-01-01,r,y,2'


def waits(run): return sorted(row['raw'].strip() for row in read_rows(run).to_pylist())


@pytest.mark.parametrize('mended', [True, False])
def test_a_part_of_an_order_that_comes_twice_replaces_nothing_that_waits(tmp_path, mended):
    run, part = tmp_path / 'run', '1,a,2025-01-01,q,5,2'
    first = import_shop(Source([write(tmp_path / 'a.csv', *BROKEN, KEYLESS[3])], currency='EUR'), run)
    for _ in range(3):
        later = import_shop(Source([write(tmp_path / 'part.csv', part)], mended=mended), run)
        assert later['tables'] == first['tables']
        assert waits(run) == sorted([*BROKEN, part])
    whole = write(tmp_path / 'whole.csv', BROKEN[0].replace(',1,2', ',3,2'), part, BROKEN[2].replace('y', '7'))
    import_shop(Source([whole], mended=mended), run)
    assert [line[1:3] for line in lines_of(run)] == [('p', 3), ('q', 5), ('r', 7), ('p', 1)]
    assert waits(run) == []


def test_an_import_of_something_else_forgets_nothing_that_waits(tmp_path):
    run = tmp_path / 'run'
    keyless = ',c,2025-01-03,s,1,8'
    import_shop(Source([write(tmp_path / 'a.csv', *BROKEN, KEYLESS[3], keyless)], currency='EUR'), run)
    for _ in range(2):
        import_shop(Source([write(tmp_path / 'a.csv', '5,c,2025-01-05,p,1,5', '6,c,2025-01-05,p,z,5')]), run)
        assert waits(run) == sorted([*BROKEN, keyless, '6,c,2025-01-05,p,z,5'])


def test_the_same_rows_set_aside_again_wait_once(tmp_path):
    "Also under another name, and those that name no order and have an equal."
    run, rows = tmp_path / 'run', (*BROKEN, ',c,2025-01-03,s,1,8', ',c,2025-01-03,s,1,8', KEYLESS[3])
    import_shop(Source([write(tmp_path / 'a.csv', *rows)], currency='EUR'), run)
    before = waits(run)
    import_shop(Source([write(tmp_path / 'a.csv', *rows)]), run)
    assert waits(run) == before
    import_shop(Source(export(read_rows(run), tmp_path / 'mend'), mended=True), run)
    assert waits(run) == before


def test_a_waiting_row_of_another_table_stays(tmp_path):
    run = tmp_path / 'run'
    import_shop(Source([SAMPLES / 'tables'], currency='GBP'), run)
    def parts(): return sorted((row['part'], row['raw']) for row in read_rows(run).to_pylist())
    before = parts()
    assert len({row['part'] for row in read_rows(run).to_pylist() if row['unit'] == 'orders'}) > 1
    for path in export(read_rows(run), tmp_path / 'mend'):
        import_shop(Source([path], mended=True), run)
        assert parts() == before


def test_a_workbooks_row_with_empty_last_cells_can_be_mended(tmp_path):
    from openpyxl import Workbook
    book, run = Workbook(), tmp_path / 'run'
    for row in [[*HEADER.strip().split(','), 'shipping'], ['1', 'a', '2025-01-01', 'p', 'x', '5'],
                ['2', 'b', '2025-01-01', 'p', '1', '5', '3']]: book.active.append(row)
    book.save(tmp_path / 'orders.xlsx')
    import_shop(Source([tmp_path / 'orders.xlsx'], currency='EUR'), run)
    import_shop(Source(mended(run, tmp_path / 'mend', ',x,', ',4,'), mended=True), run)
    assert sorted(line[1:3] for line in lines_of(run)) == [('p', 1), ('p', 4)]
    assert waits(run) == []


def test_a_mended_order_that_changes_a_line_is_not_one_that_grew(tmp_path):
    "Though a row that named no order waits, and the order has one line more."
    run = tmp_path / 'run'
    first = import_shop(Source([write(tmp_path / 'a.csv', *KEYLESS)], currency='EUR'), run)
    changed = write(tmp_path / 'mend.csv', KEYLESS[0], '1,a,2025-01-01,q,3,6', '1' + KEYLESS[2])
    later = import_shop(Source([changed], mended=True), run)
    assert later['tables'] == first['tables']
    assert {(row['key'], row['rule']) for row in read_rows(run).to_pylist()} == {('1', 'mended')}


def test_who_came_with_an_order_that_is_set_aside_alone_is_not_in_the_shop(tmp_path):
    run = tmp_path / 'run'
    import_shop(Source([write(tmp_path / 'a.csv', *KEYLESS[:2])], currency='EUR'), run)
    import_shop(Source([write(tmp_path / 'b.csv', '1,late,2025-01-01,new,1,5')]), run)
    assert [row['rule'] for row in read_rows(run).to_pylist()] == ['order_keeps_lines']
    shop = Shop.open(run)
    assert (len(shop.orders), len(shop.customers), len(shop.products)) == (1, 1, 2)


def test_an_equal_row_of_a_table_is_skipped_once(tmp_path):
    folder = tmp_path / 'tables'
    folder.mkdir()
    for path in (SAMPLES / 'tables').glob('*.csv'): (folder / path.name).write_bytes(path.read_bytes())
    plain = import_shop(Source([folder], currency='GBP'), tmp_path / 'plain')
    path = folder / 'products.csv'
    lines = path.read_text(encoding='utf-8').splitlines()
    path.write_text('\n'.join([*lines, lines[1]]) + '\n', encoding='utf-8')
    twice = import_shop(Source([folder], currency='GBP'), tmp_path / 'twice')
    assert twice['tables'] == plain['tables']
    one, two = (next(f for name, f in m['import']['files'].items() if 'products' in name) for m in (plain, twice))
    assert (two['skipped'] - one['skipped'], two['loaded'] - one['loaded']) == (1, 0)
