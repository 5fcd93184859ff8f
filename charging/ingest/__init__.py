"""Commit what stations report: many facts in a few set-based statements, each of them idempotent.

Call `commit` inside a transaction. Nothing is priced here: a session that ended is picked up by the sweep.
"""

from collections.abc import Callable, Sequence
from typing import Any

from charging.ingest import quarantine, readings, signed, starts, statuses, stops, tags, transactions
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
    for kind, step in STEPS:
        chosen = [number for number, fact in enumerate(facts) if type(fact) is kind]
        if chosen:
            results = step([facts[number] for number in chosen])
            for number, outcome in zip(chosen, results, strict=True):
                outcomes[number] = outcome
    return outcomes
