"""Simulated stations say what the official schemas ask for, in each version, and misbehave only within bounds."""

import asyncio
import random
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from ocpp.exceptions import OCPPError
from ocpp.messages import Call as OcppCall
from ocpp.messages import CallResult, validate_payload

from demo.stations.faults import Clock, Coverage, Faults
from demo.stations.outbox import Ledger, Message, Outbox, Transaction
from demo.stations.protocol import Payload, Sample, StartAsked, StationProtocol, StatusAsked, StopAsked
from demo.stations.versions import PROTOCOLS, protocol_of
from demo.stations.wire import Wire

NOON = "2026-03-02T12:00:00.000000Z"


@pytest.fixture(params=list(PROTOCOLS))
def protocol(request: pytest.FixtureRequest) -> StationProtocol:
    return protocol_of(request.param)


def check(message: OcppCall | CallResult, version: str) -> None:
    """Against the official JSON schema."""
    asyncio.run(validate_payload(message, version))


def calls_of(protocol: StationProtocol) -> Iterator[tuple[str, Payload]]:
    """All that a station says in a charge, as it is sent."""
    transaction = Transaction(1, "04A1B2C3", remote_id=7)
    yield protocol.boot("SIM-00001")
    for status in ("Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Faulted"):
        yield protocol.status(1, status, NOON)
    yield protocol.authorize("04A1B2C3")
    sample = Sample(NOON, 1500, 11_000, 40)
    reported = [
        ("start", protocol.start(transaction, sample)),
        ("meter", protocol.meter(transaction, sample)),
    ]
    reported += [
        ("stop", protocol.stop(transaction, sample, reason))
        for reason in ("Local", "Remote", "EVDisconnected", "DeAuthorized")
    ]
    for kind, call in reported:
        yield call[0], protocol.completed(Message(kind, *call, transaction, 1500))


def test_every_call_is_valid_by_the_official_schema(protocol: StationProtocol) -> None:
    for action, payload in calls_of(protocol):
        check(OcppCall("1", action, payload), protocol.version)


VARIABLE: Payload = {"component": {"name": "A"}, "variable": {"name": "B"}}
ASKED_OF_2: list[tuple[str, Payload]] = [
    ("UnlockConnector", {"evseId": 1, "connectorId": 1}),
    ("Reset", {"type": "Immediate"}),
    ("ClearCache", {}),
    ("CostUpdated", {"totalCost": 1.5, "transactionId": "x"}),
    ("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
    ("SetVariables", {"setVariableData": [{**VARIABLE, "attributeValue": "1"}]}),
    ("GetVariables", {"getVariableData": [VARIABLE]}),
]
ASKED_OF_16: list[tuple[str, Payload]] = [
    ("UnlockConnector", {"connectorId": 1}),
    ("ChangeConfiguration", {"key": "A", "value": "1"}),
    ("GetConfiguration", {}),
    ("Reset", {"type": "Soft"}),
    ("ClearCache", {}),
]


def test_every_answer_is_valid_by_the_official_schema(protocol: StationProtocol) -> None:
    for action, payload in ASKED_OF_16 if protocol.version == "1.6" else ASKED_OF_2:
        check(OcppCall("1", action, payload), protocol.version)
        answer = protocol.simple_answer(action, payload)
        assert answer is not None, action
        check(CallResult("1", answer, action), protocol.version)
    assert protocol.simple_answer("Unheard", {}) is None


def test_the_check_finds_what_is_wrong(protocol: StationProtocol) -> None:
    action, payload = protocol.authorize("04A1B2C3")
    with pytest.raises(OCPPError):
        check(OcppCall("1", action, {**payload, "unheard": 1}), protocol.version)


def test_what_is_asked_means_the_same_in_every_version() -> None:
    old, new = protocol_of("1.6"), protocol_of("2.0.1")
    token = {"idToken": "TAG", "type": "ISO14443"}
    assert old.asked("RemoteStartTransaction", {"idTag": "TAG", "connectorId": 2}) == StartAsked(2, "TAG")
    start = {"idToken": token, "evseId": 2, "remoteStartId": 9}
    assert new.asked("RequestStartTransaction", start) == StartAsked(2, "TAG", 9)
    assert old.asked("RemoteStopTransaction", {"transactionId": 5}) == StopAsked("5")
    assert new.asked("RequestStopTransaction", {"transactionId": "a"}) == StopAsked("a")
    assert new.asked("TriggerMessage", {"requestedMessage": "StatusNotification"}) == StatusAsked(None)


def test_events_of_a_transaction_are_numbered_from_nought() -> None:
    protocol, transaction = protocol_of("2.1"), Transaction(1, "TAG")
    sample = Sample(NOON, 0)
    events = [
        protocol.start(transaction, sample)[1],
        protocol.meter(transaction, sample)[1],
        protocol.stop(transaction, sample, "Local")[1],
    ]
    assert [event["seqNo"] for event in events] == [0, 1, 2]
    assert {event["transactionInfo"]["transactionId"] for event in events} == {transaction.name}


def test_a_repeat_says_the_very_same_words() -> None:
    said: list[tuple[str, Payload]] = []

    class Deaf(Wire):
        async def call(self, action: str, payload: Payload) -> Payload:
            said.append((action, payload))
            return {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}

    async def nothing(_action: str, _payload: Payload) -> Payload | None:
        return None

    async def play() -> dict[str, int]:
        protocol, ledger = protocol_of("1.6"), Ledger()
        outbox = Outbox(Deaf("ws://nowhere", "CP", "", nothing), ledger, protocol, lambda: True)
        transaction = Transaction(1, "TAG")
        outbox.put("start", protocol.start(transaction, Sample(NOON, 0)), transaction, 0)
        outbox.put("stop", protocol.stop(transaction, Sample(NOON, 9), "Local"), transaction, 9)
        sending = asyncio.create_task(outbox.send_all())
        await asyncio.wait_for(outbox.emptied.wait(), 5)
        sending.cancel()
        return ledger.counts

    assert asyncio.run(play()) == {"start": 1, "stop": 1, "repeats": 2}
    assert said[0] == said[1]
    assert said[2] == said[3]
    assert said[2][1]["transactionId"] == 5


def test_clocks_are_wrong_by_no_more_than_was_asked() -> None:
    chance = random.Random(1)
    offsets = [Clock.wrong_by(600, chance).offset.total_seconds() for _ in range(200)]
    assert max(map(abs, offsets)) <= 600
    assert min(offsets) < -300 < 300 < max(offsets)
    assert datetime.fromisoformat(Clock().now()).tzinfo is not None


def test_a_station_without_coverage_comes_back() -> None:
    async def play() -> list[bool]:
        coverage = Coverage(Faults(offline_per_hour=360_000, offline_s=(0.01, 0.02)), random.Random(1))
        wandering = asyncio.create_task(coverage.come_and_go())
        seen = []
        for _ in range(3):
            await asyncio.wait_for(coverage.gone.wait(), 5)
            seen.append(coverage.there.is_set())
            await asyncio.wait_for(coverage.there.wait(), 5)
        wandering.cancel()
        return seen

    assert asyncio.run(play()) == [False] * 3


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"stations": 5_001}, "--stations"),
        ({"stations": 1, "versions": "1.5"}, "--versions"),
        ({"stations": 1, "minutes": 0}, "--seconds"),
        ({"stations": 1, "minutes": 2_000}, "--seconds"),
        ({"stations": 1, "replay": 101}, "--replay"),
        ({"stations": 1, "flood": 2}, "--flood"),
        ({"stations": 1, "clock_skew": -1}, "--clock-skew"),
    ],
)
def test_a_fleet_is_bounded_and_says_which_option_is_wrong(options: dict[str, Any], field: str) -> None:
    with pytest.raises(CommandError, match=field):
        call_command("simulate", **options)
