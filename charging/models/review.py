"""Who or what held a session for review, released or waived it, when, and on which evidence."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.tenancy import TenantModel
from charging.models.session import ChargingSession


class SessionReview(TenantModel):
    """One step of a session through the quality gate. Append only: the trail of why money moved or didn't."""

    class Action(models.TextChoices):
        HELD = "held", "Held"
        RELEASED = "released", "Released"
        WAIVED = "waived", "Waived"

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="reviews")
    action = models.CharField(max_length=8, choices=Action)
    reasons = ArrayField(models.CharField(max_length=40), default=list)
    evidence = models.JSONField(default=dict, help_text="reason -> what was seen")
    note = models.CharField(max_length=500, blank=True, help_text="why a person decided so")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(db_default=Now())

    class Meta(TenantModel.Meta):
        ordering = ["at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(action="held", reasons__len__gt=0)
                | (Q(action__in=("released", "waived"), by__isnull=False) & ~Q(note="")),
                name="session_review_says_why",
            ),
        ]
        triggers: tuple[pgtrigger.Trigger, ...] = (
            pgtrigger.Protect(
                name="session_review_is_immutable", operation=pgtrigger.Update | pgtrigger.Delete
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.at:%Y-%m-%d %H:%M}"
