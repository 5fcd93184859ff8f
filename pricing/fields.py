"""Reading JSON values with errors that name the path of the offender."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from pricing.errors import PricingError

Rational = int | Fraction
"""An exact quantity: an int where it is whole (the fast case), else a Fraction."""

_LARGEST = 10**15
_FINEST_EXPONENT = -40
_NUMERIC = re.compile(r"[+-]?\d{1,40}(\.\d{0,40})?([eE][+-]?\d{1,3})?\Z", re.ASCII)
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?([Zz]|[+-]\d\d(:?\d\d)?)?\Z", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1900, 2500


def whole(value: Rational) -> Rational:
    """The same number as an int where it is one: ints keep the arithmetic fast."""
    return value.numerator if value.denominator == 1 else value


def mapping(value: Any, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise PricingError(field, f"must be a JSON object, not {_kind(value)}")
    return value


def sequence(value: Any, field: str) -> list[Any] | tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise PricingError(field, f"must be a list, not {_kind(value)}")
    return value


def text(value: Any, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise PricingError(field, f"must be a text, not {_kind(value)}")
    return value


def choice(value: Any, field: str, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise PricingError(field, f"must be one of {', '.join(allowed)}, not {_shown(value)}")
    return value


def number(value: Any, field: str) -> Fraction:
    """A finite, non-negative number below 10^15 from an int, float, Decimal or numeric text, exactly.

    A float counts as the shortest decimal that names it, which is what stood in the JSON.
    """
    if type(value) is int and 0 <= value < _LARGEST:
        return Fraction(value)
    exact = _decimal(value, field)
    if not exact.is_finite():
        raise PricingError(field, f"must be a finite number, not {_shown(value)}")
    if exact < 0:
        raise PricingError(field, f"must not be negative, got {_shown(value)}")
    # Checked on the exponent before any integer is made: 1e999999 must not cost a million digits.
    if exact.adjusted() > 15 or exact >= _LARGEST:
        raise PricingError(field, f"is too large; the limit is {_LARGEST}")
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and exponent < _FINEST_EXPONENT:
        raise PricingError(field, f"has too many decimals; at most {-_FINEST_EXPONENT}")
    return Fraction(exact)


def integer(value: Any, field: str) -> int:
    exact = number(value, field)
    if exact.denominator != 1:
        raise PricingError(field, f"must be a whole number, not {_shown(value)}")
    return exact.numerator


def moment(value: Any, field: str) -> datetime:
    """An RFC 3339 time; one without an offset is UTC, as OCPI says."""
    if not isinstance(value, str) or not _DATE_TIME.match(value):
        raise PricingError(field, f"must be a time such as 2024-01-01T09:30:00Z, not {_shown(value)}")
    try:
        parsed = datetime.fromisoformat(value.upper().replace(",", "."))
    except ValueError:
        raise PricingError(field, f"is not a time on the calendar: {_shown(value)}") from None
    return in_range(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC), field)


def in_range(value: datetime, field: str) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise PricingError(field, f"must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return value


def calendar_date(value: Any, field: str) -> date:
    if not isinstance(value, str) or not _DATE.match(value):
        raise PricingError(field, f"must be a date such as 2024-12-31, not {_shown(value)}")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PricingError(field, f"is not a date on the calendar: {_shown(value)}") from None


def _decimal(value: Any, field: str) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise PricingError(field, f"must be a number, not {_kind(value)}")
    if isinstance(value, float):
        return Decimal(repr(value)) if math.isfinite(value) else Decimal("NaN")
    if isinstance(value, int):
        # An int of a million digits would take minutes to become a Decimal; it is out of range anyway.
        return Decimal(value) if value.bit_length() < 200 else Decimal("1E+99") * (1 if value > 0 else -1)
    if not _NUMERIC.match(value):
        raise PricingError(field, f"must be a number, not {_shown(value)}")
    return Decimal(value)


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value), "a number")


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number of hundreds of digits"
    shown = value if isinstance(value, str) else str(value)
    return repr(shown[:40] + "…") if len(shown) > 40 else repr(shown)
