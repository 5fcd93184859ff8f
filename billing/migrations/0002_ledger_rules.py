"""The rules of double entry, held by the database: Django's constraints can't look at several rows.

All checks stay within the row's organisation, so that the tables can be distributed by it.
"""

from django.db import migrations

RULES = """
CREATE FUNCTION billing_entry_fits() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM billing_account
      WHERE organisation_id = NEW.organisation_id AND id = NEW.account_id AND currency = NEW.currency;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry in %: account % is of another currency or organisation', NEW.currency, NEW.account_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_fits_account';
    END IF;
    PERFORM 1 FROM billing_journal
      WHERE organisation_id = NEW.organisation_id AND id = NEW.journal_id AND booked_at = NEW.booked_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'entry at %: journal % is of another time or organisation', NEW.booked_at, NEW.journal_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_fits_journal';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER entry_fits BEFORE INSERT ON billing_entry
    FOR EACH ROW EXECUTE FUNCTION billing_entry_fits();

CREATE FUNCTION billing_entries_sum_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    remainder text;
BEGIN
    SELECT sum(amount) || ' ' || currency INTO remainder FROM billing_entry
      WHERE organisation_id = NEW.organisation_id AND journal_id = NEW.journal_id AND booked_at = NEW.booked_at
      GROUP BY currency HAVING sum(amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'journal % does not sum to zero: % too much', NEW.journal_id, remainder
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_sums_to_zero';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER entries_sum_to_zero AFTER INSERT ON billing_entry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_entries_sum_to_zero();

CREATE FUNCTION billing_journal_has_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM billing_entry
      WHERE organisation_id = NEW.organisation_id AND journal_id = NEW.id AND booked_at = NEW.booked_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'journal % has no entries', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'journal_has_entries';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER journal_has_entries AFTER INSERT ON billing_journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_journal_has_entries();

CREATE FUNCTION billing_entry_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % refused: entries are never changed; book a reversal', TG_OP, TG_TABLE_NAME;
END $$;

CREATE TRIGGER entry_is_kept BEFORE UPDATE OR DELETE ON billing_entry
    FOR EACH ROW EXECUTE FUNCTION billing_entry_is_kept();
CREATE TRIGGER entry_is_not_emptied BEFORE TRUNCATE ON billing_entry
    FOR EACH STATEMENT EXECUTE FUNCTION billing_entry_is_kept();
CREATE TRIGGER entry_is_not_emptied BEFORE TRUNCATE ON billing_entry_default
    FOR EACH STATEMENT EXECUTE FUNCTION billing_entry_is_kept();
"""

UNDO = """
DROP TRIGGER entry_is_not_emptied ON billing_entry_default;
DROP TRIGGER entry_is_not_emptied ON billing_entry;
DROP TRIGGER entry_is_kept ON billing_entry;
DROP TRIGGER journal_has_entries ON billing_journal;
DROP TRIGGER entries_sum_to_zero ON billing_entry;
DROP TRIGGER entry_fits ON billing_entry;
DROP FUNCTION billing_entry_is_kept, billing_journal_has_entries, billing_entries_sum_to_zero, billing_entry_fits;
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial")]

    operations = [migrations.RunSQL(RULES, UNDO)]
