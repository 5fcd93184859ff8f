"""Payments that cardholders dispute: the funds that go and come back, and what the bank decided.

What Stripe's Dispute says is applied in any order and any number of times, with one result: each balance
transaction is booked once, and an answer that knows of fewer of them, or of an earlier state, changes nothing.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from moneyed import Money

from billing import intents, ledger, payments, stripe_calls
from billing.ledger import Cause, Posting
from billing.minor_units import from_minor
from billing.models import Account, Dispute, Entry, Journal, Payment
from billing.stripe_client import Obj

State = Dispute.State

STATES: dict[str, str] = {
    "warning_needs_response": State.INQUIRY,
    "warning_under_review": State.INQUIRY_REVIEW,
    "warning_closed": State.CLOSED,
    "needs_response": State.NEEDS_RESPONSE,
    "under_review": State.UNDER_REVIEW,
    "won": State.WON,
    "lost": State.LOST,
    "prevented": State.CLOSED,
}
ORDER = (State.INQUIRY, State.INQUIRY_REVIEW, State.NEEDS_RESPONSE, State.UNDER_REVIEW)


def look(dispute_id: str) -> Dispute | None:
    """Look a dispute up at Stripe and apply it; None if its payment is none of ours."""
    answer = stripe_calls.retrieve_dispute(dispute_id)
    intent_id = answer.get("payment_intent")
    if not intent_id:
        return None
    intent = stripe_calls.retrieve_intent(str(intent_id))
    owner = intents.owner_of(intent.get("metadata") or {})
    if owner is None:
        return None
    intents.observe(*owner, intent)  # the dispute may be heard of before the payment that it is about
    return observe(*owner, answer)


@transaction.atomic
def observe(organisation_id: UUID, payment_id: UUID, answer: Obj) -> Dispute:
    """Book what a Dispute, as retrieved from Stripe, moved, and take over its state. Repeats change nothing.

    The payment's lock keeps refunds away meanwhile. Raises Payment.DoesNotExist for one that isn't ours.
    """
    payment = payments.lock(organisation_id, payment_id)
    moves = list(answer.get("balance_transactions") or ())
    row = _row(payment, answer)
    for move in moves:
        _book(row, move)
    if (len(moves), _rank(STATES[answer["status"]])) > (row.movements, _rank(row.state)):
        _take_over(row, answer, len(moves))
    _settle(row)
    return row


def _row(payment: Payment, answer: Obj) -> Dispute:
    state = STATES[answer["status"]]
    row, _ = Dispute.objects.of(payment.organisation_id).get_or_create(
        organisation_id=payment.organisation_id,
        dispute_id=answer["id"],
        defaults={
            "payment": payment,
            "charge_id": str(answer["charge"]),
            "state": state,
            "reason": str(answer["reason"])[:60],
            "amount": from_minor(answer["amount"], answer["currency"]),
            "opened_at": datetime.fromtimestamp(answer["created"], UTC),
            "answer_by": _answer_by(answer),
            "closed_at": None if state in Dispute.OPEN else timezone.now(),
        },
    )
    found: Dispute = row
    return found


def _answer_by(answer: Obj) -> datetime | None:
    due = (answer.get("evidence_details") or {}).get("due_by")
    return datetime.fromtimestamp(due, UTC) if due else None


def _rank(state: str) -> int:
    """How far a dispute has come; all ends are equally far, and only more money tells them apart."""
    return ORDER.index(State(state)) if state in ORDER else len(ORDER)


def _take_over(row: Dispute, answer: Obj, movements: int) -> None:
    row.state = STATES[answer["status"]]
    row.movements = movements
    row.answer_by = _answer_by(answer)
    row.amount = from_minor(answer["amount"], answer["currency"])
    row.closed_at = None if row.state in Dispute.OPEN else row.closed_at or timezone.now()
    row.save(update_fields=["state", "movements", "answer_by", "amount", "closed_at"])


def _book(row: Dispute, move: Obj) -> None:
    """A balance transaction of a dispute: funds to or from the reserve, and the bank's fee."""
    amount, fee = (from_minor(move[name], move["currency"]) for name in ("amount", "fee"))
    if amount.amount == 0 and fee.amount == 0:
        return
    ledger.post(
        row.organisation_id,
        f"dispute:{move['id']}",
        Cause(Journal.Cause.DISPUTE, row.pk, f"Stripe {row.dispute_id}, {move['id']}"),
        [
            Posting(Account.Kind.DISPUTE_RESERVE, -amount),
            Posting(Account.Kind.STRIPE_FEES, fee),
            Posting(Account.Kind.STRIPE_CLEARING, amount - fee),
        ],
    )


def _settle(row: Dispute) -> None:
    """Empty the reserve of a decided dispute: what a lost one took is a loss, until it comes back after all."""
    held = reserve_of(row)
    lost = row.state == State.LOST and held.amount > 0
    regained = row.state == State.WON and held.amount < 0
    if lost or regained:
        ledger.post(
            row.organisation_id,
            f"dispute-decided:{row.pk}:{row.movements}",
            Cause(Journal.Cause.DISPUTE, row.pk, f"Stripe {row.dispute_id} {row.state}"),
            [Posting(Account.Kind.BAD_DEBT, held), Posting(Account.Kind.DISPUTE_RESERVE, -held)],
        )


def reserve_of(row: Dispute) -> Money:
    """What the books hold in reserve for a dispute."""
    journals = Journal.objects.of(row.organisation_id).filter(cause=Journal.Cause.DISPUTE, cause_id=row.pk)
    entries = Entry.objects.filter(
        organisation=row.organisation_id, journal__in=journals, account__kind=Account.Kind.DISPUTE_RESERVE
    )
    found: dict[str, Any] = entries.aggregate(total=Sum("amount"))
    currency = entries.values_list("currency", flat=True).first() or str(row.amount.currency)
    return Money(found["total"] or Decimal(0), currency)


def open_over(payer: Payment) -> Dispute | None:
    """The dispute that is being fought over what a payment received."""
    found: Dispute | None = (
        Dispute.objects.of(payer.organisation_id).filter(payment=payer, state__in=Dispute.OPEN).first()
    )
    return found


def lost_of(payer: Payment) -> Money:
    """What lost disputes took of what a payment received."""
    lost = Dispute.objects.of(payer.organisation_id).filter(payment=payer, state=State.LOST)
    total = lost.aggregate(total=Sum("amount"))["total"]
    return Money(total or Decimal(0), payer.due.currency)


def to_give_back(payer: Payment) -> Money:
    """What of all that a payment received can still be refunded: captured - refunded - lost in disputes.

    A payment that took others along received what is spread over them.
    """
    together = Payment.objects.of(payer.organisation_id).filter(carried_into=payer)
    sums = together.aggregate(captured=Sum("captured"), refunded=Sum("refunded"))
    along = (sums["captured"] or Decimal(0)) - (sums["refunded"] or Decimal(0))
    left: Money = payer.captured - payer.refunded + Money(along, payer.due.currency) - lost_of(payer)
    return left
