"""A site's past, straight out of the database in its binary form."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection

from charging.models import ChargingSession
from revenue.replay.past import Past
from stations.models import Connector, Site

HEADER_BYTES, TRAILER_BYTES = 19, 2
FIELDS = ("start", "length", "parked_from", "energy_wh", "who", "known", "version")
ROW = np.dtype(
    [("count", ">i2"), *(part for name in FIELDS for part in ((f"{name}_size", ">i4"), (name, ">i8")))]
)

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
