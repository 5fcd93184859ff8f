"""Maintenance: ranked work orders, the page on which a technician works one, and how reliable ports are."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Membership, Role, User
from portal.exports import download
from portal.owner import repair_words
from portal.owner.period import uuid_of
from portal.owner.shell import owner_page, site_asked
from portal.scopes import MemberRequest, member
from revenue.maintenance import orders
from revenue.maintenance.findings import too_quiet
from revenue.maintenance.reliability import GROUPINGS, Reliability, reliability
from stations.models import Site, WorkOrder

EDITORS = (Role.OWNER, Role.MANAGER, Role.TECHNICIAN)
SHOWN = 200
RELIABILITY_DAYS = 90
RELIABILITY_HEADER = (
    "name", "ports", "failures", "mtbf_hours", "mttr_hours", "attempts", "failed",
    "first_plug_percent", "codes",
)  # fmt: skip


@dataclass(frozen=True)
class OrderRow:
    """An order in the list."""

    order: WorkOrder
    what: str
    cost: str

    @property
    def state(self) -> str:
        return state_of(self.order)


def state_of(order: WorkOrder) -> str:
    """The key of the order's look."""
    if not order.is_open:
        return "closed"
    if order.cleared_at is not None:
        return "works_again"
    return "assigned" if order.assignee_id else "nobody"


@member()
@require_GET
def maintenance(request: MemberRequest) -> HttpResponse:
    """What to mend first: `?show=open|mine|closed&site=`."""
    now, show, site_id = timezone.now(), request.GET.get("show", "open"), site_asked(request)
    own = WorkOrder.objects.of(request.organisation).select_related("evse__station__site", "assignee")
    if site_id:
        own = own.filter(evse__station__site=site_id)
    open_ = list(own.open().ranked()[:SHOWN])
    shown = {
        "closed": lambda: list(own.filter(closed_at__isnull=False).order_by("-closed_at")[:SHOWN]),
        "mine": lambda: [one for one in open_ if one.assignee_id == request.user.pk],
    }.get(show, lambda: open_)()
    rows = [OrderRow(one, repair_words.what_is_wrong(one, now), repair_words.cost_of(one)) for one in shown]
    context = {
        "here": "maintenance",
        "sites": Site.objects.of(request.organisation),
        "site_id": site_id,
        "show": show,
        "shows": [("open", _("Open")), ("mine", _("Mine")), ("closed", _("Closed"))],
        "sentence": repair_words.sentence_of(open_[0], now) if open_ else "",
        "together": repair_words.together(open_),
        "rows": rows,
    }
    return owner_page(request, "owner/maintenance.html", context)


@member()
@require_GET
def work_order(request: MemberRequest, order_id: UUID) -> HttpResponse:
    """One order: what is wrong, why we think so, what was done, what to do."""
    return _order_page(request, _order(request, order_id))


@member(*EDITORS)
@require_POST
def work_order_act(request: MemberRequest, order_id: UUID) -> HttpResponse:
    """`action` of the form: take, assign, note, close."""
    order = _order(request, order_id)
    action, text = request.POST.get("action", ""), request.POST.get("text", "")
    try:
        if action == "take":
            orders.assign(order, request.user, request.user)
        elif action == "assign":
            orders.assign(order, _assignee(request), request.user)
        elif action == "note":
            orders.note(order, text, request.user)
        elif action == "close":
            orders.close(order, request.POST.get("reason", ""), request.user, text)
        else:
            raise ValidationError(_("Choose what to do: take, assign, note or close."))  # noqa: TRY301  as below
    except ValidationError as error:
        for message in error.messages:
            messages.error(request, message)
        return _order_page(request, _order(request, order_id), text)
    messages.success(request, _("Done. It is written down with your name."))
    return redirect("portal:work-order", request.organisation.slug, order_id)


@member()
@require_GET
def reliability_page(request: MemberRequest) -> HttpResponseBase:
    """`?by=port|site|model|firmware`, over 90 days; CSV and XLSX."""
    now = timezone.now()
    asked = request.GET.get("by", "")
    by = asked if asked in GROUPINGS else "port"
    rows = reliability(request.organisation, now - timedelta(days=RELIABILITY_DAYS), now, by)
    table = (_reliability_row(row) for row in rows)
    if file := download(request.GET.get("format", ""), f"reliability-by-{by}", RELIABILITY_HEADER, table):
        return file
    context = {
        "here": "maintenance",
        "by": by,
        "groupings": [
            ("port", _("Port")), ("site", _("Site")), ("model", _("Model")), ("firmware", _("Firmware")),
        ],
        "days": RELIABILITY_DAYS,
        "rows": rows,
        "quiet": [repair_words.place_of(evse) for evse in too_quiet(request.organisation, now)],
    }  # fmt: skip
    return owner_page(request, "owner/reliability.html", context)


def _reliability_row(row: Reliability) -> tuple[object, ...]:
    codes = " ".join(f"{code}:{count}" for code, count in row.codes.most_common())
    return (
        row.name, row.ports, row.failures, _hours(row.between_failures), _hours(row.to_repair),
        row.attempts, row.failed, row.first_plug_percent, codes,
    )  # fmt: skip


def _hours(span: timedelta | None) -> int | None:
    return None if span is None else span // timedelta(hours=1)


def _order_page(request: MemberRequest, order: WorkOrder, text: str = "") -> HttpResponse:
    now: datetime = timezone.now()
    workers = Membership.objects.of(request.organisation).filter(role__in=orders.MAY_WORK)
    context = {
        "here": "maintenance",
        "order": order,
        "state": state_of(order),
        "zone": ZoneInfo(order.evse.station.site.time_zone),
        "sentence": repair_words.sentence_of(order, now),
        "evidence": repair_words.evidence_of(order),
        "entries": order.entries.select_related("by"),
        "reasons": [one for one in WorkOrder.CloseReason.choices if one[0] != "came_back"],
        "workers": [one.user for one in workers.select_related("user").order_by("user__name")],
        "may_edit": request.membership.role in EDITORS,
        "text": text,
    }
    return owner_page(request, "owner/work_order.html", context)


def _order(request: MemberRequest, order_id: UUID) -> WorkOrder:
    own = WorkOrder.objects.of(request.organisation).select_related("evse__station__site", "assignee")
    found: WorkOrder | None = own.filter(pk=order_id).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    return found


def _assignee(request: MemberRequest) -> User:
    asked = uuid_of(request.POST.get("assignee", ""))
    members = User.objects.filter(memberships__organisation=request.organisation)
    found = members.filter(pk=asked).first() if asked else None
    if found is None:
        raise ValidationError(_("Choose who works on it."))
    return found
