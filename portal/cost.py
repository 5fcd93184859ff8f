"""What a session cost, ready to be shown: its price line and why each line is what it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from django.utils.translation import gettext as _

from charging.models import PricedSession
from portal import words
from portal.charts import PriceLine, price_line


@dataclass(frozen=True)
class Shares:
    """The five shares of an amount, in one currency; they sum to gross."""

    currency: str
    energy: Decimal
    time: Decimal
    idle: Decimal
    fees: Decimal
    tax: Decimal

    @property
    def net(self) -> Decimal:
        return self.energy + self.time + self.idle + self.fees

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax

    def line(self, *, longest: Decimal | None = None, title: str = "") -> PriceLine:
        """The price line of these shares; `longest` makes lines shown together comparable."""
        amounts = {
            "energy": self.energy,
            "time": self.time,
            "idle": self.idle,
            "fees": self.fees,
            "tax": self.tax,
        }
        return price_line(
            amounts, partial(words.money, currency=self.currency), longest=longest, title=title or _("Price")
        )


def shares_of(priced: PricedSession) -> Shares:
    """The shares of a priced session."""
    return Shares(
        currency=str(priced.gross.currency),
        energy=priced.energy.amount,
        time=priced.time.amount,
        idle=priced.parking.amount,
        fees=priced.fees.amount,
        tax=priced.tax.amount,
    )


def latest(pricings: Iterable[PricedSession]) -> PricedSession | None:
    """The revision that counts: the highest."""
    return max(pricings, key=lambda priced: priced.revision, default=None)


def longest_of(shares: Iterable[Shares | None]) -> dict[str, Decimal]:
    """The largest total per currency, so that lines side by side share a scale."""
    largest: dict[str, Decimal] = {}
    for one in shares:
        if one is not None:
            largest[one.currency] = max(largest.get(one.currency, Decimal(0)), one.gross)
    return largest


def sum_shares(shares: Iterable[Shares]) -> dict[str, Shares]:
    """Totals per currency; amounts of different currencies are never added."""
    totals: dict[str, Shares] = {}
    for one in shares:
        so_far = totals.get(one.currency)
        totals[one.currency] = one if so_far is None else _add(so_far, one)
    return totals


def _add(one: Shares, other: Shares) -> Shares:
    return Shares(
        one.currency,
        one.energy + other.energy,
        one.time + other.time,
        one.idle + other.idle,
        one.fees + other.fees,
        one.tax + other.tax,
    )
