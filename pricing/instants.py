"""Exact seconds between aware datetimes."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

from pricing import fields
from pricing.errors import PricingError
from pricing.fields import Rational, whole

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_S = 10 * 366 * 86_400


def span_s(start: datetime, end: datetime, at: str, start_name: str, end_name: str) -> Rational:
    """Seconds from start to end; PricingError where a time has no zone, they run backwards or for years."""
    for value, name in ((start, start_name), (end, end_name)):
        if value.utcoffset() is None:
            raise PricingError(f"{at}.{name}", "needs a time zone; give an aware datetime")
        fields.in_range(value, f"{at}.{name}")
    length = seconds_between(start, end)
    if length < 0:
        raise PricingError(f"{at}.{end_name}", f"is before {start_name}")
    if length > LONGEST_S:
        raise PricingError(f"{at}.{end_name}", "makes a session of more than ten years; check both times")
    return length


def seconds_between(start: datetime, end: datetime) -> Rational:
    gap = end - start
    seconds = gap.days * 86_400 + gap.seconds
    return whole(seconds + Fraction(gap.microseconds, 1_000_000)) if gap.microseconds else seconds


def epoch_s(moment: datetime) -> Rational:
    """Seconds since 1970 in UTC, exactly."""
    return seconds_between(_EPOCH, moment)
