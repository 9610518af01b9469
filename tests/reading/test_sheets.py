"What people have becomes sheets: files, packed files, folders of parts, zips, workbooks, Parquet, frames."
import bz2, gzip, io, lzma, zipfile
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from shop_nb.core import extras
from shop_nb.core.errors import ShopError
from shop_nb.reading.sheets import Problem, read_sheets
from shop_nb.reading.text import Reading
from shop_nb.reading.typed import value_text
from shop_nb.reading.workbooks import UNKNOWN
from support import FULL
from support.tables import rows_of

TEXT = 'Name;Ort\n0012;Köln\nNA;"zwei\nZeilen"\n'
ROWS = [(2, ('0012', 'Köln')), (3, ('NA', 'zwei\nZeilen'))]


def zipped(files):
    "A zip of texts"
    data = io.BytesIO()
    with zipfile.ZipFile(data, 'w') as z:
        for name, text in files.items(): z.writestr(name, text)
    return data.getvalue()


def workbook(*rows, formats=(), **more):
    "A workbook with a sheet Orders, and others"
    openpyxl = pytest.importorskip('openpyxl')
    book = openpyxl.Workbook()
    book.active.title = 'Orders'
    for row in rows: book.active.append(row)
    for cell, form in dict(formats).items(): book.active[cell].number_format = form
    for title, rows in more.items():
        sheet = book.create_sheet(title)
        for row in rows: sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


PACKED = dict(
    plain=lambda b: b, gz=gzip.compress, bz2=bz2.compress, xz=lzma.compress, zip=lambda b: zipped({'a.csv': b}),
)


@pytest.mark.parametrize('pack', PACKED.values(), ids=PACKED)
def test_packed_files(tmp_path, pack):
    path = tmp_path / 'orders_export.csv.packed' # what it is shows in its bytes
    path.write_bytes(pack(TEXT.encode()))
    sheet, = read_sheets(path)
    assert rows_of(sheet) == ROWS
    assert sheet.counts == [2]
    assert sheet.raw({(0, 3), (0, 99)}) == {(0, 3): 'NA;"zwei\nZeilen"'}


def test_a_zip_of_parts_and_of_tables(tmp_path):
    path = tmp_path / 'shop.zip'
    path.write_bytes(zipped({
        'x/part2.csv': 'Name,Price\nB,2\n', 'x/part1.csv': 'Name,Price\nA,1\n',
        '__MACOSX/a.csv': '\0\5', 'x/customers.csv': 'Email\na@example.org\n'}))
    customers, orders = read_sheets(path)
    assert (customers.name, customers.files) == ('customers', ['shop.zip/x/customers.csv'])
    assert (orders.name, orders.files) == ('part1', ['shop.zip/x/part1.csv', 'shop.zip/x/part2.csv'])
    assert rows_of(orders) == [(2, ('A', '1')), (2, ('B', '2'))]


def test_a_folder_of_parts(tmp_path):
    folder = tmp_path / 'country=DE'
    (folder / 'day=1').mkdir(parents=True)
    (folder / 'day=1' / 'part-0.csv').write_text('Name,Price\nA,1\nA\n')
    (folder / 'part-1.csv').write_text('Price;Name\n2;B\nPrice;Name\n', encoding='utf-16')
    for name in '_SUCCESS', '.DS_Store', '.part-0.csv.crc', '._part-0.csv', 'Thumbs.db':
        (folder / name).write_bytes(b'\0\5')
    (folder / 'empty.csv').touch()
    sheet, = read_sheets(folder)
    assert sheet.columns == ['Name', 'Price']
    assert rows_of(sheet) == [(2, ('A', '1')), (2, ('B', '2'))]
    assert sheet.problems == [Problem(0, 3, '1 field, where the header has 2')]
    assert (sheet.name, sheet.headers, sheet.counts, sheet.read) == ('country=DE', [(1, 3)], [2, 2], 4)
    assert sheet.files == ['country=DE/day=1/part-0.csv', 'country=DE/part-1.csv']
    notes = {'country=DE/empty.csv is empty.', 'country=DE/Thumbs.db is not a table and was left out.'}
    assert notes <= set(sheet.notes)
    batch = next(iter(sheet.batches()))
    assert batch.schema.types == [pa.string(), pa.string(), pa.int32(), pa.int64()]


def test_files_of_one_name_are_told_apart(tmp_path):
    for folder in 'may', 'june':
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'orders.csv').write_text(f'Name\n{folder}\n')
    sheet, = read_sheets([tmp_path / 'may' / 'orders.csv', tmp_path / 'june' / 'orders.csv'])
    assert sheet.name == 'orders'
    assert len(set(sheet.files)) == 2
    assert all(f.endswith('orders.csv') for f in sheet.files)
    assert [r for _, r in rows_of(sheet)] == [('may',), ('june',)]


def test_batches_may_be_read_again_and_are_no_larger_than_asked_for(tmp_path):
    path = tmp_path / 'a.csv'
    path.write_text('N,M\n' + ''.join(f'{i},x\n' for i in range(1_000)) + 'N,M\n1\n')
    sheet, = read_sheets(path)
    for _ in range(2):
        sizes = [b.num_rows for b in sheet.batches(300)]
        assert (sum(sizes), max(sizes)) == (1_000, 300)
        assert (sheet.counts, sheet.headers, len(sheet.problems)) == ([1_002], [(0, 1002)], 1)
    assert 500 < sheet.rows < 2_000


@pytest.mark.parametrize('content, says', [
    (b'', 'is empty'), (b'\xef\xbb\xbf\n\n', 'is empty'), (gzip.compress(TEXT.encode())[:20], 'cannot be read'),
    (lzma.compress(TEXT.encode())[:40], 'cannot be read'), (b'PK\x03\x04 cut', 'cannot be read'),
    (b'PAR1 cut', 'cannot be read'), (b'\x1f\x8b cut', 'cannot be read'), (zipped({}), 'empty zip'),
    (zipped(dict(mimetype='application/vnd.oasis.opendocument.spreadsheet')), 'office program'),
    (zipped({'a.csv': zipped({'b.csv': 'a,b\n'})}), 'zip in a zip'), (zipped(dict(_x='a')), 'empty zip'),
], ids=lambda v: v if isinstance(v, str) else 'bytes')
def test_what_cannot_be_read_is_named(tmp_path, content, says):
    (tmp_path / 'own.csv').write_bytes(content)
    with pytest.raises(ShopError, match=says) as e: read_sheets(tmp_path / 'own.csv')
    assert 'own.csv' in str(e.value)
    assert len(str(e.value).splitlines()) <= 2


def test_a_packed_file_that_ends_too_early_is_named_when_it_is_read(tmp_path):
    whole = gzip.compress(''.join(f'{i},{i * 7919 % 1009}\n' for i in range(200_000)).encode())
    (tmp_path / 'own.csv.gz').write_bytes(whole[:len(whole) // 2])
    with pytest.raises(ShopError, match='own.csv.gz cannot be read'):
        for sheet in read_sheets(tmp_path / 'own.csv.gz'): rows_of(sheet)


@settings(max_examples=2_000 if FULL else 150, deadline=None)
@given(st.sampled_from(['gz', 'zip', 'parquet', 'xlsx']), st.data())
def test_a_damaged_binary_is_refused_or_read(tmp_path_factory, kind, data):
    "Whatever is changed in a packed file: rows or an error of two lines"
    content = bytearray(BINARIES[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(4, len(content) - 1))] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()): del content[data.draw(st.integers(4, len(content))):]
    path = tmp_path_factory.mktemp('damaged') / 'own'
    path.write_bytes(content)
    try:
        for sheet in read_sheets(path): rows_of(sheet)
    except ShopError as e: assert len(str(e).splitlines()) == 2


def parquet(frame):
    data = io.BytesIO()
    frame.to_parquet(data)
    return data.getvalue()


BINARIES = dict(
    gz=gzip.compress(TEXT.encode() * 50),
    zip=zipped({'a.csv': TEXT, 'b.csv': TEXT}),
    parquet=parquet(pd.DataFrame(dict(a=['x'] * 9, b=range(9)))),
    xlsx=workbook(['A', 'B'], [1, 'x'], [2, 'y']),
)
NO_SOURCES = [None, 5, b'x', '', 'no such file', 'x' * 5_000, '\0', dict(a=5)]


@pytest.mark.parametrize('source', NO_SOURCES, ids=lambda s: str(s)[:9])
def test_what_is_no_source(source):
    with pytest.raises(ShopError) as e: read_sheets(source)
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) == 2


def test_a_workbook_as_its_cells_show_it(tmp_path):
    path = tmp_path / 'book.xlsx'
    path.write_bytes(workbook(
        [], ['Code', 'Time', 'Price', 'Paid', None, None], [6844, datetime(2025, 1, 31, 14, 5), 19.9 * 3, True], [],
        ['0012', date(2025, 2, 1), 12.0, False], ['Code', 'Time', 'Price', 'Paid'],
        ['x', None, 1, None, None, 'beyond'], [123456789012345678, None, 1e15, None], formats={'A3': '00000'},
        Notes=[['Text'], ['hello']], Empty=[]))
    orders, notes = read_sheets(path)
    assert (orders.files, notes.files, orders.name) == (['book.xlsx/Orders'], ['book.xlsx/Notes'], 'Orders')
    assert rows_of(orders) == [
        (3, ('06844', '2025-01-31 14:05:00', '59.7', 'TRUE')), (5, ('0012', '2025-02-01 00:00:00', '12', 'FALSE')),
        (8, ('1.23456789012346e+17', None, '1000000000000000', None))]
    assert orders.problems == [Problem(0, 7, 'it has cells beyond the last column of the header')]
    assert (orders.headers, orders.counts) == ([(0, 6)], [5])
    assert orders.raw({(0, 3)}) == {(0, 3): '06844,2025-01-31 14:05:00,59.7,TRUE'}
    assert [s.name for s in read_sheets(path, Reading(sheet='Notes'))] == ['Notes']
    with pytest.raises(ShopError, match="no sheet 'Nots'"): read_sheets(path, Reading(sheet='Nots'))


def test_formulas_that_nobody_has_computed_are_problems(tmp_path):
    path = tmp_path / 'book.xlsx'
    path.write_bytes(workbook(['Code', 'Price'], ['A', '=1+2'], ['B', 4], ['=""', None]))
    sheet, = read_sheets(path)
    assert rows_of(sheet) == [(3, ('B', '4'))]
    assert sheet.problems == [Problem(0, 2, UNKNOWN), Problem(0, 4, UNKNOWN)]


def test_a_workbook_needs_the_extra(tmp_path, monkeypatch):
    (tmp_path / 'book.xlsx').write_bytes(workbook(['A'], [1]))
    def missing(module): raise ModuleNotFoundError(f'No module named {module!r}', name=module)
    monkeypatch.setattr(extras, 'import_lightly', missing)
    with pytest.raises(ShopError, match=r"shop_nb\[excel\]"): read_sheets(tmp_path / 'book.xlsx')


FRAME = pd.DataFrame(dict(
    code=['0012', None, ''], number=[1.0, np.nan, 2.5], whole=pd.array([10**17 + 1, None, 3], 'Int64'),
    time=pd.to_datetime(['2025-01-31 14:05', None, '2025-02-01 00:00']), flag=[True, False, True],
    kind=pd.Categorical(['a', 'b', None])))
AS_TEXT = [(2, ('0012', '1', '100000000000000001', '2025-01-31 14:05:00', 'True', 'a')),
           (3, (None, None, None, None, 'False', 'b')), (4, (None, '2.5', '3', '2025-02-01 00:00:00', 'True', None))]


def test_frames_and_parquet_as_text(tmp_path):
    FRAME.to_parquet(tmp_path / 'own.parquet')
    table = pa.Table.from_pandas(FRAME)
    pq.write_table(table, tmp_path / 'int96.parquet', use_deprecated_int96_timestamps=True)
    sources = FRAME, table, dict(own=FRAME), tmp_path / 'own.parquet', tmp_path / 'int96.parquet'
    for source in sources:
        sheet, = read_sheets(source)
        assert rows_of(sheet) == AS_TEXT
        assert (sheet.rows, sheet.counts) == (3, [3])
        assert sheet.raw({(0, 3)}) == {(0, 3): ',,,,False,b'}
    sheet, = read_sheets(FRAME.set_index('code'))
    assert rows_of(sheet) == AS_TEXT
    with pytest.raises(StopIteration): next(iter(read_sheets(FRAME.iloc[:0])[0].batches()))


@pytest.mark.parametrize('value, text', [
    (12.0, '12'), (9.5, '9.5'), (1.125, '1.1250'), (Decimal('1.125'), '1.1250'), ('\ud800', r'\ud800'), (1e17, '1e+17'),
    (np.float32(0.1), '0.1'), (2**60, str(2**60)), (Decimal('1.50'), '1.50'), (Decimal('1E+3'), '1000'),
    (Decimal('NaN'), None), (float('inf'), 'inf'), (pd.NaT, None), (pd.NA, None), ('', None), (b'\xff', r'\xff'),
    (datetime(2025, 1, 31, 14, 5), '2025-01-31 14:05:00'), (date(2025, 1, 31), '2025-01-31'),
    (pd.Timestamp('2025-01-31', tz='Europe/Berlin'), '2025-01-31 00:00:00+01:00'),
    (np.datetime64('2025-01-31'), '2025-01-31 00:00:00'), (pd.Period('2025-01'), '2025-01-01 00:00:00'), (True, 'True'),
    ([1], '[1]'),
])
def test_a_value_as_text(value, text):
    assert value_text(value) == text
