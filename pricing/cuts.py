"""Where a session has to be cut: clock, duration, energy, state, idle time, power and current."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from pricing.compiled import Compiled, reached
from pricing.fields import Rational
from pricing.track import Track

Point = tuple[Rational, Rational]
"""Seconds from the origin and Wh so far; both never fall along a session."""


class Band(NamedTuple):
    """From `start` on: how many of the tariff's limits the lowest and the highest value have reached."""

    start: Rational
    low: int | None
    high: int | None


UNMEASURED = [Band(0, None, None)]


def cut_points(compiled: Compiled, track: Track, clock: Iterable[Rational]) -> tuple[list[Point], int]:
    """The session's end points and every point between at which another price may begin, in order; and the
    divisor: energies are in 1 / divisor Wh, so that those between two readings are whole too.

    `clock`: seconds from the origin at which clock, power or current change the price.
    """
    length = track.length
    seconds = [second for second in sorted(_cut_times(compiled, track, clock)) if 0 < second < length]
    if compiled.energies:
        return _points_with_energies(compiled, track, seconds), 1
    parts = [track.energy_parts(second) for second in seconds]
    divisor = lcm(*[part[2] for part in parts])
    points: list[Point] = [(0, 0)]
    if divisor == 1:
        points += [(second, part[0]) for second, part in zip(seconds, parts, strict=True)]
    else:
        points += [
            (second, low * divisor + rest * (divisor // own))
            for second, (low, rest, own) in zip(seconds, parts, strict=True)
        ]
    points.append((length, track.energy[-1] * divisor))
    return points, divisor


def _cut_times(compiled: Compiled, track: Track, clock: Iterable[Rational]) -> set[Rational]:
    times = set(track.phase_starts)
    times.update(clock)
    if compiled.durations:
        begins = [begin for begin in (track.reservation, track.charging) if begin is not None]
        times.update([begin + limit for begin in begins for limit in compiled.durations])
    if compiled.idles:
        idle = [began for began in track.idle_since if began is not None]
        times.update([began + limit for began in idle for limit in compiled.idles])
    return times


def _points_with_energies(compiled: Compiled, track: Track, seconds: list[Rational]) -> list[Point]:
    """With the energies that the tariff names: they fall between the seconds, so fractions are used."""
    total = track.energy[-1]
    points = {(second, track.energy_at(second)) for second in seconds}
    points.update((track.time_of(wh), wh) for wh in compiled.energies if 0 < wh <= total)
    points -= {(0, 0), (track.length, total)}
    return [(0, 0), *sorted(points), (track.length, total)]


def power_bands(limits: Sequence[Rational], track: Track) -> list[Band]:
    """Runs in which the power stays between the same two limits of the tariff, in W."""
    if not limits:
        return UNMEASURED
    if track.slope_is_power:
        return _runs(_slope_bands(limits, track))
    return _runs(
        [Band(at, reached(limits, low), reached(limits, high)) for at, low, high, _, _ in track.bounds]
    )


def current_bands(limits: Sequence[Rational], track: Track) -> list[Band]:
    """Runs in which the current stays between the same two limits of the tariff, in A."""
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


def _slope_bands(limits: Sequence[Rational], track: Track) -> list[Band]:
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
