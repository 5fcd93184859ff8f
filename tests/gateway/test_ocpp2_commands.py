"""One language of commands: what is asked for in the words of 1.6 reaches stations of OCPP 2 in theirs."""

from collections.abc import Iterator
from typing import Any

import pytest

from charging import commands
from charging.ingest.remote import remote_start_number
from charging.models import ChargingSession
from gateway.models import OcppMessage
from stations.models import Station
from tests.builders import make_token
from tests.gateway.conftest import PASSWORD
from tests.gateway.station2 import ScriptedStation2, new_transaction, token
from tests.gateway.test_commands import finished
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
NOON = "2026-03-02T12:00:00Z"
SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.1}]}
PROFILE_16 = {
    "chargingProfileId": 3, "stackLevel": 1, "chargingProfilePurpose": "ChargePointMaxProfile",
    "chargingProfileKind": "Relative", "chargingSchedule": SCHEDULE,
}  # fmt: skip
PROFILE_2 = {
    "id": 3, "stackLevel": 1, "chargingProfilePurpose": "ChargingStationMaxProfile",
    "chargingProfileKind": "Relative", "chargingSchedule": [{"id": 1, **SCHEDULE}],
}  # fmt: skip
HEARTBEATS = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
LOG = {"remoteLocation": "ftp://here/log", "oldestTimestamp": NOON}
FIRMWARE = {"location": "https://here/firmware", "retrieveDateTime": NOON}
TARIFF = {"tariffId": "T1", "currency": "EUR", "energy": {"prices": [{"priceKwh": 0.5}]}}


@pytest.fixture(params=["ocpp2.0.1", "ocpp2.1"])
def charger(request: pytest.FixtureRequest, gateway: str, station: Station) -> Iterator[ScriptedStation2]:
    with ScriptedStation2(gateway, station.identity, PASSWORD, subprotocol=request.param) as opened:
        yield opened


@pytest.mark.parametrize(
    ("action", "payload", "new_action", "told"),
    [
        ("RemoteStopTransaction", {"transactionId": 5}, "RequestStopTransaction", {"transactionId": "5"}),
        ("Reset", {"type": "Hard"}, "Reset", {"type": "Immediate"}),
        ("Reset", {"type": "Soft"}, "Reset", {"type": "OnIdle"}),
        ("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}, "ChangeAvailability",
         {"operationalStatus": "Inoperative", "evse": {"id": 2}}),
        ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}, "ChangeAvailability",
         {"operationalStatus": "Operative"}),
        ("UnlockConnector", {"connectorId": 2}, "UnlockConnector", {"evseId": 2, "connectorId": 1}),
        ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}, "TriggerMessage",
         {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}),
        ("GetConfiguration", {"key": ["HeartbeatInterval"]}, "GetVariables", {"getVariableData": [HEARTBEATS]}),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}, "SetVariables",
         {"setVariableData": [{"attributeValue": "60", **HEARTBEATS}]}),
        ("ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": "3"}, "SetVariables",
         {"setVariableData": [{"attributeValue": "3", "component": {"name": "OCPPCommCtrlr"},
          "variable": {"name": "MessageAttempts", "instance": "TransactionEvent"}}]}),
        ("ClearCache", {}, "ClearCache", {}),
        ("DataTransfer", {"vendorId": "us", "data": "x"}, "DataTransfer", {"vendorId": "us", "data": "x"}),
        ("GetLocalListVersion", {}, "GetLocalListVersion", {}),
        ("CancelReservation", {"reservationId": 4}, "CancelReservation", {"reservationId": 4}),
        ("ReserveNow", {"connectorId": 1, "expiryDate": NOON, "idTag": "TAG", "reservationId": 4},
         "ReserveNow", {"id": 4, "expiryDateTime": NOON, "idToken": token("TAG"), "evseId": 1}),
        ("SendLocalList", {"listVersion": 2, "updateType": "Differential", "localAuthorizationList": [
            {"idTag": "TAG", "idTagInfo": {"status": "Accepted", "expiryDate": NOON}}, {"idTag": "GONE"}]},
         "SendLocalList", {"versionNumber": 2, "updateType": "Differential", "localAuthorizationList": [
            {"idToken": token("TAG"), "idTokenInfo": {"status": "Accepted", "cacheExpiryDateTime": NOON}},
            {"idToken": {"idToken": "GONE", "type": "Central"}}]}),
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": PROFILE_16}, "SetChargingProfile",
         {"evseId": 1, "chargingProfile": PROFILE_2}),
        ("ClearChargingProfile", {"id": 3, "connectorId": 1, "chargingProfilePurpose": "TxProfile"},
         "ClearChargingProfile", {"chargingProfileId": 3, "chargingProfileCriteria":
          {"evseId": 1, "chargingProfilePurpose": "TxProfile"}}),
        ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}, "GetCompositeSchedule",
         {"evseId": 1, "duration": 60}),
        ("SetDisplayMessage", {"message": {"id": 1, "priority": "NormalCycle",
          "message": {"format": "UTF8", "content": "Hi"}}}, "SetDisplayMessage",
         {"message": {"id": 1, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "Hi"}}}),
        ("CostUpdated", {"totalCost": 1.5, "transactionId": "x"}, "CostUpdated",
         {"totalCost": 1.5, "transactionId": "x"}),
    ],
)  # fmt: skip
def test_a_command_is_said_in_the_stations_own_words(
    charger: ScriptedStation2, station: Station, action: str, payload: Any, new_action: str, told: Any
) -> None:
    make_token(uid="TAG")
    command = commands.request(station, action, payload)
    assert charger.wait_for_call(new_action) == told
    assert finished(command).state == "accepted"


def test_commands_with_a_number_of_their_own(charger: ScriptedStation2, station: Station) -> None:
    make_token(uid="CARD")
    start = commands.request(station, "RemoteStartTransaction", {"idTag": "CARD", "connectorId": 2})
    assert charger.wait_for_call("RequestStartTransaction") == {
        "idToken": token("CARD"), "evseId": 2, "remoteStartId": remote_start_number(start.pk),
    }  # fmt: skip
    logs = commands.request(station, "GetDiagnostics", {"location": "ftp://here/log", "startTime": NOON})
    told = charger.wait_for_call("GetLog")
    assert (told["logType"], told["log"], told["requestId"]) == (
        "DiagnosticsLog", LOG, remote_start_number(logs.pk),
    )  # fmt: skip
    commands.request(station, "UpdateFirmware", {"location": FIRMWARE["location"], "retrieveDate": NOON})
    assert charger.wait_for_call("UpdateFirmware")["firmware"] == FIRMWARE
    commands.request(station, "GetConfiguration", {})
    assert charger.wait_for_call("GetBaseReport")["reportBase"] == "FullInventory"


def test_a_station_may_authorize_before_it_answers_a_request_to_start(
    charger: ScriptedStation2, station: Station
) -> None:
    make_token(uid="TAG")
    verdicts = []

    def authorize_first(payload: dict[str, Any]) -> dict[str, Any]:
        verdicts.append(charger.call("Authorize", {"idToken": payload["idToken"]}))
        verdicts.append(charger.event("Started", new_transaction(), tag="TAG", wh=0))
        return {"status": "Accepted"}

    charger.answers["RequestStartTransaction"] = authorize_first
    command = commands.request(station, "RemoteStartTransaction", {"idTag": "TAG"})
    charger.wait_for_call("RequestStartTransaction")
    assert finished(command).state == "accepted"
    assert [verdict["idTokenInfo"]["status"] for verdict in verdicts] == ["Accepted"] * 2


def test_a_running_session_is_stopped_by_the_name_that_the_station_gave_it(
    charger: ScriptedStation2, station: Station
) -> None:
    make_token(uid="TAG")
    charger.event("Started", "0017", tag="TAG", wh=0)
    session = ChargingSession.objects.select_related("station").get()
    commands.request(station, "RemoteStopTransaction", commands.stop_payload(session))
    assert charger.wait_for_call("RequestStopTransaction") == {"transactionId": "0017"}


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ("Accepted", "accepted"),
        ("RebootRequired", "accepted"),
        ("Rejected", "rejected"),
        ("UnknownVariable", "rejected"),
    ],
)
def test_each_settings_own_status_decides(
    charger: ScriptedStation2, station: Station, result: str, state: str
) -> None:
    charger.answers["SetVariables"] = lambda asked: {
        "setVariableResult": [{"attributeStatus": result, **HEARTBEATS} for _ in asked["setVariableData"]]
    }
    command = commands.request(station, "ChangeConfiguration", {"key": "HeartbeatInterval", "value": "9"})
    charger.wait_for_call("SetVariables")
    assert finished(command).state == state
    assert (command.answer or {})["status"] == result


def test_what_the_version_can_not_say_is_rejected_with_the_reason(
    charger: ScriptedStation2, station: Station
) -> None:
    wrong = finished(commands.request(station, "Reset", {"kind": "Hard"}))
    assert (wrong.state, "type" in str(wrong.answer)) == ("rejected", True)
    tariff = commands.request(station, "SetDefaultTariff", {"evseId": 0, "tariff": TARIFF})
    if charger.socket.subprotocol == "ocpp2.1":
        assert charger.wait_for_call("SetDefaultTariff") == {"evseId": 0, "tariff": TARIFF}
    else:
        assert (finished(tariff).state, "SetDefaultTariff" in str(tariff.answer)) == ("rejected", True)


def test_the_tag_of_a_request_to_start_is_masked_in_the_log(
    charger: ScriptedStation2, station: Station
) -> None:
    command = commands.request(station, "RemoteStartTransaction", {"idTag": "VERYSECRET"})
    charger.wait_for_call("RequestStartTransaction")
    finished(command)
    wait_until(lambda: OcppMessage.objects.filter(direction="out").exists())
    assert "VERYSECRET" not in OcppMessage.objects.get(direction="out").payload
