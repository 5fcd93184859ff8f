"""A site whose prices can move: one station that reports its ports, one tariff, one rule set."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from revenue.dynamic import switching
from revenue.models import PriceRule, RuleSet
from stations.models import Connector, Site, Station, Status, StatusInterval
from tariffs.models import TariffVersion
from tests.builders import make_site, make_station, make_tariff, make_tariff_document

NOW = datetime(2030, 1, 7, 10, 5, tzinfo=UTC)  # a Monday, 11:05 in Amsterdam; ahead of any real clock


@dataclass(frozen=True)
class Place:
    """What a test of dynamic prices is about."""

    site: Site
    station: Station
    connectors: list[Connector]
    rule_set: RuleSet
    base: TariffVersion


def make_place(
    *,
    energy: str = "0.50",
    parking: str | None = "3.00",
    ports: int = 4,
    organisation: Any = None,
    **site: Any,
) -> Place:
    """A site of `ports` ports with a tariff and a rule set that is off: 0.35 to 0.70, steps of 0.08."""
    there = make_site(organisation, **site)
    station = make_station(there, evses=ports, connected_at=timezone.now(), last_seen_at=timezone.now())
    document = make_tariff_document(energy, parking=parking)
    base = make_tariff(document, organisation=there.organisation, site=there)
    connectors = list(
        Connector.objects.select_related("evse__station__site")
        .filter(evse__station=station)
        .order_by("evse__number")
    )
    return Place(there, station, connectors, switching.rule_set_for(there), base)


def say(connector: Connector, status: str, since: datetime) -> None:
    """The connector's state from now on."""
    StatusInterval.objects.filter(connector=connector, until__isnull=True).update(until=since)
    StatusInterval.objects.create(
        organisation_id=connector.organisation_id, connector=connector, status=status, since=since
    )


def fill(place: Place, taken: int, at: datetime) -> None:
    """`taken` ports are in use, the others free, and the station was heard of at `at`."""
    for number, connector in enumerate(place.connectors):
        say(connector, Status.CHARGING if number < taken else Status.AVAILABLE, at)
    heard(place, at)


def heard(place: Place, at: datetime) -> None:
    Station.objects.filter(pk=place.station.pk).update(last_seen_at=at)


def make_rule(place: Place, **fields: Any) -> PriceRule:
    """A rule at the end of the list: normal price plus 10 % unless told."""
    given = {"name": "a rule", "action": "percent", "percent": 10, "amount": 0, **fields}
    rule: PriceRule = PriceRule.objects.create(
        organisation_id=place.site.organisation_id,
        rule_set=place.rule_set,
        position=PriceRule.objects.filter(rule_set=place.rule_set).count(),
        **given,
    )
    return rule
