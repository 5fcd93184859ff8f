"""Sums of what happened, by station and local day and by owner and local hour; and what is to be summed anew.

`revenue.rollups` alone writes these tables. Rows are derived: they are never deleted, and those that nothing
adds to any more hold zeros. Amounts of different currencies never meet in a row.
"""

from typing import Any, ClassVar
from uuid import UUID

from django.db import models

from accounts.models import Organisation
from accounts.money import MoneyField
from accounts.tenancy import TenantModel, TenantQuerySet
from stations.models import Station
from tariffs.models import Tariff

NO_TARIFF = UUID(int=0)
"""The `tariff_id` of what belongs to none: down time."""


class Measures(models.Model):
    """What both rollups hold. A session counts once priced, in the hour it started; its energy, seconds and
    money are split over the hours it lasted, so that they add up exactly.

    occupied_s = charging_s + parked_s + idle_s, idle being what the station withheld. energy + time +
    parking + fees = net and net + tax = gross, by the session's latest pricing. `charged_*` is what of it is
    in the books, `refund_*` what credit notes took back, at the hour they were issued. `energy_cost` is what
    the owner paid for the electricity. `down_s` are port seconds of outages that have
    ended, `down_excluded_s` what of them uptime leaves out. `peak_w` is the highest power of one port.
    """

    currency: str
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    sessions = models.IntegerField(default=0)
    failed_starts = models.IntegerField(default=0, help_text="sessions that delivered nothing")
    energy_wh = models.BigIntegerField(default=0)
    occupied_s = models.BigIntegerField(default=0)
    charging_s = models.BigIntegerField(default=0)
    parked_s = models.BigIntegerField(default=0)
    idle_s = models.BigIntegerField(default=0)
    energy = MoneyField()
    time = MoneyField()
    parking = MoneyField()
    fees = MoneyField()
    net = MoneyField()
    tax = MoneyField()
    gross = MoneyField()
    charged_net = MoneyField()
    charged_tax = MoneyField()
    refund_net = MoneyField()
    refund_tax = MoneyField()
    energy_cost = MoneyField()
    down_s = models.BigIntegerField(default=0)
    down_excluded_s = models.BigIntegerField(default=0)
    peak_w = models.BigIntegerField(default=0)

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta:
        abstract = True


class StationDay(Measures):
    """A station's local day, by tariff."""

    pk = models.CompositePrimaryKey("organisation_id", "day", "station_id", "tariff_id", "currency")
    day = models.DateField(help_text="in the site's time zone")
    station = models.ForeignKey(
        Station, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    tariff = models.ForeignKey(
        Tariff, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        indexes = [models.Index(fields=["organisation", "station", "day"], name="station_day_of_station")]

    def __str__(self) -> str:
        return f"{self.station_id} {self.day}: {self.net}"


class OwnerHour(Measures):
    """An organisation's local hour; days of 23 and 25 hours have as many rows.

    `time_zone` is the sites': an organisation in two zones has a row for each.
    """

    pk = models.CompositePrimaryKey("organisation_id", "starts_at", "time_zone", "currency")
    starts_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    day = models.DateField(help_text="local")
    hour = models.SmallIntegerField(help_text="local, 0 to 23")

    def __str__(self) -> str:
        return f"{self.day} {self.hour}:00 {self.time_zone}: {self.net}"


class RollupMark(models.Model):
    """Between `since` and `until` something changed at a station, and its sums are to be made anew.

    Written by triggers in the transaction that brings the change; no two of them ever wait for each other.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    station = models.ForeignKey(
        Station, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    since = models.DateTimeField()
    until = models.DateTimeField()
    made_at = models.DateTimeField()

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.station_id}: {self.since} to {self.until}"


class RollupState(TenantModel):
    """One row an organisation: its lock lets one process at a time write the organisation's rollups."""

    settled_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    wrong = models.PositiveIntegerField(default=0, help_text="findings of the latest check")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation"], name="rollup_state_once"),
        ]

    def __str__(self) -> str:
        return f"settled {self.settled_at}, checked {self.checked_at}"
