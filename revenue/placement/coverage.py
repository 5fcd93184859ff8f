"""Which of several places to build: greedy maximum coverage under a budget, less what own sites have already.

Each candidate stands for demand around it. Places close to each other share it: a candidate's demand is first
divided among those in reach, and a site, built or there already, serves of each place's demand the share that
falls with distance to nothing at the reach. What own sites serve already is taken from them, not won.
Greedy by gain per cost, or the best single one where that is more: at least (1 - 1/e)/2 of the best possible
(Khuller, Moss and Naor 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from revenue.forecast.calendar import Floats

EARTH_KM = 6371.0088
LEAST_GAIN = 1e-6


@dataclass(frozen=True)
class Spot:
    """A place on earth in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Choice:
    """A place chosen: its index, sessions a day won for the owner, and taken from own or earlier chosen sites."""

    index: int
    won: float
    taken: float


def kilometres(one: Sequence[Spot], other: Sequence[Spot]) -> Floats:
    """Great-circle distances[one, other] in km."""
    first, second = (
        np.radians(np.array([(spot.latitude, spot.longitude) for spot in spots]).reshape(-1, 2))
        for spots in (one, other)
    )
    north = first[:, None, 0] - second[None, :, 0]
    east = first[:, None, 1] - second[None, :, 1]
    chord = (
        np.sin(north / 2) ** 2
        + np.cos(first[:, None, 0]) * np.cos(second[None, :, 0]) * np.sin(east / 2) ** 2
    )
    return np.asarray(2 * EARTH_KM * np.arcsin(np.sqrt(np.clip(chord, 0, 1))))


def reached(one: Sequence[Spot], other: Sequence[Spot], reach_km: float) -> Floats:
    """The share of demand at `one` that a site at `other` reaches: 1 on the spot, 0 from `reach_km` on."""
    return np.asarray(np.clip(1 - kilometres(one, other) / reach_km, 0, 1))


def choose(
    places: Sequence[Spot],
    demand: Sequence[float],
    costs: Sequence[Decimal],
    own: Sequence[Spot],
    *,
    reach_km: float,
    most: int,
    budget: Decimal | None,
) -> list[Choice]:
    """Up to `most` places within `budget` that together win the most sessions a day, best first."""
    shares = reached(places, places, reach_km)
    local = np.array(demand, dtype=np.float64) / shares.sum(axis=0) if places else np.zeros(0)
    served = reached(places, own, reach_km).max(axis=1, initial=0.0)
    greedy = _greedy(shares, local, served, costs, most=most, budget=budget)
    single = _greedy(shares, local, served, costs, most=min(most, 1), budget=budget, by_cost=False)
    return max(greedy, single, key=lambda chosen: sum(each.won for each in chosen))


def _greedy(
    shares: Floats,
    local: Floats,
    served: Floats,
    costs: Sequence[Decimal],
    *,
    most: int,
    budget: Decimal | None,
    by_cost: bool = True,
) -> list[Choice]:
    """Take what wins most, per cost where a budget binds, until nothing more fits or wins."""
    left, served, chosen = budget, served.copy(), list[Choice]()
    while len(chosen) < most:
        won = (local[:, None] * np.maximum(shares - served[:, None], 0)).sum(axis=0)
        open_to = [
            at
            for at in range(len(costs))
            if won[at] > LEAST_GAIN
            and at not in {each.index for each in chosen}
            and (left is None or costs[at] <= left)
        ]
        if not open_to:
            break
        per_cost = by_cost and budget is not None
        best = max(open_to, key=lambda at: won[at] / max(float(costs[at]), 1.0) if per_cost else won[at])
        taken = float((local * np.minimum(shares[:, best], served)).sum())
        chosen.append(Choice(best, float(won[best]), taken))
        served = np.maximum(served, shares[:, best])
        left = None if left is None else left - costs[best]
    return chosen
