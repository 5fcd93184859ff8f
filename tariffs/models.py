"""Tariffs, their immutable versions, and where and for whom each applies."""

from typing import Any

import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

import pricing
from accounts.models import DriverGroup
from accounts.tenancy import TenantModel
from stations.models import Connector, Site, Station


class Tariff(TenantModel):
    """A named price; what it says at any time is its version in force."""

    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=3)
    archived_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="tariff_name_once"),
            models.CheckConstraint(condition=Q(currency__regex=r"^[A-Z]{3}$"), name="tariff_currency_is_iso"),
        ]

    def __str__(self) -> str:
        return self.name


class TariffVersion(TenantModel):
    """One immutable statement of a tariff, in OCPI's words. A change is a new version, never an edit."""

    tariff = models.ForeignKey(Tariff, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField(help_text="OCPI 2.2.1 / 2.3.0 tariff; unknown fields are kept")
    valid_from = models.DateTimeField(
        db_default=Now(), help_text="sessions that start from here are priced by it"
    )
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["tariff", "-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "tariff", "number"], name="tariff_version_number_once"
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="tariff_version_from_one"),
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            pgtrigger.Protect(
                name="tariff_version_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )

    def __str__(self) -> str:
        return f"{self.tariff} v{self.number}"

    def parsed(self) -> pricing.Tariff:
        """The document as the price engine reads it."""
        document: dict[str, Any] = self.document
        return pricing.Tariff.from_json(document)


class TariffAssignment(TenantModel):
    """A tariff applies at a connector, a station, a site, or (none of them named) the whole organisation."""

    tariff = models.ForeignKey(Tariff, on_delete=models.PROTECT, related_name="assignments")
    site = models.ForeignKey(Site, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    station = models.ForeignKey(Station, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    connector = models.ForeignKey(
        Connector, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    driver_group = models.ForeignKey(
        DriverGroup, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "site", "station", "connector", "driver_group", "valid_from"],
                nulls_distinct=False,
                name="tariff_assignment_once",
            ),
            models.CheckConstraint(
                condition=Q(site__isnull=True, station__isnull=True)
                | Q(site__isnull=True, connector__isnull=True)
                | Q(station__isnull=True, connector__isnull=True),
                name="tariff_assignment_one_place",
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="tariff_assignment_runs_forward",
            ),
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            # Where a tariff applied is history that prices follow from: it can end, not move.
            pgtrigger.ReadOnly(name="tariff_assignment_only_ends", exclude=["valid_until"]),
        )

    def __str__(self) -> str:
        return f"{self.tariff} at {self.connector or self.station or self.site or self.organisation}"
