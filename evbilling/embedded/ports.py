"""TCP ports on loopback: is one free, and if not, who has it."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from evbilling.embedded.folder import EmbeddedError

LISTENING = "0A"  # the state's code in /proc/net/tcp


def require_free(variable: str, port: int, purpose: str) -> None:
    """Raise EmbeddedError, with what to type, if something listens on the port."""
    if is_free(port):
        return
    raise EmbeddedError(
        f"Port {port}, for the {purpose}, is in use by {holder(port) or 'another program'}. "
        f"End that, or choose another port: make run {variable}={port + 1}"
    )


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def holder(port: int) -> str | None:
    """Name and process id of who listens on the port; None where the system doesn't tell us."""
    inodes = _listening_inodes(port)
    for folder in Path("/proc").glob("[0-9]*"):
        if inodes and inodes & _socket_inodes(folder):
            return f"{(folder / 'comm').read_text().strip()} (pid {folder.name})"
    return None


def _listening_inodes(port: int) -> set[str]:
    """Of sockets that listen on the port, over IPv4 and IPv6 (proc(5), /proc/net/tcp)."""
    found = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _socket_inodes(process: Path) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):  # somebody else's, or it has just ended
        for link in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # just closed
                found.add(os.readlink(link))
    return found
