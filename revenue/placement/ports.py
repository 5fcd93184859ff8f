"""What another port would bring at a site: sessions and money lost with c, c + 1, ... ports, and its payback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from revenue.forecast.calendar import Ints
from revenue.placement.blocking import blocking, lost_a_month
from revenue.placement.demand import Demand

MORE_PORTS = 3
CENT = Decimal("0.01")
LEAST_GAIN = Decimal("0.10")
"""Money a month, in units of the currency, below which no payback is told."""


@dataclass(frozen=True)
class Range:
    """An estimate and the ends of its 90 % interval."""

    value: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class Step:
    """With this many ports: share of drivers turned away, and sessions and net money lost a month."""

    ports: int
    blocked: Range
    lost: Range
    money: Range


@dataclass(frozen=True)
class Plan:
    """Steps for the ports there are and some more; what the next port gains a month, in sessions and money."""

    steps: Sequence[Step]
    gain: Range
    gain_money: Range


def plan(demand: Demand, stay_s: Ints, ports: int, net_per_session: Decimal) -> Plan:
    """What `ports` to `ports` + 3 ports lose a month.

    net_per_session: what a session leaves, exact; sums of money are rounded to cents once, at the end.
    """
    steps = [_step(demand, stay_s, count, net_per_session) for count in range(ports, ports + MORE_PORTS + 1)]
    now, then = steps[0], steps[1]
    gain = Range(*(getattr(now.lost, part) - getattr(then.lost, part) for part in ("value", "low", "high")))
    return Plan(steps, gain, _times(gain, net_per_session))


def payback(gain_money: Range, cost: Decimal) -> Range | None:
    """Months until the next port has earned `cost`; None where the least gain pays nothing that could be told."""
    if cost <= 0 or gain_money.low < LEAST_GAIN:
        return None
    ordered = (gain_money.value, gain_money.high, gain_money.low)  # the most gain pays back first
    return Range(*((cost / each).quantize(Decimal("0.1")) for each in ordered))


def _step(demand: Demand, stay_s: Ints, ports: int, net: Decimal) -> Step:
    rates = [demand.rate * factor for factor in (1.0, demand.low, demand.high)]
    blocked = Range(*(_decimal(blocking(rate, stay_s, ports)) for rate in rates))
    lost = Range(*(_decimal(lost_a_month(rate, stay_s, ports)) for rate in rates))
    return Step(ports, blocked, lost, _times(lost, net))


def _times(sessions: Range, net: Decimal) -> Range:
    amounts = (each * net for each in (sessions.value, sessions.low, sessions.high))
    return Range(*(amount.quantize(CENT, ROUND_HALF_UP) for amount in amounts))


def _decimal(value: float) -> Decimal:
    """An estimate of statistics, not money: four digits after the point are more than it holds."""
    return Decimal(f"{value:.4f}")
