"""What the revenue page is asked, from its URL: days, site, tariff, and how days are gathered."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Organisation
from revenue.rollups.reading import Scope
from stations.models import Site
from tariffs.models import Tariff

USUAL_DAYS = 30
LONGEST_DAYS = 1100
DAY = partial(forms.DateField, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"), required=False)

STEPS: dict[str, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
}
"""The first day of the day's, week's or month's column."""


class RevenueForm(forms.Form):
    """The page's filters; nonsense is said beside its field, and the usual 30 days are shown."""

    since = DAY(label=gettext_lazy("From"))
    until = DAY(label=gettext_lazy("To"))
    step = forms.ChoiceField(
        label=gettext_lazy("By"),
        required=False,
        choices=[
            ("day", gettext_lazy("Day")),
            ("week", gettext_lazy("Week")),
            ("month", gettext_lazy("Month")),
        ],
    )
    site = forms.ModelChoiceField(
        Site.objects.none(), label=gettext_lazy("Site"), required=False, empty_label=gettext_lazy("All sites")
    )
    tariff = forms.ModelChoiceField(
        Tariff.objects.none(), label=gettext_lazy("Tariff"), required=False,
        empty_label=gettext_lazy("All tariffs"),
    )  # fmt: skip

    def __init__(self, data: QueryDict | dict[str, Any], organisation: Organisation) -> None:
        super().__init__(data)
        self.fields["site"].queryset = Site.objects.of(organisation)  # type: ignore[attr-defined]  # its own kind
        self.fields["tariff"].queryset = Tariff.objects.of(organisation)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        since, until = given.get("since"), given.get("until")
        if since and until and until < since:
            self.add_error("until", _("Ends before it begins: choose a later day."))
        elif since and until and (until - since).days > LONGEST_DAYS:
            self.add_error("until", _("Choose three years at most."))
        return given


@dataclass(frozen=True)
class Asked:
    """A valid question: the scope, the one before it of the same length, and the step of the columns."""

    form: RevenueForm
    scope: Scope
    before: Scope
    step: str

    @property
    def days(self) -> int:
        return (self.scope.last - self.scope.first).days + 1

    @property
    def columns(self) -> list[date]:
        """The first days of all columns, empty ones included."""
        first_of = STEPS[self.step]
        days = (self.scope.first + timedelta(days=at) for at in range(self.days))
        return sorted({first_of(day) for day in days})

    def column_of(self, day: date) -> date:
        return STEPS[self.step](day)

    def words_of(self, column: date) -> str:
        return date_format(column, "M Y" if self.step == "month" else "j M")


def asked_of(organisation: Organisation, query: QueryDict) -> Asked:
    """The question in the URL; what can't be understood is left out of it."""
    form = RevenueForm(query, organisation)
    form.is_valid()
    given = getattr(form, "cleaned_data", {})
    today = timezone.now().astimezone(ZoneInfo(organisation.time_zone)).date()
    last = given.get("until") or (max(today, given["since"]) if given.get("since") else today)
    first = given.get("since") or last - timedelta(days=USUAL_DAYS - 1)
    if form.errors or (last - first).days > LONGEST_DAYS:
        first, last = today - timedelta(days=USUAL_DAYS - 1), today
    site, tariff = given.get("site"), given.get("tariff")
    narrow = {"site_id": site.pk if site else None, "tariff_id": tariff.pk if tariff else None}
    length = last - first + timedelta(days=1)
    step = given.get("step") or usual_step(length.days)
    return Asked(
        form if form.errors else _filled(organisation, query, {"since": first, "until": last, "step": step}),
        Scope(organisation, organisation.currency, first, last, **narrow),
        Scope(organisation, organisation.currency, first - length, last - length, **narrow),
        step,
    )


def _filled(organisation: Organisation, query: QueryDict, shown: dict[str, object]) -> RevenueForm:
    """The form, saying also what is shown where nothing was asked."""
    return RevenueForm({**query.dict(), **{name: str(value) for name, value in shown.items()}}, organisation)


def usual_step(days: int) -> str:
    """Columns that a phone can show."""
    return "day" if days <= 62 else "week" if days <= 300 else "month"
