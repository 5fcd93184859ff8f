"""Sessions become hours of the wall clock: nothing is lost, clock changes are counted, gaps are not zeros."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from revenue.forecast.calendar import calendar_of
from revenue.forecast.history import (
    ENERGY,
    OCCUPIED,
    STARTS,
    Sessions,
    history_of,
    silences,
    without_silences,
)
from revenue.forecast.profile import holiday_factor
from tests.revenue.demand import world


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def one_session(start: str, end: str, energy_wh: int = 6000) -> Sessions:
    return Sessions(np.array([seconds(start)]), np.array([seconds(end)]), np.array([energy_wh]))


def test_a_session_is_split_over_its_hours_and_adds_up() -> None:
    calendar = calendar_of("Europe/London", date(2024, 1, 1), 3)
    history = history_of(one_session("2024-01-02T22:30:00", "2024-01-03T01:30:00"), calendar)
    assert history.values[STARTS, 1, 22] == 1
    assert history.values[OCCUPIED, 1, 22:].tolist() == [0.5, 1.0]
    assert history.values[OCCUPIED, 2, :2].tolist() == [1.0, 0.5]
    assert history.values[ENERGY].sum() == pytest.approx(6000)
    assert history.values[ENERGY, 1, 22] == pytest.approx(1000)


def test_what_lies_outside_the_calendar_is_cut_off_at_its_edges() -> None:
    calendar = calendar_of("UTC", date(2024, 1, 2), 1)
    history = history_of(one_session("2024-01-01T23:00:00", "2024-01-02T02:00:00"), calendar)
    assert history.values[STARTS].sum() == 0
    assert history.values[OCCUPIED].sum() == pytest.approx(2)


def test_autumn_repeats_an_hour_and_spring_skips_one() -> None:
    calendar = calendar_of("Europe/Berlin", date(2024, 3, 30), 220)
    spring, autumn = calendar.day(date(2024, 3, 31)), calendar.day(date(2024, 10, 27))
    assert calendar.length[spring].tolist()[:4] == [1, 1, 0, 1]
    assert calendar.length[autumn].tolist()[:4] == [1, 1, 2, 1]
    assert calendar.length.sum() == len(calendar.slot) == 220 * 24
    twice = history_of(one_session("2024-10-27T00:30:00", "2024-10-27T01:30:00"), calendar)
    assert twice.values[OCCUPIED, autumn, 2] == pytest.approx(1)
    assert twice.exposure[autumn, 2] == 2


def test_half_hour_zones_have_their_own_hours() -> None:
    calendar = calendar_of("Asia/Kolkata", date(2024, 1, 1), 2)
    history = history_of(one_session("2024-01-01T06:30:00", "2024-01-01T07:30:00"), calendar)
    assert history.values[OCCUPIED, 0, 12] == pytest.approx(1)


def test_days_before_the_first_session_are_not_observed() -> None:
    calendar = calendar_of("UTC", date(2024, 1, 1), 10)
    history = history_of(one_session("2024-01-04T10:00:00", "2024-01-04T11:00:00"), calendar)
    assert history.seen.tolist() == [False] * 3 + [True] * 7


def test_a_session_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="an end lies before its start"):
        one_session("2024-01-02T10:00:00", "2024-01-02T09:00:00")


def test_months_closed_become_missing_and_a_quiet_day_stays_zero() -> None:
    history, _mean = world(1, per_day=6)
    history.values[:, 100:160] = 0
    history.values[:, 200] = 0
    ((first, past),) = silences(history, 300)
    assert (first, past) == (100, 160)
    cleaned, silent = without_silences(history, 300)
    assert not cleaned.seen[100:160].any()
    assert cleaned.seen[200]
    assert silent == 0


def test_a_silence_that_lasts_is_told_in_days() -> None:
    history, _mean = world(2, per_day=6)
    history.values[:, 280:] = 0
    assert without_silences(history, 300)[1] == 20


def test_a_sparse_site_is_not_taken_for_closed() -> None:
    history, _mean = world(3, per_day=0.3)
    assert silences(history, 300) == []


def test_public_holidays_of_a_region_lie_on_its_calendar() -> None:
    scotland = calendar_of("Europe/London", date(2024, 1, 1), 366, "GB", "SCT")
    england = calendar_of("Europe/London", date(2024, 1, 1), 366, "GB", "ENG")
    second, easter_monday = scotland.day(date(2024, 1, 2)), scotland.day(date(2024, 4, 1))
    assert (scotland.holiday[second], england.holiday[second]) == (True, False)
    assert (scotland.holiday[easter_monday], england.holiday[easter_monday]) == (False, True)
    assert not calendar_of("UTC", date(2024, 1, 1), 366, "ZZ").holiday.any()
    assert calendar_of("Europe/London", date(2024, 1, 1), 9, "GB", "nowhere").holiday[0]


def test_the_holiday_factor_finds_what_holidays_bring() -> None:
    calendar = calendar_of("Europe/Berlin", date(2022, 1, 1), 730, "DE", "BE")
    trend = np.where(calendar.holiday, 0.25, 1.0)
    history, _mean = world(4, 730, per_day=100, trend=trend, calendar=calendar)
    assert holiday_factor([history.by_day])[STARTS] == pytest.approx(0.25, abs=0.04)
    no_holidays, _mean = world(4, 60)
    assert holiday_factor([no_holidays.by_day]).tolist() == [1, 1, 1]
