"""A CDR read from its text is the CDR read from its JSON, errors included."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pricing
from pricing import cdr_text
from tests.pricing.builders import MONDAY, cdr_json, period, stamp
from tests.pricing.worlds import random_cdr


def long_cdr(rng: Random, start: datetime = MONDAY) -> dict[str, Any]:
    lengths = rng.choice(((60,), (60, 60, 61)))
    periods = [
        period(
            rng.choice(lengths),
            ENERGY=rng.randint(1, 9) / 1000,
            **{rng.choice(("TIME", "PARKING_TIME")): True},
        )
        for _ in range(30)
    ]
    cdr = cdr_json(*periods, start=start)
    # A session may begin before its first period.
    before = start - timedelta(seconds=rng.choice((0, 0, 30)))
    return {**cdr, "start_date_time": stamp(before)}


def outcome(read: Any, *arguments: Any) -> Any:
    """What a track holds, or what the error says."""
    try:
        track = read(*arguments).track
    except pricing.PricingError as error:
        return str(error)
    bounds = [each for each in track.bounds if each[1:] != (None,) * 4]
    return (
        track.origin, track.length, list(track.times), list(track.energy), list(track.phases), bounds,
        track.evse_kind,
    )  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**63))
def test_text_and_json_give_the_same_track(seed: int) -> None:
    rng = Random(seed)
    near_midnight = MONDAY - timedelta(minutes=rng.choice((0, 10, 500)))
    cdr = long_cdr(rng, near_midnight) if rng.random() < 0.7 else random_cdr(rng, MONDAY)
    text = json.dumps(cdr, indent=rng.choice((None, 1, 2)))

    assert outcome(pricing.Session.from_cdr_json, text) == outcome(pricing.Session.from_cdr, cdr)
    assert outcome(pricing.Session.from_cdr_json, text.encode()) == outcome(pricing.Session.from_cdr, cdr)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 2**63))
def test_damaged_text_gives_what_the_parser_would_give(seed: int) -> None:
    rng = Random(seed)
    text = json.dumps(long_cdr(rng), indent=1)
    at, upto = sorted(rng.randrange(len(text)) for _ in range(2))
    damage = rng.choice(
        (
            text[:at] + rng.choice(('"', "{", "}", "]", "9", "-", "\\", " ", "T", ",")) + text[at + 1 :],
            text[:at] + text[upto:],
            text[:at] + text[at : at + 300] + text[at:],
        )
    )
    try:
        plain = json.loads(damage)
    except ValueError:
        assert "is not JSON" in outcome(pricing.Session.from_cdr_json, damage)
        return
    assert outcome(pricing.Session.from_cdr_json, damage) == outcome(pricing.Session.from_cdr, plain)


def test_the_fast_way_is_taken_for_a_regular_cdr(monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps(long_cdr(Random(1)), indent=2)
    whole: list[int] = []
    parse = cdr_text.parse

    def watched(part: str, at: str = "cdr") -> Any:
        whole.append(len(part))
        return parse(part, at)

    monkeypatch.setattr(cdr_text, "parse", watched)

    pricing.Session.from_cdr_json(text)
    assert max(whole) < len(text) / 4


def test_measured_power_goes_the_plain_way() -> None:
    periods = [period(60, ENERGY=1, TIME=True, MAX_POWER=5)] * 6
    cdr = cdr_json(*periods)

    assert outcome(pricing.Session.from_cdr_json, json.dumps(cdr)) == outcome(pricing.Session.from_cdr, cdr)


@pytest.mark.parametrize(
    "bad", ["2024-01-01T25:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01 00:00:00Z", "soon"]
)
def test_a_time_that_is_none_names_its_period(bad: str) -> None:
    cdr = long_cdr(Random(2))
    cdr["charging_periods"][5]["start_date_time"] = bad

    assert outcome(pricing.Session.from_cdr_json, json.dumps(cdr)) == outcome(pricing.Session.from_cdr, cdr)


def test_a_body_that_is_no_object_goes_the_plain_way() -> None:
    text = json.dumps(long_cdr(Random(3)))
    broken = text.replace('}, {"start_date_time"', '} {"start_date_time"', 9)

    assert "is not JSON" in outcome(pricing.Session.from_cdr_json, broken)
