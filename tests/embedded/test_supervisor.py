"""`make run`'s supervisor: what dies comes back, all end in order, what is wrong is told."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evbilling.embedded import EmbeddedError, supervisor
from evbilling.embedded.ports import require_free
from evbilling.embedded.supervisor import Program, Supervisor
from evbilling.embedded.terminal import Terminal
from tests.processes import free_port, start, wait_until

SLEEPER = "import os, signal; print('pid', os.getpid(), flush=True); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER
PARENT = """
import os, signal, socket, sys
print("pid", os.getpid(), flush=True)
if os.fork() == 0:
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
signal.pause()
"""


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *arguments)


def pids(folder: Path, name: str) -> list[int]:
    """Of all processes that wrote theirs into this program's log."""
    return [int(found) for found in re.findall(r"^pid (\d+)\n", log_of(folder, name), re.MULTILINE)]


def log_of(folder: Path, name: str) -> str:
    log = folder / f"{name}.log"
    return log.read_text() if log.exists() else ""


async def until(probe: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_until, probe, 15)


async def until_started(folder: Path, name: str) -> None:
    await until(lambda: pids(folder, name))


def supervise(folder: Path, story: Callable[[Supervisor], Awaitable[None]]) -> str:
    """Tell the story to a supervisor, end it, and return what it wrote to the terminal."""
    output = io.StringIO()

    async def main() -> None:
        boss = Supervisor(os.environ, folder, Terminal(output))
        try:
            await story(boss)
        finally:
            await boss.end()

    asyncio.run(main())
    return output.getvalue()


def test_a_killed_program_comes_back_and_that_is_told(tmp_path: Path) -> None:
    async def story(boss: Supervisor) -> None:
        boss.keep(Program("worker", python(SLEEPER)))
        await until(lambda: pids(tmp_path, "worker"))
        os.kill(pids(tmp_path, "worker")[0], signal.SIGKILL)
        await until(lambda: len(pids(tmp_path, "worker")) == 2)

    told = supervise(tmp_path, story)
    assert "worker was killed by SIGKILL; starting it again in 0.5 s" in told
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids(tmp_path, "worker"))


def test_children_of_a_killed_program_give_its_port_back(tmp_path: Path) -> None:
    port = free_port()

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    async def story(boss: Supervisor) -> None:
        boss.keep(Program("web", python(PARENT, str(port)), is_ready=listens))
        await boss.wait_ready()
        os.kill(pids(tmp_path, "web")[0], signal.SIGKILL)
        await until(lambda: len(pids(tmp_path, "web")) == 2)
        await boss.wait_ready()

    assert "Address already in use" not in supervise(tmp_path, story)
    assert not listens()


def test_a_program_that_fails_shows_its_last_words_once(tmp_path: Path) -> None:
    async def story(boss: Supervisor) -> None:
        boss.keep(Program("broken", python("raise SystemExit('the tariff file is missing')")))
        await until(lambda: log_of(tmp_path, "broken").count("missing") == 3)

    told = supervise(tmp_path, story)
    assert told.count("the tariff file is missing") == 1
    assert "broken ended with code 1; starting it again in 0.5 s" in told
    assert "broken ended with code 1; starting it again in 1 s" in told


def test_programs_end_by_stage_and_the_stubborn_are_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "END_WITHIN_S", 0.5)
    ends = "import atexit, time; atexit.register(lambda: print('end', time.monotonic(), flush=True)); "
    ends += "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit()); " + SLEEPER

    async def story(boss: Supervisor) -> None:
        for name, code, stage in (("database", ends, 0), ("station", ends, 2), ("stubborn", STUBBORN, 1)):
            boss.keep(Program(name, python(code), stage))
            await until_started(tmp_path, name)

    told = supervise(tmp_path, story)
    ended = {
        name: float((tmp_path / f"{name}.log").read_text().split("end ")[1])
        for name in ("database", "station")
    }
    assert ended["station"] + 0.5 <= ended["database"]
    assert "stubborn did not end within 0.5 s; killing it" in told


def test_programs_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import asyncio, os
from pathlib import Path
from evbilling.embedded.supervisor import Program, Supervisor
from evbilling.embedded.terminal import Terminal
async def main():
    Supervisor(os.environ, Path({str(tmp_path)!r}), Terminal()).keep(Program("worker", {python(SLEEPER)!r}))
    await asyncio.Event().wait()
asyncio.run(main())
"""
    with start("boss", sys.executable, "-c", code, folder=tmp_path) as boss:
        wait_until(lambda: pids(tmp_path, "worker"))
        os.kill(boss.pid, signal.SIGKILL)
        wait_until(lambda: not is_alive(pids(tmp_path, "worker")[0]), what="the end of the worker")


def is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_program_that_never_gets_ready_is_named_with_its_log(tmp_path: Path) -> None:
    async def story(boss: Supervisor) -> None:
        boss.keep(Program("web", python(SLEEPER), is_ready=lambda: False))
        await boss.wait_ready(timeout_s=0.2)

    with pytest.raises(EmbeddedError, match=r"web was not ready within 0 s; see .*web\.log"):
        supervise(tmp_path, story)


def test_a_busy_port_is_told_with_who_has_it_and_what_to_type() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(EmbeddedError) as caught:
            require_free("GATEWAY_PORT", port, "OCPP gateway")
    assert f"Port {port}, for the OCPP gateway, is in use by" in str(caught.value)
    assert f"(pid {os.getpid()})" in str(caught.value)
    assert f"make run GATEWAY_PORT={port + 1}" in str(caught.value)
    require_free("GATEWAY_PORT", port, "OCPP gateway")


def test_a_flood_of_output_is_counted_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    output = io.StringIO()
    terminal = Terminal(output)
    for number in range(100):
        terminal.relay("worker", f"line {number}")
    now = 101.0
    terminal.relay("worker", "calm again")

    lines = output.getvalue().splitlines()
    assert len(lines) == 7
    assert "95 more lines in its log" in lines[5]
    assert "calm again" in lines[6]


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_an_impossible_port_is_refused_by_name(port: str, tmp_path: Path) -> None:
    environment = {"PORT": port, "EVBILLING_RUN_DIR": str(tmp_path / "run")}
    command = (sys.executable, "-m", "evbilling.embedded.run")
    with start("run", *command, folder=tmp_path, environment=environment) as run:
        assert run.wait_for_end() == 1
        assert "PORT is" in run.output()
