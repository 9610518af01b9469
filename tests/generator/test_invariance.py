"""The checks of the certificate: they hold for any shop, and they see a broken promise."""
from dataclasses import replace
import numpy as np
import pyarrow as pa
import pytest
from shop_nb.generator import blocks as generate
from shop_nb.generator import invariance as inv
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.behaviour.settings import Settings
from shop_nb.core.errors import ShopError

SMALL = Settings(customers=120, products=40, orders=300, order_items=700)
SHOPS = [
    SMALL,
    Settings(
        seed=11, start='2024-03-05', end='2024-09-20', until='2024-08-01', customers=90, products=30, orders=400,
        order_items=500
    ),
    Settings(seed=3, start='2025-06-01', end='2025-06-30', customers=1, products=4, orders=40, order_items=60),
    replace(SMALL, promotion='Books 30 2025-05-01 2025-05-20', price_change='Home -20 2025-08-01'),
]


@pytest.mark.parametrize('shop', SHOPS, ids=range(len(SHOPS)))
def test_settings_move_only_what_is_downstream(shop):
    f = inv.settings_grid(shop)
    assert f.holds.all(), f


def test_pairs_of_settings():
    "Two settings at once may move what either may."
    a, b = (inv.trials(SMALL)[n] for n in ('customers', 'promotion'))
    f = inv.downstream(SMALL, **a, **b)
    assert f.holds.all()
    assert set(f.column[f.may & (f.table == 'customers')]) == {'signed_up_at'}


@pytest.mark.parametrize(
    'until, later', [('2025-02-01', '2025-02-02'), ('2025-05-31', '2026-01-31'), ('2025-12-31', '2027-03-01')]
)
def test_history_stays(until, later):
    f = inv.history(replace(SMALL, until=until), later)
    assert f.holds.all(), f


def test_blocks_of_one_row():
    s = replace(SMALL, orders=20, order_items=40, customers=10)
    assert inv.by_blocks(s, 1, list.reverse) == inv.digests(generate.tables(s))


def test_declared_columns_are_columns():
    for down in [inv.AS_OF, *inv.DOWNSTREAM.values()]:
        for name in TABLES: assert set(down[name] or ()) <= set(arrow_schema(name).names[1:])
    fields = set(Settings.__dataclass_fields__)
    assert set(inv.DOWNSTREAM) == fields - {'parameters'} # what these may change follows from their stages
    assert set(inv.trials(SMALL)) == fields - {'behaviour'} # a file's is tried by its values, as parameters


def planted(monkeypatch, name, column, change):
    "The shop of any settings, but `change` is done to a column of the second one made."
    made, real = [], generate.tables

    def tables(settings):
        t = real(settings)
        made.append(t)
        if len(made) == 2:
            i = t[name].schema.get_field_index(column)
            t[name] = t[name].set_column(
                i, t[name].schema.field(column),
                pa.array(change(t[name][column].to_pylist()), t[name].schema.field(column).type)
            )
        return t

    monkeypatch.setattr(inv, 'tables', tables)


def test_a_changed_past_is_seen(monkeypatch):
    planted(monkeypatch, 'orders', 'channel', lambda x: ['app' if x[0] == 'web' else 'web', *x[1:]])
    f = inv.history(replace(SMALL, until='2025-06-30'), '2025-12-31')
    assert list(f.column[~f.holds]) == ['channel']
    assert f.changed[~f.holds].item() == 1


@pytest.mark.parametrize('name, column, change', [
    ('orders', 'status', lambda x: ['pending'] * len(x)), ('orders', 'delivered_at', lambda x: [None] * len(x)),
    ('payments', 'refunded_cents', lambda x: [0] * len(x)), ('payments', 'status', lambda x: ['pending'] * len(x))])
def test_a_step_back_is_seen(monkeypatch, name, column, change):
    planted(monkeypatch, name, column, change)
    f = inv.history(replace(SMALL, until='2025-06-30'), '2025-12-31')
    assert list(f.column[~f.holds]) == [column]
    assert f.backwards[~f.holds].item() > 0


def test_lost_rows_are_seen(monkeypatch):
    real = generate.tables
    monkeypatch.setattr(
        inv, 'tables', lambda s: {n: t.slice(0, len(t) // 2) if s.until.year == 2026 else t for n, t in real(s).items()}
    )
    assert not inv.history(SMALL, '2026-01-05').holds.any()


def test_what_is_not_downstream_is_seen(monkeypatch):
    planted(monkeypatch, 'customers', 'phone', lambda x: [x[0] + '0', *x[1:]])
    f = inv.downstream(SMALL, orders=330)
    assert list(f.column[~f.holds]) == ['phone']
    assert f.wrong.sum() == 1


def test_a_change_on_another_day_is_seen(monkeypatch):
    planted(monkeypatch, 'order_items', 'quantity', lambda x: [x[0] + 1, *x[1:]])
    f = inv.downstream(SMALL, promotion='Toys 40 2025-07-02 2025-07-14')
    assert list(f.column[~f.holds]) == ['quantity']
    assert f.wrong.sum() == 1


def test_state_between_blocks_is_seen(monkeypatch):
    real = generate.make_orders

    def stateful(cat, first, last, **how):
        t = real(cat, first, last, **how)
        o = t['orders']
        i = o.schema.get_field_index('shipping_cents')
        return t | dict(orders=o.set_column(i, o.schema.field(i), pa.array(np.arange(last - first))))

    monkeypatch.setattr(generate, 'make_orders', stateful)
    f = inv.partitions(SMALL, ['blocks of 333, shuffled', 'blocks of 1,000'])
    assert f.all().all() # one block holds all orders
    s = replace(SMALL, orders=700, order_items=1500)
    assert not inv.partitions(s, ['blocks of 333, shuffled']).orders.any()


def test_a_column_that_takes_anothers_luck_is_seen(monkeypatch):
    assert inv.moved(inv.tables(SMALL), inv.with_new_columns(SMALL)) == []
    assert 'customers.signed_up_at' in inv.moved(inv.tables(SMALL), inv.redrawn(SMALL, 'customers.second'))
    with pytest.raises(ShopError): inv.redrawn(SMALL, 'customers.shoe_size')


def test_other_processes_report_their_errors(monkeypatch):
    monkeypatch.setattr(inv, '_ELSEWHERE', 'raise SystemExit("no such thing")')
    with pytest.raises(ShopError, match='no such thing'): inv.elsewhere(SMALL)
