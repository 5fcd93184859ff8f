"""Who else sees the figures: links for people without an account, and reports sent by e-mail."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models import Membership
from accounts.tenancy import TenantModel


class ShareLink(TenantModel):
    """A link that shows the revenue pages, read only, to whoever holds it, until it expires or is revoked."""

    name = models.CharField(max_length=80, help_text="who it is for")
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(null=True, blank=True, help_text="last time somebody looked")

    class Meta(TenantModel.Meta):
        ordering = ["-made_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("made_at")), name="share_link_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()


class ReportSubscription(TenantModel):
    """A member wants the figures of every week or month by e-mail."""

    class Cadence(models.TextChoices):
        WEEKLY = "weekly", "Every week"
        MONTHLY = "monthly", "Every month"

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="report_subscriptions")
    cadence = models.CharField(max_length=7, choices=Cadence)
    since = models.DateTimeField(auto_now_add=True, help_text="periods that end later are reported")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "membership", "cadence"], name="report_subscription_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.membership}: {self.get_cadence_display()}"


class SentReport(TenantModel):
    """A period's report to a subscriber: claimed before it is sent, so that it goes out once."""

    subscription = models.ForeignKey(ReportSubscription, on_delete=models.CASCADE, related_name="sent")
    first = models.DateField()
    last = models.DateField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "subscription", "first"], name="sent_report_once"
            ),
        ]
        indexes = [
            models.Index(fields=["first"], condition=Q(sent_at__isnull=True), name="sent_report_waiting")
        ]

    def __str__(self) -> str:
        return f"{self.first} to {self.last}: {self.sent_at or 'waiting'}"
