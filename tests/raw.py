"""Raw SQL for tests of what the database itself refuses, whoever writes to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, models, transaction


def set_column(row: models.Model, **columns: Any) -> None:
    """UPDATE the row's columns past every check in Python."""
    assignments = ", ".join(f'"{name}" = %s' for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE "{row._meta.db_table}" SET {assignments} WHERE id = %s', [*columns.values(), _id_of(row)]
        )
        assert cursor.rowcount == 1


def copy_row(row: models.Model, **changed: Any) -> None:
    """INSERT the row once more under a new id, with other columns changed."""
    columns = [field.column for field in row._meta.local_concrete_fields if field.column is not None]
    values = {"id": "gen_random_uuid()", **dict.fromkeys(changed, "%s")}
    chosen = ", ".join(values.get(column, f'"{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO "{row._meta.db_table}" ({names}) SELECT {chosen} FROM "{row._meta.db_table}" WHERE id = %s',
            [*[changed[column] for column in columns if column in changed], _id_of(row)],
        )


@contextmanager
def refused_by(constraint: str) -> Iterator[None]:
    """The block's SQL must fail by the constraint or trigger of that name."""
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic():  # noqa: PT012  the caller's block
        yield
        with connection.cursor() as cursor:  # deferred ones speak now
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _id_of(row: models.Model) -> Any:
    return row.serializable_value("id")  # the pk of a partitioned table is composite
