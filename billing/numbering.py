"""Numbers without gaps: counted in the transaction that issues, so that an abort gives its number back."""

from uuid import UUID

from django.db import connection

from accounts.identifiers import uuid7

PREFIXES = {"receipt": "R", "credit_note": "C"}

NEXT = """
INSERT INTO billing_documentcounter AS counter (id, organisation_id, kind, year, last)
VALUES (%s, %s, %s, %s, 1)
ON CONFLICT (organisation_id, kind, year) DO UPDATE SET last = counter.last + 1
RETURNING last
"""


def next_number(organisation_id: UUID, kind: str, year: int) -> int:
    """The next number of a series; holds the series' row lock until the transaction ends."""
    if not connection.in_atomic_block:
        raise RuntimeError("a number is only given inside the transaction that uses it")
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [uuid7(), organisation_id, kind, year])
        return int(cursor.fetchone()[0])


def written(kind: str, year: int, sequence: int) -> str:
    """R-2026-000042."""
    return f"{PREFIXES[kind]}-{year}-{sequence:06}"
