"""Dynamic prices in words: rules, what a guardrail did, and the sentence an owner would say first."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal import words
from portal.charts import Series, StackedBars, stacked_bars
from revenue.dynamic.preview import Hour
from revenue.models import PriceDecision, PriceRule, RuleSet

DAYS_LOOKED_BACK = 7


def per_kwh(price: Decimal, currency: str) -> str:
    """`0.45 EUR/kWh`."""
    return words.unit_price(price.normalize(), currency, "kWh")


def condition_words(rule: PriceRule, currency: str) -> str:
    """When a rule holds: `Mon–Fri, 17:00–20:00, from 80 % taken`; `always` without a condition."""
    return ", ".join([*_clock(rule), *_signals(rule, currency)]) or _("always")


def _clock(rule: PriceRule) -> list[str]:
    names = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    days = sorted(set(rule.days))
    said = []
    if len(days) > 2 and days == list(range(days[0], days[-1] + 1)):
        said.append(f"{names[days[0]]}–{names[days[-1]]}")
    elif days:
        said.append(" ".join(names[day] for day in days))
    if rule.from_time is not None and rule.to_time is not None:
        said.append(f"{rule.from_time:%H:%M}–{rule.to_time:%H:%M}")
    return said


def _signals(rule: PriceRule, currency: str) -> list[str]:
    texts = (
        (rule.utilisation_min, _("from %(value)s %% of ports taken")),
        (rule.utilisation_max, _("below %(value)s %% of ports taken")),
        (rule.forecast_min, _("from %(value)s %% expected")),
        (rule.forecast_max, _("below %(value)s %% expected")),
        (rule.queue_min, _("from %(value)s vehicles waiting")),
        (rule.out_of_service_min, _("from %(value)s ports out of service")),
    )
    said = [text % {"value": words.number(value)} for value, text in texts if value is not None]
    for price, text in (
        (rule.grid_min, _("grid from %(price)s")),
        (rule.grid_max, _("grid below %(price)s")),
    ):
        if price is not None:
            said.append(text % {"price": per_kwh(price, currency)})
    return said


def action_words(rule: PriceRule, currency: str) -> str:
    """What a rule does: `+10 %`, `−0.05 EUR/kWh`, `grid price + 10 % + 0.30 EUR/kWh`, `no idle fee`."""
    percent = f"{_signed(rule.percent)}{words.THIN_SPACE}%"
    amount = f"{_signed(rule.amount)}{words.THIN_SPACE}{currency}/kWh"
    if rule.action == PriceRule.Action.PERCENT:
        return percent
    if rule.action == PriceRule.Action.STEP:
        return amount
    if rule.action == PriceRule.Action.WAIVE_IDLE:
        return _("no idle fee")
    return _("grid price %(percent)s %(amount)s") % {"percent": percent, "amount": amount}


def _signed(value: Decimal) -> str:
    sign = "+" if value >= 0 else words.MINUS
    return f"{sign}{words.plain(abs(value))}"


def change_words(change: dict[str, Any], currency: str) -> str:
    """What one guardrail did to a price."""
    names = {
        "rounding": _("rounded"),
        "floor and cap": _("kept within lowest and highest price"),
        "step": _("kept to one step"),
        "day": _("kept to the day's range"),
        "hysteresis": _("too small a change, not made"),
    }
    before, after = (words.amount(Decimal(change[key]), currency) for key in ("from", "to"))
    return f"{names.get(change['guardrail'], change['guardrail'])}: {before} → {after}"


def outcome_words(outcome: str) -> str:
    return {
        "rule": _("Rule"),
        "normal": _("Normal price"),
        "plan": _("Plan"),
        "experiment": _("Experiment"),
        "fallback": _("Normal price, in doubt"),
        "refused": _("Not published"),
    }[outcome]


def sentence(rule_set: RuleSet, hours: Sequence[Hour], now: datetime | None = None) -> str:
    """What an owner would say first of a site's prices, with the decisions it rests on."""
    currency, zone = rule_set.tariff.currency, ZoneInfo(rule_set.site.time_zone)
    prices = [hour.price for hour in hours]
    span = {"low": per_kwh(min(prices), currency), "high": per_kwh(max(prices), currency)}
    if not rule_set.is_on:
        usual = _("The price stands still at the tariff %(name)s.") % {"name": rule_set.base.name}
        would = _("With these rules it would lie between %(low)s and %(high)s in the next 24 hours.") % span
        return f"{usual} {would}"
    here = _("Charging costs %(price)s now.") % {"price": per_kwh(hours[0].price, currency)}
    return " ".join([here, _what_next(hours, currency, zone), _basis(rule_set, now or timezone.now())])


def _what_next(hours: Sequence[Hour], currency: str, zone: ZoneInfo) -> str:
    change = next((hour for hour in hours if hour.price != hours[0].price), None)
    if change is None:
        return _("No change is in sight for 24 hours.")
    said = {
        "time": date_format(change.slot.astimezone(zone), "H:i"),
        "price": per_kwh(change.price, currency),
    }
    if change.announced:
        return _("From %(time)s it is %(price)s.") % said
    return _("From %(time)s it will probably be %(price)s.") % said


def _basis(rule_set: RuleSet, now: datetime) -> str:
    lately = PriceDecision.objects.of(rule_set.organisation_id).filter(
        rule_set=rule_set, decided_at__gte=now - timedelta(days=DAYS_LOOKED_BACK)
    )
    rows = list(lately.values_list("price", "before", "outcome"))
    moved = sum(price is not None and before is not None and price != before for price, before, _o in rows)
    doubt = sum(outcome in ("fallback", "refused") for _p, _b, outcome in rows)
    times = ngettext("once", "%(count)s times", moved) % {"count": words.number(moved)}
    decisions = ngettext("%(count)s decision", "%(count)s decisions", len(rows)) % {
        "count": words.number(len(rows))
    }
    told = _("In the last 7 days it moved %(times)s, by %(decisions)s") % {
        "times": times,
        "decisions": decisions,
    }
    return (
        f"{told}."
        if not doubt
        else f"{told}; {_('%(count)s of them in doubt.') % {'count': words.number(doubt)}}"
    )


def preview_chart(rule_set: RuleSet, hours: Sequence[Hour]) -> StackedBars:
    """Bars of the price by hour: announced ones, and those expected."""
    currency, zone = rule_set.tariff.currency, ZoneInfo(rule_set.site.time_zone)
    zero = Decimal(0)
    firm = tuple(hour.price if hour.announced else zero for hour in hours)
    expected = tuple(zero if hour.announced else hour.price for hour in hours)
    chart = stacked_bars(
        _("Price per kWh, the next 24 hours"),
        [date_format(hour.slot.astimezone(zone), "H:i") for hour in hours],
        [Series(_("Announced"), "energy", firm), Series(_("Expected"), "time", expected)],
        lambda price: words.unit_price(price, currency),
        axis=words.plain,
        description=_("Announced prices are published and hold. The others follow from the same rules and what "
                      "is expected of the site."),
        corner=_("From"),
    )  # fmt: skip
    # A sum of prices means nothing: the legend names the colours only.
    legend = tuple((kind, name, "") for kind, name, _sum in chart.legend)
    return StackedBars(**{**{f: getattr(chart, f) for f in chart.__dataclass_fields__}, "legend": legend})


def inputs_words(inputs: dict[str, Any], currency: str) -> str:
    """What was known when a price was decided: `25 % taken, 6 % expected, grid 0.067 EUR/kWh`."""
    texts = {
        "utilisation": _("%(value)s %% taken"),
        "forecast": _("%(value)s %% expected"),
        "queue": _("%(value)s waiting"),
        "grid_price": _("grid %(value)s"),
        "out_of_service": _("%(value)s out of service"),
    }
    said = []
    for name, text in texts.items():
        value = inputs.get(name, {}).get("value")
        if value is not None:
            number = Decimal(value)
            shown = per_kwh(number, currency) if name == "grid_price" else words.plain(number)
            said.append(text % {"value": shown})
    return ", ".join(said)
