"Columns as codes, numbers and times: what has one reading is read exactly, what has two is asked for."
import random, re
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from shop_nb.core.errors import ShopError
from shop_nb.reading.codes import codes, has_fractions, why_no_code
from shop_nb.reading.numbers import NumberColumn
from shop_nb.reading.text import Reading
from shop_nb.reading.times import TimeColumn
from support import FULL

MANY = settings(max_examples=3_000 if FULL else 300, deadline=None)


def strings(values): return pa.array(values, pa.string())


def column(kind, values, size=None, **how):
    "A column that was looked at and settled, and what it has told"
    said = {k: how.pop(k) for k in ('decimal', 'dayfirst', 'zone') if k in how}
    one = kind(Reading(**said), 'own.csv, column X', **how)
    for i in range(0, len(values), size or len(values) or 1): one.look(strings(values[i:i + (size or len(values))]))
    return one, one.settle()


def numbers(values, **how):
    "Values as numbers, 'bad' for what is none"
    one, _ = column(NumberColumn, values, **how)
    read, bad = one.read(strings(values))
    assert read.type == pa.decimal128(28, 8)
    return ['bad' if b else v for v, b in zip(read.to_pylist(), bad)]


def times(values, **how):
    "Values as times, 'bad' for what is none"
    one, _ = column(TimeColumn, values, **how)
    read, bad = one.read(strings(values))
    assert read.dtype == 'datetime64[s]'
    assert np.isnat(read[bad]).all()
    return ['bad' if b else None if np.isnat(t) else str(t).replace('T', ' ') for t, b in zip(read, bad)]


# ------------------------------------------------------------------------ codes

@pytest.mark.parametrize('text, code', [
    ('0012', '0012'), (' 12 ', '12'), ('\ufeff#1001\u200b', '#1001'), ('12.0', '12'), ('-5.0', '-5'), ('0.0', '0'),
    ('012.0', '012.0'), ('12.00', '12.00'), ('12.5', '12.5'), ('NA', 'NA'), ('null', 'null'), ('None', 'None'),
    ('nan', 'nan'), ('TRUE', 'TRUE'), ('#N/A', '#N/A'), ('-', '-'), ('2E5', '2E5'),
    ('100000000000000001', '100000000000000001'), ('2.5E+13', 'bad'), ('1,23457E+11', 'bad'), ('1e+17', 'bad'),
    ('9100000000000001.0', 'bad'), ('', None), (' \u3000', None), (None, None), ('a\nb', 'a\nb'), ('Ä', 'Ä'),
])
def test_codes(text, code):
    read, bad = codes(strings([text, 'x']))
    assert ('bad' if bad[0] else read[0].as_py()) == code
    assert (read[1].as_py(), bad[1], bad.dtype) == ('x', False, bool)
    if code == 'bad': assert repr(text) in why_no_code(text)


def test_a_point_that_is_part_of_a_code():
    assert has_fractions(strings(['5.0', '5.5', None]))
    assert not has_fractions(strings(['5.0', '6.0', None, 'v1.2.3']))
    assert codes(strings(['5.0', '5.5']), floats=False)[0].to_pylist() == ['5.0', '5.5']
    assert [len(a) for a in codes(strings([]))] == [0, 0]


# ------------------------------------------------------------------------ numbers

EXACT = st.decimals(-10**12, 10**12, places=2, allow_nan=False)


def grouped(number, group, mark):
    "A number as people write it"
    return f'{number:,}'.replace(',', '\0').replace('.', mark).replace('\0', group)


@MANY
@given(st.lists(EXACT, min_size=1, max_size=9), st.sampled_from(['.,', ',.', ". ", ', ', ".'", '.', ',', ',\u202f']),
       st.sampled_from(['{}', '€ {}', '{} EUR', '{}€']), st.sampled_from([1, 100]))
def test_any_number_reads_back_exactly(values, marks, form, size):
    mark, group = marks[0], marks[1:]
    texts = [form.format(grouped(v, group, mark)) for v in values]
    one, _ = column(NumberColumn, texts, size, money=True)
    read, bad = one.read(strings(texts))
    assert not bad.any()
    assert read.to_pylist() == values
    assert one.currency == ('EUR' if form != '{}' else None)
    assert one.mark == mark


@pytest.mark.parametrize('text, number', [
    ('12', 12), ('-12', -12), ('+12', 12), ('−12', -12), ('(1.00)', -1), ('1.00-', -1), ('(€1.00)', -1), ('-€1.00', -1),
    ('€-1.00', -1), ('1.00 CR', 'bad'), ('1,234.50', Decimal('1234.5')), ('1 234.50', Decimal('1234.5')),
    ('.5', Decimal('.5')), ('12.', 12), ('1.5E+3', 1500), ('1e3', 1000), ('12,34,567.00', 1234567), ('5 %', 'bad'),
    ('5%', 'bad'), ('1,2,3', 'bad'), ('1.2.3', 'bad'), ('--1', 'bad'), ('(-1)', 'bad'), ('(1', 'bad'), ('1)', 'bad'),
    ('one', 'bad'), ('NaN', 'bad'), ('inf', 'bad'), ('1/2', 'bad'), ('0x10', 'bad'), ('1_000', 'bad'), ('٣', 'bad'),
    ('1e99', 'bad'), ('9' * 21, 'bad'), ('9' * 20, int('9' * 20)), ('8.403361344537815', Decimal('8.40336134')),
    ('0.123456785', Decimal('0.12345678')), ('0.12345678', Decimal('0.12345678')), ('', None), (' ', None),
    (None, None), ('0', 0), ('-0', 0), ('TRUE', 'bad'), ('NA', 'bad'), ('#DIV/0!', 'bad'),
])
def test_numbers(text, number):
    assert numbers([text, '9.50'], money=True) == [number, Decimal('9.50')]


@pytest.mark.parametrize('texts, says', [
    (['1.000', '2.500'], 'may have thousands or decimals'), (['1,234'], 'may have thousands or decimals'),
    (['9.50', '9,50'], 'different decimal marks'), (['€ 1', '$ 1'], 'different currencies'),
    (['1 EUR', '1 CHF'], 'currencies'),
])
def test_what_may_be_two_numbers_is_asked_for(texts, says):
    with pytest.raises(ShopError, match=says) as e: column(NumberColumn, texts, money=True)
    assert 'own.csv, column X' in str(e.value)
    assert len(str(e.value).splitlines()) == 2


def test_what_is_said_decides():
    assert numbers(['1.000', '7'], decimal=',') == [1000, 7]
    assert numbers(['1.000', '7'], decimal='.') == [1, 7]
    assert numbers(['1.000', '2.5'], decimal=',') == [1000, 'bad']
    assert numbers(['1.000', '2.5']) == [1, Decimal('2.5')]
    assert numbers(['1.000', '2,5']) == [1000, Decimal('2.5')]


def test_a_rare_value_in_another_way_is_bad_and_changes_no_other():
    texts = ['9.50'] * 999 + ['9,50', '1,234']
    assert numbers(texts) == [Decimal('9.5')] * 999 + ['bad', 1234]
    one, _ = column(NumberColumn, texts)
    assert one.why('9,50') == "'9,50' does not have '.' as its decimal mark"


@pytest.mark.parametrize('texts, currency', [
    (['€4.50', '4.50 EUR', 'EUR 4.50'], 'EUR'), (['$4.50', '4.50 CAD'], 'CAD'), (['$4.50'], '$'),
    (['kr. 4.50', '4.50 kr'], 'kr'), (['kr 4.50', 'SEK 4.50'], 'SEK'), (['4.50', '€4.50'], 'EUR'), (['4.50'], None),
    ([None, '£4.50', ''], 'GBP'),
])
def test_the_currency_of_a_column(texts, currency):
    one, _ = column(NumberColumn, texts, money=True)
    assert one.currency == currency


@pytest.mark.parametrize('texts, mixed', [
    (['4.50', '€4.50'], "'€4.50' names a currency, and '4.50' does not."), (['0.00', '€4.50', '0'], ''),
    (['4.50', '2'], ''), (['€4.50', '2.50 EUR'], ''), (['€4', ' 7 ', ''], "'€4' names a currency, and '7' does not."),
    (['€1,00', '1.234,50'], "'€1,00' names a currency, and '1.234,50' does not."),
])
def test_whether_all_amounts_name_their_currency(texts, mixed):
    assert column(NumberColumn, texts, money=True)[0].mixed.partition(': ')[2] == mixed


def test_what_counts_things_has_no_currency():
    one, _ = column(NumberColumn, ['2', '€ 2'])
    assert numbers(['2', '€ 2']) == [2, 'bad']
    assert one.why('€ 2') == "'€ 2' has a currency, but is no amount"
    assert [one.why(t) for t in ('5 %', 'x')] == ["'5 %' is a percentage", "'x' is not a number"]


# ------------------------------------------------------------------------ times

FORMS = [
    '%Y-%m-%d %H:%M:%S', '%Y-%m-%dT%H:%M:%S', '%Y-%m-%d %H:%M:%S.%f', '%Y/%m/%d %H:%M:%S', '%d/%m/%Y %H:%M:%S',
    '%m/%d/%Y %H:%M:%S', '%d-%m-%Y %H:%M:%S', '%d.%m.%Y %H:%M:%S', '%m/%d/%Y %I:%M:%S %p', '%m/%d/%Y, %I:%M:%S %p',
    '%d %b %Y %H:%M:%S', '%b %d, %Y %I:%M:%S %p', '%a, %d %b %Y %H:%M:%S', '%a %b %d %H:%M:%S %Y', '%Y%m%dT%H%M%S',
    '%Y%m%d%H%M%S', '%d-%b-%y %I.%M.%S.000000 %p', '%d/%m/%y %H:%M:%S',
]
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2068, 12, 31)).map(lambda t: t.replace(microsecond=0))


@MANY
@given(st.lists(MOMENTS, min_size=1, max_size=9), st.sampled_from(FORMS), st.sampled_from([1, 100]))
def test_any_time_reads_back(values, form, size):
    "With one value that settles which number is the day"
    values = [*values, datetime(2031, 12, 31, 14, 5)]
    texts = [t.strftime(form) for t in values]
    said = dict(dayfirst=True) if form.startswith('%d/%m/%y') else {}
    one, _ = column(TimeColumn, texts, size, **said)
    read, bad = one.read(strings(texts))
    assert not bad.any()
    assert list(read.astype(object)) == values


ZONES = st.sampled_from(['Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'UTC'])
OFFSETS = st.sampled_from([' +0100', '+02:00', '-05', 'Z', ' UTC', ' -0330', '+05:45'])


@MANY
@given(st.lists(MOMENTS, min_size=1, max_size=9), ZONES, OFFSETS, st.sampled_from(['', '.5', '.123456']))
def test_times_with_an_offset_are_brought_to_the_shop(values, zone, offset, fraction):
    "As the standard library does it, and to the clock as it was without a zone"
    texts = [f'{t:%Y-%m-%dT%H:%M:%S}{fraction}{offset}' for t in values]
    at = offset.strip().replace(':', '')
    at = '+0000' if at in ('Z', 'UTC') else at.ljust(5, '0')
    wanted = [datetime.strptime(f'{t:%Y%m%d%H%M%S}{at}', '%Y%m%d%H%M%S%z').astimezone(ZoneInfo(zone)) for t in values]
    one, notes = column(TimeColumn, texts, zone=zone)
    assert list(one.read(strings(texts))[0].astype(object)) == [t.replace(tzinfo=None) for t in wanted]
    assert zone in notes[0]
    one, notes = column(TimeColumn, texts)
    assert list(one.read(strings(texts))[0].astype(object)) == values
    assert 'say otherwise by --zone' in notes[0]


@pytest.mark.parametrize('text, time', [
    ('2025-01-31', '2025-01-31 00:00:00'), ('2025-01-31 14:05', '2025-01-31 14:05:00'),
    ('2025-1-3', '2025-01-03 00:00:00'), (' 2025-01-31T14:05:59.999Z ', '2025-01-31 14:05:59'),
    ('31 January 2025', '2025-01-31 00:00:00'), ('20250131', '2025-01-31 00:00:00'), ('2025-02-29', 'bad'),
    ('2025-13-01', 'bad'), ('2025-01-31 24:00:00', 'bad'), ('2025-01-31 14:60', 'bad'), ('soon', 'bad'),
    ('1969-12-31', 'bad'), ('2200-01-01', 'bad'), ('0001-01-01 00:00:00', 'bad'), ('9999-12-31', 'bad'),
    ('1736188929', 'bad'), ('45658.42', 'bad'), ('2025-01-31 14:05:00 soon', 'bad'), ('2025-01-31x', 'bad'),
    ('٢٠٢٥-01-31', 'bad'), ('', None), (None, None), ('2025-01-31 13:05 PM', 'bad'), ('2025-01-31 0:05 am', 'bad'),
    ('2025-01-31 12:05 am', '2025-01-31 00:05:00'), ('31/01/2025', 'bad'),
    ('2025-01-31 14:05:00+99:00', '2025-01-31 14:05:00'), ('2025-01-31 14:05:00 CET', '2025-01-31 14:05:00'),
])
def test_times(text, time):
    others = ['2025-03-01 10:00:00'] * 200
    assert times([text, *others])[0] == time
    assert times([text, *others])[1:] == others


def test_a_zone_that_may_be_several_is_bad_if_times_are_brought_to_another():
    moments = ['2025-01-31 14:05:00 CET', '2025-01-31 14:05:00']
    assert times(moments, zone='Europe/Berlin') == ['bad', moments[1]]


@pytest.mark.parametrize('texts, says', [
    (['03/04/2025', '04/05/2025'], 'may be day first or month first'),
    (['01/02/03'], 'day first or month first or year first'), (['13/01/2025', '2025-01-02'], 'two ways'),
    (['31/01/2025', '01/31/2025'], 'two ways'), (['31/01/2025', '31-01-2025'], 'two ways'),
    (['1736188929', '1736188930'], 'is a number, not a time'), (['45658.5'], 'is a number, not a time'),
])
def test_what_may_be_two_times_is_asked_for(texts, says):
    for order in texts, texts[::-1]:
        with pytest.raises(ShopError, match=says) as e: column(TimeColumn, order, 1)
        assert 'own.csv, column X' in str(e.value)
        assert len(str(e.value).splitlines()) == 2


def test_day_or_month_first_is_said():
    assert times(['03/04/2025'], dayfirst=True) == ['2025-04-03 00:00:00']
    assert times(['03/04/2025'], dayfirst=False) == ['2025-03-04 00:00:00']
    assert times(['03/04/2025', '31/01/2025'], dayfirst=False) == ['2025-03-04 00:00:00', 'bad']
    assert times(['01/01/2025', '02/02/2025']) == ['2025-01-01 00:00:00', '2025-02-02 00:00:00'] # the same in both
    assert 'day first' in column(TimeColumn, ['03/04/2025', '31/01/2025'])[1][0]


def test_a_rare_time_in_another_way_is_bad_and_changes_no_other():
    texts = ['31/01/2025 10:00', '03/04/2025 10:00'] * 300
    read = times([*texts, '2025-01-02', '01/31/2025', '99/99/2025'])
    assert read[:2] == ['2025-01-31 10:00:00', '2025-04-03 10:00:00']
    assert read[-3:] == ['bad'] * 3
    one, notes = column(TimeColumn, [*texts, '01/31/2025'])
    assert 'the only way that fits nearly all of them' in notes[0]
    assert one.why('2025-01-02') == "'2025-01-02' is not written like '31/01/2025 10:00'"
    assert one.why('01/31/2025') == "'01/31/2025' is not a time with the day first"
    assert one.why('soon') == "'soon' is not a time"


def test_poison_is_found_wherever_it_stands():
    "One bad time in each thousand, and none of the good ones lost"
    random.seed(1)
    start = datetime(2025, 1, 1)
    good = [f'{start + timedelta(seconds=random.randrange(10**7))} +0100' for _ in range(20_000)]
    bad = dict.fromkeys(random.sample(range(20_000), 20))
    texts = [random.choice(['2025-02-30 10:00:00 +0100', 'x', '31/31/2025', '2025-01-01 25:00:00']) if i in bad else t
             for i, t in enumerate(good)]
    read = times(texts)
    assert [i for i, t in enumerate(read) if t == 'bad'] == sorted(bad)
    assert all(t == g[:19] for i, (t, g) in enumerate(zip(read, good)) if i not in bad)


@MANY
@given(st.lists(st.text(st.sampled_from('0123456789-/:. TZ+€,()eE%\x00ü'), max_size=12), max_size=6))
def test_no_text_ends_in_anything_but_a_value_or_a_sentence(texts):
    for kind in TimeColumn, NumberColumn:
        try: one, _ = column(kind, texts)
        except ShopError as e: assert len(str(e).splitlines()) == 2
        else:
            _, bad = one.read(strings(texts))
            for text, b in zip(texts, bad):
                if b: assert re.search(re.escape(repr(text)[1:6]), one.why(text))
    codes(strings(texts))
