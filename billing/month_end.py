"""What an accountant needs of a month: tax by country and rate, each account's movement, and what is still open.

A month is the seller's local one, and belongs to it what was booked in it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import Organisation
from billing import vat
from billing.models import Account

TAXES = """
    WITH moved AS (
        SELECT site.country, c.treatment, c.currency, t->>'percent' AS percent,
          (t->>'net')::numeric AS net, (t->>'tax')::numeric AS tax
        FROM billing_journal j JOIN billing_sessioncharge c
          ON c.organisation_id = j.organisation_id AND c.journal_id = j.id AND c.treatment = 'standard'
        JOIN charging_pricedsession p ON p.id = c.priced_id
        CROSS JOIN LATERAL jsonb_array_elements(p.result->'taxes') t
        JOIN charging_chargingsession s ON s.id = c.session_id
        JOIN stations_station station ON station.id = s.station_id
        JOIN stations_site site ON site.id = station.site_id
        WHERE j.organisation_id = %(organisation)s AND j.booked_at >= %(since)s AND j.booked_at < %(until)s
        UNION ALL
        SELECT site.country, c.treatment, c.currency, '0', c.net, c.tax
        FROM billing_journal j JOIN billing_sessioncharge c
          ON c.organisation_id = j.organisation_id AND c.journal_id = j.id AND c.treatment <> 'standard'
        JOIN charging_chargingsession s ON s.id = c.session_id
        JOIN stations_station station ON station.id = s.station_id
        JOIN stations_site site ON site.id = station.site_id
        WHERE j.organisation_id = %(organisation)s AND j.booked_at >= %(since)s AND j.booked_at < %(until)s
        UNION ALL
        SELECT site.country, c.treatment, c.currency, t->>'rate',
          -coalesce((t->>'net')::numeric, d.net), -(t->>'tax')::numeric
        FROM billing_journal j
        JOIN billing_document d ON d.organisation_id = j.organisation_id AND d.id = j.cause_id
        CROSS JOIN LATERAL jsonb_array_elements(d.snapshot->'taxes') t
        JOIN billing_sessioncharge c ON c.id = d.charge_id
        JOIN charging_chargingsession s ON s.id = c.session_id
        JOIN stations_station station ON station.id = s.station_id
        JOIN stations_site site ON site.id = station.site_id
        WHERE j.organisation_id = %(organisation)s AND j.booked_at >= %(since)s AND j.booked_at < %(until)s
          AND j.cause = 'credit_note'
    )
    SELECT country, treatment, currency,
      CASE WHEN percent LIKE '%%/%%'
        THEN round(split_part(percent, '/', 1)::numeric / split_part(percent, '/', 2)::numeric, 4)
        ELSE percent::numeric END AS rate,
      sum(net), sum(tax)
    FROM moved GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 4, 3
"""
MOVEMENTS = """
    SELECT a.kind, a.tax_rate, a.currency,
      coalesce(sum(e.amount) FILTER (WHERE e.booked_at < %(since)s), 0),
      coalesce(sum(e.amount) FILTER (WHERE e.booked_at >= %(since)s AND e.amount > 0), 0),
      coalesce(-sum(e.amount) FILTER (WHERE e.booked_at >= %(since)s AND e.amount < 0), 0),
      coalesce(sum(e.amount), 0)
    FROM billing_account a JOIN billing_entry e ON e.organisation_id = a.organisation_id
      AND e.account_id = a.id AND e.booked_at < %(until)s
    WHERE a.organisation_id = %(organisation)s GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
OPEN = """
    SELECT 'held', count(*) FROM charging_chargingsession
    WHERE organisation_id = %(organisation)s AND quality = 'held' AND ended_at < %(until)s
    UNION ALL
    SELECT 'unbilled', count(*) FROM charging_chargingsession s
    WHERE s.organisation_id = %(organisation)s AND s.state = 'priced' AND NOT s.settled_elsewhere
      AND s.quality IN ('good', 'released') AND s.ended_at < %(until)s
      AND NOT EXISTS (SELECT FROM billing_sessioncharge c
                      WHERE c.organisation_id = s.organisation_id AND c.session_id = s.id)
    UNION ALL
    SELECT 'on_account', count(*) FROM billing_payment p
    JOIN billing_sessioncharge c ON c.organisation_id = p.organisation_id AND c.id = p.charge_id
    JOIN charging_chargingsession s ON s.id = c.session_id
    WHERE p.organisation_id = %(organisation)s AND p.state = 'on_account' AND s.ended_at < %(until)s
      AND NOT EXISTS (SELECT FROM billing_invoiceline l
                      WHERE l.organisation_id = c.organisation_id AND l.charge_id = c.id)
    UNION ALL
    SELECT 'failed', count(*) FROM billing_payment
    WHERE organisation_id = %(organisation)s AND state IN ('failed', 'short') AND created_at < %(until)s
    UNION ALL
    SELECT 'unanswered', count(*) FROM billing_paymentattempt
    WHERE organisation_id = %(organisation)s AND state = 'unknown' AND created_at < %(until)s
    UNION ALL
    SELECT 'without_fee', count(*) FROM billing_payment
    WHERE organisation_id = %(organisation)s AND captured > 0 AND fee_booked_at IS NULL
      AND paid_at < %(until)s AND intent_id <> ''
"""


@dataclass(frozen=True, slots=True)
class Span:
    """The local month of `organisation` that begins on `first`."""

    organisation: Organisation
    first: date

    @property
    def last(self) -> date:
        return (self.first + timedelta(days=32)).replace(day=1) - timedelta(days=1)

    @property
    def asked(self) -> dict[str, Any]:
        """The parameters of the queries."""
        return {
            "organisation": self.organisation.pk,
            "since": self._midnight(self.first),
            "until": self._midnight(self.last + timedelta(days=1)),
        }

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.organisation.time_zone or "UTC"))


@dataclass(frozen=True, slots=True)
class TaxLine:
    """Sales less credit notes taxed alike; `country` is where the electricity was used."""

    country: str
    treatment: str
    currency: str
    rate: Decimal | None
    net: Decimal
    tax: Decimal

    @property
    def treated(self) -> str:
        return str(vat.Treatment(self.treatment).label)


@dataclass(frozen=True, slots=True)
class Movement:
    """A kind of account, by tax rate where it has one: debit positive, credit negative; `debit` + and `credit` +."""

    kind: str
    rate: Decimal | None
    currency: str
    opening: Decimal
    debit: Decimal
    credit: Decimal
    closing: Decimal

    @property
    def name(self) -> str:
        rate = "" if self.rate is None else f" {self.rate.normalize():f} %"
        return f"{Account.Kind(self.kind).label}{rate}"


def _rows(sql: str, span: Span) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, span.asked)
        return list(cursor.fetchall())


def taxes(span: Span) -> list[TaxLine]:
    return [TaxLine(*row) for row in _rows(TAXES, span)]


def movements(span: Span) -> list[Movement]:
    return [Movement(*row) for row in _rows(MOVEMENTS, span)]


def still_open(span: Span) -> dict[str, int]:
    """How many facts of the month or earlier are not settled, by reason; only reasons with any."""
    return {reason: count for reason, count in _rows(OPEN, span) if count}
