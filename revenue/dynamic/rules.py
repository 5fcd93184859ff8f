"""Rules: conditions on the clock and on signals, and what they do to the price. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal
from enum import StrEnum

from revenue.dynamic.signals import FORECAST, GRID_PRICE, OUT_OF_SERVICE, QUEUE, UTILISATION, Signals

HUNDRED = Decimal(100)


class Action(StrEnum):
    """What a rule does. percent and step start from the normal price, cost-plus from the grid's."""

    PERCENT = "percent"
    STEP = "step"
    COST_PLUS = "cost_plus"
    WAIVE_IDLE = "waive_idle"


@dataclass(frozen=True, slots=True)
class Band:
    """minimum inclusive, maximum exclusive, either may be missing, as with OCPI's restrictions."""

    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def holds(self, value: Decimal) -> bool:
        return (self.minimum is None or value >= self.minimum) and (
            self.maximum is None or value < self.maximum
        )

    @property
    def is_open(self) -> bool:
        return self.minimum is None and self.maximum is None


@dataclass(frozen=True, slots=True)
class Rule:
    """All conditions hold -> the action. days: 0 Monday to 6 Sunday, empty every day; times are local.

    `to_time` before `from_time` goes over midnight; the day is that of the instant.
    """

    name: str
    action: Action
    percent: Decimal = Decimal(0)
    amount: Decimal = Decimal(0)
    days: frozenset[int] = frozenset()
    from_time: time | None = None
    to_time: time | None = None
    utilisation: Band = Band()
    forecast: Band = Band()
    queue: Band = Band()
    grid_price: Band = Band()
    out_of_service: Band = Band()

    def on_the_clock(self, local: datetime) -> bool:
        """Whether the rule speaks of this local instant at all."""
        if self.days and local.weekday() not in self.days:
            return False
        if self.from_time is None or self.to_time is None:
            return True
        at = local.time()
        if self.from_time < self.to_time:
            return self.from_time <= at < self.to_time
        return at >= self.from_time or at < self.to_time

    def bands(self) -> Iterator[tuple[str, Band]]:
        """The signals it looks at."""
        named = (
            (UTILISATION, self.utilisation),
            (FORECAST, self.forecast),
            (QUEUE, self.queue),
            (GRID_PRICE, self.grid_price),
            (OUT_OF_SERVICE, self.out_of_service),
        )
        return ((name, band) for name, band in named if not band.is_open)

    def needs(self) -> list[str]:
        """Names of the signals without which it can't be judged or carried out."""
        named = [name for name, _band in self.bands()]
        if self.action is Action.COST_PLUS and GRID_PRICE not in named:
            named.append(GRID_PRICE)
        return named

    def price(self, normal: Decimal, signals: Signals) -> Decimal:
        """What the rule wants the price per kWh to be, before any guardrail."""
        if self.action is Action.PERCENT:
            return normal * (HUNDRED + self.percent) / HUNDRED
        if self.action is Action.STEP:
            return normal + self.amount
        return signals.value(GRID_PRICE) * (HUNDRED + self.percent) / HUNDRED + self.amount

    def fixed_price(self, normal: Decimal) -> Decimal | None:
        """`price` where it is known beforehand; None where it follows a signal, or none is set."""
        if self.action in (Action.COST_PLUS, Action.WAIVE_IDLE):
            return None
        return self.price(normal, Signals())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The first rule that holds, or what kept the rules from being judged."""

    rule: Rule | None = None
    doubt: str = ""


def first_that_holds(rules: Sequence[Rule], local: datetime, signals: Signals, now: datetime) -> Verdict:
    """The first rule that certainly holds; `doubt` if one before it might, were its signal known.

    A rule that another condition rules out needs no signal. Its missing one doesn't matter then.
    """
    for rule in rules:
        if not rule.on_the_clock(local):
            continue
        faults = {name: fault for name in rule.needs() if (fault := signals.fault(name, now))}
        known = ((name, band) for name, band in rule.bands() if name not in faults)
        if not all(band.holds(signals.value(name)) for name, band in known):
            continue
        if faults:
            name, fault = next(iter(faults.items()))
            return Verdict(doubt=f"rule {rule.name!r}: signal {name} {fault}")
        return Verdict(rule)
    return Verdict()


def contradictions(rules: Sequence[Rule], normal: Decimal, floor: Decimal, cap: Decimal) -> Iterator[str]:
    """Rules whose price, known beforehand, lies outside floor and cap: a mistake, told before it counts."""
    for rule in rules:
        fixed = rule.fixed_price(normal)
        if fixed is not None and not floor <= fixed <= cap:
            yield f"rule {rule.name!r} asks for {fixed.normalize():f}, outside {floor:f} to {cap:f}"


def shadowed(rules: Sequence[Rule]) -> Iterator[tuple[Rule, Rule]]:
    """Rules that never count, each with the earlier one that always goes first (same clock or wider)."""
    for place, rule in enumerate(rules):
        for earlier in rules[:place]:
            same_part = (earlier.action is Action.WAIVE_IDLE) == (rule.action is Action.WAIVE_IDLE)
            if same_part and _covers(earlier, rule):
                yield rule, earlier
                break


def _covers(wide: Rule, narrow: Rule) -> bool:
    days = not wide.days or (bool(narrow.days) and narrow.days <= wide.days)
    same_times = (wide.from_time, wide.to_time) == (narrow.from_time, narrow.to_time)
    bands = all(
        outer.is_open or outer == inner
        for outer, inner in (
            (wide.utilisation, narrow.utilisation),
            (wide.forecast, narrow.forecast),
            (wide.queue, narrow.queue),
            (wide.grid_price, narrow.grid_price),
            (wide.out_of_service, narrow.out_of_service),
        )
    )
    return days and (wide.from_time is None or same_times) and bands
