"The guide for dlt: its code, with what stands for dlt, and before a release with dlt itself in its own environment."
import os, re, subprocess, sys, tomllib, venv

import duckdb
import pytest

from shop_nb.files.digest import digest
from shop_nb.files.sources import Given
from shop_nb.model.schema import TABLES
from shop_nb.shop.shop import Shop
from support import FULL, ROOT
from support.pipelines import dlt

GUIDE = (ROOT / 'docs/how-to/18-dlt.md').read_text(encoding='utf-8')
CODE = '\n'.join(re.findall(r'^```python\n(.*?)^```', GUIDE, re.S | re.M))


def by_standin(folder, monkeypatch):
    names = {}
    monkeypatch.setitem(sys.modules, 'dlt', dlt)
    exec(CODE, names)
    return names['pipeline'].tables


def by_dlt(folder, monkeypatch):
    venv.create(folder / 'env', with_pip=True)
    python = folder / 'env' / 'bin' / 'python'
    ours = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project']['dependencies']
    subprocess.run([python, '-m', 'pip', '-qq', 'install', 'dlt[duckdb]', *ours], check=True)
    (folder / 'load.py').write_text(CODE)
    env = os.environ | dict(PYTHONPATH=str(ROOT), DLT_DATA_DIR=str(folder / 'dlt'), RUNTIME__DLTHUB_TELEMETRY='false')
    subprocess.run([python, 'load.py'], cwd=folder, env=env, check=True)
    with duckdb.connect(folder / 'warehouse.duckdb', read_only=True) as con:
        return {n: con.sql(f'select {", ".join(t.names)} from shop.{n}').to_arrow_table() for n, t in TABLES.items()}


@pytest.mark.parametrize('way', [by_standin, *[by_dlt] * FULL])
def test_what_the_guide_loads_is_the_shop(way, tmp_path, monkeypatch):
    "After the next days, row for row."
    found = way(tmp_path, monkeypatch)
    expected = Shop(orders=400, order_items=1000, until='2025-12-07').tables
    for name in TABLES: assert digest(Given(name, found[name]).to_arrow(), name) == digest(expected[name], name)
