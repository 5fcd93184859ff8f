"""Messages about transactions wait here until they are acknowledged, in order, as real stations keep them."""

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

from demo.stations.wire import Offline, Refused, Wire

ATTEMPTS = 3  # for messages that are refused; lost connections don't count


@dataclass(eq=False)
class Transaction:
    """One charge as the station knows it: its own name for it, and 1.6's number from the central system."""

    connector: int
    tag: str
    number: int | None = None
    accepted: bool | None = None
    remote_id: int | None = None
    name: str = field(default_factory=lambda: str(uuid4()))
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    _events: int = 0

    def next_number(self) -> int:
        """Of its events, from 0."""
        self._events += 1
        return self._events - 1


@dataclass
class Message:
    """`kind`: start, meter or stop. `register_wh`: what the meter said."""

    kind: str
    action: str
    payload: dict[str, Any]
    transaction: Transaction
    register_wh: int
    refusals: int = 0


class Ledger:
    """What was acknowledged: counted, and written to a file where one is named, one JSON object a line."""

    def __init__(self, path: Path | None = None) -> None:
        self.counts: dict[str, int] = {}
        self._file = path.open("a") if path else None

    def acknowledged(self, identity: str, version: str, message: Message) -> None:
        self.count(message.kind)
        if self._file is not None:
            is_16 = version == "1.6"
            fact = {
                "station": identity,
                "version": version,
                "kind": message.kind,
                "register_wh": message.register_wh,
                "action": message.action,
                "transaction": message.transaction.number if is_16 else message.transaction.name,
                "payload": message.payload,
            }
            self._file.write(json.dumps(fact) + "\n")
            self._file.flush()

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


class Speaker(Protocol):
    """The station's protocol, as far as the outbox needs it."""

    version: str

    def completed(self, message: Message) -> dict[str, Any]: ...
    def learn(self, message: Message, answer: dict[str, Any]) -> None: ...


class Outbox:
    """Sends the oldest message until it is acknowledged, then the next."""

    def __init__(
        self, wire: Wire, ledger: Ledger, speaker: Speaker, repeats: Callable[[], bool] = lambda: False
    ) -> None:
        self.wire, self.ledger = wire, ledger
        self._speaker, self._repeats = speaker, repeats
        self._messages: deque[Message] = deque()
        self._filled = asyncio.Event()
        self.emptied = asyncio.Event()
        self.emptied.set()

    def __len__(self) -> int:
        return len(self._messages)

    def put(
        self, kind: str, call: tuple[str, dict[str, Any]], transaction: Transaction, register_wh: int
    ) -> None:
        self._messages.append(Message(kind, *call, transaction, register_wh))
        self.emptied.clear()
        self._filled.set()

    async def send_all(self) -> None:
        """Send until the connection breaks: then raises Offline, and nothing is lost."""
        while True:
            if not self._messages:
                self._filled.clear()
                self.emptied.set()
                await self._filled.wait()
            message = self._messages[0]
            try:
                await self._send(message)
            except Refused:
                message.refusals += 1
                if message.refusals >= ATTEMPTS:
                    self.ledger.count(f"{self._messages.popleft().kind} refused")
                else:
                    await asyncio.sleep(message.refusals)

    async def _send(self, message: Message) -> None:
        payload = self._speaker.completed(message)
        answer = await self.wire.call(message.action, payload)
        self._speaker.learn(message, answer)
        message.transaction.answered.set()
        self._messages.popleft()
        self.ledger.acknowledged(self.wire.identity, self._speaker.version, message)
        if self._repeats():
            await self._repeat(message, payload, answer)

    async def _repeat(self, message: Message, payload: dict[str, Any], before: dict[str, Any]) -> None:
        """As if the answer had been lost: the same words again have to come to the same."""
        try:
            answer = await self.wire.call(message.action, payload)
        except Refused:
            self.ledger.count("repeats refused")
            return
        self.ledger.count("repeats")
        if answer.get("transactionId") != before.get("transactionId"):
            self.ledger.count("repeats with another transaction")


__all__ = ["Ledger", "Message", "Offline", "Outbox", "Transaction"]
