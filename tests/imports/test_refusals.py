"A refusal names the file and the line, and what to do on the command line and in a notebook."
import os

import pytest

from shop_nb.core.errors import ShopError
from shop_nb.core.extras import need
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import read_rows
from shop_nb.shop.shop import Shop

HEADER = 'order,customer,time,product,quantity,price'
GOOD = [f'{n},c{n},2025-03-01 10:0{n},p,1,2.50' for n in range(1, 4)]


def refused(*paths, **how):
    with pytest.raises(ShopError) as e: import_shop(Source(list(paths), currency='EUR', **how), paths[0].parent / 'run')
    assert not (paths[0].parent / 'run').exists()
    return str(e.value)


def write(path, *lines):
    path.parent.mkdir(exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
    return path


@pytest.mark.parametrize('bad, says', [
    ('4,c4,2025-03-01,p,two,2.50', "day/b.csv, line 3: quantity: 'two' is not a number"),
    ('4,c4,2025-03-01,,1,2.50', 'day/b.csv, line 3, order 4: a line names no product'),
    ('4,c4,2025-03-01,p,99999999,2.50', 'day/b.csv, line 3, order 4: quantity is 99999999'),
])
def test_a_strict_contract_names_file_and_line(tmp_path, bad, says):
    write(tmp_path / 'day/a.csv', HEADER, GOOD[0])
    write(tmp_path / 'day/b.csv', HEADER, GOOD[1], bad)
    text = refused(tmp_path / 'day', contract=dict(values='freeze'))
    assert says in text
    assert '--contract values' in text and "in Python contract={'values" in text


def test_a_strict_list_names_file_and_line(tmp_path):
    header = f'{HEADER},channel'
    run = tmp_path / 'run'
    import_shop(Source([write(tmp_path / 'a.csv', header, GOOD[0] + ',web')], currency='EUR'), run)
    path = write(tmp_path / 'b.csv', header, GOOD[1] + ',web', GOOD[2] + ',fax')
    with pytest.raises(ShopError, match="b.csv, line 3, order 3: orders.channel has a new value, 'fax'"):
        import_shop(Source([path], contract=dict(lists='freeze')), run)


def test_an_empty_file_is_named(tmp_path):
    text = refused(write(tmp_path / 'em.csv'))
    assert text.startswith('em.csv is empty.') and '[' not in text


@pytest.mark.parametrize('separator', ',;\t')
@pytest.mark.parametrize('title', ['Sales of March', 'Sales of March{0}{0}{0}{0}{0}'])
def test_a_title_above_the_header_is_named(tmp_path, title, separator):
    lines = [line.replace(',', separator) for line in (HEADER, *GOOD)]
    text = refused(write(tmp_path / 'a.csv', '', title.format(separator), *lines))
    assert "a.csv, line 2: 'Sales of March' is a title" in text
    assert 'Delete what is above the header' in text


def workbook(path, **sheets):
    book = need('openpyxl', 'excel').Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows: sheet.append(row)
    book.save(path)
    return path


ROWS = [line.split(',') for line in (HEADER, *GOOD)]


def test_a_workbook_may_begin_with_another_sheet(tmp_path):
    notes = [['Read me'], ['This is what we sold', 'in March']]
    path = workbook(tmp_path / 'a.xlsx', Info=notes, Lines=ROWS)
    found = import_shop(Source([path], currency='EUR'), tmp_path / 'run')
    assert found['tables']['orders']['rows'] == 3
    assert any('is not used' in note for note in found['import']['notes'])


def test_all_sheets_of_a_workbook_are_told_where_none_fits(tmp_path):
    path = workbook(tmp_path / 'a.xlsx', Info=[['Read me', 'please']], Lines=[['Beleg', 'Kunde'], ['1', 'a']])
    text = refused(path)
    assert 'a.xlsx/Info has the columns Read me, please' in text and 'a.xlsx/Lines has the columns Beleg, Kunde' in text
    path = workbook(tmp_path / 'b.xlsx', Lines=[['Sales of March'], *ROWS])
    assert "b.xlsx/Lines, line 1: 'Sales of March' is a title" in refused(path)


def test_a_notebook_is_told_its_own_words(tmp_path):
    path = write(tmp_path / 'a.csv', 'one,two', '1,2')
    with pytest.raises(ShopError, match='in Python columns='): Shop.read(path)


@pytest.mark.parametrize('text, says', [
    ('contract = "freeze"', 'contract is'), ('values = "x"', 'values is not a table of words'),
    ('[values]\nstatus = "x"', 'status is not a table of words'),
    ('[values.product]\np1 = 7', 'product is not a table of words'),
    ('[values.statsu]\nopen = "paid"', "has no field 'statsu'"), ('currency = 978', 'currency is 978'),
    ('currency = "Euro"', "'Euro' is no currency"), ('currency = "978"', "'978' is no currency"),
])
def test_a_map_in_a_form_that_nobody_understands(tmp_path, text, says):
    (tmp_path / "map.toml").write_text(f"from = \"lines\"\n{text}\n")
    (tmp_path / 'a.csv').write_text('order,time,customer,product,quantity,price\n1,2025-01-01,c1,p1,1,2.00\n')
    with pytest.raises(ShopError, match=says) as e:
        Shop.read(str(tmp_path / 'a.csv'), tmp_path / 'run', columns=tmp_path / 'map.toml')
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) == 2
    assert not (tmp_path / 'run').exists()


def test_a_currency_is_a_code(tmp_path):
    (tmp_path / 'a.csv').write_text('order,time,customer,product,quantity,price\n1,2025-01-01,c1,p1,1,2.00\n')
    with pytest.raises(ShopError, match="'Euro' is no currency") as e:
        Shop.read(str(tmp_path / 'a.csv'), tmp_path / 'run', currency='Euro')
    assert e.value.code == 2
    assert Shop.read(str(tmp_path / 'a.csv'), tmp_path / 'run', currency='usd').market.currency == 'USD'


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / 'pipe')
    assert refused(tmp_path / 'pipe') == f'{tmp_path}/pipe is a pipe; files are read twice.\nWrite it to a file first'


def test_an_order_says_what_is_wrong_with_its_product(tmp_path):
    run = tmp_path / 'run'
    header, contract = f'{HEADER},category', {'lists': 'discard_row'}
    import_shop(Source([write(tmp_path / 'a.csv', header, f'{GOOD[0]},Tea')], currency='EUR', contract=contract), run)
    other = write(tmp_path / 'b.csv', header, '9,c9,2025-03-02 10:00,q,1,2.50,Toys')
    import_shop(Source([other], contract=contract), run)
    reason, = read_rows(run)['reason'].to_pylist()
    assert reason == 'with its order: its product is set aside (category Toys is not in the list)'
