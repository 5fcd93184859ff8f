"""Deciding and publishing: every site that is switched on, once for every hour, whoever runs it how often."""

import logging
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone

from pricing import PricingError
from revenue.dynamic.alerting import tell
from revenue.dynamic.documents import Document, document_at, forbids
from revenue.dynamic.engine import SLOT, Decision, Situation, decide, next_slot
from revenue.dynamic.expected import outlook_for
from revenue.dynamic.guardrails import Guardrails
from revenue.dynamic.observing import observe
from revenue.dynamic.reading import history_of, planned_for, rails_of, rules_of
from revenue.models import PriceDecision, RuleSet
from stations.models import EVSE, Site
from tariffs.models import Tariff, TariffVersion
from tariffs.publishing import publish

log = logging.getLogger(__name__)


def sweep(now: datetime | None = None) -> int:
    """Decide what is due for every rule set that is on. Returns how many decisions were made."""
    made = 0
    for organisation_id, pk in list(RuleSet.objects.filter(is_on=True).values_list("organisation_id", "pk")):
        try:
            made += decide_due(organisation_id, pk, now) is not None
        except Exception:
            log.exception("prices of rule set %s can't be decided", pk)
    return made


@transaction.atomic
def decide_due(organisation_id: UUID, rule_set_id: UUID, now: datetime | None = None) -> PriceDecision | None:
    """Decide the next hour that can still be announced in time; None if it is decided, or being decided."""
    rule_set = (
        RuleSet.objects.of(organisation_id)
        .filter(pk=rule_set_id, is_on=True)
        .select_related("site", "tariff", "base")
        .select_for_update(skip_locked=True, of=("self",))
        .first()
    )
    if rule_set is None:
        return None
    now = now or timezone.now()
    rails = rails_of(rule_set)
    slot = next_slot(now, rails.notice)
    decisions = PriceDecision.objects.of(organisation_id).filter(rule_set=rule_set)
    if decisions.filter(slot=slot).exists():
        return None
    return _decide(rule_set, rails, slot, now)


def _decide(rule_set: RuleSet, rails: Guardrails, slot: datetime, now: datetime) -> PriceDecision:
    given = Situation(
        rules=rules_of(rule_set),
        rails=rails,
        signals=observe(rule_set, slot, now, outlook_for(rule_set.site, now)),
        now=now,
        slot=slot,
        zone=ZoneInfo(rule_set.site.time_zone),
        history=history_of(rule_set, slot),
        planned=planned_for(rule_set, slot),
    )
    decision = decide(given)
    version, why_not = _carry_out(rule_set, rails, decision)
    for alert in decision.alerts:
        log.warning("prices at %s: %s", rule_set.site, alert)
    row = _keep(rule_set, given, decision, version, why_not)
    tell(row)
    return row


def _carry_out(rule_set: RuleSet, rails: Guardrails, decision: Decision) -> tuple[TariffVersion | None, str]:
    """Publish the decision's price from its hour on, and the normal price for after it, or say why not."""
    if decision.price is None:
        return None, " ".join(decision.alerts)
    try:
        document = _lawful_document(rule_set, decision.price, waives_idle=decision.waives_idle)
        version = ensure(rule_set.tariff, document, decision.slot)
    except (PricingError, Unlawful) as refused:
        log.warning("prices at %s: %s", rule_set.site, refused)
        _normal_again(rule_set, rails, decision.slot)
        return None, str(refused)[:300]
    # Whoever decides the next hour replaces this. Nobody does: the price goes back by itself.
    _normal_again(rule_set, rails, decision.slot + SLOT)
    return version, ""


def _normal_again(rule_set: RuleSet, rails: Guardrails, from_: datetime) -> None:
    ensure(rule_set.tariff, document_at(base_document(rule_set), rails.normal), from_)


class Unlawful(Exception):
    """The linter forbids the document at this site's stations."""


def _lawful_document(rule_set: RuleSet, price: Decimal, *, waives_idle: bool) -> Document:
    document = document_at(base_document(rule_set), price, waives_idle=waives_idle)
    for kind, power_kw in kinds_of(rule_set.site):
        for finding in forbids(document, kind, power_kw):
            raise Unlawful(f"{finding.message}; {finding.remedy}")
    return document


def kinds_of(site: Site) -> Iterable[tuple[str, int]]:
    """The kinds and powers (kW) of the site's EVSEs, by which the linter judges."""
    evses = EVSE.objects.of(site.organisation_id).filter(station__site=site)
    kinds = set(evses.values_list("power_type", "max_power_w"))
    return sorted((kind, power_w // 1000) for kind, power_w in kinds)


def base_document(rule_set: RuleSet) -> Document:
    """What the base tariff says now. Raises PricingError if it says nothing."""
    version = in_force(rule_set.base, timezone.now())
    if version is None:
        raise PricingError("base", f"the tariff {rule_set.base.name!r} has no version in force")
    return dict(version.document)


def in_force(tariff: Tariff, at: datetime) -> TariffVersion | None:
    """The version by which sessions that start at `at` are priced."""
    versions = TariffVersion.objects.of(tariff.organisation_id).filter(tariff=tariff, valid_from__lte=at)
    found: TariffVersion | None = versions.order_by("-valid_from", "-number").first()
    return found


def ensure(tariff: Tariff, document: Document, from_: datetime) -> TariffVersion:
    """See to it that `document` holds from `from_` on: the version that says so, published if need be."""
    there = in_force(tariff, from_)
    if there is not None and there.document == document:
        return there
    return publish(tariff, document, max(from_, timezone.now()))


def _keep(
    rule_set: RuleSet, given: Situation, decision: Decision, version: TariffVersion | None, why_not: str
) -> PriceDecision:
    refused = version is None
    row: PriceDecision = PriceDecision.objects.create(
        organisation_id=rule_set.organisation_id,
        rule_set=rule_set,
        site=rule_set.site,
        slot=decision.slot,
        decided_at=given.now,
        inputs=given.signals.to_json(given.now),
        rule=decision.rule,
        wanted=decision.wanted,
        price=None if refused else decision.price,
        before=given.rails.normal if given.history.price is None else given.history.price,
        waives_idle=decision.waives_idle and not refused,
        outcome=PriceDecision.Outcome.REFUSED if refused else decision.outcome,
        changes=[
            {"guardrail": one.guardrail, "from": str(one.before), "to": str(one.after)}
            for one in decision.changes
        ],
        alerts=[alert[:300] for alert in (*decision.alerts, *([why_not] if refused else []))],
        version=version,
        why_no_version=why_not,
    )
    return row
