"""The forecast finds a known truth, its intervals hold what they promise, and a change of demand is told."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from revenue.forecast import counts
from revenue.forecast.backtest import Comparison, backtest, naive, origins_of
from revenue.forecast.calendar import calendar_of
from revenue.forecast.engine import HORIZON, TooLittleHistory, forecast
from revenue.forecast.history import ENERGY, OCCUPIED, STARTS, History
from revenue.forecast.profile import USUAL, fit
from tests.revenue.demand import ZONE, world

DAY = 280


def test_the_mean_is_close_to_the_truth() -> None:
    history, mean = world(1, per_day=20)
    told = forecast(history, DAY).mean[STARTS]
    true = mean[DAY : DAY + HORIZON]
    assert told.sum() == pytest.approx(true.sum(), rel=0.08)
    assert np.sqrt(((told - true) ** 2).mean()) < 0.15 * true.max()


def test_what_comes_after_the_day_is_not_looked_at() -> None:
    history, _mean = world(2)
    changed = History(history.calendar, history.values.copy(), history.exposure.copy())
    changed.values[:, DAY:] = 99
    changed.exposure[DAY:] = 0
    before, after = forecast(history, DAY), forecast(changed, DAY)
    assert np.array_equal(before.mean, after.mean)
    assert np.array_equal(before.high, after.high)


@pytest.mark.parametrize("per_day", [0.5, 4.0, 40.0])
def test_intervals_cover_as_often_as_they_say(per_day: float) -> None:
    total = Comparison()
    for seed in range(6):
        history, _mean = world(seed, per_day=per_day)
        total += backtest(history, origins_of(history, 300))
    assert total.ours.coverage == pytest.approx(0.80, abs=0.03)


def test_energy_and_occupancy_are_mostly_inside_their_intervals() -> None:
    history, _mean = world(5, per_day=30)
    ours = backtest(history, origins_of(history, 300)).ours
    assert 0.70 < ours.energy_inside / ours.hours < 0.95
    assert 0.70 < ours.occupied_inside / ours.hours < 0.95


def test_it_beats_the_same_hour_last_week() -> None:
    total = Comparison()
    for seed in range(4):
        history, _mean = world(seed, per_day=6)
        total += backtest(history, origins_of(history, 300))
    assert total.pinball_ratio < 0.70
    assert total.rmse_ratio < 0.78
    assert total.day_ratio < 0.9


def test_a_growing_site_is_followed() -> None:
    history, mean = world(6, per_day=10, trend=np.linspace(0.3, 1.7, 300))
    told, true = forecast(history, DAY).mean[STARTS].sum(), mean[DAY : DAY + HORIZON].sum()
    assert told == pytest.approx(true, rel=0.15)


def test_a_site_opened_again_after_months_is_forecast_as_open() -> None:
    history, mean = world(7, per_day=10)
    history.values[:, 180:270] = 0
    told, true = forecast(history, DAY).mean[STARTS].sum(), mean[DAY : DAY + HORIZON].sum()
    assert told == pytest.approx(true, rel=0.25)


def test_a_site_that_is_silent_is_not_promised_its_old_demand() -> None:
    history, mean = world(8, per_day=10)
    history.values[:, 250:] = 0
    outlook = forecast(history, DAY)
    assert outlook.silent_days == 30
    assert outlook.mean[STARTS].sum() < 0.2 * mean[DAY : DAY + HORIZON].sum()


def test_missing_days_are_not_zeros() -> None:
    history, mean = world(9, per_day=10)
    gap = slice(260, 274)
    history.values[:, gap] = 0
    history.exposure[gap] = 0
    told = forecast(history, DAY).mean[STARTS].sum()
    assert told == pytest.approx(mean[DAY : DAY + HORIZON].sum(), rel=0.15)


def test_holidays_are_forecast_by_their_factor() -> None:
    calendar = calendar_of(ZONE, date(2024, 3, 18), 300, "DE", "BE")
    history, _mean = world(10, calendar=calendar)
    christmas = calendar.day(date(2024, 12, 25))
    usual = forecast(history, christmas - 3).mean
    quiet = forecast(history, christmas - 3, np.array([0.2, 0.2, 0.2])).mean
    assert quiet[:, 3] == pytest.approx(0.2 * usual[:, 3])
    assert quiet[:, 0] == pytest.approx(usual[:, 0])


def test_the_hour_that_the_clock_repeats_is_expected_twice_and_the_skipped_one_never() -> None:
    calendar = calendar_of(ZONE, date(2024, 1, 8), 300)
    history, _mean = world(11, calendar=calendar)
    autumn = calendar.day(date(2024, 10, 27))
    outlook = forecast(history, autumn - 7)
    assert outlook.mean[STARTS, 7, 2] == pytest.approx(2 * outlook.mean[STARTS, 0, 2])
    spring = calendar_of(ZONE, date(2024, 6, 10), 320)
    history, _mean = world(12, 320, calendar=spring)
    day = spring.day(date(2025, 3, 30))
    assert forecast(history, day).mean[:, 0, 2].tolist() == [0, 0, 0]


def test_too_short_a_history_is_refused_with_its_days() -> None:
    history, _mean = world(13, days=60)
    with pytest.raises(TooLittleHistory, match="13 observed days; a forecast needs 14"):
        forecast(history, 13)
    assert forecast(history, 14).high[STARTS].max() > 0


def test_steady_demand_seldom_raises_the_alarm_and_a_halved_or_doubled_one_does() -> None:
    steady = [forecast(world(seed, per_day=6)[0], DAY).shift for seed in range(60)]
    assert sum(map(abs, steady)) <= 2
    for factor, sign in ((0.4, -1), (1.9, 1)):
        trend = np.where(np.arange(300) < DAY - 14, 1.0, factor)
        found = [forecast(world(seed, per_day=6, trend=trend)[0], DAY).shift for seed in range(10)]
        assert found.count(sign) >= 9


def test_after_a_change_the_old_level_counts_for_less() -> None:
    trend = np.where(np.arange(300) < DAY - 14, 1.0, 0.4)
    history, mean = world(14, per_day=12, trend=trend)
    outlook, true = forecast(history, DAY), mean[DAY : DAY + HORIZON].sum()
    slow = fit(history, DAY, np.ones(3), USUAL).mean(history, DAY, DAY + HORIZON)[STARTS].sum()
    assert outlook.shift == -1
    assert abs(outlook.mean[STARTS].sum() - true) < 0.6 * abs(slow - true)


@pytest.mark.parametrize("alpha", [0.0, 0.05, 0.4, 3.0])
def test_quantiles_are_those_of_the_negative_binomial(alpha: float) -> None:
    mean = np.array([0.001, 0.05, 0.3, 1.0, 4.2, 25.0, 120.0])
    for share in (0.1, 0.5, 0.9):
        (found,) = counts.quantiles(mean, alpha, (share,))
        true = nbinom.ppf(share, 1 / alpha, 1 / (1 + alpha * mean)) if alpha else poisson.ppf(share, mean)
        assert found.tolist() == true.tolist()


def test_randomised_u_is_uniform_for_the_true_distribution() -> None:
    rng = np.random.default_rng(15)
    mean = rng.gamma(0.5, 1.0, 40_000)
    seen = rng.poisson(mean * rng.gamma(2.0, 0.5, 40_000))
    u = counts.randomised(seen, mean, 0.5, seed=1)
    shares = np.histogram(u, bins=10, range=(0, 1))[0] / len(u)
    assert shares == pytest.approx(np.full(10, 0.1), abs=0.01)


def test_dispersion_is_found_and_not_below_zero() -> None:
    rng = np.random.default_rng(16)
    mean = np.full(50_000, 2.0)
    assert counts.dispersion(rng.poisson(mean * rng.gamma(2.5, 0.4, 50_000)), mean) == pytest.approx(
        0.4, abs=0.03
    )
    assert counts.dispersion(mean, mean) == 0
    assert counts.dispersion(np.zeros(0), np.zeros(0)) == pytest.approx(0.2)


def test_naive_takes_the_last_week_that_was_observed() -> None:
    history, _mean = world(17)
    history.exposure[DAY - 7 : DAY] = 0
    told = naive(history, DAY)
    assert np.array_equal(told[:7], history.values[STARTS, DAY - 14 : DAY - 7])
    assert np.array_equal(told[7:], told[:7])


def test_all_measures_have_ordered_bands() -> None:
    history, _mean = world(18)
    outlook = forecast(history, DAY)
    for measure in (STARTS, ENERGY, OCCUPIED):
        assert (outlook.low[measure] <= outlook.high[measure]).all()
        assert (outlook.low[measure] >= 0).all()
