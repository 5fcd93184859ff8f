"""Reservations and power limits follow their commands, time, and the sessions that use them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from charging import commands, profiles, reservations
from charging.models import ChargingProfile, Reservation, StationCommand
from stations.models import Station
from tests.builders import connector_of, make_session, make_station, make_token

pytestmark = pytest.mark.django_db
TAG = "04AABBCCDD"


@pytest.fixture
def station() -> Station:
    return make_station(evses=2)


def text_of(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ask(
    station: Station, action: str, payload: dict[str, Any], answer: str | None = "Accepted"
) -> StationCommand:
    """Ask, and have the station answer; no answer if that is None."""
    command = commands.request(station, action, payload)
    (taken,) = commands.claim({station.pk})
    if answer is None:
        commands.timed_out(taken)
    else:
        commands.answered(taken, {"status": answer})
    return command


def reserve(
    station: Station, answer: str | None = "Accepted", number: int = 7, minutes: int = 30
) -> Reservation:
    until = text_of(timezone.now() + timedelta(minutes=minutes))
    payload = {"connectorId": 2, "expiryDate": until, "idTag": TAG, "reservationId": number}
    command = ask(station, "ReserveNow", payload, answer)
    made: Reservation = Reservation.objects.get(command=command)
    return made


@pytest.mark.parametrize(
    ("answer", "state"),
    [("Accepted", "reserved"), ("Occupied", "refused"), ("Rejected", "refused"), (None, "requested")],
)
def test_a_reservation_is_what_the_station_says(station: Station, answer: str | None, state: str) -> None:
    token = make_token(uid=TAG)
    made = reserve(station, answer)
    assert (made.state, made.number, made.evse_number, made.masked) == (state, 7, 2, "•••• CCDD")
    assert made.token == token
    assert made.answer == (answer or "")


def test_a_station_that_is_away_reserves_nothing(station: Station) -> None:
    until = text_of(timezone.now() + timedelta(minutes=30))
    payload = {"connectorId": 2, "expiryDate": until, "idTag": TAG, "reservationId": 7}
    command = commands.request(station, "ReserveNow", payload)
    assert Reservation.objects.get().state == "requested"
    StationCommand.objects.filter(pk=command.pk).update(created_at=timezone.now() - timedelta(minutes=5))
    assert commands.expire() == 1
    assert (Reservation.objects.get().state, Reservation.objects.get().answer) == (
        "refused",
        "Station offline",
    )


def test_a_cancelled_reservation_is_cancelled_once_the_station_agrees(station: Station) -> None:
    made = reserve(station)
    ask(station, "CancelReservation", {"reservationId": 7}, "Rejected")
    made.refresh_from_db()
    assert made.state == "reserved"
    ask(station, "CancelReservation", {"reservationId": 7})
    made.refresh_from_db()
    assert made.state == "cancelled"


def test_a_reservation_of_the_same_number_replaces_the_open_one(station: Station) -> None:
    first, second = reserve(station), reserve(station)
    first.refresh_from_db()
    assert (first.state, first.answer, second.state) == ("cancelled", "Replaced", "reserved")


def test_a_start_with_the_reserved_tag_at_its_port_uses_the_reservation(station: Station) -> None:
    token = make_token(uid=TAG)
    made = reserve(station)
    make_session(connector_of(station, 1), token=token, start=timezone.now(), seconds=None)
    make_session(connector_of(station, 2), token=make_token(), start=timezone.now(), seconds=None)
    assert reservations.sweep() == 0
    session = make_session(connector_of(station, 2), token=token, start=timezone.now(), seconds=None)
    assert reservations.sweep() == 1
    made.refresh_from_db()
    assert (made.state, made.session) == ("used", session)


def test_a_start_that_names_the_reservation_uses_it(station: Station) -> None:
    made = reserve(station)
    session = make_session(connector_of(station, 2), start=timezone.now(), seconds=None)
    for _ in range(2):
        reservations.used(station.organisation_id, station.pk, 7, session.pk)
    made.refresh_from_db()
    assert (made.state, made.session) == ("used", session)


def test_time_ends_a_reservation(station: Station) -> None:
    made = reserve(station)
    Reservation.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert reservations.sweep() == 1
    made.refresh_from_db()
    assert made.state == "expired"
    assert reservations.sweep() == 0


def limit(
    station: Station, number: int = 1, answer: str | None = "Accepted", connector: int = 0, **more: Any
) -> ChargingProfile:
    profile = {
        "chargingProfileId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}]
        },
        **more,
    }  # fmt: skip
    payload = {"connectorId": connector, "csChargingProfiles": profile}
    command = ask(station, "SetChargingProfile", payload, answer)
    made: ChargingProfile = ChargingProfile.objects.get(command=command)
    return made


def states(station: Station) -> list[str]:
    rows = ChargingProfile.objects.filter(station=station).order_by("created_at", "id")
    return list(rows.values_list("state", flat=True))


@pytest.mark.parametrize(
    ("answer", "state"), [("Accepted", "active"), ("Rejected", "refused"), ("NotSupported", "refused")]
)
def test_a_limit_is_what_the_station_says(station: Station, answer: str, state: str) -> None:
    made = limit(station, answer=answer)
    assert (made.state, made.purpose, made.stack_level) == (state, "TxDefaultProfile", 0)


def test_a_limit_replaces_that_of_its_number_and_that_of_its_place(station: Station) -> None:
    limit(station, 1, connector=1)
    limit(station, 1, connector=2)  # the same id
    limit(station, 2, connector=2)  # another id, the same connector, purpose and level
    limit(station, 3, connector=1)
    assert states(station) == ["replaced", "replaced", "active", "active"]


def test_a_refused_limit_replaces_nothing(station: Station) -> None:
    limit(station, 1)
    limit(station, 1, answer="Rejected")
    assert states(station) == ["active", "refused"]


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ({}, []),
        ({"id": 2}, [1, 3]),
        ({"connectorId": 1}, [2, 3]),
        ({"stackLevel": 5}, [1, 2]),
        ({"chargingProfilePurpose": "TxProfile"}, [1, 2, 3]),
    ],
)
def test_limits_are_lifted_as_the_command_names_them(
    station: Station, named: dict[str, Any], left: list[int]
) -> None:
    limit(station, 1, connector=1)
    limit(station, 2, connector=2)
    limit(station, 3, connector=2, stackLevel=5)
    ask(station, "ClearChargingProfile", named)
    active = ChargingProfile.objects.filter(state="active").order_by("number")
    assert list(active.values_list("number", flat=True)) == left


def test_time_and_the_end_of_its_transaction_end_a_limit(station: Station) -> None:
    limit(station, 1, validTo=text_of(timezone.now() - timedelta(minutes=1)))
    limit(station, 2, connector=2, transactionId=77)
    session = make_session(connector_of(station, 2), seconds=None, transaction_id="77")
    assert profiles.sweep() == 1
    assert states(station) == ["expired", "active"]
    type(session).objects.filter(pk=session.pk).update(state="ended", ended_at=timezone.now(), meter_end_wh=5)
    assert profiles.sweep() == 1
    assert states(station) == ["expired", "expired"]
