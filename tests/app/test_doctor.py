"What the doctor says: of packages, of parts, of the machine; and what it costs to ask."
import json, subprocess, sys
from importlib.metadata import distribution

import pytest

import shop_nb.app.doctor as module
from shop_nb.app.cli import main
from shop_nb.app.doctor import DOES, Health, Part, examine, judge, sqlite_note

EXTRAS = distribution('shop_nb').metadata.get_all('Provides-Extra')


@pytest.mark.parametrize(
    'asked, found, state',
    [
        ('duckdb>=2,<3', '2.0.0', 'ready'),
        ('duckdb>=2,<3', None, 'missing'),
        ('duckdb>=2,<3', '1.9.9', 'too old'),
        ('duckdb>=2,<3', '3.0', 'too new'),
        ('faker==40.54.0', '40.55.0', 'too new'),
        ('faker==40.54.0', '40.53.9', 'too old'),
        ('x', '0.1', 'ready'),
        ('x~=1.4', '1.3', 'too old'),
        ('x==1.*', '2.0', 'too new'),
        ('x>=2', '2.1rc1', 'ready'),
        ("x>=2; python_version > '3'", '1', 'too old'),
    ],
)
def test_judge(asked, found, state):
    assert judge(asked, found) == state


def part(state, name='load'): return Part(name, '', state, [], [], [])


@pytest.mark.parametrize('parts, wanted, ok', [
    ([part('ready', 'core'), part('missing')], [], True), ([part('ready', 'core'), part('missing')], ['load'], False),
    ([part('ready', 'core'), part('too old')], [], False), ([part('ready', 'core'), part('too new')], [], False),
    ([part('missing', 'core'), part('ready')], [], False), ([part('ready', 'core'), part('ready')], ['load'], True)])
def test_what_is_in_the_way(parts, wanted, ok):
    health = Health('1', '3.12', parts, [], wanted)
    assert health.ok is ok
    assert json.loads(health.to_json())['ok'] is ok
    assert ('To be fixed' not in str(health)) is ok


@pytest.mark.parametrize('missing, last', [
    ([], 'All parts are ready.'), (['pools'], 'All parts are ready except pools, which only maintainers need.'),
    (['load', 'pools'], 'No problems found. Not installed, and needed only for what they do: load, pools.')])
def test_the_last_line_agrees_with_the_list(missing, last):
    parts = [part('ready', 'core'), *(part('missing' if n in missing else 'ready', n) for n in ('load', 'pools'))]
    assert str(Health('1', '3.12', parts, [], [])).splitlines()[-1] == last


def test_every_part_is_named_and_explained():
    assert set(DOES) >= {'core', *EXTRAS}, 'say in DOES what each extra of pyproject.toml is for'
    assert [p.name for p in examine().parts] == ['core', *EXTRAS]


def fake(monkeypatch, **versions):
    "Let the named packages have other versions; None is not installed."
    def version(name):
        if name in versions and versions[name] is None: raise module.PackageNotFoundError(name)
        return versions.get(name) or real(name)
    real = module.version
    monkeypatch.setattr(module, 'version', version)


def test_a_missing_package_is_told_by_every_part_that_brings_it(monkeypatch, capsys):
    fake(monkeypatch, duckdb=None)
    states = {p.name: p.state for p in examine().parts}
    assert {n for n, s in states.items() if s == 'missing'} >= {
        'validate',
        'analytics',
        'run',
        'lab',
        'dev',
    }
    assert states['core'] == states['load'] == 'ready'
    assert main(['doctor']) == 0
    assert main(['doctor', 'load']) == 0
    capsys.readouterr()
    assert main(['doctor', 'validate']) == 1
    out = capsys.readouterr().out
    assert 'duckdb>=2,<3 is missing' in out
    assert "pip install 'shop_nb[validate]'" in out
    assert out.endswith('To be fixed: validate.\n')


def test_an_old_package_is_in_the_way(monkeypatch, capsys):
    fake(monkeypatch, duckdb='1.4.2')
    assert main(['doctor']) == 1
    assert 'duckdb 1.4.2 is too old: >=2,<3' in capsys.readouterr().out


def test_a_package_whose_own_extra_is_missing(monkeypatch):
    "pandera[pandas] asks for a pandas of its own; of the rest of what it asks for nothing is said."
    fake(monkeypatch, pandas='2.0.0')
    validate = next(p for p in examine().parts if p.name == 'validate')
    assert validate.state == 'too old'
    assert validate.lacks == ['pandas 2.0.0 is too old: >=2.1.1']


@pytest.mark.parametrize(
    'said, state',
    [
        ('openjdk version "17.0.15" 2025-04-15', 'ready'),
        ('java version "1.8.0_392"', 'too old'),
        ('', 'missing'),
        ('openjdk version "25"', 'ready'),
    ],
)
def test_java(monkeypatch, said, state):
    monkeypatch.setattr(module.shutil, 'which', lambda *_, **__: 'java')
    monkeypatch.setattr(module.subprocess, 'run', lambda *_, **__: subprocess.CompletedProcess([], 0, '', said))
    states = {p.name: p.state for p in examine().parts}
    assert (states['spark'], states['sail']) == (state, 'ready')
    assert next(p for p in examine().parts if p.name == 'spark').install == ''


def test_sqlite():
    assert all('3.51.3' in sqlite_note(v) for v in ('3.7.0', '3.45.1', '3.51.2'))
    assert not any(
        sqlite_note(v) for v in ('3.51.3', '3.52.0', '4.0')
    )


def test_json(capsys):
    assert main(['doctor', '--json']) == 0
    told = json.loads(capsys.readouterr().out)
    assert told['ok'] is True
    assert [p['name'] for p in told['parts']] == ['core', *EXTRAS]
    assert {'name', 'asked', 'found', 'state'} == set(told['parts'][0]['packages'][0])


def test_unknown_part(capsys):
    assert main(['doctor', 'spork']) == 2
    assert "Did you mean 'spark'?" in capsys.readouterr().err


def test_a_copy_that_was_never_installed_says_so(monkeypatch, capsys):
    def none(name): raise module.PackageNotFoundError(name)
    monkeypatch.setattr(module, 'distribution', none)
    assert main(['doctor']) == 2
    assert 'was not installed' in capsys.readouterr().err


def test_nothing_heavy_is_imported():
    code = '''import sys
from shop_nb.app.cli import main
main(['doctor'])
print(*sorted({m.split('.')[0] for m in sys.modules}))'''
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    done = done.splitlines()[-1]
    assert not set(done.split()) & {
        'numpy',
        'pandas',
        'pyarrow',
        'duckdb',
        'matplotlib',
        'pandera',
        'papermill',
        'pyspark',
        'data_profiling',
        'jupyterlab',
        'adbc_driver_sqlite',
    }
