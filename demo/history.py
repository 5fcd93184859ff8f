"""Past charging for the demo world: the same days always bring the same sessions, so a repeat adds nothing.

Everybody's sessions were settled elsewhere; the demo driver's go through billing like any other.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from accounts.models import Driver, Token
from charging.models import ChargingSession, Reading, SessionState
from demo.world import content
from stations.models import Connector

DAYS = 60
# Arrivals by local hour, midnight to midnight: few at night, a hump at noon, a peak after work.
ARRIVALS = (1, 1, 1, 1, 1, 2, 4, 7, 9, 8, 7, 8, 9, 8, 7, 8, 10, 12, 12, 9, 6, 4, 3, 2)
READING_EVERY_S = 300


@dataclass(frozen=True, slots=True)
class Visit:
    """A vehicle at a connector: when it came, how long it drew power, how long it stayed."""

    connector: Connector
    key: str
    start: datetime
    charging_s: int
    parked_s: int
    energy_wh: int

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.charging_s + self.parked_s)


def visits_of(connector: Connector, day: date, per_day: float) -> Iterator[Visit]:
    """The visits within the local `day`, one after the other; nobody stays past midnight."""
    identity = connector.evse.station.identity
    chance = random.Random(f"{identity}/{connector.evse.number}/{day}")
    zone = ZoneInfo(connector.evse.station.site.time_zone)
    busy_until = datetime.min.replace(tzinfo=UTC)
    midnight = datetime.combine(day + timedelta(days=1), time.min, zone)
    count = round(chance.gauss(per_day, per_day / 3))
    for number, hour in enumerate(sorted(chance.choices(range(24), ARRIVALS, k=max(0, count)))):
        minute, second = chance.randrange(60), chance.randrange(60)
        start = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=zone).astimezone(UTC)
        visit = _visit(connector, f"{identity}/{connector.evse.number}/{day}/{number}", start, chance)
        if busy_until < visit.start and visit.end < midnight:
            busy_until = visit.end
            yield visit


def _visit(connector: Connector, key: str, start: datetime, chance: random.Random) -> Visit:
    energy_wh = round(min(max(chance.gauss(26_000, 11_000), 2_500), 70_000))
    power_w = min(connector.evse.max_power_w, chance.choice((11_000, 22_000, 50_000, 90_000, 150_000)))
    power_w = round(power_w * chance.uniform(0.55, 0.9))
    stays = chance.random() < 0.3
    parked_s = chance.randrange(300, 5_400) if stays else chance.randrange(0, 90)
    return Visit(connector, key, start, energy_wh * 3600 // power_w, parked_s, energy_wh)


def fill(driver: Driver | None, now: datetime, days: int = DAYS) -> int:
    """Store the sessions of the last `days` days that are not there yet; returns how many were added.

    Today's are added as long as no station has reported any: theirs must not overlap.
    """
    last_day_back = 1 if ChargingSession.objects.filter(source=ChargingSession.Source.OCPP).exists() else 0
    rates = {
        site["name"]: site["sessions_per_day"] for org in content()["organisations"] for site in org["sites"]
    }
    connectors = Connector.objects.filter(evse__station__site__name__in=rates).select_related(
        "evse__station__site"
    )
    added = 0
    for connector in connectors:
        per_day = rates[connector.evse.station.site.name]
        visits = [
            visit
            for back in range(days, last_day_back - 1, -1)
            for visit in visits_of(connector, now.date() - timedelta(days=back), per_day)
            if visit.end < now
        ]
        added += _store(visits, driver)
    return added


def _store(visits: list[Visit], driver: Driver | None) -> int:
    known = set(
        ChargingSession.objects.filter(
            source=ChargingSession.Source.IMPORT, source_key__in=[visit.key for visit in visits]
        ).values_list("source_key", flat=True)
    )
    new = [visit for visit in visits if visit.key not in known]
    token = driver.tokens.filter(kind=Token.Kind.RFID).first() if driver else None
    rows = [_session(visit, token) for visit in new]
    ChargingSession.objects.bulk_create(rows)
    paired = list(zip(rows, new, strict=True))
    SessionState.objects.bulk_create([state for row, visit in paired for state in _states(row, visit)])
    own = [(row, visit) for row, visit in paired if row.driver_id]
    Reading.objects.bulk_create([reading for row, visit in own for reading in _readings(row, visit)])
    return len(rows)


def _is_the_demo_drivers(visit: Visit) -> bool:
    return random.Random(visit.key).random() < 0.012 and visit.connector.organisation.currency == "EUR"


def _session(visit: Visit, token: Token | None) -> ChargingSession:
    own = token if token and _is_the_demo_drivers(visit) else None
    station = visit.connector.evse.station
    return ChargingSession(
        organisation_id=visit.connector.organisation_id,
        source=ChargingSession.Source.IMPORT,
        source_key=visit.key,
        station=station,
        connector=visit.connector,
        token=own,
        driver=own.driver if own else None,
        state=ChargingSession.State.ENDED,
        started_at=visit.start,
        ended_at=visit.end,
        meter_start_wh=0,
        meter_end_wh=visit.energy_wh,
        last_register_wh=visit.energy_wh,
        last_reading_at=visit.end,
        stop_reason="EVDisconnected",
        settled_elsewhere=own is None,
    )


def _states(row: ChargingSession, visit: Visit) -> list[SessionState]:
    charged = visit.start + timedelta(seconds=visit.charging_s)
    states = [(visit.start, SessionState.State.CHARGING)]
    if visit.parked_s:
        states.append((charged, SessionState.State.PARKED))
    return [
        SessionState(organisation_id=row.organisation_id, session=row, at=at, state=state)
        for at, state in states
    ]


def _readings(row: ChargingSession, visit: Visit) -> Iterator[Reading]:
    power_w = visit.energy_wh * 3600 // max(visit.charging_s, 1)
    seconds = [*range(READING_EVERY_S, visit.charging_s, READING_EVERY_S), visit.charging_s]
    for second in seconds:
        yield Reading(
            organisation_id=row.organisation_id,
            session=row,
            at=visit.start + timedelta(seconds=second),
            register_wh=visit.energy_wh * second // visit.charging_s,
            power_w=power_w if second < visit.charging_s else 0,
        )
