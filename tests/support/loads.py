"What the tests of loads into servers share."
import random, signal, time

from support import FULL

LOAD = '''
import importlib, os, signal
from shop_nb.database.load import load
module, source, place, at, sig = args
P = importlib.import_module(module)
def die(*_): os.kill(os.getpid(), getattr(signal, sig))
def before(name):
    f = getattr(P, name)
    def g(*a, **k):
        die()
        return f(*a, **k)
    setattr(P, name, g)
if at in dir(P): before(at)
load(source, place, lambda table, n, of: die() if table == at else None)
''' # a load in which a signal comes before a function of a module, or when rows of a table go by

def with_signals(*steps):
    "Each step of a load with each signal that breaks it off; daily with one of the two, in turn."
    pairs = [(step, sig, i + j) for i, step in enumerate(steps) for j, sig in enumerate(('SIGKILL', 'SIGINT'))]
    return [(step, sig) for step, sig, turn in pairs if FULL or turn % 2 == 0]


SPOILING = '''update customers set email = 'nobody', first_name = '', country = 'fr' where customer_id % 50 = 3
update customers set postal_code = 'x' where customer_id % 9 = 0
update customers set signed_up_at = signed_up_at + interval '90' day where customer_id % 9 = 0
update products set discontinued_on = launched_on, category = 'Cars', price_cents = 0 where product_id % 10 = 1
update orders set status = 'lost', channel = null where order_id % 7 = 1
update orders set tax_cents = tax_cents + 1, delivered_at = ordered_at where order_id % 7 = 2
update order_items set quantity = 0, discount_cents = -5 where order_item_id % 11 = 3
update order_items set product_id = 4711, returned_quantity = 500 where order_item_id % 11 = 4
update payments set amount_cents = amount_cents + 1, paid_at = null where order_id % 5 = 3
delete from payments where order_id % 5 = 4'''.split('\n') # rows that break many rules, in tables without constraints



def kill_at_random(in_processes, call, fresh, look, kills):
    "Kill a load at random moments: `fresh` puts the old shop there before, `look` takes whether it went through."
    seconds = 60
    for _ in range(3): # the first one still reads what it needs of libraries
        begun = time.monotonic()
        assert in_processes(call)[0] == [0, '']
        seconds = min(seconds, time.monotonic() - begun)
    rng, killed = random.Random(16), 0
    for _ in range(4 * kills):
        fresh()
        code = in_processes(call, kill=seconds * rng.uniform(.01, 1))[0][0]
        look(code == 0)
        killed += code == -signal.SIGKILL
        if killed == kills: return
    raise AssertionError(f'{killed} of {kills} kills came in time')


def plain(row):
    "A row as text: a number as one, also where the driver gives a `numeric` as text."

    def cell(value):
        try: return str(float(value))
        except (TypeError, ValueError): return str(value)

    return [cell(value) for value in row]
