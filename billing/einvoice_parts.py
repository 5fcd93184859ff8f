"""What a business document's electronic invoice is made of: lines, taxes and what it lacks, read from frozen rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from billing import vat
from billing.charges import charged_taxes
from billing.document_page import kwh
from billing.minor_units import digits
from billing.models import Document, DocumentKind, InvoiceLine
from billing.snapshots import Snapshot

SELLER_NEEDS = ("name", "vat_id", "country")
BUYER_NEEDS = ("name", "country")


@dataclass(frozen=True, slots=True)
class Part:
    """A line of the electronic invoice: one session at one tax rate. Amounts are what the session was charged."""

    name: str
    description: str
    quantity: Decimal
    price: Decimal
    net: Decimal
    category: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class TaxShare:
    """A tax of the whole document, by category and rate."""

    category: str
    rate: Decimal
    net: Decimal
    tax: Decimal


def lacks(document: Document) -> list[str]:
    """What is missing for an electronic invoice, by field; empty if it can be made."""
    snapshot = document.snapshot
    missing = [f"seller.{name}" for name in SELLER_NEEDS if not snapshot["seller"].get(name)]
    missing += [f"buyer.{name}" for name in BUYER_NEEDS if not snapshot["buyer"].get(name)]
    if digits(snapshot["currency"]) > 2:
        missing.append("currency: EN 16931 has two decimals at most")
    if sum((share.net for share in shares(snapshot)), Decimal(0)) != Decimal(snapshot["totals"]["net"]):
        missing.append("tariff: a price component says no VAT rate")
    return missing


def shares(snapshot: Snapshot) -> list[TaxShare]:
    return [
        TaxShare(
            vat.category_of(stated.get("treatment", vat.Treatment.STANDARD), Decimal(stated["rate"])),
            Decimal(stated["rate"]),
            Decimal(stated.get("net", 0)),
            Decimal(stated["tax"]),
        )
        for stated in snapshot["taxes"]
    ]


def parts(document: Document) -> list[Part]:
    if document.kind == DocumentKind.INVOICE:
        lines = document.lines.select_related("charge__priced").order_by("cost_centre", "started_at", "pk")
        return [part for line in lines for part in _of_line(line)]
    return [
        _part("Charging session", _of_session(document.snapshot), share.net, share.category, share.rate)
        for share in shares(document.snapshot)
        if share.net
    ]


def _of_line(line: InvoiceLine) -> Iterator[Part]:
    for rate, net, _ in charged_taxes(line.charge):
        yield _part(
            "Charging session",
            _described(line),
            net,
            vat.category_of(line.charge.treatment, rate),
            rate,
        )


def _part(name: str, description: str, net: Decimal, category: str, rate: Decimal) -> Part:
    """A session is sold as one piece: its exact price is no whole multiple of a price per kWh."""
    return Part(name, description, Decimal(1), net, net, category, rate)


def _described(line: InvoiceLine) -> str:
    started_at = line.started_at.astimezone(ZoneInfo(line.time_zone))
    said = [f"{started_at:%Y-%m-%d %H:%M}", line.place, f"{kwh(line.energy_wh)} kWh"]
    return ", ".join([*said, *(each for each in (line.driver_name, line.cost_centre) if each)])


def _of_session(snapshot: Snapshot) -> str:
    session = snapshot["session"]
    started_at = datetime.fromisoformat(session["started_at"])
    return f"{started_at:%Y-%m-%d %H:%M}, {session['site']}, {kwh(session['energy_wh'])} kWh"


def delivered(document: Document) -> tuple[date, date]:
    """The local days of the first and of the last delivery (BT-72 is the last)."""
    if document.kind == DocumentKind.INVOICE:
        days = [
            (line.started_at.astimezone(zone).date(), line.ended_at.astimezone(zone).date())
            for line in document.lines.all()
            for zone in [ZoneInfo(line.time_zone)]
        ]
        return min(first for first, _ in days), max(last for _, last in days)
    session = document.snapshot["session"]
    first, last = (datetime.fromisoformat(session[end]).date() for end in ("started_at", "ended_at"))
    return first, last
