"A shop with categories, segments, channels and payment methods of its own."
import pytest

from shop_nb.behaviour.settings import Settings
from shop_nb.generator.blocks import tables
from shop_nb.generator.pools import words
from shop_nb.generator.products import sku_codes
from shop_nb.model.market import market_of
from shop_nb.quality.validate import validate

LISTS = 'products.categories', 'customers.segments', 'baskets.channels', 'payments.methods'
BY_NAME = { # a value for each of them
    'products.categories': {
        'products.median_price': 20, 'products.cost': .5, 'products.best_month': 5, 'products.swing': 1,
        'products.words': 'Pets', 'delivery.returns': .1, 'tax.by_category': 1},
    'customers.segments': {
        'customers.segment_spending': 0,
        'baskets.extra_cheap': .4, 'baskets.extra_middle': .2, 'baskets.extra_expensive': .1},
    'baskets.channels': {}, 'payments.methods': {'payments.fails': .1, 'payments.give_up': .2, 'payments.delay': 60},
}


def shop_of(names):
    "Settings in which each list has these names, with equal shares."
    shares = dict.fromkeys(names, 1 / len(names))
    values = {name: dict.fromkeys(names, v) for tables in BY_NAME.values() for name, v in tables.items()}
    values |= dict.fromkeys((*LISTS, 'payments.methods_large'), shares)
    size = dict(customers=600, products=600, orders=1200, order_items=3000)
    return Settings(**size, promotion=f'{names[0]} 30 2025-06-01', parameters=values)


@pytest.mark.parametrize('many', [1, 2, 17, 40])
def test_lists_of_any_length(many):
    s = shop_of([f'name {i}' for i in range(many)])
    t = tables(s)
    assert validate(t, market=market_of(s.values)).ok
    for column in ('products.category', 'customers.segment', 'orders.channel', 'payments.method'):
        table, name = column.split('.')
        assert set(t[table][name].to_pylist()) == set(market_of(s.values)[column])


def test_each_name_is_used(renamed, renamed_tables):
    assert validate(renamed_tables, market=market_of(renamed.values)).ok
    assert set(renamed_tables['products']['category'].to_pylist()) == {'Plants', 'Home Office', 'Books'}
    assert set(renamed_tables['customers']['segment'].to_pylist()) == {'private', 'trade'}
    assert set(renamed_tables['orders']['channel'].to_pylist()) == {'shop', 'phone'}
    assert set(renamed_tables['payments']['method'].to_pylist()) == {'pix', 'boleto'}


def test_a_category_borrows_words_but_not_the_code(renamed_tables):
    plants = [p for p in renamed_tables['products'].to_pylist() if p['category'] == 'Plants']
    assert {p['brand'] for p in plants} <= set(words('words')['Garden']['brands'])
    assert {p['sku'][:4] for p in plants} == {'PLA-'}


def test_codes_are_three_letters_and_differ():
    names = 'Garden', 'Plants', 'Plants and pots', 'Plans', 'Öl', '茶', '酒', '3D'
    codes = sku_codes(names)
    assert codes['Garden'] == words('words')['Garden']['code']
    assert (codes['Plants'], codes['Öl'], codes['茶'], codes['3D']) == ('PLA', 'OLX', 'XXX', 'DXX')
    assert len(set(codes.values())) == len(names)
    assert all(len(c) == 3 and c.isascii() and c.isupper() for c in codes.values())


def test_a_renamed_shop_is_the_same_but_for_the_names():
    "Other names, and no other row, price or day."
    of_plants = {
        'products.categories': 1, 'products.median_price': 28, 'products.cost': .55, 'products.best_month': 5,
        'products.swing': 1.2, 'products.words': 'Garden', 'delivery.returns': .05, 'tax.by_category': 1}
    renamed = {name: {'Plants': value} for name, value in of_plants.items()}
    small = dict(customers=60, products=40, orders=100, order_items=220)
    a = tables(Settings(**small, parameters={'products.categories': {'Garden': 1}}))
    b = tables(Settings(**small, parameters=renamed))
    assert a['products'].drop_columns(['category', 'sku']).equals(b['products'].drop_columns(['category', 'sku']))
    assert all(a[n].equals(b[n]) for n in ('customers', 'orders', 'order_items', 'payments'))
