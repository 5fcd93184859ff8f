"""The live board: every port, what it is doing, and what the session there has come to."""

from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from accounts.models import Organisation
from portal import live
from portal.cost import Shares
from portal.owner.period import uuid_of
from portal.ports import Port, by_site, ports_of
from portal.running import costs_so_far
from portal.scopes import MemberRequest, View
from stations.models import Site

STANDS_S = 10  # while nothing is heard of its stations: durations and costs grow by themselves


@dataclass(frozen=True)
class BoardPort:
    """A port on the board; the last five only while somebody charges."""

    port: Port
    name: str
    since: datetime | None = None
    duration_s: int = 0
    energy_wh: int = 0
    power_kw: int | None = None
    cost: Shares | None = None


@dataclass(frozen=True)
class Board:
    """The board as of `at` (UTC): ports by site, and how many are charging, free, and out of order."""

    at: datetime
    sites: list[tuple[Site, list[BoardPort]]]
    charging: int
    free: int
    broken: int


def board_of(organisation: Organisation, site_id: UUID | None = None) -> Board:
    """The board of an organisation, or of one of its sites."""
    at = timezone.now()
    ports = ports_of(organisation, site_id=site_id)
    costs = costs_so_far((port.session for port in ports if port.session), at)
    return Board(
        at=at,
        sites=[
            (site, [_board_port(port, site, at, costs) for port in here]) for site, here in by_site(ports)
        ],
        charging=sum(port.session is not None for port in ports),
        free=sum(port.can_start for port in ports),
        broken=sum(port.state in ("Faulted", "Offline", "Unavailable") for port in ports),
    )


def _board_port(port: Port, site: Site, at: datetime, costs: dict[UUID, Shares]) -> BoardPort:
    session = port.session
    if session is None:
        return BoardPort(port, port.name)
    power = session.last_power_w
    return BoardPort(
        port,
        port.name,
        since=session.started_at.astimezone(ZoneInfo(site.time_zone)),
        duration_s=int((at - session.started_at).total_seconds()),
        energy_wh=session.energy_wh,
        power_kw=None if power is None else (power + 500) // 1000,
        cost=costs.get(session.pk),
    )


def board_fragment(request: MemberRequest, organisation_id: UUID, slug: str) -> HttpResponse:
    """The board alone, made once for all its viewers."""
    site_id = uuid_of(request.GET.get("site", ""))

    def make() -> live.Fragment:
        organisation = Organisation.objects.get(pk=organisation_id)
        own = site_id if site_id and Site.objects.of(organisation).filter(pk=site_id).exists() else None
        context = {"organisation": organisation, "site_id": own, "board": board_of(organisation, own)}
        return live.Fragment(render(request, "owner/board.html", context), [organisation.pk], STANDS_S)

    return live.polled(request, f"board:{organisation_id}:{slug}:{site_id or ''}", make)


def with_pass(view: View) -> View:
    """Around a `member` view of the board: who was let in within the last minute is not looked up again."""

    @wraps(view)
    def passed(request: MemberRequest, organisation: str, **more: Any) -> HttpResponseBase:
        place = f"board/{organisation}"
        if known := live.pass_of(request, place):
            return board_fragment(request, UUID(known), organisation)
        response = view(request, organisation, **more)
        if response.status_code in (200, 304):
            live.give_pass(request, place, str(request.organisation.pk))
        return response

    return passed
