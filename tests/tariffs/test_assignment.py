"""Which tariff applies: the group's before the public's, the nearest place before the wider, the latest start."""

from datetime import timedelta

import pytest

from accounts.models import DriverGroup, DriverGroupMember
from tariffs.assignment import MissingTariff, version_in_force
from tariffs.models import TariffVersion
from tests.builders import LONG_AGO, MONDAY, connector_of, make_driver, make_station, make_tariff

pytestmark = pytest.mark.django_db


def test_the_nearest_place_wins():
    connector = connector_of(make_station())
    organisation, station = connector.organisation, connector.evse.station
    for place in ({}, {"site": station.site}, {"station": station}, {"connector": connector}):
        version = make_tariff(organisation=organisation, **place)
        assert version_in_force(connector, MONDAY) == version


def test_another_places_tariff_does_not_apply():
    connector, elsewhere = connector_of(make_station()), connector_of(make_station())
    make_tariff(organisation=connector.organisation, station=make_station(connector.evse.station.site))
    make_tariff(organisation=elsewhere.organisation)
    with pytest.raises(MissingTariff, match="no tariff is assigned"):
        version_in_force(connector, MONDAY)


def test_a_group_has_its_own_price_even_where_the_publics_is_nearer():
    connector, driver = connector_of(make_station()), make_driver()
    organisation = connector.organisation
    group = DriverGroup.objects.create(organisation=organisation, name="Staff")
    DriverGroupMember.objects.create(organisation=organisation, group=group, driver=driver)
    public = make_tariff(organisation=organisation, connector=connector)
    staff = make_tariff(organisation=organisation, driver_group=group)
    assert version_in_force(connector, MONDAY, driver.pk) == staff
    assert version_in_force(connector, MONDAY, make_driver().pk) == public
    assert version_in_force(connector, MONDAY) == public


def test_of_two_for_the_same_place_the_later_start_wins_from_then_on():
    connector = connector_of(make_station())
    old = make_tariff(organisation=connector.organisation)
    new = make_tariff(organisation=connector.organisation, valid_from=MONDAY)
    assert version_in_force(connector, MONDAY - timedelta(microseconds=1)) == old
    assert version_in_force(connector, MONDAY) == new


def test_an_ended_assignment_applies_to_its_end_and_not_at_it():
    connector = connector_of(make_station())
    version = make_tariff(organisation=connector.organisation)
    version.tariff.assignments.update(valid_until=MONDAY)
    assert version_in_force(connector, MONDAY - timedelta(microseconds=1)) == version
    with pytest.raises(MissingTariff):
        version_in_force(connector, MONDAY)


def test_a_version_holds_until_the_next_one_starts():
    connector = connector_of(make_station())
    first = make_tariff(organisation=connector.organisation)
    second = TariffVersion.objects.create(
        organisation_id=first.organisation_id,
        tariff=first.tariff,
        number=2,
        document=first.document,
        valid_from=MONDAY,
    )
    assert version_in_force(connector, MONDAY - timedelta(seconds=1)) == first
    assert version_in_force(connector, MONDAY) == second


def test_before_the_first_version_there_is_no_price():
    connector = connector_of(make_station())
    version = make_tariff(organisation=connector.organisation, valid_from=MONDAY)
    version.tariff.assignments.get()
    with pytest.raises(MissingTariff):
        version_in_force(connector, LONG_AGO)
