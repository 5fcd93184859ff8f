"""The state of a payment: one transition table, one way to move, always under the row's lock."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from moneyed import Money

from billing import debts, history, invoiced_sessions, ledger
from billing.ledger import Cause, Posting
from billing.minor_units import chargeable, from_minor
from billing.models import Account, Journal, Payment, PaymentAttempt

State = Payment.State

TRANSITIONS: dict[str, frozenset[str]] = {
    State.CHECKOUT: frozenset({State.HELD, State.EXPIRED}),
    State.HELD: frozenset({State.DUE, State.RELEASING, State.RELEASED}),
    State.DUE: frozenset({State.PAID, State.SHORT, State.ACTION, State.FAILED}),
    State.ACTION: frozenset({State.PAID, State.SHORT, State.FAILED, State.DUE}),
    State.FAILED: frozenset({State.DUE, State.PAID, State.SHORT, State.ACTION, State.WRITTEN_OFF}),
    State.SHORT: frozenset({State.PAID, State.WRITTEN_OFF}),
    State.WRITTEN_OFF: frozenset({State.PAID}),
    State.CARRIED: frozenset({State.DUE, State.PAID}),
    State.ON_ACCOUNT: frozenset({State.DUE, State.PAID}),
    State.AWAITED: frozenset({State.DUE, State.PAID, State.ACTION, State.WRITTEN_OFF}),
    State.RELEASING: frozenset({State.RELEASED}),
    State.EXPIRED: frozenset({State.HELD}),  # a card that came through at the last second
    State.PAID: frozenset(),
    State.NOTHING_DUE: frozenset(),
    State.RELEASED: frozenset(),
}


REVIEWED = (State.FAILED, State.SHORT, State.ACTION, State.PAID, State.WRITTEN_OFF)
"""States in which a driver may have become a debtor, or be none any more."""


def lock(organisation_id: UUID, payment_id: UUID) -> Payment:
    """The payment, locked until the transaction ends."""
    payment: Payment = Payment.objects.of(organisation_id).select_for_update().get(pk=payment_id)
    return payment


def move(payment: Payment, state: str, **fields: Any) -> bool:
    """Set a locked payment to `state` and save `fields` with it; False and nothing done if the table says no.

    Staying in a state is a repeat, and quiet.
    """
    if state not in TRANSITIONS[payment.state]:
        return False
    payment.state = state
    keep(payment, **fields)
    return True


def keep(payment: Payment, **fields: Any) -> None:
    """Save `fields`, and the state, of a locked payment."""
    for name, value in fields.items():
        setattr(payment, name, value)
    payment.save(update_fields=["state", "changed_at", *fields])
    if payment.driver_id is not None and payment.state in REVIEWED:
        debts.review(payment.organisation_id, payment.driver_id)


def end(attempt: PaymentAttempt, state: str, code: str = "", message: str = "") -> None:
    """Close an attempt. What has succeeded stays so; a failed one may still turn out to have succeeded."""
    if attempt.state in (PaymentAttempt.State.SUCCEEDED, state):
        return
    attempt.state = state
    attempt.failure_code, attempt.failure_message = code[:60], message[:300]
    attempt.ended_at = None if state == PaymentAttempt.State.REQUIRES_ACTION else timezone.now()
    attempt.save(update_fields=["state", "failure_code", "failure_message", "ended_at"])


def open_attempt(payment: Payment) -> PaymentAttempt | None:
    """The one attempt that is under way, if there is one."""
    attempt: PaymentAttempt | None = (
        PaymentAttempt.objects.of(payment.organisation_id)
        .filter(payment=payment, state__in=PaymentAttempt.OPEN)
        .first()
    )
    return attempt


@transaction.atomic
def received(payment: Payment, intent: dict[str, Any]) -> None:
    """Book what a succeeded PaymentIntent brought and mark its payment, and those carried into it, paid.

    Once per intent: the journal's key says so, and a repeat changes nothing.
    """
    amount = from_minor(intent["amount_received"], intent["currency"])
    key = f"capture:{intent['id']}"
    if amount.amount == 0 or _is_booked(payment, key):
        return
    ledger.post(
        payment.organisation_id,
        key,
        Cause(Journal.Cause.CAPTURE, payment.pk, f"Stripe {intent['id']}"),
        [
            Posting(Account.Kind.STRIPE_CLEARING, amount),
            ledger.receivable(payment, -amount),
        ],
    )
    debts.reverse_loss(payment)
    _spread(payment, amount, intent)


def _is_booked(payment: Payment, key: str) -> bool:
    return bool(Journal.objects.of(payment.organisation_id).filter(idempotency_key=key).exists())


def _spread(payment: Payment, amount: Money, intent: dict[str, Any]) -> None:
    """Small payments that were carried into this one come first, the rest is its own."""
    now = timezone.now()
    if payment.method == Payment.Method.INVOICE:
        invoiced_sessions.spread(payment, amount, card_of(intent))
        move(payment, State.PAID, paid_at=now, intent_id=intent["id"], failure_code="", failure_message="")
        return
    for small in Payment.objects.of(payment.organisation_id).select_for_update().filter(carried_into=payment):
        if move(small, State.PAID, captured=small.due, paid_at=now, **card_of(intent)):
            amount -= small.due
            history.project(small)
    captured = payment.captured + amount
    rest = chargeable(payment.due - captured)
    state = State.SHORT if rest.amount > 0 else State.PAID
    paid = {"captured": captured, "paid_at": now, "intent_id": intent["id"], **card_of(intent)}
    if not move(payment, state, failure_code="", failure_message="", **paid):
        keep(payment, **paid)


def card_of(intent: dict[str, Any]) -> dict[str, str]:
    """Brand and last four digits of the card, as far as the intent's expanded charge tells."""
    charge = intent.get("latest_charge")
    if not isinstance(charge, dict):
        return {}
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    return {"card_brand": card.get("brand") or "", "card_last4": card.get("last4") or ""}


@transaction.atomic
def book_fee(payment: Payment, intent: dict[str, Any]) -> bool:
    """Book Stripe's fee once its balance transaction is known; False while it isn't."""
    charge = intent.get("latest_charge")
    balance = charge.get("balance_transaction") if isinstance(charge, dict) else None
    if not isinstance(balance, dict):
        return False
    fee = from_minor(balance["fee"], balance["currency"])
    if fee.amount:
        ledger.post(
            payment.organisation_id,
            f"fee:{balance['id']}",
            Cause(Journal.Cause.STRIPE_FEE, payment.pk, f"Stripe {balance['id']}"),
            [Posting(Account.Kind.STRIPE_FEES, fee), Posting(Account.Kind.STRIPE_CLEARING, -fee)],
        )
    if payment.fee_booked_at is None:
        keep(payment, fee_booked_at=timezone.now())
    return True
