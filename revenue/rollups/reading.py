"""Figures from the rollups: one query each, its cost by stations and days, or hours, never by sessions.

All take a scope: an organisation, one currency and local days, both ends included; and the names of the sums
wanted, all of them unless told (the others are zero). What a site, station or tariff
narrows comes from station days, all else from owner hours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet, Sum
from django.db.models.functions import ExtractIsoWeekDay

from accounts.models import Organisation
from revenue.models import OwnerHour, StationDay
from revenue.models.rollups import NO_TARIFF


@dataclass(frozen=True, slots=True)
class Sums:
    """What `revenue.models.rollups.Measures` says of each, added up; seconds, Wh, W, and money of one currency."""

    sessions: int = 0
    failed_starts: int = 0
    energy_wh: int = 0
    occupied_s: int = 0
    charging_s: int = 0
    parked_s: int = 0
    idle_s: int = 0
    down_s: int = 0
    down_excluded_s: int = 0
    peak_w: int = 0
    energy: Decimal = Decimal(0)
    time: Decimal = Decimal(0)
    parking: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    net: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    charged_net: Decimal = Decimal(0)
    charged_tax: Decimal = Decimal(0)
    refund_net: Decimal = Decimal(0)
    refund_tax: Decimal = Decimal(0)
    energy_cost: Decimal = Decimal(0)

    def __add__(self, other: "Sums") -> "Sums":
        both = {name: getattr(self, name) + getattr(other, name) for name in NAMES if name != "peak_w"}
        return Sums(peak_w=max(self.peak_w, other.peak_w), **both)

    @property
    def refunds(self) -> Decimal:
        """What went back, tax included."""
        return self.refund_net + self.refund_tax

    @property
    def margin(self) -> Decimal:
        """What is left of the net after refunds and electricity."""
        return self.net - self.refund_net - self.energy_cost


NAMES = tuple(field.name for field in fields(Sums))
SHOWN = (
    "sessions", "energy_wh", "occupied_s", "energy", "time", "parking", "fees", "net", "tax", "refund_net",
    "refund_tax", "energy_cost",
)  # fmt: skip
"""What pages show; a sum costs as much as the row it is in, so they ask for no more."""
NOTHING = Sums()


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose figures, and of when: local days, both ends included."""

    organisation: Organisation
    currency: str
    first: date
    last: date
    site_id: UUID | None = None
    station_id: UUID | None = None
    tariff_id: UUID | None = None

    @property
    def is_narrow(self) -> bool:
        return any((self.site_id, self.station_id, self.tariff_id))


def by_day(scope: Scope, names: Sequence[str] = NAMES) -> dict[date, Sums]:
    """The local days that had anything."""
    return {key: sums for (key,), sums in _added(_rows(scope), names, "day").items()}


def by_site(scope: Scope, names: Sequence[str] = NAMES) -> dict[UUID, Sums]:
    return {key: sums for (key,), sums in _added(station_days(scope), names, "station__site_id").items()}


def by_station(scope: Scope, names: Sequence[str] = NAMES) -> dict[UUID, Sums]:
    return {key: sums for (key,), sums in _added(station_days(scope), names, "station_id").items()}


def by_tariff(scope: Scope, names: Sequence[str] = NAMES) -> dict[UUID, Sums]:
    """Tariffs by which was priced; down time has none and is left out."""
    added = _added(station_days(scope).exclude(tariff=NO_TARIFF), names, "tariff_id")
    return {key: sums for (key,), sums in added.items()}


def by_hour_of_week(scope: Scope, names: Sequence[str] = NAMES) -> dict[tuple[int, int], Sums]:
    """(ISO weekday 1 to 7, local hour 0 to 23) of the whole organisation; a narrower scope has no hours."""
    rows = owner_hours(scope).annotate(weekday=ExtractIsoWeekDay("day"))
    return {(weekday, hour): sums for (weekday, hour), sums in _added(rows, names, "weekday", "hour").items()}


def total(scope: Scope, names: Sequence[str] = NAMES) -> Sums:
    """Everything in the scope, as one."""
    return _added(_rows(scope), names).get((), NOTHING)


def station_days(scope: Scope) -> QuerySet[StationDay]:
    rows: QuerySet[StationDay] = _within(StationDay, scope)
    narrow = {"station__site": scope.site_id, "station": scope.station_id, "tariff": scope.tariff_id}
    return rows.filter(**{name: wanted for name, wanted in narrow.items() if wanted})


def owner_hours(scope: Scope) -> QuerySet[OwnerHour]:
    rows: QuerySet[OwnerHour] = _within(OwnerHour, scope)
    return rows


def _rows(scope: Scope) -> QuerySet[Any]:
    return station_days(scope) if scope.is_narrow else owner_hours(scope)


def _within(model: Any, scope: Scope) -> Any:
    return model.objects.of(scope.organisation).filter(
        currency=scope.currency, day__gte=scope.first, day__lte=scope.last
    )


def _added(rows: QuerySet[Any], names: Sequence[str], *groups: str) -> dict[tuple[Any, ...], Sums]:
    asked = {f"all_{name}": Max(name) if name == "peak_w" else Sum(name) for name in names}
    if not groups:
        found = rows.aggregate(**asked)
        return {} if None in found.values() else {(): _sums(found, names)}
    return {
        tuple(row[group] for group in groups): _sums(row, names)
        for row in rows.order_by().values(*groups).annotate(**asked)
    }


def _sums(row: Mapping[str, Any], names: Sequence[str]) -> Sums:
    return Sums(**{name: row[f"all_{name}"] for name in names})
