"""What a new site of a kind may bring: the kind's mean rate and an honest band, from the sites there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

LEAST_OF_A_KIND = 3
LEAST_RATE = 0.01
"""Sessions per port and day that a site without any counts as: a logarithm has to exist."""
BAND = 0.80


@dataclass(frozen=True)
class Seen:
    """A site that was observed: its kind, and sessions per port and day."""

    name: str
    kind: str
    per_port_day: float


@dataclass(frozen=True)
class Rate:
    """Sessions per port and day of a new site: geometric mean and the 80 % band for one more site.

    sites: how many it rests on; of_kind: False where the kind has too few and all kinds were taken together.
    """

    mean: float
    low: float
    high: float
    sites: int
    of_kind: bool


@dataclass(frozen=True)
class LeftOut:
    """Leave-one-site-out: each site told from the others. Errors are factors: 1.5 is half too much, or a third
    too little. in_band: share of sites inside the band that the others gave."""

    sites: int
    median: float
    p80: float
    in_band: float


def rate_of(kind: str, seen: Sequence[Seen]) -> Rate | None:
    """What a new site of `kind` may bring; None with fewer than three sites of any kind."""
    same = [each for each in seen if each.kind == kind]
    of_kind = len(same) >= LEAST_OF_A_KIND
    basis = same if of_kind else list(seen)
    if len(basis) < LEAST_OF_A_KIND:
        return None
    logs = np.log([max(each.per_port_day, LEAST_RATE) for each in basis])
    count = len(logs)
    spread = float(np.std(logs, ddof=1)) * np.sqrt(1 + 1 / count)
    reach = float(student.ppf(0.5 + BAND / 2, count - 1)) * spread
    mean = float(logs.mean())
    low, middle, high = (float(np.exp(mean + each)) for each in (-reach, 0.0, reach))
    return Rate(middle, low, high, count, of_kind)


def leave_one_out(seen: Sequence[Seen]) -> LeftOut | None:
    """How far off such rates are for a site that they don't know; None with fewer than four sites."""
    factors, inside = [], 0
    for at, site in enumerate(seen):
        told = rate_of(site.kind, [*seen[:at], *seen[at + 1 :]])
        if told is None:
            return None
        true = max(site.per_port_day, LEAST_RATE)
        factors.append(float(np.exp(abs(np.log(told.mean / true)))))
        inside += told.low <= true <= told.high
    if not factors:
        return None
    median, p80 = np.quantile(factors, (0.5, 0.8))
    return LeftOut(len(factors), float(median), float(p80), inside / len(factors))
