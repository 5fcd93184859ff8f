"""Intervals of what is no count (energy, connectors in use): quantiles of seen / mean, by size of the mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from revenue.forecast.calendar import Floats

MOST_BINS = 6
LEAST_IN_A_BIN = 100


@dataclass(frozen=True, eq=False)
class Ratios:
    """low[bin], high[bin]: quantiles of seen / mean; `edges` part the bins by the mean."""

    edges: Floats
    low: Floats
    high: Floats

    def around(self, mean: Floats) -> tuple[Floats, Floats]:
        """The lower and the upper end at each mean."""
        where = np.searchsorted(self.edges, mean, "right")
        return mean * self.low[where], mean * self.high[where]


def ratios(seen: Floats, mean: Floats, shares: tuple[float, float]) -> Ratios | None:
    """Quantiles by bins of equal size, of hours in which something was expected; None below 100 of them."""
    told = mean > 0
    seen, mean = seen[told], mean[told]
    bins = min(MOST_BINS, len(mean) // LEAST_IN_A_BIN)
    if not bins:
        return None
    size = len(mean) // bins
    order = np.argsort(mean)[len(mean) - bins * size :].reshape(bins, size)
    low, high = np.quantile(seen[order] / mean[order], shares, axis=1)
    return Ratios(mean[order[1:, 0]], low, high)
