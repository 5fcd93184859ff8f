"""Making and keeping the forecasts of sites: one a site and local day."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from revenue.forecast.backtest import backtest
from revenue.forecast.calendar import utc
from revenue.forecast.engine import BACKTESTS, HORIZON, TooLittleHistory, forecast
from revenue.forecast.history import History
from revenue.forecast.outlook import Forecast, Past, told
from revenue.forecast.profile import holiday_factor
from revenue.forecast.reading import calendar_for, pooled_days, read_history, today_at
from revenue.models import SiteForecast
from stations.models import Site

KEPT_DAYS = 60
A_SWEEP_S = 1.0


def hourly(site: Site, start: datetime, days: int = HORIZON) -> Forecast:
    """Demand at a site for each hour from that of `start` (aware) on, for `days` times 24 hours.

    Comes from today's kept forecast where that reaches far enough, else is made now; for a `start` in the past
    it is what would have been forecast on that day. Raises TooLittleHistory, which says how many days there are.
    """
    end = start + timedelta(days=days)
    zone = ZoneInfo(site.time_zone)
    day = min(start.astimezone(zone).date(), today_at(site))
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    return of_day(site, day, (last - day).days + 1).between(start, end)


def of_day(site: Site, day: date, days: int = HORIZON + 1) -> Forecast:
    """The forecast kept on the local day `day` where it reaches `days` days, else one made now of what was
    known then. Raises TooLittleHistory."""
    kept = SiteForecast.objects.of(site.organisation_id).filter(site=site, made_on=day).first()
    found = Forecast.from_json(kept.document) if kept else None
    return found if found and len(found.days) >= days else make(site, day, days)[0]


def make(site: Site, day: date, days: int = HORIZON + 1) -> tuple[Forecast, History]:
    """Forecast `days` local days from `day` on out of what was recorded before it, with its errors of late.

    The history reaches over the forecast days as well, and holds what has come of them so far.
    Raises TooLittleHistory.
    """
    calendar = calendar_for(site, day, days)
    at = calendar.day(day)
    history = read_history(site, calendar, min(utc(int(calendar.edges[-1])), timezone.now()))
    pooled = pooled_days(site, calendar)
    factor = holiday_factor([pooled], at)
    outlook = forecast(history, at, factor, days)
    origins = [test.day for test in outlook.backtests]
    past = None
    if len(origins) == BACKTESTS:
        past = Past.of(backtest(history, origins, lambda day: holiday_factor([pooled], day)))
    return told(outlook, history, factor, past), history


def keep(site: Site) -> SiteForecast | None:
    """Make today's forecast of a site and keep it; None where there is too little history, or it is there."""
    today = today_at(site)
    try:
        made, _history = make(site, today)
    except TooLittleHistory:
        return None
    row, new = SiteForecast.objects.get_or_create(
        organisation_id=site.organisation_id, site=site, made_on=today, defaults={"document": made.to_json()}
    )
    return row if new else None


def sweep() -> int:
    """Keep today's forecast of sites that have none yet, for a second; drop those older than 60 days.

    Returns how many were kept. Sites come in random order, so that those with too little history hold nobody up.
    """
    ends, made = time.monotonic() + A_SWEEP_S, 0
    for site in _waiting():
        made += keep(site) is not None
        if time.monotonic() > ends:
            break
    SiteForecast.objects.filter(made_on__lt=timezone.now().date() - timedelta(days=KEPT_DAYS)).delete()
    return made


def _waiting() -> list[Site]:
    """Sites without a forecast of their local day."""
    lately = timezone.now().date() - timedelta(days=1)
    done = set(SiteForecast.objects.filter(made_on__gte=lately).values_list("site_id", "made_on"))
    sites = list(Site.objects.order_by("?"))
    return [site for site in sites if (site.pk, today_at(site)) not in done]
