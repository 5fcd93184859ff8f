"""The books against what is not in the database: the stored PDFs, and Stripe's own account."""

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.core.files.storage import default_storage

from billing import stripe_calls
from billing.books import Finding
from billing.disputes import STATES
from billing.minor_units import from_minor, to_minor
from billing.models import Account, Dispute, DocumentFile, Entry, Journal, Payment, Refund
from billing.stripe_client import StripeRefused, StripeUnreachable


def files() -> Finding:
    """Every stored PDF has the hash it was made with."""
    finding = Finding("stored PDFs have their hashes", 0)
    for kept in DocumentFile.objects.select_related("document").iterator(chunk_size=200):
        finding.looked_at += 1
        if not default_storage.exists(kept.name):
            finding.wrong.append(f"document {kept.document.number}: {kept.name} is missing")
            continue
        with default_storage.open(kept.name) as file:
            if hashlib.sha256(file.read()).hexdigest() != kept.sha256:
                finding.wrong.append(f"document {kept.document.number}: {kept.name} has changed")
    return finding


def stripe() -> Finding:
    """Stripe received and refunded for each of our payments what we say, and nothing that we don't know."""
    finding = Finding("Stripe received and refunded what we say", 0)
    try:
        for intent in stripe_calls.all_intents():
            finding.looked_at += 1
            finding.wrong += _compare(intent)
    except (StripeUnreachable, StripeRefused) as error:
        finding.wrong.append(f"Stripe: {error}")
    return finding


def disputes() -> Finding:
    """Each of our disputes stands at Stripe as it does here, and each movement of Stripe's is booked."""
    finding = Finding("Stripe's disputes are ours, movement for movement", 0)
    try:
        for found in stripe_calls.all_disputes():
            finding.looked_at += 1
            finding.wrong += _compare_dispute(found)
    except (StripeUnreachable, StripeRefused) as error:
        finding.wrong.append(f"Stripe: {error}")
    return finding


def _compare_dispute(found: dict[str, Any]) -> Iterator[str]:
    if not Payment.objects.filter(intent_id=found.get("payment_intent") or "-").exists():
        return
    row = Dispute.objects.filter(dispute_id=found["id"]).first()
    if row is None:
        yield f"{found['id']}: {found['status']} at Stripe, and not here"
        return
    if row.state != STATES[found["status"]]:
        yield f"{found['id']}: {found['status']} at Stripe, {row.state} here"
    moved = sum(move["net"] for move in found["balance_transactions"])
    if moved != _booked(row):
        yield f"{found['id']}: Stripe moved {moved}, the books say {_booked(row)}"


def _booked(row: Dispute) -> int:
    """Minor units that a dispute moved at Stripe, by our journals."""
    journals = Journal.objects.of(row.organisation_id).filter(cause=Journal.Cause.DISPUTE, cause_id=row.pk)
    entries = Entry.objects.filter(journal__in=journals, account__kind=Account.Kind.STRIPE_CLEARING)
    return sum(to_minor(entry.amount) for entry in entries)


def _compare(intent: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one of Stripe's PaymentIntents, seen from our rows."""
    named = intent.get("metadata") or {}
    if "evbilling_payment" not in named:
        return
    payment = (
        Payment.objects.of(named["evbilling_organisation"]).filter(pk=named["evbilling_payment"]).first()
    )
    if payment is None:
        yield f"{intent['id']}: names payment {named['evbilling_payment']}, which is not here"
        return
    received = from_minor(intent["amount_received"], intent["currency"])
    ours = _captured_by(payment, intent["id"])
    if received.amount != ours:
        yield f"{intent['id']}: Stripe received {received.amount}, payment {payment.pk} says {ours}"
    charge = intent.get("latest_charge")
    if (
        isinstance(charge, dict)
        and intent["amount_received"]
        and charge["amount_refunded"] != _refunded(payment)
    ):
        back = charge["amount_refunded"] - _released(intent)
        if back != _refunded(payment):
            yield f"{intent['id']}: Stripe refunded {back}, payment {payment.pk} says {_refunded(payment)}"


def _released(intent: dict[str, Any]) -> int:
    """What a partial capture let go shows as refunded at Stripe."""
    return int(intent["amount"]) - int(intent["amount_received"])


def _captured_by(payment: Payment, intent_id: str) -> Decimal:
    """What `payment`, with the small ones it took along, received through this intent."""
    if payment.intent_id != intent_id:
        return Decimal(0)
    together = [payment, *payment.carried.all()]
    return sum((each.captured.amount for each in together), Decimal(0))


def _refunded(payment: Payment) -> int:
    together = [payment.pk, *payment.carried.values_list("pk", flat=True)]
    rows = Refund.objects.of(payment.organisation_id).filter(
        payment__in=together, state=Refund.State.SUCCEEDED
    )
    return sum(to_minor(row.amount) for row in rows)
