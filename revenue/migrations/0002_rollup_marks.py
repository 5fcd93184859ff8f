"""Triggers that mark what is to be summed anew, whoever writes and however; and the index the sums read by.

A trigger only adds rows, in the transaction that brings the change: a mark is seen exactly if the change is,
and closing sessions never wait for each other.
"""

from django.db import migrations

MARKS = """
CREATE FUNCTION revenue_mark_priced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- a first pricing is marked when its session becomes priced; what an import brings by COPY, a day at a time
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), s.organisation_id, s.station_id, min(s.started_at), max(s.ended_at), now()
    FROM fresh f JOIN charging_chargingsession s
      ON s.organisation_id = f.organisation_id AND s.id = f.session_id
    WHERE s.state = 'priced'
    GROUP BY s.organisation_id, s.station_id, date_trunc('day', s.started_at);
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_priced AFTER INSERT ON charging_pricedsession
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_priced();

CREATE FUNCTION revenue_mark_session() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    VALUES (gen_random_uuid(), NEW.organisation_id, NEW.station_id, least(OLD.started_at, NEW.started_at),
            greatest(OLD.ended_at, NEW.ended_at), now());
    IF OLD.station_id <> NEW.station_id THEN
        INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
        VALUES (gen_random_uuid(), OLD.organisation_id, OLD.station_id, OLD.started_at, OLD.ended_at, now());
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_session
    AFTER UPDATE OF state, quality, started_at, ended_at, meter_start_wh, meter_end_wh, station_id
    ON charging_chargingsession FOR EACH ROW WHEN (NEW.state = 'priced')
    EXECUTE FUNCTION revenue_mark_session();

CREATE FUNCTION revenue_mark_charged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), s.organisation_id, s.station_id, min(s.started_at), max(s.ended_at), now()
    FROM fresh f JOIN charging_chargingsession s
      ON s.organisation_id = f.organisation_id AND s.id = f.session_id
    GROUP BY s.organisation_id, s.station_id, date_trunc('day', s.started_at);
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_charged AFTER INSERT ON billing_sessioncharge
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION revenue_mark_charged();

CREATE FUNCTION revenue_mark_credited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), NEW.organisation_id, s.station_id, NEW.issued_at, NEW.issued_at, now()
    FROM billing_sessioncharge c JOIN charging_chargingsession s
      ON s.organisation_id = c.organisation_id AND s.id = c.session_id
    WHERE c.organisation_id = NEW.organisation_id AND c.id = NEW.charge_id;
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_credited AFTER INSERT ON billing_document
    FOR EACH ROW WHEN (NEW.kind = 'credit_note') EXECUTE FUNCTION revenue_mark_credited();

CREATE FUNCTION revenue_mark_status() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    since timestamptz := NEW.since;
    until timestamptz := NEW.until;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        since := least(OLD.since, NEW.since);
        until := greatest(OLD.until, NEW.until);
    END IF;
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), NEW.organisation_id, e.station_id, since, until, now()
    FROM stations_connector c JOIN stations_evse e
      ON e.organisation_id = c.organisation_id AND e.id = c.evse_id
    WHERE c.organisation_id = NEW.organisation_id AND c.id = NEW.connector_id AND until IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_status_began AFTER INSERT ON stations_statusinterval
    FOR EACH ROW WHEN (NEW.until IS NOT NULL AND NEW.status IN ('Faulted', 'Offline', 'Unavailable'))
    EXECUTE FUNCTION revenue_mark_status();
CREATE TRIGGER rollup_mark_status_ended AFTER UPDATE ON stations_statusinterval
    FOR EACH ROW WHEN (OLD.status IN ('Faulted', 'Offline', 'Unavailable')
                       OR NEW.status IN ('Faulted', 'Offline', 'Unavailable'))
    EXECUTE FUNCTION revenue_mark_status();

CREATE FUNCTION revenue_mark_electricity() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    price revenue_electricityprice := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    since date := price.valid_from;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        since := least(OLD.valid_from, NEW.valid_from);
    END IF;
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), s.organisation_id, s.id, since - 1, now() + interval '2 days', now()
    FROM stations_station s WHERE s.organisation_id = price.organisation_id AND s.site_id = price.site_id;
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_electricity AFTER INSERT OR UPDATE OR DELETE ON revenue_electricityprice
    FOR EACH ROW EXECUTE FUNCTION revenue_mark_electricity();

CREATE FUNCTION revenue_mark_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- another site or time zone moves every session of the station to other days, from the first one on
    INSERT INTO revenue_rollupmark (id, organisation_id, station_id, since, until, made_at)
    SELECT gen_random_uuid(), s.organisation_id, s.id, s.first - interval '2 days', now() + interval '2 days', now()
    FROM (
        SELECT organisation_id, station_id AS id, min(started_at) AS first FROM charging_chargingsession
        WHERE organisation_id = NEW.organisation_id AND station_id IN (
            SELECT id FROM stations_station
            WHERE organisation_id = NEW.organisation_id AND NEW.id IN (id, site_id))
        GROUP BY organisation_id, station_id
    ) s;
    RETURN NULL;
END $$;
CREATE TRIGGER rollup_mark_moved AFTER UPDATE OF site_id ON stations_station
    FOR EACH ROW WHEN (OLD.site_id <> NEW.site_id) EXECUTE FUNCTION revenue_mark_moved();
CREATE TRIGGER rollup_mark_moved AFTER UPDATE OF time_zone ON stations_site
    FOR EACH ROW WHEN (OLD.time_zone <> NEW.time_zone) EXECUTE FUNCTION revenue_mark_moved();

CREATE INDEX charging_session_of_rollup ON charging_chargingsession (organisation_id, ended_at)
    WHERE state = 'priced';
CREATE INDEX billing_document_of_rollup ON billing_document (organisation_id, issued_at)
    WHERE kind = 'credit_note';
CREATE INDEX stations_statusinterval_of_rollup ON stations_statusinterval (organisation_id, until)
    WHERE until IS NOT NULL AND status IN ('Faulted', 'Offline', 'Unavailable');
"""

UNDO = """
DROP INDEX charging_session_of_rollup, billing_document_of_rollup, stations_statusinterval_of_rollup;
DROP FUNCTION revenue_mark_priced, revenue_mark_session, revenue_mark_charged, revenue_mark_credited,
    revenue_mark_status, revenue_mark_electricity, revenue_mark_moved CASCADE;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("revenue", "0001_rollups"),
        ("charging", "0004_room_for_session_updates"),
        ("billing", "0002_ledger_rules"),
        ("stations", "0001_initial"),
    ]

    operations = [migrations.RunSQL(MARKS, UNDO)]
