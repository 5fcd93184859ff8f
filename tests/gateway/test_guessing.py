"""Who tries tags out at a station learns little, and is reported; a driver there only waits."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from accounts.authorisation import Verdict
from charging.models import QuarantinedFact
from gateway import guessing
from gateway.models import OcppMessage
from stations.models import Station
from tests.builders import make_station, make_token
from tests.gateway.conftest import PASSWORD, Connect, with_password
from tests.gateway.station2 import ScriptedStation2

MINUTE = 60.0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
def test_many_unknown_tags_are_slowed_and_reported_once(
    gateway: str, station: Station, connect: Connect, version: str
) -> None:
    make_token(uid="TAG")
    if version == "ocpp1.6":
        charger = connect(station)
        payloads: list[dict[str, Any]] = [{"idTag": f"GUESS{n}"} for n in range(20)]
    else:
        charger = ScriptedStation2(gateway, station.identity, PASSWORD)
        payloads = [{"idToken": {"idToken": f"GUESS{n}", "type": "ISO14443"}} for n in range(20)]
    for payload in payloads[: guessing.BURST + 1]:
        charger.call("Authorize", payload)
    for number in (1, 2, 3, 4):
        charger.send(2, f"late{number}", "Authorize", payloads[-number])
    answer = charger.answer_to("late4")  # the first ones still wait
    assert next(iter(answer.values())) == {"status": "Invalid"}
    assert OcppMessage.objects.filter(verdict="not judged").count() >= 1
    report = QuarantinedFact.objects.get(reason="tag_guessing")
    assert (report.station, report.session) == (station, None)
    assert "currentTime" in charger.call("Heartbeat", {})
    charger.close()


@pytest.mark.django_db(transaction=True)
def test_other_stations_do_not_notice(station: Station, connect: Connect) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    for number in range(guessing.BURST + 1):
        charger.call("Authorize", {"idTag": f"GUESS{number}"})
    other = connect(with_password(make_station(station.site)))
    assert other.call("Authorize", {"idTag": "TAG"})["idTagInfo"]["status"] == "Accepted"


@pytest.fixture
def station_id() -> UUID:
    return uuid4()


def test_known_tags_are_never_slowed(station_id: UUID) -> None:
    for _ in range(100):
        guessing.note(station_id, Verdict.ACCEPTED, 0.0)
    assert guessing.admit(station_id, 0.0) == 0.0


def test_it_calms_down_and_is_reported_anew(station_id: UUID) -> None:
    for _ in range(guessing.BURST + 1):
        guessing.note(station_id, Verdict.INVALID, 0.0)
    assert guessing.is_news(station_id, 0.0)
    assert not guessing.is_news(station_id, 0.0)
    assert not guessing.is_news(station_id, 5 * MINUTE)
    assert guessing.admit(station_id, 5 * MINUTE) == 0.0
    for _ in range(2 * guessing.BURST):
        guessing.note(station_id, Verdict.INVALID, 6 * MINUTE)
    assert guessing.is_news(station_id, 6 * MINUTE)
