"Two ways through the code as a new reader takes them, each hop by go-to-definition: jedi is what editors ask."
import re

import jedi
import pytest

from support import ROOT

# Each hop: module, function, a name as it stands in that function; module and definition that the name leads to.
TO_A_CELL = [ # from `shop-nb generate -p seed 8` to the bytes of a cell of customers.parquet
    ('app.cli', 'generate', '_settings', 'app.cli', 'def _settings'),
    ('app.cli', '_settings', 'read_settings', 'behaviour.settings', 'def read_settings'),
    ('app.cli', 'generate', 'Shop', 'shop.shop', 'class Shop'),
    ('app.cli', 'generate', 'shop.save', 'shop.shop', 'def save'),
    ('shop.shop', 'save', 'save_tables', 'shop.shop', 'def save_tables'),
    ('shop.shop', 'save', '_writer', 'shop.shop', 'def _writer'),
    ('shop.shop', '_writer', 'write_tables', 'generator.blocks', 'def write_tables'),
    ('generator.blocks', 'write_tables', '_write_all', 'generator.blocks', 'def _write_all'),
    ('generator.blocks', '_write_all', '_in_this_thread', 'generator.blocks', 'def _in_this_thread'),
    ('generator.blocks', '_write_all', '_in_threads', 'generator.blocks', 'def _in_threads'),
    ('generator.blocks', '_in_threads', 'write_part', 'generator.blocks', 'def write_part'),
    ('generator.blocks', '_in_this_thread', 'g.blocks', 'generator.blocks', 'def blocks'),
    ('generator.blocks', '_in_this_thread', '_write_block', 'generator.blocks', 'def _write_block'),
    ('generator.blocks', '_write_block', 'generator.make', 'generator.blocks', 'def make'),
    ('generator.blocks', 'make', 'self.calendar', 'generator.blocks', 'def calendar'),
    ('generator.blocks', 'make', 'customers_table', 'generator.customers', 'def customers_table'),
    ('generator.customers', 'customers_table', 'customers_at', 'generator.customers', 'def customers_at'),
    ('generator.customers', 'customers_at', '_consents', 'generator.customers', 'def _consents'),
    ('generator.customers', '_consents', 'uniform', 'generator.draws', 'def uniform'),
    ('generator.customers', '_consents', 'calendar.cells', 'generator.calendar', 'self.cells'),
    ('generator.calendar', '__init__', 'Cells', 'generator.draws', 'class Cells'),
    ('generator.draws', '__call__', 'column_seed', 'generator.draws', 'def column_seed'),
    ('generator.draws', 'column_seed', 'start_and_step', 'files.hashing', 'def start_and_step'),
    ('generator.draws', '__call__', 'mix', 'files.hashing', 'def mix'),
    ('generator.blocks', '_write_block', 'writer.write', 'files.files', 'def write'),
    ('files.files', 'write', '_open', 'files.files', 'def _open'),
    ('files.files', 'write', 'encoded_schema', 'model.schema', 'def encoded_schema'),
]
TO_A_ROW = [ # from a PATCH to the row in SQLite
    ('api.routes', 'add_update', 'add_route', 'api.routes', 'def add_route'),
    ('api.routes', 'add_update', 'expected_versions', 'api.routes', 'def expected_versions'),
    ('api.routes', 'add_update', 'service.write', 'api.routes', 'def write'),
    ('api.routes', 'write', 'once', 'store.transactions', 'def once'),
    ('store.transactions', 'once', 'store.transaction', 'store.repository', 'def transaction'),
    ('store.repository', 'transaction', 'transaction', 'store.transactions', 'def transaction'),
    ('store.transactions', 'transaction', 'Transaction', 'store.transactions', 'class Transaction'),
    ('store.transactions', 'transaction', 'now.check', 'store.transactions', 'def check'),
    ('store.transactions', 'check', 'broken', 'store.integrity', 'def broken'),
    ('api.routes', 'add_update', 'c.patch_row', 'store.transactions', 'def patch_row'),
    ('store.transactions', 'patch_row', '_patch_row', 'store.transactions', 'def _patch_row'),
    ('store.transactions', '_patch_row', '_seen', 'store.transactions', 'def _seen'),
    ('store.transactions', '_seen', 'read_whole', 'store.repository', 'def read_whole'),
    ('store.transactions', '_patch_row', 'merge', 'store.transactions', 'def merge'),
    ('store.transactions', '_patch_row', '_replace', 'store.transactions', 'def _replace'),
    ('store.transactions', '_replace', '_update', 'store.transactions', 'def _update'),
    ('store.transactions', '_update', '_run', 'store.transactions', 'def _run'),
    ('store.transactions', '_run', 'refusal', 'store.integrity', 'def refusal'),
    ('api.routes', 'add_update', 'written', 'api.routes', 'def written'),
]
PROJECT = jedi.Project(ROOT)


def path(module): return ROOT / 'shop_nb' / f'{module.replace(".", "/")}.py'


def place(lines, function, name):
    "Line and column where a function uses a name."
    used = re.compile(rf'(?<!def )(?<![\w.]){re.escape(name)}\b')
    first = next(i for i, line in enumerate(lines) if re.match(rf'\s*(async )?def {function}\b', line))
    for i, line in enumerate(lines[first + 1:], first + 2):
        if line.lstrip().startswith('"'): continue # a docstring
        if found := used.search(line.partition('# ')[0]): return i, found.end() - 1
    raise AssertionError(f'{function} does not use {name}')


def reached(module, function, name):
    "Where go-to-definition leads: path, and how the definition begins."
    source = path(module).read_text(encoding='utf-8')
    script = jedi.Script(source, path=path(module), project=PROJECT)
    for found in script.goto(*place(source.splitlines(), function, name), follow_imports=True):
        line = found.module_path.read_text(encoding='utf-8').splitlines()[found.line - 1]
        yield found.module_path, line.strip().removeprefix('async ')


@pytest.mark.parametrize('module, function, name, other, definition', TO_A_CELL + TO_A_ROW, ids=lambda text: text)
def test_a_hop_leads_to_the_definition(module, function, name, other, definition):
    begins = re.compile(rf'(.*, )?{definition}\b')
    assert [path(other)] == [p for p, line in reached(module, function, name) if begins.match(line)]


@pytest.mark.parametrize('walk', [TO_A_CELL, TO_A_ROW], ids=['to a cell', 'to a row'])
def test_every_hop_starts_where_an_earlier_one_led(walk):
    met = {walk[0][:2]}
    for module, function, _, other, definition in walk:
        assert (module, function) in met
        name = definition.split()[-1].removeprefix('self.')
        met |= {(other, name)} | ({(other, '__init__'), (other, '__call__')} if 'class' in definition else set())
        if definition.startswith('self.'): met.add((other, '__init__'))
