"""A driver's sessions over all sellers: a projection by driver, rebuilt from the books at any time."""

from typing import Any, ClassVar

from django.db import models

from accounts.identifiers import uuid7
from accounts.models import Driver
from accounts.money import MoneyField
from billing.models.payment import Payment


class DriverHistoryEntry(models.Model):
    """One charged session as its driver sees it. Holds no foreign key to the seller's tables."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="history")
    organisation_id = models.UUIDField()
    organisation_name = models.CharField(max_length=120)
    session_id = models.UUIDField()
    payment_id = models.UUIDField()
    place = models.CharField(max_length=250, help_text="site, and its town")
    connector = models.CharField(max_length=250)
    time_zone = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    energy_wh = models.BigIntegerField()
    duration_s = models.BigIntegerField()
    energy = MoneyField()
    time = MoneyField()
    parking = MoneyField()
    fees = MoneyField()
    net = MoneyField()
    tax = MoneyField()
    gross = MoneyField()
    paid = MoneyField()
    refunded = MoneyField()
    payment_state = models.CharField(max_length=12, choices=Payment.State)
    payment_method = models.CharField(max_length=8, choices=Payment.Method)
    card = models.CharField(max_length=40, blank=True, help_text="brand and last four digits")
    failure = models.CharField(max_length=300, blank=True)
    receipt_id = models.UUIDField(null=True, blank=True)
    receipt_number = models.CharField(max_length=30, blank=True)

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        ordering = ["-started_at"]
        verbose_name_plural = "driver history entries"
        constraints = [
            models.UniqueConstraint(fields=["driver", "session_id"], name="driver_history_once"),
        ]
        indexes = [models.Index(fields=["driver", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d} {self.place} {self.gross}"
