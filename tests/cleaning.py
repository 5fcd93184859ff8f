"""Back to what the migrations made, after a test that really commits.

Django's own way truncates every table: slow with some 150 of them, and the rows that migrations made go too.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
from psycopg import sql

TABLES = """
    SELECT format('%I.%I', nspname, relname)
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind = 'r' AND relpersistence <> 't' AND nspname <> 'information_schema' AND nspname !~ '^pg_'
    AND pg_relation_size(pg_class.oid) > 0
"""
SIGNATURE = "SELECT count(*), sum(hashtextextended(row::text, 0)) FROM {} AS row"
WORTH_A_VACUUM_BYTES = 4_000_000


@dataclass(frozen=True)
class Seed:
    """The rows that a table has without any test."""

    signature: tuple[object, ...]
    rows: bytes


@dataclass
class Baseline:
    """What the migrations left in the tables; `restore()` brings it back."""

    seeds: dict[str, Seed] = field(default_factory=dict)

    @classmethod
    def of(cls, url: str) -> Baseline:
        with psycopg.connect(url) as connection:
            return cls({table: _seed(connection, table) for table in _filled(connection)})

    def restore(self, url: str) -> None:
        """Make all tables equal to the baseline. Sequences run on: no test may count on a number."""
        with psycopg.connect(url) as connection:
            # no triggers: neither foreign keys, nor audit, nor those that forbid to change what was issued
            connection.execute("SET session_replication_role = replica; SET lock_timeout = '10s'")
            touched = self._touched(connection)
            for table in touched:
                connection.execute(sql.SQL("DELETE FROM {}").format(_name(table)))
                if table in self.seeds:
                    _load(connection, table, self.seeds[table].rows)
            connection.commit()
            _shrink(connection, touched)

    def _touched(self, connection: psycopg.Connection) -> list[str]:
        filled = _filled(connection)
        emptied = [table for table in self.seeds if table not in filled]
        return emptied + [
            table
            for table in filled
            if table not in self.seeds or _signature(connection, table) != self.seeds[table].signature
        ]


def _filled(connection: psycopg.Connection) -> list[str]:
    """Tables with at least one row."""
    candidates = [table for (table,) in connection.execute(TABLES)]
    if not candidates:
        return []
    checks = (
        sql.SQL("SELECT {} WHERE EXISTS (SELECT FROM {})").format(sql.Literal(table), _name(table))
        for table in candidates
    )
    return [table for (table,) in connection.execute(sql.SQL(" UNION ALL ").join(checks))]


def _seed(connection: psycopg.Connection, table: str) -> Seed:
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(_name(table))) as copy:
        rows = b"".join(bytes(block) for block in copy)
    return Seed(_signature(connection, table), rows)


def _load(connection: psycopg.Connection, table: str, rows: bytes) -> None:
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(_name(table))) as copy:
        copy.write(rows)


def _signature(connection: psycopg.Connection, table: str) -> tuple[object, ...]:
    row = connection.execute(sql.SQL(SIGNATURE).format(_name(table))).fetchone()
    assert row is not None
    return row


def _shrink(connection: psycopg.Connection, tables: list[str]) -> None:
    """Deleted rows stay in the file until a vacuum; the suite's server runs none by itself."""
    connection.autocommit = True
    for table in tables:
        size = connection.execute("SELECT pg_relation_size(%s::regclass)", [table]).fetchone()
        if size and size[0] > WORTH_A_VACUUM_BYTES:
            connection.execute(sql.SQL("VACUUM {}").format(_name(table)))


def _name(table: str) -> sql.Composable:
    """A name that PostgreSQL itself has quoted."""
    return sql.SQL(table)
