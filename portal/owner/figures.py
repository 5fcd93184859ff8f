"""An organisation's figures by local day: one query, from the priced sessions."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import Organisation
from charging.models import PricedSession
from portal import words
from portal.charts import Series, StackedBars, stacked_bars
from portal.cost import Shares
from portal.owner.period import Period
from portal.tiles import Tile, make_tile


@dataclass(frozen=True)
class Day:
    """The sums of one local day."""

    shares: Shares
    energy_wh: int
    sessions: int


def counting(organisation: Organisation) -> QuerySet[PricedSession]:
    """Of each session's pricings, the one that counts: the highest revision."""
    later = PricedSession.objects.of(organisation).filter(
        session=OuterRef("session"), revision__gt=OuterRef("revision")
    )
    priced: QuerySet[PricedSession] = PricedSession.objects.of(organisation).exclude(Exists(later))
    return priced


def figures_by_day(
    organisation: Organisation, period: Period, site_id: UUID | None = None
) -> dict[date, Day]:
    """The days of the period and of the one before that had sessions, in the organisation's currency."""
    rows = counting(organisation).filter(
        currency=organisation.currency,
        session__started_at__gte=period.start_before,
        session__started_at__lt=period.end,
    )
    if site_id is not None:
        rows = rows.filter(session__station__site=site_id)
    sums = {f"sum_{name}": Sum(name) for name in ("energy", "time", "parking", "fees", "tax", "energy_wh")}
    by_day = (
        rows.annotate(day=TruncDate("session__started_at", tzinfo=period.zone))
        .values("day")
        .order_by("day")
        .annotate(sessions=Count("id"), **sums)
    )
    return {row["day"]: _day(row, organisation.currency) for row in by_day}


def _day(row: dict[str, Decimal], currency: str) -> Day:
    names = ("energy", "time", "parking", "fees", "tax")
    return Day(
        Shares(currency, *(Decimal(row[f"sum_{name}"]) for name in names)),
        int(row["sum_energy_wh"]),
        int(row["sessions"]),
    )


def tiles(days: dict[date, Day], period: Period, currency: str) -> list[Tile]:
    """Revenue, energy, sessions and price per kWh, each beside the period before."""
    before_dates = [day - timedelta(days=period.days) for day in period.dates]
    now, before = (_Sums.of(days, dates, currency) for dates in (period.dates, before_dates))
    than = _("%(days)s days before: %(value)s")
    net = [_net(days, day) for day in period.dates]
    energy = [Decimal(days[day].energy_wh) if day in days else Decimal(0) for day in period.dates]
    count = [Decimal(days[day].sessions) if day in days else Decimal(0) for day in period.dates]

    def was(text: str) -> str:
        return than % {"days": period.days, "value": text}

    return [
        make_tile(
            _("Revenue, before tax"), words.amount(now.net, currency), currency,
            now=now.net, before=before.net, before_text=was(words.amount(before.net, currency)), trend=net,
        ),
        make_tile(
            _("Energy sold"), words.kwh(now.energy_wh, 0), "kWh",
            now=Decimal(now.energy_wh), before=Decimal(before.energy_wh), before_text=was(words.kwh(before.energy_wh, 0)),
            trend=energy,
        ),
        make_tile(
            _("Sessions"), words.number(now.sessions), "",
            now=Decimal(now.sessions), before=Decimal(before.sessions), before_text=was(words.number(before.sessions)),
            trend=count,
        ),
        make_tile(
            _("Revenue per kWh"), words.number(now.per_kwh, 3), currency,
            now=now.per_kwh, before=before.per_kwh, before_text=was(words.number(before.per_kwh, 3)),
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class _Sums:
    net: Decimal
    energy_wh: int
    sessions: int

    @classmethod
    def of(cls, days: dict[date, Day], dates: list[date], currency: str) -> "_Sums":
        found = [days[day] for day in dates if day in days]
        net = sum((day.shares.net for day in found), Decimal(0))
        return cls(net, sum(day.energy_wh for day in found), sum(day.sessions for day in found))

    @property
    def per_kwh(self) -> Decimal:
        return self.net * words.WH_PER_KWH / self.energy_wh if self.energy_wh else Decimal(0)


def _net(days: dict[date, Day], day: date) -> Decimal:
    return days[day].shares.net if day in days else Decimal(0)


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
