"""One station: facts, ports, commands, what it was asked to keep. Live parts poll; nothing needs a script."""

import uuid
from contextlib import suppress
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Role
from charging import commands
from charging.command_payloads import shown
from charging.models import ChargingProfile, LocalList, Reservation, StationCommand
from portal.exports import download
from portal.owner.positions import page_before
from portal.owner.shell import owner_page
from portal.owner.stations_forms import BY_NAME, EVERYDAY, WAYS, CommandForm
from portal.ports import ports_of
from portal.scopes import MemberRequest, member
from stations.models import Station, StatusInterval

MAY_COMMAND = (Role.OWNER, Role.MANAGER, Role.TECHNICIAN)
MAY_SET_UP = (Role.OWNER, Role.MANAGER)
LATEST = 8
PAGE_SIZE = 50
EXPORTED = 10_000
CAUSE = "member"


def station_of(request: MemberRequest, station_id: UUID) -> Station:
    """The organisation's own station; Http404 for any other."""
    found: Station | None = (
        Station.objects.of(request.organisation).select_related("site").filter(pk=station_id).first()
    )
    if found is None:
        raise Http404(_("There is nothing here."))
    return found


def station_context(request: MemberRequest, station: Station) -> dict[str, Any]:
    """What every page of a station needs."""
    return {
        "here": "stations",
        "organisation": request.organisation,
        "station": station,
        "zone": ZoneInfo(station.site.time_zone),
        "may_command": request.membership.role in MAY_COMMAND,
        "may_set_up": request.membership.role in MAY_SET_UP,
    }


@member()
@require_GET
def station(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """The station's page."""
    found = station_of(request, station_id)
    own = {"station": found}
    organisation = request.organisation
    context = station_context(request, found) | _now(request, found)
    context |= {
        "ways": WAYS[:EVERYDAY],
        "more_ways": WAYS[EVERYDAY:],
        "reservations": Reservation.objects.of(organisation).filter(**own)[:LATEST],
        "profiles": ChargingProfile.objects.of(organisation).filter(**own)[:LATEST],
        "local_list": LocalList.objects.of(organisation).filter(**own).first(),
    }
    return owner_page(request, "owner/station.html", context)


@member()
@require_GET
def station_now(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """Ports and latest commands alone, for the page to refresh itself."""
    found = station_of(request, station_id)
    context = station_context(request, found) | _now(request, found)
    return render(request, "owner/station_now.html", context)


def _now(request: MemberRequest, station: Station) -> dict[str, Any]:
    ports = ports_of(request.organisation, station=station)
    open_ = StatusInterval.objects.of(request.organisation).filter(
        until__isnull=True, connector__in=[port.connector for port in ports]
    )
    since = {interval.connector_id: interval for interval in open_}
    rows = _commands_of(request, station).order_by("-created_at", "-id")[:LATEST]
    return {
        "ports": [(port, since.get(port.connector.pk)) for port in ports],
        "commands": [_row(command) for command in rows],
    }


def _commands_of(request: MemberRequest, station: Station) -> Any:
    own = StationCommand.objects.of(request.organisation).filter(station=station)
    return own.select_related("requested_by")


def _row(command: StationCommand) -> dict[str, Any]:
    return {
        "command": command,
        "payload": shown(command.payload),
        "answer": shown(command.answer),
        "asked_by": _asked_by(command),
    }


def _asked_by(command: StationCommand) -> str:
    if command.requested_by is not None:
        return str(command.requested_by)
    words = {
        "api_key": _("REST api"),
        "payment": _("a guest's payment"),
        "driver": _("a driver"),
        "local_list": _("the local list"),
    }
    return words.get(command.cause_kind, command.cause_kind)


@member()
@require_GET
def station_commands(request: MemberRequest, station_id: UUID) -> HttpResponseBase:
    """All commands of a station, newest first, in pages and as a file."""
    found = station_of(request, station_id)
    rows = _commands_of(request, found)
    header = ("asked", "action", "state", "answer", "asked by", "sent", "answered")
    table = ((c.created_at, c.action, c.state, c.outcome, _asked_by(c), c.sent_at, c.answered_at)
             for c in rows.order_by("-created_at")[:EXPORTED])  # fmt: skip
    file = download(request.GET.get("format", ""), f"commands-{found.identity}", header, table)
    if file is not None:
        return file
    page = page_before(rows, "created_at", request.GET.get("after", ""), PAGE_SIZE)
    context = station_context(request, found) | {
        "commands": [_row(command) for command in page.rows],
        "older": page.older,
    }
    return owner_page(request, "owner/station_commands.html", context)


@member(*MAY_COMMAND)
@require_http_methods(["GET", "POST"])
def station_command(request: MemberRequest, station_id: UUID, way: str) -> HttpResponse:
    """The form of one command; sent, it becomes a row, once however often the button is pressed."""
    found, chosen = station_of(request, station_id), BY_NAME.get(way)
    if chosen is None:
        raise Http404(_("There is no such command."))
    form = chosen.form(request.POST or None, station=found)
    once = request.POST.get("once", "")[:64] or uuid.uuid4().hex
    if request.method == "POST" and form.is_valid():
        return _send(request, found, form, once)
    context = station_context(request, found) | {"way": chosen, "form": form, "once": once}
    return owner_page(request, "owner/station_command.html", context)


def _send(request: MemberRequest, station: Station, form: CommandForm, once: str) -> HttpResponse:
    who = request.user
    own = StationCommand.objects.of(request.organisation).filter(cause_id=who.pk, idempotency_key=once)
    if not own.exists():  # a second press of the button, or the page before seen again
        with suppress(commands.KeyReused):  # two presses at once
            commands.request_once(
                station,
                form.named(),
                form.payload(),
                cause_kind=CAUSE,
                cause_id=who.pk,
                key=once,
                requested_by=who,
            )
    messages.success(request, _("The station is being asked. The answer shows up below."))
    return redirect("portal:owner-station", request.organisation.slug, station.pk)


@member(*MAY_SET_UP)
@require_POST
def local_list(request: MemberRequest, station_id: UUID) -> HttpResponse:
    """Switch the station's local list of tags on or off."""
    found = station_of(request, station_id)
    on = request.POST.get("enabled") == "on"
    LocalList.objects.update_or_create(
        station=found,
        organisation=request.organisation,
        defaults={"enabled": on, "send_full": True, "next_try_at": None, "state": LocalList.State.NEW},
    )
    words = (
        _("The list is sent when the station is connected.") if on else _("The list is not kept any more.")
    )
    messages.success(request, words)
    return redirect("portal:owner-station", request.organisation.slug, found.pk)
