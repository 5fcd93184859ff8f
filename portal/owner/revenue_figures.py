"""The revenue page's tiles, charts and tables, all from the rollups."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal import words
from portal.charts import HeatMap, Series, StackedBars, heat_map, stacked_bars
from portal.owner.revenue_query import Asked
from portal.tiles import Tile, make_tile
from revenue.rollups import reading
from revenue.rollups.reading import NOTHING, Sums
from stations.models import Connector, Site, Station
from tariffs.models import Tariff

HOURS = range(24)
HOUR_S = 3600
MOST_ROWS = 100


@dataclass(frozen=True)
class Row:
    """A line of a table: what it is about, where that leads (a query, a day, or nowhere), and its figures."""

    name: str
    link: str
    sums: Sums
    day: date | None = None


@dataclass(frozen=True)
class Table:
    """A table of the page; `key` names it in the URL of its download."""

    key: str
    title: str
    corner: str
    rows: list[Row]
    total: Sums


HEADER = (
    "sessions", "energy_kwh", "net", "tax", "gross", "energy", "time", "parking", "fees", "refunds",
    "electricity_cost", "left", "charging_min", "parked_min", "down_min", "down_excluded_min", "failed_starts",
    "peak_kw", "currency",
)  # fmt: skip
"""The columns of every download, after the name."""


def cells(sums: Sums, currency: str) -> tuple[object, ...]:
    """A row of a download."""
    minutes = (sums.charging_s, sums.parked_s, sums.down_s, sums.down_excluded_s)
    return (
        sums.sessions, Decimal(sums.energy_wh) / words.WH_PER_KWH, sums.net, sums.tax, sums.gross, sums.energy,
        sums.time, sums.parking, sums.fees, sums.refunds, sums.energy_cost, sums.margin,
        *(seconds // 60 for seconds in minutes), sums.failed_starts, Decimal(sums.peak_w) / 1000, currency,
    )  # fmt: skip


class Figures:
    """Everything the page shows of one question; each part is asked once."""

    def __init__(self, asked: Asked, names: Sequence[str] = reading.SHOWN) -> None:
        self.asked, self.currency, self.names = asked, asked.scope.currency, names
        days = reading.by_day(asked.scope, names)
        self.columns: dict[date, Sums] = dict.fromkeys(asked.columns, NOTHING)
        for day, sums in days.items():
            self.columns[asked.column_of(day)] += sums
        self.total = _sum(days.values())
        self.before = reading.total(asked.before, names)

    def tiles(self) -> list[Tile]:
        money = partial(words.amount, currency=self.currency)
        measures: tuple[tuple[str, Callable[[Sums], Decimal]], ...] = (
            (_("Revenue, before tax"), lambda sums: sums.net),
            (_("Refunds"), lambda sums: sums.refunds),
            (_("Electricity"), lambda sums: sums.energy_cost),
            (_("Left after costs"), lambda sums: sums.margin),
        )
        return [
            make_tile(
                title,
                money(of(self.total)),
                self.currency,
                now=of(self.total),
                before=of(self.before),
                before_text=_("%(days)s days before: %(value)s")
                % {"days": self.asked.days, "value": money(of(self.before))},
                trend=[of(sums) for sums in self.columns.values()],
            )
            for title, of in measures
        ]

    def trend(self) -> StackedBars:
        """What drivers paid, by column, in the parts of the price line."""
        kinds = (
            ("energy", _("Energy"), "energy"), ("time", _("Time"), "time"), ("idle", _("Idle"), "parking"),
            ("fees", _("Fees"), "fees"), ("tax", _("Tax"), "tax"),
        )  # fmt: skip
        series = [
            Series(name, kind, tuple(getattr(sums, field) for sums in self.columns.values()))
            for kind, name, field in kinds
        ]
        return stacked_bars(
            _("What drivers paid, %(currency)s") % {"currency": self.currency},
            [self.asked.words_of(column) for column in self.asked.columns],
            [row for row in series if any(row.values)] or series[:1],
            lambda value: words.money(value, self.currency),
            axis=words.plain,
            description=_("Tax included, in the parts of the price line."),
            corner=str(self.asked.form.fields["step"].label),
        )

    def heat_maps(self) -> list[HeatMap]:
        """Revenue and occupancy by hour and weekday; only the whole organisation has hours."""
        if self.asked.scope.is_narrow:
            return []
        found = reading.by_hour_of_week(self.asked.scope, ("net", "occupied_s"))
        weeks = Decimal(max(self.asked.days, 7)) / 7
        ports = max(Connector.objects.of(self.asked.scope.organisation).count(), 1)
        return [
            self._heat(
                _("Revenue by hour of the week"),
                lambda at: found.get(at, NOTHING).net / weeks,
                lambda value: words.money(value, self.currency),
                _("Before tax, in a usual week; darker is more."),
            ),
            self._heat(
                _("How full your ports are"),
                lambda at: Decimal(found.get(at, NOTHING).occupied_s * 100) / (HOUR_S * ports) / weeks,
                lambda value: f"{words.number(value)}{words.THIN_SPACE}%",
                _("Share of all ports with a vehicle, in a usual week; darker is fuller."),
            ),
        ]

    def _heat(
        self,
        title: str,
        value: Callable[[tuple[int, int]], Decimal],
        label: Callable[[Decimal], str],
        text: str,
    ) -> HeatMap:
        weekdays = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
        rows = [
            (name, [value((number, hour)) for hour in HOURS]) for number, name in enumerate(weekdays, start=1)
        ]
        return heat_map(title, [f"{hour:02d}" for hour in HOURS], rows, label, description=text)

    def table(self, key: str) -> Table | None:
        """The table of that name; None for an unknown one."""
        make = TABLES.get(key)
        return None if make is None else make(self)

    def by_column(self) -> Table:
        last = self.asked.scope.last
        columns = self.asked.columns
        ends = [*columns[1:], None]
        rows = [
            Row(
                self.asked.words_of(column),
                "" if self.asked.step == "day" else self._link(
                    since=max(column, self.asked.scope.first),
                    until=last if end is None else min(last, end - timedelta(days=1)),
                    step="day",
                ),
                self.columns[column],
                column if self.asked.step == "day" else None,
            )
            for column, end in zip(columns, ends, strict=True)
        ]  # fmt: skip
        return Table("trend", _("Over time"), _("When"), rows, self.total)

    def by_site(self) -> Table:
        names = _names(Site.objects.of(self.asked.scope.organisation))
        rows = self._places(names, reading.by_site(self.asked.scope, self.names), "site")
        return Table("sites", _("By site"), _("Site"), rows, _sum(row.sums for row in rows))

    def by_station(self) -> Table:
        names = _names(Station.objects.of(self.asked.scope.organisation))
        rows = self._places(names, reading.by_station(self.asked.scope, self.names), "")
        return Table("stations", _("By station"), _("Station"), rows, _sum(row.sums for row in rows))

    def by_tariff(self) -> Table:
        names = _names(Tariff.objects.of(self.asked.scope.organisation))
        rows = self._places(names, reading.by_tariff(self.asked.scope, self.names), "tariff")
        return Table("tariffs", _("By tariff"), _("Tariff"), rows, _sum(row.sums for row in rows))

    def by_hour(self) -> Table:
        """Hours of the day, whatever weekday."""
        sums = dict.fromkeys(HOURS, NOTHING)
        if not self.asked.scope.is_narrow:
            for (_weekday, hour), found in reading.by_hour_of_week(self.asked.scope, self.names).items():
                sums[hour] += found
        rows = [Row(f"{hour:02d}:00", "", sums[hour]) for hour in HOURS]
        return Table("hours", _("By hour of the day"), _("Hour"), rows, _sum(sums.values()))

    def _places(self, names: dict[UUID, str], found: dict[UUID, Sums], narrow: str) -> list[Row]:
        """Rows of places, the best first; `narrow` is the filter that a place's link sets."""
        rows = [
            Row(names.get(place, _("unknown")), self._link(**{narrow: place}) if narrow else "", sums)
            for place, sums in found.items()
        ]
        return sorted(rows, key=lambda row: (-row.sums.net, row.name))

    def _link(self, **changes: object) -> str:
        """This question, narrowed."""
        scope = self.asked.scope
        now = {
            "since": scope.first, "until": scope.last, "site": scope.site_id, "tariff": scope.tariff_id,
            "step": self.asked.step, **changes,
        }  # fmt: skip
        return "?" + urlencode({name: str(value) for name, value in now.items() if value})


TABLES: dict[str, Callable[[Figures], Table]] = {
    "trend": Figures.by_column,
    "sites": Figures.by_site,
    "stations": Figures.by_station,
    "tariffs": Figures.by_tariff,
    "hours": Figures.by_hour,
}


def _sum(parts: Iterable[Sums]) -> Sums:
    added = NOTHING
    for part in parts:
        added = added + part
    return added


def _names(rows: QuerySet[Site] | QuerySet[Station] | QuerySet[Tariff]) -> dict[UUID, str]:
    return {row.pk: str(row) for row in rows}
