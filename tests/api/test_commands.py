"""A command asked for is a row at once; a bad one says which field; a repeat is the same command."""

from typing import Any
from uuid import uuid4

import pytest

from accounts.models import Organisation
from charging import commands
from charging.models import StationCommand
from stations.models import Station
from tests.api.conftest import Caller, caller_of, fields_of

pytestmark = pytest.mark.django_db


def ask(caller: Caller, station: Station, action: str, payload: Any = None, **headers: str) -> Any:
    body = {"action": action, **({} if payload is None else {"payload": payload})}
    return caller.post(f"/stations/{station.identity}/commands", body, **headers)


def test_a_command_becomes_a_row_and_its_answer_can_be_read(caller: Caller, station: Station) -> None:
    answer = ask(caller, station, "RemoteStartTransaction", {"connectorId": 1, "idTag": "VERYSECRET"})
    assert answer.status_code == 201
    said = answer.json()
    assert (said["state"], said["station"], said["answer"]) == ("pending", station.identity, None)
    row = StationCommand.objects.of(station.organisation_id).get()
    assert row.payload == {"connectorId": 1, "idTag": "VERYSECRET"}
    assert said["payload"] == {"connectorId": 1, "idTag": "•••• CRET"}

    (taken,) = commands.claim({station.pk})
    commands.answered(taken, {"status": "Accepted"})
    said = caller.get(f"/commands/{said['id']}").json()
    assert (said["state"], said["answer"]) == ("accepted", {"status": "Accepted"})
    assert said["sent_at"] <= said["answered_at"]


@pytest.mark.parametrize(
    ("action", "payload", "fields"),
    [
        ("Explode", {}, {"action"}),
        ("Reset", {}, {"payload.type"}),
        ("Reset", {"type": "Sideways"}, {"payload.type"}),
        ("Reset", {"type": "Soft", "when": "now"}, {"payload.when"}),
        ("Reset", [], {"payload"}),
        ("RemoteStartTransaction", {"idTag": "T" * 21}, {"payload.idTag"}),
        ("RemoteStartTransaction", {"connectorId": "1"}, {"payload.connectorId", "payload.idTag"}),
        ("RemoteStartTransaction", {"connectorId": True, "idTag": "T"}, {"payload.connectorId"}),
        ("RemoteStartTransaction", {"idTag": "T\0"}, {"payload.idTag"}),
        ("ReserveNow", {"connectorId": 1, "expiryDate": "soon", "idTag": "T", "reservationId": 1},
         {"payload.expiryDate"}),
        ("SendLocalList", {"listVersion": 1, "updateType": "Full",
                           "localAuthorizationList": [{"idTag": "A"}, {}]},
         {"payload.localAuthorizationList[1].idTag"}),
    ],
)  # fmt: skip
def test_a_bad_command_names_its_fields_and_leaves_nothing(
    caller: Caller, station: Station, action: str, payload: Any, fields: set[str]
) -> None:
    answer = ask(caller, station, action, payload)
    assert answer.status_code == 422
    assert fields_of(answer) == fields
    assert not StationCommand.objects.exists()


def test_decimals_are_multiples_of_a_tenth_as_people_count(caller: Caller, station: Station) -> None:
    def profile(limit: float) -> dict[str, Any]:
        schedule = {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        }
        return {
            "connectorId": 0,
            "csChargingProfiles": {
                "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "ChargePointMaxProfile",
                "chargingProfileKind": "Absolute", "chargingSchedule": schedule,
            },
        }  # fmt: skip

    assert ask(caller, station, "SetChargingProfile", profile(21.4)).status_code == 201
    refused = ask(caller, station, "SetChargingProfile", profile(21.45))
    assert fields_of(refused) == {
        "payload.csChargingProfiles.chargingSchedule.chargingSchedulePeriod[0].limit"
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff", 400),
        (b"[" * 100_000, 400),
        (b"[]", 422),
        (b'{"action": 5}', 422),
        (b'{"action": "Reset", "payload": {"type": "Soft"}, "paylod": {}}', 422),
        (b'{"action": "DataTransfer", "payload": {"vendorId": "x", "data": NaN}}', 422),
        (b'{"action": "DataTransfer", "payload": {"vendorId": "\\ud800"}}', 422),
    ],
)
def test_what_is_no_request_is_a_problem_and_nothing_else(
    caller: Caller, station: Station, body: bytes, status: int
) -> None:
    answer = caller.post(f"/stations/{station.identity}/commands", body)
    assert answer.status_code == status
    fields_of(answer)
    assert not StationCommand.objects.exists()


def test_an_unknown_field_is_refused_by_name(caller: Caller, station: Station) -> None:
    body = {"action": "ClearCache", "paylod": {}}
    answer = caller.post(f"/stations/{station.identity}/commands", body)
    assert fields_of(answer) == {"paylod"}


def test_the_same_idempotency_key_is_the_same_command(caller: Caller, station: Station) -> None:
    header = {"Idempotency-Key": "order-7"}
    first = ask(caller, station, "Reset", {"type": "Soft"}, **header)
    again = ask(caller, station, "Reset", {"type": "Soft"}, **header)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    other = ask(caller, station, "Reset", {"type": "Hard"}, **header)
    assert other.status_code == 409
    assert fields_of(other) == {"Idempotency-Key"}
    assert StationCommand.objects.count() == 1


def test_idempotency_keys_of_two_api_keys_don_t_meet(
    organisation: Organisation, station: Station, caller: Caller
) -> None:
    header = {"Idempotency-Key": "order-7"}
    assert ask(caller, station, "ClearCache", **header).status_code == 201
    assert ask(caller_of(organisation), station, "ClearCache", **header).status_code == 201
    long = ask(caller, station, "ClearCache", **{"Idempotency-Key": "x" * 65})
    assert (long.status_code, fields_of(long)) == (422, {"Idempotency-Key"})


def test_commands_without_an_idempotency_key_are_all_meant(caller: Caller, station: Station) -> None:
    ids = {ask(caller, station, "ClearCache").json()["id"] for _ in range(3)}
    listed = caller.get(f"/stations/{station.identity}/commands", limit=2).json()
    assert [one["id"] for one in listed["items"]] == sorted(ids, reverse=True)[:2]
    rest = caller.get(f"/stations/{station.identity}/commands", limit=2, after=listed["next"]).json()
    assert {one["id"] for one in listed["items"] + rest["items"]} == ids
    assert rest["next"] is None


def test_a_command_that_is_not_there_is_404(caller: Caller) -> None:
    assert caller.get(f"/commands/{uuid4()}").status_code == 404
