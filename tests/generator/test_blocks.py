"""The promises of the generator: any partition, history stays, random access, exact totals, shop rules."""
import os, resource, signal, subprocess, sys, time
from datetime import date, timedelta
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings, strategies as st

from support import ROOT
from shop_nb.generator import blocks as g
from shop_nb.generator.calendar import Calendar
from shop_nb.generator.customers import customers_table, lifetime, rate, signed_up
from shop_nb.generator.orders import STRATUM, line_counts, make_orders
from shop_nb.generator.products import Catalogue
from shop_nb.behaviour.settings import MAX_LINES, Settings
from shop_nb.model.schema import TABLES, arrow_schema
from shop_nb.core.errors import SettingsError
from shop_nb.files.digest import as_digest, content_sums, digest
from shop_nb.files.folders import leftovers, working_folder
from shop_nb.files.sources import read_table

# The bytes of this version of the generator. A change that moves them raises VERSION in generator.draws.
GOLDEN = {
    'default': (
        Settings(),
        dict(
            customers='e5d3937a5f50e547e52af22e158e378b',
            products='8d697d01f4af0f807ad14209285f27f0',
            orders='8b88580b3c20d267153fe3b3ae5c11b7',
            order_items='db943a39c7aeee2c416241abf454e78b',
            payments='0b491c579671aec8b564e6a068c2b276',
        ),
    ),
    'other': (
        Settings(
            seed=42, start='2024-02-01', end='2024-08-15', until='2024-10-03', customers=300, products=80, orders=700,
            order_items=1900
        ),
        dict(
            customers='dafa37f8b40d4190f4db71a9b792e634',
            products='f0f7d194a154858a80b454550b7c034a',
            orders='c952abe07d0ba8745ac2ea91435684e9',
            order_items='1d20c4ec9021819634b3399c30670e94',
            payments='3bac4a45f8cb7741b3b2586101263c15',
        ),
    ),
}


def digests(s, **how): return {n: digest(t, n) for n, t in g.tables(s, **how).items()}


@pytest.fixture(scope='session')
def default(): return g.tables(Settings())


@pytest.mark.parametrize('name', GOLDEN)
def test_golden(name):
    s, expected = GOLDEN[name]
    assert digests(s) == expected


@pytest.mark.parametrize(
    'env',
    [
        dict(TZ='Pacific/Auckland', LC_ALL='C', PYTHONHASHSEED='1'),
        dict(TZ='America/New_York', LC_ALL='C.UTF-8', PYTHONHASHSEED='4711'),
    ],
)
def test_same_bytes_elsewhere(env, tmp_path):
    "Another process, folder, time zone, locale and hash seed."
    code = '''from shop_nb import Settings, digest, tables
print({n: digest(t, n) for n, t in tables(Settings()).items()})'''
    out = subprocess.run(
        [sys.executable, '-c', code], cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(ROOT), **env},
        capture_output=True, text=True, check=True
    )
    assert eval(out.stdout) == GOLDEN['default'][1]


def test_exact_totals_and_schemas(default):
    assert {n: t.num_rows for n, t in default.items()} == dict(
        customers=2000, products=600, orders=4000, order_items=10000, payments=4000
    )
    for n, t in default.items():
        assert t.schema.equals(arrow_schema(n))
    assert tuple(Catalogue(Calendar(Settings())).traits.index) == tuple(Settings().values['products.categories'])


small = st.builds(
    dict, seed=st.integers(0, 2**63 - 1), customers=st.integers(1, 200), products=st.integers(1, 60),
    orders=st.integers(1, 400), lines=st.floats(0, 1), start=st.dates(date(2000, 1, 1), date(2085, 1, 1)),
    days=st.integers(1, 500), more=st.integers(-100, 200)
)


def as_settings(k):
    end = k['start'] + timedelta(k['days'] - 1)
    cap = min(MAX_LINES, (k['products'] + 1) // 2)
    items = k['orders'] + int(k['lines'] ** 3 * k['orders'] * (cap - 1))
    until = max(k['start'], min(end + timedelta(k['more']), date(2089, 12, 31)))
    return Settings(
        seed=k['seed'], start=k['start'], end=end, until=until, customers=k['customers'], products=k['products'],
        orders=k['orders'], order_items=items
    )


@settings(max_examples=40, deadline=None)
@given(small)
def test_any_settings_make_a_whole_shop(k):
    "Totals exact at `end`, keys unique and in order, references and the calendar hold, whatever the settings."
    s = as_settings(k)
    t = g.tables(s)
    c, p, o, l, pay = (t[n].to_pandas() for n in TABLES)
    inside = o[o.ordered_at < np.datetime64(s.end + timedelta(1))]
    if s.until >= s.end:
        assert len(inside) == s.orders
        assert l.order_id.isin(inside.order_id).sum() == s.order_items
        assert (c.signed_up_at < np.datetime64(s.end + timedelta(1))).sum() == s.customers
        assert (
            p.launched_on <= s.end
        ).sum() == s.products
    for f, key in ((c, 'customer_id'), (p, 'product_id'), (o, 'order_id'), (l, 'order_item_id'), (pay, 'payment_id')):
        assert f[key].is_monotonic_increasing
        assert f[key].is_unique
    assert (o.ordered_at >= np.datetime64(s.start)).all()
    assert (
        o.ordered_at < np.datetime64(s.until + timedelta(1))
    ).all()
    assert set(l.order_id) == set(o.order_id)
    assert list(pay.order_id) == list(o.order_id)
    assert not l.duplicated(['order_id', 'product_id']).any()
    assert c.email.is_unique
    assert p.sku.is_unique
    f = (
        l.merge(o, on='order_id', suffixes=('', '_order'))
        .merge(c, on='customer_id')
        .merge(p, on='product_id', suffixes=('', '_product'))
    )
    assert len(f) == len(l)
    assert (f.signed_up_at <= f.ordered_at).all()
    day = f.ordered_at.dt.date
    assert (f.launched_on <= day).all()
    assert ((f.discontinued_on > day) | f.discontinued_on.isna()).all()
    goods = (
        (l.quantity * l.unit_price_cents - l.discount_cents).groupby(l.order_id).sum().reindex(o.order_id).to_numpy()
    )
    assert (goods - o.discount_cents + o.shipping_cents + o.tax_cents == pay.amount_cents).all()


@settings(max_examples=15, deadline=None)
@given(small, st.integers(1, 500), st.randoms())
def test_any_partition(k, size, random):
    "Any block size, in any order of blocks, is the same shop."
    s = as_settings(k)
    gen = g.Generator(s, size)
    blocks = gen.blocks()
    random.shuffle(blocks)
    sums = {n: [] for n in TABLES}
    for b in blocks:
        for n, t in gen.make(b).items(): sums[n].append(content_sums(t, n))
    assert {n: as_digest(x) for n, x in sums.items()} == digests(s)


def test_blocks_across_strata():
    "Blocks that cut strata and days anywhere, in a shop of several strata."
    cat = Catalogue(Calendar(Settings(scale=4)))
    whole = make_orders(cat, 0, 16_000)
    for lo, hi in ((0, 1), (STRATUM - 1, STRATUM + 2), (5000, 13_000), (15_999, 16_000)):
        part = make_orders(cat, lo, hi)
        keys = part['orders']['order_id']
        for n, t in part.items():
            assert t.equals(whole[n].filter(pc.is_in(whole[n]['order_id'], keys)).combine_chunks())
    assert line_counts(cat.calendar, 0, 16_000).sum() == 40_000


AS_OF = dict(
    customers=[],
    products=['discontinued_on'],
    orders=['status', 'delivered_at'],
    order_items=['returned_quantity'],
    payments=['status', 'refunded_cents', 'attempts', 'paid_at'],
)


@pytest.mark.parametrize(
    'early, late', [('2025-06-30', '2025-12-31'), ('2025-12-31', '2026-03-15'), ('2025-11-28', '2025-11-29')]
)
def test_history_stays(early, late):
    "A later `until` only adds rows; what time changes in a row is listed, and changes forwards only."
    a, b = (g.tables(Settings(until=u)) for u in (early, late))
    for n in TABLES:
        old, new = a[n], b[n].slice(0, len(a[n]))
        if n == 'order_items': new = b[n].filter(pc.is_in(b[n]['order_id'], a['orders']['order_id']))
        assert len(b[n]) >= len(old)
        for c in set(old.column_names) - set(AS_OF[n]):
            assert old[c].equals(new[c]), (n, c)
        for c in ('delivered_at', 'paid_at', 'discontinued_on'):
            if c in old.column_names:
                x, y = old[c].to_pandas(), new[c].to_pandas()
                assert (x.isna() | (x == y)).all(), c
    stage = {'pending': 0, 'paid': 1, 'shipped': 2, 'delivered': 3, 'returned': 4, 'cancelled': 4}
    x, y = (f['orders']['status'].to_pandas().iloc[: len(a['orders'])].map(stage) for f in (a, b))
    assert (x <= y).all()


def test_a_bigger_run_keeps_its_days():
    "More orders: every day has at least as many, and the first of them are placed at the same second."
    a, b = (Calendar(Settings(orders=n, order_items=n * 3)) for n in (4000, 5000))
    assert (b.counts['orders'] >= a.counts['orders']).all()
    x, y = (
        g.tables(Settings(orders=n, order_items=n * 3))['orders'].to_pandas().set_index('order_id')
        for n in (4000, 5000)
    )
    assert set(x.index) <= set(y.index)
    assert (x.ordered_at == y.ordered_at.reindex(x.index)).all()
    assert (x.customer_id == y.customer_id.reindex(x.index)).all()


@pytest.mark.parametrize('seed', range(5))
def test_more_lines_leave_the_earlier_ones(seed):
    "Also where a shelf is so bare that the last resort has to fill baskets."
    few, more = (
        g.tables(Settings(seed=seed, customers=30, products=12, orders=60, order_items=n))['order_items']
        .to_pandas()
        .set_index('order_item_id')
        for n in (200, 300)
    )
    assert set(few.index) < set(more.index)
    assert (few.product_id == more.product_id[few.index]).all()
    assert not more.duplicated(['order_id', 'product_id']).any()


def test_nouns_stand_by_price():
    "Socks cost less than a coat, most of the time."
    p = g.tables(Settings(products=20_000))['products'].to_pandas()
    middle = p.assign(noun=p.name.str.split(n=1).str[1]).groupby(['category', 'noun']).price_cents.median()
    assert middle['Fashion', 'Socks'] * 3 < middle['Fashion', 'Coat']
    assert middle['Electronics', 'Phone Case'] * 3 < middle['Electronics', 'Projector']


def test_seeds_are_other_shops(default):
    other = g.tables(Settings(seed=8))
    a, b = (f['orders']['customer_id'].to_numpy() for f in (default, other))
    assert (a != b).mean() > .95


def test_huge_shops_are_at_hand():
    "A block of a shop of four billion orders, without the rest of it."
    s = Settings(scale=1e6)
    t = time.time()
    cal = Calendar(s)
    cat = Catalogue(cal)
    assert cal.counts['orders'].sum() == 4 * 10**9
    block = make_orders(cat, 3 * 10**9, 3 * 10**9 + 1000)
    assert len(block['orders']) == 1000
    assert block['orders']['order_id'][0].as_py() < 2**53
    assert block['order_items']['order_item_id'][-1].as_py() < 2**53
    assert len(customers_table(cal, 10**9, 10**9 + 10)) == 10
    assert time.time() - t < 60


def test_too_many_orders_for_the_keys():
    with pytest.raises(SettingsError):
        Calendar(Settings(start='2025-11-28', end='2025-11-28', orders=10**12, order_items=10**12))


def test_rates_and_lifetimes_are_in_the_orders(default):
    "Who has a higher rate orders more; nobody orders after dropping out."
    cal = Calendar(Settings())
    i = np.arange(2000)
    o = default['orders'].to_pandas()
    n = np.bincount(o.customer_id - 1, minlength=2000)
    r, life = rate(cal, i), lifetime(cal, i)
    day, _ = signed_up(cal, i)
    stayed = day + life > cal.until
    assert np.corrcoef(r[stayed], n[stayed])[0, 1] > 0.6
    ordered = o.ordered_at.to_numpy().astype('datetime64[D]').astype(int)
    assert (ordered - day[o.customer_id - 1] <= life[o.customer_id - 1]).all()


def test_one_list_price_a_day(default):
    f = (
        default['order_items']
        .to_pandas()
        .merge(default['orders'].to_pandas()[['order_id', 'ordered_at']], on='order_id')
    )
    assert (f.groupby(['product_id', f.ordered_at.dt.date]).unit_price_cents.nunique() == 1).all()


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize('more', [
    {}, dict(until='2025-06-10'), dict(until='2026-02-10'),
    dict(parameters={'payments.purged_after': 5, 'payments.fails': {'card': .5}}),
    dict(parameters={'incidents.bot_wave': '2025-06-10'}),
], ids=str)
def test_progress_ends_where_the_rows_do(tmp_path, more, workers):
    "Also where fewer rows come than were expected: those of orders that are deleted, and of lines that are estimated."
    seen = []
    settings = Settings(customers=200, products=60, orders=400, order_items=1000, **more)
    facts = g.write_tables(settings, tmp_path / 'out', workers=workers, size=90, progress=lambda *a: seen.append(a))
    assert seen[-1] == (sum(f['rows'] for f in facts.values()),) * 2
    assert all(done < all for done, all in seen[:-1])


@pytest.mark.parametrize('format, workers', [('parquet', 1), ('csv', 1), ('parquet', 2), ('csv', 2)])
def test_files_hold_the_tables(default, tmp_path, format, workers):
    seen = []
    facts = g.write_tables(
        Settings(), tmp_path / 'out', format=format, workers=workers, size=1700,
        progress=lambda done, all: seen.append((done, all))
    )
    assert {n: f['digest'] for n, f in facts.items()} == GOLDEN['default'][1]
    assert seen[-1] == (20_600, 20_600)
    for n, t in default.items():
        assert read_table(tmp_path / 'out', n).equals(t)
    assert [p.name for p in tmp_path.iterdir()] == ['out']


def test_a_stopped_write_leaves_the_old_files(tmp_path, default):
    g.write_tables(Settings(), tmp_path / 'out')
    before = {p.name: p.read_bytes() for p in (tmp_path / 'out').iterdir()}

    def stop(done, all):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt): g.write_tables(Settings(seed=8), tmp_path / 'out', progress=stop)
    assert {p.name: p.read_bytes() for p in (tmp_path / 'out').iterdir()} == before
    assert len(
        list(tmp_path.iterdir())
    ) == 1


def test_digest_sees_any_change(default):
    "Each column of each table: one changed cell, or two swapped rows' cells, is another digest."
    for n, t in default.items():
        d = digest(t, n)
        for c in t.schema.names:
            x = t[c].to_pylist()
            i, j = 5, next(k for k in range(6, len(x)) if x[k] != x[5]) if len(set(map(str, x))) > 1 else 5
            x[i], x[j] = x[j], x[i]
            if i != j:
                assert (
                    digest(t.set_column(t.schema.get_field_index(c), c, pa.array(x, t.schema.field(c).type)), n) != d
                ), (n, c)


# --- started anywhere, stopped at any time

SAVE = '''from shop_nb import Shop
Shop(seed=3, orders=400, order_items=1000, customers=200, products=60).save('out', workers=2)
'''


def start(args, folder):
    return subprocess.Popen(
        [sys.executable, *args], cwd=folder, env={**os.environ, 'PYTHONPATH': ROOT}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    'before, after',
    [('', ''), ('import threading\ndef job():\n    ', '\nt = threading.Thread(target=job); t.start(); t.join()\n')],
)
def test_a_script_needs_no_guard_and_may_use_a_thread(tmp_path, before, after):
    (tmp_path / 'script.py').write_text("print('once')\n" + before + SAVE.replace('\n', '; ', 1) + after)
    job = start(['script.py'], tmp_path)
    out, err = job.communicate(timeout=120)
    assert (job.returncode, out, err) == (0, 'once\n', '')
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == [
        'manifest.json',
        'tables',
    ]


def test_modules_of_the_current_folder_are_not_imported(tmp_path):
    "The command line does not look for modules where it is started; no worker may either."
    for name in ('random.py', 'queue.py', 'types.py'):
        (tmp_path / name).write_text('raise SystemExit("my experiments")')
    code = f"import sys; sys.path[:] = [p for p in sys.path if p]\n{SAVE}"
    job = start(['-c', code], tmp_path)
    assert job.communicate(timeout=120) == ('', '')
    assert job.returncode == 0


BIG = '''from shop_nb import Shop
Shop(scale=1000).save('out', workers=2, progress=lambda done, all: print(done, flush=True))
'''
RAISES = "import signal\ndef stop(*_): raise SystemExit(143)\nsignal.signal(signal.SIGTERM, stop)\n"


def children_cpu(): return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whoever_is_stopped_leaves_no_process_and_can_try_again(tmp_path, how):
    "Of 20 million rows; it ends after less than two seconds of work, which are two seconds on an idle machine."
    import psutil
    before = children_cpu()
    job = start(['-c', RAISES + BIG], tmp_path)
    try:
        job.stdout.readline()
        process = psutil.Process(job.pid)
        below, used, began = process.children(recursive=True), sum(process.cpu_times()[:2]), time.perf_counter()
        job.send_signal(how)
        job.wait(timeout=60)
        wall = time.perf_counter() - began
    finally:
        job.kill()
        job.communicate()
    left = children_cpu() - before - used
    print(f'{how.name}: ended after {wall:.2f} s, {left:.2f} s of CPU time')
    assert job.returncode != 0
    assert not below
    assert left < 2
    if how != signal.SIGKILL:
        assert not list(tmp_path.iterdir())
        return
    assert leftovers(tmp_path / 'out' / 'tables')
    again = start(['-c', SAVE], tmp_path)
    assert again.communicate(timeout=120)[1] == ''
    assert again.returncode == 0
    assert sorted(p.name for p in (tmp_path / 'out').iterdir()) == ['manifest.json', 'tables']


def test_only_folders_that_nobody_holds_are_cleared(tmp_path):
    "A folder of another name, a link and a folder at work stay; what a killed process left goes."
    out = tmp_path / 'run'
    for name in ('.run.settings', '.other.abcdefgh.unfinished', 'kept', '.run.killed00.unfinished'):
        (tmp_path / name).mkdir()
    (tmp_path / '.run.linked00.unfinished').symlink_to(tmp_path / 'kept')
    with working_folder(out) as mine:
        (mine / 'file').touch()
        with working_folder(out) as other:
            assert mine != other
            assert (mine / 'file').exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        '.other.abcdefgh.unfinished',
        '.run.linked00.unfinished',
        '.run.settings',
        'kept',
    ]


def test_links_are_removed_and_what_they_lead_to_stays(tmp_path):
    from shop_nb import Shop

    shop = Shop(orders=100, order_items=200, customers=50, products=20)
    run, far = tmp_path / 'run', tmp_path / 'far'
    shop.save(run)
    far.mkdir()
    (far / 'mine.txt').touch()
    (run / 'profile').symlink_to(far)
    (run / 'tables' / 'orders.csv').symlink_to(far)
    shop.save(run)
    assert (far / 'mine.txt').exists()
    assert not (run / 'profile').is_symlink()
    assert not (run / 'tables' / 'orders.csv').is_symlink()


def test_what_is_queued_is_taken_back(tmp_path, monkeypatch):
    "After an error no further block is begun."
    begun, real = [], g.write_part
    monkeypatch.setattr(g, 'write_part', lambda *a: (begun.append(a[2]), real(*a))[1])
    def stop(done, all): raise RuntimeError('enough')
    with pytest.raises(RuntimeError): g.write_tables(Settings(), tmp_path / 'out', workers=2, size=50, progress=stop)
    assert len(begun) < 20
    assert not list(tmp_path.iterdir())


def test_a_signal_waits_until_tables_and_manifest_are_in_place(tmp_path, monkeypatch):
    "Whatever comes while tables are replaced, the folder holds one whole shop with its manifest."
    from shop_nb import Shop
    from shop_nb.app.run import verify
    from shop_nb.runs.run_folder import read_manifest
    small = dict(orders=120, order_items=300, customers=60, products=30)
    Shop(seed=3, **small).save(tmp_path / 'run')
    replace, sent = os.replace, []

    def interrupted(a, b):
        if not sent: sent.append(signal.raise_signal(signal.SIGINT))
        replace(a, b)
    monkeypatch.setattr('shop_nb.files.folders.os.replace', interrupted)
    with pytest.raises(KeyboardInterrupt): Shop(seed=4, **small).save(tmp_path / 'run')
    monkeypatch.undo()
    assert verify(tmp_path / 'run').empty
    assert read_manifest(tmp_path / 'run')['settings']['seed'] == 4


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    "A file that may not grow stands for a full disk: the place is told in two lines, and nothing is left there."
    code = """
import resource, signal, sys
from shop_nb.app.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
sys.exit(main(['generate', '--out', 'full', '-p', 'orders', '60000', '-p', 'order_items', '150000']))
"""
    done = subprocess.run([sys.executable, '-c', code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert 'full/tables cannot be written: File too large.' in done.stderr
    assert 'Traceback' not in done.stderr
    assert list(tmp_path.iterdir()) == []
