"""One station's WebSocket: frames in, answers out, and our own calls with their answers."""

import asyncio
import itertools
import logging
import time
from datetime import UTC, datetime
from typing import Any, Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from charging.ingest import Misfit, Reporter
from gateway import frames, guessing
from gateway.frames import BadFrame, Call, CallError, CallResult
from gateway.limits import Bucket
from gateway.options import Options
from gateway.privacy import as_text, hashed, without_password
from gateway.versions import HANDLERS, UNJUDGED
from gateway.work import Exchange, Received, Refused, Work

logger = logging.getLogger(__name__)
SENDS = "ocpp2.1"  # the version that has calls without an answer


class Taker(Protocol):
    """Where exchanges go: the writer."""

    def submit(self, exchange: Exchange) -> None: ...


class Owner(Protocol):
    """Who wants to know that a connection opened or closed."""

    def opened(self, connection: "Connection") -> None: ...
    def closed(self, connection: "Connection") -> None: ...


class CallFailed(Exception):
    """The station answered our call with an error."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description = code, description


class Connection(WSListener):
    """A connected, authenticated station."""

    def __init__(
        self, reporter: Reporter, version: str, taker: Taker, owner: Owner, options: Options
    ) -> None:
        self.reporter, self.version, self.options = reporter, version, options
        self.transport: WSTransport | None = None
        self.last_heard = time.monotonic()
        self.opened_at = datetime.now(UTC)
        self._taker, self._owner = taker, owner
        self._unanswered = 0
        self._paused = False
        self._slowed_since: float | None = None
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._bucket = Bucket(options.calls_per_s, options.burst)
        self._parts: list[bytes] = []
        self._calls: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._pong: asyncio.Future[None] | None = None
        self._numbers = itertools.count(1)

    # -- what picows calls

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self._owner.opened(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        for waiting in self._calls.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the station went away"))
        self._settle_ping()
        self._owner.closed(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if self._closing:  # what was read before the close took hold
            if frame.msg_type == WSMsgType.CLOSE:
                transport.disconnect()
            return
        self.last_heard = time.monotonic()
        kind = frame.msg_type
        if kind == WSMsgType.TEXT and frame.fin and not self._parts:
            self._received(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._collect(frame)
        elif kind == WSMsgType.PONG:
            self._settle_ping()
        elif kind == WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()
        elif kind == WSMsgType.BINARY:
            self.close(WSCloseCode.UNSUPPORTED_DATA, "OCPP-J is text")

    # -- what others call

    def answer(self, frame: bytes) -> None:
        """Send the answer to one call of the station, now that it is committed."""
        self._unanswered -= 1
        self._send(frame)
        if self._paused and self._timer is None and self._unanswered < self.options.pipeline:
            self._resume()

    async def call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        """The station's answer to our call.

        Raises CallFailed for an error, TimeoutError, ConnectionError. The exchange is logged either way.
        """
        message_id = f"{next(self._numbers)}-{time.time_ns():x}"
        request = frames.encode(payload)
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._calls[message_id] = future
        try:
            self._send(frames.call(message_id, action, payload))
            answer = await asyncio.wait_for(future, self.options.call_timeout_s)
        except CallFailed as error:
            self._log_call(message_id, action, request, str(error).encode(), error.code)
            raise
        except (TimeoutError, ConnectionError):
            self._log_call(message_id, action, request, b"", "no answer")
            raise
        finally:
            del self._calls[message_id]
        self._log_call(message_id, action, request, frames.encode(answer), "ok")
        return answer

    async def is_alive(self) -> bool:
        """Does the station answer a ping in time?"""
        if self.transport is None or self.transport.is_disconnected:
            return False
        if self._pong is None:
            self._pong = asyncio.get_running_loop().create_future()
            self.transport.send_ping(b"alive?")
        try:
            await asyncio.wait_for(asyncio.shield(self._pong), self.options.ping_timeout_s)
        except TimeoutError:
            self._pong = None
            return False
        return not self.transport.is_disconnected

    def ping(self) -> None:
        if self.transport is not None and not self.transport.is_disconnected:
            self.transport.send_ping(b"still there?")

    def close(self, code: WSCloseCode, reason: str) -> None:
        if self.transport is not None and not self.transport.is_disconnected:
            self._closing = True
            self.transport.send_close(code, reason.encode())
            self.transport.disconnect()

    def say_goodbye(self, code: WSCloseCode, reason: str) -> None:
        """Ask the station to leave, and read on until it does.

        Hanging up on unread data resets the connection, and the station would never read why.
        """
        if self.transport is not None and not self.transport.is_disconnected:
            self._closing = True
            self._resume()
            self.transport.send_close(code, reason.encode())

    def hang_up(self) -> None:
        if self.transport is not None and not self.transport.is_disconnected:
            self.transport.disconnect()

    def note(self, event: str, detail: str, verdict: str) -> None:
        """Keep an event of this connection in the message log."""
        self._submit_log(Received(datetime.now(UTC), event, detail), "", b"", verdict, "event")

    # -- inside

    def _collect(self, frame: WSFrame) -> None:
        """Put a fragmented message together."""
        first = frame.msg_type == WSMsgType.TEXT
        if first == bool(self._parts):
            self.close(WSCloseCode.PROTOCOL_ERROR, "fragments out of order")
            return
        self._parts.append(frame.get_payload_as_bytes())
        if sum(map(len, self._parts)) > self.options.max_frame:
            self.close(WSCloseCode.MESSAGE_TOO_BIG, f"at most {self.options.max_frame} bytes")
        elif frame.fin:
            message, self._parts = b"".join(self._parts), []
            self._received(message)

    def _received(self, data: bytes) -> None:
        try:
            message = frames.parse(data)
        except BadFrame as bad:
            self._refuse_frame(data, bad)
            return
        if isinstance(message, Call):
            if message.wants_answer or self.version == SENDS:
                self._handle(message, data)
        elif message is not None:
            self._settle_call(message)

    def _handle(self, call: Call, data: bytes) -> None:
        payload = bytes(call.payload)
        received = Received(datetime.now(UTC), call.action, as_text(payload))
        refusal, work = None, Work()
        try:
            if problem := frames.poison(data):
                raise Refused("PropertyConstraintViolation", problem, "poison")  # noqa: TRY301  one way to refuse
            work = HANDLERS[self.version](self.reporter, received, call.payload)
        except Refused as error:
            refusal = error
            if error.reason:
                work = Work([Misfit(self.reporter, error.reason, str(error), hashed(received.text))])
        except Exception:
            logger.exception("%s of %s", call.action, self.reporter.identity)
            refusal = Refused("InternalError", "this call could not be handled; it is kept for review")
            work = Work([Misfit(self.reporter, "not_handled", "", hashed(received.text))])
        station = self if call.wants_answer else None
        exchange = Exchange(station, call.message_id, received, work, self.reporter, refusal)
        exchange.verdict = work.remark
        if call.action == "Authorize" and refusal is None:
            self._submit_in_turn(exchange)
        else:
            self._submit(exchange)

    def _report(self, reason: str, detail: str) -> None:
        """Something about the station that a person should see: kept at once."""
        received = Received(datetime.now(UTC), "Connection", detail)
        work = Work([Misfit(self.reporter, reason, detail, received.at.isoformat())])
        self._taker.submit(Exchange(None, "", received, work, self.reporter, None, "event", reason))

    def _submit_in_turn(self, exchange: Exchange) -> None:
        """Tags wait for their turn at a station where many unknown ones were shown."""
        station_id = self.reporter.station_id
        wait_s = guessing.admit(station_id, self.last_heard)
        if guessing.is_news(station_id, self.last_heard):
            logger.warning("%s shows one unknown tag after another", self.reporter.identity)
            self._report("tag_guessing", "one unknown tag after another is shown here")
        if wait_s is None:
            exchange.work, exchange.verdict = Work([], UNJUDGED[self.version]), "not judged"
        if wait_s:
            asyncio.get_running_loop().call_later(wait_s, self._submit, exchange)
        else:
            self._submit(exchange)

    def _refuse_frame(self, data: bytes, bad: BadFrame) -> None:
        received = Received(datetime.now(UTC), "", as_text(data[:10_000]))
        misfit = Misfit(self.reporter, "malformed", bad.description, hashed(received.text))
        refusal = Refused(bad.code_in(self.version), bad.description)
        self._submit(Exchange(self, bad.message_id, received, Work([misfit]), self.reporter, refusal))

    def _submit(self, exchange: Exchange) -> None:
        self._unanswered += exchange.station is not None
        wait_s = self._bucket.take(self.last_heard)
        if wait_s > 0:
            self._slow_down(wait_s)
        elif self._unanswered >= self.options.pipeline:
            self._pause()
        if self._bucket.is_half_empty:
            self._slowed_since = None
        self._taker.submit(exchange)

    def _slow_down(self, wait_s: float) -> None:
        """Read on only after `wait_s`. One that floods on, without waiting for answers, is closed.

        A station that replays a long queue, one call after the other as OCPP asks, is only slowed.
        """
        self._pause()
        if self._slowed_since is None:
            self._slowed_since = self.last_heard
        if self._unanswered > 1 and self.last_heard - self._slowed_since > self.options.flood_s:
            self.note("Connection", "flooding", "closed")
            self.close(WSCloseCode.POLICY_VIOLATION, "too many messages")
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._read_on)

    def _read_on(self) -> None:
        """What was read before the pause took hold counts as well: wait until all of it is due."""
        self._timer = None
        wait_s = self._bucket.wait_s(time.monotonic())
        if wait_s > 0:
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._read_on)
        else:
            self._resume()

    def _pause(self) -> None:
        if not self._paused and self.transport is not None:
            self._paused = True
            self.transport.underlying_transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self.transport is not None and not self.transport.is_disconnected:
            self._paused = False
            self.transport.underlying_transport.resume_reading()

    def _settle_call(self, message: CallResult | CallError) -> None:
        future = self._calls.get(message.message_id)
        if future is None or future.done():
            return  # an answer to what we never asked, or too late
        if isinstance(message, CallError):
            future.set_exception(CallFailed(message.code[:40], message.description))
            return
        try:
            future.set_result(frames.as_object(message.payload))
        except frames.BROKEN as error:
            future.set_exception(CallFailed("FormationViolation", f"the answer is no object: {error}"))

    def _settle_ping(self) -> None:
        if self._pong is not None and not self._pong.done():
            self._pong.set_result(None)
        self._pong = None

    def _log_call(self, message_id: str, action: str, request: bytes, answer: bytes, verdict: str) -> None:
        received = Received(datetime.now(UTC), action, without_password(as_text(request)))
        self._submit_log(received, message_id, answer, verdict, "out")

    def _submit_log(
        self, received: Received, message_id: str, answer: bytes, verdict: str, direction: str
    ) -> None:
        work = Work(answer=as_text(answer).encode())
        self._taker.submit(
            Exchange(None, message_id, received, work, self.reporter, None, direction, verdict)
        )

    def _send(self, frame: bytes) -> None:
        if self.transport is not None and not self.transport.is_disconnected:
            self.transport.send(WSMsgType.TEXT, frame)
