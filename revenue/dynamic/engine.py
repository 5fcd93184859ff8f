"""The decision: rules, signals, history and the clock in; a price and its reasons out. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from zoneinfo import ZoneInfo

from revenue.dynamic.guardrails import Change, Guardrails, NoRoom, guarded
from revenue.dynamic.rules import Action, Rule, Verdict, contradictions, first_that_holds
from revenue.dynamic.signals import Signals

SLOT = timedelta(hours=1)
CLOCK_TOLERANCE = timedelta(seconds=5)


class Outcome(StrEnum):
    """Where a price comes from."""

    RULE = "rule"
    NORMAL = "normal"
    PLAN = "plan"
    EXPERIMENT = "experiment"
    FALLBACK = "fallback"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class History:
    """The decision before this one, and the day's prices since the last fallback."""

    slot: datetime | None = None
    decided_at: datetime | None = None
    price: Decimal | None = None
    today: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Planned:
    """A price that a plan or an experiment has set for the slot; it goes before the rules."""

    price: Decimal
    outcome: Outcome
    note: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The price per kWh of one slot. price None: nothing may be published for it any more."""

    slot: datetime
    outcome: Outcome
    price: Decimal | None
    wanted: Decimal | None = None
    rule: str = ""
    waives_idle: bool = False
    changes: tuple[Change, ...] = ()
    alerts: tuple[str, ...] = ()


def next_slot(now: datetime, notice: timedelta) -> datetime:
    """The first whole hour (UTC) that a price decided at `now` can still be announced for in time."""
    earliest = (now + notice).astimezone(UTC)
    whole = earliest.replace(minute=0, second=0, microsecond=0)
    return whole if whole == earliest else whole + SLOT


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision rests on. `zone` is the site's: rules speak of its wall clock."""

    rules: Sequence[Rule]
    rails: Guardrails
    signals: Signals
    now: datetime
    slot: datetime
    zone: ZoneInfo
    history: History = History()
    planned: Planned | None = None


def decide(given: Situation) -> Decision:
    """The price for the hour that starts at `slot`, decided at `now`.

    The price is always within floor and cap, and no more than a step away from the one before, or it is the
    normal price because something was in doubt; `alerts` then say what. Less notice than asked: no price.
    """
    slot, rails = given.slot, given.rails
    if slot - given.now < rails.notice:
        late = f"only {int((slot - given.now).total_seconds() // 60)} min ahead, the notice is longer"
        return Decision(slot, Outcome.REFUSED, None, alerts=(late,))
    doubt = clock_doubt(given.history, given.now, slot) or next(
        contradictions(given.rules, rails.normal, rails.floor, rails.cap), ""
    )
    return _fallback(slot, rails, doubt) if doubt else _judge(given)


def clock_doubt(history: History, now: datetime, slot: datetime) -> str:
    """Whether the clock went back, or hours went by without a decision; empty if neither."""
    if history.decided_at is not None and now < history.decided_at - CLOCK_TOLERANCE:
        return "the clock went back behind the last decision"
    if history.slot is not None and slot <= history.slot:
        return "the clock went back: later hours are decided already"
    if history.slot is not None and slot - history.slot > SLOT:
        hours = int((slot - history.slot) / SLOT) - 1
        return f"{hours} hours went by without a decision: the clock jumped, or the scheduler stood still"
    return ""


def _judge(given: Situation) -> Decision:
    slot, rails, planned = given.slot, given.rails, given.planned
    waiver = _first(given, waivers=True)
    alerts = (waiver.doubt,) if waiver.doubt else ()
    verdict = _first(given, waivers=False)
    if planned is None and verdict.doubt:
        return _fallback(slot, rails, verdict.doubt, *alerts)
    wanted, outcome, name = _wanted(rails, given.signals, verdict.rule, planned)
    if planned is not None and not rails.floor <= wanted <= rails.cap:
        return _fallback(slot, rails, f"the planned price {wanted:f} is outside floor and cap", *alerts)
    last = rails.normal if given.history.price is None else given.history.price
    try:
        price, changes = guarded(wanted, rails, last, given.history.today)
    except NoRoom as contradiction:
        return _fallback(slot, rails, str(contradiction), *alerts)
    waives = waiver.rule is not None
    return Decision(slot, outcome, price, wanted, name, waives, tuple(changes), alerts)


def _first(given: Situation, *, waivers: bool) -> Verdict:
    """Rules on the price and rules on the idle fee are judged apart: one of each may count."""
    rules = [rule for rule in given.rules if (rule.action is Action.WAIVE_IDLE) == waivers]
    return first_that_holds(rules, given.slot.astimezone(given.zone), given.signals, given.now)


def _wanted(
    rails: Guardrails, signals: Signals, rule: Rule | None, planned: Planned | None
) -> tuple[Decimal, Outcome, str]:
    if planned is not None:
        return planned.price, planned.outcome, planned.note
    if rule is None:
        return rails.normal, Outcome.NORMAL, ""
    return rule.price(rails.normal, signals), Outcome.RULE, rule.name


def _fallback(slot: datetime, rails: Guardrails, *alerts: str) -> Decision:
    """The normal price at once, whatever the step: the one price that needs no signal and no history."""
    return Decision(slot, Outcome.FALLBACK, rails.normal, alerts=tuple(alerts))
