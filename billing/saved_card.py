"""Charging a session to the card that its driver saved, off session."""

from decimal import Decimal
from typing import Any

from moneyed import Money

from billing import history, intents, invoiced_sessions, payments
from billing.charges import FAILURES
from billing.minor_units import below_minimum, chargeable, to_minor
from billing.models import Payment, PaymentAttempt, PaymentProfile

State = Payment.State


def step_of(payment: Payment) -> PaymentAttempt | None:
    """The charge that a locked payment that is due needs; small amounts of the driver go with it."""
    if payment.state != State.DUE:
        return None
    profile = PaymentProfile.objects.filter(driver=payment.driver_id).first()
    if profile is None or not profile.has_card:
        fields = {"failure_code": "no_card", "failure_message": FAILURES["no_card"]}
        payments.move(payment, State.FAILED, **fields)
        history.project(payment)
        return None
    along = invoiced_sessions.take_along if payment.method == Payment.Method.INVOICE else _take_along
    amount = chargeable(payment.outstanding + along(payment))
    if below_minimum(amount):
        payments.move(
            payment, State.FAILED, failure_code="below_minimum", failure_message=FAILURES["below_minimum"]
        )
        history.project(payment)
        return None
    return _write(payment, profile, amount)


def _take_along(payment: Payment) -> Money:
    """Tie the driver's carried amounts to `payment` and return their sum."""
    currency = str(payment.due.currency)
    small = (
        Payment.objects.of(payment.organisation_id)
        .select_for_update(skip_locked=True)
        .filter(driver=payment.driver_id, state=State.CARRIED, currency=currency)
    )
    mine = [each for each in small if each.carried_into_id in (None, payment.pk)]
    for each in mine:
        payments.keep(each, carried_into=payment)
    return Money(sum((each.due.amount for each in mine), Decimal(0)), currency)


def _write(payment: Payment, profile: PaymentProfile, amount: Money) -> PaymentAttempt:
    attempt = PaymentAttempt(
        organisation_id=payment.organisation_id,
        payment=payment,
        kind=PaymentAttempt.Kind.CHARGE,
        amount=amount,
        customer_id=profile.customer_id,
        payment_method_id=profile.payment_method_id,
    )
    attempt.request = _request(payment, attempt)
    attempt.save(force_insert=True)
    return attempt


def _request(payment: Payment, attempt: PaymentAttempt) -> dict[str, Any]:
    return {
        "amount": to_minor(attempt.amount),
        "currency": str(attempt.amount.currency).lower(),
        "customer": attempt.customer_id,
        "payment_method": attempt.payment_method_id,
        "payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        "description": f"Charging session {payment.session_id}" if payment.session_id else "Monthly invoice",
        "metadata": intents.metadata(payment, attempt),
    }
