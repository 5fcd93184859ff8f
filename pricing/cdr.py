"""OCPI CDRs (2.1.1, 2.2.1, 2.3.0): charging periods become the engine's track."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any, NamedTuple

from pricing import fields
from pricing.errors import PricingError
from pricing.fields import Rational, whole
from pricing.instants import epoch_s, seconds_between, span_s
from pricing.track import Bounds, Phase, Track

_HOURS = {"TIME": "charging", "PARKING_TIME": "parking", "RESERVATION_TIME": "reserved"}
_MEASURES = {"ENERGY": 1000, "MIN_POWER": 1000, "MAX_POWER": 1000, "POWER": 1000}
VOLUMES = frozenset({*_HOURS, "ENERGY"})
_PLAIN = ("MIN_CURRENT", "MAX_CURRENT", "CURRENT")


class Period(NamedTuple):
    """One charging period: start and length in s from the origin, volumes in Wh and s, what was measured."""

    start: Rational
    length: Rational
    volumes: Mapping[str, Rational]


def read(obj: Any, at: str) -> tuple[datetime, datetime, Track]:
    """Start, end and track of a CDR; PricingError names the path of the first unusable field."""
    raw = fields.mapping(obj, at)
    end_name = "end_date_time" if raw.get("end_date_time") is not None else "stop_date_time"
    start = fields.moment(raw.get("start_date_time"), f"{at}.start_date_time")
    end = fields.moment(raw.get(end_name), f"{at}.end_date_time")
    length = span_s(start, end, at, "start_date_time", end_name)
    periods = _periods(raw.get("charging_periods"), start, length, f"{at}.charging_periods")
    times, energy = _registers(periods, length)
    return (
        start,
        end,
        Track(
            origin=epoch_s(start),
            length=length,
            times=times,
            energy=energy,
            phases=_phases(periods, f"{at}.charging_periods"),
            bounds=[_bounds(period) for period in periods],
            slope_is_power=False,
            evse_kind=_evse_kind(raw.get("cdr_location")),
        ),
    )


def _periods(value: Any, start: datetime, length: Rational, at: str) -> list[Period]:
    listed = fields.sequence(value, at)
    if not listed:
        raise PricingError(at, "is empty; a CDR has one charging period at least")
    rows = [fields.mapping(each, f"{at}[{i}]") for i, each in enumerate(listed)]
    begins: list[Rational] = []
    for i, row in enumerate(rows):
        path = f"{at}[{i}].start_date_time"
        begin = seconds_between(start, fields.moment(row.get("start_date_time"), path))
        if begin < (begins[-1] if begins else 0):
            raise PricingError(path, "is before the period or the session it follows")
        if begin > length:
            raise PricingError(path, "is after the end of the session")
        begins.append(begin)
    ends = [*begins[1:], length]
    return [
        Period(begin, end - begin, volumes_of(row.get("dimensions"), f"{at}[{i}].dimensions"))
        for i, (row, begin, end) in enumerate(zip(rows, begins, ends, strict=True))
    ]


def volumes_of(value: Any, at: str) -> dict[str, Rational]:
    """Volume of each dimension we price by; unknown ones are left alone. A dimension named twice adds up."""
    volumes: dict[str, Rational] = {}
    for i, each in enumerate(fields.sequence(value, at)):
        raw = fields.mapping(each, f"{at}[{i}]")
        kind = fields.text(raw.get("type"), f"{at}[{i}].type")
        if kind in _HOURS or kind in _MEASURES or kind in _PLAIN:
            volumes[kind] = volumes.get(kind, 0) + _volume(kind, raw, f"{at}[{i}]")
    return volumes


def _volume(kind: str, raw: Mapping[str, Any], at: str) -> Rational:
    """Wh, W, A or seconds. `x_seconds` tells the exact seconds of a volume that hours can't express."""
    if kind in _HOURS:
        if raw.get("x_seconds") is not None:
            return whole(fields.number(raw["x_seconds"], f"{at}.x_seconds"))
        return whole(fields.number(raw.get("volume"), f"{at}.volume") * 3600)
    return whole(fields.number(raw.get("volume"), f"{at}.volume") * _MEASURES.get(kind, 1))


def _registers(periods: Sequence[Period], length: Rational) -> tuple[list[Rational], list[Rational]]:
    times: list[Rational] = [0]
    energy: list[Rational] = [0]
    total: Rational = 0
    for period in periods:
        begin = period.start
        if begin != times[-1]:
            times.append(begin)
            energy.append(total)
        total += period.volumes.get("ENERGY", 0)
        times.append(begin + period.length)
        energy.append(total)
    return times, energy


def _phases(periods: Sequence[Period], at: str) -> list[Phase]:
    """One phase for each stretch of periods of one kind."""
    phases: list[Phase] = []
    for i, period in enumerate(periods):
        phase = phase_of(period, f"{at}[{i}]")
        # What lasted no time neither interrupts nor follows what lasted.
        if phases and phases[-1].start == phase.start:
            phases.pop()
        elif phases and not period.length and i == len(periods) - 1:
            continue
        if not phases or phase[1:] != phases[-1][1:]:
            phases.append(phase)
    return phases


def phase_of(period: Period, at: str) -> Phase:
    """How many seconds of each kind a second of the period carries: 1 or 0 where volume and length agree."""
    rates: dict[str, Rational] = {}
    for kind, name in _HOURS.items():
        volume = period.volumes.get(kind, 0)
        if volume and not period.length:
            raise PricingError(
                f"{at}.start_date_time", f"leaves no time for its {kind}; check the next start"
            )
        rates[name] = _rate(volume, period.length) if volume else 0
    parked = bool(rates["parking"]) and not rates["charging"]
    reserved = bool(rates["reserved"]) and not rates["charging"] and not rates["parking"]
    return Phase(period.start, **rates, parked=parked, in_reservation=reserved)


def _rate(volume: Rational, length: Rational) -> Rational:
    return 1 if volume == length else whole(Fraction(volume) / length)


def _bounds(period: Period) -> Bounds:
    """Lowest and highest power and current; an average stands for both."""
    volumes = period.volumes
    power, current = volumes.get("POWER"), volumes.get("CURRENT")
    return Bounds(
        period.start,
        volumes.get("MIN_POWER", power),
        volumes.get("MAX_POWER", power),
        volumes.get("MIN_CURRENT", current),
        volumes.get("MAX_CURRENT", current),
    )


def _evse_kind(location: Any) -> str | None:
    """AC or DC from the connector's power type, where the CDR tells it."""
    if not isinstance(location, Mapping):
        return None
    kind = location.get("connector_power_type")
    return kind[:2] if isinstance(kind, str) and kind[:2] in ("AC", "DC") else None
