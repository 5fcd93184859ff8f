"""New sites: what each candidate may bring, for which stated reasons, and which to build under a budget.

Sessions say what sites of a kind bring, not why one place beats another. What registrations, traffic, distance
and competitors do is therefore assumed, the same for all, bounded, and said beside the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from revenue.models import Candidate
from revenue.placement.coverage import Choice, Spot, choose
from revenue.placement.rates import Rate, Seen, rate_of

REGISTRATIONS_POWER = 0.5
TRAFFIC_POWER = 0.25
HALF_AT_M = 1000.0
LEAST_FACTOR, MOST_FACTOR = 1 / 3, 3.0
RAPID_W = 40_000


@dataclass(frozen=True)
class Reason:
    """One assumed influence: what it is (a Candidate's field), its value and its factor on demand."""

    field: str
    value: int
    factor: float


@dataclass(frozen=True)
class Scored:
    """A candidate with its sessions a day (mean and 80 % band) and the reasons behind the mean."""

    candidate: Candidate
    kind: str
    rate: Rate
    reasons: Sequence[Reason]
    factor: float

    def _per_day(self, rate: float) -> float:
        return rate * self.candidate.ports * self.factor

    @property
    def mean(self) -> float:
        return self._per_day(self.rate.mean)

    @property
    def low(self) -> float:
        return self._per_day(self.rate.low)

    @property
    def high(self) -> float:
        return self._per_day(self.rate.high)


@dataclass(frozen=True)
class Chosen:
    """A candidate to build: sessions a day won, and taken from own or earlier chosen sites."""

    scored: Scored
    won: float
    taken: float


def kind_of(power_w: int) -> str:
    """`rapid` from 40 kW on, else `normal`."""
    return "rapid" if power_w >= RAPID_W else "normal"


def score(candidates: Sequence[Candidate], seen: Sequence[Seen]) -> list[Scored]:
    """Candidates for which there is a rate, most sessions first."""
    middle = {field: _median(candidates, field) for field in ("registrations", "traffic")}
    scored = []
    for candidate in candidates:
        kind = kind_of(candidate.power_w)
        rate = rate_of(kind, seen)
        if rate is not None:
            reasons = _reasons(candidate, middle)
            factor = 1.0
            for reason in reasons:
                factor *= reason.factor
            scored.append(Scored(candidate, kind, rate, reasons, min(max(factor, LEAST_FACTOR), MOST_FACTOR)))
    return sorted(scored, key=lambda one: -one.mean)


def _median(candidates: Sequence[Candidate], field: str) -> float:
    known = [value for candidate in candidates if (value := getattr(candidate, field))]
    return float(median(known)) if known else 0.0


def _reasons(candidate: Candidate, middle: dict[str, float]) -> list[Reason]:
    reasons = []
    for field, power in (("registrations", REGISTRATIONS_POWER), ("traffic", TRAFFIC_POWER)):
        value = getattr(candidate, field)
        if value is not None and middle[field]:
            reasons.append(Reason(field, value, max(value / middle[field], 0.01) ** power))
    if candidate.distance_m is not None:
        reasons.append(Reason("distance_m", candidate.distance_m, 0.5 ** (candidate.distance_m / HALF_AT_M)))
    if candidate.competitors is not None:
        share = candidate.ports / (candidate.ports + candidate.competitors)
        reasons.append(Reason("competitors", candidate.competitors, share**0.5))
    return reasons


def chosen_of(
    scored: Sequence[Scored], own: Sequence[Spot], *, reach_km: float, most: int, budget: Decimal | None
) -> list[Chosen]:
    """Which candidates to build, best first, and what each wins beside those before it and the own sites."""
    places = [Spot(float(one.candidate.latitude), float(one.candidate.longitude)) for one in scored]
    costs = [Decimal(one.candidate.cost.amount) for one in scored]
    demand = [one.mean for one in scored]
    found: list[Choice] = choose(places, demand, costs, own, reach_km=reach_km, most=most, budget=budget)
    return [Chosen(scored[each.index], each.won, each.taken) for each in found]
