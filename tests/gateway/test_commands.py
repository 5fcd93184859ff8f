"""Commands are rows; the gateway sends them and the rows say what came of it."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from charging import commands
from charging.models import StationCommand
from gateway.models import OcppMessage
from stations.models import Station
from tests.builders import make_station, make_token
from tests.gateway.conftest import Connect
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def finished(command: StationCommand, timeout_s: float = 15) -> StationCommand:
    def done() -> bool:
        command.refresh_from_db()
        return command.is_finished

    wait_until(done, timeout_s, "the command to finish")
    return command


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("RemoteStartTransaction", {"connectorId": 1, "idTag": "TAG"}),
        ("RemoteStopTransaction", {"transactionId": 5}),
        ("Reset", {"type": "Soft"}),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
        ("UnlockConnector", {"connectorId": 1}),
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
        ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "10"}),
    ],
)
def test_a_command_is_sent_and_its_answer_kept(
    station: Station, connect: Connect, action: str, payload: dict[str, Any]
) -> None:
    charger = connect(station)
    charger.answers[action] = lambda _: {"status": "Unlocked" if action == "UnlockConnector" else "Accepted"}
    command = commands.request(station, action, payload)
    assert charger.wait_for_call(action) == payload
    assert finished(command).state == "accepted"
    assert command.answer in ({"status": "Accepted"}, {"status": "Unlocked"})
    wait_until(lambda: OcppMessage.objects.filter(direction="out", action=action).count() == 1)


def test_an_answer_without_a_status_is_kept_whole(station: Station, connect: Connect) -> None:
    charger = connect(station)
    answer = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]}
    charger.answers["GetConfiguration"] = lambda _: answer
    command = commands.request(station, "GetConfiguration", {})
    charger.wait_for_call("GetConfiguration")
    assert (finished(command).state, command.answer) == ("accepted", answer)


def test_a_refusal_is_kept(station: Station, connect: Connect) -> None:
    charger = connect(station)
    charger.answers["Reset"] = lambda _: {"status": "Rejected"}
    command = commands.request(station, "Reset", {"type": "Hard"})
    charger.wait_for_call("Reset")
    assert (finished(command).state, command.answer) == ("rejected", {"status": "Rejected"})


def test_a_station_may_authorize_before_it_answers_a_remote_start(station: Station, connect: Connect) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    verdicts = []

    def authorize_first(payload: dict[str, Any]) -> dict[str, Any]:
        verdicts.append(charger.call("Authorize", {"idTag": payload["idTag"]}))
        return {"status": "Accepted"}

    charger.answers["RemoteStartTransaction"] = authorize_first
    command = commands.request(station, "RemoteStartTransaction", {"idTag": "TAG"})
    charger.wait_for_call("RemoteStartTransaction")
    assert finished(command).state == "accepted"
    assert [verdict["idTagInfo"]["status"] for verdict in verdicts] == ["Accepted"]


def test_a_command_that_breaks_the_schema_is_rejected_with_the_field(
    station: Station, connect: Connect
) -> None:
    connect(station)
    command = finished(commands.request(station, "Reset", {"type": "Sideways"}))
    assert command.state == "rejected"
    assert "$.type" in str(command.answer)


def test_the_tag_of_a_remote_start_is_masked_in_the_log(station: Station, connect: Connect) -> None:
    charger = connect(station)
    command = commands.request(station, "RemoteStartTransaction", {"idTag": "VERYSECRET"})
    charger.wait_for_call("RemoteStartTransaction")
    finished(command)
    wait_until(lambda: OcppMessage.objects.filter(direction="out").exists())
    assert "VERYSECRET" not in OcppMessage.objects.get(direction="out").payload


def test_an_unknown_action_is_refused_when_it_is_asked_for(station: Station) -> None:
    with pytest.raises(ValidationError, match="action"):
        commands.request(station, "Explode", {})


def test_a_command_to_a_station_that_is_away_ends_as_offline(gateway: str, station: Station) -> None:
    command = commands.request(station, "Reset", {"type": "Soft"})
    long_ago = timezone.now() - 2 * commands.CONNECT_WITHIN
    StationCommand.objects.filter(pk=command.pk).update(created_at=long_ago)
    assert finished(command).state == "offline"


def test_a_command_that_a_dead_gateway_sent_ends_as_timed_out(gateway: str, station: Station) -> None:
    command = commands.request(station, "Reset", {"type": "Soft"})
    long_ago = timezone.now() - 2 * commands.ANSWER_WITHIN
    StationCommand.objects.filter(pk=command.pk).update(state="sent", sent_at=long_ago)
    assert finished(command).state == "timed_out"


def test_a_command_is_handed_out_once(station: Station) -> None:
    command = commands.request(station, "Reset", {"type": "Soft"}, cause_kind="driver", cause_id=uuid4())
    other = make_station(station.site)
    assert commands.claim({other.pk}) == []
    assert [taken.pk for taken in commands.claim({station.pk})] == [command.pk]
    assert commands.claim({station.pk}) == []
