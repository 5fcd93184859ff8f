"""The engine's form of a session: one polyline of time and energy, and what holds along it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
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


class Track:
    """origin: epoch s; length: s; times and energy: knots of the cumulative Wh, both never falling, the first
    knot (0, 0), the last (length, total). Two knots at one time are energy taken in no time.

    reservation, charging: where the two parts of the session begin, None without such a part. idle_since: for
    each phase, when the parking it belongs to began, None where the vehicle isn't parked.
    """

    __slots__ = (
        "bounds",
        "charging",
        "energy",
        "evse_kind",
        "idle_since",
        "length",
        "origin",
        "phase_starts",
        "phases",
        "reservation",
        "slope_is_power",
        "times",
    )

    def __init__(
        self,
        *,
        origin: Rational,
        length: Rational,
        times: Sequence[Rational],
        energy: Sequence[Rational],
        phases: Sequence[Phase],
        bounds: Sequence[Bounds] = (),
        slope_is_power: bool = False,
        evse_kind: str | None = None,
    ) -> None:
        self.origin, self.length, self.times, self.energy = origin, length, times, energy
        self.phases, self.bounds = phases, bounds
        self.slope_is_power, self.evse_kind = slope_is_power, evse_kind
        self.phase_starts = [phase.start for phase in phases]
        self.reservation: Rational | None = None
        self.charging: Rational | None = None
        self.idle_since: list[Rational | None] = []
        began: Rational | None = None
        for phase in phases:
            if phase.in_reservation:
                self.reservation = phase.start if self.reservation is None else self.reservation
            elif self.charging is None:
                self.charging = phase.start
            began = None if not phase.parked else phase.start if began is None else began
            self.idle_since.append(began)

    def energy_at(self, second: Rational) -> Rational:
        """Cumulative Wh when `second` is reached, linear between readings."""
        times = self.times
        i = bisect_left(times, second)
        at = times[i]
        if at == second:
            return self.energy[i]
        before, low, high = times[i - 1], self.energy[i - 1], self.energy[i]
        gained, rest = divmod((high - low) * (second - before), at - before)
        if not rest:
            return low + gained
        return whole(low + Fraction((high - low) * (second - before)) / (at - before))

    def energy_parts(self, second: Rational) -> tuple[Rational, int, int]:
        """The same as a whole part, and a rest over a divisor: no fraction is made of plain integers."""
        times = self.times
        i = bisect_left(times, second)
        at = times[i]
        if at == second:
            return self.energy[i], 0, 1
        before, low = times[i - 1], self.energy[i - 1]
        divisor = at - before
        gained, rest = divmod((self.energy[i] - low) * (second - before), divisor)
        if not rest:
            return low + gained, 0, 1
        if isinstance(rest, int) and isinstance(divisor, int):
            return low + gained, rest, divisor
        return self.energy_at(second), 0, 1

    def time_of(self, wh: Rational) -> Rational:
        """The first second at which the cumulative energy is `wh`; 0 < wh <= total."""
        energy, times = self.energy, self.times
        i = bisect_left(energy, wh)
        at = energy[i]
        if at == wh:
            return times[i]
        before, low, high = energy[i - 1], times[i - 1], times[i]
        return whole(low + Fraction(wh - before) * (high - low) / (at - before))
