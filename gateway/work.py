"""What a decoded call comes to: facts to commit, and the answer that may be sent once they are."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from charging.ingest import Fact, Outcome, Reporter

EMPTY = b"{}"
Answer = bytes | Callable[[Sequence[Outcome]], bytes]


class Refused(Exception):
    """A call that is answered with a CALLERROR; its raw form is kept with `reason` when it was a fact."""

    def __init__(self, code: str, description: str, reason: str = "") -> None:
        super().__init__(description)
        self.code, self.description, self.reason = code, description, reason


class Work(Struct, gc=False):
    """Facts of one call, and its answer: JSON, or made from the facts' outcomes. `remark` goes into the log."""

    facts: list[Fact] = []
    answer: Answer = EMPTY
    remark: str = ""


class Received(Struct, gc=False):
    """A call as it arrived: when, and its payload as text that can be stored."""

    at: datetime
    action: str
    text: str


class Station(Protocol):
    """Who an exchange is with: the connection, as far as the writer needs to know it."""

    def answer(self, frame: bytes) -> None: ...


class Exchange(Struct, gc=False):
    """A call on its way through the commit: all that is needed to answer and to log it.

    Without `station` there is nobody to answer: our own call, or an event, that is only logged.
    """

    station: Station | None
    message_id: str
    received: Received
    work: Work
    reporter: Reporter
    refusal: Refused | None = None
    direction: str = "in"
    verdict: str = ""


def json(value: Any) -> bytes:
    return msgspec.json.encode(value)


def number(text: str) -> msgspec.Raw:
    """A decimal as a JSON number, digit for digit."""
    whole, dot, cents = text.partition(".")
    return msgspec.Raw(f"{whole}.{cents.rstrip('0')}".rstrip(".").encode() if dot else text.encode())
