"A stream that is stopped, or killed, goes on byte for byte"
import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shop_nb import Shop
from shop_nb.app.cli import main
from support import FULL

SMALL = dict(customers=200, products=60, orders=400, order_items=1000)
FORMS = 'jsonl', 'debezium'
SHOP_NB = Path(sys.executable).with_name('shop-nb')


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp('stream') / 'run'
    Shop(**SMALL).save(out)
    return out


def streamed(run, to, *more): return main(['stream', str(run), '--to', str(to), *map(str, more)])


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('delivery', [(), ('--late', 7200, '--twice', .05)], ids=['on time', 'late'])
def test_stopped_and_resumed_at_twenty_offsets(run, tmp_path, form, delivery):
    "A new process begins at the offset alone: no state is kept"
    whole = tmp_path / 'whole'
    how = ['--format', form, *delivery]
    assert streamed(run, whole, *how) == 0
    lines = whole.read_bytes().splitlines(keepends=True)
    cuts = sorted(random.Random(1).sample(range(1, len(lines)), 20))
    begin, offset = 0, []
    for cut in [*cuts, len(lines)]:
        part = tmp_path / f'part{cut}'
        assert streamed(run, part, *how, *offset, '--count', cut - begin) == 0
        assert part.read_bytes() == b''.join(lines[begin:cut])
        begin, offset = cut, ['--offset', json.loads(lines[cut - 1])['offset']]


def test_killed_and_begun_again(run, tmp_path):
    "A file goes on after its last whole line, whenever the program was killed"
    whole, torn = tmp_path / 'whole', tmp_path / 'torn'
    assert streamed(run, whole) == 0
    command, killed = [SHOP_NB, 'stream', run, '--to', torn, '--rate', '3000'], 0
    for wait in random.Random(2).choices([.05, .15, .3], k=10 if FULL else 3):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        before = torn.stat().st_size if torn.exists() else 0
        while process.poll() is None and (torn.stat().st_size if torn.exists() else 0) <= before: time.sleep(.01)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed
    assert torn.stat().st_size < whole.stat().st_size
    with torn.open('ab') as file: file.write(b'{"offset":17')
    assert streamed(run, torn) == 0
    assert torn.read_bytes() == whole.read_bytes()


def test_it_goes_on_after_the_last_day(run, tmp_path):
    assert streamed(run, tmp_path / 'more', '--from', '2025-12-31', '--until', '2026-01-10 06:00') == 0
    moments = [json.loads(line)['moment'] for line in (tmp_path / 'more').read_text().splitlines()]
    assert moments == sorted(moments)
    assert '2026-01-09' < moments[-1] < '2026-01-10T06:00:00'
    longer = Shop(**SMALL, until='2026-01-10').changes('2025-12-31', '2026-01-10 06:00')
    assert len(longer) == len(moments)


def test_what_comes_late_comes_after_the_next_days_were_made(tmp_path):
    "What would arrive after the last second that is known waits for the days after it, and nothing is lost"
    run, to = tmp_path / 'run', tmp_path / 'lines'
    Shop(**SMALL, until='2025-11-28').save(run)
    how = ['--from', '2025-11-20', '--late', 7 * 86400]
    assert streamed(run, to, *how) == 0
    first = len(to.read_text().splitlines())
    assert main(['advance', str(run), '--until', '2025-12-20']) == 0
    assert streamed(run, to, *how) == 0
    got = [json.loads(line)['sequence'] for line in to.read_text().splitlines()]
    whole = tmp_path / 'whole'
    assert streamed(run, whole, *how) == 0
    assert to.read_bytes() == whole.read_bytes()
    assert len(got) > first
    happened = Shop(**SMALL).changes('2025-11-20', '2025-12-13').log.sequence
    assert set(happened) <= set(got)


@pytest.mark.parametrize('other', [('--format', 'debezium'), ('--late', 60)])
def test_a_file_takes_no_other_stream(run, tmp_path, other, capsys):
    to = tmp_path / 'lines'
    assert streamed(run, to, '--count', 5) == 0
    before = to.read_bytes()
    assert streamed(run, to, *other) == 2
    assert 'another stream' in capsys.readouterr().err
    assert to.read_bytes() == before


def test_the_same_command_goes_on_with_a_file(run, tmp_path):
    to, whole = tmp_path / 'lines', tmp_path / 'whole'
    for _ in range(3): assert streamed(run, to, '--from', '2025-12-24', '--count', 7) == 0
    assert streamed(run, whole, '--from', '2025-12-24', '--count', 21) == 0
    assert to.read_bytes() == whole.read_bytes()


def test_a_pipe_that_closes_ends_it(run):
    command = f'{SHOP_NB} stream {run} | head -n 3'
    done = subprocess.run(['bash', '-o', 'pipefail', '-c', command], capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 3
    assert 'Traceback' not in done.stderr


def test_changes_print_what_stream_sends(run, capfdbinary):
    from shop_nb.feeds.json_lines import json_lines

    assert main(['changes', str(run), '--from', '2025-12-01', '--to', '2025-12-08']) == 0
    assert capfdbinary.readouterr().out == bytes(json_lines(Shop(**SMALL).changes('2025-12-01', '2025-12-08')))


@pytest.mark.parametrize('args, wrong', [
    (['stream', '{run}', '--from', '2025-01-01', '--offset', '5'], 'exclude each other'),
    (['stream', '{run}', '--format', 'xml'], 'no form'),
    (['stream', '{run}', '--to', 'kafka://here'], 'no broker and topic'),
    (['stream', '{run}', '--until', 'soon'], 'not a moment'),
    (['stream', '{run}', '--from', '2025-06-01', '--until', '2025-05-01'], 'before the stream begins'),
    (['stream', '{run}', '--until', '1999-01-01'], 'before the stream begins'),
    (['stream', '{run}', '--offset', '9000000000000000000'], 'offset'),
    (['stream', '{run}', '--late', '100000000000000000000'], 'late'),
    (['changes', '{run}', '--format', 'foo'], 'no form'),
    (['changes', '{run}', '--format', 'days', '--from', '2025-06-01 12:00', '--out', 'x'], 'whole days'),
    (['changes', '{run}', '--from', '2025-06-01 12:00:30', '--to', '2025-06-01 12:00:10'], '12:00:10'),
    (['changes', '{run}', '--from', '2027-01-01'], 'leaves the shop'),
    (['changes', '{run}', '--format', 'scd2'], 'needs a folder'),
    (['changes', '{run}', '--format', 'scd2', '--from', '2025-06-01', '--out', 'x'], 'begins where the shop begins'),
    (['changes', '{run}', '--format', 'days', '--out', '{run}'], 'not a feed'),
    (['changes', 'nowhere'], 'nowhere'),
])
def test_refusals(run, args, wrong, capsys):
    assert main([a.format(run=run) for a in args]) == 2
    told = capsys.readouterr().err
    assert wrong in told
    assert 'Traceback' not in told
