"""Keeping each driver's history in step with the books; the whole of it can be rebuilt from them."""

from typing import Any
from uuid import UUID

from billing.models import Document, DocumentKind, DriverHistoryEntry, Payment, SessionCharge

AMOUNTS = ("energy", "time", "parking", "fees")


def project(payment: Payment) -> None:
    """Write the line of history that `payment` pays for; called in the transaction that changed it."""
    if payment.charge_id is None or payment.driver_id is None:
        return
    charge = (
        SessionCharge.objects.of(payment.organisation_id)
        .select_related("priced", "organisation", "session__connector__evse__station__site")
        .get(pk=payment.charge_id)
    )
    DriverHistoryEntry.objects.update_or_create(
        driver_id=payment.driver_id,
        session_id=charge.session_id,
        defaults=_session(charge) | _money(payment, charge) | _receipt(charge),
    )


def _session(charge: SessionCharge) -> dict[str, Any]:
    session = charge.session
    site = session.connector.evse.station.site
    return {
        "organisation_id": charge.organisation_id,
        "organisation_name": charge.organisation.name,
        "place": ", ".join(part for part in (site.name, site.city) if part),
        "connector": str(session.connector),
        "time_zone": site.time_zone,
        "started_at": session.started_at,
        "ended_at": session.ended_at,
        "energy_wh": charge.priced.energy_wh,
        "duration_s": charge.priced.duration_s,
    }


def _money(payment: Payment, charge: SessionCharge) -> dict[str, Any]:
    return {
        **{name: getattr(charge.priced, name) for name in AMOUNTS},
        "net": charge.net,
        "tax": charge.tax,
        "gross": charge.gross,
        "payment_id": payment.pk,
        "paid": payment.captured,
        "refunded": payment.refunded,
        "payment_state": payment.state,
        "payment_method": payment.method,
        "card": f"{payment.card_brand} •••• {payment.card_last4}" if payment.card_last4 else "",
        "failure": payment.failure_message,
    }


def _receipt(charge: SessionCharge) -> dict[str, Any]:
    receipt = (
        Document.objects.of(charge.organisation_id)
        .filter(charge=charge, kind=DocumentKind.RECEIPT)
        .only("id", "number")
        .first()
    )
    return {
        "receipt_id": receipt.pk if receipt else None,
        "receipt_number": receipt.number if receipt else "",
    }


def rebuild(driver_id: UUID | None = None) -> int:
    """Write every line of history anew, of one driver or of all; returns how many."""
    payments = Payment.objects.filter(charge__isnull=False, driver__isnull=False)
    if driver_id is not None:
        payments = payments.filter(driver=driver_id)
    count = 0
    for payment in payments.iterator(chunk_size=500):
        project(payment)
        count += 1
    return count
