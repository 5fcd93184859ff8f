"""Counts around a mean: the negative binomial with variance mu + alpha mu^2, Poisson where alpha is 0."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, gammaincc, ndtri

from revenue.forecast.calendar import Floats, Ints

LEAST_MEAN = 1e-9
SURPLUS_PRIOR = 2.0
"""Sum of squared means' worth of "alpha is .2" that a dispersion starts from: sparse sites say little of theirs."""
USUAL_DISPERSION = 0.2
LARGE_MEAN = 300.0
POISSON = 1e-9


def dispersion(seen: Floats | Ints, mean: Floats) -> float:
    """alpha = max(0, sum[(y - mu)^2 - mu] / sum mu^2), drawn towards .2 where there is little to go by."""
    surplus = float(((seen - mean) ** 2 - mean).sum()) + SURPLUS_PRIOR * USUAL_DISPERSION
    return max(0.0, surplus / (float((mean**2).sum()) + SURPLUS_PRIOR))


def quantiles(mean: Floats, alpha: float, shares: tuple[float, ...]) -> tuple[Ints, ...]:
    """For each share p the least k with P(Y <= k) >= p, in the shape of `mean`."""
    distinct, where = np.unique(np.maximum(mean, LEAST_MEAN), return_inverse=True)
    found = np.stack([_large(distinct, alpha, share) for share in shares])
    small = distinct < LARGE_MEAN
    if small.any():
        found[:, small] = _counted(distinct[small], alpha, shares)
    return tuple(row[where].reshape(mean.shape) for row in found)


def _counted(mean: Floats, alpha: float, shares: tuple[float, ...]) -> Ints:
    """By summing the probabilities of 0, 1, 2, ... until the largest share is reached."""
    chance = np.exp(-np.log1p(alpha * mean) / alpha) if alpha > POISSON else np.exp(-mean)
    wanted = np.array(shares)[:, None] - 1e-12
    found = np.zeros((len(shares), len(mean)), dtype=np.int64)
    growth = mean / (1 + alpha * mean)
    below, count = chance.copy(), 0
    while (short := below < wanted).any():
        found += short
        chance = chance * (growth * (1 + alpha * count) / (count + 1))
        below += chance
        count += 1
        if count > 50 * LARGE_MEAN:  # a sum that rounding keeps below its share
            break
    return found


def _large(mean: Floats, alpha: float, share: float) -> Ints:
    """The normal approximation, for means whose single probabilities are too small to sum."""
    near = mean + ndtri(share) * np.sqrt(mean + alpha * mean**2)
    return np.asarray(np.maximum(np.rint(near), 0), dtype=np.int64)


def at_most(count: Floats | Ints, mean: Floats, alpha: float) -> Floats:
    """P(Y <= count); 0 for a count below 0."""
    mean = np.maximum(mean, LEAST_MEAN)
    whole = np.maximum(count, 0.0)
    if alpha < POISSON:
        return np.where(count < 0, 0.0, gammaincc(whole + 1, mean))
    return np.where(count < 0, 0.0, betainc(1 / alpha, whole + 1, 1 / (1 + alpha * mean)))


def randomised(seen: Floats | Ints, mean: Floats, alpha: float, seed: int) -> Floats:
    """u = F(y) - V f(y) with V uniform: uniform on [0, 1] where the forecast is right, however sparse the counts.

    P(.1 < u < .9) is .80 then; a plain interval of whole numbers covers far more and says nothing.
    """
    low, high = at_most(seen - 1, mean, alpha), at_most(seen, mean, alpha)
    return high - np.random.default_rng(seed).random(np.shape(seen)) * (high - low)
