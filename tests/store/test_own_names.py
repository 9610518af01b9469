"A store of a shop with payment methods of its own."
import shutil

import pytest

from shop_nb.model.market import market_of
from shop_nb.store import transactions # noqa: F401 (it gives a store its transactions)
from shop_nb.store.integrity import Refused
from shop_nb.store.repository import Store


def test_a_refusal_says_what_there_is(renamed, renamed_db, tmp_path):
    shutil.copy(renamed_db, tmp_path / 'shop.db')
    with Store(tmp_path / 'shop.db') as store:
        assert store.market == market_of(renamed.values)
        key = store.page('payments', limit=1).items[0]['payment_id']
        said = 'method is card, and must be one of pix, boleto'
        with pytest.raises(Refused, match=said), store.transaction() as change:
            change.patch_row('payments', key, dict(method='card'))
