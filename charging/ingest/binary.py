"""PostgreSQL's binary forms: columns as array parameters, rows for COPY.

Packed by hand: at thousands of rows a second this is a good part of the work (PostgreSQL docs, COPY, "Binary
Format"; array_recv). Times are microseconds since 2000 in UTC, ids their 16 bytes.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Any

from django.db import connection
from psycopg import Cursor
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format

UUID_OID, TIME_OID, BIGINT_OID = 2950, 1184, 20
NULL = b"\xff\xff\xff\xff"
UUID_HEAD = b"\x00\x00\x00\x10"
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_array_head = Struct("!5i").pack  # dimensions, has NULLs, type of the elements, how many, lower bound
_length = Struct("!i").pack
_eight = Struct("!iq").pack
_two = Struct("!ih").pack


class Packed(bytes):
    """A parameter in binary form already; the statement's cast tells its type."""


class _AsItIs(Dumper):
    format = Format.BINARY
    oid = 0

    def dump(self, obj: Packed) -> bytes:
        return obj


class _IdAsBytes(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def cursor() -> "Cursor[Any]":
    """A cursor that prepares its statements on the server, on Django's connection and in its transaction.

    Wrap its use in `connection.wrap_database_errors`.
    """
    connection.ensure_connection()
    raw = connection.connection
    raw.prepare_threshold = 0
    made: Cursor[Any] = Cursor(raw)
    made.adapters.register_dumper(Packed, _AsItIs)
    made.adapters.register_loader("uuid", _IdAsBytes)
    return made


def prepared(statement: Any, columns: Sequence[object]) -> list[Any]:
    """Run a statement of a batch, planned once a connection, on columns as `arrays` or this module makes them.

    Raises django.db.Error.
    """
    with connection.wrap_database_errors, cursor() as raw:
        raw.execute(statement, columns)
        return raw.fetchall() if raw.description else []


def plan_once() -> None:
    """For the rest of the transaction: a plan for any number of rows, one look-up in an index for each.

    A plan for the batch at hand takes longer to make than to run, and may read a whole table.
    """
    with connection.wrap_database_errors, cursor() as raw:
        raw.execute("SET LOCAL plan_cache_mode = force_generic_plan")


def microseconds(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def uuids(values: Sequence[bytes]) -> Packed:
    return _array(UUID_OID, len(values), [UUID_HEAD + value for value in values])


def times(values: Sequence[int]) -> Packed:
    """An array of timestamptz from microseconds since 2000."""
    return _array(TIME_OID, len(values), [_eight(8, value) for value in values])


def bigints(values: Sequence[int | None]) -> Packed:
    return _array(BIGINT_OID, len(values), [bigint(value) for value in values])


def _array(oid: int, length: int, items: list[bytes]) -> Packed:
    return Packed(_array_head(1, 1, oid, length, 1) + b"".join(items))


def bigint(value: int | None) -> bytes:
    """A column of a COPY row."""
    return NULL if value is None else _eight(8, value)


def smallint(value: int | None) -> bytes:
    return NULL if value is None else _two(2, value)


def text(value: str) -> bytes:
    """Any text but NUL."""
    encoded = value.encode()
    return _length(len(encoded)) + encoded


word = lru_cache(4096)(text)  # for what is said again and again


def copy_in(statement: Any, rows: Iterable[bytes]) -> None:
    """COPY rows, each its number of columns and then its columns, into a table. Raises django.db.Error."""
    with connection.wrap_database_errors, cursor() as raw, raw.copy(statement) as copy:
        copy.write(b"".join([SIGNATURE, *rows, TRAILER]))
