"What tests of formats share: files that are written, imported, and looked at as SQL sees them."
from pathlib import Path

import duckdb

from shop_nb.imports.imports import Source, import_shop
from shop_nb.imports.quarantine import read_rows
from shop_nb.model.schema import TABLES


class Imported:
    "A run that was made from files, with its tables under the source's keys"

    def __init__(self, folder, manifest):
        self.folder, self.facts, self.market = folder, manifest['import'], manifest['market']
        self.con = duckdb.connect()
        for name in TABLES:
            self.con.execute(f"create view {name} as from read_parquet('{folder}/tables/{name}.parquet')")
        for name in 'customers', 'products', 'orders':
            self.con.execute(f"create view {name}_key as from read_parquet('{folder}/crosswalk/{name}.parquet')")

    def rows(self, sql): return self.con.execute(sql).fetchall()

    def orders(self, columns):
        "Columns of the orders, by the key of the source"
        return self.rows(f'select source_key, {columns} from orders join orders_key using (order_id) order by order_id')

    def lines(self, columns='quantity, unit_price_cents'):
        "Lines under the source's keys of their order and product, in order"
        return self.rows(f'''select o.source_key, p.source_key, {columns} from order_items
join orders_key as o using (order_id) join products_key as p using (product_id) order by order_item_id''')

    def payments(self, columns):
        return self.rows(f'''select source_key, {columns} from payments
join orders_key using (order_id) order by order_id''')

    @property
    def aside(self):
        "What is set aside: pairs of line and reason"
        rows = read_rows(self.folder).to_pylist()
        return [(row['line'], row['reason']) for row in rows]

    @property
    def reasons(self):
        "What is set aside: key of its unit and rule"
        return sorted({(row['key'] or '', row['rule']) for row in read_rows(self.folder).to_pylist()})

    @property
    def counts(self):
        "Rows by fate, over all files"
        files = self.facts['files'].values()
        return {fate: sum(f[fate] for f in files) for fate in ('read', 'loaded', 'quarantined', 'skipped')}


def run_import(folder, files, format=None, out='run', **how):
    "Write files of text and import them"
    source = Path(folder) / 'source'
    source.mkdir(exist_ok=True)
    paths = []
    for name, text in files.items():
        path = source / name
        path.write_bytes(text) if isinstance(text, bytes) else path.write_text(text, encoding='utf-8', newline='')
        paths.append(path)
    out = Path(folder) / out
    return Imported(out, import_shop(Source(paths, format, **how), out))
