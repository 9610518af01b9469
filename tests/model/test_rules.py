"Rules find what breaks them, in both databases, and let good data be."
import re
import numpy as np
import pytest
from shop_nb.model.rules import (
    BACK, BACK_TAX, LEDGER, LINE, REFUND, RETURNED, REVENUE, RULES, broken_check, violations
)
from shop_nb.model.schema import (
    TABLES
)
from shop_nb.model.dialects import table_checks, to_dialect
from support.examples import BAD_ROWS, SHOPS, bad_values, example

RULE = {r.name: r for r in RULES}


def literal(v):
    "A value as portable SQL."
    if not isinstance(v, str): return 'null' if v is None else str(v)
    return ' || chr(0) || '.join(f"'{part}'" for part in v.split('\0'))


def plants():
    "(rule, statements that plant a violation of it) for every rule."
    for t in TABLES.values():
        for c in t.columns:
            if not c.nullable: yield f'{t.name}.{c.name}', [f'update {t.name} set {c.name} = null']
            for kind, vs in bad_values(c):
                if kind in ('values', 'pattern', 'text', 'least', 'most'):
                    for v in vs: yield f'{t.name}.{c.name}', [f'update {t.name} set {c.name} = {literal(v)}']
        for names in ((t.key,), *((c.name,) for c in t.columns if c.unique), *t.unique):
            yield f'{t.name}.unique_{"_".join(names)}', [f'insert into {t.name} select * from {t.name}']
        for c in t.parents: yield f'{t.name}.{c}_exists', [f'update {t.name} set {c} = {c} + 1']
    for name, (table, rows) in BAD_ROWS.items():
        for row in rows:
            yield f'{table}.{name}', [f"update {table} set {', '.join(f'{k} = {literal(v)}' for k, v in row.items())}"]
    back = 'update order_items set quantity = 3, returned_quantity = {}, unit_price_cents = 833'
    yield from [
        ('order_after_signup', ["update customers set signed_up_at = '2025-03-18 17:35:28'"]),
        ('order_has_lines', ['delete from order_items']),
        ('order_has_payment', ['delete from payments']),
        ('product_on_sale', ["update products set launched_on = '2025-03-19'"]),
        ('product_on_sale', ["update products set discontinued_on = '2025-03-18'"]),
        ('one_price_a_day', [
            '''insert into order_items
            select order_item_id + 100, order_id + 1, line_number, product_id, quantity, unit_price_cents + 1,
                discount_cents, tax_cents, returned_quantity
            from order_items'''
        ]),
        ('status_pairs', ["update orders set status = 'pending'"]),
        ('status_pairs', ["update payments set status = 'failed'"]),
        ('cancelled_not_captured', ["update orders set status = 'cancelled'"]),
        ('paid_after_ordered', ["update payments set paid_at = '2025-03-18 17:35:26'"]),
        (
            'returns_of_delivered',
            ["update orders set status = 'shipped'", 'update order_items set returned_quantity = 1'],
        ),
        ('returned_is_all_back', ["update orders set status = 'returned'"]),
        ('returned_is_all_back', ['update order_items set returned_quantity = 1']),
        ('returned_is_all_back', ["update orders set status = 'returned'", back.format(2)]),
        ('discount_within_goods', ['update orders set discount_cents = 2500']),
        ('tax_within_goods', ['update orders set tax_included = true, tax_cents = 2500']),
        ('line_taxes', ['update orders set tax_cents = 474']),
        ('line_taxes', ['update order_items set tax_cents = 476']),
        ('ledger', ['update orders set tax_included = true']),
        (
            'ledger',
            ['update orders set tax_included = true', 'update payments set amount_cents = 2989 + 1'],
        ),
        (
            'refund',
            [
                'update orders set tax_included = true',
                'update order_items set quantity = 3, returned_quantity = 1, unit_price_cents = 833',
                'update payments set amount_cents = 2989, refunded_cents = 991',
            ],
        ),
        *[
            ('ledger', [f'update {t} set {c} = {c} + 1'])
            for t, c in [
                ('payments', 'amount_cents'),
                ('orders', 'shipping_cents'),
                ('orders', 'tax_cents'),
                ('orders', 'discount_cents'),
                ('order_items', 'discount_cents'),
                ('order_items', 'unit_price_cents'),
                ('order_items', 'quantity'),
            ]
        ],
        ('refund', ['update payments set refunded_cents = 1']),
        ('refund', [back.format(1)]),
        (
            'refund',
            [
                "update orders set status = 'returned'",
                'update order_items set returned_quantity = 1',
                "update payments set refunded_cents = amount_cents - 1",
            ],
        ),
        ('refund', ["update orders set status = 'cancelled'", 'update payments set refunded_cents = 0']),
    ]

PLANTS = list(plants())


def test_every_rule_has_a_plant():
    assert {n for n, _ in PLANTS} == set(RULE)
    assert len(RULE) == len(RULES)


@pytest.mark.parametrize('dialect', SHOPS)
@pytest.mark.parametrize('name, statements', PLANTS, ids=str)
def test_rule_finds_a_planted_violation(name, statements, dialect):
    con, rule = SHOPS[dialect](), RULE[name]
    if dialect == 'sqlite': con.execute('pragma foreign_keys = off')
    for sql in statements: con.execute(to_dialect(sql, dialect))
    rows = violations(con, rule, dialect)
    keys = {r[0] for r in con.execute(f'select {TABLES[rule.table].key} from {rule.table}').fetchall()}
    assert rows, 'the first column is the key of the row at fault'
    assert {r[0] for r in rows} <= keys, 'the first column is the key of the row at fault'
    names = [d[0] for d in con.execute(rule.query(dialect)).description]
    for row in rows: denies(rule.violated(rule.says(dict(zip(names, row)))), f'Rule {name} is violated: ')


def denies(text, beginning=''):
    "A refusal says that something is wrong: nobody can read it as an assurance."
    assert text.startswith(beginning), text
    said = text.removeprefix(beginning)
    assert re.search(
        r'must be|does not hold where|is (not|before|more)|cannot|, but |has no |rows share| from .+ to ', said
    ), text
    assert '{' not in said, text
    assert 'None' not in said, text


@pytest.mark.parametrize('table', TABLES)
def test_each_check_of_a_database_says_what_is_wrong(table):
    t = TABLES[table]
    for name, _ in table_checks(t):
        for row in example(table), dict.fromkeys(t.names):
            what, column = broken_check(t, name, row)
            denies(what)
            assert column in t.names


@pytest.mark.parametrize('dialect', SHOPS)
@pytest.mark.parametrize(
    'statements',
    [
        ["update customers set country = 'NL', postal_code = '1011 AB'"],
        ["update customers set country = 'GB', postal_code = 'SW1A 1AA'"],
        ["update products set launched_on = '2025-03-18'"],
        ["update products set discontinued_on = '2025-03-19'"],
        ['update products set discontinued_on = null'],
        ["update customers set signed_up_at = '2025-03-18 17:35:27'"],
        ["update payments set paid_at = '2025-03-18 17:35:27'"],
        [
            "update orders set status = 'returned'",
            'update order_items set returned_quantity = 1',
            "update payments set status = 'refunded', refunded_cents = 3464",
        ],
        [
            "update orders set status = 'cancelled', delivered_at = null",
            "update payments set status = 'failed', paid_at = null",
        ],
        [
            "update orders set status = 'cancelled', delivered_at = null",
            "update payments set status = 'refunded', refunded_cents = 3464",
        ],
        [
            "update orders set status = 'pending', delivered_at = null",
            "update payments set status = 'pending', paid_at = null, attempts = 0",
        ],
        [
            'update order_items set quantity = 3, returned_quantity = 1, unit_price_cents = 833',
            "update payments set status = 'partially_refunded', refunded_cents = 991",
        ],
        ['update orders set tax_included = true', 'update payments set amount_cents = 2989'],
        [
            'update orders set tax_included = true, tax_cents = 417',
            'update order_items set tax_cents = 417',
            'update order_items set quantity = 3, returned_quantity = 1, unit_price_cents = 833',
            "update payments set status = 'partially_refunded', amount_cents = 2989, refunded_cents = 833",
        ],
    ],
    ids=str,
)
def test_rules_let_good_data_be(statements, dialect):
    con = SHOPS[dialect]()
    for sql in statements: con.execute(sql)
    assert [r.name for r in RULES if violations(con, r, dialect)] == []


def test_the_awkward_shop_keeps_all_rules(shops):
    lite, duck, _ = shops
    for r in RULES:
        assert not violations(lite, r, 'sqlite'), r.name
        assert not violations(duck, r), r.name


def test_money_words_are_python_and_sql():
    cells = dict(
        quantity=np.array([3, 2]),
        unit_price_cents=np.array([833, 100]),
        discount_cents=np.array([0, 1]),
        tax_cents=np.array([475, 38]),
        returned_quantity=np.array([1, 0]),
    )
    assert eval(LINE, {}, cells).tolist() == [2499, 199]
    assert eval(BACK, {}, cells).tolist() == [833, 0]
    assert eval(BACK_TAX, {}, cells).tolist() == [158, 0]
    order = dict(
        goods_cents=2499, discount_cents=0, shipping_cents=490, tax_cents=475, back_cents=833, back_tax_cents=158)
    words = LEDGER, REVENUE, REFUND, RETURNED
    assert [eval(x, {}, order | dict(tax_included=False)) for x in words] == [3464, 2499, 991, 833]
    assert [eval(x, {}, order | dict(tax_included=True)) for x in words] == [2989, 2024, 833, 675]
    flags = np.array([False, True])
    assert [eval(x, {}, order | dict(tax_included=flags)).tolist() for x in words] == [
        [3464, 2989], [2499, 2024], [991, 833], [833, 675]
    ]
