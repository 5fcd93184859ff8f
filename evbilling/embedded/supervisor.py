"""Keeps programs running: restarts what dies, ends all in order.

Honcho ends everything when one program ends; here, a program that is killed comes back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from evbilling.embedded.folder import PROJECT, EmbeddedError, rotate
from evbilling.embedded.terminal import Terminal

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
HEALTHY_AFTER_S = 30.0  # who ran that long starts again at once
END_WITHIN_S = 6.0
COPY_WITHIN_S = 2.0
SETTLING_S = 5.0
LINES_TOLD = 8
ERRORS = ("ERROR", "CRITICAL", "[ERROR]", "[CRITICAL]")  # how our LOGGING and granian begin such lines
# should the supervisor be killed, its programs end as well
END_WITH_PARENT = ("setpriv", "--pdeathsig", "TERM", "--")


@dataclass(frozen=True)
class Program:
    """Something to keep running. `stage`: the higher ones are ended first. `quiet`: only errors are shown."""

    name: str
    command: tuple[str, ...]
    stage: int = 0
    quiet: bool = False
    is_ready: Callable[[], bool] = lambda: True


class Supervisor:
    def __init__(self, environment: Mapping[str, str], log_folder: Path, terminal: Terminal) -> None:
        self.environment = dict(environment)
        self.log_folder = log_folder
        self.terminal = terminal
        self._ending = asyncio.Event()
        self._kept: dict[str, tuple[Program, asyncio.Task[None]]] = {}
        self._running: dict[str, asyncio.subprocess.Process] = {}

    def keep(self, program: Program) -> None:
        """Start the program, and start it again whenever it ends."""
        self._kept[program.name] = (program, asyncio.create_task(self._keep(program)))

    async def wait_ready(self, timeout_s: float = 60) -> None:
        """Wait until all programs say that they are ready. Raises EmbeddedError when one is late."""
        deadline = time.monotonic() + timeout_s
        for program, _ in self._kept.values():
            while not await asyncio.to_thread(program.is_ready):
                if time.monotonic() > deadline:
                    log = self.log_folder / f"{program.name}.log"
                    raise EmbeddedError(f"{program.name} was not ready within {timeout_s:.0f} s; see {log}")
                await asyncio.sleep(0.1)

    async def run(self, name: str, *command: str, show: Callable[[str], None] | None = None) -> int:
        """Run a program to its end and return its exit code; `show` gets each line."""
        process, output = await self._start(name, command)
        copy = asyncio.create_task(self._copy(output, name, show or _Relay(self.terminal, name)))
        try:
            return await process.wait()
        finally:
            await self._end(name, END_WITHIN_S)
            await _finish(copy)

    async def end(self) -> None:
        """End all programs, stage by stage; who doesn't end in time is killed."""
        self._ending.set()
        self.terminal.mute()
        programs = [program for program, _ in self._kept.values()]
        for stage in sorted({program.stage for program in programs}, reverse=True):
            names = [program.name for program in programs if program.stage == stage]
            await asyncio.gather(*(self._end(name, END_WITHIN_S) for name in names))
        await asyncio.gather(*(task for _, task in self._kept.values()), return_exceptions=True)

    def kill(self) -> None:
        """End all programs at once."""
        for process in self._running.values():
            _signal_group(process.pid, signal.SIGKILL)

    async def _keep(self, program: Program) -> None:
        pause_s = FIRST_PAUSE_S
        told: list[str] = []
        while not self._ending.is_set():
            began = time.monotonic()
            words, code = await self._run_once(program)
            if self._ending.is_set():
                return
            if time.monotonic() - began > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            if words and words != told:  # the same failure again is not told again in full
                self.terminal.say("\n".join(words))
            told = words
            self.terminal.say(f"{program.name} {how_it_ended(code)}; starting it again in {pause_s:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _run_once(self, program: Program) -> tuple[list[str], int]:
        """Run the program to its end; returns its last words if it failed by itself, and its code."""
        relay = _Relay(self.terminal, program.name, quiet=program.quiet)
        process, output = await self._start(program.name, program.command)
        copy = asyncio.create_task(self._copy(output, program.name, relay))
        code = await process.wait()
        _signal_group(process.pid, signal.SIGKILL)  # children of a killed program would keep its port
        await _finish(copy)
        return list(relay.last) if code > 0 else [], code

    async def _start(
        self, name: str, command: tuple[str, ...]
    ) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader]:
        """Start a program; returns it and its output.

        The pipe is our own: with asyncio's, `wait()` would wait for children that still hold it.
        """
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *END_WITH_PARENT,
                *command,
                cwd=PROJECT,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,  # a Ctrl-C is for us; we end them in order
            )
        finally:
            os.close(writing)
        self._running[name] = process
        output = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(output)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(reading, "rb"))
        return process, output

    async def _copy(self, output: asyncio.StreamReader, name: str, show: Callable[[str], None]) -> None:
        """Copy the output to the log and, line by line, to `show`."""
        rest = b""
        with (self.log_folder / f"{name}.log").open("ab") as log:
            while block := await output.read(65_536):
                log.write(block)
                log.flush()
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    show(line.decode(errors="replace").rstrip())
        if rest:
            show(rest.decode(errors="replace"))

    async def _end(self, name: str, within_s: float) -> None:
        process = self._running.pop(name, None)
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), within_s)
        except TimeoutError:
            self.terminal.say(f"{name} did not end within {within_s:g} s; killing it")
            _signal_group(process.pid, signal.SIGKILL)
            await process.wait()


class _Relay:
    """Shows a program's lines once it has settled; what it says while starting is told only if it fails."""

    def __init__(self, terminal: Terminal, name: str, *, quiet: bool = False) -> None:
        self._terminal = terminal
        self._name = name
        self._quiet = quiet
        self._settled = time.monotonic() + SETTLING_S
        self.last: deque[str] = deque(maxlen=LINES_TOLD)

    def __call__(self, line: str) -> None:
        self.last.append(line)
        if line.startswith(ERRORS) or (not self._quiet and time.monotonic() > self._settled):
            self._terminal.relay(self._name, line)


def new_logs(folder: Path, names: list[str]) -> None:
    """Keep the previous run's logs as NAME.log.1."""
    for name in names:
        rotate(folder / f"{name}.log")


def how_it_ended(code: int) -> str:
    """In words, from a return code of subprocess."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"


async def _finish(copy: asyncio.Task[None]) -> None:
    """Copy what is still in the pipe; a grandchild that ran away may hold it open for ever."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(copy, COPY_WITHIN_S)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
