"""Builders for tests of pricing: a tariff, a CDR or a session in one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pricing

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
AMSTERDAM = "Europe/Amsterdam"


def component(kind: str, price: Any, vat: Any = None, step: int = 1) -> dict[str, Any]:
    built = {"type": kind, "price": price, "step_size": step}
    return built if vat is None else {**built, "vat": vat}


def element(*components: dict[str, Any], **restrictions: Any) -> dict[str, Any]:
    built: dict[str, Any] = {"price_components": list(components)}
    return {**built, "restrictions": restrictions} if restrictions else built


def tariff_json(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"currency": "EUR", "elements": list(elements), **more}


def make_tariff(*elements: dict[str, Any], **more: Any) -> pricing.Tariff:
    return pricing.Tariff.from_json(tariff_json(*elements, **more))


def period(seconds: int, **volumes: Any) -> tuple[int, dict[str, Any]]:
    return seconds, volumes


def cdr_json(*periods: tuple[int, dict[str, Any]], start: datetime = MONDAY) -> dict[str, Any]:
    """A CDR of periods (length in s, volumes). TIME=True and the like stand for the whole length."""
    at, written = start, []
    for seconds, volumes in periods:
        dimensions = [
            {"type": kind, "volume": round(seconds / 3600, 4), "x_seconds": seconds}
            if volume is True
            else {"type": kind, "volume": volume}
            for kind, volume in volumes.items()
        ]
        written.append({"start_date_time": stamp(at), "dimensions": dimensions})
        at += timedelta(seconds=seconds)
    return {
        "currency": "EUR",
        "start_date_time": stamp(start),
        "end_date_time": stamp(at),
        "charging_periods": written,
    }


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def make_session(
    *readings: tuple[int, int],
    start: datetime = MONDAY,
    length: int | None = None,
    parked_from: int | None = None,
    **more: Any,
) -> pricing.Session:
    seconds = length if length is not None else readings[-1][0]
    parked = () if parked_from is None else ((parked_from, pricing.State.PARKED),)
    states = ((0, pricing.State.CHARGING), *parked)
    return pricing.Session(start, start + timedelta(seconds=seconds), tuple(readings), states, **more)


def rate(tariff: dict[str, Any], cdr: dict[str, Any], zone: str = AMSTERDAM, **more: Any) -> dict[str, Any]:
    """What `rate --batch` answers, through JSON as a stranger would send it."""
    import json

    from pricing.command import rate_lines

    case = {"id": 1, "tariff": tariff, "cdr": cdr, "timezone": zone, **more}
    (answer,) = rate_lines(iter([json.dumps(case)]))
    return answer
