"""What must hold for any tariff and any session."""

from __future__ import annotations

import copy
import io
import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import pricing
from pricing.amounts import total_of
from pricing.command import rate_lines
from tests.pricing.test_reference import session_of
from tests.pricing.worlds import ZONES, Case, random_case, random_cdr, random_session, random_tariff

EPOCH = datetime(2024, 3, 31, 0, 15, tzinfo=UTC)
SEEDS = st.integers(0, 2**63)
UNITS = {"ENERGY": 1000, "TIME": 3600, "PARKING_TIME": 3600, "RESERVATION_TIME": 3600}


def price_case(case: Case) -> pricing.PricedSession:
    tariff = pricing.Tariff.from_json(case.tariff)
    return pricing.price(tariff, session_of(case), case.zone, reservation_expired=case.expired)


def same_price(one: pricing.PricedSession, other: pricing.PricedSession) -> bool:
    return one.to_json() | {"lines": []} == other.to_json() | {"lines": []} and [
        (line.kind, line.element, line.quantity, line.surplus) for line in one.lines
    ] == [(line.kind, line.element, line.quantity, line.surplus) for line in other.lines]


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_a_reading_on_the_line_changes_nothing(seed: int) -> None:
    rng = Random(seed)
    case = random_case(rng)
    session = random_session(rng, EPOCH)
    readings = [
        [s, base * 6000] for s, base in zip(sorted(rng.sample(range(0, 9000, 60), 3)), (0, 1, 3), strict=True)
    ]
    end = EPOCH + timedelta(seconds=9001)
    session |= {"end": end.isoformat(), "readings": readings, "states": [[0, "CHARGING"], [5000, "PARKED"]]}
    gap = rng.randrange(2)
    (s0, w0), (s1, w1) = readings[gap], readings[gap + 1]
    on_the_line = [s for s in range(s0 + 1, s1) if (w1 - w0) * (s - s0) % (s1 - s0) == 0]
    second = rng.choice(on_the_line)  # the whole minutes at least
    middle = [second, w0 + (w1 - w0) * (second - s0) // (s1 - s0)]
    more = {**session, "readings": [*readings[: gap + 1], middle, *readings[gap + 1 :]]}

    one, other = (
        price_case(Case(case.tariff, each, None, case.zone, case.expired)) for each in (session, more)
    )
    assert same_price(one, other)


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_splitting_a_cdr_period_anywhere_changes_nothing(seed: int) -> None:
    rng = Random(seed)
    case, cdr = random_case(rng), random_cdr(rng, EPOCH)
    whole = pricing.Session.from_cdr(cdr)
    split = pricing.Session.from_cdr(split_period(rng, cdr))
    tariff = pricing.Tariff.from_json(case.tariff)

    one, other = (
        pricing.price(tariff, session, case.zone, reservation_expired=case.expired)
        for session in (whole, split)
    )
    assert same_price(one, other)


def split_period(rng: Random, cdr: dict[str, Any]) -> dict[str, Any]:
    """The same CDR with one period in two parts of one to three tenths and the rest."""
    periods = cdr["charging_periods"]
    which = rng.randrange(len(periods))
    starts = [datetime.fromisoformat(each["start_date_time"]) for each in periods]
    end = [*starts[1:], datetime.fromisoformat(cdr["end_date_time"])][which]
    tenths = rng.choice((1, 2, 3, 5))
    middle = starts[which] + (end - starts[which]) * tenths / 10

    def part(share: Fraction) -> list[dict[str, Any]]:
        shared = ("TIME", "PARKING_TIME", "RESERVATION_TIME", "ENERGY")
        return [
            {"type": each["type"], "volume": decimal(Fraction(str(each["volume"])) * share)}
            if each["type"] in shared
            else each
            for each in periods[which]["dimensions"]
        ]

    halves = [
        {"start_date_time": periods[which]["start_date_time"], "dimensions": part(Fraction(tenths, 10))},
        {"start_date_time": middle.isoformat(), "dimensions": part(1 - Fraction(tenths, 10))},
    ]
    return {**cdr, "charging_periods": [*periods[:which], *halves, *periods[which + 1 :]]}


def decimal(value: Fraction) -> str:
    scaled = value * 10**20
    assert scaled.denominator == 1
    return f"{scaled.numerator // 10**20}.{scaled.numerator % 10**20:020}"


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_every_watt_hour_and_second_is_priced_or_named_as_unpriced(seed: int) -> None:
    case = random_case(Random(seed))
    session = session_of(case)
    priced = price_case(case)
    left = dict(priced.unpriced)
    measured = {kind: Fraction(0) for kind in UNITS}
    for line in priced.lines:
        if line.kind in measured:
            measured[line.kind] += line.quantity

    assert measured["ENERGY"] + left.get("ENERGY", 0) == session.energy_wh
    if case.session is not None:
        times = [measured[kind] + left.get(kind, 0) for kind in ("TIME", "PARKING_TIME", "RESERVATION_TIME")]
        assert sum(times) + left.get("WITHHELD_TIME", 0) == session.track.length


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_every_line_reproduces_its_own_amount_and_lines_sum_to_the_totals(seed: int) -> None:
    case = random_case(Random(seed))
    priced = price_case(case)
    for line in priced.lines:
        if line.price is None:
            continue
        asked = line.price * line.billed / UNITS.get(line.kind, 1)
        included = case.tariff.get("tax_included") == "YES"
        assert (line.exact.gross if included else line.exact.net) == asked
        assert line.exact.tax == line.exact.net * (line.tax_percent or 0) / 100

    assert total_of(line.exact for line in priced.lines) == priced.exact
    assert sum(tax.net for tax in priced.taxes) == priced.total.net
    assert priced.total.net + priced.total.tax == priced.total.gross
    step = Fraction(1, 10**priced.digits)
    assert abs(Fraction(priced.total.gross) - priced.exact.gross) <= step * max(1, len(priced.taxes))


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_price_limits_hold_to_the_minor_unit(seed: int) -> None:
    rng = Random(seed)
    rates = rng.sample((0, 5.2, 10, 20, None), 2)
    parts = [("FLAT", rng.choice((0, 0.5, 3))), ("ENERGY", rng.choice((0.1, 0.25, 0.333)))]
    limit, share = rng.choice((1, 5, 10)), rng.choice((1.0, 1.1, 1.21))
    name = rng.choice(("min_price", "max_price"))
    tariff = pricing.Tariff.from_json(
        {
            "currency": "EUR",
            "elements": [
                {"price_components": [{"type": kind, "price": price, "vat": vat, "step_size": 1}]}
                for (kind, price), vat in zip(parts, rates, strict=True)
            ],
            name: {"before_taxes": limit, "after_taxes": round(limit * share, 2)},
        }
    )
    session = pricing.Session.from_json(
        {**random_session(rng, EPOCH), "states": []} | {"readings": [[0, 0], [0, rng.randint(0, 99999)]]}
    )

    total = pricing.price(tariff, session, "UTC").total
    limits = tariff.min_price or tariff.max_price
    assert limits is not None
    assert limits.net is not None
    assert limits.gross is not None
    for amount, bound in ((total.net, limits.net), (total.gross, limits.gross)):
        if name == "max_price":
            assert Fraction(amount) <= bound
        else:
            assert Fraction(amount) >= bound


@given(SEEDS)
@settings(max_examples=200, deadline=None)
def test_without_restrictions_more_energy_or_time_never_costs_less(seed: int) -> None:
    rng = Random(seed)
    raw = random_tariff(rng)
    for element in raw["elements"]:
        element.pop("restrictions", None)
        # With one rate; a capped net may bear less tax when its parts shift to a lower rate.
        for component in element["price_components"]:
            component["vat"] = 20
    tariff = pricing.Tariff.from_json(raw)
    short = random_session(rng, EPOCH) | {"states": []}
    amounts = sorted(rng.randint(0, 90000) for _ in range(4))
    prices = [
        pricing.price(tariff, pricing.Session.from_json(short | {"readings": [[0, 0], [0, wh]]}), "UTC")
        for wh in amounts
    ]
    for less, more in pairwise(prices):
        assert less.exact.gross <= more.exact.gross
        assert less.total.gross <= more.total.gross


@given(
    SEEDS, st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=5), max_size=3)
)
@settings(max_examples=100, deadline=None)
def test_a_tariff_comes_out_as_it_went_in(seed: int, unknown: dict[str, Any]) -> None:
    known = random_tariff(Random(seed))
    raw = {**{f"x_{name}": value for name, value in unknown.items()}, **known}
    raw["elements"][0]["x_note"] = unknown

    assert pricing.Tariff.from_json(raw).to_json() == raw
    assert json.loads(json.dumps(pricing.Tariff.from_json(json.loads(json.dumps(raw))).to_json())) == raw


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["2024-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "EUR", "1e999999", "ENERGY", "17:00", -1, 10**40]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


def put(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


@given(SEEDS, JSON, st.data())
@settings(max_examples=1500, deadline=None)
def test_any_json_gives_a_result_or_an_error_that_names_the_field(
    seed: int, junk: Any, data: st.DataObject
) -> None:
    rng = Random(seed)
    case: dict[str, Any] = {"id": seed, "tariff": random_tariff(rng), "timezone": rng.choice(ZONES)}
    if rng.random() < 0.5:
        case["session"] = random_session(rng, EPOCH)
    else:
        case["cdr"] = random_cdr(rng, EPOCH)
    for _ in range(rng.choice((1, 1, 2))):
        put(case, data.draw(st.sampled_from(paths(case))), copy.deepcopy(junk))

    answers = list(rate_lines(io.StringIO(json.dumps(case))))
    assert len(answers) == 1
    (answer,) = answers
    json.dumps(answer, default=str)
    assert ("total" in answer) != ("error" in answer)
    if "error" in answer:
        assert answer["field"].split(".")[0].split("[")[0] in {
            "case", "tariff", "session", "cdr", "timezone", "reservation_expired",
        }  # fmt: skip


@given(st.text(max_size=40) | JSON.map(json.dumps))
@settings(max_examples=300, deadline=None)
def test_any_line_is_answered_or_blank(line: str) -> None:
    for answer in rate_lines(iter([line])):
        assert "error" in answer
