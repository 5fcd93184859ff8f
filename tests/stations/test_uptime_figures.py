"""The uptime formula of 23 CFR 680.116, to the minute."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Organisation
from stations.models import EVSE, Exclusion, OpeningHours, Outage, Station, StatusInterval
from stations.uptime import PortTimes, Uptime, down_minutes, month_starts, port_times, uptime_of
from stations.uptime.hours import closed_spans
from stations.uptime.spans import intersection, length, merged
from tests.builders import (
    LONG_AGO,
    connector_of,
    make_exclusion,
    make_organisation,
    make_outage,
    make_site,
    make_station,
    make_status,
    make_user,
)

MINUTE = timedelta(minutes=1)
YEAR_START, YEAR_END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def station() -> Station:
    """A station whose first status came two years ago, in a site on UTC."""
    station = make_station(make_site(time_zone="UTC"))
    make_status(connector_of(station), since=LONG_AGO)
    return station


def year_of(station: Station) -> Uptime:
    (times,) = port_times(station.organisation, YEAR_START, YEAR_END)
    return uptime_of(times, YEAR_START, YEAR_END)


@pytest.mark.django_db
class TestFormula:
    def test_a_year_without_outages_is_100(self, station: Station) -> None:
        year = year_of(station)
        assert year.measured == 525_600 * MINUTE
        assert year.percent == 100

    def test_the_rule_s_own_numbers(self, station: Station) -> None:
        """525600 - (20000 - 5000) of 525600 is 97.146 %."""
        start = datetime(2025, 3, 1, tzinfo=UTC)
        make_outage(station, start, 20_000)
        make_exclusion(station, start + 1000 * MINUTE, 5_000)
        year = year_of(station)
        assert (year.outage, year.excluded) == (20_000 * MINUTE, 5_000 * MINUTE)
        assert year.percent == Decimal("97.146")
        assert year.reaches_goal is True

    def test_only_what_is_both_excluded_and_down_is_left_out(self, station: Station) -> None:
        start = datetime(2025, 3, 1, tzinfo=UTC)
        make_outage(station, start, 100)
        make_exclusion(station, start - 50 * MINUTE, 100)
        make_exclusion(station, start - 50 * MINUTE, 110, station=station)
        assert year_of(station).excluded == 60 * MINUTE

    def test_a_withdrawn_exclusion_leaves_nothing_out(self, station: Station) -> None:
        start = datetime(2025, 3, 1, tzinfo=UTC)
        make_outage(station, start, 100)
        Exclusion.objects.filter(pk=make_exclusion(station, start, 100).pk).update(
            withdrawn_at=YEAR_END, withdrawn_by=make_user()
        )
        assert year_of(station).excluded == timedelta()

    def test_an_exclusion_holds_for_the_place_it_names(self, station: Station) -> None:
        start = datetime(2025, 3, 1, tzinfo=UTC)
        neighbour = make_station(station.site)
        make_outage(station, start, 100)
        make_exclusion(station, start, 100, station=neighbour)
        (times,) = port_times(station.organisation, YEAR_START, YEAR_END, evse_id=station.evses.get().pk)
        assert uptime_of(times, YEAR_START, YEAR_END).excluded == timedelta()

    def test_exactly_97_percent_misses_the_goal(self, station: Station) -> None:
        make_outage(station, YEAR_START, 525_600 * 3 // 100)
        year = year_of(station)
        assert year.percent == 97
        assert year.reaches_goal is False

    def test_a_port_measured_for_less_than_a_year_is_judged_by_its_own_time(self, station: Station) -> None:
        heard_at = datetime(2025, 12, 31, 14, tzinfo=UTC)
        StatusInterval.objects.update(since=heard_at)
        make_outage(station, datetime(2025, 12, 31, 15, tzinfo=UTC), 6)
        year = year_of(station)
        assert (year.measured, year.percent) == (600 * MINUTE, Decimal(99))

    def test_days_before_it_was_put_into_service_do_not_count(self, station: Station) -> None:
        Station.objects.update(in_service_from=date(2025, 12, 31))
        make_outage(station, datetime(2025, 7, 1, tzinfo=UTC), 1000)
        year = year_of(station)
        assert (year.measured, year.outage) == (1440 * MINUTE, timedelta())

    def test_a_port_never_heard_of_has_no_uptime_instead_of_100(self, station: Station) -> None:
        StatusInterval.objects.all().delete()
        assert year_of(station).percent is None
        assert year_of(station).reaches_goal is None

    def test_a_leap_year_has_its_own_minutes(self, station: Station) -> None:
        start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
        (times,) = port_times(station.organisation, start, end)
        assert uptime_of(times, start, end).measured == 527_040 * MINUTE

    def test_an_outage_that_still_lasts_counts_to_the_end_of_the_period(self, station: Station) -> None:
        make_outage(station, YEAR_END - 60 * MINUTE, 1)
        Outage.objects.update(until=None)
        assert year_of(station).outage == 60 * MINUTE

    def test_months_sum_to_the_year(self, station: Station) -> None:
        for number in range(30):
            make_outage(station, YEAR_START + number * timedelta(days=11, hours=7), 24 * 60)
        make_exclusion(station, datetime(2025, 4, 28, tzinfo=UTC), 20 * 24 * 60)
        edges = month_starts(date(2025, 12, 31), 12, ZoneInfo("UTC"))
        assert (edges[0], edges[-1], len(edges)) == (YEAR_START, YEAR_END, 13)
        (times,) = port_times(station.organisation, YEAR_START, YEAR_END)
        months = [uptime_of(times, a, b) for a, b in pairwise(edges)]
        year = uptime_of(times, YEAR_START, YEAR_END)
        assert sum((one.outage for one in months), timedelta()) == year.outage
        assert sum((one.excluded for one in months), timedelta()) == year.excluded > timedelta()

    def test_a_stations_minutes_are_the_sum_of_its_ports(self, station: Station) -> None:
        make_outage(station, datetime(2025, 3, 1, tzinfo=UTC), 100)
        make_exclusion(station, datetime(2025, 3, 1, tzinfo=UTC), 40)
        sums = down_minutes(station.organisation, YEAR_START, YEAR_END)[station.pk]
        assert (sums.outage, sums.excluded) == (100 * MINUTE, 40 * MINUTE)

    def test_ten_ports_cost_as_many_queries_as_one(self) -> None:
        organisation = make_organisation()
        site = make_site(organisation)
        counts = [self._queries(organisation)]
        for _ in range(10):
            make_status(connector_of(make_station(site)))
            counts.append(self._queries(organisation))
        assert counts[-1] == counts[1] <= 6

    def _queries(self, organisation: Organisation) -> int:
        with CaptureQueriesContext(connection) as asked:
            port_times(organisation, YEAR_START, YEAR_END)
        return len(asked)


spans = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), max_size=6)


@given(spans, spans, spans)
def test_uptime_is_a_percentage_and_excluding_more_never_helps_more_than_the_outage(
    downs: list[tuple[int, int]], said: list[tuple[int, int]], more: list[tuple[int, int]]
) -> None:
    def as_spans(pairs: list[tuple[int, int]]) -> list[tuple[datetime, datetime]]:
        return merged((YEAR_START + a * MINUTE, YEAR_START + (a + b) * MINUTE) for a, b in pairs)

    def with_exclusions(pairs: list[tuple[int, int]]) -> Uptime:
        down = as_spans(downs)
        times = PortTimes(EVSE(), YEAR_START, [], down, intersection(down, as_spans(pairs)))
        return uptime_of(times, YEAR_START, YEAR_START + 700 * MINUTE)

    plain, some, most = with_exclusions([]), with_exclusions(said), with_exclusions([*said, *more])
    assert plain.percent is not None
    assert some.percent is not None
    assert most.percent is not None
    assert 0 <= plain.percent <= some.percent <= most.percent <= 100
    assert some.excluded <= some.outage == plain.outage


class TestClosedHours:
    HOURS = {weekday: [(time(8), time(20))] for weekday in range(5)}

    def test_nights_and_weekends_are_closed(self) -> None:
        week = (datetime(2025, 6, 2, tzinfo=UTC), datetime(2025, 6, 9, tzinfo=UTC))
        closed = closed_spans(self.HOURS, ZoneInfo("UTC"), *week)
        assert length(closed) == timedelta(days=7) - timedelta(hours=60)

    def test_the_day_of_25_hours_is_closed_an_hour_longer(self) -> None:
        zone = ZoneInfo("Europe/Berlin")
        hours = {weekday: [(time(8), time(20))] for weekday in range(7)}
        day = (datetime(2025, 10, 25, 22, tzinfo=UTC), datetime(2025, 10, 26, 23, tzinfo=UTC))
        assert length(closed_spans(hours, zone, *day)) == timedelta(hours=13)

    def test_open_until_midnight_and_on_from_midnight_leaves_no_gap(self) -> None:
        hours = {weekday: [(time(0), time(0))] for weekday in range(7)}
        week = (datetime(2025, 6, 2, 5, tzinfo=UTC), datetime(2025, 6, 9, 3, tzinfo=UTC))
        assert closed_spans(hours, ZoneInfo("America/New_York"), *week) == []

    def test_a_site_without_hours_never_closes(self) -> None:
        assert closed_spans({}, ZoneInfo("UTC"), YEAR_START, YEAR_END) == []

    @pytest.mark.django_db
    def test_closed_hours_are_left_out_of_an_outage(self, station: Station) -> None:
        for weekday in range(7):
            OpeningHours.objects.create(
                organisation_id=station.organisation_id,
                site=station.site,
                weekday=weekday,
                opens=time(6),
                closes=time(0),
            )
        make_outage(station, datetime(2025, 6, 2, tzinfo=UTC), 1440)
        assert year_of(station).excluded == 360 * MINUTE
