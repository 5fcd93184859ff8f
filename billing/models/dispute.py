"""Payments that a cardholder disputes at the bank, and what we answered."""

from django.db import models
from django.db.models import Q

from accounts.money import MoneyField
from accounts.tenancy import TenantModel
from billing.models.payment import Payment


class Dispute(TenantModel):
    """One dispute of Stripe's over a payment. `billing.disputes` alone moves `state`, by its table.

    `amount` is what the cardholder disputes. `movements` counts the balance transactions that are booked;
    what they come to is in the journals.
    """

    class State(models.TextChoices):
        INQUIRY = "inquiry", "The bank asks"
        INQUIRY_REVIEW = "inquiry_review", "The bank reads the answer"
        NEEDS_RESPONSE = "needs_response", "Needs an answer"
        UNDER_REVIEW = "under_review", "The bank decides"
        WON = "won", "Won"
        LOST = "lost", "Lost"
        CLOSED = "closed", "Closed without a chargeback"

    OPEN = (State.INQUIRY, State.INQUIRY_REVIEW, State.NEEDS_RESPONSE, State.UNDER_REVIEW)
    ANSWERABLE = (State.INQUIRY, State.NEEDS_RESPONSE)

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="disputes", help_text="that was received"
    )
    dispute_id = models.CharField(max_length=255, help_text="Stripe's Dispute")
    charge_id = models.CharField(max_length=255, help_text="Stripe's Charge")
    state = models.CharField(max_length=14, choices=State)
    reason = models.CharField(max_length=60, help_text="as the bank gives it")
    amount = MoneyField()
    movements = models.PositiveSmallIntegerField(default=0, help_text="balance transactions booked")
    opened_at = models.DateTimeField(help_text="as Stripe has it")
    recorded_at = models.DateTimeField(auto_now_add=True, help_text="when we heard of it")
    answer_by = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    statement = models.TextField(blank=True, max_length=20_000, help_text="what we say to the bank")
    evidence = models.JSONField(null=True, blank=True, help_text="frozen when the answer was decided on")
    evidence_sha256 = models.CharField(max_length=64, blank=True, help_text="of the PDF")
    file_id = models.CharField(max_length=255, blank=True, help_text="Stripe's File")
    answered_at = models.DateTimeField(null=True, blank=True, help_text="when it was decided to answer")
    sent_at = models.DateTimeField(null=True, blank=True, help_text="last asked Stripe to take the answer")
    submitted_at = models.DateTimeField(null=True, blank=True, help_text="when Stripe had taken it")
    refusal = models.CharField(max_length=300, blank=True, help_text="why Stripe did not take it")

    class Meta(TenantModel.Meta):
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "dispute_id"], name="dispute_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="dispute_positive"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(evidence__isnull=False),
                name="dispute_answer_has_evidence",
            ),
            models.CheckConstraint(
                condition=Q(state__in=("won", "lost", "closed"), closed_at__isnull=False)
                | Q(
                    state__in=("inquiry", "inquiry_review", "needs_response", "under_review"),
                    closed_at__isnull=True,
                ),
                name="dispute_closed_says_when",
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "payment"]),
            models.Index(
                fields=["sent_at"],
                condition=Q(answered_at__isnull=False, submitted_at__isnull=True, refusal=""),
                name="dispute_to_answer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.get_state_display()}"

    @property
    def why(self) -> str:
        """The bank's reason as words: product not received."""
        return self.reason.replace("_", " ")
