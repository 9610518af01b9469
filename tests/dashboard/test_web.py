"What the browser runs: files of one concern, short functions, and one module that they make."
import re, subprocess
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
    order = modules_of('page.js')
    for i, name in enumerate(order): assert set(modules_of(name)) <= set(order[:i + 1])


def test_the_joined_module_parses(tmp_path):
    (tmp_path / 'page.mjs').write_text(page_script(), encoding='utf-8')
    done = subprocess.run([NODE, '--check', tmp_path / 'page.mjs'], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
