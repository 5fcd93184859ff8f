"""`python -m benchmarks.pricing`: how many sessions a second one core prices.

The yardstick is `json.loads` of the CDR of (b) in the same run: machines differ, the ratio doesn't. Times are
CPU time, the best of several rounds, with the timetable compiled and caches warm, as in a worker that has run
a while. The naive way is the Fraction reference of the tests.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

import pricing
from benchmarks.report import Figure, best_cpu_s, publish
from pricing import batch
from tests.pricing.reference import cdr_pieces, price_reference, session_pieces

ZONE = "Europe/Amsterdam"
START = datetime.fromisoformat("2024-01-10T15:30:00+00:00")
PARKED_FROM_S, LENGTH_S = 9000, 10_800
SESSIONS, CHUNK = 1_000_000, 100_000
CHECKED = 10_000


def element(kind: str, price: str, **restrictions: Any) -> dict[str, Any]:
    component = {"type": kind, "price": price, "vat": 21, "step_size": 1}
    return {"price_components": [component], "restrictions": restrictions}


TARIFF = {
    "currency": "EUR",
    "elements": [
        element("ENERGY", "0.45", start_time="17:00", end_time="21:00"),
        element("ENERGY", "0.35", start_time="07:00", end_time="17:00"),
        element("ENERGY", "0.25"),
        element("PARKING_TIME", "6.00", min_duration=9600, start_time="07:00", end_time="22:00"),
        element("FLAT", "0.50"),
    ],
}


OCPI_EXAMPLE = {
    "currency": "EUR",
    "elements": [
        element("FLAT", "0.50"),
        element("ENERGY", "0.25"),
        element("PARKING_TIME", "2.00"),
    ],
}


def gains() -> list[int]:
    """Wh of each minute: 120 to 126 while charging, then nothing."""
    return [120 + minute * 5 % 7 if minute < 150 else 0 for minute in range(180)]


def session_json() -> dict[str, Any]:
    registers = accumulate(gains(), initial=0)
    return {
        "start": START.isoformat(),
        "end": (START + timedelta(seconds=LENGTH_S)).isoformat(),
        "readings": [[minute * 60, wh] for minute, wh in enumerate(registers)],
        "states": [[0, "CHARGING"], [PARKED_FROM_S, "PARKED"]],
    }


def cdr_json(edges: Iterable[int]) -> dict[str, Any]:
    """The same session as a CDR whose periods meet at the edges, in minutes."""
    minutes = gains()
    rows = [
        {
            "start_date_time": (START + timedelta(minutes=low)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "dimensions": [
                {"type": "ENERGY", "volume": sum(minutes[low:high]) / 1000},
                {
                    "type": "TIME" if low < 150 else "PARKING_TIME",
                    "volume": round((high - low) / 60, 4),
                    "x_seconds": (high - low) * 60,
                },
            ],
            "tariff_id": "12",
        }
        for low, high in pairwise(edges)
    ]
    return {
        "currency": "EUR",
        "start_date_time": "2024-01-10T15:30:00Z",
        "end_date_time": "2024-01-10T18:30:00Z",
        "charging_periods": rows,
    }


def columns(n: int, seed: int) -> batch.Columns:
    """n sessions of three hours all over a year, with readings every minute."""
    rng = np.random.default_rng(seed)
    parked = rng.integers(100, 181, n) * 60
    gained = rng.integers(110, 127, (n, 181)).astype(np.int32)
    gained[:, 0] = 0
    gained[np.arange(181)[None, :] * 60 > parked[:, None]] = 0
    return batch.Columns(
        start=rng.integers(1_704_067_200, 1_735_689_600, n),
        length=np.full(n, LENGTH_S),
        parked_from=parked,
        first=np.arange(n + 1) * 181,
        seconds=np.tile(np.arange(181, dtype=np.int32) * 60, n),
        wh=np.cumsum(gained, axis=1, dtype=np.int32).ravel(),
    )


def re_rate(tariff: pricing.Tariff) -> tuple[float, float, int]:
    """CPU seconds of rating and of checking a million sessions, and how many of 10,000 differ from scalar."""
    rated = checked = 0.0
    differ = 0
    for i in range(SESSIONS // CHUNK):
        part = columns(CHUNK, seed=i)
        begin = time.process_time()
        part.check()
        middle = time.process_time()
        totals = batch.rate(tariff, part, ZONE, checked=True)
        rated += time.process_time() - middle
        checked += middle - begin
        for k in range(i, CHUNK, CHUNK * SESSIONS // CHUNK // CHECKED):
            one = pricing.price(tariff, part.session(k), ZONE)
            differ += (one.net_minor, one.tax_minor) != (totals.net[k], totals.tax[k])
    return rated, checked, differ


def main() -> None:
    tariff, zone = pricing.Tariff.from_json(TARIFF), ZoneInfo(ZONE)
    raw, long, short = session_json(), cdr_json(range(181)), cdr_json((0, 45, 90, 150, 180))
    text = json.dumps(long, indent=1).encode()
    session, few = pricing.Session.from_json(raw), pricing.Session.from_cdr(short)
    yard = best_cpu_s(lambda: json.loads(text), times=200)

    def price_text() -> object:
        return pricing.price(tariff, pricing.Session.from_cdr_json(text), zone).lines

    a = best_cpu_s(lambda: pricing.price(tariff, session, zone).lines, times=500)
    b = best_cpu_s(price_text, times=200)
    plain = pricing.Tariff.from_json(OCPI_EXAMPLE)
    d = best_cpu_s(lambda: pricing.price(plain, few, zone).lines, times=500)
    d_bands = best_cpu_s(lambda: pricing.price(tariff, few, zone).lines, times=500)
    written = best_cpu_s(lambda: pricing.price(tariff, session, zone).to_json(), times=100)
    naive_a = best_cpu_s(lambda: price_reference(TARIFF, *session_pieces(raw), zone), times=1, rounds=2)
    naive_b = best_cpu_s(lambda: price_reference(TARIFF, *cdr_pieces(long), zone), times=1, rounds=2)
    naive_d = best_cpu_s(lambda: price_reference(OCPI_EXAMPLE, *cdr_pieces(short), zone), times=1, rounds=2)
    rated, checked, differ = re_rate(tariff)

    def per_s(name: str, seconds: float, naive: float | None, times: float | None) -> Figure:
        bar = None if times is None else f">= {times:g} x yardstick"
        ratio = yard / seconds
        holds = None if times is None else ratio >= times
        return Figure(name, 1 / seconds, "sessions/s", ratio, naive and naive / seconds, bar, holds)

    publish(
        "pricing",
        [
            Figure(f"yardstick: json.loads of the CDR of (b), {len(text)} bytes", 1 / yard, "documents/s"),
            per_s("(a) 180 readings, three bands, idle fee, flat, tax, lines", a, naive_a, 8),
            per_s("(a) with every amount written out as JSON values", written, None, None),
            per_s("(b) the same from CDR JSON bytes", b, naive_b, 1),
            Figure(
                "(c) 1,000,000 sessions re-rated from readings",
                rated,
                "CPU s",
                None,
                naive_a * SESSIONS / rated,
                f"<= 3 s where the yardstick does 4,900/s, 0 of {CHECKED} differ",
                rated <= 3 * yard * 4900 and not differ,
            ),
            Figure("(c) differ from the scalar engine", differ, f"of {CHECKED}"),
            Figure("(c) checking 181,000,000 readings for order first", checked, "CPU s"),
            per_s("(d) 4-period CDR, fee, energy and parking", d, naive_d, 16),
            per_s("(d) 4-period CDR, the tariff of (a)", d_bands, None, None),
        ],
    )


if __name__ == "__main__":
    main()
