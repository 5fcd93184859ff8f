"""Which session a station's transaction id means, remembered so that a reading need not ask the database."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from charging.ingest.facts import Reporter
from charging.models import ChargingSession

REMEMBERED = 200_000
Key = tuple[UUID, str]


@dataclass(slots=True)
class KnownSession:
    """What never changes of a session, and the latest register that this process has seen of it."""

    organisation_id: UUID
    session_id: UUID
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


_remembered: OrderedDict[Key, KnownSession] = OrderedDict()


def known_sessions(asked: Iterable[tuple[Reporter, str]]) -> dict[Key, KnownSession]:
    """The sessions of (station, transaction id), one query for those not asked before.

    A station finds only its own transactions.
    """
    wanted = {(reporter.station_id, number): reporter for reporter, number in asked}
    unknown = [(key, reporter) for key, reporter in wanted.items() if key not in _remembered]
    if unknown:
        _load(unknown)
    found = {}
    for key in wanted:
        if key in _remembered:
            _remembered.move_to_end(key)
            found[key] = _remembered[key]
    while len(_remembered) > REMEMBERED:
        _remembered.popitem(last=False)
    return found


def forget(keys: Iterable[Key]) -> None:
    """What was remembered of these has changed in the database."""
    for key in keys:
        _remembered.pop(key, None)


def _load(unknown: list[tuple[Key, Reporter]]) -> None:
    wanted = {key for key, _ in unknown}
    rows = ChargingSession.objects.filter(
        organisation__in={reporter.organisation_id for _, reporter in unknown},
        station__in={station for station, _ in wanted},
        transaction_id__in={number for _, number in wanted},
    ).values_list(
        "station_id", "transaction_id",
        "organisation_id", "id", "meter_start_wh", "last_reading_at", "last_register_wh",
    )  # fmt: skip
    for station, number, organisation, session, meter_start, last_at, last_register in rows:
        key = (station, str(number))
        if key in wanted:
            _remembered[key] = KnownSession(organisation, session, meter_start, last_at, last_register)
