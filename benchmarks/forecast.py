"""`make bench-forecast`: the forecast against seasonal-naive, rolling origins every two weeks, real sessions.

    python -m benchmarks.forecast [FOLDER] [--timezone NAME=ZONE]

FOLDER holds a folder of CSVs for each data set: named like one of the importer's mappings (perth-kinross, dundee),
or with a mapping.toml of its own. Without FOLDER: $EVBILLING_SESSIONS, then data/sessions here or beside the
project, then a synthetic world. Days on which a whole data set has no session are missing, not zero.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import cache

import numpy as np

from benchmarks.report import Figure, publish
from benchmarks.session_files import DataSet, SiteFile, data_folder, data_sets
from revenue.forecast.backtest import Comparison, backtest, origins_of
from revenue.forecast.calendar import HOURS, Calendar, Floats, calendar_of, local_day, utc
from revenue.forecast.engine import Outlook, forecast
from revenue.forecast.history import History, Sessions, history_of, since_first_start
from revenue.forecast.profile import holiday_factor
from revenue.placement.rates import Seen, leave_one_out
from revenue.placement.sites import kind_of

PINBALL_BAR, RMSE_BAR, COVERAGE_BAR, MS_BAR = 0.70, 0.78, (0.77, 0.83), 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", nargs="?", help="folder of folders of CSVs")
    parser.add_argument("--timezone", action="append", default=[], metavar="NAME=ZONE")
    options = parser.parse_args()
    folder = data_folder(options.folder)
    zones = dict(each.split("=", 1) for each in options.timezone)
    found = list(data_sets(folder, zones)) if folder else []
    if not found:
        print("No session files: a synthetic world instead.")
    figures = [figure for data in found or [synthetic()] for figure in measure(data)]
    publish("forecast", figures)


def measure(data: DataSet) -> Iterator[Figure]:
    """Score every site, print a line for each, and sum up the data set."""
    histories = histories_of(data)
    until = next(iter(histories.values())).calendar.days

    by_day = [history.by_day for history in histories.values()]

    @cache
    def factor(day: int) -> Floats:
        return holiday_factor(by_day, day)

    clock = Stopwatch()
    print(f"{data.name}: {len(data.sites)} sites, {data.zone}\n{HEAD}")
    total = Comparison()
    for name, history in histories.items():
        score = backtest(history, origins_of(history, until), factor, clock.forecast)
        print(line(name, score))
        total += score
    print(line("all", total), "\n")
    yield from new_sites(data, histories)
    yield from summary(data.name, total, clock.ms)


def new_sites(data: DataSet, histories: dict[str, History]) -> Iterator[Figure]:
    """How far off the rates of new sites are for sites that they don't know: leave-one-site-out."""
    seen = [
        Seen(site.name, kind_of(site.power_w), len(site.sessions.start) / (site.connectors * days))
        for site in data.sites
        if (days := np.count_nonzero(histories[site.name].seen))
    ]
    found = leave_one_out(seen)
    if found is not None:
        name = f"{data.name}: a new site's rate, missed by a factor of"
        yield Figure(f"{name} (median)", found.median, "x")
        yield Figure(f"{name} (one in five beyond)", found.p80, "x")
        yield Figure(f"{data.name}: new sites inside their 80 % band", 100 * found.in_band, "%")


def summary(name: str, total: Comparison, ms: float) -> Iterator[Figure]:
    ours, coverage = total.ours, total.ours.coverage

    def against(what: str, value: float, unit: str, ratio: float, bar: float | None = None) -> Figure:
        words = None if bar is None else f"<= {bar:.2f} x seasonal-naive"
        return Figure(
            f"{name}: {what}", value, unit, None, ratio, words, None if bar is None else ratio <= bar
        )

    yield against(
        "pinball loss, 1,000 h",
        1000 * ours.pinball / max(ours.hours, 1),
        "starts",
        total.pinball_ratio,
        PINBALL_BAR,
    )
    yield against("hourly RMSE, 1,000 h", 1000 * ours.rmse, "starts", total.rmse_ratio, RMSE_BAR)
    yield against("day-total error", 100 * ours.day_share, "% of day", total.day_ratio)
    low, high = COVERAGE_BAR
    yield Figure(
        f"{name}: randomised coverage", 100 * coverage, "%", None, None,
        f"{low:.0%} to {high:.0%}", low <= coverage <= high,
    )  # fmt: skip
    yield Figure(
        f"{name}: a forecast with its four backtests", ms, "ms a site", None, None, "< 2 ms", ms < MS_BAR
    )


COLUMNS = (
    "starts/day",
    "pinball",
    "x naive",
    "RMSE",
    "x naive",
    "day err",
    "x naive",
    "coverage",
    "kWh",
    "in use",
)
HEAD = f"{'site':44}" + "".join(f"{name:>11}" for name in COLUMNS)


def line(name: str, score: Comparison) -> str:
    ours = score.ours
    if not ours.hours:
        return f"{name[:44]:44} too short to test"
    values = (
        f"{ours.starts / max(ours.days, 1):.2f}", f"{ours.pinball / ours.hours:.4f}", f"{score.pinball_ratio:.3f}",
        f"{ours.rmse:.3f}", f"{score.rmse_ratio:.3f}", f"{ours.day_share:.1%}", f"{score.day_ratio:.3f}",
        f"{ours.coverage:.3f}", f"{ours.energy_inside / ours.hours:.2f}", f"{ours.occupied_inside / ours.hours:.2f}",
    )  # fmt: skip
    return f"{name[:44]:44}" + "".join(f"{value:>11}" for value in values)


class Stopwatch:
    """Forecasts, and takes the CPU time of each."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def forecast(self, history: History, day: int, factor: Floats) -> Outlook:
        begin = time.process_time()
        outlook = forecast(history, day, factor)
        self.times.append(time.process_time() - begin)
        return outlook

    @property
    def ms(self) -> float:
        """Of one forecast, the median."""
        return 1000 * float(np.median(self.times)) if self.times else 0.0


def histories_of(data: DataSet) -> dict[str, History]:
    """Every site on the data set's calendar; days on which no site has a session are missing."""
    every = [site.sessions.start for site in data.sites]
    first = local_day(utc(min(int(each.min()) for each in every)), data.zone)
    last = local_day(utc(max(int(each.max()) for each in every)), data.zone)
    calendar = calendar_of(data.zone, first, (last - first).days + 1, data.country, data.subdivision)
    observed = np.bincount(
        np.concatenate([calendar.slots_of(each) for each in every]) // HOURS, minlength=calendar.days
    )
    return {
        site.name: history_of(
            site.sessions, calendar, (observed > 0) & since_first_start(site.sessions, calendar)
        )
        for site in data.sites
    }


def synthetic(sites: int = 8, days: int = 400, seed: int = 7) -> DataSet:
    """Sites from .3 to 30 sessions a day with a daily and weekly shape, growth, and good and bad days."""
    rng = np.random.default_rng(seed)
    calendar = calendar_of("Europe/Berlin", local_day(utc(1_700_000_000), "Europe/Berlin"), days, "DE", "BE")
    rates = enumerate(np.geomspace(0.3, 30, sites), start=1)
    made = [_synthetic_site(rng, calendar, f"site {number}", rate) for number, rate in rates]
    return DataSet("synthetic", "Europe/Berlin", "DE", "BE", made)


def _synthetic_site(rng: np.random.Generator, calendar: Calendar, name: str, per_day: float) -> SiteFile:
    hours = np.exp(-((np.arange(HOURS) - rng.uniform(9, 18)) ** 2) / rng.uniform(10, 40))
    weekday = (calendar.weekday + np.arange(calendar.days)) % 7
    weekend = np.where(weekday < 5, 1.0, rng.uniform(0.3, 1.5))
    growth = np.linspace(1, rng.uniform(0.7, 2), calendar.days)
    day = per_day * weekend * growth * rng.gamma(8, 1 / 8, calendar.days)
    counts = rng.poisson((day[:, None] * hours / hours.sum()).ravel()[calendar.slot])
    start = np.sort(np.repeat(calendar.edges[:-1], counts) + rng.integers(0, 3600, counts.sum()))
    length = rng.gamma(2, 1800, len(start)).astype(np.int64) + 300
    return SiteFile(name, Sessions(start, start + length, length * 5), 2, 22_000)


if __name__ == "__main__":
    main()
