"""The owner's Forecast page: what two weeks will bring a site, and how good such forecasts have been."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Role
from portal import words
from portal.charts import BandChart, HeatMap, band_chart, heat_map
from portal.exports import download
from portal.owner.shell import owner_page, site_asked
from portal.scopes import MemberRequest, member
from revenue.forecast import Forecast, TooLittleHistory, of_day
from revenue.forecast.calendar import HOURS, known_subdivisions
from revenue.forecast.history import MEASURES
from revenue.forecast.reading import last_start, recent_days, today_at
from revenue.models import HolidayRegion
from stations.models import EVSE, Site

BACK_DAYS = 28
AHEAD_DAYS = 14
STALE_DAYS = 28


@dataclass(frozen=True)
class Measure:
    """One of the three things forecast: its name, unit, digits, and how many of the engine's units one is."""

    key: str
    name: str
    unit: str
    digits: int
    scale: int = 1

    def number(self, value: float) -> Decimal:
        return round(Decimal(value) / self.scale, max(self.digits, 2))

    def text(self, value: Decimal) -> str:
        return f"{words.number(value, self.digits)}{words.THIN_SPACE}{self.unit}".strip()


def measures() -> dict[str, Measure]:
    return {
        "starts": Measure("starts", _("Sessions"), "", 1),
        "energy_wh": Measure("energy_wh", _("Energy"), "kWh", 0, words.WH_PER_KWH),
        "occupied": Measure("occupied", _("Ports in use"), "h", 1),
    }


@member()
@require_GET
def forecast(request: MemberRequest) -> HttpResponseBase:
    """Two weeks by day with their interval, the last four weeks, the coming week by hour, and past errors."""
    sites = list(Site.objects.of(request.organisation))
    site = _site(request, sites)
    context: dict[str, Any] = {"here": "forecast", "sites": sites, "site": site}
    if site is None:
        return owner_page(request, "owner/forecast.html", context)
    day, late = _day(request, site)
    try:
        found = of_day(site, day)
    except TooLittleHistory as short:
        context |= {"short": short, "last": last_start(site)}
        return owner_page(request, "owner/forecast.html", context)
    file = download(request.GET.get("format", ""), f"forecast-{day}", EXPORT_HEAD, _export(found, site))
    if file is not None:
        return file
    measure = measures().get(request.GET.get("measure", ""), measures()["starts"])
    context |= {
        "day": day,
        "late": late,
        "found": found,
        "measure": measure,
        "measures": measures().values(),
        "said": _said(found, site),
        "chart": _chart(found, site, measure),
        "hours": _hours(found, site, measure),
        "regions": _regions(site),
    }
    return owner_page(request, "owner/forecast.html", context)


@member(Role.OWNER, Role.MANAGER)
@require_POST
def holidays(request: MemberRequest, site_id: UUID) -> HttpResponseBase:
    """Say whose public holidays a site keeps; empty for those of the whole country."""
    site = Site.objects.of(request.organisation).filter(pk=site_id).first()
    if site is None:
        raise Http404(_("There is nothing here."))
    asked = request.POST.get("region", "")
    kept = HolidayRegion.objects.of(request.organisation).filter(site=site)
    if asked in known_subdivisions(site.country):
        kept.update_or_create(organisation=request.organisation, site=site, defaults={"subdivision": asked})
    else:
        kept.delete()
    return redirect(f"{reverse('portal:forecast', args=[request.organisation.slug])}?site={site.pk}")


def _site(request: MemberRequest, sites: list[Site]) -> Site | None:
    """The site asked for, or the first one."""
    asked = site_asked(request)
    return next((site for site in sites if site.pk == asked), sites[0] if sites else None)


def _day(request: MemberRequest, site: Site) -> tuple[date, bool]:
    """The local day to forecast from, and whether it isn't today: `?day=`, or the day after a site's last
    session where that is long ago, as with imported data."""
    today = today_at(site)
    try:
        asked = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        latest = last_start(site)
        after = latest.astimezone(ZoneInfo(site.time_zone)).date() + timedelta(days=1) if latest else today
        asked = after if (today - after).days > STALE_DAYS else today
    return min(asked, today), asked < today


def _said(found: Forecast, site: Site) -> dict[str, str]:
    """The page's sentence in parts: totals of two weeks, and the fullest hour."""
    starts, energy = found.by_day["starts"], found.by_day["energy_wh"]
    busiest = max(range(len(found.hours)), key=lambda at: found.occupied.mean[at])
    hour = found.hours[busiest].astimezone(ZoneInfo(site.time_zone))
    ports = EVSE.objects.of(site.organisation_id).filter(station__site=site).count()
    return {
        "starts": words.number(round(Decimal(sum(starts.mean[:AHEAD_DAYS])))),
        "kwh": words.kwh(round(sum(energy.mean[:AHEAD_DAYS])), 0),
        "when": date_format(hour, "l j F, H:i"),
        "in_use": words.number(Decimal(found.occupied.mean[busiest]), 1),
        "high": words.number(Decimal(found.occupied.high[busiest]), 1),
        "ports": words.number(ports),
        "holidays": ", ".join(date_format(day, "j F") for day in found.holidays),
        "holiday_share": words.number(Decimal(found.holiday_factor * 100)),
    }


def _chart(found: Forecast, site: Site, measure: Measure) -> BandChart:
    seen = recent_days(site, found.made_on, BACK_DAYS, AHEAD_DAYS)
    row = seen.values[MEASURES.index(measure.key)]
    days = [found.made_on + timedelta(days=at - BACK_DAYS) for at in range(BACK_DAYS + AHEAD_DAYS)]
    band = found.by_day[measure.key]
    ahead = zip(band.low, band.mean, band.high, strict=True)
    bands = [tuple(measure.number(value) for value in three) for three in ahead][:AHEAD_DAYS]
    return band_chart(
        _("%(what)s by day") % {"what": measure.name},
        [date_format(day, "j M") for day in days],
        [measure.number(value) if told else None for value, told in zip(row, seen.seen, strict=True)],
        [*[None] * BACK_DAYS, *bands],  # type: ignore[list-item]  # a tuple of three from a generator
        label=measure.text,
        names=(_("What was"), _("What is expected"), _("80 % interval")),
        axis=words.plain,
        description=_("Four weeks back and two ahead, with the interval that holds four days out of five."),
        corner=_("Day"),
    )


def _hours(found: Forecast, site: Site, measure: Measure) -> HeatMap:
    """The coming week by hour of the wall clock."""
    zone, band = ZoneInfo(site.time_zone), getattr(found, measure.key)
    days = found.days[:7]
    table: dict[tuple[date, int], float] = {}
    for hour, mean in zip(found.hours, band.mean, strict=True):
        local = hour.astimezone(zone)
        key = (local.date(), local.hour)
        table[key] = table.get(key, 0.0) + mean
    rows = [
        (date_format(day, "D j"), [measure.number(table.get((day, hour), 0.0)) for hour in range(HOURS)])
        for day in days
    ]
    return heat_map(
        _("%(what)s by hour, the coming week") % {"what": measure.name},
        [f"{hour:02d}" for hour in range(HOURS)],
        rows,
        lambda value: f"{words.number(value, 2)}{words.THIN_SPACE}{measure.unit}".strip(),
        description=_("Expected in each hour, by the site's clock."),
    )


def _regions(site: Site) -> dict[str, Any]:
    chosen = HolidayRegion.objects.of(site.organisation_id).filter(site=site).first()
    return {"known": known_subdivisions(site.country), "chosen": chosen.subdivision if chosen else ""}


EXPORT_HEAD = (
    "hour_utc", "hour_local",
    "starts", "starts_low", "starts_high",
    "energy_wh", "energy_wh_low", "energy_wh_high",
    "ports_in_use", "ports_in_use_low", "ports_in_use_high",
)  # fmt: skip


def _export(found: Forecast, site: Site) -> Iterator[list[object]]:
    zone = ZoneInfo(site.time_zone)
    bands = [getattr(found, name) for name in MEASURES]
    for at, hour in enumerate(found.hours):
        local: datetime = hour.astimezone(zone)
        values = [part[at] for band in bands for part in (band.mean, band.low, band.high)]
        yield [hour, local.strftime("%Y-%m-%d %H:%M"), *values]
