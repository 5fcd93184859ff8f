"""The payables of the sessions on an invoice: tied to its payment, and paid by it, oldest first."""

from decimal import Decimal

from django.db.models import F, QuerySet, Sum
from django.utils import timezone
from moneyed import Money

from billing.models import DriverHistoryEntry, InvoiceLine, Payment

State = Payment.State


def sessions_of(payment: Payment) -> QuerySet[Payment]:
    """The payables of the sessions on the invoice that `payment` collects, oldest first."""
    lines = InvoiceLine.objects.of(payment.organisation_id).filter(document=payment.invoice_id)
    payables: QuerySet[Payment] = Payment.objects.of(payment.organisation_id).filter(
        charge__in=lines.values("charge")
    )
    return payables.order_by("created_at", "pk")


def outstanding(payment: Payment) -> Money:
    """What of the invoice is still owed; what credit notes took off is not."""
    left = sessions_of(payment).aggregate(left=Sum(F("due") - F("captured") - F("credited")))["left"]
    return Money(left or Decimal(0), payment.due.currency)


def take_along(payment: Payment) -> Money:
    """Tie the sessions to the locked `payment`; returns what they come to."""
    sessions_of(payment).filter(carried_into__isnull=True).update(carried_into=payment)
    return outstanding(payment)


def spread(payment: Payment, amount: Money, card: dict[str, str]) -> Money:
    """Give the sessions of an invoice what was received for it, in order; returns what is still owed.

    `payment` is locked. All in one statement when it covers everything.
    """
    left = take_along(payment) - amount
    if left.amount <= 0:
        _paid(sessions_of(payment), card)
    else:
        _in_part(payment, amount, card)
    return left


def _paid(chosen: QuerySet[Payment], card: dict[str, str]) -> None:
    now = timezone.now()
    ids = list(chosen.exclude(state=State.PAID).values_list("pk", flat=True))
    Payment.objects.filter(pk__in=ids).update(
        state=State.PAID, captured=F("due") - F("credited"), paid_at=now, changed_at=now, **card
    )
    shown = f"{card['card_brand']} •••• {card['card_last4']}" if card.get("card_last4") else ""
    for paid in Payment.objects.filter(pk__in=ids, driver__isnull=False).only("pk", "captured", "currency"):
        DriverHistoryEntry.objects.filter(payment_id=paid.pk).update(
            payment_state=State.PAID, paid=paid.captured, card=shown
        )


def _in_part(payment: Payment, amount: Money, card: dict[str, str]) -> None:
    for each in sessions_of(payment).select_for_update():
        part = min(amount, each.outstanding)
        if part.amount <= 0:
            continue
        if part == each.outstanding:
            _paid(Payment.objects.filter(pk=each.pk), card)
        else:
            each.captured += part
            each.save(update_fields=["captured", "changed_at"])
            DriverHistoryEntry.objects.filter(payment_id=each.pk).update(paid=each.captured)
        amount -= part
