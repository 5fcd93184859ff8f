"""`manage.py rotate_station_password IDENTITY`: a new password, shown once and sent to the station."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import RegistryKey
from charging.credentials import rotate_password
from stations.models import Station


class Command(BaseCommand):
    help = (
        "Issue a station's next password and send it over OCPP; both hold until it logs in with the new one"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("identity", help="the station's OCPP identity")

    def handle(self, *args: Any, **options: Any) -> None:
        known = RegistryKey.objects.filter(
            kind=RegistryKey.Kind.OCPP_IDENTITY, key=options["identity"]
        ).first()
        if known is None:
            raise CommandError(f"identity: no station is called {options['identity']!r}")
        rotation = rotate_password(Station.objects.of(known.organisation_id).get(pk=known.target_id))
        self.stdout.write(f"password: {rotation.password}")
        self.stdout.write("Shown this once. The station is told when it is connected within 20 seconds;")
        self.stdout.write("otherwise type it in there, or run this again. The old one holds until then.")
