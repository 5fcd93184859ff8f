"""What a document says, frozen as plain JSON on the day of issue: texts and exact amounts as strings."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from moneyed import Money

from accounts.models import Driver, Organisation
from billing import vat
from billing.charges import SHARES, charged_taxes
from billing.minor_units import digits
from billing.models import Document, Payment, SessionCharge

Snapshot = dict[str, Any]


def of_charge(charge: SessionCharge, payment: Payment, issued_at: datetime) -> Snapshot:
    """All that a receipt for `charge` says, but for its number."""
    return {
        "kind": "receipt",
        "issued_at": issued_at.isoformat(),
        "currency": str(charge.gross.currency),
        "seller": seller(charge.organisation),
        "buyer": buyer(charge.driver, payment.email),
        "session": session(charge),
        "shares": {name: text(getattr(charge.priced, name)) for name in SHARES} | {"tax": text(charge.tax)},
        "lines": list(lines(charge.priced.result)),
        "taxes": [
            {"rate": f"{rate.normalize():f}", "net": text(net, charge), "tax": text(tax, charge)}
            | treated(charge.treatment)
            for rate, net, tax in charged_taxes(charge)
        ],
        "tax_reasons": tax_reasons([charge.treatment]),
        "totals": {"net": text(charge.net), "tax": text(charge.tax), "gross": text(charge.gross)},
        "payment": paid(payment),
        "rounding": "Net and tax are rounded once per tax rate, at the end of the session.",
    }


@dataclass(frozen=True, slots=True)
class Credit:
    """What a credit note takes off a charge; `taxes` by rate."""

    net: Money
    tax: Money
    gross: Money
    taxes: list[dict[str, str]]
    reason: str


def of_credit(corrected: Document, charge: SessionCharge, credit: Credit, issued_at: datetime) -> Snapshot:
    """A credit note for a charge on a receipt or an invoice."""
    original = corrected.snapshot
    return {
        "kind": "credit_note",
        "issued_at": issued_at.isoformat(),
        **{name: original[name] for name in ("currency", "seller", "buyer")},
        "session": original.get("session") or session(charge),
        "corrects": {"number": corrected.number, "issued_at": corrected.issued_at.isoformat()},
        "reason": credit.reason,
        "tax_reasons": tax_reasons([charge.treatment]),
        "taxes": credit.taxes,
        "totals": {name: text(getattr(credit, name)) for name in ("net", "tax", "gross")},
    }


def treated(treatment: str) -> dict[str, str]:
    """What a stated tax says beside rate, net and tax; nothing of the standard treatment."""
    return {} if treatment == vat.Treatment.STANDARD else {"treatment": str(treatment)}


def tax_reasons(treatments: Iterable[str]) -> list[str]:
    """The sentences that the law wants on a document where tax is not charged."""
    return [reason for reason in map(vat.reason_of, sorted(set(treatments))) if reason]


def seller(organisation: Organisation) -> Snapshot:
    return {
        "name": organisation.legal_name or organisation.name,
        "brand": organisation.name,
        "street": organisation.street,
        "postal_code": organisation.postal_code,
        "city": organisation.city,
        "country": organisation.country,
        "vat_id": organisation.vat_id,
        "email": organisation.email,
    }


def buyer(driver: Driver | None, email: str) -> Snapshot:
    return {
        "name": driver.name if driver else "",
        "email": (driver.email if driver else "") or email,
        "country": driver.country if driver else "",
    }


def session(charge: SessionCharge) -> Snapshot:
    row = charge.session
    station = row.connector.evse.station
    zone = ZoneInfo(station.site.time_zone)
    ended_at = row.ended_at or row.started_at
    return {
        "id": str(row.pk),
        "site": station.site.name,
        "address": ", ".join(
            part
            for part in (station.site.street, f"{station.site.postal_code} {station.site.city}".strip())
            if part
        ),
        "station": str(station),
        "connector": f"{row.connector.evse.number} ({row.connector.get_standard_display()})",
        "country": station.site.country,
        "time_zone": station.site.time_zone,
        "started_at": row.started_at.astimezone(zone).isoformat(),
        "ended_at": ended_at.astimezone(zone).isoformat(),
        "energy_wh": charge.priced.energy_wh,
        "duration_s": charge.priced.duration_s,
        "tariff": str(charge.priced.tariff_version),
    }


def lines(result: Snapshot) -> Iterable[Snapshot]:
    """The pricing's lines, as it worked them out: rule, quantity, unit price, tax rate, exact net."""
    for line in result.get("lines", ()):
        yield {
            name: line.get(name)
            for name in (
                "kind",
                "element",
                "billed",
                "surplus",
                "price",
                "tax_percent",
                "net",
                "start",
                "end",
            )
        }


def paid(payment: Payment) -> Snapshot:
    outstanding = payment.outstanding
    return {
        "method": payment.get_method_display(),
        "card_brand": payment.card_brand,
        "card_last4": payment.card_last4,
        "amount": text(payment.captured),
        "outstanding": text(outstanding) if outstanding.amount > 0 else "",
        "at": payment.paid_at.isoformat() if payment.paid_at else "",
        "reference": str(payment.pk),
    }


def text(amount: Money | Decimal, charge: SessionCharge | None = None) -> str:
    """An amount with its currency's decimals: 12.30, or 1230 in yen."""
    if isinstance(amount, Money):
        return f"{amount.amount:.{digits(str(amount.currency))}f}"
    if charge is None:
        raise ValueError("amount: a bare number says no currency")
    return f"{amount:.{digits(str(charge.gross.currency))}f}"
