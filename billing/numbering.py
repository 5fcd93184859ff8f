"""Numbers without gaps: counted in the transaction that issues, so that an abort gives its number back."""

from uuid import UUID

from django.db import connection

from accounts.identifiers import uuid7

PREFIXES = {"receipt": "R", "invoice": "I", "credit_note": "C"}

NEXT = """
INSERT INTO billing_documentcounter AS counter (id, organisation_id, kind, year, last)
VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (organisation_id, kind, year) DO UPDATE SET last = counter.last + EXCLUDED.last
RETURNING last
"""


def next_number(organisation_id: UUID, kind: str, year: int) -> int:
    """The next number of a series; holds the series' row lock until the transaction ends."""
    return next_numbers(organisation_id, kind, year, 1)[0]


def next_numbers(organisation_id: UUID, kind: str, year: int, count: int) -> range:
    """The next `count` numbers of a series, at least one."""
    if not connection.in_atomic_block:
        raise RuntimeError("a number is only given inside the transaction that uses it")
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [uuid7(), organisation_id, kind, year, count])
        last = int(cursor.fetchone()[0])
    return range(last - count + 1, last + 1)


def lock(organisation_id: UUID, kind: str, year: int) -> None:
    """Have nobody else issue in a series until the transaction ends."""
    next_numbers(organisation_id, kind, year, 0)


def written(kind: str, year: int, sequence: int) -> str:
    """R-2026-000042."""
    return f"{PREFIXES[kind]}-{year}-{sequence:06}"
