"""Debts: when an organisation blocks who owes it, and where each debtor stands."""

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import Driver
from accounts.tenancy import TenantModel

RETRY_DAYS = [1, 3, 7, 14]


def retry_days() -> list[int]:
    return list(RETRY_DAYS)


class DebtPolicy(TenantModel):
    """What an organisation does about debts; one that has none follows the defaults."""

    block_at_count = models.PositiveSmallIntegerField(default=2, help_text="unpaid sessions or invoices")
    block_at_total = models.DecimalField(
        max_digits=19, decimal_places=4, default=Decimal(50), help_text="in the organisation's currency"
    )
    block_after_days = models.PositiveSmallIntegerField(default=7, help_text="the oldest is unpaid")
    remind_after_days = models.PositiveSmallIntegerField(default=3)
    final_after_days = models.PositiveSmallIntegerField(default=10)
    retry_after_days = ArrayField(
        models.PositiveSmallIntegerField(), default=retry_days, help_text="after each decline, in order"
    )

    class Meta(TenantModel.Meta):
        verbose_name_plural = "debt policies"
        constraints = [
            models.UniqueConstraint(fields=["organisation"], name="debt_policy_once"),
            models.CheckConstraint(
                condition=Q(block_at_count__gte=1) & Q(block_at_total__gt=0), name="debt_policy_blocks_debts"
            ),
            models.CheckConstraint(
                condition=Q(final_after_days__gt=models.F("remind_after_days")),
                name="debt_policy_reminds_before_the_last_time",
            ),
        ]

    def __str__(self) -> str:
        return f"Debts of {self.organisation}"


class Debtor(TenantModel):
    """A driver who owed something once; the row is the lock under which blocks come and go."""

    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="+")
    unpaid = models.PositiveIntegerField(default=0)
    oldest_at = models.DateTimeField(null=True, blank=True)
    reviewed_at = models.DateTimeField(auto_now=True)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["organisation", "driver"], name="debtor_once")]
        indexes = [models.Index(fields=["oldest_at"], condition=Q(unpaid__gt=0), name="debtor_owing")]

    def __str__(self) -> str:
        return f"{self.driver}: {self.unpaid} unpaid"
