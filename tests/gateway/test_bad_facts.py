"""What real stations send that can't be right: set aside with its raw form, never lost, never charged."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from charging.models import ChargingSession, QuarantinedFact, Reading
from gateway.models import OcppMessage
from stations.models import Station, StatusInterval
from tests.builders import make_site, make_station, make_token
from tests.gateway.conftest import Connect, with_password
from tests.gateway.station import CallRefused, ScriptedStation, stamp

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


@pytest.fixture
def charger(station: Station, connect: Connect) -> ScriptedStation:
    make_token(uid="TAG")
    return connect(station)


def only_session() -> ChargingSession:
    session: ChargingSession = ChargingSession.objects.get()
    return session


def only_doubt() -> QuarantinedFact:
    doubt: QuarantinedFact = QuarantinedFact.objects.get()
    return doubt


def test_a_register_that_runs_backwards_is_set_aside_and_holds_the_session(charger: ScriptedStation) -> None:
    number = charger.start("TAG", meter=1000, at=minutes(0))["transactionId"]
    charger.meter(number, 1500, at=minutes(1))
    charger.meter(number, 1200, at=minutes(2))
    charger.meter(number, 1600, at=minutes(3))
    charger.stop(number, 1700, at=minutes(4))
    session = only_session()
    assert (session.quality, session.hold_reasons) == ("held", ["register_backwards"])
    assert session.energy_wh == 700
    assert set(Reading.objects.values_list("register_wh", flat=True)) == {1500, 1600}
    doubt = only_doubt()
    assert (doubt.reason, doubt.session) == ("register_backwards", session)
    assert json.loads(doubt.raw)["meterValue"][0]["sampledValue"][0]["value"] == "1200"


def test_a_late_reading_with_its_earlier_time_is_no_regression(charger: ScriptedStation) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    charger.meter(number, 500, at=minutes(5))
    charger.meter(number, 300, at=minutes(3))
    assert only_session().last_register_wh == 500
    assert Reading.objects.count() == 2
    assert not QuarantinedFact.objects.exists()


def test_a_stop_below_the_start_register_ends_and_holds(charger: ScriptedStation) -> None:
    number = charger.start("TAG", meter=1000, at=minutes(0))["transactionId"]
    charger.stop(number, 10, at=minutes(5))
    session = only_session()
    assert (session.state, session.quality, session.meter_end_wh) == ("ended", "held", 10)
    assert only_doubt().reason == "register_backwards"


def test_a_stop_before_the_start_ends_and_holds(charger: ScriptedStation) -> None:
    number = charger.start("TAG", meter=0, at=minutes(10))["transactionId"]
    charger.stop(number, 10, at=minutes(5))
    session = only_session()
    assert (session.ended_at, session.hold_reasons) == (minutes(10), ["stop_before_start"])
    assert "stop" in only_doubt().detail


@pytest.mark.parametrize("number", [-1, 4711, 2**63 - 1, 10**25, 10**45])
def test_a_stop_of_an_unknown_transaction_is_acknowledged_and_kept(
    charger: ScriptedStation, number: int
) -> None:
    assert charger.stop(number, 10, at=minutes(5)) == {}
    assert only_doubt().reason == "unknown_transaction"
    assert json.loads(only_doubt().raw)["transactionId"] == number


def test_a_station_cannot_feed_or_stop_another_ones_transaction(
    charger: ScriptedStation, station: Station, connect: Connect
) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    intruder = connect(with_password(make_station(make_site(station.site.organisation))))
    intruder.meter(number, 99_000, at=minutes(1))
    intruder.stop(number, 99_000, at=minutes(2))
    session = only_session()
    assert (session.state, session.last_register_wh) == ("active", None)
    assert {doubt.reason for doubt in QuarantinedFact.objects.all()} == {"unknown_transaction"}


def test_registers_beyond_32_bits_are_kept(charger: ScriptedStation) -> None:
    number = charger.start("TAG", meter=2**33, at=minutes(0))["transactionId"]
    charger.meter(number, 2**33 + 5, at=minutes(1))
    charger.stop(number, 2**33 + 7, at=minutes(2))
    assert (only_session().quality, only_session().energy_wh) == ("good", 7)


def test_a_register_beyond_64_bits_holds_the_session(charger: ScriptedStation) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    charger.stop(number, 10**25, at=minutes(2))
    session = only_session()
    assert (session.state, session.quality) == ("ended", "held")
    assert "register_out_of_range" in session.hold_reasons


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "12 kWh", "", "-5", "1" + "0" * 25])
def test_a_register_that_is_no_number_is_set_aside(charger: ScriptedStation, value: str) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    charger.meter(number, value, at=minutes(1))
    assert only_doubt().reason == "bad_value"
    assert not Reading.objects.exists()


@pytest.mark.parametrize(
    "frame",
    [
        r'[2,"p","DataTransfer",{"vendorId":"a\u0000b"}]',
        r'[2,"p","DataTransfer",{"vendorId":"\ud800"}]',
        '[2,"p","MeterValues",{"connectorId":1,"transactionId":NaN,"meterValue":[]}]',
        '[2,"p","MeterValues",{"connectorId":1,"transactionId":1e400,"meterValue":[]}]',
        '[2,"p","Heartbeat",[]]',
        '[2,"p","Heartbeat"]',
        '[2,"p"]',
        "[]",
        "{}",
        "nonsense",
        "",
        "[" * 5000,
    ],
)
def test_a_poisonous_frame_is_refused_and_the_next_call_answered(
    charger: ScriptedStation, frame: str
) -> None:
    charger.send_raw(frame)
    kind, *_ = charger.receive()
    assert kind == 4
    assert "currentTime" in charger.call("Heartbeat", {})


def test_a_poisonous_call_does_not_take_others_of_its_batch_along(
    charger: ScriptedStation, station: Station, connect: Connect
) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    for minute in range(1, 21):
        poisoned = minute % 5 == 0
        value = {"timestamp": stamp(minutes(minute)), "sampledValue": [{"value": str(minute)}]}
        if poisoned:
            value["timestamp"] = "0001-01-01T00:00:00+14:00"
        payload = {"connectorId": 1, "transactionId": number, "meterValue": [value]}
        charger.send(2, f"b{minute}", "MeterValues", payload)
    answers: dict[str, int] = {}
    while len(answers) < 20:
        kind, message_id, *_ = charger.receive()
        answers[message_id] = kind
    assert [answers[f"b{minute}"] for minute in (5, 6)] == [4, 3]
    assert Reading.objects.count() == 16


def test_a_type_of_message_that_is_unknown_is_ignored(charger: ScriptedStation) -> None:
    charger.send_raw('[7,"x","Heartbeat",{}]')
    charger.send_raw('[3,"never-asked",{}]')
    assert "currentTime" in charger.call("Heartbeat", {})


def test_a_clock_that_was_never_set_holds_the_session(charger: ScriptedStation) -> None:
    charger.start("TAG", at=datetime(1970, 1, 1, 3, tzinfo=UTC))
    assert only_session().hold_reasons == ["clock_drift"]


def test_a_time_without_a_zone_is_utc(charger: ScriptedStation) -> None:
    payload = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-02T12:00:00"}
    charger.call("StartTransaction", payload)
    assert only_session().started_at == NOON


def test_a_start_at_a_connector_that_is_not_set_up_is_refused_and_kept(charger: ScriptedStation) -> None:
    answer = charger.start("TAG", connector=9, at=minutes(0))
    assert answer["idTagInfo"] == {"status": "Invalid"}
    doubt = only_doubt()
    assert doubt.reason == "unknown_connector"
    assert "TAG" not in doubt.raw.replace("idTag", "")


def test_a_start_that_breaks_the_schema_is_refused_and_kept(charger: ScriptedStation) -> None:
    with pytest.raises(CallRefused):
        charger.call("StartTransaction", {"connectorId": 1, "idTag": "TAG", "timestamp": stamp(NOON)})
    assert only_doubt().reason == "malformed"


def test_unknown_fields_are_let_through_and_kept(charger: ScriptedStation) -> None:
    assert "currentTime" in charger.call("Heartbeat", {"uptime": 5})
    assert OcppMessage.objects.get(action="Heartbeat").payload == '{"uptime": 5}'


def test_readings_after_the_stop_are_kept(charger: ScriptedStation) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    charger.stop(number, 100, at=minutes(5))
    charger.meter(number, 100, at=minutes(6))
    assert Reading.objects.count() == 1
    assert only_session().last_register_wh == 100


def test_a_status_with_a_wrong_clock_counts_from_its_receipt(charger: ScriptedStation) -> None:
    before = datetime.now(UTC)
    charger.status("Available")
    charger.status("Preparing", at=datetime(2040, 1, 1, tzinfo=UTC))
    charger.status("Charging", at=datetime(1999, 1, 1, tzinfo=UTC))
    open_ = only_status()
    assert (open_.status, open_.since > before) == ("Charging", True)


def only_status() -> StatusInterval:
    interval: StatusInterval = StatusInterval.objects.get(until__isnull=True)
    return interval
