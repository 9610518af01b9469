"Files of every format, damaged: an error of two lines, or an import whose sums are equal; never a traceback."
import csv, io, random, re

import pytest

from shop_nb.core.errors import ShopError
from shop_nb.formats.format import read_columns
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import read_rows
from shop_nb.quality.validate import validate
from support import FULL, ROOT

SAMPLES = ROOT / 'docs/samples'
FORMATS = sorted(path.name for path in SAMPLES.iterdir())
FILES = 400 if FULL else 3 # that are damaged, of each format
BYTES = b'",;\n\r\0 \xff\x81\'-.9eE\xe2\x82\xac'


def bytes_changed(data, rng):
    "Single bytes that are others, are gone, or are more"
    for _ in range(rng.randint(1, 5)):
        at = rng.randrange(len(data))
        byte = rng.choice([b'', bytes([rng.choice(BYTES)]), data[at:at + 1] * 2])
        data = data[:at] + byte + data[at + rng.randint(0, 1):]
    return data


def cut(data, rng): return data[:rng.randrange(len(data))]
def doubled(data, rng): return data + data
def torn(data, rng):
    "A piece from the middle is gone"
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:a] + data[b:]


def quote(data, rng):
    "A quote that is never closed, or that opens in the middle of a field"
    at = rng.randrange(len(data))
    return data[:at] + b'"' + data[at:]


def in_rows(change):
    "Damage to the rows of a file, which is written again with its separator"
    def changed(data, rng):
        separator = ';' if b';' in data.splitlines()[0] else ','
        out = io.StringIO()
        csv.writer(out, delimiter=separator, lineterminator='\n').writerows(
            change(list(csv.reader(io.StringIO(data.decode()), delimiter=separator)), rng))
        return out.getvalue().encode()
    return changed


def cells(rows, rng):
    "Cells that change places, are empty, are of another row, or are there twice"
    for _ in range(rng.randint(1, 6)):
        row, other = rng.choice(rows[1:]), rng.choice(rows[1:])
        i, j = (rng.randrange(min(len(row), len(other))) for _ in range(2))
        row[i], row[j] = rng.choice([(row[j], row[i]), ('', row[j]), (other[i], row[j]), (row[i] * 2, row[j])])
    return rows


def column_gone(rows, rng):
    i = rng.randrange(len(rows[0]))
    return [row[:i] + row[i + 1:] for row in rows]


def shuffled(rows, rng): return [rows[0], *rng.sample(rows[1:], len(rows) - 1)]
def some_twice(rows, rng): return [rows[0], *sorted(rows[1:] + rng.choices(rows[1:], k=3), key=rows.index)]


DAMAGE = bytes_changed, cut, doubled, torn, quote, *map(in_rows, (cells, column_gone, shuffled, some_twice))


@pytest.mark.slow
@pytest.mark.parametrize('format', FORMATS)
def test_a_damaged_file_is_refused_or_adds_up(tmp_path, format):
    "However it is damaged, what comes in keeps all rules, and rows and cents are all accounted for."
    own = [read_columns(path) for path in (SAMPLES / format).glob('*.toml')]
    files = {path.name: path.read_bytes() for path in sorted((SAMPLES / format).glob('*.csv'))}
    for n in range(FILES):
        rng = random.Random(f'{format} {n}')
        (source := tmp_path / f'source {n}').mkdir()
        name, damage = rng.choice(sorted(files)), rng.choice(DAMAGE)
        for other, data in files.items(): (source / other).write_bytes(damage(data, rng) if other == name else data)
        layout = dict(own=own[0]) if own else {}
        check(Source([source], None if own else format, currency='EUR', **layout), tmp_path / f'run {n}')


NUMBER = re.compile('-?[0-9]{1,3}([.,][0-9]{1,2})?')
LARGE = ['1000000000', '90000000000', '-1000000000'] if FULL else ['999999999']


@pytest.mark.slow
@pytest.mark.parametrize('large', LARGE)
@pytest.mark.parametrize('format', FORMATS)
def test_numbers_too_large_for_a_shop_stop_nothing_else(tmp_path, format, large):
    "Products of a count and an amount are beyond 64 bits: the row is set aside, and the others come in."
    own = [read_columns(path) for path in (SAMPLES / format).glob('*.toml')]
    how = dict(own=own[0]) if own else dict(format=format)
    files = {path.name: path.read_bytes() for path in sorted((SAMPLES / format).glob('*.csv'))}
    before = import_shop(Source([SAMPLES / format], **how), tmp_path / 'run')['tables']['orders']['rows']
    for n, name in enumerate(files if FULL else random.Random(format).sample(sorted(files), min(2, len(files)))):
        (source := tmp_path / f'source {n}').mkdir()
        for other, data in files.items(): (source / other).write_bytes(enlarged(data, large) if other == name else data)
        facts = import_shop(Source([source], **how), tmp_path / f'run {n}')
        assert before - 2 <= facts['tables']['orders']['rows'] <= before


def enlarged(data, large):
    "A file with all numbers of its first row large"
    def changed(rows, rng):
        rows[1] = [large if NUMBER.fullmatch(cell) else cell for cell in rows[1]]
        return rows
    return in_rows(changed)(data.replace(b'\xef\xbb\xbf', b''), None)


def check(source, run):
    "Import: an error of two lines and nothing else, or a run whose sums are equal"
    try: facts = import_shop(source, run)
    except ShopError as e:
        assert len(str(e).splitlines()) == 2, source
        assert 'mistake of the format' not in str(e), source
        assert not run.exists()
        return
    for f in facts['import']['files'].values(): assert f['read'] == f['loaded'] + f['quarantined'] + f['skipped']
    amounts = facts['import']['amount_cents']
    assert amounts['source'] == amounts['loaded'] + amounts['quarantined'] + amounts['skipped']
    assert len(read_rows(run)) == sum(f['quarantined'] for f in facts['import']['files'].values())
    report = validate(run)
    assert report.ok, (source, str(report))
