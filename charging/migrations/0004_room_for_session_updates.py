"""Readings move a session's latest register every few seconds: leave room in its page, so that no index is touched."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("charging", "0003_late_facts_hold")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE charging_chargingsession SET (fillfactor = 60)",
            "ALTER TABLE charging_chargingsession RESET (fillfactor)",
        )
    ]
