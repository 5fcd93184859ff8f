"""Whether a session's facts can be believed. Pure checks: facts in, findings out; `quality` acts on them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from charging.facts import Facts, Step


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason to hold a session, by its short code, and what was seen."""

    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a person looks first. Wide enough that an honest session passes."""

    gap_s: int = 3_600
    idle_s: int = 1_800
    idle_wh: int = 10
    drift_s: int = 300
    longest_s: int = 72 * 3_600
    power_percent: int = 120
    slack_wh: int = 200  # registers that count whole 100 Wh, and messages stamped some seconds late


def findings(facts: Facts, limits: Limits = Limits()) -> list[Finding]:
    """All that is wrong with an ended session; an empty list is a good one."""
    return [finding for check in CHECKS if (finding := check(facts, limits)) is not None]


def stop_before_start(facts: Facts, limits: Limits) -> Finding | None:
    if facts.duration_s is not None and facts.duration_s < 0:
        return Finding("stop_before_start", {"duration_s": facts.duration_s})
    return None


def register_runs_forward(facts: Facts, limits: Limits) -> Finding | None:
    """A meter only counts up. Back to zero, or below where the session began, is a new or reset meter."""
    for before, after in _steps(facts):
        if after[1] < before[1]:
            reset = after[1] == 0 or after[1] < facts.meter_start_wh
            return Finding("register_reset" if reset else "register_backwards", _between(before, after))
    return None


def readings_have_no_gap(facts: Facts, limits: Limits) -> Finding | None:
    """Energy that flowed unseen for long can't be split over prices that change with time."""
    if not facts.registers:
        return None  # a station that reports only start and stop leaves no gap
    for before, after in _steps(facts):
        if after[0] - before[0] > limits.gap_s and after[1] - before[1] > limits.slack_wh:
            return Finding("reading_gap", _between(before, after))
    return None


def energy_flowed(facts: Facts, limits: Limits) -> Finding | None:
    """Long at the connector and nothing charged: a fault, more often than a driver's choice."""
    if 0 <= facts.energy_wh <= limits.idle_wh and (facts.duration_s or 0) > limits.idle_s:
        return Finding("zero_energy", {"energy_wh": facts.energy_wh, "duration_s": facts.duration_s})
    return None


def clock_agrees(facts: Facts, limits: Limits) -> Finding | None:
    """Readings well outside the session they belong to: the station's clock was set in between."""
    end = facts.duration_s or 0
    outside = [
        at for at, wh in facts.registers if at < -limits.drift_s or _adds_late(facts, at, wh, end, limits)
    ]
    return Finding("clock_drift", {"readings_at_s": outside[:20], "duration_s": end}) if outside else None


def _adds_late(facts: Facts, at: int, wh: int, end: int, limits: Limits) -> bool:
    """Stations go on reporting after the stop; only a register that still counts up contradicts it."""
    return at > end + limits.drift_s and facts.meter_end_wh is not None and wh > facts.meter_end_wh


def power_is_possible(facts: Facts, limits: Limits) -> Finding | None:
    """No connector gives more than its rated power, over the whole session or between two readings."""
    for before, after in [*_steps(facts), *_whole(facts)]:
        possible_wh = facts.rated_power_w * max(0, after[0] - before[0]) * limits.power_percent // 360_000
        if after[1] - before[1] > possible_wh + limits.slack_wh:
            evidence = {**_between(before, after), "possible_wh": possible_wh, "rated_w": facts.rated_power_w}
            return Finding("implausible_power", evidence)
    return None


def ended_in_time(facts: Facts, limits: Limits) -> Finding | None:
    if (facts.duration_s or 0) > limits.longest_s:
        return Finding("open_too_long", {"duration_s": facts.duration_s, "limit_s": limits.longest_s})
    return None


Check = Callable[[Facts, Limits], Finding | None]
CHECKS: tuple[Check, ...] = (
    stop_before_start,
    register_runs_forward,
    readings_have_no_gap,
    energy_flowed,
    clock_agrees,
    power_is_possible,
    ended_in_time,
)


def _steps(facts: Facts) -> Iterator[tuple[Step, Step]]:
    """Pairs of neighbouring registers from the start's to the stop's; readings outside are not among them."""
    end = facts.duration_s or 0
    before = (0, facts.meter_start_wh)
    for step in facts.registers:
        if 0 <= step[0] <= end:
            yield before, step
            before = step
    if facts.meter_end_wh is not None:
        yield before, (end, facts.meter_end_wh)


def _whole(facts: Facts) -> Iterator[tuple[Step, Step]]:
    if facts.meter_end_wh is not None:
        yield (0, facts.meter_start_wh), (facts.duration_s or 0, facts.meter_end_wh)


def _between(before: Step, after: Step) -> dict[str, Any]:
    return {"from_s": before[0], "from_wh": before[1], "to_s": after[0], "to_wh": after[1]}
