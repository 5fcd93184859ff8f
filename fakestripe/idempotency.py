"""Idempotency keys: the first answer is kept for 24 hours and replayed byte for byte.

https://docs.stripe.com/api/idempotent_requests
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from fakestripe.errors import StripeError
from fakestripe.store import ANSWERS_KEPT_S, Tx
from fakestripe.types import Obj

MAX_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Claim:
    """One request's hold on a key."""

    row_id: str
    key: str
    fingerprint: str


class InFlight:
    """The keys whose first request is still running."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()

    def __len__(self) -> int:
        return len(self._keys)

    @contextmanager
    def holding(self, claim: Claim | None) -> Iterator[None]:
        """Hold a key while its request runs; a second request meanwhile gets a 409."""
        if claim is None:
            yield
            return
        with self._lock:
            if claim.row_id in self._keys:
                raise _in_use(claim.key)
            self._keys.add(claim.row_id)
        try:
            yield
        finally:
            with self._lock:
                self._keys.discard(claim.row_id)


def claim_of(key: str | None, account: str | None, method: str, path: str, params: Obj) -> Claim | None:
    """The claim a POST makes, or None without a key."""
    if not key or method != "POST":
        return None
    if len(key) > MAX_LENGTH:
        message = f"Idempotency keys can have up to {MAX_LENGTH} characters; this one has {len(key)}."
        raise StripeError(400, message, type_="idempotency_error")
    fingerprint = sha256(f"{method} {path}\n{json.dumps(params, sort_keys=True)}".encode()).hexdigest()
    return Claim(f"idem:{account or ''}:{key}", key, fingerprint)


def recall(tx: Tx, claim: Claim, now: int) -> Obj | None:
    """The kept answer of an earlier request with this key; 400 when that request was another one."""
    row = tx.find(claim.row_id)
    if row is None or row.obj["created"] + ANSWERS_KEPT_S < now:
        return None
    if row.obj["fingerprint"] != claim.fingerprint:
        raise StripeError(
            400,
            "Keys for idempotent requests can only be used with the same parameters they were first used "
            f"with. Try using a key other than '{claim.key}' if you meant to execute a different request.",
            type_="idempotency_error",
        )
    return row.obj


def keep(tx: Tx, claim: Claim, now: int, answer: Obj) -> None:
    """Keep the answer with the effects it tells of, in the same commit."""
    kept = {"id": claim.row_id, "created": now, "fingerprint": claim.fingerprint, **answer}
    tx.add("_idempotency", kept, account=None)


def _in_use(key: str) -> StripeError:
    return StripeError(
        409,
        f"There is currently another in-progress request using this Idempotent Key '{key}'. (That probably "
        "means you submitted twice, and the other request is still going through.) Try again later.",
        type_="idempotency_error",
        code="idempotency_key_in_use",
    )
