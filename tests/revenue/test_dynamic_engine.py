"""The guardrails hold whatever the rules, signals, history and clocks say; in doubt it is the normal price."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revenue.dynamic.engine import SLOT, Decision, History, Outcome, Planned, Situation, decide, next_slot
from revenue.dynamic.guardrails import Guardrails
from revenue.dynamic.rules import Action, Band, Rule, shadowed
from revenue.dynamic.signals import FORECAST, GRID_PRICE, NAMES, UTILISATION, Observation, Signals

ZONE = ZoneInfo("Europe/Amsterdam")
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)  # a Monday, 13:00 in Amsterdam
HOUR = timedelta(hours=1)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine


def cents(low: int, high: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda number: Decimal(number) / 100)


@st.composite
def some_rails(draw: st.DrawFn) -> Guardrails:
    floor, above, cap_above = draw(cents(0, 50)), draw(cents(0, 50)), draw(cents(0, 50))
    step = draw(cents(1, 30))
    return Guardrails(
        normal=floor + above,
        floor=floor,
        cap=floor + above + cap_above,
        max_step=step,
        max_step_day=step + draw(cents(0, 40)),
        hysteresis=min(step, draw(cents(0, 5))),
        notice=timedelta(minutes=draw(st.integers(5, 180))),
    )


some_bands = st.builds(Band, st.none() | cents(0, 12_000), st.none() | st.integers(0, 120).map(Decimal))
some_rules = st.lists(
    st.builds(
        Rule,
        name=st.sampled_from(["night", "full", "cheap grid"]),
        action=st.sampled_from(Action),
        percent=cents(-20_000, 50_000),
        amount=cents(-300, 300),
        days=st.frozensets(st.integers(0, 6), max_size=3),
        from_time=st.none() | st.just(time(7)),
        to_time=st.just(time(22)),
        utilisation=some_bands,
        forecast=some_bands,
        grid_price=some_bands,
    ),
    max_size=4,
)
some_signals = st.dictionaries(
    st.sampled_from(NAMES),
    st.builds(
        Observation,
        st.none() | st.sampled_from([Decimal("NaN"), Decimal("Infinity")]) | cents(-500, 100_000_000),
        st.none() | st.integers(-600, 600).map(lambda minutes: NOON + timedelta(minutes=minutes)),
        st.just(HOUR),
    ),
).map(Signals)
some_history = st.builds(
    History,
    slot=st.none() | st.integers(-5, 5).map(lambda hours: NOON + hours * HOUR),
    decided_at=st.none() | st.integers(-300, 300).map(lambda minutes: NOON + timedelta(minutes=minutes)),
    price=st.none() | cents(0, 200),
    today=st.lists(cents(0, 200), max_size=4).map(tuple),
)
some_plan = st.none() | st.builds(Planned, cents(-50, 250), st.just(Outcome.PLAN))


@PATIENT
@given(some_rails(), some_rules, some_signals, some_history, some_plan, st.integers(-10_000, 10_000))
def test_no_input_whatever_moves_the_price_beyond_a_guardrail(
    rails: Guardrails,
    rules: list[Rule],
    signals: Signals,
    history: History,
    planned: Planned | None,
    off_by_s: int,
) -> None:
    now = NOON + timedelta(seconds=off_by_s)
    slot = next_slot(now, rails.notice)
    decision = decide(Situation(rules, rails, signals, now, slot, ZONE, history, planned))
    assert decision.price is not None
    assert slot - now >= rails.notice
    assert rails.floor <= decision.price <= rails.cap
    if decision.outcome is Outcome.FALLBACK:
        assert decision.price == rails.normal
        assert decision.alerts
        return
    last = rails.normal if history.price is None else history.price
    assert abs(decision.price - last) <= rails.max_step
    assert (
        abs(decision.price - last) == 0 or abs(decision.price - last) >= rails.hysteresis or decision.changes
    )
    day = (*history.today, decision.price)
    assert max(day) - min(day) <= rails.max_step_day


@PATIENT
@given(some_rails(), some_rules, some_signals, st.integers(-3600, 3600))
def test_less_notice_than_promised_publishes_nothing(
    rails: Guardrails, rules: list[Rule], signals: Signals, seconds_late: int
) -> None:
    slot = NOON + rails.notice
    now = NOON + timedelta(seconds=seconds_late)
    decision = decide(Situation(rules, rails, signals, now, slot, ZONE))
    assert (decision.price is None) == (seconds_late > 0)
    assert (decision.outcome is Outcome.REFUSED) == (seconds_late > 0)


@PATIENT
@given(some_rails(), some_rules, some_signals)
def test_a_day_of_decisions_in_a_row_never_breaks_a_guardrail(
    rails: Guardrails, rules: list[Rule], signals: Signals
) -> None:
    history, slot, since_doubt = History(), NOON, [rails.normal]
    for _ in range(12):
        now = slot - rails.notice
        decision = decide(Situation(rules, rails, signals, now, slot, ZONE, history))
        assert decision.price is not None
        fell_back = decision.outcome is Outcome.FALLBACK
        since_doubt = [decision.price] if fell_back else [*since_doubt, decision.price]
        assert max(since_doubt) - min(since_doubt) <= rails.max_step_day
        today = (decision.price,) if fell_back else (*history.today, decision.price)
        history, slot = History(slot, now, decision.price, today), slot + SLOT


# What each single thing does


RAILS = Guardrails(
    normal=Decimal("0.50"),
    floor=Decimal("0.30"),
    cap=Decimal("0.80"),
    max_step=Decimal("0.10"),
    max_step_day=Decimal("0.20"),
    hysteresis=Decimal("0.02"),
    notice=timedelta(minutes=30),
)
BUSY = Rule("busy", Action.PERCENT, percent=Decimal(20), utilisation=Band(Decimal(80)))


def made(*rules: Rule, rails: Guardrails = RAILS, **more: Any) -> Decision:
    """The decision at 12:00 for 13:00 UTC."""
    signals = more.pop("signals", Signals())
    return decide(Situation(rules, rails, signals, NOON, NOON + HOUR, ZONE, **more))


def seen(**values: str) -> Signals:
    return Signals({name: Observation(Decimal(value), NOON, HOUR) for name, value in values.items()})


def test_a_rule_that_holds_sets_the_price_and_is_named() -> None:
    decision = made(BUSY, signals=seen(utilisation="85"))
    assert (decision.outcome, decision.price, decision.rule) == (Outcome.RULE, Decimal("0.60"), "busy")
    assert decision.changes == ()


def test_nothing_holds_nothing_moves() -> None:
    decision = made(BUSY, signals=seen(utilisation="79.9"))
    assert (decision.outcome, decision.price, decision.alerts) == (Outcome.NORMAL, Decimal("0.50"), ())


def test_the_first_rule_that_holds_counts() -> None:
    cheap = Rule("always cheaper", Action.STEP, amount=Decimal("-0.05"))
    assert made(BUSY, cheap, signals=seen(utilisation="85")).rule == "busy"
    assert made(BUSY, cheap, signals=seen(utilisation="10")).rule == "always cheaper"


def test_rules_follow_the_sites_wall_clock() -> None:
    evening = Rule("evening", Action.STEP, amount=Decimal("0.05"), from_time=time(14), to_time=time(15))
    assert made(evening).rule == "evening"  # 13:00 UTC is 14:00 in Amsterdam
    tuesdays = Rule("Tuesday", Action.STEP, amount=Decimal("0.05"), days=frozenset({1}))
    assert made(tuesdays).rule == ""


def test_a_window_over_midnight_holds_on_both_sides() -> None:
    night = Rule("night", Action.STEP, from_time=time(22), to_time=time(6))
    at = datetime(2024, 1, 1, tzinfo=ZONE)
    hours = [hour for hour in range(24) if night.on_the_clock(at.replace(hour=hour))]
    assert hours == [0, 1, 2, 3, 4, 5, 22, 23]


def test_cost_plus_follows_the_grid_and_stops_at_the_cap() -> None:
    rule = Rule("cost plus", Action.COST_PLUS, percent=Decimal(10), amount=Decimal("0.35"))
    assert made(rule, signals=seen(grid_price="0.10")).price == Decimal("0.46")
    spike = made(rule, signals=seen(grid_price="3.00"), history=History(NOON, NOON, Decimal("0.75")))
    assert spike.price == RAILS.cap
    assert [change.guardrail for change in spike.changes] == ["floor and cap"]


def test_the_step_limits_and_the_log_says_so() -> None:
    rule = Rule("half price", Action.PERCENT, percent=Decimal(-30))
    decision = made(rule)
    assert decision.price == Decimal("0.40")
    assert [(c.guardrail, c.before, c.after) for c in decision.changes] == [
        ("step", Decimal("0.35"), Decimal("0.40"))
    ]


def test_the_days_room_is_used_up() -> None:
    rule = Rule("up", Action.PERCENT, percent=Decimal(50))
    before = History(NOON, NOON, Decimal("0.55"), (Decimal("0.40"), Decimal("0.50"), Decimal("0.55")))
    decision = made(rule, history=before)
    assert decision.price == Decimal("0.60")
    assert decision.changes[-1].guardrail == "day"


def test_small_changes_are_not_made() -> None:
    rule = Rule("a cent", Action.STEP, amount=Decimal("0.01"))
    decision = made(rule)
    assert decision.price == Decimal("0.50")
    assert decision.changes[-1].guardrail == "hysteresis"


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        (Signals(), "missing"),
        (Signals({UTILISATION: Observation(None, NOON, HOUR)}), "missing"),
        (Signals({UTILISATION: Observation(Decimal(90), NOON - 2 * HOUR, HOUR)}), "stale: 120 min old"),
        (Signals({UTILISATION: Observation(Decimal(90), NOON + HOUR, HOUR)}), "from the future"),
        (Signals({UTILISATION: Observation(Decimal("NaN"), NOON, HOUR)}), "not a number"),
    ],
)
def test_a_signal_one_cannot_trust_brings_the_normal_price_and_an_alert(signals: Signals, words: str) -> None:
    decision = made(BUSY, signals=signals, history=History(NOON, NOON, Decimal("0.80")))
    assert (decision.outcome, decision.price) == (Outcome.FALLBACK, Decimal("0.50"))
    assert "'busy'" in decision.alerts[0]
    assert words in decision.alerts[0]


def test_a_missing_signal_does_not_matter_where_another_condition_rules_the_rule_out() -> None:
    both = Rule("both", Action.STEP, utilisation=Band(Decimal(80)), grid_price=Band(Decimal("0.2")))
    decision = made(both, signals=seen(utilisation="10"))
    assert (decision.outcome, decision.alerts) == (Outcome.NORMAL, ())
    at_night = Rule("night", Action.STEP, from_time=time(2), to_time=time(3), forecast=Band(Decimal(1)))
    assert made(at_night).outcome is Outcome.NORMAL
    assert {UTILISATION, GRID_PRICE} == set(both.needs())
    assert at_night.needs() == [FORECAST]


@pytest.mark.parametrize(
    ("history", "words"),
    [
        (History(NOON, NOON + timedelta(minutes=1), Decimal("0.60")), "went back behind"),
        (History(NOON + HOUR, NOON, Decimal("0.60")), "later hours are decided"),
        (History(NOON - 5 * HOUR, NOON - 6 * HOUR, Decimal("0.60")), "5 hours went by"),
    ],
)
def test_a_clock_that_jumped_brings_the_normal_price_and_an_alert(history: History, words: str) -> None:
    decision = made(history=history)
    assert (decision.outcome, decision.price) == (Outcome.FALLBACK, Decimal("0.50"))
    assert words in decision.alerts[0]


def test_a_rule_that_contradicts_a_guardrail_brings_the_normal_price_and_an_alert() -> None:
    decision = made(Rule("double", Action.PERCENT, percent=Decimal(100)))
    assert (decision.outcome, decision.price) == (Outcome.FALLBACK, Decimal("0.50"))
    assert decision.alerts == ("rule 'double' asks for 1, outside 0.30 to 0.80",)


def test_guardrails_that_leave_no_price_bring_the_normal_price_and_an_alert() -> None:
    decision = made(history=History(NOON, NOON, Decimal("1.50")))  # the cap was lowered since
    assert decision.outcome is Outcome.FALLBACK
    assert "contradict each other" in decision.alerts[0]


def test_a_plan_goes_before_the_rules_and_keeps_within_the_guardrails() -> None:
    decision = made(
        BUSY, signals=seen(utilisation="85"), planned=Planned(Decimal("0.35"), Outcome.PLAN, "Plan")
    )
    assert (decision.outcome, decision.price, decision.wanted) == (
        Outcome.PLAN, Decimal("0.40"), Decimal("0.35"),
    )  # fmt: skip
    outside = made(planned=Planned(Decimal("0.95"), Outcome.EXPERIMENT))
    assert (outside.outcome, outside.price) == (Outcome.FALLBACK, Decimal("0.50"))


def test_the_idle_fee_is_waived_beside_the_price() -> None:
    quiet = Rule("quiet", Action.WAIVE_IDLE, utilisation=Band(None, Decimal(30)))
    decision = made(quiet, BUSY, signals=seen(utilisation="20"))
    assert decision.waives_idle
    assert decision.outcome is Outcome.NORMAL
    assert not made(quiet, BUSY, signals=seen(utilisation="85")).waives_idle


@pytest.mark.parametrize(
    "wrong",
    [
        {"floor": Decimal("-0.01")},
        {"floor": Decimal("0.60")},
        {"cap": Decimal("0.40")},
        {"max_step": Decimal(0)},
        {"max_step_day": Decimal("0.05")},
        {"hysteresis": Decimal("0.20")},
        {"notice": timedelta(0)},
    ],
)
def test_guardrails_that_cannot_all_hold_are_refused_by_field(wrong: dict[str, Any]) -> None:
    usual = {name: getattr(RAILS, name) for name in Guardrails.__slots__}
    with pytest.raises(ValueError, match=rf"^({next(iter(wrong))}|normal):"):
        Guardrails(**{**usual, **wrong})


def test_a_rule_behind_a_wider_one_is_told() -> None:
    wide, narrow = Rule("wide", Action.STEP), Rule("narrow", Action.STEP, days=frozenset({1}))
    assert list(shadowed([wide, narrow])) == [(narrow, wide)]
    assert list(shadowed([narrow, wide])) == []


@PATIENT
@given(some_rails(), st.integers(0, 100_000))
def test_the_next_hour_is_whole_and_the_first_that_leaves_the_notice(rails: Guardrails, second: int) -> None:
    now = NOON + timedelta(seconds=second)
    slot = next_slot(now, rails.notice)
    assert slot.minute == slot.second == slot.microsecond == 0
    assert timedelta(0) <= slot - now - rails.notice < SLOT
