"""Readings whose rows are gone, out of the curves they were packed into, for the statement that splits sessions.

Rows are dropped by the month (`charging.curves`), so a session that began and ended in months that are there
has all of its own. Of a curve no more is laid out than the split can need: what borders on a quarter of an
hour, since every time zone's hours begin with one, and its highest power.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from charging.curve import Point, unpack

QUARTER_S = 900

TABLE = """
CREATE TEMP TABLE IF NOT EXISTS rollup_point (organisation_id uuid NOT NULL, session_id uuid NOT NULL,
    at timestamptz NOT NULL, register_wh bigint, power_w bigint) ON COMMIT DELETE ROWS;
CREATE INDEX IF NOT EXISTS rollup_point_of_session ON pg_temp.rollup_point (session_id, at);
DELETE FROM pg_temp.rollup_point;
"""
IS_THERE = "SELECT to_regclass('pg_temp.rollup_point_of_session') IS NOT NULL"
CLEAR = "DELETE FROM pg_temp.rollup_point"
CURVES = """
WITH {names}months AS (
    SELECT right(inhrelid::regclass::text, 7) AS name FROM pg_inherits
    WHERE inhparent = 'charging_reading'::regclass
)
SELECT c.organisation_id, c.session_id, c.points FROM ({chosen}) AS chosen
JOIN charging_chargingsession s ON s.id = chosen.id AND (
    to_char(s.started_at AT TIME ZONE 'UTC', 'YYYY_MM') NOT IN (SELECT name FROM months)
    OR to_char(s.ended_at AT TIME ZONE 'UTC', 'YYYY_MM') NOT IN (SELECT name FROM months))
JOIN charging_sessioncurve c ON c.organisation_id = s.organisation_id AND c.session_id = s.id
"""
READINGS = """(
    SELECT organisation_id, session_id, at, register_wh, power_w FROM charging_reading
    UNION ALL SELECT organisation_id, session_id, at, register_wh, power_w FROM pg_temp.rollup_point
)"""
"""What `lay_out` found together with the rows that there are; a reading in both changes nothing."""


def lay_out(cursor: Any, chosen: str, given: Mapping[str, Any], names: str = "") -> int:
    """Fill `rollup_point` for the sessions that `chosen` picks, a query over the WITH list `names`.

    Lasts as long as the transaction. Returns how many points there are.
    """
    cursor.execute(IS_THERE)
    cursor.execute(CLEAR if cursor.fetchone()[0] else TABLE)
    cursor.execute(CURVES.format(chosen=chosen, names=names and f"{names}, "), given)
    rows = [
        (organisation_id, session_id, point.at, point.register_wh, point.power_w)
        for organisation_id, session_id, packed in cursor.fetchall()
        for point in needed(unpack(bytes(packed)))
    ]
    if rows:
        with cursor.copy("COPY pg_temp.rollup_point FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("ANALYZE pg_temp.rollup_point")
    return len(rows)


def needed(points: Iterable[Point]) -> Iterator[Point]:
    """Of points in order: in each quarter of an hour those first and last told and the one with most power."""
    told = (point for point in points if point.register_wh is not None)
    for _, quarter in groupby(told, key=lambda point: point.at.timestamp() // QUARTER_S):
        own = list(quarter)
        first = [point for point in own if point.at == own[0].at][-1]  # of one instant the highest register
        yield from dict.fromkeys((first, max(own, key=lambda point: point.power_w or 0), own[-1]))
