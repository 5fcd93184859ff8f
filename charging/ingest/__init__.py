"""Commit what stations report: many facts in a few set-based statements, each of them idempotent.

Call `commit` inside a transaction. Nothing is priced here: a session that ended is picked up by the sweep.
"""

from collections.abc import Callable, Sequence
from typing import Any

from charging.ingest import (
    known,
    quarantine,
    reading_rows,
    readings,
    shapes,
    signed,
    starts,
    statuses,
    stops,
    tags,
    transactions,
)
from charging.ingest.binary import plan_once
from charging.ingest.facts import (
    TAKEN,
    Booted,
    Fact,
    Metered,
    Misfit,
    Outcome,
    Reporter,
    SignedValue,
    Started,
    StatusReported,
    Stopped,
    TagShown,
    TransactionSeen,
)

__all__ = [
    "Booted",
    "Fact",
    "Metered",
    "Misfit",
    "Outcome",
    "Reporter",
    "SignedValue",
    "Started",
    "StatusReported",
    "Stopped",
    "TagShown",
    "TransactionSeen",
    "commit",
    "forget",
]

# Starts before states and readings, which need the session; readings before stops, which close it.
STEPS: tuple[tuple[type[Any], Callable[[Sequence[Any]], list[Outcome]]], ...] = (
    (Booted, statuses.note_boots),
    (TagShown, tags.judge),
    (Started, starts.open_sessions),
    (TransactionSeen, transactions.note),
    (StatusReported, statuses.note_statuses),
    (Metered, readings.store),
    (SignedValue, signed.keep),
    (Stopped, stops.close_sessions),
    (Misfit, quarantine.keep),
)


def commit(facts: Sequence[Fact]) -> list[Outcome]:
    """Write `facts`; returns one outcome for each, in their order. Repeated facts change nothing.

    Raises django.db.Error when the database refuses: then nothing of `facts` is written.
    """
    outcomes = [TAKEN] * len(facts)
    if facts:
        plan_once()
    places: dict[type[Any], list[int]] = {}
    for number, fact in enumerate(facts):
        places.setdefault(type(fact), []).append(number)
    for kind, step in STEPS:
        if chosen := places.get(kind):
            results = step([facts[number] for number in chosen])
            for number, outcome in zip(chosen, results, strict=True):
                outcomes[number] = outcome
    return outcomes


def forget() -> None:
    """Call this when the transaction around `commit` was rolled back: what was learnt in it may not be so."""
    known.forget_all()
    shapes.forget()
    reading_rows.forget()
