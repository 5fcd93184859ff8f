"""Rows of every model that has an admin page in accounts, stations, tariffs and charging."""

from datetime import timedelta

from django.contrib.auth.models import Group
from django.utils import timezone

from accounts.models import ApiKey, DriverBlock, DriverGroup, DriverGroupMember
from charging import commands, quality, rating
from charging.models import ImportBatch, LocalList, QuarantinedFact, StationCommand
from stations.models import Station, Status, StatusInterval
from tests.builders import (
    MONDAY,
    connector_of,
    make_driver,
    make_member,
    make_session,
    make_station,
    make_tariff,
    make_token,
    make_user,
)


def make_one_of_each(number: int) -> None:
    """One row of each model, all of one organisation; a second call makes rows of another one."""
    connector = connector_of(make_station())
    organisation = connector.organisation
    member, driver = make_member(organisation), make_driver()
    group = DriverGroup.objects.create(organisation=organisation, name="Staff")
    DriverGroupMember.objects.create(organisation=organisation, group=group, driver=driver)
    DriverBlock.objects.create(organisation=organisation, driver=make_driver(guest=True), reason="debt")
    Group.objects.create(name=f"Group {number}")
    make_tariff(organisation=organisation, connector=connector)
    token = make_token(driver)
    session = make_session(
        connector, driver=driver, token=token, states=[(0, "CHARGING")], readings=[(60, 200)]
    )
    doubtful = make_session(
        connector, start=MONDAY + timedelta(days=1), seconds=7200, energy_wh=0, driver=driver, token=token
    )
    rating.sweep()
    quality.waive(doubtful, by=make_user(), note="broken")
    StatusInterval.objects.create(
        organisation=organisation, connector=connector, status=Status.AVAILABLE, since=timezone.now()
    )
    QuarantinedFact.objects.create(
        organisation=organisation, source="ocpp", source_key="k", reason="no_end", raw="[]",
        station=connector.evse.station, session=session,
    )  # fmt: skip
    ImportBatch.objects.create(
        organisation=organisation, file_name="a.csv", sha256="0", mapping="m", rows_in=2, imported=1,
        quarantined={"no_end": 1},
    )  # fmt: skip
    StationCommand.objects.create(
        organisation=organisation, station=connector.evse.station, action="Reset", requested_by=member.user
    )
    make_kept_by_the_station(connector.evse.station)


def make_kept_by_the_station(station: Station) -> None:
    """A reservation, a limit and a local list of the station, and a key of its organisation."""
    until = (timezone.now() + timedelta(hours=1)).isoformat()
    reserve = {"connectorId": 1, "idTag": "TAG", "reservationId": 1, "expiryDate": until}
    commands.request(station, "ReserveNow", reserve)
    limit = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "ChargePointMaxProfile"}
    commands.request(station, "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": limit})
    LocalList.objects.create(organisation_id=station.organisation_id, station=station)
    ApiKey.issue(station.organisation, "Fleet system")
