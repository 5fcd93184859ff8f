"""Guardrails: what no rule, plan or experiment can move the price beyond. Pure, exact, all of them required."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Guardrails:
    """Prices per kWh in one currency; `unit` is its smallest step (0.01 EUR, 1 JPY).

    Raises ValueError, which names the field, for guardrails that can't all hold.
    """

    normal: Decimal
    floor: Decimal
    cap: Decimal
    max_step: Decimal
    max_step_day: Decimal
    hysteresis: Decimal
    notice: timedelta
    unit: Decimal = Decimal("0.01")

    def __post_init__(self) -> None:
        problem = next((text for text, wrong in self._problems() if wrong), None)
        if problem:
            raise ValueError(problem)

    def _problems(self) -> list[tuple[str, bool]]:
        return [
            ("floor: must not be below 0", self.floor < 0),
            ("normal: must lie between floor and cap", not self.floor <= self.normal <= self.cap),
            ("max_step: must be above 0", self.max_step <= 0),
            ("max_step_day: must not be below max_step", self.max_step_day < self.max_step),
            ("hysteresis: must lie between 0 and max_step", not 0 <= self.hysteresis <= self.max_step),
            ("notice: must be above 0", self.notice <= timedelta(0)),
        ]


@dataclass(frozen=True, slots=True)
class Change:
    """What one guardrail did to the price."""

    guardrail: str
    before: Decimal
    after: Decimal


class NoRoom(Exception):
    """No price satisfies all guardrails at once."""


def guarded(
    wanted: Decimal, rails: Guardrails, last: Decimal, today: Sequence[Decimal]
) -> tuple[Decimal, list[Change]]:
    """The price nearest to `wanted` that all guardrails allow, and what each of them changed.

    last: the price of the hour before; today: prices of the local day so far (since a return to the normal
    price in doubt, which starts the day anew). Raises NoRoom, for example where a new cap lies more than a
    step below the last price.
    """
    price, changes = wanted, list[Change]()
    day = (*today, last) if today else (last,)
    limits = [
        ("floor and cap", rails.floor, rails.cap),
        ("step", last - rails.max_step, last + rails.max_step),
        ("day", max(day) - rails.max_step_day, min(day) + rails.max_step_day),
    ]
    low, high = max(limit[1] for limit in limits), min(limit[2] for limit in limits)
    if low > high:
        raise NoRoom(f"no price between {low:f} and {high:f}: floor, cap and steps contradict each other")
    price = _note(changes, "rounding", price, price.quantize(rails.unit, ROUND_HALF_UP))
    for name, least, most in limits:
        price = _note(changes, name, price, min(max(price, least), most))
    if abs(price - last) < rails.hysteresis and low <= last <= high:
        price = _note(changes, "hysteresis", price, last)
    return price, changes


def _note(changes: list[Change], guardrail: str, before: Decimal, after: Decimal) -> Decimal:
    if after != before:
        changes.append(Change(guardrail, before, after))
    return after
