"""Readings on their way into the table: new ones by COPY into their month, doubtful ones with a conflict check."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from struct import Struct
from uuid import UUID

from django.db import connection
from psycopg import sql

from accounts.partitions import partition_of
from charging.ingest import binary
from charging.ingest.arrays import plain, texts
from charging.ingest.binary import bigint, microseconds, smallint
from charging.ingest.facts import Metered
from charging.ingest.known import KnownSession

TABLE = "charging_reading"
COLUMNS = (
    "id", "session_id", "organisation_id", "at",
    "register_wh", "power_w", "current_ma", "soc_percent", "shape_id", "said",
)  # fmt: skip
COPY = "COPY {} ({}) FROM STDIN (FORMAT BINARY)"
INSERT = """
    INSERT INTO charging_reading
        (id, session_id, organisation_id, at, register_wh, power_w, current_ma, soc_percent, shape_id, said)
    SELECT id, session_id, organisation_id, at, register_wh, power_w, current_ma, soc_percent, shape_id, said
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::bigint[], %s::bigint[],
                %s::bigint[], %s::smallint[], %s::bigint[], %s::text[])
      AS v(id, session_id, organisation_id, at, register_wh, power_w, current_ma, soc_percent, shape_id, said)
    ON CONFLICT DO NOTHING
"""
_head = Struct("!h i16s i16s i16s iq").pack
_length = Struct("!i").pack
_partitions: dict[tuple[int, int], sql.Composed] = {}


class Row:
    """One reading of a known session; `at_us` as PostgreSQL counts."""

    __slots__ = ("at_us", "fact", "session", "shape_id")

    def __init__(self, session: KnownSession, fact: Metered, shape_id: int | None) -> None:
        self.session, self.fact, self.shape_id = session, fact, shape_id
        self.at_us = microseconds(fact.at)

    def packed(self) -> bytes:
        session, values = self.session, self._values()
        key = _key(values)
        return _head(10, 16, key, 16, session.key, 16, session.organisation, 8, self.at_us) + values

    def id(self) -> UUID:
        """Follows from what was said, so that a repeat is the same row (with session and time)."""
        return UUID(bytes=_key(self._values()))

    def _values(self) -> bytes:
        fact, said = self.fact, self.fact.said.encode()
        return b"".join(
            (
                bigint(fact.register_wh),
                bigint(fact.power_w),
                bigint(fact.current_ma),
                smallint(fact.soc_percent),
                bigint(self.shape_id),
                _length(len(said)),
                said,
            )
        )


def _key(values: bytes) -> bytes:
    return blake2b(values, digest_size=16).digest()


def append(rows: Sequence[Row]) -> None:
    """COPY rows into their months; the caller has locked their sessions and knows that the rows are new.

    Past the table's own triggers, which would look up each session once more. Raises IntegrityError.
    """
    months: dict[tuple[int, int], list[bytes]] = {}
    for row in rows:
        at = row.fact.at
        months.setdefault((at.year, at.month), []).append(row.packed())
    for month, packed in months.items():
        binary.copy_in(_into(*month), packed)


def insert_singly(rows: Sequence[Row]) -> None:
    """Insert rows of which some may be there, or late; the table's triggers look at each."""
    facts = [row.fact for row in rows]
    columns = [
        plain(row.id() for row in rows),
        plain(row.session.session_id for row in rows),
        plain(fact.reporter.organisation_id for fact in facts),
        plain(fact.at for fact in facts),
        plain(fact.register_wh for fact in facts),
        plain(fact.power_w for fact in facts),
        plain(fact.current_ma for fact in facts),
        plain(fact.soc_percent for fact in facts),
        plain(row.shape_id for row in rows),
        texts(fact.said for fact in facts),
    ]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, columns)


def forget() -> None:
    """Partitions come and go; ask again."""
    _partitions.clear()


def _into(year: int, month: int) -> sql.Composed:
    found = _partitions.get((year, month))
    if found is None:
        name = partition_of(TABLE, datetime(year, month, 1, tzinfo=UTC))
        columns = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
        found = _partitions[year, month] = sql.SQL(COPY).format(sql.Identifier(name), columns)
    return found
