"""Rollups: sums by station and local day and by owner and local hour, kept up, rebuilt and checked."""

from revenue.rollups.check import Difference, check
from revenue.rollups.rebuild import rebuild
from revenue.rollups.upkeep import settle, sweep

__all__ = ["Difference", "check", "rebuild", "settle", "sweep"]
