"""What every tenant row has in common: its own key and an organisation that never changes."""

from typing import Any, ClassVar, Self, TypeVar

import pgtrigger
from django.db import models

from accounts.identifiers import uuid7


class TenantQuerySet(models.QuerySet["TenantModelT_co"]):
    """Every query of tenant data starts with `.of(organisation)`: it is the tenant check as well."""

    def of(self, organisation: object) -> Self:
        return self.filter(organisation=organisation)


class TenantModel(models.Model):
    """Base of all rows that belong to one organisation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organisation = models.ForeignKey("accounts.Organisation", on_delete=models.PROTECT, related_name="+")

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
        triggers: tuple[pgtrigger.Trigger, ...] = (
            pgtrigger.ReadOnly(name="organisation_is_fixed", fields=["organisation"]),
        )


TenantModelT_co = TypeVar("TenantModelT_co", bound=TenantModel, covariant=True)
