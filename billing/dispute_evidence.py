"""What is known of a disputed payment, frozen as plain JSON: what was sold, shown, measured, signed, sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from billing import snapshots
from billing.models import Dispute, Document, DocumentKind, Mail, Payment, SessionCharge
from billing.snapshots import Snapshot
from charging.curve import Point
from charging.curves import points_of
from charging.models import ChargingSession, CostNotice, SignedReading
from charging.price_now import Moment, as_text, price_now

MOST_SESSIONS = 10
MOST_POINTS = 240
MOST_SIGNED = 12


def snapshot(dispute: Dispute, statement: str, at: datetime) -> Snapshot:
    """All that an evidence pack says. Sessions beyond MOST_SESSIONS are counted, not told."""
    payment = dispute.payment
    charges = charges_of(payment)
    return {
        "made_at": at.isoformat(),
        "statement": statement,
        "seller": snapshots.seller(dispute.organisation),
        "dispute": {
            "id": dispute.dispute_id,
            "charge": dispute.charge_id,
            "reason": dispute.why,
            "amount": snapshots.text(dispute.amount),
            "currency": str(dispute.amount.currency),
            "opened_at": dispute.opened_at.isoformat(),
        },
        "payment": snapshots.paid(payment) | {"intent": payment.intent_id, "card": _authorised(payment)},
        "sessions": [_session(charge, payment) for charge in charges[:MOST_SESSIONS]],
        "more_sessions": max(0, len(charges) - MOST_SESSIONS),
        "letters": _letters(payment, charges),
    }


def charges_of(payment: Payment) -> list[SessionCharge]:
    """The charges that a payment was received for: its own, those it took along, those of its invoice."""
    paid_by_it = Payment.objects.of(payment.organisation_id).filter(
        Q(pk=payment.pk) | Q(carried_into=payment)
    )
    return list(
        SessionCharge.objects.of(payment.organisation_id)
        .filter(pk__in=paid_by_it.values("charge"))
        .select_related(
            "priced__tariff_version__tariff", "session__connector__evse__station__site", "session__token",
            "driver", "organisation",
        )
        .order_by("session__started_at")
    )  # fmt: skip


def _authorised(payment: Payment) -> str:
    """How the cardholder agreed to be charged."""
    if payment.method == Payment.Method.GUEST:
        return "The cardholder entered the card on the payment page before charging began."
    return "The cardholder had saved the card in the account, and agreed to be charged after each session."


def _session(charge: SessionCharge, payment: Payment) -> Snapshot:
    session = charge.session
    version = charge.priced.tariff_version
    points = points_of(session)
    return {
        **snapshots.session(charge),
        "driver": snapshots.buyer(charge.driver, payment.email),
        "identified_by": str(session.token) if session.token else "",
        "gross": snapshots.text(charge.gross),
        "lines": list(snapshots.lines(charge.priced.result)),
        "receipt": _receipt(charge),
        "price": {
            "tariff": version.tariff.name,
            "version": version.number,
            "published_at": version.published_at.isoformat(),
            "valid_from": version.valid_from.isoformat(),
            "document": version.document,
            "at_start": _asked_at_start(session, charge),
            "on_display": _on_display(session),
        },
        "meter": {
            "start_wh": session.meter_start_wh,
            "end_wh": session.meter_end_wh,
            "readings": len(points),
            "points": [[p.at.isoformat(), p.register_wh, p.power_w] for p in thinned(points)],
        },
        "signed": _signed(session),
        "stop_reason": session.stop_reason,
    }


def _receipt(charge: SessionCharge) -> str:
    on_it = Q(charge=charge, kind=DocumentKind.RECEIPT) | Q(lines__charge=charge)
    number = (
        Document.objects.of(charge.organisation_id).filter(on_it).values_list("number", flat=True).first()
    )
    return number or ""


def _asked_at_start(session: ChargingSession, charge: SessionCharge) -> str:
    """The price that the station's page and display gave when the session began, tax included."""
    evse = session.connector.evse
    moment = Moment(session.started_at, evse.station.site.time_zone, kind=evse.power_type)
    prices = price_now(charge.priced.tariff_version.parsed(), moment)
    return as_text(prices, str(charge.gross.currency))


def _on_display(session: ChargingSession) -> Snapshot | None:
    """What the station itself showed, where it can and said that it did."""
    notice = CostNotice.objects.of(session.organisation_id).filter(session=session).first()
    if notice is None or notice.told_at is None:
        return None
    return {
        "price": notice.price.get("text", ""),
        "cost": str(notice.told_cost),
        "told_at": notice.told_at.isoformat(),
    }


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most `most` of the points, evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    last = len(points) - 1
    return [points[number * last // (most - 1)] for number in range(most)]


def _signed(session: ChargingSession) -> list[dict[str, Any]]:
    """The meter's own signed values, to the letter, so that anybody can check them."""
    rows = SignedReading.objects.of(session.organisation_id).filter(session=session).order_by("at")
    found = list(rows)
    kept = found if len(found) <= MOST_SIGNED else [found[0], *found[1 - MOST_SIGNED :]]
    return [
        {
            "at": row.at.isoformat(),
            "context": row.context,
            "encoding": row.encoding,
            "signing": row.signing,
            "data": row.data,
            "public_key": row.public_key,
        }
        for row in kept
    ]


def _letters(payment: Payment, charges: Sequence[SessionCharge]) -> list[dict[str, str]]:
    documents = Document.objects.of(payment.organisation_id).filter(
        Q(charge__in=charges) | Q(pk=payment.invoice_id)
    )
    about = [*documents.values_list("pk", flat=True), payment.pk]
    sent = Mail.objects.of(payment.organisation_id).filter(about_id__in=about)
    return [
        {"what": row.get_kind_display(), "to": row.email, "at": row.sent_at.isoformat()}
        for row in sent.order_by("sent_at")
        if row.sent_at is not None
    ]
