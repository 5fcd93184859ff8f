"""Reservations follow their commands: asked for, answered, cancelled; used by a start, or expired by time."""

from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from accounts.models import Token
from charging.command_payloads import masked, moment
from charging.models import ChargingSession, Reservation, StationCommand

State = Reservation.State
OPEN = (State.REQUESTED, State.RESERVED)


def requested(command: StationCommand) -> Reservation | None:
    """The record of a ReserveNow that was just written; an open one of the same number is replaced by it."""
    payload = command.payload
    expires_at, number = moment(payload.get("expiryDate")), payload.get("reservationId")
    if expires_at is None or not isinstance(number, int) or number < 0:
        return None  # the station will never see it: it breaks the schema
    tag = str(payload.get("idTag", ""))
    same = Reservation.objects.of(command.organisation_id).filter(station=command.station_id, number=number)
    same.filter(state__in=OPEN).update(state=State.CANCELLED, answer="Replaced")
    made: Reservation = Reservation.objects.create(
        organisation_id=command.organisation_id,
        station_id=command.station_id,
        number=number,
        evse_number=payload.get("connectorId", 0),
        token=Token.objects.with_uid(tag).first(),
        masked=masked(tag),
        expires_at=expires_at,
        command=command,
    )
    return made


def settled(command: StationCommand) -> None:
    """What the end of a ReserveNow or CancelReservation means; in the transaction that ends the command."""
    rows = Reservation.objects.of(command.organisation_id).filter(station=command.station_id)
    accepted = command.state == StationCommand.State.ACCEPTED
    if command.action == StationCommand.Action.CANCEL_RESERVATION:
        if accepted:
            named = rows.filter(number=command.payload.get("reservationId"), state__in=OPEN)
            named.update(state=State.CANCELLED, answer="Cancelled")
        return
    mine = rows.filter(command=command, state=State.REQUESTED)
    if accepted:
        mine.update(state=State.RESERVED, answer="Accepted")
    elif command.state != StationCommand.State.TIMED_OUT:  # of silence nothing follows; time will tell
        mine.update(state=State.REFUSED, answer=command.outcome[:40])


def used(organisation_id: UUID, station_id: UUID, number: int, session_id: UUID) -> None:
    """A start named the reservation (OCPP 1.6 StartTransaction.reservationId). A repeat changes nothing."""
    rows = Reservation.objects.of(organisation_id).filter(station=station_id, number=number, state__in=OPEN)
    rows.update(state=State.USED, session_id=session_id)


def sweep(limit: int = 500) -> int:
    """Mark what a start of the reserved tag used, and what time has ended; returns how many."""
    now = timezone.now()
    open_ = Reservation.objects.filter(state__in=OPEN)
    done = sum(_use(reservation) for reservation in open_.filter(token__isnull=False)[:limit])
    return done + int(open_.filter(expires_at__lt=now).update(state=State.EXPIRED))


def _use(reservation: Reservation) -> int:
    place = Q(station=reservation.station_id)
    if reservation.evse_number:
        place &= Q(connector__evse__number=reservation.evse_number)
    session = (
        ChargingSession.objects.of(reservation.organisation_id)
        .filter(
            place,
            token=reservation.token_id,
            started_at__gte=reservation.created_at,
            started_at__lte=reservation.expires_at,
        )
        .order_by("started_at")
        .first()
    )
    if session is None:
        return 0
    mine = Reservation.objects.of(reservation.organisation_id).filter(pk=reservation.pk, state__in=OPEN)
    return int(mine.update(state=State.USED, session=session))
