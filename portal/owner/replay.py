"""Trying a price on the past: another tariff, the site's rules, or a cheaper morning."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from accounts.models import Organisation
from portal import words
from portal.owner.shell import owner_page
from portal.scopes import MemberRequest, member
from pricing import PricingError
from revenue.dynamic.sweep import in_force
from revenue.models import RuleSet
from revenue.replay.outcome import Outcome, Report
from revenue.replay.prices import Window
from revenue.replay.run import (
    Basis,
    CannotReplay,
    basis_of,
    really_paid,
    replay_rules,
    replay_tariff,
    replay_window,
)
from stations.models import Site
from tariffs.models import Tariff

WORKDAYS = frozenset(range(5))
PERIODS = ((30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("a year")))
WHAT = (
    ("window", gettext_lazy("Energy cheaper or dearer in some hours")),
    ("rules", gettext_lazy("The site's rules")),
    ("tariff", gettext_lazy("Another tariff")),
)
THIN = words.THIN_SPACE


class ReplayForm(forms.Form):
    """What to try, where, and on how long a past."""

    site = forms.ModelChoiceField(Site.objects.none(), label=gettext_lazy("Site"), empty_label=None)
    days = forms.TypedChoiceField(label=gettext_lazy("On the last"), coerce=int, choices=PERIODS, initial=90)
    what = forms.ChoiceField(label=gettext_lazy("What to try"), choices=WHAT, initial="window")
    percent = forms.DecimalField(
        label=gettext_lazy("Percent, plus or minus"),
        min_value=-100,
        max_value=300,
        initial=-20,
        required=False,
    )
    from_time = forms.TimeField(
        label=gettext_lazy("From"), initial=time(6), required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )  # fmt: skip
    to_time = forms.TimeField(
        label=gettext_lazy("To"), initial=time(10), required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )  # fmt: skip
    workdays = forms.BooleanField(label=gettext_lazy("Monday to Friday only"), required=False)
    tariff = forms.ModelChoiceField(Tariff.objects.none(), label=gettext_lazy("Tariff"), required=False)

    def __init__(self, organisation: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["site"].queryset = Site.objects.of(organisation)  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["tariff"].queryset = Tariff.objects.of(organisation)  # type: ignore[attr-defined]  # another one

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        wanted = {"window": ("percent", "from_time", "to_time"), "tariff": ("tariff",)}
        for name in wanted.get(given.get("what", ""), ()):
            if given.get(name) is None and name not in self.errors:
                self.add_error(name, _("Needed for what you want to try."))
        return given


@dataclass(frozen=True)
class Line:
    """One row of the table: an elasticity and what came of it, beside what was."""

    elasticity: str
    revenue: str
    change: str
    energy: str
    peak_energy: str
    daily_peak: str


@member()
@require_GET
def replay(request: MemberRequest) -> HttpResponse:
    """The form, and below it what would have come of it."""
    asked = request.GET if "what" in request.GET else None
    form = ReplayForm(request.organisation, asked)
    context: dict[str, Any] = {"here": "prices", "form": form}
    if asked is not None and form.is_valid():
        try:
            context |= _result(request.organisation, form.cleaned_data)
        except (CannotReplay, PricingError, ValueError) as problem:
            context["problem"] = str(problem)
    return owner_page(request, "owner/prices_replay.html", context)


def _result(organisation: Organisation, given: dict[str, Any]) -> dict[str, Any]:
    until = timezone.now()
    basis = basis_of(given["site"], until - timedelta(days=given["days"]), until)
    report, name = _report(organisation, basis, given)
    paid, priced = really_paid(basis), basis.amount(report.before.net_minor)
    return {
        "words": sentence(basis, report, name),
        "lines": [_line(basis, report, outcome) for outcome in report.outcomes],
        "before": _line(basis, report, report.before),
        "split": report.split,
        "shares": _shares(report),
        "tie": None if paid == priced else _tie(paid, priced, basis.currency),
    }


def _report(organisation: Organisation, basis: Basis, given: dict[str, Any]) -> tuple[Report, str]:
    if given["what"] == "window":
        days = WORKDAYS if given["workdays"] else frozenset[int]()
        window = Window(given["from_time"], given["to_time"], days)
        return replay_window(basis, window, given["percent"]), window_words(window, given["percent"])
    if given["what"] == "tariff":
        version = in_force(given["tariff"], timezone.now())
        if version is None:
            raise CannotReplay(_("This tariff has no version in force."))
        return replay_tariff(basis, version.parsed()), _("The tariff %(name)s") % {
            "name": given["tariff"].name
        }
    rule_set = (
        RuleSet.objects.of(organisation).filter(site=basis.site).select_related("site", "base", "tariff")
    )
    found = rule_set.first()
    if found is None:
        raise CannotReplay(_("This site has no rules yet. Set them up on its page first."))
    return replay_rules(basis, found), _("This site's rules")


def window_words(window: Window, percent: Decimal) -> str:
    """`A 20 % cheaper 06:00–10:00, Mon–Fri`."""
    clock = f"{window.from_time:%H:%M}–{window.to_time:%H:%M}"
    when = f"{clock}, {_('Mon–Fri')}" if window.days else clock
    said = {"percent": f"{words.plain(abs(percent))}{THIN}%", "when": when}
    if percent < 0:
        return _("Energy %(percent)s cheaper from %(when)s") % said
    return _("Energy %(percent)s dearer from %(when)s") % said


def sentence(basis: Basis, report: Report, name: str) -> str:
    """What an owner would say first, with what it is measured on."""
    changes = [_difference(basis, outcome.net_minor - report.before.net_minor) for outcome in report.outcomes]
    zone = ZoneInfo(basis.site.time_zone)
    first = datetime.fromtimestamp(int(basis.past.start[0]), zone)
    last = datetime.fromtimestamp(int(basis.past.start[-1]), zone)
    return _(
        "%(name)s would have brought %(still)s if nobody had acted on it, and %(most)s at an elasticity of %(e)s; "
        "measured on %(sessions)s at %(site)s, %(first)s to %(last)s."
    ) % {
        "name": name,
        "still": changes[0],
        "most": changes[-1],
        "e": _elasticity(report.outcomes[-1].elasticity),
        "sessions": words.sessions(len(basis.past)),
        "site": basis.site.name,
        "first": date_format(first, "j M Y"),
        "last": date_format(last, "j M Y"),
    }


def _difference(basis: Basis, minor: int) -> str:
    text = words.money(abs(basis.amount(minor)), basis.currency)
    if minor == 0:
        return _("the same")
    return _("%(amount)s more") % {"amount": text} if minor > 0 else _("%(amount)s less") % {"amount": text}


def _elasticity(value: float) -> str:
    return words.number(Decimal(str(value)), 1)


def _line(basis: Basis, report: Report, outcome: Outcome) -> Line:
    before = report.before
    moved = outcome.peak_wh - before.peak_wh
    return Line(
        elasticity=_elasticity(outcome.elasticity),
        revenue=words.money(basis.amount(outcome.net_minor), basis.currency),
        change=words.change(Decimal(outcome.net_minor), Decimal(before.net_minor)) or "–",
        energy=f"{words.kwh(outcome.energy_wh, 0)}{THIN}kWh",
        peak_energy=f"{'+' if moved > 0 else ''}{words.kwh(moved, 0)}{THIN}kWh",
        daily_peak=words.number(Decimal(str(round(outcome.daily_peak, 2))), 2),
    )


def _shares(report: Report) -> dict[str, str]:
    """Winners and losers in percent of the drivers."""
    drivers = max(report.split.drivers, 1)
    counts = {"more": report.split.more, "less": report.split.less, "same": report.split.same}
    return {name: f"{words.number(round(100 * count / drivers))}{THIN}%" for name, count in counts.items()}


def _tie(paid: Decimal, priced: Decimal, currency: str) -> str:
    return _(
        "Billed were %(paid)s; priced again in the replay's way the same sessions bring %(priced)s. The replay spreads "
        "energy evenly over the charging time, and compares with the second figure."
    ) % {"paid": words.money(paid, currency), "priced": words.money(priced, currency)}
