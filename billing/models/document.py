"""Receipts and credit notes: numbered without gaps, frozen as snapshots, never edited or deleted."""

from django.db import models
from django.db.models import F, Q

from accounts.models import Driver
from accounts.money import MoneyField
from accounts.tenancy import TenantModel
from billing.models.charge import SessionCharge
from billing.models.protection import immutable


class DocumentKind(models.TextChoices):
    RECEIPT = "receipt", "Receipt"
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
    charge = models.ForeignKey(SessionCharge, on_delete=models.PROTECT, related_name="documents")
    driver = models.ForeignKey(Driver, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    corrects = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="credit_notes"
    )
    net = MoneyField()
    tax = MoneyField()
    gross = MoneyField()
    snapshot = models.JSONField()
    issued_at = models.DateTimeField()

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
                condition=Q(kind="receipt", corrects__isnull=True)
                | Q(kind="credit_note", corrects__isnull=False),
                name="document_credit_note_corrects",
            ),
        ]
        triggers = immutable("document")

    def __str__(self) -> str:
        return self.number


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
        CONFIRM = "confirm", "A payment needs the driver's confirmation"
        FAILED = "failed", "A payment failed"

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
