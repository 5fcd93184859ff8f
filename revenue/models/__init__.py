"""Rows of revenue management."""

from revenue.models.forecast import HolidayRegion, SiteForecast
from revenue.models.placement import Candidate

__all__ = ["Candidate", "HolidayRegion", "SiteForecast"]
