"""Several gateway processes on one port (SO_REUSEPORT: the kernel deals the connections), kept going."""

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TextIO

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
HEALTHY_AFTER_S = 30.0
END_WITHIN_S = 8.0  # above drain_s + goodbye_s; then they are killed


@dataclass
class Processes:
    """`command` run `count` times, started again when they die, ended together.

    Each has a pipe as its standard input, which ends when we do, however we end.
    """

    command: Sequence[str]
    count: int
    say: TextIO
    _running: dict[int, asyncio.subprocess.Process] = field(default_factory=dict)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until SIGTERM or SIGINT; SIGHUP is passed on (certificates are read again)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        loop.add_signal_handler(signal.SIGHUP, self._signal, signal.SIGHUP)
        await asyncio.gather(*(self._keep(number) for number in range(1, self.count + 1)))

    async def _keep(self, number: int) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._ending.is_set():
            began = time.monotonic()
            process = await asyncio.create_subprocess_exec(*self.command, stdin=asyncio.subprocess.PIPE)
            self._running[number] = process
            await self._until_it_ends(process)
            del self._running[number]
            if self._ending.is_set():
                return
            if time.monotonic() - began > HEALTHY_AFTER_S:
                pause_s = FIRST_PAUSE_S
            self.say.write(f"gateway process {number} ended ({process.returncode}); again in {pause_s:g} s\n")
            self.say.flush()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _until_it_ends(self, process: asyncio.subprocess.Process) -> None:
        ended = asyncio.create_task(process.wait())
        told = asyncio.create_task(self._ending.wait())
        await asyncio.wait([ended, told], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            _, late = await asyncio.wait([ended], timeout=END_WITHIN_S)
            if late:
                process.kill()
                await ended
        told.cancel()

    def _signal(self, number: signal.Signals) -> None:
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)


def reserve(host: str, port: int) -> socket.socket:
    """A bound socket that doesn't listen: it holds a port for those that share it. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        _refuse_if_taken(family, host, port)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError:
        holder.close()
        raise
    return holder


def _refuse_if_taken(family: int, host: str, port: int) -> None:
    """With SO_REUSEPORT alone, a second gateway of ours would join in silence."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


async def parent_gone() -> None:
    """Return when standard input ends: our parent has died, or wants us to end."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while await reader.read(1024):
        pass
