"""The archived readings of a session."""

from django.db import models

from accounts.tenancy import TenantModel
from charging.models.session import ChargingSession


class SessionCurve(TenantModel):
    """All readings of a session, packed by `charging.curve`: what re-rating needs, when their rows are gone."""

    session = models.OneToOneField(ChargingSession, on_delete=models.PROTECT, related_name="curve")
    points = models.BinaryField()
    count = models.IntegerField(help_text="points in it")
    peak_power_w = models.BigIntegerField(null=True)
    rows = models.JSONField(default=dict, help_text="month -> how many rows of it are in here")
    made_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.count} points of {self.session_id}"
