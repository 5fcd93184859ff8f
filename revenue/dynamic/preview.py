"""The next 24 hours: what is announced already, and what is expected of the rest by the same rules."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils import timezone

from revenue.dynamic.engine import SLOT, Decision, History, Outcome, Planned, Situation, decide
from revenue.dynamic.expected import Outlook, outlook_for
from revenue.dynamic.guardrails import Guardrails
from revenue.dynamic.observing import observe
from revenue.dynamic.reading import history_of, rails_of, rules_of
from revenue.dynamic.rules import Rule
from revenue.dynamic.signals import FORECAST, GRID_PRICE, NAMES, UTILISATION, Observation, Signals
from revenue.models import FeedValue, PlannedPrice, PriceDecision, RuleSet

HOURS = 24
EVER = timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of the preview. `announced`: a published price; otherwise what the rules would say."""

    slot: datetime
    price: Decimal
    announced: bool
    outcome: str
    rule: str
    waives_idle: bool


def preview(rule_set: RuleSet, now: datetime | None = None, hours: int = HOURS) -> list[Hour]:
    """Hour by hour from the running one on. In a rule set that is off: what it would do from now on."""
    now = now or timezone.now()
    rails = rails_of(rule_set)
    start = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    slots = [start + SLOT * number for number in range(hours)]
    known = _announced(rule_set, slots) if rule_set.is_on else {}
    expect = _Expectation(rule_set, now, slots)
    history = history_of(rule_set, start) if rule_set.is_on else History()
    price = rails.normal if history.price is None else history.price
    today = history.today
    found = []
    for slot in slots:
        if _begins_local_day(slot, expect.zone):
            today = ()
        hour = known.get(slot) or expect.hour(slot, rails, price, today)
        price = hour.price
        today = (price,) if hour.outcome == Outcome.FALLBACK else (*today, price)
        found.append(hour)
    return found


def _announced(rule_set: RuleSet, slots: list[datetime]) -> dict[datetime, Hour]:
    decisions = PriceDecision.objects.of(rule_set.organisation_id).filter(
        rule_set=rule_set, slot__gte=slots[0], slot__lte=slots[-1]
    )
    return {
        one.slot: Hour(
            one.slot,
            rule_set.normal_price if one.price is None else one.price,
            announced=True,
            outcome=one.outcome,
            rule=one.rule,
            waives_idle=one.waives_idle,
        )
        for one in decisions
    }


def _begins_local_day(slot: datetime, zone: ZoneInfo) -> bool:
    return slot.astimezone(zone).date() != (slot - SLOT).astimezone(zone).date()


class _Expectation:
    """The engine on expected signals: the forecast stands for utilisation, the rest stays as it is now."""

    def __init__(self, rule_set: RuleSet, now: datetime, slots: list[datetime]) -> None:
        self.zone = ZoneInfo(rule_set.site.time_zone)
        self.rules: list[Rule] = rules_of(rule_set)
        self.outlook: Outlook = outlook_for(rule_set.site, now)
        self.signals = observe(rule_set, slots[0], now, self.outlook)
        self.now = now
        self.grid = _grid_prices(rule_set, slots)
        self.plans = {
            row.slot: Planned(row.price, Outcome(row.origin), row.note)
            for row in PlannedPrice.objects.of(rule_set.organisation_id).filter(
                rule_set=rule_set, slot__gte=slots[0], slot__lte=slots[-1]
            )
        }

    def hour(self, slot: datetime, rails: Guardrails, price: Decimal, today: tuple[Decimal, ...]) -> Hour:
        moment = slot - rails.notice
        history = History(slot - SLOT, moment - SLOT, price, today)
        given = Situation(
            self.rules,
            rails,
            self._signals(slot, moment),
            moment,
            slot,
            self.zone,
            history,
            self.plans.get(slot),
        )
        made: Decision = decide(given)
        settled = rails.normal if made.price is None else made.price
        return Hour(slot, settled, False, str(made.outcome), made.rule, made.waives_idle)

    def _signals(self, slot: datetime, moment: datetime) -> Signals:
        expected = Observation(self.outlook.utilisation(slot), moment, EVER)
        at_hand = {
            name: replace(one, measured_at=moment)
            for name in NAMES
            if (one := self.signals.observations.get(name)) is not None and not one.fault(self.now)
        }
        if expected.value is not None:
            at_hand[UTILISATION] = at_hand[FORECAST] = expected
        if slot in self.grid:
            at_hand[GRID_PRICE] = Observation(self.grid[slot], moment, EVER)
        else:
            at_hand.pop(GRID_PRICE, None)
        return Signals(at_hand)


def _grid_prices(rule_set: RuleSet, slots: list[datetime]) -> dict[datetime, Decimal]:
    if rule_set.grid_feed_id is None:
        return {}
    values = FeedValue.objects.of(rule_set.organisation_id).filter(
        feed=rule_set.grid_feed_id, at__gte=slots[0], at__lte=slots[-1]
    )
    return dict(values.values_list("at", "value"))
