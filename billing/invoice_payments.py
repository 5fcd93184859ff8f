"""Collecting an invoice: by bank transfer as somebody records it, or on a hosted page by card."""

import time
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from moneyed import Money

from accounts.models import User
from billing import attempts, debts, intents, ledger, payments
from billing.invoiced_sessions import outstanding, spread, take_along
from billing.ledger import Cause, Posting
from billing.minor_units import to_minor
from billing.models import (
    Account,
    BankTransfer,
    Journal,
    Payment,
    PaymentAttempt,
)

State = Payment.State
CHECKOUT_OPEN_S = 31 * 60  # Stripe takes 30 minutes at least


class NotRecorded(ValueError):
    """The transfer is refused; nothing was written. The message names the field."""


def record_transfer(
    payment: Payment, amount: Money, received_on: date, reference: str, by: User | None = None
) -> BankTransfer:
    """Book money that came by bank transfer for an invoice. Raises NotRecorded."""
    transfer = BankTransfer(
        organisation_id=payment.organisation_id,
        payment=payment,
        amount=amount,
        reference=reference.strip()[:140],
        received_on=received_on,
        recorded_by=by,
    )
    try:
        return _record(transfer)
    except IntegrityError as error:
        raise NotRecorded(f"reference: a transfer of {received_on} with it is recorded already") from error


@transaction.atomic
def _record(transfer: BankTransfer) -> BankTransfer:
    payment = payments.lock(transfer.organisation_id, transfer.payment_id)
    amount = transfer.amount
    _check(payment, amount, transfer.received_on, transfer.reference)
    transfer.save(force_insert=True)
    ledger.post(
        transfer.organisation_id,
        f"transfer:{transfer.pk}",
        Cause(Journal.Cause.TRANSFER_RECEIVED, payment.pk, transfer.reference),
        [Posting(Account.Kind.BANK, amount), ledger.receivable(payment, -amount)],
    )
    debts.reverse_loss(payment)
    left = spread(payment, amount, {})
    if left.amount <= 0:
        payments.move(payment, State.PAID, paid_at=timezone.now())
    return transfer


def _check(payment: Payment, amount: Money, received_on: date, reference: str) -> None:
    if payment.method != Payment.Method.INVOICE:
        raise NotRecorded("payment: is not of an invoice")
    if payments.open_attempt(payment) is not None:
        raise NotRecorded("payment: a card payment is under way")
    if amount.currency != payment.due.currency:
        raise NotRecorded(f"amount: is in {amount.currency}, the invoice is in {payment.due.currency}")
    left = outstanding(payment)
    if not 0 < amount.amount <= left.amount:
        raise NotRecorded(f"amount: must be more than zero and at most {left.amount}, what is still owed")
    if received_on > timezone.now().date():
        raise NotRecorded("received_on: lies in the future")
    if not reference:
        raise NotRecorded("reference: say what the bank statement says")


def open_checkout(payment: Payment, success_url: str, cancel_url: str) -> str:
    """The hosted page where whoever holds the link pays the invoice by card, now.

    Raises NotRecorded when nothing is owed or a payment is under way, and what Stripe says.
    """
    with transaction.atomic():
        locked = payments.lock(payment.organisation_id, payment.pk)
        if locked.state not in (State.AWAITED, State.FAILED) or payments.open_attempt(locked):
            raise NotRecorded("payment: is not waiting to be paid")
        attempt = PaymentAttempt(
            organisation_id=locked.organisation_id,
            payment=locked,
            kind=PaymentAttempt.Kind.CHECKOUT,
            amount=take_along(locked),
        )
        attempt.request = _checkout(locked, attempt, success_url, cancel_url)
        attempt.save(force_insert=True)
    attempts.run(attempt)
    attempt.refresh_from_db()
    if attempt.state != PaymentAttempt.State.SUCCEEDED:
        raise NotRecorded(attempt.failure_message or "payment: the page can't be opened just now, try again")
    return str(attempt.request["url"])


def _checkout(payment: Payment, attempt: PaymentAttempt, success_url: str, cancel_url: str) -> dict[str, Any]:
    invoice = payment.invoice
    ours = intents.metadata(payment, attempt)
    price: dict[str, Any] = {
        "currency": str(attempt.amount.currency).lower(),
        "unit_amount": to_minor(attempt.amount),
        "product_data": {"name": f"Invoice {invoice.number if invoice else ''}"},
    }
    return {
        "mode": "payment",
        "payment_method_types": ["card"],
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": {"metadata": ours, "description": price["product_data"]["name"]},
        "client_reference_id": str(payment.pk),
        "metadata": ours,
        "expires_at": int(time.time()) + CHECKOUT_OPEN_S,
        "success_url": success_url,
        "cancel_url": cancel_url,
        **({"customer_email": payment.email} if payment.email else {}),
    }
