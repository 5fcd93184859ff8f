"""Attempts to charge and what became of them.

An attempt is a session, or a plug put in (Preparing) to which no session came. It succeeded if it took at least
100 Wh. A visit is a run of attempts at one station, each within ten minutes of the failure before it: its first
attempt is the first plug.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from accounts.models import Organisation
from charging.models import ChargingSession
from stations.models import Status, StatusInterval

ENOUGH_WH = 100
NEXT_TRY = timedelta(minutes=10)
NEAR = timedelta(minutes=2)
SHORTEST_PLUG = timedelta(seconds=20)
NO_REASON = "NoStart"


@dataclass(frozen=True)
class Attempt:
    """Somebody tried to charge at a port; `reason` is the station's error code or stop reason if it failed."""

    evse_id: UUID
    station_id: UUID
    at: datetime
    until: datetime
    succeeded: bool
    reason: str = ""


@dataclass(frozen=True)
class _Told:
    """A status of a connector."""

    connector_id: UUID
    evse_id: UUID
    station_id: UUID
    status: str
    error_code: str
    since: datetime
    until: datetime


def attempts_of(
    organisation: Organisation, start: datetime, end: datetime, evse_id: UUID | None = None
) -> list[Attempt]:
    """All attempts that began within start..end and are over, oldest first; two queries."""
    told = list(_statuses(organisation, start, end, evse_id))
    faults = [one for one in told if one.status == Status.FAULTED]
    sessions = _sessions(organisation, start, end, evse_id)
    found = [_of_session(session, faults) for session in sessions if session.ended_at]
    found += _unanswered([one for one in told if one.status == Status.PREPARING], sessions, faults)
    return sorted((one for one in found if start <= one.at < end), key=lambda one: one.at)


def first_plugs(attempts: Iterable[Attempt]) -> list[Attempt]:
    """The first attempt of each visit."""
    firsts: list[Attempt] = []
    before: dict[UUID, Attempt] = {}
    for one in sorted(attempts, key=lambda one: one.at):
        last = before.get(one.station_id)
        if last is None or last.succeeded or one.at - last.until > NEXT_TRY:
            firsts.append(one)
        before[one.station_id] = one
    return firsts


def _statuses(
    organisation: Organisation, start: datetime, end: datetime, evse_id: UUID | None
) -> Iterator[_Told]:
    rows = StatusInterval.objects.of(organisation).filter(
        status__in=(Status.PREPARING, Status.FAULTED), since__gte=start - NEAR, since__lt=end
    )
    if evse_id is not None:
        rows = rows.filter(connector__evse=evse_id)
    for values in rows.order_by("connector", "since").values_list(
        "connector_id", "connector__evse_id", "connector__evse__station_id", "status", "error_code",
        "since", "until",
    ):  # fmt: skip
        until = values[6] or end
        yield _Told(*values[:6], until)


def _sessions(
    organisation: Organisation, start: datetime, end: datetime, evse_id: UUID | None
) -> list[ChargingSession]:
    rows = ChargingSession.objects.of(organisation).filter(
        started_at__gte=start - NEAR, started_at__lt=end + NEAR
    )
    if evse_id is not None:
        rows = rows.filter(connector__evse=evse_id)
    return list(rows.select_related("connector").order_by("connector", "started_at"))


def _of_session(session: ChargingSession, faults: Sequence[_Told]) -> Attempt:
    until = session.ended_at or session.started_at
    succeeded = session.energy_wh >= ENOUGH_WH
    reason = "" if succeeded else _fault_near(session.connector_id, session.started_at, until, faults)
    if not succeeded:
        reason = reason or session.stop_reason or NO_REASON
    return Attempt(
        session.connector.evse_id, session.station_id, session.started_at, until, succeeded, reason
    )


def _unanswered(
    plugs: Sequence[_Told], sessions: Sequence[ChargingSession], faults: Sequence[_Told]
) -> Iterator[Attempt]:
    """Plugs put in to which no session came. A plug looked at for seconds is nobody's attempt."""
    starts = {
        connector: [session.started_at for session in own]
        for connector, own in groupby(sessions, key=lambda session: session.connector_id)
    }
    for plug in plugs:
        known = starts.get(plug.connector_id, [])
        answered = any(plug.since - NEAR <= at <= plug.until + NEAR for at in known)
        if not answered and plug.until - plug.since >= SHORTEST_PLUG:
            reason = _fault_near(plug.connector_id, plug.since, plug.until, faults) or plug.error_code
            reason = NO_REASON if reason in ("", "NoError") else reason
            yield Attempt(plug.evse_id, plug.station_id, plug.since, plug.until, False, reason)


def _fault_near(connector_id: UUID, since: datetime, until: datetime, faults: Sequence[_Told]) -> str:
    for fault in faults:
        if fault.connector_id == connector_id and since - NEAR <= fault.since <= until + NEAR:
            return fault.error_code or str(Status.FAULTED)
    return ""
