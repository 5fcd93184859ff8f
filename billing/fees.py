"""Stripe's fees are known with the balance transaction, which may come after the capture."""

from datetime import timedelta

from django.utils import timezone

from billing import payments, stripe_calls
from billing.models import Payment
from billing.stripe_client import StripeRefused, StripeUnreachable

LOOK_AGAIN_AFTER = timedelta(minutes=1)


def sweep(limit: int = 20) -> int:
    """Book the fees of received payments whose fee is not booked yet; returns how many."""
    received = Payment.objects.filter(
        fee_booked_at__isnull=True, captured__gt=0, carried_into__isnull=True, paid_at__isnull=False
    ).exclude(looked_up_at__gt=timezone.now() - LOOK_AGAIN_AFTER)
    return sum(_book(payment) for payment in received.order_by("paid_at")[:limit])


def _book(payment: Payment) -> bool:
    Payment.objects.of(payment.organisation_id).filter(pk=payment.pk).update(looked_up_at=timezone.now())
    try:
        intent = stripe_calls.retrieve_intent(payment.intent_id)
    except (StripeUnreachable, StripeRefused):
        return False
    return payments.book_fee(payment, intent)
