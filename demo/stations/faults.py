"""What goes wrong with real stations, on purpose: clocks, radio, repeats, floods. All of it bounded."""

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

FLOOD_CALLS = 20_000  # of one station, in all
FLOOD_S = 60.0
BURST = 50  # calls between two breaths


@dataclass(frozen=True)
class Faults:
    """How often what happens; nothing by default."""

    clock_skew_s: float = 0.0  # clocks are wrong by up to this much, either way
    offline_per_hour: float = 0.0  # spells without a connection, a station
    offline_s: tuple[float, float] = (5.0, 60.0)
    replay: float = 0.0  # the share of acknowledged messages that are sent once more, word for word
    flooding: int = 0  # how many stations send without waiting for answers


@dataclass
class Clock:
    """A station's own clock."""

    offset: timedelta = timedelta()

    @classmethod
    def wrong_by(cls, skew_s: float, chance: random.Random) -> "Clock":
        return cls(timedelta(seconds=chance.uniform(-skew_s, skew_s)))

    def now(self) -> str:
        return (datetime.now(UTC) + self.offset).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Coverage:
    """Whether a station has radio coverage; without it, it can't connect."""

    def __init__(self, faults: Faults, chance: random.Random) -> None:
        self._faults, self._chance = faults, chance
        self.there = asyncio.Event()
        self.there.set()
        self.gone = asyncio.Event()

    async def come_and_go(self) -> None:
        """Until cancelled."""
        while self._faults.offline_per_hour > 0:
            await asyncio.sleep(self._chance.expovariate(self._faults.offline_per_hour / 3600))
            self.there.clear()
            self.gone.set()
            await asyncio.sleep(self._chance.uniform(*self._faults.offline_s))
            self.come_back()

    def come_back(self) -> None:
        self.gone.clear()
        self.there.set()
