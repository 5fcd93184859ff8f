"""min_price and max_price: two limbs each, on exact totals, spread over the tax rates."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pricing.tariff import PriceLimit

_UNLIMITED = PriceLimit(None, None)

Bases = list[Fraction]
"""Exact net amount for each tax rate of the session."""


def adjusted(
    bases: Bases,
    rates: Sequence[Fraction],
    minimum: PriceLimit | None,
    maximum: PriceLimit | None,
    digits: int,
) -> Bases:
    """The bases after the limits; the same list where no limb binds. `rates` are fractions of one.

    Each limb binds on its own total. Where no split of the wanted net gives the wanted gross, the tighter
    limb is met and the other holds with room; where that is impossible too, the gross limb is met.
    """
    net, gross = sum(bases, Fraction(0)), _gross(bases, rates)
    low, high = minimum or _UNLIMITED, maximum or _UNLIMITED
    want_net, want_gross = _clamp(net, low.net, high.net), _clamp(gross, low.gross, high.gross)
    if (want_net, want_gross) == (net, gross):
        return bases
    limits = [limit for limit in (minimum, maximum) if limit is not None]
    if all(limit.gross is None for limit in limits):
        return _scaled_to_net(bases, want_net)
    if all(limit.net is None for limit in limits):
        return _scaled_to_gross(bases, rates, want_gross)
    split = _split(bases, rates, want_net, want_gross - want_net)
    return split or _one_limb(bases, rates, want_net, want_gross, _Limits(minimum, maximum, digits))


class _Limits:
    """Whether a total keeps the limbs, to half a minor unit: tariffs round one limb to match the other."""

    def __init__(self, minimum: PriceLimit | None, maximum: PriceLimit | None, digits: int) -> None:
        self._minimum, self._maximum = minimum, maximum
        self._slack = Fraction(1, 2 * 10**digits)

    def hold(self, net: Fraction, gross: Fraction) -> bool:
        low, high, slack = self._minimum, self._maximum, self._slack
        return (
            (low is None or low.net is None or net > low.net - slack)
            and (low is None or low.gross is None or gross > low.gross - slack)
            and (high is None or high.net is None or net < high.net + slack)
            and (high is None or high.gross is None or gross < high.gross + slack)
        )


def _one_limb(
    bases: Bases, rates: Sequence[Fraction], net: Fraction, gross: Fraction, limits: _Limits
) -> Bases:
    by_gross = _scaled_to_gross(bases, rates, gross)
    if limits.hold(sum(by_gross, Fraction(0)), gross):
        return by_gross
    by_net = _scaled_to_net(bases, net)
    return by_net if limits.hold(net, _gross(by_net, rates)) else by_gross


def _split(bases: Bases, rates: Sequence[Fraction], net: Fraction, tax: Fraction) -> Bases | None:
    """Bases >= 0 that sum to `net` and bear `tax`: the old proportions, moved towards the lowest or the
    highest rate as far as the tax asks. None where even all of it at one rate would not do."""
    scaled = _scaled_to_net(bases, net)
    bears = sum((base * rate for base, rate in zip(scaled, rates, strict=True)), Fraction(0))
    if bears == tax:
        return scaled
    extreme = min(rates) if tax < bears else max(rates)
    furthest = extreme * net
    share = (bears - tax) / (bears - furthest) if bears != furthest else Fraction(2)
    if share > 1:
        return None
    target = rates.index(extreme)
    return [base * (1 - share) + (net * share if i == target else 0) for i, base in enumerate(scaled)]


def _scaled_to_net(bases: Bases, net: Fraction) -> Bases:
    total = sum(bases, Fraction(0))
    return [base * net / total for base in bases] if total else _all_on_first(bases, net)


def _scaled_to_gross(bases: Bases, rates: Sequence[Fraction], gross: Fraction) -> Bases:
    total = _gross(bases, rates)
    if not total:
        return _all_on_first(bases, gross / (1 + rates[0]))
    return [base * gross / total for base in bases]


def _all_on_first(bases: Bases, amount: Fraction) -> Bases:
    return [amount, *(Fraction(0) for _ in bases[1:])]


def _gross(bases: Bases, rates: Sequence[Fraction]) -> Fraction:
    return sum((base * (1 + rate) for base, rate in zip(bases, rates, strict=True)), Fraction(0))


def _clamp(value: Fraction, low: Fraction | None, high: Fraction | None) -> Fraction:
    """Between the limits; where they contradict, the maximum wins."""
    raised = value if low is None else max(value, low)
    return raised if high is None else min(raised, high)
