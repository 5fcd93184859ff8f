"""What `make run` tells at the end: log-ins, pages, and the first session that went all the way."""

import time
from collections.abc import Iterator

from django.conf import settings
from django.core.files.storage import default_storage

from billing.models import Document, Entry, Payment
from charging.models import ChargingSession, PricedSession
from demo.world import PASSWORD, content
from stations.models import Station

POLL_S = 0.5
PATIENCE_S = 240


def log_ins() -> Iterator[str]:
    """Who can log in, and where to look."""
    base = settings.BASE_URL
    yield f"Log in at {base}/accounts/login/, password {PASSWORD!r}:"
    for person in content()["people"]:
        yield f"  {person['email']:<32} {_what(person)}"
    for station in Station.objects.order_by("identity")[:1]:
        yield f"Pay as a guest, as from the QR code on {station.name}: {base}/s/{station.public_code}/"


def _what(person: dict[str, object]) -> str:
    if person.get("is_superuser"):
        return f"admin: {settings.BASE_URL}/admin/"
    if "driver" in person:
        return "driver: history and receipts"
    roles = person["member_of"]
    assert isinstance(roles, dict)
    return ", ".join(f"{role} of {slug}" for slug, role in roles.items())


def first_receipt(seconds: float = PATIENCE_S) -> Document | None:
    """The receipt with a PDF of the first paid session that a station reported; None after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        receipt: Document | None = (
            Document.objects.filter(kind="receipt", charge__session__source="ocpp", file__isnull=False)
            .select_related("charge__session__station", "charge__journal", "file")
            .order_by("issued_at")
            .first()
        )
        if receipt is not None:
            return receipt
        time.sleep(POLL_S)
    return None


def story(receipt: Document) -> Iterator[str]:
    """A session from the station's facts to the PDF, a line each."""
    charge = receipt.charge
    assert charge is not None, "a receipt is of a charge"
    session = charge.session
    yield f"A session at {session.station}: {session.energy_wh / 1000:.3f} kWh, {_minutes(session)} min"
    yield from _priced(charge.priced)
    for payment in Payment.objects.of(charge.organisation_id).filter(charge=charge):
        yield f"  paid      {payment.captured} by {payment.card_brand or 'card'} •••• {payment.card_last4}"
    entries = Entry.objects.filter(organisation=charge.organisation_id, journal=charge.journal_id)
    for entry in entries.select_related("account"):
        yield f"  journal   {entry.account.get_kind_display():<24} {entry.amount.amount:>12.2f}"
    yield f"  journal   {'sum':<24} {sum(entry.amount.amount for entry in entries):>12.2f}"
    yield f"  receipt   {receipt.number}: {default_storage.path(receipt.file.name)}"


def _minutes(session: ChargingSession) -> str:
    assert session.ended_at is not None
    return f"{(session.ended_at - session.started_at).total_seconds() / 60:.1f}"


def _priced(priced: PricedSession) -> Iterator[str]:
    for line in priced.result["lines"]:
        price, kind = line["price"] or "", line["kind"].lower().replace("_", " ")
        yield f"  {kind:<13} {line['billed'] or '':>8} at {price:<6} net {line['net']:>10}"
    yield f"  total     net {priced.net}, tax {priced.tax}, gross {priced.gross}"
