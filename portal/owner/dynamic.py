"""Dynamic prices of an organisation's sites: what they are, what they will be, why; on, and off with one click."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.models import Role
from portal.exports import download
from portal.owner.dynamic_words import (
    action_words,
    change_words,
    condition_words,
    inputs_words,
    outcome_words,
    per_kwh,
    preview_chart,
    sentence,
)
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.dynamic import switching
from revenue.dynamic.preview import preview
from revenue.dynamic.reading import rules_of
from revenue.dynamic.rules import shadowed
from revenue.models import PriceDecision, PriceRule, RuleSet, RuleSetEvent
from stations.models import Site

P = ParamSpec("P")
MAY_CHANGE = (Role.OWNER, Role.MANAGER)
DECISIONS_SHOWN = 8
DECISIONS_LISTED = 168


def site_of(request: MemberRequest, site_id: UUID) -> Site:
    """The organisation's own site, or 404."""
    site: Site | None = Site.objects.of(request.organisation).filter(pk=site_id).first()
    if site is None:
        raise Http404(_("There is nothing here."))
    return site


class NoRules(Exception):
    """The site has no rule set yet; its page offers to make one."""


def rule_set_of(request: MemberRequest, site_id: UUID) -> RuleSet:
    """The site's rule set. Raises Http404 for a site that is not the organisation's, else NoRules."""
    rule_set: RuleSet | None = (
        RuleSet.objects.of(request.organisation)
        .select_related("site", "tariff", "base", "grid_feed", "queue_feed")
        .filter(site=site_of(request, site_id))
        .first()
    )
    if rule_set is None:
        raise NoRules
    return rule_set


def with_rules(
    view: Callable[Concatenate[MemberRequest, RuleSet, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """The view gets the rule set of the URL's site; without one, the site's page says how to make it."""

    @wraps(view)
    def found(request: MemberRequest, site_id: UUID, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            rule_set = rule_set_of(request, site_id)
        except NoRules:
            return redirect("portal:prices-site", request.organisation.slug, site_id)
        return view(request, rule_set, *args, **kwargs)

    return found


def may_change(request: MemberRequest) -> bool:
    return request.membership.role in MAY_CHANGE


@member()
@require_GET
def prices(request: MemberRequest) -> HttpResponse:
    """All sites, each with its state and the sentence of its prices."""
    sets = RuleSet.objects.of(request.organisation).select_related("site", "tariff", "base")
    by_site = {rule_set.site_id: rule_set for rule_set in sets.select_related("grid_feed", "queue_feed")}
    rows = []
    for site in Site.objects.of(request.organisation):
        rule_set = by_site.get(site.pk)
        words = sentence(rule_set, preview(rule_set)) if rule_set else ""
        rows.append({"site": site, "rule_set": rule_set, "words": words})
    return owner_page(request, "owner/prices.html", {"here": "prices", "rows": rows})


@member()
@require_GET
def prices_site(request: MemberRequest, site_id: UUID) -> HttpResponse:
    """One site: the next 24 hours, its rules and guardrails, the last decisions."""
    site = site_of(request, site_id)
    context: dict[str, Any] = {"here": "prices", "site": site, "may_change": may_change(request)}
    try:
        rule_set = rule_set_of(request, site_id)
    except NoRules:
        return owner_page(request, "owner/prices_site.html", context)
    hours = preview(rule_set)
    currency = rule_set.tariff.currency
    return owner_page(
        request,
        "owner/prices_site.html",
        context
        | {
            "rule_set": rule_set,
            "words": sentence(rule_set, hours),
            "chart": preview_chart(rule_set, hours),
            "rules": _rules(rule_set),
            "rails": _rails(rule_set, currency),
            "decisions": [decision_row(one) for one in _decisions(rule_set)[:DECISIONS_SHOWN]],
            "events": RuleSetEvent.objects.of(request.organisation)
            .filter(rule_set=rule_set)
            .select_related("user")[:5],
            "alerts": _alerts(rule_set),
        },
    )


def _rules(rule_set: RuleSet) -> list[dict[str, Any]]:
    currency = rule_set.tariff.currency
    rows = PriceRule.objects.of(rule_set.organisation_id).filter(rule_set=rule_set)
    hidden = {rule.name: earlier.name for rule, earlier in shadowed(rules_of(rule_set))}
    return [
        {
            "rule": row,
            "when": condition_words(row, currency),
            "what": action_words(row, currency),
            "hidden_by": hidden.get(row.name, ""),
        }
        for row in rows
    ]


def _rails(rule_set: RuleSet, currency: str) -> list[tuple[str, str]]:
    return [
        (_("Normal price"), per_kwh(rule_set.normal_price, currency)),
        (_("Lowest"), per_kwh(rule_set.floor, currency)),
        (_("Highest"), per_kwh(rule_set.cap, currency)),
        (_("Step an hour, at most"), per_kwh(rule_set.max_step, currency)),
        (_("Range in a day, at most"), per_kwh(rule_set.max_step_day, currency)),
        (_("Smallest change"), per_kwh(rule_set.hysteresis, currency)),
        (_("Notice"), _("%(minutes)s min") % {"minutes": rule_set.notice_minutes}),
        (_("When off"), rule_set.base.name),
    ]


def _decisions(rule_set: RuleSet) -> Any:
    return (
        PriceDecision.objects.of(rule_set.organisation_id).filter(rule_set=rule_set).select_related("version")
    )


def _alerts(rule_set: RuleSet) -> list[str]:
    """What the last decision raised, if prices are on: an alert ends with the first decision without doubt."""
    last = _decisions(rule_set).first() if rule_set.is_on else None
    return list(last.alerts) if last else []


def decision_row(row: PriceDecision) -> dict[str, Any]:
    """A decision as the log shows it."""
    currency = str(row.rule_set.tariff.currency)
    return {
        "row": row,
        "zone": ZoneInfo(row.rule_set.site.time_zone),
        "price": "–" if row.price is None else per_kwh(row.price, currency),
        "because": row.rule or outcome_words(row.outcome),
        "changes": [change_words(change, currency) for change in row.changes],
        "inputs": inputs_words(row.inputs, currency),
    }


@member()
@require_GET
def prices_decisions(request: MemberRequest, site_id: UUID) -> HttpResponseBase:
    """The log of a site's decisions, newest first; `?format=csv|xlsx` takes all of it away."""
    site = site_of(request, site_id)
    rows = (
        PriceDecision.objects.of(request.organisation)
        .filter(site=site)
        .select_related("rule_set__tariff", "rule_set__site", "version")
    )
    header = (
        "hour",
        "decided",
        "outcome",
        "rule",
        "wanted",
        "price",
        "before",
        "inputs",
        "changes",
        "alerts",
        "version",
    )
    lines = (
        (r.slot, r.decided_at, r.outcome, r.rule, r.wanted, r.price, r.before, str(r.inputs), str(r.changes),
         "; ".join(r.alerts), r.version.number if r.version else r.why_no_version)
        for r in rows.iterator()
    )  # fmt: skip
    file = download(request.GET.get("format", ""), f"price-decisions-{site.name}", header, lines)
    if file is not None:
        return file
    shown = [decision_row(row) for row in rows[:DECISIONS_LISTED]]
    return owner_page(
        request, "owner/prices_decisions.html", {"here": "prices", "site": site, "decisions": shown}
    )


@member(*MAY_CHANGE)
@require_POST
def prices_set_up(request: MemberRequest, site_id: UUID) -> HttpResponse:
    """Give the site a rule set, switched off, with careful guardrails."""
    site = site_of(request, site_id)
    try:
        switching.rule_set_for(site, request.user)
    except switching.CannotSwitchOn as problem:
        messages.error(request, str(problem))
        return redirect("portal:prices-site", request.organisation.slug, site.pk)
    messages.success(
        request, _("Guardrails are set around the usual price. Nothing moves until you switch it on.")
    )
    return redirect("portal:prices-guardrails", request.organisation.slug, site.pk)


@member(*MAY_CHANGE)
@require_POST
@with_rules
def prices_on(request: MemberRequest, rule_set: RuleSet) -> HttpResponse:
    """Let the rules set the price."""
    try:
        from_ = switching.switch_on(rule_set, request.user)
    except switching.CannotSwitchOn as problem:
        messages.error(request, str(problem))
    else:
        local = timezone.localtime(from_, ZoneInfo(rule_set.site.time_zone))
        messages.success(
            request, _("Switched on. Prices may move from %(time)s.") % {"time": f"{local:%H:%M}"}
        )
    return redirect("portal:prices-site", request.organisation.slug, rule_set.site_id)


@member(*MAY_CHANGE)
@require_POST
@with_rules
def prices_off(request: MemberRequest, rule_set: RuleSet) -> HttpResponse:
    """Back to the usual tariff, at once."""
    switching.kill(rule_set, request.user)
    messages.success(request, _("Back to %(tariff)s, from this moment on.") % {"tariff": rule_set.base.name})
    return redirect("portal:prices-site", request.organisation.slug, rule_set.site_id)
