"""Sessions and rollups in bulk for benchmarks/rollups.py: 2,000 stations over 24 months, two owners.

The first owner has 7 % of the stations. Random by a fixed seed; no trigger and no check runs while it is filled.
"""

from typing import Any

STATIONS, OWN_STATIONS, DAYS = 2000, 140, 730

PLACES = """
SET session_replication_role = replica; SELECT setseed(0.7);
INSERT INTO accounts_organisation (id, kind, name, slug, legal_name, street, postal_code, city, country, vat_id,
    email, currency, time_zone, created_at)
SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'operator', 'Owner ' || n, 'owner-' || n, '', '', '', '',
    'DE', '', '', 'EUR', 'Europe/Berlin', now() FROM generate_series(1, 2) n;
CREATE TEMP TABLE place AS SELECT n, gen_random_uuid() AS site_id, gen_random_uuid() AS station_id,
    gen_random_uuid() AS evse_id, gen_random_uuid() AS connector_id,
    ('00000000-0000-0000-0000-00000000000' || CASE WHEN n <= {own} THEN 1 ELSE 2 END)::uuid AS organisation_id
    FROM generate_series(1, {stations}) n;
INSERT INTO stations_site (id, organisation_id, name, street, postal_code, city, country, time_zone, created_at)
SELECT site_id, organisation_id, 'Site ' || n, '', '', '', 'DE', 'Europe/Berlin', now() FROM place;
INSERT INTO stations_station (id, organisation_id, site_id, identity, public_code, name, vendor, model,
    serial_number, firmware_version, ocpp_version, security_profile, password_hash, created_at)
SELECT station_id, organisation_id, site_id, 'CP' || n, 'CODE' || n, '', '', '', '', '', '', 1, '', now() FROM place;
INSERT INTO stations_evse (id, organisation_id, station_id, number, power_type, max_power_w)
SELECT evse_id, organisation_id, station_id, 1, 'AC', 22000 FROM place;
INSERT INTO stations_connector (id, organisation_id, evse_id, number, standard, tethered)
SELECT connector_id, organisation_id, evse_id, 1, 'IEC_62196_T2', false FROM place;
INSERT INTO tariffs_tariff (id, organisation_id, name, currency, created_at)
SELECT DISTINCT organisation_id, organisation_id, 'Tariff', 'EUR', now() FROM place;
INSERT INTO tariffs_tariffversion (id, organisation_id, tariff_id, number, document, valid_from, published_at)
SELECT id, organisation_id, id, 1,
    '{{"id": "t", "currency": "EUR", "elements": [{{"price_components": [
        {{"type": "ENERGY", "price": "0.50", "step_size": 1, "vat": "20"}}]}}]}}'::jsonb, '2000-01-01', now()
FROM tariffs_tariff;
INSERT INTO tariffs_tariffassignment (id, organisation_id, tariff_id, valid_from)
SELECT id, organisation_id, id, '2000-01-01' FROM tariffs_tariff;
INSERT INTO revenue_electricityprice (id, organisation_id, site_id, valid_from, per_kwh, currency, created_at)
SELECT gen_random_uuid(), organisation_id, site_id, '2000-01-01', 0.21, 'EUR', now() FROM place;
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
INSERT INTO billing_sessioncharge (id, organisation_id, session_id, priced_id, net, tax, gross, currency, charged_at)
SELECT gen_random_uuid(), organisation_id, session_id, id, net, tax, gross, currency, now()
FROM charging_pricedsession;
INSERT INTO charging_reading (id, organisation_id, session_id, at, register_wh, power_w)
SELECT gen_random_uuid(), organisation_id, id, started_at + part * s / 3.0 * interval '1 second', wh * part / 3, 11000
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


def fill_sessions(cursor: Any, count: int) -> None:
    """`count` priced and charged sessions, two readings each."""
    given = {"own": OWN_STATIONS, "stations": STATIONS, "days": DAYS, "count": count}
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
