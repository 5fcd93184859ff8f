"""`make run`: everything on this machine, under one supervisor.

PORT, GATEWAY_PORT, STRIPE_PORT   where web, OCPP gateway and local Stripe listen (8000, 9000, 12111)
DATABASE_URL, REDIS_URL           use these servers instead of the embedded ones
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import environ

from evbilling.embedded import Postgres, Use, Valkey, run_dir
from evbilling.embedded.folder import PROJECT, EmbeddedError
from evbilling.embedded.locks import FileLock
from evbilling.embedded.ports import is_open, require_free
from evbilling.embedded.supervisor import Program, Supervisor, new_logs
from evbilling.embedded.terminal import Terminal

WATCH_EVERY_S = 2.0
MANAGE = (sys.executable, "manage.py")


@dataclass(frozen=True)
class Ports:
    web: int
    gateway: int
    stripe: int

    @classmethod
    def from_environment(cls) -> Ports:
        return cls(_port("PORT", 8000), _port("GATEWAY_PORT", 9000), _port("STRIPE_PORT", 12111))

    def require_free(self) -> None:
        require_free("PORT", self.web, "web pages")
        require_free("GATEWAY_PORT", self.gateway, "OCPP gateway")
        if _pays_locally():
            require_free("STRIPE_PORT", self.stripe, "local Stripe")


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise EmbeddedError(f"{variable} is {text!r}; it takes a port number from 1 to 65535.")
    return int(text)


def _pays_locally() -> bool:
    return os.environ.get("PAYMENTS_MODE", "fake") == "fake"


def programs(ports: Ports) -> list[Program]:
    """What runs, in the order of its start; it ends by stage, stations first."""
    quiet = not os.environ.get("VERBOSE")
    found = [Program("web", _web(ports.web), 2, quiet, _opens(ports.web))]
    if _pays_locally():
        state = str(run_dir() / "fakestripe.json")
        stripe = (sys.executable, "-m", "fakestripe", "--port", str(ports.stripe), "--state", state)
        found.insert(0, Program("stripe", stripe, 0, quiet, _opens(ports.stripe)))
    gateway = (*MANAGE, "gateway", "--port", str(ports.gateway))
    found.append(Program("gateway", gateway, 2, quiet, _opens(ports.gateway)))
    found.append(Program("worker", (*MANAGE, "rqworker", "default", "documents"), 1, quiet))
    found.append(Program("scheduler", (*MANAGE, "scheduler"), 1, quiet))
    return found


def _web(port: int) -> tuple[str, ...]:
    address = ("--host", "127.0.0.1", "--port", str(port))
    options = (
        "--interface",
        "wsgi",
        "--blocking-threads",
        "8",
        "--respawn-failed-workers",
        "--no-access-log",
    )
    return (sys.executable, "-m", "granian", *address, *options, "evbilling.wsgi:application")


def _opens(port: int) -> Callable[[], bool]:
    return lambda: is_open(port)


def start_services(terminal: Terminal) -> list[Use]:
    """Start the embedded services that no URL replaces, and name them in the environment of all programs."""
    uses = []
    for variable, service in (
        ("DATABASE_URL", Postgres(run_dir() / "postgres")),
        ("REDIS_URL", Valkey(run_dir() / "valkey")),
    ):
        if os.environ.get(variable):
            terminal.say(f"{service.name:<10} {variable} is set: not started here")
            continue
        use = Use(service)
        use.join()
        os.environ[variable] = service.url()
        uses.append(use)
        terminal.say(f"{service.name:<10} ready, data in {service.home}")
    return uses


def program_environment(ports: Ports) -> dict[str, str]:
    """What all programs are told; what is set already stays."""
    ours = {
        "BASE_URL": f"http://127.0.0.1:{ports.web}",
        "GATEWAY_URL": f"ws://127.0.0.1:{ports.gateway}/ocpp",
        "FAKESTRIPE_URL": f"http://127.0.0.1:{ports.stripe}",
        "DJANGO_SETTINGS_MODULE": "evbilling.settings",
        "PYTHONUNBUFFERED": "1",
    }
    return ours | dict(os.environ)


async def prepare(supervisor: Supervisor) -> None:
    """Bring the database up to date and fill it with the demo world, unless that is done already."""
    await _must(supervisor, "check", show=lambda _: None)
    await _must(supervisor, "migrate", "--no-color", show=_migration_shown(supervisor.terminal))
    supervisor.terminal.say("demo       building the demo world ...")
    await _must(supervisor, "demo", show=lambda line: supervisor.terminal.say(f"demo       {line}"))


async def _must(
    supervisor: Supervisor, command: str, *options: str, show: Callable[[str], None] | None = None
) -> None:
    code = await supervisor.run(command, *MANAGE, command, *options, show=show)
    if code != 0:
        log = supervisor.log_folder / f"{command}.log"
        raise EmbeddedError(
            f"`manage.py {command}` ended with code {code}:\n{log.read_text()[-3000:]}\n({log})"
        )


def _migration_shown(terminal: Terminal) -> Callable[[str], None]:
    """Progress of `manage.py migrate`: each migration for a moment, then how many there were."""
    applied: list[str] = []

    def show(line: str) -> None:
        if line.startswith("  Applying "):
            applied.append(line)
            terminal.progress(
                f"migrate    {len(applied)}: {line.removeprefix('  Applying ').split('.. ')[0]}"
            )
            if not terminal.is_interactive and len(applied) % 25 == 0:
                terminal.say(f"migrate    {len(applied)} migrations applied so far")
        elif line.startswith("  No migrations"):
            terminal.say("migrate    nothing to do")

    return show


async def watch(uses: list[Use], terminal: Terminal) -> None:
    """Their guards restart PostgreSQL and Valkey; should a guard itself be killed, start it again."""
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        for use in uses:
            try:
                await asyncio.to_thread(use.join)
            except EmbeddedError as error:
                terminal.say(str(error))


async def run(ports: Ports, terminal: Terminal) -> None:
    """Until cancelled. Raises EmbeddedError when something cannot start."""
    uses = start_services(terminal)
    logs = run_dir() / "log"
    supervisor = Supervisor(program_environment(ports), logs, terminal)
    chosen = programs(ports)
    simulator = Program("stations", (*MANAGE, "simulate", "--demo"), 3)
    new_logs(
        logs, ["check", "migrate", "demo", "summary", simulator.name, *(program.name for program in chosen)]
    )
    _on_signals(supervisor)
    watcher = asyncio.create_task(watch(uses, terminal))
    try:
        await prepare(supervisor)
        for program in chosen:
            supervisor.keep(program)
        await supervisor.wait_ready()
        supervisor.keep(simulator)
        await summary(supervisor, ports)
        await asyncio.Event().wait()
    finally:
        watcher.cancel()
        await _end(supervisor, uses)


async def summary(supervisor: Supervisor, ports: Ports) -> None:
    say = supervisor.terminal.say
    say("")
    say(f"evbilling  http://127.0.0.1:{ports.web}")
    say(f"admin      http://127.0.0.1:{ports.web}/admin/")
    say(f"gateway    ws://127.0.0.1:{ports.gateway}/ocpp/<station identity>")
    say(f"logs       {supervisor.log_folder}")
    await supervisor.run("summary", *MANAGE, "demo", "--summary", show=say)
    say("Ctrl-C ends everything; the data stays.")


def _on_signals(supervisor: Supervisor) -> None:
    """The first signal ends all in order, the second at once."""
    loop = asyncio.get_running_loop()
    main = asyncio.current_task()
    assert main is not None
    told = False

    def end() -> None:
        nonlocal told
        if told:
            supervisor.kill()
        else:
            told = True
            supervisor.terminal.say("Ending ... (once more to end at once)")
            main.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, end)


async def _end(supervisor: Supervisor, uses: list[Use]) -> None:
    await supervisor.end()
    for use in uses:
        if not await asyncio.to_thread(use.leave, 20):
            supervisor.terminal.say(f"{use.service.name} stays up: another program still uses it")
    supervisor.terminal.say("Ended. The data stays in " + str(run_dir()))


def main() -> None:
    terminal = Terminal()
    environ.Env.read_env(PROJECT / ".env", overwrite=False)
    began = time.monotonic()
    try:
        alone = _only_one()
        ports = Ports.from_environment()
        ports.require_free()
        asyncio.run(run(ports, terminal))
    except EmbeddedError as error:
        sys.exit(f"{error}")
    except (asyncio.CancelledError, KeyboardInterrupt):
        terminal.say(f"It ran for {time.monotonic() - began:.0f} s.")
    alone.release()


def _only_one() -> FileLock:
    """Two supervisors of one folder would fight over its ports and files."""
    run_dir().mkdir(parents=True, exist_ok=True)
    lock = FileLock(run_dir() / "run.lock")
    if not lock.try_take():
        raise EmbeddedError(
            f"evbilling runs already in {run_dir()}. End that first, or set EVBILLING_RUN_DIR."
        )
    return lock


if __name__ == "__main__":
    main()
