"""Forms of dynamic prices. A guardrail that can't hold, or a rule against one, is said beside its field."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import Organisation
from revenue.dynamic.feeds import FeedError, read_values
from revenue.dynamic.fetching import MAX_BYTES, FetchError, check_url
from revenue.dynamic.reading import rails_of, rule_of, rules_of
from revenue.dynamic.rules import contradictions
from revenue.models import Feed, PriceRule, RuleSet

DAY_NAMES = (
    gettext_lazy("Monday"),
    gettext_lazy("Tuesday"),
    gettext_lazy("Wednesday"),
    gettext_lazy("Thursday"),
    gettext_lazy("Friday"),
    gettext_lazy("Saturday"),
    gettext_lazy("Sunday"),
)
if TYPE_CHECKING:  # Django's own class takes no type in brackets
    FormOfRuleSet = forms.ModelForm[RuleSet]
    FormOfRule = forms.ModelForm[PriceRule]
    FormOfFeed = forms.ModelForm[Feed]
else:
    FormOfRuleSet = FormOfRule = FormOfFeed = forms.ModelForm

RAILS = ("normal_price", "floor", "cap", "max_step", "max_step_day", "hysteresis", "notice_minutes")
FIELD_OF = {"normal": "normal_price", "notice": "notice_minutes"}


def plainly(form: forms.BaseForm) -> None:
    """Show prices without idle zeros: 0.52, not 0.5200."""
    for name, value in form.initial.items():
        if isinstance(value, Decimal):
            form.initial[name] = f"{value.normalize():f}"


class GuardrailsForm(FormOfRuleSet):
    """All guardrails of one site; none can be left out."""

    class Meta:
        model = RuleSet
        fields = (
            "normal_price",
            "floor",
            "cap",
            "max_step",
            "max_step_day",
            "hysteresis",
            "notice_minutes",
            "utilisation_max_age_minutes",
            "grid_feed",
            "queue_feed",
        )
        labels: ClassVar[dict[str, Any]] = {
            "normal_price": gettext_lazy("Normal price per kWh"),
            "floor": gettext_lazy("Lowest price per kWh"),
            "cap": gettext_lazy("Highest price per kWh"),
            "max_step": gettext_lazy("Largest step from hour to hour"),
            "max_step_day": gettext_lazy("Largest range within a day"),
            "hysteresis": gettext_lazy("Smallest change worth making"),
            "notice_minutes": gettext_lazy("Notice in minutes"),
            "utilisation_max_age_minutes": gettext_lazy("Ports must have been heard of within minutes"),
            "grid_feed": gettext_lazy("Grid price from"),
            "queue_feed": gettext_lazy("Queue from"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        plainly(self)
        for name, kind in (("grid_feed", Feed.Kind.GRID_PRICE), ("queue_feed", Feed.Kind.QUEUE)):
            own = Feed.objects.of(self.instance.organisation_id).filter(kind=kind)
            self.fields[name].queryset = own  # type: ignore[attr-defined]  # it is a ModelChoiceField

    def clean(self) -> dict[str, Any]:
        """The engine's own checks, beside the field that is wrong."""
        given = super().clean() or self.cleaned_data
        if self.errors:
            return given
        row = RuleSet(**{name: given[name] for name in RAILS}, tariff=self.instance.tariff)
        try:
            rails = rails_of(row)
        except ValueError as error:
            field, _sep, message = str(error).partition(": ")
            self.add_error(FIELD_OF.get(field, field), message)
            return given
        for problem in contradictions(rules_of(self.instance), rails.normal, rails.floor, rails.cap):
            self.add_error(None, problem)
        return given


class RuleForm(FormOfRule):
    """One rule. Empty conditions don't restrict; a minimum counts from its value on, a maximum below it."""

    days = forms.TypedMultipleChoiceField(
        label=gettext_lazy("Days"),
        coerce=int,
        choices=list(enumerate(DAY_NAMES)),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("None: every day."),
    )

    class Meta:
        model = PriceRule
        fields = (
            "name",
            "action",
            "percent",
            "amount",
            "from_time",
            "to_time",
            "days",
            "utilisation_min",
            "utilisation_max",
            "forecast_min",
            "forecast_max",
            "grid_min",
            "grid_max",
            "queue_min",
            "out_of_service_min",
        )
        labels: ClassVar[dict[str, Any]] = {
            "name": gettext_lazy("Name"),
            "action": gettext_lazy("What it does"),
            "percent": gettext_lazy("Percent, plus or minus"),
            "amount": gettext_lazy("Amount per kWh, plus or minus"),
            "from_time": gettext_lazy("From"),
            "to_time": gettext_lazy("To"),
            "utilisation_min": gettext_lazy("Ports taken now, from %"),
            "utilisation_max": gettext_lazy("Ports taken now, below %"),
            "forecast_min": gettext_lazy("Ports expected to be taken, from %"),
            "forecast_max": gettext_lazy("Ports expected to be taken, below %"),
            "grid_min": gettext_lazy("Grid price per kWh, from"),
            "grid_max": gettext_lazy("Grid price per kWh, below"),
            "queue_min": gettext_lazy("Vehicles waiting, from"),
            "out_of_service_min": gettext_lazy("Ports out of service, from"),
        }
        widgets: ClassVar[dict[str, Any]] = {
            "from_time": forms.TimeInput({"type": "time"}, format="%H:%M"),
            "to_time": forms.TimeInput({"type": "time"}, format="%H:%M"),
        }

    clock: ClassVar[tuple[str, ...]] = ("from_time", "to_time", "days")

    def __init__(self, rule_set: RuleSet, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rule_set = rule_set
        plainly(self)
        self.fields["amount"].required = self.fields["percent"].required = False

    def what(self) -> list[forms.BoundField]:
        """The fields of the action."""
        return [self[name] for name in ("name", "action", "percent", "amount")]

    def when(self) -> list[forms.BoundField]:
        """The fields of the conditions but the days."""
        return [
            self[name] for name in self.fields if name not in ("name", "action", "percent", "amount", "days")
        ]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for name in ("percent", "amount"):
            given[name] = given.get(name) or 0
        if (given.get("from_time") is None) != (given.get("to_time") is None):
            missing = "from_time" if given.get("from_time") is None else "to_time"
            self.add_error(missing, _("Give both times, or neither."))
        for what in ("utilisation", "forecast", "grid"):
            least, most = given.get(f"{what}_min"), given.get(f"{what}_max")
            if least is not None and most is not None and least >= most:
                self.add_error(f"{what}_max", _("Must be above the value it counts from."))
        return given

    def _post_clean(self) -> None:
        """A price that is known beforehand lies within the guardrails, and the site has the feeds it needs."""
        super()._post_clean()  # type: ignore[misc]  # django-stubs leaves it out
        if self.errors:
            return
        row, rails = self.instance, rails_of(self.rule_set)
        field = "amount" if row.action == PriceRule.Action.STEP else "percent"
        for problem in contradictions([rule_of(row)], rails.normal, rails.floor, rails.cap):
            self.add_error(field, problem)
        needs = rule_of(row).needs()
        for signal, feed, name in (
            ("grid_price", "grid_feed", "action"),
            ("queue", "queue_feed", "queue_min"),
        ):
            if signal in needs and getattr(self.rule_set, f"{feed}_id") is None:
                self.add_error(name, _("This site has no feed for it. Choose one in the guardrails first."))


class FeedForm(FormOfFeed):
    """A feed, and values for it if a file is given."""

    file = forms.FileField(
        label=gettext_lazy("Values"),
        required=False,
        help_text=gettext_lazy("CSV or JSON: `at` with its offset, and `value`, `per_kwh` or `per_mwh`."),
    )

    url = forms.URLField(
        label=gettext_lazy("Address"),
        required=False,
        assume_scheme="https",
        help_text=gettext_lazy("Asked every so often; it answers CSV or JSON. Empty: uploads only."),
    )

    class Meta:
        model = Feed
        fields = ("name", "kind", "url", "every_minutes", "max_age_minutes")
        labels: ClassVar[dict[str, Any]] = {
            "name": gettext_lazy("Name"),
            "kind": gettext_lazy("What it says"),
            "every_minutes": gettext_lazy("Ask every so many minutes"),
            "max_age_minutes": gettext_lazy("Stale after so many minutes"),
        }

    def __init__(self, organisation: Organisation, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.organisation = organisation
        self.values: dict[Any, Any] = {}
        if self.instance.pk and not self.instance._state.adding:
            self.fields["kind"].disabled = True

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        same = Feed.objects.of(self.organisation).filter(name=name).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError(_("There is a feed of this name already."))
        return name

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"])
        if url:
            try:
                check_url(url)
            except FetchError as error:
                raise ValidationError(str(error)) from error
        return url

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file is None:
            return None
        if (file.size or 0) > MAX_BYTES:
            raise ValidationError(_("The file is larger than 1 MB."))
        try:
            self.values = read_values(file.read().decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ValidationError(_("The file is not UTF-8 text.")) from error
        except FeedError as error:
            raise ValidationError(str(error)) from error
        return file
