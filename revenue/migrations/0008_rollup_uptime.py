"""Down time comes from outages and exclusions: triggers that mark what they change, and all there was before."""

from django.db import migrations

MARKS = """
DROP FUNCTION revenue_mark_status CASCADE;
DROP INDEX stations_statusinterval_of_rollup;

CREATE FUNCTION revenue_mark_port(owner uuid, port uuid, since timestamptz, until timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), owner, e.station_id, since, until, now() FROM stations_evse e
    WHERE e.organisation_id = owner AND e.id = port AND until IS NOT NULL
$$;
CREATE FUNCTION revenue_mark_outage() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM revenue_mark_port(OLD.organisation_id, OLD.evse_id, OLD.since, OLD.until);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM revenue_mark_port(NEW.organisation_id, NEW.evse_id, NEW.since, NEW.until);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_outage AFTER INSERT OR DELETE ON stations_outage
    FOR EACH ROW EXECUTE FUNCTION revenue_mark_outage();
CREATE TRIGGER rollup_mark_outage_changed AFTER UPDATE ON stations_outage
    FOR EACH ROW WHEN ((OLD.since, OLD.until, OLD.evse_id) IS DISTINCT FROM (NEW.since, NEW.until, NEW.evse_id))
    EXECUTE FUNCTION revenue_mark_outage();

-- The narrowest place counts. An outage that is being written just now isn't seen here and may not see what
-- its writer doesn't: so the last day is marked as well.
CREATE FUNCTION revenue_mark_uptime(owner uuid, site uuid, station uuid, port uuid, first timestamptz,
    last timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), owner, m.station_id, m.since, m.until, now()
    FROM (
        SELECT s.id AS station_id, greatest(o.since, first) AS since, least(o.until, last) AS until
        FROM stations_station s JOIN stations_evse e ON e.organisation_id = owner AND e.station_id = s.id
        JOIN stations_outage o ON o.organisation_id = owner AND o.evse_id = e.id
        WHERE s.organisation_id = owner AND o.until > first AND (last IS NULL OR o.since < last)
          AND CASE WHEN port IS NOT NULL THEN e.id = port WHEN station IS NOT NULL THEN s.id = station
              ELSE s.site_id = site END
        UNION ALL
        SELECT s.id, now() - interval '1 day', now() + interval '1 day' FROM stations_station s
        WHERE s.organisation_id = owner AND first < now() + interval '1 day'
          AND (last IS NULL OR last > now() - interval '1 day')
          AND CASE WHEN station IS NOT NULL THEN s.id = station ELSE s.site_id = site END
    ) m
$$;
CREATE FUNCTION revenue_mark_excluded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        PERFORM revenue_mark_uptime(OLD.organisation_id, OLD.site_id, OLD.station_id, OLD.evse_id, OLD.since, OLD.until);
    END IF;
    PERFORM revenue_mark_uptime(NEW.organisation_id, NEW.site_id, NEW.station_id, NEW.evse_id, NEW.since, NEW.until);
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_excluded AFTER INSERT OR UPDATE ON stations_exclusion
    FOR EACH ROW EXECUTE FUNCTION revenue_mark_excluded();

CREATE FUNCTION revenue_mark_opening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM revenue_mark_uptime(OLD.organisation_id, OLD.site_id, NULL, NULL, '-infinity', NULL);
    END IF;
    IF TG_OP = 'INSERT' OR TG_OP = 'UPDATE' AND OLD.site_id <> NEW.site_id THEN
        PERFORM revenue_mark_uptime(NEW.organisation_id, NEW.site_id, NULL, NULL, '-infinity', NULL);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_opening AFTER INSERT OR UPDATE OR DELETE ON stations_openinghours
    FOR EACH ROW EXECUTE FUNCTION revenue_mark_opening();

CREATE FUNCTION revenue_mark_in_service() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM revenue_mark_uptime(NEW.organisation_id, NEW.site_id, NEW.id, NULL, '-infinity', NULL);
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_in_service AFTER UPDATE OF in_service_from ON stations_station
    FOR EACH ROW WHEN (OLD.in_service_from IS DISTINCT FROM NEW.in_service_from)
    EXECUTE FUNCTION revenue_mark_in_service();

CREATE OR REPLACE FUNCTION revenue_mark_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- another site or time zone moves all of the station to other days: each session, and each outage
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), NEW.organisation_id, s.id, s.first - interval '2 days', now() + interval '2 days', now()
    FROM (
        SELECT station.id, least(
            (SELECT min(started_at) FROM charging_chargingsession
             WHERE organisation_id = station.organisation_id AND station_id = station.id),
            (SELECT min(o.since) FROM stations_outage o JOIN stations_evse e ON e.id = o.evse_id
             WHERE o.organisation_id = station.organisation_id AND e.station_id = station.id)) AS first
        FROM stations_station station
        WHERE station.organisation_id = NEW.organisation_id AND NEW.id IN (station.id, station.site_id)
    ) s
    WHERE s.first IS NOT NULL;
    RETURN NULL;
END $$;

INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
SELECT gen_random_uuid(), organisation_id, station_id, day - interval '1 day', day + interval '2 days', now()
FROM revenue_stationday WHERE down_s <> 0 OR down_excluded_s <> 0;
INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
SELECT gen_random_uuid(), o.organisation_id, e.station_id, o.since, o.until, now()
FROM stations_outage o JOIN stations_evse e ON e.id = o.evse_id WHERE o.until IS NOT NULL;
"""


class Migration(migrations.Migration):
    dependencies = [("revenue", "0007_experiments"), ("stations", "0003_uptime_and_repair")]

    operations = [migrations.RunSQL(MARKS)]
