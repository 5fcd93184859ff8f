"""Write the drivers' history anew from the books."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from billing import history


class Command(BaseCommand):
    help = "Rebuild the drivers' history from charges, payments and documents"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--driver", type=UUID, help="only this driver's")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{history.rebuild(options['driver'])} sessions written")
