"""`make bench-gateway`: calls a second, acknowledged after commit, with everything switched on.

A gateway process or two, PostgreSQL with fsync and the load share this machine. Traffic: 1 start, 17 meter
values of 7 measurands, 1 stop and 1 status in 20 calls; each station waits for an answer before its next call.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from psycopg import connect, sql

from evbilling.embedded import Postgres, Use, run_dir
from evbilling.embedded.folder import PROJECT
from tests.processes import free_port

HOME = run_dir() / "bench"
DATABASE = "gateway"
BARS = {1: 16_000, 2: 25_000}
P99_BAR_MS, CPU_BAR_US, MEMORY_BAR_KB = 120, 75, 35


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--gateways", type=int, nargs="*", default=[1, 2])
    options = parser.parse_args()
    postgres = Postgres(HOME / "postgres")
    use = Use(postgres)
    use.join()
    try:
        url = prepared(postgres, options.stations)
        figures = []
        for count in options.gateways:
            figures += measure(url, count, options.stations, options.seconds)
    finally:
        use.leave()
    report(figures)


def prepared(postgres: Postgres, stations: int) -> str:
    """The URL of a new database with `stations` stations: every run begins with empty tables."""
    with connect(postgres.url("postgres"), autocommit=True) as admin:
        for statement in ("DROP DATABASE IF EXISTS {} WITH (FORCE)", "CREATE DATABASE {}"):
            admin.execute(sql.SQL(statement).format(sql.Identifier(DATABASE)))
    url = postgres.url(DATABASE)
    run(url, sys.executable, "manage.py", "migrate", "--verbosity", "0")
    run(url, sys.executable, "-m", "benchmarks.gateway_world", str(stations))
    return url


def environment(url: str) -> dict[str, str]:
    return os.environ | {"DATABASE_URL": url, "GATEWAY_BENCH": "1", "LOG_LEVEL": "WARNING"}


def run(url: str, *command: str) -> str:
    return subprocess.run(
        command, cwd=PROJECT, env=environment(url), check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def measure(url: str, count: int, stations: int, seconds: float) -> list[dict[str, Any]]:
    """Load `count` gateway processes; the figures of the run."""
    port = free_port()
    with ExitStack() as stack:
        gateways = [stack.enter_context(gateway(url, port)) for _ in range(count)]
        empty_kb = memory_kb(gateways)
        command = [sys.executable, "-m", "benchmarks.gateway_load", str(port), str(stations), str(seconds)]
        loading = subprocess.Popen(
            command, cwd=PROJECT, env=environment(url), stdout=subprocess.PIPE, text=True
        )
        assert loading.stdout is not None
        loading.stdout.readline()  # all are connected and warm
        ours, theirs = cpu_s(gateways), postgres_cpu_s()
        loading.stdout.readline()
        ours, theirs = cpu_s(gateways) - ours, postgres_cpu_s() - theirs
        load = json.loads(loading.stdout.readline())
        grown_kb = memory_kb(gateways) - empty_kb
    per_s = load["answered"] / load["seconds"]
    name = f"{count} process{'es' if count > 1 else ''}"
    return [
        figure(f"{name}: calls a second", per_s, "1/s", BARS[count], per_s >= BARS[count]),
        figure(f"{name}: p50", load["p50_ms"], "ms", None, True),
        figure(f"{name}: p99 at saturation", load["p99_ms"], "ms", P99_BAR_MS, load["p99_ms"] <= P99_BAR_MS),
        figure(f"{name}: CPU of the server a call", ours / load["answered"] * 1e6, "us", None, True),
        figure(
            f"{name}: CPU of server and PostgreSQL a call", (ours + theirs) / load["answered"] * 1e6, "us",
            CPU_BAR_US, (ours + theirs) / load["answered"] * 1e6 <= CPU_BAR_US,
        ),
        figure(
            f"{name}: memory a connection, under load", grown_kb / stations, "KB",
            MEMORY_BAR_KB, grown_kb / stations <= MEMORY_BAR_KB,
        ),
    ]  # fmt: skip


class gateway:
    """A gateway process that lasts as long as the block."""

    def __init__(self, url: str, port: int) -> None:
        command = [sys.executable, "manage.py", "gateway", "--port", str(port), "--reuse-port"]
        self.process = subprocess.Popen(
            command, cwd=PROJECT, env=environment(url), stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> psutil.Process:
        assert self.process.stdout is not None
        if "gateway at" not in self.process.stdout.readline():
            raise SystemExit("the gateway did not start")
        return psutil.Process(self.process.pid)

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


def cpu_s(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return float(sum(time_.user + time_.system for time_ in times))


def postgres_cpu_s() -> float:
    """CPU of the benchmark's PostgreSQL, ended backends included."""
    home = str(HOME / "postgres")
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "postgres" and home in " ".join(process.info["cmdline"] or ()):
            family = [process, *process.children()]
            ended = process.cpu_times()
            return cpu_s(family) + float(ended.children_user + ended.children_system)
    return 0.0


def memory_kb(processes: list[psutil.Process]) -> float:
    return float(sum(process.memory_info().rss for process in processes)) / 1024


def figure(name: str, value: float, unit: str, bar: float | None, holds: bool) -> dict[str, Any]:
    return {
        "name": name, "value": round(value, 1), "unit": unit, "ratio_to_limit": None,
        "ratio_to_naive": None, "bar": bar, "holds": holds,
    }  # fmt: skip


def report(figures: list[dict[str, Any]]) -> None:
    (run_dir() / "bench").mkdir(parents=True, exist_ok=True)
    Path(run_dir() / "bench" / "gateway.json").write_text(json.dumps(figures, indent=1))
    for line in figures:
        bar = "" if line["bar"] is None else f"bar {line['bar']:>8}  {'holds' if line['holds'] else 'MISSED'}"
        print(f"{line['name']:<55} {line['value']:>10} {line['unit']:<4} {bar}")


if __name__ == "__main__":
    started = time.monotonic()
    main()
    print(f"took {time.monotonic() - started:.0f} s")
