"""What the guard asks of a service, and how it finds, starts and ends the service's process."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypedDict

from evbilling.embedded.folder import (
    EmbeddedError,
    Owner,
    make_private,
    open_the_way,
    prepare_home,
    rotate,
    socket_dir,
)

POLL_S = 0.02


class Service:
    """One server program that keeps its data under `home` and listens on a Unix socket only.

    `fast` gives up safety against power loss for speed: for tests, never for data that somebody needs.
    """

    name: str  # also the name of its log
    program: str  # the process name that the kernel shows
    socket_name: str

    def __init__(self, home: Path, *, fast: bool = False) -> None:
        self.home = home.absolute()
        self.fast = fast
        self.data = self.home / "data"
        self.log = self.home.parent / "log" / f"{self.name}.log"
        self.socket_dir = socket_dir(self.home, self.socket_name)

    @property
    def socket(self) -> Path:
        return self.socket_dir / self.socket_name

    # What each service says for itself

    def url(self) -> str:
        raise NotImplementedError

    def start(self) -> None:
        """Return when clients are served. Only the guard calls this. Raises EmbeddedError."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether a client would be served now."""
        raise NotImplementedError

    stop_signals: tuple[signal.Signals, ...]  # gentlest first

    # What they share

    def prepare(self) -> Owner:
        """Make the folders; return who owns them."""
        owner = prepare_home(self.home)
        if self.socket_dir != self.home:
            make_private(self.socket_dir, owner)
        return owner

    def owns(self, pid: int) -> bool:
        """Whether this process belongs to this very service, told by program name and working folder: process
        ids get reused, so a pid file alone proves nothing."""
        return _comm(pid) == self.program and _cwd(pid) == self.data

    def pids(self) -> list[int]:
        """All processes of this service, its first process first (orphans have no first)."""
        found = [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and self.owns(int(entry))]
        return sorted(found, key=lambda pid: _parent(pid) in found)

    def stop(self, timeout_s: float = 20) -> None:
        """End the service, gently first; return when none of its processes is left."""
        for number in self.stop_signals:
            pids = self.pids()
            for pid in pids if number == signal.SIGKILL else pids[:1]:
                _send(pid, number)
            if wait_until(lambda: not self.pids(), timeout_s):
                return
        raise EmbeddedError(f"{self.name} does not end (pids {self.pids()}); see {self.log}")

    def launch(self, command: list[str], owner: Owner) -> subprocess.Popen[bytes]:
        """Start the program apart from our terminal, with its output in its log."""
        rotate(self.log)
        with self.log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.home,
                start_new_session=True,
                **run_as(owner),
            )

    def await_ready(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        """Wait until clients are served; raises with the log's last lines if the program ends or is late."""
        if (
            wait_until(lambda: process.poll() is not None or self.is_ready(), timeout_s)
            and process.poll() is None
        ):
            return
        why = "ended at once" if process.poll() is not None else f"was not ready after {timeout_s:.0f} s"
        raise EmbeddedError(f"{self.name} {why}. The end of {self.log}:\n{self.log_tail()}")

    def log_tail(self, lines: int = 12) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError as error:
            return f"({error})"


class RunAs(TypedDict, total=False):
    """Keyword arguments of subprocess."""

    env: dict[str, str]
    user: int
    group: int
    extra_groups: list[int]


def run_as(owner: Owner) -> RunAs:
    """Run as `owner`, with a small, fixed environment."""
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent"}
    if os.geteuid() != 0:
        return {"env": environment}
    return {"env": environment, "user": owner.uid, "group": owner.gid, "extra_groups": []}


def wheel_folder(package: str) -> Path:
    """Where an installed package lies, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            f"The package {package} is not installed. Type `make` to build .venv, or see README.md."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def reachable(program: Path, owner: Owner) -> Path:
    """The program itself, after making sure that `owner` gets to it."""
    if os.geteuid() == 0:
        open_the_way(program.resolve(), owner)
    return program


def wait_until(true: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until `true()`; False when `timeout_s` passed first."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _comm(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def _parent(pid: int) -> int:
    try:  # the fields follow the name, which may hold spaces and brackets
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _cwd(pid: int) -> Path | None:
    try:  # neither a process that has ended nor a stranger's tells
        return Path(os.readlink(f"/proc/{pid}/cwd"))
    except OSError:
        return None


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
