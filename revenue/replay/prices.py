"""What each past session would have cost: by its own tariff, by another one, by rules, by a changed window."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pricing
from pricing import batch
from revenue.dynamic.documents import document_at
from revenue.dynamic.engine import SLOT, History, Outcome, Situation, decide
from revenue.dynamic.guardrails import Guardrails
from revenue.dynamic.rules import Action, Rule
from revenue.dynamic.signals import FORECAST, GRID_PRICE, OUT_OF_SERVICE, UTILISATION, Observation, Signals
from revenue.replay.past import Integers, Past

HOUR_S = 3600
Document = Mapping[str, Any]
Group = tuple[Integers, pricing.Tariff]
"""Positions of sessions, and the tariff they are priced by."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Net and tax of each session in minor units; `scalar`: how many the slow path priced."""

    net: Integers
    tax: Integers
    scalar: int

    @property
    def gross(self) -> Integers:
        return self.net + self.tax


def cost(past: Past, groups: Iterable[Group]) -> Costs:
    """Price all sessions by their groups; a session in none costs nothing."""
    net, tax = np.zeros(len(past), np.int64), np.zeros(len(past), np.int64)
    scalar = 0
    for positions, tariff in groups:
        if len(positions):
            totals = batch.rate(tariff, past.columns(positions), past.zone, checked=True)
            net[positions], tax[positions] = totals.net, totals.tax
            scalar += totals.scalar
    return Costs(net, tax, scalar)


def as_it_was(past: Past, tariffs: Sequence[pricing.Tariff]) -> list[Group]:
    """Each session by its own version; `tariffs` as `past.versions` has them."""
    return [(np.flatnonzero(past.version == place), tariff) for place, tariff in enumerate(tariffs)]


def by_tariff(past: Past, tariff: pricing.Tariff) -> list[Group]:
    """All sessions by one tariff."""
    return [(np.arange(len(past)), tariff)]


@dataclass(frozen=True, slots=True)
class Window:
    """Local hours of some days: 0 Monday to 6 Sunday, none named: every day; over midnight if end < start."""

    from_time: time
    to_time: time
    days: frozenset[int] = frozenset()

    def holds(self, hour_of_week: Integers) -> NDArray[np.bool_]:
        """For each local hour of the week, whether it lies in the window; judged by the hour's beginning."""
        rule = Rule("", Action.STEP, days=self.days, from_time=self.from_time, to_time=self.to_time)
        monday = datetime(2024, 1, 1, tzinfo=UTC)
        held = [rule.on_the_clock(monday + timedelta(hours=hour)) for hour in range(168)]
        return np.array(held, np.bool_)[hour_of_week]


def by_window(past: Past, documents: Sequence[Document], window: Window, percent: Decimal) -> list[Group]:
    """As it was, but with energy `percent` dearer or cheaper for sessions that start in the window."""
    inside = window.holds(hours_of_week(past))
    groups: list[Group] = []
    for place, document in enumerate(documents):
        mine = past.version == place
        groups.append((np.flatnonzero(mine & ~inside), pricing.Tariff.from_json(document)))
        changed = pricing.Tariff.from_json(scaled(document, percent))
        groups.append((np.flatnonzero(mine & inside), changed))
    return groups


def scaled(document: Document, percent: Decimal) -> dict[str, Any]:
    """The document with its energy prices `percent` higher."""
    changed = copy.deepcopy(dict(document))
    for element in changed["elements"]:
        for component in element["price_components"]:
            if component["type"] == "ENERGY":
                price = Decimal(str(component["price"])) * (100 + percent) / 100
                component["price"] = f"{price:f}"
    return changed


def hours_of_week(past: Past) -> Integers:
    """The local hour of the week in which each session started: 0 for Monday's first."""
    if not len(past):
        return np.zeros(0, np.int64)
    hours = past.start // HOUR_S
    distinct, inverse = np.unique(hours, return_inverse=True)
    local = [datetime.fromtimestamp(int(hour) * HOUR_S, past.zone) for hour in distinct]
    return np.array([at.weekday() * 24 + at.hour for at in local], np.int64)[inverse]


def by_rules(
    past: Past,
    base: Document,
    rules: Sequence[Rule],
    rails: Guardrails,
    grid: Mapping[datetime, Decimal] | None = None,
) -> list[Group]:
    """What the rules would have set, hour by hour, from what was known then, within the same guardrails."""
    prices = rule_prices(past, rules, rails, grid or {})
    return by_schedule(past, base, lambda slot: prices[slot])


def by_schedule(
    past: Past, base: Document, price_of: Callable[[datetime], tuple[Decimal, bool]]
) -> list[Group]:
    """Sessions grouped by the price and the waiver of the hour they start in."""
    hours = past.start // HOUR_S
    distinct, inverse = np.unique(hours, return_inverse=True)
    found = [price_of(datetime.fromtimestamp(int(hour) * HOUR_S, UTC)) for hour in distinct]
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(found))}
    kind_of = np.array([kinds[kind] for kind in found], np.int64)[inverse] if found else inverse
    return [
        (
            np.flatnonzero(kind_of == number),
            pricing.Tariff.from_json(document_at(base, price, waives_idle=waives)),
        )
        for (price, waives), number in kinds.items()
    ]


def rule_prices(
    past: Past, rules: Sequence[Rule], rails: Guardrails, grid: Mapping[datetime, Decimal]
) -> dict[datetime, tuple[Decimal, bool]]:
    """For each hour from the first session's to the last's: the price, and whether the idle fee is waived."""
    if not len(past):
        return {}
    first, last = int(past.start.min()) // HOUR_S, int(past.start.max()) // HOUR_S
    busy = occupancy_at(past, (np.arange(first, last + 1) * HOUR_S) - int(rails.notice.total_seconds()))
    usual = _usual(past, busy, first)
    history, found = History(), {}
    for place in range(last - first + 1):
        slot = datetime.fromtimestamp((first + place) * HOUR_S, UTC)
        now = slot - rails.notice
        signals = _signals(past, now, int(busy[place]), usual[place], grid.get(slot))
        made = decide(Situation(rules, rails, signals, now, slot, past.zone, history))
        price = rails.normal if made.price is None else made.price
        local = slot.astimezone(past.zone)
        fresh_day = local.date() != (slot - SLOT).astimezone(past.zone).date()
        today = () if fresh_day else history.today
        today = (price,) if made.outcome is Outcome.FALLBACK else (*today, price)
        history = History(slot, now, price, today)
        found[slot] = (price, made.waives_idle)
    return found


def occupancy_at(past: Past, moments: Integers) -> Integers:
    """How many sessions ran at each of these moments (epoch s)."""
    starts, ends = np.sort(past.start), np.sort(past.start + past.length)
    running = np.searchsorted(starts, moments, side="right") - np.searchsorted(ends, moments, side="right")
    return np.asarray(running, np.int64)


def _usual(past: Past, busy: Integers, first: int) -> NDArray[np.float64]:
    """The mean occupancy of each hour's hour of the week, over all of the past replayed."""
    places = (first + np.arange(len(busy))) % 168
    sums, counts = np.bincount(places, busy, 168), np.bincount(places, minlength=168)
    means: NDArray[np.float64] = (sums / np.maximum(counts, 1))[places]
    return means


def _signals(past: Past, now: datetime, busy: int, usual: float, grid: Decimal | None) -> Signals:
    ports, ever = max(past.ports, 1), timedelta(days=1)
    known = {
        UTILISATION: Observation(Decimal(min(round(100 * busy / ports), 100)), now, ever),
        FORECAST: Observation(Decimal(min(round(100 * usual / ports), 100)), now, ever),
        OUT_OF_SERVICE: Observation(Decimal(0), now, ever),
    }
    if grid is not None:
        known[GRID_PRICE] = Observation(grid, now, ever)
    return Signals(known)
