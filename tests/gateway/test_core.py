"""A station speaks OCPP 1.6 over a real socket, and the database holds what it said."""

from datetime import UTC, datetime, timedelta

import pytest

from charging.models import ChargingSession, QuarantinedFact, Reading, SessionState
from gateway.models import OcppMessage
from stations.models import Station, StatusInterval
from tests.builders import make_token
from tests.gateway.conftest import Connect
from tests.gateway.station import CallRefused

pytestmark = pytest.mark.django_db(transaction=True)
PROPERTY = "PropertyConstraintViolation"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def test_a_charge_from_boot_to_stop_is_in_the_database_when_it_is_acknowledged(
    station: Station, connect: Connect
) -> None:
    token = make_token(uid="04A1B2C3")
    charger = connect(station)
    booted = charger.boot()
    assert booted["status"] == "Accepted"
    assert booted["interval"] > 0
    charger.status("Preparing", at=minutes(0))
    assert charger.call("Authorize", {"idTag": "04a1b2c3"})["idTagInfo"]["status"] == "Accepted"
    started = charger.start("04A1B2C3", meter=1000, at=minutes(1))
    assert started["idTagInfo"]["status"] == "Accepted"
    number = started["transactionId"]
    session = ChargingSession.objects.get(organisation=station.organisation_id)
    assert (session.transaction_id, session.token, session.state) == (str(number), token, "active")
    charger.status("Charging", at=minutes(1))
    charger.meter(number, 1500, at=minutes(2))
    charger.meter(number, 2500, at=minutes(4))
    charger.stop(number, 3000, at=minutes(5), idTag="04A1B2C3", reason="EVDisconnected")
    session.refresh_from_db()
    assert (session.state, session.quality, session.stop_reason) == ("ended", "good", "EVDisconnected")
    assert (session.started_at, session.ended_at) == (minutes(1), minutes(5))
    assert (session.energy_wh, session.driver) == (2000, token.driver)
    readings = Reading.objects.filter(session=session).order_by("at").values_list("at", "register_wh")
    assert list(readings) == [(minutes(2), 1500), (minutes(4), 2500)]
    station.refresh_from_db()
    assert (station.vendor, station.model, station.ocpp_version) == ("Acme", "One", "1.6")


def test_a_status_is_an_interval_until_the_next_one(station: Station, connect: Connect) -> None:
    charger = connect(station)
    charger.status("Available", at=minutes(0))
    charger.status("Available", at=minutes(1))
    charger.status("Preparing", at=minutes(2))
    rows = StatusInterval.objects.of(station.organisation_id).order_by("since")
    assert [(row.status, row.since, row.until) for row in rows] == [
        ("Available", minutes(0), minutes(2)),
        ("Preparing", minutes(2), None),
    ]


def test_suspended_states_become_parked_and_withheld(station: Station, connect: Connect) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    told = ["Charging", "SuspendedEV", "SuspendedEV", "SuspendedEVSE", "Charging"]
    for minute, status in enumerate(told, 1):
        charger.status(status, at=minutes(minute))
    charger.stop(number, 10, at=minutes(9))
    states = SessionState.objects.of(station.organisation_id).order_by("at").values_list("at", "state")
    assert list(states) == [
        (minutes(2), "PARKED"),
        (minutes(4), "WITHHELD"),
        (minutes(5), "CHARGING"),
    ]


def test_a_session_that_starts_on_a_paused_connector_starts_parked(
    station: Station, connect: Connect
) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    charger.status("SuspendedEV", at=minutes(0))
    charger.start("TAG", at=minutes(1))
    assert SessionState.objects.get().state == "PARKED"


def test_start_repeated_with_its_first_timestamp_is_the_same_transaction(
    station: Station, connect: Connect
) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    first = charger.start("TAG", meter=7, at=minutes(0))
    charger.close()
    charger = connect(station)
    assert charger.start("TAG", meter=7, at=minutes(0)) == first
    assert charger.start("TAG", meter=8, at=minutes(1)) != first
    assert ChargingSession.objects.count() == 2


def test_stop_repeated_changes_nothing_and_another_one_is_set_aside(
    station: Station, connect: Connect
) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    charger.stop(number, 500, at=minutes(10))
    charger.stop(number, 500, at=minutes(10))
    assert not QuarantinedFact.objects.exists()
    charger.stop(number, 900, at=minutes(20))
    session = ChargingSession.objects.get()
    assert (session.meter_end_wh, session.ended_at) == (500, minutes(10))
    assert QuarantinedFact.objects.get().reason == "conflicting_stop"


def test_a_repeated_reading_is_one_row(station: Station, connect: Connect) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    for _ in range(3):
        charger.meter(number, 100, at=minutes(1))
    assert Reading.objects.count() == 1


def test_a_stop_brings_its_transaction_data_along(station: Station, connect: Connect) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    values = [
        {"timestamp": minutes(5).isoformat(), "sampledValue": [{"value": "0.25", "unit": "kWh"}]},
        {
            "timestamp": minutes(6).isoformat(),
            "sampledValue": [{"value": "0.30002999999999996", "unit": "kWh"}],
        },
    ]
    charger.stop(number, 300, at=minutes(6), transactionData=values)
    assert set(Reading.objects.values_list("register_wh", flat=True)) == {250, 300}


def test_an_unknown_tag_is_answered_invalid_and_the_session_waits_for_a_person(
    station: Station, connect: Connect
) -> None:
    charger = connect(station)
    assert charger.call("Authorize", {"idTag": "STRANGER"}) == {"idTagInfo": {"status": "Invalid"}}
    started = charger.start("STRANGER", at=minutes(0))
    assert started["idTagInfo"] == {"status": "Invalid"}
    charger.stop(started["transactionId"], 5, at=minutes(1))
    session = ChargingSession.objects.get()
    assert (session.quality, session.hold_reasons, session.state) == ("held", ["unknown_tag"], "ended")
    assert QuarantinedFact.objects.get().session == session


def test_the_log_holds_both_sides_of_a_call_without_the_tag(station: Station, connect: Connect) -> None:
    charger = connect(station)
    charger.call("Authorize", {"idTag": "SECRETTAG1"}, message_id="abc")
    row = OcppMessage.objects.get(station=station, action="Authorize")
    assert (row.direction, row.message_id, row.verdict) == ("in", "abc", "ok")
    assert "SECRETTAG1" not in row.payload
    assert "TAG1" in row.payload
    assert row.answer == '{"idTagInfo":{"status":"Invalid"}}'


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Nonsense", {}, "NotImplemented"),
        ("Reset", {"type": "Hard"}, "NotSupported"),
        ("Authorize", {}, "ProtocolError"),
        ("Authorize", {"idTag": 5}, "TypeConstraintViolation"),
        ("Authorize", {"idTag": "x" * 21}, PROPERTY),
        ("Authorize", {"idTag": "a\0b"}, PROPERTY),
        ("MeterValues", {"connectorId": 1, "meterValue": []}, "OccurenceConstraintViolation"),
        ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Odd"}, PROPERTY),
        ("StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "no"}, PROPERTY),
    ],
)
def test_a_call_that_is_wrong_is_answered_with_the_error_that_says_so(
    station: Station, connect: Connect, action: str, payload: dict[str, object], code: str
) -> None:
    with pytest.raises(CallRefused) as refused:
        connect(station).call(action, payload)
    assert refused.value.code == code
    assert OcppMessage.objects.filter(action=action, verdict=code).count() == 1


@pytest.mark.parametrize("action", ["DiagnosticsStatusNotification", "FirmwareStatusNotification"])
def test_progress_notices_are_accepted_and_logged(station: Station, connect: Connect, action: str) -> None:
    status = "Uploaded" if action.startswith("Diag") else "Installed"
    assert connect(station).call(action, {"status": status}) == {}
    assert OcppMessage.objects.filter(action=action).count() == 1
