"""Carrying an attempt to Stripe and its answer back: claim, call outside any transaction, apply.

Kill it anywhere: a row in CREATED is sent by the sweep, one left IN_FLIGHT becomes UNKNOWN, and UNKNOWN is
looked up at Stripe before it is sent again, with the same key.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from billing import intents, payments, stripe_calls
from billing.minor_units import to_minor
from billing.models import PaymentAttempt
from billing.stripe_client import TIMEOUT_S, Obj, StripeRefused, StripeUnreachable

log = logging.getLogger(__name__)

State = PaymentAttempt.State
Kind = PaymentAttempt.Kind
LOST_AFTER = timedelta(seconds=2 * TIMEOUT_S)
GIVE_UP_AFTER_SENDS = 6


def run(attempt: PaymentAttempt) -> None:
    """Send a CREATED or UNKNOWN attempt and apply the answer. Left alone if another process has it."""
    if not _claim(attempt):
        return
    try:
        answer = _send(attempt)
    except StripeRefused as refusal:
        _refused(attempt, refusal)
    except StripeUnreachable as error:
        log.warning("attempt %s: answer unknown: %s", attempt.pk, error)
        _mark_unknown(attempt)
    else:
        _apply(attempt, answer)


def _claim(attempt: PaymentAttempt) -> bool:
    claimed = (
        PaymentAttempt.objects.of(attempt.organisation_id)
        .filter(pk=attempt.pk, state__in=(State.CREATED, State.UNKNOWN))
        .update(state=State.IN_FLIGHT, sent=F("sent") + 1, sent_at=timezone.now())
    )
    return bool(claimed)


def _mark_unknown(attempt: PaymentAttempt) -> None:
    PaymentAttempt.objects.of(attempt.organisation_id).filter(pk=attempt.pk, state=State.IN_FLIGHT).update(
        state=State.UNKNOWN
    )


def _send(attempt: PaymentAttempt) -> Obj:
    match attempt.kind:
        case Kind.CHECKOUT:
            return stripe_calls.create_checkout(attempt.request, attempt.idempotency_key)
        case Kind.CHARGE:
            return stripe_calls.create_intent(attempt.request, attempt.idempotency_key)
        case Kind.CAPTURE:
            minor = to_minor(attempt.amount)
            return stripe_calls.capture_intent(attempt.intent_id, minor, attempt.idempotency_key)
        case _:
            return stripe_calls.cancel_intent(attempt.intent_id, attempt.idempotency_key)


def _apply(attempt: PaymentAttempt, answer: Obj) -> None:
    if attempt.kind == Kind.CHECKOUT:
        _opened(attempt, answer)
    else:
        intents.observe(attempt.organisation_id, attempt.payment_id, answer)


@transaction.atomic
def _opened(attempt: PaymentAttempt, checkout: Obj) -> None:
    payment = payments.lock(attempt.organisation_id, attempt.payment_id)
    attempt.refresh_from_db()
    attempt.request = {**attempt.request, "url": checkout["url"]}
    attempt.save(update_fields=["request"])
    payments.end(attempt, State.SUCCEEDED)
    payments.keep(payment, checkout_id=checkout["id"])


def _refused(attempt: PaymentAttempt, refusal: StripeRefused) -> None:
    """A decline leaves an intent that tells all; after a refused step on a hold, look at the hold."""
    if refusal.intent is not None and refusal.intent.get("metadata"):
        intents.observe(attempt.organisation_id, attempt.payment_id, refusal.intent)
    elif attempt.kind in (Kind.CAPTURE, Kind.RELEASE):
        _look_at_hold(attempt)
    attempt.refresh_from_db()
    if attempt.state == State.IN_FLIGHT:
        intents.refused(attempt, refusal.decline_code or refusal.code or "refused", str(refusal))


def _look_at_hold(attempt: PaymentAttempt) -> None:
    try:
        intent = stripe_calls.retrieve_intent(attempt.intent_id)
    except (StripeUnreachable, StripeRefused):
        _mark_unknown(attempt)
    else:
        intents.observe(attempt.organisation_id, attempt.payment_id, intent)


def resolve(attempt: PaymentAttempt) -> None:
    """Find out what became of an UNKNOWN attempt; only if Stripe knows nothing of it, send it again."""
    try:
        found = look_up(attempt)
    except (StripeUnreachable, StripeRefused) as error:
        log.warning("attempt %s: look-up failed: %s", attempt.pk, error)
        return
    if found is not None:
        intents.observe(attempt.organisation_id, attempt.payment_id, found)
    attempt.refresh_from_db()
    if attempt.state != State.UNKNOWN or (found is not None and found["status"] == "processing"):
        return
    if found is None and attempt.sent >= GIVE_UP_AFTER_SENDS:
        intents.refused(attempt, "no_answer", "Stripe could not carry out the payment.")
        return
    run(attempt)


def look_up(attempt: PaymentAttempt) -> Obj | None:
    """The PaymentIntent of an attempt as Stripe has it now; None if there is none, or it is a Checkout."""
    if attempt.kind == Kind.CHECKOUT:
        return None
    if attempt.intent_id:
        return stripe_calls.retrieve_intent(attempt.intent_id)
    since = int(attempt.created_at.timestamp()) - 300  # clocks differ
    for intent in stripe_calls.intents_of(attempt.customer_id, since):
        if (intent.get("metadata") or {}).get("evbilling_attempt") == str(attempt.pk):
            return stripe_calls.retrieve_intent(intent["id"])
    return None


def sweep(limit: int = 50) -> int:
    """Send what was never sent, and find out about what has no answer; returns how many were looked at."""
    now = timezone.now()
    PaymentAttempt.objects.filter(state=State.IN_FLIGHT, sent_at__lt=now - LOST_AFTER).update(
        state=State.UNKNOWN
    )
    waiting = PaymentAttempt.objects.filter(state__in=(State.CREATED, State.UNKNOWN)).select_related(
        "payment"
    )
    attempts = [attempt for attempt in waiting.order_by("created_at")[:limit] if _is_due(attempt)]
    for attempt in attempts:
        if attempt.state == State.CREATED:
            run(attempt)
        else:
            resolve(attempt)
    return len(attempts)


def _is_due(attempt: PaymentAttempt) -> bool:
    """Unknown ones are asked about at growing intervals: 2, 4, 8 ... seconds after they were last sent."""
    if attempt.state == State.CREATED or attempt.sent_at is None:
        return True
    pause = timedelta(seconds=min(2**attempt.sent, 600))
    return bool(attempt.sent_at + pause <= timezone.now())
