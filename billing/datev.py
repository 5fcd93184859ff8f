"""DATEV's booking batch (EXTF 700, Buchungsstapel 13): the journals of a month, summed by day and pair of accounts.

Format: developer.datev.de, DATEV-Format, Buchungsstapel. Tax is booked on accounts of its own, so revenue goes to
accounts without tax automatism (SKR03 8000, SKR04 4000), receivables to those without sub-ledger (1410, 1210).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from billing.minor_units import digits
from billing.models import Account, Entry, Journal
from billing.month_end import Span

Kind = Account.Kind
CHARTS: dict[str, dict[str, str]] = {
    "03": {
        Kind.DRIVER_RECEIVABLE: "1410", Kind.DRIVER_WALLET: "1710", Kind.OWNER_PAYABLE: "1700",
        Kind.REVENUE: "8000", Kind.PLATFORM_REVENUE: "8010", Kind.TAX_PAYABLE: "1770", "19": "1776", "7": "1771",
        Kind.STRIPE_CLEARING: "1360", Kind.STRIPE_FEES: "4970", Kind.BAD_DEBT: "2400", Kind.BANK: "1200",
    },
    "04": {
        Kind.DRIVER_RECEIVABLE: "1210", Kind.DRIVER_WALLET: "3250", Kind.OWNER_PAYABLE: "3500",
        Kind.REVENUE: "4000", Kind.PLATFORM_REVENUE: "4010", Kind.TAX_PAYABLE: "3800", "19": "3806", "7": "3801",
        Kind.STRIPE_CLEARING: "1460", Kind.STRIPE_FEES: "6855", Kind.BAD_DEBT: "6930", Kind.BANK: "1800",
    },
}  # fmt: skip
IN_TRANSIT = {
    "03": "1590",
    "04": "1370",
}  # where no account of the chart fits, and between entries of many to many
COLUMNS = (
    "Umsatz (ohne Soll/Haben-Kz)", "Soll/Haben-Kennzeichen", "WKZ Umsatz", "Kurs", "Basis-Umsatz",
    "WKZ Basis-Umsatz", "Konto", "Gegenkonto (ohne BU-Schlüssel)", "BU-Schlüssel", "Belegdatum", "Belegfeld 1",
    "Belegfeld 2", "Skonto", "Buchungstext",
)  # fmt: skip
ROWS_AT_MOST = 99_999


@dataclass(frozen=True, slots=True)
class Batch:
    """What the tax adviser's numbers are, and which currency the file is in."""

    consultant: int
    client: int
    chart: str
    currency: str

    def check(self) -> None:
        """Raises ValueError naming the field."""
        if not 1001 <= self.consultant <= 9_999_999:
            raise ValueError("consultant: a number from 1001 to 9999999, please")
        if not 1 <= self.client <= 99_999:
            raise ValueError("client: a number from 1 to 99999, please")
        if self.chart not in CHARTS:
            raise ValueError(f"chart: one of {', '.join(CHARTS)}, please")
        if digits(self.currency) != 2:
            raise ValueError(f"currency: DATEV takes two decimals, which {self.currency} does not have")


@dataclass(frozen=True, slots=True, order=True)
class Pair:
    """What is summed up: a day's movement of `account` against `counter`, debit and credit apart."""

    day: date
    cause: str
    account: str
    counter: str
    debit: bool


def export(span: Span, batch: Batch, made_at: datetime) -> bytes:
    """The file, in Windows-1252 as DATEV reads it. Raises ValueError naming what is wrong."""
    batch.check()
    sums = _sums(span, batch)
    if len(sums) > ROWS_AT_MOST:
        raise ValueError(f"month: {len(sums)} rows, DATEV takes {ROWS_AT_MOST} in a file")
    rows = [_header(span, batch, made_at), ";".join(COLUMNS), *_lines(sums, batch)]
    return ("\r\n".join(rows) + "\r\n").encode("cp1252", errors="replace")


def _header(span: Span, batch: Batch, made_at: datetime) -> str:
    year = span.first.replace(month=1, day=1)
    text = _text("Ladevorgänge " + f"{span.first:%m/%Y}")
    return ";".join([
        '"EXTF"', "700", "21", '"Buchungsstapel"', "13", f"{made_at:%Y%m%d%H%M%S}000", "", '"RE"', '""', '""',
        str(batch.consultant), str(batch.client), f"{year:%Y%m%d}", "4", f"{span.first:%Y%m%d}",
        f"{span.last:%Y%m%d}", text, '""', "1", "0", "0", _text(batch.currency), "", '""', "", "",
        _text(batch.chart), "", "", '""', '""',
    ])  # fmt: skip


def _text(said: str) -> str:
    clean = "".join(each for each in said if each.isprintable())
    return '"' + clean.replace('"', '""') + '"'


def _lines(sums: dict[Pair, Decimal], batch: Batch) -> Iterator[str]:
    for number, (pair, amount) in enumerate(sorted(sums.items()), start=1):
        yield ";".join([
            f"{amount:.2f}".replace(".", ","), '"S"' if pair.debit else '"H"', _text(batch.currency), "", "", '""',
            pair.account, pair.counter, '""', f"{pair.day:%d%m}", _text(f"{pair.day:%Y%m}-{number}"), '""', "",
            _text(Journal.Cause(pair.cause).label),
        ])  # fmt: skip


def _sums(span: Span, batch: Batch) -> dict[Pair, Decimal]:
    zone = ZoneInfo(span.organisation.time_zone or "UTC")
    sums: dict[Pair, Decimal] = {}
    for entries in _journals(span, batch.currency):
        day = entries[0].booked_at.astimezone(zone).date()
        for entry, counter in _against(entries, batch.chart):
            account = _number(entry.account, batch.chart)
            amount = entry.amount.amount
            pair = Pair(day, entry.journal.cause, account, counter, amount > 0)
            sums[pair] = sums.get(pair, Decimal(0)) + abs(amount)
    return sums


def _journals(span: Span, currency: str) -> Iterator[list[Entry]]:
    """The month's entries in a currency, journal by journal."""
    asked = span.asked
    entries: Iterable[Entry] = (
        Entry.objects.filter(
            organisation=span.organisation, currency=currency,
            booked_at__gte=asked["since"], booked_at__lt=asked["until"],
        )
        .select_related("journal", "account")
        .order_by("journal", "id")
        .iterator(chunk_size=2000)
    )  # fmt: skip
    held: list[Entry] = []
    of: UUID | None = None
    for entry in entries:
        if held and entry.journal_id != of:
            yield held
            held = []
        of = entry.journal_id
        held.append(entry)
    if held:
        yield held


def _against(entries: list[Entry], chart: str) -> Iterator[tuple[Entry, str]]:
    """Each entry beside the account it is booked against: the one that stands alone on its side, if one does."""
    for debit in (True, False):
        side = [entry for entry in entries if (entry.amount.amount > 0) is debit]
        if len(side) == 1:
            counter = _number(side[0].account, chart)
            yield from ((entry, counter) for entry in entries if entry is not side[0])
            return
    yield from ((entry, IN_TRANSIT[chart]) for entry in entries)


def _number(account: Account, chart: str) -> str:
    numbers = CHARTS[chart]
    if account.kind == Kind.TAX_PAYABLE and account.tax_rate is not None:
        by_rate = numbers.get(f"{account.tax_rate.normalize():f}")
        if by_rate:
            return by_rate
    return numbers.get(account.kind, IN_TRANSIT[chart])
