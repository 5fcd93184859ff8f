"""Drivers charge at any organisation's stations, so they and their tokens belong to the platform."""

import hashlib
import hmac
from typing import Any, ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.identifiers import uuid7
from accounts.sealing import BrokenSeal, seal, unseal
from accounts.tenancy import TenantModel


class BillingPreference(models.TextChoices):
    """When a driver pays."""

    PER_SESSION = "session", "After each session, by saved card"
    MONTHLY = "monthly", "Monthly invoice"
    WALLET = "wallet", "From the wallet"


class Driver(models.Model):
    """A person who charges: with a log-in, or a guest who only left an e-mail address."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="driver"
    )
    email = models.EmailField(blank=True)
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=8, default="en")
    country = models.CharField(max_length=2, blank=True)
    billing_preference = models.CharField(
        max_length=8, choices=BillingPreference, default=BillingPreference.PER_SESSION
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name or self.email or f"Driver {str(self.pk)[-6:]}"

    @property
    def is_guest(self) -> bool:
        return self.user_id is None


class TokenQuerySet(models.QuerySet["Token"]):
    def with_uid(self, uid: str) -> Self:
        return self.filter(uid_hash=Token.hash_of(uid))


class Token(models.Model):
    """What a station reads: an RFID card, the app, a guest's one-time tag. Found by its hash, shown masked."""

    class Kind(models.TextChoices):
        RFID = "rfid", "RFID card"
        APP = "app", "App"
        GUEST = "guest", "Guest"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="tokens")
    kind = models.CharField(max_length=5, choices=Kind, default=Kind.RFID)
    uid_hash = models.CharField(max_length=64, unique=True)
    masked = models.CharField(max_length=24)
    sealed_uid = models.TextField(
        blank=True, editable=False, help_text="encrypted, for stations' local lists; cards only"
    )
    label = models.CharField(max_length=60, blank=True)
    blocked_at = models.DateTimeField(null=True, blank=True)
    blocked_reason = models.CharField(max_length=120, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[Any] = TokenQuerySet.as_manager()

    def __str__(self) -> str:
        return self.masked

    @staticmethod
    def hash_of(uid: str) -> str:
        """Keyed SHA-256 of the tag's id; OCPP compares idTags without case (1.6, section 3.15)."""
        return hmac.new(
            settings.SECRET_KEY.encode(), uid.strip().lower().encode(), hashlib.sha256
        ).hexdigest()

    @classmethod
    def issue(cls, driver: Driver, uid: str, kind: str = Kind.RFID, **fields: object) -> "Token":
        """Store a token for `uid`: its hash, its last four characters, and of a card the uid encrypted."""
        token = cls(driver=driver, kind=kind, **fields)
        token.take_uid(uid)
        token.save(force_insert=True)
        return token

    def take_uid(self, uid: str) -> None:
        """Become the token that stations read as `uid`; the caller saves.

        A station's local list needs the cards' own uids: they are kept sealed, and nothing else reads them.
        """
        self.uid_hash, self.masked = self.hash_of(uid), f"•••• {uid[-4:]}"
        self.sealed_uid = seal(uid) if self.kind == self.Kind.RFID else ""

    @property
    def uid(self) -> str | None:
        """The uid as a station reads it, if it was kept and the key that sealed it still is ours."""
        try:
            return unseal(self.sealed_uid) if self.sealed_uid else None
        except BrokenSeal:
            return None

    @staticmethod
    def remote_uid(cause: UUID) -> str:
        """The tag for a remote start caused by `cause` (a driver or a guest's payment): known to us alone.

        20 characters, the most that an OCPP 1.6 idTag holds; derived, so that it need not be stored.
        """
        digest = hmac.new(settings.SECRET_KEY.encode(), f"remote:{cause}".encode(), hashlib.sha256)
        return digest.hexdigest()[:20].upper()

    @property
    def is_valid(self) -> bool:
        return self.blocked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class DriverGroup(TenantModel):
    """Drivers for whom an organisation has its own tariff: staff, residents, a fleet."""

    name = models.CharField(max_length=80)
    drivers = models.ManyToManyField(Driver, through="DriverGroupMember", related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name"], name="driver_group_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class DriverGroupMember(TenantModel):
    """A driver in a group."""

    group = models.ForeignKey(DriverGroup, on_delete=models.CASCADE, related_name="members")
    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "group", "driver"], name="driver_group_member_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.driver} in {self.group}"


class DriverBlock(TenantModel):
    """An organisation refuses a driver, for a debt or by hand, until the row is lifted."""

    class Kind(models.TextChoices):
        MANUAL = "manual", "By hand"
        DEBT = "debt", "For a debt"

    driver = models.ForeignKey(Driver, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind, default=Kind.MANUAL)
    reason = models.CharField(max_length=120)
    blocked_at = models.DateTimeField(default=timezone.now)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta(TenantModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "driver"],
                condition=models.Q(lifted_at__isnull=True),
                name="driver_block_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.driver}: {self.reason}"
