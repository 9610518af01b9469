"What several test files share: sizes, short lives of orders, programs that serve, and waiting."
import os, subprocess, time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] # the project's folder
FULL = 'TEST_FULL' in os.environ # the numbers of a release, by `make soak`, instead of those of a daily run
SHORT_LIVES = dict.fromkeys( # parameters with which orders come to an end soon
    ['delivery.pack_spread', 'delivery.transit_spread', 'delivery.return_days_spread', 'payments.delay_spread'], 0)


def until(condition, seconds=30):
    "Wait for a condition; its last value."
    end = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < end: time.sleep(.1)
    return value


@contextmanager
def process(*words, log):
    "A process that prints its address first, and writes errors to `log`: the address and the process."
    with open(log, 'w') as out:
        p = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=out, text=True,
                             env=os.environ | dict(XDG_CACHE_HOME=str(log.parent)))
    try:
        address = p.stdout.readline().strip()
        assert address.startswith('http://127.0.0.1:'), log.read_text()
        yield address, p
    finally:
        p.terminate()
        try: p.wait(20)
        except subprocess.TimeoutExpired: p.kill()
        p.stdout.close()
