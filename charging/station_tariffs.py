"""Stations of OCPP 2.1 hold the tariff of each EVSE, and a session's own one where its driver has another.

The commands are the record: the last one of an EVSE says which version it has, or what it has against it.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import CharField, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

import pricing
from accounts.models import DriverGroupMember
from charging import commands
from charging.models import ChargingSession, StationCommand
from charging.rating import tariff_of
from charging.tariff_words import worded
from stations.models import EVSE, Connector, Station
from tariffs.assignment import MissingTariff, version_in_force, with_public_version
from tariffs.models import TariffVersion

Action, State = StationCommand.Action, StationCommand.State
PRESENT = timedelta(minutes=5)  # seen lately: probably connected
FIRST_RETRY, LAST_RETRY = timedelta(minutes=1), timedelta(hours=6)
EVSE_CAUSE, SESSION_CAUSE = "evse_tariff", "session_tariff"
TOO_MUCH = {"TooManyElements", "ConditionNotSupported"}  # a description alone may do
UNABLE = {"NotSupported", "NotImplemented"}
PLAIN = "plain"
ATTEMPTS_OF_SESSION = 3


def sweep(limit: int = 500) -> int:
    """Ask stations to take the tariffs they lack; returns how many commands were written."""
    now = timezone.now()
    return _sweep_evses(now, limit) + _sweep_sessions(now, limit)


def _sweep_evses(now: datetime, limit: int) -> int:
    sent = 0
    for evse, versions in _wanted(now).items():
        if len(versions) == 1 and sent < limit:  # connectors of different tariffs have no common one
            sent += _look_at(evse, versions.pop(), now)
    return sent


def _stations(now: datetime) -> QuerySet[Station]:
    stations: QuerySet[Station] = Station.objects.filter(
        ocpp_version="2.1", last_seen_at__gt=now - PRESENT, connected_at__isnull=False
    )
    return stations


def _wanted(now: datetime) -> dict[EVSE, set[UUID]]:
    """The versions at each EVSE of stations that are there, where they aren't what it was told last."""
    connectors = with_public_version(Connector.objects.filter(evse__station__in=_stations(now)), now)
    last = _commands_of(OuterRef("organisation"), OuterRef("evse__station"), OuterRef("evse"))
    connectors = connectors.annotate(
        told=Subquery(last.values("cause_id")[:1]), told_state=Subquery(last.values("state")[:1]),
        told_at=Subquery(last.values("created_at")[:1]),
    )  # fmt: skip
    busy = Q(told_state__in=(State.PENDING, State.SENT))
    booted = Q(evse__station__boot_at__gte=F("told_at"))
    lacking = connectors.filter(
        Q(told=None) | (~busy & (~Q(told=F("public_version")) | ~Q(told_state=State.ACCEPTED) | booted)),
        public_version__isnull=False,
    )
    wanted: dict[EVSE, set[UUID]] = {}
    evses = EVSE.objects.select_related("station").in_bulk(lacking.values_list("evse", flat=True))
    for evse_id, version_id in lacking.values_list("evse", "public_version"):
        wanted.setdefault(evses[evse_id], set()).add(version_id)
    return wanted


def _commands_of(organisation: Any, station: Any, evse: Any) -> QuerySet[StationCommand]:
    """What was said to an EVSE, the last first; its id begins the key of each command."""
    key = Concat(Cast(evse, CharField()), Value("/")) if isinstance(evse, OuterRef) else f"{evse}/"
    said: QuerySet[StationCommand] = StationCommand.objects.filter(
        organisation=organisation,
        station=station,
        action=Action.SET_DEFAULT_TARIFF,
        cause_kind=EVSE_CAUSE,
        idempotency_key__startswith=key,
    ).order_by("-created_at")
    return said


def _look_at(evse: EVSE, version_id: UUID, now: datetime) -> int:
    """Send the version, unless the station was asked and said no, or it is too early to ask again."""
    said = _commands_of(evse.organisation_id, evse.station_id, evse.pk)
    last = said.first()
    booted = last is not None and evse.station.boot_at is not None and evse.station.boot_at > last.created_at
    attempts = said.filter(cause_id=version_id).count()
    plain = False
    if last is not None and not booted:
        if _is_unable(last):
            return 0
        if last.cause_id == version_id:
            if not _may_try_again(last, attempts, now):
                return 0
            plain = last.outcome in TOO_MUCH or last.idempotency_key.endswith(PLAIN)
    version = TariffVersion.objects.of(evse.organisation_id).get(pk=version_id)
    return _set_default(evse, version, attempts, plain=plain)


def _is_unable(last: StationCommand) -> bool:
    """The station has no tariffs at all; it may, once it has booted with other firmware."""
    return last.state == State.REJECTED and last.outcome in UNABLE


def _may_try_again(last: StationCommand, attempts: int, now: datetime) -> bool:
    """Whether a version that the station was asked to take is worth another command."""
    if last.state in (State.TIMED_OUT, State.OFFLINE):
        return bool(now >= last.created_at + min(FIRST_RETRY * 2 ** min(attempts - 1, 10), LAST_RETRY))
    return bool(last.outcome in TOO_MUCH and not last.idempotency_key.endswith(PLAIN))


def _set_default(evse: EVSE, version: TariffVersion, attempts: int, *, plain: bool) -> int:
    try:
        told = worded(tariff_of(version), f"{version.pk}-{evse.number}", plain=plain)
    except pricing.PricingError:
        return 0  # rating says what is wrong with it
    key = f"{evse.pk}/{attempts}{PLAIN if plain else ''}"
    _, made = commands.once(
        evse.station,
        Action.SET_DEFAULT_TARIFF,
        {"evseId": evse.number, "tariff": told.tariff},
        cause_kind=EVSE_CAUSE,
        cause_id=version.pk,
        idempotency_key=key,
    )
    return int(made)


def _sweep_sessions(now: datetime, limit: int) -> int:
    """Running sessions of drivers in groups, whose own tariff the station was not told."""
    groups = DriverGroupMember.objects.filter(
        organisation=OuterRef("organisation"), driver=OuterRef("driver")
    )
    told = StationCommand.objects.filter(organisation=OuterRef("organisation"), cause_id=OuterRef("pk"))
    settled = told.filter(cause_kind=SESSION_CAUSE).exclude(state__in=(State.TIMED_OUT, State.OFFLINE))
    running = (
        ChargingSession.objects.filter(Exists(groups), ~Exists(settled), state=ChargingSession.State.ACTIVE)
        .filter(station__in=_stations(now), tariff_version__isnull=False, transaction_id__isnull=False)
        .select_related("connector__evse__station__site", "station", "tariff_version")
        .order_by("-started_at")[:limit]
    )
    return sum(_change_tariff(session) for session in running)


def _change_tariff(session: ChargingSession) -> int:
    attempts = StationCommand.objects.of(session.organisation_id).filter(
        cause_kind=SESSION_CAUSE, cause_id=session.pk
    )
    number, version = attempts.count(), session.tariff_version
    if version is None or number >= ATTEMPTS_OF_SESSION or _is_public(session):
        return 0
    told = worded(tariff_of(version), f"{version.pk}-own")
    _, made = commands.once(
        session.station,
        Action.CHANGE_TRANSACTION_TARIFF,
        {"transactionId": session.transaction_id, "tariff": told.tariff},
        cause_kind=SESSION_CAUSE,
        cause_id=session.pk,
        idempotency_key=f"tariff/{number}",
    )
    return int(made)


def _is_public(session: ChargingSession) -> bool:
    """Whether drivers of no group pay the same: then the station's default is right."""
    try:
        return version_in_force(session.connector, session.started_at) == session.tariff_version
    except MissingTariff:
        return False
