"""`manage.py demo`: make the demo world, or tell what there is to see in it."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from accounts.models import Driver
from demo import card, history, summary, world

DRIVER = "driver@evbilling.example"


class Command(BaseCommand):
    help = "Make the demo world where it is missing: operators, stations, prices, people, past charging."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=history.DAYS, help="of past charging (default: 60)")
        parser.add_argument(
            "--summary",
            action="store_true",
            help="with all processes up: connect Stripe, print log-ins, wait for the first receipt",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["summary"]:
            self._summary()
            return
        world.build()
        driver = Driver.objects.get(user__email=DRIVER)
        added = history.fill(driver, timezone.now(), options["days"])
        self.stdout.write(f"The demo world stands; {added} past sessions were added.")

    def _summary(self) -> None:
        call_command("stripe_setup", stdout=self.stdout)
        if settings.PAYMENTS_MODE == "fake":
            card.save_card(Driver.objects.get(user__email=DRIVER))
        for line in summary.log_ins():
            self.stdout.write(line)
        self.stdout.write("Waiting for the first car to finish charging ...")
        receipt = summary.first_receipt()
        if receipt is None:
            self.stderr.write("No receipt yet; the log folder says why (scheduler.log, worker.log).")
            return
        for line in summary.story(receipt):
            self.stdout.write(line)
