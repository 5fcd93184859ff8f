"""Facts that don't fit are kept with their raw form and a reason; and what each import brought."""

import pgtrigger
from django.db import models

from accounts.tenancy import TenantModel
from charging import late_facts
from charging.models.session import ChargingSession
from stations.models import Station


class ImportBatch(TenantModel):
    """One run of `import_sessions` over one file."""

    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    mapping = models.CharField(max_length=60)
    rows_in = models.PositiveIntegerField()
    imported = models.PositiveIntegerField()
    already_there = models.PositiveIntegerField(default=0)
    quarantined = models.JSONField(default=dict, help_text="reason -> rows")
    finished_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["-finished_at"]
        verbose_name_plural = "import batches"

    def __str__(self) -> str:
        return f"{self.file_name} ({self.rows_in} rows)"


class QuarantinedFact(TenantModel):
    """Something a station or a file said that can't be believed as it stands. Never dropped, never billed."""

    class Source(models.TextChoices):
        OCPP = "ocpp", "Station"
        IMPORT = "import", "Import"

    source = models.CharField(max_length=6, choices=Source)
    source_key = models.CharField(max_length=255, help_text="what makes a repeated report the same fact")
    station = models.ForeignKey(Station, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    session = models.ForeignKey(
        ChargingSession, null=True, blank=True, on_delete=models.PROTECT, related_name="quarantined"
    )
    reason = models.CharField(max_length=40, help_text="short code, e.g. no_end")
    detail = models.CharField(max_length=500, blank=True)
    raw = models.TextField(help_text="the frame or row as it came, JSON escaped")
    received_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-received_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "source", "source_key"], name="quarantined_fact_once"
            )
        ]
        indexes = [models.Index(fields=["organisation", "reason"])]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            *TenantModel.Meta.triggers,
            late_facts.hold_priced(late_facts.QUARANTINED_MATTERS),
        )

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"
