"""Many simulated stations and the vehicles that come to them."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from demo.stations.charge import Charge
from demo.stations.outbox import Ledger
from demo.stations.station import Behaviour, Plan, SimulatedStation

FLUSH_S = 60.0
FIRST_ENERGY_WH, FIRST_POWER_W, FIRST_PAUSE_S = 3_000, 300_000, 3.0  # done within 50 seconds


@dataclass
class Fleet:
    """Stations that connect to `url`; vehicles with `tags` come at random, `sessions_per_hour` a station."""

    url: str
    plans: Sequence[Plan]
    tags: Sequence[str]
    sessions_per_hour: float
    behaviour: Behaviour
    seed: int = 0
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.stations = [
            SimulatedStation(
                plan, self.url, random.Random(f"{self.seed}/{plan.identity}"), self.ledger, self.behaviour
            )
            for plan in self.plans
        ]  # fmt: skip

    async def run(self, seconds: float | None, *, show_first: bool = False) -> bool:
        """Run for `seconds`, or until cancelled; then end the charges. False if something is unsent."""
        living = [asyncio.create_task(station.run()) for station in self.stations]
        visiting = [asyncio.create_task(self._visits(station)) for station in self.stations]
        if show_first:
            visiting.append(asyncio.create_task(self._first_session()))
        try:
            broken, _ = await asyncio.wait(living, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancelled(visiting)
        for station in broken:
            station.result()  # a station lives until it is cancelled: this raises why it did not
        sent = await self._flush()
        await _cancelled(living)
        return sent

    async def _flush(self) -> bool:
        finishing = asyncio.gather(*(station.finish() for station in self.stations))
        try:
            await asyncio.wait_for(finishing, FLUSH_S)
        except TimeoutError:
            return False
        return True

    async def _visits(self, station: SimulatedStation) -> None:
        await station.booted.wait()
        if station.plan.floods:
            return
        chance = station.chance
        while self.sessions_per_hour > 0:
            await asyncio.sleep(chance.expovariate(self.sessions_per_hour / 3600))
            free = station.free()
            if free:
                evse = chance.choice(free)
                energy = chance.randint(*self.behaviour.energy_wh)
                charge = Charge(energy, evse.max_power_w * chance.randint(50, 95) // 100)
                station.begin(evse, chance.choice(self.tags), charge, authorize=True)

    async def _first_session(self) -> None:
        """A short one at the strongest station, so that a newcomer soon sees one finished."""
        station = max(self.stations, key=lambda one: max(evse.max_power_w for evse in one.evses.values()))
        await station.booted.wait()
        evse = max(station.free(), key=lambda one: one.max_power_w)
        charge = Charge(FIRST_ENERGY_WH, min(FIRST_POWER_W, evse.max_power_w))
        station.begin(evse, self.tags[0], charge, authorize=True, pause_s=FIRST_PAUSE_S)

    def state(self) -> str:
        """In a line: how many are connected and charging, how much is acknowledged and waits."""
        connected = sum(station.wire.is_open for station in self.stations)
        charging = sum(evse.transaction is not None for one in self.stations for evse in one.evses.values())
        told = sum(self.ledger.counts.get(kind, 0) for kind in ("start", "meter", "stop"))
        waiting = sum(len(station.outbox) for station in self.stations)
        return (
            f"{connected}/{len(self.stations)} connected, {charging} charging, "
            f"{told} acknowledged, {waiting} waiting"
        )

    def summary(self) -> list[tuple[str, int]]:
        """What happened, each with its count."""
        wires = [station.wire for station in self.stations]
        connections = [
            ("connections", sum(wire.opened for wire in wires)),
            ("of these lost", sum(wire.lost for wire in wires)),
        ]
        return connections + sorted(self.ledger.counts.items())

    def problems(self) -> list[str]:
        """Why stations are not connected, one line each."""
        return [
            f"{station.identity}: {station.problem}"
            for station in self.stations
            if not station.booted.is_set() and station.problem
        ]


async def _cancelled(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
