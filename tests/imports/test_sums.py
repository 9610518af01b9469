"The numbers of a file are summed a second time, without our reader, so that its faults show."
import csv
from decimal import Decimal

import pyarrow as pa
import pytest

from shop_nb.core.errors import ShopError
from shop_nb.imports.imports import Source, import_shop
from shop_nb.reading.numbers import NumberColumn
from shop_nb.reading.records import TextFile
from support import ROOT

HEADER = 'order,customer,time,product,quantity,price'
GOOD = [f'{n},c{n},2025-03-01 10:0{n % 10},p{n},{n},"2.{n:02}"' for n in range(1, 40)]


def write(path, header=HEADER, lines=GOOD, end='\n'):
    path.write_bytes((end.join([header, *lines]) + end).encode())
    return Source([path], currency='EUR')


def lost(batch): return batch.slice(0, len(batch) - 1)
def twice(batch): return pa.Table.from_batches([batch, batch.slice(0, 1)]).combine_chunks().to_batches()[0]


def swapped(batch):
    "The quantity of the first row is that of the second."
    i = batch.schema.get_field_index('quantity')
    return batch.set_column(i, 'quantity', batch['quantity'].take(pa.array([1, *range(1, len(batch))])))


@pytest.mark.parametrize('fault', [lost, twice, swapped])
def test_a_reader_that_loses_doubles_or_misplaces_is_found(tmp_path, monkeypatch, fault):
    source, batches = write(tmp_path / 'a.csv'), TextFile.batches
    monkeypatch.setattr(TextFile, 'batches', lambda self, *args: map(fault, batches(self, *args)))
    said = 'a.csv: the column (quantity|price) comes to .* in the file, and to .* as it was read'
    with pytest.raises(ShopError, match=said): import_shop(source, tmp_path / 'run')
    assert not (tmp_path / 'run').exists()


def test_a_number_of_another_size_is_found(tmp_path, monkeypatch):
    read = NumberColumn.read
    def tenfold(self, texts):
        values, bad = read(self, texts)
        return pa.array([v and v * 10 for v in values.to_pylist()], values.type), bad
    monkeypatch.setattr(NumberColumn, 'read', tenfold)
    with pytest.raises(ShopError, match='as it was read'): import_shop(write(tmp_path / 'a.csv'), tmp_path / 'run')


@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
@pytest.mark.parametrize('name, header, lines', [
    ('commas', HEADER.replace(',', ';'), ['1;a;2025-03-01;p;1;1.002,50', '2;a;2025-03-01;p;2;0,05']),
    ('points', HEADER, ['1,a,2025-03-01,p,1,"1,002.50"', '2,a,2025-03-01,p,2,$0.05']),
    ('a bad cell', HEADER, ['1,a,2025-03-01,p,1,2.505', '2,a,2025-03-01,p,2,0.05', '3,a,2025-03-01,p,1.5,3']),
    ('blank cells', HEADER, ['1,a,2025-03-01,p,"",2.50', '', '2,a,2025-03-01,p, 2 ,"0.05"', ',,,,,']),
    ('odd rows', HEADER, ['1,a,2025-03-01,p,1,2.50,9', '2,a,2025-03-01,"p ""q""\nr",2,0.05']),
    ('the header again', HEADER, ['1,a,2025-03-01,p,1,2.50', HEADER, '2,a,2025-03-01,p,2,0.05']),
    ('a power', HEADER, ['1,a,2025-03-01,p,1E+02,2.50', '2,a,2025-03-01,p,2.0,0.05']),
])
def test_no_good_file_is_refused(tmp_path, name, header, lines, end):
    source = write(tmp_path / 'a.csv', header, lines, end)
    source.currency = 'USD'
    amounts = import_shop(source, tmp_path / 'run')['import']['amount_cents']
    assert amounts['source'] == amounts['loaded'] + amounts['quarantined'] + amounts['skipped']
    assert amounts['loaded'] >= 10


def cents(text): return int(Decimal(text or 0) * 100)


SAMPLES = { # sample: what its orders come to, by its own words
    'shopify/orders_export.csv': lambda r: cents(r['Total']),
    'woocommerce/orders.csv': lambda r: cents(r['Order Total Amount']) if r['Item #'] == '1' else 0,
    'online-retail/online_retail.csv': lambda r: int(r['Quantity']) * cents(r.get('Price') or r.get('UnitPrice')),
}


@pytest.mark.parametrize('sample', SAMPLES)
def test_the_source_sum_of_a_sample_is_that_of_its_text(tmp_path, sample):
    path = ROOT / 'docs/samples' / sample
    with open(path, encoding='utf-8-sig', newline='') as f: rows = list(csv.DictReader(f))
    found = import_shop(Source([path]), tmp_path / 'run')['import']['amount_cents']
    assert found['source'] + 0 == sum(map(SAMPLES[sample], rows))
