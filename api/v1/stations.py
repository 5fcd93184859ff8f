"""Stations, and what happened at each: transactions and messages."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router

from accounts.models import Organisation
from api import keys
from api.problems import Problem
from api.v1 import schemas
from api.v1.paging import PageAsked, TimesAsked, between, page_of, refuse_unknown
from api.v1.sessions import session_json, sessions_of
from charging.models import OcppMessage
from stations.models import Connector, Station, Status, StatusInterval

router = Router(tags=["Stations"])
PROBLEMS = {frozenset({401, 403, 404, 422, 429}): Problem}


class MessagesAsked(TimesAsked):
    """Messages of a station, narrowed."""

    action: str = Field("", max_length=64)
    direction: str = Field("", pattern="^(in|out|event|)$", description="in, out or event")
    verdict: str = Field("", max_length=40)


def station_of(organisation: Organisation, identity: str) -> Station:
    """The organisation's own station; Http404 for any other."""
    found: Station | None = stations_of(organisation).filter(identity=identity).first()
    if found is None:
        raise Http404
    return found


def stations_of(organisation: Organisation) -> QuerySet[Station]:
    """Stations with their place and ports, in as many queries however many there are."""
    open_ = StatusInterval.objects.of(organisation).filter(until__isnull=True)
    connectors = Connector.objects.of(organisation).prefetch_related(
        Prefetch("status_intervals", open_, to_attr="now")
    )
    found: QuerySet[Station] = (
        Station.objects.of(organisation)
        .select_related("site")
        .prefetch_related("evses", Prefetch("evses__connectors", connectors))
    )
    return found


@router.get("/stations", response={200: schemas.StationPage, **PROBLEMS}, auth=keys.reads)
def stations(request: HttpRequest, asked: Query[PageAsked]) -> dict[str, Any]:
    """All stations, the newest first."""
    refuse_unknown(request, PageAsked)
    return page_of(stations_of(keys.organisation_of(request)), "created_at", asked, station_json)


@router.get("/stations/{identity}", response={200: schemas.Station, **PROBLEMS}, auth=keys.reads)
def station(request: HttpRequest, identity: str) -> dict[str, Any]:
    """One station by its OCPP identity."""
    return station_json(station_of(keys.organisation_of(request), identity))


@router.get(
    "/stations/{identity}/transactions", response={200: schemas.SessionPage, **PROBLEMS}, auth=keys.reads
)
def transactions(request: HttpRequest, identity: str, asked: Query[TimesAsked]) -> dict[str, Any]:
    """The station's charges by start, the newest first, each with its price once it has one."""
    refuse_unknown(request, TimesAsked)
    organisation = keys.organisation_of(request)
    rows = sessions_of(organisation).filter(station=station_of(organisation, identity))
    return page_of(between(rows, "started_at", asked), "started_at", asked, session_json)


@router.get("/stations/{identity}/messages", response={200: schemas.MessagePage, **PROBLEMS}, auth=keys.reads)
def messages(request: HttpRequest, identity: str, asked: Query[MessagesAsked]) -> dict[str, Any]:
    """The station's message log, the newest first."""
    refuse_unknown(request, MessagesAsked)
    organisation = keys.organisation_of(request)
    rows = OcppMessage.objects.of(organisation).filter(station=station_of(organisation, identity))
    wanted = {name: getattr(asked, name) for name in ("action", "direction", "verdict")}
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return page_of(between(rows, "at", asked), "at", asked, message_json)


def station_json(station: Station) -> dict[str, Any]:
    """As schemas.Station has it."""
    names = (
        "id", "identity", "name", "public_code", "vendor", "model", "serial_number", "firmware_version",
        "ocpp_version", "connected_at", "last_seen_at",
    )  # fmt: skip
    connected = station.connected_at is not None
    evses = sorted(station.evses.all(), key=lambda evse: evse.number)
    return {name: getattr(station, name) for name in names} | {
        "site": station.site.name,
        "time_zone": station.site.time_zone,
        "connected": connected,
        "evses": [
            {
                "number": evse.number,
                "power_type": evse.power_type,
                "max_power_w": evse.max_power_w,
                "connectors": [_connector(one, connected) for one in evse.connectors.all()],
            }
            for evse in evses
        ],
    }


def _connector(connector: Any, connected: bool) -> dict[str, Any]:
    now: StatusInterval | None = connector.now[0] if connector.now else None
    status = now.status if now else "Unknown"
    since: datetime | None = now.since if now else None
    return {
        "number": connector.number,
        "standard": connector.standard,
        "status": status if connected else str(Status.OFFLINE),
        "status_since": since,
        "error_code": now.error_code if now else "",
    }


def message_json(message: OcppMessage) -> dict[str, Any]:
    """As schemas.Message has it; payloads as objects where they are JSON."""
    row_id: UUID = message.id
    return {
        "id": row_id,
        "at": message.at,
        "direction": message.direction,
        "message_id": message.message_id,
        "action": message.action,
        "payload": _as_json(message.payload),
        "answer": _as_json(message.answer),
        "verdict": message.verdict,
    }


def _as_json(text: str) -> Any:
    """What was said, as an object if it is one; else the text as it came."""
    if not text:
        return None
    try:
        return json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
