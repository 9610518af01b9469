"Files of separated fields: any table that is written reads back equal, and what is no row is named."
import csv, re

import pytest
from hypothesis import given, settings, strategies as st

from shop_nb.core.errors import ShopError
from shop_nb.reading import records
from shop_nb.reading.records import NUL, OPEN_QUOTE, STRAY_QUOTE, TOO_LONG, TextFile
from shop_nb.reading.text import utf8_blocks
from support import FULL
from support.tables import ENCODINGS, ENDS, rows_of, tables, text_file, written

MANY = settings(max_examples=3_000 if FULL else 300, deadline=None)


def in_blocks(patch, size):
    "Let files be read in blocks of some bytes"
    patch.setattr(records, 'utf8_blocks', lambda open, encoding, n=size: utf8_blocks(open, encoding, n))


def one_by_one(patch):
    "Let no block be read at once"
    for name in '_at_once', '_texts_at_once': patch.setattr(TextFile, name, lambda *args: None)


@MANY
@given(tables(), st.sampled_from(ENCODINGS), st.sampled_from(',;\t|'), st.sampled_from(ENDS),
       st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from([1, 3, 7, 1 << 22]), st.booleans())
def test_any_table_reads_back(rows, encoding, separator, end, quoting, size, slowly):
    text, lines = written(rows, separator, end, quoting)
    file = text_file(text.encode(encoding), encoding=encoding, separator=separator)
    with pytest.MonkeyPatch.context() as patch:
        in_blocks(patch, size)
        if slowly: one_by_one(patch)
        assert rows_of(file) == [(n, tuple(f or None for f in r)) for n, r in zip(lines[1:], rows[1:])]
        raw = file.raw(set(lines))
    assert (file.columns, file.problems, file.headers, file.count) == (rows[0], [], [], len(rows) - 1)
    assert {n: next(csv.reader(re.findall('[^\r\n]*[\r\n]*', t), delimiter=separator)) for n, t in raw.items()} == dict(
        zip(lines[1:], rows[1:]))


@MANY
@given(tables(st.text(st.sampled_from('abcü -09'), min_size=1, max_size=6)), st.sampled_from(ENCODINGS),
       st.sampled_from(',;\t|'), st.sampled_from(ENDS), st.booleans())
def test_the_way_it_is_written_is_found(rows, encoding, separator, end, says):
    text, lines = written(rows, separator, end)
    text = f'sep={separator}\n' * says + text
    file = text_file(text.encode(encoding))
    assert rows_of(file) == [(n + says, tuple(r)) for n, r in zip(lines[1:], rows[1:])]
    assert file.separator == separator
    odd = encoding.startswith('utf-16') or encoding == 'cp1252' and not text.isascii()
    assert sum('say otherwise by --encoding' in note for note in file.notes) == odd
    assert sum('say otherwise by --separator' in note for note in file.notes) == (separator != ',' and not says)


@MANY
@given(tables(), st.sampled_from(ENCODINGS), st.sampled_from(ENDS), st.data())
def test_a_damaged_file_gives_rows_and_problems_but_nothing_else(rows, encoding, end, data):
    "Each record is counted once, however the file is cut into blocks, and those that are rows are as the record says"
    content = bytearray(written(rows, ',', end)[0].encode(encoding))
    for _ in range(data.draw(st.integers(1, 4))):
        at, byte = data.draw(st.integers(0, len(content))), data.draw(st.sampled_from(b'",\n\r\0 \xff\x81a'))
        if data.draw(st.booleans()): content[at:at + 1] = bytes([byte])
        else: content[at:at] = bytes([byte])
    try: file = text_file(bytes(content), encoding=encoding, separator=',')
    except ShopError as e: assert len(str(e).splitlines()) == 2
    else:
        seen = []
        for size, slowly in (1 << 22, False), (1 << 22, True), (5, False):
            with pytest.MonkeyPatch.context() as patch:
                in_blocks(patch, size)
                if slowly: one_by_one(patch)
                seen.append((rows_of(file), file.problems, file.headers, file.count))
        assert seen[0] == seen[1] == seen[2]
        read, problems, headers, count = seen[0]
        assert len(read) + len(problems) + len(headers) == count
        raw = file.raw({n for n, _ in read} | {n for n, _ in problems})
        assert len(raw) == len(read) + len(problems)


HEAD = 'Name,Note,Price\n'


@pytest.mark.parametrize('body, rows, problems', [
    ('A,"two\nlines",1\nB,,2\n', [(2, ('A', 'two\nlines', '1')), (4, ('B', None, '2'))], []),
    ('A,"Hof 12" hinten",1\nB,x,2\n', [(3, ('B', 'x', '2'))], [(2, STRAY_QUOTE)]),
    ('A,"open,1\nB,x,2\nC,y,3\n', [(3, ('B', 'x', '2')), (4, ('C', 'y', '3'))], [(2, OPEN_QUOTE)]),
    ('A,"open,1\nB,"x",2\n', [(3, ('B', 'x', '2'))], [(2, STRAY_QUOTE)]),
    ('A,5" pipe,1\n', [(2, ('A', '5" pipe', '1'))], []),
    ('A, "x, y",1\n', [(2, ('A', 'x, y', '1'))], []),
    ('A,x\nB,x,2\n', [(3, ('B', 'x', '2'))], [(2, '2 fields, where the header has 3')]),
    ('A,x,1,9\n', [], [(2, '4 fields, where the header has 3')]),
    ('A,x,1,,\n', [(2, ('A', 'x', '1'))], []),
    ('A,x\0y,1\nB,x,2\n', [(3, ('B', 'x', '2'))], [(2, NUL)]),
    ('\n  \nA,x,1\n\n,,\n', [(4, ('A', 'x', '1')), (6, (None, None, None))], []),
    ('A,"' + 'x' * 140_000 + '" y",1\nB,x,2\n', [(3, ('B', 'x', '2'))], [(2, TOO_LONG)]),
    ('A,NA,null\n', [(2, ('A', 'NA', 'null'))], []),
    ('A,x,12', [(2, ('A', 'x', '12'))], []),
])
def test_what_is_a_row(body, rows, problems):
    file = text_file(HEAD + body)
    assert rows_of(file) == rows
    assert file.problems == problems


def test_a_quote_that_is_missing_costs_its_own_record_alone(monkeypatch):
    lines = [f'{i},"street {i}",{i}' for i in range(5_000)]
    lines[100] = '100,"street 100,100'
    for size in 1 << 22, 1 << 10:
        in_blocks(monkeypatch, size)
        file = text_file(HEAD + '\n'.join(lines))
        assert len(rows_of(file)) == 4_999
        assert file.problems == [(102, STRAY_QUOTE)]


def test_repeated_headers_of_joined_files(monkeypatch):
    again = '\ufeff' + HEAD
    text = '\ufeff' + HEAD + 'A,x,1\n' + HEAD + 'B,x,2\n' + again + 'C,"a\nb",3\nName,Note,9\n'
    for _ in range(2):
        file = text_file(text)
        assert [n for n, _ in rows_of(file)] == [2, 4, 6, 8]
        assert (file.headers, file.count) == ([3, 5], 6)
        one_by_one(monkeypatch)


def test_names_of_columns():
    file = text_file('\ufeff Name ,"Price",Price,\n1,2,3,4\n')
    assert file.columns == ['Name', 'Price', 'Price (2)', '(column 4)']
    assert file.notes == ['own.csv: column 4 has no name.']


def test_bytes_that_are_not_in_the_encoding_cost_their_record_alone():
    file = text_file('Name,Ort\nAda,Köln\nBen,Zürich\n'.encode() + b'Cle,\xfcber\nDee,Br\xc3\xbcgge\n')
    assert [r for _, r in rows_of(file)] == [('Ada', 'Köln'), ('Ben', 'Zürich'), ('Dee', 'Brügge')]
    assert file.problems == [(4, 'it holds bytes that are not utf-8')]
    assert file.raw({4}) == {4: r'Cle,\xfcber'}
    assert file.notes == ['own.csv is read as UTF-8, though some of its bytes are not; say otherwise by --encoding.']
    file = text_file(b'Name,Ort\nAda,K\xf6ln\nBen,\x81\n')
    assert [r for _, r in rows_of(file)] == [('Ada', 'Köln')]
    assert file.problems == [(3, 'it holds bytes that are not cp1252')]


@pytest.mark.parametrize('data, says', [
    (b'{"orders": 1}', 'is JSON'), (b'\xef\xbb\xbf[{"a": 1}]', 'is JSON'), (b'<!doctype html>', 'is HTML'),
    (b'%PDF-1.7', 'is a PDF'), (b'\xd0\xcf\x11\xe0\xa1\xb1', 'is a workbook'), (bytes(range(32)) * 9, 'is not text'),
    (b'SQLite format 3\0', 'SQLite'), (b'Name,"Ort\nAda,Berlin\n', 'the header cannot be read'),
    (b'Preis, netto;Menge\n1,5;2\n', 'may have commas or semicolons'),
])
def test_what_is_no_table(data, says):
    with pytest.raises(ShopError, match=says) as e: text_file(data)
    assert len(str(e.value).splitlines()) == 2


def test_a_line_without_end_is_refused(monkeypatch):
    monkeypatch.setattr(records, 'LONGEST', 1_000)
    in_blocks(monkeypatch, 500)
    file = text_file(HEAD + 'A,' + 'x' * 100_000)
    with pytest.raises(ShopError, match='line 2 is longer'): rows_of(file)
