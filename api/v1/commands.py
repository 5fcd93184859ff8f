"""Commands to stations: a row at once, sent by the gateway that holds the station, and what came of it."""

from typing import Annotated, Any
from uuid import UUID

from django.http import Http404, HttpRequest
from ninja import Header, Query, Router, Status

from api import keys
from api.problems import Conflict, Problem
from api.v1 import schemas
from api.v1.paging import PageAsked, page_of, refuse_unknown
from api.v1.stations import station_of
from charging import commands
from charging.command_payloads import shown
from charging.models import StationCommand

router = Router(tags=["Commands"])
CAUSE = "api_key"
PROBLEMS = {frozenset({401, 403, 404, 422, 429}): Problem}
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=64,
        description="the same key within one API key is the same command, however often it is sent",
    ),
]


@router.post(
    "/stations/{identity}/commands",
    response={201: schemas.Command, 200: schemas.Command, 409: Problem, **PROBLEMS},
    auth=keys.commands,
)
def ask(
    request: HttpRequest, identity: str, asked: schemas.CommandAsked, idempotency_key: IdempotencyKey = ""
) -> Status[dict[str, Any]]:
    """Ask a station to do something: 201 with the command, or 200 with the one that this key has made already."""
    station = station_of(keys.organisation_of(request), identity)
    try:
        command, made = commands.request_once(
            station,
            asked.action,
            asked.payload,
            cause_kind=CAUSE,
            cause_id=request.auth.pk,  # type: ignore[attr-defined]  # ninja sets it
            key=idempotency_key,
        )
    except commands.KeyReused as error:
        raise Conflict("Idempotency-Key", str(error)) from error
    return Status(201 if made else 200, command_json(command))


@router.get("/stations/{identity}/commands", response={200: schemas.CommandPage, **PROBLEMS}, auth=keys.reads)
def of_station(request: HttpRequest, identity: str, asked: Query[PageAsked]) -> dict[str, Any]:
    """The station's commands, the newest first."""
    refuse_unknown(request, PageAsked)
    organisation = keys.organisation_of(request)
    rows = StationCommand.objects.of(organisation).filter(station=station_of(organisation, identity))
    return page_of(rows.select_related("station"), "created_at", asked, command_json)


@router.get("/commands/{command_id}", response={200: schemas.Command, **PROBLEMS}, auth=keys.reads)
def command(request: HttpRequest, command_id: UUID) -> dict[str, Any]:
    """A command and what came of it."""
    rows = StationCommand.objects.of(keys.organisation_of(request)).select_related("station")
    found = rows.filter(pk=command_id).first()
    if found is None:
        raise Http404
    return command_json(found)


def command_json(command: StationCommand) -> dict[str, Any]:
    """As schemas.Command has it; tags masked."""
    names = ("id", "action", "state", "created_at", "sent_at", "answered_at")
    return {name: getattr(command, name) for name in names} | {
        "station": command.station.identity,
        "payload": shown(command.payload),
        "answer": shown(command.answer),
    }
