"""Ports (connectors) and what they are doing now, for the owner's board and the station page."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from accounts.models import Organisation
from charging.models import ChargingSession
from stations.models import Connector, Site, Station, Status, StatusInterval

FREE_TO_START = {Status.AVAILABLE, Status.PREPARING, Status.FINISHING}


@dataclass(frozen=True)
class Port:
    """A connector with its state and the session that runs there, if any."""

    connector: Connector
    state: str
    session: ChargingSession | None

    @property
    def can_start(self) -> bool:
        """Whether somebody may start to charge here."""
        return self.session is None and self.state in FREE_TO_START

    @property
    def name(self) -> str:
        """`Station · 2` where the station has several EVSEs."""
        return f"{self.connector.evse.station} · {self.connector.evse.number}"


def ports_of(
    organisation: Organisation, *, station: Station | None = None, site_id: UUID | None = None
) -> list[Port]:
    """All ports of an organisation (of one station or site), in three queries however many there are."""
    connectors = (
        Connector.objects.of(organisation)
        .select_related("evse__station__site")
        .order_by("evse__station__site__name", "evse__station__name", "evse__number", "number")
    )
    if station is not None:
        connectors = connectors.filter(evse__station=station)
    if site_id is not None:
        connectors = connectors.filter(evse__station__site=site_id)
    found = list(connectors)
    states = _states(organisation, found)
    running = _running(organisation, found)
    return [_port(connector, states, running) for connector in found]


def by_site(ports: Iterable[Port]) -> list[tuple[Site, list[Port]]]:
    """Ports grouped by site, in the order given."""
    groups: dict[UUID, tuple[Site, list[Port]]] = {}
    for port in ports:
        site = port.connector.evse.station.site
        groups.setdefault(site.pk, (site, []))[1].append(port)
    return list(groups.values())


def _port(connector: Connector, states: dict[UUID, str], running: dict[UUID, ChargingSession]) -> Port:
    state = states.get(connector.pk, "unknown")
    if connector.evse.station.connected_at is None:
        state = str(Status.OFFLINE)
    return Port(connector, state, running.get(connector.pk))


def _states(organisation: Organisation, connectors: Sequence[Connector]) -> dict[UUID, str]:
    intervals = StatusInterval.objects.of(organisation).filter(until__isnull=True, connector__in=connectors)
    return dict(intervals.values_list("connector_id", "status"))


def _running(organisation: Organisation, connectors: Sequence[Connector]) -> dict[UUID, ChargingSession]:
    active = ChargingSession.objects.of(organisation).active().filter(connector__in=connectors)
    return {
        session.connector_id: session
        for session in active.select_related("tariff_version", "connector__evse__station__site")
    }
