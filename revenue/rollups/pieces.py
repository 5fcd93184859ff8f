"""How a session is split over the hours it lasted: one statement for upkeep, rebuild and check alike.

Each amount is split by cumulative rounding: at every hour's end the part used up so far is rounded, and the
hour gets what was added. The parts therefore sum to the whole exactly, in whole Wh, seconds and minor units,
and none is off by more than one unit. Weights are the facts: registers (interpolated between readings) for
energy and its price, time for the price of time, parked seconds for that of parking; fees fall due at the
start; tax follows the net.

A piece is a row (organisation, station, tariff, currency, zone, hour_s: the local hour's start in Unix
seconds, and the measures). The placeholder {chosen} is a query for the ids of sessions, {credited} and {down}
are conditions on credit notes `d` and outages `outage`.
"""

from billing.minor_units import THREE_DECIMAL, ZERO_DECIMAL
from revenue.rollups.archived import READINGS
from revenue.rollups.down_time import OF_DOWN_TIME
from revenue.rollups.measures import HOUR_S, row


def _codes(currencies: frozenset[str]) -> str:
    return ", ".join(f"'{code}'" for code in sorted(currencies))


DIGITS = (
    f"CASE WHEN p.currency IN ({_codes(ZERO_DECIMAL)}) THEN 0"
    f" WHEN p.currency IN ({_codes(THREE_DECIMAL)}) THEN 3 ELSE 2 END"
)

COUNTED = f"""
counted AS MATERIALIZED (
    SELECT s.id, s.organisation_id, s.station_id, v.tariff_id, p.currency, {DIGITS} AS digits,
        site.id AS site_id, site.time_zone AS zone,
        s.started_at, s.ended_at, s.meter_start_wh, s.meter_end_wh,
        floor(extract(epoch FROM s.started_at))::bigint AS start_s,
        floor(extract(epoch FROM s.ended_at))::bigint AS end_s,
        p.energy_wh, p.energy, p.time, p.parking, p.fees, p.net, p.tax,
        coalesce(c.net, 0) AS charged_net, coalesce(c.tax, 0) AS charged_tax
    FROM ({{chosen}}) AS chosen
    JOIN charging_chargingsession s ON s.id = chosen.id AND s.state = 'priced'
    JOIN charging_pricedsession p ON p.organisation_id = s.organisation_id AND p.session_id = s.id
    JOIN tariffs_tariffversion v ON v.id = p.tariff_version_id
    JOIN stations_station station ON station.id = s.station_id
    JOIN stations_site site ON site.id = station.site_id
    LEFT JOIN billing_sessioncharge c ON c.organisation_id = s.organisation_id AND c.session_id = s.id
    WHERE (s.quality <> 'waived' OR c.id IS NOT NULL)
      AND NOT EXISTS (
        SELECT FROM charging_pricedsession later WHERE later.organisation_id = p.organisation_id
          AND later.session_id = p.session_id AND later.revision > p.revision)
)"""

# The planner takes a series for a thousand rows and an array for ten, which is nearer to a session's hours.
HOURS = f"""
hours AS (
    SELECT c.*, h.hour_s, greatest(h.hour_s, c.start_s) AS from_s, least(h.hour_s + {HOUR_S}, c.end_s) AS to_s,
        h.hour_s + {HOUR_S} >= c.end_s AS is_last, h.hour_s <= c.start_s AS is_first
    FROM (
        SELECT *, floor(extract(epoch FROM date_trunc('hour', to_timestamp(start_s), zone)))::bigint AS first_s
        FROM counted
    ) c, LATERAL unnest(ARRAY(
        SELECT generate_series(c.first_s, greatest(c.first_s, c.end_s - 1), {HOUR_S})
    )) AS h(hour_s)
),
steps AS (
    SELECT n.session_id, n.state, floor(extract(epoch FROM n.at))::bigint AS from_s,
        lead(floor(extract(epoch FROM n.at))::bigint) OVER (PARTITION BY n.session_id ORDER BY n.at) AS to_s
    FROM charging_sessionstate n WHERE n.session_id IN (SELECT id FROM counted)
      AND n.organisation_id IN (SELECT organisation_id FROM counted)
),
paused AS (
    SELECT h.id, h.hour_s,
        sum(least(h.to_s, coalesce(n.to_s, h.to_s)) - greatest(h.from_s, n.from_s))
            FILTER (WHERE n.state = 'PARKED') AS parked_s,
        sum(least(h.to_s, coalesce(n.to_s, h.to_s)) - greatest(h.from_s, n.from_s))
            FILTER (WHERE n.state = 'WITHHELD') AS idle_s
    FROM hours h JOIN steps n ON n.session_id = h.id AND n.state <> 'CHARGING'
      AND n.from_s < h.to_s AND coalesce(n.to_s, h.to_s) > h.from_s
    GROUP BY h.id, h.hour_s
),
peaks AS (
    SELECT c.id, floor(extract(epoch FROM date_trunc('hour', r.at, c.zone)))::bigint AS hour_s,
        max(r.power_w) AS power_w
    FROM counted c JOIN {READINGS} r ON r.organisation_id = c.organisation_id
      AND r.session_id = c.id AND r.at > c.started_at AND r.at < c.ended_at
      AND r.register_wh IS NOT NULL AND r.power_w > 0
    GROUP BY 1, 2
)"""

# The register at an hour's end lies on the line between the readings around it. Readings strictly inside the
# session that carry a register are those which, coming late, hold it (charging.late_facts): so they mark it.
METERED = f"""
metered AS (
    SELECT h.*, coalesce(paused.parked_s, 0)::bigint AS parked_s, coalesce(paused.idle_s, 0)::bigint AS idle_s,
        coalesce(peaks.power_w, 0) AS power_w,
        CASE WHEN h.is_last THEN h.energy_wh ELSE greatest(0, least(h.energy_wh,
            coalesce(lo.wh, h.meter_start_wh) - h.meter_start_wh
            + coalesce((coalesce(hi.wh, h.meter_end_wh) - coalesce(lo.wh, h.meter_start_wh))
                * (h.to_s - coalesce(lo.at_s, h.start_s))
                / nullif(coalesce(hi.at_s, h.end_s) - coalesce(lo.at_s, h.start_s), 0), 0)))
        END AS used_wh
    FROM hours h
    LEFT JOIN LATERAL (
        SELECT r.register_wh AS wh, floor(extract(epoch FROM r.at))::bigint AS at_s
        FROM {READINGS} r
        WHERE r.organisation_id = h.organisation_id AND r.session_id = h.id
          AND r.at > h.started_at AND r.at <= to_timestamp(h.to_s) AND r.register_wh IS NOT NULL
        ORDER BY r.at DESC, r.register_wh DESC LIMIT 1
    ) lo ON NOT h.is_last
    LEFT JOIN LATERAL (
        SELECT r.register_wh AS wh, floor(extract(epoch FROM r.at))::bigint AS at_s
        FROM {READINGS} r
        WHERE r.organisation_id = h.organisation_id AND r.session_id = h.id
          AND r.at > to_timestamp(h.to_s) AND r.at < h.ended_at AND r.register_wh IS NOT NULL
        ORDER BY r.at, r.register_wh DESC LIMIT 1
    ) hi ON NOT h.is_last
    LEFT JOIN paused ON paused.id = h.id AND paused.hour_s = h.hour_s
    LEFT JOIN peaks ON peaks.id = h.id AND peaks.hour_s = h.hour_s
)"""

SHARED = """
progress AS (
    SELECT m.*, max(used_wh) OVER so_far AS wh_to, sum(parked_s) OVER so_far AS parked_to,
        sum(parked_s) OVER (PARTITION BY id) AS parked_all
    FROM metered m WINDOW so_far AS (PARTITION BY id ORDER BY hour_s)
),
parts AS (
    SELECT *,
        CASE WHEN is_last OR energy_wh <= 0 THEN energy ELSE round(energy * wh_to / energy_wh, digits) END
            AS energy_to,
        CASE WHEN is_last OR end_s = start_s THEN time
            ELSE round(time * (to_s - start_s) / (end_s - start_s), digits) END AS time_to,
        CASE WHEN is_last OR parked_all = 0 THEN parking ELSE round(parking * parked_to / parked_all, digits) END
            AS parking_to
    FROM progress
),
nets AS (
    SELECT *, energy_to + time_to + parking_to + fees AS net_to FROM parts
),
taxes AS (
    SELECT *,
        CASE WHEN is_last OR net = 0 THEN tax ELSE round(tax * net_to / net, digits) END AS tax_to,
        CASE WHEN is_last OR net = 0 THEN charged_net ELSE round(charged_net * net_to / net, digits) END
            AS charged_net_to,
        CASE WHEN is_last OR net = 0 THEN charged_tax ELSE round(charged_tax * net_to / net, digits) END
            AS charged_tax_to
    FROM nets
),
split AS (
    SELECT organisation_id, station_id, site_id, tariff_id, currency, zone, hour_s,
        (to_timestamp(hour_s) AT TIME ZONE zone)::date AS day, is_first, energy_wh AS all_wh, power_w,
        wh_to - coalesce(lag(wh_to) OVER by_hour, 0) AS energy_wh,
        to_s - from_s AS occupied_s, parked_s, idle_s,
        energy_to - coalesce(lag(energy_to) OVER by_hour, 0) AS energy,
        time_to - coalesce(lag(time_to) OVER by_hour, 0) AS time,
        parking_to - coalesce(lag(parking_to) OVER by_hour, 0) AS parking,
        CASE WHEN is_first THEN fees ELSE 0 END AS fees,
        net_to - coalesce(lag(net_to) OVER by_hour, 0) AS net,
        tax_to - coalesce(lag(tax_to) OVER by_hour, 0) AS tax,
        charged_net_to - coalesce(lag(charged_net_to) OVER by_hour, 0) AS charged_net,
        charged_tax_to - coalesce(lag(charged_tax_to) OVER by_hour, 0) AS charged_tax
    FROM taxes WINDOW by_hour AS (PARTITION BY id ORDER BY hour_s)
)"""

COSTED = """
prices AS (
    SELECT organisation_id, site_id, currency, per_kwh, valid_from,
        lead(valid_from) OVER (PARTITION BY organisation_id, site_id ORDER BY valid_from) AS valid_until
    FROM revenue_electricityprice
),
costed AS (
    SELECT x.*, e.currency AS cost_currency, round(x.energy_wh * e.per_kwh / 1000, 4) AS energy_cost
    FROM split x LEFT JOIN prices e ON e.organisation_id = x.organisation_id AND e.site_id = x.site_id
      AND x.day >= e.valid_from AND (e.valid_until IS NULL OR x.day < e.valid_until)
)"""


SESSION_ROW = row(
    sessions="CASE WHEN is_first THEN 1 ELSE 0 END",
    failed_starts="CASE WHEN is_first AND all_wh <= 0 THEN 1 ELSE 0 END",
    energy_wh="energy_wh",
    occupied_s="occupied_s",
    charging_s="occupied_s - parked_s - idle_s",
    parked_s="parked_s",
    idle_s="idle_s",
    energy="energy",
    time="time",
    parking="parking",
    fees="fees",
    net="net",
    tax="tax",
    gross="net + tax",
    charged_net="charged_net",
    charged_tax="charged_tax",
    energy_cost="CASE WHEN cost_currency = currency THEN energy_cost ELSE 0 END",
    peak_w="greatest(power_w, energy_wh)",  # Wh in an hour are the mean W of it
)
PLACE = "organisation_id, station_id, tariff_id, currency, zone, hour_s"

OF_SESSIONS = f"""
    SELECT {PLACE}, {SESSION_ROW} FROM costed
    UNION ALL
    SELECT organisation_id, station_id, tariff_id, cost_currency, zone, hour_s, {row(energy_cost="energy_cost")}
    FROM costed WHERE cost_currency <> currency AND energy_cost <> 0"""

OF_CREDIT_NOTES = f"""
    SELECT d.organisation_id, s.station_id, v.tariff_id, d.currency, site.time_zone,
        floor(extract(epoch FROM date_trunc('hour', d.issued_at, site.time_zone)))::bigint,
        {row(refund_net="d.net", refund_tax="d.tax")}
    FROM billing_document d
    JOIN billing_sessioncharge c ON c.organisation_id = d.organisation_id AND c.id = d.charge_id
    JOIN charging_pricedsession p ON p.id = c.priced_id
    JOIN tariffs_tariffversion v ON v.id = p.tariff_version_id
    JOIN charging_chargingsession s ON s.id = c.session_id
    JOIN stations_station station ON station.id = s.station_id
    JOIN stations_site site ON site.id = station.site_id
    WHERE d.kind = 'credit_note' AND {{credited}}"""

PIECES = f"""{COUNTED}, {HOURS}, {METERED}, {SHARED}, {COSTED},
pieces AS ({OF_SESSIONS}
    UNION ALL {OF_CREDIT_NOTES}
    UNION ALL {OF_DOWN_TIME}
)"""


def pieces(chosen: str, credited: str, down: str) -> str:
    """The WITH list up to `pieces`, for the sessions, credit notes and outages named."""
    return PIECES.format(chosen=chosen, credited=credited, down=down)
