"""Sessions of the database as histories."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from charging.models import ChargingSession
from revenue.forecast.calendar import Calendar, calendar_of
from revenue.forecast.history import Days, History, Sessions, history_of
from revenue.models import HolidayRegion
from stations.models import Site, Station

PAST_DAYS = 420
"""Fit, backtests and their own fits take 42 weeks; a year and two months hold every public holiday."""
LONGEST = timedelta(days=31)
"""A session that began longer before the calendar's first day doesn't reach into it."""


def calendar_for(site: Site, today: date, days: int) -> Calendar:
    """The calendar of a site: 420 days before `today` and `days` from it on, with its public holidays."""
    region = HolidayRegion.objects.of(site.organisation_id).filter(site=site).first()
    subdivision = region.subdivision if region else ""
    first = today - timedelta(days=PAST_DAYS)
    return calendar_of(site.time_zone, first, PAST_DAYS + days, site.country, subdivision)


def read_history(site: Site, calendar: Calendar, until: datetime) -> History:
    """What was recorded at a site before `until` (UTC), on its calendar."""
    begin = datetime.fromtimestamp(int(calendar.edges[0]), UTC)
    stations = list(Station.objects.of(site.organisation_id).filter(site=site).values_list("pk", flat=True))
    rows = sessions_at(stations, site).filter(started_at__gte=begin - LONGEST, started_at__lt=until)
    sessions = as_sessions(rows, until)
    observed = None
    if sessions_at(stations, site).filter(started_at__lt=begin).exists():
        observed = np.ones(calendar.days, dtype=bool)
    return history_of(sessions, calendar, observed)


def recent_days(site: Site, day: date, back: int, ahead: int) -> Days:
    """Day totals of a site from `back` days before the local day `day` to `ahead` days after it; days that are
    not over yet, or lie before the site's first session, are not seen."""
    calendar = calendar_of(site.time_zone, day - timedelta(days=back), back + ahead)
    found = read_history(site, calendar, timezone.now()).by_day
    over = np.arange(calendar.days) < calendar.day(today_at(site))
    return Days(found.values, found.seen & over, found.holiday)


def sessions_at(stations: Iterable[object], site: Site) -> QuerySet[ChargingSession]:
    found: QuerySet[ChargingSession] = ChargingSession.objects.of(site.organisation_id).filter(
        station__in=list(stations)
    )
    return found


def as_sessions(rows: QuerySet[ChargingSession], until: datetime) -> Sessions:
    """Rows as arrays; what still runs at `until` ends there, and has the energy of its last reading."""
    latest = Coalesce("meter_end_wh", "last_register_wh", "meter_start_wh")
    found = rows.annotate(energy=latest - F("meter_start_wh")).order_by("started_at")
    table = [
        (int(start.timestamp()), int(min(end or until, until).timestamp()), max(energy, 0))
        for start, end, energy in found.values_list("started_at", "ended_at", "energy")
    ]
    start, end, energy_wh = np.array(table, dtype=np.int64).reshape(-1, 3).T
    return Sessions(start, np.maximum(start, end), energy_wh)


def pooled_days(site: Site, calendar: Calendar) -> Days:
    """Day totals of all the organisation's sites that keep the site's clock and country, for the holiday factor.

    Energy and time count on the day a session began.
    """
    zone = ZoneInfo(site.time_zone)
    begin = datetime.fromtimestamp(int(calendar.edges[0]), UTC)
    latest = Coalesce("meter_end_wh", "last_register_wh", "meter_start_wh")
    rows = (
        ChargingSession.objects.of(site.organisation_id)
        .filter(
            station__site__time_zone=site.time_zone,
            station__site__country=site.country,
            started_at__gte=begin,
            ended_at__isnull=False,
        )
        .annotate(day=TruncDate("started_at", tzinfo=zone))
        .values("day")
        .annotate(
            starts=Count("id"),
            energy=Sum(latest - F("meter_start_wh")),
            lasted=Sum(F("ended_at") - F("started_at")),
        )
    )
    values = np.zeros((3, calendar.days))
    for row in rows:
        day = calendar.day(row["day"])
        if 0 <= day < calendar.days:
            values[:, day] = row["starts"], row["energy"], row["lasted"].total_seconds() / 3600
    return Days(values, values[0] > 0, calendar.holiday)


def last_start(site: Site) -> datetime | None:
    """When the latest session at a site began."""
    latest: datetime | None = (
        ChargingSession.objects.of(site.organisation_id)
        .filter(station__site=site)
        .order_by("-started_at")
        .values_list("started_at", flat=True)
        .first()
    )
    return latest


def today_at(site: Site) -> date:
    return timezone.now().astimezone(ZoneInfo(site.time_zone)).date()
