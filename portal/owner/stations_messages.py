"""The message log of a station: the first thing support asks for. Filters in the URL, payloads on demand."""

import json
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from charging.models import OcppMessage
from portal.exports import download
from portal.owner.positions import page_before
from portal.owner.shell import owner_page
from portal.owner.stations_page import EXPORTED, PAGE_SIZE, station_context, station_of
from portal.scopes import MemberRequest, member

DAY = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
NEAR = timedelta(days=1)


class MessageFilter(forms.Form):
    """Action, direction, verdict, first and last local day."""

    action = forms.CharField(label=gettext_lazy("Action"), max_length=64, required=False)
    direction = forms.ChoiceField(
        label=gettext_lazy("Direction"),
        required=False,
        choices=[("", gettext_lazy("All")), *OcppMessage.Direction.choices],
    )
    verdict = forms.ChoiceField(
        label=gettext_lazy("Verdict"),
        required=False,
        choices=[("", gettext_lazy("All")), ("ok", "ok"), ("not-ok", gettext_lazy("Not ok"))],
    )
    since = forms.DateField(label=gettext_lazy("From"), required=False, widget=DAY)
    until = forms.DateField(label=gettext_lazy("To"), required=False, widget=DAY)

    def narrow(self, rows: QuerySet[OcppMessage], zone: ZoneInfo) -> QuerySet[OcppMessage]:
        """`rows` as the filter says; fields that can't be read are left out, and said beside the field."""
        self.is_valid()
        asked = self.cleaned_data
        if asked.get("action"):
            rows = rows.filter(action__iexact=asked["action"])
        if asked.get("direction"):
            rows = rows.filter(direction=asked["direction"])
        if asked.get("verdict") == "ok":
            rows = rows.filter(verdict="ok")
        elif asked.get("verdict"):
            rows = rows.exclude(verdict="ok").exclude(direction=OcppMessage.Direction.EVENT)
        if asked.get("since"):
            rows = rows.filter(at__gte=_midnight(asked["since"], zone))
        if asked.get("until"):
            rows = rows.filter(at__lt=_midnight(asked["until"] + timedelta(days=1), zone))
        return rows


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


@member()
@require_GET
def station_messages(request: MemberRequest, station_id: UUID) -> HttpResponseBase:
    """The log, newest first."""
    station = station_of(request, station_id)
    zone = ZoneInfo(station.site.time_zone)
    chosen = MessageFilter(request.GET)
    rows = chosen.narrow(OcppMessage.objects.of(request.organisation).filter(station=station), zone)
    header = ("at (UTC)", "direction", "action", "verdict", "message id", "payload", "answer")
    table = ((m.at, m.direction, m.action, m.verdict, m.message_id, m.payload, m.answer)
             for m in rows.order_by("-at")[:EXPORTED])  # fmt: skip
    file = download(request.GET.get("format", ""), f"messages-{station.identity}", header, table)
    if file is not None:
        return file
    page = page_before(rows, "at", request.GET.get("after", ""), PAGE_SIZE)
    context = station_context(request, station) | {"filter": chosen, "rows": page.rows, "older": page.older}
    return owner_page(request, "owner/station_messages.html", context)


@member()
@require_GET
def station_message(request: MemberRequest, station_id: UUID, message_id: UUID) -> HttpResponse:
    """One call and its answer, whole."""
    station = station_of(request, station_id)
    rows = OcppMessage.objects.of(request.organisation).filter(station=station, id=message_id)
    found = _near(rows, message_id).first() or rows.first()
    if found is None:
        raise Http404(_("There is nothing here."))
    context = station_context(request, station) | {
        "message": found,
        "payload": _pretty(found.payload),
        "answer": _pretty(found.answer),
    }
    return owner_page(request, "owner/station_message.html", context)


def _near(rows: QuerySet[OcppMessage], message_id: UUID) -> QuerySet[OcppMessage]:
    """The rows of about when the id was made (UUIDv7), so that one month is looked at first, not all."""
    made = datetime.fromtimestamp((message_id.int >> 80) / 1000, UTC) if message_id.version == 7 else None
    return rows.filter(at__gte=made - NEAR, at__lte=made + NEAR) if made else rows


def _pretty(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
