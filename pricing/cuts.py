"""Where a session has to be cut: clock, duration, energy, state, idle time, power and current."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from pricing.compiled import Compiled, reached
from pricing.fields import Rational
from pricing.track import Track

Point = tuple[Rational, Rational]
"""Seconds from the origin and Wh so far; both never fall along a session."""


class Scopes(NamedTuple):
    """Where the reservation and the charging session begin; None where the session has no such part."""

    reservation: Rational | None
    charging: Rational | None


class Band(NamedTuple):
    """From `start` on: how many of the tariff's limits the lowest and the highest value have reached."""

    start: Rational
    low: int | None
    high: int | None


UNMEASURED = [Band(0, None, None)]


def scopes(track: Track) -> Scopes:
    reservation = charging = None
    for phase in track.phases:
        if phase.in_reservation:
            reservation = phase.start if reservation is None else reservation
        elif charging is None:
            charging = phase.start
    return Scopes(reservation, charging)


def idle_since(track: Track) -> list[Rational | None]:
    """For each phase, when the parking it belongs to began; None where the vehicle isn't parked."""
    since: list[Rational | None] = []
    began: Rational | None = None
    for phase in track.phases:
        began = None if not phase.parked else phase.start if began is None else began
        since.append(began)
    return since


def cut_points(compiled: Compiled, track: Track, clock: Iterable[Rational], scope: Scopes) -> list[Point]:
    """The session's end points and every point between at which another price may begin, in order."""
    times = set(clock)
    times.update(phase.start for phase in track.phases)
    for begin in scope:
        if begin is not None:
            times.update(begin + limit for limit in compiled.durations)
    if compiled.idles:
        times.update(
            began + limit for began in idle_since(track) if began is not None for limit in compiled.idles
        )
    length, total = track.length, track.energy[-1]
    points: list[Point] = [(0, 0)]
    points += [(second, track.energy_at(second)) for second in sorted(times) if 0 < second < length]
    if compiled.energies:
        points += [(track.time_of(wh), wh) for wh in compiled.energies if wh <= total]
        points = sorted(set(points))
    if points[-1] != (length, total):
        points.append((length, total))
    return points


def power_bands(compiled: Compiled, track: Track) -> list[Band]:
    """Runs in which the power stays between the same two limits of the tariff."""
    if not compiled.powers:
        return UNMEASURED
    if track.slope_is_power:
        return _runs(_slope_bands(compiled.powers, track))
    limits = compiled.powers
    return _runs(
        [Band(at, reached(limits, low), reached(limits, high)) for at, low, high, _, _ in track.bounds]
    )


def current_bands(compiled: Compiled, track: Track) -> list[Band]:
    """Runs in which the current stays between the same two limits of the tariff."""
    limits = compiled.currents
    if not limits:
        return UNMEASURED
    return _runs(
        [Band(at, reached(limits, low), reached(limits, high)) for at, _, _, low, high in track.bounds]
    )


def band_at(bands: list[Band], second: Rational) -> Band:
    return bands[bisect_right(bands, second, key=_start) - 1]


def _start(band: Band) -> Rational:
    return band.start


def _runs(bands: list[Band]) -> list[Band]:
    runs: list[Band] = []
    for band in bands or UNMEASURED:
        if not runs or band[1:] != runs[-1][1:]:
            runs.append(band)
    return runs


def _slope_bands(limits: list[Rational], track: Track) -> list[Band]:
    """The power between two readings is what the register gained by the time it took."""
    times, energy = track.times, track.energy
    bands = []
    for i in range(1, len(times)):
        length = times[i] - times[i - 1]
        if length:
            power = Fraction((energy[i] - energy[i - 1]) * 3600) / length
            count = bisect_right(limits, power)
            bands.append(Band(times[i - 1], count, count))
    return bands
