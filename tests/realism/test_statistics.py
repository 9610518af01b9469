"The statistics are right, by other programs and by what was planted."

import numpy as np, pytest

from shop_nb.realism import statistics as S


def test_gini():
    x = np.array([1, 2, 2, 7, 0])
    assert S.gini(x) == pytest.approx(abs(x[:, None] - x).mean() / (2 * x.mean()))


def test_negative_binomial(rng):
    stats = pytest.importorskip('scipy.stats')
    x = rng.negative_binomial(0.7, 0.7 / (0.7 + 2), 4000)
    r = S.negative_binomial_shape(x)
    assert 0.6 < r < 0.8
    like = lambda r: stats.nbinom.logpmf(x, r, r / (r + x.mean())).sum()
    assert like(r) > max(like(r * 1.01), like(r / 1.01))
    assert S.negative_binomial_shape(rng.poisson(1.5, 4000)) > 15


def test_bg_nbd(rng):
    "The fit finds what customers were made with, and no better likelihood is near it."
    n = 6000
    rate, leave, T = rng.gamma(0.6, 1 / 8, n), rng.beta(0.8, 2.5, n), rng.uniform(26, 52, n)
    x, tx = np.zeros(n, dtype=int), np.zeros(n)
    alive, t = np.ones(n, dtype=bool), np.zeros(n)
    while alive.any():
        alive &= rng.random(n) > leave * (x > 0)
        t = t + rng.exponential(1 / rate)
        alive &= t < T
        x += alive
        tx = np.where(alive, t, tx)
    r, alpha, a, b = S.bg_nbd(x, tx, T)
    assert r == pytest.approx(0.6, rel=0.2)
    assert alpha == pytest.approx(8, rel=0.3)
    assert a / (a + b) == pytest.approx(0.8 / 3.3, rel=0.3)


def test_poisson_tail():
    stats = pytest.importorskip('scipy.stats')
    k, mean = np.array([1, 2, 3, 10, 60, 400]), np.array([.01, .5, .02, 4., 30., 350.])
    np.testing.assert_allclose(S.poisson_tail(k, mean), stats.poisson.sf(k - 1, mean), rtol=1e-6)
