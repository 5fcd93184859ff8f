"""A fleet charges while the gateway is killed at random: what was acknowledged is there, once."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from charging.models import ChargingSession, QuarantinedFact, Reading
from demo import world
from tests.processes import Running, free_port, manage, start, wait_until

STATIONS, SECONDS = 12, 25
FLEET = ["--sessions-per-hour", "900", "--energy-wh", "60", "400", "--pause-when-full", "0.1", "0.5"]
QUICK = ["--meter-interval", "0.4", "--longest-pause", "2"]


@pytest.fixture
def gateway_at(tmp_path: Path) -> Iterator[tuple[Running, int]]:
    port = free_port()
    with start("gateway", *manage("gateway", "--port", str(port)), folder=tmp_path) as process:
        process.wait_for_port(port, timeout_s=40)
        yield process, port


@pytest.mark.django_db(transaction=True)
def test_killed_at_random_no_acknowledged_fact_is_lost_or_counted_twice(
    gateway_at: tuple[Running, int], tmp_path: Path
) -> None:
    world.build()
    gateway, port = gateway_at
    ledger = tmp_path / "ledger.jsonl"
    fleet = [
        "simulate", "--stations", str(STATIONS), "--gateway", f"ws://127.0.0.1:{port}/ocpp",
        "--seconds", str(SECONDS), "--ledger", str(ledger), *FLEET, *QUICK,
    ]  # fmt: skip
    with start("simulate", *manage(*fleet), folder=tmp_path) as simulation:
        simulation.wait_for_output("stations connect", timeout_s=40)
        harm = harass(gateway, ledger, simulation)
        assert simulation.wait_for_end(timeout_s=90) == 0, simulation.output()
    facts = [json.loads(line) for line in ledger.read_text().splitlines()]
    counts = Counter(fact["action"] for fact in facts)
    assert harm >= 2
    assert counts["StopTransaction"] >= 10, counts
    check(facts)


def harass(gateway: Running, ledger: Path, simulation: Running) -> int:
    """Kill the gateway, or its connections to the database, as long as the fleet charges."""
    chance, harm = random.Random(4), 0
    deadline = time.monotonic() + SECONDS - 3
    while time.monotonic() < deadline and simulation.is_running():
        goal = _size(ledger) + chance.randint(20, 90)
        wait_until(lambda: _size(ledger) >= goal, 40, "more acknowledged messages")  # noqa: B023  used at once
        if harm % 2 == 0:
            gateway.kill()
            gateway.restart()
        else:
            end_other_backends()
        harm += 1
    return harm


def check(facts: list[dict[str, Any]]) -> None:
    """Compare what the stations know to be acknowledged with what the database holds."""
    sessions = {
        (session.station.identity, int(str(session.transaction_id))): session
        for session in ChargingSession.objects.filter(source="ocpp").select_related("station")
    }
    transactions = {(fact["station"], fact["transaction"]) for fact in facts}
    assert transactions == set(sessions), "one session for each transaction that was acknowledged"
    by_action: dict[str, list[dict[str, Any]]] = {}
    for fact in facts:
        by_action.setdefault(fact["action"], []).append(fact)
    for fact in by_action["StopTransaction"]:
        session = sessions[fact["station"], fact["transaction"]]
        assert (session.state, session.quality) == ("ended", "good")
        assert session.meter_end_wh == fact["payload"]["meterStop"]
    expected = Counter(
        (str(sessions[fact["station"], fact["transaction"]].pk), _at(value), _register(value))
        for fact in by_action["MeterValues"]
        for value in fact["payload"]["meterValue"]
    )
    rows = Reading.objects.values_list("session", "at", "register_wh")
    stored = Counter((str(session), at, register) for session, at, register in rows)
    assert stored == expected
    assert list(QuarantinedFact.objects.values_list("reason", "detail", "raw")) == []


def end_other_backends() -> None:
    """What the database's restart looks like to the gateway: all its connections end at once."""
    parameters = connection.get_connection_params()
    wanted = {
        key: parameters[key] for key in ("host", "port", "user", "password", "dbname") if key in parameters
    }
    with psycopg.connect(**wanted, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            [connection.connection.info.backend_pid],
        )


def _size(ledger: Path) -> int:
    return ledger.read_bytes().count(b"\n") if ledger.exists() else 0


def _at(value: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(value["timestamp"])


def _register(value: dict[str, Any]) -> int:
    return int(value["sampledValue"][0]["value"])
