"""Keys by which other programs act for an organisation. Only a hash is kept; the key is shown once."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models.organisation import Organisation, RegistryKey
from accounts.tenancy import TenantModel, TenantQuerySet

MARK = "evb_"  # so that scanners of public code find a key that got away
SHOWN = 12
USED_AGAIN_AFTER = timedelta(minutes=1)


class ApiKeyQuerySet(TenantQuerySet["ApiKey"]):
    def valid(self) -> Self:
        """Neither revoked nor expired."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()), revoked_at__isnull=True
        )


class ApiKey(TenantModel):
    """One key and what it may do. Found by its hash in the world-wide registry."""

    class Scope(models.TextChoices):
        READ = "read", "Read"
        COMMANDS = "commands", "Send commands"

    name = models.CharField(max_length=80)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope))
    prefix = models.CharField(max_length=SHOWN, help_text="the first characters, to tell keys apart")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[Any] = ApiKeyQuerySet.as_manager()

    class Meta(TenantModel.Meta):
        ordering = ["-created_at"]
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=["read", "commands"]) & ~Q(scopes__len=0),
                name="api_key_scopes_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def state(self) -> str:
        """`valid`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        ended = self.expires_at is not None and self.expires_at <= timezone.now()
        return "expired" if ended else "valid"

    @staticmethod
    def hash_of(key: str) -> str:
        """SHA-256: a key holds 256 random bits, so that nothing slower is called for."""
        return hashlib.sha256(key.encode()).hexdigest()

    @classmethod
    def issue(
        cls,
        organisation: Organisation,
        name: str,
        scopes: Sequence[str] = (Scope.READ,),
        *,
        expires_at: datetime | None = None,
        created_by: Any = None,
    ) -> tuple["ApiKey", str]:
        """A new key's row and the key itself, which can't be had again."""
        key = f"{MARK}{secrets.token_urlsafe(32)}"
        with transaction.atomic():
            row: ApiKey = cls.objects.create(
                organisation=organisation,
                name=name,
                scopes=sorted(set(scopes)),
                prefix=key[:SHOWN],
                expires_at=expires_at,
                created_by=created_by,
            )
            RegistryKey.claim(RegistryKey.Kind.API_KEY, cls.hash_of(key), row)
        return row, key

    @classmethod
    def find(cls, key: str) -> "ApiKey | None":
        """The valid key, with its organisation; None for one that is unknown, revoked or expired."""
        known = RegistryKey.objects.filter(kind=RegistryKey.Kind.API_KEY, key=cls.hash_of(key)).first()
        if known is None:
            return None
        rows = cls.objects.of(known.organisation_id).valid().select_related("organisation")
        found: ApiKey | None = rows.filter(pk=known.target_id).first()
        return found

    def note_used(self) -> None:
        """Remember the use, at most once a minute."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > USED_AGAIN_AFTER:
            ApiKey.objects.of(self.organisation_id).filter(pk=self.pk).update(last_used_at=now)

    def revoke(self) -> None:
        """Refuse the key from now on; a repeat changes nothing."""
        mine = ApiKey.objects.of(self.organisation_id).filter(pk=self.pk, revoked_at__isnull=True)
        mine.update(revoked_at=timezone.now())
