"""Re-rating of many sessions at once with NumPy, to the same minor unit as `pricing.price`.

Sessions are columns: start, length, when parking begins, and their readings end to end in two long arrays.
What can't be done in columns (thresholds of energy, power or current, steps, price limits, amounts beyond 63
bits) goes through the scalar engine, session by session, by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pricing.compiled import SESSION, Compiled, compile_tariff
from pricing.engine import price
from pricing.errors import PricingError
from pricing.instants import LONGEST_S
from pricing.rounding import HALF_UP, Policy
from pricing.session import Session, State
from pricing.tariff import Tariff
from pricing.timetable import zone_of

Integers = NDArray[np.int64]
CHUNK = 1 << 15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAFE = 1 << 62


@dataclass(frozen=True, slots=True)
class Columns:
    """n sessions. start: epoch s. length, parked_from: s, parked_from = length where the vehicle never idled.

    first: n + 1 positions; the readings of session i are seconds[first[i]:first[i + 1]] (s from its start,
    rising) and wh[...] (register, never falling). Every session has a reading at least.
    """

    start: Integers
    length: Integers
    parked_from: Integers
    first: Integers
    seconds: NDArray[np.integer]
    wh: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.start)

    def check(self) -> None:
        """PricingError naming the column and the first session that breaks its rule."""
        n = len(self)
        if not len(self.length) == len(self.parked_from) == len(self.first) - 1 == n:
            raise PricingError(
                "columns", "start, length, parked_from and first (one longer) differ in length"
            )
        self._demand(np.diff(self.first) > 0, "first")
        self._demand((self.length >= 0) & (self.length <= LONGEST_S), "length")
        self._demand((self.parked_from >= 0) & (self.parked_from <= self.length), "parked_from")
        rising = (np.diff(self.seconds) >= 0) & (np.diff(self.wh) >= 0)
        rising[self.first[1:-1] - 1] = True
        bad = np.flatnonzero(~rising)
        if len(bad):
            owner = int(np.searchsorted(self.first, bad[0], side="right")) - 1
            raise PricingError(f"columns.wh[{owner}]", "readings go backwards in time or energy")
        self._demand(self.seconds[self.first[:-1]] >= 0, "seconds")
        self._demand(self.seconds[self.first[1:] - 1] <= self.length, "seconds")

    @staticmethod
    def _demand(holds: NDArray[np.bool_], name: str) -> None:
        bad = np.flatnonzero(~holds)
        if len(bad):
            raise PricingError(f"columns.{name}[{bad[0]}]", "is out of range")

    def session(self, i: int) -> Session:
        """Session i in the scalar engine's form."""
        low, high = int(self.first[i]), int(self.first[i + 1])
        start = _EPOCH + timedelta(seconds=int(self.start[i]))
        seconds, wh = self.seconds[low:high].tolist(), self.wh[low:high].tolist()
        return Session(
            start=start,
            end=start + timedelta(seconds=int(self.length[i])),
            readings=tuple(zip(seconds, wh, strict=True)),
            states=((0, State.CHARGING), (int(self.parked_from[i]), State.PARKED)),
        )

    def chunk(self, low: int, high: int) -> Columns:
        begin, end = int(self.first[low]), int(self.first[high])
        part = slice(low, high)
        return Columns(
            self.start[part],
            self.length[part],
            self.parked_from[part],
            self.first[low : high + 1] - begin,
            self.seconds[begin:end],
            self.wh[begin:end],
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """Rounded totals in minor units, and how many sessions went through the scalar engine."""

    net: Integers
    tax: Integers
    scalar: int


def rate(
    tariff: Tariff,
    columns: Columns,
    zone: str | ZoneInfo,
    *,
    policy: Policy = HALF_UP,
    checked: bool = False,
) -> Totals:
    """Price all sessions by one tariff version at one site's wall clock.

    `checked`: the columns come from where `Columns.check` has been before, such as stored readings.
    """
    if not checked:
        columns.check()
    compiled = compile_tariff(tariff, zone_of(zone) if isinstance(zone, str) else zone)
    parts = [
        _rate_chunk(compiled, columns.chunk(low, min(low + CHUNK, len(columns))), policy)
        for low in range(0, len(columns), CHUNK)
    ]
    empty = np.zeros(0, np.int64)
    return Totals(
        np.concatenate([part.net for part in parts] or [empty]),
        np.concatenate([part.tax for part in parts] or [empty]),
        sum(part.scalar for part in parts),
    )


def vectorisable(compiled: Compiled) -> bool:
    """Whether the tariff needs nothing but clock, date, duration, idle time and state."""
    rates = compiled.rates
    return not (
        compiled.limits
        or compiled.energies
        or compiled.powers
        or compiled.currents
        or any(each.step > 1 for each in rates if each.dimension != "FLAT")
        or any(not isinstance(limit, int) for limit in (*compiled.durations, *compiled.idles))
    )


def _rate_chunk(compiled: Compiled, columns: Columns, policy: Policy) -> Totals:
    net, tax, left = _in_columns(compiled, columns, policy)
    for i in np.flatnonzero(left).tolist():
        priced = price(compiled.tariff, columns.session(i), compiled.zone, policy=policy)
        net[i], tax[i] = priced.net_minor, priced.tax_minor
    return Totals(net, tax, int(left.sum()))


def _in_columns(
    compiled: Compiled, columns: Columns, policy: Policy
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Net and tax in minor units, and which sessions are left to the scalar engine."""
    n = len(columns)
    net, tax = np.zeros(n, np.int64), np.zeros(n, np.int64)
    if not vectorisable(compiled):
        return net, tax, np.ones(n, np.bool_)
    curve = _energy_at(columns, _cuts(compiled, columns, clock := Clock(compiled, columns)))
    if not _fits(compiled, columns, int(curve.bottom.max())):
        return net, tax, np.ones(n, np.bool_)
    by_group, priced = _units(compiled, columns, clock, curve)
    for of, units in zip(compiled.groups, by_group, strict=True):
        bottom = of.bottom * curve.bottom
        net += _round(units * of.net_top, bottom, policy)
        if of.tax_top:
            tax += _round(units * of.tax_top, bottom, policy)
    # Even a step of 1 Wh rounds where what is priced isn't a whole number of them.
    return net, tax, ~curve.exact | (priced % curve.bottom != 0)


def _fits(compiled: Compiled, columns: Columns, finest: int) -> bool:
    """Whether no product can leave 63 bits: all of the largest session at the dearest prices."""
    gained = int((columns.wh[columns.first[1:] - 1] - columns.wh[columns.first[:-1]]).max())
    volumes = {"ENERGY": gained, "TIME": LONGEST_S, "PARKING_TIME": LONGEST_S, "FLAT": 1}
    most = sum(
        max([r.units for r in compiled.rates if r.dimension == d] or [0]) * v for d, v in volumes.items()
    )
    widest = max(2 * most * max(of.net_top, of.tax_top) + 2 * of.bottom for of in compiled.groups)
    return widest * finest < _SAFE and gained * LONGEST_S < _SAFE


class Curve(NamedTuple):
    """cuts: (c, n) seconds from the start. energy: the same places, in 1 / bottom Wh. exact: those that
    one bottom serves at all cuts."""

    cuts: Integers
    energy: Integers
    bottom: Integers
    exact: NDArray[np.bool_]


class Clock:
    """The timetable from the first start to the last end: breakpoints, and each one's row as a small code."""

    def __init__(self, compiled: Compiled, columns: Columns) -> None:
        ends = columns.start + columns.length
        block = compiled.timetable.between(int(columns.start.min()), int(ends.max()))
        # Rows have a bit for each element and may be wider than 64 bits, so they stay Python ints.
        self.rows = list(dict.fromkeys(block.rows))
        codes = {row: code for code, row in enumerate(self.rows)}
        self.starts = np.array(block.starts, np.int64)
        self.codes = np.array([codes[row] for row in block.rows], np.int64)
        self.at_start = np.searchsorted(self.starts, columns.start, side="right") - 1
        self.at_end = np.searchsorted(self.starts, ends, side="left") - 1


def _cuts(compiled: Compiled, columns: Columns, clock: Clock) -> Integers:
    """For each session its cuts in order, seconds from the start, the end repeated to fill up the row."""
    start, length = columns.start, columns.length
    cuts = [columns.parked_from, length]
    cuts += [np.minimum(length, int(limit)) for limit in compiled.durations]
    cuts += [np.minimum(length, columns.parked_from + int(limit)) for limit in compiled.idles]
    for k in range(1, int(np.max(clock.at_end - clock.at_start, initial=0)) + 1):
        which = np.minimum(clock.at_start + k, len(clock.starts) - 1)
        cuts.append(np.where(clock.at_start + k <= clock.at_end, clock.starts[which] - start, length))
    zeros = np.zeros((1, len(columns)), np.int64)
    return np.concatenate([zeros, np.sort(np.stack(cuts), axis=0)])


def _energy_at(columns: Columns, cuts: Integers) -> Curve:
    low, gained, span, offset = _brackets(columns, cuts)
    rest = gained * offset
    whole, remainder = np.divmod(rest, span)
    fine = np.where(remainder == 0, 1, span)
    bottom = fine.max(axis=0)
    factor, left_over = np.divmod(bottom, fine)
    exact = (left_over == 0).all(axis=0)
    energy = low * bottom + np.where(fine == 1, whole * bottom, rest * factor)
    return Curve(cuts, energy, bottom, exact)


def _brackets(columns: Columns, cuts: Integers) -> tuple[Integers, Integers, Integers, Integers]:
    """For each cut: energy at the reading before, gain to the next, their distance, place of the cut."""
    seconds, wh = columns.seconds, columns.wh
    first, last = columns.first[:-1], columns.first[1:] - 1
    above = _first_not_before(columns, cuts)
    base, end = wh[first].astype(np.int64), wh[last].astype(np.int64)
    before, after = np.clip(above - 1, first, last), np.clip(above, first, last)
    low, high = wh[before].astype(np.int64), wh[after].astype(np.int64)
    at_end = cuts >= columns.length
    low, high = np.where(at_end, end, low), np.where(at_end, end, high)
    since = seconds[before].astype(np.int64)
    span = np.maximum(seconds[after] - since, 1)
    offset = np.minimum(np.maximum(cuts - since, 0), span)
    return low - base, high - low, span, offset


def _first_not_before(columns: Columns, cuts: Integers) -> Integers:
    """Position of each session's first reading at or after each cut, one past its last if there is none."""
    seconds, first, last = columns.seconds, columns.first[:-1], columns.first[1:] - 1
    # Most meters report at a steady pace: guess from that, and search only where the guess is wrong.
    begin, end = seconds[first].astype(np.int64), seconds[last].astype(np.int64)
    pace = np.maximum((end - begin) // np.maximum(last - first, 1), 1)
    guess = np.clip(first - (begin - cuts) // pace, first, last)
    found = np.where(cuts > end, last + 1, guess)
    right = (found > last) | (seconds[guess] >= cuts) & ((guess == first) | (seconds[guess - 1] < cuts))
    astray = np.flatnonzero(~right.all(axis=0))
    if len(astray):
        found[:, astray] = _search(seconds, cuts[:, astray], first[astray], last[astray])
    return found


def _search(seconds: NDArray[np.integer], cuts: Integers, first: Integers, last: Integers) -> Integers:
    """The same by halving, for all sessions at once."""
    below = np.broadcast_to(first - 1, cuts.shape).copy()
    above = np.broadcast_to(last + 1, cuts.shape).copy()
    while (undecided := above - below > 1).any():
        middle = np.where(undecided, (below + above) // 2, first)
        early = seconds[middle] < cuts
        below = np.where(undecided & early, middle, below)
        above = np.where(undecided & ~early, middle, above)
    return above


def _units(
    compiled: Compiled, columns: Columns, clock: Clock, curve: Curve
) -> tuple[list[Integers], Integers]:
    """Amount units of each tax group in 1 / bottom, and the energy that has a price in 1 / bottom Wh."""
    priced = np.zeros(len(columns), np.int64)
    sums = [np.zeros(len(columns), np.int64) for _ in compiled.groups]
    flat_due = np.ones(len(columns), np.bool_)
    cuts, energy, bottom, _ = curve
    for j in range(len(cuts) - 1):
        begin, span = cuts[j], cuts[j + 1] - cuts[j]
        visited = (span > 0) | (columns.length == 0) if j == 0 else span > 0
        parked = begin >= columns.parked_from
        who = np.flatnonzero(visited)
        for chosen, situation in _situations(compiled, columns, clock, begin, who):
            winners = compiled.winners(SESSION, situation)
            if winners.energy is not None:
                gained = energy[j + 1, chosen] - energy[j, chosen]
                sums[winners.energy.group][chosen] += gained * winners.energy.units
                priced[chosen] += gained
            for rate_, holds in ((winners.time, ~parked), (winners.parking, parked)):
                if rate_ is not None:
                    seconds = np.where(holds[chosen], span[chosen], 0)
                    sums[rate_.group][chosen] += seconds * rate_.units * bottom[chosen]
            if winners.flat is not None:
                due = flat_due[chosen]
                sums[winners.flat.group][chosen] += due * winners.flat.units * bottom[chosen]
                flat_due[chosen] = False
    return sums, priced


def _situations(
    compiled: Compiled,
    columns: Columns,
    clock: Clock,
    begin: Integers,
    who: Integers,
) -> Iterator[tuple[Integers, tuple[int | None, ...]]]:
    """Every situation that occurs where a stretch begins, with the positions of the sessions in it."""
    begin = begin[who]
    row = clock.codes[np.searchsorted(clock.starts, columns.start[who] + begin, side="right") - 1]
    duration = np.searchsorted(np.array(compiled.durations, np.int64), begin, side="right")
    idle_for = np.maximum(begin - columns.parked_from[who], 0)
    idle = np.searchsorted(np.array(compiled.idles, np.int64), idle_for, side="right")
    code = (row * (len(compiled.durations) + 1) + duration) * (len(compiled.idles) + 1) + idle
    for each in np.flatnonzero(np.bincount(code)).tolist():
        rest, idles = divmod(each, len(compiled.idles) + 1)
        which, durations = divmod(rest, len(compiled.durations) + 1)
        yield who[code == each], (clock.rows[which], durations, 0, idles, None, None, None, None, None)


def _round(top: Integers, bottom: Integers, policy: Policy) -> Integers:
    if policy.halves_up:
        return (2 * top + bottom) // (2 * bottom)
    return top // bottom
