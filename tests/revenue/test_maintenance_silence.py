"""A silent port is found, and a quiet one is left alone: checked on ports whose truth is known."""

from datetime import timedelta
from statistics import median

import pytest

from revenue.maintenance import silence
from revenue.maintenance.silence import Verdict
from tests.revenue.simulated_ports import BEGIN, DAY, ZONE, days_to_alarm, false_alarms, judged, simulate

DAYS = 2 * 365


@pytest.mark.parametrize("per_day", [0.35, 0.7, 1.5, 3.0])
def test_false_alarms_are_at_most_a_fifth_per_port_and_month(per_day: float) -> None:
    counts = [false_alarms(simulate(per_day, DAYS, seed), DAYS) for seed in range(4)]
    alarms, months = sum(count for count, _ in counts), sum(months for _, months in counts)
    assert months > 80
    assert alarms / months <= 0.2


def test_a_port_that_falls_silent_is_found_within_days() -> None:
    delays = []
    for seed in range(20):
        port = simulate(2.0, 120, seed)
        delays.append(days_to_alarm(port, len(port.starts)))
    assert 3 <= median(delays) <= 8
    assert max(delays) <= 14


def test_the_rate_stays_as_it_was_however_long_the_silence_lasts() -> None:
    port = simulate(1.0, 120, 1)
    one, later = (judged(port, len(port.starts), port.starts[-1] + days * DAY) for days in (20, 90))
    assert one.per_day == later.per_day
    assert one.bound == later.bound
    assert later.expected > 4 * one.expected > 0


def test_a_port_with_few_starts_cannot_be_monitored() -> None:
    port = simulate(0.15, 200, 3)
    found = judged(port, len(port.starts), port.starts[-1] + 60 * DAY)
    assert found.verdict == Verdict.TOO_QUIET


def test_a_port_of_a_few_days_cannot_be_monitored_yet() -> None:
    starts = [BEGIN + hour * timedelta(hours=7) for hour in range(30)]
    assert silence.judge(starts, [], ZONE, BEGIN, BEGIN + 90 * DAY).verdict == Verdict.TOO_NEW


def test_time_in_which_nobody_could_start_raises_no_alarm() -> None:
    port = simulate(2.0, 120, 5)
    last = port.starts[-1]
    now = last + 30 * DAY
    closed = [*port.taken[:-1], (last, now)]
    assert silence.judge(port.starts, closed, ZONE, BEGIN, now).expected == 0
    assert judged(port, len(port.starts), now).verdict == Verdict.SILENT
