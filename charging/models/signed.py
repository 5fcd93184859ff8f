"""Meter values that the meter itself signed, as the station passed them on."""

from django.db import models

from accounts.tenancy import TenantModel
from charging.models.session import ChargingSession


class SignedReading(TenantModel):
    """One signed value: OCMF or another encoding, kept to the letter so that its signature can be checked."""

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="signed_readings")
    at = models.DateTimeField()
    context = models.CharField(max_length=20, blank=True, help_text="e.g. Transaction.Begin")
    data = models.TextField(help_text="as it came")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the data: a repeat is the same row")
    encoding = models.CharField(max_length=50, blank=True, help_text="e.g. OCMF, EDL")
    signing = models.CharField(max_length=50, blank=True, help_text="e.g. ECDSA-secp256r1-SHA256")
    public_key = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "session", "digest"], name="signed_reading_once")
        ]

    def __str__(self) -> str:
        return f"{self.encoding} at {self.at:%Y-%m-%d %H:%M:%S}"
