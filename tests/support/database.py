"A database as dicts, and whether it keeps the rules, read without the store."
import sqlite3
from contextlib import closing

from shop_nb.model.rules import RULES, violations
from shop_nb.model.schema import TABLES
from shop_nb.store.repository import fold


def broken(db):
    "The names of the rules that a database breaks."
    with closing(sqlite3.connect(db)) as con: return {r.name for r in RULES if violations(con, r, 'sqlite')}


def everything(db):
    "The database as {table: {key: row}}, read without the library."

    def row(t, values): return {c.name: bool(v) if c.type == 'flag' else v for c, v in zip(t.columns, values)}

    with closing(sqlite3.connect(db)) as con:
        return {
            n: {r[0]: row(t, r) for r in con.execute(f'SELECT {", ".join(t.names)} FROM {n}')}
            for n, t in TABLES.items()
        }


def holds(value, op, other):
    "Whether a filter holds for a value, said in plain Python; `isnull` takes true as a store or as an address has it."
    if op == 'isnull': return (value is None) == (other in (True, 'true'))
    if op == 'ne': return value != other
    if value is None: return False
    return {
        '': lambda: value == other,
        'gt': lambda: value > other,
        'gte': lambda: value >= other,
        'lt': lambda: value < other,
        'lte': lambda: value <= other,
        'in': lambda: value in other,
        'contains': lambda: fold(other) in fold(value),
    }[op]()
