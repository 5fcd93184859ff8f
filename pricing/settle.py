"""From runs to money: amounts by tax rate, price limits, and the one rounding at the end."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pricing.amounts import NOTHING, ExactAmounts, total_of
from pricing.compiled import SESSION, Compiled
from pricing.fields import Rational
from pricing.limits import adjusted
from pricing.result import Line, PricedSession, Unpriced
from pricing.rounding import Policy
from pricing.track import Track
from pricing.walk import Run, Walker

Rounded = tuple[int, int, int]
"""Tax group, net and tax in minor units."""


def settle(
    compiled: Compiled, track: Track, walker: Walker, policy: Policy, *, limited: bool
) -> PricedSession:
    """Sum the runs by tax rate, apply the price limits if there was a charging session (`limited`), round."""
    lines: list[Line] = []
    units: dict[int, Rational] = {}
    unpriced: dict[str, Rational] = {}
    finest, origin = walker.divisor, track.origin
    for run in walker.runs:
        rate = run.rate
        if rate is None:
            unpriced[run.dimension] = unpriced.get(run.dimension, 0) + Line(compiled, run, origin).quantity
            continue
        lines.append(Line(compiled, run, origin))
        amount = rate.units * (run.quantity + run.surplus)
        if run.divisor != finest:
            amount *= finest
        units[rate.group] = units.get(rate.group, 0) + amount
    change = limit_changes(compiled, lines) if compiled.limits and limited else {}
    if change:
        lines.append(_limit_line(compiled, track, change))
        rounded = _rounded_within_limits(compiled, lines, policy)
    else:
        rounded = [_rounded(compiled, group, units[group], finest, policy) for group in sorted(units)]
    left = tuple([Unpriced(kind, quantity) for kind, quantity in unpriced.items()])
    return PricedSession(compiled, policy.name, tuple(lines), left, rounded)


def _rounded(compiled: Compiled, group: int, units: Rational, finest: int, policy: Policy) -> Rounded:
    """`units` are in 1 / finest amount units."""
    of = compiled.groups[group]
    bottom = of.bottom * finest
    if not isinstance(units, int):
        units, bottom = units.numerator, bottom * units.denominator
    return group, policy.round(units * of.net_top, bottom), policy.round(units * of.tax_top, bottom)


def limit_changes(compiled: Compiled, lines: Sequence[Line]) -> dict[int, ExactAmounts]:
    """What min_price and max_price change at each tax rate of the charging session; empty if nothing."""
    nets: dict[int, Fraction] = {}
    for line in lines:
        if not line.kind.startswith("RESERVATION"):
            group = compiled.percents.index(line.tax_percent)
            nets[group] = nets.get(group, Fraction(0)) + line.exact.net
    # A session that nothing prices still owes the minimum: at the rate of the tariff's first component.
    first = compiled.percents.index(compiled.tariff.elements[0].components[0].tax_percent)
    groups = sorted(nets) or [first]
    rates = [(compiled.percents[group] or Fraction(0)) / 100 for group in groups]
    before = [nets.get(group, Fraction(0)) for group in groups]
    tariff = compiled.tariff
    after = adjusted(before, rates, tariff.min_price, tariff.max_price, tariff.digits)
    return {
        group: ExactAmounts(new - old, (new - old) * rate)
        for group, rate, old, new in zip(groups, rates, before, after, strict=True)
        if new != old
    }


def _limit_line(compiled: Compiled, track: Track, change: dict[int, ExactAmounts]) -> Line:
    kind = "MIN_PRICE" if total_of(change.values()).gross > 0 else "MAX_PRICE"
    run = Run(None, (kind, SESSION), 1, (track.length, track.length))
    return Line(compiled, run, track.origin, change)


def _rounded_within_limits(compiled: Compiled, lines: Sequence[Line], policy: Policy) -> list[Rounded]:
    """Round each rate, then move single minor units so that the totals are the rounded totals.

    Rates rounded one by one could end a cent above the max_price that the exact total keeps.
    """
    by_group: dict[int, ExactAmounts] = {}
    for line in lines:
        for percent, amounts in line.by_rate.items():
            group = compiled.percents.index(percent)
            by_group[group] = by_group.get(group, NOTHING).plus(amounts)
    exact = dict(sorted(by_group.items()))
    minor = 10**compiled.tariff.digits
    total = total_of(exact.values())
    net, gross = _round(total.net * minor, policy), _round(total.gross * minor, policy)
    nets = _shared_out([amounts.net * minor for amounts in exact.values()], net, policy)
    taxes = _shared_out([amounts.tax * minor for amounts in exact.values()], gross - net, policy)
    return list(zip(exact, nets, taxes, strict=True))


def _shared_out(parts: Sequence[Fraction], total: int, policy: Policy) -> list[int]:
    """The rounded parts, each off by one where their sum would miss `total`, the least wronged first."""
    rounded = [_round(part, policy) for part in parts]
    missing = total - sum(rounded)
    step = 1 if missing > 0 else -1
    order = sorted(range(len(parts)), key=lambda i: step * (rounded[i] - parts[i]))
    for i in [i for i in order if rounded[i] + step >= 0][: abs(missing)]:
        rounded[i] += step
    return rounded


def _round(value: Fraction, policy: Policy) -> int:
    return policy.round(value.numerator, value.denominator)
