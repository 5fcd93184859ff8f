"""What the rules may look at, each with the moment it was measured: an old value is no value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

UTILISATION = "utilisation"
FORECAST = "forecast"
QUEUE = "queue"
GRID_PRICE = "grid_price"
OUT_OF_SERVICE = "out_of_service"
NAMES = (UTILISATION, FORECAST, QUEUE, GRID_PRICE, OUT_OF_SERVICE)

CLOCKS_DIFFER_BY = timedelta(minutes=2)
"""What a source's clock may be ahead of ours before its value counts as one from the future."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A value and its age. utilisation and forecast: percent of the ports in service; queue: vehicles;
    grid_price: currency per kWh; out_of_service: ports."""

    value: Decimal | None
    measured_at: datetime | None
    max_age: timedelta

    def fault(self, now: datetime) -> str:
        """Why it can't be used at `now`; empty if it can."""
        if self.value is None or self.measured_at is None:
            return "is missing"
        age = now - self.measured_at
        if age > self.max_age:
            return f"is stale: {_minutes(age)} min old, {_minutes(self.max_age)} min allowed"
        if age < -CLOCKS_DIFFER_BY:
            return f"is from the future: {_minutes(-age)} min ahead"
        return "" if self.value.is_finite() else "is not a number"


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


@dataclass(frozen=True, slots=True)
class Signals:
    """The observations at hand, by name; a name that is not there is a signal that is missing."""

    observations: Mapping[str, Observation] = field(default_factory=dict)

    def fault(self, name: str, now: datetime) -> str:
        """Why signal `name` can't be used; empty if it can."""
        found = self.observations.get(name)
        return "is missing" if found is None else found.fault(now)

    def value(self, name: str) -> Decimal:
        """The value of a signal without fault."""
        found = self.observations[name].value
        if found is None:
            raise LookupError(f"signal {name} is missing; ask fault() first")
        return found

    def to_json(self, now: datetime) -> dict[str, Any]:
        """For the decision's row: each signal's value, when it was measured, and what is wrong with it."""
        return {
            name: {
                "value": None if one.value is None else str(one.value),
                "measured_at": None if one.measured_at is None else one.measured_at.isoformat(),
                "fault": one.fault(now),
            }
            for name, one in self.observations.items()
        }
