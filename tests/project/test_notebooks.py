"The notebooks are the source: they are clean, and what is made from them is in step."
import ast, json, os, re, shutil, subprocess, sys

import pandas as pd, pytest

import readme

from support import ROOT
NOTEBOOKS = sorted(p.relative_to(ROOT) for p in (ROOT / 'nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
CHAPTERS = [p for p in NOTEBOOKS if re.match(r'\d\d_', p.parent.name) and p.name != '00_about.ipynb']
STEPS = [p for p in NOTEBOOKS if p.parent.name == 'pipeline']
each_notebook = pytest.mark.parametrize('path', NOTEBOOKS, ids=str)


def cells(path, kind='code'):
    return [c for c in json.loads((ROOT / path).read_text(encoding='utf-8'))['cells'] if c['cell_type'] == kind]


def source(cell): return ''.join(cell['source'])


def tags(cell): return cell['metadata'].get('tags', [])


def modules(path):
    return re.findall(r'^#\| *(?:default_exp|export) +([\w.]+)$', '\n'.join(map(source, cells(path))), re.M)


def nbdev(call, folder):
    "Run one nbdev function in a folder, in a process of its own, as the command line does."
    env = {k: v for k, v in os.environ.items() if k != 'IN_TEST'}
    code = f'from nbdev.clean import nbdev_clean; from nbdev.doclinks import nbdev_export; {call}'
    done = subprocess.run([sys.executable, '-c', code], cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope='module')
def rebuilt(tmp_path_factory):
    "A copy of the project's sources whose notebooks were cleaned and exported again."
    copy = tmp_path_factory.mktemp('rebuilt')
    for path in NOTEBOOKS:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, copy / path)
    (copy / 'shop_nb').mkdir()
    for name in ['pyproject.toml', 'shop_nb/__init__.py']: shutil.copy(ROOT / name, copy / name)
    nbdev('nbdev_clean(); nbdev_export()', copy)
    return copy


def test_notebooks_are_clean(rebuilt):
    dirty = [str(p) for p in NOTEBOOKS if (ROOT / p).read_bytes() != (rebuilt / p).read_bytes()]
    assert not dirty, f'make export cleans {dirty}'


def test_library_is_in_step(rebuilt):
    made, here = (
        {str(p.relative_to(d)): p.read_text(encoding='utf-8') for p in (d / 'shop_nb').rglob('*.py')}
        for d in (rebuilt, ROOT)
    )
    assert sorted(made) == sorted(here), 'a module without a notebook, or a notebook without its module: make export'
    differ = [n for n in made if made[n] != here[n]]
    assert not differ, f'{differ} are not what the notebooks give: make export'


def test_readme_is_in_step():
    assert readme.stale() == [], 'make readme'


def test_readme_can_be_read_as_plain_text():
    "Tables are Markdown, not HTML, and no code is wider than a page."
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert not re.search(r'</?(table|t[hdr]|div|p|b|style)\b', text)
    assert max(len(l) for code in re.findall(r'^```\w*\n(.*?)^```', text, re.S | re.M) for l in code.splitlines()) <= 80
    frame = pd.DataFrame(dict(n=[1, 2]), index=pd.Index(['a|b', 'c'], name='which'))
    assert (
        readme.pipes(f'<p><b>Two</b></p>{frame.to_html()}')
        == '**Two**\n\n| which | n |\n| --- | --- |\n| a\\|b | 1 |\n| c | 2 |'
    )


@each_notebook
def test_cells(path):
    "No counts, no editors' metadata, no long cells, no stored errors but those that are meant."
    for n, c in enumerate(cells(path)):
        where = f'{path}, code cell {n}'
        assert c['execution_count'] is None, f'{where} has an execution count: make export'
        assert set(c['metadata']) <= {'tags'}, f'{where} has metadata {sorted(c["metadata"])}: make export'
        assert path in CHAPTERS or len(source(c).splitlines()) <= 40, f'{where} has more than 40 lines'
        errors = [o for o in c['outputs'] if o['output_type'] == 'error']
        assert not errors or 'raises-exception' in tags(c), f'{where} stores an error'


@each_notebook
def test_ids_are_unique(path):
    ids = [c['id'] for c in json.loads((ROOT / path).read_text(encoding='utf-8'))['cells']]
    assert len(ids) == len(set(ids))


@each_notebook
def test_opens_with_a_title(path):
    assert source(cells(path, 'markdown')[0]).startswith('# ')


@each_notebook
def test_outputs_are_the_same_anywhere(path):
    "No stored output names a machine's folder or an object's address."
    text = json.dumps([c['outputs'] for c in cells(path)])
    found = re.findall(r'/(?:home|Users|root|tmp|work)/[\w.-]+|\b0x[0-9a-f]{8,}', text)
    assert not found, f'{path}: {found[:3]}'


@pytest.mark.parametrize('path', STEPS, ids=str)
def test_steps_are_thin(path):
    "A pipeline notebook has one cell of typed parameters, and defines nothing."
    code = cells(path)
    marked = [c for c in code if 'parameters' in tags(c)]
    assert len(marked) == 1, f'{path} has {len(marked)} cells tagged parameters'
    assert all(isinstance(n, ast.AnnAssign) for n in ast.parse(source(marked[0])).body), (
        f'{path} has a parameter without a type'
    )
    for c in code:
        assert not re.search(r'^\s*(def|class|for|while|if) ', source(c), re.M), (
            f'{path}: {source(c)!r} belongs into a chapter'
        )
