"""Store meter values: one row a reading, and the latest of each session on the session itself."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from uuid import UUID

from django.db import IntegrityError, connection, transaction

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
# However many rows: one look-up in the index for each. A plan made for one batch may read the whole table.
PLAN_ONCE = "SET LOCAL plan_cache_mode = force_generic_plan"

Taken = tuple[KnownSession, Metered]


def store(metered: Sequence[Metered]) -> list[Outcome]:
    """One outcome per reading. What belongs to no session or runs backwards is quarantined."""
    known = known_sessions((fact.reporter, fact.transaction_id) for fact in metered)
    good: list[Taken] = []
    doubts: list[Doubt] = []
    outcomes = []
    for fact in metered:
        session = known.get((fact.reporter.key, fact.transaction_id))
        reason = _misfit(session, fact)
        if session is not None and not reason:
            session.advance(fact.at, fact.register_wh)
            good.append((session, fact))
            outcomes.append(TAKEN)
        else:
            doubts.append(_doubt(session, fact, reason))
            outcomes.append(Outcome(quarantined=reason))
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
    spans = _spans(rows)
    advanced = _advance([span for span in spans if not span.repeats])
    fresh: list[Row] = []
    others: list[Row] = []
    for row in rows:
        (fresh if row.session.key in advanced else others).append(row)
    try:
        with transaction.atomic():
            append(fresh)
    except IntegrityError:  # a month was made meanwhile, or a reading was stored and its session not told
        forget_partitions()
        others = rows
    if others:
        insert_singly(others)
        _advance_at_most([span for span in spans if span.session.key not in advanced])


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


class Span:
    """What a batch says of one session."""

    __slots__ = ("at_us", "first_us", "power_w", "register_wh", "repeats", "session")

    def __init__(self, first: Row) -> None:
        self.session, fact = first.session, first.fact
        self.repeats = False
        self.first_us = self.at_us = first.at_us
        self.register_wh, self.power_w = fact.register_wh, fact.power_w

    def take(self, row: Row) -> None:
        """The next reading in order of time; one of the same instant may be the same."""
        fact = row.fact
        self.repeats |= row.at_us == self.at_us
        self.at_us = row.at_us
        self.register_wh = self.register_wh if fact.register_wh is None else fact.register_wh
        self.power_w = self.power_w if fact.power_w is None else fact.power_w


def _spans(rows: Sequence[Row]) -> list[Span]:
    """One for each session, in the order in which all lock them."""
    spans: dict[bytes, Span] = {}
    for row in sorted(rows, key=attrgetter("at_us")):
        span = spans.get(row.session.key)
        if span is None:
            spans[row.session.key] = Span(row)
        else:
            span.take(row)
    return [spans[key] for key in sorted(spans)]


def _advance(spans: Sequence[Span]) -> set[bytes]:
    """Move the sessions of which all is new to their latest reading; returns their keys."""
    with connection.wrap_database_errors, binary.cursor() as cursor:
        cursor.execute(PLAN_ONCE)
        cursor.execute(
            ADVANCE,
            [
                binary.uuids([span.session.organisation for span in spans]),
                binary.uuids([span.session.key for span in spans]),
                binary.times([span.first_us for span in spans]),
                binary.times([span.at_us for span in spans]),
                binary.bigints([span.register_wh for span in spans]),
                binary.bigints([span.power_w for span in spans]),
            ],
            binary=True,
        )
        return {session for (session,) in cursor.fetchall()}


def _advance_at_most(spans: Sequence[Span]) -> None:
    if not spans:
        return
    with connection.wrap_database_errors, binary.cursor() as cursor:
        cursor.execute(
            ADVANCE_AT_MOST,
            [
                binary.uuids([span.session.organisation for span in spans]),
                binary.uuids([span.session.key for span in spans]),
                binary.times([span.at_us for span in spans]),
                binary.bigints([span.register_wh for span in spans]),
                binary.bigints([span.power_w for span in spans]),
            ],
        )


def _quarantine(doubts: Sequence[Doubt]) -> None:
    set_aside(doubts)
    hold(list(_sessions(doubts)), "register_backwards")


def _sessions(doubts: Iterable[Doubt]) -> set[UUID]:
    return {doubt.session_id for doubt in doubts if doubt.session_id is not None}
