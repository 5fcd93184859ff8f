"""The wall clock of a site turned into UTC breakpoints, block by block, once for each tariff and zone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pricing.errors import PricingError
from pricing.fields import Rational
from pricing.restrictions import DAY_S, Restrictions

BLOCK_S = 1 << 21
"""Seconds of one block of the timetable: 24 days, half a millisecond to build."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = _EPOCH.toordinal()
_PROBE_S = 43_200
_MOST_BLOCKS = 4096


class Block(NamedTuple):
    """From starts[i] on (epoch s) row rows[i] holds: one bit for each element that the clock allows."""

    starts: list[int]
    rows: list[int]


class Timetable:
    """Which elements the wall clock of `zone` allows, for every instant."""

    def __init__(self, restrictions: Sequence[Restrictions], zone: ZoneInfo) -> None:
        self._zone = zone
        self._always = 0
        self._clocked: list[tuple[int, Restrictions]] = []
        for i, each in enumerate(restrictions):
            if each.on_the_clock:
                self._clocked.append((1 << i, each))
            else:
                self._always |= 1 << i
        self._seconds = sorted(
            {0}
            | {each.start_time for _, each in self._clocked if each.start_time is not None}
            | {each.end_time % DAY_S for _, each in self._clocked if each.end_time is not None}
        )
        self.constant = not self._clocked
        self._ever = Block([0], [self._always])
        self.blocks: dict[int, Block] = {}

    def block(self, number: int) -> Block:
        """The breakpoints of one block, the block's own start first."""
        found = self.blocks.get(number)
        if found is None:
            if len(self.blocks) >= _MOST_BLOCKS:
                self.blocks.clear()
            found = self.blocks[number] = self._build(number)
        return found

    def between(self, start: Rational, end: Rational) -> Block:
        """The row that holds at `start`, then the breakpoints up to and including `end`, epoch s."""
        if self.constant:
            return self._ever
        number, last = int(start // BLOCK_S), int(end // BLOCK_S)
        if number == last:
            block = self.blocks.get(number) or self.block(number)
            low, high = bisect_right(block.starts, start) - 1, bisect_right(block.starts, end)
            return Block(block.starts[low:high], block.rows[low:high])
        return self._across(number, last, start, end)

    def _across(self, number: int, last: int, start: Rational, end: Rational) -> Block:
        starts: list[int] = []
        rows: list[int] = []
        for each in range(number, last + 1):
            block = self.block(each)
            starts += block.starts
            rows += block.rows
        low, high = bisect_right(starts, start) - 1, bisect_right(starts, end)
        return Block(starts[low:high], rows[low:high])

    def _build(self, number: int) -> Block:
        starts: list[int] = []
        rows: list[int] = []
        for begin, end, offset in offsets(self._zone, number):
            for instant in self._candidates(begin, end, offset):
                row = self._row(instant + offset)
                if not rows or row != rows[-1]:
                    starts.append(instant)
                    rows.append(row)
        return Block(starts, rows)

    def _candidates(self, begin: int, end: int, offset: int) -> list[int]:
        """Where a row may change while the offset stands: the start, midnights, times of day."""
        found = [begin]
        midnight = (begin + offset) // DAY_S * DAY_S - offset
        while midnight < end:
            found += [midnight + second for second in self._seconds if begin < midnight + second < end]
            midnight += DAY_S
        return found

    def _row(self, local: int) -> int:
        day, second = divmod(local, DAY_S)
        row = self._always
        for bit, restrictions in self._clocked:
            if restrictions.hold_at(day + _EPOCH_ORDINAL, second):
                row |= bit
        return row


@lru_cache(maxsize=4096)
def offsets(zone: ZoneInfo, number: int) -> tuple[tuple[int, int, int], ...]:
    """(begin, end, UTC offset) of a block, epoch seconds, one for each stretch with one offset.

    zoneinfo shows no transition times, so a probe every half day finds that the offset changed, and halving
    finds the second.
    """
    begin, end = number * BLOCK_S, (number + 1) * BLOCK_S
    found, since, offset = [], begin, _offset(zone, begin)
    for probe in range(begin, end, _PROBE_S):
        later = min(probe + _PROBE_S, end)
        if _offset(zone, later - 1) != offset:
            change = _change(zone, probe, later - 1, offset)
            found.append((since, change, offset))
            since, offset = change, _offset(zone, change)
    return (*found, (since, end, offset))


def _change(zone: ZoneInfo, low: int, high: int, offset: int) -> int:
    """The first second in (low, high] whose offset is no longer `offset`."""
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == offset:
            low = middle
        else:
            high = middle
    return high


def _offset(zone: ZoneInfo, second: int) -> int:
    local = (_EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset()
    assert local is not None
    return local.days * DAY_S + local.seconds


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The zone called `name`; PricingError where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, UnicodeError, TypeError):
        raise PricingError(
            "timezone", f"unknown time zone {name[:60]!r}; use an IANA name such as Europe/Amsterdam"
        ) from None
