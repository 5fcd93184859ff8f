"""Fleets: businesses that an organisation sends one invoice a month for what their drivers charged."""

from django.db import models
from django.db.models import Q

from accounts import vat_ids
from accounts.models.driver import Driver, Token
from accounts.tenancy import TenantModel


class Fleet(TenantModel):
    """A business customer of one seller: whom the invoice names, and how long it has to pay."""

    name = models.CharField(max_length=120)
    legal_name = models.CharField(max_length=200, blank=True)
    street = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, default="DE", help_text="ISO 3166-1 alpha-2")
    vat_id = models.CharField("VAT id", max_length=20, blank=True)
    email = models.EmailField(help_text="where invoices go")
    language = models.CharField(max_length=8, default="en")
    reference = models.CharField(max_length=80, blank=True, help_text="order number that invoices repeat")
    net_terms_days = models.PositiveSmallIntegerField(default=14)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="charges nothing to it from then on")
    created_at = models.DateTimeField(auto_now_add=True)
    drivers = models.ManyToManyField(Driver, through="FleetMember", related_name="+")

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="fleet_name_once"),
            models.CheckConstraint(condition=Q(net_terms_days__lte=120), name="fleet_pays_within_120_days"),
            models.CheckConstraint(condition=Q(country__regex=r"^[A-Z]{2}$"), name="fleet_country_is_iso"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError naming `vat_id` for a number that can't be one."""
        self.vat_id = vat_ids.check(self.vat_id, self.country)


class FleetMember(TenantModel):
    """A driver whose charging the fleet pays: all of it, or what one token starts."""

    fleet = models.ForeignKey(Fleet, on_delete=models.PROTECT, related_name="members")
    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="+")
    token = models.ForeignKey(
        Token, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="none: every token of the driver",
    )  # fmt: skip
    cost_centre = models.CharField(max_length=40, blank=True)
    since = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "driver", "token"], nulls_distinct=False, name="fleet_member_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.driver} of {self.fleet}"
