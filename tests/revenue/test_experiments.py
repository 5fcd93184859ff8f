"""Switchback experiments find the elasticity that is there, as often as they claim to, and not where there is none."""

from math import log

import numpy as np
import pytest

from revenue.experiments.analysis import TooLittle, effect, neighbours
from revenue.experiments.design import Design
from revenue.experiments.power import ENOUGH, Demand, Prices, betas, demand_from, power, simulate

WEEKDAYS = np.array([1.0, 1.0, 1.05, 1.1, 1.2, 0.9, 0.75])
FIVE, ONE = Design(5, 8, 24, seed=7), Design(1, 8, 24, seed=7)
TWENTY = Prices(0.8, 1.2)


def demand(sites: int, a_day: float = 4.5, blocks_a_day: int = 1, **more: float) -> Demand:
    """Sites from half to one and a half times `a_day` starts, with weekdays of their own weight."""
    sizes = np.linspace(0.5, 1.5, sites) if sites > 1 else np.ones(1)
    by_day = a_day * sizes[:, None] * WEEKDAYS
    return Demand(np.repeat(by_day, blocks_a_day, axis=1) / blocks_a_day, **{"dispersion": 0.1, **more})


@pytest.mark.parametrize(("weeks", "hours"), [(2, 24), (8, 24), (6, 12)])
def test_every_second_week_mirrors_the_one_before(weeks: int, hours: int) -> None:
    arms = Design(3, weeks, hours, seed=1).arms()
    assert arms.shape == (3, weeks, 7 * 24 // hours)
    assert (arms[:, ::2] + arms[:, 1::2] == 1).all()
    assert (arms == Design(3, weeks, hours, seed=1).arms()).all()
    assert (arms != Design(3, weeks, hours, seed=2).arms()).any()


def test_the_lot_is_fair() -> None:
    arms = Design(200, 2, 12, seed=3).arms()[:, 0]
    assert abs(arms.mean() - 0.5) < 0.03
    assert len({tuple(site) for site in arms}) > 190


@pytest.mark.parametrize(
    ("wrong", "field"),
    [((0, 8, 24), "sites"), ((1, 7, 24), "weeks"), ((1, 0, 24), "weeks"), ((1, 8, 6), "block_hours")],
)
def test_a_design_that_cannot_be_is_refused_by_field(wrong: tuple[int, int, int], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}:"):
        Design(*wrong, seed=1)


def test_the_interval_covers_the_truth_in_92_to_97_percent_of_200_seeds() -> None:
    """Each seed is an experiment of its own."""
    truth = -0.5 * log(TWENTY.ratio)
    covered = []
    for seed in range(200):
        counts, arms = simulate(demand(5), FIVE, TWENTY, -0.5, seed)
        found = effect(counts[0], arms[0], lots=99)
        covered.append(abs(found.beta - truth) <= found.margin)
    assert 0.92 <= np.mean(covered) <= 0.97


@pytest.mark.parametrize(
    ("hours", "elasticity", "more"),
    [
        (24, -0.5, {}),
        (24, 0.0, {"dispersion": 0.4}),
        (24, -1.0, {"weekly": 0.15}),
        (12, -0.5, {"dispersion": 0.3, "weekly": 0.1}),
    ],
)
def test_the_interval_keeps_its_word_on_uneven_and_drifting_demand(
    hours: int, elasticity: float, more: dict[str, float]
) -> None:
    """4,000 experiments at once: the share covered is known to a third of a percent."""
    design = Design(5, 8, hours, seed=0)
    known, truth = demand(5, blocks_a_day=24 // hours, **more), elasticity * log(TWENTY.ratio)
    beta, margin = betas(*simulate(known, design, TWENTY, elasticity, 1, tries=4_000))
    assert 0.935 <= (np.abs(beta - truth) <= margin).mean() <= 0.965
    assert beta.mean() == pytest.approx(truth, abs=0.01)


def test_one_experiment_reads_as_the_many_do() -> None:
    counts, arms = simulate(demand(5), FIVE, TWENTY, -0.5, seed=4)
    one = effect(counts[0], arms[0])
    beta, margin = betas(counts, arms)
    assert (one.beta, one.margin) == pytest.approx((beta[0], margin[0]))
    assert one.clusters == 5 * 4 * 7
    assert one.high + one.low == counts.sum()
    estimate, low, high = one.elasticity(TWENTY.ratio)
    assert low < estimate < high
    assert estimate == pytest.approx(one.beta / log(1.5))
    assert one.change()[0] == pytest.approx(one.high / one.low - 1)


def test_where_there_is_no_effect_the_lot_finds_one_in_a_twentieth_of_the_seeds() -> None:
    found = 0
    for seed in range(200):
        counts, arms = simulate(demand(2), Design(2, 4, 24, seed=0), TWENTY, 0.0, seed)
        found += effect(counts[0], arms[0], seed).p_by_lot <= 0.05
    assert 2 <= found <= 20


def test_the_lot_and_the_interval_agree_where_the_effect_is_plain() -> None:
    counts, arms = simulate(demand(5), FIVE, TWENTY, -1.5, seed=1)
    assert effect(counts[0], arms[0]).p_by_lot == pytest.approx(1 / 5_000)


def test_five_sites_for_eight_weeks_see_what_one_site_does_not() -> None:
    assert 0.88 <= power(demand(5, a_day=8), FIVE, TWENTY, -0.5) <= 0.96
    alone = power(demand(1, a_day=8), ONE, TWENTY, -0.5)
    assert 0.2 <= alone <= 0.5
    assert alone < ENOUGH
    assert power(demand(5), FIVE, TWENTY, 0.0) <= 0.09


def test_power_grows_with_weeks_sites_and_effect() -> None:
    by_weeks = [power(demand(1), Design(1, weeks, 24, 0), TWENTY, -0.5) for weeks in (4, 8, 16, 32)]
    assert by_weeks == sorted(by_weeks)
    by_effect = [power(demand(5), FIVE, TWENTY, value) for value in (0.0, -0.2, -0.5, -1.0)]
    assert by_effect == sorted(by_effect)


def test_the_unevenness_of_demand_is_read_off_the_past() -> None:
    known = demand(40, a_day=20, dispersion=0.3)
    counts, _arms = simulate(known, Design(40, 26, 24, 0), Prices(1, 1), 0.0, seed=2)
    read = demand_from(counts[0], 1)
    assert read.dispersion == pytest.approx(0.3, abs=0.05)
    assert read.rates == pytest.approx(known.rates, rel=0.5)
    even, _arms = simulate(Demand(known.rates), Design(40, 26, 24, 0), Prices(1, 1), 0.0, seed=2)
    assert demand_from(even[0], 1).dispersion < 0.01


def test_demand_that_moves_to_the_next_block_shows_in_the_neighbours() -> None:
    design = Design(20, 8, 24, seed=5)
    arms = design.arms()
    rng = np.random.default_rng(1)
    mean = np.where(arms == 1, 8.0, 10.0)
    still = rng.poisson(mean).astype(float)
    quiet = neighbours(still, arms)
    assert quiet.after_high is not None
    assert quiet.margin is not None
    assert abs(quiet.after_high) <= quiet.margin
    flat = arms.reshape(20, -1)
    moved = mean.reshape(20, -1).copy()
    moved[:, 1:] += 2.0 * (flat[:, :-1] == 1)
    shifted = neighbours(rng.poisson(moved).reshape(mean.shape).astype(float), arms)
    assert shifted.after_high is not None
    assert shifted.margin is not None
    assert shifted.after_high > shifted.margin
    assert sum(sum(row) for row in shifted.blocks) == 20 * (56 - 1)


def test_an_arm_without_a_session_says_nothing() -> None:
    with pytest.raises(TooLittle):
        effect(np.zeros((1, 2, 7)), ONE.arms()[:, :2])
