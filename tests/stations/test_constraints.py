"""What must hold of sites, stations and connectors holds in the database."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from stations.models import Status, StatusInterval
from tests.builders import connector_of, make_site, make_station
from tests.raw import copy_row, refused_by, set_column

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("columns", "constraint"),
    [
        ({"latitude": 91, "longitude": 0}, "site_coordinates_on_earth"),
        ({"latitude": 0, "longitude": -181}, "site_coordinates_on_earth"),
        ({"country": "Germany"[:2].lower()}, "site_country_is_iso"),
    ],
)
def test_a_site_is_on_earth(columns: dict[str, object], constraint: str):
    with refused_by(constraint):
        set_column(make_site(), **columns)


def test_a_site_has_a_zone_that_exists():
    site = make_site(time_zone="Europe/Atlantis")
    with pytest.raises(ValidationError, match="IANA time zone"):
        site.full_clean()


def test_names_and_numbers_are_unique_within_the_organisation():
    station = make_station()
    connector = connector_of(station)
    for row, constraint in (
        (station.site, "site_name_once"),
        (connector.evse, "evse_number_once"),
        (connector, "connector_number_once"),
    ):
        with refused_by(constraint):
            copy_row(row)
    with refused_by("station_identity_once"):
        copy_row(station, public_code="ANOTHER2")
    with refused_by("station_public_code_once"):
        copy_row(station, identity="ANOTHER")


@pytest.mark.parametrize(
    ("what", "columns", "constraint"),
    [
        ("evse", {"number": 0}, "evse_number_from_one"),
        ("evse", {"max_power_w": 0}, "evse_power_positive"),
        ("connector", {"number": 0}, "connector_number_from_one"),
        ("station", {"security_profile": 4}, "station_security_profile_known"),
    ],
)
def test_numbers_make_sense(what: str, columns: dict[str, object], constraint: str):
    connector = connector_of(make_station())
    row = {"evse": connector.evse, "connector": connector, "station": connector.evse.station}[what]
    with refused_by(constraint):
        set_column(row, **columns)


def test_a_connector_has_one_status_now_and_none_that_ends_before_it_began():
    connector = connector_of(make_station())
    now = timezone.now()
    interval = StatusInterval.objects.create(
        organisation_id=connector.organisation_id, connector=connector, status=Status.AVAILABLE, since=now
    )
    with refused_by("status_interval_one_open"):
        copy_row(interval)
    with refused_by("status_interval_runs_forward"):
        set_column(interval, until=now - timedelta(seconds=1))
    with refused_by("status_known"):
        set_column(interval, status="Dancing")
