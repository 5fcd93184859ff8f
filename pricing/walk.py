"""Walking a session from cut to cut and giving each stretch to the components that win there."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Any

from pricing.compiled import EXPIRED, RESERVATION, SESSION, Compiled, Rate
from pricing.cuts import UNMEASURED, band_at, current_bands, cut_points, power_bands
from pricing.fields import Rational
from pricing.track import Phase, Track


class Run:
    """One component in force for a while: what it measured, from and to (s from the origin).

    A run without a rate is volume that nothing prices. surplus: what the step adds. Both are in 1 / divisor
    Wh, seconds or times. situation: what the restrictions saw where the run began.
    """

    __slots__ = ("dimension", "divisor", "end", "quantity", "rate", "scope", "situation", "start", "surplus")

    def __init__(
        self,
        rate: Rate | None,
        kind: tuple[str, str],
        quantity: Rational,
        span: tuple[Rational, Rational],
        situation: tuple[Any, ...] = (),
    ) -> None:
        self.rate, self.quantity, self.situation = rate, quantity, situation
        self.dimension, self.scope = kind
        self.start, self.end = span
        self.surplus: Rational = 0
        self.divisor = 1


class Walker:
    """One session under one compiled tariff; `runs` are its volumes in order, `divisor` the finest of them."""

    __slots__ = ("_bands", "_clock", "_compiled", "_expired", "_flats", "_open", "_track", "divisor", "runs")

    def __init__(self, compiled: Compiled, track: Track, *, expired: bool) -> None:
        self._compiled, self._track, self._expired = compiled, track, expired
        self.runs: list[Run] = []
        self.divisor = 1
        self._open: dict[tuple[str, str], Run] = {}
        self._flats: set[str] = set()

    def walk(self) -> list[Run]:
        """Visit every stretch; the runs, each as long as one component stays in force."""
        compiled, track = self._compiled, self._track
        origin = track.origin
        self._clock = clock = compiled.timetable.between(origin, origin + track.length)
        instants: list[Rational] = []
        if len(clock.starts) > 1:
            instants = [start - origin for start in clock.starts]
        self._bands = UNMEASURED, UNMEASURED
        if compiled.powers or compiled.currents:
            self._bands = power_bands(compiled.powers, track), current_bands(compiled.currents, track)
            instants += [band.start for bands in self._bands for band in bands]
        starts, phases = track.phase_starts, track.phases
        points, self.divisor = cut_points(compiled, track, instants)
        for begin, end in pairwise(points):
            index = bisect_right(starts, begin[0]) - 1
            self._visit(phases[index], index, begin, end)
        if self._expired and RESERVATION not in self._flats:
            situation = self._situation(0, RESERVATION, (0, 0))
            fee = compiled.winners(EXPIRED, situation).flat
            if fee is not None:
                self._flat(RESERVATION, fee, 0, situation)
        if self.divisor != 1:
            for run in self.runs:
                if run.dimension == "ENERGY":
                    run.divisor = self.divisor
        return self.runs

    def _visit(
        self, phase: Phase, index: int, begin: tuple[Rational, Rational], end: tuple[Rational, Rational]
    ) -> None:
        """Give the volumes between two cuts to their winners."""
        scope = RESERVATION if phase.in_reservation else SESSION
        situation = self._situation(index, scope, begin)
        winners = self._compiled.winners(
            EXPIRED if phase.in_reservation and self._expired else scope, situation
        )
        span = begin[0], end[0]
        length, gained = end[0] - begin[0], end[1] - begin[1]
        if winners.flat is not None and scope not in self._flats:
            self._flat(scope, winners.flat, begin[0], situation)
        if gained:
            self._add(winners.energy, ("ENERGY", scope), gained, span, situation)
        if not length:
            return
        if phase.charging:
            self._add(winners.time, ("TIME", scope), length * phase.charging, span, situation)
        if phase.parking:
            self._add(winners.parking, ("PARKING_TIME", scope), length * phase.parking, span, situation)
        if phase.reserved:
            self._add(winners.time, ("RESERVATION_TIME", scope), length * phase.reserved, span, situation)
        elif not (phase.charging or phase.parking):
            self._add(None, ("WITHHELD_TIME", scope), length, span, situation)

    def _add(
        self,
        rate: Rate | None,
        kind: tuple[str, str],
        quantity: Rational,
        span: tuple[Rational, Rational],
        situation: tuple[Any, ...],
    ) -> None:
        """Count volume on the run of the same component if that is still the open one."""
        run = self._open.get(kind)
        if run is not None and run.rate is rate:
            run.quantity += quantity
            run.end = span[1]
            return
        run = self._open[kind] = Run(rate, kind, quantity, span, situation)
        self.runs.append(run)

    def _flat(self, scope: str, fee: Rate, at: Rational, situation: tuple[Any, ...]) -> None:
        """A flat fee, once for each scope; an expired reservation owes none for the session."""
        if self._expired and scope == SESSION:
            return
        self._flats.add(scope)
        self.runs.append(Run(fee, ("FLAT", scope), 1, (at, at), situation))

    def _situation(self, index: int, scope: str, at: tuple[Rational, Rational]) -> tuple[Any, ...]:
        """The fields of a `Situation`, as a plain tuple: making it costs half."""
        compiled, track = self._compiled, self._track
        second, wh = at
        clock = self._clock
        rows = clock.rows
        row = rows[0] if len(rows) == 1 else rows[bisect_right(clock.starts, track.origin + second) - 1]
        duration = energy = idle = 0
        if compiled.durations:
            since = track.reservation if scope == RESERVATION else track.charging
            duration = bisect_right(compiled.durations, second - (since or 0))
        if compiled.energies:
            energy = bisect_right(compiled.energies, wh)
        if compiled.idles:
            began = track.idle_since[index]
            idle = bisect_right(compiled.idles, 0 if began is None else second - began)
        powers, currents = self._bands
        if powers is UNMEASURED and currents is UNMEASURED:
            return row, duration, energy, idle, None, None, None, None, track.evse_kind
        power, current = band_at(powers, second), band_at(currents, second)
        measured = power.low, power.high, current.low, current.high
        return row, duration, energy, idle, *measured, track.evse_kind
