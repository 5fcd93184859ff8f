"""step_size: once a session for ENERGY, once for TIME and PARKING_TIME together, once for the reservation."""

from __future__ import annotations

from collections.abc import Sequence

from pricing.fields import Rational
from pricing.walk import Run


def round_up_to_steps(runs: Sequence[Run]) -> None:
    """Put on the last priced run of each kind what its step adds to the session's total of that kind.

    Where both time dimensions were paid for, only parking is rounded (OCPI 2.2.1, note on step_size).
    """
    totals: dict[str, Rational] = {}
    last: dict[str, Run] = {}
    for run in runs:
        kind = run.dimension
        if run.rate is not None and kind != "FLAT":
            totals[kind] = totals.get(kind, 0) + run.quantity
            last[kind] = run
    if "PARKING_TIME" in last:
        last.pop("TIME", None)
    for kind, run in last.items():
        assert run.rate is not None
        step = run.rate.step * run.divisor
        if step:
            run.surplus = -totals[kind] % step
