"""The certificate's questions, put to other generators: peers.py NAME grid | speed [ORDERS]. It prints JSON.

Runs in .venv-peers, without shop_nb. An adapter makes a peer's own shop, at its own defaults, as frames by name; `ask`
compares pairs of shops. An answer is [holds, what was seen]; holds is null where the peer has no such notion.
"""
import copy, json, logging, random, sys, tempfile, time, warnings
from pathlib import Path
import numpy as np
import pandas as pd

warnings.filterwarnings('ignore')
logging.disable(logging.WARNING)


class Spindle:
    "sqllocks-spindle: its retail domain"

    grown, orders = 'customer', 'order'

    def _dict(self, end='2025-12-31', column=False):
        from sqllocks_spindle.domains.retail import RetailDomain
        from sqllocks_spindle.schema.parser import SchemaParser
        from unittest.mock import patch

        with patch.object(SchemaParser, 'parse_dict', lambda self, d: d):
            d = copy.deepcopy(RetailDomain()._build_schema())
        d['model']['date_range']['end'] = end
        if column:
            customer = d['tables']['customer']
            customer['columns'] = (
                dict(list(customer['columns'].items())[:3])
                | {
                    'shoe_size': dict(
                        type='integer',
                        generator=dict(strategy='distribution', distribution='uniform', params=dict(min=36, max=47)),
                    )
                }
                | dict(list(customer['columns'].items())[3:])
            )
        return d

    def make(self, seed=42, more=0, end='2025-12-31', column=False, scale='small'):
        from sqllocks_spindle import Spindle
        from sqllocks_spindle.domains.retail import RetailDomain
        from sqllocks_spindle.schema.parser import SchemaParser

        class Domain(RetailDomain):
            def _build_schema(domain): return SchemaParser().parse_dict(self._dict(end, column))

        return (
            Spindle()
            .generate(
                domain=Domain(), scale=scale, seed=seed,
                scale_overrides=dict(customer=1000 + more, order=5000) if more else None
            )
            .tables
        )

    def chunks(self, size):
        from sqllocks_spindle import ChunkedSpindle
        from sqllocks_spindle.domains.retail import RetailDomain

        r = ChunkedSpindle().generate_chunked(domain=RetailDomain(), scale='small', seed=42, chunk_size=size)
        return dict(r.parent_tables) | {
            n: pd.concat(list(r.iter_chunks(n)), ignore_index=True)
            for n in r.generation_order
            if n in r.child_table_names
        }

    def workers(self, n):
        from sqllocks_spindle.engine.scale_router import ScaleRouter

        rows = {}

        class Sink:
            def open(self, schema): pass

            def close(self): pass

            def write_chunk(self, table, arrays): rows.setdefault(table, []).append(pd.DataFrame(arrays))

        with tempfile.TemporaryDirectory() as d:
            path = Path(d) / 'retail.json'
            path.write_text(json.dumps(self._dict()))
            ScaleRouter(str(path), [Sink()], chunk_size=1000, max_workers=n).run(5000, seed=42)
        return {t: by_key(pd.concat(f)) for t, f in rows.items()}


class Misata:
    "misata: its shop story, in the anchored mode that is its default"

    grown, orders = 'customers', 'orders'

    def make(self, seed=42, more=0, end=None, column=False):
        import misata

        s = misata.parse('An ecommerce store', rows=1000)
        s.seed = seed
        for t in s.tables:
            if t.name == self.grown: t.row_count += more
        if end:
            for c in s.columns[self.orders]:
                if c.type == 'date': c.distribution_params['end'] = end
        if column:
            s.columns[self.grown].insert(
                2,
                misata.Column(
                    name='shoe_size', type='int', distribution_params=dict(distribution='uniform', min=36, max=47)
                ),
            )
        return misata.generate_from_schema(s, seed=seed)

    def chunks(self, size):
        import misata

        s = misata.parse('An ecommerce store', rows=1000)
        s.seed = 42
        rows = {}
        random.seed(42)
        np.random.seed(42)
        for name, batch in misata.DataSimulator(s, batch_size=size).generate_all():
            rows.setdefault(name, []).append(batch)
        return {n: pd.concat(f, ignore_index=True) for n, f in rows.items()}


def by_key(frame): return frame.sort_values(frame.columns[0], kind='stable').reset_index(drop=True)


def kept(a, b, tables=None):
    "Rows of `a` that are in `b` by key, and the share of their other cells that are the same; over all or some tables."
    rows = found = cells = same = 0
    for name in tables or a:
        x = a[name].drop_duplicates(a[name].columns[0]).set_index(a[name].columns[0])
        y = b[name].drop_duplicates(b[name].columns[0]).set_index(b[name].columns[0]) if name in b else x.iloc[:0]
        rows += len(x)
        both = x.index.intersection(y.index)
        found += len(both)
        for c in x.columns.intersection(y.columns):
            u, v = x.loc[both, c].astype(object), y.loc[both, c].astype(object)
            cells += len(both)
            same += int(((u == v) | (u.isna() & v.isna())).sum())
    return found / max(rows, 1), same / max(cells, 1)


def verdict(a, b, tables=None):
    found, same = kept(a, b, tables)
    return [found == 1 and same == 1, f'{found:.0%} of the rows found, {same:.0%} of their cells the same']


def ask(peer):
    out, base = {}, peer.make()

    def answer(question, f):
        try:
            out[question] = f()
        except Exception as e:
            out[question] = [False, f'{type(e).__name__}: {str(e).splitlines()[0][:90]}']

    answer('the seed again', lambda: verdict(base, peer.make()))
    answer('any chunk size', lambda: verdict(peer.chunks(400), peer.chunks(800)))
    answer(
        'any number of workers',
        lambda: (
            verdict(peer.workers(1), peer.workers(2)) if hasattr(peer, 'workers') else [None, 'runs in one process']
        ),
    )
    answer('10 % more customers: the old ones stay', lambda: verdict(base, peer.make(more=100), [peer.grown]))
    answer('a later end: old orders stay', lambda: verdict(base, peer.make(end='2026-06-30'), [peer.orders]))
    answer('another column: the others stay', lambda: verdict(base, peer.make(column=True)))
    answer('one row or block alone', lambda: [None, 'no such call'])
    return out


def speed(scale):
    "Frames in memory: rows, wall and CPU seconds; the best of three."
    runs = []
    for _ in range(3):
        t, c = time.perf_counter(), time.process_time()
        n = sum(map(len, Spindle().make(scale=scale).values()))
        runs.append(dict(rows=n, seconds=time.perf_counter() - t, cpu=time.process_time() - c))
    return min(runs, key=lambda r: r['seconds'])


if __name__ == '__main__':
    peer = dict(spindle=Spindle, misata=Misata)[sys.argv[1]]()
    print(json.dumps(ask(peer) if sys.argv[2] == 'grid' else speed(*sys.argv[3:] or ['medium'])))
