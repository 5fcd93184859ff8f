"""The message log: every call between a station and us, with its answer and our verdict."""

from typing import Any, ClassVar

from django.db import models

from accounts.identifiers import uuid7
from accounts.models import Organisation
from accounts.tenancy import TenantQuerySet
from stations.models import Station


class OcppMessage(models.Model):
    """One call and its answer. Partitioned by month of `at`; old months are dropped.

    The gateway writes it; pages and the REST api read it, so it lives beneath them all. Tags are masked in
    what is kept. No foreign key constraints: this is a log, written at full speed.
    """

    class Direction(models.TextChoices):
        RECEIVED = "in", "From the station"
        SENT = "out", "To the station"
        EVENT = "event", "Connection"

    pk = models.CompositePrimaryKey("station_id", "at", "id")  # a station's log in order: no other index
    id = models.UUIDField(default=uuid7)
    at = models.DateTimeField()
    organisation = models.ForeignKey(
        Organisation, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    station = models.ForeignKey(
        Station, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    direction = models.CharField(max_length=5, choices=Direction)
    message_id = models.CharField(max_length=64, help_text="correlates the call with its answer")
    action = models.CharField(max_length=64)
    payload = models.TextField(blank=True, help_text="of the call, JSON as it came")
    answer = models.TextField(blank=True, help_text="payload of the answer, or the error")
    verdict = models.CharField(max_length=40, help_text="ok, an OCPP error code, or why it is quarantined")

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta:
        db_table = "gateway_ocppmessage"

    def __str__(self) -> str:
        return f"{self.direction} {self.action} {self.at:%Y-%m-%d %H:%M:%S}"
