"""A plan of prices for the coming days: what the optimiser proposes, and the button that publishes it."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core import signing
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from portal import words
from portal.charts import LineChart, Series, line_chart
from portal.owner.dynamic import MAY_CHANGE, with_rules
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.dynamic.planning import FLAT, REVENUE, CannotPlan, Plan, propose, publish_plan
from revenue.experiments import running
from revenue.models import Experiment, RuleSet

SALT = "prices-plan"
KEPT_S = 3600
ASSUMED = Decimal("-0.5")
GOALS = ((REVENUE, gettext_lazy("Earn the most")), (FLAT, gettext_lazy("Even out the load")))


class PlanForm(forms.Form):
    """What the plan is for, and what it assumes."""

    goal = forms.ChoiceField(label=gettext_lazy("What for"), choices=GOALS, initial=REVENUE)
    days = forms.IntegerField(label=gettext_lazy("Days"), min_value=1, max_value=7, initial=2)
    elasticity = forms.DecimalField(
        label=gettext_lazy("Elasticity"), min_value=-5, max_value=Decimal("-0.05"), decimal_places=2
    )


@member(*MAY_CHANGE)
@require_GET
@with_rules
def plan(request: MemberRequest, rule_set: RuleSet) -> HttpResponse:
    """The form, and below it the proposal with what it is expected to bring."""
    elasticity, source = _elasticity_of(rule_set)
    usual = {"goal": REVENUE, "days": 2, "elasticity": elasticity}
    form = PlanForm(request.GET if "goal" in request.GET else None, initial=usual)
    context: dict[str, Any] = {"here": "prices", "site": rule_set.site, "form": form, "source": source}
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            made = propose(rule_set, given["goal"], float(given["elasticity"]), given["days"])
        except CannotPlan as problem:
            context["problem"] = str(problem)
        else:
            context |= _proposal(rule_set, made, given["elasticity"])
    return owner_page(request, "owner/prices_plan.html", context)


def _elasticity_of(rule_set: RuleSet) -> tuple[Decimal, str]:
    """The elasticity last measured here, and where it comes from; else the one people assume."""
    own = Experiment.objects.of(rule_set.organisation_id).filter(sites__site=rule_set.site_id)
    for experiment in own[:3]:
        reading = running.read(experiment)
        if reading.effect is not None:
            estimate, low, high = reading.effect.elasticity(reading.ratio)
            if estimate <= -0.05:
                said = {
                    "name": experiment.name,
                    "low": words.number(Decimal(str(round(low, 2))), 2),
                    "high": words.number(Decimal(str(round(high, 2))), 2),
                }
                measured = max(Decimal(str(round(estimate, 2))), Decimal(-5))
                return measured, _("Measured by “%(name)s”: %(low)s to %(high)s.") % said
    return ASSUMED, _("Assumed: nothing has been measured here yet. An experiment would tell.")


def _proposal(rule_set: RuleSet, made: Plan, elasticity: Decimal) -> dict[str, Any]:
    prices = [
        (slot.isoformat(), str(price))
        for slot, price in zip(made.ahead.slots, made.schedule.prices, strict=True)
    ]
    return {
        "words": sentence(rule_set, made, elasticity),
        "chart": plan_chart(rule_set, made),
        "signed": signing.dumps({"rule_set": str(rule_set.pk), "prices": prices}, salt=SALT, compress=True),
        "inelastic": elasticity > -1 and not made.costed,
        "costed": made.costed,
        "is_on": rule_set.is_on,
    }


def sentence(rule_set: RuleSet, made: Plan, elasticity: Decimal) -> str:
    """What an owner would say first, with what it rests on."""
    currency, schedule = rule_set.tariff.currency, made.schedule
    gain = Decimal(str(round(schedule.margin - schedule.margin_flat, 2)))
    said = {
        "gain": words.money(gain, currency),
        "flat": words.money(Decimal(str(round(schedule.margin_flat, 2))), currency),
        "peak": words.number(Decimal(str(round(schedule.peak_kwh, 1))), 1),
        "before": words.number(Decimal(str(round(schedule.peak_kwh_flat, 1))), 1),
        "e": words.number(elasticity, 2),
        "basis": made.basis,
    }
    return (
        _(
            "These prices are expected to bring %(gain)s more than the normal price's %(flat)s; the fullest hour "
            "then starts %(peak)s kWh instead of %(before)s. That rests on %(basis)s, and on an elasticity of %(e)s."
        )
        % said
    )


def plan_chart(rule_set: RuleSet, made: Plan) -> LineChart:
    """The planned price by hour beside the normal one."""
    currency, zone = rule_set.tariff.currency, made.ahead.zone
    normal = tuple(rule_set.normal_price for _slot in made.ahead.slots)
    return line_chart(
        _("Planned price per kWh"),
        [date_format(slot.astimezone(zone), "D H:i") for slot in made.ahead.slots],
        [Series(_("Plan"), "energy", made.schedule.prices), Series(_("Normal price"), "before", normal)],
        lambda price: words.unit_price(price, currency),
        axis=words.plain,
        corner=_("From"),
    )


@member(*MAY_CHANGE)
@require_POST
@with_rules
def plan_publish(request: MemberRequest, rule_set: RuleSet) -> HttpResponse:
    """Publish the very prices that were shown; they are signed, so that nobody can slip in others."""
    there = redirect("portal:prices-site", request.organisation.slug, rule_set.site_id)
    try:
        shown = signing.loads(request.POST.get("signed", ""), salt=SALT, max_age=KEPT_S)
    except signing.BadSignature:
        messages.error(request, _("This proposal is too old. Ask for a new one."))
        return there
    if UUID(shown["rule_set"]) != rule_set.pk:
        messages.error(request, _("This proposal is of another site."))
        return there
    prices = [(datetime.fromisoformat(slot), Decimal(price)) for slot, price in shown["prices"]]
    try:
        count = publish_plan(rule_set, prices, request.user)
    except CannotPlan as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _("Planned for %(count)s hours.") % {"count": words.number(count)})
    return there
