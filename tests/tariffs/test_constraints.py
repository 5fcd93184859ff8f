"""What must hold of tariffs holds in the database: a price that was published never changes."""

from datetime import timedelta

import pytest

from tariffs.models import TariffAssignment
from tests.builders import LONG_AGO, connector_of, make_organisation, make_station, make_tariff
from tests.raw import copy_row, refused_by, set_column

pytestmark = pytest.mark.django_db


def test_a_version_can_be_neither_changed_nor_deleted():
    version = make_tariff(organisation=make_organisation())
    for columns in ({"document": "{}"}, {"number": 7}, {"valid_from": LONG_AGO - timedelta(days=1)}):
        with refused_by("Cannot update or delete"):
            set_column(version, **columns)
    with refused_by("Cannot update or delete"):
        version.delete()


def test_versions_are_numbered_once_from_one():
    version = make_tariff(organisation=make_organisation())
    with refused_by("tariff_version_number_once"):
        copy_row(version)
    with refused_by("tariff_version_from_one"):
        copy_row(version, number=0)


def test_a_tariff_has_a_name_of_its_own_and_an_iso_currency():
    tariff = make_tariff(organisation=make_organisation()).tariff
    with refused_by("tariff_name_once"):
        copy_row(tariff)
    with refused_by("tariff_currency_is_iso"):
        set_column(tariff, currency="euro"[:3])


def test_an_assignment_names_one_place_at_most():
    connector = connector_of(make_station())
    make_tariff(organisation=connector.organisation, connector=connector)
    assignment = TariffAssignment.objects.get()
    with refused_by("tariff_assignment_one_place"):
        copy_row(assignment, station_id=connector.evse.station_id)
    with refused_by("tariff_assignment_once"):
        copy_row(assignment)


def test_an_assignment_ends_but_never_moves():
    make_tariff(organisation=make_organisation())
    assignment = TariffAssignment.objects.get()
    set_column(assignment, valid_until=LONG_AGO + timedelta(days=1))
    with refused_by("tariff_assignment_runs_forward"):
        set_column(assignment, valid_until=LONG_AGO)
    with refused_by("Cannot update"):
        set_column(assignment, valid_from=LONG_AGO - timedelta(days=1))
    with refused_by("Cannot update"):
        set_column(assignment, organisation_id=make_organisation().pk)
