"""A site's forecast out of its recorded sessions: hours in UTC, kept once a day, never another owner's."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from django.utils import timezone

from charging.models import ChargingSession
from revenue import forecast
from revenue.forecast import TooLittleHistory, making
from revenue.forecast.outlook import Forecast
from revenue.forecast.reading import calendar_for, pooled_days, read_history, today_at
from revenue.models import HolidayRegion, SiteForecast
from stations.models import Connector, Site
from tests.builders import connector_of, make_organisation, make_session, make_site, make_station

pytestmark = pytest.mark.django_db


def record_sessions(connector: Connector, days: int, per_day: int, *, seed: int = 1) -> None:
    """`per_day` sessions a day of 40 minutes and 9 kWh, between 8 and 20 o'clock, for `days` days up to now."""
    rng = np.random.default_rng(seed)
    site = connector.evse.station.site
    zone, today = ZoneInfo(site.time_zone), today_at(site)
    moments = [
        datetime.combine(today - timedelta(days=day), time(8), zone).astimezone(UTC)
        + timedelta(seconds=int(second))
        for day in range(1, days + 1)
        for second in rng.integers(0, 12 * 3600, per_day)
    ]
    ChargingSession.objects.bulk_create(
        ChargingSession(
            organisation_id=site.organisation_id, station=connector.evse.station, connector=connector,
            source_key=f"{connector.pk}-{number}", state=ChargingSession.State.ENDED, started_at=moment,
            ended_at=moment + timedelta(minutes=40), meter_start_wh=0, meter_end_wh=9_000,
        )
        for number, moment in enumerate(moments)
    )  # fmt: skip


def busy_site(days: int = 300, per_day: int = 6, **place: Any) -> Site:
    connector = connector_of(make_station(make_site(**place)))
    record_sessions(connector, days, per_day)
    return connector.evse.station.site


def test_hours_energy_and_occupancy_have_their_units() -> None:
    site = busy_site()
    start = timezone.now()
    told = forecast.hourly(site, start, days=14)
    assert told.hours[0] <= start < told.hours[0] + timedelta(hours=1)
    assert len(told.hours) in (336, 337)
    assert {hour.tzinfo for hour in told.hours} == {UTC}
    week = told.by_day["starts"].mean
    assert sum(week[:14]) == pytest.approx(14 * 6, rel=0.05)
    assert sum(told.by_day["energy_wh"].mean[:14]) == pytest.approx(14 * 6 * 9000, rel=0.05)
    assert sum(told.by_day["occupied"].mean[:14]) == pytest.approx(14 * 6 * 40 / 60, rel=0.05)
    for name in ("starts", "energy_wh", "occupied"):
        band = getattr(told, name)
        assert len(band.mean) == len(band.low) == len(band.high) == len(told.hours)
        assert all(low <= high for low, high in zip(band.low, band.high, strict=True))
    assert told.past is not None
    assert told.past.hours == 4 * 14 * 24 or told.past.hours in (4 * 14 * 24 - 1, 4 * 14 * 24 + 1)
    assert told.past.coverage == pytest.approx(0.8, abs=0.12)


def test_demand_follows_the_wall_clock() -> None:
    site = busy_site(time_zone="America/New_York", country="US")
    told = forecast.hourly(site, timezone.now(), days=7)
    zone = ZoneInfo("America/New_York")
    by_hour = dict.fromkeys(range(24), 0.0)
    for hour, mean in zip(told.hours, told.starts.mean, strict=True):
        by_hour[hour.astimezone(zone).hour] += mean
    assert sum(by_hour[hour] for hour in range(8, 20)) > 0.97 * sum(by_hour.values())


def test_another_organisations_sessions_do_not_count() -> None:
    site = busy_site(per_day=2)
    other = connector_of(make_station(make_site(make_organisation(), name=site.name)))
    record_sessions(other, 300, 9, seed=2)
    told = forecast.hourly(site, timezone.now())
    assert told.basis_starts == 600
    assert sum(told.by_day["starts"].mean[:7]) == pytest.approx(14, rel=0.05)


def test_too_little_history_says_so() -> None:
    site = busy_site(days=9)
    with pytest.raises(TooLittleHistory) as refused:
        forecast.hourly(site, timezone.now())
    assert refused.value.days == 9
    assert making.keep(site) is None


def test_the_sweep_keeps_one_forecast_a_day_and_hourly_reads_it() -> None:
    site = busy_site()
    assert forecast.sweep() == 1
    assert forecast.sweep() == 0
    row = SiteForecast.objects.of(site.organisation_id).get(site=site)
    assert row.made_on == today_at(site)
    row.document["basis_starts"] = 4711
    row.save(update_fields=["document"])
    assert forecast.hourly(site, timezone.now(), days=3).basis_starts == 4711
    assert forecast.hourly(site, timezone.now() + timedelta(days=10), days=14).basis_starts != 4711


def test_old_forecasts_are_dropped() -> None:
    site = busy_site(days=3)
    for days in (1, 59, 62):
        made_on = timezone.now().date() - timedelta(days=days)
        SiteForecast.objects.create(organisation=site.organisation, site=site, made_on=made_on, document={})
    forecast.sweep()
    assert SiteForecast.objects.of(site.organisation).count() == 2


def test_a_forecast_survives_being_kept() -> None:
    made, _history = making.make(site := busy_site(), today_at(site))
    assert Forecast.from_json(made.to_json()) == made


def test_a_forecast_of_the_past_knows_nothing_of_what_came() -> None:
    site = busy_site()
    then = today_at(site) - timedelta(days=30)
    before, history = making.make(site, then)
    assert history.totals[history.calendar.day(then) :].sum() > 0
    ChargingSession.objects.of(site.organisation).filter(
        started_at__gte=timezone.now() - timedelta(days=29)
    ).delete()
    after, _history = making.make(site, then)
    assert after.starts == before.starts
    assert after.by_day == before.by_day


def test_a_running_session_is_in_use_until_now() -> None:
    connector = connector_of(make_station(make_site(time_zone="UTC")))
    now = timezone.now()
    make_session(connector, start=now - timedelta(hours=3), seconds=None)
    site = connector.evse.station.site
    history = read_history(site, calendar_for(site, now.date(), 1), now)
    assert history.values[2].sum() == pytest.approx(3, abs=0.01)


def test_a_site_keeps_the_holidays_of_its_region() -> None:
    site = make_site(country="GB", time_zone="Europe/London")
    plain = calendar_for(site, date(2026, 6, 1), 1)
    HolidayRegion.objects.create(organisation=site.organisation, site=site, subdivision="SCT")
    scottish = calendar_for(site, date(2026, 6, 1), 1)
    second = scottish.day(date(2026, 1, 2))
    assert (plain.holiday[second], scottish.holiday[second]) == (False, True)


def test_the_pool_is_the_organisations_own_sites_in_one_country() -> None:
    site = busy_site(days=20, per_day=2, time_zone="UTC")
    sister = connector_of(make_station(make_site(site.organisation, time_zone="UTC", country=site.country)))
    record_sessions(sister, 20, 3)
    abroad = connector_of(make_station(make_site(site.organisation, time_zone="UTC", country="FR")))
    record_sessions(abroad, 20, 5)
    busy_site(days=20, per_day=7)
    pooled = pooled_days(site, calendar_for(site, today_at(site), 1))
    assert pooled.values[0].max() == 5
    assert pooled.values[0].sum() == 100
