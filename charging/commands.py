"""Ask a station to do something. The row is the request; the gateway sends it and writes what came of it."""

from collections.abc import Container
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from charging import nudges
from charging.models import ChargingSession, StationCommand
from stations.models import Station

State = StationCommand.State
CONNECT_WITHIN = timedelta(seconds=20)  # a station that reconnects this soon still gets the command
ANSWER_WITHIN = timedelta(seconds=45)
ACCEPTANCES = {"Accepted", "AcceptedCanceled", "EmptyResultSet", "RebootRequired", "Scheduled", "Unlocked"}


def request(
    station: Station,
    action: str,
    payload: dict[str, Any],
    *,
    cause_kind: str = "",
    cause_id: UUID | None = None,
    requested_by: User | None = None,
) -> StationCommand:
    """Write the request; whichever gateway holds the station sends it within a second or so.

    `action` and `payload` are OCPP 1.6's, or those of an action that only newer versions have. Raises
    ValidationError naming the field; the payload is checked against the schema of the version the station
    speaks when it is sent, and rejected with the reason.
    """
    if action not in StationCommand.Action.values:
        raise ValidationError(
            {"action": f"{action!r} is not one of {', '.join(StationCommand.Action.values)}"}
        )
    if not isinstance(payload, dict):
        raise ValidationError({"payload": "an object is needed, such as {}"})
    command: StationCommand = StationCommand.objects.create(
        organisation_id=station.organisation_id,
        station=station,
        action=action,
        payload=payload,
        cause_kind=cause_kind,
        cause_id=cause_id,
        requested_by=requested_by,
    )
    transaction.on_commit(partial(nudges.command_waits, station.identity))
    return command


def stop_payload(session: ChargingSession) -> dict[str, Any]:
    """What REMOTE_STOP is asked with: 1.6 numbers transactions, OCPP 2 names them."""
    number = session.transaction_id or ""
    named = session.station.ocpp_version.startswith("2") or not number.isdigit()
    return {"transactionId": number if named else int(number)}


def claim(connected: Container[UUID], limit: int = 1000) -> list[StationCommand]:
    """Take the pending commands of connected stations, oldest first; one gateway gets each, once."""
    pending = StationCommand.objects.filter(state=State.PENDING).order_by("created_at")
    wanted = [pk for pk, station in pending.values_list("id", "station_id")[:limit] if station in connected]
    if not wanted:
        return []
    with transaction.atomic():
        rows: QuerySet[StationCommand] = StationCommand.objects.select_for_update(skip_locked=True)
        commands = list(rows.filter(state=State.PENDING, id__in=wanted).order_by("created_at"))
        now = timezone.now()
        taken = StationCommand.objects.filter(id__in=[command.pk for command in commands])
        taken.update(state=State.SENT, sent_at=now)
    for command in commands:
        command.state, command.sent_at = State.SENT, now
    return commands


def answered(command: StationCommand, answer: dict[str, Any]) -> None:
    """Keep the station's answer: accepted if its status says so, or where it has none."""
    accepted = answer.get("status", "Accepted") in ACCEPTANCES
    _finish(command, State.ACCEPTED if accepted else State.REJECTED, answer)


def refused(command: StationCommand, code: str, description: str) -> None:
    """The station answered with an error, or the command could not be sent as it stands."""
    _finish(command, State.REJECTED, {"error": code, "description": description})


def timed_out(command: StationCommand) -> None:
    _finish(command, State.TIMED_OUT, None)


def expire() -> int:
    """Give up on commands whose station isn't there or doesn't answer; returns how many."""
    now = timezone.now()
    offline = StationCommand.objects.filter(state=State.PENDING, created_at__lt=now - CONNECT_WITHIN).update(
        state=State.OFFLINE, answered_at=now
    )
    silent = StationCommand.objects.filter(state=State.SENT, sent_at__lt=now - ANSWER_WITHIN).update(
        state=State.TIMED_OUT, answered_at=now
    )
    return int(offline + silent)


def _finish(command: StationCommand, state: str, answer: dict[str, Any] | None) -> None:
    open_ = Q(state=State.SENT) | Q(state=State.TIMED_OUT)  # a late answer is still the answer
    StationCommand.objects.filter(open_, pk=command.pk, organisation=command.organisation_id).update(
        state=state, answer=answer, answered_at=timezone.now()
    )
