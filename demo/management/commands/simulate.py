"""`manage.py simulate`: charging stations that speak OCPP over real WebSockets."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.stations.faults import Faults
from demo.stations.fleet import Fleet
from demo.stations.outbox import Ledger
from demo.stations.station import Behaviour, Plan
from demo.stations.versions import PROTOCOLS
from demo.stations.world import NoWorld, demo_plans, simulated_plans, tags

MOST_STATIONS = 5_000
LONGEST_S = 86_400
BAR = 24


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
        parser.add_argument("--minutes", type=float, help="the same in minutes")
        parser.add_argument("--versions", default="1.6", help="OCPP versions in turn: 1.6,2.0.1,2.1")
        parser.add_argument(
            "--clock-skew", type=float, default=0, metavar="S", help="clocks wrong by up to S"
        )
        parser.add_argument("--offline", type=float, default=0, metavar="N", help="spells an hour a station")
        parser.add_argument("--offline-for", type=float, nargs=2, default=(5, 60), metavar=("MIN", "MAX"))
        parser.add_argument("--replay", type=float, default=0, metavar="PERCENT", help="messages sent twice")
        parser.add_argument("--flood", type=int, default=0, metavar="N", help="stations that flood")
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
        options["seconds"] = _seconds(options)
        try:
            plans = demo_plans() if options["demo"] else _plans(options)
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
        reporting = [asyncio.create_task(self._report_problems(fleet))]
        if options["seconds"] and self.stderr.isatty():
            reporting.append(asyncio.create_task(self._show_progress(fleet, options["seconds"])))
        try:
            sent = await running
        except asyncio.CancelledError:
            sent = True  # interrupted: what is unsent is not waited for
        for task in reporting:
            task.cancel()
        for what, count in fleet.summary():
            self.stdout.write(f"{what:<36}{count:>9}")
        if not sent:
            raise CommandError("some messages could not be delivered; does the gateway run?")

    async def _show_progress(self, fleet: Fleet, seconds: float) -> None:
        began = time.monotonic()
        while True:
            share = min(1.0, (time.monotonic() - began) / seconds)
            bar = "█" * round(share * BAR)
            self.stderr.write(f"\r{bar:░<{BAR}} {share:4.0%}  {fleet.state()}   ", ending="")
            self.stderr.flush()
            await asyncio.sleep(0.5)

    async def _report_problems(self, fleet: Fleet) -> None:
        """Say once what keeps stations from connecting."""
        told: set[str] = set()
        while True:
            await asyncio.sleep(3)
            for problem in fleet.problems():
                if problem not in told:
                    told.add(problem)
                    self.stderr.write(problem)


def _seconds(options: dict[str, Any]) -> float | None:
    given: float | None = options["seconds"] if options["minutes"] is None else options["minutes"] * 60
    if given is not None and not 0 < given <= LONGEST_S:
        raise CommandError(f"--seconds: more than 0, at most {LONGEST_S}")
    return given


def _plans(options: dict[str, Any]) -> list[Plan]:
    if not 0 < options["stations"] <= MOST_STATIONS:
        raise CommandError(f"--stations: 1 to {MOST_STATIONS}")
    versions = [part.strip() for part in options["versions"].split(",")]
    if unknown := [version for version in versions if version not in PROTOCOLS]:
        raise CommandError(f"--versions: {unknown[0]!r} is none of {', '.join(PROTOCOLS)}")
    low, high = options["offline_for"]
    if options["clock_skew"] < 0 or options["offline"] < 0 or not 0 <= low <= high:
        raise CommandError(
            "--clock-skew, --offline and --offline-for: no negative numbers, the smaller first"
        )
    if not 0 <= options["replay"] <= 100 or not 0 <= options["flood"] <= options["stations"]:
        raise CommandError("--replay: 0 to 100 percent; --flood: at most all stations")
    faults = Faults(
        options["clock_skew"], options["offline"], (low, high), options["replay"] / 100, options["flood"]
    )
    return simulated_plans(options["stations"], versions, faults)
