"""One question to an address that an owner gave us: bounded in time and size, and never to a private network.

The name is resolved once and the connection goes to the very address that was checked, so that a name which
changes between look and use gains nothing. Redirects are not followed.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

MAX_BYTES = 1_000_000
MAX_SECONDS = 10.0
PORTS = {"http": 80, "https": 443}
CHUNK = 65_536
AGENT = "evbilling"

Allowed = Callable[[str], bool]


class FetchError(Exception):
    """Why there is no answer, in words for whoever gave the address."""


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the internet at large: not private, loopback, link-local or reserved."""
    ip = ipaddress.ip_address(address)
    mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (mapped is None or mapped.is_global)


def check_url(url: str) -> SplitResult:
    """The parts of an address that may be asked. Raises FetchError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise FetchError(f"the address can't be read: {error}") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise FetchError("the address must begin with https:// or http:// and name a host")
    if parts.username or parts.password:
        raise FetchError("the address must not carry a user name or password")
    if port is not None and port not in PORTS.values() and port < 1024:
        raise FetchError(f"port {port} is not one that web servers use")
    return parts


def fetch(url: str, allowed: Allowed = is_public, *, seconds: float = MAX_SECONDS) -> bytes:
    """The body of a 200 answer, at most MAX_BYTES, within `seconds` in all. Raises FetchError."""
    parts = check_url(url)
    host, deadline = str(parts.hostname), time.monotonic() + seconds
    port = parts.port or PORTS[parts.scheme]
    address = _address(host, port, allowed)
    try:
        connection = _connect(parts.scheme, host, port, address, deadline)
        try:
            return _ask(connection, parts, deadline)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{host} does not answer: {error or type(error).__name__}") from error


def _address(host: str, port: int, allowed: Allowed) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchError(f"the host {host} is not known") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(allowed(address) for address in addresses):
        raise FetchError(f"{host} lies in a private network; only public addresses are asked")
    return addresses[0]


class _Pinned(http.client.HTTPConnection):
    """A connection to the address that was checked, whatever the name says by now."""

    pinned: tuple[str, int]
    tls_name: str | None = None

    def connect(self) -> None:
        self.sock = socket.create_connection(self.pinned, self.timeout)
        if self.tls_name is not None:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.tls_name)


def _connect(scheme: str, host: str, port: int, address: str, deadline: float) -> http.client.HTTPConnection:
    connection = _Pinned(host, port, timeout=_left(deadline))
    connection.pinned = (address, port)
    connection.tls_name = host if scheme == "https" else None
    return connection


def _ask(connection: http.client.HTTPConnection, parts: SplitResult, deadline: float) -> bytes:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", target, headers={"Accept": "application/json, text/csv", "User-Agent": AGENT})
    answer = connection.getresponse()
    if answer.status != 200:
        raise FetchError(f"{parts.hostname} answers {answer.status} {answer.reason}; 200 is wanted")
    body = bytearray()
    while chunk := _read(connection, answer, deadline):
        body += chunk
        if len(body) > MAX_BYTES:
            raise FetchError(f"the answer is longer than {MAX_BYTES:,} bytes")
    return bytes(body)


def _read(connection: http.client.HTTPConnection, answer: Any, deadline: float) -> bytes:
    """What has come, as it comes: a server that drips can't hold us longer than the deadline."""
    if connection.sock is not None:
        connection.sock.settimeout(_left(deadline))
    elif time.monotonic() > deadline:
        raise TimeoutError("too slow")
    data: bytes = answer.read1(CHUNK)
    return data


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("too slow")
    return left
