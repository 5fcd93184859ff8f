"""Store meter values: one row a reading, and the latest of each session on the session itself."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, connection, transaction

from charging.ingest import binary
from charging.ingest.facts import TAKEN, Metered, Outcome
from charging.ingest.known import KnownSession, known_sessions
from charging.ingest.quarantine import Doubt, hold, set_aside
from charging.ingest.reading_rows import Row, append, insert_singly
from charging.ingest.reading_rows import forget as forget_partitions
from charging.ingest.shapes import stored_shapes
from charging.shapes import split, whole

# Locks the running sessions of which nothing this late is stored yet. Until the commit no rating sees them, so
# that none of their readings is late; and all of their readings are new, so that none is a repeat.
ADVANCE = """
    UPDATE charging_chargingsession s
    SET last_reading_at = v.at,
        last_register_wh = coalesce(v.register_wh, s.last_register_wh),
        last_power_w = coalesce(v.power_w, s.last_power_w)
    FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::bigint[])
      AS v(organisation_id, id, first_at, at, register_wh, power_w)
    WHERE s.organisation_id = v.organisation_id AND s.id = v.id AND s.state = 'active'
      AND (s.last_reading_at IS NULL OR s.last_reading_at < v.first_at)
    RETURNING s.id
"""

# The others: repeats, readings out of order, and those of sessions that ended.
ADVANCE_AT_MOST = """
    UPDATE charging_chargingsession s
    SET last_reading_at = v.at,
        last_register_wh = coalesce(v.register_wh, s.last_register_wh),
        last_power_w = coalesce(v.power_w, s.last_power_w)
    FROM unnest(%s::uuid[], %s::uuid[], %s::timestamptz[], %s::bigint[], %s::bigint[])
      AS v(organisation_id, id, at, register_wh, power_w)
    WHERE s.organisation_id = v.organisation_id AND s.id = v.id AND s.state = 'active'
      AND (s.last_reading_at IS NULL OR s.last_reading_at <= v.at)
"""

Taken = tuple[KnownSession, Metered]
# Key and organisation of a session, the first and the last instant told of it, its latest register and power.
Span = tuple[bytes, bytes, int, int, int | None, int | None]


def store(metered: Sequence[Metered]) -> list[Outcome]:
    """One outcome per reading. What belongs to no session or runs backwards is quarantined."""
    known = known_sessions(metered)
    good: list[Taken] = []
    doubts: list[Doubt] = []
    outcomes = [TAKEN] * len(metered)
    for number, fact in enumerate(metered):
        session = known.get((fact.reporter.key, fact.transaction_id))
        reason = _misfit(session, fact)
        if session is not None and not reason:
            session.advance(fact.at, fact.register_wh)
            good.append((session, fact))
        else:
            doubts.append(_doubt(session, fact, reason))
            outcomes[number] = Outcome(quarantined=reason)
    if good:
        _write(good)
    _quarantine(doubts)
    return outcomes


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


def _write(good: Sequence[Taken]) -> None:
    """New readings of running sessions by COPY, the others with a conflict check each."""
    rows = _rows(good)
    spans, unclear = _spans(rows)
    advanced = _advance(spans)
    fresh: list[Row] = []
    others: list[Row] = []
    for row in rows:
        (fresh if row.session.key in advanced else others).append(row)
    try:
        if fresh:
            with transaction.atomic():
                append(fresh)
    except (IntegrityError, ProgrammingError):
        # a month was made or dropped meanwhile, or a reading was stored and its session not told
        forget_partitions()
        others = rows
    if others:
        insert_singly(others)
        _advance_at_most([*unclear, *(span for span in spans if span[0] not in advanced)])


def _rows(good: Sequence[Taken]) -> list[Row]:
    for _, fact in good:
        if not fact.said:
            fact.shape, fact.said = split(fact.sampled)
    ids = stored_shapes(fact.shape for _, fact in good)
    rows = []
    for session, fact in good:
        shape = ids.get(fact.shape)
        if shape is None and fact.shape:
            fact.shape, fact.said = "", whole(fact.shape, fact.said)
        rows.append(Row(session, fact, shape))
    return rows


def _spans(rows: Sequence[Row]) -> tuple[list[Span], list[Span]]:
    """What the rows say of each session; apart, of those where an instant comes twice, maybe a repeat."""
    by_session: dict[bytes, Span] = {}
    several: dict[bytes, list[Row]] = {}
    for row in rows:
        session, fact = row.session, row.fact
        if session.key in by_session:
            several.setdefault(session.key, []).append(row)
        else:
            by_session[session.key] = (
                session.key, session.organisation, row.at_us, row.at_us, fact.register_wh, fact.power_w,
            )  # fmt: skip
    unclear = []
    for key, more in several.items():
        first = by_session.pop(key)
        instants = [first[2], *(row.at_us for row in more)]
        span = _joined(first, sorted(more, key=attrgetter("at_us")))
        if len(set(instants)) < len(instants):
            unclear.append(span)
        else:
            by_session[key] = span
    return list(by_session.values()), unclear


def _joined(first: Span, rows: Sequence[Row]) -> Span:
    """The values of the latest reading that told them."""
    key, organisation, first_us, at_us, register_wh, power_w = first
    for row in rows:
        fact, is_later = row.fact, row.at_us >= at_us
        if fact.register_wh is not None and (is_later or register_wh is None):
            register_wh = fact.register_wh
        if fact.power_w is not None and (is_later or power_w is None):
            power_w = fact.power_w
        first_us, at_us = min(first_us, row.at_us), max(at_us, row.at_us)
    return key, organisation, first_us, at_us, register_wh, power_w


def _advance(spans: Sequence[Span]) -> set[bytes]:
    """Move the sessions of which all is new to their latest reading; returns their keys."""
    if not spans:
        return set()
    keys, organisations, firsts, ats, registers, powers = zip(
        *sorted(spans), strict=True
    )  # all lock in order
    with connection.wrap_database_errors, binary.cursor() as cursor:
        cursor.execute(
            ADVANCE,
            [
                binary.uuids(organisations), binary.uuids(keys), binary.times(firsts), binary.times(ats),
                binary.bigints(registers), binary.bigints(powers),
            ],
            binary=True,
        )  # fmt: skip
        return {session for (session,) in cursor.fetchall()}


def _advance_at_most(spans: Sequence[Span]) -> None:
    if not spans:
        return
    keys, organisations, _, ats, registers, powers = zip(*sorted(spans), strict=True)
    with connection.wrap_database_errors, binary.cursor() as cursor:
        cursor.execute(
            ADVANCE_AT_MOST,
            [
                binary.uuids(organisations), binary.uuids(keys), binary.times(ats),
                binary.bigints(registers), binary.bigints(powers),
            ],
        )  # fmt: skip


def _quarantine(doubts: Sequence[Doubt]) -> None:
    set_aside(doubts)
    hold(list(_sessions(doubts)), "register_backwards")


def _sessions(doubts: Iterable[Doubt]) -> set[UUID]:
    return {doubt.session_id for doubt in doubts if doubt.session_id is not None}
