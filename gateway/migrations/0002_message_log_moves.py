"""The message log is charging's from now on; its table stays as it is."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_initial")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel(name="OcppMessage")])
    ]
