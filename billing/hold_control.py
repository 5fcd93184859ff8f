"""The hold controller: a guest's session is stopped before it costs more than was reserved."""

from decimal import Decimal

from django.db import transaction
from django.utils import timezone

from billing import payments
from billing.models import Payment
from charging import commands, rating
from charging.models import ChargingSession, StationCommand

MARGIN = Decimal(
    "0.97"
)  # a stop takes seconds to reach the vehicle; what it charges meanwhile is kept inside


def sweep(limit: int = 200) -> int:
    """Stop running sessions whose cost has reached their hold; returns how many were asked to stop."""
    running = Payment.objects.filter(
        state=Payment.State.HELD, session__state=ChargingSession.State.ACTIVE, stop_asked_at__isnull=True
    ).select_related("session__station", "session__connector__evse__station__site", "session__tariff_version")
    return sum(_stop_if_spent(payment) for payment in running.order_by("held_at")[:limit])


def _stop_if_spent(payment: Payment) -> bool:
    session = payment.session
    if session is None or session.tariff_version is None:
        return False
    cost = rating.running_price(session, timezone.now()).total.gross
    if cost < payment.authorised.amount * MARGIN:
        return False
    return _stop(payment, session)


@transaction.atomic
def _stop(payment: Payment, session: ChargingSession) -> bool:
    locked = payments.lock(payment.organisation_id, payment.pk)
    if locked.stop_asked_at is not None:
        return False
    payments.keep(locked, stop_asked_at=timezone.now())
    commands.request(
        session.station,
        StationCommand.Action.REMOTE_STOP,
        commands.stop_payload(session),
        cause_kind="payment",
        cause_id=payment.pk,
    )
    return True
