"The declaration: everything follows from it, and pandera refuses what it forbids."
import csv, subprocess, sys
from dataclasses import replace
from datetime import date
import numpy as np
import pandas as pd
import pandera.errors
import pytest
from shop_nb.model import schema
from shop_nb.model.dictionary import dictionary
from shop_nb.model.er_diagram import er_diagram
from shop_nb.model.rules import (
    RULES, declared_rules, violations
)
from shop_nb.model.schema import (
    CAPTURED, DAY_KEYS, LINE_KEYS, MAX_LINE, ORDER_STATUSES, PAYMENT_STATUSES, REFUNDED, SALE,
    STATUS_PAIRS, TABLES, Check, arrow_schema, example_row, pandera_schema
)
from shop_nb.model.dialects import create_tables, to_dialect
from shop_nb.behaviour.settings import MAX_LINES
from shop_nb.reporting.profile import MINIMAL_ABOVE
from shop_nb.core.errors import ShopError
from support.examples import BAD_ROWS, CHECKS, SHOPS, column, sqlite_shop


def derived(tables, table):
    "Everything that is derived from one table, as text, by kind."
    t = tables[table]
    p = pandera_schema(t)
    return dict(
        arrow=arrow_schema(t).to_string(),
        dictionary=str(dictionary(t)),
        picture=er_diagram(tables),
        example=str(example_row(t).to_pydict()),
        pandera=str(
            [
                (n, str(c.dtype), c.nullable, c.unique, [(k.name, str(k.statistics)) for k in c.checks])
                for n, c in p.columns.items()
            ]
            + [k.name for k in p.checks]
        ),
        sqlite='\n'.join(create_tables('sqlite', tables)),
        duckdb='\n'.join(create_tables('duckdb', tables)),
        rules=str(declared_rules(tables)),
    )


@pytest.mark.parametrize('changes, moved', [
    (dict(name='postage_cents'), 'arrow dictionary picture example pandera sqlite duckdb rules'),
    (dict(type='text', ge=None, example='490'), 'arrow dictionary picture example pandera sqlite duckdb rules'),
    (dict(nullable=True), 'arrow dictionary picture pandera sqlite duckdb rules'),
    (dict(ge=10), 'dictionary pandera sqlite duckdb rules'),
    (dict(le=5000), 'dictionary pandera sqlite duckdb rules'),
    (dict(values=(0, 490)), 'dictionary pandera sqlite duckdb rules'),
    (dict(unique=True), 'dictionary picture pandera sqlite duckdb rules'),
    (dict(doc='Postage'), 'arrow dictionary picture sqlite duckdb')], ids=str)
def test_one_change_moves_everything(changes, moved):
    before, after = derived(TABLES, 'orders'), derived(column('orders', 'shipping_cents', **changes), 'orders')
    assert {k for k in before if before[k] != after[k]} == set(moved.split())


def test_a_new_check_moves_everything():
    t = replace(
        TABLES['orders'],
        checks=(
            *TABLES['orders'].checks,
            Check('free_web', 'The web ships for nothing', "shipping_cents = 0 or channel <> 'web'"),
        ),
    )
    tables = TABLES | dict(orders=t)
    assert 'free_web' in '\n'.join(create_tables('sqlite', tables))
    assert any(
        r.name == 'orders.free_web' for r in declared_rules(tables)
    )
    with pytest.raises(pandera.errors.SchemaError, match='free_web'):
        pandera_schema(t).validate(example_row(t).to_pandas())


def test_a_new_reference_moves_the_picture_and_the_rules():
    tables = column('payments', 'attempts', references='customers')
    assert 'customers to payments.attempts' in er_diagram(tables)
    assert 'payments.attempts_exists' in {r.name for r in declared_rules(tables)}
    assert 'attempts integer not null references customers' in '\n'.join(create_tables(tables=tables))


@pytest.mark.parametrize(
    'call',
    [
        lambda: arrow_schema('order'),
        lambda: dictionary('x'),
        lambda: create_tables('oracle'),
        lambda: to_dialect('1', 'oracle'),
        lambda: RULES[0].query('oracle'),
    ],
)
def test_unknown_names_are_told(call):
    with pytest.raises(ShopError) as e: call()
    assert e.value.code == 2
    assert len(str(e.value).splitlines()) == 2

IMPORT_MODEL = '''
import sys
from shop_nb.model import dialects, dictionary, er_diagram, rules, schema, views
print([m for m in ('pandas', 'pandera', 'duckdb', 'matplotlib') if m in sys.modules])
'''


def test_heavy_modules_stay_out():
    done = subprocess.run([sys.executable, '-c', IMPORT_MODEL], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_keys_stay_whole_in_json():
    last = ((89_12_31 * DAY_KEYS + DAY_KEYS - 1) * LINE_KEYS) + MAX_LINES
    assert last < 2**53
    assert MAX_LINES < LINE_KEYS


def test_money_stays_within_64_bits():
    goods = MAX_LINES * MAX_LINE
    assert goods * goods * 1.3 < 2**63


def test_status_pairs_cover_every_status():
    assert {o for o, _ in STATUS_PAIRS} == set(ORDER_STATUSES)
    assert {p for _, p in STATUS_PAIRS} == set(PAYMENT_STATUSES)
    assert {(o, p) for o, p in STATUS_PAIRS if o in SALE and p not in CAPTURED} == {('shipped', 'pending')}
    assert set(REFUNDED) < set(CAPTURED)
    assert not any(p in CAPTURED and p not in REFUNDED for o, p in STATUS_PAIRS if o == 'cancelled')


def test_examples_are_good():
    sqlite_shop(strict=True)
    for t in TABLES: pandera_schema(t).validate(example_row(t).to_pandas(), lazy=True)
    for dialect, shop in SHOPS.items():
        con = shop()
        assert [r.name for r in RULES if violations(con, r, dialect)] == []


def as_pandas(column, value):
    "A value as `to_pandas` gives it."
    if column.endswith('_at'): return np.datetime64(value or 'NaT', 'us')
    return date.fromisoformat(value) if column.endswith('_on') else value


@pytest.mark.parametrize('table, name, change', [c for c in CHECKS if c[1] in BAD_ROWS], ids=str)
def test_pandera_refuses(table, name, change):
    frame = example_row(table).to_pandas().assign(**{k: [as_pandas(k, v)] for k, v in change.items()})
    with pytest.raises(pandera.errors.SchemaErrors) as e: pandera_schema(table).validate(frame, lazy=True)
    assert name in set(e.value.failure_cases['check'])


def test_guides_have_the_numbers_of_the_code(root):
    def guide(name): return (root / 'docs/how-to' / name).read_text(encoding='utf-8')
    assert f'Tables above {MINIMAL_ABOVE:,} rows' in guide('09-profile.md')
    assert len(schema.POSTCODES) == 11
    assert 'the eleven countries of generated shops' in guide('04-database.md')


@pytest.mark.parametrize('name, meant', [('Orders', 'orders'), ('order', 'orders'), ('order items', 'order_items')])
def test_a_table_of_nearly_that_name_is_told(name, meant):
    with pytest.raises(ShopError, match=f"Did you mean '{meant}'"): schema.get_table(name)


@pytest.mark.parametrize('pool', ['', 'uk', 'us', 'br', 'in'])
def test_postal_codes_of_all_pools_have_their_form(pool, root):
    with (root / 'shop_nb/data' / pool / 'places.csv').open(encoding='utf-8', newline='') as f:
        places = [(row['country'], row['postal_code']) for row in csv.DictReader(f)]
    assert {country for country, _ in places} <= set(schema.POSTCODES)
    check = next(c for c in TABLES['customers'].checks if c.name == 'postal_code_of_country')
    frame = pd.DataFrame(places, columns=['country', 'postal_code'])
    assert schema.holds(frame, check.sql).all()
