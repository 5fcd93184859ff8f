"""A plan for the coming days: proposed by the optimiser, published by the owner, carried out hour by hour.

A plan goes before the rules, and through the same guardrails and the same log as any price.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from revenue.dynamic.engine import SLOT, next_slot
from revenue.dynamic.expected import outlook_for
from revenue.dynamic.optimise import Ahead, Schedule, flattest, most_revenue
from revenue.dynamic.reading import rails_of
from revenue.dynamic.switching import record
from revenue.models import FeedValue, PlannedPrice, RuleSet, RuleSetEvent

REVENUE, FLAT = "revenue", "flat"
MOST_DAYS = 7


class CannotPlan(Exception):
    """Why there is no plan, in words for the owner."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A proposal. basis: what the expected demand rests on, in words; costed: whether grid prices are known."""

    ahead: Ahead
    schedule: Schedule
    basis: str
    costed: bool


def propose(
    rule_set: RuleSet, objective: str, elasticity: float, days: int, now: datetime | None = None
) -> Plan:
    """The best schedule from the next local midnight on. Raises CannotPlan without enough of a past."""
    now = now or timezone.now()
    slots = _slots(rule_set, now, days)
    outlook = outlook_for(rule_set.site, now)
    kwh = np.array([outlook.started_kwh(slot) for slot in slots])
    if not kwh.sum():
        raise CannotPlan("Too little is known of this site's demand. Come back after two weeks of sessions.")
    grid = _grid(rule_set, slots)
    cost = np.array([float(grid.get(slot, Decimal(0))) for slot in slots])
    ahead = Ahead(tuple(slots), kwh, cost, ZoneInfo(rule_set.site.time_zone))
    find = most_revenue if objective == REVENUE else flattest
    # The evening before is left to the rules: the plan begins where they would be without any.
    schedule = find(ahead, rails_of(rule_set), elasticity, rule_set.normal_price)
    return Plan(ahead, schedule, outlook.basis, bool(grid))


def _slots(rule_set: RuleSet, now: datetime, days: int) -> list[datetime]:
    """Whole hours from the next local midnight that can still be announced, for `days` local days."""
    zone = ZoneInfo(rule_set.site.time_zone)
    earliest = next_slot(now, timedelta(minutes=rule_set.notice_minutes)).astimezone(zone)
    first = earliest.date() + timedelta(days=1)
    begin, end = (
        datetime.combine(day, datetime.min.time(), zone).astimezone(UTC)
        for day in (first, first + timedelta(days=min(days, MOST_DAYS)))
    )
    begin = begin.replace(minute=0)
    return [begin + SLOT * number for number in range(round((end - begin) / SLOT))]


def _grid(rule_set: RuleSet, slots: Sequence[datetime]) -> dict[datetime, Decimal]:
    """Grid prices by hour; hours that are not known yet count with the mean of those that are."""
    if rule_set.grid_feed_id is None:
        return {}
    values = FeedValue.objects.of(rule_set.organisation_id).filter(
        feed=rule_set.grid_feed_id, at__gte=slots[0], at__lte=slots[-1]
    )
    known = dict(values.values_list("at", "value"))
    if not known:
        return {}
    mean = sum(known.values(), Decimal(0)) / len(known)
    return {slot: known.get(slot, mean) for slot in slots}


@transaction.atomic
def publish_plan(
    rule_set: RuleSet, prices: Sequence[tuple[datetime, Decimal]], user: User | None = None
) -> int:
    """Plan these prices instead of what an earlier plan said of the same hours. Returns how many.

    Hours of a running experiment keep its prices. Raises CannotPlan for prices outside floor and cap.
    """
    RuleSet.objects.of(rule_set.organisation_id).select_for_update().get(pk=rule_set.pk)
    now = timezone.now()
    if any(not rule_set.floor <= price <= rule_set.cap for _slot, price in prices):
        raise CannotPlan("A price of this plan is outside the guardrails by now. Ask for a new proposal.")
    coming = [(slot, price) for slot, price in prices if slot > now]
    own = PlannedPrice.objects.of(rule_set.organisation_id).filter(
        rule_set=rule_set, slot__in=[slot for slot, _price in coming]
    )
    own.filter(origin=PlannedPrice.Origin.PLAN).delete()
    taken = set(own.values_list("slot", flat=True))
    rows = PlannedPrice.objects.bulk_create(
        PlannedPrice(
            organisation_id=rule_set.organisation_id,
            rule_set=rule_set,
            slot=slot,
            price=price,
            origin=PlannedPrice.Origin.PLAN,
            note="Plan",
        )
        for slot, price in coming
        if slot not in taken
    )
    detail = {"hours": len(rows), "from": prices[0][0].isoformat()} if prices else {"hours": 0}
    record(rule_set, RuleSetEvent.Kind.PLANNED, user, detail)
    return len(rows)
