"""The wheel works in an environment that has what it declares, and nothing else.

`make wheel` installs it from the package index into an empty environment. Tests must not depend on downloads, so here
the environment gets links to the packages that are installed already: those that the metadata of the wheel asks for,
and what these ask for in turn. A package that is used and not declared is not linked, so its part fails."""
import os, zipfile
from email import message_from_string
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import package as built
from dist import front

from support import ROOT
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def wheel(tmp_path_factory): return built.build(tmp_path_factory.mktemp('wheel'))


def needed(requires, extras=(), seen=None):
    "The installed distributions that requirements come to, with what they need in turn."
    seen = {} if seen is None else seen
    for r in map(Requirement, requires):
        if r.marker and not any(r.marker.evaluate(dict(extra=x)) for x in ('', *extras)): continue
        name = canonicalize_name(r.name)
        if name == 'shop-nb':
            needed(requires, r.extras, seen)
            continue
        if seen.setdefault(name, set()) >= {'', *r.extras}: continue
        seen[name] |= {'', *r.extras}
        try:
            needed(distribution(name).requires or (), r.extras, seen)
        except PackageNotFoundError:
            pytest.fail(f'{r} is needed by shop_nb and not installed')
    return sorted(seen)


def link(dist, site):
    "Link each file of an installed package to the same place of another environment."
    for f in dist.files:
        source, target = Path(dist.locate_file(f)), Path(os.path.normpath(site / f))
        if 'bin' in Path(f).parts[:4] and '..' in Path(f).parts or target.exists() or not source.exists(): continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)


def environment(wheel, home, extras):
    "An environment with the wheel and what it declares for some extras."
    env = built.Environment(home)
    env.install('--no-deps', '--no-index', wheel)
    site = next(home.glob('lib/python*/site-packages'))
    with zipfile.ZipFile(wheel) as z: told = z.read(next(n for n in z.namelist() if n.endswith('/METADATA'))).decode()
    requires = [l.removeprefix('Requires-Dist: ') for l in told.splitlines() if l.startswith('Requires-Dist: ')]
    for name in needed(requires, extras): link(distribution(name), site)
    return env


def test_what_travels(wheel, tracked):
    told = built.about(wheel)
    here = {str(p.relative_to(ROOT)) for p in (ROOT / 'shop_nb').rglob('*') if p.is_file() and p.suffix != '.pyc'}
    here |= {f'shop_nb/pipeline/{p.name}' for p in (ROOT / 'nbs/pipeline').glob('*.ipynb')}
    here |= {f'shop_nb/page/{p.relative_to("nbs/dashboard")}' for p in tracked if p.is_relative_to('nbs/dashboard')}
    assert {n for n in told['files'] if '.dist-info/' not in n} == here
    assert 'shop_nb/py.typed' in here
    assert told['kilobytes'] < 1000
    metadata = next(n for n in told['files'] if n.endswith('/METADATA'))
    with zipfile.ZipFile(wheel) as z: front_page = message_from_string(z.read(metadata).decode())
    assert front_page.get_payload().strip() == front((ROOT / 'README.md').read_text(encoding='utf-8')).strip()
    assert '](nbs/' not in front_page.get_payload(), 'a link that is dead on a package index'
    assert front_page['Description-Content-Type'] == 'text/markdown'
    assert 'Project-URL' not in front_page, 'without an address, who publishes it is not known'


def test_core_alone(wheel, tmp_path): built.core(environment(wheel, tmp_path / 'env', ()))


def test_the_whole_run(wheel, tmp_path): built.whole(environment(wheel, tmp_path / 'env', ('run',)))
