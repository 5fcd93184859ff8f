"""CDRs straight from their JSON text, faster than a JSON parser reads it.

A meter's CDR is hundreds of charging periods in one layout, and few of their bodies differ. The text is split
where each period begins; each different body goes through the JSON parser once, and so does the rest of the
document with its last period alone. Anything that doesn't fit takes the plain way; the result is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import accumulate, groupby, pairwise
from typing import Any

from pricing import cdr
from pricing.errors import PricingError
from pricing.fields import Rational
from pricing.track import Phase, Track

_FIRST_PERIOD = re.compile(r'"charging_periods"\s*:\s*\[\s*(\{\s*"start_date_time"\s*:\s*")')
_STAMP = "2000-01-01T00:00:00"
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d):([0-5]\d)\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\Z", re.ASCII)
_FEWEST = 4


class _Irregular(Exception):
    """The text has another layout than the fast way knows."""


class _Seconds(dict[str, int]):
    """Seconds of "HH:MM:SS", worked out when first asked for."""

    def __missing__(self, text: str) -> int:
        matched = _TIME_OF_DAY.match(text)
        if matched is None:
            raise _Irregular
        hours, minutes, seconds = map(int, matched.groups())
        self[text] = hours * 3600 + minutes * 60 + seconds
        return self[text]


_seconds = _Seconds()


class _Body:
    """All of a period but its start."""

    __slots__ = ("energy", "volumes")

    def __init__(self, volumes: dict[str, Rational]) -> None:
        self.volumes = volumes
        self.energy = volumes.get("ENERGY", 0)


def parse(text: str | bytes, at: str = "cdr") -> Any:
    """The JSON document with exact numbers; PricingError where it is none."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=Decimal)
    except (ValueError, RecursionError) as error:
        raise PricingError(at, f"is not JSON: {error}") from None


def read(text: str | bytes, at: str = "cdr") -> tuple[datetime, datetime, Track]:
    """What `cdr.read` makes of the parsed text, with the same errors."""
    try:
        return _read_fast(text if isinstance(text, str) else text.decode())
    except (_Irregular, PricingError, ValueError, RecursionError):
        return cdr.read(parse(text, at), at)


def _read_fast(text: str) -> tuple[datetime, datetime, Track]:
    opening = _FIRST_PERIOD.search(text)
    if opening is None:
        raise _Irregular
    separator = opening[1]
    parts = _splitter(separator).split(text)
    days, times, tails = parts[1::3], parts[2::3], parts[3::3]
    if len(days) < _FEWEST:
        raise _Irregular
    # The rest of the document with its last period: valid JSON, and the place of the periods in it is right.
    lone = f"{parts[0]}{separator}{days[-1]}{times[-1]}{tails.pop()}"
    start, end, rest = cdr.read(parse(lone), "cdr")
    begins = _begins(days, times, rest.origin)
    bodies = {tail: _body(tail, separator) for tail in set(tails)}
    lengths = [later - earlier for earlier, later in pairwise(begins)]
    steady = lengths.count(lengths[0]) == len(lengths)
    shortest = lengths[0] if steady else min(lengths)
    if rest.phases[0].start != begins[-1] or not _alone(rest) or shortest <= 0 or begins[0] < 0:
        raise _Irregular
    phases = _phases(rest.phases[0], begins, _kinds(tails, bodies, lengths, steady=steady))
    return start, end, _track(rest, begins, _energy(rest, tails, bodies), phases)


@lru_cache(maxsize=64)
def _splitter(separator: str) -> re.Pattern[str]:
    """Splits into what is before, then date, time of day and the rest of each period."""
    return re.compile(re.escape(separator) + "(.{11})(.{8})")


def _alone(rest: Track) -> bool:
    """Whether the document held one period once the others were taken out, without measured power."""
    return len(rest.bounds) == 1 and rest.bounds[0][1:] == (None, None, None, None)


@lru_cache(maxsize=8192)
def _body(tail: str, separator: str) -> _Body:
    """One period's body through the JSON parser; it must be a whole object and the comma after it."""
    trimmed = tail.rstrip()
    if not trimmed.endswith(","):
        raise _Irregular
    row = parse(f"{separator}{_STAMP}{trimmed[:-1]}")
    if row["start_date_time"] != f"{_STAMP}Z":
        raise _Irregular
    volumes = cdr.volumes_of(row.get("dimensions"), "cdr")
    if volumes.keys() - cdr.VOLUMES:
        raise _Irregular
    return _Body(volumes)


def _begins(days: Sequence[str], times: Sequence[str], origin: Rational) -> list[Rational]:
    """Seconds from the origin."""
    seconds = map(_seconds.__getitem__, times)
    offset = {day: _day(day) - origin for day in set(days)}
    if len(offset) == 1:
        base = offset[days[0]]
        return [second + base for second in seconds]
    return [second + offset[day] for second, day in zip(seconds, days, strict=True)]


@lru_cache(maxsize=64)
def _day(text: str) -> int:
    if not _DATE.match(text):
        raise _Irregular
    return (date.fromisoformat(text[:10]).toordinal() - _EPOCH_DAY) * 86_400


def _energy(rest: Track, tails: Sequence[str], bodies: dict[str, _Body]) -> list[Rational]:
    """Wh so far at each begin and at the end."""
    taken = {tail: body.energy for tail, body in bodies.items()}
    return list(accumulate([*map(taken.__getitem__, tails), rest.energy[-1]], initial=0))


def _track(rest: Track, begins: list[Rational], energy: list[Rational], phases: list[Phase]) -> Track:
    times = [*begins, rest.length]
    if begins[0] > 0:
        times, energy = [0, *times], [0, *energy]
    return Track(
        origin=rest.origin,
        length=rest.length,
        times=times,
        energy=energy,
        phases=phases,
        evse_kind=rest.evse_kind,
    )


def _kinds(
    tails: Sequence[str], bodies: dict[str, _Body], lengths: list[Rational], *, steady: bool
) -> list[Phase]:
    """The phase each period belongs to; one body over one length is one kind."""
    if steady:
        kind_of = {tail: _kind(body, lengths[0]) for tail, body in bodies.items()}
        return list(map(kind_of.__getitem__, tails))
    return [_kind(bodies[tail], length) for tail, length in zip(tails, lengths, strict=True)]


def _phases(final: Phase, begins: list[Rational], kinds: list[Phase]) -> list[Phase]:
    """A phase wherever the kind of time changes."""
    phases, at = [], 0
    for kind, run in groupby(kinds):
        phases.append(kind._replace(start=begins[at]))
        at += len(list(run))
    return phases if final[1:] == phases[-1][1:] else [*phases, final]


@lru_cache(maxsize=8192)
def _kind(body: _Body, length: Rational) -> Phase:
    """The phase, starting at 0; equal ones are one object, which `groupby` compares fastest."""
    return _same(cdr.phase_of(cdr.Period(0, length, body.volumes), "cdr"))


@lru_cache(maxsize=1024)
def _same(kind: Phase) -> Phase:
    return kind
