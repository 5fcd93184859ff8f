"""What real stations were seen to do: each trap of the gateway's design has its test here, named for it.

Both families of protocol are tried where both can fall into it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Organisation
from charging import quality, rating
from charging.models import (
    ChargingSession,
    QuarantinedFact,
    Reading,
    SessionReview,
    SessionState,
    SignedReading,
)
from stations.models import Station, StatusInterval
from tests.builders import make_tariff, make_token, make_user
from tests.gateway.conftest import PASSWORD, Connect
from tests.gateway.station import CallRefused, ScriptedStation, stamp
from tests.gateway.station2 import ScriptedStation2, new_transaction

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


@pytest.fixture(autouse=True)
def tag() -> None:
    make_token(uid="TAG")


@pytest.fixture
def charger(station: Station, connect: Connect) -> ScriptedStation:
    return connect(station)


@pytest.fixture
def charger2(gateway: str, station: Station) -> Iterator[ScriptedStation2]:
    with ScriptedStation2(gateway, station.identity, PASSWORD) as opened:
        yield opened


def only_session() -> ChargingSession:
    session: ChargingSession = ChargingSession.objects.get()
    return session


def reasons() -> list[str]:
    return sorted(QuarantinedFact.objects.values_list("reason", flat=True))


# -- after the connection was lost


def test_meter_values_after_the_stop_are_kept_and_change_no_end(charger: ScriptedStation) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    charger.stop(number, 400, at=minutes(8))
    for minute in (9, 10, 11):
        charger.meter(number, 400, at=minutes(minute))
    session = only_session()
    assert (session.quality, session.ended_at, session.meter_end_wh) == ("good", minutes(8), 400)
    assert (Reading.objects.count(), quality.judge(session)) == (3, [])


def test_a_stop_30_s_after_the_reconnect_with_its_earlier_timestamp_ends_the_session_then(
    station: Station, connect: Connect
) -> None:
    charger = connect(station)
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    charger.meter(number, 300, at=minutes(5))
    charger.close()
    charger = connect(station)  # no boot
    charger.meter(number, 400, at=minutes(9))
    charger.stop(number, 400, at=minutes(8))
    session = only_session()
    assert (session.state, session.ended_at, session.meter_end_wh) == ("ended", minutes(8), 400)
    assert (session.quality, reasons()) == ("good", [])


def test_a_station_that_does_not_boot_after_a_reconnect_goes_on_as_before(
    station: Station, connect: Connect
) -> None:
    charger = connect(station)
    charger.boot()
    charger.status("Available")
    charger.close()
    charger = connect(station)
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    assert charger.stop(number, 10, at=minutes(1)) == {}
    assert StatusInterval.objects.get(until=None).status == "Available"
    assert only_session().state == "ended"


def test_a_start_that_is_sent_again_and_again_is_one_session(station: Station, connect: Connect) -> None:
    numbers = set()
    for _ in range(3):
        charger = connect(station)
        numbers.add(charger.start("TAG", meter=5, at=minutes(0))["transactionId"])
        charger.close()
    assert (len(numbers), ChargingSession.objects.count()) == (1, 1)


def test_a_whole_charge_replayed_from_offline_keeps_its_old_times(charger: ScriptedStation) -> None:
    last_week = timezone.now() - timedelta(days=7)
    number = charger.start("TAG", meter=0, at=last_week)["transactionId"]
    charger.meter(number, 500, at=last_week + timedelta(minutes=5))
    charger.stop(number, 900, at=last_week + timedelta(minutes=9))
    session = only_session()
    assert (session.quality, session.started_at, session.energy_wh) == ("good", last_week, 900)


def test_a_whole_charge_replayed_from_offline_in_events_keeps_its_old_times(
    charger2: ScriptedStation2,
) -> None:
    tx = new_transaction()
    charger2.event("Started", tx, minutes(0), tag="TAG", wh=0, offline=True, state="Charging")
    charger2.event("Updated", tx, minutes(5), wh=500, offline=True, state="SuspendedEV")
    charger2.event("Ended", tx, minutes(9), wh=500, offline=True)
    session = only_session()
    assert (session.quality, session.started_at, session.ended_at) == ("good", minutes(0), minutes(9))
    states = SessionState.objects.order_by("at").values_list("at", "state")
    assert list(states) == [(minutes(0), "CHARGING"), (minutes(5), "PARKED")]
    assert not StatusInterval.objects.exists()  # what was then says nothing of now


# -- numbers


@pytest.mark.parametrize("number", [2**63 - 1, -1, 0, 10**25])
def test_a_transaction_id_that_we_never_gave_is_unknown_and_kept(
    charger: ScriptedStation, number: int
) -> None:
    charger.start("TAG", at=minutes(0))
    assert charger.stop(number, 10, at=minutes(5)) == {}
    assert reasons() == ["unknown_transaction"]
    assert only_session().state == "active"


def test_registers_above_2_to_the_32_are_exact(charger: ScriptedStation) -> None:
    number = charger.start("TAG", meter=2**32 - 5, at=minutes(0))["transactionId"]
    charger.meter(number, 2**32 + 5, at=minutes(1))
    charger.stop(number, 2**32 + 1000, at=minutes(9))
    assert (only_session().quality, only_session().energy_wh) == ("good", 1005)


def test_a_register_that_rolls_over_is_never_charged_without_a_person(charger: ScriptedStation) -> None:
    number = charger.start("TAG", meter=2**32 - 500, at=minutes(0))["transactionId"]
    charger.meter(number, 300, at=minutes(5))
    charger.stop(number, 900, at=minutes(9))
    session = only_session()
    assert (session.quality, session.hold_reasons) == ("held", ["register_backwards"])
    assert rating.rate(session) is None


def test_a_stop_register_below_the_start_is_never_charged_without_a_person(
    charger: ScriptedStation,
) -> None:
    number = charger.start("TAG", meter=1000, at=minutes(0))["transactionId"]
    charger.stop(number, 10, at=minutes(5))
    session = only_session()
    assert (session.state, session.quality) == ("ended", "held")
    assert rating.rate(session) is None


def test_an_end_register_below_the_start_is_never_charged_without_a_person(
    charger2: ScriptedStation2,
) -> None:
    tx = new_transaction()
    charger2.event("Started", tx, minutes(0), tag="TAG", wh=1000)
    charger2.event("Ended", tx, minutes(5), wh=10)
    session = only_session()
    assert (session.state, session.quality) == ("ended", "held")
    assert "register_backwards" in session.hold_reasons
    assert rating.rate(session) is None


def test_kwh_that_a_float_wrote_are_whole_wh(charger: ScriptedStation) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    sampled = [{"value": "0.30002999999999996", "unit": "kWh"}]
    charger.meter(number, 0, at=minutes(1), sampled=sampled)
    assert Reading.objects.get().register_wh == 300


def test_a_seq_no_that_is_always_zero_loses_nothing(charger2: ScriptedStation2) -> None:
    tx = new_transaction()
    for kind, minute, wh in (("Started", 0, 0), ("Updated", 5, 500), ("Ended", 9, 900)):
        charger2.event(kind, tx, minutes(minute), tag="TAG", wh=wh, seq=0)
    assert (only_session().quality, only_session().energy_wh, Reading.objects.count()) == ("good", 900, 3)


@pytest.mark.parametrize("year", [1970, 2000, 2058])
def test_a_clock_that_is_years_off_holds_the_session(charger: ScriptedStation, year: int) -> None:
    charger.start("TAG", at=datetime(year, 1, 1, tzinfo=UTC))
    assert (only_session().quality, only_session().hold_reasons) == ("held", ["clock_drift"])
    assert reasons() == ["clock_drift"]


@pytest.mark.parametrize("year", [1970, 2058])
def test_a_clock_that_is_years_off_holds_the_session_of_events(charger2: ScriptedStation2, year: int) -> None:
    charger2.event("Started", new_transaction(), datetime(year, 1, 1, tzinfo=UTC), tag="TAG", wh=0)
    assert (only_session().quality, only_session().hold_reasons) == ("held", ["clock_drift"])


# -- sessions that never close, and stops that come after all


def given_up(charger: ScriptedStation) -> tuple[int, ChargingSession]:
    """A session that the sweep closed at its last sign of life, because a newer one began there."""
    number = int(charger.start("TAG", at=minutes(0))["transactionId"])
    charger.meter(number, 300, at=minutes(5))
    newer = charger.start("TAG", meter=900, at=minutes(60))["transactionId"]
    charger.stop(newer, 950, at=minutes(70))
    assert quality.close_stale() == 1
    session = ChargingSession.objects.get(transaction_id=str(number))
    assert (session.stop_reason, session.ended_at, session.meter_end_wh) == ("Stale", minutes(5), 300)
    assert "stale" in session.hold_reasons
    return number, session


def test_a_session_that_never_closes_is_closed_with_what_is_known_and_held(
    charger: ScriptedStation,
) -> None:
    _, session = given_up(charger)
    assert (session.state, session.quality) == ("ended", "held")
    assert SessionReview.objects.filter(session=session, reasons__contains=["stale"]).exists()


def test_the_stop_that_comes_after_the_sweep_replaces_the_guess_and_goes_through_the_gate(
    charger: ScriptedStation, organisation: Organisation
) -> None:
    make_tariff(organisation=organisation)
    number, session = given_up(charger)
    charger.stop(number, 900, at=minutes(20))
    session.refresh_from_db()
    assert (session.quality, session.hold_reasons, session.stop_reason) == ("good", [], "Local")
    assert (session.ended_at, session.meter_end_wh) == (minutes(20), 900)
    assert rating.rate(session) is not None
    assert reasons() == []


def test_other_holds_outlive_the_late_stop(charger: ScriptedStation) -> None:
    token = make_token(uid="EXPIRED", expires_at=NOON)
    now = timezone.now()
    number = int(charger.start("EXPIRED", at=now)["transactionId"])
    assert only_session().hold_reasons == ["tag_expired"]
    quality.close_stale(now + timedelta(days=8))
    assert set(only_session().hold_reasons) >= {"stale", "tag_expired"}
    charger.stop(number, 500, at=now + timedelta(minutes=5))
    session = only_session()
    assert (session.quality, session.hold_reasons) == ("held", ["tag_expired"])
    assert session.driver == token.driver


def test_a_stop_after_the_guess_was_billed_waits_for_a_person(
    charger: ScriptedStation, organisation: Organisation
) -> None:
    make_tariff(organisation=organisation)
    number, session = given_up(charger)
    quality.release(session, by=make_user(), note="looks right")
    session.refresh_from_db()
    assert rating.rate(session) is not None
    charger.stop(number, 900, at=minutes(20))
    session.refresh_from_db()
    assert (session.state, session.meter_end_wh) == ("priced", 300)
    assert (session.quality, reasons()) == ("held", ["conflicting_stop"])


# -- order and tags


def test_a_stop_of_an_unknown_transaction_is_acknowledged_and_kept_whole(charger: ScriptedStation) -> None:
    assert charger.stop(12345, 777, at=minutes(5), reason="PowerLoss") == {}
    kept = QuarantinedFact.objects.get()
    assert kept.reason == "unknown_transaction"
    assert '"meterStop": 777' in kept.raw


def test_two_starts_at_one_connector_are_not_both_charged(charger: ScriptedStation) -> None:
    first = charger.start("TAG", meter=0, at=minutes(0))["transactionId"]
    second = charger.start("TAG", meter=0, at=minutes(5))["transactionId"]
    charger.stop(first, 1000, at=minutes(30))
    charger.stop(second, 1000, at=minutes(30))
    for session in ChargingSession.objects.all():
        assert "overlap" in [finding.reason for finding in quality.judge(session)]


def test_an_unknown_tag_is_invalid_recorded_and_never_lost(charger: ScriptedStation) -> None:
    started = charger.start("NOBODY", at=minutes(0))
    assert started["idTagInfo"]["status"] == "Invalid"
    charger.stop(started["transactionId"], 400, at=minutes(5))
    session = only_session()
    assert (session.energy_wh, session.quality, session.hold_reasons) == (400, "held", ["unknown_tag"])
    assert reasons() == ["unknown_tag"]


def test_a_tag_that_was_let_in_offline_and_is_blocked_is_charged_to_its_driver(
    charger: ScriptedStation,
) -> None:
    token = make_token(uid="BLOCKED", blocked_at=NOON)
    started = charger.start("BLOCKED", at=minutes(0))
    assert started["idTagInfo"]["status"] == "Blocked"
    session = only_session()
    assert (session.quality, session.driver) == ("good", token.driver)
    kept = QuarantinedFact.objects.get()
    assert (kept.reason, kept.session, kept.resolved_at is not None) == ("tag_blocked", session, True)


def test_a_blocked_tag_that_starts_before_our_eyes_is_held(charger: ScriptedStation) -> None:
    make_token(uid="BLOCKED", blocked_at=NOON)
    charger.start("BLOCKED")
    assert (only_session().quality, only_session().hold_reasons) == ("held", ["tag_blocked"])


@pytest.mark.parametrize(
    ("told", "state"), [("SuspendedEV", "PARKED"), ("SuspendedEVSE", "WITHHELD"), ("Charging", "CHARGING")]
)
def test_a_suspended_vehicle_is_parked_and_a_suspended_station_withholds(
    charger: ScriptedStation, told: str, state: str
) -> None:
    charger.start("TAG", at=minutes(0))
    charger.status("SuspendedEV" if told == "Charging" else "Charging", at=minutes(1))
    charger.status(told, at=minutes(2))
    last = SessionState.objects.order_by("at").last()
    assert (last and last.state) == state


# -- poison

POISONOUS_EVENTS = [
    ('"seqNo": 0', '"seqNo": 1e400'),
    ('"seqNo": 0', '"seqNo": NaN'),
    ('"transactionId": "P"', r'"transactionId": "a\u0000b"'),
    ('"transactionId": "P"', r'"transactionId": "\ud800"'),
    ('"value": 5', '"value": 1e400'),
    ('"value": 5', '"value": NaN'),
    ('"value": 5', '"value": "5"'),
]


@pytest.mark.parametrize(("good", "bad"), POISONOUS_EVENTS)
def test_a_poisonous_event_is_refused_and_the_next_one_taken(
    charger2: ScriptedStation2, good: str, bad: str
) -> None:
    frame = (
        '[2, "p", "TransactionEvent", {"eventType": "Started", "timestamp": "TIME", "seqNo": 0,'
        ' "triggerReason": "Authorized", "transactionInfo": {"transactionId": "P"}, "evse": {"id": 1},'
        ' "meterValue": [{"timestamp": "TIME", "sampledValue": [{"value": 5}]}]}]'
    ).replace("TIME", stamp(NOON))
    charger2.send_raw(frame.replace(good, bad))
    assert charger2.receive()[0] == 4
    assert not ChargingSession.objects.exists()
    charger2.send_raw(frame)
    assert charger2.receive()[:2] == [3, "p"]
    assert only_session().meter_start_wh == 5


def test_an_energy_of_ten_to_the_25_is_set_aside_and_the_event_taken(charger2: ScriptedStation2) -> None:
    charger2.event("Started", new_transaction(), minutes(0), tag="TAG", wh=1e25)
    assert reasons() == ["bad_value"]
    assert only_session().hold_reasons == ["meter_start_missing"]


def test_an_event_that_breaks_the_schema_is_refused_and_kept(charger2: ScriptedStation2) -> None:
    with pytest.raises(CallRefused) as refused:
        charger2.event("Started", "x" * 37, minutes(0), tag="TAG", wh=0)
    assert refused.value.code == "PropertyConstraintViolation"
    assert reasons() == ["malformed"]


def test_signed_data_of_1_6_is_kept_to_the_letter(charger: ScriptedStation) -> None:
    number = charger.start("TAG", at=minutes(0))["transactionId"]
    data = 'OCMF|{"FV":"1.0","RD":[]}|{"SD":"3045"}'
    sampled = [
        {"value": data, "format": "SignedData", "context": "Transaction.End"},
        {"value": "500", "unit": "Wh"},
    ]
    charger.meter(number, 0, at=minutes(1), sampled=sampled)
    kept = SignedReading.objects.get()
    assert (kept.session, kept.data, kept.encoding) == (only_session(), data, "OCMF")
    assert (kept.context, Reading.objects.get().register_wh) == ("Transaction.End", 500)
