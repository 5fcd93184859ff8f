"""Store meter values: one row a reading, and the latest of each session on the session itself."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from charging.ingest.arrays import plain, texts
from charging.ingest.facts import TAKEN, Metered, Outcome
from charging.ingest.known import KnownSession, known_sessions
from charging.ingest.quarantine import Doubt, hold, set_aside

INSERT = """
    INSERT INTO charging_reading
        (id, organisation_id, session_id, at, register_wh, power_w, current_ma, soc_percent, sampled)
    SELECT id, organisation_id, session_id, at, register_wh, power_w, current_ma, soc_percent, sampled::jsonb
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::timestamptz[], %s::bigint[], %s::bigint[],
                %s::bigint[], %s::smallint[], %s::text[])
      AS v(id, organisation_id, session_id, at, register_wh, power_w, current_ma, soc_percent, sampled)
    ON CONFLICT DO NOTHING
"""

UPDATE_LATEST = """
    UPDATE charging_chargingsession s
    SET last_reading_at = v.at,
        last_register_wh = coalesce(v.register_wh, s.last_register_wh),
        last_power_w = coalesce(v.power_w, s.last_power_w)
    FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::bigint[], %s::bigint[])
      AS v(organisation_id, session_id, at, register_wh, power_w)
    WHERE s.organisation_id = v.organisation_id AND s.id = v.session_id AND s.state = 'active'
      AND (s.last_reading_at IS NULL OR s.last_reading_at <= v.at)
"""


def store(metered: Sequence[Metered]) -> list[Outcome]:
    """One outcome per reading. What belongs to no session or runs backwards is quarantined."""
    known = known_sessions((fact.reporter, fact.transaction_id) for fact in metered)
    good: list[tuple[KnownSession, Metered]] = []
    doubts: list[Doubt] = []
    outcomes = []
    for fact in metered:
        session = known.get((fact.reporter.station_id, fact.transaction_id))
        reason = _misfit(session, fact)
        outcomes.append(Outcome(quarantined=reason) if reason else TAKEN)
        if session is not None and not reason:
            session.advance(fact.at, fact.register_wh)
            good.append((session, fact))
        else:
            doubts.append(_doubt(session, fact, reason))
    _insert(good)
    _update_latest(good)
    _quarantine(doubts)
    return outcomes


def reading_id(session_id: UUID, at: datetime, sampled: str) -> UUID:
    """A UUIDv7 of the reading's time whose other bits follow from it: a repeat is the same row."""
    digest = hashlib.blake2b(session_id.bytes + at.isoformat().encode() + sampled.encode(), digest_size=10)
    bits = int.from_bytes(digest.digest(), "big") & ((1 << 74) - 1)
    milliseconds = max(int(at.timestamp() * 1000), 0)
    return UUID(
        int=(milliseconds << 80) | (0x7 << 76) | (bits >> 62 << 64) | (0b10 << 62) | bits & (1 << 62) - 1
    )


def _misfit(session: KnownSession | None, fact: Metered) -> str:
    if session is None:
        return "unknown_transaction"
    if fact.register_wh is None:
        return ""
    if fact.register_wh < session.meter_start_wh or session.is_ahead_of(fact.at, fact.register_wh):
        return "register_backwards"
    return ""


def _doubt(session: KnownSession | None, fact: Metered, reason: str) -> Doubt:
    if session is None:
        detail = f"transaction {fact.transaction_id} is not one of this station's"
    else:
        detail = f"{fact.register_wh} Wh at {fact.at.isoformat()} is below what was read before"
    return Doubt(fact.reporter, reason, detail, fact.raw, session.session_id if session else None)


def _insert(good: Sequence[tuple[KnownSession, Metered]]) -> None:
    if not good:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT,
            [
                plain(reading_id(session.session_id, fact.at, fact.sampled) for session, fact in good),
                plain(session.organisation_id for session, _ in good),
                plain(session.session_id for session, _ in good),
                plain(fact.at for _, fact in good),
                plain(fact.register_wh for _, fact in good),
                plain(fact.power_w for _, fact in good),
                plain(fact.current_ma for _, fact in good),
                plain(fact.soc_percent for _, fact in good),
                texts(fact.sampled for _, fact in good),
            ],
        )


def _update_latest(good: Sequence[tuple[KnownSession, Metered]]) -> None:
    latest: dict[UUID, tuple[KnownSession, Metered]] = {}
    for session, fact in good:
        if session.session_id not in latest or latest[session.session_id][1].at <= fact.at:
            latest[session.session_id] = (session, fact)
    if not latest:
        return
    rows = [latest[session_id] for session_id in sorted(latest)]
    with connection.cursor() as cursor:
        cursor.execute(
            UPDATE_LATEST,
            [
                plain(session.organisation_id for session, _ in rows),
                plain(session.session_id for session, _ in rows),
                plain(fact.at for _, fact in rows),
                plain(fact.register_wh for _, fact in rows),
                plain(fact.power_w for _, fact in rows),
            ],
        )


def _quarantine(doubts: Sequence[Doubt]) -> None:
    set_aside(doubts)
    hold(list(_sessions(doubts)), "register_backwards")


def _sessions(doubts: Iterable[Doubt]) -> set[UUID]:
    return {doubt.session_id for doubt in doubts if doubt.session_id is not None}
