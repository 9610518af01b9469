"UCI's Online Retail."
import csv, io, tempfile
from datetime import datetime as dt, timedelta

import pandas as pd, pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from shop_nb.formats.format import recognise
from shop_nb.imports.imports import Source, import_shop
from support import FULL
from support.imported import Imported, run_import

ONE = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n'
TWO = 'Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n'
CLARA = [
    '536365,71053,WHITE METAL LANTERN,6,2010-12-01 08:26:00,3.39,17850,United Kingdom',
    '536401,71053,WHITE METAL LANTERN,6,2010-12-03 11:21:00,3.39,17850,United Kingdom',
    'C536501,71053,WHITE METAL LANTERN,-4,2010-12-06 10:02:00,3.39,17850,United Kingdom',
    'C536602,71053,WHITE METAL LANTERN,-4,2010-12-07 09:40:00,3.39,17850,United Kingdom']


def file(*rows, head=TWO): return {'online_retail.csv': head + '\n'.join(rows) + '\n'}


@pytest.mark.parametrize('head', [ONE, TWO])
def test_cancellations_come_back_of_the_latest_purchase_with_enough_left(imports, head):
    run = imports(file(*CLARA, head=head))
    assert run.facts['format'] == 'online-retail'
    assert run.market['currency'] == 'GBP'
    assert run.lines('quantity, unit_price_cents, returned_quantity') == [
        ('536365', '71053', 6, 339, 4), ('536401', '71053', 6, 339, 4)]
    assert run.aside == []
    assert run.facts['amount_cents']['loaded'] == 4 * 339
    assert {'payments', 'orders.status', 'orders.shipping_cents'} <= set(run.market['absent'])


@pytest.mark.parametrize('row, reason', [
    ('C1,71053,X,-7,2010-12-08 10:00,3.39,17850,United Kingdom', 'a cancellation without its purchase'), # more than any
    ('C1,71053,X,-1,2010-12-08 10:00,3.38,17850,United Kingdom', 'a cancellation without its purchase'), # another price
    ('C1,71053,X,-1,2010-12-08 10:00,3.39,17851,United Kingdom', 'a cancellation without its purchase'), # somebody else
    ('C1,22041,X,-1,2010-12-08 10:00,3.39,17850,United Kingdom', 'a cancellation without its purchase'), # another item
    ('C1,71053,X,-1,2010-11-30 10:00,3.39,17850,United Kingdom', 'a cancellation without its purchase'), # before it
    ('C1,71053,X,-1,2010-12-08 10:00,3.39,,United Kingdom', 'no customer'),
    ('9,71053,X,1,2010-12-08 10:00,3.39,,United Kingdom', 'no customer'),
    ('C1,D,Discount,-1,2010-12-08 10:00,27.50,17850,United Kingdom', 'a discount that names no order'),
    ('C1,M,Manual,1,2010-12-08 10:00,373.57,17850,United Kingdom', 'a cancellation of a quantity above 0'),
    ('A563186,B,Adjust bad debt,1,2011-08-12 14:51,-11062.06,,United Kingdom', 'an adjustment'),
    ('9,71053,X,-3,2010-12-08 10:00,1.00,17850,United Kingdom', 'a quantity below 0 without a cancellation'),
    ('9,71053,X,0,2010-12-08 10:00,1.00,17850,United Kingdom', 'a quantity of 0'),
    ('9,71053,X,1,2010-12-08 10:00,-1.00,17850,United Kingdom', 'a price below 0'),
    ('9,71053,X,,2010-12-08 10:00,1.00,17850,United Kingdom', 'no quantity'),
    ('9,71053,X,1,2010-12-08 10:00,,17850,United Kingdom', 'no price')])
def test_what_is_set_aside(imports, row, reason):
    run = imports(file(*CLARA[:2], row))
    assert [r for _, r in run.aside] == [reason]
    assert run.lines('quantity, returned_quantity') == [('536365', '71053', 6, 0), ('536401', '71053', 6, 0)]
    amounts = run.facts['amount_cents']
    assert amounts['source'] == amounts['loaded'] + amounts['quarantined']


@pytest.mark.parametrize('row', [
    '536414,22139,damages,56,2010-12-01 11:52,0,,United Kingdom',
    '537032,21275,?,-30,2010-12-03 16:50,0,,United Kingdom',
    '536365,22841,GIFT,1,2010-12-01 08:26,0,17850,United Kingdom'])
def test_rows_without_a_price_are_skipped(imports, row):
    run = imports(file(*CLARA[:2], row))
    assert run.counts == dict(read=3, loaded=2, quarantined=0, skipped=1)


def test_a_cancellation_goes_with_the_order_of_its_purchase(imports):
    bad = '536401,22041,FRAME,-3,2010-12-03 11:21,2.10,17850,United Kingdom'
    run = imports(file(*CLARA[:3], bad))
    assert run.lines('quantity, returned_quantity') == [('536365', '71053', 6, 0)]
    assert run.counts == dict(read=4, loaded=1, quarantined=3, skipped=0)


def test_fees_and_capitals(imports):
    run = imports(file('1,85123a,HEART,1,2010-12-01 08:26,2.55,12583.0,EIRE',
                       '1,85123A,HEART ,2,2010-12-01 08:26,2.55,12583.0,EIRE',
                       '1,POST,POSTAGE,3,2010-12-01 08:27,18.00,12583.0,EIRE',
                       '2,M,Manual,1,2010-12-02 08:27,4.50,12584.0,Channel Islands'))
    assert run.lines('quantity') == [('1', '85123A', 1), ('1', '85123A', 2), ('1', 'POST', 3), ('2', 'M', 1)]
    assert run.orders('ordered_at')[0] == ('1', dt(2010, 12, 1, 8, 26))
    assert run.rows('select source_key, country from customers join customers_key using (customer_id)') == [
        ('12583', 'IE'), ('12584', None)]
    assert run.rows("select sku, name from products where sku = '85123A'") == [('85123A', 'HEART')]


def test_days_first_and_windows_1252(imports):
    text = (ONE + '1,22138,BAKING SET £,1,13-12-2010 08:26,4.95,17850.0,United Kingdom\n').encode('cp1252')
    run = imports({'data.csv': text})
    assert run.orders('ordered_at') == [('1', dt(2010, 12, 13, 8, 26))]
    assert run.rows('select name from products') == [('BAKING SET £',)]


def test_a_workbook_whose_sheets_overlap(tmp_path):
    names = TWO.strip().split(',')
    def sheet(*rows):
        frame = pd.DataFrame([r.split(',') for r in rows], columns=names)
        return frame.astype({'Quantity': int, 'Price': float, 'Customer ID': float, 'InvoiceDate': 'datetime64[s]'})
    with pd.ExcelWriter(tmp_path/'online_retail_II.xlsx') as book:
        sheet(CLARA[0], CLARA[1], CLARA[1]).to_excel(book, sheet_name='Year 2009-2010', index=False)
        sheet(CLARA[1], CLARA[1], CLARA[2]).to_excel(book, sheet_name='Year 2010-2011', index=False)
    run = Imported(tmp_path/'run', import_shop(Source([tmp_path/'online_retail_II.xlsx']), tmp_path/'run'))
    assert run.counts == dict(read=6, loaded=4, quarantined=0, skipped=2)
    assert run.lines('returned_quantity') == [('536365', '71053', 0), ('536401', '71053', 0), ('536401', '71053', 4)]


def test_an_invoice_again_in_one_file(imports):
    run = imports(file(CLARA[1], CLARA[0], CLARA[1]))
    assert run.counts['skipped'] == 1
    assert len(run.lines()) == 2
    other = CLARA[1].replace(',6,', ',5,')
    assert imports(file(CLARA[1], CLARA[0], other), out='other').counts['skipped'] == 0 # not the same: it goes on


@pytest.mark.parametrize('broken', ['536401,71053,X,6,2010-12-03 11:21,3.39,17850,UK,extra', '536401,71053,X'])
def test_a_broken_record_holds_its_invoice(imports, broken):
    "And the cancellation of its rows with it; the other invoice stays."
    run = imports(file(*CLARA[:3], broken))
    assert run.lines('quantity, returned_quantity') == [('536365', '71053', 6, 0)]
    assert [line for line, _ in run.aside] == [3, 4, 5]
    assert run.counts == dict(read=4, loaded=1, quarantined=3, skipped=0)


events = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 2), st.integers(1, 2), st.integers(-9, 9).filter(bool)),
                  min_size=1, max_size=30)


@settings(max_examples=80 if FULL else 8, deadline=None, suppress_health_check=list(HealthCheck))
@given(events)
def test_matching_agrees_with_the_rule_done_by_hand(made):
    rows, bought, want, alone = [], [], {}, []
    for n, (customer, product, price, quantity) in enumerate(made): # purchases and cancellations, an hour apart
        number, time = f"{'C' * (quantity < 0)}{1000 + n}", dt(2011, 1, 1) + timedelta(hours=n)
        rows.append([number, f'P{product}', 'X', quantity, time, f'{price}.25', f'1234{customer}', 'France'])
        key = customer, product, price
        if quantity > 0:
            bought.append([key, number, quantity])
            want[number] = [f'P{product}', quantity, 100 * price + 25, 0]
            continue
        fit = [b for b in bought if b[0] == key and b[2] >= -quantity]
        if not fit: alone.append(number)
        else:
            fit[-1][2] += quantity
            want[fit[-1][1]][3] -= quantity
    text = io.StringIO()
    csv.writer(text).writerows([TWO.strip().split(','), *rows])
    with tempfile.TemporaryDirectory() as folder:
        run = run_import(folder, {'r.csv': text.getvalue()})
        assert {o: cells for o, *cells in run.lines('quantity, unit_price_cents, returned_quantity')} == want
        assert sorted(key for key, _ in run.reasons) == sorted(alone)
        assert run.facts['amount_cents']['source'] == sum(q * (100 * p + 25) for _, _, p, q in made)


def test_it_is_not_taken_for_lines():
    for head in ONE, TWO: assert recognise({'a': head.strip().split(',')}).name == 'online-retail'


# ------------------------------------------------------------------------------------------------ copies

def row(invoice, product, quantity=1, day=1):
    return f'{invoice},{product},X,{quantity},2011-01-0{day} 10:00,2.00,7,France'


APART = 'equal rows of it are apart: take copies out, or put lines side by side'
PLACES = { # invoices and products in the order of a file: what is loaded of each, what is skipped, what is set aside
    '1a 1b 2a 2b': ('1a 1b 2a 2b', 0, ''),
    '1a 2a 1b 2b': ('1a 2a 1b 2b', 0, ''), # by product
    '1a 1a 2a 1b 2b': ('1a 1a 2a 1b 2b', 0, ''), # equal lines side by side
    '1a 2a 3a 1b 2a 3b': ('1a 3a 1b 3b', 0, '2'), # a copy, or a second line
    '1a 2a 1a 2b 1b': ('2a 2b', 0, '1'),
    '1a 1b 2a 1a 1b 2a': ('1a 1b 2a', 3, ''), # a file that is there twice
    '1a 1b 2a 3a 1a 1b 2a 3b': ('1a 1b 3a 3b', 2, '2'), # and has more of one invoice
    '1a 2a | 1b 2b': ('1a 2a 1b 2b', 0, ''), # parts
    '1a 2a 1b | 1a 2a 1b': ('1a 2a 1b', 3, ''), # two files that overlap
    '1a 1b | 1b 1c 2a': ('2a', 0, '1'),
}


@pytest.mark.parametrize('places', PLACES)
def test_rows_of_an_invoice_that_are_apart(imports, places):
    loaded, skipped, aside = PLACES[places]
    files = {f'{n}.csv': file(*(row(*place) for place in part.split()))['online_retail.csv']
             for n, part in enumerate(places.split('|'))}
    run = imports(files)
    assert sorted(f'{o}{p.lower()}' for o, p, *_ in run.lines()) == sorted(loaded.split())
    assert run.counts['skipped'] == skipped
    assert {key for key, _ in run.reasons} == set(aside)
    assert {reason for _, reason in run.aside} <= {APART}


# ------------------------------------------------------------------------------- from one import to the next

EARLIER = 'its purchase came with an earlier import: import both into a new folder'


def one_after_the_other(folder, *parts):
    "Import files of rows, one after the other; the run as the last left it."
    for n, rows in enumerate(parts):
        (folder/f'{n}').mkdir()
        run = run_import(folder/f'{n}', file(*rows), out='../run')
    return run


def test_a_cancellation_whose_purchase_is_in_the_run_is_set_aside(tmp_path):
    run = one_after_the_other(tmp_path, [row('1', 'a', 3)], [row('C2', 'a', -1, 2), row('3', 'b', 1, 2)])
    assert run.aside == [(2, EARLIER)]
    assert run.lines('quantity, returned_quantity') == [('1', 'A', 3, 0), ('3', 'B', 1, 0)]


def test_also_where_a_purchase_fits_that_is_further_back(tmp_path):
    "All at once, the later one is taken."
    run = one_after_the_other(tmp_path, [row('2', 'a', 3, 2)], [row('1', 'a', 3, 1), row('C3', 'a', -1, 3)])
    assert run.aside == [(3, EARLIER)]
    assert run.lines('returned_quantity') == [('1', 'A', 0), ('2', 'A', 0)]


def test_a_cancellation_of_nothing_in_the_run_stays_one_without_its_purchase(tmp_path):
    run = one_after_the_other(tmp_path, [row('1', 'a', 3)], [row('C2', 'a', -4, 2), row('3', 'b', 1, 2)])
    assert run.aside == [(2, 'a cancellation without its purchase')]


def test_exports_that_overlap_end_as_both_at_once(tmp_path):
    "A cancellation that was loaded with a purchase before the overlap is there already."
    rows = [row('1', 'a', 3, 1), row('2', 'b', 3, 2), row('C3', 'a', -1, 3), row('C3', 'b', -1, 3),
            row('C3', 'b', -1, 3), row('4', 'a', 3, 4), row('C5', 'a', -2, 5)]
    whole = run_import(tmp_path, file(*rows), out='whole')
    parts = one_after_the_other(tmp_path, rows[:5], rows[1:], rows[2:])
    assert parts.lines('quantity, returned_quantity') == whole.lines('quantity, returned_quantity')
    assert parts.aside == []
    assert parts.counts == dict(read=5, loaded=0, quarantined=0, skipped=5)


def test_a_purchase_that_comes_again_keeps_what_came_back(tmp_path):
    run = one_after_the_other(tmp_path, [row('1', 'a', 3), row('C2', 'a', -1, 2)], [row('1', 'a', 3)])
    assert run.lines('quantity, returned_quantity') == [('1', 'A', 3, 1)]
    assert 'units that came back in the run (1), 1 would be lost' in run.aside[0][1]
