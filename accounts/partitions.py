"""Tables partitioned by month: the migration operation that makes them and the upkeep that adds months."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection, models, transaction
from django.db.migrations.operations import AlterField, RunSQL, SeparateDatabaseAndState
from psycopg import sql

RECREATE = """
ALTER TABLE {table} RENAME TO {table}_plain;
CREATE TABLE {table} (LIKE {table}_plain INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)
    PARTITION BY RANGE ({column});
DROP TABLE {table}_plain;
CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;
"""


class PartitionByMonth(RunSQL):
    """Place right after a CreateModel whose primary key holds `column`: indexes and keys follow.

    Rows of months that have no partition yet land in the default one, so nothing is ever refused.
    """

    def __init__(self, table: str, column: str) -> None:
        self.table, self.column = table, column
        super().__init__(RECREATE.format(table=table, column=column), reverse_sql=RunSQL.noop)

    def deconstruct(self) -> tuple[str, list[str], dict[str, str]]:
        return self.__class__.__qualname__, [], {"table": self.table, "column": self.column}

    def describe(self) -> str:
        return f"Partition {self.table} by month of {self.column}"


MONTH = re.compile(r"(\d{4})_(\d\d)")

REKEY = """
DO $$
DECLARE old text;
BEGIN
    SELECT conname INTO old FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'p';
    EXECUTE format('ALTER TABLE {table} DROP CONSTRAINT %I', old);
    ALTER TABLE {table} ADD PRIMARY KEY ({columns});
END
$$
"""


class Rekey(SeparateDatabaseAndState):
    """Give a partitioned table another primary key, which Django can't; `columns` as CompositePrimaryKey has."""

    def __init__(self, model: str, table: str, columns: Sequence[str], before: Sequence[str]) -> None:
        self.arguments = {"model": model, "table": table, "columns": columns, "before": before}
        forward, back = (REKEY.format(table=table, columns=", ".join(names)) for names in (columns, before))
        key = models.CompositePrimaryKey(*columns, serialize=False)
        super().__init__([RunSQL(forward, back)], [AlterField(model, "pk", key)])

    def deconstruct(self) -> tuple[str, list[str], dict[str, Any]]:
        return self.__class__.__qualname__, [], self.arguments

    def describe(self) -> str:
        return f"Key {self.arguments['table']} by {', '.join(self.arguments['columns'])}"


def _months(first: datetime, count: int) -> Iterator[tuple[datetime, datetime]]:
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    for _ in range(count):
        end = datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
        yield start, end
        start = end


def ensure_months(table: str, column: str, first: datetime, count: int = 3) -> list[str]:
    """Make the partitions of `count` months from `first`; the default's rows move in. Returns new names."""
    made = []
    for start, end in _months(first, count):
        name = f"{table}_{start:%Y_%m}"
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", [name])
            if cursor.fetchone()[0] is None:
                cursor.execute(_new_month(table, column, name, start, end))
                _guard_like_the_default(table, name)
                made.append(name)
    return made


def old_months(table: str, now: datetime, kept: int) -> list[str]:
    """Names of the partitions of months more than `kept` months before that of `now`, oldest first."""
    oldest = now.year * 12 + now.month - 1 - kept
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1",
            [table],
        )
        names = [name for (name,) in cursor.fetchall()]
    months = ((name, MONTH.fullmatch(name.removeprefix(f"{table}_"))) for name in names)
    return [name for name, month in months if month and int(month[1]) * 12 + int(month[2]) - 1 < oldest]


def drop_month(name: str, may_go: Callable[[], bool] = lambda: True) -> bool:
    """Drop a partition if `may_go` says so while nobody can write to it.

    Raises OperationalError where it is in use for long: nobody waits behind us.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(name)))
        if not may_go():
            return False
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        return True


def partition_of(table: str, at: datetime) -> str:
    """The partition that takes a row of `at`."""
    name = f"{table}_{at.astimezone(UTC):%Y_%m}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [name])
        return name if cursor.fetchone()[0] is not None else f"{table}_default"


def _guard_like_the_default(table: str, name: str) -> None:
    """Statement triggers, such as those against TRUNCATE, don't come with ATTACH."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND tgparentid = 0 AND NOT tgisinternal",
            [f"{table}_default"],
        )
        for (definition,) in cursor.fetchall():
            cursor.execute(definition.replace(f"{table}_default ", f"{name} ", 1))


PARTITIONED_TABLES = """
SELECT c.relname, a.attname
FROM pg_partitioned_table p
JOIN pg_class c ON c.oid = p.partrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = p.partattrs[0]
WHERE p.partstrat = 'r' AND c.relnamespace = current_schema()::regnamespace
"""


def ensure_all() -> list[str]:
    """Make this and the next two months' partitions of every table that has some; returns the new names."""
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONED_TABLES)
        tables = cursor.fetchall()
    now = datetime.now(UTC)
    return [name for table, column in tables for name in ensure_months(table, column, now)]


def _new_month(table: str, column: str, name: str, start: datetime, end: datetime) -> sql.Composed:
    # Triggers that keep rows from being changed have to let them move.
    return sql.SQL(
        """
        LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;
        CREATE TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        ALTER TABLE {default} DISABLE TRIGGER USER;
        WITH moved AS (
            DELETE FROM {default} WHERE {column} >= {start} AND {column} < {end} RETURNING *
        ) INSERT INTO {name} SELECT * FROM moved;
        ALTER TABLE {default} ENABLE TRIGGER USER;
        ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({start}) TO ({end});
        """
    ).format(
        table=sql.Identifier(table),
        name=sql.Identifier(name),
        default=sql.Identifier(f"{table}_default"),
        column=sql.Identifier(column),
        start=sql.Literal(start.isoformat()),
        end=sql.Literal(end.isoformat()),
    )
