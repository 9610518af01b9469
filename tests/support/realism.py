"What the tests of realism share."

import pandas as pd

from shop_nb.realism.order_lines import read_lines
from shop_nb.realism.scorecard import scorecard


COLUMNS = dict(
    customer='Customer ID', order='Invoice', time='InvoiceDate', product='StockCode', quantity='Quantity', price='Price'
)


def missed(shop, **tables): return set(scorecard(shop | tables).missed.fact)


def values(c): return c.frame.set_index('fact').value


def told(rows): return rows[['fact', 'value']].round(4).to_numpy().tolist()


def content(source, **how):
    "The lines that are read, whatever their codes are called; two that are equal have the same card"
    read, _ = read_lines(source, **how)
    return read.assign(**{role: pd.factorize(read[role])[0] for role in ('customer', 'order', 'product')})


def same(a, b): pd.testing.assert_frame_equal(a, b)
