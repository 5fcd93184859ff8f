"""Which session a station's transaction id means, remembered so that a reading need not ask the database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from charging.ingest.facts import Metered, Reporter, SignedValue
from charging.models import ChargingSession

REMEMBERED = 200_000
Key = tuple[bytes, str]


@dataclass(slots=True)
class KnownSession:
    """What never changes of a session, and the latest register that this process has seen of it."""

    organisation: bytes
    session_id: UUID
    key: bytes  # the session's id
    meter_start_wh: int
    last_at: datetime | None
    last_register_wh: int | None

    def is_ahead_of(self, at: datetime, register_wh: int) -> bool:
        """An earlier reading was higher already. Late readings, from before the latest, are not judged."""
        if self.last_at is None or self.last_register_wh is None:
            return False
        return at >= self.last_at and register_wh < self.last_register_wh

    def advance(self, at: datetime, register_wh: int | None) -> None:
        if register_wh is not None and (self.last_at is None or at >= self.last_at):
            self.last_at, self.last_register_wh = at, register_wh


_remembered: dict[Key, KnownSession] = {}


def known_sessions(facts: Sequence[Metered | SignedValue]) -> dict[Key, KnownSession]:
    """The sessions by (station's key, transaction id), one query for those not asked before.

    A station finds only its own transactions. What is returned holds others as well.
    """
    while len(_remembered) > REMEMBERED:
        del _remembered[next(iter(_remembered))]  # the one that was learnt first
    unknown = {
        (fact.reporter.key, fact.transaction_id): fact.reporter
        for fact in facts
        if (fact.reporter.key, fact.transaction_id) not in _remembered
    }
    if unknown:
        _load(unknown)
    return _remembered


def remember(reporter: Reporter, transaction_id: str, session_id: UUID, meter_start_wh: int) -> None:
    """A session that this transaction opened."""
    _remembered[reporter.key, transaction_id] = KnownSession(
        reporter.tenant, session_id, session_id.bytes, meter_start_wh, None, None
    )


def forget(transactions: Iterable[tuple[UUID, str]]) -> None:
    """What was remembered of these (station, transaction id) has changed in the database."""
    for station_id, number in transactions:
        _remembered.pop((station_id.bytes, number), None)


def forget_all() -> None:
    """After a rollback: what was learnt inside the transaction may not be so."""
    _remembered.clear()


def _load(unknown: dict[Key, Reporter]) -> None:
    rows = ChargingSession.objects.filter(
        organisation__in={reporter.organisation_id for reporter in unknown.values()},
        station__in={reporter.station_id for reporter in unknown.values()},
        transaction_id__in={number for _, number in unknown},
    ).values_list(
        "station_id", "transaction_id",
        "organisation_id", "id", "meter_start_wh", "last_reading_at", "last_register_wh",
    )  # fmt: skip
    for station, number, organisation, session, meter_start, last_at, last_register in rows:
        key = (station.bytes, str(number))
        if key in unknown:
            _remembered[key] = KnownSession(
                organisation.bytes, session, session.bytes, meter_start, last_at, last_register
            )
