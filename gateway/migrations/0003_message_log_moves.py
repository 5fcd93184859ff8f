"""The message log is charging's from now on; its table stays as it is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("gateway", "0002_log_by_station")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="OcppMessage")])
    ]
