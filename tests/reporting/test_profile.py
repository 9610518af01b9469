"Profiles of columns that hold one value, or none."
import pyarrow as pa

from shop_nb import Shop
from shop_nb.reporting.profile import profile
from support.hostile import SMALL


def test_a_column_of_one_value_is_escaped(tmp_path):
    "It is the one value that the profiler puts on its page as it is."
    products = Shop(**SMALL).tables['products']
    same = pa.array(['<img src=x onerror=alert(1)>'] * len(products))
    profile(
        products.set_column(products.schema.get_field_index('brand'), 'brand', same), 'products', tmp_path / 'p.html'
    )
    text = (tmp_path / 'p.html').read_text(encoding='utf-8')
    assert 'has constant value "&lt;img' in text


def test_a_column_without_any_value_has_a_profile(tmp_path):
    products = Shop(orders=120, order_items=300, customers=60, products=30).products.assign(discontinued_on=None)
    assert profile(products, 'products', tmp_path / 'products.html')['rows'] == 30
