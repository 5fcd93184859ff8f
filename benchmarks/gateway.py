"""`make bench-gateway`: calls a second, acknowledged after commit, with everything switched on.

Gateway processes, PostgreSQL with fsync and the load share this machine. Traffic: 1 start, 17 meter values of
7 samples, 1 stop and 1 status in 20 calls; each station waits for an answer before its next call. Beside it, in
the same run: a bare echo of the same WebSocket library (the limit) and the usual way (the naive one).
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psutil
from psycopg import connect, sql

from benchmarks.report import Figure, publish
from charging.curve import Point, pack
from evbilling.embedded import Postgres, Use, run_dir
from evbilling.embedded.folder import PROJECT
from tests.processes import free_port

HOME = run_dir() / "bench"
DATABASE = "gateway"
RATE_BARS = {1: 16_000, 2: 25_000}
P99_BAR_MS, HALF_P99_BAR_MS, CPU_BAR_US, MEMORY_BAR_KB, NAIVE_BAR = 120, 25, 75, 35, 25
SAMPLES_BAR, BYTES_BAR = 100_000, 6
NAIVE_STATIONS = 200  # more of them would only wait


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the load."""

    rate: float
    p50_ms: float
    p99_ms: float
    server_us: float  # CPU a call
    postgres_us: float
    client_us: float
    connection_kb: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--gateways", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--quick", action="store_true", help="the gateway alone, at saturation")
    options = parser.parse_args()
    postgres = Postgres(HOME / "postgres")
    use = Use(postgres)
    use.join()
    try:
        url = prepared(postgres, options.stations)
        figures = measured(url, options)
    finally:
        use.leave()
    publish("gateway", figures)


def measured(url: str, options: argparse.Namespace) -> list[Figure]:
    stations, seconds, figures = options.stations, options.seconds, []
    echo = naive = None
    if not options.quick:
        echo = run_of(url, [python("benchmarks.ocpp.echo")], stations, min(seconds, 4.0))
        naive = run_of(url, [python("benchmarks.ocpp.naive")], NAIVE_STATIONS, min(seconds, 6.0))
        figures += [
            Figure("bare echo of the same library, nothing read or kept", echo.rate, "calls/s"),
            Figure("websockets + ocpp + a transaction a message", naive.rate, "calls/s"),
            Figure("the same: CPU of server and PostgreSQL", naive.server_us + naive.postgres_us, "us/call"),
        ]
    for count in options.gateways:
        gateways = gateway_commands(count)
        full = run_of(url, gateways, stations, seconds)
        figures += at_saturation(f"{count} process{'es' * (count > 1)}", count, full, echo, naive)
        if not options.quick:
            half = run_of(url, gateways, stations, seconds, full.rate / 2)
            figures += at_half_load(f"{count} process{'es' * (count > 1)}", half)
    return figures if options.quick else [*figures, *readings(url, stations, seconds)]


def at_saturation(name: str, count: int, run: Run, echo: Run | None, naive: Run | None) -> list[Figure]:
    cpu_us = run.server_us + run.postgres_us
    limit, usual = (other.rate if other else None for other in (echo, naive))
    bar = RATE_BARS.get(count, 0)
    times = run.rate / usual if usual else None
    figures = [
        Figure(
            f"{name}: calls acknowledged after commit", run.rate, "calls/s", run.rate / limit if limit else None,
            times, f">= {bar:,}", run.rate >= bar,
        ),
        Figure(f"{name}: p50 at saturation", run.p50_ms, "ms"),
        below(f"{name}: p99 at saturation", run.p99_ms, "ms", P99_BAR_MS),
        Figure(f"{name}: CPU of the server", run.server_us, "us/call"),
        Figure(f"{name}: CPU of PostgreSQL", run.postgres_us, "us/call"),
        Figure(f"{name}: CPU of the load", run.client_us, "us/call"),
        below(f"{name}: CPU of server and PostgreSQL", cpu_us, "us/call", CPU_BAR_US),
        Figure(f"{name}: calls a CPU second of these two", 1e6 / cpu_us, "calls"),
        below(f"{name}: memory a connection, under load", run.connection_kb, "KB", MEMORY_BAR_KB),
    ]  # fmt: skip
    if times is not None:
        holds = times >= NAIVE_BAR
        figures.append(
            Figure(f"{name}: times the usual way", times, "", None, times, f">= {NAIVE_BAR}", holds)
        )
    return figures


def at_half_load(name: str, run: Run) -> list[Figure]:
    return [
        Figure(f"{name}: calls at half load", run.rate, "calls/s"),
        Figure(f"{name}: p50 at half load", run.p50_ms, "ms"),
        below(f"{name}: p99 at half load", run.p99_ms, "ms", HALF_P99_BAR_MS),
    ]


def readings(url: str, stations: int, seconds: float) -> list[Figure]:
    """What the batcher makes durable by itself, and what is kept of it for good."""
    told = json.loads(run(url, *python("benchmarks.ocpp.batcher"), str(stations), str(seconds / 2)))
    samples = told["samples_per_s"]
    points = hour_of_readings()
    size = len(pack(points)) / len(points)
    return [
        Figure("samples through the batcher, durable and logged", samples, "1/s", None, None,
               f">= {SAMPLES_BAR:,}", samples >= SAMPLES_BAR),
        below("a reading in a session's curve (Wh, W, mA, %)", size, "bytes", BYTES_BAR),
    ]  # fmt: skip


def hour_of_readings() -> list[Point]:
    """Every ten seconds, with some noise on power and current."""
    noise = random.Random(7)
    begin, register, points = datetime(2026, 1, 1, tzinfo=UTC), 12_345_678, []
    for number in range(360):
        power = 11_000 + noise.randrange(200)
        register += power // 360
        at = begin + timedelta(seconds=10 * number)
        points.append(Point(at, register, power, 16_000 + noise.randrange(300), 20 + number // 6))
    return points


def below(name: str, value: float, unit: str, bar: float) -> Figure:
    return Figure(name, value, unit, value / bar, None, f"<= {bar}", value <= bar)


def prepared(postgres: Postgres, stations: int) -> str:
    """The URL of a new database with `stations` stations: every run begins with empty tables."""
    with connect(postgres.url("postgres"), autocommit=True) as admin:
        for statement in ("DROP DATABASE IF EXISTS {} WITH (FORCE)", "CREATE DATABASE {}"):
            admin.execute(sql.SQL(statement).format(sql.Identifier(DATABASE)))
    url = postgres.url(DATABASE)
    run(url, sys.executable, "manage.py", "migrate", "--verbosity", "0")
    run(url, *python("benchmarks.ocpp.world"), str(stations))
    return url


def python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def gateway_commands(count: int) -> list[list[str]]:
    """Processes that share one port."""
    command = [sys.executable, "manage.py", "gateway", "--port", str(free_port()), "--reuse-port"]
    return [command] * count


def environment(url: str) -> dict[str, str]:
    return os.environ | {"DATABASE_URL": url, "LOG_LEVEL": "WARNING"}


def run(url: str, *command: str) -> str:
    return subprocess.run(
        command, cwd=PROJECT, env=environment(url), check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def run_of(
    url: str, servers: Sequence[Sequence[str]], stations: int, seconds: float, rate: float = 0.0
) -> Run:
    """Load the servers that these commands start, as fast as they answer or at a rate."""
    with ExitStack() as stack:
        started = [stack.enter_context(serving(url, command)) for command in servers]
        processes, port = [process for process, _ in started], started[0][1]
        empty_kb = memory_kb(processes)
        command = [*python("benchmarks.ocpp.load"), str(port), str(stations), str(seconds), str(rate)]
        loading = subprocess.Popen(
            command, cwd=PROJECT, env=environment(url), stdout=subprocess.PIPE, text=True
        )
        assert loading.stdout is not None
        loading.stdout.readline()  # all are connected and warm
        ours, theirs = cpu_s(processes), postgres_cpu_s()
        loading.stdout.readline()
        ours, theirs = cpu_s(processes) - ours, postgres_cpu_s() - theirs
        load = json.loads(loading.stdout.readline())
        grown_kb = memory_kb(processes) - empty_kb
    if load["errors"]:
        raise SystemExit(f"{servers[0]}: {load['errors']} calls were refused")
    a_call = 1e6 / load["answered"]
    return Run(
        load["answered"] / load["seconds"], load["p50_ms"], load["p99_ms"],
        ours * a_call, theirs * a_call, load["cpu_s"] * a_call, grown_kb / stations,
    )  # fmt: skip


@contextmanager
def serving(url: str, command: Sequence[str]) -> Iterator[tuple[psutil.Process, int]]:
    """A server that lasts as long as the block, and its port; it prints `gateway at ...:PORT...`."""
    process = subprocess.Popen(command, cwd=PROJECT, env=environment(url), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if "gateway at" not in said:
            raise SystemExit(f"{command} did not start: {said}")
        port = said.partition("gateway at")[2].strip().removeprefix("ws://127.0.0.1:").partition("/")[0]
        yield psutil.Process(process.pid), int(port)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def cpu_s(processes: Sequence[psutil.Process]) -> float:
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


def memory_kb(processes: Sequence[psutil.Process]) -> float:
    return float(sum(process.memory_info().rss for process in processes)) / 1024


if __name__ == "__main__":
    main()
