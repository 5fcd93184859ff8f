"""Readings grow old: each session's become one packed curve, and a month that is in curves is dropped.

A session is rated by what its rows and its curve say together, so a fact that comes after the curve was made
counts as any other, and a price is the same from either.
"""

import logging
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from psycopg import sql

from accounts.partitions import drop_month, old_months
from charging.curve import Point, in_order, pack, unpack
from charging.models import ChargingSession, Reading, SessionCurve

log = logging.getLogger(__name__)

ARCHIVE_AFTER = timedelta(days=2)  # of its end: by then it is priced, and late messages have come
TABLE = "charging_reading"

# Rows are only ever added: a curve that was made of as many of a month's rows was made of all of them.
NOT_IN_CURVES = """
    SELECT r.session_id
    FROM (SELECT session_id, count(*) AS rows FROM {month} GROUP BY session_id) r
    LEFT JOIN charging_sessioncurve c ON c.session_id = r.session_id
    WHERE (c.rows ->> {name})::bigint IS DISTINCT FROM r.rows
    LIMIT {limit}
"""


def points_of(session: ChargingSession) -> list[Point]:
    """All readings of a session in order of time, then register: rows, and the curve where there may be one."""
    points = [Point(*row[1:]) for row in _rows(session)]
    if session.started_at < timezone.now() - ARCHIVE_AFTER:
        curve = SessionCurve.objects.of(session.organisation_id).filter(session=session).first()
        points += unpack(bytes(curve.points)) if curve else []
    return in_order(points)


def archive_sweep(limit: int = 2000) -> int:
    """Make the curves of sessions that ended a while ago; returns of how many."""
    ended = ChargingSession.objects.to_archive().filter(ended_at__lt=timezone.now() - ARCHIVE_AFTER)
    waiting = ended.order_by("ended_at").values_list("organisation_id", "pk")[:limit]
    return sum(archive(organisation_id, pk) for organisation_id, pk in list(waiting))


def archive(organisation_id: UUID, session_id: UUID) -> bool:
    """Pack all that is known of one session. False if somebody else is at it."""
    with transaction.atomic():
        mine = ChargingSession.objects.of(organisation_id).filter(pk=session_id)
        session = mine.select_for_update(skip_locked=True).first()
        if session is None:
            return False
        before = SessionCurve.objects.of(organisation_id).filter(session=session).first()
        rows = list(_rows(session))
        points = [Point(*row[1:]) for row in rows] + (unpack(bytes(before.points)) if before else [])
        points = in_order(points)
        counted = Counter(month_of(row[1]) for row in rows)
        SessionCurve.objects.update_or_create(
            organisation_id=organisation_id,
            session=session,
            defaults={
                "points": pack(points),
                "count": len(points),
                "peak_power_w": max((p.power_w for p in points if p.power_w is not None), default=None),
                "rows": (before.rows if before else {}) | counted,
            },
        )
        if session.ended_at is not None:
            mine.update(archived_at=timezone.now())
    return True


def month_of(at: datetime) -> str:
    """As partitions are named."""
    return f"{at:%Y_%m}"


def drop_old_readings(limit: int = 20_000) -> list[str]:
    """Drop the months past READINGS_KEPT_MONTHS all of whose readings are in curves; returns their names.

    0, the default, keeps all: sums by the hour (`revenue.rollups`) are built from rows, and months that are
    dropped can't be built anew as finely.

    What is missing is archived first, `limit` sessions a run.
    """
    dropped: list[str] = []
    if not settings.READINGS_KEPT_MONTHS:
        return dropped
    for name in old_months(TABLE, timezone.now(), settings.READINGS_KEPT_MONTHS):
        for session in ChargingSession.objects.filter(pk__in=_not_in_curves(name, limit)):
            archive(session.organisation_id, session.pk)
        try:
            if drop_month(name, lambda name=name: not _not_in_curves(name, 1)):  # type: ignore[misc]  # bound now
                dropped.append(name)
        except OperationalError as error:
            log.warning("%s stays until the next time: %s", name, error)
    return dropped


def _rows(
    session: ChargingSession,
) -> list[tuple[UUID, datetime, int | None, int | None, int | None, int | None]]:
    """Id and values of each row."""
    rows = Reading.objects.filter(organisation=session.organisation_id, session=session)
    return list(rows.values_list("id", "at", "register_wh", "power_w", "current_ma", "soc_percent"))


def _not_in_curves(name: str, limit: int) -> list[UUID]:
    query = sql.SQL(NOT_IN_CURVES).format(
        month=sql.Identifier(name),
        name=sql.Literal(name.removeprefix(f"{TABLE}_")),
        limit=sql.Literal(limit),
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [session_id for (session_id,) in cursor.fetchall()]
