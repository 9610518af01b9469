"The lessons grade answers: the solution has full marks, an empty lesson none, and each mistake gets the hint that is meant for it."
import datetime as dt, itertools, json, re
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import numpy as np, pandas as pd, pyarrow as pa, pytest
from hypothesis import given, settings, strategies as st

from shop_nb import Shop, ShopError
from shop_nb.grade import LESSONS, Exercise, Session, as_frame, columns, grade, is_empty, is_sql, plain, read_lesson, same, start

ROOT = Path(__file__).resolve().parents[1]
BOOKS = sorted((ROOT / 'nbs/lessons').glob('*.ipynb'))
each_lesson = pytest.mark.parametrize('name', LESSONS)
EXERCISES = [(name, e) for name in LESSONS for e in read_lesson(name).exercises.values()]
each_exercise = pytest.mark.parametrize('name,exercise', EXERCISES, ids=[f'{n}-{e.name}' for n, e in EXERCISES])


def book(name, kind=''):
    "The notebook of a lesson, of its solutions or of its exercises."
    return ROOT / 'nbs/lessons' / kind / f'{LESSONS.index(name) + 1:02}_{name}.ipynb'


def sources(path, kind='code'):
    return [''.join(c['source']) for c in json.loads(path.read_text(encoding='utf-8'))['cells'] if c['cell_type'] == kind]


SETTINGS = dict(did_the_promotion_work=dict(promotion='Toys 30 2025-11-03 2025-11-16'))


@lru_cache
def shop_of(name, seed): return Shop(seed=seed, **SETTINGS.get(name, {}))


@pytest.fixture(scope='module')
def shell():
    "An IPython of our own, which plays notebooks without a kernel."
    from IPython.core.interactiveshell import InteractiveShell
    import matplotlib
    matplotlib.use('agg')
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def play(shell, path, seed):
    "Run a notebook with another seed; its score sheet."
    shell.reset(new_session=False)
    for code in sources(path):
        done = shell.run_cell(re.sub(r'^seed = \d+$', f'seed = {seed}', code), silent=True)
        done.raise_error()
    import matplotlib.pyplot as plt
    plt.close('all')
    return shell.user_ns['score']()


def test_every_lesson_has_its_three_notebooks():
    for name in LESSONS: assert all(book(name, kind).is_file() for kind in ('', 'exercises', 'solutions')), name
    assert [p.stem[3:] for p in BOOKS] == list(LESSONS)


@each_lesson
def test_the_solution_has_full_marks(shell, name, capsys):
    sheet = play(shell, book(name, 'solutions'), 5)
    assert sheet.points == sheet.of > 5, repr(sheet)


@each_lesson
def test_an_empty_lesson_has_none(shell, name, capsys):
    sheet = play(shell, book(name), 5)
    assert sheet.points == 0 and {v.state for v in sheet.verdicts} == {'empty'}


@each_lesson
def test_a_lesson_asks_each_exercise_once_and_gives_no_answer(name):
    "A task in words, `answer = ...`, a check: for each exercise, in order; and the shop is the student's own."
    code = sources(book(name))
    asked = [i for i, s in enumerate(code) if s.startswith('check(')]
    assert [re.fullmatch(r"check\('(\w+)', answer\)", code[i])[1] for i in asked] == list(read_lesson(name).exercises)
    assert all(re.fullmatch(r'answer = (\.\.\.|"""\n\.\.\.\n""")', code[i - 1]) for i in asked), name
    tasks = re.findall(r'^### Exercise (\d+)\. ', '\n'.join(sources(book(name), 'markdown')), re.M)
    assert [int(t) for t in tasks] == list(range(1, len(asked) + 1)) and 6 <= len(tasks) <= 10
    assert code[0] == 'seed = 7'


@each_exercise
def test_an_exercise_is_complete(name, exercise):
    assert exercise.hints and exercise.mistakes and exercise.title and exercise.points > 0
    assert len(set(exercise.mistakes.values())) == len(exercise.mistakes)
    for text in (*exercise.hints, *exercise.mistakes.values()): assert text[-1] in '.?!`' and text.count('`') % 2 == 0, text


@each_exercise
def test_the_right_answer_scores_and_each_mistake_gets_its_words(name, exercise):
    "In one shop of three, two mistakes may come to the same number; not in all of them."
    told = set()
    for shop in (shop_of(name, seed) for seed in (7, 8, 9)):
        right = exercise.value(exercise.right, shop)
        assert grade(exercise, right, shop).points == exercise.points
        assert grade(exercise, right.round(exercise.places), shop).state == 'right'
        if not exercise.ordered: assert grade(exercise, right.iloc[::-1, ::-1], shop).state == 'right'
        for how in exercise.also: assert grade(exercise, exercise.value(how, shop), shop).state == 'right'
        for how, says in exercise.mistakes.items():
            verdict = grade(exercise, exercise.value(how, shop), shop)
            if verdict.says == says: told.add(says); assert (verdict.state, verdict.points) == ('mistake', 0)
    assert told == set(exercise.mistakes.values())


@each_exercise
def test_what_is_no_answer_and_what_is_just_wrong(name, exercise):
    shop = shop_of(name, 7)
    for empty in (..., None, '', ' ... ', 'select ... from orders'): assert grade(exercise, empty, shop).state == 'empty'
    for wrong in (-1, pd.DataFrame(), [], 'no idea', len, pd.DataFrame({'a': [[1], {}]}), float('nan')):
        verdict = grade(exercise, wrong, shop)
        assert verdict.state == 'wrong' and verdict.says and verdict.points == 0
        assert verdict._repr_html_() and repr(verdict)


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
    text = '\n'.join([*sources(book(name), 'markdown'), *exercise.hints, *exercise.mistakes.values()])
    for said in {f'{value:,.0f}', f'{value:.0f}', f'{value:,.2f}'}: assert not re.search(rf'(?<![\d.,]){re.escape(said)}(?![\d])', text), said


cell = st.one_of(st.none(), st.integers(-1000, 1000), st.floats(-1e6, 1e6, allow_nan=False), st.sampled_from(['a', 'b', 'c']), st.dates(dt.date(2025, 1, 1), dt.date(2025, 12, 31)))
frames = st.integers(1, 4).flatmap(lambda wide: st.lists(st.tuples(*[cell] * wide), min_size=1, max_size=8)).map(pd.DataFrame)


@given(frame=frames, luck=st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_names_and_orders_do_not_matter(frame, luck):
    rows, cols = list(range(len(frame))), list(range(frame.shape[1]))
    luck.shuffle(rows); luck.shuffle(cols)
    other = frame.iloc[rows, cols].set_axis([f'x{i}' for i in cols], axis=1).assign(more=1)
    assert same(columns(other), columns(frame))


@given(numbers=st.lists(st.floats(-1e5, 1e5, allow_nan=False), min_size=1, max_size=8), at=st.integers(0, 7), by=st.floats(.02, 1000))
@settings(max_examples=100, deadline=None)
def test_a_rounded_number_is_right_and_a_changed_one_is_not(numbers, at, by):
    frame = pd.DataFrame(dict(k=range(len(numbers)), v=numbers))
    assert same(columns(frame.round(2)), columns(frame))
    wrong = frame.copy(); wrong.loc[at % len(frame), 'v'] += by
    assert not same(columns(wrong), columns(frame))


def test_values_stand_beside_the_right_names():
    right = pd.DataFrame(dict(k=['a', 'b'], v=[1., 2.]))
    assert not same(columns(right.assign(v=[2., 1.])), columns(right))
    assert same(columns(right.iloc[::-1]), columns(right)) and not same(columns(right.iloc[::-1]), columns(right), ordered=True)


@pytest.mark.parametrize('answer', [3, 3., '3', np.int64(3), np.float32(3), Decimal(3), [3], (3,), {3}, np.array([3]), np.array(3), pd.Series([3]), pd.DataFrame([[3]]),
                                    dict(n=3), 'select 3', '-- three\n  SELECT 3 as n', '(select 3)', 'with t as (select 3 as n) from t', pd.Series({'n': 3}), np.array([[3]])])
def test_any_form_of_an_answer_is_read(answer):
    shop = shop_of('sql', 7)
    frame = as_frame(answer, shop)
    assert len(frame) == 1
    assert same(columns(frame), [[3.]])


@pytest.mark.parametrize('answers', list(itertools.permutations(['right', 'wrong', 'empty'])))
def test_the_best_answer_counts(answers):
    "In whatever order they come: what was right stays right, and nothing is worth less than something wrong. Each check tells of its own answer."
    check, hint, score = start('meet_the_shop', shop := shop_of('meet_the_shop', 7))
    given, worst_first = dict(right=shop.orders.customer_id.nunique(), wrong=0, empty=...), ['empty', 'wrong', 'right']
    def sheet(): return next(v for v in score().verdicts if v.exercise.name == 'buyers')
    assert (sheet().state, score().points) == ('empty', 0)
    for i, state in enumerate(answers):
        told = check('buyers', given[state])
        best = max(answers[:i + 1], key=worst_first.index)
        assert told.state == state and ('An earlier answer was right' in told.says) == (best == 'right' != state)
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


@pytest.mark.parametrize('begin', ['/* mine */ ', '/* two\nlines */\n-- and one\n\n', '-- a -- b\n/* c */ /* d */', '((', ' \n\t-- x\n', '/**/;', '/* a /* b */ c */', '/* it is * / or ** */', '-- ... what now?\n', "/* … */ "])
@pytest.mark.parametrize('end', ['', ';', ' ;\n', ' -- the end', " /* ... */"])
def test_sql_behind_comments_and_brackets_is_sql(begin, end):
    shop = ODD_SHOP
    sql = begin + 'select count(*) from orders' + ')' * begin.count('(') + end
    assert as_frame(sql, shop).iloc[0, 0] == len(shop.orders)
    assert not is_empty(sql) and is_empty(begin + 'select ... from orders') and is_empty('select … from orders')
    assert not is_empty("select '...' as dots, 1 as \"...\"") and not is_empty("with t as (select 'it''s ...' as x) from t") and not is_sql('/* 7 */ 7')


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
    return dict(frame=frame, series=counts, arrow=arrow, batch=arrow.to_batches()[0], reader=arrow.to_reader(), relation=duck().sql('from f'), executed=duck().execute('from f'),
                fetched=duck().sql('from f').fetchall(), columns={'status': list(frame.status), 'n': list(frame.n)}, arrays=dict(status=frame.status.to_numpy(), n=frame.n.to_numpy()),
                serieses={'status': frame.status, 'n': frame.n}, mapping=counts.to_dict(), tuples=list(frame.itertuples(index=False)), pairs=tuple(zip(frame.status, frame.n)),
                zipped=zip(frame.status, frame.n), items=counts.to_dict().items(), records=frame.to_dict('records'), record_array=frame.to_records(index=False), objects=frame.to_numpy(),
                lists=frame.values.tolist(), chained=iter(frame.values.tolist()), indexed=frame.set_index('status'))


@pytest.mark.parametrize('form', list(forms(Shop(customers=20, products=20, orders=30, order_items=60))))
def test_what_libraries_hand_out_is_taken(form):
    shop = Shop(customers=200, products=60, orders=400, order_items=1000)
    e = Exercise('x', 'X', 'select status, count(*) as n from orders group by all', {}, ())
    assert grade(e, forms(shop)[form], shop).state == 'right'


class Awkward:
    "Says nothing without an error."
    def __getattr__(self, name):
        if name.startswith('__'): raise AttributeError(name)
        return self
    def __call__(self, *a, **k): raise TypeError('no')
    def __str__(self): raise ValueError('no')


ODD = [ShopError('gone', 'look'), ValueError(), ValueError, None, ..., len, print, int, pytest, Shop, object(), Awkward(), b'x', b'', '', '()', ';', '/*', "select '", 'select', 'from', 'drop view orders',
       'select 1; drop view orders', "copy orders to 'x.csv'", [], {}, (), set(), [[]], [{}], [None], [...], [[1], [1, 2]], {'a': [1, 2], 'b': [1]}, {'a': 1, 'b': [1]}, {1: {2: 3}}, range(0), range(5), 10**400, -1e308,
       float('inf'), float('nan'), 1 + 2j, Decimal('NaN'), Decimal('sNaN'), Decimal('Infinity'), pd.NaT, pd.NA, np.nan, np.datetime64('NaT'), np.timedelta64('NaT'), np.array([]), np.array(None), np.zeros((0, 3)),
       np.zeros((2, 2, 2)), np.ma.masked, pd.DataFrame(), pd.DataFrame(index=[1, 2]), pd.DataFrame([[1, 2]], columns=['a', 'a']), pd.Series(dtype=float), pd.Index([]), pd.Categorical(['a']), pd.Interval(0, 1), dt.time(1),
       dt.date(1, 1, 1), dt.datetime.max, dt.timedelta.max, pd.Timestamp.max, pd.Period('2025Q1'), slice(1), memoryview(b'ab'), lambda: 1, (x for x in 'ab'), itertools.count(), pa.array([1]), pa.chunked_array([[1]]),
       pa.scalar(1), pa.table({}), pa.schema([]), pa.array([{'a': 1}]), {'a'}, frozenset({1}), {None: None}, [object()], [ShopError('a', 'b')], re.compile('x'), Path('x'), type('T', (), dict(shape=(2,)))()]


@pytest.mark.parametrize('answer', ODD, ids=lambda a: type(a).__name__)
@pytest.mark.parametrize('right', ['select 42', 'select status, count(*) as n from orders group by all', "select date '2025-01-01' as month, 1.5 as x"])
def test_any_object_gets_a_verdict_in_words(answer, right):
    shop = ODD_SHOP
    verdict = grade(Exercise('x', 'X', right, {}, ()), answer, shop)
    assert verdict.state in ('wrong', 'empty') and (verdict.says or verdict.state == 'empty') and repr(verdict) and verdict._repr_html_()
    assert shop.sql('select count(*) as n from order_totals').n[0] == 400


ODD_SHOP = Shop(customers=200, products=60, orders=400, order_items=1000)


def test_forms_that_are_as_good():
    check, _, _ = start('meet_the_shop', shop := shop_of('meet_the_shop', 7))
    sales = shop.sql('select order_day, revenue_cents / 100 as revenue from order_totals where is_sale = 1')
    day = sales.order_day
    for month in (day.dt.month, day.dt.strftime('%Y-%m'), day.dt.strftime('%B'), day.dt.strftime('%b'), day.dt.strftime('%b %Y'), day.dt.strftime('%B %Y'), day.dt.strftime('%b-%Y'),
                  day.dt.strftime('%Y-%m-01'), day.dt.strftime('%Y-%m-01 00:00:00'), day.dt.to_period('M').dt.start_time, day.dt.to_period('M').dt.start_time.dt.date, day.dt.month.astype(str), day.dt.strftime('%m'), day.dt.to_period('M'), day.dt.to_period('M').dt.end_time.dt.normalize()):
        assert check('months', sales.revenue.groupby(month).sum()).state == 'right'
    assert check('months', shop.ask('monthly_revenue')).state == 'right'


@pytest.mark.parametrize('answer,says', [(lambda d: round(d, 0), 'more decimals'), (lambda d: d * 100, 'factor of 100'), (lambda d: 'a lot', 'A number is wanted'),
                                         (lambda d: [d, d], 'One row is wanted'), (lambda d: d + 5, 'not it')])
def test_a_wrong_answer_is_told_what_is_wrong(answer, says):
    exercise = read_lesson('sql').exercises['gap']
    shop = shop_of('sql', 7)
    assert says in grade(exercise, answer(exercise.value(exercise.right, shop).iat[0, 0]), shop).says
