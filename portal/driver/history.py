"""A driver's history over all sellers: months with totals, from the projection that billing keeps."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.db.models.functions import ExtractYear

from accounts.models import Driver
from billing.models import DriverHistoryEntry
from portal.charts import PriceLine
from portal.cost import Shares, longest_of, sum_shares
from portal.payment_words import PaymentWords, words_for

MONTHS_SHOWN = 12
PAGE_SIZE = 200


@dataclass(frozen=True)
class HistoryRow:
    """One session in the history. `started` and `ended` by the site's clock."""

    entry: DriverHistoryEntry
    started: datetime
    ended: datetime
    shares: Shares
    line: PriceLine
    payment: PaymentWords
    refunded: Decimal


@dataclass(frozen=True)
class MonthTotal:
    """What a month came to in one currency."""

    shares: Shares
    paid: Decimal
    refunded: Decimal


@dataclass(frozen=True)
class Month:
    """A month by the sites' clocks, newest first inside."""

    first: date
    rows: list[HistoryRow]
    totals: list[MonthTotal]
    energy_wh: int


@dataclass(frozen=True)
class History:
    """What the page shows: months, the years there are, and where older ones begin."""

    months: list[Month]
    years: list[int]
    year: int | None
    older: str


def entries_of(driver: Driver) -> QuerySet[DriverHistoryEntry]:
    """All of a driver's sessions that were charged, newest first."""
    rows: QuerySet[DriverHistoryEntry] = DriverHistoryEntry.objects.filter(driver=driver)
    return rows.order_by("-started_at", "-id")


def history_of(driver: Driver, query: Mapping[str, str]) -> History:
    """The history as the URL asks: `?year=2026`, `?place=` (part of a place's name), `?before=` (ISO time)."""
    rows = entries_of(driver)
    years = list(
        rows.order_by().annotate(year=ExtractYear("started_at")).values_list("year", flat=True).distinct()
    )
    year = int(query["year"]) if query.get("year", "") in {str(one) for one in years} else None
    if year is not None:
        rows = rows.filter(started_at__year=year)
    if query.get("place"):
        rows = rows.filter(place__icontains=query["place"][:100])
    before = _moment(query.get("before", ""))
    if before is not None:
        rows = rows.filter(started_at__lt=before)
    found = list(rows[: PAGE_SIZE + 1])
    older = found[PAGE_SIZE - 1].started_at.astimezone(UTC).isoformat() if len(found) > PAGE_SIZE else ""
    return History(months_of(found[:PAGE_SIZE]), sorted(years, reverse=True), year, older)


def months_of(entries: Iterable[DriverHistoryEntry]) -> list[Month]:
    """Entries, newest first, grouped by local month; all price lines share a scale per currency."""
    listed = list(entries)
    longest = longest_of(shares_of_entry(entry) for entry in listed)
    rows = [history_row(entry, longest) for entry in listed]
    return [
        _month(first, list(group))
        for first, group in groupby(rows, lambda row: row.started.date().replace(day=1))
    ]


def history_row(entry: DriverHistoryEntry, longest: dict[str, Decimal] | None = None) -> HistoryRow:
    """One entry, ready to be shown."""
    zone = ZoneInfo(entry.time_zone)
    shares = shares_of_entry(entry)
    return HistoryRow(
        entry=entry,
        started=entry.started_at.astimezone(zone),
        ended=entry.ended_at.astimezone(zone),
        shares=shares,
        line=shares.line(longest=(longest or {}).get(shares.currency)),
        payment=words_for(
            entry.payment_state, entry.payment_method, entry.card, entry.refunded.amount, entry.paid.amount
        ),
        refunded=entry.refunded.amount,
    )


def shares_of_entry(entry: DriverHistoryEntry) -> Shares:
    """The shares of an entry's price line."""
    amounts = (entry.energy, entry.time, entry.parking, entry.fees, entry.tax)
    return Shares(str(entry.gross.currency), *(one.amount for one in amounts))


def entry_of(driver: Driver, session_id: UUID) -> DriverHistoryEntry | None:
    """The driver's own entry for a session."""
    return entries_of(driver).filter(session_id=session_id).first()


def _month(first: date, rows: list[HistoryRow]) -> Month:
    totals = [
        MonthTotal(shares, _sum(rows, currency, "paid"), _sum(rows, currency, "refunded"))
        for currency, shares in sorted(sum_shares(row.shares for row in rows).items())
    ]
    return Month(first, rows, totals, sum(row.entry.energy_wh for row in rows))


def _sum(rows: Iterable[HistoryRow], currency: str, name: str) -> Decimal:
    amounts = (getattr(row.entry, name) for row in rows)
    return sum((one.amount for one in amounts if str(one.currency) == currency), Decimal(0))


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
