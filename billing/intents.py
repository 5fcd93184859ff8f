"""What Stripe's PaymentIntent says, applied to our payment: any order, any number of repeats, one result."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from billing import debts, history, holds, mail, payments
from billing.models import Payment, PaymentAttempt

Intent = dict[str, Any]
Kind = PaymentAttempt.Kind
AState = PaymentAttempt.State
State = Payment.State


def metadata(payment: Payment, attempt: PaymentAttempt) -> dict[str, str]:
    """What our PaymentIntents carry, so that a look-up or an early webhook finds the row."""
    return {
        "evbilling_organisation": str(payment.organisation_id),
        "evbilling_payment": str(payment.pk),
        "evbilling_attempt": str(attempt.pk),
    }


def owner_of(metadata: dict[str, str]) -> tuple[UUID, UUID] | None:
    """(organisation, payment) that an object of ours names; None for somebody else's."""
    try:
        return UUID(metadata["evbilling_organisation"]), UUID(metadata["evbilling_payment"])
    except (KeyError, ValueError):
        return None


@transaction.atomic
def observe(organisation_id: UUID, payment_id: UUID, intent: Intent) -> Payment:
    """Move payment and attempt to where `intent`, as retrieved from Stripe, says they are.

    Raises Payment.DoesNotExist for a payment that isn't ours.
    """
    payment = payments.lock(organisation_id, payment_id)
    attempt = _attempt_of(payment, intent)
    match intent["status"]:
        case "succeeded":
            _succeeded(payment, attempt, intent)
        case "requires_capture":
            holds.held(payment, intent)
        case "canceled":
            _canceled(payment, attempt)
        case "requires_action":
            _wants_driver(payment, attempt, intent)
        case "requires_payment_method" | "requires_confirmation":
            _declined(payment, attempt, intent)
    history.project(payment)
    return payment


def _attempt_of(payment: Payment, intent: Intent) -> PaymentAttempt | None:
    """The attempt that this intent is about: the charge that made it, or the open step on the hold."""
    named: Any = (intent.get("metadata") or {}).get("evbilling_attempt")
    attempt = PaymentAttempt.objects.of(payment.organisation_id).filter(payment=payment, pk=named).first()
    if attempt is not None and attempt.kind == Kind.CHARGE:
        found: PaymentAttempt = attempt
    else:
        opened = payments.open_attempt(payment)
        if opened is None or opened.kind not in (Kind.CAPTURE, Kind.RELEASE):
            return None
        found = opened
    if not found.intent_id:
        found.intent_id = intent["id"]
        found.save(update_fields=["intent_id"])
    return found


def _succeeded(payment: Payment, attempt: PaymentAttempt | None, intent: Intent) -> None:
    payments.received(payment, intent)
    payment.refresh_from_db()
    payments.book_fee(payment, intent)
    if attempt is not None and attempt.kind == Kind.RELEASE:
        payments.end(attempt, AState.FAILED, "captured", "The hold had been captured.")
    elif attempt is not None:
        payments.end(attempt, AState.SUCCEEDED)


def _canceled(payment: Payment, attempt: PaymentAttempt | None) -> None:
    if attempt is not None and attempt.kind == Kind.CHARGE:
        _failed(payment, attempt, "canceled", "The payment was canceled.")
        return
    if attempt is not None:
        state = AState.SUCCEEDED if attempt.kind == Kind.RELEASE else AState.FAILED
        payments.end(
            attempt, state, *(() if state == AState.SUCCEEDED else ("hold_gone", "The hold is gone."))
        )
    holds.canceled(payment)


def _wants_driver(payment: Payment, attempt: PaymentAttempt | None, intent: Intent) -> None:
    if attempt is None or attempt.kind != Kind.CHARGE or attempt.state not in PaymentAttempt.OPEN:
        return
    payments.end(attempt, AState.REQUIRES_ACTION, "authentication_required", AUTHENTICATE)
    moved = payments.move(
        payment,
        State.ACTION,
        intent_id=intent["id"],
        failure_code="authentication_required",
        failure_message=AUTHENTICATE,
    )
    if moved:
        mail.write(payment.organisation_id, mail.Kind.CONFIRM, attempt.pk, payment.email)


AUTHENTICATE = "The bank asks you to confirm this payment."


def _declined(payment: Payment, attempt: PaymentAttempt | None, intent: Intent) -> None:
    """Off session the bank said no, or wants to see the driver; a guest's Checkout just tries again."""
    error = intent.get("last_payment_error")
    if attempt is None or attempt.kind != Kind.CHARGE or not error:
        return
    if error.get("code") == "authentication_required" and attempt.state != AState.REQUIRES_ACTION:
        _wants_driver(payment, attempt, intent)
    elif error.get("code") != "authentication_required":
        _failed(
            payment, attempt, error.get("decline_code") or error.get("code") or "", error.get("message") or ""
        )


def _failed(payment: Payment, attempt: PaymentAttempt, code: str, message: str) -> None:
    if attempt.state not in PaymentAttempt.OPEN:
        return
    payments.end(attempt, AState.FAILED, code, message)
    again = debts.retry_time(payment, code, timezone.now())
    failure = {"failure_code": code[:60], "failure_message": message[:300], "retry_at": again}
    if payments.move(payment, State.FAILED, **failure):
        mail.write(payment.organisation_id, mail.Kind.FAILED, attempt.pk, payment.email)


@transaction.atomic
def refused(attempt: PaymentAttempt, code: str, message: str) -> None:
    """Stripe refused the request itself, and no intent tells more: attempt and payment have failed."""
    payment = payments.lock(attempt.organisation_id, attempt.payment_id)
    attempt.refresh_from_db()
    if attempt.kind == Kind.CHECKOUT:
        payments.end(attempt, AState.FAILED, code, message)
        payments.move(payment, State.EXPIRED, failure_code=code[:60], failure_message=message[:300])
    else:
        _failed(payment, attempt, code, message)
    history.project(payment)
