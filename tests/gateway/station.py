"""A charging station that does what a test says: a real WebSocket client with none of the gateway's code."""

import base64
import itertools
import json
import ssl
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

Answer = Callable[[dict[str, Any]], dict[str, Any]]


class CallRefused(Exception):
    """The gateway answered a call with a CALLERROR."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description = code, description


class ScriptedStation:
    """Connects as `identity`; `call` waits for the answer and meanwhile answers the gateway's own calls."""

    def __init__(
        self,
        url: str,
        identity: str,
        password: str | None = "secret",
        subprotocol: str | None = "ocpp1.6",
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        headers = dict(headers or {})
        if password is not None:
            token = base64.b64encode(f"{identity}:{password}".encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        self.identity = identity
        self.answers: dict[str, Answer] = {}
        self._numbers = itertools.count(1)
        self.socket: ClientConnection = connect(
            f"{url}/{identity}",
            additional_headers=headers,
            subprotocols=[Subprotocol(subprotocol)] if subprotocol else None,
            ssl=tls,
            proxy=None,
            open_timeout=15,
            legacy=True,
        )

    def call(
        self, action: str, payload: dict[str, Any], *, message_id: str | None = None, timeout_s: float = 15
    ) -> dict[str, Any]:
        """The answer's payload. Raises CallRefused, TimeoutError."""
        message_id = message_id or f"m{next(self._numbers)}"
        self.send(2, message_id, action, payload)
        return self.answer_to(message_id, timeout_s)

    def answer_to(self, message_id: str, timeout_s: float = 15) -> dict[str, Any]:
        deadline = time.monotonic() + timeout_s
        while True:
            frame = self.receive(max(deadline - time.monotonic(), 0.01))
            if frame[0] == 3 and frame[1] == message_id:
                return dict(frame[2])
            if frame[0] == 4 and frame[1] == message_id:
                raise CallRefused(frame[2], frame[3])

    def receive(self, timeout_s: float = 15) -> list[Any]:
        """The next frame; a call of the gateway is answered first, as `answers` says."""
        frame: list[Any] = json.loads(self.socket.recv(timeout_s))
        if frame[0] == 2:
            answer = self.answers.get(frame[2], accept)
            self.send(3, frame[1], answer(frame[3]))
        return frame

    def wait_for_call(self, action: str, timeout_s: float = 15) -> dict[str, Any]:
        """The payload of the gateway's next call of this kind, which has been answered."""
        deadline = time.monotonic() + timeout_s
        while True:
            frame = self.receive(max(deadline - time.monotonic(), 0.01))
            if frame[0] == 2 and frame[2] == action:
                return dict(frame[3])

    def send(self, *parts: Any) -> None:
        self.socket.send(json.dumps(parts))

    def send_raw(self, text: str | bytes) -> None:
        self.socket.send(text)

    # -- what most tests say

    def boot(self) -> dict[str, Any]:
        return self.call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"})

    def status(self, status: str, connector: int = 1, at: datetime | None = None) -> dict[str, Any]:
        payload = {"connectorId": connector, "errorCode": "NoError", "status": status}
        return self.call("StatusNotification", {**payload, "timestamp": stamp(at)})

    def start(
        self, tag: str, *, meter: int = 0, at: datetime | None = None, connector: int = 1
    ) -> dict[str, Any]:
        payload = {"connectorId": connector, "idTag": tag, "meterStart": meter, "timestamp": stamp(at)}
        return self.call("StartTransaction", payload)

    def meter(
        self, transaction: int, register: int | str, *, at: datetime | None = None, **more: Any
    ) -> dict[str, Any]:
        sampled = [{"value": str(register), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}]
        values = [{"timestamp": stamp(at), "sampledValue": more.get("sampled", sampled)}]
        payload = {"connectorId": 1, "transactionId": transaction, "meterValue": values}
        return self.call("MeterValues", payload)

    def stop(
        self, transaction: int, meter: int, *, at: datetime | None = None, **more: Any
    ) -> dict[str, Any]:
        payload = {"transactionId": transaction, "meterStop": meter, "timestamp": stamp(at), **more}
        return self.call("StopTransaction", payload)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def accept(_payload: dict[str, Any]) -> dict[str, Any]:
    return {"status": "Accepted"}


def stamp(at: datetime | None = None) -> str:
    """A time as stations write it."""
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
