"""From rows to what the engine takes: rules, guardrails, history."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max

from pricing.currency import minor_digits
from revenue.dynamic.engine import History, Outcome, Planned
from revenue.dynamic.guardrails import Guardrails
from revenue.dynamic.rules import Action, Band, Rule
from revenue.models import PlannedPrice, PriceDecision, PriceRule, RuleSet


def rails_of(rule_set: RuleSet) -> Guardrails:
    """The guardrails of a rule set. Raises ValueError for some that can't all hold."""
    digits = minor_digits(rule_set.tariff.currency, "currency")
    return Guardrails(
        normal=rule_set.normal_price,
        floor=rule_set.floor,
        cap=rule_set.cap,
        max_step=rule_set.max_step,
        max_step_day=rule_set.max_step_day,
        hysteresis=rule_set.hysteresis,
        notice=timedelta(minutes=rule_set.notice_minutes),
        unit=Decimal(1).scaleb(-digits),
    )


def rules_of(rule_set: RuleSet) -> list[Rule]:
    """The rules in their order."""
    rows = PriceRule.objects.of(rule_set.organisation_id).filter(rule_set=rule_set)
    return [rule_of(row) for row in rows]


def rule_of(row: PriceRule) -> Rule:
    return Rule(
        name=row.name,
        action=Action(row.action),
        percent=row.percent,
        amount=row.amount,
        days=frozenset(row.days),
        from_time=row.from_time,
        to_time=row.to_time,
        utilisation=_band(row.utilisation_min, row.utilisation_max),
        forecast=_band(row.forecast_min, row.forecast_max),
        queue=_band(row.queue_min, None),
        grid_price=_band(row.grid_min, row.grid_max),
        out_of_service=_band(row.out_of_service_min, None),
    )


def _band(minimum: Any, maximum: Any) -> Band:
    return Band(None if minimum is None else Decimal(minimum), None if maximum is None else Decimal(maximum))


def history_of(rule_set: RuleSet, slot: datetime) -> History:
    """The last decision since the rule set was switched on, and the prices of `slot`'s local day so far."""
    decisions = PriceDecision.objects.of(rule_set.organisation_id).filter(
        rule_set=rule_set, decided_at__gte=_switched_on(rule_set)
    )
    last = decisions.order_by("-slot").first()
    if last is None:
        return History()
    zone = ZoneInfo(rule_set.site.time_zone)
    midnight = slot.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    prices: list[Decimal] = []
    for one in decisions.filter(slot__gte=midnight, slot__lt=slot).order_by("slot"):
        # A return to the normal price in doubt starts the day anew: its jump must not use up the day's room.
        anew = one.outcome in (Outcome.FALLBACK, Outcome.REFUSED)
        prices = [*([] if anew else prices), _price_of(rule_set, one)]
    latest = decisions.aggregate(latest=Max("decided_at"))["latest"]
    return History(last.slot, latest, _price_of(rule_set, last), tuple(prices))


def _price_of(rule_set: RuleSet, decision: PriceDecision) -> Decimal:
    """What held in that hour: where nothing could be published, the normal price."""
    return rule_set.normal_price if decision.price is None else decision.price


def _switched_on(rule_set: RuleSet) -> datetime:
    event = rule_set.events.filter(kind="on").order_by("-at").first()
    return event.at if event is not None else rule_set.created_at


def planned_for(rule_set: RuleSet, slot: datetime) -> Planned | None:
    """What a plan or an experiment has set for the hour."""
    row = PlannedPrice.objects.of(rule_set.organisation_id).filter(rule_set=rule_set, slot=slot).first()
    return None if row is None else Planned(row.price, Outcome(row.origin), row.note)
