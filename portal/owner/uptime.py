"""Uptime: every port over twelve months, its outages with their evidence, and what does not count."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Organisation, Role
from portal import words
from portal.exports import download
from portal.owner.period import uuid_of
from portal.owner.shell import owner_page, site_asked
from portal.scopes import MemberRequest, member
from revenue.maintenance import ev_chart as session_fields
from stations.models import EVSE, Exclusion, Outage, Site
from stations.uptime import GOAL, PortTimes, Uptime, ev_chart, month_starts, port_times, uptime_of
from stations.uptime.exclusions import Place, exclude, withdraw
from stations.uptime.spans import FAR

MONTHS = 12
OUTAGES_SHOWN = 50
EDITORS = (Role.OWNER, Role.MANAGER, Role.TECHNICIAN)
STEPS = (Decimal("99.9"), Decimal(99), GOAL, Decimal(90))


@dataclass(frozen=True)
class Month:
    """A cell of the strip: `step` 0 (all up) to 4 (less than 90 %), None where nothing was measured."""

    name: str
    uptime: Uptime
    x: int

    @property
    def step(self) -> int | None:
        percent = self.uptime.percent
        return None if percent is None else sum(percent < bound for bound in STEPS)

    @property
    def look(self) -> str:
        return "none" if self.step is None else str(self.step)

    @property
    def words(self) -> str:
        if self.uptime.percent is None:
            return _("%(month)s: not measured") % {"month": self.name}
        return f"{self.name}: {percent_words(self.uptime)}"


@dataclass(frozen=True)
class PortRow:
    """A port over twelve months."""

    evse: EVSE
    months: list[Month]
    year: Uptime
    is_down: bool
    measured_since: datetime | None

    @property
    def name(self) -> str:
        return port_name(self.evse)

    @property
    def percent(self) -> str:
        return percent_words(self.year)


class ExclusionForm(forms.Form):
    """Which time of a port does not count, and why. Times are the site's."""

    category = forms.ChoiceField(
        label=gettext_lazy("What it was"),
        choices=[one for one in Exclusion.Category.choices if one[0] != Exclusion.Category.CLOSED],
    )
    breadth = forms.ChoiceField(
        label=gettext_lazy("Where"),
        choices=[
            ("port", gettext_lazy("This port")),
            ("station", gettext_lazy("The whole station")),
            ("site", gettext_lazy("The whole site")),
        ],
    )
    since = forms.DateTimeField(
        label=gettext_lazy("From"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    until = forms.DateTimeField(
        label=gettext_lazy("To"),
        required=False,
        help_text=gettext_lazy("Leave it empty while it lasts."),
        widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why, and where it is written"),
        max_length=500,
        help_text=gettext_lazy("For example the utility's outage number or the police report."),
    )


def percent_words(uptime: Uptime) -> str:
    """`97.14 %`, cut and not rounded, so that a miss never shows as the goal."""
    if uptime.percent is None:
        return _("not measured")
    shown = (uptime.percent * 100).to_integral_value(rounding="ROUND_FLOOR") / 100
    return f"{words.number(shown, 2)}{words.THIN_SPACE}%"


def port_name(evse: EVSE) -> str:
    return f"{evse.station} · {evse.number}"


@member()
@require_GET
def uptime(request: MemberRequest) -> HttpResponseBase:
    """All ports; `?table=uptime|outages|sessions&month=YYYY-MM&format=csv|xlsx` for EV-ChART's fields."""
    organisation, now = request.organisation, timezone.now()
    zone = ZoneInfo(organisation.time_zone)
    month = month_asked(request.GET.get("month", ""), now.astimezone(zone).date())
    if file := _export(organisation, request.GET.get("table", ""), month, now, request.GET.get("format", "")):
        return file
    site_id = site_asked(request)
    rows = port_rows(organisation, now, site_id)
    context = {
        "here": "uptime",
        "sites": Site.objects.of(organisation),
        "site_id": site_id,
        "sentence": sentence(rows),
        "rows": rows,
        "goal": GOAL,
        "first": rows[0].months[0].name if rows else "",
        "last": rows[0].months[-1].name if rows else "",
        "month": f"{month:%Y-%m}",
        "tables": _tables(),
        "zone": zone,
    }
    return owner_page(request, "owner/uptime.html", context)


@member()
@require_GET
def uptime_port(request: MemberRequest, evse_id: UUID) -> HttpResponse:
    """One port: its months, its outages with their evidence, what was excluded."""
    return _port_page(request, evse_id, ExclusionForm())


@member(*EDITORS)
@require_POST
def uptime_exclude(request: MemberRequest, evse_id: UUID) -> HttpResponse:
    """Say which time does not count."""
    form = ExclusionForm(request.POST)
    evse = _port(request.organisation, evse_id)
    with timezone.override(ZoneInfo(evse.station.site.time_zone)):
        valid = form.is_valid()
    if valid:
        said = form.cleaned_data
        try:
            exclude(
                Place.around(evse, said["breadth"]),
                said["category"],
                said["since"],
                said["until"],
                reason=said["reason"],
                said_by=request.user,
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, _("Noted. Uptime is worked out with it from now on."))
            return redirect("portal:uptime-port", request.organisation.slug, evse_id)
    return _port_page(request, evse_id, form)


@member(*EDITORS)
@require_POST
def uptime_withdraw(request: MemberRequest, exclusion_id: UUID) -> HttpResponse:
    """Let an excluded time count after all."""
    found = Exclusion.objects.of(request.organisation).filter(pk=exclusion_id).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    withdraw(found, request.user)
    messages.success(request, _("Taken back. That time counts again."))
    port = uuid_of(request.POST.get("port", ""))
    if port is None:
        return redirect("portal:uptime", request.organisation.slug)
    return redirect("portal:uptime-port", request.organisation.slug, port)


def port_rows(organisation: Organisation, now: datetime, site_id: UUID | None) -> list[PortRow]:
    """Every port over the eleven months before and this one so far, worst first."""
    zone = ZoneInfo(organisation.time_zone)
    edges = month_starts(now.astimezone(zone).date(), MONTHS, zone)
    edges[-1] = now
    rows = [_row(times, edges, zone) for times in port_times(organisation, edges[0], now, site_id=site_id)]
    return sorted(rows, key=lambda row: (row.year.percent is None, row.year.percent, row.name))


def _row(times: PortTimes, edges: list[datetime], zone: ZoneInfo) -> PortRow:
    months = [
        Month(date_format(start.astimezone(zone), "M Y"), uptime_of(times, start, end), at)
        for at, (start, end) in enumerate(pairwise(edges))
    ]
    is_down = any(outage.until is None for outage in times.outages)
    return PortRow(times.evse, months, uptime_of(times, edges[0], edges[-1]), is_down, times.since)


def sentence(rows: list[PortRow]) -> str:
    """What an owner would say first."""
    measured = [row for row in rows if row.year.percent is not None]
    if not measured:
        return _("No port has told its state yet, so there is no uptime to show.")
    missed = [row for row in measured if not row.year.reaches_goal]
    if not missed:
        count = len(measured)
        return ngettext(
            "The one port measured was up more than 97 %% of the last twelve months.",
            "All %(count)s ports measured were up more than 97 %% of the last twelve months.",
            count,
        ) % {"count": count}
    worst = missed[0]
    return _(
        "%(missed)s of %(count)s ports missed 97 %%; %(site)s, %(port)s most: %(percent)s, down for %(down)s that "
        "nothing excuses."
    ) % {
        "missed": len(missed),
        "count": len(measured),
        "site": worst.evse.station.site.name,
        "port": worst.name,
        "percent": worst.percent,
        "down": words.duration_between(worst.year.counted),
    }


@dataclass(frozen=True)
class OutageRow:
    """An outage with what of it is excluded, and its evidence in local times."""

    outage: Outage
    since: datetime
    until: datetime | None
    duration_s: int
    excluded_s: int
    evidence: list[tuple[datetime, datetime | None, str, str]]


def _port_page(request: MemberRequest, evse_id: UUID, form: ExclusionForm) -> HttpResponse:
    now = timezone.now()
    evse = _port(request.organisation, evse_id)
    zone = ZoneInfo(evse.station.site.time_zone)
    edges = month_starts(now.astimezone(zone).date(), MONTHS, zone)
    edges[-1] = now
    (times,) = port_times(request.organisation, edges[0], now, evse_id=evse_id)
    said = Exclusion.objects.of(request.organisation).filter(site=evse.station.site, since__lt=now)
    context = {
        "here": "uptime",
        "evse": evse,
        "row": _row(times, edges, zone),
        "zone": zone,
        "outages": [_outage_row(one, times, now, zone) for one in reversed(times.outages)][:OUTAGES_SHOWN],
        "exclusions": [one for one in said.select_related("said_by", "evse__station", "station", "site")
                       if one.covers(evse)],
        "form": form,
        "may_edit": request.membership.role in EDITORS,
    }  # fmt: skip
    return owner_page(request, "owner/uptime_port.html", context)


def _outage_row(outage: Outage, times: PortTimes, now: datetime, zone: ZoneInfo) -> OutageRow:
    one = uptime_of(times, outage.since, min(outage.until or FAR, now))
    return OutageRow(
        outage,
        outage.since.astimezone(zone),
        outage.until.astimezone(zone) if outage.until else None,
        int(one.outage.total_seconds()),
        int(one.excluded.total_seconds()),
        list(_evidence(outage, zone)),
    )


def _evidence(outage: Outage, zone: ZoneInfo) -> Iterable[tuple[datetime, datetime | None, str, str]]:
    for told in outage.evidence:
        until = told["until"] and datetime.fromisoformat(told["until"]).astimezone(zone)
        code = " · ".join(part for part in (told["error_code"], told["info"]) if part)
        yield datetime.fromisoformat(told["since"]).astimezone(zone), until, told["status"], code


def _port(organisation: Organisation, evse_id: UUID) -> EVSE:
    found = EVSE.objects.of(organisation).select_related("station__site").filter(pk=evse_id).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    return found


def month_asked(text: str, today: date) -> date:
    """The month `YYYY-MM` of a report, the last complete one unless one is named that has begun."""
    last_complete = today.replace(day=1) - timedelta(days=1)
    try:
        asked = date.fromisoformat(f"{text}-01")
    except ValueError:
        return last_complete.replace(day=1)
    return asked if asked <= today else last_complete.replace(day=1)


def _tables() -> list[tuple[str, str]]:
    return [
        ("uptime", _("Uptime per port")),
        ("outages", _("Outages")),
        ("sessions", _("Sessions of the quarter")),
    ]


def _export(
    organisation: Organisation, table: str, month: date, now: datetime, asked: str
) -> HttpResponseBase | None:
    if table == "uptime":
        rows = ev_chart.uptime_rows(organisation, month, now)
        return download(asked, f"ev-chart-uptime-{month:%Y-%m}", ev_chart.UPTIME_HEADER, rows)
    if table == "outages":
        rows = ev_chart.outage_rows(organisation, month, now)
        return download(asked, f"ev-chart-outages-{month:%Y-%m}", ev_chart.OUTAGE_HEADER, rows)
    if table == "sessions":
        name = f"ev-chart-sessions-{session_fields.quarter_of(month)}"
        return download(asked, name, session_fields.HEADER, session_fields.session_rows(organisation, month))
    return None
