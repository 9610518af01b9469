"The rooms: a path says what a chapter may use, and anybody can read a line."
import ast, io, json, re, tokenize

import pytest

from support import ROOT
FOLDERS = sorted(p for p in (ROOT / 'nbs').glob('[0-9][0-9]_*') if p.is_dir())
ROOMS = {p.name[3:]: int(p.name[:2]) for p in FOLDERS}
CHAPTERS = {
    f'{p.parent.name[3:]}.{p.stem[3:]}': p
    for f in FOLDERS
    for p in sorted(f.glob('[0-9][0-9]_*.ipynb'))
    if p.stem != '00_about'
}
WIDTH, LINES, CHARACTERS, MOST = 120, 30, 1000, 9
each_chapter = pytest.mark.parametrize('name', CHAPTERS)

# What still crosses rooms. It may only become less: who mends one takes it off this list.
PRIVATE = {}
METHODS = {}

# What is still too wide or too heavy: lines of all code cells, and cells of the library. They may only become fewer.
WIDE = {}
HEAVY = {}


def cells(path, kind='code'):
    "The sources of a notebook's cells."
    return [
        ''.join(c['source']) for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == kind
    ]


def exported(name):
    "The cells of a chapter that the library gets."
    return [c for c in cells(CHAPTERS[name]) if re.match(r'#\| *export', c)]


# ------------------------------------------------------------------------ the rules, each for a piece of code

def imports(code):
    "The modules of the library that code names: module, names taken from it, and the node."
    for node in ast.walk(code):
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith('shop_nb.'):
            yield node.module.removeprefix('shop_nb.'), [a.name for a in node.names], node
        if isinstance(node, ast.Import):
            yield from (
                (a.name.removeprefix('shop_nb.'), [], node) for a in node.names if a.name.startswith('shop_nb.')
            )
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from ((m, [], node) for m in re.findall(r'shop_nb\.(\w+\.\w+)', node.value))


def modules(code):
    "The chapters that code imports, with the node: `from shop_nb.room import chapter` is one, too."
    for module, names, node in imports(code):
        if module in CHAPTERS: yield module, node
        yield from ((f'{module}.{n}', node) for n in names if f'{module}.{n}' in CHAPTERS)


def from_above(name, code):
    "What code of a chapter imports from higher rooms, or from later chapters of its own when it is imported."
    room, order = name.split('.')[0], list(CHAPTERS)
    for module, node in modules(code):
        other = module.split('.')[0]
        later = other == room and node in code.body and order.index(module) > order.index(name)
        if ROOMS[other] > ROOMS[room] or later: yield module


def private(name, code):
    "The names with an underscore that code of a chapter takes from other rooms."
    room = name.split('.')[0]
    return {f'{m}.{n}' for m, names, _ in imports(code) if m.split('.')[0] != room for n in names if n.startswith('_')}


def methods_elsewhere(name, code):
    "The methods that code of a chapter adds to classes of other rooms."
    room = name.split('.')[0]
    foreign = {n for m, names, _ in imports(code) if m.split('.')[0] != room for n in names}
    for node in ast.walk(code):
        if not isinstance(node, ast.FunctionDef): continue
        if not any('patch' in ast.unparse(d) for d in node.decorator_list): continue
        owner = node.args.args[0].annotation if node.args.args else None
        if owner is not None and ast.unparse(owner) in foreign: yield f'{ast.unparse(owner)}.{node.name}'


def wide(text):
    "The lines that are wider than a page."
    return [line for line in text.splitlines() if len(line) > WIDTH]


def crowded(text):
    "The numbers of the lines with several statements."
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sorted({t.start[0] for t in tokens if t.type == tokenize.OP and t.string == ';'})


def heavy(cell):
    "Whether a cell is too long to take in at once."
    lines = [line for line in cell.splitlines() if line.strip() and not line.startswith('#|')]
    return len(lines) > LINES or len(cell) > CHARACTERS


# ------------------------------------------------------------------------ what keeps them

@each_chapter
def test_a_path_is_a_module(name):
    found = re.findall(r'^#\| *default_exp +([\w.]+)$', '\n'.join(cells(CHAPTERS[name])), re.M)
    assert found == [name]


@pytest.mark.parametrize('folder', FOLDERS, ids=lambda p: p.name)
def test_a_room_has_an_entrance_and_few_chapters(folder):
    chapters = [p.name for p in sorted(folder.glob('*.ipynb')) if p.stem != '00_about']
    assert len(chapters) <= MOST
    about, = cells(folder / '00_about.ipynb', 'markdown')
    assert len(about.splitlines()) <= 15
    leads = [re.search(r'^> (.*?)\.?$', cells(folder / name, 'markdown')[0], re.M)[1] for name in chapters]
    assert re.findall(r'^- \[\w+\]\((\w+\.ipynb)\): (.*)$', about, re.M) == list(zip(chapters, leads))


@each_chapter
def test_imports_point_down(name):
    assert not list(from_above(name, ast.parse('\n'.join(exported(name)))))


def test_what_crosses_rooms_becomes_less():
    trees = {name: ast.parse('\n'.join(exported(name))) for name in CHAPTERS}
    assert {n: found for n, t in trees.items() if (found := private(n, t))} == PRIVATE
    assert {n: found for n, t in trees.items() if (found := set(methods_elsewhere(n, t)))} == METHODS


@each_chapter
def test_a_line_holds_one_statement(name):
    for cell in cells(CHAPTERS[name]):
        if not cell.startswith(('%', '!')): assert not crowded(cell), cell


@each_chapter
def test_lines_are_short_and_cells_are_light(name):
    assert sum(len(wide(c)) for c in cells(CHAPTERS[name])) == WIDE.get(name, 0)
    assert sum(map(heavy, exported(name))) == HEAVY.get(name, 0)


@pytest.mark.parametrize('rule', [wide, crowded])
def test_lines_of_scripts_and_tests_are_short_statements(rule):
    paths = [*ROOT.glob('scripts/*.py'), *ROOT.glob('tests/**/*.py')]
    assert len(paths) > 150
    assert not {str(path.relative_to(ROOT)): lines for path in paths if (lines := rule(path.read_text('utf-8')))}


@pytest.mark.parametrize('rule, code', [
    (from_above, 'from shop_nb.shop.shop import Shop'), (from_above, 'import shop_nb.app.cli'),
    (from_above, "def f(): import_module('shop_nb.app.run')"), (from_above, 'from shop_nb.model import dictionary'),
    (private, 'from shop_nb.behaviour.settings import _limits'),
    (methods_elsewhere, 'from shop_nb.behaviour.settings import Settings\n@patch\ndef f(self:Settings): pass'),
])
def test_each_rule_finds_what_breaks_it(rule, code):
    assert list(rule('model.schema', ast.parse(code)))
    assert not list(rule('model.schema', ast.parse('from shop_nb.behaviour.settings import Settings\nx = 1')))


@pytest.mark.parametrize('rule, text', [
    (wide, 'x' * 121), (crowded, 'x = 1; y = 2'), (heavy, 'x = 1\n' * 31), (heavy, 'x' * 1001),
])
def test_each_measure_finds_what_breaks_it(rule, text):
    assert rule(text)
    assert not rule("text = 'a; b'\n" * 30)
