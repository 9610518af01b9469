import pytest

from support.imported import run_import


@pytest.fixture
def imports(tmp_path):
    "Write files, and import them."
    return lambda files, format=None, **how: run_import(tmp_path, files, format, **how)
