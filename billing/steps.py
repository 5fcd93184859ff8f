"""The next thing a payment needs: charge the card, capture the hold, or release it."""

from uuid import UUID

from django.db import transaction

from billing import attempts, holds, payments, saved_card
from billing.models import Payment, PaymentAttempt

WANT_A_STEP = (Payment.State.DUE, Payment.State.RELEASING)


@transaction.atomic
def next_step(organisation_id: UUID, payment_id: UUID) -> PaymentAttempt | None:
    """Write down what a payment needs next, under its lock; None if nothing, or something is under way."""
    payment = payments.lock(organisation_id, payment_id)
    if payments.open_attempt(payment) is not None:
        return None
    if payment.method == Payment.Method.GUEST:
        return holds.step_of(payment)
    return saved_card.step_of(payment)


def advance(organisation_id: UUID, payment_id: UUID) -> None:
    """Do the next thing a payment needs. Not to be called inside a transaction: it talks to Stripe."""
    attempt = next_step(organisation_id, payment_id)
    if attempt is not None:
        attempts.run(attempt)


def sweep(limit: int = 50) -> int:
    """Advance the payments that wait for it and have nothing under way; returns how many."""
    under_way = PaymentAttempt.objects.filter(state__in=PaymentAttempt.OPEN).values("payment")
    waiting = Payment.objects.filter(state__in=WANT_A_STEP).exclude(pk__in=under_way).order_by("changed_at")
    found = list(waiting.values_list("organisation_id", "pk")[:limit])
    for organisation_id, payment_id in found:
        advance(organisation_id, payment_id)
    return len(found)
