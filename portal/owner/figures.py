"""An organisation's figures by local day: one query, from the rollups."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from uuid import UUID

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Organisation
from portal import words
from portal.charts import Series, StackedBars, stacked_bars
from portal.cost import Shares
from portal.owner.period import Period
from portal.tiles import Tile, make_tile
from revenue.rollups import reading


@dataclass(frozen=True)
class Day:
    """The sums of one local day."""

    shares: Shares
    energy_wh: int
    sessions: int


def figures_by_day(
    organisation: Organisation, period: Period, site_id: UUID | None = None
) -> dict[date, Day]:
    """The days of the period and of the one before that had anything, in the organisation's currency."""
    currency = organisation.currency
    scope = reading.Scope(organisation, currency, period.first_before, period.last, site_id=site_id)
    return {
        day: Day(shares_of(sums, currency), sums.energy_wh, sums.sessions)
        for day, sums in reading.by_day(scope, reading.SHOWN).items()
    }


def shares_of(sums: reading.Sums, currency: str) -> Shares:
    """Sums as the shares of the price line."""
    return Shares(currency, sums.energy, sums.time, sums.parking, sums.fees, sums.tax)


def tiles(days: dict[date, Day], period: Period, currency: str) -> list[Tile]:
    """Revenue, energy, sessions and price per kWh, each beside the period before."""
    before_dates = [day - timedelta(days=period.days) for day in period.dates]
    now, before = (_Sums.of(days, dates) for dates in (period.dates, before_dates))
    measures: tuple[tuple[str, str, Callable[[_Sums], Decimal], Callable[[Decimal], str]], ...] = (
        (_("Revenue, before tax"), currency, lambda sums: sums.net, partial(words.amount, currency=currency)),
        (_("Energy sold"), "kWh", lambda sums: sums.energy_wh, lambda value: words.kwh(int(value), 0)),
        (_("Sessions"), "", lambda sums: sums.sessions, words.number),
        (_("Revenue per kWh"), currency, lambda sums: sums.per_kwh, partial(words.number, digits=3)),
    )
    by_day = [_Sums.of(days, [day]) for day in period.dates]
    return [
        make_tile(
            title,
            text(of(now)),
            unit,
            now=of(now),
            before=of(before),
            before_text=_("%(days)s days before: %(value)s")
            % {"days": period.days, "value": text(of(before))},
            trend=[of(sums) for sums in by_day],
        )
        for title, unit, of, text in measures
    ]


@dataclass(frozen=True)
class _Sums:
    net: Decimal
    energy_wh: Decimal
    sessions: Decimal

    @classmethod
    def of(cls, days: dict[date, Day], dates: Iterable[date]) -> "_Sums":
        found = [days[day] for day in dates if day in days]
        return cls(
            sum((day.shares.net for day in found), Decimal(0)),
            Decimal(sum(day.energy_wh for day in found)),
            Decimal(sum(day.sessions for day in found)),
        )

    @property
    def per_kwh(self) -> Decimal:
        return self.net * words.WH_PER_KWH / self.energy_wh if self.energy_wh else Decimal(0)


def revenue_chart(days: dict[date, Day], period: Period, currency: str) -> StackedBars:
    """What drivers paid by day, in the parts of the price line."""
    kinds = (
        ("energy", _("Energy")),
        ("time", _("Time")),
        ("idle", _("Idle")),
        ("fees", _("Fees")),
        ("tax", _("Tax")),
    )
    series = [
        Series(
            name,
            kind,
            tuple(getattr(days[day].shares, kind) if day in days else Decimal(0) for day in period.dates),
        )
        for kind, name in kinds
    ]
    return stacked_bars(
        _("Revenue by day, %(currency)s") % {"currency": currency},
        [date_format(day, "j M") for day in period.dates],
        [row for row in series if any(row.values)] or series[:1],
        lambda value: words.money(value, currency),
        axis=words.plain,
        description=_("What drivers paid, tax included, in the parts of the price line."),
        corner=_("Day"),
    )
