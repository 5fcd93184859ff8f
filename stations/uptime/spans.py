"""Sets of instants as sorted spans that neither touch nor overlap. Half open: the end does not belong."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

Span = tuple[datetime, datetime]
FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""The end of what has none yet."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """The union of `spans`, in any order, overlapping or not; empty ones vanish."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def intersection(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What both have; both merged already."""
    found, i, j = [], 0, 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found


def without(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What `one` has and `other` has not; both merged already."""
    if not one:
        return []
    return intersection(one, gaps(other, one[0][0], one[-1][1]))


def gaps(spans: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """What of start..end is in none of `spans`, which are merged already."""
    edges = [start, *(edge for span in clipped(spans, start, end) for edge in span), end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(a, b) for a, b in pairs if a < b]


def clipped(spans: Iterable[Span], start: datetime, end: datetime) -> list[Span]:
    """`spans` cut to start..end."""
    cut = ((max(a, start), min(b, end)) for a, b in spans)
    return [(a, b) for a, b in cut if a < b]


def length(spans: Iterable[Span]) -> timedelta:
    """How long they are together; exact to the microsecond."""
    return sum((end - start for start, end in spans), timedelta())
