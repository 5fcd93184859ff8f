"""A guest's hold: admitted when the card is authorised, let go when no charge comes of it."""

from typing import Any

from django.utils import timezone

from accounts.models import Driver, Token
from billing import payments
from billing.minor_units import from_minor
from billing.models import Payment, PaymentAttempt
from charging import commands
from charging.models import StationCommand
from stations.models import Connector

State = Payment.State


def held(payment: Payment, intent: dict[str, Any]) -> None:
    """The card is authorised: make the guest a driver with a one-time tag, and ask the station to start.

    `payment` is locked. A repeat does nothing, so the station is asked once.
    """
    if payment.state not in (State.CHECKOUT, State.EXPIRED):
        return
    token = _guest_token(payment)
    command = _start(payment)
    payments.move(
        payment,
        State.HELD,
        authorised=from_minor(intent["amount_capturable"], intent["currency"]),
        intent_id=intent["id"],
        token=token,
        driver=token.driver,
        start_command_id=command.pk,
        held_at=timezone.now(),
        **payments.card_of(intent),
    )


def _guest_token(payment: Payment) -> Token:
    driver = Driver.objects.create(email=payment.email)
    return Token.issue(driver, Token.remote_uid(payment.pk), kind=Token.Kind.GUEST, label="Guest")


def _start(payment: Payment) -> StationCommand:
    connectors = Connector.objects.of(payment.organisation_id).select_related("evse__station")
    where: Any = payment.connector_id
    connector: Connector = connectors.get(pk=where)
    payload = {"connectorId": connector.evse.number, "idTag": Token.remote_uid(payment.pk)}
    return commands.request(
        connector.evse.station,
        StationCommand.Action.REMOTE_START,
        payload,
        cause_kind="payment",
        cause_id=payment.pk,
    )


def let_go(payment: Payment, code: str = "", message: str = "") -> bool:
    """Mark a locked, held payment for release, and its tag as blocked, so that a late start is refused."""
    if not payments.move(payment, State.RELEASING, failure_code=code, failure_message=message):
        return False
    named: Any = payment.token_id
    Token.objects.filter(pk=named, blocked_at__isnull=True).update(
        blocked_at=timezone.now(), blocked_reason=message[:120] or "reservation released"
    )
    return True


def canceled(payment: Payment) -> None:
    """Stripe says that the hold, or the payment behind it, is gone. `payment` is locked."""
    if payment.state == State.CHECKOUT:
        payments.move(payment, State.EXPIRED)
    elif payment.state == State.HELD:
        let_go(payment, "hold_gone", "The reservation was released by the bank.")
        payments.move(payment, State.RELEASED)
    elif payment.state == State.RELEASING:
        payments.move(payment, State.RELEASED)
    elif payment.state in (State.DUE, State.ACTION):
        payments.move(
            payment, State.FAILED, failure_code="hold_gone", failure_message="The reservation has expired."
        )


def step_of(payment: Payment) -> PaymentAttempt | None:
    """The capture or release that a locked guest payment needs next; None if it needs none.

    Capture takes min(cost, hold); what is left over stays owed.
    """
    if payment.state == State.DUE:
        kind, amount = PaymentAttempt.Kind.CAPTURE, min(payment.due, payment.authorised)
    elif payment.state == State.RELEASING:
        kind, amount = PaymentAttempt.Kind.RELEASE, payment.authorised
    else:
        return None
    attempt: PaymentAttempt = PaymentAttempt.objects.create(
        organisation_id=payment.organisation_id,
        payment=payment,
        kind=kind,
        amount=amount,
        intent_id=payment.intent_id,
    )
    return attempt
