"""One guard per service: it starts the service, restarts it when it dies, and ends it after its last user.

Every process that uses a service holds a shared lock on its `use.lock` for as long as it lives; the kernel
frees it however the process dies. The guard, a small process of its own, waits until it gets that lock alone:
then nobody is left.

    python -m evbilling.embedded postgres|valkey HOME [--fast]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import FrameType

from evbilling.embedded.folder import PROJECT, EmbeddedError, run_dir
from evbilling.embedded.locks import FileLock
from evbilling.embedded.postgres import Postgres
from evbilling.embedded.service import POLL_S, Service, wait_until
from evbilling.embedded.valkey import Valkey

KINDS: dict[str, type[Service]] = {"postgres": Postgres, "valkey": Valkey}
START_TIMEOUT_S = 150
TICK_S = 0.2
LONGEST_PAUSE_S = 10


class Use:
    """This process's share in an embedded service."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._use = FileLock(service.home / "use.lock")
        self._guard = FileLock(service.home / "guard.lock")

    def join(self) -> None:
        """Return when the service is up; it stays so while this process lives. May be called at any time.

        Raises EmbeddedError when it cannot be started.
        """
        self.service.prepare()
        self._use.share()
        with FileLock(self.service.home / "start.lock"):
            deadline = time.monotonic() + START_TIMEOUT_S
            while self._guard.is_free() or not self.service.is_ready():
                if self._guard.is_free():
                    _start_guard(self.service)
                elif time.monotonic() > deadline:
                    raise EmbeddedError(f"{self.service.name} does not answer; see {self.service.log}")
                else:
                    time.sleep(POLL_S)

    def leave(self, wait_s: float = 0) -> bool:
        """Give the share back. True if the service ended within `wait_s`, False if others still use it."""
        if not self.service.home.exists():
            return True
        with FileLock(self.service.home / "start.lock"):
            if self._guard.is_free() and self.service.pids():  # its guard was killed: who would end it?
                _start_guard(self.service)
        self._use.release()
        return wait_until(self._guard.is_free, wait_s)


def _start_guard(service: Service) -> None:
    kind = next(name for name, cls in KINDS.items() if type(service) is cls)
    command = [sys.executable, "-m", "evbilling.embedded", kind, str(service.home)]
    started = subprocess.run(
        command + (["--fast"] if service.fast else []),
        cwd=PROJECT,
        env=os.environ | {"EVBILLING_RUN_DIR": str(run_dir())},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,  # open until the guard has said how it went
        stderr=None,
        text=True,
        check=False,
    )
    if (said := started.stdout.strip()) != "ready":
        raise EmbeddedError(
            said or f"The guard of {service.name} ended without a word (code {started.returncode})."
        )


class Guard:
    def __init__(self, service: Service) -> None:
        self.service = service
        self.told_to_end = False
        self._use = FileLock(service.home / "use.lock")
        self._alone = FileLock(service.home / "guard.lock")

    def run(self) -> None:
        """Start the service, say `ready` or what is wrong on standard output, watch, end."""
        if not wait_until(self._alone.try_take, 2):
            print("ready")  # another guard watches already
            return
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self.service.start()
        except (EmbeddedError, OSError) as error:
            print(error)
            return
        print("ready", flush=True)
        self._detach_output()
        self._watch()
        self.service.stop()

    def _watch(self) -> None:
        first = self._first_pid()
        while not self.told_to_end and not self._use.try_take():
            _reap()
            if not self.service.owns(first):
                self._restart()
                first = self._first_pid()
            time.sleep(TICK_S)

    def _first_pid(self) -> int:
        return next(iter(self.service.pids()), 0)

    def _restart(self) -> None:
        pause_s = 0.1
        while not self.told_to_end:
            print(f"{self.service.name} has died; starting it again", file=sys.stderr, flush=True)
            try:
                self.service.start()
            except (EmbeddedError, OSError) as error:
                print(error, file=sys.stderr, flush=True)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            else:
                return

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.told_to_end = True

    def _detach_output(self) -> None:
        """Close the pipe to the process that started us (it waits for that) and write to our own log."""
        log = self.service.log.with_name(f"{self.service.name}-guard.log")
        with log.open("ab", buffering=0) as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)


def _reap() -> None:
    """Collect the service's processes that ended: they are our children."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass
