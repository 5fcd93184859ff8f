"""A forecast as others read it: by real hours, in UTC, with units; and as JSON to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from revenue.forecast import counts
from revenue.forecast.backtest import Comparison
from revenue.forecast.calendar import HOUR_S, HOURS, Floats
from revenue.forecast.engine import SHARES, Outlook
from revenue.forecast.history import MEASURES, STARTS, History

HOUR = timedelta(seconds=HOUR_S)


@dataclass(frozen=True)
class Band:
    """Mean and the ends of the 80 % interval, one value for each hour (or day)."""

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def cut(self, first: int, past: int) -> Self:
        return type(self)(self.mean[first:past], self.low[first:past], self.high[first:past])


@dataclass(frozen=True)
class Past:
    """How such forecasts did: four of them made again in the eight weeks before, over `hours` hours.

    coverage: share of hours inside the 80 % interval, randomised. day_error: of day totals, as a share of them.
    pinball_ratio, rmse_ratio, day_ratio: error over that of "the same hour last week"; below 1 is better.
    """

    hours: int
    days: int
    starts: int
    coverage: float
    rmse: float
    day_error: float
    pinball_ratio: float
    rmse_ratio: float
    day_ratio: float

    @classmethod
    def of(cls, score: Comparison) -> Self:
        ours = score.ours
        return cls(
            ours.hours, ours.days, round(ours.starts), ours.coverage, ours.rmse, ours.day_share,
            score.pinball_ratio, score.rmse_ratio, score.day_ratio,
        )  # fmt: skip


@dataclass(frozen=True)
class Forecast:
    """Demand of a site by the hour. `hours`: when each begins (UTC). Bands: starts; Wh; connectors in use.

    days: the local days; by_day: bands of their totals (occupied: connector hours). basis_days and basis_starts:
    the observed history it rests on. shift: -1 or 1 where demand has fallen or risen beyond chance, else 0.
    silent_days: for how long nobody has come, where that is beyond chance.
    """

    made_on: date
    hours: tuple[datetime, ...]
    starts: Band
    energy_wh: Band
    occupied: Band
    days: tuple[date, ...]
    by_day: Mapping[str, Band]
    basis_days: int
    basis_starts: int
    holiday_factor: float
    holidays: tuple[date, ...] = ()
    shift: int = 0
    silent_days: int = 0
    past: Past | None = field(default=None)

    def between(self, start: datetime, end: datetime) -> Self:
        """The hours from that of `start` up to `end`; whole local days are kept."""
        first = next((at for at, hour in enumerate(self.hours) if hour + HOUR > start), len(self.hours))
        past = next((at for at, hour in enumerate(self.hours) if hour >= end), len(self.hours))
        cut = {name: getattr(self, name).cut(first, past) for name in MEASURES}
        return type(self)(**{**self.__dict__, **cut, "hours": self.hours[first:past]})

    def to_json(self) -> dict[str, Any]:
        """Plain values, to keep in a row."""
        document = asdict(self)
        document |= {
            "made_on": self.made_on.isoformat(),
            "hours": [int(hour.timestamp()) for hour in self.hours],
            "days": [day.isoformat() for day in self.days],
            "holidays": [day.isoformat() for day in self.holidays],
        }
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        fields = dict(document)
        fields |= {name: _band(document[name]) for name in MEASURES}
        fields |= {
            "made_on": date.fromisoformat(document["made_on"]),
            "hours": tuple(datetime.fromtimestamp(second, UTC) for second in document["hours"]),
            "days": tuple(map(date.fromisoformat, document["days"])),
            "holidays": tuple(map(date.fromisoformat, document["holidays"])),
            "by_day": {name: _band(band) for name, band in document["by_day"].items()},
            "past": document["past"] and Past(**document["past"]),
        }
        return cls(**fields)


def _band(document: Mapping[str, Any]) -> Band:
    return Band(*(tuple(document[name]) for name in ("mean", "low", "high")))


def told(outlook: Outlook, history: History, factor: Floats, past: Past | None) -> Forecast:
    """The outlook of the engine, laid out by real hours and local days."""
    calendar, days = history.calendar, outlook.mean.shape[1]
    first = outlook.day * HOURS
    inside = (calendar.slot >= first) & (calendar.slot < first + days * HOURS)
    slot = calendar.slot[inside] - first
    length = calendar.length.ravel()[calendar.slot[inside]]
    bands = {name: _hourly(outlook, measure, slot, length) for measure, name in enumerate(MEASURES)}
    dates = tuple(calendar.first + timedelta(days=outlook.day + day) for day in range(days))
    off = calendar.holiday[outlook.day : outlook.day + days]
    return Forecast(
        made_on=dates[0],
        hours=tuple(datetime.fromtimestamp(int(second), UTC) for second in calendar.edges[:-1][inside]),
        **bands,
        days=dates,
        by_day={name: _daily(outlook, measure) for measure, name in enumerate(MEASURES)},
        basis_days=int(np.count_nonzero(history.seen[: outlook.day])),
        basis_starts=round(float(history.totals[: outlook.day].sum())),
        holiday_factor=round(float(factor[STARTS]), 3),
        holidays=tuple(day for day, is_off in zip(dates, off, strict=True) if is_off),
        shift=outlook.shift,
        silent_days=outlook.silent_days,
        past=past,
    )  # fmt: skip


def _hourly(outlook: Outlook, measure: int, slot: Floats, length: Floats) -> Band:
    """A slot that the clock repeats is shared out evenly over its two hours."""
    rows = (each[measure].ravel()[slot] / length for each in (outlook.mean, outlook.low, outlook.high))
    return Band(*(_rounded(row) for row in rows))


def _daily(outlook: Outlook, measure: int) -> Band:
    """Totals of days; the interval from the day totals of the backtests, whose hours go up and down together."""
    mean = outlook.mean[measure].sum(axis=1)
    seen, expected = outlook.tested_days(measure)
    unit = max(float(mean.sum()), 1e-9) / max(float(outlook.mean[STARTS].sum()), 1e-9)
    alpha = counts.dispersion(seen / unit, expected / unit)
    low, high = counts.quantiles(mean / unit, alpha, SHARES)
    return Band(_rounded(mean), _rounded(low * unit), _rounded(high * unit))


def _rounded(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(np.round(values.astype(np.float64), 3).tolist())
