"""Cards of one group may stop each other's sessions; a start uses its reservation; the cost is in the answer."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.authorisation import authorise, authorise_all
from accounts.models import Fleet, FleetMember, Organisation
from charging import rating, running_cost, station_tariffs
from charging.models import CostNotice, Reservation, StationCommand
from stations.models import Station
from tests.builders import make_driver, make_organisation, make_tariff, make_tariff_document, make_token
from tests.gateway.conftest import PASSWORD, Connect
from tests.gateway.station2 import ScriptedStation2, new_transaction
from tests.gateway.test_running_cost import here
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def group(organisation: Organisation, uid: str) -> str:
    return authorise(organisation.pk, uid).group


def test_the_cards_of_a_driver_are_one_group_at_each_organisation(organisation: Organisation) -> None:
    driver = make_driver()
    for uid in ("ONE", "TWO"):
        make_token(driver, uid)
    make_token(uid="OTHER")
    mine = group(organisation, "ONE")
    assert len(mine) == 20
    assert group(organisation, "TWO") == mine
    assert group(organisation, "OTHER") != mine
    assert group(make_organisation(), "ONE") != mine  # nothing to follow a driver by


def test_the_cards_of_a_fleet_are_one_group_while_it_is_open(organisation: Organisation) -> None:
    fleet = Fleet.objects.create(organisation=organisation, name="Vans", email="vans@example.org")
    for uid in ("ONE", "TWO"):
        driver = make_driver()
        make_token(driver, uid)
        FleetMember.objects.create(organisation=organisation, fleet=fleet, driver=driver)
    private = make_token(driver, "PRIVATE")
    other = Fleet.objects.create(organisation=organisation, name="Cars", email="cars@example.org")
    FleetMember.objects.create(organisation=organisation, fleet=other, driver=driver, token=private)
    assert group(organisation, "ONE") == group(organisation, "TWO") != group(organisation, "PRIVATE")
    Fleet.objects.update(closed_at=timezone.now())
    assert group(organisation, "ONE") != group(organisation, "TWO") == group(organisation, "PRIVATE")


def test_a_bad_card_has_no_group_and_a_group_opens_nothing(organisation: Organisation) -> None:
    make_token(uid="GOOD")
    make_token(uid="BAD", blocked_at=timezone.now())
    known = authorise_all((organisation.pk, uid) for uid in ("GOOD", "BAD", "NOBODY"))
    assert [bool(shown.group) for shown in known.values()] == [True, False, False]
    assert not authorise(organisation.pk, group(organisation, "GOOD")).accepted


def test_stations_of_1_6_are_told_the_group(station: Station, connect: Connect) -> None:
    make_token(uid="TAG")
    charger = connect(station)
    mine = group(station.organisation, "TAG")
    told = {"status": "Accepted", "parentIdTag": mine}
    assert charger.call("Authorize", {"idTag": "TAG"}) == {"idTagInfo": told}
    started = charger.start("TAG")
    assert started["idTagInfo"] == told
    payload = {"transactionId": started["transactionId"], "meterStop": 5, "idTag": "TAG"}
    stopped = charger.call("StopTransaction", {**payload, "timestamp": timezone.now().isoformat()})
    assert stopped == {"idTagInfo": told}


def test_stations_of_2_x_are_told_the_group(station: Station, gateway: str) -> None:
    make_token(uid="TAG")
    told = {
        "status": "Accepted",
        "groupIdToken": {"idToken": group(station.organisation, "TAG"), "type": "Central"},
    }
    with ScriptedStation2(gateway, station.identity, PASSWORD) as charger:
        assert charger.authorize("TAG") == {"idTokenInfo": told}
        assert charger.event("Started", new_transaction(), tag="TAG", wh=0) == {"idTokenInfo": told}


def test_a_station_of_2_1_takes_the_tariff_that_is_pushed(station: Station, gateway: str) -> None:
    make_tariff(make_tariff_document("0.513", time="1.90"), organisation=station.organisation)
    with ScriptedStation2(gateway, station.identity, PASSWORD, "ocpp2.1") as charger:
        here(station)
        assert station_tariffs.sweep() >= 1
        told = charger.wait_for_call("SetDefaultTariff")
        assert told["tariff"]["energy"]["prices"] == [{"priceKwh": 0.513}]
        assert told["tariff"]["chargingTime"]["prices"] == [{"priceMinute": 0.031666667}]
        accepted = StationCommand.objects.filter(action="SetDefaultTariff", state="accepted")
        wait_until(accepted.exists, what="the station's answer to be kept")


def reserve(station: Station, number: int) -> Reservation:
    command = StationCommand.objects.create(
        organisation=station.organisation, station=station, action="ReserveNow",
        state="accepted", sent_at=timezone.now(),
    )  # fmt: skip
    made: Reservation = Reservation.objects.create(
        organisation=station.organisation,
        station=station,
        number=number,
        evse_number=1,
        state="reserved",
        expires_at=timezone.now() + timedelta(hours=1),
        command=command,
    )
    return made


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
def test_a_start_uses_the_reservation_that_it_names(
    version: str, station: Station, connect: Connect, gateway: str
) -> None:
    make_token(uid="TAG")
    named, other = reserve(station, 7), reserve(station, 8)
    if version == "1.6":
        start = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": timezone.now().isoformat()}
        charger = connect(station)
        for _ in range(2):
            charger.call("StartTransaction", {**start, "reservationId": 7})
    else:
        with ScriptedStation2(gateway, station.identity, PASSWORD) as charger2:
            more: dict[str, Any] = {"reservationId": 7}
            charger2.event("Started", new_transaction(), tag="TAG", wh=0, **more)
    named.refresh_from_db()
    other.refresh_from_db()
    assert (named.state, other.state) == ("used", "reserved")
    assert named.session is not None
    assert named.session.station_id == station.pk


def test_the_running_cost_is_in_the_answer_and_with_the_end_only_the_final_one(
    station: Station, gateway: str
) -> None:
    make_token(uid="TAG")
    make_tariff(make_tariff_document("0.50"), organisation=station.organisation)
    tx, now = new_transaction(), timezone.now()

    def ago(minutes: float) -> Any:
        return now - timedelta(minutes=minutes)

    with ScriptedStation2(gateway, station.identity, PASSWORD) as charger:
        here(station)
        charger.event("Started", tx, ago(20), tag="TAG", wh=0, state="Charging")
        assert charger.event("Updated", tx, ago(15), wh=1000) == {}
        rating.pin_sweep()
        running_cost.sweep()
        assert CostNotice.objects.count() == 1
        assert charger.event("Updated", tx, ago(10), wh=2000) == {"totalCost": 0.6}
        assert charger.event("Ended", tx, ago(5), wh=3000, seq=9) == {}
        rating.sweep()
        CostNotice.objects.update(state="told")
        running_cost.sweep()
        assert charger.event("Ended", tx, ago(5), wh=3000, seq=9) == {"totalCost": 1.8}
