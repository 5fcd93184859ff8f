"""How likely an experiment is to see what there is to see, before it starts; and demand with a known elasticity."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from revenue.experiments.analysis import LEVEL, Counts, clustered
from revenue.experiments.design import DAYS_A_WEEK, Arms, Design, draw

ENOUGH = 0.8
TRIES = 400
ELASTICITIES = (-0.2, -0.5, -1.0)


@dataclass(frozen=True, slots=True)
class Demand:
    """Expected starts by site and block of the week at the normal price, and how uneven they are.

    dispersion: variance = mean + dispersion x mean^2 (negative binomial), 0 for Poisson.
    weekly: standard deviation of the log level from one week to the next.
    """

    rates: NDArray[np.float64]
    dispersion: float = 0.0
    weekly: float = 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Both arms, as shares of the normal price: 0.8 and 1.2."""

    low: float
    high: float

    @property
    def ratio(self) -> float:
        return self.high / self.low


def simulate(
    demand: Demand, design: Design, prices: Prices, elasticity: float, seed: int, *, tries: int = 1
) -> tuple[Counts, Arms]:
    """Starts and arms of `tries` experiments: (tries, sites, weeks, blocks), with this very elasticity."""
    rng = np.random.default_rng(seed)
    arms = draw(rng, (tries,), design)
    level = np.cumsum(rng.normal(0, demand.weekly, (tries, design.sites, design.weeks, 1)), axis=2)
    response = np.where(arms == 1, prices.high, prices.low) ** elasticity
    mean = demand.rates[None, :, None, :] * np.exp(level) * response
    if demand.dispersion > 0:
        shape = 1 / demand.dispersion
        mean = mean * rng.gamma(shape, 1 / shape, mean.shape)
    return rng.poisson(mean).astype(float), arms


def betas(counts: Counts, arms: Arms) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`analysis.effect` for many experiments at once: (beta, margin of its interval); nan without starts."""
    high, low = counts * arms, counts * (1 - arms)
    totals = [part.sum(axis=(-3, -2, -1)) for part in (high, low)]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = [
            clustered(part) / total[..., None, None, None]
            for part, total in zip((high, low), totals, strict=True)
        ]
        beta = np.log(totals[0] / totals[1])
    influence = share[0] - share[1]
    clusters = int(np.prod(influence.shape[-3:]))
    variance = clusters / (clusters - 1) * (influence**2).sum(axis=(-3, -2, -1))
    return beta, float(stats.t.ppf((1 + LEVEL) / 2, clusters - 1)) * np.sqrt(variance)


def power(
    demand: Demand, design: Design, prices: Prices, elasticity: float, *, seed: int = 1, tries: int = TRIES
) -> float:
    """The chance that the interval leaves out zero if this is the elasticity."""
    beta, margin = betas(*simulate(demand, design, prices, elasticity, seed, tries=tries))
    return float((np.abs(beta) > margin).mean())


def table(
    demand: Demand, design: Design, prices: Prices, weeks: tuple[int, ...] = (4, 8, 12)
) -> list[tuple[int, list[float]]]:
    """Power by length and elasticity: rows of (weeks, one value for each of ELASTICITIES)."""
    return [
        (
            length,
            [
                power(
                    demand, Design(design.sites, length, design.block_hours, design.seed), prices, elasticity
                )
                for elasticity in ELASTICITIES
            ],
        )
        for length in sorted({*weeks, design.weeks})
    ]


def demand_from(counts: Counts, blocks_a_day: int) -> Demand:
    """Rates and unevenness of past weeks at a still price: counts by site, week and block of the week."""
    rates = np.maximum(counts.mean(axis=1), 1e-3)
    weeks = counts.shape[1]
    if weeks < 2:
        return Demand(rates)
    by_day = counts.reshape(*counts.shape[:2], DAYS_A_WEEK, blocks_a_day).sum(axis=-1)
    mean = by_day.mean(axis=1, keepdims=True)
    surplus = ((by_day - mean) ** 2 * weeks / (weeks - 1) - mean).sum()
    return Demand(rates, dispersion=max(0.0, float(surplus / max((mean**2).sum() * weeks, 1e-9))))
