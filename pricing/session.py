"""A session as the engine prices it: register readings, states in time, and where known power and current."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import chain
from typing import Any

from pricing import cdr, cdr_text, fields
from pricing.errors import PricingError
from pricing.fields import Rational
from pricing.instants import epoch_s, span_s
from pricing.track import Bounds, Phase, Track


class State(Enum):
    """What happens at the connector: only CHARGING costs TIME, only PARKED costs PARKING_TIME."""

    CHARGING = "CHARGING"
    PARKED = "PARKED"
    WITHHELD = "WITHHELD"
    RESERVED = "RESERVED"


STATES = tuple(state.value for state in State)

Step = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Session:
    """One charging session.

    readings: (seconds from start, register in Wh), in order; the first is the base the rest is counted from.
    states: (seconds from start, State), in order, each until the next; before the first, and without any,
    the session is CHARGING.
    powers_w, currents_a: optional telemetry as steps in time; without powers the register's slope is the
    power, without currents a restriction on current matches.
    Raises PricingError naming the field for readings that go backwards, times out of order or range.
    """

    start: datetime
    end: datetime
    readings: tuple[Step, ...] = ()
    states: tuple[tuple[int, State], ...] = ()
    evse_kind: str | None = None
    powers_w: tuple[Step, ...] = ()
    currents_a: tuple[Step, ...] = ()
    track: Track = field(init=False, repr=False, compare=False)
    """The same session in the engine's form."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "track", _track(self))

    @classmethod
    def from_json(cls, obj: Mapping[str, Any], at: str = "session") -> Session:
        """Read {"start", "end", "readings": [[s, Wh], ...], "states": [[s, "PARKED"], ...], "evse_kind"?,
        "powers_w"?, "currents_a"?}; unknown fields are ignored."""
        raw = fields.mapping(obj, at)
        return cls(
            start=fields.moment(raw.get("start"), f"{at}.start"),
            end=fields.moment(raw.get("end"), f"{at}.end"),
            readings=_steps(raw, "readings", at),
            states=_states(raw.get("states"), f"{at}.states"),
            evse_kind=_evse_kind(raw.get("evse_kind"), f"{at}.evse_kind"),
            powers_w=_steps(raw, "powers_w", at),
            currents_a=_steps(raw, "currents_a", at),
        )

    @classmethod
    def from_cdr(cls, obj: Mapping[str, Any], at: str = "cdr") -> Session:
        """Read an OCPI CDR's charging periods (2.1.1, 2.2.1 or 2.3.0); see `pricing.cdr`."""
        return cls._of(*cdr.read(obj, at))

    @classmethod
    def from_cdr_json(cls, text: str | bytes, at: str = "cdr") -> Session:
        """The same from the JSON text, much faster than parsing it where the CDR is long and regular."""
        return cls._of(*cdr_text.read(text, at))

    @classmethod
    def _of(cls, start: datetime, end: datetime, track: Track) -> Session:
        session = object.__new__(cls)
        for name, value in (("start", start), ("end", end), ("track", track), ("evse_kind", track.evse_kind)):
            object.__setattr__(session, name, value)
        for name in ("readings", "states", "powers_w", "currents_a"):
            object.__setattr__(session, name, ())
        return session

    @property
    def energy_wh(self) -> Rational:
        return self.track.energy[-1]


def _track(session: Session) -> Track:
    length = span_s(session.start, session.end, "session", "start", "end")
    times, energy = _registers(session.readings, length)
    return Track(
        origin=epoch_s(session.start),
        length=length,
        times=times,
        energy=energy,
        phases=_phases(session.states, length),
        bounds=_telemetry(session.powers_w, session.currents_a, length),
        slope_is_power=not session.powers_w and len(session.readings) > 1,
        evse_kind=session.evse_kind,
    )


def _registers(readings: Sequence[Step], length: Rational) -> tuple[list[Rational], list[Rational]]:
    """Knots of the cumulative energy, from 0 at the start to the total at the end."""
    if not readings:
        return [0, length], [0, 0]
    times: list[Rational]
    register: tuple[int, ...]
    try:
        times, register = map(list, zip(*readings, strict=True))  # type: ignore[assignment]
    except (TypeError, ValueError):
        raise PricingError("session.readings", "must be pairs of (seconds from start, Wh)") from None
    if set(map(type, chain(times, register))) != {int}:
        raise PricingError("session.readings", "must be whole seconds and Wh as int")
    # Two C-speed sorts say whether all is in order; only a fault is looked for one by one.
    if times != sorted(times) or list(register) != sorted(register) or times[0] < 0 or times[-1] > length:
        first, *_ = _reading_faults(readings, length)
        raise first
    base = register[0]
    energy: list[Rational] = [wh - base for wh in register] if base else list(register)
    if times[0] > 0:
        times, energy = [0, *times], [0, *energy]
    if times[-1] < length:
        times, energy = [*times, length], [*energy, energy[-1]]
    return times, energy


def _reading_faults(readings: Sequence[Step], length: Rational) -> Iterator[PricingError]:
    previous_s, previous_wh = 0, readings[0][1]
    for i, (second, wh) in enumerate(readings):
        if second < previous_s:
            what = "is before the start" if i == 0 else "is out of order"
            yield PricingError(f"session.readings[{i}][0]", what)
        if second > length:
            yield PricingError(f"session.readings[{i}][0]", "is after the end of the session")
        if wh < previous_wh:
            yield PricingError(f"session.readings[{i}][1]", "the register goes backwards")
        previous_s, previous_wh = second, wh


def _phases(states: Sequence[tuple[int, State]], length: Rational) -> tuple[Phase, ...]:
    if not states:
        return (CHARGING_THROUGHOUT,)
    phases = [] if states[0][0] == 0 else [CHARGING_THROUGHOUT]
    previous = 0
    for i, (second, state) in enumerate(states):
        if second < previous:
            raise PricingError(f"session.states[{i}][0]", "is out of order or before the start")
        if second > length:
            raise PricingError(f"session.states[{i}][0]", "is after the end of the session")
        if not isinstance(state, State):
            raise PricingError(f"session.states[{i}][1]", f"must be one of {', '.join(STATES)}")
        previous = second
        # What lasted no time neither interrupts nor follows what lasted.
        if phases and phases[-1].start == second:
            phases.pop()
        elif phases and second == length:
            continue
        begun = phase(second, state)
        if not phases or phases[-1]._replace(start=second) != begun:  # a state told again is no change
            phases.append(begun)
    return tuple(phases)


def phase(second: Rational, state: State) -> Phase:
    return Phase(
        second,
        charging=int(state is State.CHARGING),
        parking=int(state is State.PARKED),
        reserved=int(state is State.RESERVED),
        parked=state is State.PARKED,
        in_reservation=state is State.RESERVED,
    )


CHARGING_THROUGHOUT = phase(0, State.CHARGING)


def _telemetry(powers: Sequence[Step], currents: Sequence[Step], length: Rational) -> tuple[Bounds, ...]:
    if not powers and not currents:
        return ()
    power = _checked(powers, "powers_w", length)
    current = _checked(currents, "currents_a", length)
    instants = sorted({0, *power, *current})
    bounds, watts, amperes = [], None, None
    for second in instants:
        watts, amperes = power.get(second, watts), current.get(second, amperes)
        bounds.append(Bounds(second, watts, watts, amperes, amperes))
    return tuple(bounds)


def _checked(steps: Sequence[Step], name: str, length: Rational) -> dict[int, int]:
    previous = 0
    for i, (second, value) in enumerate(steps):
        if not previous <= second <= length:
            raise PricingError(f"session.{name}[{i}][0]", "is out of order or outside the session")
        if value < 0:
            raise PricingError(f"session.{name}[{i}][1]", "must not be negative")
        previous = second
    return dict(steps)


def _pair(value: Any, at: str) -> tuple[Any, Any]:
    listed = fields.sequence(value, at)
    if len(listed) != 2:
        raise PricingError(at, "must be a pair of [seconds from start, value]")
    return listed[0], listed[1]


def _steps(raw: Mapping[str, Any], name: str, at: str) -> tuple[Step, ...]:
    value = raw.get(name)
    if value is None:
        return ()
    steps = []
    for i, listed in enumerate(fields.sequence(value, f"{at}.{name}")):
        second, amount = _pair(listed, f"{at}.{name}[{i}]")
        path = f"{at}.{name}[{i}]"
        steps.append((fields.integer(second, f"{path}[0]"), fields.integer(amount, f"{path}[1]")))
    return tuple(steps)


def _states(value: Any, at: str) -> tuple[tuple[int, State], ...]:
    if value is None:
        return ()
    steps = []
    for i, listed in enumerate(fields.sequence(value, at)):
        second, state = _pair(listed, f"{at}[{i}]")
        name = fields.choice(state, f"{at}[{i}][1]", STATES)
        steps.append((fields.integer(second, f"{at}[{i}][0]"), State(name)))
    return tuple(steps)


def _evse_kind(value: Any, at: str) -> str | None:
    return None if value is None else fields.choice(value, at, ("AC", "DC"))
