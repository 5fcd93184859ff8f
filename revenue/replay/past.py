"""The sessions of a site's past as columns, straight out of the database in its binary form."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from charging.models import ChargingSession
from pricing.batch import Columns
from stations.models import Connector, Site

Integers = NDArray[np.int64]
HEADER_BYTES, TRAILER_BYTES = 19, 2
FIELDS = ("start", "length", "parked_from", "energy_wh", "who", "known", "version")
ROW = np.dtype(
    [("count", ">i2"), *(part for name in FIELDS for part in ((f"{name}_size", ">i4"), (name, ">i8")))]
)
EMPTY_HASH = 0

QUERY = """
COPY (
    SELECT extract(epoch FROM date_trunc('second', s.started_at))::bigint,
           greatest(floor(extract(epoch FROM s.ended_at - date_trunc('second', s.started_at)))::bigint, 0),
           coalesce(floor(extract(epoch FROM p.at - date_trunc('second', s.started_at)))::bigint, -1),
           (s.meter_end_wh - s.meter_start_wh)::bigint,
           hashtextextended(coalesce(s.driver_id, s.token_id, s.id)::text, 0),
           (coalesce(s.driver_id, s.token_id) IS NOT NULL)::int::bigint,
           coalesce(hashtextextended(s.tariff_version_id::text, 0), 0)
      FROM charging_chargingsession s
      JOIN stations_station st ON st.id = s.station_id AND st.organisation_id = s.organisation_id
      LEFT JOIN (
            SELECT session_id, min(at) FILTER (WHERE state = 'PARKED') AS at
              FROM charging_sessionstate WHERE organisation_id = %(organisation)s GROUP BY session_id
      ) p ON p.session_id = s.id
     WHERE s.organisation_id = %(organisation)s AND st.site_id = %(site)s AND s.state = 'priced'
       AND s.started_at >= %(since)s AND s.started_at < %(until)s AND s.meter_end_wh >= s.meter_start_wh
     ORDER BY s.started_at
) TO STDOUT (FORMAT BINARY)
"""


@dataclass(frozen=True, slots=True)
class Past:
    """n sessions of one site, oldest first. start: epoch s; length, parked_from: s; energy_wh: Wh.

    who: the same number for the same driver or card; known: whether there is one. version: its tariff
    version's place in `versions`, -1 where it was priced by none.
    """

    zone: ZoneInfo
    ports: int
    start: Integers
    length: Integers
    parked_from: Integers
    energy_wh: Integers
    who: Integers
    known: NDArray[np.bool_]
    version: Integers
    versions: tuple[UUID, ...] = ()

    def __len__(self) -> int:
        return len(self.start)

    def columns(self, chosen: Integers | None = None) -> Columns:
        """The sessions (of these positions) for the price engine: energy comes evenly until parking begins."""
        pick = slice(None) if chosen is None else chosen
        charged, energy = self.parked_from[pick], self.energy_wh[pick]
        n = len(charged)
        seconds, wh = np.zeros((n, 2), np.int64), np.zeros((n, 2), np.int64)
        seconds[:, 1], wh[:, 1] = charged, energy
        return Columns(
            start=self.start[pick],
            length=self.length[pick],
            parked_from=charged,
            first=np.arange(n + 1, dtype=np.int64) * 2,
            seconds=seconds.ravel(),
            wh=wh.ravel(),
        )


def past_of(site: Site, since: datetime, until: datetime) -> Past:
    """The priced sessions that started in [since, until). A million take a few seconds."""
    with connection.cursor() as cursor:
        asked = {"organisation": site.organisation_id, "site": site.pk, "since": since, "until": until}
        with cursor.copy(QUERY, asked) as copy:
            raw = b"".join(bytes(block) for block in copy)
    rows = np.frombuffer(raw[HEADER_BYTES : len(raw) - TRAILER_BYTES], ROW)
    read = {name: rows[name].astype(np.int64) for name in FIELDS}
    versions = _versions(site, since, until)
    places = {number: place for place, number in enumerate(versions)}
    distinct, inverse = np.unique(read["version"], return_inverse=True)
    place_of = np.array([places.get(int(number), -1) for number in distinct], np.int64)
    parked = read["parked_from"]
    usable = (parked > 0) & (parked <= read["length"])
    return Past(
        zone=ZoneInfo(site.time_zone),
        ports=Connector.objects.of(site.organisation_id).filter(evse__station__site=site).count(),
        start=read["start"],
        length=read["length"],
        parked_from=np.where(usable, parked, read["length"]),
        energy_wh=read["energy_wh"],
        who=read["who"],
        known=read["known"] == 1,
        version=place_of[inverse] if len(distinct) else np.zeros(0, np.int64),
        versions=tuple(versions.values()),
    )


def _versions(site: Site, since: datetime, until: datetime) -> Mapping[int, UUID]:
    """The tariff versions of these sessions by the number that the database makes of each."""
    used = (
        ChargingSession.objects.of(site.organisation_id)
        .filter(station__site=site, started_at__gte=since, started_at__lt=until, tariff_version__isnull=False)
        .order_by()
        .values_list("tariff_version", flat=True)
        .distinct()
    )
    ids = list(used)
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT hashtextextended(u::text, 0), u FROM unnest(%s::uuid[]) AS u", [ids])
        return {int(number): version for number, version in cursor.fetchall()}
