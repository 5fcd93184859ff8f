"""Places where an owner thinks of building."""

from django.db import models
from django.db.models import Q

from accounts.money import MoneyField
from accounts.tenancy import TenantModel


class Candidate(TenantModel):
    """A possible new site. Empty figures are unknown, which is not zero."""

    class Access(models.TextChoices):
        PUBLIC = "public", "Public"
        RESTRICTED = "restricted", "Staff, residents or customers"

    name = models.CharField(max_length=120)
    latitude = models.DecimalField(max_digits=9, decimal_places=6)
    longitude = models.DecimalField(max_digits=9, decimal_places=6)
    ports = models.PositiveSmallIntegerField(default=2)
    power_w = models.PositiveIntegerField(default=22_000, help_text="of one port")
    access = models.CharField(max_length=10, choices=Access, default=Access.PUBLIC)
    distance_m = models.PositiveIntegerField(null=True, blank=True, help_text="to the road or town it serves")
    registrations = models.PositiveIntegerField(null=True, blank=True, help_text="electric cars in reach")
    traffic = models.PositiveIntegerField(null=True, blank=True, help_text="vehicles a day going past")
    competitors = models.PositiveSmallIntegerField(null=True, blank=True, help_text="others' ports in reach")
    currency = models.CharField(max_length=3)
    cost = MoneyField(help_text="to build it")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="candidate_name_once"),
            models.CheckConstraint(condition=Q(ports__gte=1), name="candidate_has_a_port"),
            models.CheckConstraint(condition=Q(power_w__gt=0), name="candidate_has_power"),
            models.CheckConstraint(condition=Q(cost__gte=0), name="candidate_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="candidate_on_earth",
            ),
        ]

    def __str__(self) -> str:
        return self.name
