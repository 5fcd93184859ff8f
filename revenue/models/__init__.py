"""Rollups and what revenue management keeps beside them."""

from revenue.models.dynamic import (
    Feed,
    FeedValue,
    PlannedPrice,
    PriceDecision,
    PriceRule,
    RuleSet,
    RuleSetEvent,
)
from revenue.models.electricity import ElectricityPrice
from revenue.models.experiments import Experiment, ExperimentSite
from revenue.models.forecast import HolidayRegion, SiteForecast
from revenue.models.placement import Candidate
from revenue.models.rollups import OwnerHour, RollupMark, RollupState, StationDay
from revenue.models.sharing import ReportSubscription, SentReport, ShareLink

__all__ = [
    "Candidate",
    "ElectricityPrice",
    "Experiment",
    "ExperimentSite",
    "Feed",
    "FeedValue",
    "HolidayRegion",
    "OwnerHour",
    "PlannedPrice",
    "PriceDecision",
    "PriceRule",
    "ReportSubscription",
    "RollupMark",
    "RollupState",
    "RuleSet",
    "RuleSetEvent",
    "SentReport",
    "ShareLink",
    "SiteForecast",
    "StationDay",
]
