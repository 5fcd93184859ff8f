"""Forecast of demand by the hour, with 80 % intervals and its own errors. docs/revenue.md has the formulae."""

from revenue.forecast.engine import TooLittleHistory
from revenue.forecast.making import hourly, make, of_day, sweep
from revenue.forecast.outlook import Band, Forecast, Past

__all__ = ["Band", "Forecast", "Past", "TooLittleHistory", "hourly", "make", "of_day", "sweep"]
