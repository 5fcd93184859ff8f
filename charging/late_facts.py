"""Triggers that notice facts which arrive after a session was priced, whoever writes them and however.

A late fact holds the session (reason `late_fact`) and leaves a review with what arrived, in the transaction
that brought it. The statement triggers first lock the sessions FOR KEY SHARE; rating locks them FOR UPDATE.
So either rating sees the fact or the trigger sees the price. READ COMMITTED, the default, is assumed.
"""

import pgtrigger

REASON = "late_fact"

_HOLD = """
    PERFORM 1 FROM charging_chargingsession
    WHERE id IN (SELECT session_id FROM fresh) ORDER BY id FOR KEY SHARE;

    WITH late AS (
        SELECT s.id, s.organisation_id, jsonb_agg(to_jsonb(f)) AS facts
        FROM fresh f JOIN charging_chargingsession s
            ON s.id = f.session_id AND s.organisation_id = f.organisation_id
        WHERE s.state = 'priced' AND s.quality <> 'waived' AND ({matters})
        GROUP BY s.id, s.organisation_id ORDER BY s.id
    ), held AS (
        UPDATE charging_chargingsession s
        SET quality = 'held',
            hold_reasons = array_append(array_remove(s.hold_reasons, 'late_fact'), 'late_fact')
        FROM late WHERE s.id = late.id AND s.organisation_id = late.organisation_id
    )
    INSERT INTO charging_sessionreview (id, organisation_id, session_id, action, reasons, evidence, note, at)
    SELECT gen_random_uuid(), organisation_id, id, 'held', ARRAY['late_fact'],
           jsonb_build_object('late_fact', facts), '', now()
    FROM late;
    RETURN NULL;
"""

_OF_A_SESSION = """
    IF EXISTS (
        SELECT 1 FROM fresh f WHERE NOT EXISTS (
            SELECT 1 FROM charging_chargingsession s
            WHERE s.id = f.session_id AND s.organisation_id = f.organisation_id)
    ) THEN
        RAISE foreign_key_violation
            USING MESSAGE = 'a reading names a session that its organisation does not have (foreign key)';
    END IF;
    RETURN NULL;
"""

_KEEPS_ITS_READINGS = """
    IF EXISTS (SELECT 1 FROM charging_reading WHERE session_id = OLD.id) THEN
        RAISE foreign_key_violation USING MESSAGE = 'the session has readings (foreign key)';
    END IF;
    RETURN OLD;
"""

# A repeat, or a register after the end that adds nothing, changes no price: stations send both all the time.
READING_MATTERS = """
    f.register_wh IS NOT NULL
    AND (f.at > s.started_at AND f.at < s.ended_at OR f.register_wh > s.meter_end_wh)
    AND NOT EXISTS (
        SELECT 1 FROM charging_reading r
        WHERE r.session_id = f.session_id AND r.at = f.at AND r.register_wh = f.register_wh AND r.id <> f.id
    )
"""
STATE_MATTERS = "f.at < s.ended_at"
QUARANTINED_MATTERS = "f.resolved_at IS NULL"

_HOLD_CHANGED = """
    IF NEW.quality <> 'waived' THEN
        NEW.quality := 'held';
        NEW.hold_reasons := array_append(array_remove(NEW.hold_reasons, 'late_fact'), 'late_fact');
    END IF;
    INSERT INTO charging_sessionreview (id, organisation_id, session_id, action, reasons, evidence, note, at)
    VALUES (gen_random_uuid(), NEW.organisation_id, NEW.id, 'held', ARRAY['late_fact'],
        jsonb_build_object('late_fact', jsonb_build_object(
            'was', jsonb_build_object(
                'started_at', OLD.started_at, 'ended_at', OLD.ended_at,
                'meter_start_wh', OLD.meter_start_wh, 'meter_end_wh', OLD.meter_end_wh),
            'is', jsonb_build_object(
                'started_at', NEW.started_at, 'ended_at', NEW.ended_at,
                'meter_start_wh', NEW.meter_start_wh, 'meter_end_wh', NEW.meter_end_wh))),
        '', now());
    RETURN NEW;
"""


def hold_priced(matters: str) -> pgtrigger.Trigger:
    """The trigger for a table of facts; `matters` is SQL over the new row `f` and its session `s`."""
    return pgtrigger.Trigger(
        name="late_fact_holds",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="fresh"),  # type: ignore[no-untyped-call]  # pgtrigger
        func=_HOLD.format(matters=matters),
    )


def of_a_session() -> pgtrigger.Trigger:
    """What a foreign key says of readings, once a statement instead of once a row."""
    return pgtrigger.Trigger(
        name="is_of_a_session",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="fresh"),  # type: ignore[no-untyped-call]  # pgtrigger
        func=_OF_A_SESSION,
    )


def stays_with_its_session() -> pgtrigger.Trigger:
    return pgtrigger.ReadOnly(name="session_is_fixed", fields=["session"])


def keeps_its_readings() -> pgtrigger.Trigger:
    """The other end of that foreign key."""
    return pgtrigger.Trigger(
        name="keeps_its_readings",
        when=pgtrigger.Before,
        operation=pgtrigger.Delete,
        func=_KEEPS_ITS_READINGS,
    )


def hold_changed() -> pgtrigger.Trigger:
    """The trigger for the session itself: a corrected start, stop or register of a priced session."""
    return pgtrigger.Trigger(
        name="changed_fact_holds",
        when=pgtrigger.Before,
        operation=_on_change_of("started_at", "ended_at", "meter_start_wh", "meter_end_wh"),
        condition=pgtrigger.Q(old__state="priced")
        & (
            pgtrigger.Q(old__started_at__df=pgtrigger.F("new__started_at"))
            | pgtrigger.Q(old__ended_at__df=pgtrigger.F("new__ended_at"))
            | pgtrigger.Q(old__meter_start_wh__df=pgtrigger.F("new__meter_start_wh"))
            | pgtrigger.Q(old__meter_end_wh__df=pgtrigger.F("new__meter_end_wh"))
        ),
        func=_HOLD_CHANGED,
    )


def stays_priced() -> pgtrigger.Trigger:
    """A priced session is corrected by a further revision; it never goes back."""
    return pgtrigger.Protect(
        name="session_stays_priced",
        operation=_on_change_of("state"),
        condition=pgtrigger.Q(old__state="priced") & ~pgtrigger.Q(new__state="priced"),
    )


def _on_change_of(*columns: str) -> pgtrigger.UpdateOf:
    return pgtrigger.UpdateOf(*columns)  # type: ignore[no-untyped-call]  # pgtrigger has no types here
