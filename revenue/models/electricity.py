"""What a kWh costs the owner, per site and over time."""

from django.core.validators import MinValueValidator
from django.db import models

from accounts.money import MoneyField
from accounts.tenancy import TenantModel
from stations.models import Site


class ElectricityPrice(TenantModel):
    """From the local day `valid_from` on, a kWh at the site costs `per_kwh`, until a later row says else."""

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="electricity_prices")
    valid_from = models.DateField()
    per_kwh = MoneyField(validators=[MinValueValidator(0)])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["site", "-valid_from"]
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "site", "valid_from"], name="electricity_price_once_a_day"
            ),
            models.CheckConstraint(condition=models.Q(per_kwh__gte=0), name="electricity_price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.per_kwh} per kWh from {self.valid_from}"
