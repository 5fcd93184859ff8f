"""The message log is read by station and time: one key for that, instead of a key and an index."""

from django.db import migrations

from accounts.partitions import Rekey


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_initial")]

    operations = [
        migrations.RemoveIndex(model_name="ocppmessage", name="ocpp_message_of_station"),
        Rekey("ocppmessage", "gateway_ocppmessage", columns=("station_id", "at", "id"), before=("id", "at")),
    ]
