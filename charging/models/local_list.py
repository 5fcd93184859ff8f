"""What a station knows of tags when it is offline: its local authorisation list, as we keep it."""

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from accounts.tenancy import TenantModel, TenantQuerySet
from charging.models.command import StationCommand
from stations.models import Station


class LocalList(TenantModel):
    """The list of one station: what it acknowledged, what is on its way, when we try again."""

    class State(models.TextChoices):
        NEW = "new", "Not sent yet"
        SENDING = "sending", "On its way"
        CURRENT = "current", "Up to date"
        RETRYING = "retrying", "To be sent again"
        UNSUPPORTED = "unsupported", "The station keeps no list"

    station = models.OneToOneField(Station, on_delete=models.PROTECT, related_name="local_list")
    enabled = models.BooleanField(default=True)
    max_entries = models.PositiveIntegerField(default=500, help_text="the station's LocalAuthListMaxLength")
    state = models.CharField(max_length=11, choices=State, default=State.NEW)
    version = models.PositiveIntegerField(default=0, help_text="the last one that the station acknowledged")
    entries = models.JSONField(default=dict, help_text="token id -> [status, expiry] as acknowledged")
    sent_version = models.PositiveIntegerField(default=0)
    sent_entries = models.JSONField(default=dict, help_text="what the version on its way says")
    send_full = models.BooleanField(default=True, help_text="the next one says everything")
    command = models.ForeignKey(
        StationCommand, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    failures = models.PositiveSmallIntegerField(default=0)
    failure = models.CharField(max_length=80, blank=True)
    next_try_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    version_asked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(sent_version__gte=F("version")), name="local_list_sends_what_is_next"
            ),
            models.CheckConstraint(
                condition=Q(max_entries__gte=1, max_entries__lte=5000), name="local_list_has_a_size"
            ),
        ]
        indexes = [models.Index(fields=["next_try_at"], condition=Q(enabled=True), name="local_list_due")]

    def __str__(self) -> str:
        return f"Local list of {self.station_id}, version {self.version}"
