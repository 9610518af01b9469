"The data dictionary explains every column."
from shop_nb.model.dictionary import dictionary
from shop_nb.model.schema import (
    TABLES
)


def test_every_column_is_explained():
    rows = dictionary()
    assert len(rows) == sum(len(t.columns) for t in TABLES.values())
    for r in rows:
        assert all(isinstance(v, str) for v in r.values()), r
        assert r['meaning'], r
        assert r['example'] not in ('', 'None'), r
    assert {r['unit'] for r in rows if r['column'].endswith('_cents')} == {'cents'}
