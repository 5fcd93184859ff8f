"""When a tariff element holds: OCPI's TariffRestrictions and our three extensions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from pricing import fields
from pricing.errors import PricingError

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
DAY_S = 86_400
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?\Z", re.ASCII)

Band = tuple[Fraction | None, Fraction | None]
"""Minimum (inclusive) and maximum (exclusive); None where the tariff sets none."""


@dataclass(frozen=True, slots=True)
class Restrictions:
    """All of them must hold. Times of day in seconds, energy in Wh, power in W, current in A, spans in s."""

    start_time: int | None
    end_time: int | None
    start_date: date | None
    end_date: date | None
    weekdays: frozenset[int] | None
    energy_wh: Band
    duration_s: Band
    power_w: Band
    current_a: Band
    idle_s: Band
    evse_kind: str | None
    reservation: str | None

    @classmethod
    def from_json(cls, value: Any, at: str) -> Restrictions:
        raw = fields.mapping({} if value is None else value, at)
        return cls(
            start_time=_time_of_day(raw, "start_time", at),
            end_time=_end_of_day(raw, at),
            start_date=_date(raw, "start_date", at),
            end_date=_date(raw, "end_date", at),
            weekdays=_weekdays(raw.get("day_of_week"), f"{at}.day_of_week"),
            energy_wh=_band(raw, "kwh", at, 1000),
            duration_s=_band(raw, "duration", at),
            power_w=_band(raw, "power", at, 1000),
            current_a=_band(raw, "current", at),
            idle_s=_band(raw, "idle_time", at),
            evse_kind=_optional_choice(raw, "evse_kind", at, ("AC", "DC")),
            reservation=_optional_choice(raw, "reservation", at, ("RESERVATION", "RESERVATION_EXPIRES")),
        )

    @property
    def on_the_clock(self) -> bool:
        """Whether the wall clock or the calendar decides anything here."""
        clock = (self.start_time, self.end_time, self.start_date, self.end_date, self.weekdays)
        return any(part is not None for part in clock)

    def hold_at(self, day: int, second: int) -> bool:
        """Whether clock and calendar allow the local instant: `day` is a proleptic ordinal."""
        if self.start_date is not None and day < self.start_date.toordinal():
            return False
        if self.end_date is not None and day >= self.end_date.toordinal():
            return False
        # Ordinal 1 was a Monday.
        if self.weekdays is not None and (day - 1) % 7 not in self.weekdays:
            return False
        start = self.start_time or 0
        end = DAY_S if self.end_time is None else self.end_time
        if end < start:
            return second >= start or second < end
        return start <= second < end


def _time_of_day(raw: Mapping[str, Any], name: str, at: str) -> int | None:
    value = raw.get(name)
    if value is None:
        return None
    matched = _TIME_OF_DAY.match(value) if isinstance(value, str) else None
    if matched is None:
        raise PricingError(f"{at}.{name}", f"must be a time of day such as 13:30, not {str(value)[:40]!r}")
    hours, minutes, seconds = matched.groups("0")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def _end_of_day(raw: Mapping[str, Any], at: str) -> int | None:
    """`end_time`; 00:00 (and 24:00, which some send) is the end of the day."""
    if raw.get("end_time") == "24:00":
        return DAY_S
    end = _time_of_day(raw, "end_time", at)
    return DAY_S if end == 0 else end


def _date(raw: Mapping[str, Any], name: str, at: str) -> date | None:
    value = raw.get(name)
    return None if value is None else fields.calendar_date(value, f"{at}.{name}")


def _weekdays(value: Any, at: str) -> frozenset[int] | None:
    """An empty list restricts nothing: OCPI gives the field the cardinality `*`."""
    if value is None or value == []:
        return None
    named = enumerate(fields.sequence(value, at))
    return frozenset(WEEKDAYS.index(fields.choice(day, f"{at}[{i}]", WEEKDAYS)) for i, day in named)


def _band(raw: Mapping[str, Any], name: str, at: str, scale: int = 1) -> Band:
    def limit(side: str) -> Fraction | None:
        value = raw.get(f"{side}_{name}")
        return None if value is None else fields.number(value, f"{at}.{side}_{name}") * scale

    return limit("min"), limit("max")


def _optional_choice(raw: Mapping[str, Any], name: str, at: str, allowed: tuple[str, ...]) -> str | None:
    value = raw.get(name)
    return None if value is None else fields.choice(value, f"{at}.{name}", allowed)
