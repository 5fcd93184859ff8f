"""A derated port is found; the same cars in another order are not taken for one."""

import random
from datetime import timedelta

from revenue.maintenance import derating
from revenue.maintenance.derating import RUN, USUAL
from tests.builders import MONDAY


def peaks(powers: list[int]) -> list[tuple[object, int]]:
    return [(MONDAY + number * timedelta(hours=5), power) for number, power in enumerate(powers)]


def cars(chance: random.Random, count: int, limit_w: int = 150_000) -> list[int]:
    """Peaks of a fleet of all kinds at a port that gives `limit_w` at most."""
    return [min(chance.choice((22_000, 50_000, 75_000, 110_000, 150_000)), limit_w) for _ in range(count)]


def test_a_port_that_gives_a_third_is_found_with_what_it_gave_before() -> None:
    chance = random.Random(1)
    found = derating.judge(peaks(cars(chance, USUAL) + cars(chance, 15, 45_000)))  # type: ignore[arg-type]
    assert found is not None
    assert (found.now_w, found.usual_w) == (45_000, 75_000)
    assert found.sessions >= RUN


def test_it_stays_found_when_weak_sessions_are_most_of_what_is_known() -> None:
    chance = random.Random(2)
    weak = cars(chance, 150, 45_000)
    assert derating.judge(peaks(cars(chance, USUAL + 5) + weak)) is not None  # type: ignore[arg-type]


def test_one_strong_session_ends_it() -> None:
    chance = random.Random(3)
    powers = [*cars(chance, USUAL), *cars(chance, 15, 45_000), 150_000]
    assert derating.judge(peaks(powers)) is None  # type: ignore[arg-type]


def test_false_alarms_are_at_most_as_many_as_stated() -> None:
    """90 sessions a month, judged after each: at most .06 a port and month."""
    chance, months, alarms = random.Random(4), 60, 0
    powers = cars(chance, USUAL)
    known = peaks(powers + cars(chance, 90 * months))
    was_found = False
    for end in range(USUAL + RUN, len(known)):
        found = derating.judge(known[end - 160 if end > 160 else 0 : end]) is not None  # type: ignore[arg-type]
        alarms += found and not was_found
        was_found = found
    assert alarms / months <= 0.06
