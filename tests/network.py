"""No test talks to the outside: who tries is refused, and the test fails even if the refusal is swallowed.

An audit hook sees each look-up and connection of Python's `socket` module, whoever imported what from it.
Processes that tests start carry the same guard (see `tests/offline/sitecustomize.py`).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ATTEMPTS_FILE = "EVBILLING_NETWORK_ATTEMPTS"  # where processes that tests start write what they tried
CHROMIUM_ARGUMENTS = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1"
]
LOOKUPS = {"socket.getaddrinfo", "socket.gethostbyname"}
CONNECTIONS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
HERE = {"localhost", "", "0.0.0.0", "::"}

_attempts: list[str] = []
_installed = False


class NetworkRefusedError(OSError):
    """A test tried to reach something that is not this machine."""


def install() -> None:
    """Refuse everything but loopback from here on, in this process. Can't be undone."""
    global _installed  # noqa: PLW0603 - audit hooks are per process and for good
    if not _installed:
        _installed = True
        sys.addaudithook(_judge)


def attempts() -> list[str]:
    """What was tried since the last call, here and in processes that tests started."""
    found = _attempts[:]
    _attempts.clear()
    path = os.environ.get(ATTEMPTS_FILE)
    if path and Path(path).exists():
        found += Path(path).read_text().splitlines()
        Path(path).unlink()
    return found


@contextmanager
def attempts_expected() -> Iterator[list[str]]:
    """For tests whose point is that something is tried and refused: yields a list, filled at the end."""
    found: list[str] = []
    yield found
    found += attempts()
    assert found, "Nothing tried to reach the network here."


def _judge(event: str, arguments: tuple[object, ...]) -> None:
    if event in LOOKUPS:
        target = arguments[0]
    elif event in CONNECTIONS:
        sock, address = arguments[0], arguments[1]
        if not isinstance(sock, socket.socket) or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return
        target = address[0] if isinstance(address, tuple) else None
    else:
        return
    if not is_here(target):
        _attempts.append(f"{event} {target!r}")
        raise NetworkRefusedError(f"Tests stay on this machine: {event} {target!r} was refused.")


def is_here(host: object) -> bool:
    """Whether a host name or address is this machine."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host is None or host in HERE:
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False
