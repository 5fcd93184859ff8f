"""The engine's form of a session: one polyline of time and energy, and what holds along it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from pricing.fields import Rational, whole


class Phase(NamedTuple):
    """From `start` on (s from origin): seconds of each kind that a second of clock time carries.

    A register session has rates of 0 and 1; a CDR period whose volume differs from its length has others.
    """

    start: Rational
    charging: Rational
    parking: Rational
    reserved: Rational
    parked: bool
    in_reservation: bool


class Bounds(NamedTuple):
    """From `start` on: lowest and highest power (W) and current (A), None where nothing was measured."""

    start: Rational
    low_w: Rational | None
    high_w: Rational | None
    low_a: Rational | None
    high_a: Rational | None


@dataclass(frozen=True, slots=True)
class Track:
    """origin: epoch s; length: s; times and energy: knots of the cumulative Wh, both never falling, the first
    knot (0, 0), the last (length, total). Two knots at one time are energy taken in no time."""

    origin: Rational
    length: Rational
    times: list[Rational]
    energy: list[Rational]
    phases: tuple[Phase, ...]
    bounds: tuple[Bounds, ...]
    slope_is_power: bool
    evse_kind: str | None

    def energy_at(self, second: Rational) -> Rational:
        """Cumulative Wh when `second` is reached, linear between readings."""
        times = self.times
        i = bisect_left(times, second)
        at = times[i]
        if at == second:
            return self.energy[i]
        before, low, high = times[i - 1], self.energy[i - 1], self.energy[i]
        if low == high:
            return low
        gained, rest = divmod((high - low) * (second - before), at - before)
        return low + gained if not rest else low + Fraction((high - low) * (second - before)) / (at - before)

    def time_of(self, wh: Rational) -> Rational:
        """The first second at which the cumulative energy is `wh`; 0 < wh <= total."""
        energy, times = self.energy, self.times
        i = bisect_left(energy, wh)
        at = energy[i]
        if at == wh:
            return times[i]
        before, low, high = energy[i - 1], times[i - 1], times[i]
        return whole(low + Fraction(wh - before) * (high - low) / (at - before))

    def phase_at(self, second: Rational) -> int:
        return bisect_right(self.phases, second, key=_start) - 1


def _start(phase: Phase) -> Rational:
    return phase.start
