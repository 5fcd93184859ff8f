"""Double entry, append only: accounts, journals that sum to zero, and their entries.

Positive amounts are debits, negative ones credits. The database holds the rules (migration
0002_ledger_rules): a journal sums to zero per currency when its transaction commits, an entry has its
account's currency and organisation, and nothing is ever updated, deleted or truncated.
"""

from typing import Any, ClassVar

from django.db import models

from accounts.identifiers import uuid7
from accounts.models import Driver, Fleet, Organisation
from accounts.money import MoneyField
from accounts.tenancy import TenantModel
from billing.models.protection import immutable


class Account(TenantModel):
    """What amounts are booked on: a kind, and whose or which one where the kind has several."""

    class Kind(models.TextChoices):
        DRIVER_RECEIVABLE = "driver_receivable", "Driver receivable"
        DRIVER_WALLET = "driver_wallet", "Driver wallet"
        OWNER_PAYABLE = "owner_payable", "Owner payable"
        REVENUE = "revenue", "Charging revenue"
        PLATFORM_REVENUE = "platform_revenue", "Platform revenue"
        TAX_PAYABLE = "tax_payable", "Tax payable"
        STRIPE_CLEARING = "stripe_clearing", "Stripe clearing"
        STRIPE_FEES = "stripe_fees", "Stripe fees"
        DISPUTE_RESERVE = "dispute_reserve", "Dispute reserve"
        BAD_DEBT = "bad_debt", "Bad debt"
        BANK = "bank", "Bank"

    kind = models.CharField(max_length=20, choices=Kind)
    driver = models.ForeignKey(Driver, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    fleet = models.ForeignKey(
        Fleet, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="as the debtor"
    )
    tax_rate = models.DecimalField(
        max_digits=7, decimal_places=4, null=True, blank=True, help_text="percent; of tax accounts"
    )
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "driver", "fleet", "tax_rate", "currency"],
                nulls_distinct=False,
                name="account_once",
            ),
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="account_currency_is_iso"
            ),
        ]
        triggers = immutable("account")

    def __str__(self) -> str:
        rate = "" if self.tax_rate is None else f" {self.tax_rate.normalize():f} %"
        return f"{self.get_kind_display()}{rate} ({self.currency})"


class Journal(TenantModel):
    """One business event in the books; its idempotency key makes a repeat the same journal."""

    class Cause(models.TextChoices):
        SESSION_CHARGED = "session_charged", "Session charged"
        CAPTURE = "capture", "Payment received"
        STRIPE_FEE = "stripe_fee", "Stripe fee"
        CREDIT_NOTE = "credit_note", "Credit note"
        REFUND = "refund", "Refund"
        WRITE_OFF = "write_off", "Debt given up"
        TRANSFER_RECEIVED = "transfer_received", "Bank transfer received"
        DISPUTE = "dispute", "Dispute"

    idempotency_key = models.CharField(max_length=120)
    cause = models.CharField(max_length=20, choices=Cause)
    cause_id = models.UUIDField(help_text="the charge, payment, document or refund that caused it")
    description = models.CharField(max_length=200, blank=True)
    reverses = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by"
    )
    booked_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["-booked_at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "idempotency_key"], name="journal_once")
        ]
        indexes = [models.Index(fields=["organisation", "cause", "cause_id"])]
        triggers = immutable("journal")

    def __str__(self) -> str:
        return f"{self.get_cause_display()} {self.booked_at:%Y-%m-%d %H:%M}"


class Entry(models.Model):
    """A signed amount on an account. Partitioned by month of `booked_at`, which is its journal's."""

    pk = models.CompositePrimaryKey("id", "booked_at")
    id = models.UUIDField(default=uuid7)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+", db_index=False)
    journal = models.ForeignKey(Journal, on_delete=models.PROTECT, related_name="entries", db_index=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries", db_index=False)
    amount = MoneyField()
    booked_at = models.DateTimeField()

    objects: ClassVar[Any] = models.Manager()

    class Meta:
        indexes = [
            models.Index(fields=["organisation", "journal"], name="entry_of_journal"),
            models.Index(fields=["organisation", "account", "booked_at"], name="entry_of_account"),
        ]
        constraints = [models.CheckConstraint(condition=~models.Q(amount=0), name="entry_moves_something")]

    def __str__(self) -> str:
        return f"{self.amount} on {self.account_id}"
