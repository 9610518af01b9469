"""Which currency amounts are in: told, shown by signs, or asked for; amounts in two are never added up."""
import re

import pytest

from shop_nb.core.errors import ShopError
from shop_nb.formats.format import OwnColumns
from shop_nb.imports.explain import explanation
from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import read_rows

HEADER = 'order,customer,time,product,quantity,price'


def priced(path, *prices, header=HEADER):
    path.write_text(header + '\n' + ''.join(f'{n},a,2025-01-01,p,1,{price}\n' for n, price in enumerate(prices, 1)))
    return [path]


def refused(source, run):
    "What is wrong, what to do, and the exit code."
    with pytest.raises(ShopError) as e: import_shop(source, run)
    assert not run.exists()
    return *str(e.value).split('\n'), e.value.code


@pytest.mark.parametrize('price, currency', [('€5.00', 'EUR'), ('5.00 kr', None), ('$5.00', None), ('R$5.00', 'BRL'),
                                             ('GBP 5.00', 'GBP'), ('5.00', 'EUR')])
def test_a_sign_tells_the_currency_or_is_asked_about(tmp_path, price, currency):
    files = priced(tmp_path / 'orders.csv', price)
    if currency: assert import_shop(Source(files), tmp_path / 'run')['market']['currency'] == currency
    else:
        what, todo, code = refused(Source(files), tmp_path / 'run')
        assert what.startswith('The amounts may be in ')
        assert todo.startswith('Say which: --currency ')
        assert code == 2


def test_a_sign_goes_with_the_currency_of_the_run(tmp_path):
    files, run = priced(tmp_path / 'orders.csv', '$5.00'), tmp_path / 'run'
    import_shop(Source(files, currency='CAD'), run)
    assert import_shop(Source(files), run)['market']['currency'] == 'CAD'
    with pytest.raises(ShopError, match='are in EUR, those of the run in CAD'):
        import_shop(Source(priced(tmp_path / 'b.csv', '€5.00')), run)


@pytest.mark.parametrize('prices', [('2.00 USD', '3.00'), ('3.00', '1.00', 'US$2.00'), ('3', '2 USD')])
def test_amounts_of_which_only_some_name_a_currency_are_asked_about(tmp_path, prices):
    source = Source(priced(tmp_path / 'orders.csv', *prices))
    what, *rest = refused(source, tmp_path / 'run')
    assert re.fullmatch("orders, column price: '.*(USD|US[$]).*' names a currency, and '.*' does not[.]", what)
    assert rest == ["Say which: --currency USD, or in Python currency='USD'", 2]
    source.currency = 'USD'
    assert import_shop(source, tmp_path / 'run')['market']['currency'] == 'USD'
    source.currency = None
    assert import_shop(source, tmp_path / 'run')['market']['currency'] == 'USD' # that of the run


def test_nothing_costs_nothing_in_any_currency(tmp_path):
    files = priced(tmp_path / 'orders.csv', '£2.00', '0.00', '0')
    assert import_shop(Source(files), tmp_path / 'run')['market']['currency'] == 'GBP'


@pytest.mark.parametrize('how', [dict(currency='EUR'), dict(own=OwnColumns(currency='EUR'))])
@pytest.mark.parametrize('prices', [('2.00 USD',), ('2.00 USD', '3.00'), ('$2.00',)])
def test_what_is_said_does_not_make_dollars_euros(tmp_path, how, prices):
    what, *_ = refused(Source(priced(tmp_path / 'orders.csv', *prices), **how), tmp_path / 'run')
    assert re.fullmatch('The orders are in USD.*, not in EUR[.]', what)


@pytest.mark.parametrize('header', ['currency', 'Currency Code', 'order_currency'])
def test_a_column_tells_the_currency(tmp_path, header):
    files = priced(tmp_path / 'orders.csv', '2.00,usd', '3.00,USD', '4.00,', header=f'{HEADER},{header}')
    manifest = import_shop(Source(files), tmp_path / 'run')
    assert manifest['market']['currency'] == 'USD'
    assert not any('currency' in note.lower() for note in manifest['import']['notes'])


def test_a_column_settles_what_a_sign_leaves_open(tmp_path):
    files = priced(tmp_path / 'orders.csv', '$2.00,CAD', '3.00,CAD', header=f'{HEADER},currency')
    assert import_shop(Source(files), tmp_path / 'run')['market']['currency'] == 'CAD'


def test_two_currencies_in_a_column_are_refused(tmp_path):
    files = priced(tmp_path / 'orders.csv', '2.00,USD', '3.00,EUR', header=f'{HEADER},currency')
    assert refused(Source(files, currency='USD'), tmp_path / 'run')[0] == 'The orders are in 2 currencies: EUR, USD.'


def test_an_unknown_currency_sets_its_order_aside(tmp_path):
    files = priced(tmp_path / 'orders.csv', '2.00,USD', '3.00,dollars', header=f'{HEADER},currency')
    manifest = import_shop(Source(files), tmp_path / 'run')
    assert manifest['import']['amount_cents'] == dict(source=500, loaded=200, quarantined=300, skipped=0)
    assert read_rows(tmp_path / 'run')['reason'].to_pylist() == ["currency: 'dollars' is not the code of a currency"]


def test_tables_tell_it_in_any_of_their_files(tmp_path):
    folder = tmp_path / 'books'
    folder.mkdir()
    (folder / 'orders.csv').write_text('order_id,customer_id,ordered_at,currency\no1,c1,2025-01-01 10:00:00,SEK\n')
    (folder / 'order_items.csv').write_text('order_id,product_id,quantity,unit_price\no1,p1,2,10.50\n')
    assert import_shop(Source([folder]), tmp_path / 'run')['market']['currency'] == 'SEK'
    (folder / 'payments.csv').write_text('order_id,status,amount,currency\no1,captured,21.00,NOK\n')
    assert refused(Source([folder]), tmp_path / 'other')[0] == 'The orders are in 2 currencies: NOK, SEK.'


def test_the_explanation_names_the_column(tmp_path):
    files = priced(tmp_path / 'orders.csv', '2.00,USD', header=f'{HEADER},Currency')
    assert '  the currency ← column "Currency"' in explanation(Source(files)).splitlines()
    assert 'the currency' not in explanation(Source(priced(tmp_path / 'orders.csv', '2.00')))
