"""Stations of OCPP 2.0.1 and 2.1 tell their transactions in events, and the sessions are the same as ever."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from charging import commands, quality, rating
from charging.ingest.remote import remote_start_number
from charging.models import ChargingSession, QuarantinedFact, Reading, SessionState, SignedReading
from gateway.models import OcppMessage
from stations.models import Station, StatusInterval
from tests.builders import make_station, make_tariff, make_token
from tests.gateway.conftest import PASSWORD, with_password
from tests.gateway.station2 import ScriptedStation2, new_transaction

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


@pytest.fixture(params=["ocpp2.0.1", "ocpp2.1"])
def charger(request: pytest.FixtureRequest, gateway: str, station: Station) -> Iterator[ScriptedStation2]:
    with ScriptedStation2(gateway, station.identity, PASSWORD, subprotocol=request.param) as opened:
        yield opened


@pytest.fixture
def tx() -> str:
    make_token(uid="TAG")
    return new_transaction()


def only_session() -> ChargingSession:
    session: ChargingSession = ChargingSession.objects.get()
    return session


def states() -> list[tuple[datetime, str]]:
    return list(SessionState.objects.order_by("at").values_list("at", "state"))


def registers() -> list[int | None]:
    return list(Reading.objects.order_by("register_wh").values_list("register_wh", flat=True))


def test_a_charge_from_boot_to_end_is_in_the_database_and_can_be_priced(
    charger: ScriptedStation2, station: Station, tx: str
) -> None:
    make_tariff(organisation=station.organisation)
    booted = charger.boot()
    assert (booted["status"], booted["interval"] > 0) == ("Accepted", True)
    charger.status("Available", at=minutes(-1))
    assert charger.authorize("tag")["idTokenInfo"]["status"] == "Accepted"
    answer = charger.event(
        "Started", tx, minutes(0), tag="TAG", wh=1000, context="Transaction.Begin", trigger="Authorized"
    )
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert charger.event("Updated", tx, minutes(1), state="Charging") == {}
    charger.event("Updated", tx, minutes(10), wh=2500, trigger="MeterValuePeriodic", evse=None)
    charger.event(
        "Ended", tx, minutes(30), wh=6000, context="Transaction.End", trigger="EVDeparted", evse=None,
        info={"stoppedReason": "EVDisconnected"},
    )  # fmt: skip
    session = only_session()
    assert (session.state, session.quality, session.hold_reasons) == ("ended", "good", [])
    assert (session.transaction_id, session.stop_reason) == (tx, "EVDisconnected")
    assert (session.started_at, session.ended_at, session.energy_wh) == (minutes(0), minutes(30), 5000)
    assert session.token is not None
    assert session.driver == session.token.driver
    assert registers() == [1000, 2500, 6000]
    priced = rating.rate(session)
    assert priced is not None
    assert str(priced.net.amount) == "2.50"
    station.refresh_from_db()
    assert (station.vendor, station.model, station.firmware_version) == ("Acme", "Two", "2.1")
    assert station.ocpp_version == charger.socket.subprotocol.removeprefix("ocpp")  # type: ignore[union-attr]


def test_each_event_repeated_changes_nothing(charger: ScriptedStation2, tx: str) -> None:
    for _ in range(2):
        charger.event("Started", tx, minutes(0), tag="TAG", wh=100, seq=0)
        charger.event("Updated", tx, minutes(5), wh=300, state="Charging", seq=1)
        charger.event("Ended", tx, minutes(9), wh=500, seq=2)
    session = only_session()
    assert (session.quality, session.energy_wh, Reading.objects.count()) == ("good", 400, 3)
    assert not QuarantinedFact.objects.exists()


def test_an_update_before_the_start_opens_the_session_and_the_start_completes_it(
    charger: ScriptedStation2, tx: str
) -> None:
    charger.event("Updated", tx, minutes(5), wh=300, seq=1)
    session = only_session()
    assert (session.quality, session.started_at) == ("held", minutes(5))
    assert set(session.hold_reasons) == {"start_missing", "tag_missing"}
    charger.event("Started", tx, minutes(0), tag="TAG", wh=100, seq=0)
    session.refresh_from_db()
    assert (session.quality, session.started_at, session.meter_start_wh) == ("good", minutes(0), 100)
    charger.event("Ended", tx, minutes(9), wh=500, seq=2)
    session.refresh_from_db()
    assert (session.quality, session.energy_wh) == ("good", 400)


def test_an_end_without_a_start_is_a_session_that_waits_for_a_person(
    charger: ScriptedStation2, tx: str
) -> None:
    charger.event("Ended", tx, minutes(9), wh=500, tag="TAG")
    session = only_session()
    assert (session.state, session.quality, session.hold_reasons) == ("ended", "held", ["start_missing"])
    charger.event("Started", tx, minutes(0), tag="TAG", wh=100)
    session.refresh_from_db()
    assert (session.quality, session.started_at, session.energy_wh) == ("good", minutes(0), 400)


def test_what_is_told_before_anyone_knows_where_is_kept_and_holds_the_session(
    charger: ScriptedStation2, tx: str
) -> None:
    charger.event("Updated", tx, minutes(5), wh=300, seq=1, evse=None)
    assert QuarantinedFact.objects.get().reason == "unknown_transaction"
    charger.event("Started", tx, minutes(0), tag="TAG", wh=100, seq=0)
    charger.event("Ended", tx, minutes(9), wh=500, seq=2)
    assert QuarantinedFact.objects.get().session == only_session()
    assert "unknown_transaction" in [finding.reason for finding in quality.judge(only_session())]


def test_a_tag_that_is_shown_later_is_whose_session_it_is(charger: ScriptedStation2, tx: str) -> None:
    assert charger.event("Started", tx, minutes(0), state="EVConnected", trigger="CablePluggedIn") == {}
    assert set(only_session().hold_reasons) == {"tag_missing", "meter_start_missing"}
    answer = charger.event("Updated", tx, minutes(1), tag="TAG", trigger="Authorized")
    assert answer["idTokenInfo"]["status"] == "Accepted"
    charger.event("Updated", tx, minutes(2), state="Charging", wh=1000, context="Transaction.Begin")
    session = only_session()
    assert (session.quality, session.hold_reasons, session.meter_start_wh) == ("good", [], 1000)
    assert session.driver is not None


def test_a_vehicle_that_was_never_authorised_and_took_nothing_bothers_nobody(
    charger: ScriptedStation2, tx: str
) -> None:
    charger.event("Started", tx, minutes(0), state="EVConnected", wh=700)
    charger.event("Ended", tx, minutes(3), wh=700)
    session = only_session()
    assert (session.state, session.quality) == ("ended", "waived")


def test_energy_that_nobody_showed_a_tag_for_waits_for_a_person(charger: ScriptedStation2, tx: str) -> None:
    charger.event("Started", tx, minutes(0), state="EVConnected", wh=700)
    charger.event("Ended", tx, minutes(30), wh=5700)
    session = only_session()
    assert (session.quality, session.hold_reasons) == ("held", ["tag_missing"])


def test_an_unknown_tag_is_answered_invalid_recorded_and_held(charger: ScriptedStation2) -> None:
    answer = charger.event("Started", new_transaction(), minutes(0), tag="STRANGER", wh=0)
    assert answer == {"idTokenInfo": {"status": "Invalid"}}
    assert (only_session().quality, only_session().hold_reasons) == ("held", ["unknown_tag"])
    kept = QuarantinedFact.objects.get()
    assert (kept.reason, kept.session) == ("unknown_tag", only_session())
    assert "STRANGER" not in kept.raw
    assert "STRANGER" not in OcppMessage.objects.get(action="TransactionEvent").payload


def test_charging_states_become_what_is_priced(charger: ScriptedStation2, tx: str) -> None:
    charger.event("Started", tx, minutes(0), tag="TAG", wh=0, state="EVConnected", trigger="Authorized")
    told = ["Charging", "Charging", "SuspendedEV", "SuspendedEVSE", "Charging", "EVConnected", "Idle"]
    for minute, state in enumerate(told, 1):
        charger.event("Updated", tx, minutes(minute), state=state)
    assert states() == [
        (minutes(0), "WITHHELD"),
        (minutes(1), "CHARGING"),
        (minutes(3), "PARKED"),
        (minutes(4), "WITHHELD"),
        (minutes(5), "CHARGING"),
        (minutes(6), "PARKED"),
    ]


def test_the_connector_shows_what_its_transaction_says(charger: ScriptedStation2, tx: str) -> None:
    charger.status("Occupied")
    charger.event("Started", tx, tag="TAG", wh=0, state="Charging")
    charger.status("Occupied")
    assert StatusInterval.objects.get(until=None).status == "Charging"
    charger.event("Updated", tx, state="SuspendedEV")
    assert StatusInterval.objects.get(until=None).status == "SuspendedEV"
    charger.event("Ended", tx, wh=10, state="EVConnected")
    assert StatusInterval.objects.get(until=None).status == "Finishing"
    charger.status("Available")
    assert StatusInterval.objects.get(until=None).status == "Available"


def test_an_end_without_a_register_takes_the_latest(charger: ScriptedStation2, tx: str) -> None:
    charger.event("Started", tx, minutes(0), tag="TAG", wh=100)
    charger.event("Updated", tx, minutes(5), wh=900)
    charger.event("Ended", tx, minutes(6))
    session = only_session()
    assert (session.quality, session.meter_end_wh) == ("good", 900)


def test_all_values_may_come_with_the_end(charger: ScriptedStation2, tx: str) -> None:
    charger.event("Started", tx, minutes(0), tag="TAG")
    values = [
        {"timestamp": minutes(m).isoformat(), "sampledValue": [{"value": wh, "context": context}]}
        for m, wh, context in [
            (0, 100, "Transaction.Begin"),
            (5, 300, "Sample.Periodic"),
            (9, 500, "Transaction.End"),
        ]
    ]
    charger.event("Ended", tx, minutes(9), meterValue=values)
    session = only_session()
    assert (session.quality, session.meter_start_wh, session.meter_end_wh) == ("good", 100, 500)


def test_units_and_powers_of_ten_are_exact(charger: ScriptedStation2, tx: str) -> None:
    charger.event("Started", tx, minutes(0), tag="TAG", wh=0)
    given = [(0.30002999999999996, "kWh", 0), (4.5, "Wh", 2), (4294967.297, "kWh", 0)]
    for minute, (value, unit, power) in enumerate(given, 1):
        sampled = [{"value": value, "unitOfMeasure": {"unit": unit, "multiplier": power}}]
        charger.event(
            "Updated", tx, meterValue=[{"timestamp": minutes(minute).isoformat(), "sampledValue": sampled}]
        )
    assert registers() == [0, 300, 450, 4294967297]


def test_an_unknown_evse_is_recorded_and_opens_no_session(charger: ScriptedStation2, tx: str) -> None:
    answer = charger.event("Started", tx, minutes(0), tag="TAG", wh=0, evse=9)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert not ChargingSession.objects.exists()
    reasons = set(QuarantinedFact.objects.values_list("reason", flat=True))
    assert reasons == {"unknown_connector", "unknown_transaction"}


def test_a_transaction_id_that_is_used_again_feeds_no_older_session(
    charger: ScriptedStation2, tx: str
) -> None:
    charger.event("Started", tx, minutes(0), tag="TAG", wh=0)
    charger.event("Ended", tx, minutes(5), wh=50)
    charger.event("Started", tx, minutes(60), tag="TAG", wh=80)
    assert only_session().started_at == minutes(0)
    assert QuarantinedFact.objects.get().reason == "transaction_id_reused"


def test_signed_values_are_kept_to_the_letter(charger: ScriptedStation2, tx: str) -> None:
    signed = {
        "signedMeterData": 'OCMF|{"FV":"1.0"}|{"SD":"30"}',
        "encodingMethod": "OCMF",
        "signingMethod": "x",
        "publicKey": "AB",
    }
    sampled = [{"value": 5, "context": "Transaction.Begin", "signedMeterValue": signed}]
    value = [{"timestamp": minutes(0).isoformat(), "sampledValue": sampled}]
    for _ in range(2):
        charger.event("Started", tx, minutes(0), tag="TAG", meterValue=value, seq=0)
    kept = SignedReading.objects.get()
    assert (kept.session, kept.data, kept.encoding) == (only_session(), signed["signedMeterData"], "OCMF")
    assert (kept.context, kept.public_key) == ("Transaction.Begin", "AB")


def test_a_remote_start_tells_whose_session_it_is_by_its_number(
    charger: ScriptedStation2, station: Station, tx: str
) -> None:
    command = commands.request(station, "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 1})
    number = remote_start_number(command.pk)
    answer = charger.event("Started", tx, wh=0, trigger="RemoteStart", info={"remoteStartId": number})
    assert only_session().token is not None
    assert answer == {}


def test_missing_numbers_are_remarked_in_the_message_log(charger: ScriptedStation2, tx: str) -> None:
    charger.event("Started", tx, minutes(0), tag="TAG", wh=0, seq=0)
    charger.event("Updated", tx, minutes(3), wh=30, seq=3)
    charger.event("Updated", tx, minutes(1), wh=10, seq=1)
    verdicts = list(OcppMessage.objects.order_by("at").values_list("verdict", flat=True))
    assert verdicts[-3:] == ["ok", "missing seqNo 1-2", "late seqNo 1"]


def test_a_number_that_is_always_zero_is_no_gap(charger: ScriptedStation2, tx: str) -> None:
    charger.event("Started", tx, minutes(0), tag="TAG", wh=0, seq=0)
    charger.event("Updated", tx, minutes(3), wh=30, seq=0)
    charger.event("Ended", tx, minutes(5), wh=50, seq=0)
    assert (only_session().quality, only_session().energy_wh) == ("good", 50)
    assert not OcppMessage.objects.filter(verdict__contains="seqNo").exists()


def test_a_start_from_offline_with_a_blocked_tag_is_its_drivers(charger: ScriptedStation2, tx: str) -> None:
    token = make_token(uid="BLOCKED", blocked_at=NOON)
    answer = charger.event("Started", tx, minutes(0), tag="BLOCKED", wh=0, offline=True)
    assert answer == {"idTokenInfo": {"status": "Blocked"}}
    session = only_session()
    assert (session.quality, session.driver) == ("good", token.driver)
    kept = QuarantinedFact.objects.get()
    assert (kept.reason, kept.session, bool(kept.resolved_at)) == ("tag_blocked", session, True)


def test_a_start_online_with_a_blocked_tag_is_held(charger: ScriptedStation2, tx: str) -> None:
    make_token(uid="BLOCKED", blocked_at=NOON)
    charger.event("Started", tx, tag="BLOCKED", wh=0, offline=False)
    assert (only_session().quality, only_session().hold_reasons) == ("held", ["tag_blocked"])


def test_another_stations_transaction_is_unknown_to_it(
    charger: ScriptedStation2, gateway: str, tx: str
) -> None:
    charger.event("Started", tx, minutes(0), tag="TAG", wh=0)
    other = with_password(make_station())
    with ScriptedStation2(gateway, other.identity, PASSWORD) as stranger:
        stranger.event("Ended", tx, minutes(5), wh=999)
    session = ChargingSession.objects.get(station__identity=charger.identity)
    assert (session.state, session.meter_end_wh) == ("active", None)
