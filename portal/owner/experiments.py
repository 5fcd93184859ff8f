"""Experiments on prices: what they can see before they start, and what they saw when they are over."""

import secrets
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.models import Organisation
from portal import words
from portal.owner.dynamic import MAY_CHANGE, may_change
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from revenue.experiments import running
from revenue.experiments.analysis import Effect, Neighbours
from revenue.experiments.power import ELASTICITIES, ENOUGH, power, table
from revenue.experiments.running import CannotRegister, Proposal, Reading
from revenue.models import Experiment, ExperimentSite, RuleSet

THIN = words.THIN_SPACE


def next_monday(today: date) -> date:
    """The first Monday after `today`."""
    return today + timedelta(days=7 - today.weekday())


class ExperimentForm(forms.Form):
    """What is to be registered."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    sites = forms.ModelMultipleChoiceField(
        RuleSet.objects.none(),
        label=gettext_lazy("Sites"),
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Sites with rules; their guardrails hold here too."),
    )
    low_percent = forms.DecimalField(
        label=gettext_lazy("Low price, percent of normal"),
        min_value=-90,
        max_value=100,
        initial=-20,
        decimal_places=2,
    )
    high_percent = forms.DecimalField(
        label=gettext_lazy("High price, percent of normal"),
        min_value=-90,
        max_value=200,
        initial=20,
        decimal_places=2,
    )
    block_hours = forms.TypedChoiceField(
        label=gettext_lazy("Blocks of"), coerce=int, initial=24,
        choices=((24, gettext_lazy("24 hours")), (12, gettext_lazy("12 hours"))),
    )  # fmt: skip
    weeks = forms.IntegerField(
        label=gettext_lazy("Weeks, an even number"), min_value=2, max_value=52, initial=8
    )
    starts_on = forms.DateField(
        label=gettext_lazy("Begins on a Monday"), widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    elasticity = forms.DecimalField(
        label=gettext_lazy("Elasticity you expect"), min_value=-5, max_value=Decimal("-0.05"), initial=Decimal("-0.5"),
        decimal_places=2, help_text=gettext_lazy("−0.5: a price 10 % higher makes sessions 5 % rarer."),
    )  # fmt: skip

    def __init__(self, organisation: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = RuleSet.objects.of(organisation).select_related("site", "tariff").order_by("site__name")
        sites: Any = self.fields["sites"]
        sites.queryset = own
        sites.label_from_instance = lambda rule_set: rule_set.site.name
        self.fields["starts_on"].initial = next_monday(timezone.now().date())

    def proposal(self) -> Proposal:
        """What the form asks for, once it is valid."""
        given = self.cleaned_data
        return Proposal(
            given["name"],
            list(given["sites"]),
            given["low_percent"],
            given["high_percent"],
            given["block_hours"],
            given["weeks"],
            given["starts_on"],
            given["elasticity"],
        )

    def refuse(self, problem: CannotRegister) -> None:
        """Say what can't be beside its field."""
        field, _sep, message = str(problem).partition(": ")
        self.add_error(field if field in self.fields else None, message or str(problem))


@member()
@require_GET
def experiments(request: MemberRequest) -> HttpResponse:
    """All experiments, newest first."""
    rows = [
        {"experiment": one, "words": sentence(one, running.read(one))}
        for one in Experiment.objects.of(request.organisation)
    ]
    context = {"here": "prices", "rows": rows, "may_change": may_change(request)}
    return owner_page(request, "owner/experiments.html", context)


@member(*MAY_CHANGE)
@require_http_methods(["GET", "POST"])
def experiment_new(request: MemberRequest) -> HttpResponse:
    """The form; first the power of what it asks for, then its registration."""
    form = ExperimentForm(request.organisation, request.POST or None)
    context: dict[str, Any] = {"here": "prices", "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            if "register" in request.POST:
                made = running.register(request.organisation, form.proposal(), request.user)
                messages.success(request, _("Registered. Its blocks are drawn, and its length is fixed."))
                return redirect("portal:experiment", request.organisation.slug, made.pk)
            context |= _prospect(form.proposal())
        except CannotRegister as problem:
            form.refuse(problem)
    return owner_page(request, "owner/experiment_new.html", context)


def _prospect(proposal: Proposal) -> dict[str, Any]:
    now = timezone.now()
    running.check(proposal, now)
    demand = running.past_demand(proposal, now)
    design = proposal.design(secrets.randbits(16))
    chance = power(demand, design, proposal.prices, float(proposal.elasticity))
    starts = round(float(demand.rates.sum()) * proposal.weeks)
    said = {
        "chance": _percent(chance),
        "elasticity": words.number(proposal.elasticity, 2),
        "starts": words.sessions(starts),
        "weeks": running.PAST_WEEKS,
    }
    told = (
        _(
            "If the elasticity is %(elasticity)s, this experiment sees it with a chance of %(chance)s; reckoned from "
            "%(starts)s expected, as in the last %(weeks)s weeks."
        )
        % said
    )
    rows = [
        (length, [(_percent(value), value < ENOUGH) for value in chances])
        for length, chances in table(demand, design, proposal.prices)
    ]
    return {
        "words": told,
        "weak": chance < ENOUGH,
        "table": rows,
        "elasticities": [words.number(Decimal(str(value)), 1) for value in ELASTICITIES],
    }


def _percent(share: float) -> str:
    return f"{words.number(round(100 * share))}{THIN}%"


def _signed_percent(share: float) -> str:
    value = Decimal(str(round(100 * share, 1)))
    return f"{'+' if value > 0 else ''}{words.number(value, 1)}{THIN}%"


def _experiment_of(request: MemberRequest, experiment_id: UUID) -> Experiment:
    found: Experiment | None = Experiment.objects.of(request.organisation).filter(pk=experiment_id).first()
    if found is None:
        raise Http404(_("There is nothing here."))
    return found


@member()
@require_GET
def experiment(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """One experiment: what was registered, and what it saw once it is over."""
    found = _experiment_of(request, experiment_id)
    reading = running.read(found)
    context = {
        "here": "prices",
        "experiment": found,
        "ends_on": found.starts_on + timedelta(weeks=found.weeks),
        "reading": reading,
        "words": sentence(found, reading),
        "result": None if reading.effect is None else result_of(reading.effect, reading.ratio),
        "neighbours": None if reading.neighbours is None else neighbours_of(reading.neighbours),
        "as_planned": None if reading.as_planned is None else _percent(reading.as_planned),
        "power": _percent(float(found.power)),
        "sites": ExperimentSite.objects.of(request.organisation).filter(experiment=found).select_related(
            "site", "rule_set__tariff"
        ),
        "may_change": may_change(request),
    }  # fmt: skip
    return owner_page(request, "owner/experiment.html", context)


@member(*MAY_CHANGE)
@require_POST
def experiment_stop(request: MemberRequest, experiment_id: UUID) -> HttpResponse:
    """End it before its time; the rules set prices again."""
    found = _experiment_of(request, experiment_id)
    running.stop(found)
    messages.success(request, _("Stopped. From the next decision on the rules set the prices again."))
    return redirect("portal:experiment", request.organisation.slug, found.pk)


@dataclass(frozen=True)
class Result:
    """The effect in words, for the page."""

    change: str
    change_span: str
    elasticity: str
    elasticity_span: str
    p_by_lot: str
    high: int
    low: int
    clusters: int


def result_of(effect: Effect, ratio: float) -> Result:
    """An effect as the page shows it; `ratio`: the high price over the low one."""
    change, estimate = effect.change(), effect.elasticity(ratio)
    numbers = [words.number(Decimal(str(round(value, 2))), 2) for value in estimate]
    return Result(
        _signed_percent(change[0]),
        _("%(low)s to %(high)s") % {"low": _signed_percent(change[1]), "high": _signed_percent(change[2])},
        numbers[0],
        _("%(low)s to %(high)s") % {"low": numbers[1], "high": numbers[2]},
        words.number(Decimal(str(round(effect.p_by_lot, 4))), 4),
        effect.high,
        effect.low,
        effect.clusters,
    )


def neighbours_of(found: Neighbours) -> dict[str, Any]:
    """Sessions a block by its own price and that of the block before, and whether demand moved."""
    rows = [
        (name, [(words.number(Decimal(str(round(found.means[own][before], 2))), 2), found.blocks[own][before])
                for before in (0, 1)])
        for own, name in ((0, _("low")), (1, _("high")))
    ]  # fmt: skip
    moved = found.after_high is not None and found.margin is not None and found.after_high > found.margin
    return {"rows": rows, "moved": moved}


def sentence(experiment: Experiment, reading: Reading) -> str:
    """What an owner would say first, with what it rests on."""
    if reading.effect is not None:
        result = result_of(reading.effect, reading.ratio)
        if abs(reading.effect.beta) <= reading.effect.margin:
            return _(
                "No change of demand beyond chance: between %(span)s at the high price; measured on %(n)s in "
                "%(weeks)s weeks."
            ) % {
                "span": result.change_span, "n": words.sessions(reading.sessions), "weeks": reading.weeks,
            }  # fmt: skip
        return _(
            "The high price changed demand by %(change)s (%(span)s), an elasticity of %(e)s; measured on %(n)s in "
            "%(weeks)s weeks."
        ) % {
            "change": result.change, "span": result.change_span, "e": result.elasticity,
            "n": words.sessions(reading.sessions), "weeks": reading.weeks,
        }  # fmt: skip
    if reading.is_over:
        return _("It is over, and too little happened to say anything: %(n)s in %(weeks)s whole weeks.") % {
            "n": words.sessions(reading.sessions), "weeks": reading.weeks,
        }  # fmt: skip
    ends = date_format(experiment.starts_on + timedelta(weeks=experiment.weeks), "j M Y")
    return _("The result is told on %(date)s, as registered; %(weeks)s of %(all)s weeks are over, with %(n)s.") % {
        "date": ends, "weeks": reading.weeks, "all": experiment.weeks, "n": words.sessions(reading.sessions),
    }  # fmt: skip
