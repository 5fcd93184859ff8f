"""A snapshot as its printed page shows it: words and figures, nothing looked up anywhere."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from billing.models import Document, DocumentKind, InvoiceLine
from billing.snapshots import Snapshot, text

SHARES = (
    ("energy", "Energy", "#0d9488"),
    ("time", "Time", "#2563eb"),
    ("parking", "Parked after charging", "#d97706"),
    ("fees", "Fees", "#475569"),
    ("tax", "Tax", "#b6bec8"),
)
KINDS = {
    "ENERGY": "Energy",
    "TIME": "Charging time",
    "PARKING_TIME": "Parked after charging",
    "FLAT": "Start fee",
    "RESERVATION_TIME": "Reservation time",
    "RESERVATION_FLAT": "Reservation fee",
    "MIN_PRICE": "Up to the minimum price",
    "MAX_PRICE": "Down to the maximum price",
}
BAR_WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the price line; `x` and `width` on a bar of BAR_WIDTH."""

    name: str
    label: str
    amount: str
    colour: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table, as text."""

    what: str
    rule: str
    when: str
    quantity: str
    unit_price: str
    tax: str
    net: str


@dataclass(frozen=True, slots=True)
class MonthLine:
    """A session on an invoice, as text."""

    when: str
    place: str
    driver: str
    cost_centre: str
    energy: str
    duration: str
    net: str
    tax: str
    gross: str


def page_of(document: Document) -> dict[str, Any]:
    """The template's context: everything from the frozen snapshot, and an invoice's frozen lines."""
    snapshot = document.snapshot
    issued_at = datetime.fromisoformat(snapshot["issued_at"])
    shared = {
        "document": snapshot,
        "title": document.get_kind_display(),
        "issued_at": issued_at,
        "duration": duration(snapshot.get("duration_s", 0)),
        "segments": segments(snapshot["shares"]) if "shares" in snapshot else [],
        "bar_width": BAR_WIDTH,
    }
    if document.kind == DocumentKind.INVOICE:
        return shared | _month(document)
    return shared | _session(snapshot)


def _month(document: Document) -> dict[str, Any]:
    snapshot = document.snapshot
    lines = [_line(line) for line in document.lines.order_by("cost_centre", "started_at", "pk")]
    centres = {line.cost_centre for line in lines}
    return {
        "period": date.fromisoformat(snapshot["period"]),
        "due_on": date.fromisoformat(snapshot["due_on"]),
        "energy_kwh": kwh(snapshot["energy_wh"]),
        "month_lines": lines,
        "with_centres": centres != {""},
        "with_drivers": any(line.driver for line in lines),
    }


def _line(line: InvoiceLine) -> MonthLine:
    zone = ZoneInfo(line.time_zone)
    return MonthLine(
        when=f"{line.started_at.astimezone(zone):%d %b, %H:%M}",
        place=line.place,
        driver=line.driver_name,
        cost_centre=line.cost_centre,
        energy=f"{kwh(line.energy_wh)} kWh",
        duration=duration(line.duration_s),
        net=text(line.net),
        tax=text(line.tax),
        gross=text(line.gross),
    )


def _session(snapshot: Snapshot) -> dict[str, Any]:
    session = snapshot["session"]
    started_at = datetime.fromisoformat(session["started_at"])
    ended_at = datetime.fromisoformat(session["ended_at"])
    return {
        "started_at": f"{started_at:%d %b %Y, %H:%M}",
        "ended_at": f"{ended_at:%H:%M}"
        if started_at.date() == ended_at.date()
        else f"{ended_at:%d %b %Y, %H:%M}",
        "duration": duration(session["duration_s"]),
        "energy_kwh": kwh(session["energy_wh"]),
        "rows": [row(line, session["time_zone"], started_at) for line in snapshot.get("lines", ())],
    }


def segments(shares: dict[str, str]) -> list[Segment]:
    """The price line: each share of the gross in proportion, none of the priced ones too thin to see."""
    amounts = {name: Decimal(shares[name]) for name, _, _ in SHARES if Decimal(shares[name]) > 0}
    total = sum(amounts.values(), Decimal(0))
    made: list[Segment] = []
    x = 0
    for name, label, colour in SHARES:
        if name in amounts:
            width = max(12, int(amounts[name] * BAR_WIDTH / total))
            made.append(Segment(name, label, shares[name], colour, x, width))
            x += width
    return made


def row(line: dict[str, Any], time_zone: str, started_at: datetime) -> Row:
    kind = line["kind"]
    element = line["element"]
    return Row(
        what=KINDS.get(kind, kind),
        rule="price limit" if element is None else f"rule {element + 1}",
        when=_span(line, started_at) if kind in ("ENERGY", "TIME", "PARKING_TIME") else "",
        quantity=_quantity(kind, line["billed"]),
        unit_price=_unit_price(kind, line["price"]),
        tax="–" if line["tax_percent"] is None else f"{figure(line['tax_percent'], 2)} %",
        net=figure(line["net"], 4, least=2),
    )


def _span(line: dict[str, Any], started_at: datetime) -> str:
    zone = started_at.tzinfo
    first, last = (datetime.fromisoformat(line[end]).astimezone(zone) for end in ("start", "end"))
    return f"{first:%H:%M}–{last:%H:%M}"


def _quantity(kind: str, billed: Any) -> str:
    if kind == "ENERGY":
        return f"{kwh(billed)} kWh"
    if kind in ("TIME", "PARKING_TIME", "RESERVATION_TIME"):
        return duration(billed)
    return "1" if kind in ("FLAT", "RESERVATION_FLAT") else ""


def _unit_price(kind: str, price: str | None) -> str:
    if price is None:
        return ""
    per = {"ENERGY": " / kWh", "TIME": " / h", "PARKING_TIME": " / h", "RESERVATION_TIME": " / h"}.get(
        kind, ""
    )
    return f"{figure(price, 6, least=2)}{per}"


def figure(exact: str, places: int, least: int = 0) -> str:
    """An exact number ("1.25", "10/3") with at most `places` decimals, and at least `least`."""
    rounded = round(Fraction(exact) * 10**places)
    digits = f"{abs(rounded):0{places + 1}d}"
    whole, part = digits[:-places], digits[-places:].rstrip("0").ljust(least, "0")
    return f"{'−' if rounded < 0 else ''}{whole}{'.' if part else ''}{part}"


def kwh(wh: Any) -> str:
    """12345 -> 12.345."""
    return figure(str(Fraction(wh) / 1000), 3, least=1)


def duration(seconds: Any) -> str:
    """3725 -> 1:02:05."""
    return str(timedelta(seconds=round(Fraction(seconds))))
