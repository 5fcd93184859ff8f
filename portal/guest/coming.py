"""What charging will cost later today, where the price moves: said before anybody plugs in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.utils import timezone

from portal.tariff_words import price_words
from revenue.dynamic.documents import document_at
from revenue.dynamic.preview import Hour, preview
from revenue.models import RuleSet
from stations.models import Station
from tariffs.models import TariffVersion

KEPT_S = 60


@dataclass(frozen=True)
class ComingPrice:
    """A price with tax from a local time on. `announced`: it is published; otherwise it is only expected."""

    from_: datetime
    price: str
    announced: bool


def coming_prices(station: Station, version_id: UUID) -> list[ComingPrice]:
    """The changes of the next 24 hours at `station`, for those who pay by `version_id`; empty if it is fixed."""
    rule_set = (
        RuleSet.objects.of(station.organisation_id)
        .filter(site=station.site_id, is_on=True)
        .select_related("site", "tariff", "base", "grid_feed", "queue_feed")
        .first()
    )
    if rule_set is None:
        return []
    version = TariffVersion.objects.of(station.organisation_id).filter(
        pk=version_id, tariff=rule_set.tariff_id
    )
    paid = version.first()
    return [] if paid is None else _changes(_hours(rule_set), paid, ZoneInfo(rule_set.site.time_zone))


def _hours(rule_set: RuleSet) -> list[Hour]:
    """The preview, kept for a minute: many people look at a station's page."""
    key = f"prices-preview:{rule_set.pk}"
    hours: list[Hour] | None = cache.get(key)
    if hours is None:
        hours = preview(rule_set)
        cache.set(key, hours, KEPT_S)
    return hours


def _changes(hours: Sequence[Hour], paid: TariffVersion, zone: ZoneInfo) -> list[ComingPrice]:
    now, found = timezone.now(), list[ComingPrice]()
    said = price_words(paid.document)[0].price
    for hour in hours:
        price = price_words(document_at(paid.document, hour.price))[0].price
        if hour.slot > now and price != said:
            found.append(ComingPrice(hour.slot.astimezone(zone), price, hour.announced))
            said = price
    return found
