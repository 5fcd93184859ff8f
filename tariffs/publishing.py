"""Publishing a tariff: the only way a price comes into force."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

import pricing
from tariffs.models import Tariff, TariffVersion


@transaction.atomic
def publish(tariff: Tariff, document: Mapping[str, Any], valid_from: datetime | None = None) -> TariffVersion:
    """Add the next version of `tariff` and return it; an equal document in force is returned as it is.

    Raises pricing.PricingError, which names the field, for a document the engine would refuse.
    """
    parsed = pricing.Tariff.from_json(document)
    if parsed.currency != tariff.currency:
        raise pricing.PricingError(
            "currency", f"is {parsed.currency}, but the tariff {tariff.name!r} is in {tariff.currency}"
        )
    Tariff.objects.select_for_update().get(pk=tariff.pk, organisation=tariff.organisation_id)
    versions = TariffVersion.objects.of(tariff.organisation_id).filter(tariff=tariff)
    last = versions.order_by("-number").first()
    if last is not None and last.document == document and valid_from is None:
        return last
    number = (versions.aggregate(Max("number"))["number__max"] or 0) + 1
    return TariffVersion.objects.create(
        organisation_id=tariff.organisation_id,
        tariff=tariff,
        number=number,
        document=dict(document),
        valid_from=valid_from or timezone.now(),
    )
