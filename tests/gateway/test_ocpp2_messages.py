"""Every message of every version that a station may send is answered as its schema says, and logged."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from gateway import ocpp2, ocpp16, schemas
from gateway.models import OcppMessage
from stations.models import Station
from tests.gateway.conftest import PASSWORD
from tests.gateway.station import CallRefused, ScriptedStation
from tests.gateway.station2 import ScriptedStation2, new_transaction, token
from tests.gateway.test_schemas import example

pytestmark = pytest.mark.django_db(transaction=True)
HANDLERS = {"ocpp1.6": ocpp16.HANDLERS, "ocpp2.0.1": ocpp2.HANDLERS, "ocpp2.1": ocpp2.HANDLERS}
SPOKEN = [(v, action) for v in HANDLERS for action in HANDLERS[v] if action in schemas.requests(v)]
UNANSWERED = "NotifyPeriodicEventStream"  # a SEND of 2.1
NOON = "2026-03-02T12:00:00Z"


@pytest.fixture
def opened(gateway: str, station: Station) -> Iterator[Callable[[str], ScriptedStation]]:
    connections = []

    def open_(version: str) -> ScriptedStation:
        connections.append(ScriptedStation(gateway, station.identity, PASSWORD, version))
        return connections[-1]

    yield open_
    for connection in connections:
        connection.close()


def timely(message: Any) -> Any:
    """The message with times where the examples have other text."""
    words = ("time", "date", "timestamp", "startPeriod")
    if isinstance(message, dict):
        return {
            key: NOON if isinstance(value, str) and key.lower().endswith(words) else timely(value)
            for key, value in message.items()
        }
    return [timely(item) for item in message] if isinstance(message, list) else message


@pytest.mark.parametrize("version", list(HANDLERS))
def test_each_message_is_answered_as_its_schema_says_and_logged(
    opened: Callable[[str], ScriptedStation], version: str
) -> None:
    charger = opened(version)
    chance = random.Random(version)
    actions = [action for v, action in SPOKEN if v == version and action != UNANSWERED]
    for action in actions:
        document = schemas.requests(version)[action].document
        for _ in range(3):
            message = timely(example(document, document.get("definitions", {}), chance))
            answer = charger.call(action, message)
            schemas.responses(version)[action].validate(json.dumps(answer).encode())
    logged = set(OcppMessage.objects.filter(direction="in").values_list("action", flat=True))
    assert logged == set(actions)


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
def test_every_action_of_the_schemas_is_either_handled_or_ours_to_send(version: str) -> None:
    ours = {
        "AFRRSignal", "AdjustPeriodicEventStream", "CancelReservation", "CertificateSigned",
        "ChangeAvailability", "ChangeTransactionTariff", "ClearCache", "ClearChargingProfile",
        "ClearDERControl", "ClearDisplayMessage", "ClearTariffs", "ClearVariableMonitoring", "CostUpdated",
        "CustomerInformation", "DeleteCertificate", "GetBaseReport", "GetChargingProfiles",
        "GetCompositeSchedule", "GetDERControl", "GetDisplayMessages", "GetInstalledCertificateIds",
        "GetLocalListVersion", "GetLog", "GetMonitoringReport", "GetPeriodicEventStream", "GetReport",
        "GetTariffs", "GetTransactionStatus", "GetVariables", "InstallCertificate",
        "NotifyAllowedEnergyTransfer", "PublishFirmware", "RequestBatterySwap", "RequestStartTransaction",
        "RequestStopTransaction", "ReserveNow", "Reset", "SendLocalList", "SetChargingProfile",
        "SetDERControl", "SetDefaultTariff", "SetDisplayMessage", "SetMonitoringBase", "SetMonitoringLevel",
        "SetNetworkProfile", "SetVariableMonitoring", "SetVariables", "TriggerMessage", "UnlockConnector",
        "UnpublishFirmware", "UpdateDynamicSchedule", "UpdateFirmware", "UsePriorityCharging",
    }  # fmt: skip
    assert set(schemas.requests(version)) - ours <= set(ocpp2.HANDLERS)
    assert not ours & set(ocpp2.HANDLERS)


@pytest.mark.parametrize(
    ("version", "action", "payload", "code"),
    [
        ("ocpp2.0.1", "Explode", {}, "NotImplemented"),
        ("ocpp2.0.1", "VatNumberValidation", {"vatNumber": "DE136695976"}, "NotImplemented"),
        ("ocpp2.1", "Reset", {"type": "Immediate"}, "NotSupported"),
        ("ocpp2.1", "BootNotification", {}, "OccurrenceConstraintViolation"),
        ("ocpp1.6", "BootNotification", {}, "ProtocolError"),
        ("ocpp2.0.1", "Heartbeat", [], "TypeConstraintViolation"),
        (
            "ocpp2.0.1",
            "Authorize",
            {"idToken": {"idToken": "A", "type": "Odd"}},
            "PropertyConstraintViolation",
        ),
    ],
)
def test_what_can_not_be_handled_is_refused_in_the_versions_own_words(
    opened: Callable[[str], ScriptedStation], version: str, action: str, payload: Any, code: str
) -> None:
    with pytest.raises(CallRefused) as refused:
        opened(version).call(action, payload)
    assert refused.value.code == code


def test_a_broken_frame_is_an_rpc_framework_error(opened: Callable[[str], ScriptedStation]) -> None:
    charger = opened("ocpp2.0.1")
    charger.send_raw('{"no": "array"}')
    kind, message_id, code, *_ = charger.receive()
    assert (kind, message_id, code) == (4, "-1", "RpcFrameworkError")


def test_a_call_that_wants_no_answer_gets_none_and_is_logged(
    opened: Callable[[str], ScriptedStation],
) -> None:
    charger = opened("ocpp2.1")
    stream = {"id": 1, "pending": 0, "basetime": NOON, "data": [{"t": 0, "v": "5"}]}
    charger.send(6, "s1", UNANSWERED, stream)
    charger.send(2, "h1", "Heartbeat", {})
    assert charger.receive()[1] == "h1"
    assert OcppMessage.objects.get(action=UNANSWERED).payload == msgspec.json.encode(stream).decode().replace(
        '":', '": '
    ).replace(',"', ', "')


@pytest.mark.parametrize(
    ("number", "status"),
    [
        ("DE136695976", "Accepted"),
        ("NL4495445B01", "Accepted"),
        ("DE136695977", "Rejected"),
        ("hello", "Rejected"),
        ("GB980780684", "Accepted"),
        ("CHE107787577IVA", "Accepted"),
        ("NO995525828MVA", "Accepted"),
    ],
)
def test_a_vat_number_is_judged_by_its_form(
    opened: Callable[[str], ScriptedStation], number: str, status: str
) -> None:
    answer = opened("ocpp2.1").call("VatNumberValidation", {"vatNumber": number, "evseId": 1})
    assert (answer["vatNumber"], answer["evseId"], answer["status"]) == (number, 1, status)


def test_a_contract_certificate_is_not_pretended_to_be_checked(gateway: str, station: Station) -> None:
    with ScriptedStation2(gateway, station.identity, PASSWORD) as charger:
        answer = charger.authorize("EMAID", certificate="-----BEGIN CERTIFICATE-----")
    assert answer["certificateStatus"] == "NoCertificateAvailable"
    assert answer["idTokenInfo"]["status"] != "Accepted"


def test_tags_are_masked_in_the_log(gateway: str, station: Station) -> None:
    with ScriptedStation2(gateway, station.identity, PASSWORD) as charger:
        charger.authorize("VERYSECRET")
        charger.event("Started", new_transaction(), tag="VERYSECRET", wh=0)
        swap = {"eventType": "BatteryIn", "requestId": 1, "idToken": token("VERYSECRET"), "batteryData": []}
        with pytest.raises(CallRefused):
            charger.call("BatterySwap", swap)
    assert not OcppMessage.objects.filter(payload__contains="VERYSECRET").exists()
