"The first page of an imported run."
from shop_nb.app.imported import import_run
from shop_nb.imports.imports import Source
from support import ROOT

EXPORT = ROOT / 'docs' / 'samples' / 'shopify' / 'orders_export.csv'


def test_a_later_import_does_not_hide_the_earlier_one(tmp_path, undrawn):
    out = tmp_path / 'run'
    first = import_run(Source([EXPORT]), out)['import']
    assert first['earlier'] == []
    then = import_run(Source([EXPORT]), out)['import']
    rows = {fate: count for fate, count in first['files'][EXPORT.name].items() if fate != 'part'}
    assert then['earlier'] == [dict(number=1, files=[EXPORT.name], rows=rows, amount_cents=first['amount_cents'])]
    assert [i['number'] for i in import_run(Source([EXPORT]), out)['import']['earlier']] == [1, 2]
    page = (out / 'index.html').read_text()
    assert 'What came in with import 3' in page
    assert '2 earlier imports<' in page
