"""Candidates from a CSV: one a line, errors by row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from accounts.models import Organisation
from revenue.models import Candidate

COLUMNS = (
    "name", "latitude", "longitude", "ports", "power_kw", "access", "cost",
    "distance_m", "registrations", "traffic", "competitors",
)  # fmt: skip
REQUIRED = COLUMNS[:3]
MOST_ROWS = 1000
MOST_BYTES = 1_000_000


class CandidatesRefused(Exception):
    """What is wrong with a file, a line for each fault."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def read_candidates(content: bytes, organisation: Organisation) -> list[Candidate]:
    """Unsaved candidates of a CSV with a header. Raises CandidatesRefused, naming rows as a spreadsheet does."""
    if len(content) > MOST_BYTES:
        raise CandidatesRefused([f"file: {len(content):,} bytes are more than {MOST_BYTES:,}"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CandidatesRefused([f"file: is no UTF-8 text ({error.reason}); save it as CSV UTF-8"]) from error
    if "\x00" in text:
        raise CandidatesRefused(["file: holds a NUL character; save it as CSV UTF-8"])
    first = text.split("\n", 1)[0]
    table = csv.DictReader(io.StringIO(text), delimiter=";" if first.count(";") > first.count(",") else ",")
    missing = [name for name in REQUIRED if name not in (table.fieldnames or ())]
    if missing:
        raise CandidatesRefused([f"header: lacks {', '.join(missing)}; known are {', '.join(COLUMNS)}"])
    return _checked(table, organisation)


def one_candidate(row: dict[str, str], organisation: Organisation) -> Candidate:
    """An unsaved candidate of one row, by COLUMNS. Raises CandidatesRefused, naming the fields."""
    row = {name: row.get(name, "").strip().replace("\x00", "") for name in COLUMNS}
    faults = list(_faults(row, set()))
    if faults:
        raise CandidatesRefused(faults)
    return _candidate(row, organisation)


def _checked(table: csv.DictReader[str], organisation: Organisation) -> list[Candidate]:
    found, faults, names = list[Candidate](), list[str](), set[str]()
    for number, raw in enumerate(table, start=2):
        if number > MOST_ROWS + 1:
            faults.append(f"row {number}: more than {MOST_ROWS} rows")
            break
        row = {name: (raw.get(name) or "").strip() for name in COLUMNS}
        wrong = list(_faults(row, names))
        faults += [f"row {number}: {fault}" for fault in wrong]
        names.add(row["name"])
        if not wrong:
            found.append(_candidate(row, organisation))
    if not found and not faults:
        faults.append("file: has a header and no rows")
    if faults:
        raise CandidatesRefused(faults)
    return found


def _faults(row: dict[str, str], names: set[str]) -> Iterator[str]:
    if not row["name"] or len(row["name"]) > 120:
        yield "name: needs 1 to 120 characters"
    elif row["name"] in names:
        yield f"name: {row['name']!r} stands there twice"
    limits: dict[str, tuple[str, int, int]] = {
        "latitude": ("", -90, 90),
        "longitude": ("", -180, 180),
        "ports": ("2", 1, 200),
        "power_kw": ("22", 1, 2000),
        "cost": ("0", 0, 10**9),
        "distance_m": ("0", 0, 10**6),
        "registrations": ("0", 0, 10**8),
        "traffic": ("0", 0, 10**8),
        "competitors": ("0", 0, 10_000),
    }
    for name, (default, least, most) in limits.items():
        number = _number(row[name] or default)
        if number is None or not least <= number <= most:
            yield f"{name}: {row[name]!r} is no number from {least} to {most}"
        elif name not in ("latitude", "longitude", "cost", "power_kw") and number != int(number):
            yield f"{name}: {row[name]!r} is no whole number"
    if row["access"] and row["access"] not in Candidate.Access.values:
        yield f"access: {row['access']!r} is none of {', '.join(Candidate.Access.values)}"


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _candidate(row: dict[str, str], organisation: Organisation) -> Candidate:
    optional = {
        name: int(Decimal(row[name])) if row[name] else None
        for name in ("distance_m", "registrations", "traffic", "competitors")
    }
    return Candidate(
        organisation=organisation,
        name=row["name"],
        latitude=round(Decimal(row["latitude"]), 6),
        longitude=round(Decimal(row["longitude"]), 6),
        ports=int(Decimal(row["ports"] or "2")),
        power_w=int(Decimal(row["power_kw"] or "22") * 1000),
        access=row["access"] or Candidate.Access.PUBLIC,
        currency=organisation.currency,
        cost=Decimal(row["cost"] or "0"),
        **optional,
    )


def keep_candidates(found: list[Candidate], organisation: Organisation) -> int:
    """Save them; one of the same name is replaced. Returns how many."""
    Candidate.objects.of(organisation).filter(name__in=[each.name for each in found]).delete()
    Candidate.objects.bulk_create(found)
    return len(found)
