"""The optimiser's schedules keep every guardrail and are never worse than the flat price where they say so."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pricing
from revenue.dynamic.guardrails import Guardrails, guarded
from revenue.dynamic.optimise import Ahead, Schedule, flattest, most_revenue
from revenue.replay.outcome import compare
from revenue.replay.prices import by_schedule, by_tariff, cost
from tests.builders import make_tariff_document
from tests.revenue.pasts import BY_HOUR, MONDAY_2024, make_past

ZONE = ZoneInfo("Europe/Amsterdam")
START = datetime(2024, 1, 1, tzinfo=UTC)


def rails_of(**changes: str) -> Guardrails:
    usual = {
        "normal": "0.50", "floor": "0.35", "cap": "0.70",
        "max_step": "0.08", "max_step_day": "0.20", "hysteresis": "0.02",
    }  # fmt: skip
    prices = {name: Decimal(value) for name, value in {**usual, **changes}.items()}
    return Guardrails(**prices, notice=timedelta(minutes=30))


def ahead_of(seed: int, hours: int = 72, cost_of_kwh: float = 0.2) -> Ahead:
    rng = np.random.default_rng(seed)
    kwh = BY_HOUR[np.arange(hours) % 24] * rng.gamma(4, 0.25, hours) * 10
    unit_cost = cost_of_kwh * rng.uniform(0, 2, hours)
    return Ahead(tuple(START + timedelta(hours=h) for h in range(hours)), kwh, unit_cost, ZONE)


def keeps(schedule: Schedule, ahead: Ahead, rails: Guardrails, last: Decimal) -> None:
    """Every price passes the engine's own guardrails unchanged, hour after hour."""
    today: tuple[Decimal, ...] = ()
    for slot, price, before in zip(ahead.slots, schedule.prices, (last, *schedule.prices), strict=False):
        if slot.astimezone(ZONE).hour == 0:
            today = ()
        settled, changes = guarded(price, rails, before, today)
        assert (settled, changes) == (price, [])
        today = (*today, price)


@given(
    st.integers(0, 10_000),
    st.sampled_from([-0.2, -0.5, -1.0, -1.5, -2.5]),
    st.sampled_from(["0.01", "0.03", "0.08", "0.20"]),
    st.sampled_from(["0.20", "0.35"]),
    st.sampled_from(["0.50", "0.46", "0.55"]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_schedule_passes_the_guardrails_unchanged(
    seed: int, elasticity: float, step: str, day: str, last: str
) -> None:
    rails = rails_of(max_step=step, max_step_day=day, hysteresis="0.01")
    ahead = ahead_of(seed, hours=30)
    for found in (most_revenue, flattest):
        schedule = found(ahead, rails, elasticity, Decimal(last))
        if any(price != rails.normal for price in schedule.prices):
            keeps(schedule, ahead, rails, Decimal(last))
        assert all(rails.floor <= price <= rails.cap for price in schedule.prices)


@pytest.mark.parametrize("elasticity", [-0.2, -0.5, -1.0, -1.8])
def test_in_replay_it_never_earns_less_than_the_flat_price_whatever_demand_comes(elasticity: float) -> None:
    """200 futures that have nothing to do with the forecast, at the assumed elasticity."""
    rails, ahead = rails_of(), ahead_of(1)
    schedule = most_revenue(ahead, rails, elasticity, rails.normal)
    prices = np.array([float(price) for price in schedule.prices])
    ratio = (prices / 0.5) ** elasticity
    for seed in range(200):
        came = np.random.default_rng(seed).gamma(0.3, 30, len(prices))
        earned = ((prices - ahead.unit_cost) * came * ratio).sum()
        assert earned >= ((0.5 - ahead.unit_cost) * came).sum() - 1e-9
    assert schedule.margin > schedule.margin_flat


@pytest.mark.parametrize("elasticity", [-0.5, -1.4])
def test_sessions_of_the_past_replayed_under_it_bring_no_less(elasticity: float) -> None:
    """Through the price engine and the replay, session by session: 20 pasts, energy at no cost, no other fee."""
    rails = rails_of()
    document = make_tariff_document("0.50", tax=None)
    flat = pricing.Tariff.from_json(document)
    hours = 7 * 24
    for seed in range(20):
        ahead = ahead_of(seed, hours, cost_of_kwh=0.0)
        schedule = most_revenue(ahead, rails, elasticity, rails.normal)
        price_at = dict(zip(ahead.slots, schedule.prices, strict=True))
        past = make_past(400, seed, weeks=1)
        assert past.start.min() >= MONDAY_2024
        before = cost(past, by_tariff(past, flat))
        after = cost(past, by_schedule(past, document, lambda slot, p=price_at: (p[slot], False)))  # type: ignore[misc]
        report = compare(past, before, after, (elasticity,))
        assert report.outcomes[0].net_minor >= report.before.net_minor


def test_it_finds_what_trying_everything_finds() -> None:
    rails = rails_of(floor="0.46", cap="0.54", max_step="0.03", max_step_day="0.04", hysteresis="0.01")
    ahead = ahead_of(3, hours=4)
    levels = [Decimal(n) / 100 for n in range(46, 55)]

    def margin(path: tuple[Decimal, ...]) -> float:
        p = np.array([float(x) for x in path])
        return float(((p - ahead.unit_cost) * ahead.kwh * (p / 0.5) ** -1.2).sum())

    def fits(path: tuple[Decimal, ...]) -> bool:
        steps = (abs(b - a) for a, b in pairwise((rails.normal, *path)))
        # START is 01:00 in Amsterdam: the day's range counts from its first hour on
        return all(s <= rails.max_step for s in steps) and max(path) - min(path) <= rails.max_step_day

    flat_per_kwh = 0.5 - ahead.unit_cost
    per_kwh = {p: (float(p) - ahead.unit_cost) * (float(p) / 0.5) ** -1.2 for p in levels}
    allowed = [
        path
        for path in product(levels, repeat=4)
        if fits(path) and all(per_kwh[p][h] >= flat_per_kwh[h] - 1e-9 for h, p in enumerate(path))
    ]
    best = max(allowed, key=margin)
    found = most_revenue(ahead, rails, -1.2, rails.normal)
    assert margin(found.prices) == pytest.approx(margin(best))
    assert found.margin == pytest.approx(margin(found.prices))


@pytest.mark.parametrize("seed", range(5))
def test_flattening_lowers_the_peak_without_lowering_expected_revenue(seed: int) -> None:
    ahead = ahead_of(seed, cost_of_kwh=0.0)
    schedule = flattest(ahead, rails_of(), -0.8, Decimal("0.50"))
    assert schedule.margin >= schedule.margin_flat - 1e-6
    assert schedule.peak_kwh < schedule.peak_kwh_flat


def test_with_nothing_to_gain_the_price_stays() -> None:
    rails, ahead = rails_of(), ahead_of(1, hours=24, cost_of_kwh=0.0)
    schedule = most_revenue(ahead, rails, -1.0, rails.normal)
    assert schedule.margin == pytest.approx(schedule.margin_flat)


def test_inelastic_demand_goes_to_the_cap_as_the_page_warns() -> None:
    rails, ahead = rails_of(max_step_day="0.35"), ahead_of(2, hours=48, cost_of_kwh=0.0)
    schedule = most_revenue(ahead, rails, -0.3, rails.normal)
    assert schedule.prices[-1] == rails.cap
