"What an import does about each change, in each mode of the contract."
import shutil

import duckdb
import pyarrow as pa
import pytest

from shop_nb.core.errors import ShopError
from shop_nb.imports.contract import MODES
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import read_rows
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.quality.validate import validate
from support import FULL
from support.sources import KEYS, foreign, write_tables

ORDER = 7 # place of the order, and of the customer, to which something happens


def set_value(table, column, value):
    def change(frames):
        frame = frames[table]
        if table == 'order_items': place = frame.index[frame.order_id == frames['orders'].order_id.iloc[ORDER]][0]
        else: place = frame.index[ORDER]
        frame[column] = frame[column].astype(object)
        frame.loc[place, column] = value(frame.loc[place, column]) if callable(value) else value
    return change


def renamed(frames): frames['customers'] = frames['customers'].rename(columns=dict(city='Town'))
def missing(frames): frames['customers'] = frames['customers'].drop(columns='city')
def reordered(frames): frames['customers'] = frames['customers'].iloc[:, ::-1]
def nothing(frames): pass


def twice(frames):
    other = frames['orders'].iloc[[ORDER]].assign(shipping_cents=1)
    frames['orders'] = type(other)(list(frames['orders'].to_dict('records')) + list(other.to_dict('records')))


NEW = dict(evolve='loaded', freeze='refused', discard_row='all', discard_value='null')
MISSING = NEW | dict(discard_value='loaded')
ORDER_ASIDE = dict(evolve='order', freeze='refused', discard_row='order', discard_value='order')
CHANGES = { # name: the subject, what happens to the tables, and what the import makes of it in each mode
    'a new column': ('columns', nothing, NEW),
    'a missing column': ('columns', missing, MISSING),
    'a renamed column': ('columns', renamed, MISSING),
    'columns in another order': ('columns', reordered, dict.fromkeys(MODES, 'loaded')),
    'a time that is none': ('values', set_value('orders', 'ordered_at', 'yesterday'), ORDER_ASIDE),
    'a flag that is none': ('values', set_value('customers', 'marketing_opt_in', 'maybe'),
                            dict(evolve='known', freeze='refused', discard_row='customer', discard_value='known')),
    'no quantity': ('values', set_value('order_items', 'quantity', None), ORDER_ASIDE),
    'a quantity below one': ('values', set_value('order_items', 'quantity', -1), ORDER_ASIDE),
    'an unknown status': ('values', set_value('orders', 'status', 'lost'), ORDER_ASIDE),
    'a key with two contents': ('values', twice, ORDER_ASIDE),
    'a new channel': ('lists', set_value('orders', 'channel', 'fax'),
                      dict(evolve='loaded', freeze='refused', discard_row='order', discard_value='null')),
    'a ledger that does not close': ('rules', set_value('payments', 'amount_cents', lambda cents: cents + 1),
                                     ORDER_ASIDE | dict(evolve='loaded')),
}


@pytest.fixture(scope='module')
def before(made, source, tmp_path_factory):
    "Runs of an earlier import: of all columns, and of all but one."
    home = tmp_path_factory.mktemp('before')
    import_shop(Source([source]), home / 'all')
    frames = {name: made.frame(name).copy() for name in TABLES}
    frames['customers'] = frames['customers'].drop(columns='segment')
    import_shop(Source([write_tables(frames, home / 'few')]), home / 'without')
    return home


def first_alike(expected):
    "The first change of which an import makes the same, in all modes."
    return next(name for name, (_, _, outcome) in CHANGES.items() if outcome == expected)


IN_TURN = [mode for mode in MODES if mode != 'freeze'] # that refuses all of them
CASES = [ # each change in each mode; daily, of changes that are alike, the first in each mode and the others in one
    (name, mode) for n, (name, (_, _, expected)) in enumerate(CHANGES.items()) for mode in MODES
    if FULL or name == first_alike(expected) or mode == IN_TURN[n % len(IN_TURN)]]


@pytest.mark.parametrize('name, mode', CASES)
def test_each_change_in_each_mode(before, made, tmp_path, name, mode):
    subject, change, expected = CHANGES[name]
    frames = {n: made.frame(n).copy() for n in TABLES}
    change(frames)
    run = tmp_path / 'run'
    shutil.copytree(before / ('without' if name == 'a new column' else 'all'), run)
    was = {p: p.read_bytes() for p in sorted(run.rglob('*')) if p.is_file()}
    source = Source([write_tables(frames, tmp_path / 'source')], contract={subject: mode})
    if expected[mode] == 'refused':
        with pytest.raises(ShopError): import_shop(source, run)
        assert {p: p.read_bytes() for p in sorted(run.rglob('*')) if p.is_file()} == was
        return
    manifest = import_shop(source, run)
    assert validate(run).ok
    aside = read_rows(run).to_pandas()
    order = foreign(KEYS['order_id'], made.frame('orders').order_id.iloc[ORDER])
    customer = foreign(KEYS['customer_id'], made.frame('customers').customer_id.iloc[ORDER])
    keys = set(aside.loc[aside.unit == 'orders', 'key'])
    if expected[mode] == 'order': assert keys == {order}
    if expected[mode] == 'customer': assert set(aside.loc[aside.unit == 'customers', 'key']) == {customer}
    if expected[mode] == 'all': assert not sum(f['loaded'] for f in manifest['import']['files'].values())
    if expected[mode] in ('loaded', 'null', 'known'): assert aside.empty
    files = manifest['import']['files'].values()
    assert all(f['read'] == f['loaded'] + f['quarantined'] + f['skipped'] for f in files)
    assert content(run) == source_content(kept(made, frames, name, expected[mode]))


# ------------------------------------------------------------------------------------- what is in the run

NULL = {'a new channel': ('orders', 'channel')}
OURS = 'order_item_id', 'payment_id' # keys that an import gives


def kept(made, frames, name, outcome):
    "What a run must have: what the files say, without what is left out, or what was there where that is set aside."
    was = {n: made.frame(n).copy() for n in TABLES}
    if name == 'a new column' and outcome != 'loaded': was['customers']['segment'] = None
    if outcome not in ('loaded', 'null'): return was
    if 'city' not in frames['customers']: return was # a column that is missing stays as it was
    if name == 'a new column': return was
    if outcome == 'null':
        table, column = NULL[name]
        place = frames[table].index[ORDER]
        assert frames[table].loc[place, column] == 'fax'
        frames[table].loc[place, column] = None
    return frames


def content(run):
    "The five tables of a run under the keys of the source."
    con, keys = duckdb.connect(), {}
    for unit in ('customers', 'products', 'orders'):
        con.sql(f"create table k_{unit} as from read_parquet('{run}/crosswalk/{unit}.parquet')")
        key = TABLES[unit].key
        keys[key] = f'(select source_key from k_{unit} as k where k.{key} = t.{key})'
    for name in TABLES: con.sql(f"create view {name} as from read_parquet('{run}/tables/{name}.parquet') as t")
    return {name: con.sql(f"""select {', '.join(keys.get(c, f'{c}::varchar') for c in TABLES[name].names
        if c not in OURS)} from {name} as t order by all""").fetchall() for name in TABLES}


def source_content(frames):
    "The same of the frames that were written."
    con, found = duckdb.connect(), {}
    for name in TABLES:
        frame = frames[name][TABLES[name].names].copy()
        schema = pa.schema([f.with_nullable(True) for f in arrow_schema(name)])
        con.register('t', pa.Table.from_pandas(frame, schema, preserve_index=False))
        con.create_function(f'foreign_{name}', foreign, [str, int], str)
        cells = [f"foreign_{name}('{KEYS[c]}', {c})" if c in KEYS else f'{c}::varchar'
                 for c in TABLES[name].names if c not in OURS]
        found[name] = con.sql(f"select {', '.join(cells)} from t order by all").fetchall()
    return found
