"""What is owed for a session and how it is collected. Our state, never a mirror of Stripe's."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Driver, Fleet, Token
from accounts.money import MoneyField
from accounts.tenancy import TenantModel, TenantQuerySet
from billing.models.charge import SessionCharge
from billing.models.document import Document
from billing.models.protection import immutable
from charging.models import ChargingSession
from stations.models import Connector


class PaymentQuerySet(TenantQuerySet["Payment"]):
    """What the sweeps and pages ask for."""

    def owed(self) -> "PaymentQuerySet":
        """Charged, and not paid in full."""
        return self.filter(state__in=Payment.OWED)


class Payment(TenantModel):
    """One payable: a session's charge, a guest's hold that becomes one, or an invoice.

    An invoice has nothing due of its own: it takes the payables of its sessions along.

    `due` is what the session costs, `authorised` the hold, `captured` what was received for it, `refunded`
    what went back, `credited` what needn't be paid any more; all in `currency`. `billing.payments` alone
    moves `state`, by its transition table.
    """

    class Method(models.TextChoices):
        CARD = "card", "Saved card"
        GUEST = "guest", "Card, without account"
        ACCOUNT = "account", "On account"
        INVOICE = "invoice", "Invoice"

    class State(models.TextChoices):
        CHECKOUT = "checkout", "Waiting for the card"
        HELD = "held", "Amount reserved"
        DUE = "due", "Being collected"
        ACTION = "action", "Waiting for the driver's confirmation"
        PAID = "paid", "Paid"
        SHORT = "short", "Paid in part"
        FAILED = "failed", "Not paid"
        CARRIED = "carried", "Carried to the next payment"
        ON_ACCOUNT = "on_account", "On the next invoice"
        AWAITED = "awaited", "Invoice sent"
        WRITTEN_OFF = "written_off", "Given up"
        NOTHING_DUE = "nothing_due", "Nothing to pay"
        RELEASING = "releasing", "Reservation being released"
        RELEASED = "released", "Reservation released"
        EXPIRED = "expired", "Checkout not completed"

    OWED = (
        State.DUE,
        State.ACTION,
        State.SHORT,
        State.FAILED,
        State.CARRIED,
        State.ON_ACCOUNT,
        State.AWAITED,
    )

    method = models.CharField(max_length=8, choices=Method)
    state = models.CharField(max_length=12, choices=State)
    driver = models.ForeignKey(
        Driver, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    charge = models.ForeignKey(
        SessionCharge, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    fleet = models.ForeignKey(Fleet, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(
        Document, null=True, blank=True, on_delete=models.PROTECT, related_name="payments",
        help_text="that this collects",
    )  # fmt: skip
    session = models.ForeignKey(
        ChargingSession, null=True, blank=True, on_delete=models.PROTECT, related_name="payments"
    )
    connector = models.ForeignKey(
        Connector, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    token = models.ForeignKey(Token, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    start_command_id = models.UUIDField(null=True, blank=True, help_text="the guest's remote start")
    stop_asked_at = models.DateTimeField(
        null=True, blank=True, help_text="when the hold controller stopped it"
    )
    email = models.EmailField(blank=True)
    due = MoneyField()
    authorised = MoneyField()
    captured = MoneyField()
    refunded = MoneyField()
    credited = MoneyField(help_text="taken off by credit notes before it was paid")
    carried_into = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="carried"
    )
    intent_id = models.CharField(max_length=255, blank=True, help_text="Stripe's PaymentIntent")
    checkout_id = models.CharField(max_length=255, blank=True, help_text="Stripe's Checkout Session")
    card_brand = models.CharField(max_length=20, blank=True)
    card_last4 = models.CharField(max_length=4, blank=True)
    failure_code = models.CharField(max_length=60, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    retries = models.PositiveSmallIntegerField(default=0, help_text="by the clock, after declines")
    retry_at = models.DateTimeField(null=True, blank=True)
    looked_up_at = models.DateTimeField(null=True, blank=True, help_text="last asked Stripe unprompted")
    held_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    fee_booked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects: ClassVar[Any] = PaymentQuerySet.as_manager()

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "charge"], name="payment_of_charge_once"),
            models.UniqueConstraint(fields=["organisation", "invoice"], name="payment_of_invoice_once"),
            models.CheckConstraint(
                condition=Q(method="invoice", invoice__isnull=False, charge__isnull=True, due=0)
                | (~Q(method="invoice") & Q(invoice__isnull=True)),
                name="payment_of_invoice_takes_along",
            ),
            models.UniqueConstraint(fields=["organisation", "token"], name="payment_of_token_once"),
            models.UniqueConstraint(
                fields=["organisation", "intent_id"],
                condition=~Q(intent_id=""),
                name="payment_intent_once",
            ),
            models.CheckConstraint(
                condition=Q(due__gte=0) & Q(authorised__gte=0) & Q(captured__gte=0) & Q(refunded__gte=0),
                name="payment_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(credited__gte=0, credited__lte=F("due") - F("captured")),
                name="payment_credits_at_most_owed",
            ),
            models.CheckConstraint(
                condition=Q(refunded__lte=F("captured")), name="payment_refunds_at_most_captured"
            ),
            models.CheckConstraint(
                condition=~Q(method="guest") | Q(captured__lte=F("authorised")),
                name="payment_captures_at_most_authorised",
            ),
            models.CheckConstraint(
                condition=~Q(state="paid") | Q(paid_at__isnull=False), name="payment_paid_says_when"
            ),
        ]
        indexes = [
            models.Index(fields=["organisation", "session"]),
            models.Index(fields=["driver", "-created_at"]),
            models.Index(
                fields=["state", "changed_at"],
                condition=Q(state__in=("checkout", "held", "due", "releasing", "failed")),
                name="payment_open",
            ),
            models.Index(
                fields=["retry_at"], condition=Q(state="failed", retry_at__isnull=False), name="payment_retry"
            ),
            models.Index(
                fields=["paid_at"],
                condition=Q(fee_booked_at__isnull=True, captured__gt=0),
                name="payment_without_fee",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_method_display()} {self.due} {self.state}"

    @property
    def outstanding(self) -> Any:
        """Money still owed; what was refunded by credit note is not owed again."""
        return self.due - self.captured - self.credited


class PaymentAttempt(TenantModel):
    """One request to Stripe that moves money or asks for it; its key is the row's id.

    The row is committed before the call, so that a repeat after any crash carries the same key.
    """

    class Kind(models.TextChoices):
        CHECKOUT = "checkout", "Open Checkout"
        CHARGE = "charge", "Charge the saved card"
        CAPTURE = "capture", "Capture the hold"
        RELEASE = "release", "Release the hold"

    class State(models.TextChoices):
        CREATED = "created", "Created"
        IN_FLIGHT = "in_flight", "In flight"
        UNKNOWN = "unknown", "Answer unknown"
        REQUIRES_ACTION = "requires_action", "Waiting for the driver"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    OPEN = (State.CREATED, State.IN_FLIGHT, State.UNKNOWN, State.REQUIRES_ACTION)

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="attempts")
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=16, choices=State, default=State.CREATED)
    amount = MoneyField()
    customer_id = models.CharField(max_length=255, blank=True)
    payment_method_id = models.CharField(max_length=255, blank=True)
    intent_id = models.CharField(max_length=255, blank=True)
    request = models.JSONField(default=dict, help_text="what a repeat must say again, e.g. return URLs")
    failure_code = models.CharField(max_length=60, blank=True)
    failure_message = models.CharField(max_length=300, blank=True)
    sent = models.PositiveSmallIntegerField(default=0, help_text="how often it was sent, with the same key")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "payment"],
                condition=Q(state__in=("created", "in_flight", "unknown", "requires_action")),
                name="payment_attempt_one_open",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="payment_attempt_not_negative"),
        ]
        indexes = [
            models.Index(
                fields=["state", "sent_at"],
                condition=Q(state__in=("created", "in_flight", "unknown")),
                name="payment_attempt_open",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount} {self.state}"

    @property
    def idempotency_key(self) -> str:
        return f"attempt-{self.pk}"


class BankTransfer(TenantModel):
    """Money that came for an invoice by bank transfer, as somebody read it off the account."""

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="transfers")
    amount = MoneyField()
    reference = models.CharField(max_length=140, help_text="as on the bank statement")
    received_on = models.DateField()
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["-received_on"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "reference", "received_on"], name="bank_transfer_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bank_transfer_positive"),
        ]
        triggers = immutable("bank_transfer")

    def __str__(self) -> str:
        return f"{self.amount} on {self.received_on}"


class Refund(TenantModel):
    """Money given back for a credit note."""

    class State(models.TextChoices):
        CREATED = "created", "Created"
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Refunded"
        FAILED = "failed", "Failed"

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    credit_note = models.OneToOneField(Document, on_delete=models.PROTECT, related_name="refund")
    state = models.CharField(max_length=9, choices=State, default=State.CREATED)
    amount = MoneyField()
    reason = models.CharField(max_length=200)
    refund_id = models.CharField(max_length=255, blank=True, help_text="Stripe's Refund")
    failure_message = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_positive"),
            models.UniqueConstraint(
                fields=["organisation", "refund_id"], condition=~Q(refund_id=""), name="refund_id_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.state}"

    @property
    def idempotency_key(self) -> str:
        return f"refund-{self.pk}"
