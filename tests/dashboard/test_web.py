"What the browser runs: files of one concern, short functions, and one module that they make."
import re, shutil, subprocess
from pathlib import Path

import playwright
import pytest

from shop_nb.dashboard.backend import STYLES, WEB, modules_of, page_script

SCRIPTS = sorted(Path(str(WEB)).rglob('*.js'))
SHEETS = sorted(Path(str(WEB)).glob('*.css'))
NODE = Path(playwright.__file__).parent / 'driver' / 'node'
STARTS = re.compile(r'^( *)(?:export )?(?:async )?(?:function \w+|(?!if|for|while|switch|catch)\w+)\(.*\{$')


def functions(text):
    "The functions and methods of a script: name, lines."
    lines = text.splitlines()
    for first, line in enumerate(lines):
        if start := STARTS.match(line):
            last = next(i for i in range(first, len(lines)) if lines[i].startswith(start[1] + '}'))
            yield line.strip(), last - first + 1


@pytest.mark.parametrize('path', SCRIPTS + SHEETS, ids=lambda p: p.name)
def test_lines_are_short(path):
    assert [line for line in path.read_text(encoding='utf-8').splitlines() if len(line) > 120] == []


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda p: p.name)
def test_a_function_is_seen_at_once(path):
    assert {name: n for name, n in functions(path.read_text(encoding='utf-8')) if n > 30} == {}


def test_the_measure_finds_a_long_function():
    assert list(functions('function f(x) {\n' + '  x++\n' * 40 + '}')) == [('function f(x) {', 42)]


def test_each_file_is_used():
    assert sorted(modules_of('page.js')) == sorted(str(p.relative_to(str(WEB))) for p in SCRIPTS)
    assert sorted(STYLES) == sorted(p.stem for p in SHEETS)


def test_what_a_module_needs_comes_before_it():
    order = list(modules_of('page.js'))
    for i, name in enumerate(order): assert set(modules_of(name)) <= set(order[:i + 1])


def test_the_joined_module_parses(tmp_path):
    (tmp_path / 'page.mjs').write_text(page_script(), encoding='utf-8')
    done = subprocess.run([NODE, '--check', tmp_path / 'page.mjs'], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# -------------------------------------------------------------------------------- names

TOP = re.compile(r'^(export )?(?:async )?(?:const|let|function|class) (\w+)', re.MULTILINE)
IMPORTED = re.compile(r"^import \{([^}]*)\} from '[^']+'\n", re.MULTILINE)


def text_of(path): return path.read_text(encoding='utf-8')


def imported(text): return [name.strip() for names in IMPORTED.findall(text) for name in names.split(',')]


def times(name, text): return len(re.findall(rf'(?<![\w$]){name}(?![\w$])', text))


def test_names_of_modules_are_unique():
    "They share one scope in the joined module."
    names = [name for path in SCRIPTS for _, name in TOP.findall(text_of(path))]
    assert len(names) > 150
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda p: p.name)
def test_what_is_declared_or_imported_is_used(path):
    text = text_of(path)
    elsewhere = {name for other in SCRIPTS if other != path for name in imported(text_of(other))}
    for_tests = {'placed', 'shortened'} # by test_page.py
    for exported, name in TOP.findall(text):
        assert times(name, text) > 1 or (exported and name in elsewhere), name
        if exported: assert name in elsewhere | for_tests, name
    for name in imported(text): assert times(name, IMPORTED.sub('', text)) > 0, name


def test_modules_have_what_is_imported(tmp_path):
    "As modules of their own, as an editor reads them: a name that no file exports is an error of linking."
    shutil.copytree(str(WEB), tmp_path / 'web')
    (tmp_path / 'web' / 'package.json').write_text('{"type": "module"}')
    program = "const {default: page} = await import('./web/page.js'); process.stdout.write(typeof page.render)"
    command = [NODE, '--input-type=module', '-e', program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, 'function'), done.stderr


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda p: p.name)
def test_what_a_module_calls_it_declares_or_imports(path):
    "Joined, it would work by chance."
    text = text_of(path)
    names = {name for other in SCRIPTS for exported, name in TOP.findall(text_of(other)) if exported}
    called = set(re.findall(r'(?<![\w.$#-])([A-Za-z]\w*)\((?!\) \{)', text))
    methods = set(re.findall(r'^  (?:async )?(\w+)\(.*\{$', text, re.MULTILINE))
    own = {name for _, name in TOP.findall(text)}
    assert (called & names) - own - methods == (called & set(imported(text))) - own - methods
