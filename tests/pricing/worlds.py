"""Random tariffs and sessions, as plain JSON, biased towards the edges of pricing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.pricing.reference import DAYS

ZONES = (
    "Europe/Amsterdam",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Africa/Casablanca",
)
# Both changes of the year in each zone that has them, and days when nothing happens.
MOMENTS = (
    datetime(2024, 3, 31, 0, 30, tzinfo=UTC),
    datetime(2024, 10, 27, 0, 30, tzinfo=UTC),
    datetime(2024, 3, 10, 6, 30, tzinfo=UTC),
    datetime(2024, 11, 3, 5, 30, tzinfo=UTC),
    datetime(2024, 3, 10, 5, 0, tzinfo=UTC),
    datetime(2024, 4, 6, 14, 45, tzinfo=UTC),
    datetime(2024, 10, 5, 15, 0, tzinfo=UTC),
    datetime(2024, 4, 14, 1, 30, tzinfo=UTC),
    datetime(2024, 1, 1, 8, 30, tzinfo=UTC),
    datetime(2024, 2, 28, 22, 0, tzinfo=UTC),
)
CLOCKS = ("00:00", "02:00", "02:15", "02:30", "03:00", "07:00", "12:30", "17:00", "21:00", "22:45", "23:59")
DATES = ("2024-03-10", "2024-03-31", "2024-04-07", "2024-10-06", "2024-10-27", "2024-11-03", "2024-01-02")


@dataclass(frozen=True)
class Case:
    tariff: dict[str, Any]
    session: dict[str, Any] | None
    cdr: dict[str, Any] | None
    zone: str
    expired: bool


def random_case(rng: Random) -> Case:
    tariff = random_tariff(rng)
    start = rng.choice(MOMENTS) + timedelta(minutes=rng.choice((-1500, -600, -90, -30, -7, 0, 11, 45, 240)))
    zone = rng.choice(ZONES)
    expired = rng.random() < 0.1
    if rng.random() < 0.5:
        return Case(tariff, random_session(rng, start), None, zone, expired)
    return Case(tariff, None, random_cdr(rng, start), zone, expired)


def random_tariff(rng: Random) -> dict[str, Any]:
    elements = [random_element(rng) for _ in range(rng.choice((1, 2, 3, 4, 6)))]
    tariff: dict[str, Any] = {"currency": rng.choice(("EUR", "EUR", "JPY", "KWD")), "elements": elements}
    if rng.random() < 0.3:
        tariff["tax_included"] = rng.choice(("YES", "NO"))
    if rng.random() < 0.25:
        tariff["min_price"] = random_limit(rng, 1)
    if rng.random() < 0.25:
        tariff["max_price"] = random_limit(rng, 4)
    return tariff


def random_limit(rng: Random, size: int) -> dict[str, Any]:
    net = size * rng.choice((0.5, 1, 2.25, 7))
    limit = {"before_taxes": net, "after_taxes": round(net * rng.choice((1, 1.1, 1.21, 1.3)), 2)}
    if rng.random() < 0.4:
        limit.pop(rng.choice(("before_taxes", "after_taxes")))
    return limit


def random_element(rng: Random) -> dict[str, Any]:
    kinds = rng.sample(("ENERGY", "TIME", "PARKING_TIME", "FLAT"), rng.choice((1, 1, 2, 3)))
    element: dict[str, Any] = {"price_components": [random_component(rng, kind) for kind in kinds]}
    if rng.random() < 0.75:
        element["restrictions"] = random_restrictions(rng)
    return element


def random_component(rng: Random, kind: str) -> dict[str, Any]:
    component = {
        "type": kind,
        "price": rng.choice((0, 0.25, 0.333, 1, 1.9, 2.5, 6, 0.0719)),
        "step_size": rng.choice((1, 1, 1, 0, 60, 300, 900, 1000)),
    }
    if rng.random() < 0.8:
        component["vat"] = rng.choice((0, 5.2, 10, 20, 21))
    return component


def random_restrictions(rng: Random) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    for kind in rng.sample(tuple(RULES), rng.choice((1, 1, 2, 3))):
        RULES[kind](rng, rules)
    return rules


def _clock(rng: Random, rules: dict[str, Any]) -> None:
    rules["start_time"], rules["end_time"] = rng.choice(CLOCKS), rng.choice(CLOCKS)
    if rng.random() < 0.3:
        del rules[rng.choice(("start_time", "end_time"))]


def _date(rng: Random, rules: dict[str, Any]) -> None:
    rules[rng.choice(("start_date", "end_date"))] = rng.choice(DATES)


def _days(rng: Random, rules: dict[str, Any]) -> None:
    rules["day_of_week"] = rng.sample(DAYS, rng.choice((1, 2, 5)))


def _band(name: str, values: tuple[float, ...]) -> Any:
    def add(rng: Random, rules: dict[str, Any]) -> None:
        rules[f"{rng.choice(('min', 'max'))}_{name}"] = rng.choice(values)
        if rng.random() < 0.3:
            rules[f"{rng.choice(('min', 'max'))}_{name}"] = rng.choice(values)

    return add


def _reservation(rng: Random, rules: dict[str, Any]) -> None:
    rules["reservation"] = rng.choice(("RESERVATION", "RESERVATION_EXPIRES"))


RULES = {
    "clock": _clock,
    "clock_again": _clock,
    "date": _date,
    "days": _days,
    "kwh": _band("kwh", (0, 0.4, 1, 2.5, 7, 20)),
    "duration": _band("duration", (0, 600, 1234, 3600, 9000, 86400)),
    "power": _band("power", (0, 3.7, 7, 16, 32)),
    "current": _band("current", (6, 16, 32)),
    "idle": _band("idle_time", (0, 300, 900, 2000)),
    "reservation": _reservation,
}


def random_session(rng: Random, start: datetime) -> dict[str, Any]:
    length = rng.choice((0, 60, 1800, 5400, 9000, 10801, 86400, 130000))
    seconds = sorted({rng.randint(0, length) for _ in range(rng.choice((0, 1, 2, 3, 6)))})
    wh, readings = rng.choice((0, 123456)), []
    for second in seconds:
        readings.append([second, wh])
        wh += rng.choice((0, 0, 7, 400, 1000, 2500, 9999))
    states = []
    if length:
        names = ["CHARGING", "PARKED", "WITHHELD", "PARKED", "CHARGING"]
        names = (["RESERVED"] if rng.random() < 0.2 else []) + names[: rng.choice((0, 1, 2, 4, 5))]
        at = 0
        for name in names:
            states.append([at, name])
            at = rng.randint(at, length)
    end = start + timedelta(seconds=length)
    return {"start": start.isoformat(), "end": end.isoformat(), "readings": readings, "states": states}


def random_cdr(rng: Random, start: datetime) -> dict[str, Any]:
    periods, at = [], start
    reserved = rng.random() < 0.2
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        length = 9 * rng.choice((1, 100, 400, 401, 1000, 2500, 9600))
        kind = "RESERVATION_TIME" if reserved else rng.choice(("TIME", "TIME", "PARKING_TIME"))
        dimensions = [{"type": kind, "volume": length / 3600}]
        if rng.random() < 0.08:
            dimensions[0]["volume"] = rng.choice((0.5, 0.123))
        if not reserved and rng.random() < 0.8:
            dimensions.append({"type": "ENERGY", "volume": rng.choice((0, 0.4, 1.001, 2.5, 7.3335, 20))})
        dimensions += [
            {"type": name, "volume": rng.choice((0, 3.7, 6, 11, 16, 32, 50))}
            for name in ("MIN_POWER", "MAX_POWER", "MIN_CURRENT", "MAX_CURRENT")
            if rng.random() < 0.25
        ]
        if kind == "TIME" and rng.random() < 0.1:
            dimensions.append({"type": "PARKING_TIME", "volume": 0.25})
            dimensions.append({"type": "STATE_OF_CHARGE", "volume": 80})
        periods.append({"start_date_time": at.isoformat(), "dimensions": dimensions})
        at += timedelta(seconds=length)
        reserved = False
    return {
        "start_date_time": start.isoformat(),
        "end_date_time": at.isoformat(),
        "charging_periods": periods,
    }
