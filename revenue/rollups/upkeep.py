"""Keeping the rollups up: what was marked is summed anew from the sessions, one process an organisation.

A mark is deleted first and the sums read afterwards, in the same transaction under the organisation's lock:
a change that the sums don't see yet was not committed when its mark was looked for, so its mark stays for the
next round. A crash brings the marks back. Sums are absolute, never added to: a repeat changes nothing.
READ COMMITTED, the default, is assumed.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from revenue.models import RollupMark, RollupState
from revenue.rollups import archived
from revenue.rollups.pieces import pieces
from revenue.rollups.tables import OWNER_HOURS, STATION_DAYS

log = logging.getLogger(__name__)

MARKS_AT_ONCE = 5000
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, of one station or of the whole organisation; ends included."""

    since: datetime
    until: datetime
    station_id: UUID | None = None


def sweep() -> int:
    """Settle every organisation that has marks and that nobody else settles; returns how many marks."""
    marked = RollupMark.objects.order_by().values_list("organisation_id", flat=True).distinct()
    return sum(_safely(organisation_id) for organisation_id in marked)


def _safely(organisation_id: UUID) -> int:
    try:
        return settle(organisation_id)
    except Exception:
        log.exception("the rollups of organisation %s can't be kept up", organisation_id)
        return 0


def settle(organisation_id: UUID, *, wait: bool = False) -> int:
    """Sum anew what is marked, all of it; returns how many marks there were.

    Another process at work on the same organisation: waits for it, or leaves it to it.
    """
    done = 0
    while settled := _settle_some(organisation_id, wait=wait):
        done += settled
        if settled < MARKS_AT_ONCE:
            break
    return done


@transaction.atomic
def _settle_some(organisation_id: UUID, *, wait: bool) -> int:
    if not lock(organisation_id, wait=wait):
        return 0
    marks = _take(organisation_id)
    if marks:
        _sum_station_days(organisation_id, merged(marks))
        _sum_owner_hours(organisation_id, merged(Span(mark.since, mark.until) for mark in marks))
        RollupState.objects.of(organisation_id).update(settled_at=timezone.now())
    return len(marks)


def lock(organisation_id: UUID, *, wait: bool) -> bool:
    """Hold the organisation's rollups until the transaction ends; False if another does and `wait` is not."""
    states = RollupState.objects.of(organisation_id)
    if not states.exists():  # inserting would wait for whoever inserts the same
        RollupState.objects.bulk_create([RollupState(organisation_id=organisation_id)], ignore_conflicts=True)
    return states.select_for_update(skip_locked=not wait).first() is not None


def _take(organisation_id: UUID) -> list[Span]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            DELETE FROM revenue_rollupmark WHERE id IN (
                SELECT id FROM revenue_rollupmark WHERE organisation_id = %s ORDER BY made_at LIMIT %s
            ) AND organisation_id = %s RETURNING since, until, station_id""",
            [organisation_id, MARKS_AT_ONCE, organisation_id],
        )
        return [Span(*row) for row in cursor.fetchall()]


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in as few spans as can be; those less than an hour apart become one."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda span: (str(span.station_id), span.since)):
        last = result[-1] if result else None
        if last and last.station_id == span.station_id and span.since <= last.until + HOUR:
            result[-1] = Span(last.since, max(last.until, span.until), span.station_id)
        else:
            result.append(span)
    return result


STATION_SPANS = """
spans AS MATERIALIZED (
    SELECT m.station_id, d.first, d.last, d.first::timestamp AT TIME ZONE site.time_zone AS starts,
        (d.last + 1)::timestamp AT TIME ZONE site.time_zone AS ends
    FROM unnest(%(stations)s::uuid[], %(since)s::timestamptz[], %(until)s::timestamptz[])
        AS m(station_id, since, until)
    JOIN stations_station station
      ON station.organisation_id = %(organisation)s AND station.id = m.station_id
    JOIN stations_site site ON site.organisation_id = %(organisation)s AND site.id = station.site_id
    CROSS JOIN LATERAL (SELECT (m.since AT TIME ZONE site.time_zone)::date AS first,
        (m.until AT TIME ZONE site.time_zone)::date AS last) d
),
days AS MATERIALIZED (
    SELECT DISTINCT station_id, first + n AS day FROM spans, generate_series(0, last - first) AS n
)"""
STATION_CHOSEN = """
    SELECT DISTINCT s.id FROM spans JOIN charging_chargingsession s
      ON s.organisation_id = %(organisation)s AND s.station_id = spans.station_id
    WHERE s.state = 'priced' AND s.ended_at >= spans.starts AND s.started_at < spans.ends"""
STATION_PIECES = pieces(
    chosen=STATION_CHOSEN,
    credited="""d.id IN (
        SELECT d2.id FROM spans JOIN billing_document d2 ON d2.organisation_id = %(organisation)s
          AND d2.kind = 'credit_note' AND d2.issued_at >= spans.starts AND d2.issued_at < spans.ends)""",
    down="""outage.id IN (
        SELECT o.id FROM spans JOIN stations_evse e
          ON e.organisation_id = %(organisation)s AND e.station_id = spans.station_id
        JOIN stations_outage o ON o.organisation_id = %(organisation)s AND o.evse_id = e.id
          AND o.until >= spans.starts AND o.since < spans.ends)""",
)
HOUR_SPANS = """
spans AS MATERIALIZED (
    SELECT since - interval '1 hour' AS starts, until + interval '1 hour' AS ends
    FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) AS m(since, until)
)"""
HOUR_CHOSEN = """
    SELECT DISTINCT s.id FROM spans JOIN charging_chargingsession s ON s.organisation_id = %(organisation)s
    WHERE s.state = 'priced' AND s.ended_at >= spans.starts
      AND s.started_at < spans.ends + interval '1 hour'"""
HOUR_PIECES = pieces(
    chosen=HOUR_CHOSEN,
    credited="""d.id IN (
        SELECT d2.id FROM spans JOIN billing_document d2 ON d2.organisation_id = %(organisation)s
          AND d2.kind = 'credit_note' AND d2.issued_at >= spans.starts
          AND d2.issued_at < spans.ends + interval '1 hour')""",
    down="""outage.id IN (
        SELECT o.id FROM spans JOIN stations_outage o ON o.organisation_id = %(organisation)s
          AND o.until >= spans.starts AND o.since < spans.ends + interval '1 hour')""",
)


def _sum_station_days(organisation_id: UUID, spans: Sequence[Span]) -> None:
    within = "EXISTS (SELECT FROM days WHERE days.station_id = {0}.station_id AND days.day = {0}.day)"
    fresh = STATION_DAYS.summed("pieces")
    _execute(
        f"""WITH {STATION_SPANS}, {STATION_PIECES},
        sums AS ({fresh}),
        fresh AS MATERIALIZED (SELECT * FROM sums WHERE {within.format("sums")}),
        zeroed AS ({STATION_DAYS.zero("fresh", f"r.organisation_id = %(organisation)s AND {within.format('r')}")})
        {STATION_DAYS.insert("fresh")}""",
        _given(organisation_id, spans),
        (STATION_CHOSEN, STATION_SPANS),
    )


def _sum_owner_hours(organisation_id: UUID, spans: Sequence[Span]) -> None:
    within = "EXISTS (SELECT FROM spans WHERE {0} >= spans.starts AND {0} < spans.ends)"
    fresh = OWNER_HOURS.summed("pieces", within.format("to_timestamp(hour_s)"))
    scope = f"r.organisation_id = %(organisation)s AND {within.format('r.starts_at')}"
    _execute(
        f"""WITH {HOUR_SPANS}, {HOUR_PIECES},
        fresh AS MATERIALIZED ({fresh}),
        zeroed AS ({OWNER_HOURS.zero("fresh", scope)})
        {OWNER_HOURS.insert("fresh")}""",
        _given(organisation_id, spans),
        (HOUR_CHOSEN, HOUR_SPANS),
    )


def _given(organisation_id: UUID, spans: Sequence[Span]) -> dict[str, Any]:
    return {
        "organisation": organisation_id,
        "stations": [span.station_id for span in spans],
        "since": [span.since for span in spans],
        "until": [span.until for span in spans],
    }


def _execute(statement: str, given: dict[str, Any], sessions: tuple[str, str]) -> None:
    """Run it with the archived readings of its `sessions` at hand."""
    chosen, names = sessions
    with connection.cursor() as cursor:
        archived.lay_out(cursor, chosen, given, names)
        cursor.execute(statement, given)
