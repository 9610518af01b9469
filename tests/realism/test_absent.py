"The scorecard of a shop that lacks something: a fact is measured as before, or needs what is absent."
import numpy as np, pytest

from shop_nb.behaviour.settings import Settings
from shop_nb.generator.blocks import tables
from shop_nb.realism import scorecard as card
from shop_nb.realism.sales import frames_of
from support.absent import FLAT, emptied, lacking


@pytest.fixture(scope='module')
def shop(): return tables(Settings(scale=.25))


def of(tables, absent=()): return card._of_shop(frames_of(tables, lacking(absent)), None, tuple(absent))


@pytest.mark.parametrize('absent', [('orders.delivered_at',), ('payments',), ('customers.region',),
                                    ('order_items.returned_quantity',), ('orders.shipping_cents',), FLAT],
                         ids=lambda absent: 'flat' if absent is FLAT else absent[0])
def test_a_fact_is_measured_as_before_or_names_what_it_needs(shop, absent):
    before, found = of(shop).outside, of(emptied(shop, absent), absent).outside
    assert list(before.fact) == list(found.fact)
    lost = found.note.str.contains("which this shop's source does not have")
    assert lost.any()
    assert found.value[lost].isna().all()
    assert all(any(f'needs {name},' in note for name in absent) for note in found.note[lost])
    assert np.allclose(found.value[~lost], before.value[~lost], equal_nan=True)


def test_facts_of_sales_need_no_status_and_say_so(shop):
    found = of(emptied(shop, FLAT), FLAT)
    assert 'Every order counts as a sale.' in found.notes
    assert found.frame.value.notna().any()
