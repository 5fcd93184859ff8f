"""How a session began, put together from events of any order, and the holds for what is not known yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Token
from charging.ingest.arrays import plain, texts
from charging.ingest.facts import TransactionSeen
from charging.models import ChargingSession, QuarantinedFact

Key = tuple[UUID, str]
NO_START = "start_missing"
NO_REGISTER = "meter_start_missing"
NO_TAG = "tag_missing"
UNKNOWN = "unknown_tag"
SAME = timedelta(seconds=1)
State = ChargingSession.State
Quality = ChargingSession.Quality

UPDATE = """
    UPDATE charging_chargingsession s
    SET quality = v.quality, hold_reasons = string_to_array(v.reasons, ','), started_at = v.started_at,
        meter_start_wh = v.register_wh, token_id = v.token_id, driver_id = v.driver_id
    FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[],
                %s::uuid[], %s::uuid[])
      AS v(organisation_id, id, quality, reasons, started_at, register_wh, token_id, driver_id)
    WHERE s.organisation_id = v.organisation_id AND s.id = v.id AND s.state <> 'priced'
"""


@dataclass(slots=True)
class Beginning:
    """A session, locked, and whether it has to be saved."""

    session: ChargingSession
    changed: bool = False

    @property
    def is_complete(self) -> bool:
        open_ = {NO_START, NO_REGISTER, NO_TAG, UNKNOWN}
        return open_.isdisjoint(self.session.hold_reasons)

    def contradicts(self, fact: TransactionSeen) -> bool:
        """Another start of a transaction that has ended: the station counts from the beginning again."""
        session = self.session
        if NO_START in session.hold_reasons or abs(session.started_at - fact.at) < SAME:
            return False
        return session.state != State.ACTIVE

    def learn(self, fact: TransactionSeen) -> None:
        """Fill in what this event knows and the ones before it didn't."""
        session = self.session
        if session.state == State.PRICED:
            return
        if fact.begins and NO_START in session.hold_reasons:
            session.started_at = min(fact.at, session.ended_at or fact.at)
            if fact.register_wh is not None:
                session.meter_start_wh = fact.register_wh
                self._cure(NO_REGISTER)
            self._cure(NO_START)
        if fact.register_wh is not None and NO_REGISTER in session.hold_reasons:
            session.meter_start_wh = fact.register_wh
            self._cure(NO_REGISTER)
        for doubt in fact.doubts if fact.begins else ():
            self._hold(doubt)

    def take_token(self, token: Token | None, refused: str, *, offline: bool) -> bool:
        """Whether the session is now this token's, or known to be nobody's. A tag that was refused holds it,
        unless the station let it in while it could not ask: then its driver pays for what he took."""
        session = self.session
        if session.token_id is not None or session.state == State.PRICED:
            return False
        if token is None:
            if UNKNOWN in session.hold_reasons:
                return False
            self._cure(NO_TAG, instead=UNKNOWN)
            return True
        session.token, session.driver_id = token, token.driver_id
        self._cure(UNKNOWN)
        self._cure(NO_TAG)
        if refused and not offline:
            self._hold(refused)
        self.changed = True
        return True

    def _cure(self, reason: str, instead: str = "") -> None:
        session = self.session
        if reason not in session.hold_reasons:
            return
        session.hold_reasons = [r for r in session.hold_reasons if r != reason] + ([instead] * bool(instead))
        if not session.hold_reasons and session.quality == Quality.HELD:
            session.quality = Quality.GOOD
        self.changed = True

    def _hold(self, reason: str) -> None:
        session = self.session
        if reason in session.hold_reasons or session.quality not in (Quality.GOOD, Quality.HELD):
            return
        session.quality, session.hold_reasons = Quality.HELD, [*session.hold_reasons, reason]
        self.changed = True


def open_missing(seen: Sequence[TransactionSeen]) -> set[Key]:
    """Open a session for each transaction that is at a known connector; the keys of those that were new."""
    first: dict[Key, TransactionSeen] = {}
    for fact in seen:
        key = (fact.reporter.station_id, fact.transaction_id)
        if fact.connector_id is not None and (key not in first or fact.begins):
            first[key] = fact
    if not first:
        return set()
    there = set(_keys(list(first.values())))
    new = {key: fact for key, fact in first.items() if key not in there}
    rows = [_row(fact, fact.connector_id) for fact in new.values() if fact.connector_id is not None]
    ChargingSession.objects.bulk_create(rows, ignore_conflicts=True, batch_size=1000)
    return set(new)


def locked(seen: Sequence[TransactionSeen]) -> dict[Key, Beginning]:
    """The sessions of these transactions, locked in one order. A station finds only its own."""
    rows = _rows(seen).select_for_update().order_by("id")
    return {(row.station_id, str(row.transaction_id)): Beginning(row) for row in rows}


def save(beginnings: Sequence[Beginning]) -> None:
    """Write what was learnt."""
    sessions = [beginning.session for beginning in beginnings]
    if not sessions:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            UPDATE,
            [
                plain(session.organisation_id for session in sessions),
                plain(session.pk for session in sessions),
                texts(session.quality for session in sessions),
                texts(",".join(session.hold_reasons) for session in sessions),
                plain(session.started_at for session in sessions),
                plain(session.meter_start_wh for session in sessions),
                plain(session.token_id for session in sessions),
                plain(session.driver_id for session in sessions),
            ],
        )


def adopt_early_facts(seen: Sequence[TransactionSeen], known: Mapping[Key, Beginning]) -> None:
    """What was set aside of a transaction before anything said where it is, belongs to its session now.

    Unresolved as it is, it holds the session until a person has looked.
    """
    early = QuarantinedFact.objects.filter(
        organisation__in={fact.reporter.organisation_id for fact in seen},
        station__in={fact.reporter.station_id for fact in seen},
        reason="unknown_transaction",
        session=None,
        resolved_at=None,
    )
    waiting = set(early.values_list("station_id", flat=True)) if seen else set()
    for fact in seen:
        beginning = known.get((fact.reporter.station_id, fact.transaction_id))
        if beginning is not None and fact.reporter.station_id in waiting:
            named = early.filter(
                station=fact.reporter.station_id, detail__contains=f"transaction {fact.transaction_id} "
            )
            named.update(session=beginning.session)


def _rows(seen: Sequence[TransactionSeen]) -> QuerySet[ChargingSession]:
    rows: QuerySet[ChargingSession] = ChargingSession.objects.filter(
        organisation__in={fact.reporter.organisation_id for fact in seen},
        station__in={fact.reporter.station_id for fact in seen},
        transaction_id__in={fact.transaction_id for fact in seen},
    )
    return rows


def _keys(seen: Sequence[TransactionSeen]) -> list[Key]:
    return [
        (station, str(number)) for station, number in _rows(seen).values_list("station_id", "transaction_id")
    ]


def _row(fact: TransactionSeen, connector_id: UUID) -> ChargingSession:
    missing = {
        NO_START: not fact.begins,
        NO_REGISTER: fact.register_wh is None,
        NO_TAG: True,  # until the tag is judged
    }
    return ChargingSession(
        organisation_id=fact.reporter.organisation_id,
        source_key=f"{fact.reporter.identity}/{fact.transaction_id}",
        station_id=fact.reporter.station_id,
        connector_id=connector_id,
        transaction_id=fact.transaction_id,
        quality=Quality.HELD,
        hold_reasons=[reason for reason, is_missing in missing.items() if is_missing],
        started_at=fact.at,
        meter_start_wh=fact.register_wh or 0,
    )
