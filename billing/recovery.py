"""What gets a payment going again that the bank, or a missing card, held up."""

from uuid import UUID

from django.db import transaction

from billing import history, intents, payments, steps, stripe_calls
from billing.models import Payment, PaymentAttempt, PaymentProfile
from billing.stripe_client import Obj, StripeRefused

State = Payment.State


class NotPayable(ValueError):
    """The payment is not in a state in which this can be done."""


def retry(payment: Payment) -> Payment:
    """Try a failed payment again, with the card that is saved now and a new key. Raises NotPayable."""
    with transaction.atomic():
        locked = payments.lock(payment.organisation_id, payment.pk)
        if locked.method == Payment.Method.GUEST or not payments.move(
            locked, State.DUE, failure_code="", failure_message=""
        ):
            raise NotPayable(
                f"payment {payment.pk}: is {locked.get_state_display().lower()}, nothing to retry"
            )
        history.project(locked)
    steps.advance(payment.organisation_id, payment.pk)
    payment.refresh_from_db()
    return payment


def finish_on_session(payment: Payment, return_url: str) -> str:
    """Where the driver, who is here now, goes to confirm a payment that the bank wants confirmed.

    The same PaymentIntent is confirmed again, so there is nothing to pay twice. Returns the bank's page, or
    `return_url` if no page was needed. Raises NotPayable, StripeRefused (a decline) or StripeUnreachable.
    """
    attempt = payments.open_attempt(payment)
    if payment.state != State.ACTION or attempt is None:
        raise NotPayable(f"payment {payment.pk}: does not wait for a confirmation")
    now = stripe_calls.retrieve_intent(attempt.intent_id)
    if now["status"] == "requires_payment_method":
        now = _confirm(attempt, return_url)
    intents.observe(payment.organisation_id, payment.pk, now)
    action = now.get("next_action") or {}
    return str((action.get("redirect_to_url") or {}).get("url") or return_url)


def _confirm(attempt: PaymentAttempt, return_url: str) -> Obj:
    key = f"{attempt.idempotency_key}-confirm-{attempt.sent}"
    PaymentAttempt.objects.of(attempt.organisation_id).filter(pk=attempt.pk).update(sent=attempt.sent + 1)
    method = attempt.payment_method_id
    try:
        return stripe_calls.confirm_on_session(attempt.intent_id, method, return_url, key)
    except StripeRefused as refusal:
        if refusal.intent is not None:
            intents.observe(attempt.organisation_id, attempt.payment_id, refusal.intent)
        raise


def card_saved(driver_id: UUID) -> list[Payment]:
    """A card was saved: payments that failed for want of one are due again. Returns them."""
    waiting = Payment.objects.filter(driver=driver_id, state=State.FAILED, failure_code="no_card")
    return [payment for payment in waiting if _reopen(payment)]


@transaction.atomic
def _reopen(payment: Payment) -> bool:
    locked = payments.lock(payment.organisation_id, payment.pk)
    moved = locked.failure_code == "no_card" and payments.move(
        locked, State.DUE, failure_code="", failure_message=""
    )
    history.project(locked)
    return moved


def sweep_saved_cards(limit: int = 50) -> int:
    """Reopen payments that wait for a card whose driver has one by now; returns how many."""
    with_card = PaymentProfile.objects.exclude(payment_method_id="").values("driver")
    waiting = Payment.objects.filter(state=State.FAILED, failure_code="no_card", driver__in=with_card)
    return sum(_reopen(payment) for payment in waiting[:limit])
