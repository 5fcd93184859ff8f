"""`python -m benchmarks.replay`: a million sessions of a year replayed under rules and four elasticities.

The yardstick is the batch engine pricing the same million once by one plain tariff; the naive way prices them one
by one with `pricing.price` (measured on 5,000, scaled up).
"""

import time
from datetime import time as clock
from datetime import timedelta
from decimal import Decimal

import numpy as np

import pricing
from benchmarks.report import Figure, publish
from revenue.dynamic.guardrails import Guardrails
from revenue.dynamic.rules import Action, Band, Rule
from revenue.replay.outcome import compare
from revenue.replay.past import Past
from revenue.replay.prices import Window, as_it_was, by_rules, by_tariff, by_window, cost
from tests.revenue.pasts import make_past

SESSIONS, NAIVE = 1_000_000, 5_000
RAILS = Guardrails(
    normal=Decimal("0.50"), floor=Decimal("0.30"), cap=Decimal("0.80"), max_step=Decimal("0.05"),
    max_step_day=Decimal("0.40"), hysteresis=Decimal("0.01"), notice=timedelta(minutes=30),
)  # fmt: skip
RULES = [
    Rule("full", Action.PERCENT, percent=Decimal(40), utilisation=Band(Decimal(80))),
    Rule("busy", Action.PERCENT, percent=Decimal(15), utilisation=Band(Decimal(60))),
    Rule("quiet", Action.WAIVE_IDLE, utilisation=Band(None, Decimal(20))),
    Rule("night", Action.PERCENT, percent=Decimal(-30), from_time=clock(23), to_time=clock(5)),
]


def seconds(work: object) -> tuple[float, object]:
    begin = time.perf_counter()
    made = work()  # type: ignore[operator]  # a function without arguments
    return time.perf_counter() - begin, made


def naive(past: Past, tariff: pricing.Tariff) -> float:
    """Seconds for all sessions, one at a time."""
    columns = past.columns(np.arange(NAIVE))
    sessions = [columns.session(i) for i in range(NAIVE)]
    begin = time.perf_counter()
    for session in sessions:
        pricing.price(tariff, session, past.zone)
    return (time.perf_counter() - begin) * SESSIONS / NAIVE


def main() -> None:
    prices = (("ENERGY", "0.50"), ("PARKING_TIME", "3.00"), ("FLAT", "0.30"))
    components = [{"type": kind, "price": price, "vat": 20} for kind, price in prices]
    document = {"currency": "EUR", "elements": [{"price_components": components}]}
    tariff = pricing.Tariff.from_json(document)
    past = make_past(SESSIONS, weeks=52, ports=600)
    one_by_one = naive(past, tariff)
    yard, _costs = seconds(lambda: cost(past, by_tariff(past, tariff)))

    def window() -> object:
        before = cost(past, as_it_was(past, [tariff]))
        changed = by_window(past, [document], Window(clock(6), clock(10)), Decimal(-20))
        return compare(past, before, cost(past, changed))

    def rules() -> object:
        before = cost(past, as_it_was(past, [tariff]))
        return compare(past, before, cost(past, by_rules(past, document, RULES, RAILS)))

    by_window_s, _report = seconds(window)
    by_rules_s, _report = seconds(rules)
    bar = "<= 10 s"
    publish(
        "replay",
        [
            Figure("yardstick: 1,000,000 sessions priced once in columns", yard, "s", None, one_by_one / yard),
            Figure(
                "cheaper mornings, four elasticities", by_window_s, "s",
                by_window_s / yard, 2 * one_by_one / by_window_s, bar, by_window_s <= 10,
            ),
            Figure(
                "rules over 8,736 hours, four elasticities", by_rules_s, "s",
                by_rules_s / yard, 2 * one_by_one / by_rules_s, bar, by_rules_s <= 10,
            ),
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
