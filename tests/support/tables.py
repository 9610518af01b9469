"What the tests of reading share: tables of text, written in many ways."
import csv, io

from hypothesis import strategies as st

from shop_nb.reading.records import TextFile
from shop_nb.reading.text import Reading

ENCODINGS = ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be', 'cp1252']
ENDS = ['\n', '\r\n', '\r', 'mixed']
FIELD = st.text(st.sampled_from('aZ0 9.,;|\t"\n\rü€\'-='), max_size=6)


@st.composite
def tables(draw, field=FIELD):
    "A header and rows, as many fields in each"
    width = draw(st.integers(2, 4))
    rows = draw(st.lists(st.lists(field, min_size=width, max_size=width), max_size=8))
    return [[f'Column {i}' for i in range(width)], *rows]


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


def rows_of(parts):
    "The rows of a file or sheet, each with its line"
    rows = []
    for batch in parts.batches():
        values = batch.select([n for n in batch.schema.names if n not in ('_file', '_line')]).columns
        rows += zip(batch['_line'].to_pylist(), zip(*[c.to_pylist() for c in values]))
    return rows


def text_file(data, **said):
    "Bytes, or text, as a file that is read"
    data = data.encode() if isinstance(data, str) else data
    return TextFile('own.csv', lambda: io.BytesIO(data), Reading(**said), len(data))
