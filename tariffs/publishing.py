"""Publishing a tariff: the only way a price comes into force."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

import pricing
from accounts.models import Organisation
from tariffs.models import Tariff, TariffAssignment, TariffVersion

BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


@transaction.atomic
def publish(tariff: Tariff, document: Mapping[str, Any], valid_from: datetime | None = None) -> TariffVersion:
    """Add the next version of `tariff` and return it; an equal document in force is returned as it is.

    Raises pricing.PricingError, which names the field: for a document the engine would refuse, for another
    currency than the tariff's, and for a `valid_from` in the past: sessions that started there are priced.
    """
    last = _lock_and_last(tariff)
    now = timezone.now()
    check(tariff, document, valid_from, now)
    in_force = _in_force(tariff, now)
    if valid_from is None and in_force is not None and in_force.document == document:
        return in_force
    return _add(tariff, document, last, valid_from or now)


def check(
    tariff: Tariff, document: Mapping[str, Any], valid_from: datetime | None, now: datetime
) -> pricing.Tariff:
    """The document as the engine reads it, if `publish` would take it at `now`; else PricingError."""
    parsed = _checked(tariff, document)
    if valid_from is not None and valid_from.utcoffset() is None:
        raise pricing.PricingError("valid_from", "needs a time zone; give an aware datetime")
    if valid_from is not None and valid_from < now:
        past = f"{valid_from:%Y-%m-%d %H:%M %Z}"
        raise pricing.PricingError("valid_from", f"{past} is past; name a time to come")
    return parsed


def _in_force(tariff: Tariff, at: datetime) -> TariffVersion | None:
    versions = TariffVersion.objects.of(tariff.organisation_id).filter(tariff=tariff, valid_from__lte=at)
    version: TariffVersion | None = versions.order_by("-valid_from", "-number").first()
    return version


@transaction.atomic
def record_history(organisation: Organisation, name: str, document: Mapping[str, Any]) -> TariffVersion:
    """The version of an unassigned tariff `name` that says `document`, made if need be, valid from 1970 on.

    For sessions of the past that were settled elsewhere. Raises PricingError for a document the engine would
    refuse, and where the tariff is assigned: what people pay today is published, never back-dated.
    """
    parsed = pricing.Tariff.from_json(document)
    tariff, _ = Tariff.objects.get_or_create(
        organisation=organisation, name=name, defaults={"currency": parsed.currency}
    )
    _checked(tariff, document)
    last = _lock_and_last(tariff)
    versions = TariffVersion.objects.of(organisation).filter(tariff=tariff, valid_from=BEFORE_ALL)
    for version in versions:
        if version.document == document:
            return version
    if TariffAssignment.objects.of(organisation).filter(tariff=tariff).exists():
        raise pricing.PricingError(
            "tariff", f"{name!r} is assigned to stations; give the document another id"
        )
    return _add(tariff, document, last, BEFORE_ALL)


def _checked(tariff: Tariff, document: Mapping[str, Any]) -> pricing.Tariff:
    parsed = pricing.Tariff.from_json(document)
    if parsed.currency != tariff.currency:
        raise pricing.PricingError(
            "currency", f"is {parsed.currency}, but the tariff {tariff.name!r} is in {tariff.currency}"
        )
    return parsed


def _lock_and_last(tariff: Tariff) -> TariffVersion | None:
    """Versions are numbered one at a time, under the tariff's lock."""
    tariffs = Tariff.objects.of(tariff.organisation_id).select_for_update(no_key=True)
    if tariffs.get(pk=tariff.pk).archived_at is not None:
        raise pricing.PricingError("tariff", f"{tariff.name!r} is archived; publish another one")
    versions = TariffVersion.objects.of(tariff.organisation_id).filter(tariff=tariff)
    last: TariffVersion | None = versions.order_by("-number").first()
    return last


def _add(
    tariff: Tariff, document: Mapping[str, Any], last: TariffVersion | None, valid_from: datetime
) -> TariffVersion:
    version: TariffVersion = TariffVersion.objects.create(
        organisation_id=tariff.organisation_id,
        tariff=tariff,
        number=last.number + 1 if last else 1,
        document=dict(document),
        valid_from=valid_from,
    )
    return version
