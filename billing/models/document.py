"""Receipts, invoices and credit notes: numbered without gaps, frozen as snapshots, never edited or deleted."""

from django.db import models
from django.db.models import F, Q

from accounts.models import Driver, Fleet
from accounts.money import MoneyField
from accounts.tenancy import TenantModel
from billing.models.charge import SessionCharge
from billing.models.protection import immutable


class DocumentKind(models.TextChoices):
    RECEIPT = "receipt", "Receipt"
    INVOICE = "invoice", "Invoice"
    CREDIT_NOTE = "credit_note", "Credit note"


class DocumentCounter(TenantModel):
    """The last number given in a series; counted under its row lock by the transaction that issues."""

    kind = models.CharField(max_length=12, choices=DocumentKind)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "kind", "year"], name="document_counter_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.year}: {self.last}"


class Document(TenantModel):
    """An issued document; `snapshot` is all that its PDF says."""

    kind = models.CharField(max_length=12, choices=DocumentKind)
    year = models.PositiveSmallIntegerField(help_text="of issue, in the seller's time zone")
    sequence = models.PositiveIntegerField()
    number = models.CharField(max_length=30)
    charge = models.ForeignKey(
        SessionCharge, null=True, blank=True, on_delete=models.PROTECT, related_name="documents",
        help_text="none on an invoice, which has lines",
    )  # fmt: skip
    driver = models.ForeignKey(Driver, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    fleet = models.ForeignKey(
        Fleet, null=True, blank=True, on_delete=models.PROTECT, related_name="documents"
    )
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="credit_notes"
    )
    net = MoneyField()
    tax = MoneyField()
    gross = MoneyField()
    snapshot = models.JSONField()
    issued_at = models.DateTimeField()
    period = models.DateField(null=True, blank=True, help_text="the month an invoice is for, its first day")
    due_on = models.DateField(null=True, blank=True, help_text="of invoices")

    class Meta(TenantModel.Meta):
        ordering = ["-issued_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "year", "sequence"], name="document_number_once"
            ),
            models.UniqueConstraint(
                fields=["organisation", "charge"], condition=Q(kind="receipt"), name="receipt_of_charge_once"
            ),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="document_sums_up"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="document_sequence_from_one"),
            models.CheckConstraint(
                condition=Q(kind__in=("receipt", "invoice"), corrects__isnull=True)
                | Q(kind="credit_note", corrects__isnull=False),
                name="document_credit_note_corrects",
            ),
            models.CheckConstraint(
                condition=Q(kind="invoice", charge__isnull=True, period__isnull=False, due_on__isnull=False)
                | (~Q(kind="invoice") & Q(charge__isnull=False)),
                name="document_is_of_charge_or_month",
            ),
        ]
        triggers = immutable("document")

    def __str__(self) -> str:
        return self.number


class InvoiceLine(TenantModel):
    """A charged session on an invoice, as its buyer reads it; a charge stands on one invoice only."""

    document = models.ForeignKey(Document, on_delete=models.PROTECT, related_name="lines")
    charge = models.ForeignKey(SessionCharge, on_delete=models.PROTECT, related_name="invoice_lines")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    place = models.CharField(max_length=250)
    driver_name = models.CharField(max_length=120, blank=True, help_text="on a fleet's invoice")
    cost_centre = models.CharField(max_length=40, blank=True)
    energy_wh = models.BigIntegerField()
    duration_s = models.BigIntegerField()
    net = MoneyField()
    tax = MoneyField()
    gross = MoneyField()

    class Meta(TenantModel.Meta):
        ordering = ["cost_centre", "started_at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "charge"], name="invoice_line_once"),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="invoice_line_sums_up"),
        ]
        triggers = immutable("invoice_line")

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d} {self.place} {self.gross}"


class DocumentFile(TenantModel):
    """The PDF of a document, made once: its SHA-256 and where the storage keeps it."""

    document = models.OneToOneField(Document, on_delete=models.PROTECT, related_name="file")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    name = models.CharField(max_length=200, help_text="in the default storage")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        triggers = immutable("document_file")

    def __str__(self) -> str:
        return self.name


class Mail(TenantModel):
    """One letter about one thing; a crash while sending may send it twice, never not at all."""

    class Kind(models.TextChoices):
        DOCUMENT = "document", "A document"
        INVOICE = "invoice", "An invoice"
        CONFIRM = "confirm", "A payment needs the driver's confirmation"
        FAILED = "failed", "A payment failed"
        REMINDER = "reminder", "A debt"
        FINAL = "final", "A debt, for the last time"
        BLOCKED = "blocked", "Charging is blocked for a debt"

    kind = models.CharField(max_length=10, choices=Kind)
    about_id = models.UUIDField(help_text="the document or the payment attempt")
    email = models.EmailField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organisation", "kind", "about_id"], name="mail_once")]
        indexes = [models.Index(fields=["created_at"], condition=Q(sent_at__isnull=True), name="mail_unsent")]

    def __str__(self) -> str:
        return f"{self.kind} to {self.email}"
