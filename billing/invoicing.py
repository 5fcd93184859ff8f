"""Monthly invoices: what drivers and fleets charged on account, one document a buyer and currency.

A charge stands on one invoice only (a unique constraint says so), so a run may be killed and repeated at any
time: it goes on with what is not invoiced yet. Sums are sums of the sessions' rounded amounts, never
computed anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils import timezone
from moneyed import Money

from accounts.identifiers import uuid7
from accounts.models import Driver, Fleet, Organisation
from billing import mail, numbering
from billing.invoice_snapshots import Month, Sums, of_month
from billing.minor_units import zero
from billing.models import Document, DocumentKind, Payment

BATCH = 200

WAITING = """
    FROM billing_payment p
    JOIN billing_sessioncharge c ON c.organisation_id = p.organisation_id AND c.id = p.charge_id
    JOIN charging_chargingsession s ON s.id = c.session_id
    WHERE p.organisation_id = %(organisation)s AND p.state = 'on_account' AND s.ended_at < %(until)s
      AND NOT EXISTS (SELECT FROM billing_invoiceline l
                      WHERE l.organisation_id = c.organisation_id AND l.charge_id = c.id)
"""
OF_BUYERS = """
    AND (coalesce(c.fleet_id, c.driver_id), c.currency)
        IN (SELECT unnest(%(buyers)s::uuid[]), unnest(%(currencies)s::text[]))
"""
BUYERS = f"""
    SELECT c.fleet_id, CASE WHEN c.fleet_id IS NULL THEN c.driver_id END, c.currency, count(*), sum(c.gross)
    {WAITING} GROUP BY 1, 2, 3 ORDER BY 3, 1, 2
"""
CHARGES = f"""
    CREATE TEMPORARY TABLE invoiced ON COMMIT DROP AS
    SELECT c.id AS charge_id, coalesce(c.fleet_id, c.driver_id) AS buyer_id, c.currency
    {WAITING} {OF_BUYERS}
"""
SUMS = """
    SELECT i.buyer_id, i.currency, count(*), sum(c.net), sum(c.tax), sum(c.gross), sum(p.energy),
      sum(p.time), sum(p.parking), sum(p.fees), sum(p.energy_wh), sum(p.duration_s)
    FROM invoiced i JOIN billing_sessioncharge c ON c.id = i.charge_id
    JOIN charging_pricedsession p ON p.id = c.priced_id
    GROUP BY 1, 2
"""
TAXES = """
    SELECT i.buyer_id, i.currency, t->>'percent', c.treatment, sum((t->>'net')::numeric),
      sum((t->>'tax')::numeric)
    FROM invoiced i JOIN billing_sessioncharge c ON c.id = i.charge_id
    JOIN charging_pricedsession p ON p.id = c.priced_id
    CROSS JOIN LATERAL jsonb_array_elements(p.result->'taxes') t
    WHERE c.treatment = 'standard' GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT i.buyer_id, i.currency, '0', c.treatment, sum(c.net), sum(c.tax)
    FROM invoiced i JOIN billing_sessioncharge c ON c.id = i.charge_id
    WHERE c.treatment <> 'standard' GROUP BY 1, 2, 3, 4
    ORDER BY 3, 4
"""
LINES = """
    INSERT INTO billing_invoiceline (id, organisation_id, document_id, charge_id, started_at, ended_at,
      time_zone, place, driver_name, cost_centre, energy_wh, duration_s, currency, net, tax, gross)
    SELECT gen_random_uuid(), c.organisation_id, d.document_id, c.id, s.started_at, s.ended_at,
      site.time_zone, left(site.name || ', ' || coalesce(nullif(station.name, ''), station.identity), 250),
      CASE WHEN c.fleet_id IS NULL THEN '' ELSE coalesce(nullif(driver.name, ''), driver.email, '') END,
      c.cost_centre, p.energy_wh, p.duration_s, c.currency, c.net, c.tax, c.gross
    FROM invoiced i
    JOIN unnest(%(buyers)s::uuid[], %(currencies)s::text[], %(documents)s::uuid[])
      AS d (buyer_id, currency, document_id) USING (buyer_id, currency)
    JOIN billing_sessioncharge c ON c.id = i.charge_id
    JOIN charging_pricedsession p ON p.id = c.priced_id
    JOIN charging_chargingsession s ON s.id = c.session_id
    JOIN stations_station station ON station.id = s.station_id
    JOIN stations_site site ON site.id = station.site_id
    LEFT JOIN accounts_driver driver ON driver.id = c.driver_id
"""


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who gets an invoice, in one currency, and what would stand on it."""

    fleet_id: UUID | None
    driver_id: UUID | None
    currency: str
    sessions: int
    gross: Decimal

    @property
    def key(self) -> tuple[UUID, str]:
        whose = self.fleet_id or self.driver_id
        if whose is None:
            raise ValueError("buyer: neither a fleet nor a driver")
        return whose, self.currency


def month_before(day: date) -> date:
    """The first day of the month before that of `day`."""
    return (day.replace(day=1) - timedelta(days=1)).replace(day=1)


def buyers(month: Month) -> list[Buyer]:
    """Who has something on account that ended in the month or earlier; the dry run of `run`."""
    with connection.cursor() as cursor:
        cursor.execute(BUYERS, {"organisation": month.organisation.pk, "until": month.ends})
        return [Buyer(*row) for row in cursor.fetchall()]


def run(organisation: Organisation, period: date, now: datetime | None = None) -> Iterator[list[Document]]:
    """Invoice a month, batch by batch, each in a transaction of its own; yields each batch's invoices.

    Raises ValueError for a month that isn't over.
    """
    month = Month(organisation, period.replace(day=1), now or timezone.now())
    if month.ends > month.issued_at:
        raise ValueError(f"period: {period:%B %Y} is not over yet in {organisation.time_zone}")
    waiting = buyers(month)
    for start in range(0, len(waiting), BATCH):
        yield _issue(month, waiting[start : start + BATCH])


@transaction.atomic
def _issue(month: Month, chosen: Sequence[Buyer]) -> list[Document]:
    organisation_id = month.organisation.pk
    numbering.lock(organisation_id, DocumentKind.INVOICE, month.today.year)
    found = _take(month, chosen)
    if not found:
        return []
    numbers = numbering.next_numbers(organisation_id, DocumentKind.INVOICE, month.today.year, len(found))
    parties = _parties(chosen)
    documents = [
        _document(month, parties[sums.buyer_id], sums, number)
        for sums, number in zip(found, numbers, strict=True)
    ]
    Document.objects.bulk_create(documents)
    _write_lines(documents, found)
    Payment.objects.bulk_create(_payable(document) for document in documents)
    for document in documents:
        mail.write(organisation_id, mail.Kind.INVOICE, document.pk, document.snapshot["buyer"]["email"])
    return documents


def _take(month: Month, chosen: Sequence[Buyer]) -> list[Sums]:
    """The buyers' charges that are on no invoice now that nobody else issues any, summed up."""
    keys = [buyer.key for buyer in chosen]
    which: dict[str, Any] = {
        "organisation": month.organisation.pk,
        "until": month.ends,
        "buyers": [key[0] for key in keys],
        "currencies": [key[1] for key in keys],
    }
    with connection.cursor() as cursor:
        cursor.execute(CHARGES, which)
        cursor.execute(SUMS)
        found = {row[:2]: Sums(*row) for row in cursor.fetchall()}
        cursor.execute(TAXES)
        for buyer_id, currency, percent, treatment, net, tax in cursor.fetchall():
            found[buyer_id, currency].add_tax(percent, treatment, net, tax)
    return [found[key] for key in keys if key in found]


def _parties(chosen: Sequence[Buyer]) -> dict[UUID, Fleet | Driver]:
    fleets = Fleet.objects.filter(pk__in=[buyer.fleet_id for buyer in chosen if buyer.fleet_id])
    drivers = Driver.objects.filter(pk__in=[buyer.driver_id for buyer in chosen if buyer.driver_id])
    found: list[Fleet | Driver] = [*fleets, *drivers]
    return {party.pk: party for party in found}


def _document(month: Month, party: Fleet | Driver, sums: Sums, sequence: int) -> Document:
    number = numbering.written(DocumentKind.INVOICE, month.today.year, sequence)
    return Document(
        id=uuid7(),
        organisation=month.organisation,
        kind=DocumentKind.INVOICE,
        year=month.today.year,
        sequence=sequence,
        number=number,
        driver=party if isinstance(party, Driver) else None,
        fleet=party if isinstance(party, Fleet) else None,
        net=Money(sums.net, sums.currency),
        tax=Money(sums.tax, sums.currency),
        gross=Money(sums.gross, sums.currency),
        snapshot=of_month(month, party, sums) | {"number": number},
        issued_at=month.issued_at,
        period=month.period,
        due_on=month.due_on(party),
    )


def _write_lines(documents: Sequence[Document], found: Sequence[Sums]) -> None:
    where: dict[str, Any] = {
        "buyers": [sums.buyer_id for sums in found],
        "currencies": [sums.currency for sums in found],
        "documents": [document.pk for document in documents],
    }
    with connection.cursor() as cursor:
        cursor.execute(LINES, where)
        cursor.execute("DROP TABLE invoiced")


def _payable(document: Document) -> Payment:
    """A driver's card is charged; a fleet transfers, or pays by the link in the letter."""
    nothing = zero(str(document.gross.currency))
    return Payment(
        organisation_id=document.organisation_id,
        method=Payment.Method.INVOICE,
        state=Payment.State.AWAITED if document.fleet_id else Payment.State.DUE,
        driver_id=document.driver_id,
        fleet_id=document.fleet_id,
        invoice=document,
        email=document.snapshot["buyer"]["email"],
        due=nothing,
        authorised=nothing,
        captured=nothing,
        refunded=nothing,
        credited=nothing,
    )


def sweep(now: datetime | None = None) -> int:
    """Invoice the month that is over, for every organisation with something on account; how many invoices."""
    now = now or timezone.now()
    issued = 0
    on_account = Payment.objects.filter(state=Payment.State.ON_ACCOUNT).values("organisation").distinct()
    for organisation in Organisation.objects.filter(pk__in=on_account):
        today = now.astimezone(ZoneInfo(organisation.time_zone or "UTC")).date()
        issued += sum(len(batch) for batch in run(organisation, month_before(today), now))
    return issued
