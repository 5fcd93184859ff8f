"""Open a session for each transaction that started; a repeated report finds the session it opened."""

import hashlib
from collections.abc import Mapping, Sequence
from uuid import UUID

from accounts.authorisation import Authorisation, Verdict, authorise_all
from accounts.identifiers import uuid7
from charging import reservations
from charging.ingest.arrays import plain, texts
from charging.ingest.binary import prepared
from charging.ingest.facts import Outcome, Started
from charging.ingest.known import remember
from charging.ingest.quarantine import Doubt, set_aside
from charging.models import ChargingSession

SOURCE = ChargingSession.Source.OCPP
ATTEMPTS = 16
LET_IN = "accepted offline by the station; charged to the tag's driver"
HOLD_REASONS = {
    Verdict.INVALID: "unknown_tag",
    Verdict.BLOCKED: "tag_blocked",
    Verdict.EXPIRED: "tag_expired",
}

INSERT = """
    INSERT INTO charging_chargingsession
        (id, organisation_id, source, source_key, station_id, connector_id, transaction_id, token_id,
         driver_id, state, quality, hold_reasons, started_at, meter_start_wh, stop_reason,
         settled_elsewhere, created_at)
    SELECT id, organisation_id, 'ocpp', source_key, station_id, connector_id, transaction_id, token_id,
           driver_id, 'active', CASE WHEN doubts = '' THEN 'good' ELSE 'held' END,
           string_to_array(doubts, ','), started_at, meter_start_wh, '', false, clock_timestamp()
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::uuid[], %s::uuid[], %s::text[], %s::uuid[],
                %s::uuid[], %s::text[], %s::timestamptz[], %s::bigint[])
      AS v(id, organisation_id, source_key, station_id, connector_id, transaction_id, token_id,
           driver_id, doubts, started_at, meter_start_wh)
    ON CONFLICT DO NOTHING
    RETURNING organisation_id, source_key, id, transaction_id
"""

# A vehicle that was paused before the transaction began is still paused.
PAUSED_AT_START = """
    INSERT INTO charging_sessionstate (id, organisation_id, session_id, at, state)
    SELECT v.id, s.organisation_id, s.id, s.started_at,
           CASE i.status WHEN 'SuspendedEV' THEN 'PARKED' ELSE 'WITHHELD' END
    FROM unnest(%s::uuid[], %s::uuid[]) AS v(id, session_id)
    JOIN charging_chargingsession s ON s.id = v.session_id
    JOIN stations_statusinterval i
      ON i.organisation_id = s.organisation_id AND i.connector_id = s.connector_id AND i.until IS NULL
     AND i.status IN ('SuspendedEV', 'SuspendedEVSE') AND i.since <= s.started_at
    ON CONFLICT DO NOTHING
"""

Key = tuple[UUID, str]
Found = dict[Key, tuple[UUID, str]]


def open_sessions(starts: Sequence[Started]) -> list[Outcome]:
    """One outcome per start: the verdict on its tag and its transaction id, the same for every repeat."""
    known = authorise_all((fact.reporter.organisation_id, fact.uid) for fact in starts)
    opened = _opened({_key(fact): fact for fact in starts}, known)
    _note_paused([session_id for session_id, _ in opened.values()])
    _set_aside_bad_tags(starts, known, opened)
    for fact in starts:
        if fact.reservation is not None:
            reporter = fact.reporter
            reservations.used(
                reporter.organisation_id, reporter.station_id, fact.reservation, opened[_key(fact)][0]
            )
    return [
        _outcome(known[fact.reporter.organisation_id, fact.uid], opened[_key(fact)][1]) for fact in starts
    ]


def _outcome(shown: Authorisation, number: str) -> Outcome:
    return Outcome(verdict=shown.verdict, group=shown.group, transaction_id=int(number))


def transaction_number(source_key: str, attempt: int = 0) -> int:
    """A positive 32-bit number that follows from the start itself, so that no counter is shared."""
    digest = hashlib.blake2b(f"{attempt}/{source_key}".encode(), digest_size=4).digest()
    return (int.from_bytes(digest, "big") & 0x7FFFFFFF) or 1


def _key(fact: Started) -> Key:
    return fact.reporter.organisation_id, fact.source_key


def _opened(wanted: Mapping[Key, Started], known: Mapping[Key, Authorisation]) -> Found:
    """Session id and transaction id of each start. Another attempt where a station's two numbers collide."""
    found: Found = {}
    for attempt in range(ATTEMPTS):
        missing = [fact for key, fact in wanted.items() if key not in found]
        if not missing:
            return found
        opened = _insert(
            missing, [known[fact.reporter.organisation_id, fact.uid] for fact in missing], attempt
        )
        for fact in missing:
            if _key(fact) in opened:
                session_id, number = opened[_key(fact)]
                remember(fact.reporter, number, session_id, fact.register_wh)
        found |= opened
        found |= _find([fact for fact in missing if _key(fact) not in opened])
    if len(found) < len(wanted):
        raise RuntimeError(f"no free transaction number after {ATTEMPTS} attempts")
    return found


def _find(starts: Sequence[Started]) -> Found:
    if not starts:
        return {}
    rows = ChargingSession.objects.filter(
        organisation__in={fact.reporter.organisation_id for fact in starts},
        source=SOURCE,
        source_key__in=[fact.source_key for fact in starts],
    ).values_list("organisation_id", "source_key", "id", "transaction_id")
    return {(organisation, key): (session, str(number)) for organisation, key, session, number in rows}


def _insert(starts: Sequence[Started], verdicts: Sequence[Authorisation], attempt: int) -> Found:
    tokens = [verdict.token for verdict in verdicts]
    numbers = (transaction_number(fact.source_key, attempt) for fact in starts)
    rows = prepared(
        INSERT,
        [
            plain(uuid7() for _ in starts),
            plain(fact.reporter.organisation_id for fact in starts),
            texts(fact.source_key for fact in starts),
            plain(fact.reporter.station_id for fact in starts),
            plain(fact.connector_id for fact in starts),
            plain(numbers),
            plain(token.pk if token else None for token in tokens),
            plain(token.driver_id if token else None for token in tokens),
            texts(",".join(_doubts(*pair)) for pair in zip(starts, verdicts, strict=True)),
            plain(fact.at for fact in starts),
            plain(fact.register_wh for fact in starts),
        ],
    )
    return {(organisation, key): (session, str(number)) for organisation, key, session, number in rows}


def _doubts(fact: Started, authorisation: Authorisation) -> list[str]:
    refused = HOLD_REASONS.get(authorisation.verdict)
    held = refused is not None and not _was_let_in(fact, authorisation)
    return [*fact.doubts, *([refused] if refused and held else [])]


def _was_let_in(fact: Started, authorisation: Authorisation) -> bool:
    """The station could not ask, and gave energy to a tag whose driver we know: he pays for what he took."""
    return fact.offline and authorisation.token is not None


def _note_paused(session_ids: Sequence[UUID]) -> None:
    prepared(PAUSED_AT_START, [plain(uuid7() for _ in session_ids), plain(session_ids)])


def _set_aside_bad_tags(starts: Sequence[Started], known: Mapping[Key, Authorisation], opened: Found) -> None:
    doubts = []
    for fact in starts:
        shown = known[fact.reporter.organisation_id, fact.uid]
        reason, session_id = HOLD_REASONS.get(shown.verdict, ""), opened[_key(fact)][0]
        if shown.verdict is Verdict.INVALID:
            doubts.append(Doubt(fact.reporter, reason, "the tag belongs to nobody", fact.raw, session_id))
        elif reason and _was_let_in(fact, shown):
            doubts.append(Doubt(fact.reporter, reason, LET_IN, fact.raw, session_id, resolution=LET_IN))
    set_aside(doubts)
