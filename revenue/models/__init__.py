"""Rollups and what revenue management keeps beside them."""

from revenue.models.electricity import ElectricityPrice
from revenue.models.rollups import OwnerHour, RollupMark, RollupState, StationDay

__all__ = [
    "ElectricityPrice",
    "OwnerHour",
    "RollupMark",
    "RollupState",
    "StationDay",
]
