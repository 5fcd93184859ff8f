"""The message log is charging's from now on; its table stays as it is."""

import accounts.identifiers
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('charging', '0006_command_actions'),
        ('gateway', '0003_message_log_moves'),
        ('stations', '0001_initial'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='OcppMessage',
                    fields=[
                        ('pk', models.CompositePrimaryKey('station_id', 'at', 'id', blank=True, editable=False, primary_key=True, serialize=False)),
                        ('id', models.UUIDField(default=accounts.identifiers.uuid7)),
                        ('at', models.DateTimeField()),
                        ('direction', models.CharField(choices=[('in', 'From the station'), ('out', 'To the station'), ('event', 'Connection')], max_length=5)),
                        ('message_id', models.CharField(help_text='correlates the call with its answer', max_length=64)),
                        ('action', models.CharField(max_length=64)),
                        ('payload', models.TextField(blank=True, help_text='of the call, JSON as it came')),
                        ('answer', models.TextField(blank=True, help_text='payload of the answer, or the error')),
                        ('verdict', models.CharField(help_text='ok, an OCPP error code, or why it is quarantined', max_length=40)),
                    ],
                    options={
                        'db_table': 'gateway_ocppmessage',
                    },
                ),
                migrations.AddField(
                    model_name='ocppmessage',
                    name='organisation',
                    field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.organisation'),
                ),
                migrations.AddField(
                    model_name='ocppmessage',
                    name='station',
                    field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='stations.station'),
                ),
            ]
        ),
    ]
