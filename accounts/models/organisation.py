"""The tenant: whoever sells charging. And the registry of keys that are unique in the world."""

import zoneinfo
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from accounts import vat_ids
from accounts.identifiers import uuid7
from accounts.tenancy import TenantModel


def validate_time_zone(name: str) -> None:
    """Refuse what is not an IANA zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"{name!r} is not an IANA time zone such as Europe/London")


class Organisation(models.Model):
    """A seller of charging sessions, or the platform itself."""

    class Kind(models.TextChoices):
        OPERATOR = "operator", "Operator"
        PLATFORM = "platform", "Platform"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.OPERATOR)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    legal_name = models.CharField(max_length=200, blank=True)
    street = models.CharField(max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, default="DE", help_text="ISO 3166-1 alpha-2")
    vat_id = models.CharField("VAT id", max_length=20, blank=True)
    email = models.EmailField(blank=True)
    currency = models.CharField(max_length=3, default="EUR", help_text="ISO 4217; the books are kept in it")
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(currency__regex=r"^[A-Z]{3}$"), name="organisation_currency_is_iso"
            ),
            models.CheckConstraint(
                condition=models.Q(country__regex=r"^[A-Z]{2}$"), name="organisation_country_is_iso"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError naming `vat_id` for a number that can't be one."""
        self.vat_id = vat_ids.check(self.vat_id, self.country)


class Role(models.TextChoices):
    """What a member may do; portal.scopes says which page asks for which."""

    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    ACCOUNTANT = "accountant", "Accountant"
    TECHNICIAN = "technician", "Technician"
    VIEWER = "viewer", "Viewer"


class Membership(TenantModel):
    """A user's role in an organisation."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "user"], name="membership_once"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.get_role_display()} of {self.organisation}"


class RegistryKey(models.Model):
    """A key that must be unique in the world, and the organisation that holds it.

    Tenant tables can only be unique within their organisation, so OCPP identities, public
    station codes and the like are claimed here: one small table, kept on every database node.
    """

    class Kind(models.TextChoices):
        OCPP_IDENTITY = "ocpp", "OCPP identity"
        PUBLIC_CODE = "code", "Public code"
        API_KEY = "api", "API key"
        STRIPE_OBJECT = "stripe", "Stripe object"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    key = models.CharField(max_length=255)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    target_id = models.UUIDField(help_text="the row of the tenant table that the key names")

    objects: ClassVar[models.Manager["RegistryKey"]] = models.Manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="registry_key_once")]
        indexes = [models.Index(fields=["target_id"])]

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"

    @classmethod
    def claim(cls, kind: str, key: str, row: TenantModel) -> "RegistryKey":
        """Take `key` for `row`; a key taken by another row raises IntegrityError, one's own is a no-op."""
        claimed, _ = cls.objects.get_or_create(
            kind=kind, key=key, target_id=row.pk, organisation_id=row.organisation_id
        )
        return claimed
