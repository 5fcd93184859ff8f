"""A simulated station: its connection, its EVSEs, and what it does when the central system calls."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

from demo.stations.charge import Charge
from demo.stations.faults import BURST, FLOOD_CALLS, FLOOD_S, Clock, Coverage, Faults
from demo.stations.outbox import Ledger, Outbox, Transaction
from demo.stations.protocol import Call, Sample, StartAsked, StatusAsked, StopAsked
from demo.stations.versions import protocol_of
from demo.stations.wire import Offline, Refused, Wire

FIRST_PAUSE_S = 0.5


@dataclass(frozen=True)
class Behaviour:
    """How the vehicles and the station behave; times in seconds, energies in Wh."""

    meter_interval_s: float = 5.0
    energy_wh: tuple[int, int] = (4_000, 30_000)
    pause_when_full_s: tuple[float, float] = (5.0, 60.0)
    plug_in_s: float = 2.0
    longest_pause_s: float = 30.0  # between attempts to connect


@dataclass(frozen=True)
class Plan:
    """A station to simulate: EVSEs as (number, power in W)."""

    identity: str
    password: str
    evses: list[tuple[int, int]]
    version: str = "1.6"
    faults: Faults = field(default_factory=Faults)
    floods: bool = False


@dataclass
class Evse:
    """One place to charge; `transaction` while one runs."""

    number: int
    max_power_w: int
    register_wh: int
    status: str = "Available"
    transaction: Transaction | None = None
    pause_s: float = 0.0
    stop_reason: str = ""
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_free(self) -> bool:
        return self.status in ("Available", "Preparing") and self.transaction is None


class SimulatedStation:
    """Lives until cancelled: connects, boots, replays what it could not send, charges vehicles."""

    def __init__(
        self, plan: Plan, url: str, chance: random.Random, ledger: Ledger, behaviour: Behaviour
    ) -> None:
        self.identity, self.chance, self.behaviour, self.plan = plan.identity, chance, behaviour, plan
        self.evses = {
            number: Evse(number, power, register_wh=chance.randrange(10_000, 5_000_000))
            for number, power in plan.evses
        }
        self.protocol = protocol_of(plan.version)
        self.wire = Wire(url, plan.identity, plan.password, self.on_call, self.protocol.subprotocol)
        repeats = plan.faults.replay
        self.outbox = Outbox(self.wire, ledger, self.protocol, lambda: chance.random() < repeats)
        self.clock = Clock.wrong_by(plan.faults.clock_skew_s, chance)
        self.coverage = Coverage(plan.faults, chance)
        self.booted = asyncio.Event()
        self.problem = ""
        self.ledger = ledger
        self._heartbeat_s = 300.0
        self._flooded = 0
        self._charges: set[asyncio.Task[None]] = set()

    # -- being connected

    async def run(self) -> None:
        """Stay connected; back off, with some chance, while the central system is away."""
        wandering = asyncio.create_task(self.coverage.come_and_go())
        try:
            await self._stay_connected()
        finally:
            await _cancelled([wandering])

    async def _stay_connected(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            await self.coverage.there.wait()
            try:
                await self.wire.open()
                pause_s = FIRST_PAUSE_S
                await self._be_online()
            except Offline as error:
                self.problem = str(error)
            await asyncio.sleep(pause_s * self.chance.uniform(0.5, 1.5))
            pause_s = min(pause_s * 2, self.behaviour.longest_pause_s)

    async def _be_online(self) -> None:
        reading = asyncio.create_task(self.wire.read())
        leaving = asyncio.create_task(self.coverage.gone.wait())
        try:
            await self._greet()
            talking = [asyncio.create_task(self.outbox.send_all()), asyncio.create_task(self._beat())]
            if self.plan.floods:
                talking.append(asyncio.create_task(self._flood()))
            try:
                await asyncio.wait([reading, leaving, *talking], return_when=asyncio.FIRST_COMPLETED)
            finally:
                await _cancelled(talking)
        finally:
            await self.wire.close()
            await _cancelled([reading, leaving])

    async def _greet(self) -> None:
        """Boot the first time; tell the statuses each time, since they may have changed meanwhile."""
        if not self.booted.is_set():
            answer = await self.wire.call(*self.protocol.boot(self.identity))
            self._heartbeat_s = float(answer.get("interval") or 300)
            self.booted.set()
        for evse in self.evses.values():
            await self._tell_status(evse)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat_s)
            await self.wire.call("Heartbeat", {})

    async def _flood(self) -> None:
        """Send without waiting for answers, within bounds; then be quiet."""
        deadline = time.monotonic() + FLOOD_S
        while self._flooded < FLOOD_CALLS:
            await self.wire.push("Heartbeat", {})
            self._flooded += 1
            self.ledger.count("flooded")
            if self._flooded % BURST == 0:
                await asyncio.sleep(0)
            if time.monotonic() > deadline:
                break
        await asyncio.Event().wait()

    # -- charging

    def free(self) -> list[Evse]:
        return [evse for evse in self.evses.values() if evse.is_free]

    def begin(
        self,
        evse: Evse,
        tag: str,
        charge: Charge,
        *,
        authorize: bool,
        pause_s: float | None = None,
        remote_id: int | None = None,
    ) -> asyncio.Task[None]:
        """Plug a vehicle in; the task ends when it has left, `pause_s` after it was full."""
        evse.pause_s = self.chance.uniform(*self.behaviour.pause_when_full_s) if pause_s is None else pause_s
        evse.transaction = Transaction(evse.number, tag, remote_id=remote_id)
        evse.stop.clear()
        evse.stop_reason = ""
        task = asyncio.create_task(self._charge(evse, evse.transaction, charge, authorize=authorize))
        self._charges.add(task)
        task.add_done_callback(self._charges.discard)
        return task

    async def finish(self) -> None:
        """Stop all charges and send what waits, from wherever there is coverage."""
        self.coverage.come_back()
        for evse in self.evses.values():
            evse.stop.set()
        if self._charges:
            await asyncio.wait(self._charges)
        await self.outbox.emptied.wait()

    async def _charge(self, evse: Evse, transaction: Transaction, charge: Charge, *, authorize: bool) -> None:
        try:
            await self._set_status(evse, "Preparing")
            await self._wait(evse, self.behaviour.plug_in_s)
            if authorize and not await self._is_authorized(transaction.tag):
                return
            await self._run(evse, transaction, charge)
        finally:
            evse.transaction = None
            await self._set_status(evse, "Available")

    async def _run(self, evse: Evse, transaction: Transaction, charge: Charge) -> None:
        self._report("start", evse, transaction, self.protocol.start(transaction, self._sample(evse)))
        await self._set_status(evse, "Charging")
        reason = await self._flow(evse, transaction, charge)
        end = self._sample(evse)
        self._report("stop", evse, transaction, self.protocol.stop(transaction, end, reason))
        await self._set_status(evse, "Finishing")
        await asyncio.sleep(self.behaviour.plug_in_s)

    def _sample(self, evse: Evse, charge: Charge | None = None) -> Sample:
        if charge is None:
            return Sample(self.clock.now(), evse.register_wh)
        state = "SuspendedEV" if charge.is_full else "Charging"
        soc = 20 + charge.filled_percent * 6 // 10
        return Sample(self.clock.now(), evse.register_wh, charge.power_now_w(), soc, state)

    def _report(self, kind: str, evse: Evse, transaction: Transaction, call: Call) -> None:
        self.outbox.put(kind, call, transaction, evse.register_wh)

    async def _flow(self, evse: Evse, transaction: Transaction, charge: Charge) -> str:
        """Meter until the vehicle is full and leaves, or somebody stops it; returns why it ended."""
        first, clock = evse.register_wh, asyncio.get_running_loop()
        before = clock.time()
        while not charge.is_full:
            stopped = await self._wait(evse, self.behaviour.meter_interval_s)
            after = clock.time()
            charge.run(round((after - before) * 1000))
            before = after
            evse.register_wh = first + charge.taken_wh
            sample = self._sample(evse, charge)
            self._report("meter", evse, transaction, self.protocol.meter(transaction, sample))
            if stopped:
                return evse.stop_reason or "Local"
            if transaction.accepted is False:
                return "DeAuthorized"
        await self._set_status(evse, "SuspendedEV")
        stopped = await self._wait(evse, evse.pause_s)
        return (evse.stop_reason or "Local") if stopped else "EVDisconnected"

    async def _is_authorized(self, tag: str) -> bool:
        """The central system's word; offline, the tag is let in and judged later."""
        try:
            answer = await self.wire.call(*self.protocol.authorize(tag))
        except (Offline, Refused):
            return True
        return self.protocol.is_authorized(answer)

    async def _set_status(self, evse: Evse, status: str) -> None:
        evse.status = status
        with contextlib.suppress(Offline, Refused):
            await self._tell_status(evse)

    async def _tell_status(self, evse: Evse) -> None:
        await self.wire.call(*self.protocol.status(evse.number, evse.status, self.clock.now()))

    @staticmethod
    async def _wait(evse: Evse, seconds: float) -> bool:
        """Wait that long, or until the charge is to stop: then True."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(evse.stop.wait(), seconds)
        return evse.stop.is_set()

    # -- what the central system asks

    async def on_call(self, action: str, payload: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a call, or None where this station knows nothing of it."""
        asked = self.protocol.asked(action, payload)
        if isinstance(asked, StartAsked):
            return _word(self._remote_start(asked))
        if isinstance(asked, StopAsked):
            return _word(self._remote_stop(asked))
        if isinstance(asked, StatusAsked):
            return _word(self._tell_again(asked))
        return self.protocol.simple_answer(action, payload)

    def _remote_start(self, asked: StartAsked) -> bool:
        evse = next((evse for evse in self.free() if asked.evse in (None, evse.number)), None)
        if evse is None:
            return False
        low, high = self.behaviour.energy_wh
        charge = Charge(self.chance.randint(low, high), evse.max_power_w * 9 // 10)
        self.begin(evse, asked.tag, charge, authorize=False, remote_id=asked.remote_id)
        return True

    def _remote_stop(self, asked: StopAsked) -> bool:
        for evse in self.evses.values():
            running = evse.transaction
            if running is not None and asked.transaction in (str(running.number), running.name):
                evse.stop_reason = "Remote"
                evse.stop.set()
                return True
        return False

    def _tell_again(self, asked: StatusAsked) -> bool:
        for evse in self.evses.values():
            if asked.evse in (None, evse.number):
                task = asyncio.create_task(self._set_status(evse, evse.status))
                self._charges.add(task)
                task.add_done_callback(self._charges.discard)
        return True


def _word(accepted: bool) -> dict[str, Any]:
    return {"status": "Accepted" if accepted else "Rejected"}


async def _cancelled(tasks: list["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
