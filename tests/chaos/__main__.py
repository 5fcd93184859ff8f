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

from evbilling.embedded.folder import PROJECT
from tests.chaos.facts import missing_facts
from tests.processes import free_port

VICTIMS = ("gateway", "rqworker", "scheduler")
SETTLE_S = 90


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos ARGS=…", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--stations", type=int, default=20)
    parser.add_argument("--every", type=float, default=12, metavar="S", help="mean time between two kills")
    parser.add_argument("--postgres", action="store_true", help="kill PostgreSQL as well")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=PROJECT / ".run" / "chaos")
    return parser.parse_args()


def environment(folder: Path) -> dict[str, str]:
    """Ports and data of its own, so that it runs beside `make run`."""
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
    return os.environ | own


@contextmanager
def running_system(folder: Path, env: dict[str, str]) -> Iterator[psutil.Process]:
    """`make run`, ended in order with the block."""
    log = folder / "system.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "evbilling.embedded.run"]
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


def victims(system: psutil.Process, wanted: tuple[str, ...]) -> list[tuple[str, psutil.Process]]:
    found = []
    for process in system.children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        found += [(name, process) for name in wanted if name in command]
    return found


def kill_at_random(system: psutil.Process, options: argparse.Namespace, until: float) -> dict[str, int]:
    """Until the clock says `until`; returns how often each kind of process was killed."""
    chance = random.Random(options.seed)
    killed: dict[str, int] = {}
    while time.monotonic() < until:
        time.sleep(min(chance.expovariate(1 / options.every), max(until - time.monotonic(), 0)))
        found = victims(system, VICTIMS)
        if options.postgres and chance.random() < 0.25:
            found = _postmaster(options.folder) or found
        if found:
            name, process = chance.choice(found)
            process.kill()
            killed[name] = killed.get(name, 0) + 1
            print(
                f"\r  killed {sum(killed.values())}, {until - time.monotonic():.0f} s to go   ",
                end="",
                flush=True,
            )
    print()
    return killed


def _postmaster(folder: Path) -> list[tuple[str, psutil.Process]]:
    pid_file = folder / "postgres" / "postmaster.pid"
    try:
        return [("postgres", psutil.Process(int(pid_file.read_text().split()[0])))]
    except (OSError, ValueError, psutil.Error):
        return []


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
    seconds = str(options.minutes * 60)
    rhythm = ["--sessions-per-hour", "40", "--meter-interval", "2", "--energy-wh", "300", "2500"]
    command = ["simulate", "--stations", str(options.stations), "--seconds", seconds, *rhythm]
    ledger = ["--ledger", str(options.folder / "acknowledged.jsonl"), "--pause-when-full", "1", "8"]
    log = (options.folder / "fleet.log").open("wb")
    return subprocess.Popen(
        [sys.executable, "manage.py", *command, *ledger], cwd=PROJECT, env=env, stdout=log, stderr=log
    )


def main() -> int:
    options = arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / "acknowledged.jsonl").unlink(missing_ok=True)
    env = environment(options.folder)
    print(f"Starting the system in {options.folder} ...", flush=True)
    with running_system(options.folder, env) as system:
        fleet = simulate(env, options)
        killed = kill_at_random(system, options, time.monotonic() + options.minutes * 60)
        fleet.wait(120)
        print("Killed: " + ", ".join(f"{name} {count} times" for name, count in sorted(killed.items())))
        return judge(env, options.folder)


def judge(env: dict[str, str], folder: Path) -> int:
    """Give the sweeps time to finish, then look for what is missing."""
    deadline = time.monotonic() + SETTLE_S
    while (books := manage(env, "verify_books")).returncode and time.monotonic() < deadline:
        time.sleep(3)
    print(books.stdout[-4000:], books.stderr[-2000:] if books.returncode else "")
    os.environ.update(env)
    lost = missing_facts(folder / "acknowledged.jsonl")
    for line in lost[:20]:
        print(f"LOST: {line}")
    print("Nothing acknowledged was lost." if not lost else f"{len(lost)} acknowledged facts are missing.")
    return 1 if lost or books.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
