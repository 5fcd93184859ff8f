"""Signed meter values: kept whole, once, with the session they belong to."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from charging.ingest.facts import TAKEN, Outcome, SignedValue
from charging.ingest.known import known_sessions
from charging.models import SignedReading


def keep(signed: Sequence[SignedValue]) -> list[Outcome]:
    """Those of unknown transactions are in the raw fact that was set aside, and in the message log."""
    known = known_sessions(signed)
    rows = [
        _row(fact, known[key].session_id)
        for fact in signed
        if (key := (fact.reporter.key, fact.transaction_id)) in known
    ]
    SignedReading.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
    return [TAKEN] * len(signed)


def _row(fact: SignedValue, session_id: UUID) -> SignedReading:
    return SignedReading(
        organisation_id=fact.reporter.organisation_id,
        session_id=session_id,
        at=fact.at,
        context=fact.context,
        data=fact.data,
        digest=hashlib.sha256(fact.data.encode()).hexdigest(),
        encoding=fact.encoding,
        signing=fact.signing,
        public_key=fact.public_key,
    )
