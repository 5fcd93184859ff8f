"""From a TCP connection to a station: the HTTP upgrade, with the log-in checked before it is granted.

picows decides about an upgrade at once, but a password takes a database query and a slow hash. So each
connection begins here; when its station is known, the transport is handed to picows with what was read.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from picows import WSListener, WSUpgradeRequest, WSUpgradeResponse
from picows.common import WSUpgradeResponseWithListener
from picows.picows import WSAutoPingStrategy, WSProtocol  # type: ignore[attr-defined]  # as picows.api does

from gateway.options import Options

logger = logging.getLogger("gateway.websocket")
logger.setLevel(logging.ERROR)
LONGEST_HEAD = 16 * 1024
READ_BUFFER = 4 * 1024


class NotAdmitted(Exception):
    """The HTTP answer for a connection that is not let in."""

    def __init__(self, status: HTTPStatus, text: str, *headers: str) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What the HTTP request for an upgrade says. `address` is the peer's, without a proxy's."""

    path: str
    headers: dict[str, str]
    address: str
    is_tls: bool = False
    client_certificate: bytes = b""  # DER, verified by OpenSSL; empty for none

    @property
    def identity(self) -> str:
        return unquote(self.path.partition("?")[0].removeprefix("/ocpp/"))

    @property
    def subprotocols(self) -> list[str]:
        return [name.strip() for name in self.headers.get("sec-websocket-protocol", "").split(",")]

    def credentials(self) -> tuple[str, str] | tuple[None, None]:
        """User name and password of basic authentication (RFC 7617)."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None, None
        try:
            pair = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None, None
        if pair.startswith(f"{self.identity}:"):  # identities may hold colons, and so may passwords
            return self.identity, pair[len(self.identity) + 1 :]
        username, colon, password = pair.rpartition(":")
        return (username, password) if colon else (None, None)


@dataclass(frozen=True, slots=True)
class Admitted:
    """A station that is let in: its listener, and the subprotocol agreed on ("" for none)."""

    listener: WSListener
    subprotocol: str


Admit = Callable[[Upgrade], Awaitable[Admitted]]


def parse_request(
    head: bytes, address: str, *, is_tls: bool = False, client_certificate: bytes = b""
) -> Upgrade:
    """Read the request; what picows would refuse later is not looked at here. Raises NotAdmitted."""
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise NotAdmitted(HTTPStatus.BAD_REQUEST, "not an HTTP/1.1 request")
    if parts[0] != "GET":
        raise NotAdmitted(HTTPStatus.METHOD_NOT_ALLOWED, "only GET", "Allow: GET")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            raise NotAdmitted(HTTPStatus.BAD_REQUEST, "malformed header")
        headers[name.strip().lower()] = value.strip()
    return Upgrade(parts[1], headers, address, is_tls, client_certificate)


class Handshake(asyncio.Protocol):
    """Reads one upgrade request, asks `admit`, and hands the transport over or refuses."""

    def __init__(self, admit: Admit, options: Options, tasks: set[asyncio.Task[None]]) -> None:
        self._admit, self._options, self._tasks = admit, options, tasks
        self._head = b""
        self._busy = False
        self._closed = False
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        timeout = self._options.handshake_timeout_s
        self._timer = asyncio.get_running_loop().call_later(timeout, self._transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._busy:
            return
        if b"\r\n\r\n" in self._head:
            self._busy = True
            self._transport.pause_reading()
            task = asyncio.get_running_loop().create_task(self._decide())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif len(self._head) > LONGEST_HEAD:
            self._refuse(NotAdmitted(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers too long"))

    async def _decide(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        try:
            admitted = await self._admit(self._request())
        except NotAdmitted as refusal:
            self._refuse(refusal)
        except Exception:
            logger.exception("a log-in could not be checked")
            self._refuse(NotAdmitted(HTTPStatus.SERVICE_UNAVAILABLE, "try again later", "Retry-After: 5"))
        else:
            if not self._closed:
                self._hand_over(admitted)

    def _request(self) -> Upgrade:
        address = str((self._transport.get_extra_info("peername") or ["local"])[0])
        tls = self._transport.get_extra_info("ssl_object")
        certificate = (tls.getpeercert(binary_form=True) if tls is not None else None) or b""
        head = self._head.partition(b"\r\n\r\n")[0]
        return parse_request(head, address, is_tls=tls is not None, client_certificate=certificate)

    def _refuse(self, refusal: NotAdmitted) -> None:
        if self._closed:
            return
        body = refusal.text.encode()
        lines = [
            f"HTTP/1.1 {refusal.status.value} {refusal.status.phrase}",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *refusal.headers,
        ]
        self._transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self._transport.close()

    def _hand_over(self, admitted: Admitted) -> None:
        headers = {"Sec-WebSocket-Protocol": admitted.subprotocol} if admitted.subprotocol else {}

        def listener(_request: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
            response = WSUpgradeResponse.create_101_response(extra_headers=headers)
            return WSUpgradeResponseWithListener(response, admitted.listener)

        protocol = WSProtocol(
            None, None, False, listener, logger, True, self._options.handshake_timeout_s,
            False, 20, 20, WSAutoPingStrategy.PING_WHEN_IDLE, True,
            self._options.max_frame, None, READ_BUFFER,
        )  # fmt: skip
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        _feed(protocol, self._head)
        self._transport.resume_reading()


def _feed(protocol: WSProtocol, data: bytes) -> None:
    """Give picows what was read before it had the transport."""
    while data:
        buffer = protocol.get_buffer(len(data))
        size = min(len(buffer), len(data))
        buffer[:size] = data[:size]
        protocol.buffer_updated(size)
        data = data[size:]
