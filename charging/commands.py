"""Ask a station to do something. The row is the request; the gateway sends it and writes what came of it."""

from collections.abc import Callable, Container
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import User
from charging import command_payloads, local_lists, nudges, profiles, reservations
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
    idempotency_key: str = "",
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
    with transaction.atomic():
        command: StationCommand = StationCommand.objects.create(
            organisation_id=station.organisation_id,
            station=station,
            action=action,
            payload=payload,
            cause_kind=cause_kind,
            cause_id=cause_id,
            requested_by=requested_by,
            idempotency_key=idempotency_key,
        )
        if keep := KEEPS.get(action):
            keep(command)
        transaction.on_commit(partial(nudges.command_waits, station.identity))
    return command


def stop_payload(session: ChargingSession) -> dict[str, Any]:
    """What REMOTE_STOP is asked with: 1.6 numbers transactions, OCPP 2 names them."""
    number = session.transaction_id or ""
    named = session.station.ocpp_version.startswith("2") or not number.isdigit()
    return {"transactionId": number if named else int(number)}


class KeyReused(Exception):
    """An idempotency key came back with another command than the one it was first used for."""


def request_once(
    station: Station,
    action: str,
    payload: dict[str, Any],
    *,
    cause_kind: str,
    cause_id: UUID,
    key: str,
    requested_by: User | None = None,
) -> tuple[StationCommand, bool]:
    """`request` for a program that may repeat itself: the command, and whether it is new.

    The payload is checked whole (ValidationError). The same `key` of the same `cause_id` is the same command;
    raises KeyReused if it asks for something else.
    """
    command_payloads.check(action, payload)
    known = StationCommand.objects.of(station.organisation_id).filter(cause_id=cause_id, idempotency_key=key)
    found: StationCommand | None = known.first() if key else None
    if found is None:
        found, made = once(
            station,
            action,
            payload,
            cause_kind=cause_kind,
            cause_id=cause_id,
            idempotency_key=key,
            requested_by=requested_by,
        )
        if made:
            return found, True
    if (found.station_id, found.action, found.payload) != (station.pk, action, payload):
        raise KeyReused(f"{key!r} was used for another command")
    return found, False


def once(station: Station, action: str, payload: dict[str, Any], **cause: Any) -> tuple[StationCommand, bool]:
    """`request` with a cause_id and a key: the new command, or the one written with them before."""
    try:
        with transaction.atomic():
            command = request(station, action, payload, **cause)
    except IntegrityError:
        names = {"cause_id": cause["cause_id"], "idempotency_key": cause["idempotency_key"]}
        first = StationCommand.objects.of(station.organisation_id).filter(**names).first()
        if first is None or not cause["idempotency_key"]:
            raise
        return first, False
    return command, True


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
    return _give_up(State.PENDING, State.OFFLINE, created_at__lt=now - CONNECT_WITHIN) + _give_up(
        State.SENT, State.TIMED_OUT, sent_at__lt=now - ANSWER_WITHIN
    )


def _give_up(state: str, outcome: str, **since: Any) -> int:
    with transaction.atomic():
        silent = StationCommand.objects.select_for_update(skip_locked=True).filter(state=state, **since)
        commands = list(silent.order_by("created_at")[:1000])
        given_up = StationCommand.objects.filter(id__in=[command.pk for command in commands])
        given_up.update(state=outcome, answered_at=timezone.now())
        for command in commands:
            command.state = outcome
            _tell(command)
    return len(commands)


def _finish(command: StationCommand, state: str, answer: dict[str, Any] | None) -> None:
    open_ = Q(state=State.SENT) | Q(state=State.TIMED_OUT)  # a late answer is still the answer
    with transaction.atomic():
        changed = StationCommand.objects.filter(
            open_, pk=command.pk, organisation=command.organisation_id
        ).update(state=state, answer=answer, answered_at=timezone.now())
        if changed:
            command.state, command.answer = state, answer
            _tell(command)


def _tell(command: StationCommand) -> None:
    """What the end of a command means for the record it is about."""
    if settle := SETTLES.get(command.action):
        settle(command)


Action = StationCommand.Action
KEEPS: dict[str, Callable[[StationCommand], object]] = {
    Action.RESERVE_NOW: reservations.requested,
    Action.SET_CHARGING_PROFILE: profiles.requested,
}
SETTLES: dict[str, Callable[[StationCommand], None]] = {
    Action.RESERVE_NOW: reservations.settled,
    Action.CANCEL_RESERVATION: reservations.settled,
    Action.SET_CHARGING_PROFILE: profiles.settled,
    Action.CLEAR_CHARGING_PROFILE: profiles.settled,
    Action.SEND_LOCAL_LIST: local_lists.settled,
    Action.GET_LOCAL_LIST_VERSION: local_lists.settled,
}
