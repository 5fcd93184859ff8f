"""What a monthly invoice says, frozen as plain JSON; its sessions are its lines, which are frozen as well."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from uuid import UUID
from zoneinfo import ZoneInfo

from moneyed import Money

from accounts.models import Driver, Fleet, Organisation
from billing.snapshots import Snapshot, seller, tax_reasons, text, treated

DRIVER_TERMS_DAYS = 14


@dataclass(slots=True)
class Sums:
    """All that one buyer's charges of a month come to, in one currency; `taxes` by rate and treatment: (net, tax)."""

    buyer_id: UUID
    currency: str
    sessions: int
    net: Decimal
    tax: Decimal
    gross: Decimal
    energy: Decimal
    time: Decimal
    parking: Decimal
    fees: Decimal
    energy_wh: int
    duration_s: int
    taxes: dict[tuple[str, str], tuple[Decimal, Decimal]] = field(default_factory=dict)

    def add_tax(self, percent: str | None, treatment: str, net: Decimal, tax: Decimal) -> None:
        """`percent` as the pricing wrote it, e.g. "19" or "77/10"; None for what is not taxed."""
        rate = "" if percent is None else f"{_decimal(percent).normalize():f}"
        self.taxes[rate, treatment] = (net, tax)


def _decimal(exact: str) -> Decimal:
    fraction = Fraction(exact)
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


@dataclass(frozen=True, slots=True)
class Month:
    """The month that begins on `period`, as `organisation` invoices it at `issued_at`."""

    organisation: Organisation
    period: date
    issued_at: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.organisation.time_zone or "UTC")

    @property
    def today(self) -> date:
        return self.issued_at.astimezone(self.zone).date()

    @property
    def ends(self) -> datetime:
        after = (self.period.replace(day=1) + timedelta(days=32)).replace(day=1)
        return datetime(after.year, after.month, 1, tzinfo=self.zone)

    def due_on(self, party: Fleet | Driver) -> date:
        return self.today + timedelta(
            days=party.net_terms_days if isinstance(party, Fleet) else DRIVER_TERMS_DAYS
        )


def of_month(month: Month, party: Fleet | Driver, sums: Sums) -> Snapshot:
    """All that the invoice of a month says, but for its number."""

    def said(amount: Decimal) -> str:
        return text(Money(amount, sums.currency))

    return {
        "kind": "invoice",
        "issued_at": month.issued_at.isoformat(),
        "currency": sums.currency,
        "seller": seller(month.organisation),
        "buyer": _fleet(party) if isinstance(party, Fleet) else _driver(party),
        "language": party.language,
        "period": month.period.isoformat(),
        "time_zone": month.organisation.time_zone,
        "due_on": month.due_on(party).isoformat(),
        "sessions": sums.sessions,
        "energy_wh": int(sums.energy_wh),
        "duration_s": int(sums.duration_s),
        "shares": {name: said(getattr(sums, name)) for name in ("energy", "time", "parking", "fees", "tax")},
        "taxes": [
            {"rate": rate, "net": said(net), "tax": said(tax)} | treated(treatment)
            for (rate, treatment), (net, tax) in sums.taxes.items()
            if rate
        ],
        "tax_reasons": tax_reasons(treatment for _, treatment in sums.taxes),
        "totals": {"net": said(sums.net), "tax": said(sums.tax), "gross": said(sums.gross)},
        "rounding": "Net and tax are rounded once per session and tax rate; this invoice adds them up.",
    }


def _fleet(fleet: Fleet) -> Snapshot:
    return {
        "name": fleet.legal_name or fleet.name,
        "street": fleet.street,
        "postal_code": fleet.postal_code,
        "city": fleet.city,
        "country": fleet.country,
        "vat_id": fleet.vat_id,
        "email": fleet.email,
        "reference": fleet.reference,
        "business": True,
    }


def _driver(driver: Driver) -> Snapshot:
    return {"name": driver.name, "email": driver.email, "country": driver.country, "business": False}
