"""Smart-charging profiles follow their commands, by OCPP 1.6's rules of which replaces and clears which."""

from django.db.models import Q
from django.utils import timezone

from charging.command_payloads import moment
from charging.models import ChargingProfile, ChargingSession, StationCommand

State = ChargingProfile.State
OPEN = (State.REQUESTED, State.ACTIVE)


def requested(command: StationCommand) -> ChargingProfile | None:
    """The record of a SetChargingProfile that was just written."""
    document = command.payload.get("csChargingProfiles")
    if not isinstance(document, dict) or not isinstance(document.get("chargingProfileId"), int):
        return None  # the station will never see it: it breaks the schema
    made: ChargingProfile = ChargingProfile.objects.create(
        organisation_id=command.organisation_id,
        station_id=command.station_id,
        number=document["chargingProfileId"],
        evse_number=command.payload.get("connectorId", 0),
        purpose=str(document.get("chargingProfilePurpose", ""))[:40],
        stack_level=document.get("stackLevel", 0),
        document=document,
        valid_from=moment(document.get("validFrom")),
        valid_until=moment(document.get("validTo")),
        command=command,
    )
    return made


def settled(command: StationCommand) -> None:
    """What the end of a Set- or ClearChargingProfile means; in the transaction that ends the command."""
    accepted = command.state == StationCommand.State.ACCEPTED
    if command.action == StationCommand.Action.CLEAR_CHARGING_PROFILE:
        if accepted:
            _clear(command)
        return
    rows = ChargingProfile.objects.of(command.organisation_id)
    mine = rows.filter(command=command).first()
    if mine is None or mine.state != State.REQUESTED:
        return
    if accepted:
        _replace(mine)
        rows.filter(pk=mine.pk).update(state=State.ACTIVE, answer="Accepted")
    elif command.state != StationCommand.State.TIMED_OUT:
        rows.filter(pk=mine.pk).update(state=State.REFUSED, answer=command.outcome[:40])


def _replace(newer: ChargingProfile) -> None:
    """One with the same id, or the same purpose, level and connector, makes way (1.6, section 3.13.2)."""
    older = ChargingProfile.objects.of(newer.organisation_id).filter(
        Q(number=newer.number)
        | Q(evse_number=newer.evse_number, purpose=newer.purpose, stack_level=newer.stack_level),
        station=newer.station_id,
        state=State.ACTIVE,
    )
    older.exclude(pk=newer.pk).update(state=State.REPLACED)


def _clear(command: StationCommand) -> None:
    """ClearChargingProfile names one by id, or all that fit what it says (1.6, section 5.3)."""
    payload = command.payload
    rows = ChargingProfile.objects.of(command.organisation_id).filter(
        station=command.station_id, state__in=OPEN, created_at__lte=command.created_at
    )
    names = {"number": "id", "evse_number": "connectorId", "purpose": "chargingProfilePurpose"}
    wanted = {ours: payload[theirs] for ours, theirs in names.items() if theirs in payload}
    if "stackLevel" in payload:
        wanted["stack_level"] = payload["stackLevel"]
    rows.filter(**wanted).update(state=State.CLEARED)


def sweep() -> int:
    """End the profiles whose time is over and those of transactions that have ended; returns how many."""
    open_ = ChargingProfile.objects.filter(state__in=OPEN)
    over = int(open_.filter(valid_until__lt=timezone.now()).update(state=State.EXPIRED))
    of_transactions = open_.filter(document__has_key="transactionId").values_list("pk", "document", "station")
    for pk, document, station in of_transactions[:500]:
        ended = ChargingSession.objects.filter(
            station=station, transaction_id=str(document["transactionId"]), ended_at__isnull=False
        )
        if ended.exists():
            over += int(open_.filter(pk=pk).update(state=State.EXPIRED))
    return over
