"What a run knows of customers and products: blanks and older files take nothing away."
import pytest

from shop_nb.imports.imports import Source, import_shop
from shop_nb.shop.shop import Shop

HEADER = 'order,customer,time,product,quantity,price,city,phone,segment,name,brand\n'


def add(run, *rows, **how):
    "Import rows of the format `lines`; returns the manifest."
    path = run.parent / 'lines.csv'
    path.write_text(HEADER + ''.join(f'{row}\n' for row in rows))
    return import_shop(Source([path], currency='EUR', **how), run)


def known(run):
    "What the run knows of its only customer, and of its only product."
    shop = Shop.open(run)
    customer, product = shop.customers.iloc[0], shop.products.iloc[0]
    cells = [customer.city, customer.phone, customer.segment, product['name'], product.brand]
    return [None if cell is None or cell != cell else cell for cell in cells]


FULL = '1,a,2025-02-01,p,1,5,Wien,+4311234567,Gold,Espresso,Alma'
BLANK = '2,a,2025-03-01,p,1,5,,,,,'


def test_a_blank_takes_nothing_away(tmp_path):
    add(tmp_path / 'run', FULL)
    add(tmp_path / 'run', BLANK)
    assert known(tmp_path / 'run') == ['Wien', '+4311234567', 'Gold', 'Espresso', 'Alma']


def test_a_later_file_counts(tmp_path):
    add(tmp_path / 'run', FULL)
    manifest = add(tmp_path / 'run', '2,a,2025-03-01,p,1,5,Graz,+4317654321,Gold,Ristretto,')
    assert known(tmp_path / 'run') == ['Graz', '+4317654321', 'Gold', 'Ristretto', 'Alma']
    assert not any('older' in note for note in manifest['import']['notes'])


def test_an_older_file_fills_blanks_only(tmp_path):
    add(tmp_path / 'run', '2,a,2025-03-01,p,1,5,Graz,,Gold,,Alma')
    manifest = add(tmp_path / 'run', FULL.replace('Alma', 'Bona'))
    assert known(tmp_path / 'run') == ['Graz', '+4311234567', 'Gold', 'Espresso', 'Alma']
    notes = manifest['import']['notes']
    assert 'customers: 1 row is of an older file; what the run knows from later stays.' in notes
    assert 'products: 1 row is of an older file; what the run knows from later stays.' in notes


def test_a_value_that_is_discarded_takes_nothing_away(tmp_path):
    discard = dict(lists={'customers.segment': 'discard_value'})
    add(tmp_path / 'run', FULL)
    add(tmp_path / 'run', '2,a,2025-03-01,p,1,5,Wien,+4311234567,Silber,Espresso,Alma', contract=discard)
    assert known(tmp_path / 'run')[2] == 'Gold'


@pytest.mark.parametrize('day, city', [('2025-03-01', 'Graz'), ('2025-01-01', 'Wien'), (None, 'Graz')])
def test_a_file_of_customers_is_as_old_as_its_orders(tmp_path, day, city):
    "One that comes alone is new."
    def files(city, order, day):
        folder = tmp_path / order
        folder.mkdir()
        (folder / 'customers.csv').write_text(f'customer_id,city\na,{city}\n')
        (folder / 'products.csv').write_text('product_id,name\np,Espresso\n')
        (folder / 'orders.csv').write_text(f'order_id,customer_id,ordered_at\n{order},a,{day}\n')
        (folder / 'order_items.csv').write_text(f'order_id,product_id,quantity,unit_price\n{order},p,1,5.00\n')
        return [folder] if day else [folder / 'customers.csv']
    import_shop(Source(files('Wien', 'o1', '2025-02-01'), currency='EUR'), tmp_path / 'run')
    import_shop(Source(files('Graz', 'o2', day)), tmp_path / 'run')
    assert Shop.open(tmp_path / 'run').customers.city.tolist() == [city]
