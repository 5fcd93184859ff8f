"""The live cost never falls, and at the end it is the bill: one function prices both, from what a station said.

A scripted station charges through a running gateway; after each of its messages the session is priced as far
as it is known. The bill is checked against the price of the test's own record of what the station said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import pricing
from accounts.models import Organisation
from charging import rating
from charging.models import ChargingSession
from stations.models import Station
from tariffs.models import TariffVersion
from tests.builders import MONDAY, make_site, make_station, make_tariff, make_token
from tests.gateway.conftest import Connect, with_password
from tests.gateway.station import ScriptedStation

ZONE = "Europe/Amsterdam"
STATES = {
    "Charging": pricing.State.CHARGING,
    "SuspendedEV": pricing.State.PARKED,
    "SuspendedEVSE": pricing.State.WITHHELD,
}


class Spell(NamedTuple):
    """What the station does for a while: a reading each `every_s`, and more energy only while it charges."""

    status: str
    every_s: int
    readings: int
    watts: int

    @property
    def wh_a_reading(self) -> int:
        return self.watts * self.every_s // 3600 if self.status == "Charging" else 0


def spells(*statuses: str) -> st.SearchStrategy[Spell]:
    seconds = st.integers(31, 1500)
    return st.builds(Spell, st.sampled_from(statuses), seconds, st.integers(1, 4), st.integers(1400, 22_000))


CHARGES = st.tuples(spells("Charging"), spells("SuspendedEV")).flatmap(
    lambda first: st.lists(spells(*STATES), max_size=3).map(lambda rest: [*first, *rest])
)
EVENING = [
    Spell("Charging", 900, 4, 11_000),
    Spell("SuspendedEV", 600, 4, 0),
    Spell("Charging", 450, 3, 7400),
]
PAST_MIDNIGHT = [Spell("Charging", 600, 2, 22_000), *[Spell("SuspendedEV", 1500, 4, 0)] * 2]


def document() -> dict[str, Any]:
    """Energy by time of day, an idle fee by day after 40 minutes, a start fee; 21 % tax."""

    def element(kind: str, price: str, **when: Any) -> dict[str, Any]:
        component = {"type": kind, "price": price, "vat": 21, "step_size": 1}
        return {"price_components": [component], "restrictions": when}

    elements = [
        element("ENERGY", "0.45", start_time="17:00", end_time="21:00"),
        element("ENERGY", "0.35", start_time="07:00", end_time="17:00"),
        element("ENERGY", "0.25"),
        element("PARKING_TIME", "6.00", min_duration=2400, start_time="07:00", end_time="22:00"),
        element("FLAT", "0.50"),
    ]
    return {"id": "bands", "currency": "EUR", "elements": elements}


@dataclass
class Record:
    """The test's own notes of what the station said, in seconds from the start."""

    start: datetime
    register: int
    second: int = 0
    registers: list[tuple[int, int]] = field(default_factory=list)
    states: list[tuple[int, pricing.State]] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.second)

    def as_session(self) -> pricing.Session:
        return pricing.Session(
            self.start, self.now, tuple(self.registers), tuple(self.states), evse_kind="AC"
        )


def charge(charger: ScriptedStation, number: int, said: Record, told: list[Spell]) -> Iterator[None]:
    """Play the spells; yields after each message, which the gateway has acknowledged."""
    for spell in told:
        charger.status(spell.status, at=said.now)
        said.states.append((said.second, STATES[spell.status]))
        yield
        for _ in range(spell.readings):
            said.second += spell.every_s
            said.register += spell.wh_a_reading
            charger.meter(number, said.register, at=said.now)
            said.registers.append((said.second, said.register))
            yield


@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@example(EVENING, 15 * 60 + 30, 12_345)  # from 16:30 local: into the dear band, parked, charging again
@example(PAST_MIDNIGHT, 20 * 60, 0)  # from 21:00 local: the idle fee begins at 21:40 and ends at 22:00
@given(told=CHARGES, minute=st.integers(0, 24 * 60 - 1), meter_start=st.integers(0, 9_000_000))
def test_the_live_cost_never_falls_and_ends_as_the_bill(
    connect: Connect, organisation: Organisation, told: list[Spell], minute: int, meter_start: int
) -> None:
    station = with_password(make_station(make_site(organisation, ZONE)))
    version = make_tariff(document(), organisation=organisation, station=station)
    tag = f"TAG{version.pk.hex[-12:]}"
    make_token(uid=tag)
    start = MONDAY + timedelta(minutes=minute)
    said = Record(start, meter_start, registers=[(0, meter_start)])

    with connect(station) as charger:
        number = charger.start(tag, meter=meter_start, at=said.start)["transactionId"]
        costs = [running_cost(station, said, version)]
        costs += [running_cost(station, said, version) for _ in charge(charger, number, said, told)]
        stop(charger, number, said)

    costs.append(bill(station, said, version))
    for before, after in pairwise(costs):
        assert all(late >= early for early, late in zip(before, after, strict=True)), (before, after)
    assert costs[0].gross < costs[-1].gross


def stop(charger: ScriptedStation, number: int, said: Record) -> None:
    """Half a minute and some last energy after the latest reading."""
    said.second, said.register = said.second + 30, said.register + 20
    said.registers.append((said.second, said.register))
    charger.stop(number, said.register, at=said.now)


def running_cost(station: Station, said: Record, version: TariffVersion) -> pricing.Amounts:
    """The live cost now, which is the price of what the station said so far."""
    running = rating.running_price(session_of(station), said.now)
    expected = pricing.price(version.parsed(), said.as_session(), ZONE)
    assert (running.total, running.exact) == (expected.total, expected.exact)
    return running.total


def bill(station: Station, said: Record, version: TariffVersion) -> pricing.Amounts:
    """The live cost at the end, which is what the driver is billed, to the last line of its explanation."""
    ended = rating.running_price(session_of(station), said.now)
    billed = rating.rate(session_of(station))
    assert billed is not None, session_of(station).hold_reasons
    expected = pricing.price(version.parsed(), said.as_session(), ZONE)
    amounts = pricing.Amounts(billed.net.amount, billed.tax.amount, billed.gross.amount)
    assert amounts == ended.total == expected.total
    assert billed.result == ended.to_json(explain=True) == expected.to_json(explain=True)
    return amounts


def session_of(station: Station) -> ChargingSession:
    session: ChargingSession = ChargingSession.objects.of(station.organisation_id).get(station=station)
    return session
