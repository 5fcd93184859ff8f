"""The price line of a session: what of the rounded net is energy, time, parking and fees."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import pricing

SHARES, FEES = ("ENERGY", "TIME", "PARKING_TIME"), "FEES"


@dataclass(frozen=True, slots=True)
class PriceLine:
    """Shares of the net in the currency's minor unit; they sum to it exactly.

    fees: session fees, reservation, and what a minimum or maximum price adds or takes off (so perhaps < 0).
    """

    energy: Decimal
    time: Decimal
    parking: Decimal
    fees: Decimal


def price_line(result: pricing.PricedSession) -> PriceLine:
    """Split the rounded net over the exact amounts by largest remainder."""
    exact = dict.fromkeys((*SHARES, FEES), Fraction(0))
    for line in result.lines:
        exact[line.kind if line.kind in SHARES else FEES] += line.exact.net
    net = result.total.net
    digits = int(net.as_tuple().exponent)
    minor = 10**-digits
    shares = allocate(int(net.scaleb(-digits)), [amount * minor for amount in exact.values()])
    return PriceLine(*(Decimal(share).scaleb(digits) for share in shares))


def allocate(total: int, exact: Sequence[Fraction]) -> list[int]:
    """Whole shares of `total` as near to `exact` as can be; the sums may differ by what rounding moved.

    Each is cut down to a whole number, then units go one by one to where most is missing (or come off where
    least is). A part that is zero stays so unless nothing else can give.
    """
    shares = [part.numerator // part.denominator for part in exact]
    while missing := total - sum(shares):
        unit = 1 if missing > 0 else -1
        place = max(range(len(exact)), key=lambda i: _claim(exact[i], shares[i], unit))
        shares[place] += unit
    return shares


def _claim(exact: Fraction, share: int, unit: int) -> tuple[bool, bool, Fraction]:
    """How fit a share is to take one more unit: it has an amount, keeps its sign, lacks most."""
    return exact != 0, exact < 0 or share + unit >= 0, unit * (exact - share)
