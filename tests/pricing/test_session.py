"""What a session tells the engine, and what makes no difference."""

from datetime import UTC, datetime, timedelta

import pricing


def test_a_state_told_again_changes_nothing_not_even_the_spans_of_the_lines() -> None:
    document = {
        "currency": "EUR",
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": "0.45"}],
                "restrictions": {"start_time": "16:00", "end_time": "21:00"},
            },
            {"price_components": [{"type": "ENERGY", "price": "0.35"}, {"type": "PARKING_TIME", "price": 6}]},
        ],
    }
    start = datetime(2024, 1, 1, 15, tzinfo=UTC)
    readings = ((0, 0), (1000, 500), (4000, 500), (5000, 520))
    once = ((0, pricing.State.CHARGING), (1000, pricing.State.PARKED))
    again = (
        *once,
        (4100, pricing.State.PARKED),
        (4200, pricing.State.WITHHELD),
        (4200, pricing.State.PARKED),
    )
    tariff = pricing.Tariff.from_json(document)
    priced = [
        pricing.price(
            tariff, pricing.Session(start, start + timedelta(seconds=5000), readings, states), "UTC"
        )
        for states in (once, again)
    ]
    assert priced[0].to_json(explain=True) == priced[1].to_json(explain=True)
