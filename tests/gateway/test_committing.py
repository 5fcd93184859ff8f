"""Batches: what the database refuses harms no other call, and a database that is away is waited for."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from django.db import OperationalError, connection

from accounts.identifiers import uuid7
from charging import ingest
from charging.ingest import Fact, Misfit, Outcome, Reporter, StatusReported
from charging.models import QuarantinedFact
from gateway import committing
from gateway.committing import DatabaseAway, commit
from gateway.models import OcppMessage
from gateway.work import Exchange, Received, Work
from gateway.writer import Writer
from stations.models import Station, StatusInterval
from tests.builders import connector_of, make_station

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Listener:
    def __init__(self) -> None:
        self.answers: list[bytes] = []

    def answer(self, frame: bytes) -> None:
        self.answers.append(frame)


def exchange(station: Station, status: str, number: int = 0, listener: Listener | None = None) -> Exchange:
    reporter = Reporter(station.organisation_id, station.pk, station.identity)
    fact = StatusReported(reporter, connector_of(station).pk, status, NOW, NOW)
    received = Received(NOW, "StatusNotification", "{}")
    return Exchange(listener or Listener(), f"m{number}", received, Work([fact]), reporter)


@pytest.mark.django_db(transaction=True)
def test_what_the_database_refuses_is_answered_and_kept_by_itself() -> None:
    stations = [make_station() for _ in range(3)]
    batch = [
        exchange(station, status, number)
        for number, (station, status) in enumerate(
            zip(stations, ["Available", "Bogus", "Charging"], strict=True)
        )
    ]
    answers = commit(batch)
    assert [answer[:2] for answer in answers] == [b"[3", b"[4", b"[3"]
    assert b"InternalError" in answers[1]
    assert set(StatusInterval.objects.values_list("status", flat=True)) == {"Available", "Charging"}
    assert QuarantinedFact.objects.get().reason == "not_storable"
    verdicts = OcppMessage.objects.order_by("message_id").values_list("verdict", flat=True)
    assert list(verdicts) == ["ok", "InternalError", "ok"]


@pytest.mark.django_db(transaction=True)
def test_a_call_of_a_station_that_was_deleted_is_answered_and_takes_nobody_along() -> None:
    gone, there = make_station(), make_station()
    orphan, other = exchange(gone, "Available", 1), exchange(there, "Available", 2)
    orphan.reporter.station_id = uuid7()
    orphan.work = Work([Misfit(orphan.reporter, "bad_value", "no value", "{}")])
    answers = commit([orphan, other])
    assert answers[0].startswith(b'[4,"m1","InternalError"')
    assert answers[1].startswith(b"[3")
    assert StatusInterval.objects.get().connector == connector_of(there)
    assert not QuarantinedFact.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_is_told_and_the_next_commit_has_a_new_one() -> None:
    station = make_station()
    said = exchange(station, "Available")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    end_backend(pid)
    with pytest.raises(DatabaseAway):
        commit([said])
    assert commit([said])[0].startswith(b"[3")


@pytest.mark.django_db(transaction=True)
def test_a_connection_lost_between_facts_and_log_refuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    said = exchange(make_station(), "Available")
    write_facts = ingest.commit

    def die_after(facts: Sequence[Fact]) -> list[Outcome]:
        outcomes = write_facts(facts)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            end_backend(cursor.fetchone()[0])
        return outcomes

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "commit", die_after)
        with pytest.raises(DatabaseAway):
            commit([said])
    assert commit([said])[0].startswith(b"[3")
    assert not QuarantinedFact.objects.exists()


def end_backend(pid: int) -> None:
    import psycopg

    parameters = connection.get_connection_params()
    wanted = {
        key: parameters[key] for key in ("host", "port", "user", "password", "dbname") if key in parameters
    }
    with psycopg.connect(**wanted, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_answers_are_held_while_the_database_is_away_and_then_sent_in_order() -> None:
    away = iter([True, True, False])
    batches = []

    def flaky(batch: object) -> list[bytes]:
        batches.append(batch)
        if next(away, False):
            raise DatabaseAway("gone")
        return [item.message_id.encode() for item in batch]  # type: ignore[attr-defined]  # a batch of exchanges

    async def scenario() -> list[bytes]:
        writer, listener = Writer(10, flaky), Listener()
        running = asyncio.create_task(writer.run())
        reporter = Reporter(uuid7(), uuid7(), "CP1")
        for number in range(3):
            received = Received(NOW, "Heartbeat", "{}")
            writer.submit(Exchange(listener, str(number), received, Work(), reporter))
        await writer.drain(10)
        running.cancel()
        writer.close()
        return listener.answers

    assert asyncio.run(scenario()) == [b"0", b"1", b"2"]
    assert len(batches) == 3


@pytest.mark.parametrize(("state", "away"), [("57P01", True), ("40P01", True), ("54000", False)])
def test_only_errors_that_pass_are_waited_for(state: str, away: bool) -> None:
    class Cause(Exception):
        sqlstate = state

    error = OperationalError("told")
    error.__cause__ = Cause()
    if away:
        with pytest.raises(DatabaseAway):
            committing._raise_if_away(error)
    else:
        committing._raise_if_away(error)
