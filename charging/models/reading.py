"""What a station measured during a session, one row an instant, and what the values of a row are."""

from typing import Any

import pgtrigger
from django.db import models

from accounts.identifiers import uuid7
from accounts.models import Organisation
from accounts.tenancy import TenantModel
from charging import late_facts
from charging.models.session import ChargingSession
from charging.shapes import join


class SampleShape(models.Model):
    """What the sampled values of many readings have in common; see `charging.shapes`. The id follows from it."""

    id = models.BigIntegerField(primary_key=True)
    samples = models.TextField(help_text="sampled values in JSON, each value emptied")

    def __str__(self) -> str:
        return self.samples[:80]


class Reading(models.Model):
    """One message's meter values. Partitioned by month of `at`; a repeat has the same key.

    Written at full speed: that its session is there is checked by triggers, once a statement, and by
    `charging.ingest`, which writes to the partitions, where no trigger of the table sees it.
    """

    pk = models.CompositePrimaryKey("session_id", "at", "id")
    id = models.UUIDField(default=uuid7, help_text="follows from what was said, when a station said it")
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    session = models.ForeignKey(
        ChargingSession,
        on_delete=models.PROTECT,
        related_name="readings",
        db_constraint=False,
        db_index=False,
    )
    at = models.DateTimeField()
    register_wh = models.BigIntegerField(null=True, help_text="Energy.Active.Import.Register, cumulative")
    power_w = models.BigIntegerField(null=True)
    current_ma = models.BigIntegerField(null=True)
    soc_percent = models.SmallIntegerField(null=True)
    shape = models.ForeignKey(
        SampleShape,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    said = models.TextField(
        default="", help_text="the sampled values word for word; without a shape all of it, in JSON"
    )

    class Meta:
        triggers: tuple[pgtrigger.Trigger, ...] = (
            *TenantModel.Meta.triggers,
            late_facts.of_a_session(),
            late_facts.stays_with_its_session(),
            late_facts.hold_priced(late_facts.READING_MATTERS),
        )

    def __str__(self) -> str:
        return f"{self.register_wh} Wh at {self.at:%Y-%m-%d %H:%M:%S}"

    @property
    def sampled(self) -> list[dict[str, Any]]:
        """All sampled values of the message as they came."""
        return join(self.shape.samples if self.shape else "", self.said)
