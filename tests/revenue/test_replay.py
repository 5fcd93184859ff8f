"""A replay prices the past as the price engine does, to the cent, and says what rests on which assumption."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

import pricing
from charging import rating
from charging.models import ChargingSession, PricedSession
from revenue.dynamic.guardrails import Guardrails
from revenue.dynamic.rules import Action, Band, Rule
from revenue.replay.loading import past_of
from revenue.replay.outcome import compare, daily_peak, weights
from revenue.replay.past import Past
from revenue.replay.prices import (
    Costs,
    Window,
    as_it_was,
    by_rules,
    by_tariff,
    by_window,
    cost,
    hours_of_week,
    occupancy_at,
    rule_prices,
    scaled,
)
from revenue.replay.run import CannotReplay, basis_of, really_paid, replay_tariff, replay_window
from tests.builders import MONDAY, make_driver, make_session, make_site, make_tariff_document
from tests.revenue.pasts import make_past
from tests.revenue.pricing_world import make_place

DOCUMENT = make_tariff_document("0.50", parking="3.00", flat="0.30")
TARIFF = pricing.Tariff.from_json(DOCUMENT)
RAILS = Guardrails(
    normal=Decimal("0.50"),
    floor=Decimal("0.30"),
    cap=Decimal("0.80"),
    max_step=Decimal("0.10"),
    max_step_day=Decimal("0.40"),
    hysteresis=Decimal("0.01"),
    notice=timedelta(minutes=30),
)


def one(past: Past, i: int) -> pricing.Session:
    return past.columns(np.array([i])).session(0)


def test_the_same_tariff_brings_the_same_to_the_cent_under_any_elasticity() -> None:
    past = make_past(500)
    before = cost(past, as_it_was(past, [TARIFF]))
    report = compare(past, before, cost(past, by_tariff(past, TARIFF)))
    assert {(o.net_minor, o.energy_wh, o.daily_peak) for o in report.outcomes} == {
        (report.before.net_minor, report.before.energy_wh, report.before.daily_peak)
    }
    assert (report.split.more, report.split.less) == (0, 0)


def test_every_session_costs_what_the_price_engine_says() -> None:
    past = make_past(200)
    evening = {
        "price_components": [{"type": "ENERGY", "price": 0.61, "vat": 20}],
        "restrictions": {"start_time": "17:00", "end_time": "20:00"},
    }
    bands = {**DOCUMENT, "elements": [evening, *DOCUMENT["elements"]]}
    tariff = pricing.Tariff.from_json(bands)
    costs = cost(past, by_tariff(past, tariff))
    for i in range(len(past)):
        priced = pricing.price(tariff, one(past, i), past.zone)
        assert (costs.net[i], costs.tax[i]) == (priced.net_minor, priced.tax_minor)


def test_a_window_changes_the_sessions_that_start_in_it_and_no_other() -> None:
    past = make_past(300)
    before = cost(past, as_it_was(past, [TARIFF]))
    window = Window(time(6), time(10), frozenset({0, 1, 2, 3, 4}))
    after = cost(past, by_window(past, [DOCUMENT], window, Decimal(-20)))
    cheaper = pricing.Tariff.from_json(scaled(DOCUMENT, Decimal(-20)))
    for i in range(len(past)):
        local = datetime.fromtimestamp(int(past.start[i]), past.zone)
        inside = local.weekday() < 5 and 6 <= local.hour < 10
        expected = pricing.price(cheaper if inside else TARIFF, one(past, i), past.zone)
        assert after.net[i] == expected.net_minor
    assert (after.gross < before.gross).any()
    assert (after.gross > before.gross).sum() == 0


def test_rules_are_replayed_hour_by_hour_from_what_was_known_then() -> None:
    past = make_past(2_000, ports=4)
    busy = Rule("busy", Action.PERCENT, percent=Decimal(20), utilisation=Band(Decimal(75)))
    night = Rule("night", Action.PERCENT, percent=Decimal(-20), from_time=time(23), to_time=time(5))
    prices = rule_prices(past, [busy, night], RAILS, {})
    hours = sorted(prices)
    assert {price for price, _waived in prices.values()} >= {
        Decimal("0.40"),
        Decimal("0.50"),
        Decimal("0.60"),
    }
    steps = [abs(prices[b][0] - prices[a][0]) for a, b in pairwise(hours)]
    assert max(steps) <= RAILS.max_step
    moments = np.array([int(hour.timestamp()) - 1800 for hour in hours])
    taken = occupancy_at(past, moments)
    full = [hour for hour, busy_ports in zip(hours, taken, strict=True) if busy_ports >= 3]
    calm = [prices[hour][0] for hour in full if prices[hour - timedelta(hours=1)][0] == Decimal("0.50")]
    assert calm
    assert set(calm) == {Decimal("0.60")}
    costs = cost(past, by_rules(past, DOCUMENT, [busy, night], RAILS))
    for i in range(0, len(past), 50):
        slot = datetime.fromtimestamp(int(past.start[i]) // 3600 * 3600, UTC)
        document = make_tariff_document(str(prices[slot][0]), parking="3.00", flat="0.30")
        expected = pricing.price(pricing.Tariff.from_json(document), one(past, i), past.zone)
        assert costs.net[i] == expected.net_minor


def test_occupancy_counts_the_sessions_that_run() -> None:
    past = make_past(50)
    moments = past.start[::7] + 10
    expected = [int(((past.start <= m) & (past.start + past.length > m)).sum()) for m in moments]
    assert occupancy_at(past, moments).tolist() == expected


def test_an_elasticity_makes_dearer_sessions_rarer_and_cheaper_ones_more_frequent() -> None:
    old = Costs(np.array([100, 100, 0, 100]), np.zeros(4, np.int64), 0)
    new = Costs(np.array([200, 50, 100, 0]), np.zeros(4, np.int64), 0)
    assert weights(old, new, 0.0).tolist() == [1, 1, 1, 1]
    assert weights(old, new, -1.0).tolist() == [0.5, 2, 1, 1]
    assert weights(old, new, -0.5) == pytest.approx([2**-0.5, 2**0.5, 1, 1])


def test_doubling_all_prices_brings_what_the_arithmetic_says() -> None:
    past = make_past(400)
    before = cost(past, by_tariff(past, pricing.Tariff.from_json(make_tariff_document("0.50", tax=None))))
    after = cost(past, by_tariff(past, pricing.Tariff.from_json(make_tariff_document("1.00", tax=None))))
    report = compare(past, before, after)
    nets = [outcome.net_minor / report.before.net_minor for outcome in report.outcomes]
    assert nets == pytest.approx([2, 2**0.8, 2**0.5, 1], rel=1e-3)
    energies = [outcome.energy_wh / report.before.energy_wh for outcome in report.outcomes]
    assert energies == pytest.approx([1, 2**-0.2, 2**-0.5, 0.5], rel=1e-3)
    named = len(set(past.who[past.known].tolist()))
    assert (report.split.more, report.split.less, report.split.drivers) == (named, 0, named)
    assert report.split.unnamed_sessions == int((~past.known).sum())


def test_the_daily_peak_is_the_mean_of_the_days_fullest_quarters() -> None:
    past = make_past(120, weeks=1)
    at = np.arange(past.start.min() // 86_400 * 86_400, (past.start + past.length).max() + 900, 900)
    touching = [((past.start < t + 900) & (past.start + past.length > t)).sum() for t in at]
    days = [max(touching[i : i + 96]) for i in range(0, len(touching), 96)]
    assert daily_peak(past, np.ones(len(past))) == pytest.approx(np.mean(days), abs=0.15)


def test_local_hours_of_the_week_follow_the_zone_over_a_change_of_the_clock() -> None:
    past = make_past(100, weeks=20)
    expected = [datetime.fromtimestamp(int(s), past.zone) for s in past.start]
    assert hours_of_week(past).tolist() == [at.weekday() * 24 + at.hour for at in expected]


@pytest.mark.django_db
class TestFromTheDatabase:
    def sessions(self, count: int = 30) -> tuple[Past, list[ChargingSession]]:
        place = make_place(parking="3.00")
        driver = make_driver()
        rows = [
            make_session(
                place.connectors[i % 4], start=MONDAY + timedelta(hours=7 * i, milliseconds=300 * i), seconds=5400 + i,
                energy_wh=9_000 + 137 * i, states=[(0, "CHARGING"), (3600 + i, "PARKED")],
                driver=driver if i % 3 else None,
            )
            for i in range(count)
        ]  # fmt: skip
        assert rating.sweep() == count
        return past_of(place.site, MONDAY, MONDAY + timedelta(days=30)), rows

    def test_the_past_priced_again_is_the_past_as_billed(self) -> None:
        past, rows = self.sessions()
        site = rows[0].station.site
        basis = basis_of(site, MONDAY, MONDAY + timedelta(days=30))
        report = replay_window(basis, Window(time(0), time(12)), Decimal(10))
        assert len(past) == 30
        assert basis.amount(report.before.net_minor) == really_paid(basis) > 0
        assert report.split.drivers == 1
        assert report.split.unnamed_sessions == 10
        assert report.outcomes[0].net_minor > report.before.net_minor
        billed = sorted(PricedSession.objects.values_list("energy_wh", flat=True))
        assert sorted(past.energy_wh.tolist()) == billed

    def test_another_site_and_another_time_do_not_count(self) -> None:
        _past, rows = self.sessions(6)
        other = make_site(rows[0].organisation)
        assert len(past_of(other, MONDAY, MONDAY + timedelta(days=30))) == 0
        assert len(past_of(rows[0].station.site, MONDAY, MONDAY + timedelta(hours=8))) == 2

    def test_nothing_to_replay_and_another_currency_are_said(self) -> None:
        _past, rows = self.sessions(3)
        site = rows[0].station.site
        with pytest.raises(CannotReplay, match="no priced sessions"):
            basis_of(site, MONDAY + timedelta(days=300), MONDAY + timedelta(days=400))
        basis = basis_of(site, MONDAY, MONDAY + timedelta(days=30))
        pounds = pricing.Tariff.from_json(make_tariff_document(currency="GBP"))
        with pytest.raises(CannotReplay, match="GBP"):
            replay_tariff(basis, pounds)
