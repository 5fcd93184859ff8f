"""End sessions. A repeated stop changes nothing; one that contradicts what is known is set aside."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS

from charging.ingest.arrays import plain, texts
from charging.ingest.binary import prepared
from charging.ingest.facts import TAKEN, Outcome, Stopped
from charging.ingest.quarantine import Doubt, set_aside
from charging.models import ChargingSession

Key = tuple[UUID, str]
STALE_STOP = "Stale"
OF_THE_GATE = frozenset(
    {"stale", "stop_before_start", "register_reset", "register_backwards", "reading_gap", "zero_energy",
     "clock_drift", "implausible_power", "open_too_long", "overlap"}
)  # fmt: skip
NOTHING_HAPPENED = ({"tag_missing"}, {"tag_missing", "meter_start_missing"})
UPDATE = """
    UPDATE charging_chargingsession s
    SET state = 'ended', quality = v.quality, hold_reasons = string_to_array(v.reasons, ','),
        ended_at = v.ended_at, meter_end_wh = v.register_wh, stop_reason = v.stop_reason,
        last_reading_at = v.last_at, last_register_wh = v.register_wh, last_power_w = 0
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[],
                %s::text[], %s::timestamptz[])
      AS v(organisation_id, id, quality, reasons, ended_at, register_wh, stop_reason, last_at)
    WHERE s.organisation_id = v.organisation_id AND s.id = v.id
"""
COLUMNS = (
    "id", "organisation_id", "station_id", "transaction_id", "state", "quality", "hold_reasons", "started_at",
    "ended_at", "meter_start_wh", "meter_end_wh", "last_register_wh", "last_reading_at", "last_power_w",
    "stop_reason",
)  # fmt: skip
# By pairs: three lists of conditions would be tried in every combination. Two gateways lock in one order.
LOCK = """
    SELECT {columns}
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS v(organisation_id, station_id, transaction_id)
    JOIN charging_chargingsession s
      ON s.organisation_id = v.organisation_id AND s.station_id = v.station_id
     AND s.transaction_id = v.transaction_id
    ORDER BY s.id FOR UPDATE OF s
""".format(columns=", ".join(f"s.{column}" for column in COLUMNS))  # noqa: S608  constants only


def close_sessions(stops: Sequence[Stopped]) -> list[Outcome]:
    """One outcome per stop; the sessions are locked for the decision."""
    sessions = _locked(stops)
    doubts: list[Doubt] = []
    closed: dict[UUID, ChargingSession] = {}
    outcomes = []
    for fact in stops:
        session = sessions.get((fact.reporter.station_id, fact.transaction_id))
        was_open = session is not None and (
            session.state == ChargingSession.State.ACTIVE or _was_given_up(session)
        )
        reasons = _close(session, fact)
        if session is not None and was_open:
            closed[session.pk] = session
        doubts += _doubts(session, fact, reasons)
        outcomes.append(Outcome(quarantined=reasons[0]) if reasons else TAKEN)
    _update([closed[key] for key in sorted(closed)])
    set_aside(doubts)
    return outcomes


def _update(sessions: Sequence[ChargingSession]) -> None:
    if not sessions:
        return
    prepared(
        UPDATE,
        [
            plain(session.organisation_id for session in sessions),
            plain(session.pk for session in sessions),
            texts(session.quality for session in sessions),
            texts(",".join(session.hold_reasons) for session in sessions),
            plain(session.ended_at for session in sessions),
            plain(session.meter_end_wh for session in sessions),
            texts(session.stop_reason for session in sessions),
            plain(session.last_reading_at for session in sessions),
        ],
    )


def _locked(stops: Iterable[Stopped]) -> dict[Key, ChargingSession]:
    asked = {(fact.reporter.organisation_id, fact.reporter.station_id, fact.transaction_id) for fact in stops}
    organisations, stations, numbers = zip(*asked, strict=True)
    rows = prepared(LOCK, [plain(organisations), plain(stations), texts(numbers)])
    sessions = (ChargingSession.from_db(DEFAULT_DB_ALIAS, COLUMNS, row) for row in rows)
    return {(session.station_id, str(session.transaction_id)): session for session in sessions}


def _close(session: ChargingSession | None, fact: Stopped) -> list[str]:
    """End the session in memory; the reasons for doubt, most of which hold it."""
    if session is None:
        return ["unknown_transaction"]
    register_wh = _register(session, fact)
    if session.state != ChargingSession.State.ACTIVE and not _was_given_up(session):
        same = (session.ended_at, session.meter_end_wh) == (max(fact.at, session.started_at), register_wh)
        return [] if same else ["conflicting_stop"]
    if session.state != ChargingSession.State.ACTIVE:
        _take_up_again(session)
    reasons = _reasons(session, fact, register_wh)
    session.state = ChargingSession.State.ENDED
    session.ended_at = max(fact.at, session.started_at)
    session.meter_end_wh = session.last_register_wh = register_wh
    session.last_reading_at = max(session.ended_at, session.last_reading_at or session.ended_at)
    session.last_power_w = 0
    session.stop_reason = fact.reason
    if reasons and session.quality in ("good", "held"):
        session.quality = "held"
        session.hold_reasons = [*session.hold_reasons, *(r for r in reasons if r not in session.hold_reasons)]
    if (
        not reasons
        and register_wh == session.meter_start_wh
        and set(session.hold_reasons) in NOTHING_HAPPENED
    ):
        session.quality = "waived"  # plugged in, never authorised, nothing taken: nobody has to look
    return reasons


def _register(session: ChargingSession, fact: Stopped) -> int:
    """The register at the end; the latest that was read where the stop doesn't say."""
    if fact.register_wh is not None:
        return fact.register_wh
    latest = session.last_register_wh
    return session.meter_start_wh if latest is None else int(latest)


def _was_given_up(session: ChargingSession) -> bool:
    """Closed by the sweep, which had to guess the end; no money has moved for it."""
    unbilled = session.state == ChargingSession.State.ENDED and session.quality in ("held", "released")
    return unbilled and session.stop_reason == STALE_STOP


def _take_up_again(session: ChargingSession) -> None:
    """Forget what the gate made of the guessed end: it judges the true one. Other holds stay."""
    session.hold_reasons = [reason for reason in session.hold_reasons if reason not in OF_THE_GATE]
    session.quality = "held" if session.hold_reasons else "good"


def _reasons(session: ChargingSession, fact: Stopped, register_wh: int) -> list[str]:
    reasons = list(fact.doubts)
    if fact.at < session.started_at:
        reasons.append("stop_before_start")
    latest = session.last_register_wh if (session.last_reading_at or fact.at) <= fact.at else None
    if register_wh < max(session.meter_start_wh, latest or 0):
        reasons.append("register_backwards")
    return reasons


def _doubts(session: ChargingSession | None, fact: Stopped, reasons: Sequence[str]) -> list[Doubt]:
    detail = f"stop of transaction {fact.transaction_id} at {fact.at.isoformat()} with {_told(fact)}"
    session_id = session.pk if session is not None else None
    return [Doubt(fact.reporter, reason, detail, fact.raw, session_id) for reason in reasons]


def _told(fact: Stopped) -> str:
    return "no register" if fact.register_wh is None else f"{fact.register_wh} Wh"
