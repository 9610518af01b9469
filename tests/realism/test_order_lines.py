"Own orders, written in many ways: what is read, and what is refused."
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import numpy as np, pandas as pd, pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from shop_nb.core.errors import ShopError
from shop_nb.realism.order_lines import read_lines
from shop_nb.realism.scorecard import scorecard
from support.realism import content, same


def test_lines_of_a_file_give_the_card_of_the_frame(tmp_path, lines, plain):
    lines.to_csv(tmp_path / 'own.csv', index=False)
    same(scorecard(tmp_path / 'own.csv').frame, plain)


def written(form): return lambda l: l.assign(time=l.time.dt.strftime(form))


def fractions(l): return l.assign(time=[t.isoformat(' ') + ('.500000' if i % 3 else '') for i, t in enumerate(l.time)])


def two_offsets(l):
    return l.assign(time=[t.isoformat(' ') + (' +0100' if i % 3 else ' +0200') for i, t in enumerate(l.time)])


def aware(l):
    return l.assign(
        time=pd.Series(
            [t.to_pydatetime().replace(tzinfo=timezone(timedelta(hours=i % 3))) for i, t in enumerate(l.time)],
            dtype=object,
        )
    )


def test_one_instant_on_two_clocks():
    times = [datetime(2025, 1, 31, 10 + h, tzinfo=timezone(timedelta(hours=h))) for h in (1, 2)]
    got, _ = read_lines(
        pd.DataFrame(
            dict(customer=1, order=[1, 2], time=pd.Series(times, dtype=object), product=1, quantity=1, price=1)
        )
    )
    assert list(got.time.dt.hour) == [11, 12]


def on_first_lines(l, *roles):
    later = l['order'].duplicated()
    return l.astype(object).assign(**{r: l[r].astype(str).where(~later, None) for r in roles})


TIMES = {
    f: written(f)
    for f in (
        '%Y-%m-%dT%H:%M:%S',
        '%Y-%m-%d %H:%M:%S.%f',
        '%Y-%m-%dT%H:%M:%SZ',
        '%Y-%m-%dT%H:%M:%S+02:00',
        '%d/%m/%Y %H:%M:%S',
        '%m/%d/%Y %H:%M:%S',
        '%d-%m-%Y %H:%M:%S',
        '%d.%m.%Y %H:%M:%S',
        '%Y/%m/%d %H:%M:%S',
        '%m/%d/%Y %I:%M:%S %p',
        '%d %b %Y %H:%M:%S',
        '%b %d, %Y %I:%M:%S %p',
        '%a, %d %b %Y %H:%M:%S +0000',
        '%a %b %d %H:%M:%S %Y',
        '%Y%m%dT%H%M%S',
        '%d-%b-%y %I.%M.%S.000000 %p',
    )
} | dict(
    fractions=fractions,
    two_offsets=two_offsets,
    aware=aware,
    period=lambda l: l.assign(time=l.time.dt.to_period('s')),
    zone=lambda l: l.assign(time=l.time.dt.tz_localize('UTC')),
    objects=lambda l: l.assign(time=l.time.astype(object)),
)


OTHERS = dict(
    text=lambda l: l.astype(str),
    objects=lambda l: l.astype(object),
    nullable=lambda l: l.convert_dtypes(),
    category=lambda l: l.astype(str).astype('category'),
    float_ids=lambda l: l.astype(dict(customer=float, order=float, product=float)),
    index=lambda l: l.set_index(['order', 'product']),
    zeros=lambda l: l.assign(product=l['product'].astype(str).str.zfill(5)),
    blanks=lambda l: l.assign(product=l['product'].astype(str) + '  '),
    long_ids=lambda l: l.assign(order=[str(10**17 + i) for i in pd.factorize(l['order'])[0]]),
    euro=lambda l: l.assign(price=[f'€ {p:,.2f}' for p in l.price]),
    comma=lambda l: l.assign(price=[f'{p:.2f}'.replace('.', ',') for p in l.price]),
    shopify=lambda l: on_first_lines(l, 'customer', 'time'),
    only_customer=lambda l: on_first_lines(l, 'customer'),
    only_time=lambda l: on_first_lines(l, 'time'),
) | {
    code: lambda l, code=code: l.assign(product=l['product'].astype(str).replace('55', code))
    for code in ('NA', 'null', 'None', 'nan', 'TRUE', '#N/A', '-')
}


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize('change', [*TIMES.values(), *OTHERS.values()], ids=[*TIMES, *OTHERS])
def test_own_orders_in_other_words(tmp_path, lines, change):
    frame, path = change(lines), tmp_path / 'own.csv'
    frame.reset_index().to_csv(path, index=False)
    for source in frame, path: same(content(source), content(lines))


@pytest.mark.parametrize(
    'how',
    [
        dict(sep=';', decimal=','),
        dict(sep='\t'),
        dict(sep='|'),
        dict(encoding='utf-8-sig'),
        dict(encoding='utf-16'),
        dict(encoding='cp1252'),
        dict(compression='gzip'),
        dict(compression='zip'),
        dict(compression='xz'),
        dict(lineterminator='\r', quoting=1),
    ],
    ids=str,
)
def test_own_orders_in_other_files(tmp_path, lines, how):
    path = tmp_path / 'own.csv'
    lines.assign(product='Tüte\n' + lines['product'].astype(str)).to_csv(path, index=False, **how)
    same(content(path), content(lines))
    assert ('Windows-1252' in ' '.join(read_lines(path)[1])) == (how.get('encoding') == 'cp1252')


@pytest.mark.parametrize('unit', ['s', 'ms', 'us', 'ns'])
@pytest.mark.parametrize('zone', [None, 'UTC'])
def test_own_orders_in_parquet(tmp_path, lines, unit, zone):
    import pyarrow as pa, pyarrow.parquet as pq

    t = pa.Table.from_pandas(lines, preserve_index=False)
    t = t.set_column(2, 'time', t['time'].cast(pa.timestamp(unit, tz=zone)))
    folder = tmp_path / 'order=1'
    folder.mkdir()
    pq.write_table(t.slice(0, 700), folder / 'a.parquet')
    pq.write_table(t.slice(700), folder / 'b.parquet')
    (folder / '_SUCCESS').touch()
    for source in t, folder: same(content(source), content(lines))


def test_long_ids_beside_an_empty_one(tmp_path, lines):
    f = lines.assign(order=pd.array(10**17 + pd.factorize(lines['order'])[0], dtype='Int64'))
    f.loc[lines.index[lines['order'].duplicated()][0], 'order'] = pd.NA # of an order that keeps a line
    f.to_csv(tmp_path / 'own.csv', index=False)
    f.to_parquet(tmp_path / 'own.parquet')
    for source in f, tmp_path / 'own.csv', tmp_path / 'own.parquet':
        c = scorecard(source)
        assert c.sizes['orders'] == 600
        assert '1 line has no order' in repr(c)
    with pytest.raises(ShopError, match='lost digits'): scorecard(f.astype({'order': float}))


@pytest.mark.parametrize('role, value', [('customer', 999999), ('time', pd.Timestamp('2025-12-24'))])
def test_an_order_that_names_two(lines, role, value):
    f, i = lines.copy(), lines.index[lines['order'].duplicated()][0]
    f.loc[i, role] = value
    same(content(f), content(lines))
    assert read_lines(f)[1].count(f'1 order has more than one {role}; the first counts.') == 1


def early(l): return l[l.time.dt.day <= 12]


def test_day_or_month_first_is_asked_for(lines):
    f = early(lines)
    for first, form in ((True, '%d/%m/%Y %H:%M:%S'), (False, '%m/%d/%Y %H:%M:%S')):
        with pytest.raises(ShopError, match='Give dayfirst=True or dayfirst=False'): read_lines(written(form)(f))
        same(content(written(form)(f), dayfirst=first), content(f))
    assert 'read day first' in ' '.join(read_lines(written('%d/%m/%Y')(lines))[1])


def one(role, value, at=5):
    def change(l):
        f = l.astype({role: object})
        f.loc[at, role] = value
        return f

    return change


@pytest.mark.filterwarnings('error')
@pytest.mark.parametrize(
    'change, says',
    [
        (lambda l: l.assign(time=l.time.astype('datetime64[s]').astype('int64')), "unit='s'"),
        (lambda l: l.assign(time=l.time.astype('datetime64[ms]').astype('int64').astype(str)), "unit='ms'"),
        (lambda l: l.assign(time=45000.5), "origin='1899-12-30'"),
        (one('time', 'NA'), "'NA' is not a time (one such value, in row 5)"),
        (lambda l: one('time', '2025-01-02')(written('%d/%m/%Y')(l)), 'two ways'),
        (one('time', pd.Timestamp('1903-01-01')), '1970 to 2199'),
        (one('price', np.inf), 'inf is not a number'),
        (one('price', 1e300), 'too large'),
        (one('price', 'NA'), "'NA' is not a number"),
        (one('price', True), 'True is not a number'),
        (lambda l: l.assign(price=[f"{'$' if i else '€'} 5" for i in range(len(l))]), 'different currencies'),
        (lambda l: l.assign(price='1,234'), 'thousands or decimals'),
        (lambda l: l.assign(price=['9,50', *['9.50'] * (len(l) - 1)]), 'different decimal marks'),
        (lambda l: l.assign(product=[[1, 2]] * len(l)), 'is not a code'),
        (lambda l: pd.concat([l, l[['price']]], axis=1), "'price' appears twice"),
        (lambda l: l.assign(**{'price.1': 1}), "'price' appears twice"),
        (lambda l: l.assign(product=None), '1,500 lines have no product'),
        (lambda l: l.assign(customer=''), '1,500 lines have no customer'),
        (lambda l: l.assign(price=0), '1,500 lines have no positive price'),
        (lambda l: l.head(0), 'There are no order lines'),
    ],
)
def test_own_orders_that_are_refused(lines, change, says):
    with pytest.raises(ShopError) as e: scorecard(change(lines))
    assert says in str(e.value)
    assert len(str(e.value).splitlines()) == 2


@pytest.mark.parametrize(
    'given, says',
    [
        (dict(dayfirst='yes'), 'dayfirst'),
        (dict(cents='no'), 'cents'),
        (dict(products='600'), 'products'),
        (dict(products=0), 'products'),
        (dict(decimal='comma'), 'decimal'),
        (dict(customer='order'), 'customer and order'),
    ],
)
def test_calls_that_cannot_be(lines, given, says):
    with pytest.raises(ShopError, match=says) as e: scorecard(lines, **given)
    assert e.value.code == 2


@pytest.mark.parametrize(
    'more, says',
    [
        ('a"b,"c"d,2\n', "line 1502: a quote inside a field is not doubled"),
        ('1,2,3,4,5,6,7\n', 'line 1502: 7 fields'),
        ('1,2,x,4,5,6\n', "'x' is not a time (one such value, in line 1502)"),
    ],
)
def test_lines_of_a_file_that_are_refused(tmp_path, lines, more, says):
    (tmp_path / 'own.csv').write_text(lines.to_csv(index=False) + more)
    with pytest.raises(ShopError) as e: scorecard(tmp_path / 'own.csv')
    assert says in str(e.value)


def part(folder, name, **columns):
    "A file of three lines, of which some columns are written differently"
    values = dict(
        customer=['1', '2', '3'],
        order=['11', '12', '13'],
        time='2025-01-31 10:00',
        product=['5', '6', '7'],
        quantity='1',
        price='9.50',
    )
    pd.DataFrame(values | columns).to_csv(folder / name, index=False)


def test_codes_that_one_part_has_as_floats(tmp_path):
    "A gap in a column makes pandas write 12 as 12.0, and another part has no gap"
    part(tmp_path, 'a.csv')
    part(tmp_path, 'b.csv', customer=['1.0', '2.0', ''], order=['21.0', '22.0', '23.0'], product=['5.0', '7.0', '8.0'])
    read, notes = read_lines(tmp_path)
    assert list(read.customer) == ['1', '2', '3', '1', '2']
    assert set(read['product']) == {'5', '6', '7'}
    assert notes == ['1 line has no customer and was left out.']
    part(tmp_path, 'b.csv', order=['21', '22', '23'], product=['5.0', '5.5', '6.0'])
    assert list(read_lines(tmp_path)[0]['product']) == [
        '5',
        '6',
        '7',
        '5.0',
        '5.5',
        '6.0',
    ] # the point is part of a code


@pytest.mark.parametrize('code', ['1.23457E+11', '1,23457E+11', '1e+17', '9100000000000001.0'])
def test_codes_that_a_program_has_cut_are_refused(tmp_path, code):
    part(tmp_path, 'a.csv', order=[code, '12', '13'])
    with pytest.raises(ShopError, match=r'order: .* has lost digits \(one such value, in line 2\)'):
        read_lines(tmp_path / 'a.csv')


@pytest.mark.parametrize(
    'prices',
    [
        ['€4.50', '4.50 EUR', 'EUR 4.50'],
        ['$4.50', 'USD 4.50', 'US$ 4.50'],
        ['$4.50', '4.50 CAD', '4.50'],
        ['4.50 kr', 'SEK 4.50', '4.50'],
        ['kr. 4.50', '4.50 kr', '4.50'],
    ],
)
def test_one_currency_in_several_spellings(tmp_path, prices):
    part(tmp_path, 'a.csv', price=prices)
    assert list(read_lines(tmp_path / 'a.csv')[0].price) == [450] * 3


@pytest.mark.parametrize(
    'prices',
    [['€4.50', '4.50 USD', '1'], ['$4.50', 'USD 4.50', '4.50 CAD'], ['£1', '¥1', '1'], ['4.50 EUR', '4.50 kr', '1']],
)
def test_two_currencies_are_refused(tmp_path, prices):
    part(tmp_path, 'a.csv', price=prices)
    with pytest.raises(ShopError, match='are in different currencies'): read_lines(tmp_path / 'a.csv')


def test_a_decimal_mark_that_nothing_shows_is_asked_for(tmp_path):
    part(tmp_path, 'a.csv', price=['1.000', '2.500', '7'])
    with pytest.raises(ShopError, match="Give decimal='.' or decimal=','"): read_lines(tmp_path / 'a.csv')
    assert list(read_lines(tmp_path / 'a.csv', decimal=',')[0].price) == [100_000, 250_000, 700]
    assert list(read_lines(tmp_path / 'a.csv', decimal='.')[0].price) == [100, 250, 700]
    part(tmp_path, 'a.csv', price=['1.000', '2.5', '7'])
    with pytest.raises(ShopError, match="price: '2.5' does not have ',' as its decimal mark"):
        read_lines(tmp_path / 'a.csv', decimal=',')


def test_a_folder_of_own_orders(tmp_path):
    "What is not data is left out with a word, what cannot be read is named."
    part(tmp_path, 'a.csv')
    part(tmp_path, 'b.txt', order=['21', '22', '23'])
    (tmp_path / 'README.txt').write_text('The orders of 2025.')
    for name in 'Thumbs.db', '_SUCCESS', '.DS_Store': (tmp_path / name).write_bytes(b'\0\5 left')
    (tmp_path / 'empty.csv').touch()
    read, notes = read_lines(tmp_path)
    assert list(read['order']) == ['11', '12', '13', '21', '22', '23']
    assert notes == [
        'README.txt has no order lines and was left out.',
        f'{tmp_path.name}/Thumbs.db is not a table and was left out.',
        f'{tmp_path.name}/empty.csv is empty.',
    ]
    for name, content, says in (
        ('c.parquet', b'PAR1 cut', 'cannot be read: '),
        ('d.csv', b'a,b\n1,2\n', 'have no column customer'),
        ('f.csv.gz', b'\x1f\x8b cut', 'cannot be read: '),
        ('g.xlsx', b'PK\3\4 cut', 'cannot be read: '),
        ('sub/h.json', b'{}', 'is JSON'),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ShopError, match=says) as e: read_lines(tmp_path)
        assert name in str(e.value)
        assert len(str(e.value).splitlines()) == 2
        (tmp_path / name).unlink()


@pytest.mark.parametrize('first', ['\n', '\r\n\r\n', ',,,,,\n', ' \n', '\ufeff\n'])
def test_blank_lines_before_the_header(tmp_path, first):
    part(tmp_path, 'a.csv')
    text = (tmp_path / 'a.csv').read_text()
    (tmp_path / 'a.csv').write_text(first + text.replace('9.50', 'free', 1), newline='')
    with pytest.raises(ShopError, match=f'in line {3 + (len(first) == 4)}'): read_lines(tmp_path / 'a.csv')
    (tmp_path / 'a.csv').write_text(first + text, newline='')
    assert len(read_lines(tmp_path / 'a.csv')[0]) == 3


def test_names_and_codes_of_blanks_alone(tmp_path):
    part(tmp_path, 'a.csv', product=['5', '\u3000\xa0\u200b', '7'])
    read, notes = read_lines(tmp_path / 'a.csv')
    assert list(read['product']) == ['5', '7']
    assert notes == ['1 line has no product and was left out.']
    with pytest.raises(ShopError, match='The column of customer has no name') as e:
        read_lines(tmp_path / 'a.csv', customer='\u2003 ')
    assert e.value.code == 2


@pytest.mark.parametrize('name', ['Customer', 'customer id', 'customers', 'CUSTOMER_ID'])
def test_a_column_of_nearly_that_name_is_told(tmp_path, name):
    part(tmp_path, 'a.csv')
    frame = pd.read_csv(tmp_path / 'a.csv', dtype=str).rename(columns=dict(customer=name))
    with pytest.raises(ShopError, match=f"Did you mean '{name}'"): read_lines(frame)


def test_what_a_file_repeats_or_leaves_empty(tmp_path, lines):
    (tmp_path / 'own.csv').write_text('sep=,\n' + lines.to_csv(index=False) + ','.join(lines) + '\n\n,,,,,\n')
    same(content(tmp_path / 'own.csv'), content(lines))
    assert read_lines(tmp_path / 'own.csv')[1] == [
        '1 line repeats the header and was left out.',
        '1 line has no order and was left out.',
    ]


def test_the_column_that_is_the_reason_is_named_once_and_is_no_markup(lines):
    name, best = '<b>sku</b>', lines['product'].mode()[0]
    n = (lines['product'] == best).sum()
    c = scorecard(
        lines.assign(product=lines['product'].where(lines['product'] != best)).rename(columns=dict(product=name)),
        product=name,
    )
    said = f"{n} lines have no product (column '<b>sku</b>') and were left out."
    assert repr(c).count(said) == 1
    assert c._repr_html_().count(f'{n} lines') == 1
    assert name not in c._repr_html_()


@pytest.mark.parametrize(
    'source', [None, 5, [], {}, b'x', '', 'no such file', 'x' * 5000, '\0', pd.DataFrame()],
    ids=lambda s: str(s)[:12].strip('\0') or type(s).__name__
)
def test_what_is_no_source(source):
    with pytest.raises(ShopError) as e: scorecard(source)
    assert len(str(e.value).splitlines()) == 2


ODD = st.sampled_from(
    [
        None,
        np.nan,
        pd.NaT,
        pd.NA,
        '',
        'NA',
        0,
        -1,
        1.5,
        1e300,
        np.inf,
        -np.inf,
        10**30,
        True,
        'x',
        '1,5',
        '1.234',
        '€5',
        b'\xff',
        date(2025, 1, 1),
        datetime(1, 1, 1),
        datetime(9999, 12, 31),
        time(5),
        timedelta(1),
        Decimal('1.5'),
        Decimal('sNaN'),
        [1],
        (1, 2),
        {1: 2},
        np.array([1, 2]),
        1 + 2j,
        pd.Timestamp('2025-01-01', tz='UTC'),
        pd.Period('2025-01'),
        '13/01/2025',
        '\x00',
        '\ud800',
        '\n\n',
        object(),
    ]
)


@pytest.mark.filterwarnings('error')
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_odd_values_give_a_card_or_a_sentence(lines, data):
    f = lines.head(data.draw(st.sampled_from([0, 1, 400]))).copy()
    for role in data.draw(st.lists(st.sampled_from(list(f)), min_size=1, max_size=3, unique=True)):
        column = f[role].to_numpy(dtype=object).copy()
        odd = data.draw(ODD)
        for i in range(0, len(column), data.draw(st.sampled_from([1, 2, 150]))): column[i] = odd
        f[role] = pd.Series(column, f.index, dtype=object)
    try: c = scorecard(f)
    except ShopError as e: assert len(str(e).splitlines()) <= 2
    else:
        assert repr(c)
        assert c._repr_html_()
