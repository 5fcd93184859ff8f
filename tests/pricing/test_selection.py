"""Which element wins, where a session is cut, and what a line tells about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

import pricing
from pricing import State
from tests.pricing.builders import (
    MONDAY,
    cdr_json,
    component,
    element,
    make_session,
    make_tariff,
    period,
)

DAY = component("ENERGY", 0.40)
NIGHT = component("ENERGY", 0.20)


def quantities(tariff: pricing.Tariff, session: pricing.Session, zone: str = "UTC", **more: Any) -> list[Any]:
    priced = pricing.price(tariff, session, zone, **more)
    return [(line.kind, line.element, line.quantity) for line in priced.lines]


def test_the_hour_that_occurs_twice_is_billed_twice() -> None:
    """02:00 to 03:00 on the last Sunday of October in Amsterdam lasts two hours."""
    start = datetime(2024, 10, 26, 23, 0, tzinfo=UTC)
    tariff = make_tariff(element(component("TIME", 1), start_time="02:00", end_time="03:00"))

    assert quantities(tariff, make_session((0, 0), start=start, length=6 * 3600), "Europe/Amsterdam") == [
        ("TIME", 0, 7200)
    ]


def test_the_hour_that_is_skipped_is_never_billed() -> None:
    start = datetime(2024, 3, 30, 23, 0, tzinfo=UTC)
    tariff = make_tariff(element(component("TIME", 1), start_time="02:00", end_time="03:00"))

    assert quantities(tariff, make_session((0, 0), start=start, length=6 * 3600), "Europe/Amsterdam") == []


def test_lord_howe_shifts_by_half_an_hour() -> None:
    start = datetime(2024, 4, 6, 13, 0, tzinfo=UTC)
    tariff = make_tariff(element(component("TIME", 1), start_time="01:30", end_time="02:00"))

    assert quantities(tariff, make_session((0, 0), start=start, length=6 * 3600), "Australia/Lord_Howe") == [
        ("TIME", 0, 3600)
    ]


def test_a_window_over_midnight_takes_the_weekday_of_the_instant() -> None:
    tariff = make_tariff(
        element(component("TIME", 1), start_time="22:00", end_time="06:00", day_of_week=["MONDAY"])
    )
    sunday_evening = MONDAY - timedelta(hours=4)

    assert quantities(tariff, make_session((0, 0), start=sunday_evening, length=48 * 3600)) == [
        ("TIME", 0, 6 * 3600),
        ("TIME", 0, 2 * 3600),
    ]


def test_end_date_is_exclusive_and_leap_days_exist() -> None:
    tariff = make_tariff(element(component("TIME", 1), start_date="2024-02-29", end_date="2024-03-01"))
    start = datetime(2024, 2, 28, 12, tzinfo=UTC)

    assert quantities(tariff, make_session((0, 0), start=start, length=72 * 3600)) == [("TIME", 0, 86_400)]


def test_energy_is_linear_between_readings_and_cut_at_the_clock() -> None:
    tariff = make_tariff(element(NIGHT, start_time="00:00", end_time="00:10"), element(DAY))

    assert quantities(tariff, make_session((0, 100), (2400, 1300))) == [
        ("ENERGY", 0, 300),
        ("ENERGY", 1, 900),
    ]


def test_a_cut_between_whole_watt_hours_stays_exact() -> None:
    tariff = make_tariff(element(NIGHT, start_time="00:00", end_time="00:10"), element(DAY))

    assert quantities(tariff, make_session((0, 0), (1800, 100))) == [
        ("ENERGY", 0, Fraction(100, 3)),
        ("ENERGY", 1, Fraction(200, 3)),
    ]


def test_minimum_is_inclusive_and_maximum_exclusive() -> None:
    tariff = make_tariff(
        element(component("FLAT", 1), min_kwh=1, max_kwh=1),
        element(component("FLAT", 2), min_kwh=1),
        element(component("FLAT", 3), max_duration=0),
    )
    session = make_session((0, 0), (60, 1000), length=120)

    assert quantities(tariff, session) == [("FLAT", 1, 1)]


def test_idle_grace_counts_from_when_the_vehicle_stopped() -> None:
    tariff = make_tariff(element(component("PARKING_TIME", 6), min_idle_time=900, max_idle_time=2700))
    session = make_session((0, 0), (3600, 9000), length=7200, parked_from=3600)

    assert quantities(tariff, session) == [("PARKING_TIME", 0, 1800)]


def test_a_state_of_no_length_interrupts_nothing() -> None:
    tariff = make_tariff(element(component("PARKING_TIME", 6), min_idle_time=900))
    states = ((0, State.PARKED), (600, State.WITHHELD), (600, State.PARKED))
    session = pricing.Session(MONDAY, MONDAY + timedelta(seconds=1800), (), states)
    periods = period(600, PARKING_TIME=True), period(0), period(1200, PARKING_TIME=True)

    assert quantities(tariff, session) == [("PARKING_TIME", 0, 900)]
    assert quantities(tariff, pricing.Session.from_cdr(cdr_json(*periods))) == [("PARKING_TIME", 0, 900)]


def test_a_state_at_the_very_end_begins_no_charging_session() -> None:
    tariff = make_tariff(element(component("FLAT", 6)), min_price=9)
    states = ((0, State.RESERVED), (60, State.CHARGING))
    session = pricing.Session(MONDAY, MONDAY + timedelta(seconds=60), (), states)
    cdr = cdr_json(period(60, RESERVATION_TIME=True), period(0, ENERGY=0))

    for each in (session, pricing.Session.from_cdr(cdr)):
        assert pricing.price(tariff, each, "UTC").total.gross == 0


def test_withheld_time_is_neither_charging_nor_parking() -> None:
    tariff = make_tariff(element(component("TIME", 1), component("PARKING_TIME", 1)))
    states = ((60, State.WITHHELD), (120, State.PARKED))
    session = pricing.Session(MONDAY, MONDAY + timedelta(seconds=180), (), states)
    priced = pricing.price(tariff, session, "UTC")

    assert [(line.kind, line.quantity) for line in priced.lines] == [("TIME", 60), ("PARKING_TIME", 60)]
    assert dict(priced.unpriced) == {"WITHHELD_TIME": 60}


def test_telemetry_beats_the_slope_of_the_register() -> None:
    tariff = make_tariff(
        element(component("ENERGY", 1), min_power=10, max_current=20), element(component("ENERGY", 2))
    )
    readings = ((0, 0), (3600, 4000))
    session = make_session(*readings, powers_w=((0, 11_000), (1800, 4_000)), currents_a=((0, 16), (900, 32)))

    assert quantities(tariff, make_session(*readings)) == [("ENERGY", 1, 4000)]
    assert quantities(tariff, session) == [("ENERGY", 0, 1000), ("ENERGY", 1, 3000)]


def test_energy_taken_in_no_time_has_the_power_of_its_neighbours() -> None:
    tariff = make_tariff(element(component("ENERGY", 1), max_power=10), element(component("ENERGY", 2)))
    session = make_session((0, 0), (1800, 1000), (1800, 2000), (3600, 3000))

    assert quantities(tariff, session) == [("ENERGY", 0, 3000)]


def test_without_telemetry_restrictions_on_it_match() -> None:
    tariff = make_tariff(element(component("TIME", 1), min_power=10, max_current=20, evse_kind="DC"))
    session = make_session((0, 0), length=60)

    assert quantities(tariff, session) == [("TIME", 0, 60)]
    assert pricing.price(tariff, session, "UTC").to_json()["missing_telemetry"] == "matches"


def test_evse_kind_decides() -> None:
    tariff = make_tariff(element(component("TIME", 1), evse_kind="DC"), element(component("TIME", 2)))
    cdr = cdr_json(period(60, TIME=True)) | {"cdr_location": {"connector_power_type": "AC_3_PHASE"}}

    assert quantities(tariff, make_session((0, 0), length=60, evse_kind="DC")) == [("TIME", 0, 60)]
    assert quantities(tariff, pricing.Session.from_cdr(cdr)) == [("TIME", 1, 60)]
    cdr["cdr_location"] = {"connector_power_type": 4}
    assert quantities(tariff, pricing.Session.from_cdr(cdr)) == [("TIME", 0, 60)]


def test_an_average_power_stands_for_both_ends() -> None:
    tariff = make_tariff(element(component("ENERGY", 1), max_power=10), element(component("ENERGY", 2)))
    session = pricing.Session.from_cdr(
        cdr_json(period(60, ENERGY=1, POWER=5), period(60, ENERGY=1, POWER=10))
    )

    assert quantities(tariff, session) == [("ENERGY", 0, 1000), ("ENERGY", 1, 1000)]


def test_a_session_of_years_is_cut_at_every_change() -> None:
    tariff = make_tariff(element(component("TIME", 1), day_of_week=["MONDAY"]))
    session = make_session((0, 0), length=7 * 86_400 * 104)

    again = [quantities(tariff, session, "America/New_York") for _ in range(2)]
    (total,) = {sum(quantity for _, _, quantity in each) for each in again}
    # 104 Mondays; New York's own days of change are Sundays, the start is five hours into Monday.
    assert total == 104 * 86_400


def test_a_line_tells_who_was_passed_over_and_why() -> None:
    tariff = make_tariff(
        element(component("ENERGY", 1), start_time="08:00"),
        element(component("ENERGY", 2), min_kwh=5, max_duration=0),
        element(component("ENERGY", 3), reservation="RESERVATION"),
        element(component("FLAT", 3)),
        element(component("ENERGY", 4)),
    )
    priced = pricing.price(tariff, make_session((0, 0), (60, 100)), "UTC")
    line = next(line for line in priced.lines if line.kind == "ENERGY")

    assert line.passed_over == ((0, ("clock",)), (1, ("duration", "kwh")), (2, ("reservation",)))
    assert priced.to_json(explain=True)["lines"][1]["passed_over"][1] == {
        "element": 1,
        "because": ["duration", "kwh"],
    }


def test_a_limit_line_states_net_and_tax_and_its_rates() -> None:
    tariff = make_tariff(
        element(component("FLAT", 0.5, 20)),
        element(component("ENERGY", 0.25, 10)),
        max_price={"before_taxes": 10, "after_taxes": 11},
    )
    priced = pricing.price(tariff, make_session((0, 0), (60, 50_000)), "UTC")
    line = priced.lines[-1]

    assert (line.kind, line.element, line.price, line.tax_percent, line.step_size) == (
        "MAX_PRICE",
        None,
        None,
        None,
        0,
    )
    assert line.exact == (Fraction(-3), Fraction(-35, 100))
    assert line.by_rate[Fraction(20)].net == Fraction(-1, 2)
    assert priced.lines[0].by_rate == {Fraction(20): (Fraction(1, 2), Fraction(1, 10))}
    assert line.passed_over == ()
    assert line.start == line.end == MONDAY + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("limits", "net", "gross"),
    [
        ({"max_price": {"before_taxes": 10}}, "10.00", "11.00"),
        ({"max_price": {"after_taxes": 10}}, "9.09", "10.00"),
        ({"max_price": {"before_taxes": 10, "after_taxes": 12}}, "10.00", "11.00"),
        ({"max_price": {"before_taxes": 9.09, "after_taxes": 10}}, "9.09", "10.00"),
        ({"min_price": {"before_taxes": 20, "after_taxes": 20}}, "20.00", "22.00"),
        ({"min_price": 20, "max_price": {"after_taxes": 11}}, "10.00", "11.00"),
        ({"min_price": 20, "max_price": 10}, "10.00", "11.00"),
    ],
    ids=[
        "net only",
        "gross only",
        "the tighter limb",
        "limbs rounded",
        "minimum",
        "contradiction",
        "max wins",
    ],
)
def test_limits_of_one_rate(limits: dict[str, Any], net: str, gross: str) -> None:
    tariff = make_tariff(element(component("ENERGY", 0.25, 10)), **limits)
    total = pricing.price(tariff, make_session((0, 0), (60, 50_000)), "UTC").total

    assert (total.net, total.gross) == (Decimal(net), Decimal(gross))


def test_a_minimum_of_an_unpriced_session_is_owed_at_the_first_rate() -> None:
    tariff = make_tariff(
        element(component("ENERGY", 0.25, 10)), min_price={"before_taxes": 1, "after_taxes": 1.1}
    )
    by_net = make_tariff(element(component("ENERGY", 0.25, 10)), min_price=1)
    by_gross = make_tariff(element(component("ENERGY", 0.25, 10)), min_price={"after_taxes": 1.1})

    for each in (tariff, by_net, by_gross):
        total = pricing.price(each, make_session((0, 0), length=0), "UTC").total
        assert (total.net, total.gross) == (Decimal("1.00"), Decimal("1.10"))


def test_a_limit_never_lets_the_rounded_total_pass_it() -> None:
    tariff = make_tariff(
        element(component("FLAT", 0.5, 20)),
        element(component("ENERGY", 0.25, 10)),
        max_price={"before_taxes": 10, "after_taxes": 11},
    )
    total = pricing.price(tariff, make_session((0, 0), (60, 37_900)), "UTC").total

    assert total == (Decimal("9.98"), Decimal("1.02"), Decimal("11.00"))


def test_limits_leave_the_reservation_alone() -> None:
    tariff = make_tariff(
        element(component("FLAT", 5), component("TIME", 1), reservation="RESERVATION"),
        element(component("ENERGY", 1)),
        max_price=2,
    )
    cdr = cdr_json(period(3600, RESERVATION_TIME=True), period(60, ENERGY=10, TIME=True))
    priced = pricing.price(tariff, pricing.Session.from_cdr(cdr), "UTC")

    assert priced.total.net == Decimal("8.00")
    assert priced.components["RESERVATION"].net == 6
    assert [line.kind for line in priced.lines] == [
        "RESERVATION_FLAT",
        "RESERVATION_TIME",
        "ENERGY",
        "MAX_PRICE",
    ]
    only = pricing.Session.from_cdr(cdr_json(period(3600, RESERVATION_TIME=True)))
    assert pricing.price(make_tariff(element(component("FLAT", 1)), min_price=9), only, "UTC").total.net == 0


def test_an_expired_reservation_without_a_window_still_owes_its_fee() -> None:
    tariff = make_tariff(
        element(component("FLAT", 4), reservation="RESERVATION_EXPIRES"), element(component("FLAT", 1))
    )

    assert quantities(tariff, make_session((0, 0), length=0), reservation_expired=True) == [
        ("RESERVATION_FLAT", 0, 1)
    ]
    nothing = make_tariff(element(component("FLAT", 1)))
    assert quantities(nothing, make_session((0, 0), length=0), reservation_expired=True) == []


def test_energy_while_reserved_is_not_charged_but_named() -> None:
    tariff = make_tariff(element(component("ENERGY", 1)))
    cdr = cdr_json(period(60, RESERVATION_TIME=True, ENERGY=1))
    priced = pricing.price(tariff, pricing.Session.from_cdr(cdr), "UTC")

    assert dict(priced.unpriced) == {"ENERGY": 1000, "RESERVATION_TIME": 60}


def test_taxes_tell_the_rates() -> None:
    tariff = make_tariff(element(component("FLAT", 1, 0)), element(component("ENERGY", 1)))
    priced = pricing.price(tariff, make_session((0, 0), (60, 1000)), "UTC")

    assert [(each.percent, each.net) for each in priced.taxes] == [
        (None, Decimal("1.00")),
        (0, Decimal("1.00")),
    ]
    assert (priced.currency, priced.digits) == ("EUR", 2)


def test_timetables_are_dropped_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pricing.timetable._MOST_BLOCKS", 2)
    tariff = make_tariff(element(component("TIME", 1), start_time="12:00"))

    assert len(quantities(tariff, make_session((0, 0), length=86_400 * 200))) == 200


def test_readings_may_begin_late_and_end_early() -> None:
    tariff = make_tariff(element(component("ENERGY", 1)))
    session = make_session((60, 500), (120, 700), length=300)

    assert session.energy_wh == 200
    assert quantities(tariff, session) == [("ENERGY", 0, 200)]
