"""Connector statuses as intervals, what they mean for the session that runs there, and boots."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.db import connection

from accounts.identifiers import uuid7
from charging.ingest.arrays import plain, texts
from charging.ingest.binary import prepared
from charging.ingest.facts import TAKEN, Booted, Outcome, StatusReported

SESSION_STATES = {"Charging": "CHARGING", "SuspendedEV": "PARKED", "SuspendedEVSE": "WITHHELD"}

# A status is what the connector says now: a time before the open interval's, or one in the future, is
# a wrong clock, and the time of receipt counts instead. "Occupied" is all that OCPP 2 says of a connector:
# what a transaction told of it says more.
NEW_STATUS = """
    WITH told AS (
        SELECT v.id, v.organisation_id, v.connector_id, v.status, v.error_code, v.info, o.id AS open_id,
               CASE WHEN v.at > v.received_at OR v.at < o.since THEN greatest(v.received_at, o.since)
                    ELSE v.at END AS since
        FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[],
                    %s::timestamptz[], %s::timestamptz[])
          AS v(id, organisation_id, connector_id, status, error_code, info, at, received_at)
        LEFT JOIN stations_statusinterval o
          ON o.organisation_id = v.organisation_id AND o.connector_id = v.connector_id AND o.until IS NULL
        WHERE (o.status, o.error_code, o.info) IS DISTINCT FROM (v.status, v.error_code, v.info)
          AND NOT (v.status = 'Occupied' AND o.status IS NOT NULL
                   AND o.status IN ('Preparing', 'Charging', 'SuspendedEV', 'SuspendedEVSE', 'Finishing'))
    ), closed AS (
        UPDATE stations_statusinterval i SET until = told.since FROM told WHERE i.id = told.open_id
        RETURNING i.id
    )
    SELECT told.id, told.organisation_id, told.connector_id, told.status, told.error_code, told.info,
           told.since, (SELECT count(*) FROM closed)
    FROM told
"""

INSERT_STATUS = """
    INSERT INTO stations_statusinterval
        (id, organisation_id, connector_id, status, error_code, info, since)
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[],
                         %s::timestamptz[])
"""

INSERT_STATE = """
    INSERT INTO charging_sessionstate (id, organisation_id, session_id, at, state)
    SELECT v.id, s.organisation_id, s.id, v.at, v.state
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::text[])
      AS v(id, organisation_id, connector_id, at, state)
    CROSS JOIN LATERAL (
        SELECT id, organisation_id FROM charging_chargingsession
        WHERE organisation_id = v.organisation_id AND connector_id = v.connector_id
          AND started_at <= v.at AND (ended_at IS NULL OR ended_at > v.at)
        ORDER BY started_at DESC LIMIT 1
    ) s
    WHERE v.state IS DISTINCT FROM coalesce(
        (SELECT state FROM charging_sessionstate
         WHERE organisation_id = s.organisation_id AND session_id = s.id AND at < v.at
         ORDER BY at DESC LIMIT 1), 'CHARGING')
    ON CONFLICT DO NOTHING
"""

BOOT = """
    UPDATE stations_station s
    SET boot_at = v.at, last_seen_at = v.at, vendor = v.vendor, model = v.model,
        serial_number = v.serial_number, firmware_version = v.firmware_version
    FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[])
      AS v(organisation_id, id, at, vendor, model, serial_number, firmware_version)
    WHERE s.organisation_id = v.organisation_id AND s.id = v.id
"""


def note_statuses(reported: Sequence[StatusReported]) -> list[Outcome]:
    """Close each connector's open interval and open the next; states of running sessions follow."""
    for round_ in _rounds(reported):
        _change_intervals(round_)
    _change_session_states([fact for fact in reported if fact.status in SESSION_STATES])
    return [TAKEN] * len(reported)


def note_boots(boots: Sequence[Booted]) -> list[Outcome]:
    """Keep what the stations said of themselves; the last boot of each counts."""
    last = {fact.reporter.station_id: fact for fact in boots}
    facts = [last[station] for station in sorted(last)]
    with connection.cursor() as cursor:
        cursor.execute(
            BOOT,
            [
                [fact.reporter.organisation_id for fact in facts],
                [fact.reporter.station_id for fact in facts],
                [fact.at for fact in facts],
                [fact.vendor for fact in facts],
                [fact.model for fact in facts],
                [fact.serial_number for fact in facts],
                [fact.firmware_version for fact in facts],
            ],
        )
    return [TAKEN] * len(boots)


def _rounds(reported: Sequence[StatusReported]) -> Iterator[list[StatusReported]]:
    """The n-th statuses of all connectors, for each n: a statement can change a connector only once."""
    queues: dict[UUID, list[StatusReported]] = {}
    for fact in reported:
        queues.setdefault(fact.connector_id, []).append(fact)
    for number in range(max(map(len, queues.values()))):
        yield [queues[key][number] for key in sorted(queues) if number < len(queues[key])]


def _change_intervals(facts: Sequence[StatusReported]) -> None:
    changed = prepared(
        NEW_STATUS,
        [
            plain(uuid7() for _ in facts),
            plain(fact.reporter.organisation_id for fact in facts),
            plain(fact.connector_id for fact in facts),
            texts(fact.status for fact in facts),
            texts(fact.error_code for fact in facts),
            texts(fact.info for fact in facts),
            plain(fact.at for fact in facts),
            plain(fact.received_at for fact in facts),
        ],
    )
    if changed:
        ids, organisations, connectors, statuses, errors, infos, since, _ = zip(*changed, strict=True)
        words = [texts(statuses), texts(errors), texts(infos)]
        prepared(INSERT_STATUS, [plain(ids), plain(organisations), plain(connectors), *words, plain(since)])


def _change_session_states(facts: Sequence[StatusReported]) -> None:
    if not facts:
        return
    prepared(
        INSERT_STATE,
        [
            plain(uuid7() for _ in facts),
            plain(fact.reporter.organisation_id for fact in facts),
            plain(fact.connector_id for fact in facts),
            plain(fact.at for fact in facts),
            texts(SESSION_STATES[fact.status] for fact in facts),
        ],
    )
