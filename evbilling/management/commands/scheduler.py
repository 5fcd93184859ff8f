"""`manage.py scheduler`: run the sweeps by the clock."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from evbilling.schedule import SCHEDULE
from evbilling.scheduler import run_lanes, run_once


class Command(BaseCommand):
    help = "Run the sweeps that rate, bill and pay what is not yet done. Any number may run side by side."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="run each task one time and end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            run_once(SCHEDULE)
            return
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write(f"scheduler: {len(SCHEDULE)} tasks")
        run_lanes(SCHEDULE, stop)
