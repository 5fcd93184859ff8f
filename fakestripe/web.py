"""HTTP: connections in, answers out. Keep-alive, Nagle off, loopback only."""

from __future__ import annotations

import json
import select
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fakestripe.addresses import is_loopback
from fakestripe.api import Answer, Request
from fakestripe.faults import Fault
from fakestripe.multipart import text_of

if TYPE_CHECKING:
    from fakestripe.server import Server

MAX_BODY = 6_000_000  # Stripe takes dispute evidence of up to 5 MB
NO_LINGER = struct.pack("ii", 1, 0)


class Listener(ThreadingHTTPServer):
    """The listening socket; ends its connections when it is closed."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, server: Server) -> None:
        if not is_loopback(host):
            raise ValueError(f"fakestripe listens on loopback only, and {host} is not; use 127.0.0.1")
        self.owner = server
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        super().__init__((host, port), Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""

    def end(self) -> None:
        """Stop listening and cut the connections."""
        self.stopping.set()
        self.shutdown()
        for connection in list(self._connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Listener
    protocol_version = "HTTP/1.1"
    server_version = "fakestripe"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = 65_536
    timeout = 300

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        """No access log: the tests and the demo have better ones."""

    def _serve(self) -> None:
        length = self._length()
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            self._reply(_plain(413, f"Content-Length: say how long the body is, at most {MAX_BODY} bytes."))
            return
        body = text_of(self.rfile.read(length), self.headers.get("content-type", ""))
        host = urlsplit(f"//{self.headers.get('host', '127.0.0.1')}").hostname or ""
        if not is_loopback(host):
            self._reply(_plain(403, f"fakestripe answers to loopback host names only, not to '{host}'."))
            return
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self._answer(Request(self.command, parts.path, parts.query, headers, body))
        if answer.fault is not None:
            self._break(answer.fault)
        else:
            self._reply(answer)

    def _length(self) -> int:
        told = self.headers.get("content-length", "0")
        chunked = "transfer-encoding" in self.headers
        return int(told) if told.isdigit() and len(told) < 12 and not chunked else -1

    def _answer(self, request: Request) -> Answer:
        try:
            return self._route(request.path)(request)
        except Exception as error:  # a bug of ours must not look like a network fault
            traceback.print_exc(file=sys.stderr)
            return _plain(500, f"fakestripe failed: {type(error).__name__}: {error}")

    def _route(self, path: str) -> Callable[[Request], Answer]:
        owner = self.server.owner
        if path.startswith(("/v1/", "/v2/")):
            return owner.api.handle
        if path.startswith("/_control/"):
            return owner.control.handle
        return owner.pages.handle

    def _reply(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    def _break(self, fault: Fault) -> None:
        self.close_connection = True
        if fault.kind == "timeout":
            self._wait_out(fault.seconds)
        else:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
            self.connection.close()

    def _wait_out(self, seconds: float) -> None:
        """Keep the client waiting until it gives up, time is over or the server stops."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self.server.stopping.is_set():
            readable, _, _ = select.select([self.connection], [], [], 0.05)
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                return


def _plain(status: int, message: str) -> Answer:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()
    return Answer(status, body)
