"""The kernel: its bits are good, its draws follow their distributions, and its totals are exact."""
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats
import shop_nb.generator.draws as draws
from shop_nb.generator.draws import (
    Cells, binomial, choice_table, column_seed, gamma, integer, lognormal, look_up, negative_binomial, normal, poisson,
    quantile_table, split, uniform
)
from shop_nb.files.hashing import mix

COLUMNS = [f'table{t}.column{c}' for t in range(5) for c in range(10)]
N = 2**16


def test_mix_is_splitmix64():
    "The reference stream of SplitMix64 from state 0 (Vigna's splitmix64.c)."
    state = np.arange(1, 4, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    assert [hex(x) for x in mix(state)] == ['0xe220a8397b1dcdaf', '0x6e789e6aa1b965f4', '0x6c45d188009454f']


@pytest.mark.parametrize('bits', [slice(0, 8), slice(24, 32), slice(56, 64)])
def test_uniform_within_columns(bits):
    "Chi-squared of a byte of the hash, over fifty columns: the p-values are themselves uniform."
    p = []
    for c in COLUMNS:
        byte = (Cells(7)(c, np.arange(N)) >> np.uint64(bits.start)) & np.uint64(255)
        p.append(stats.chisquare(np.bincount(byte.astype(int), minlength=256)).pvalue)
    assert min(p) > 1e-4
    assert stats.kstest(p, 'uniform').pvalue > 1e-3


def pairs(a, b):
    "Chi-squared of two columns' top four bits against independence."
    t = np.bincount(((a >> np.uint64(60)) * np.uint64(16) + (b >> np.uint64(60))).astype(int), minlength=256)
    return stats.chisquare(t).pvalue


def test_independent_columns_rows_seeds():
    k = np.arange(N)
    h = {c: Cells(7)(c, k) for c in COLUMNS}
    between = [pairs(h[a], h[b]) for a, b in zip(COLUMNS, COLUMNS[1:])]
    rows = [pairs(h[c][:-1], h[c][1:]) for c in COLUMNS]
    seeds = [pairs(h[c], Cells(8)(c, k)) for c in COLUMNS]
    keyed = [pairs(h[c], Cells(7)(c, k * 10**8)) for c in COLUMNS] # keys as wide apart as order keys of two days
    for p in (between, rows, seeds, keyed):
        assert min(p) > 1e-4
        assert stats.kstest(p, 'uniform').pvalue > 1e-3


def test_avalanche():
    "One changed input bit changes each output bit half of the time."
    k = np.arange(2048, dtype=np.uint64) * np.uint64(10**8)
    h = Cells(7)('a', k)
    for bit in range(0, 52, 7):
        changed = h ^ Cells(7)('a', k ^ np.uint64(1 << bit))
        share = np.mean([(changed >> np.uint64(b)) & np.uint64(1) for b in range(64)], axis=1)
        assert abs(share - 0.5).max() < 0.06


@given(st.integers(0, 2**63 - 1), st.lists(st.integers(0, 2**53), min_size=1, max_size=30))
def test_a_cell_is_a_function_of_its_address(seed, keys):
    whole = Cells(seed)('t.c', keys)
    assert [Cells(seed)('t.c', k)[0] for k in reversed(keys)] == list(whole[::-1])


def test_versions_differ(): assert column_seed(7, 'a', 1) != column_seed(7, 'a', 2)


@given(st.integers(1, 2**32 - 1))
def test_integer_stays_below(n):
    edge = np.array([0, 2**64 - 1], dtype=np.uint64)
    assert integer(edge, n).tolist() == [0, n - 1]


def test_uniform_is_below_one(): assert uniform(np.array([2**64 - 1], dtype=np.uint64))[0] < 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40).filter(lambda w: sum(w) > 1e-3))
def test_choice_table_shares(w):
    t = choice_table(w)
    share = np.bincount(t, minlength=len(w)) / len(t)
    assert len(t) == 2**16
    assert abs(share - np.array(w) / sum(w)).max() <= 1 / len(t) + 1e-12


def test_quantiles_agree_with_scipy():
    u = np.linspace(0.001, 0.999, 400)
    assert np.allclose(normal(u), stats.norm.ppf(u))
    assert np.allclose(lognormal(3, 0.5)(u), stats.lognorm.ppf(u, 0.5, scale=3))
    for r in (0.3, 0.58, 1, 4):
        assert np.allclose(gamma(r)(u[40:]), stats.gamma.ppf(u[40:], r, scale=1 / r), rtol=2e-3)
    p = negative_binomial(1.5, 0.8, 400)
    assert np.allclose(p / p.sum(), stats.nbinom.pmf(np.arange(401), 0.8, 0.8 / 2.3))
    assert np.median(look_up(Cells(1)('x', np.arange(N)), quantile_table(lognormal(100, 1)))) == pytest.approx(
        100, rel=0.03
    )


@given(st.integers(0, 100_000), st.floats(.001, .999), st.floats(1e-9, 1 - 1e-9))
@settings(deadline=None)
def test_binomial_is_the_quantile(n, p, u):
    x = binomial(n, p, u)
    assert 0 <= x <= n
    assert stats.binom.cdf(x, n, p) >= u - 1e-9
    assert x == 0 or stats.binom.cdf(x - 1, n, p) <= u + 1e-9


@given(st.integers(1, draws._FEW), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
@settings(deadline=None)
def test_few_trials_are_counted_as_many_are(n, p, u):
    "In lists as in arrays, to the last bit."
    with pytest.MonkeyPatch.context() as m:
        m.setattr(draws, '_FEW', 0)
        many = binomial(n, p, u)
    assert binomial(n, p, u) == many


@given(st.floats(0, 1e5), st.floats(1e-9, 1 - 1e-9))
@settings(deadline=None)
def test_poisson_is_the_quantile(m, u):
    x = poisson(m, u)
    assert x >= 0
    assert stats.poisson.cdf(x, m) >= u - 1e-9
    assert x == 0 or stats.poisson.cdf(x - 1, m) <= u + 1e-9


weights = st.lists(st.integers(0, 5000), min_size=1, max_size=60).filter(any)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 50), weights, st.integers(0, 1000))
def test_split_is_exact_and_monotone(n, more, w, seed):
    a, b = (split(x, w, Cells(seed), 'test') for x in (n, n + more))
    assert a.sum() == n
    assert b.sum() == n + more
    assert (b >= a).all()
    assert not a[np.array(w) == 0].any()


def test_split_is_multinomial():
    "Days of a split have the multinomial's variance, over many seeds."
    w = np.array([1, 2, 3, 4, 10])
    x = np.array([split(200, w, Cells(s), 'test') for s in range(600)])
    p = w / w.sum()
    assert np.allclose(x.mean(0), 200 * p, atol=1.2)
    assert np.allclose(x.var(0), 200 * p * (1 - p), rtol=0.25)
