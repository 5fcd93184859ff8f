"""What stations are to show of a running session's cost, and which of them can't."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from accounts.money import MoneyField
from accounts.tenancy import TenantModel
from charging.models.session import ChargingSession
from stations.models import Station


class StationDisplay(TenantModel):
    """A station that said it shows no cost: it is left alone until it has booted again."""

    station = models.OneToOneField(Station, on_delete=models.CASCADE, related_name="display")
    refused_at = models.DateTimeField()
    refusal = models.CharField(max_length=100, help_text="what it answered")

    def __str__(self) -> str:
        return f"{self.station}: {self.refusal}"


class CostNotice(TenantModel):
    """What a session's station is to show: its cost so far, then its final cost. One row a session.

    waiting -> sent -> told; priced anew when there is news. Amounts include tax.
    """

    class Kind(models.TextChoices):
        RUNNING = "running", "Running cost"
        FINAL = "final", "Final cost"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        TOLD = "told", "Told"

    session = models.OneToOneField(ChargingSession, on_delete=models.CASCADE, related_name="cost_notice")
    station = models.ForeignKey(Station, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=7, choices=Kind, default=Kind.RUNNING)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    cost = MoneyField()
    told_cost = models.DecimalField(
        max_digits=19, decimal_places=4, default=Decimal(0), help_text="in `currency`"
    )
    meter_wh = models.BigIntegerField()
    charging_state = models.CharField(max_length=8)
    price = models.JSONField(default=dict, help_text="what a kWh, an hour and more cost now, tax included")
    price_told_at = models.DateTimeField(null=True, blank=True)
    as_of = models.DateTimeField(help_text="the cost until then")
    priced_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "sent", "told")), name="cost_notice_state_known"
            ),
            models.CheckConstraint(condition=Q(cost__gte=0), name="cost_notice_never_negative"),
        ]
        indexes = [
            models.Index(fields=["sent_at"], condition=~Q(state="told"), name="cost_notice_to_tell"),
        ]

    def __str__(self) -> str:
        return f"{self.cost} ({self.kind}, {self.state})"
