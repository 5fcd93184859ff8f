"""Walking a session from cut to cut and giving each stretch to the components that win there."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import pairwise

from pricing.compiled import EXPIRED, RESERVATION, SESSION, Compiled, Rate, Situation, Winners
from pricing.cuts import (
    Point,
    band_at,
    current_bands,
    cut_points,
    idle_since,
    power_bands,
    scopes,
)
from pricing.fields import Rational
from pricing.track import Track


@dataclass(slots=True, eq=False)
class Run:
    """One component in force for a while: what it measured, from and to (s from the origin)."""

    rate: Rate | None
    dimension: str
    scope: str
    quantity: Rational
    start: Rational
    end: Rational
    situation: Situation | None = None
    surplus: Rational = 0


@dataclass(slots=True, eq=False)
class Tally:
    """The runs of a session in order; a run without a rate is volume that nothing prices."""

    runs: list[Run] = field(default_factory=list)
    open: dict[str, Run] = field(default_factory=dict)
    flats: set[str] = field(default_factory=set)

    def add(
        self,
        dimension: str,
        scope: str,
        rate: Rate | None,
        quantity: Rational,
        start: Rational,
        end: Rational,
    ) -> None:
        """Count volume, on the run of the same component if that is still the open one."""
        run = self.open.get(dimension)
        if run is not None and run.rate is rate and run.scope == scope:
            run.quantity += quantity
            run.end = end
            return
        run = self.open[dimension] = Run(rate, dimension, scope, quantity, start, end)
        self.runs.append(run)

    def flat(self, scope: str, rate: Rate, at: Rational) -> None:
        """A flat fee, once for each scope."""
        if scope not in self.flats:
            self.flats.add(scope)
            self.runs.append(Run(rate, "FLAT", scope, 1, at, at))


class Walker:
    """What one session looks like to one compiled tariff."""

    def __init__(self, compiled: Compiled, track: Track, *, expired: bool) -> None:
        self.compiled, self.track, self.expired = compiled, track, expired
        first = int(track.origin // 1)
        self.clock = compiled.timetable.between(first, int((track.origin + track.length) // 1))
        self.powers = power_bands(compiled, track)
        self.currents = current_bands(compiled, track)
        self.scopes = scopes(track)
        self.idle = idle_since(track)
        self.kind = track.evse_kind if compiled.by_evse_kind else None
        self.tally = Tally()

    def walk(self) -> Tally:
        points = self._points()
        if len(points) == 1:
            points = points * 2
        for (begin, before), (end, after) in pairwise(points):
            self._stretch(begin, before, end, after)
        if self.expired and RESERVATION not in self.tally.flats:
            self._flat(RESERVATION, self._winners(RESERVATION, 0, 0, 0), 0)
        return self.tally

    def _points(self) -> list[Point]:
        origin = self.track.origin
        instants: list[Rational] = [start - origin for start in self.clock.starts]
        instants += [band.start for bands in (self.powers, self.currents) for band in bands]
        return cut_points(self.compiled, self.track, instants, self.scopes)

    def _stretch(self, begin: Rational, before: Rational, end: Rational, after: Rational) -> None:
        index = self.track.phase_at(begin)
        phase = self.track.phases[index]
        scope = RESERVATION if phase.in_reservation else SESSION
        winners = self._winners(scope, index, begin, before)
        tally, length = self.tally, end - begin
        self._flat(scope, winners, begin)
        if after != before:
            tally.add("ENERGY", scope, winners.energy, after - before, begin, end)
        if length and phase.reserved:
            tally.add("RESERVATION_TIME", scope, winners.time, length * phase.reserved, begin, end)
        if length and phase.charging:
            tally.add("TIME", scope, winners.time, length * phase.charging, begin, end)
        if length and phase.parking:
            tally.add("PARKING_TIME", scope, winners.parking, length * phase.parking, begin, end)
        if length and not (phase.reserved or phase.charging or phase.parking):
            tally.add("WITHHELD_TIME", scope, None, length, begin, end)

    def _flat(self, scope: str, winners: Winners, at: Rational) -> None:
        if winners.flat is not None and not (self.expired and scope == SESSION):
            self.tally.flat(scope, winners.flat, at)

    def _winners(self, scope: str, index: int, second: Rational, wh: Rational) -> Winners:
        compiled = self.compiled
        since = self.scopes.reservation if scope == RESERVATION else self.scopes.charging
        idle = self.idle[index]
        power, current = band_at(self.powers, second), band_at(self.currents, second)
        situation = Situation(
            row=self.clock.rows[bisect_right(self.clock.starts, self.track.origin + second) - 1],
            duration=bisect_right(compiled.durations, second - (since or 0)),
            energy=bisect_right(compiled.energies, wh),
            idle=0 if idle is None else bisect_right(compiled.idles, second - idle),
            low_power=power.low,
            high_power=power.high,
            low_current=current.low,
            high_current=current.high,
            evse_kind=self.kind,
        )
        return compiled.winners(EXPIRED if scope == RESERVATION and self.expired else scope, situation)
