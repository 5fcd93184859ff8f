"""OCPP-J as a station speaks it: one call at a time, answers to the central system's calls in between."""

import asyncio
import base64
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

ANSWER_WITHIN_S = 30.0
Payload = dict[str, Any]
OnCall = Callable[[str, Payload], Awaitable[Payload | None]]


class Refused(Exception):
    """The central system answered with a CALLERROR."""


class Offline(Exception):
    """There is no connection, or it broke before the answer came."""


class Wire:
    """A connection that comes and goes. `on_call` answers calls; None means: not implemented."""

    def __init__(
        self, url: str, identity: str, password: str, on_call: OnCall, subprotocol: str = "ocpp1.6"
    ) -> None:
        self.url, self.identity = f"{url.rstrip('/')}/{identity}", identity
        token = base64.b64encode(f"{identity}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}
        self._on_call, self._subprotocol = on_call, Subprotocol(subprotocol)
        self.opened = self.lost = 0
        self._socket: ClientConnection | None = None
        self._waiting: dict[str, asyncio.Future[Payload]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect. Raises Offline, with the reason."""
        try:
            self._socket = await connect(
                self.url,
                additional_headers=self._headers,
                subprotocols=[self._subprotocol],
                compression=None,
                proxy=None,
            )
        except (OSError, WebSocketException, TimeoutError) as error:
            raise Offline(str(error)) from error
        if self._socket.subprotocol != self._subprotocol:
            await self.close()
            raise Offline(f"the gateway does not speak {self._subprotocol}")
        self.opened += 1

    @property
    def is_open(self) -> bool:
        return self._socket is not None

    async def read(self) -> None:
        """Take in frames until the connection ends."""
        if self._socket is None:
            raise Offline("not connected")
        try:
            async for text in self._socket:
                self._take(json.loads(text))
        except WebSocketException:
            pass
        finally:
            self._socket = None
            self.lost += 1
            self._lose("the connection ended")

    async def push(self, action: str, payload: Payload) -> None:
        """Send a call and never mind its answer. Raises Offline."""
        await self._send([2, f"{self.identity}-{next(self._numbers)}", action, payload])

    async def call(self, action: str, payload: Payload) -> Payload:
        """The answer. Raises Offline, Refused."""
        async with self._one_at_a_time:
            message_id = f"{self.identity}-{next(self._numbers)}"
            answer: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
            self._waiting[message_id] = answer
            try:
                await self._send([2, message_id, action, payload])
                return await asyncio.wait_for(answer, ANSWER_WITHIN_S)
            except TimeoutError:
                await self.close()
                raise Offline(f"no answer within {ANSWER_WITHIN_S} s") from None
            finally:
                self._waiting.pop(message_id, None)

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    async def _send(self, frame: list[Any]) -> None:
        if self._socket is None:
            raise Offline("not connected")
        try:
            await self._socket.send(json.dumps(frame))
        except WebSocketException as error:
            raise Offline(str(error)) from error

    def _take(self, frame: list[Any]) -> None:
        if frame[0] == 2:
            task = asyncio.get_running_loop().create_task(self._answer(frame[1], frame[2], frame[3]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return
        answer = self._waiting.get(frame[1])
        if answer is None or answer.done():
            return
        if frame[0] == 3:
            answer.set_result(frame[2])
        else:
            answer.set_exception(Refused(f"{frame[2]}: {frame[3]}"))

    async def _answer(self, message_id: str, action: str, payload: Payload) -> None:
        answer = await self._on_call(action, payload)
        frame = [4, message_id, "NotImplemented", action, {}] if answer is None else [3, message_id, answer]
        try:
            await self._send(frame)
        except Offline:
            return

    def _lose(self, reason: str) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(Offline(reason))
