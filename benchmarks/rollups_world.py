"""Sessions and rollups in bulk for benchmarks/rollups.py: 2,000 stations over 24 months, two owners.

The first owner has 7 % of the stations. Random by a fixed seed; no trigger and no check runs while it is filled.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from moneyed import Money

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

STATIONS, OWN_STATIONS, DAYS = 2000, 140, 730

PLACES = """
SET session_replication_role = replica; SELECT setseed(0.7);
CREATE TEMP TABLE place AS SELECT row_number() OVER (ORDER BY s.identity) AS n, s.organisation_id, s.site_id,
    s.id AS station_id, k.id AS connector_id
FROM stations_station s JOIN stations_evse e ON e.station_id = s.id JOIN stations_connector k ON k.evse_id = e.id;
"""
SESSIONS = """
CREATE TEMP TABLE made AS SELECT gen_random_uuid() AS id, k, p.*, timestamptz '2024-11-01' + random() * {days}
    * interval '1 day' AS started_at, 900 + (random() * random() * 20000)::int AS s,
    (random() * 30000)::int AS wh
    FROM (SELECT n AS k, 1 + (random() * ({stations} - 1))::int AS at FROM generate_series(1, {count}) n) r
    JOIN place p ON p.n = r.at;
INSERT INTO charging_chargingsession (id, organisation_id, source, source_key, station_id, connector_id, state,
    quality, hold_reasons, started_at, ended_at, meter_start_wh, meter_end_wh, stop_reason, tariff_version_id,
    settled_elsewhere, created_at)
SELECT id, organisation_id, 'import', id::text, station_id, connector_id, 'priced', 'good', '{{}}', started_at,
    started_at + s * interval '1 second', 0, wh, '', organisation_id, false, now()
FROM made ORDER BY started_at;
INSERT INTO charging_pricedsession (id, organisation_id, session_id, revision, tariff_version_id, policy, energy_wh,
    duration_s, currency, energy, time, parking, fees, net, tax, gross, result, priced_at)
SELECT gen_random_uuid(), organisation_id, id, 1, organisation_id, 'half_up', wh, s, 'EUR', net, 0, 0, 0, net, tax,
    net + tax, '{{}}', now()
FROM (SELECT *, round(wh * 0.0005, 2) AS net, round(wh * 0.0001, 2) AS tax FROM made ORDER BY started_at) m;
INSERT INTO billing_sessioncharge (id, organisation_id, session_id, priced_id, net, tax, gross, currency,
    charged_at, cost_centre)
SELECT gen_random_uuid(), organisation_id, session_id, id, net, tax, gross, currency, now(), ''
FROM charging_pricedsession;
INSERT INTO charging_reading (id, organisation_id, session_id, at, register_wh, power_w, said)
SELECT gen_random_uuid(), organisation_id, id, started_at + part * s / 3.0 * interval '1 second',
    wh * part / 3, 11000, ''
FROM made, generate_series(1, 2) part;
INSERT INTO charging_sessionstate (id, organisation_id, session_id, at, state)
SELECT gen_random_uuid(), organisation_id, id, started_at + s * 0.7 * interval '1 second', 'PARKED'
FROM made WHERE k % 3 = 0;
DROP TABLE made, place;
SET session_replication_role = origin;
"""
DIRECT = """
TRUNCATE revenue_stationday, revenue_ownerhour;
INSERT INTO revenue_stationday (organisation_id, day, station_id, tariff_id, currency, sessions,
    energy_wh, occupied_s, charging_s, energy, net, tax, gross, charged_net, charged_tax, energy_cost, {zeros})
SELECT organisation_id, date '2024-11-01' + d, id, organisation_id, 'EUR', 7, 105000, 40000, 30000, 52.50, 52.50,
    10.50, 63.00, 52.50, 10.50, 22.05, {nothing}
FROM generate_series(0, {days} - 1) d, stations_station;
INSERT INTO revenue_ownerhour (organisation_id, starts_at, time_zone, currency, day, hour, sessions, energy_wh,
    occupied_s, charging_s, energy, net, tax, gross, charged_net, charged_tax, energy_cost, {zeros})
SELECT id, h, 'Europe/Berlin', 'EUR', (h AT TIME ZONE 'Europe/Berlin')::date,
    extract(hour FROM h AT TIME ZONE 'Europe/Berlin'), 40, 600000, 230000, 170000, 300, 300, 60, 360, 300, 60, 126,
    {nothing}
FROM accounts_organisation, generate_series(timestamptz '2024-11-01',
    timestamptz '2024-11-01' + {days} * interval '1 day', interval '1 hour') h;
"""
ZEROS = (
    "failed_starts", "parked_s", "idle_s", "time", "parking", "fees", "refund_net", "refund_tax", "down_s",
    "down_excluded_s", "peak_w",
)  # fmt: skip


EMPTY = """
SET session_replication_role = replica; TRUNCATE accounts_organisation CASCADE; SET session_replication_role = origin;
"""


def _make_places() -> None:
    """Two owners with a tariff each; a site, an electricity price and a port for every station."""
    from accounts.models import Organisation
    from revenue.models import ElectricityPrice
    from stations.models import EVSE, Connector, Site, Station
    from tariffs.models import Tariff, TariffAssignment, TariffVersion

    for number, count in ((1, OWN_STATIONS), (2, STATIONS - OWN_STATIONS)):
        id_ = UUID(int=number)
        owner = Organisation.objects.create(
            pk=id_, name=f"Owner {number}", slug=f"owner-{number}", time_zone="Europe/Berlin"
        )
        own = {"organisation": owner}
        price = {"type": "ENERGY", "price": "0.50", "step_size": 1, "vat": "20"}
        document = {"id": "t", "currency": "EUR", "elements": [{"price_components": [price]}]}
        tariff = Tariff.objects.create(pk=id_, name="Tariff", currency="EUR", **own)
        TariffVersion.objects.create(
            pk=id_, tariff=tariff, number=1, document=document, valid_from=LONG_AGO, **own
        )
        TariffAssignment.objects.create(tariff=tariff, valid_from=LONG_AGO, **own)
        sites = [Site(name=f"Site {at:05}", time_zone="Europe/Berlin", **own) for at in range(count)]
        stations = [Station(site=site, identity=f"CP{number}{at:05}", **own) for at, site in enumerate(sites)]
        evses = [EVSE(station=station, number=1, **own) for station in stations]
        Site.objects.bulk_create(sites)
        Station.objects.bulk_create(stations)
        EVSE.objects.bulk_create(evses)
        Connector.objects.bulk_create([Connector(evse=evse, **own) for evse in evses])
        ElectricityPrice.objects.bulk_create(
            [
                ElectricityPrice(site=site, valid_from=LONG_AGO, per_kwh=Money("0.21", "EUR"), **own)
                for site in sites
            ]
        )


def fill_sessions(cursor: Any, count: int) -> None:
    """`count` priced and charged sessions, two readings each."""
    _make_places()
    given = {"stations": STATIONS, "days": DAYS, "count": count}
    for statement in (PLACES, SESSIONS):
        cursor.execute(statement.format(**given))
    for table in (
        "charging_chargingsession",
        "charging_pricedsession",
        "charging_reading",
        "billing_sessioncharge",
    ):
        cursor.execute(f"VACUUM ANALYZE {table}")


def fill_rollups(cursor: Any) -> None:
    """The rollups of 10,000,000 sessions, written directly: every station and hour has rows."""
    cursor.execute(DIRECT.format(zeros=", ".join(ZEROS), nothing=", ".join("0" for _ in ZEROS), days=DAYS))
    cursor.execute("VACUUM ANALYZE revenue_stationday")
    cursor.execute("VACUUM ANALYZE revenue_ownerhour")
