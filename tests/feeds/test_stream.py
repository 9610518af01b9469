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
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
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
    assert killed and torn.stat().st_size < whole.stat().st_size
    with torn.open('ab') as file: file.write(b'{"offset":17')
    assert streamed(run, torn) == 0
    assert torn.read_bytes() == whole.read_bytes()


def test_it_goes_on_after_the_last_day(run, tmp_path):
    assert streamed(run, tmp_path / 'more', '--from', '2025-12-31', '--until', '2026-01-10 06:00') == 0
    moments = [json.loads(line)['moment'] for line in (tmp_path / 'more').read_text().splitlines()]
    assert moments == sorted(moments) and '2026-01-09' < moments[-1] < '2026-01-10T06:00:00'
    longer = Shop(**SMALL, until='2026-01-10').changes('2025-12-31', '2026-01-10 06:00')
    assert len(longer) == len(moments)


def test_a_pipe_that_closes_ends_it(run):
    command = f'{SHOP_NB} stream {run} | head -n 3'
    done = subprocess.run(['bash', '-o', 'pipefail', '-c', command], capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 3 and 'Traceback' not in done.stderr


def test_changes_print_what_stream_sends(run, capfdbinary):
    from shop_nb.feeds.json_lines import json_lines

    assert main(['changes', str(run), '--from', '2025-12-01', '--to', '2025-12-08']) == 0
    assert capfdbinary.readouterr().out == bytes(json_lines(Shop(**SMALL).changes('2025-12-01', '2025-12-08')))


@pytest.mark.parametrize('args, wrong', [
    (['stream', '{run}', '--from', '2025-01-01', '--offset', '5'], 'exclude each other'),
    (['stream', '{run}', '--format', 'xml'], 'no form'),
    (['stream', '{run}', '--to', 'kafka://here'], 'no broker and topic'),
    (['stream', '{run}', '--until', 'soon'], 'not a moment'),
    (['changes', '{run}', '--from', '2027-01-01'], 'leaves the shop'),
    (['changes', '{run}', '--format', 'scd2'], 'needs a folder'),
    (['changes', '{run}', '--format', 'scd2', '--from', '2025-06-01', '--out', 'x'], 'begins where the shop begins'),
    (['changes', '{run}', '--format', 'days', '--out', '{run}'], 'not a feed'),
    (['changes', 'nowhere'], 'nowhere'),
])
def test_refusals(run, args, wrong, capsys):
    assert main([a.format(run=run) for a in args]) == 2
    told = capsys.readouterr().err
    assert wrong in told and 'Traceback' not in told
