"Later files that change what earlier ones said: a column more or less, an order of another day."
import pyarrow.parquet as pq
import pytest

from shop_nb.analytics.questions import ask
from shop_nb.core.errors import ShopError
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import read_rows
from shop_nb.quality.validate import validate

LINES = 'order,customer,time,product,quantity,price'


def write(path, header, *rows):
    path.write_text('\n'.join([header, *rows]) + '\n')
    return path


def line(n, more='', day='2025-03-01'): return f'{n},c{n},{day} 10:0{n},p,1,2.50{more}'


@pytest.fixture
def run(tmp_path):
    "A run of two orders, without a status and a shipping"
    import_shop(Source([write(tmp_path / 'a.csv', LINES, line(1), line(2))], currency='EUR'), tmp_path / 'run')
    return tmp_path / 'run'


def later(run, header, *rows, **how):
    return import_shop(Source([write(run.parent / 'b.csv', header, *rows)], **how), run)


def column(run, table, name):
    return pq.read_table(run / f'tables/{table}.parquet').sort_by(f'{table[:-1]}_id')[name].to_pylist()


MORE = f'{LINES},shipping,status,delivered'


def test_a_number_that_later_files_bring_is_kept_and_absent_until_all_have_it(run):
    contract = dict(columns='evolve')
    found = later(run, MORE, line(3, ',4.90,paid,'), contract=contract)
    assert column(run, 'orders', 'shipping_cents') == [None, None, 490]
    assert column(run, 'orders', 'status') == [None, None, 'paid']
    assert {'orders.shipping_cents', 'orders.status', 'orders.delivered_at'} <= set(found['market']['absent'])
    assert any('orders.shipping_cents is new, and 2 of 3 rows do not have it' in n for n in found['import']['notes'])
    assert validate(run).ok
    assert ask('monthly_revenue', run).frame.revenue.sum() == 7.5
    whole = [line(n, ',4.90,delivered,2025-03-02') for n in (1, 2)]
    found = later(run, MORE, *whole) # a full export makes it whole, and is no change of columns any more
    assert not {'orders.shipping_cents', 'orders.status'} & set(found['market']['absent'])
    assert column(run, 'orders', 'shipping_cents') == [490] * 3
    assert validate(run).ok


def test_a_full_export_with_new_columns_has_them_at_once(run):
    found = later(run, MORE, *(line(n, ',4.90,shipped,') for n in (1, 2, 3)), contract=dict(columns='evolve'))
    assert not {'orders.shipping_cents', 'orders.status', 'orders.delivered_at'} & set(found['market']['absent'])
    assert validate(run).ok


def test_payments_that_later_files_bring(run):
    header = f'{LINES},order_total,payment_status,method,paid'
    found = later(run, header, line(3, ',2.50,captured,card,2025-03-01 10:05'), contract=dict(columns='evolve'))
    assert 'payments' in found['market']['absent'] and validate(run).ok
    found = later(run, header, *(line(n, ',2.50,captured,card,2025-03-01 10:05') for n in (1, 2)))
    assert 'payments' not in found['market']['absent'] and validate(run).ok
    assert pq.read_table(run / 'tables/payments.parquet').num_rows == 3


def test_a_number_that_later_files_lack(run, tmp_path):
    full = tmp_path / 'full'
    import_shop(Source([write(tmp_path / 'c.csv', MORE, line(1, ',4.90,paid,'))], currency='EUR'), full)
    path = write(tmp_path / 'd.csv', LINES, line(2))
    with pytest.raises(ShopError, match='d.csv: the column delivered was there in an earlier import'):
        import_shop(Source([path]), full)
    found = import_shop(Source([path], contract=dict(columns='evolve')), full)
    assert 'orders.shipping_cents' in found['market']['absent']
    assert column(full, 'orders', 'shipping_cents') == [490, None]
    assert validate(full).ok


def test_an_order_that_moves_to_another_day_is_set_aside_alone(run):
    before = column(run, 'orders', 'ordered_at')
    found = later(run, LINES, line(1, day='2025-02-28'), line(2).replace('10:02', '11:30'), line(3))
    row, = read_rows(run).to_pylist()
    assert (row['key'], row['rule'], row['line']) == ('1', 'order_day', 2)
    for words in ('order 1 ', '2025-03-01', '2025-02-28'): assert words in row['reason']
    assert found['import']['rows']['orders'] == dict(new=1, updated=1)
    times = column(run, 'orders', 'ordered_at')
    assert times[0] == before[0] and times[1].hour == 11 and len(times) == 3 # within its day, a time may be corrected
    assert validate(run).ok
