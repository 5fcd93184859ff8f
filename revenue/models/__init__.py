"""Rollups and what revenue management keeps beside them."""

from revenue.models.electricity import ElectricityPrice
from revenue.models.rollups import OwnerHour, RollupMark, RollupState, StationDay
from revenue.models.sharing import ReportSubscription, SentReport, ShareLink

__all__ = [
    "ElectricityPrice",
    "OwnerHour",
    "ReportSubscription",
    "RollupMark",
    "RollupState",
    "SentReport",
    "ShareLink",
    "StationDay",
]
