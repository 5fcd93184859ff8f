"""Real processes for tests: started on the suite's database and queue, watched with deadlines, killed hard.

with start("gateway", *manage("gateway", "--port", str(port)), folder=tmp_path) as gateway:
    gateway.wait_for_port(port)
    ...
    gateway.kill()
    gateway.restart()
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from evbilling.embedded.folder import PROJECT
from tests import databases, network

POLL_S = 0.02
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]  # a killed test run leaves no process behind
T = TypeVar("T")


def manage(*arguments: str) -> list[str]:
    """The command line of a Django management command."""
    return [sys.executable, "manage.py", *arguments]


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(probe: Callable[[], T], timeout_s: float = 15, what: str = "") -> T:
    """Poll until `probe()` gives something true, and return that; AssertionError after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not (result := probe()):
        assert time.monotonic() < deadline, (
            f"{what or getattr(probe, '__name__', 'it')}: not within {timeout_s} s"
        )
        time.sleep(POLL_S)
    return result


def start(name: str, *command: str, folder: Path, environment: Mapping[str, str] | None = None) -> Running:
    """Start a program in the project's folder; its output goes to `folder`/NAME.log."""
    return Running(name, command, folder, environment or {})


class Running:
    """A process that a test started. As a context manager it ends with the block, whatever happens there."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = folder / f"{name}.log"
        self.environment = _environment() | dict(environment)
        self.process = self._launch()

    @property
    def pid(self) -> int:
        return self.process.pid

    def output(self) -> str:
        """All that it has written so far, standard error included."""
        return self.log.read_text(errors="replace")

    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait_for_port(self, port: int, timeout_s: float = 20) -> None:
        """Wait until it accepts connections."""
        self._wait(lambda: _accepts(port), timeout_s, f"port {port}")

    def wait_for_output(self, pattern: str, timeout_s: float = 20) -> re.Match[str]:
        """Wait until it has written something that matches the regular expression."""
        found = self._wait(lambda: re.search(pattern, self.output()), timeout_s, f"output like {pattern!r}")
        assert found is not None
        return found

    def wait_for_end(self, timeout_s: float = 20) -> int:
        """Wait until it ends by itself; returns its exit code."""
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {timeout_s} s:\n{self._tail()}") from None

    def kill(self) -> None:
        """kill -9 the process and all that it started, and wait for its end."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout_s: float = 10) -> int:
        """Ask it to end (SIGTERM); fails if it is still there after `timeout_s`. Returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} ignored SIGTERM for {timeout_s} s:\n{self._tail()}") from None

    def restart(self) -> None:
        """Start the same command again after it has ended."""
        assert not self.is_running(), f"{self.name} still runs"
        self.process = self._launch()

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _launch(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [*DIE_WITH_PARENT, *self.command],
                cwd=PROJECT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _wait(self, probe: Callable[[], T], timeout_s: float, what: str) -> T:
        def alive() -> T:
            result = probe()
            assert result or self.is_running(), f"{self.name} ended, no {what}:\n{self._tail()}"
            return result

        try:
            return wait_until(alive, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{self.name}: no {what}; {error}\n{self._tail()}") from None

    def _tail(self, lines: int = 40) -> str:
        return "\n".join(self.output().splitlines()[-lines:])


def _environment() -> dict[str, str]:
    """The suite's database and queue, the test settings, and the network guard."""
    guard = {"PYTHONPATH": str(PROJECT / "tests" / "offline"), "EVBILLING_PROJECT": str(PROJECT)}
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings", databases.CHILD: "1", "PYTHONUNBUFFERED": "1"}
    assert network.ATTEMPTS_FILE in os.environ, "the session's network guard is not installed"
    return os.environ | guard | settings


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
