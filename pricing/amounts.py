"""Amounts of money: exact, and rounded to the minor unit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import NamedTuple


class Amounts(NamedTuple):
    """Rounded to the currency's minor unit."""

    net: Decimal
    tax: Decimal
    gross: Decimal


class ExactAmounts(NamedTuple):
    """Before any rounding."""

    net: Fraction
    tax: Fraction

    @property
    def gross(self) -> Fraction:
        return self.net + self.tax

    def plus(self, other: ExactAmounts) -> ExactAmounts:
        return ExactAmounts(self.net + other.net, self.tax + other.tax)


NOTHING = ExactAmounts(Fraction(0), Fraction(0))


def total_of(amounts: Iterable[ExactAmounts]) -> ExactAmounts:
    return reduce(ExactAmounts.plus, amounts, NOTHING)
