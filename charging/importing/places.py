"""Sites, stations, EVSEs and connectors of imported sessions: found, or made in a few statements."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from accounts.models import Organisation, RegistryKey
from charging.importing.errors import ImportRefused
from charging.importing.mapping import Mapping, Model
from charging.importing.rows import Row
from stations.models import EVSE, Connector, Site, Station

LONGEST_IDENTITY = 48

Socket = tuple[str, int]
"""A station's identity and the number of its EVSE."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a session took place, as much as writing and pricing it needs."""

    station_id: UUID
    connector_id: UUID
    power_type: str


class Places:
    """The places of one organisation, made as rows ask for them.

    A station belongs to the site its latest row names, since files spell older names differently. What exists
    stays as it is. An imported station holds a public code but no OCPP identity in the world-wide registry: a
    file proves no right to connect.
    """

    def __init__(self, organisation: Organisation, mapping: Mapping, time_zone: str) -> None:
        self._organisation, self._mapping, self._time_zone = organisation, mapping, time_zone

    def of(self, rows: Iterable[Row]) -> dict[Socket, Place]:
        """Find or make the place of every row; the key is (row.station, row.connector)."""
        latest: dict[str, Row] = {}
        models: dict[Socket, Model] = {}
        for row in rows:
            if row.station not in latest or row.start > latest[row.station].start:
                latest[row.station] = row
            model, socket = self._mapping.model(row.model), (row.station, row.connector)
            if socket not in models or model.power_w > models[socket].power_w:
                models[socket] = model
        stations = self._stations(latest)
        evses = self._evses(stations, models)
        return self._connectors(stations, evses, models)

    def _sites(self, names: set[str]) -> dict[str, Site]:
        sites = Site.objects.of(self._organisation)
        known = {site.name: site for site in sites.filter(name__in=names)}
        for site in known.values():
            if site.time_zone != self._time_zone:
                raise ImportRefused(
                    "--timezone", f"is {self._time_zone}, but the site {site.name!r} is in {site.time_zone}"
                )
        country = self._mapping.country
        made = [
            Site(organisation=self._organisation, name=name, time_zone=self._time_zone, country=country)
            for name in sorted(names - known.keys())
        ]
        Site.objects.bulk_create(made)
        return known | {site.name: site for site in made}

    def _stations(self, latest: dict[str, Row]) -> dict[str, Station]:
        wanted = {identity_of(code): row for code, row in latest.items()}
        of_ours = Station.objects.of(self._organisation)
        known = {each.identity: each for each in of_ours.filter(identity__in=wanted)}
        missing = {identity: row for identity, row in wanted.items() if identity not in known}
        sites = self._sites({row.site for row in missing.values()})
        made = [
            Station(
                organisation=self._organisation,
                site=sites[row.site],
                identity=identity,
                name=row.station[:120],
                model=row.model[:50],
            )
            for identity, row in missing.items()
        ]
        Station.objects.bulk_create(made)
        self._claim_codes(made)
        known |= {station.identity: station for station in made}
        return {code: known[identity_of(code)] for code in latest}

    def _claim_codes(self, stations: list[Station]) -> None:
        RegistryKey.objects.bulk_create(
            RegistryKey(
                kind=RegistryKey.Kind.PUBLIC_CODE,
                key=station.public_code,
                organisation=self._organisation,
                target_id=station.pk,
            )
            for station in stations
        )

    def _evses(self, stations: dict[str, Station], models: dict[Socket, Model]) -> dict[Socket, EVSE]:
        of_ours = EVSE.objects.of(self._organisation).filter(station__in=stations.values())
        known = {(each.station_id, each.number): each for each in of_ours}
        made = [
            EVSE(
                organisation=self._organisation,
                station=stations[code],
                number=number,
                power_type=model.power_type,
                max_power_w=model.power_w,
            )
            for (code, number), model in models.items()
            if (stations[code].pk, number) not in known
        ]
        EVSE.objects.bulk_create(made)
        known |= {(each.station_id, each.number): each for each in made}
        return {(code, number): known[stations[code].pk, number] for code, number in models}

    def _connectors(
        self, stations: dict[str, Station], evses: dict[Socket, EVSE], models: dict[Socket, Model]
    ) -> dict[Socket, Place]:
        of_ours = Connector.objects.of(self._organisation).filter(evse__in=evses.values())
        known = {each.evse_id: each.pk for each in of_ours.order_by("-number")}  # the first one wins
        made = [
            Connector(organisation=self._organisation, evse=evse, standard=models[socket].standard)
            for socket, evse in evses.items()
            if evse.pk not in known
        ]
        Connector.objects.bulk_create(made)
        known |= {each.evse_id: each.pk for each in made}
        return {
            socket: Place(stations[socket[0]].pk, known[evse.pk], evse.power_type)
            for socket, evse in evses.items()
        }


def identity_of(code: str) -> str:
    """A file's station code as an OCPP identity may be spelled; different codes stay different."""
    spelled = re.sub(r"[^A-Za-z0-9*+=:|@._-]+", "-", code)[: LONGEST_IDENTITY - 9]
    if spelled == code:
        return code
    return f"{spelled}-{hashlib.sha256(code.encode()).hexdigest()[:8]}"
