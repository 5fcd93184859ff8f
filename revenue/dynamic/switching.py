"""Switching a site's dynamic prices on, and back to its usual tariff with one click. Both are recorded."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from pricing import PricingError
from revenue.dynamic.documents import document_at, energy_price, forbids
from revenue.dynamic.reading import rails_of, rules_of
from revenue.dynamic.rules import contradictions
from revenue.dynamic.sweep import base_document, ensure, in_force, kinds_of
from revenue.models import RuleSet, RuleSetEvent
from stations.models import Connector, Site
from tariffs.assignment import MissingTariff, version_in_force
from tariffs.models import Tariff, TariffAssignment, TariffVersion

PERCENT_OF_NORMAL = {"floor": 70, "cap": 140, "max_step": 15, "max_step_day": 50, "hysteresis": 2}
"""What a new rule set's guardrails are, until its owner says otherwise."""


class CannotSwitchOn(Exception):
    """Why the prices of this site can't move, in words for its owner."""


def usual_tariff(site: Site, now: datetime) -> Tariff | None:
    """The tariff that holds for everybody at the site's first port that has one."""
    connectors = Connector.objects.of(site.organisation_id).filter(evse__station__site=site)
    for connector in connectors.select_related("evse__station__site").order_by(
        "evse__station", "evse__number"
    ):
        try:
            return version_in_force(connector, now).tariff
        except MissingTariff:
            continue
    return None


@transaction.atomic
def rule_set_for(site: Site, user: User | None = None) -> RuleSet:
    """The site's rule set, made with careful guardrails around its usual price, and switched off, if need be.

    Raises CannotSwitchOn where the site has no tariff with a price per kWh.
    """
    found: RuleSet | None = RuleSet.objects.of(site.organisation_id).filter(site=site).first()
    if found is not None:
        return found
    now = timezone.now()
    base = usual_tariff(site, now)
    version = None if base is None else in_force(base, now)
    if base is None or version is None:
        raise CannotSwitchOn("No tariff is assigned to this site. Give it one first; rules start from it.")
    try:
        normal = energy_price(version.document)
    except PricingError as error:
        raise CannotSwitchOn(f"The tariff {base.name} can't move: {error.message}.") from error
    rule_set = _make(site, base, normal)
    record(rule_set, RuleSetEvent.Kind.CHANGED, user, {"made": True})
    return rule_set


def _make(site: Site, base: Tariff, normal: Decimal) -> RuleSet:
    tariff, _made = Tariff.objects.get_or_create(
        organisation_id=site.organisation_id,
        name=f"{site.name[:100]} · dynamic",
        defaults={"currency": base.currency},
    )
    shares = {
        name: (normal * percent / 100).quantize(Decimal("0.01"))
        for name, percent in PERCENT_OF_NORMAL.items()
    }
    shares["max_step"] = max(shares["max_step"], Decimal("0.01"))
    shares["max_step_day"] = max(shares["max_step_day"], shares["max_step"])
    rule_set: RuleSet = RuleSet.objects.create(
        organisation_id=site.organisation_id,
        site=site,
        base=base,
        tariff=tariff,
        normal_price=normal,
        **{**shares, "floor": min(shares["floor"], normal), "cap": max(shares["cap"], normal)},
    )
    return rule_set


@transaction.atomic
def switch_on(rule_set: RuleSet, user: User | None = None) -> datetime:
    """Let the rules set this site's price, from the end of the notice on. Returns that moment.

    It begins with the normal price. Raises CannotSwitchOn, with everything unchanged.
    """
    row = _locked(rule_set)
    now = timezone.now()
    from_ = now + timedelta(minutes=row.notice_minutes)
    if row.is_on:
        raise CannotSwitchOn("It is switched on already.")
    _must_hold(row)
    document = document_at(base_document(row), row.normal_price)
    later = TariffVersion.objects.of(row.organisation_id).filter(tariff=row.tariff, valid_from__gt=now)
    # Prices announced before it was last switched off would come back otherwise.
    for moment in sorted({from_, *later.values_list("valid_from", flat=True)}):
        ensure(row.tariff, document, moment)
    TariffAssignment.objects.create(
        organisation_id=row.organisation_id, tariff=row.tariff, site=row.site, valid_from=from_
    )
    row.is_on = True
    row.save(update_fields=["is_on"])
    record(row, RuleSetEvent.Kind.ON, user, {"from": from_.isoformat()})
    return from_


def _must_hold(row: RuleSet) -> None:
    try:
        rails = rails_of(row)
        document = document_at(base_document(row), row.normal_price)
    except (ValueError, PricingError) as error:
        raise CannotSwitchOn(str(error)) from error
    problems = [
        *contradictions(rules_of(row), rails.normal, rails.floor, rails.cap),
        *(
            f"{finding.message}; {finding.remedy}"
            for kind, power_kw in kinds_of(row.site)
            for finding in forbids(document, kind, power_kw)
        ),
    ]
    if problems:
        raise CannotSwitchOn(problems[0])


@transaction.atomic
def kill(rule_set: RuleSet, user: User | None = None, why: str = "") -> None:
    """Back to the usual tariff, now: the assignment of the dynamic one ends. Running sessions keep their price."""
    row = _locked(rule_set)
    now = timezone.now()
    own = TariffAssignment.objects.of(row.organisation_id).filter(tariff=row.tariff, valid_until__isnull=True)
    for assignment in own.select_for_update():
        # One that has not begun ends as it begins: the normal price, for no longer than the clock can tell.
        assignment.valid_until = max(now, assignment.valid_from + timedelta(milliseconds=1))
        assignment.save(update_fields=["valid_until"])
    if row.is_on:
        row.is_on = False
        row.save(update_fields=["is_on"])
        record(row, RuleSetEvent.Kind.KILLED, user, {"why": why} if why else {})


def record(rule_set: RuleSet, kind: str, user: User | None, detail: dict[str, Any]) -> RuleSetEvent:
    """Keep who did what."""
    event: RuleSetEvent = RuleSetEvent.objects.create(
        organisation_id=rule_set.organisation_id, rule_set=rule_set, kind=kind, user=user, detail=detail
    )
    return event


def _locked(rule_set: RuleSet) -> RuleSet:
    row: RuleSet = (
        RuleSet.objects.of(rule_set.organisation_id)
        .select_related("site", "tariff", "base")
        .select_for_update(of=("self",))
        .get(pk=rule_set.pk)
    )
    return row
