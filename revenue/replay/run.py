"""A replay from the database: a site's past, what its sessions cost, and what another price would have meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

import pricing
from charging.models import PricedSession
from pricing.currency import minor_digits
from revenue.dynamic.reading import rails_of, rules_of
from revenue.dynamic.sweep import base_document
from revenue.models import FeedValue, RuleSet
from revenue.replay.loading import past_of
from revenue.replay.outcome import Report, compare
from revenue.replay.past import Past
from revenue.replay.prices import Group, Window, as_it_was, by_rules, by_tariff, by_window, cost
from stations.models import Site
from tariffs.models import TariffVersion


class CannotReplay(Exception):
    """Why there is nothing to replay, in words for the owner."""


@dataclass(frozen=True, slots=True)
class Basis:
    """The sessions a replay rests on, and the tariffs they were priced by (as `past.versions` has them)."""

    site: Site
    since: datetime
    until: datetime
    past: Past
    documents: tuple[dict[str, Any], ...]
    currency: str

    def tariffs(self) -> list[pricing.Tariff]:
        return [pricing.Tariff.from_json(document) for document in self.documents]

    def amount(self, minor: int) -> Decimal:
        """Minor units as an amount."""
        return Decimal(minor).scaleb(-minor_digits(self.currency, "currency"))


def basis_of(site: Site, since: datetime, until: datetime) -> Basis:
    """What there is of the site's past. Raises CannotReplay without sessions, or with several currencies."""
    past = past_of(site, since, until)
    if not len(past):
        raise CannotReplay("There are no priced sessions in this period. Choose a longer one.")
    versions = TariffVersion.objects.of(site.organisation_id).in_bulk(past.versions)
    documents = tuple(dict(versions[pk].document) for pk in past.versions)
    currencies = {str(document["currency"]) for document in documents}
    if len(currencies) != 1:
        raise CannotReplay(
            f"Sessions of this period were priced in {', '.join(sorted(currencies))}; choose one."
        )
    return Basis(site, since, until, past, documents, currencies.pop())


def replay_tariff(basis: Basis, tariff: pricing.Tariff) -> Report:
    """All sessions by another tariff. Raises CannotReplay for one of another currency."""
    if tariff.currency != basis.currency:
        raise CannotReplay(f"The tariff is in {tariff.currency}, the sessions in {basis.currency}.")
    return _against_the_past(basis, by_tariff(basis.past, tariff))


def replay_window(basis: Basis, window: Window, percent: Decimal) -> Report:
    """Energy dearer or cheaper in some hours, everything else as it was."""
    return _against_the_past(basis, by_window(basis.past, basis.documents, window, percent))


def replay_rules(basis: Basis, rule_set: RuleSet) -> Report:
    """The site's rules as they are now, on what was known then."""
    grid: dict[datetime, Decimal] = {}
    if rule_set.grid_feed_id is not None:
        values = FeedValue.objects.of(rule_set.organisation_id).filter(
            feed=rule_set.grid_feed_id, at__gte=basis.since, at__lt=basis.until
        )
        grid = dict(values.values_list("at", "value"))
    groups = by_rules(basis.past, base_document(rule_set), rules_of(rule_set), rails_of(rule_set), grid)
    return _against_the_past(basis, groups)


def _against_the_past(basis: Basis, groups: Sequence[Group]) -> Report:
    before = cost(basis.past, as_it_was(basis.past, basis.tariffs()))
    return compare(basis.past, before, cost(basis.past, groups))


def really_paid(basis: Basis) -> Decimal:
    """The net total of these sessions as they were billed: what the replay's own "before" is held against."""
    priced = PricedSession.objects.of(basis.site.organisation_id).filter(
        revision=1,
        session__station__site=basis.site,
        session__started_at__gte=basis.since,
        session__started_at__lt=basis.until,
    )
    return Decimal(priced.aggregate(total=Sum("net"))["total"] or 0)
