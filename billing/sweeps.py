"""What makes "not yet done" done, whatever crashed or got lost. Any number may run side by side."""

import logging
from collections.abc import Callable
from datetime import timedelta

from billing import (
    attempts,
    charges,
    dispute_answers,
    documents,
    dunning,
    fees,
    guests,
    hold_control,
    inbox,
    mail,
    pdf,
    recovery,
    refunds,
    steps,
)

log = logging.getLogger(__name__)

RECENTLY = timedelta(hours=2)


def charge_recent() -> int:
    return len(charges.sweep(priced_within=RECENTLY))


def issue_receipts() -> int:
    return len(documents.sweep())


SWEEPS: tuple[Callable[[], int], ...] = (
    inbox.sweep,
    guests.sweep_checkouts,
    guests.sweep_starts,
    hold_control.sweep,
    charge_recent,
    recovery.sweep_saved_cards,
    dunning.sweep_retries,
    steps.sweep,
    attempts.sweep,
    refunds.sweep,
    dispute_answers.sweep,
    fees.sweep,
    issue_receipts,
    mail.sweep,
    pdf.sweep,
)


def every_few_seconds() -> int:
    """Run each sweep once; one that fails doesn't keep the others from running. How many rows they moved."""
    return sum(_safely(sweep) for sweep in SWEEPS)


def every_few_minutes() -> int:
    """Look back over all priced sessions, however old, for one never charged; go after debts."""
    return len(charges.sweep(limit=1000)) + _safely(dunning.sweep_debtors)


def _safely(sweep: Callable[[], int]) -> int:
    try:
        return sweep()
    except Exception:
        log.exception("%s.%s failed", sweep.__module__, sweep.__name__)
        return 0
