"""Giving money back: first a credit note and its journal, then Stripe's refund with a key from our row."""

from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from moneyed import Money

from billing import disputes, documents, history, ledger, mail, payments, snapshots, stripe_calls
from billing.charges import charged_taxes
from billing.ledger import Cause, Posting
from billing.minor_units import chargeable, digits, to_minor
from billing.models import Account, Document, DocumentKind, Journal, Payment, Refund, SessionCharge
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
    payment, payer = _lock(organisation_id, payment_id)
    _check(payment, amount, reason)
    _check_disputes(payer, amount)
    if amount > payment.captured - payment.refunded:
        left = snapshots.text(payment.captured - payment.refunded)
        raise NotRefundable(f"amount: at most {left} {amount.currency} of this payment can be given back")
    if not _intent_of(payment):
        raise NotRefundable("payment: came by bank transfer, which Stripe can't give back")
    note = _credit_note(payment, amount, reason)
    payments.keep(payment, refunded=payment.refunded + amount)
    history.project(payment)
    row: Refund = Refund.objects.create(
        organisation_id=organisation_id, payment=payment, credit_note=note, amount=amount, reason=reason[:200]
    )
    return row


def _lock(organisation_id: UUID, payment_id: UUID) -> tuple[Payment, Payment]:
    """The payment and the one that collected it, locked in the order in which money is received."""
    payers = Payment.objects.of(organisation_id).filter(pk=payment_id)
    payer_id = payers.values_list("carried_into", flat=True).get()
    payer = payments.lock(organisation_id, payer_id) if payer_id else None
    payment = payments.lock(organisation_id, payment_id)
    return payment, payer or payment


def _check_disputes(payer: Payment, amount: Money) -> None:
    """The bank may take the money back as well: never give it back while that is open, nor afterwards."""
    dispute = disputes.open_over(payer)
    if dispute is not None:
        raise NotRefundable(
            f"payment: is disputed ({dispute.reason}); answer the dispute, a refund would pay the driver twice"
        )
    left = max(disputes.to_give_back(payer), Money(0, amount.currency))
    if disputes.lost_of(payer).amount and amount > left:
        left_text = snapshots.text(left)
        raise NotRefundable(
            f"amount: the bank took money back in a dispute; at most {left_text} {amount.currency} are left"
        )


@transaction.atomic
def credit(payment: Payment, amount: Money, reason: str) -> Document:
    """Take `amount`, gross, off what is still owed: a credit note, and no money moves. Raises NotRefundable."""
    reason = reason.strip()
    locked = payments.lock(payment.organisation_id, payment.pk)
    _check(locked, amount, reason)
    if payments.open_attempt(locked) is not None or _is_being_paid(locked):
        raise NotRefundable("payment: is being paid just now; give the amount back afterwards")
    if amount > locked.outstanding:
        left = snapshots.text(locked.outstanding)
        raise NotRefundable(f"amount: at most {left} {amount.currency} of this payment is still owed")
    note = _credit_note(locked, amount, reason)
    settled = locked.outstanding == amount
    payments.keep(locked, credited=locked.credited + amount)
    if settled:
        payments.move(locked, Payment.State.PAID, paid_at=timezone.now())
    history.project(locked)
    return note


def _is_being_paid(payment: Payment) -> bool:
    payer = payment.carried_into
    return payer is not None and payments.open_attempt(payer) is not None


def _credit_note(payment: Payment, amount: Money, reason: str) -> Document:
    """Issue and book the credit note over `amount` for the charge of a locked payment."""
    corrected = _document_of(payment)
    charge = _charge_of(payment)
    net, taxes = _split(charge, amount)
    credit = snapshots.Credit(net, amount - net, amount, taxes, reason)
    now = timezone.now()
    snapshot = snapshots.of_credit(corrected, charge, credit, now)
    amounts = (credit.net, credit.tax, credit.gross)
    note = documents.issue(DocumentKind.CREDIT_NOTE, charge, amounts, snapshot, now, corrects=corrected)
    _post_credit(note, charge, taxes)
    mail.write(note.organisation_id, mail.Kind.DOCUMENT, note.pk, snapshot["buyer"]["email"] or payment.email)
    return note


def _document_of(payment: Payment) -> Document:
    """The receipt of a payment's session, or the invoice that it stands on."""
    of_session = Q(charge=payment.charge_id, kind=DocumentKind.RECEIPT)
    on_invoice = Q(lines__charge=payment.charge_id)
    found: Document | None = (
        Document.objects.of(payment.organisation_id).filter(of_session | on_invoice).first()
        if payment.charge_id
        else None
    )
    if found is None:
        raise NotRefundable("payment: has no receipt or invoice yet that a credit note could correct")
    return found


def _charge_of(payment: Payment) -> SessionCharge:
    named: Any = payment.charge_id
    charge: SessionCharge = (
        SessionCharge.objects.of(payment.organisation_id)
        .select_related(
            "priced__tariff_version__tariff", "session__connector__evse__station__site", "organisation",
            "driver", "journal",
        )
        .get(pk=named)
    )  # fmt: skip
    return charge


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
    if not reason:
        raise NotRefundable("reason: say why, it stands on the credit note")


def _split(charge: SessionCharge, amount: Money) -> tuple[Money, Taxes]:
    """Net and taxes of a gross amount, in the charge's proportions; what is credited last takes the rest.

    Over all credit notes of a charge, tax by rate meets the charge's when all is credited.
    """
    credited = _credited(charge)
    share = amount.amount + credited["gross"]
    step = Decimal(1).scaleb(-digits(str(amount.currency)))
    taxes: Taxes = []
    total_tax = Decimal(0)
    for percent, _, whole in charged_taxes(charge):
        rate = f"{percent.normalize():f}"
        until_now = (whole * share / charge.gross.amount).quantize(step, ROUND_HALF_UP)
        tax = until_now - credited.get(rate, Decimal(0))
        total_tax += tax
        taxes.append({"rate": rate, "tax": str(tax)} | snapshots.treated(charge.treatment))
    net = amount - Money(total_tax, amount.currency)
    _share_net(net.amount, taxes, charge, step)
    return net, taxes


def _share_net(net: Decimal, taxes: Taxes, charge: SessionCharge, step: Decimal) -> None:
    """Say beside each tax what it is on, in the charge's proportions; the first takes what rounding leaves.

    Left unsaid where a part of the charge has no tax rate: then the taxes don't cover the net.
    """
    nets = [whole for _, whole, _ in charged_taxes(charge)]
    if not nets or sum(nets) != charge.net.amount:
        return
    shared = [(net * whole / charge.net.amount).quantize(step, ROUND_HALF_UP) for whole in nets]
    shared[0] += net - sum(shared)
    for stated, part in zip(taxes, shared, strict=True):
        stated["net"] = str(part)


def _credited(charge: SessionCharge) -> dict[str, Decimal]:
    """What earlier credit notes for a charge gave back: gross, and tax by rate."""
    sums = {"gross": Decimal(0)}
    for note in charge.documents.filter(kind=DocumentKind.CREDIT_NOTE):
        sums["gross"] += note.gross.amount
        for stated in note.snapshot["taxes"]:
            sums[stated["rate"]] = sums.get(stated["rate"], Decimal(0)) + Decimal(stated["tax"])
    return sums


def _post_credit(note: Document, charge: SessionCharge, taxes: Taxes) -> None:
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
            ledger.receivable(charge, -note.gross),
        ],
        reverses=charge.journal,
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
            ledger.receivable(row.payment, row.amount),
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
                ledger.receivable(row.payment, -row.amount),
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
