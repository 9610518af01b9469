"A shop that lacks something: a question has the answer that it would have, or is refused with the column's name."
import duckdb, pytest

from shop_nb.analytics.connect import connect
from shop_nb.analytics.measures import MEASURES, Filters, measurable, measure_sql
from shop_nb.analytics.questions import analysis_sql, ask, askable, needs, questions
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError
from shop_nb.database.load import load
from shop_nb.generator.blocks import tables
from support import FULL
from support.absent import CASES, DAILY, FLAT, NEUTRAL, answers, case_name, emptied, lacking, neutral, opened

every_case = pytest.mark.parametrize('absent', CASES if FULL else DAILY, ids=case_name)


@pytest.fixture(scope='module')
def shop(): return tables(Settings(scale=.05))


@pytest.fixture(scope='module')
def whole(shop): return answers(opened(shop))


@pytest.fixture(scope='module')
def asked(shop):
    "The answers of the shop without some columns; asked once for each case"
    kept = {}
    def ask_without(absent):
        if absent not in kept: kept[absent] = answers(opened(emptied(shop, absent), lacking(absent)))
        return kept[absent]
    return ask_without


@every_case
def test_a_question_is_answered_as_before_or_refused(shop, whole, asked, absent):
    degraded = set(absent) & set(NEUTRAL)
    expected = answers(opened(neutral(shop, absent))) if degraded else whole
    for name, answer in asked(absent).items():
        if isinstance(answer, ShopError):
            assert answer.code == 1
            assert any(f"{name} needs {lost}, which this shop's source does not have" in str(answer) for lost in absent)
            continue
        assert set(answer.frame) <= set(expected[name].frame)
        assert answer.frame.equals(expected[name].frame[list(answer.frame)]), name
        changed = not answer.frame.equals(whole[name].frame[list(answer.frame)])
        assert answer.question.caveats or not changed, f'{name} takes something for granted and does not say so'
        assert all(words in answer.subtitle for words in answer.question.caveats)


@every_case
def test_no_column_that_is_left_rests_on_what_is_absent(shop, whole, asked, absent):
    "Whatever the source might have had there, the columns that are left would be the same, or the answer has a caveat."
    others = {name: value for name, value in _others(shop).items() if name in absent}
    changed = answers(opened(emptied(shop, others, others)))
    for name, answer in asked(absent).items():
        if isinstance(answer, ShopError) or answer.question.caveats: continue
        kept = list(answer.frame)
        assert changed[name].frame[kept].equals(whole[name].frame[kept]), name


def _others(shop):
    "For each column that may be absent, the value that it has least often: one that would show"
    found = {}
    for full in [name for case in CASES[:-1] for name in case if '.' in name]:
        table, column = full.split('.')
        counts = shop[table][column].drop_null().value_counts().to_pylist()
        found[full] = min(counts, key=lambda c: (c['counts'], str(c['values'])))['values']
    return found


@pytest.mark.parametrize('absent', [case for case in CASES if len(case) == 1], ids=case_name)
def test_what_a_question_needs_is_what_it_is_refused_for(absent):
    refused = [name for name in questions() if absent[0] in needs(name)]
    assert sorted(askable(absent)[1]) == sorted(refused)


@every_case
def test_a_measure_is_had_as_before_or_left_out(shop, absent):
    con, expected = opened(emptied(shop, absent), lacking(absent)), opened(neutral(shop, absent))
    found, refused = measurable(absent)
    assert set(found) | set(refused) == set(MEASURES)
    assert not set(found) & set(refused)
    assert all(any(lost in why for lost in absent) for why in refused.values())
    for name in found:
        values = [c.sql(sql).fetchall() for c, sql in
                  ((con, measure_sql(name, Filters(), absent)), (expected, measure_sql(name, Filters())))]
        assert values[0] == values[1], name


def test_a_database_answers_as_a_folder_does(shop, tmp_path):
    market, lost = lacking(FLAT), emptied(shop, FLAT)
    load(lost, tmp_path / 'shop.db', market=market)
    frames, database = answers(opened(lost, market)), answers(connect(tmp_path / 'shop.db'))
    for name, answer in frames.items():
        if isinstance(answer, ShopError): assert str(answer) == str(database[name])
        else: assert answer.frame.equals(database[name].frame)


def test_the_script_of_all_questions_has_those_that_can_be_asked(shop):
    con = duckdb.connect()
    script = analysis_sql(absent=FLAT)
    lost = emptied(shop, FLAT)
    for name in ('customers', 'products', 'orders', 'order_items'):
        columns = [c for c in lost[name].column_names if f'{name}.{c}' not in FLAT]
        con.register(name, lost[name].select(columns))
    body = '\n'.join(line for line in script.splitlines() if 'read_parquet' not in line)
    con.execute(body)
    assert 'monthly_revenue' in script
    assert '-- payment_methods' not in script


def test_a_whole_shop_has_no_caveat(whole):
    assert all(answer.question.caveats == () for answer in whole.values())
    assert ask('monthly_revenue', opened(tables(Settings(scale=.02)))).subtitle == (
        'one row per calendar month; amounts in EUR')
