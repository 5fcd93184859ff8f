"""What the tax treatment of sales hangs on beside addresses and VAT ids."""

from django.db import models

from accounts.models import Fleet
from accounts.tenancy import TenantModel


class SellerTax(TenantModel):
    """A seller's standing with the tax office; none: it charges VAT as its tariffs say."""

    small_business = models.BooleanField(
        default=False, help_text="charges no VAT at all from now on (2006/112/EC, article 284; § 19 UStG)"
    )

    class Meta(TenantModel.Meta):
        verbose_name_plural = "seller taxes"
        constraints = [models.UniqueConstraint(fields=["organisation"], name="seller_tax_once")]

    def __str__(self) -> str:
        return f"{self.organisation}: {'small business' if self.small_business else 'charges VAT'}"


class BuyerTax(TenantModel):
    """A fleet's standing; none: it uses what it charges."""

    fleet = models.ForeignKey(Fleet, on_delete=models.PROTECT, related_name="+")
    resells = models.BooleanField(
        default=False, help_text="buys to resell (2006/112/EC, article 38): reverse charge abroad"
    )

    class Meta(TenantModel.Meta):
        verbose_name_plural = "buyer taxes"
        constraints = [models.UniqueConstraint(fields=["organisation", "fleet"], name="buyer_tax_once")]

    def __str__(self) -> str:
        return f"{self.fleet}: {'resells' if self.resells else 'uses'} the electricity"
