"""A station of OCPP 2.1 is told the tariff of each EVSE once, and a session's own where it differs."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import DriverGroup, DriverGroupMember
from charging import commands, station_tariffs
from charging.models import StationCommand
from stations.models import Station
from tariffs.models import TariffVersion
from tests.builders import (
    connector_of,
    make_driver,
    make_session,
    make_station,
    make_tariff,
    make_tariff_document,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def station() -> Station:
    now = timezone.now()
    return make_station(evses=2, ocpp_version="2.1", last_seen_at=now, connected_at=now)


@pytest.fixture(autouse=True)
def version(station: Station) -> TariffVersion:
    return make_tariff(organisation=station.organisation)


def settle(answer: dict[str, Any]) -> None:
    """Every open command is answered so."""
    StationCommand.objects.filter(state="pending").update(state="sent", sent_at=timezone.now())
    for command in StationCommand.objects.filter(state="sent"):
        commands.answered(command, answer)


def age(minutes: float) -> None:
    for command in StationCommand.objects.all():
        StationCommand.objects.filter(pk=command.pk).update(
            created_at=command.created_at - timedelta(minutes=minutes)
        )


def test_each_evse_is_told_its_tariff_once(station: Station, version: TariffVersion) -> None:
    assert station_tariffs.sweep() == 2
    assert station_tariffs.sweep() == 0
    told = [command.payload for command in StationCommand.objects.order_by("created_at")]
    assert {(one["evseId"], one["tariff"]["tariffId"]) for one in told} == {
        (1, f"{version.pk}-1"),
        (2, f"{version.pk}-2"),
    }
    assert told[0]["tariff"]["energy"]["prices"] == [{"priceKwh": 0.5}]
    settle({"status": "Accepted"})
    assert station_tariffs.sweep() == 0


def test_a_new_version_is_told_when_it_comes_into_force(station: Station, version: TariffVersion) -> None:
    station_tariffs.sweep()
    settle({"status": "Accepted"})
    dearer = TariffVersion.objects.create(
        organisation=station.organisation,
        tariff=version.tariff,
        number=2,
        document=make_tariff_document("0.70"),
        valid_from=timezone.now(),
    )
    assert station_tariffs.sweep() == 2
    assert set(StationCommand.objects.filter(state="pending").values_list("cause_id", flat=True)) == {
        dearer.pk
    }


def test_a_tariff_of_one_connector_is_told_to_its_evse_alone(
    station: Station, version: TariffVersion
) -> None:
    own = make_tariff(organisation=station.organisation, connector=connector_of(station, 2))
    station_tariffs.sweep()
    told = {command.payload["evseId"]: command.cause_id for command in StationCommand.objects.all()}
    assert told == {1: version.pk, 2: own.pk}


@pytest.mark.parametrize("version_spoken", ["1.6", "2.0.1"])
def test_other_stations_are_left_alone(station: Station, version_spoken: str) -> None:
    Station.objects.update(ocpp_version=version_spoken)
    assert station_tariffs.sweep() == 0


def test_a_station_that_is_away_is_told_later() -> None:
    Station.objects.update(last_seen_at=timezone.now() - timedelta(hours=1))
    assert station_tariffs.sweep() == 0


def test_what_was_not_heard_is_said_again_after_a_pause() -> None:
    station_tariffs.sweep()
    StationCommand.objects.update(state="offline")
    assert station_tariffs.sweep() == 0
    age(1.1)
    assert station_tariffs.sweep() == 2


def test_a_refusal_is_remembered_until_the_station_boots(station: Station) -> None:
    station_tariffs.sweep()
    settle({"status": "Rejected"})
    age(600)
    assert station_tariffs.sweep() == 0
    Station.objects.update(boot_at=timezone.now())
    assert station_tariffs.sweep() == 2


def test_a_station_for_which_it_is_too_much_gets_the_description_alone() -> None:
    station_tariffs.sweep()
    settle({"status": "TooManyElements"})
    assert station_tariffs.sweep() == 2
    plain = StationCommand.objects.filter(state="pending")[0]
    assert plain.payload["tariff"].keys() == {"tariffId", "currency", "description"}
    settle({"status": "Rejected"})
    assert station_tariffs.sweep() == 0


def test_a_station_without_tariffs_is_not_bothered_with_new_versions(version: TariffVersion) -> None:
    station_tariffs.sweep()
    StationCommand.objects.update(state="sent", sent_at=timezone.now())
    for command in StationCommand.objects.all():
        commands.refused(command, "NotImplemented", "no tariffs here")
    TariffVersion.objects.create(
        organisation=version.organisation, tariff=version.tariff, number=2,
        document=make_tariff_document("0.70"), valid_from=timezone.now(),
    )  # fmt: skip
    assert station_tariffs.sweep() == 0


def test_a_session_with_a_tariff_of_its_own_is_told_once(station: Station, version: TariffVersion) -> None:
    station_tariffs.sweep()
    settle({"status": "Accepted"})
    staff = DriverGroup.objects.create(organisation=station.organisation, name="Staff")
    driver = make_driver()
    DriverGroupMember.objects.create(organisation=station.organisation, group=staff, driver=driver)
    own = make_tariff(make_tariff_document("0.10"), organisation=station.organisation, driver_group=staff)
    mine = make_session(
        connector_of(station), driver=driver, tariff_version=own, transaction_id="tx-1", seconds=None
    )
    make_session(connector_of(station, 2), tariff_version=version, transaction_id="tx-2", seconds=None)
    assert station_tariffs.sweep() == 1
    told = StationCommand.objects.get(action="ChangeTransactionTariff")
    assert (told.cause_id, told.payload["transactionId"]) == (mine.pk, "tx-1")
    assert told.payload["tariff"]["energy"]["prices"] == [{"priceKwh": 0.1}]
    settle({"status": "TxNotFound"})
    assert station_tariffs.sweep() == 0
