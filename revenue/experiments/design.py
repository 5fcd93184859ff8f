"""Which block gets which price: drawn by lot from a seed, and the other way round a week later. Pure NumPy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HOURS_A_DAY, DAYS_A_WEEK = 24, 7
BLOCK_HOURS = (12, 24)

Arms = NDArray[np.int8]
"""By site, week and block of the week: 1 for the high price, 0 for the low one."""


@dataclass(frozen=True, slots=True)
class Design:
    """`weeks` is even; blocks of 12 or 24 h. Raises ValueError, naming the field."""

    sites: int
    weeks: int
    block_hours: int
    seed: int

    def __post_init__(self) -> None:
        if self.sites < 1:
            raise ValueError("sites: one is needed at least")
        if self.weeks < 2 or self.weeks % 2:
            raise ValueError("weeks: must be even, as every second week mirrors the one before; 2 at least")
        if self.block_hours not in BLOCK_HOURS:
            raise ValueError("block_hours: 12 or 24")

    @property
    def blocks_a_day(self) -> int:
        return HOURS_A_DAY // self.block_hours

    @property
    def blocks_a_week(self) -> int:
        return DAYS_A_WEEK * self.blocks_a_day

    def arms(self) -> Arms:
        """The arm of every block: (sites, weeks, blocks a week). The same seed gives the same arms."""
        return draw(np.random.default_rng(self.seed), (), self)


def draw(rng: np.random.Generator, more: tuple[int, ...], design: Design) -> Arms:
    """Arms of independent draws, of shape (*more, sites, weeks, blocks): first weeks by lot, second mirrored."""
    first = rng.integers(
        0, 2, (*more, design.sites, design.weeks // 2, 1, design.blocks_a_week), dtype=np.int8
    )
    pairs = np.concatenate([first, 1 - first], axis=-2)
    arms: Arms = pairs.reshape(*more, design.sites, design.weeks, design.blocks_a_week)
    return arms
