"""The readings of one session in a few bytes each: time, register, power, current and charge, exactly.

Columns of differences as variable-length integers, deflated. What is unpacked equals what was packed.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

VERSION = 1
ALL, NONE, SOME = 1, 0, 2  # of a column's values are there
UNITS_US = (60_000_000, 1_000_000, 1_000, 1)  # stations tell whole minutes, seconds, or milliseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Point(NamedTuple):
    """One instant's values; None where the station did not say."""

    at: datetime
    register_wh: int | None = None
    power_w: int | None = None
    current_ma: int | None = None
    soc_percent: int | None = None


class BrokenCurve(ValueError):
    """Bytes that no curve was packed into."""


def in_order(points: Iterable[Point]) -> list[Point]:
    """By time, then register; what was said twice comes once."""
    return sorted(set(points), key=_order)


def _order(point: Point) -> tuple[object, ...]:
    return point.at, *((value is None, value or 0) for value in point[1:])


def pack(points: Sequence[Point]) -> bytes:
    """Points in order as bytes, about four a point where a meter is read every minute."""
    instants = [(point.at - _EPOCH) // _MICROSECOND for point in points]
    unit = next(number for number, us in enumerate(UNITS_US) if all(at % us == 0 for at in instants))
    body = bytearray(_number(len(points)))
    body += _differences([at // UNITS_US[unit] for at in instants])
    for column in range(len(Point._fields) - 1):
        body += _column([point[1:][column] for point in points])
    return bytes((VERSION, unit)) + zlib.compress(bytes(body), 9)


def unpack(packed: bytes) -> list[Point]:
    """The points. Raises BrokenCurve."""
    try:
        version, unit = packed[0], UNITS_US[packed[1]]
        if version != VERSION:
            raise BrokenCurve(f"a curve of version {version}; this reads {VERSION}")
        body = iter(zlib.decompress(packed[2:]))
        count = _read_number(body)
        ats = [_EPOCH + timedelta(microseconds=at * unit) for at in _read_differences(body, count)]
        columns = [_read_column(body, count) for _ in Point._fields[1:]]
    except (zlib.error, IndexError, StopIteration, OverflowError) as error:
        raise BrokenCurve(f"no curve: {error!r}") from error
    return [Point(*values) for values in zip(ats, *columns, strict=True)]


def _column(values: Sequence[int | None]) -> bytes:
    told = [value for value in values if value is not None]
    if not told:
        return bytes((NONE,))
    if len(told) == len(values):
        return bytes((ALL,)) + _differences(told)
    there = sum(1 << number for number, value in enumerate(values) if value is not None)
    return bytes((SOME,)) + there.to_bytes((len(values) + 7) // 8, "little") + _differences(told)


def _read_column(body: Iterator[int], count: int) -> list[int | None]:
    kind = next(body)
    if kind == NONE:
        return [None] * count
    if kind == ALL:
        return list(_read_differences(body, count))
    there = int.from_bytes([next(body) for _ in range((count + 7) // 8)], "little")
    told = iter(_read_differences(body, there.bit_count()))
    return [next(told) if there >> number & 1 else None for number in range(count)]


def _differences(values: Sequence[int]) -> bytes:
    """Each value less the one before; signs folded in, small differences in one byte."""
    found, before = bytearray(), 0
    for value in values:
        difference, before = value - before, value
        found += _number(difference << 1 if difference >= 0 else (-difference << 1) - 1)
    return bytes(found)


def _read_differences(body: Iterator[int], count: int) -> list[int]:
    found, value = [], 0
    for _ in range(count):
        folded = _read_number(body)
        value += -((folded + 1) >> 1) if folded & 1 else folded >> 1
        found.append(value)
    return found


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more come."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _read_number(body: Iterator[int]) -> int:
    value = shift = 0
    while True:
        byte = next(body)
        value |= (byte & 0x7F) << shift
        if byte <= 0x7F:
            return value
        shift += 7
