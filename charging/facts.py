"""What is known of a session, and how the price engine reads it.

Times become whole seconds from the session's start, both ends cut to the second; registers stay in Wh.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import pricing
from charging.curves import points_of
from charging.models import ChargingSession, SessionState

Step = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Facts:
    """One session as reported: nothing cleaned, so that the quality gate sees what came.

    registers: (seconds from start, Wh) in order of time; they may lie outside the session or run backwards.
    duration_s and meter_end_wh are None while it runs.
    """

    start: datetime
    duration_s: int | None
    meter_start_wh: int
    meter_end_wh: int | None
    registers: tuple[Step, ...] = ()
    currents_ma: tuple[Step, ...] = ()
    states: tuple[tuple[int, str], ...] = ()
    power_type: str = "AC"
    rated_power_w: int = 22_000

    @property
    def energy_wh(self) -> int:
        return 0 if self.meter_end_wh is None else self.meter_end_wh - self.meter_start_wh


def gather(session: ChargingSession) -> Facts:
    """Read the session's facts: two queries, three once it may be archived, and none for the EVSE if it was
    selected with the session."""
    start = to_second(session.started_at)
    points = points_of(session)
    states = (
        SessionState.objects.of(session.organisation_id)
        .filter(session=session)
        .order_by("at")
        .values_list("at", "state")
    )
    evse = session.connector.evse
    return Facts(
        start=start,
        duration_s=None if session.ended_at is None else seconds(start, session.ended_at),
        meter_start_wh=session.meter_start_wh,
        meter_end_wh=session.meter_end_wh,
        registers=tuple(
            (seconds(start, point.at), point.register_wh) for point in points if point.register_wh is not None
        ),
        currents_ma=tuple(
            (seconds(start, point.at), point.current_ma) for point in points if point.current_ma is not None
        ),
        states=tuple((seconds(start, at), state) for at, state in states),
        power_type=evse.power_type,
        rated_power_w=evse.max_power_w,
    )


def as_priced(facts: Facts, until: datetime | None = None) -> pricing.Session:
    """The session for the price engine: to its end or, while it runs, to `until`.

    The start and stop registers are the truth at both ends; readings outside are not priced. Until it ends,
    the latest register stands for the energy so far. Raises PricingError for registers that run backwards.
    """
    length, meter_end_wh = _end(facts, until)
    return pricing.Session(
        start=facts.start,
        end=facts.start + timedelta(seconds=length),
        readings=(
            (0, facts.meter_start_wh),
            *_last_of_each_second(step for step in facts.registers if 0 < step[0] < length),
            (length, meter_end_wh),
        ),
        states=_states(facts.states, length),
        evse_kind=facts.power_type,
        currents_a=_currents(facts.currents_ma, length),
    )


def _end(facts: Facts, until: datetime | None) -> Step:
    if facts.duration_s is not None and facts.meter_end_wh is not None:
        return facts.duration_s, facts.meter_end_wh
    if until is None:
        raise pricing.PricingError("session.end", "is missing; say until when to price a running session")
    length = max(0, seconds(facts.start, until))
    so_far = [wh for at, wh in facts.registers if at <= length]
    return length, so_far[-1] if so_far else facts.meter_start_wh


def _last_of_each_second(steps: Iterable[Step]) -> Iterable[Step]:
    """Repeats of a message, and several within a second, count once."""
    return dict(steps).items()


def _states(states: Iterable[tuple[int, str]], length: int) -> tuple[tuple[int, pricing.State], ...]:
    """States from the start on; what was reported before it counts at second 0, what comes after it not."""
    steps: dict[int, pricing.State] = {}
    for second, state in states:
        if second < length or second == 0:
            steps[max(0, second)] = pricing.State(state)
    return tuple(steps.items())


def _currents(currents_ma: Iterable[Step], length: int) -> tuple[Step, ...]:
    steps = ((second, ma // 1000) for second, ma in currents_ma if 0 <= second < length and ma >= 0)
    return tuple(_last_of_each_second(steps))


def to_second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def seconds(start: datetime, at: datetime) -> int:
    """Whole seconds from `start`, itself on a whole second, to `at`; negative before it."""
    return (at - start) // timedelta(seconds=1)
