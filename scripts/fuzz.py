"""Let atheris make files until a reader fails: fuzz.py [SECONDS]. `make soak` runs it.

No traceback but a `ShopError` of two lines, no hang, each record counted once, each text a value, a fault or nothing,
and plain numbers and days read as what they say. What fails is kept as .cache/fuzz/crash-…, which fuzz.py FILE reads
again. Atheris is put into .cache/fuzz, not into .venv.
"""
import datetime, io, re, subprocess, sys, tempfile
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = ROOT / '.cache/fuzz'
ATHERIS = 'atheris==3.0.0'
SECONDS = 600
PLAIN = re.compile(r'(?:0|-?[1-9][0-9]{0,14})')
DAY = re.compile(r'20[0-9][0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])')


def installed():
    "Whether atheris is there, or could be put there"
    if (HOME / 'atheris').exists(): return True
    words = [sys.executable, '-m', 'pip', '-qq', 'install', '--no-deps', '--target', str(HOME), ATHERIS]
    return subprocess.run(words, check=False).returncode == 0


def check_column(texts):
    "Read a column in every way; each text is a value, a fault with a reason, or nothing"
    amounts = NumberColumn(Reading(), label='a', money=True)
    for reader in NumberColumn(Reading(), label='a'), amounts, TimeColumn(Reading(), label='a'):
        try:
            reader.look(texts)
            reader.settle()
            values, bad = reader.read(texts)
        except ShopError as e:
            assert len(str(e).splitlines()) == 2, str(e)
            continue
        values = pa.array(values, pa.timestamp('s')) if isinstance(reader, TimeColumn) else values
        for text, value, wrong in zip(texts.to_pylist(), values.to_pylist(), bad):
            blank = not (text or '').strip(BLANKS)
            assert (value is not None) + bool(wrong) == (not blank), (text, value, wrong)
            if wrong: assert reader.why(text).isprintable(), text
            if isinstance(reader, NumberColumn) and PLAIN.fullmatch(text or ''):
                assert value == Decimal(text), (text, value)
            if isinstance(value, datetime.datetime) and DAY.fullmatch(text):
                assert str(value) == f'{text} 00:00:00', (text, value)
    for text, code, wrong in zip(texts.to_pylist(), *map(list, codes(texts))):
        assert (code.as_py() is not None) + bool(wrong) <= 1, text


def check_file(data):
    "Read a file: its rows and problems are its records"
    try: file = TextFile('own.csv', lambda: io.BytesIO(data), Reading(), len(data))
    except ShopError as e:
        assert len(str(e).splitlines()) == 2, str(e)
        return
    except UNREADABLE as e:
        assert len(str(unreadable('own.csv', e)).splitlines()) == 2
        return
    batches, rows = [], 0
    for batch in file.batches(7):
        batches.append(batch)
        rows += len(batch)
    assert rows + len(file.problems) + len(file.headers) == file.count
    lines = {n for batch in batches for n in batch['_line'].to_pylist()} | {n for n, _ in file.problems}
    assert set(file.raw(lines)) == lines
    for name in file.columns[:4]:
        for batch in batches[:4]: check_column(batch.column(name))


def one(data):
    "A file, and half of it as a column, in which a new line begins a value"
    check_file(data)
    check_column(pa.array(data.decode('utf-8', 'replace').split('\n')[:40], pa.string()))


def main(seconds):
    if seconds and Path(seconds).is_file(): return one(Path(seconds).read_bytes())
    with tempfile.TemporaryDirectory() as corpus:
        for path in ROOT.glob('docs/samples/*/*.csv'): (Path(corpus) / path.name).write_bytes(path.read_bytes()[:2000])
        limits = [f'-max_total_time={seconds or SECONDS}', '-timeout=10', '-max_len=4000', f'-artifact_prefix={HOME}/']
        atheris.Setup([sys.argv[0], corpus, *limits, '-verbosity=0', '-print_final_stats=1'], one)
        atheris.Fuzz()


if __name__ == '__main__':
    if not installed(): sys.exit(f'{ATHERIS} cannot be installed here: the readers were not fuzzed.')
    sys.path.append(str(HOME))
    import atheris
    with atheris.instrument_imports(include=['shop_nb.reading']):
        from shop_nb.reading.codes import codes
        from shop_nb.reading.numbers import NumberColumn
        from shop_nb.reading.records import TextFile
        from shop_nb.reading.text import BLANKS, UNREADABLE, Reading, unreadable
        from shop_nb.reading.times import TimeColumn
    import pyarrow as pa
    from shop_nb.core.errors import ShopError
    main(sys.argv[1] if len(sys.argv) > 1 else '')
