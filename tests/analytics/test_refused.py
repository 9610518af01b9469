"A parcel to be paid on delivery that was refused at the door is no failed payment, wherever the two are counted."
import pytest

from shop_nb.analytics.connect import connect
from shop_nb.analytics.measures import Filters, measure_sql
from shop_nb.analytics.questions import ask
import shop_nb.dashboard.panels # noqa: F401 (it gives Rollup its panels)
from shop_nb.dashboard.rollup import Rollup, build
from shop_nb.database.load import load
from shop_nb.shop.shop import Shop
from shop_nb.store.replica import take

CASH = 'cash_on_delivery'


@pytest.fixture(scope='module')
def shop(): return Shop(behaviour='in', customers=400, products=100, orders=1500, order_items=3000)


@pytest.fixture(scope='module')
def payments(shop):
    frame = shop.tables['payments'].to_pandas()
    assert (frame[frame.method == CASH].status == 'failed').any()
    return frame[frame.status != 'pending']


@pytest.fixture(scope='module')
def db(shop, tmp_path_factory):
    path = tmp_path_factory.mktemp('refused') / 'shop.db'
    load(shop.tables, path, market=shop.market)
    return path


@pytest.fixture(params=['tables', 'database', 'replica'])
def con(request, shop, db):
    if request.param == 'replica': return take(db).con
    return connect(db if request.param == 'database' else shop.tables, market=shop.market)


def test_payment_failures_tells_refused_parcels_apart(con, payments):
    got = ask('payment_failures', con).frame.set_index('method')
    failed = payments[payments.status == 'failed'].groupby('method').size().reindex(got.index, fill_value=0)
    assert got.refused.to_dict() == {m: failed[m] if m == CASH else 0 for m in got.index}
    assert got.failed.to_dict() == {m: 0 if m == CASH else failed[m] for m in got.index}
    assert got.payments.sum() == len(payments)
    assert got.loc[CASH, ['failure_rate', 'lost_amount']].tolist() == [0, 0]


def test_the_measure_and_the_dashboard_agree(con, db, payments, tmp_path):
    rate = ((payments.status == 'failed') & (payments.method != CASH)).mean()
    assert con.sql(measure_sql('failure_rate', Filters())).fetchall()[0][0] == pytest.approx(rate)
    build(db, tmp_path / 'x.rollup')
    rollup = Rollup(tmp_path / 'x.rollup')
    assert rollup.values(Filters())['failure_rate'] == pytest.approx(rate)
    panel = rollup.question_panel('payment_failures', Filters()).frame.set_index('method')
    assert panel.refused[CASH] == ((payments.status == 'failed') & (payments.method == CASH)).sum()
    attempts = rollup.question_panel('payment_attempts', Filters()).frame
    assert attempts.payments.sum() == len(payments) - panel.refused.sum()


def test_a_shop_without_payment_on_delivery_has_no_refused_parcels():
    answer = ask('payment_failures', Shop(customers=60, products=40, orders=200, order_items=400).tables)
    assert not answer.frame.refused.any()
