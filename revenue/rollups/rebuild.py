"""The rollups from scratch: all sessions of an organisation summed, in slices, and laid over what is there.

Changes committed meanwhile leave their marks, and upkeep settles those afterwards.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Organisation
from revenue.models import RollupMark, RollupState
from revenue.rollups import archived
from revenue.rollups.pieces import pieces
from revenue.rollups.tables import OWNER_HOURS, STATION_DAYS, TABLES, Table
from revenue.rollups.upkeep import lock

Progress = Callable[[int, int], None]
SLICE = 50_000  # their pieces fit into memory
LAST = datetime(9999, 1, 1, tzinfo=UTC)

CHOSEN = """
    SELECT s.id FROM charging_chargingsession s WHERE s.organisation_id = %(organisation)s
      AND s.state = 'priced' AND s.started_at >= %(since)s AND s.started_at < %(until)s"""
SLICE_PIECES = pieces(
    chosen=CHOSEN,
    credited="d.organisation_id = %(organisation)s AND %(is_first)s",
    down="outage.organisation_id = %(organisation)s AND %(is_first)s",
)
SLICES = """
SELECT started_at FROM (
    SELECT started_at, row_number() OVER (ORDER BY started_at) AS n FROM charging_chargingsession
    WHERE organisation_id = %s AND state = 'priced'
) s WHERE n %% %s = 1 ORDER BY 1
"""


def rebuild(organisation_id: UUID | None = None, progress: Progress | None = None) -> int:
    """Sum everything anew, of one organisation or of all; returns how many sessions were read.

    `progress(done, of)` is told after each slice of each organisation.
    """
    organisations = [organisation_id] if organisation_id else _all_organisations()
    return sum(_rebuild_one(each, progress or _quiet) for each in organisations)


def _quiet(done: int, of: int) -> None:
    """Nobody looks."""


def _all_organisations() -> list[UUID]:
    return list(Organisation.objects.order_by("id").values_list("pk", flat=True))


@transaction.atomic
def _rebuild_one(organisation_id: UUID, progress: Progress) -> int:
    lock(organisation_id, wait=True)
    RollupMark.objects.of(organisation_id).delete()  # what they mark is read below
    done = sum_up(organisation_id, progress)
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(table.zero(fresh_of(table), "r.organisation_id = %s"), [organisation_id])
            cursor.execute(table.insert(fresh_of(table)))
    RollupState.objects.of(organisation_id).update(settled_at=timezone.now())
    return done


def fresh_of(table: Table) -> str:
    """The temporary table that `sum_up` fills."""
    return f"pg_temp.fresh_{table.name}"


def sum_up(organisation_id: UUID, progress: Progress = _quiet) -> int:
    """Fill `fresh_of` both tables with the organisation's sums; the caller's transaction keeps them."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '128MB'; SET LOCAL jit = off")
        for table in TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {fresh_of(table)}")
            cursor.execute(f"CREATE TEMP TABLE fresh_{table.name} (LIKE {table.name}) ON COMMIT DROP")
            cursor.execute(f"ALTER TABLE {fresh_of(table)} ADD PRIMARY KEY ({', '.join(table.key)})")
        count = _count(cursor, organisation_id)
        for number, (since, until) in enumerate(list(_slices(cursor, organisation_id))):
            _sum_slice(cursor, organisation_id, since, until, is_first=number == 0)
            progress(min(count, (number + 1) * SLICE), count)
        for table in TABLES:
            cursor.execute(f"ANALYZE {fresh_of(table)}")
    return count


def _count(cursor: Any, organisation_id: UUID) -> int:
    cursor.execute(
        "SELECT count(*) FROM charging_chargingsession WHERE organisation_id = %s AND state = 'priced'",
        [organisation_id],
    )
    return int(cursor.fetchone()[0])


def _slices(cursor: Any, organisation_id: UUID) -> Iterator[tuple[datetime, datetime]]:
    """(since, until) of slices of `SLICE` sessions; one that is empty if there are none."""
    cursor.execute(SLICES, [organisation_id, SLICE])
    starts = [row[0] for row in cursor.fetchall()] or [LAST]
    return zip(starts, [*starts[1:], LAST], strict=True)


def _sum_slice(
    cursor: Any, organisation_id: UUID, since: datetime, until: datetime, *, is_first: bool
) -> None:
    hours, days = OWNER_HOURS, STATION_DAYS
    given = {"organisation": organisation_id, "since": since, "until": until, "is_first": is_first}
    archived.lay_out(cursor, CHOSEN, given)
    cursor.execute(
        f"""WITH {SLICE_PIECES},
        by_hour AS ({hours.summed("pieces")}),
        by_day AS ({days.summed("pieces")}),
        written AS ({hours.add(fresh_of(hours), "by_hour")})
        {days.add(fresh_of(days), "by_day")}""",
        given,
    )
