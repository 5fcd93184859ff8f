"""Sessions of one site's past as columns. Plain NumPy; `revenue.replay.loading` fills them."""

from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from pricing.batch import Columns

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Past:
    """n sessions of one site, oldest first. start: epoch s; length, parked_from: s; energy_wh: Wh.

    who: the same number for the same driver or card; known: whether there is one. version: its tariff
    version's place in `versions`, -1 where it was priced by none.
    """

    zone: ZoneInfo
    ports: int
    start: Integers
    length: Integers
    parked_from: Integers
    energy_wh: Integers
    who: Integers
    known: NDArray[np.bool_]
    version: Integers
    versions: tuple[UUID, ...] = ()

    def __len__(self) -> int:
        return len(self.start)

    def columns(self, chosen: Integers | None = None) -> Columns:
        """The sessions (of these positions) for the price engine: energy comes evenly until parking begins."""
        pick = slice(None) if chosen is None else chosen
        charged, energy = self.parked_from[pick], self.energy_wh[pick]
        n = len(charged)
        seconds, wh = np.zeros((n, 2), np.int64), np.zeros((n, 2), np.int64)
        seconds[:, 1], wh[:, 1] = charged, energy
        return Columns(
            start=self.start[pick],
            length=self.length[pick],
            parked_from=charged,
            first=np.arange(n + 1, dtype=np.int64) * 2,
            seconds=seconds.ravel(),
            wh=wh.ravel(),
        )
