"Which column of a file is which of ours: asked where two may be meant, and said where one is not used."
import pandas as pd
import pyarrow.parquet as pq
import pytest

from shop_nb.core.errors import ShopError
from shop_nb.formats.format import OwnColumns
from shop_nb.imports.explain import explanation
from shop_nb.imports.imports import Source, import_shop

LINES = 'order,customer,time,product,quantity,price'


def write(path, header, row):
    path.write_text(f'{header}\n{row}\n')
    return path


def notes(path, run, **how): return import_shop(Source([path], currency='EUR', **how), run)['import']['notes']


@pytest.mark.parametrize('header, field, columns', [
    (f'{LINES},unit price', 'price', "'price', 'unit price'"), (f'{LINES},price', 'price', r"'price', 'price \(2\)'"),
    (f'{LINES},Price', 'price', "'price', 'Price'"), (f'{LINES},order date', 'time', "'time', 'order date'"),
    (f'{LINES},order number', 'order', "'order', 'order number'"),
])
def test_two_columns_of_one_kind_are_asked_about(tmp_path, header, field, columns):
    path = write(tmp_path / 'a.csv', header, '1,a,2025-03-01,p,1,2.50,9.50')
    for look in (explanation, lambda source: import_shop(source, tmp_path / 'run')):
        with pytest.raises(ShopError, match=f'a.csv has 2 columns for {field}: {columns}') as e: look(Source([path]))
        assert e.value.code == 2
        assert f'[lines]\n{field} = ' in str(e.value) and '--columns FILE, or in Python columns=' in str(e.value)
    assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize('header, chosen, cents', [
    ('unit price', 'price', 250), ('unit price', 'unit price', 950), ('price', 'price', 250),
    ('price', 'price (2)', 950), ('Price', 'price', 250), ('Price', 'Price', 950)])
def test_the_map_chooses_one(tmp_path, header, chosen, cents):
    path, run = write(tmp_path / 'a.csv', f'{LINES},{header}', '1,a,2025-03-01,p,1,2.50,9.50'), tmp_path / 'run'
    for _ in range(2): # what was said is remembered
        notes(path, run, own=OwnColumns('lines', headers=dict(lines=dict(price=chosen))))
        assert pq.read_table(run / 'tables/order_items.parquet')['unit_price_cents'].to_pylist() == [cents]


def test_frames_are_asked_about_in_the_same_words(tmp_path):
    frame = pd.DataFrame([['1', 'a', '2025-03-01', 'p', 1, 2.5, 9.5]], columns=f'{LINES},unit price'.split(','))
    with pytest.raises(ShopError, match="2 columns for price: 'price', 'unit price'"):
        import_shop(Source(dict(a=frame)), tmp_path / 'run')


def test_columns_of_different_fields_are_not_two_of_one(tmp_path):
    header = 'order id,customer id,email,order date,product id,sku,product name,quantity,price,town,city'
    path = write(tmp_path / 'a.csv', header, '1,a,a@example.com,2025-03-01,p,S1,Tea,1,2.50,Ulm,Bonn')
    found = notes(path, tmp_path / 'run')
    assert 'a: not used: "town", as "city" is used.' in found


def test_cents_count_where_a_table_has_both(tmp_path):
    folder = tmp_path / 'files'
    folder.mkdir()
    write(folder / 'orders.csv', 'order_id,customer_id,ordered_at,shipping,shipping_cents', '1,a,2025-03-01,DHL,490')
    write(folder / 'order_items.csv', 'order_id,product_id,quantity,unit_price', '1,p,1,2.50')
    found = notes(folder, tmp_path / 'run')
    assert 'orders: not used: "shipping", as "shipping_cents" is used.' in found
    assert pq.read_table(tmp_path / 'run/tables/orders.parquet')['shipping_cents'].to_pylist() == [490]


# ----------------------------------------------------------------------------------- what is not used

def test_what_is_mapped_in_vain_is_said_with_the_reason(tmp_path):
    path = write(tmp_path / 'a.csv', f'{LINES},Zahlart,Kasse', '1,a,2025-03-01,p,1,2.50,bar,7')
    own = OwnColumns('lines', headers=dict(lines=dict(method='Zahlart')))
    wanted = 'not used: "Zahlart", as payments.method also needs order_total, payment_status'
    found = notes(path, tmp_path / 'run', own=own)
    assert f'a: {wanted}.' in found and 'a: not used: "Kasse".' in found
    text = explanation(Source([path], own=own))
    assert wanted in text and 'not used: "Kasse"' in text and 'payments are absent' in text


def test_payments_without_an_amount_are_not_used(tmp_path):
    folder = tmp_path / 'files'
    folder.mkdir()
    write(folder / 'orders.csv', 'order_id,customer_id,ordered_at', '1,a,2025-03-01')
    write(folder / 'order_items.csv', 'order_id,product_id,quantity,unit_price', '1,p,1,2.50')
    write(folder / 'payments.csv', 'order_id,status,method', '1,captured,card')
    found = notes(folder, tmp_path / 'run')
    assert 'payments: not used: "method", as payments.method also needs amount_cents.' in found
    assert pq.read_table(tmp_path / 'run/tables/payments.parquet').num_rows == 0


def test_a_map_that_names_a_column_that_is_not_there(tmp_path):
    path = write(tmp_path / 'a.csv', f'{LINES},Rabatt', '1,a,2025-03-01,p,1,2.50,1')
    own = OwnColumns('lines', headers=dict(lines=dict(discount='Rabat')))
    said = "names 'Rabat' for discount, and no file has that column.\nDid you mean 'Rabatt'"
    with pytest.raises(ShopError, match=said): notes(path, tmp_path / 'run', own=own)


# ----------------------------------------------------------------------------------- before an import

@pytest.mark.parametrize('sample, line', [
    ('shopify/orders_export.csv',
     'orders.status ← columns "Cancelled at" and "Financial Status" and "Fulfillment Status"'),
    ('shopify/orders_export.csv', 'orders.customer_id ← columns "Email" or "Phone"'),
    ('woocommerce/orders.csv', 'orders.status ← column "Order Status"'),
    ('tables', 'orders.status ← column "status" of tables/orders.csv'),
])
def test_each_column_is_explained_in_words(sample, line):
    from support import ROOT
    text = explanation(Source([ROOT / 'docs/samples' / sample]))
    assert line in text
    assert not {'coalesce', 'filter', 'cents('} & set(text.split()) and '_n' not in text.split()
