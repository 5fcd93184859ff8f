"""Down time as pieces: outages that have ended and what of them uptime leaves out, by `stations.uptime`'s rules.

A port's outage counts from when its station was put into service, in whole seconds. Left out is what an
exclusion of the port, its station or its site covers, or falls outside the site's opening hours, each second
once. `{down}` is a condition on outages, `outage`.
"""

from revenue.rollups.measures import HOUR_S, row


def _seconds(instant: str) -> str:
    return f"floor(extract(epoch FROM {instant}))::bigint"


def _instant(local: str) -> str:
    """A site's clock time as an instant: of the two that a clock set back shows twice, the first, as Python has it."""
    instant = f"(({local}) AT TIME ZONE site.time_zone)"
    earlier = [f"{instant} - interval '{step}'" for step in ("1 hour", "30 minutes")]
    same = " ".join(f"WHEN ({one}) AT TIME ZONE site.time_zone = ({local}) THEN {one}" for one in earlier)
    return f"CASE {same} ELSE {instant} END"


SPAN = f"""
    SELECT {_seconds("greatest(outage.since, station.in_service_from::timestamp AT TIME ZONE site.time_zone)")}
            AS from_s,
        {_seconds("outage.until")} AS to_s"""
# Half open, in seconds; whoever covers nothing of the outage becomes an empty range.
EXCLUDED = f"""
    SELECT coalesce(range_agg(int8range(least(x.from_s, x.to_s), x.to_s)), '{{{{}}}}') AS spans
    FROM (
        SELECT greatest({_seconds("since")}, span.from_s) AS from_s,
            least({_seconds("until")}, span.to_s) AS to_s
        FROM stations_exclusion
        WHERE organisation_id = outage.organisation_id AND withdrawn_at IS NULL
          AND since < outage.until AND (until IS NULL OR until > outage.since)
          AND CASE WHEN evse_id IS NOT NULL THEN evse_id = e.id
                   WHEN station_id IS NOT NULL THEN station_id = station.id ELSE site_id = site.id END
    ) x"""
OPENED = f"""
    SELECT coalesce(range_agg(int8range(x.opens_s, greatest(x.opens_s, x.closes_s))), '{{{{}}}}') AS spans,
        EXISTS (SELECT FROM stations_openinghours
                WHERE organisation_id = outage.organisation_id AND site_id = site.id) AS are_told
    FROM (
        SELECT {_seconds(_instant("d.day + h.opens"))} AS opens_s,
            {_seconds(_instant("CASE WHEN h.closes > h.opens THEN d.day + h.closes ELSE d.day + interval '1 day' END"))}
                AS closes_s
        FROM stations_openinghours h JOIN LATERAL generate_series(
            date_trunc('day', to_timestamp(span.from_s) AT TIME ZONE site.time_zone),
            to_timestamp(span.to_s) AT TIME ZONE site.time_zone, interval '1 day'
        ) AS d(day) ON extract(isodow FROM d.day) = h.weekday + 1
        WHERE h.organisation_id = outage.organisation_id AND h.site_id = site.id
    ) x"""
LEFT_OUT = """
    SELECT excluded.spans + CASE WHEN opened.are_told
        THEN int8multirange(int8range(span.from_s, span.to_s)) - opened.spans ELSE '{{}}' END AS spans"""

OF_DOWN_TIME = f"""
    SELECT outage.organisation_id, station.id, '00000000-0000-0000-0000-000000000000'::uuid, owner.currency,
        site.time_zone, h.hour_s,
        {row(down_s="upper(hour.span) - lower(hour.span)", down_excluded_s="excluded.s")}
    FROM stations_outage outage
    JOIN stations_evse e ON e.organisation_id = outage.organisation_id AND e.id = outage.evse_id
    JOIN stations_station station ON station.id = e.station_id
    JOIN stations_site site ON site.id = station.site_id
    JOIN accounts_organisation owner ON owner.id = outage.organisation_id
    CROSS JOIN LATERAL ({SPAN} OFFSET 0) span
    CROSS JOIN LATERAL (
        SELECT left_out.spans FROM ({EXCLUDED}) excluded, ({OPENED}) opened, LATERAL ({LEFT_OUT}) left_out
        WHERE span.from_s < span.to_s OFFSET 0
    ) left_out
    CROSS JOIN LATERAL generate_series(
        {_seconds("date_trunc('hour', to_timestamp(span.from_s), site.time_zone)")}, span.to_s - 1, {HOUR_S}
    ) AS h(hour_s)
    CROSS JOIN LATERAL (
        SELECT int8range(greatest(h.hour_s, span.from_s), least(h.hour_s + {HOUR_S}, span.to_s)) AS span
    ) hour
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(upper(part) - lower(part)), 0) AS s
        FROM unnest(left_out.spans * int8multirange(hour.span)) AS part
    ) excluded
    WHERE outage.until IS NOT NULL AND {{down}}"""
