"""What Stripe told us, and under which names it knows our drivers. Platform-wide, small."""

from django.db import models
from django.db.models import Q

from accounts.identifiers import uuid7
from accounts.models import Driver


class PaymentProfile(models.Model):
    """A driver's Stripe customer and the card that sessions are charged to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    driver = models.OneToOneField(Driver, on_delete=models.PROTECT, related_name="payment_profile")
    customer_id = models.CharField(max_length=255, blank=True)
    payment_method_id = models.CharField(max_length=255, blank=True)
    card_brand = models.CharField(max_length=20, blank=True)
    card_last4 = models.CharField(max_length=4, blank=True)
    card_expires = models.CharField(max_length=7, blank=True, help_text="MM/YYYY")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer_id"], condition=~Q(customer_id=""), name="payment_profile_customer_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.card_brand} •••• {self.card_last4}" if self.payment_method_id else "no card"

    @property
    def has_card(self) -> bool:
        return bool(self.customer_id and self.payment_method_id)


class StripeEventInbox(models.Model):
    """An event of Stripe's whose signature was good, to be worked off once."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        DONE = "done", "Done"
        UNKNOWN_OBJECT = "unknown", "Unknown object"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255, blank=True)
    livemode = models.BooleanField(default=False)
    event_created_at = models.DateTimeField()
    payload = models.JSONField(help_text="the event as it came; the object itself is always re-retrieved")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    tries = models.PositiveSmallIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)
    received_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-received_at"]
        indexes = [
            models.Index(
                fields=["claimed_at"], condition=Q(state="pending"), name="stripe_event_inbox_pending"
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"
