"The lessons grade answers: the solution has full marks, an empty lesson none, and each mistake gets its own hint."
import datetime as dt, itertools, json, re
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import numpy as np, pandas as pd, pyarrow as pa, pytest
from hypothesis import given, settings, strategies as st

from shop_nb import Shop, ShopError
from shop_nb.behaviour.behaviours import BEHAVIOURS, read_behaviour
from shop_nb.core.numbers import currency_sign, money
from shop_nb.course.sessions import LESSONS, Session, read_lesson, start
from shop_nb.course.exercises import Exercise, Verdict, beside, grade
from shop_nb.course.comparing import as_frame, columns, is_empty, is_sql, plain, same

from support import FULL, ROOT
BOOKS = sorted((ROOT / 'nbs/lessons').glob('*.ipynb'))
each_lesson = pytest.mark.parametrize('name', LESSONS)
EXERCISES = [(name, e) for name in LESSONS for e in read_lesson(name).exercises.values()]
each_exercise = pytest.mark.parametrize('name,exercise', EXERCISES, ids=[f'{n}-{e.name}' for n, e in EXERCISES])


def book(name, kind=''):
    "The notebook of a lesson, of its solutions or of its exercises."
    number = LESSONS.index(name)
    if kind == 'exercises': return ROOT / 'nbs/65_course' / f'{number + 4:02}_{name}.ipynb'
    return ROOT / 'nbs/lessons' / kind / f'{number + 1:02}_{name}.ipynb'


def sources(path, kind='code'):
    return [
        ''.join(c['source']) for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == kind
    ]


SETTINGS = dict(did_the_promotion_work=dict(promotion='Toys 30 2025-11-03 2025-11-16'))


@lru_cache
def shop_of(name, seed, behaviour='eu'): return Shop(seed=seed, behaviour=behaviour, **SETTINGS.get(name, {}))


RUNS = BEHAVIOURS if FULL else ('eu', 'us') # prices without tax; of the others three contain it


@pytest.fixture(scope='module')
def shell():
    "An IPython of our own, which plays notebooks without a kernel."
    from IPython.core.interactiveshell import InteractiveShell
    import matplotlib
    matplotlib.use('agg')
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def play(shell, path, seed, behaviour='eu'):
    "Run a notebook with another seed and behaviour; its score sheet."
    shell.reset(new_session=False)
    for code in sources(path):
        code = re.sub(r'^seed = \d+$', f'seed = {seed}', code, flags=re.M)
        code = code.replace("behaviour = 'eu'", f'behaviour = {behaviour!r}')
        shell.run_cell(code, silent=True).raise_error()
    import matplotlib.pyplot as plt
    plt.close('all')
    return shell.user_ns['score']()


def test_every_lesson_has_its_three_notebooks():
    for name in LESSONS: assert all(book(name, kind).is_file() for kind in ('', 'exercises', 'solutions')), name
    assert [p.stem[3:] for p in BOOKS] == list(LESSONS)


@pytest.mark.parametrize('behaviour, name', [
    pytest.param(b, name, marks=pytest.mark.slow if b != 'eu' else ())
    for b in RUNS for i, name in enumerate(LESSONS) if FULL or b == 'eu' or i % 2])
def test_the_solution_has_full_marks(shell, name, behaviour, capsys):
    sheet = play(shell, book(name, 'solutions'), 5, behaviour)
    assert sheet.points == sheet.of > 5, repr(sheet)


@pytest.mark.slow
@pytest.mark.parametrize('behaviour, name', [ # daily each lesson or its solution
    (b, name) for b in RUNS[1:] for i, name in enumerate(LESSONS) if FULL or not i % 2])
def test_a_lesson_runs_with_any_behaviour_and_says_its_currency(shell, name, behaviour, capsys):
    currency = read_behaviour(behaviour)['shop.currency']
    play(shell, book(name), 5, behaviour)
    assert shell.user_ns['shop'].market.currency == currency
    said = capsys.readouterr().out
    assert '€' not in said
    assert 'EUR' not in said
    assert name == 'did_the_promotion_work' or currency_sign(currency) in said


def test_revenue_of_a_shop_is_the_same_sum_whether_prices_contain_the_tax():
    exercise = read_lesson('meet_the_shop').exercises['revenue']
    for behaviour, included in (('us', False), ('uk', True), ('in', True)):
        shop = shop_of('meet_the_shop', 5, behaviour)
        sales = shop.sql('select * from order_totals where is_sale = 1')
        without = sales.goods_cents - sales.discount_cents - sales.tax_cents * sales.tax_included
        assert set(sales.tax_included) == {included}
        assert grade(exercise, without.sum() / 100, shop).state == 'right'
        with_tax = (without + sales.tax_cents).sum() / 100
        assert grade(exercise, with_tax, shop).state == ('mistake' if included else 'wrong')


@each_lesson
def test_no_lesson_names_a_currency_or_a_country(name):
    for kind in '', 'solutions', 'exercises':
        words = '\n'.join(sources(book(name, kind), 'markdown') + sources(book(name, kind)))
        found = re.findall(r"(?i)\beuros?\b|\bEUR\b|\bVAT\b|austria|german|europe|christmas|\bAT\b(?=')", words)
        assert not found, (kind, found)


@each_lesson
def test_an_empty_lesson_has_none(shell, name, capsys):
    sheet = play(shell, book(name), "'05031999'") # a birthday
    assert sheet.points == 0
    assert {v.state for v in sheet.verdicts} == {'empty'}


@each_lesson
def test_a_lesson_asks_each_exercise_once_and_gives_no_answer(name):
    "A task in words, `answer = ...`, a check: for each exercise, in order; and the shop is the student's own."
    code = sources(book(name))
    asked = [i for i, s in enumerate(code) if s.startswith('check(')]
    assert [re.fullmatch(r"check\('(\w+)', answer\)", code[i])[1] for i in asked] == list(read_lesson(name).exercises)
    assert all(re.fullmatch(r'answer = (\.\.\.|"""\n\.\.\.\n""")', code[i - 1]) for i in asked), name
    tasks = re.findall(r'^### Exercise (\d+)\. ', '\n'.join(sources(book(name), 'markdown')), re.M)
    assert [int(t) for t in tasks] == list(range(1, len(asked) + 1))
    assert 6 <= len(tasks) <= 10
    assert code[0].startswith('seed = 7\n# a birthday')


@each_exercise
def test_an_exercise_is_complete(name, exercise):
    assert exercise.hints
    assert exercise.mistakes
    assert exercise.title
    assert exercise.points > 0
    assert len({m.says for m in exercise.mistakes.values()}) == len(exercise.mistakes)
    for text in (*exercise.hints, *(m.says for m in exercise.mistakes.values())):
        assert text[-1] in '.?!`', text
        assert text.count('`') % 2 == 0, text


@each_exercise
def test_the_right_answer_scores_and_each_mistake_gets_its_words(name, exercise):
    "In one shop of four, two mistakes may come to the same number, or one to the right answer; not in all of them."
    told, words = set(), {m.says for m in exercise.mistakes.values()}
    for n, where in enumerate([(7,), (7, 'uk'), (8,), (9,)]):
        if n > 1 and told == words and not FULL: break
        shop = shop_of(name, *where)
        right = exercise.value(exercise.right, shop)
        assert grade(exercise, right, shop).points == exercise.points
        assert grade(exercise, right.round(exercise.places), shop).state == 'right'
        if not exercise.ordered:
            assert grade(exercise, right.iloc[::-1, ::-1], shop).state == 'right'
        for how in exercise.also:
            assert grade(exercise, exercise.value(how, shop), shop).state == 'right'
        for mistake in exercise.mistakes.values():
            says = mistake.says
            verdict = grade(exercise, exercise.value(mistake.wrong, shop), shop)
            if verdict.says == says:
                told.add(says)
                assert (verdict.state, verdict.points) == ('mistake', 0)
    assert told == words


@pytest.mark.parametrize('seed', [5, 7, 8])
def test_buyers_of_the_same_true_rate_may_stand_in_either_order(seed):
    "As in the solution, whose buyers are in the order of their ids; the ranking has another one."
    exercise, shop = read_lesson('cohorts_rfm_ltv').exercises['luck'], shop_of('cohorts_rfm_ltv', seed)
    sales = shop.sql('select customer_id from order_totals where is_sale = 1').customer_id.value_counts().sort_index()
    first = sales.sort_values(ascending=False, kind='stable').index
    rate = shop.truth()['customers'].set_index('customer_id').rate
    for buyers in (first, sales.index):
        answer = len(set(first[:100]) & set(rate.loc[buyers].nlargest(100).index))
        assert grade(exercise, answer, shop).state == 'right'


def test_a_table_and_a_mistake_stand_side_by_side():
    exercise, shop = read_lesson('sql').exercises['channels'], shop_of('sql', 7)
    right = exercise.value(exercise.right, shop).set_index('channel').sort_index()
    counts = beside(exercise, 'all_orders', shop, column=0)
    assert (list(counts), list(counts.index)) == (['right', 'all_orders'], list(right.index))
    assert list(counts.right) == list(right.sales)
    assert (counts.all_orders > counts.right).all()
    assert list(beside(exercise, 'all_orders', shop).right) == list(right.revenue)


@each_exercise
def test_what_is_no_answer_and_what_is_just_wrong(name, exercise):
    shop = shop_of(name, 7)
    for empty in (..., None, '', ' ... ', 'select ... from orders'):
        assert grade(exercise, empty, shop).state == 'empty'
    for wrong in (-1, pd.DataFrame(), [], 'no idea', len, pd.DataFrame({'a': [[1], {}]}), float('nan')):
        verdict = grade(exercise, wrong, shop)
        assert verdict.state == 'wrong'
        assert verdict.says
        assert verdict.points == 0
        assert verdict._repr_html_()
        assert repr(verdict)


@each_exercise
def test_another_seed_has_another_answer(name, exercise):
    a, *others = (shop_of(name, seed) for seed in (7, 8, 9))
    right = exercise.value(exercise.right, a)
    assert any(grade(exercise, right, b).state != 'right' for b in others)


@each_exercise
def test_no_answer_is_written_down(name, exercise):
    "Neither the lesson's text nor the hints have the number, for the seed that the lesson stands at."
    frame = exercise.value(exercise.right, shop_of(name, 7))
    if frame.size != 1 or not isinstance(value := plain(frame.iat[0, 0]), float) or abs(value) < 20: return
    text = '\n'.join([*sources(book(name), 'markdown'), *exercise.hints, *(m.says for m in exercise.mistakes.values())])
    for said in {f'{value:,.0f}', f'{value:.0f}', f'{value:,.2f}'}:
        assert not re.search(rf'(?<![\d.,]){re.escape(said)}(?![\d])', text), said


cell = st.one_of(
    st.none(), st.integers(-1000, 1000), st.floats(-1e6, 1e6, allow_nan=False), st.sampled_from(['a', 'b', 'c']),
    st.dates(dt.date(2025, 1, 1), dt.date(2025, 12, 31))
)
frames = (
    st.integers(1, 4)
    .flatmap(lambda wide: st.lists(st.tuples(*[cell] * wide), min_size=1, max_size=8))
    .map(pd.DataFrame)
)


@given(frame=frames, luck=st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_names_and_orders_do_not_matter(frame, luck):
    rows, cols = list(range(len(frame))), list(range(frame.shape[1]))
    luck.shuffle(rows)
    luck.shuffle(cols)
    other = frame.iloc[rows, cols].set_axis([f'x{i}' for i in cols], axis=1).assign(more=1)
    assert same(columns(other), columns(frame))


@given(
    numbers=st.lists(st.floats(-1e5, 1e5, allow_nan=False), min_size=1, max_size=8), at=st.integers(0, 7),
    by=st.floats(0.02, 1000)
)
@settings(max_examples=100, deadline=None)
def test_a_rounded_number_is_right_and_a_changed_one_is_not(numbers, at, by):
    frame = pd.DataFrame(dict(k=range(len(numbers)), v=numbers))
    assert same(columns(frame.round(2)), columns(frame))
    wrong = frame.copy()
    wrong.loc[at % len(frame), 'v'] += by
    assert not same(columns(wrong), columns(frame))


def test_values_stand_beside_the_right_names():
    right = pd.DataFrame(dict(k=['a', 'b'], v=[1.0, 2.0]))
    assert not same(columns(right.assign(v=[2.0, 1.0])), columns(right))
    assert same(columns(right.iloc[::-1]), columns(right))
    assert not same(
        columns(right.iloc[::-1]), columns(right), ordered=True
    )


@pytest.mark.parametrize(
    'answer',
    [
        3,
        3.0,
        '3',
        np.int64(3),
        np.float32(3),
        Decimal(3),
        [3],
        (3,),
        {3},
        np.array([3]),
        np.array(3),
        pd.Series([3]),
        pd.DataFrame([[3]]),
        dict(n=3),
        'select 3',
        '-- three\n  SELECT 3 as n',
        '(select 3)',
        'with t as (select 3 as n) from t',
        pd.Series({'n': 3}),
        np.array([[3]]),
    ],
)
def test_any_form_of_an_answer_is_read(answer):
    shop = shop_of('sql', 7)
    frame = as_frame(answer, shop)
    assert len(frame) == 1
    assert same(columns(frame), [[3.0]])


@pytest.mark.parametrize('answers', list(itertools.permutations(['right', 'wrong', 'empty'])))
def test_the_best_answer_counts(answers):
    "In any order: what was right stays right, nothing is worth less than a wrong one; a check tells of its own answer."
    check, hint, score = start('meet_the_shop', shop := shop_of('meet_the_shop', 7))
    given, worst_first = dict(right=shop.orders.customer_id.nunique(), wrong=0, empty=...), ['empty', 'wrong', 'right']

    def sheet(): return next(v for v in score().verdicts if v.name == 'buyers')

    assert (sheet().state, score().points) == ('empty', 0)
    for i, state in enumerate(answers):
        told = check('buyers', given[state])
        best = max(answers[: i + 1], key=worst_first.index)
        assert told.state == state
        assert told.solved == (best == 'right' != state)
        assert (sheet().state, score().points) == (best, int(best == 'right'))
    with pytest.raises(ShopError, match='buyers'): check('buyer', 1)
    with pytest.raises(ShopError, match='buyers'): hint('buyer')


@each_exercise
def test_hints_come_one_by_one(name, exercise):
    session = Session(read_lesson(name), None)
    told = [session.hint(exercise.name) for _ in range(len(exercise.hints) + 1)]
    assert told[-1] == told[-2] if len(told) > 2 else True
    assert [h.split(': ', 1)[1] for h in told[:-1]] == list(exercise.hints)
    verdict = grade(exercise, ..., None)._repr_html_()
    assert verdict.count('<details>') == len(exercise.hints)


@pytest.mark.parametrize(
    'begin',
    [
        '/* mine */ ',
        '/* two\nlines */\n-- and one\n\n',
        '-- a -- b\n/* c */ /* d */',
        '((',
        ' \n\t-- x\n',
        '/**/;',
        '/* a /* b */ c */',
        '/* it is * / or ** */',
        '-- ... what now?\n',
        "/* … */ ",
        '# mine\n',
        '%%sql\n',
        '%%ask --to x\n-- ...\n',
        '%sql ',
        '```sql\n',
        '$$',
        '# ... what now?\n```\n',
    ],
)
@pytest.mark.parametrize('end', ['', ';', ' ;\n', ' -- the end', " /* ... */"])
def test_sql_behind_comments_and_brackets_is_sql(begin, end):
    shop = ODD_SHOP
    close = ')' * begin.count('(') + '\n```' * begin.count('```') + '$$' * begin.count('$$')
    sql = begin + 'select count(*) from orders' + (close + end if ')' in close else end + close)
    assert as_frame(sql, shop).iloc[0, 0] == len(shop.orders)
    assert not is_empty(sql)
    assert is_empty(begin + 'select ... from orders' + close)
    assert is_empty('select … from orders')
    assert not is_empty("select '...' as dots, 1 as \"...\", $$...$$, $a$...$a$")
    assert not is_empty("with t as (select 'it''s ...' as x) from t")
    assert not is_sql('/* 7 */ 7')


def forms(shop):
    "One table in each form that a library hands out: status and number of orders."
    import duckdb

    counts = shop.orders.groupby('status').size()
    frame = counts.rename('n').reset_index()
    arrow = pa.Table.from_pandas(frame)

    def duck():
        con = duckdb.connect()
        con.register('f', frame)
        return con

    return dict(
        frame=frame,
        series=counts,
        arrow=arrow,
        batch=arrow.to_batches()[0],
        reader=arrow.to_reader(),
        batches=arrow.to_batches(max_chunksize=2),
        batches_one_by_one=iter(arrow.to_batches(max_chunksize=2)),
        frames=[frame[:2], frame[2:]],
        relation=duck().sql('from f'),
        executed=duck().execute('from f'),
        fetched=duck().sql('from f').fetchall(),
        columns={'status': list(frame.status), 'n': list(frame.n)},
        arrays=dict(status=frame.status.to_numpy(), n=frame.n.to_numpy()),
        serieses={'status': frame.status, 'n': frame.n},
        mapping=counts.to_dict(),
        tuples=list(frame.itertuples(index=False)),
        pairs=tuple(zip(frame.status, frame.n)),
        zipped=zip(frame.status, frame.n),
        items=counts.to_dict().items(),
        records=frame.to_dict('records'),
        record_array=frame.to_records(index=False),
        objects=frame.to_numpy(),
        lists=frame.values.tolist(),
        chained=iter(frame.values.tolist()),
        indexed=frame.set_index('status'),
    )


@pytest.mark.parametrize('form', list(forms(Shop(customers=20, products=20, orders=30, order_items=60))))
def test_what_libraries_hand_out_is_taken(form):
    shop = Shop(customers=200, products=60, orders=400, order_items=1000)
    e = Exercise('x', 'X', 'select status, count(*) as n from orders group by all')
    assert grade(e, forms(shop)[form], shop).state == 'right'


class Awkward:
    "Says nothing without an error."
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        return self
    def __call__(self, *a, **k): raise TypeError('no')
    def __str__(self): raise ValueError('no')


ODD = [
    ShopError('gone', 'look'),
    ValueError(),
    ValueError,
    None,
    ...,
    len,
    print,
    int,
    pytest,
    Shop,
    object(),
    Awkward(),
    b'x',
    b'',
    '',
    '()',
    ';',
    '/*',
    "select '",
    'select',
    'from',
    'drop view orders',
    'select 1; drop view orders',
    "copy orders to 'x.csv'",
    [],
    {},
    (),
    set(),
    [[]],
    [{}],
    [None],
    [...],
    [[1], [1, 2]],
    {'a': [1, 2], 'b': [1]},
    {'a': 1, 'b': [1]},
    {1: {2: 3}},
    range(0),
    range(5),
    10**400,
    -1e308,
    float('inf'),
    float('nan'),
    1 + 2j,
    Decimal('NaN'),
    Decimal('sNaN'),
    Decimal('Infinity'),
    pd.NaT,
    pd.NA,
    np.nan,
    np.datetime64('NaT'),
    np.timedelta64('NaT'),
    np.array([]),
    np.array(None),
    np.zeros((0, 3)),
    np.zeros((2, 2, 2)),
    np.ma.masked,
    pd.DataFrame(),
    pd.DataFrame(index=[1, 2]),
    pd.DataFrame([[1, 2]], columns=['a', 'a']),
    pd.Series(dtype=float),
    pd.Index([]),
    pd.Categorical(['a']),
    pd.Interval(0, 1),
    dt.time(1),
    dt.date(1, 1, 1),
    dt.datetime.max,
    dt.timedelta.max,
    pd.Timestamp.max,
    pd.Period('2025Q1'),
    slice(1),
    memoryview(b'ab'),
    lambda: 1,
    (x for x in 'ab'),
    itertools.count(),
    pa.array([1]),
    pa.chunked_array([[1]]),
    pa.scalar(1),
    pa.table({}),
    pa.schema([]),
    pa.array([{'a': 1}]),
    {'a'},
    frozenset({1}),
    {None: None},
    [object()],
    [ShopError('a', 'b')],
    re.compile('x'),
    Path('x'),
    type('T', (), dict(shape=(2,)))(),
]


@pytest.mark.parametrize('answer', ODD, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize(
    'right',
    [
        'select 42',
        'select status, count(*) as n from orders group by all',
        "select date '2025-01-01' as month, 1.5 as x",
    ],
)
def test_any_object_gets_a_verdict_in_words(answer, right):
    shop = ODD_SHOP
    verdict = grade(Exercise('x', 'X', right), answer, shop)
    assert verdict.state in ('wrong', 'empty')
    assert verdict.says or verdict.state == 'empty'
    assert repr(verdict)
    assert verdict._repr_html_()
    assert shop.sql('select count(*) as n from order_totals').n[0] == 400


ODD_SHOP = Shop(customers=200, products=60, orders=400, order_items=1000)


def test_forms_that_are_as_good():
    check, _, _ = start('meet_the_shop', shop := shop_of('meet_the_shop', 7))
    sales = shop.sql('select order_day, revenue_cents / 100 as revenue from order_totals where is_sale = 1')
    day = sales.order_day
    for month in (
        day.dt.month,
        day.dt.strftime('%Y-%m'),
        day.dt.strftime('%B'),
        day.dt.strftime('%b'),
        day.dt.strftime('%b %Y'),
        day.dt.strftime('%B %Y'),
        day.dt.strftime('%b-%Y'),
        day.dt.strftime('%Y-%m-01'),
        day.dt.strftime('%Y-%m-01 00:00:00'),
        day.dt.to_period('M').dt.start_time,
        day.dt.to_period('M').dt.start_time.dt.date,
        day.dt.month.astype(str),
        day.dt.strftime('%m'),
        day.dt.to_period('M'),
        day.dt.to_period('M').dt.end_time.dt.normalize(),
    ):
        assert check('months', sales.revenue.groupby(month).sum()).state == 'right'
    assert check('months', shop.ask('monthly_revenue')).state == 'right'


@pytest.mark.parametrize('answer,says', [
    (lambda d: d * 100, 'factor of 100'),
    (lambda d: 'a lot', 'Expected a number.'),
    (lambda d: [d, d], 'Expected one row, got 2.'),
    (lambda d: [], 'Expected one row, got 0.'),
    (lambda d: d + 5, 'not the right number'),
    (lambda d: d + .3, 'Close, but not equal')])
def test_a_wrong_answer_is_told_what_is_wrong(answer, says):
    exercise = read_lesson('sql').exercises['gap']
    shop = shop_of('sql', 7)
    assert says in grade(exercise, answer(exercise.value(exercise.right, shop).iat[0, 0]), shop).says


REVENUE = Exercise('revenue', 'Revenue', 'select 365429.37')
SHARE = Exercise('share', 'A share', 'select 0.69108', places=3)
RATES = Exercise('rates', 'Rates', "from (values ('a', 0.2561), ('b', 0.1347)) t(category, rate)", places=4)
MONEY = Exercise('money', 'By month', 'from (values (1, 5120.48), (2, 730.92)) t(month, revenue)')


@pytest.mark.parametrize('answer', [
    (365, 429.37), '365,429.37', '€365,429.37', '365429.37 €', '365429.37', ' EUR 365 429.37', '365.429,37',
    "365'429.37", '365429,37 euros', '$365,429.37', '₹3,65,429.37', 'R$365,429.37', 'CHF\u00a0365,429.37',
    '365429.37 dollars', Decimal('365429.37')])
def test_a_number_is_read_as_it_is_written(answer):
    assert grade(REVENUE, answer, ODD_SHOP).state == 'right'


@pytest.mark.parametrize('text,value', [
    ('69.1%', .691), ('69.1 %', .691), ('69,1 %', .691), ('0,691', .691), ('.691', .691), ('69.1 per cent', .691),
    ('-€1,200.50', -1200.5), ('€ -3', -3), ('−12', -12), ('5 euros', 5), ('-₹1,23,456.5', -123456.5),
    ('12,34,567', 1234567), ('R$ 5', 5), ('₹0.50', .5), ('7.', 7), ('1,234', 1234), ('1.234', 1.234),
    ('1.234.567', 1234567), ('12,5', 12.5), ('1234,567', 1234.567)])
def test_numbers_in_text(text, value): assert plain(text) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize('text', [
    '12,345,6', '1.2.3', 'a 7', '7 b', '2025-13', '1,23,4', '1,23,456,789', '€', '₹', 'usd', '%', '--3', '3 4', 'money',
    '1e5', '+', '5 % %', '9' * 60 + ','])
def test_text_that_is_no_number_stays_text(text): assert isinstance(plain(text), str)


@pytest.mark.parametrize('answer', [
    (365, 429.38), (364, 429.37), (365, '429.37'), (0, 365, 429.37), [365, 429.37], (365429.37, 0)])
def test_a_tuple_is_a_number_only_if_it_is_that_number(answer): assert grade(REVENUE, answer, ODD_SHOP).state == 'wrong'


def test_a_comma_in_a_number_is_mentioned():
    assert 'Read as 365429.37' in grade(REVENUE, (365, 429.37), ODD_SHOP).says
    assert grade(Exercise('n', 'N', 'select 1162'), (1, 162), ODD_SHOP).state == 'right'
    assert grade(Exercise('n', 'N', 'select 12 union all select 345'), (12, 345), ODD_SHOP).says == ''


@pytest.mark.parametrize('exercise,answer,rounded', [
    (REVENUE, 365429, 'the whole number. Give two decimals'),
    (REVENUE, '€365,429', 'the whole number. Give two decimals'),
    (REVENUE, 365429.4, 'one decimal. Give two decimals'),
    (SHARE, .7, 'one decimal. Give three decimals'),
    (SHARE, .6, 'one decimal. Give three decimals'),
    (SHARE, .69, 'two decimals. Give three decimals'),
    (SHARE, '69%', 'two decimals. Give three decimals'),
    (RATES, {'a': .26, 'b': .13}, 'two decimals. Give four decimals'),
    (MONEY, {1: 5120, 2: 731}, 'the whole number. Give two decimals'),
    (MONEY, {1: 5120, 2: 730}, 'the whole number. Give two decimals')])
def test_a_rounded_answer_is_almost_right(exercise, answer, rounded):
    verdict = grade(exercise, answer, ODD_SHOP)
    assert repr(verdict) == f'! {exercise.name}: Almost. Correct to {rounded}.'
    assert verdict.state == 'almost'
    assert not verdict.points


@pytest.mark.parametrize('exercise,answer,says', [
    (SHARE, 1, 'That is not the right number.'),
    (SHARE, 0, 'That is not the right number.'),
    (SHARE, .72, 'That is not the right number.'),
    (SHARE, .693, 'Close, but not equal.'),
    (RATES, {'a': .26, 'b': .14}, 'Missing or wrong: rate'),
    (MONEY, {1: 5121, 2: 731}, 'Missing or wrong: revenue')])
def test_a_wrong_answer_does_not_pass_for_a_rounded_one(exercise, answer, says):
    verdict = grade(exercise, answer, ODD_SHOP)
    assert says in verdict.says
    assert verdict.state == 'wrong'
    assert not verdict.points


@pytest.mark.parametrize('sql', [
    'selct count(*) from orders', 'SELEC 3', '# mine\nslect count(*) from orders', 'count(*) from orders',
    '```sql\nselct 1 from orders\n```'])
def test_mistyped_sql_is_told_as_sql(sql):
    verdict = grade(REVENUE, sql, ODD_SHOP)
    assert 'DuckDB cannot read this as SQL' in verdict.says
    assert 'syntax error' in verdict.says
    assert verdict.state == 'wrong'
    assert verdict._repr_html_()


@pytest.mark.parametrize('words', ['a lot', 'no idea', '42 orders', 'revenue of the year', 'Toy Car'])
def test_words_are_not_told_as_sql(words): assert 'SQL' not in grade(REVENUE, words, ODD_SHOP).says


def test_an_answer_may_be_words():
    exercise = Exercise('best', 'The bestseller', "select 'Toys from where'")
    assert grade(exercise, 'toys from where', ODD_SHOP).state == 'right'


def test_width_and_loops_win_nothing_unseen():
    check, _, score = start('meet_the_shop', shop := shop_of('meet_the_shop', 7))
    right = shop.orders.customer_id.nunique()
    for few in (0, right - 5):
        wide = pd.DataFrame([range(few, right + 1)])
        assert 'Expected 1 column, got ' in check('buyers', wide).says
    assert score().points == 0
    for n in range(right - 20, right + 1): verdict = check('buyers', n) # after two shapes of table that were too wide
    assert verdict.state == 'right'
    assert verdict.tries == 23
    assert '23 tries' in repr(verdict)
    assert '23 tries' in verdict._repr_html_()
    check('buyers', right), check('buyers', 0)
    assert '23 tries' in repr(score())
    assert '23 tries' in score()._repr_html_()


def test_a_wrong_answer_after_a_right_one_says_that_it_is_solved():
    check, _, score = start('meet_the_shop', shop := shop_of('meet_the_shop', 7))
    right = shop.orders.customer_id.nunique()
    check('buyers', right + 500), check('buyers', right)
    verdict = check('buyers', right + 600)
    earlier = 'but your earlier one counts.'
    new = f'This new answer is not right, {earlier} That is not the right number.'
    assert repr(verdict) == f'✓ buyers: Already solved. {new}'
    assert 'tries' not in verdict._repr_html_()
    assert '<details>' not in verdict._repr_html_()
    assert repr(check('buyers', ...)) == f'✓ buyers: Already solved. There is no answer now, {earlier}'
    assert repr(check('buyers', right)) == '✓ buyers: Right (2 tries)'
    assert score().points == 1


@pytest.mark.parametrize('answer,right,point', [
    ((272, 90), 272.9, '272.90'), ((272, 90), 272090, '272.90'), ((0, 691), .691, '0.691'), ((-3, 5), -3.5, '-3.5')])
def test_a_decimal_comma_is_told_in_two_lines(answer, right, point):
    verdict = grade(Exercise('n', 'N', f'select {right}'), answer, ODD_SHOP)
    lines = [f'Python reads {answer[0]},{answer[1]} as two numbers.', f'Write a decimal point: {point}']
    assert verdict.state == 'wrong'
    assert verdict.says.splitlines() == lines


def test_an_answer_may_be_passed_by_name():
    check, _, _ = start('meet_the_shop', shop := shop_of('meet_the_shop', 7))
    right = shop.orders.customer_id.nunique()
    assert check('buyers', answer=right).state == 'right'
    assert check('buyers', answer=...).state == 'empty'


def test_one_row_has_room_for_one_number():
    right = ODD_SHOP.sql('select count(*) as n from orders').n[0]
    exercise = Exercise('n', 'N', 'select count(*) from orders')
    wide = pd.DataFrame([[right - 1, right]])
    assert 'Expected 1 column, got 2' in grade(exercise, wide, ODD_SHOP).says
    assert grade(exercise, pd.DataFrame([['orders', right]]), ODD_SHOP).state == 'right'


def test_a_number_with_commas_comes_as_several_values():
    exercise = Exercise('n', 'N', 'select 1199 as n')
    verdict = grade(exercise, (1, 199), ODD_SHOP) # as check('n', 1,199) passes it
    assert verdict.state == 'right'
    assert 'Read as 1199' in verdict.says
    check, _, _ = start('meet_the_shop', shop_of('meet_the_shop', 7))
    assert check('region').state == 'empty'
    assert check('region', 1, 'a', None).state == 'wrong'


@pytest.mark.parametrize('thing,what', [
    (len, 'a function'), (int, 'a type'), (KeyError('x'), 'an error'), (pytest, 'a module')])
def test_what_is_no_answer_is_named(thing, what):
    assert grade(REVENUE, thing, ODD_SHOP).says.startswith(f'Pass an answer, not {what}.')


def test_what_is_said_twice_or_cannot_be_read_is_no_try():
    check, _, score = start('sql', shop_of('sql', 7))
    answers = 'select 1', 'select 1', 1, ..., 'selct 1 from orders', 'select nothing from orders', 'select 2'
    assert [check('gap', a).tries for a in answers] == [1, 1, 1, 1, 1, 1, 2]
    assert '(3 tries)' in repr(check('gap', 3.5))
    assert 'tries' not in repr(check('gap', ...))
    assert 'SQL: 0 of 15 points with 3 tries' in repr(score())
    assert '1 tries' not in repr(score())


def test_an_answer_left_from_the_exercise_before_is_noticed():
    check, _, _ = start('meet_the_shop', shop := shop_of('meet_the_shop', 7))
    answer = shop.orders.customer_id.nunique()
    assert check('buyers', answer).state == 'right'
    assert 'same answer for `buyers`' in check('region', answer).says
    assert 'same answer' not in check('region', answer).says # the second time it is meant
    assert 'same answer' not in check('sales', answer + 1).says
    check('revenue', ...)
    assert 'same answer' not in check('aov', ...).says


def test_a_look_gives_no_answer_away():
    "What a student meets, its attributes and theirs, does not hold the queries."
    check, hint, score = start('meet_the_shop', shop_of('meet_the_shop', 7))
    right = read_lesson('meet_the_shop').exercises['revenue'].right
    seen = [check, hint, score, verdict := check('revenue', 1), score(), *score().verdicts]
    assert isinstance(verdict, Verdict)
    for thing in seen:
        for name in dir(thing):
            if name in ('__globals__', '__closure__', '__builtins__'): continue
            assert right not in repr(getattr(thing, name, '')), (thing, name)
    assert not hasattr(check, '__self__')
    assert 'select' not in repr(read_lesson('meet_the_shop').exercises['revenue'])


@pytest.mark.parametrize('code,wrong,right', [
    ("check('buyer', 1)", 'buyer', 'buyers'),
    ("hint('reveneu')", 'reveneu', 'revenue')])
def test_a_misspelt_exercise_is_two_lines(shell, capsys, code, wrong, right):
    shell.user_ns['check'], shell.user_ns['hint'], _ = start('meet_the_shop', shop_of('meet_the_shop', 7))
    capsys.readouterr()
    shell.run_cell(code)
    lines = [f'ShopError: This lesson has no exercise {wrong!r}.', f'Did you mean {right!r}?']
    assert capsys.readouterr().out.strip().splitlines() == lines


def test_a_birthday_is_a_seed():
    told = {name: sources(book(name))[0] for name in LESSONS}
    quoted = re.search(r"seed = ('\d+')", told['sql'])[1]
    assert Shop(seed=eval(quoted)).settings.seed == int(quoted.strip("'"))
    assert quoted[1] == '0'
    assert set(told.values()) == {told['sql']}


def test_minutes_agree():
    guide = (ROOT / 'docs/how-to/12-lessons.md').read_text(encoding='utf-8')
    least, most = map(int, re.search(r'takes a beginner (\d+) to (\d+) minutes', guide).groups())
    minutes = [int(re.search(r'\*About (\d+) minutes\.', sources(book(name), 'markdown')[0])[1]) for name in LESSONS]
    assert (min(minutes), max(minutes)) == (least, most)


def test_the_hand_out(tmp_path, capsys):
    import lessons
    assert lessons.main(tmp_path / 'class') == 0
    assert sorted(p.name for p in (tmp_path / 'class').rglob('*')) == [p.name for p in BOOKS]
    for path in (tmp_path / 'class').iterdir():
        text = path.read_text(encoding='utf-8')
        notebook = json.loads(text)
        assert not any(c.get('outputs') or c.get('execution_count') for c in notebook['cells'])
        assert 'solutions' not in text
        assert 'exercises/' not in text
        assert all((path.parent / link).is_file() for link in re.findall(r'\]\((?!https?:)([^)]+)\)', text))
        assert sources(path) == sources(ROOT / 'nbs/lessons' / path.name)
    (tmp_path / 'class/02_sql.ipynb').write_text('mine')
    assert lessons.main(tmp_path / 'class') == 2
    assert 'is there already' in capsys.readouterr().err
    assert (tmp_path / 'class/02_sql.ipynb').read_text() == 'mine'
    (tmp_path / 'file').write_text('x')
    assert lessons.main(tmp_path / 'file') == 2


def test_a_class_has_the_behaviour_that_it_is_given(tmp_path, capsys):
    import lessons
    (tmp_path / 'mine.toml').write_text('extends = "in"\nshop.currency = "AUD"\n')
    assert lessons.main(tmp_path / 'class', tmp_path / 'mine.toml') == 0
    assert read_behaviour(tmp_path / 'class/mine.toml')['shop.currency'] == 'AUD'
    assert lessons.main(tmp_path / 'american', 'us') == 0
    for folder, behaviour in (('class', 'mine.toml'), ('american', 'us')):
        handed = list((tmp_path / folder).glob('*.ipynb'))
        assert len(handed) == len(LESSONS)
        assert all(sum(f'behaviour = {behaviour!r}' in code for code in sources(lesson)) == 1 for lesson in handed)
    assert lessons.main(tmp_path / 'other', 'mars') == 2
    assert "There is no behaviour 'mars'" in capsys.readouterr().err
    assert not (tmp_path / 'other').exists()


@pytest.mark.parametrize('currency', ['EUR', 'USD', 'GBP', 'BRL', 'INR', 'AUD', 'CHF', 'PLN'])
@given(cents=st.integers(-10 ** 12, 10 ** 12))
def test_an_amount_is_read_as_it_is_shown(currency, cents):
    assert plain(money(cents / 100, currency=currency)) == pytest.approx(cents / 100, abs=.001)


# What the lessons say of any shop. Each sentence stands in its lesson, and holds in four shops and one with another
# behaviour; before a release in thirty and in three of each behaviour.

SEEDS = range(1, 31 if FULL else 5)
SHOPS = [('eu', seed) for seed in SEEDS] + [(b, seed) for b in RUNS[1:] for seed in range(1, 4 if FULL else 2)]
MOSTLY = ('An impressive gap, in nearly every shop', 'in nearly every shop a gap all the same')


def claims_meet_the_shop(shop):
    orders = shop.sql('select * from order_totals')
    sales = orders[orders.is_sale == 1]
    revenue, by = sales.revenue_cents, sales.groupby
    lines = shop.order_items.groupby('order_id').size()
    discounts = shop.order_items.groupby('order_id').discount_cents.sum().nlargest(2).tolist()
    sold = shop.sql('''select category, sum(quantity) as units, sum(revenue_cents) as cents
        from sales_lines group by all''')
    by_units, by_cents = (list(sold.sort_values(column).category) for column in ('units', 'cents'))
    days, months = by('order_day').revenue_cents.sum(), by(sales.order_day.dt.month).revenue_cents.sum()
    buyers = by('customer_id').revenue_cents.sum().sort_values(ascending=False)
    bill = orders.goods_cents - orders.discount_cents + orders.shipping_cents + orders.tax_cents * ~orders.tax_included
    return {
        'the region that has most customers': shop.customers.region.value_counts().head(2).diff().iloc[1] < 0,
        'Most orders are small, and a few are large.': (lines <= 3).mean() > .7 and lines.max() >= 10,
        'It does so for every order in the shop': (bill == orders.amount_cents).all(),
        'One customer got away with more off than anybody else.': discounts[0] > discounts[1],
        'Whole-order discounts are few': (shop.orders.discount_cents > 0).mean() < .1,
        'the picture even leaves some out': (revenue > 4 * revenue.mean()).any(),
        'most are below average': (revenue < revenue.mean()).mean() > .6,
        'an order that few people place': revenue.between(.9 * revenue.mean(), 1.1 * revenue.mean()).mean() < .1,
        'Months are calmer.': months.std() / months.mean() < .7 * days.std() / days.mean(),
        'The order of categories is another one.': by_units != by_cents,
        'a few do a lot': buyers[:len(buyers) // 5].sum() > .6 * buyers.sum()}


def claims_sql(shop):
    def rows(sql): return shop.sql(sql)
    gaps = rows('''select order_day - lag(order_day) over (partition by customer_id order by ordered_at) as days
        from order_totals where is_sale = 1''')
    gaps = gaps.days.map(plain).dropna()
    sales = rows('select * from order_totals where is_sale = 1')
    per_day = sales.groupby('order_day').size()
    weekend = per_day.index.dayofweek >= 5
    shown = rows(next(code for code in sources(book('sql')) if 'first_order_id' in code).partition('\n')[2])
    joined = rows('select sum(shipping_cents) as cents from orders join order_items using (order_id)').cents[0]
    students = rows("select city from customers where segment = 'student' group by city having count(*) >= 5")
    return {
        '`where price_cents < 20` finds nothing': shop.products.price_cents.min() >= 20,
        'Cities with many customers:': len(students) > 0,
        'where nothing fits, the right side is null': 0 < shown.first_order_id.isna().sum() < 10,
        'Look at one order before and after': (sales.lines[sales.shipping_cents > 0] == 3).any(),
        'How far off would the whole shop be?': joined > 1.1 * shop.orders.shipping_cents.sum(),
        'Everyone with ten sales or more': (sales.groupby('customer_id').size() >= 10).sum() > 20,
        'Were you surprised?': per_day[weekend].mean() < per_day[~weekend].mean(),
        'most come back well before the mean': (gaps < gaps.mean()).mean() > .65,
        'and a few very much later': gaps.max() > 8 * gaps.mean()}


def claims_cohorts_rfm_ltv(shop):
    sales = shop.sql('''select customer_id, order_day, revenue_cents / 100 as revenue
        from order_totals where is_sale = 1''')
    buyers = shop.sql('select * from buyers').set_index('customer_id')
    new, month = buyers[buyers.is_new], buyers.cohort.dt.month
    firsts, of_new = month.value_counts(), new.cohort.dt.month.value_counts()
    last_day = shop.orders.ordered_at.max().normalize()
    theirs = sales.join(new, on='customer_id', how='inner')
    so_far = theirs.groupby('cohort').revenue.sum() / new.groupby('cohort').size()
    span = pd.Timedelta(days=60)
    had_it = new[new.first_order_day + span <= last_day]
    in_60 = theirs[theirs.customer_id.isin(had_it.index) & (theirs.order_day <= theirs.first_order_day + span)]
    in_60 = (in_60.groupby('cohort').revenue.sum() / had_it.groupby('cohort').size()).iloc[:-1]
    by_customer = sales.groupby('customer_id')
    recency, frequency = (last_day - by_customer.order_day.max()).dt.days, by_customer.size()
    cells = shop.ask('cohort_retention').frame.query('month_number > 0').customers
    truth = shop.truth()['customers'].set_index('customer_id').loc[recency.index]
    wrong = (truth.dropped_out_on >= last_day)[recency > 90].mean()
    autumn = sales.order_day >= '2025-10-01'
    before = sales[~autumn].groupby('customer_id').order_day.max()
    again = pd.Series(before.index.isin(sales.customer_id[autumn]), before.index)
    lately = before >= '2025-08-01'
    spring = sales.order_day.dt.month <= 6
    first, second = (sales[half].customer_id.value_counts() for half in (spring, ~spring))
    best = first.index[:100]
    trend = lambda s: s.reset_index(drop=True).corr(pd.Series(range(len(s))), method='spearman')
    fall = lambda s: np.log(s[:5].mean() / s[5:].mean())
    return {
        'What a January! And never again': firsts[1] > 1.1 * firsts.drop(1).max(),
        'for most of them it comes early in the year': (month[~buyers.is_new] <= 4).mean() > .7,
        'The mountain was made of old customers.': (~buyers.is_new)[month == 1].mean() > .6,
        'The new ones tell quite another story.': of_new[1] < .7 * of_new.max(),
        'a cell is made of about ten people': 7 <= cells.median() <= 14,
        'those who bought lately are the likeliest to buy again': again[lately].mean() > 2 * again[~lately].mean(),
        'hardly anybody who used to buy often has been away for long': (recency[frequency >= 10] > 240).mean() < .05,
        'are getting worse and worse!': trend(so_far) < -.5 and so_far[:3].mean() > 1.5 * so_far[-3:].mean(),
        'Most of the decline has gone': fall(in_60) < .6 * fall(so_far),
        'many of these days are far in the future': (truth.dropped_out_on > '2026-12-31').mean() > .2,
        'A coin would do as well.': .4 < wrong < .6,
        'wrong about half of those it gives up': .4 < wrong < .6,
        'some people buy every other week': (frequency >= 26).sum() >= 3,
        'and some once a year': (frequency == 1).mean() > .2,
        'Some left, as some always do': (truth.dropped_out_on.loc[best] < '2025-07-01').any(),
        'The habit stays, the luck does not.': .3 < second.reindex(best, fill_value=0).mean() / first[best].mean() < .9}


FIRST, LAST, BEFORE = map(pd.Timestamp, ('2025-11-03', '2025-11-16', '2025-10-20'))


def toy_lines(shop):
    "Lines of sales in the promotion and in the two weeks before."
    lines = shop.sql("""select customer_id, order_day, quantity, category = 'Toys' as toy, revenue_cents as cents,
        revenue_cents - cost_cents as margin from sales_lines""")
    day = lines.order_day
    return lines[day.between(FIRST, LAST)], lines[(day >= BEFORE) & (day < FIRST)]


def usual_toys(shop):
    "Units of toys in two usual weeks of the chart, which begins in August."
    weeks = shop.sql("""select date_trunc('week', order_day) as week, sum(quantity) as units from sales_lines
        where category = 'Toys' and order_day >= date '2025-08-04' group by week""")
    return 2 * weeks.units[~weeks.week.between(FIRST, LAST)].median()


def spending(lines):
    "What each customer spent, whether a toy was among it, and the number of lines."
    people = lines.groupby('customer_id').agg(cents=('cents', 'sum'), toy=('toy', 'any'), bought=('toy', 'size'))
    return people.assign(bought=people.bought.clip(upper=8))


def means(people): return people.groupby('toy').cents.mean()


def promotion_units(shop, without):
    "Toys and others sold: before, in the promotion, and in the same weeks without it."
    (during, before), (same_weeks, _) = toy_lines(shop), toy_lines(without)
    return [[int(f.quantity[f.toy == is_toy].sum()) for f in (before, during, same_weeks)] for is_toy in (True, False)]


def claims_did_the_promotion_work(shop, without):
    (during, before), (same_weeks, _) = toy_lines(shop), toy_lines(without)
    (was, now, would), (others_was, others_now, others_would) = promotion_units(shop, without)
    people = spending(during)
    gap, placebo = means(people), means(spending(before))
    by_size = people.groupby(['bought', 'toy']).cents.mean().unstack().dropna()
    left, takers = by_size[True] - by_size[False], people[people.toy].groupby('bought').size()
    adjusted = (left * takers.loc[left.index]).sum() / takers.loc[left.index].sum()
    share = people.groupby('bought').toy.mean()
    keys = ['order_id', 'customer_id', 'ordered_at']
    took, anyway = set(during.customer_id[during.toy]), set(same_weeks.customer_id[same_weeks.toy])
    return {
        'It is hard to miss.': now > 1.5 * usual_toys(shop),
        'They did not stand still either.': others_now != others_was,
        'An impressive gap, in nearly every shop': gap[True] > 1.2 * gap[False],
        'in nearly every shop a gap all the same': placebo[True] > placebo[False],
        'someone who buys ten has ten': share[8] > 1.5 * share[1],
        'Much of the gap is gone': adjusted < .6 * (gap[True] - gap[False]),
        'in some groups those with a toy now spend *less*': (left < 0).any(),
        'No customer is in that list': shop.customers.equals(without.customers),
        'of the orders neither who placed them nor when': shop.orders[keys].equals(without.orders[keys]),
        'the promotion did sell toys, and a lot of them': now > 1.2 * would,
        'The other categories were *not* left alone': others_now < others_would,
        'including those who would have paid the full price': len(took & anyway) > .2 * len(took),
        'So much for "every month".': during.margin.sum() < same_weeks.margin.sum(),
        'the shop got poorer by it': during.margin.sum() < same_weeks.margin.sum()}


@pytest.fixture(scope='module')
def many_shops():
    "For each lesson and sentence the shops in which it does not hold; and how far the two estimates of lesson 4 miss."
    failed, missed = {}, []
    for behaviour, seed in SHOPS:
        shop = Shop(seed=seed, behaviour=behaviour)
        promoted = Shop(seed=seed, behaviour=behaviour, **SETTINGS['did_the_promotion_work'])
        claims = dict(
            meet_the_shop=claims_meet_the_shop(shop),
            sql=claims_sql(shop),
            cohorts_rfm_ltv=claims_cohorts_rfm_ltv(shop),
            did_the_promotion_work=claims_did_the_promotion_work(promoted, shop),
        )
        for name, sentences in claims.items():
            for sentence, holds in sentences.items():
                shops = failed.setdefault(name, {}).setdefault(sentence, [])
                if not holds: shops.append((behaviour, seed))
        (was, now, would), (others_was, others_now, _) = promotion_units(promoted, shop)
        missed.append((would - was, would - was * others_now / others_was))
    return failed, missed


@pytest.mark.slow
@each_lesson
def test_what_a_lesson_says_holds_in_many_shops(many_shops, name):
    text = '\n'.join(sources(book(name), 'markdown'))
    for sentence, shops in many_shops[0][name].items():
        assert sentence in text, f'the lesson no longer says: {sentence}'
        few = max(1, len(SHOPS) // 10) if sentence in MOSTLY else 0
        assert len(shops) <= few, f'{sentence} This does not hold for {shops}.'


@pytest.mark.slow
def test_each_estimate_is_too_large_in_some_shops_and_too_small_in_others(many_shops):
    for misses in zip(*many_shops[1]):
        assert min(misses) < -5
        assert max(misses) > 5
