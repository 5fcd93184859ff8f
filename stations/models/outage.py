"""When a port could not charge anybody, and which part of that the uptime formula leaves out."""

from datetime import datetime

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.tenancy import TenantModel
from stations.models.places import EVSE, Site, Station


def overlapping(start: datetime, end: datetime) -> Q:
    """Rows with `since` and `until` that overlap start..end; without an end they last until told otherwise."""
    return Q(Q(until__isnull=True) | Q(until__gt=start), since__lt=end)


class PlacedModel(TenantModel):
    """A row about a whole site, one station there, or one port of it: the narrowest that is named."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="+")
    station = models.ForeignKey(Station, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    evse = models.ForeignKey(EVSE, null=True, blank=True, on_delete=models.PROTECT, related_name="+")

    class Meta(TenantModel.Meta):
        abstract = True

    def covers(self, evse: EVSE) -> bool:
        """Whether the port `evse` (with its station at hand) is meant."""
        if self.evse_id is not None:
            return bool(self.evse_id == evse.pk)
        if self.station_id is not None:
            return bool(self.station_id == evse.station_id)
        return bool(self.site_id == evse.station.site_id)

    @property
    def place(self) -> str:
        """The narrowest place, by name."""
        return str(self.evse or self.station or self.site)


class Outage(TenantModel):
    """A port was down from `since` until `until`; without an end it still is.

    Worked out from the status intervals of its connectors and nothing else (`stations.uptime.outages`), so
    that it can be worked out anew. `evidence` holds those intervals: connector, status, error_code, info,
    since, until.
    """

    evse = models.ForeignKey(EVSE, on_delete=models.PROTECT, related_name="outages")
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    evidence = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        ordering = ["-since"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "evse", "since"], name="outage_begins_once"),
            models.UniqueConstraint(
                fields=["organisation", "evse"], condition=Q(until__isnull=True), name="outage_one_open"
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("since")), name="outage_runs_forward"
            ),
        ]
        indexes = [models.Index(fields=["organisation", "since"])]

    def __str__(self) -> str:
        return f"{self.evse} down since {self.since:%Y-%m-%d %H:%M}"

    @property
    def error_codes(self) -> list[str]:
        """What the station said was wrong, each code once, in order of time."""
        told = [str(one["error_code"] or one["status"]) for one in self.evidence]
        return list(dict.fromkeys(told))


class Exclusion(PlacedModel):
    """Time that does not count against uptime: what for, who said so, and why. Withdrawn, never deleted."""

    class Category(models.TextChoices):
        """23 CFR 680.116 (b) (3): T_excluded."""

        UTILITY = "utility", "Utility interruption"
        VEHICLE = "vehicle", "Fault of the vehicle"
        MAINTENANCE = "maintenance", "Scheduled maintenance"
        VANDALISM = "vandalism", "Vandalism"
        DISASTER = "disaster", "Natural disaster"
        CLOSED = "closed", "Closed hours"

    category = models.CharField(max_length=11, choices=Category)
    since = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500)
    said_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    said_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta(PlacedModel.Meta):
        ordering = ["-since"]
        constraints = [
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gt=F("since")), name="exclusion_runs_forward"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="exclusion_says_why"),
            models.CheckConstraint(
                condition=Q(evse__isnull=True) | Q(station__isnull=False), name="exclusion_of_one_place"
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
                name="exclusion_withdrawn_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["organisation", "site", "since"])]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            *TenantModel.Meta.triggers,
            pgtrigger.Protect(name="exclusion_is_not_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="exclusion_is_fixed", fields=["category", "since", "reason", "said_by", "said_at"]
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_category_display()} from {self.since:%Y-%m-%d %H:%M}"


class OpeningHours(TenantModel):
    """On a weekday the site is open from `opens` to `closes`, by its own clock; midnight closes the day.

    A site without any row is open around the clock; one that has rows is closed on days without one.
    """

    site = models.ForeignKey(Site, on_delete=models.CASCADE, related_name="opening_hours")
    weekday = models.PositiveSmallIntegerField(help_text="0 is Monday")
    opens = models.TimeField()
    closes = models.TimeField(help_text="00:00 is the end of the day")

    class Meta(TenantModel.Meta):
        ordering = ["weekday", "opens"]
        verbose_name_plural = "opening hours"
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "site", "weekday", "opens"], name="opening_hours_once"
            ),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="opening_hours_weekday_known"),
            models.CheckConstraint(
                condition=Q(closes__gt=F("opens")) | Q(closes="00:00"), name="opening_hours_run_forward"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday}: {self.opens:%H:%M}-{self.closes:%H:%M}"
