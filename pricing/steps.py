"""step_size: once a session for ENERGY, once for TIME and PARKING_TIME together, once for the reservation."""

from __future__ import annotations

from collections.abc import Sequence

from pricing.fields import Rational
from pricing.walk import Run


def round_up_to_steps(runs: Sequence[Run]) -> None:
    """Put on the last priced run of each kind what its step adds to the session's total of that kind.

    Where both time dimensions were paid for, only parking is rounded (OCPI 2.2.1, note on step_size).
    """
    by_kind: dict[str, list[Run]] = {}
    for run in runs:
        if run.rate is not None and run.quantity:
            by_kind.setdefault(run.dimension, []).append(run)
    if "PARKING_TIME" in by_kind:
        by_kind.pop("TIME", None)
    by_kind.pop("FLAT", None)
    for priced in by_kind.values():
        last = priced[-1]
        assert last.rate is not None
        last.surplus = surplus(sum(run.quantity for run in priced), last.rate.step)


def surplus(total: Rational, step: int) -> Rational:
    """What is missing to the next full step; a step of 0 rounds nothing."""
    return -total % step if step else 0
