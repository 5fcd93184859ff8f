"""How full a site is expected to be, hour by hour: what the rules and the preview know of the future."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from charging.models import ChargingSession
from revenue.forecast.outlook import Forecast
from revenue.models import SiteForecast
from stations.models import Connector, Site

HOURS_A_WEEK = 168
WEEKS = 8
LEAST_WEEKS = 2
HOUR_S = 3600


class Outlook(Protocol):
    """What is expected of one site, by the hour that starts at `slot` (UTC)."""

    @property
    def basis(self) -> str:
        """What it rests on, in words."""

    def utilisation(self, slot: datetime) -> Decimal | None:
        """Percent of the ports that are expected to be taken; None where nothing can be said."""

    def started_kwh(self, slot: datetime) -> float:
        """kWh that sessions started in the hour are expected to take, at the normal price."""


@dataclass(frozen=True, slots=True)
class SeasonalMeans:
    """The mean of the last eight weeks, by local hour of the week."""

    zone: ZoneInfo
    weeks: int
    ports: int
    occupied: NDArray[np.float64]
    kwh: NDArray[np.float64]
    starts: NDArray[np.float64]
    sessions: int

    @property
    def basis(self) -> str:
        return f"the mean of {self.weeks} weeks, {self.sessions} sessions"

    def utilisation(self, slot: datetime) -> Decimal | None:
        if self.weeks < LEAST_WEEKS or not self.ports:
            return None
        share = 100 * self.occupied[hour_of_week(slot, self.zone)] / self.ports
        return Decimal(round(min(share, 100.0)))

    def started_kwh(self, slot: datetime) -> float:
        return float(self.kwh[hour_of_week(slot, self.zone)])


@dataclass(frozen=True, slots=True)
class Forecasted:
    """Today's forecast where it reaches; the seasonal means beyond it."""

    forecast: Forecast
    places: dict[datetime, int]
    ports: int
    means: SeasonalMeans

    @property
    def basis(self) -> str:
        days, starts = self.forecast.basis_days, self.forecast.basis_starts
        return f"the forecast of {self.forecast.made_on:%Y-%m-%d}, from {starts} sessions in {days} days"

    def utilisation(self, slot: datetime) -> Decimal | None:
        place = self.places.get(slot)
        if place is None or not self.ports:
            return self.means.utilisation(slot)
        return Decimal(round(min(100 * self.forecast.occupied.mean[place] / self.ports, 100.0)))

    def started_kwh(self, slot: datetime) -> float:
        place = self.places.get(slot)
        if place is None:
            return self.means.started_kwh(slot)
        each = sum(self.forecast.energy_wh.mean) / 1000 / max(sum(self.forecast.starts.mean), 1e-9)
        return float(self.forecast.starts.mean[place] * each)


def outlook_for(site: Site, now: datetime) -> Outlook:
    """The forecast kept for the site's local day, if there is one; else the mean of the last weeks."""
    means = seasonal_means(site, now)
    today = now.astimezone(ZoneInfo(site.time_zone)).date()
    kept = SiteForecast.objects.of(site.organisation_id).filter(site=site, made_on=today).first()
    if kept is None:
        return means
    forecast = Forecast.from_json(kept.document)
    places = {hour: place for place, hour in enumerate(forecast.hours)}
    return Forecasted(forecast, places, means.ports, means)


def hour_of_week(at: datetime, zone: ZoneInfo) -> int:
    """0 for Monday's first hour to 167, by the wall clock."""
    local = at.astimezone(zone)
    return local.weekday() * 24 + local.hour


def seasonal_means(site: Site, now: datetime) -> SeasonalMeans:
    """Means over as many whole weeks before `now` as there are sessions of, eight at most."""
    zone = ZoneInfo(site.time_zone)
    since = now - timedelta(weeks=WEEKS)
    rows = (
        ChargingSession.objects.of(site.organisation_id)
        .filter(station__site=site, started_at__gte=since, started_at__lt=now, ended_at__isnull=False)
        .exclude(quality=ChargingSession.Quality.WAIVED)
        .order_by("started_at")
        .values_list("started_at", "ended_at", "meter_start_wh", "meter_end_wh")
    )
    sessions = [
        (start, end, ((last or first) - first) / 1000) for start, end, first, last in rows if end is not None
    ]
    weeks = min(WEEKS, round((now - sessions[0][0]) / timedelta(weeks=1))) if sessions else 0
    ports = Connector.objects.of(site.organisation_id).filter(evse__station__site=site).count()
    return means_of(sessions, now, zone, weeks, ports)


def means_of(
    sessions: Iterable[tuple[datetime, datetime, float]],
    now: datetime,
    zone: ZoneInfo,
    weeks: int,
    ports: int,
) -> SeasonalMeans:
    """`sessions` are (start, end, kWh). Occupied connectors, kWh and starts a week, by hour of the week."""
    occupied, kwh, starts = (np.zeros(HOURS_A_WEEK) for _ in range(3))
    count = 0
    for start, end, energy in sessions:
        count += 1
        place = hour_of_week(start, zone)
        kwh[place] += energy
        starts[place] += 1
        for at, share in _hours_between(start, min(end, now)):
            occupied[hour_of_week(at, zone)] += share
    scale = max(weeks, 1)
    return SeasonalMeans(zone, weeks, ports, occupied / scale, kwh / scale, starts / scale, count)


def _hours_between(start: datetime, end: datetime) -> Iterable[tuple[datetime, float]]:
    """The hours that a stay touches, each with the share of it that it takes; a week at most."""
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    end = min(end, start + timedelta(weeks=1))
    while hour < end:
        after = hour + timedelta(hours=1)
        yield hour, (min(end, after) - max(start, hour)).total_seconds() / HOUR_S
        hour = after
