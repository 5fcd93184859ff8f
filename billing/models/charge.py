"""What a session costs its driver, as billed: one charge a session, one line a component."""

from django.db import models
from django.db.models import F, Q

from accounts.models import Driver, Fleet
from accounts.money import MoneyField
from accounts.tenancy import TenantModel
from billing.models.ledger import Journal
from billing.models.protection import immutable
from charging.models import ChargingSession, PricedSession


class SessionCharge(TenantModel):
    """A priced session taken into the books; its amounts are the priced ones, never recomputed.

    Where the treatment is not the standard one, the priced net is charged and no tax.
    """

    class Treatment(models.TextChoices):
        STANDARD = "standard", "VAT as the tariff says"
        REVERSE_CHARGE = "reverse", "Reverse charge"
        EXEMPT = "exempt", "Small business, no VAT"

    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="charges")
    priced = models.ForeignKey(PricedSession, on_delete=models.PROTECT, related_name="charges")
    driver = models.ForeignKey(Driver, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    fleet = models.ForeignKey(
        Fleet, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="who pays instead"
    )
    cost_centre = models.CharField(max_length=40, blank=True)
    journal = models.ForeignKey(
        Journal, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="none when the session cost nothing",
    )  # fmt: skip
    treatment = models.CharField(max_length=8, choices=Treatment, default=Treatment.STANDARD)
    net = MoneyField()
    tax = MoneyField()
    gross = MoneyField()
    charged_at = models.DateTimeField()

    class Meta(TenantModel.Meta):
        ordering = ["-charged_at"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "session"], name="session_charged_once"),
            models.CheckConstraint(condition=Q(gross=F("net") + F("tax")), name="charge_sums_up"),
            models.CheckConstraint(condition=Q(gross__gte=0), name="charge_never_negative"),
            models.CheckConstraint(
                condition=Q(treatment="standard") | Q(tax=0), name="charge_untaxed_has_no_tax"
            ),
        ]
        indexes = [models.Index(fields=["organisation", "-charged_at"])]
        triggers = immutable("charge")

    def __str__(self) -> str:
        return f"{self.gross} for session {self.session_id}"


class ChargeLine(TenantModel):
    """One component of a charge: the net of a dimension, or the tax at a rate."""

    class Component(models.TextChoices):
        ENERGY = "energy", "Energy"
        TIME = "time", "Time"
        PARKING = "parking", "Parking"
        FEES = "fees", "Fees"
        TAX = "tax", "Tax"

    charge = models.ForeignKey(SessionCharge, on_delete=models.PROTECT, related_name="lines")
    session = models.ForeignKey(ChargingSession, on_delete=models.PROTECT, related_name="+")
    component = models.CharField(max_length=8, choices=Component)
    tax_rate = models.DecimalField(
        max_digits=7, decimal_places=4, null=True, blank=True, help_text="percent; of tax lines only"
    )
    amount = MoneyField()

    class Meta(TenantModel.Meta):
        ordering = ["charge", "component"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "session", "component", "tax_rate"],
                nulls_distinct=False,
                name="charge_line_once",
            ),
            models.CheckConstraint(
                condition=Q(component="tax", tax_rate__isnull=False)
                | (~Q(component="tax") & Q(tax_rate__isnull=True)),
                name="charge_line_rate_is_of_tax",
            ),
        ]
        triggers = immutable("charge_line")

    def __str__(self) -> str:
        return f"{self.component} {self.amount}"
