"""Sets of instants: whatever order and overlap spans come in, a minute counts once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from stations.uptime.spans import Span, clipped, gaps, intersection, length, merged, without

START = datetime(2024, 1, 1, tzinfo=UTC)
MINUTES = 300

spans = st.lists(
    st.tuples(st.integers(0, MINUTES), st.integers(0, MINUTES)).map(
        lambda pair: (at(min(pair)), at(max(pair)))
    ),
    max_size=12,
)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def minutes_of(some: list[Span]) -> set[int]:
    """The minutes that a set of spans holds, counted one by one."""
    return {minute for minute in range(MINUTES) for a, b in some if a <= at(minute) < b}


@given(spans, st.randoms())
def test_a_union_holds_each_minute_once_in_any_order(some: list[Span], chance: object) -> None:
    mixed = list(some)
    chance.shuffle(mixed)  # type: ignore[attr-defined]  # random.Random
    union = merged(mixed)
    assert union == merged(some)
    assert minutes_of(union) == minutes_of(some)
    assert length(union) == timedelta(minutes=len(minutes_of(some)))
    assert all(one[1] < other[0] for one, other in pairwise(union))


@given(spans, spans)
def test_intersection_and_difference_split_a_union(one: list[Span], other: list[Span]) -> None:
    a, b = merged(one), merged(other)
    assert minutes_of(intersection(a, b)) == minutes_of(a) & minutes_of(b)
    assert minutes_of(without(a, b)) == minutes_of(a) - minutes_of(b)
    assert length(intersection(a, b)) + length(without(a, b)) == length(a)


@given(spans, st.integers(0, MINUTES), st.integers(0, MINUTES))
def test_gaps_are_what_is_left_of_the_period(some: list[Span], first: int, last: int) -> None:
    first, last = sorted((first, last))
    own = merged(some)
    left = gaps(own, at(first), at(last))
    assert minutes_of(left) == set(range(first, last)) - minutes_of(own)
    assert length(left) + length(clipped(own, at(first), at(last))) == at(last) - at(first)
