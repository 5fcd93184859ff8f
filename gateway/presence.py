"""Which stations are connected, which have gone quiet, and what that says of their connectors."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from picows import WSCloseCode

from charging import ingest
from charging.ingest import Reporter, StatusReported
from gateway.connection import Connection
from gateway.database import Database
from gateway.logins import connectors_of, sockets_of
from gateway.options import Options
from stations.models import Connector, Station, Status, StatusInterval

logger = logging.getLogger(__name__)
SWEEP_S = 15.0


class Presence:
    """The connections of this process by identity, and their upkeep."""

    def __init__(self, database: Database, options: Options) -> None:
        self.database, self.options = database, options
        self.connections: dict[str, Connection] = {}
        self.by_station: dict[UUID, Connection] = {}
        self.on_change: Callable[[str], None] = lambda _identity: None
        self._tasks: set[asyncio.Task[None]] = set()

    def opened(self, connection: Connection) -> None:
        """Take the connection in; the one it replaces, which answered no ping, is closed."""
        reporter = connection.reporter
        old = self.connections.get(reporter.identity)
        self.connections[reporter.identity] = self.by_station[reporter.station_id] = connection
        if old is not None and old is not connection:
            connection.note("Connection", "an older connection did not answer", "replaced")
            old.close(WSCloseCode.POLICY_VIOLATION, "replaced by a newer connection")
        connection.note("Connection", f"opened, {connection.version or 'no subprotocol'}", "opened")
        self.on_change(reporter.identity)
        silence = timedelta(seconds=self.options.offline_after_s)
        self._start(self.database.run(note_connected, reporter, connection.version, silence))

    def closed(self, connection: Connection) -> None:
        reporter = connection.reporter
        if self.connections.get(reporter.identity) is connection:
            del self.connections[reporter.identity], self.by_station[reporter.station_id]
            connection.note("Connection", "", "closed")
            self.on_change(reporter.identity)

    async def run(self) -> None:
        """Ping quiet connections, note who was seen, mark the silent as offline, until cancelled."""
        while True:
            await asyncio.sleep(min(SWEEP_S, self.options.ping_idle_s / 2))
            self._ping_quiet()
            try:
                await self.database.run(note_seen, list(self.by_station))
                await self._learn_connectors()
                await self.database.run(mark_offline, timedelta(seconds=self.options.offline_after_s))
            except DatabaseError as error:
                logger.warning("presence is not noted: %s", error)

    async def close_all(self, within_s: float) -> None:
        """Ask all stations to leave; hang up on those still there after `within_s`."""
        for connection in list(self.connections.values()):
            connection.say_goodbye(WSCloseCode.GOING_AWAY, "the gateway restarts")
        deadline = time.monotonic() + within_s
        while self.connections and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(self.connections.values()):
            connection.hang_up()

    async def _learn_connectors(self) -> None:
        """EVSEs that were set up while their station was connected count from now."""
        found = await self.database.run(connectors_of, list(self.by_station))
        sockets = await self.database.run(sockets_of, list(self.by_station))
        for station_id, connectors in found.items():
            if connection := self.by_station.get(station_id):
                connection.reporter.connectors = connectors
                connection.reporter.sockets = sockets.get(station_id, {})

    def _ping_quiet(self) -> None:
        now, idle = time.monotonic(), self.options.ping_idle_s
        for connection in list(self.connections.values()):
            quiet = now - connection.last_heard
            if quiet > 2 * idle:
                connection.close(WSCloseCode.POLICY_VIOLATION, "no answer to pings")
            elif quiet > idle:
                connection.ping()

    def _start(self, noting: "asyncio.Future[None] | object") -> None:
        async def run() -> None:
            try:
                await noting  # type: ignore[misc]  # a coroutine
            except DatabaseError as error:
                logger.warning("a connection is not noted: %s", error)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def note_connected(reporter: Reporter, version: str, silence: timedelta) -> None:
    """The station is here: its connectors are again what they were before it went offline.

    A silence that nobody saw, because no gateway ran, is noted first.
    """
    now = timezone.now()
    mine = Station.objects.of(reporter.organisation_id).filter(pk=reporter.station_id)
    _mark_silent(mine.filter(last_seen_at__lt=now - silence), now)
    mine.update(connected_at=now, last_seen_at=now, ocpp_version=version.removeprefix("ocpp"))
    with transaction.atomic():
        ingest.commit(list(_back(reporter, now)))


def note_seen(station_ids: Iterable[UUID]) -> None:
    Station.objects.filter(pk__in=list(station_ids)).update(last_seen_at=timezone.now())


def mark_offline(silence: timedelta) -> int:
    """Show the connectors of stations as offline that nobody has heard of for `silence`; returns how many.

    They are offline since their station was last heard of: uptime counts the silence, not our noticing it.
    """
    now = timezone.now()
    return _mark_silent(Station.objects.filter(last_seen_at__lt=now - silence), now)


def _mark_silent(stations: QuerySet[Station], now: datetime) -> int:
    silent = (
        StatusInterval.objects.filter(until__isnull=True, connector__evse__station__in=stations)
        .exclude(status=Status.OFFLINE)
        .select_related("connector__evse__station")[:1000]
    )
    facts = []
    for interval in silent:
        station = interval.connector.evse.station
        reporter = Reporter(station.organisation_id, station.pk, station.identity)
        since = max(station.last_seen_at or now, interval.since)
        facts.append(StatusReported(reporter, interval.connector_id, Status.OFFLINE, since, now))
    with transaction.atomic():
        ingest.commit(facts)
    return len(facts)


def _back(reporter: Reporter, now: datetime) -> Iterable[StatusReported]:
    """A station tells its statuses at boot; one that only lost its connection may not."""
    connectors = Connector.objects.of(reporter.organisation_id).filter(pk__in=reporter.connectors.values())
    for connector in connectors.filter(
        status_intervals__until__isnull=True, status_intervals__status=Status.OFFLINE
    ):
        before = connector.status_intervals.exclude(status=Status.OFFLINE).order_by("-since").first()
        if before is not None:
            yield StatusReported(
                reporter, connector.pk, before.status, now, now, before.error_code, before.info
            )
