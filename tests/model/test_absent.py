"What a shop that lacks something does not have: columns that must be there, and rules that need what is absent."
import sqlite3

import duckdb, pyarrow as pa, pytest

from shop_nb.behaviour.settings import Settings
from shop_nb.database.load import load
from shop_nb.files.market import source_market
from shop_nb.generator.blocks import tables
from shop_nb.model.market import Market, as_dict, from_dict, left_out, market_rules, tables_of
from shop_nb.model.rules import RULES
from shop_nb.model.schema import TABLES
from shop_nb.quality.validate import validate
from support import FULL
from support.absent import CASES, DAILY, FLAT, case_name, emptied, lacking

every_case = pytest.mark.parametrize('absent', CASES if FULL else DAILY, ids=case_name)


@pytest.fixture(scope='module')
def shop(): return tables(Settings(scale=.05))


def bound(sql, absent=()):
    "Whether a query binds where some columns are not there."
    con = duckdb.connect()
    for t in TABLES.values():
        if t.name in absent: continue
        columns = [c.name for c in t.columns if f'{t.name}.{c.name}' not in absent]
        con.register('example', pa.table({c: [] for c in columns}))
        con.execute(f'create table {t.name} as from example')
    try: con.sql(sql)
    except duckdb.Error: return False
    return True


@every_case
def test_what_must_not_be_null_is_not_what_is_absent(absent):
    for name, t in tables_of(lacking(absent)).items():
        for c in t.columns:
            assert c.nullable == (TABLES[name][c.name].nullable or f'{name}.{c.name}' in absent)


@every_case
def test_a_rule_is_left_out_only_for_what_is_absent(absent):
    "Each of these rules runs with the absent columns there, and says which of them it needs."
    market = lacking(absent)
    names = {n for full in absent for n in full.split('.')[-1:]}
    for rule in RULES:
        why = left_out(market).get(rule.name)
        if why is None: continue
        assert why.removeprefix('needs ') in names, why
        assert not bound(rule.query('duckdb'), absent)
    kept = {r.name for r in market_rules(market)}
    gone = {r.name for r in RULES} - kept - set(left_out(market))
    checks = {f'{t.name}.{c.name}' for t in TABLES.values() for c in (*t.checks, *t.columns)}
    assert gone <= checks, 'only checks of a table and of its columns go with a column, without being named'


@every_case
def test_it_is_valid_and_the_report_counts_what_is_left_out(shop, absent):
    report = validate(emptied(shop, absent), market=lacking(absent))
    assert report.ok, str(report)
    needs = sum(why.startswith('needs') for why in report.left_out.values())
    assert (f'{needs} more need what this shop does not have' in report.summary) == bool(needs)


@pytest.mark.parametrize('full', [name for case in CASES for name in case if len(case) == 1 and '.' in name
                                  and not TABLES[name.split('.')[0]][name.split('.')[1]].nullable])
def test_a_whole_shop_may_not_lack_it(shop, full):
    report = validate(emptied(shop, [full]))
    assert not report.ok
    assert any(f['column'] == full.split('.')[1] for f in report.failures)


def test_the_database_has_the_nulls_and_knows_what_is_absent(shop, tmp_path):
    market = Market(absent=FLAT, gaps=('products.name',), waived=('one_price_a_day',), own=True)
    path = tmp_path / 'x.db'
    load(emptied(shop, FLAT), path, market=market)
    assert source_market(path) == market
    with sqlite3.connect(path) as con:
        for full in FLAT:
            table, _, column = full.partition('.')
            count = f'count({column})' if column else 'count(*)'
            assert con.execute(f'select {count} from {table}').fetchone() == (0,), full
        assert con.execute('select count(*) from orders').fetchone()[0] == shop['orders'].num_rows
        with pytest.raises(sqlite3.IntegrityError, match='NOT NULL'): con.execute('update orders set ordered_at = null')


def test_a_made_shops_market_says_nothing_of_it():
    assert set(as_dict(Market())) == {'currency', *dict(Market().lists)}
    market = Market(absent=('payments',), own=True)
    assert from_dict(as_dict(market)) == market
