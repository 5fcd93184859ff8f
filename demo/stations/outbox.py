"""Messages about transactions wait here until they are acknowledged, in order, as real stations keep them."""

import asyncio
import json
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.stations.wire import Offline, Refused, Wire

ATTEMPTS = 3  # for messages that are refused; lost connections don't count


@dataclass(eq=False)
class Transaction:
    """One charge as the station knows it; its number comes with the answer to the start."""

    connector: int
    tag: str
    number: int | None = None
    accepted: bool | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Message:
    action: str
    payload: dict[str, Any]
    transaction: Transaction
    refusals: int = 0


class Ledger:
    """What was acknowledged: counted, and written to a file where one is named, one JSON object a line."""

    def __init__(self, path: Path | None = None) -> None:
        self.counts: dict[str, int] = {}
        self._file = path.open("a") if path else None

    def acknowledged(self, identity: str, message: Message) -> None:
        self.counts[message.action] = self.counts.get(message.action, 0) + 1
        if self._file is not None:
            fact = {
                "station": identity,
                "action": message.action,
                "transaction": message.transaction.number,
                "payload": message.payload,
            }
            self._file.write(json.dumps(fact) + "\n")
            self._file.flush()

    def given_up(self, message: Message) -> None:
        key = f"{message.action} refused"
        self.counts[key] = self.counts.get(key, 0) + 1


class Outbox:
    """Sends the oldest message until it is acknowledged, then the next."""

    def __init__(self, wire: Wire, ledger: Ledger) -> None:
        self.wire, self.ledger = wire, ledger
        self._messages: deque[Message] = deque()
        self._filled = asyncio.Event()
        self.emptied = asyncio.Event()
        self.emptied.set()

    def __len__(self) -> int:
        return len(self._messages)

    def put(self, action: str, payload: dict[str, Any], transaction: Transaction) -> None:
        self._messages.append(Message(action, payload, transaction))
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
                    self.ledger.given_up(self._messages.popleft())
                else:
                    await asyncio.sleep(message.refusals)

    async def _send(self, message: Message) -> None:
        payload, transaction = message.payload, message.transaction
        if message.action != "StartTransaction":
            payload = {**payload, "transactionId": -1 if transaction.number is None else transaction.number}
        answer = await self.wire.call(message.action, payload)
        if message.action == "StartTransaction":
            transaction.number = answer["transactionId"]
            transaction.accepted = answer["idTagInfo"]["status"] == "Accepted"
            transaction.answered.set()
        self._messages.popleft()
        self.ledger.acknowledged(self.wire.identity, message)


__all__ = ["Ledger", "Message", "Offline", "Outbox", "Transaction"]
