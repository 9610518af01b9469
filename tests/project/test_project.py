"The files around the notebooks say what is true."
import configparser, re, subprocess, sys, tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support import ROOT
PROJECT = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']
# of each package of requirements.lock: name, version, hashes
LOCKED = [
    (name, version, re.findall(r'--hash=sha256:([0-9a-f]{64})\b', hashes))
    for name, version, hashes in re.findall(
        r'^([\w.-]+)==(\S+)((?: \\\n    --hash=\S+)*)$', (ROOT / 'requirements.lock').read_text(), re.M)
]
# written in pieces, so that this file passes its own test
HOSTS = '|'.join([
    'python' r'hosted\.org', 'pypi' r'\.org/simple', 'registry' r'\.npmjs', 'deb' r'\.debian\.org',
    'extra-' 'index-url',
])
FOLDERS = r'(?<![\w.])/(?:' + '|'.join(['work', 'root', 'home', 'Users', 'tmp']) + r')/[\w.-]+/'


def texts(tracked):
    for path in tracked:
        try: yield path, (ROOT / path).read_text(encoding='utf-8')
        except UnicodeDecodeError: pass


def test_no_file_names_a_machine_or_a_registry(tracked):
    found = [f'{p}: {m[0]}' for p, t in texts(tracked) for m in re.finditer(f'{HOSTS}|{FOLDERS}', t)]
    assert not found


def test_no_run_is_tracked(tracked):
    assert [str(p) for p in tracked if p.parts[0] == 'reports'] == ['reports/README.md']


def test_files_are_small(tracked):
    assert not [str(p) for p in tracked if (ROOT / p).stat().st_size > 2_000_000]


def test_the_lock_holds_what_the_project_asks_for():
    "Each package of each extra but pools, which pins its own, is there at a version that pyproject.toml allows."
    pinned = {canonicalize_name(name): version for name, version, hashes in LOCKED}
    extras = [rs for name, rs in PROJECT['optional-dependencies'].items() if name != 'pools']
    for r in map(Requirement, sum(extras, PROJECT['dependencies'])):
        if r.name != PROJECT['name']: assert pinned.get(canonicalize_name(r.name)) in r.specifier, f'{r}: make lock'


def test_the_lock_names_no_address():
    assert not re.search(r'://|@|--(?!hash=sha256:)', (ROOT / 'requirements.lock').read_text())


def test_the_lock_has_a_hash_of_every_package():
    "So pip takes no file that others did not have."
    text = (ROOT / 'requirements.lock').read_text()
    assert len(LOCKED) == text.count('==') > 100
    assert len({name for name, *_ in LOCKED}) == len(LOCKED)
    assert all(hashes for *_, hashes in LOCKED)
    assert sum(len(hashes) for *_, hashes in LOCKED) == text.count('--hash')


def test_make_lists_every_target():
    "`make` without a target is the help, and every target is in it."
    text = (ROOT / 'Makefile').read_text()
    phony = re.search(r'^\.PHONY: (.+)$', text, re.M)[1].split()
    help = subprocess.run(['make'], cwd=ROOT, capture_output=True, text=True).stdout
    assert sorted(re.findall(r'^  make ([\w-]+)', help, re.M)) == sorted(phony)


@pytest.mark.parametrize('page', [
    'README.md', 'CONTRIBUTING.md', 'reports/README.md', '.ci/run', '.github/workflows/ci.yml',
])
def test_pages_name_targets_that_exist(page):
    targets = re.search(r'^\.PHONY: (.+)$', (ROOT / 'Makefile').read_text(), re.M)[1].split()
    named = re.findall(r'(?:`|^|run: )make ([a-z-]+)', (ROOT / page).read_text(), re.M)
    assert set(named) <= set(targets)


def test_settings_ini_holds_the_defaults():
    from shop_nb.behaviour.settings import Settings, read_settings
    given = read_settings(ROOT / 'settings.ini', env={})
    assert given == Settings()
    ini = configparser.ConfigParser()
    ini.read(ROOT / 'settings.ini')
    assert set(ini['shop']) == {n for n, v in given.as_dict().items() if v is not None} - {'until', 'parameters'}


def test_no_import_or_variable_is_left_over():
    "What ruff says of notebooks, scripts and tests, by the rules in pyproject.toml."
    done = subprocess.run([sys.executable, '-m', 'ruff', 'check', '--no-cache', '--output-format', 'concise', '.'],
                          cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
