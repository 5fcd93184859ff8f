"""`manage.py simulate`: charging stations that speak OCPP 1.6 over real WebSockets."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.stations.fleet import Fleet
from demo.stations.outbox import Ledger
from demo.stations.station import Behaviour
from demo.stations.world import NoWorld, demo_plans, simulated_plans, tags


class Command(BaseCommand):
    help = "Simulate charging stations and the vehicles that come to them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--stations", type=int, help="how many SIM-… stations; those missing are made")
        parser.add_argument(
            "--demo", action="store_true", help="the demo world's stations, one charge at once"
        )
        parser.add_argument(
            "--gateway", default=settings.GATEWAY_URL, help="such as ws://127.0.0.1:9000/ocpp"
        )
        parser.add_argument("--seconds", type=float, help="stop by itself; without it, until interrupted")
        parser.add_argument("--sessions-per-hour", type=float, help="a station; default 2, with --demo 1")
        parser.add_argument("--meter-interval", type=float, default=5.0, metavar="S")
        parser.add_argument("--energy-wh", type=int, nargs=2, default=(4_000, 30_000), metavar=("MIN", "MAX"))
        parser.add_argument("--pause-when-full", type=float, nargs=2, default=(5, 60), metavar=("MIN", "MAX"))
        parser.add_argument("--longest-pause", type=float, default=30.0, metavar="S", help="to reconnect")
        parser.add_argument("--ledger", type=Path, help="write each acknowledged message here, as JSON lines")
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        if bool(options["stations"]) == options["demo"]:
            raise CommandError("say either --stations N or --demo")
        low, high = options["energy_wh"]
        if not 0 < low <= high:
            raise CommandError("--energy-wh: two numbers of Wh are needed, the smaller one first")
        try:
            plans = demo_plans() if options["demo"] else simulated_plans(options["stations"])
            fleet = self._fleet(plans, tags(), options)
        except NoWorld as error:
            raise CommandError(str(error)) from None
        uvloop.run(self._run(fleet, options))

    def _fleet(self, plans: Any, uids: list[str], options: dict[str, Any]) -> Fleet:
        behaviour = Behaviour(
            meter_interval_s=options["meter_interval"],
            energy_wh=tuple(options["energy_wh"]),
            pause_when_full_s=tuple(options["pause_when_full"]),
            plug_in_s=min(2.0, options["meter_interval"]),
            longest_pause_s=options["longest_pause"],
        )
        rate = options["sessions_per_hour"]
        if rate is None:
            rate = 1.0 if options["demo"] else 2.0
        ledger = Ledger(options["ledger"])
        return Fleet(options["gateway"], plans, uids, rate, behaviour, options["seed"], ledger)

    async def _run(self, fleet: Fleet, options: dict[str, Any]) -> None:
        running = asyncio.create_task(fleet.run(options["seconds"], show_first=options["demo"]))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, running.cancel)
        self.stdout.write(f"{len(fleet.stations)} stations connect to {fleet.url}")
        self.stdout.flush()
        reporting = asyncio.create_task(self._report_problems(fleet))
        try:
            sent = await running
        except asyncio.CancelledError:
            sent = True  # interrupted: what is unsent is not waited for
        reporting.cancel()
        acknowledged = ", ".join(f"{name} {count}" for name, count in sorted(fleet.ledger.counts.items()))
        self.stdout.write(f"acknowledged: {acknowledged or 'nothing'}")
        if not sent:
            raise CommandError("some messages could not be delivered; does the gateway run?")

    async def _report_problems(self, fleet: Fleet) -> None:
        """Say once what keeps stations from connecting."""
        told: set[str] = set()
        while True:
            await asyncio.sleep(3)
            for problem in fleet.problems():
                if problem not in told:
                    told.add(problem)
                    self.stderr.write(problem)
