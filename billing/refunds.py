"""Giving money back: first a credit note and its journal, then Stripe's refund with a key from our row."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from moneyed import Money

from billing import documents, history, ledger, payments, snapshots, stripe_calls
from billing.ledger import Cause, Posting
from billing.minor_units import chargeable, digits, to_minor
from billing.models import Account, Document, DocumentKind, Journal, Payment, Refund
from billing.stripe_client import Obj, StripeRefused, StripeUnreachable

State = Refund.State
Taxes = list[dict[str, str]]


class NotRefundable(ValueError):
    """The refund is refused; nothing was written. The message names the field."""


def refund(payment: Payment, amount: Money, reason: str) -> Refund:
    """Credit and give back `amount`, gross, of what was captured. Raises NotRefundable.

    Returns the refund, which is sent to Stripe at once and again by the sweep if no answer came.
    """
    row = _write(payment.organisation_id, payment.pk, amount, reason.strip())
    send(row)
    row.refresh_from_db()
    payment.refresh_from_db()
    return row


@transaction.atomic
def _write(organisation_id: UUID, payment_id: UUID, amount: Money, reason: str) -> Refund:
    payment = payments.lock(organisation_id, payment_id)
    receipt = _receipt_of(payment)
    _check(payment, amount, reason)
    net, taxes = _split(receipt, amount)
    tax = amount - net
    now = timezone.now()
    snapshot = snapshots.of_credit(receipt, (net, tax, amount), taxes, reason, now)
    note = documents.issue(
        DocumentKind.CREDIT_NOTE, receipt.charge, (net, tax, amount), snapshot, now, corrects=receipt
    )
    _post_credit(note, taxes)
    payments.keep(payment, refunded=payment.refunded + amount)
    history.project(payment)
    row: Refund = Refund.objects.create(
        organisation_id=organisation_id, payment=payment, credit_note=note, amount=amount, reason=reason[:200]
    )
    return row


def _receipt_of(payment: Payment) -> Document:
    receipt: Document | None = (
        Document.objects.of(payment.organisation_id)
        .filter(charge=payment.charge_id, kind=DocumentKind.RECEIPT)
        .select_related("charge__organisation")
        .first()
        if payment.charge_id
        else None
    )
    if receipt is None:
        raise NotRefundable("payment: has no receipt yet that a credit note could correct")
    return receipt


def _check(payment: Payment, amount: Money, reason: str) -> None:
    if amount.currency != payment.due.currency:
        raise NotRefundable(f"amount: is in {amount.currency}, the payment is in {payment.due.currency}")
    if amount.amount <= 0:
        raise NotRefundable("amount: must be more than zero")
    try:
        to_minor(amount)
    except ValueError as error:
        raise NotRefundable(str(error)) from error
    if chargeable(amount) != amount:
        raise NotRefundable(f"amount: the last digit of a {amount.currency} amount must be 0")
    if amount > payment.captured - payment.refunded:
        left = snapshots.text(payment.captured - payment.refunded)
        raise NotRefundable(f"amount: at most {left} {amount.currency} of this payment can be given back")
    if not reason:
        raise NotRefundable("reason: say why, it stands on the credit note")


def _split(receipt: Document, amount: Money) -> tuple[Money, Taxes]:
    """Net and taxes of a gross amount, in the receipt's proportions; what is credited last takes the rest.

    Over all credit notes of a receipt, tax by rate meets the receipt's when all is credited.
    """
    credited = _credited(receipt)
    share = amount.amount + credited["gross"]
    step = Decimal(1).scaleb(-digits(str(amount.currency)))
    taxes: Taxes = []
    total_tax = Decimal(0)
    for stated in receipt.snapshot["taxes"]:
        until_now = (Decimal(stated["tax"]) * share / receipt.gross.amount).quantize(step, ROUND_HALF_UP)
        tax = until_now - credited.get(stated["rate"], Decimal(0))
        total_tax += tax
        taxes.append({"rate": stated["rate"], "tax": str(tax)})
    return amount - Money(total_tax, amount.currency), taxes


def _credited(receipt: Document) -> dict[str, Decimal]:
    """What earlier credit notes of a receipt gave back: gross, and tax by rate."""
    sums = {"gross": Decimal(0)}
    for note in receipt.credit_notes.all():
        sums["gross"] += note.gross.amount
        for stated in note.snapshot["taxes"]:
            sums[stated["rate"]] = sums.get(stated["rate"], Decimal(0)) + Decimal(stated["tax"])
    return sums


def _post_credit(note: Document, taxes: Taxes) -> None:
    currency = note.gross.currency
    ledger.post(
        note.organisation_id,
        f"credit:{note.pk}",
        Cause(Journal.Cause.CREDIT_NOTE, note.pk, f"{note.number} for {note.corrects}"),
        [
            Posting(Account.Kind.REVENUE, note.net),
            *(
                Posting(
                    Account.Kind.TAX_PAYABLE, Money(stated["tax"], currency), tax_rate=Decimal(stated["rate"])
                )
                for stated in taxes
            ),
            Posting(Account.Kind.DRIVER_RECEIVABLE, -note.gross, driver_id=note.driver_id),
        ],
        reverses=note.charge.journal,
    )


def send(row: Refund) -> None:
    """Ask Stripe for the refund, always with the same key, so that a repeat is the same refund."""
    if row.state != State.CREATED:
        return
    Refund.objects.of(row.organisation_id).filter(pk=row.pk).update(sent_at=timezone.now())
    try:
        answer = stripe_calls.create_refund(
            _intent_of(row.payment), to_minor(row.amount), _metadata(row), row.idempotency_key
        )
    except StripeUnreachable:
        return
    except StripeRefused as refusal:
        _fail(row, str(refusal))
        return
    observe(answer)


def _intent_of(payment: Payment) -> str:
    payer = payment.carried_into or payment
    return payer.intent_id


def _metadata(row: Refund) -> dict[str, str]:
    return {"evbilling_organisation": str(row.organisation_id), "evbilling_refund": str(row.pk)}


@transaction.atomic
def observe(answer: Obj) -> Refund | None:
    """Apply a Refund as retrieved from Stripe; None if it is none of ours. Repeats change nothing."""
    named: dict[str, Any] = answer.get("metadata") or {}
    if "evbilling_refund" not in named:
        return None
    row = (
        Refund.objects.of(named["evbilling_organisation"])
        .select_for_update(of=("self",))
        .select_related("payment")
        .filter(pk=named["evbilling_refund"])
        .first()
    )
    if row is None:
        return None
    match answer["status"]:
        case "succeeded":
            _succeeded(row, answer["id"])
        case "failed" | "canceled":
            _fail(row, f"Stripe: {answer.get('failure_reason') or answer['status']}", answer["id"])
        case _ if row.state == State.CREATED:
            _save(row, State.PENDING, refund_id=answer["id"])
    return row


def _succeeded(row: Refund, refund_id: str) -> None:
    if row.state == State.SUCCEEDED:
        return
    _save(row, State.SUCCEEDED, refund_id=refund_id, failure_message="")
    ledger.post(
        row.organisation_id,
        f"refund:{row.pk}",
        Cause(Journal.Cause.REFUND, row.pk, f"Stripe {refund_id}"),
        [
            Posting(Account.Kind.DRIVER_RECEIVABLE, row.amount, driver_id=row.payment.driver_id),
            Posting(Account.Kind.STRIPE_CLEARING, -row.amount),
        ],
    )


def _fail(row: Refund, message: str, refund_id: str = "") -> None:
    """The credit note stands: the driver has a credit with the seller until it is paid out in another way.

    A refund that the bank returns after it had succeeded is booked back.
    """
    if row.state == State.FAILED:
        return
    if row.state == State.SUCCEEDED:
        succeeded = Journal.objects.of(row.organisation_id).get(idempotency_key=f"refund:{row.pk}")
        ledger.post(
            row.organisation_id,
            f"refund-returned:{row.pk}",
            Cause(Journal.Cause.REFUND, row.pk, "Refund returned by the bank"),
            [
                Posting(Account.Kind.STRIPE_CLEARING, row.amount),
                Posting(Account.Kind.DRIVER_RECEIVABLE, -row.amount, driver_id=row.payment.driver_id),
            ],
            reverses=succeeded,
        )
    _save(row, State.FAILED, refund_id=refund_id or row.refund_id, failure_message=message[:300])


def _save(row: Refund, state: str, **fields: str) -> None:
    row.state = state
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=["state", *fields])


def sweep(limit: int = 20) -> int:
    """Send refunds that were never sent or never answered; returns how many."""
    now = timezone.now()
    waiting = Refund.objects.filter(state=State.CREATED).exclude(sent_at__gt=now - timedelta(seconds=60))
    rows = list(waiting.select_related("payment__carried_into").order_by("created_at")[:limit])
    for row in rows:
        send(row)
    return len(rows)
