"""Run the whole system in a folder of its own, kill -9 its processes at random, then verify.

Exit code 0: every acknowledged fact is in the database once, and `manage.py verify_books` finds nothing.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from evbilling.embedded import Postgres
from evbilling.embedded.folder import PROJECT
from evbilling.embedded.supervisor import END_WITH_PARENT
from tests.processes import free_port

VICTIMS = ("gateway", "rqworker", "scheduler", "postgres")
SETTLE_S = 120
FINISH_S = 150
FAULTS = ["--clock-skew", "200", "--offline", "2", "--offline-for", "3", "20", "--replay", "5"]


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--versions", default="1.6,2.0.1,2.1")
    parser.add_argument("--sessions-per-hour", type=float, default=30, help="a station")
    parser.add_argument("--meter-interval", type=float, default=4)
    parser.add_argument("--flood", type=int, default=1, help="how many of the stations flood")
    parser.add_argument("--every", type=float, default=8, metavar="S", help="mean time between two kills")
    parser.add_argument("--spare-postgres", action="store_true", help="leave PostgreSQL alone")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=PROJECT / ".run" / "chaos")
    return parser.parse_args(words)


def environment(folder: Path) -> dict[str, str]:
    """Ports and data of its own, so that it runs beside `make run`; never a database that somebody named."""
    web, gateway, stripe = (str(free_port()) for _ in range(3))
    own = {
        "EVBILLING_RUN_DIR": str(folder),
        "PORT": web,
        "GATEWAY_PORT": gateway,
        "STRIPE_PORT": stripe,
        "BASE_URL": f"http://127.0.0.1:{web}",
        "GATEWAY_URL": f"ws://127.0.0.1:{gateway}/ocpp",
        "FAKESTRIPE_URL": f"http://127.0.0.1:{stripe}",
    }
    nobodys = {"DATABASE_URL": "", "REDIS_URL": "", "PAYMENTS_MODE": "fake"}
    return os.environ | own | nobodys | {"DJANGO_SETTINGS_MODULE": "evbilling.settings"}


@contextmanager
def running_system(folder: Path, env: dict[str, str]) -> Iterator[psutil.Process]:
    """`make run`, ended in order with the block."""
    log = folder / "system.log"
    with log.open("wb") as output:
        command = [*END_WITH_PARENT, sys.executable, "-m", "evbilling.embedded.run"]
        system = subprocess.Popen(command, cwd=PROJECT, env=env, stdout=output, stderr=output)
        try:
            deadline = time.monotonic() + 400
            while "Waiting for the first car" not in log.read_text(errors="replace"):
                if system.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"the system did not start:\n{log.read_text()[-3000:]}")
                time.sleep(0.5)
            yield psutil.Process(system.pid)
        finally:
            system.send_signal(signal.SIGTERM)
            system.wait(60)


def victims(system: psutil.Process, folder: Path, name: str) -> list[psutil.Process]:
    """The processes of one kind; of PostgreSQL the first, whose death ends all connections at once."""
    if name == "postgres":
        return [psutil.Process(pid) for pid in Postgres(folder / "postgres").pids()[:1]]
    found = []
    for process in system.children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if name in command:
            found.append(process)
    return found


def deck(chance: random.Random, kinds: tuple[str, ...]) -> Iterator[str]:
    """All kinds in random order, again and again: none is spared for long."""
    while True:
        yield from chance.sample(kinds, len(kinds))


def kill_at_random(system: psutil.Process, options: argparse.Namespace, until: float) -> dict[str, int]:
    """Until the clock says `until`; returns how often each kind of process was killed."""
    chance = random.Random(options.seed)
    kinds = deck(chance, VICTIMS[:-1] if options.spare_postgres else VICTIMS)
    killed: dict[str, int] = {}
    while time.monotonic() < until:
        pause_s = chance.uniform(0.5, 1.5) * options.every
        time.sleep(min(pause_s, max(until - time.monotonic(), 0)))
        name = next(kinds)
        for process in victims(system, options.folder, name):
            process.kill()
            killed[name] = killed.get(name, 0) + 1
        left_s = max(until - time.monotonic(), 0)
        print(f"\r  {sum(killed.values())} killed, {left_s:.0f} s to go   ", end="", flush=True)
    print()
    return killed


def manage(env: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def simulate(env: dict[str, str], options: argparse.Namespace) -> subprocess.Popen[bytes]:
    """A fleet of short charges that writes down each acknowledged message."""
    number = {
        "--stations": options.stations,
        "--minutes": options.minutes,
        "--versions": options.versions,
        "--sessions-per-hour": options.sessions_per_hour,
        "--meter-interval": options.meter_interval,
        "--flood": options.flood,
        "--seed": options.seed,
        "--ledger": options.folder / "acknowledged.jsonl",
        "--longest-pause": 5,
    }
    words = [str(word) for pair in number.items() for word in pair]
    words += ["--energy-wh", "300", "2500", "--pause-when-full", "1", "8", *FAULTS]
    log = (options.folder / "fleet.log").open("wb")
    return subprocess.Popen(
        [*END_WITH_PARENT, sys.executable, "manage.py", "simulate", *words],
        cwd=PROJECT, env=env, stdout=log, stderr=log,
    )  # fmt: skip


def main(words: list[str] | None = None) -> int:
    options = arguments(words)
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "acknowledged.jsonl").unlink(missing_ok=True)
    env = environment(options.folder)
    print(f"Starting the system in {options.folder} ...", flush=True)
    with running_system(options.folder, env) as system:
        fleet = simulate(env, options)
        try:
            await_first_fact(fleet, options.folder)
            killed = kill_at_random(system, options, time.monotonic() + options.minutes * 60)
            undelivered = fleet.wait(FINISH_S)
        finally:
            fleet.kill()
        print("Killed: " + ", ".join(f"{name} {count} times" for name, count in sorted(killed.items())))
        print((options.folder / "fleet.log").read_text()[-2500:])
        return judge(env, options.folder) or undelivered


def await_first_fact(fleet: subprocess.Popen[bytes], folder: Path) -> None:
    """Killing begins when something can be lost."""
    ledger = folder / "acknowledged.jsonl"
    while not (ledger.exists() and ledger.stat().st_size):
        if fleet.poll() is not None:
            sys.exit(f"the fleet ended:\n{(folder / 'fleet.log').read_text()[-2000:]}")
        time.sleep(0.1)


def judge(env: dict[str, str], folder: Path) -> int:
    """Give the sweeps time to finish, then say what is missing or billed wrongly."""
    deadline = time.monotonic() + SETTLE_S
    ledger = folder / "acknowledged.jsonl"
    facts = len(ledger.read_text().splitlines())
    while True:
        found = subprocess.run(
            [sys.executable, "-m", "tests.chaos.facts", str(ledger)],
            cwd=PROJECT, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        books = None if found.returncode else manage(env, "verify_books")
        if (books and not books.returncode) or time.monotonic() > deadline:
            break
        time.sleep(1)
    if books is None:
        print(f"LOST OR WRONG, of {facts} facts:\n{found.stdout[-3000:]}{found.stderr[-2000:]}")
        return 1
    print(books.stdout[-4000:], books.stderr[-2000:] if books.returncode else "")
    print(f"All {facts} acknowledged facts are there once, all energy is billed once.")
    return books.returncode


if __name__ == "__main__":
    sys.exit(main())
