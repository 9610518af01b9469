"Files of separated fields: any table that is written reads back equal, with the lines on which its records begin."
import bz2, csv, gzip, io, lzma

import pytest
from hypothesis import example, given, settings, strategies as st

from shop_nb.core.errors import ShopError
from shop_nb.reading import records
from shop_nb.reading.records import TextFile
from shop_nb.reading.text import Reading, utf8_blocks

ENCODINGS = ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be', 'cp1252']
ENDS = ['\n', '\r\n', '\r', 'mixed']
FIELD = st.text(st.sampled_from('aZ0 9.,;|\t"\n\rü€\'-='), max_size=6)


def read(data, reading=Reading(), name='own.csv'):
    "The rows of a file with their lines, and the file"
    file = TextFile(name, lambda: io.BytesIO(data), reading, len(data))
    rows = []
    for batch in file.batches():
        columns = [c.to_pylist() for c in batch.columns]
        rows += zip(columns[-1], zip(*columns[:-1]))
    return rows, file


def written(rows, separator, end, quoting=csv.QUOTE_MINIMAL):
    "A table as text, and the line on which each row begins"
    text, lines, line = '', [], 1
    for i, row in enumerate(rows):
        out = io.StringIO()
        # Python before 3.13 does not quote a bare line end that is not its own
        quote = csv.QUOTE_ALL if any(c in f for f in row for c in '\r\n') or not any(row) else quoting
        csv.writer(out, delimiter=separator, lineterminator='', quoting=quote).writerow(row)
        record = out.getvalue() + (['\n', '\r\n', '\r'][i % 3] if end == 'mixed' else end)
        lines.append(line)
        line += record.replace('\r\n', '\n').replace('\r', '\n').count('\n')
        text += record
    return text, lines


@st.composite
def tables(draw):
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(FIELD, min_size=width, max_size=width), max_size=8))
    return [[f'Column {i}' for i in range(width)], *rows]


@settings(max_examples=400, deadline=None)
@given(tables(), st.sampled_from(ENCODINGS), st.sampled_from(',;\t|'), st.sampled_from(ENDS),
       st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from([1, 3, 7, 1 << 22]), st.booleans())
def test_any_table_reads_back(rows, encoding, separator, end, quoting, size, at_once):
    text, lines = written(rows, separator, end, quoting)
    data = text.encode(encoding)
    said = Reading(encoding=encoding, separator=separator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, 'utf8_blocks', lambda open, encoding, n=size: utf8_blocks(open, encoding, n))
        if not at_once: patch.setattr(TextFile, '_at_once', lambda *args: None)
        file = TextFile('own.csv', lambda: io.BytesIO(data), said)
        got = [(line, row) for b in file.batches() for line, row in zip(b['_line'].to_pylist(),
                                                                       zip(*[c.to_pylist() for c in b.columns[:-1]]))]
        raw = file.raw(set(lines))
    assert file.problems == []
    assert got == [(n, tuple(f or None for f in r)) for n, r in zip(lines[1:], rows[1:])]
    assert file.count == len(rows) - 1
    assert file.columns == rows[0]
    body = text.splitlines
    assert [r for r in raw] == lines[1:]
