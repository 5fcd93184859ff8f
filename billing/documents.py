"""Issuing receipts: number, snapshot and row in one transaction; the PDF is made later, from the snapshot."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from moneyed import Money

from accounts.models import Organisation
from billing import history, mail, numbering, payments, snapshots
from billing.models import Document, DocumentKind, Payment, SessionCharge
from billing.snapshots import Snapshot

SETTLED = (Payment.State.PAID, Payment.State.SHORT)


@transaction.atomic
def issue_receipt(organisation_id: UUID, payment_id: UUID) -> Document | None:
    """The receipt of a settled payment, issued if there is none. None while it isn't settled."""
    payment = payments.lock(organisation_id, payment_id)
    if payment.state not in SETTLED or payment.charge_id is None or payment.method == Payment.Method.ACCOUNT:
        return None
    charge = (
        SessionCharge.objects.of(organisation_id)
        .select_related(
            "priced__tariff_version__tariff",
            "session__connector__evse__station__site",
            "organisation",
            "driver",
        )
        .get(pk=payment.charge_id)
    )
    issued: Document | None = charge.documents.filter(kind=DocumentKind.RECEIPT).first()
    if issued is None:
        now = timezone.now()
        snapshot = snapshots.of_charge(charge, payment, now)
        issued = issue(DocumentKind.RECEIPT, charge, (charge.net, charge.tax, charge.gross), snapshot, now)
        mail.write(organisation_id, mail.Kind.DOCUMENT, issued.pk, snapshot["buyer"]["email"])
        history.project(payment)
    return issued


def issue(
    kind: str,
    charge: SessionCharge,
    amounts: tuple[Money, Money, Money],
    snapshot: Snapshot,
    now: datetime,
    *,
    corrects: Document | None = None,
) -> Document:
    """Number and write a document over (net, tax, gross), inside the caller's transaction."""
    year = now.astimezone(ZoneInfo(_zone(charge.organisation))).year
    sequence = numbering.next_number(charge.organisation_id, kind, year)
    number = numbering.written(kind, year, sequence)
    net, tax, gross = amounts
    document: Document = Document.objects.create(
        organisation_id=charge.organisation_id,
        kind=kind,
        year=year,
        sequence=sequence,
        number=number,
        charge=charge,
        driver_id=charge.driver_id,
        fleet_id=charge.fleet_id,
        corrects=corrects,
        net=net,
        tax=tax,
        gross=gross,
        snapshot={**snapshot, "number": number},
        issued_at=now,
    )
    return document


def _zone(organisation: Organisation) -> str:
    return organisation.time_zone or "UTC"


def sweep(limit: int = 100) -> list[Document]:
    """Issue the receipts of settled payments that have none yet."""
    receipts = Document.objects.filter(
        organisation=OuterRef("organisation"), charge=OuterRef("charge"), kind=DocumentKind.RECEIPT
    )
    waiting = (
        Payment.objects.filter(~Exists(receipts), state__in=SETTLED, charge__isnull=False)
        .exclude(method=Payment.Method.ACCOUNT)  # their invoice says it
        .order_by("paid_at")
        .values_list("organisation_id", "pk")
    )
    issued = [issue_receipt(organisation_id, payment_id) for organisation_id, payment_id in waiting[:limit]]
    return [document for document in issued if document is not None]
