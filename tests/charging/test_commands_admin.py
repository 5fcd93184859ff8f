"""Commands from the admin are the same rows, after a confirmation, by who may send them."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from charging.models import StationCommand
from stations.models import Station
from tests.builders import make_station, make_user

pytestmark = pytest.mark.django_db
SENT = {"_form_submitted": "on"}


@pytest.fixture
def station() -> Station:
    return make_station()


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.test", "x"))
    return client


def test_a_restart_asks_first_and_becomes_a_command(staff: Client, station: Station) -> None:
    url = reverse("admin:stations_station_restart", args=[station.pk])
    assert "away for some minutes" in staff.get(url).content.decode()
    assert not StationCommand.objects.exists()
    staff.post(url, {"kind": "Soft", **SENT})
    command = StationCommand.objects.get()
    assert (command.action, command.payload, command.state) == ("Reset", {"type": "Soft"}, "pending")
    assert (command.cause_kind, str(command.requested_by)) == ("admin", "root@example.test")


def test_a_command_that_ocpp_does_not_take_is_not_written(staff: Client, station: Station) -> None:
    url = reverse("admin:stations_station_send_command", args=[station.pk])
    staff.post(url, {"action": "Reset", "payload": '{"type": "Sideways"}', **SENT})
    assert not StationCommand.objects.exists()
    staff.post(url, {"action": "Reset", "payload": '{"type": "Hard"}', **SENT})
    assert StationCommand.objects.count() == 1


def test_the_tag_of_a_command_is_masked(staff: Client, station: Station) -> None:
    command = StationCommand.objects.create(
        organisation_id=station.organisation_id, station=station, action="RemoteStartTransaction",
        payload={"idTag": "VERYSECRET"},
    )  # fmt: skip
    page = staff.get(reverse("admin:charging_stationcommand_change", args=[command.pk])).content.decode()
    assert "CRET" in page
    assert "VERYSECRET" not in page


def test_staff_without_the_permission_sends_nothing(client: Client, station: Station) -> None:
    client.force_login(make_user(is_staff=True))
    url = reverse("admin:stations_station_restart", args=[station.pk])
    assert client.post(url, {"kind": "Hard", **SENT}).status_code == 403
    assert not StationCommand.objects.exists()
