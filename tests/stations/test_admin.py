"""Stations in the admin: an identity is claimed in the world, a password kept as a hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import RegistryKey, User
from stations.models import Station
from tests.builders import make_site, make_station

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.test", "x"))
    return client


def add(client: Client, identity: str) -> Answer:
    site = make_site()
    form = {
        "organisation": site.organisation_id, "site": site.pk, "identity": identity, "security_profile": 1,
        "evses-TOTAL_FORMS": 1, "evses-INITIAL_FORMS": 0, "evses-0-number": 1, "evses-0-power_type": "DC",
        "evses-0-max_power_w": 50_000,
    }  # fmt: skip
    return client.post(reverse("admin:stations_station_add"), form)


def test_a_station_is_added_with_its_evses_and_claims_its_identity(staff: Client) -> None:
    answer = add(staff, "CP-NEW")
    assert answer.status_code == 302, answer.context["errors"]
    station = Station.objects.get(identity="CP-NEW")
    assert station.evses.get().organisation_id == station.organisation_id
    assert RegistryKey.objects.get(kind="ocpp", key="CP-NEW").target_id == station.pk


def test_an_identity_that_another_organisation_holds_is_told(staff: Client) -> None:
    make_station(identity="CP-TAKEN")
    errors = add(staff, "CP-TAKEN").context["adminform"].form.errors
    assert errors["identity"] == ["Another station holds this identity; give this one its own."]


def test_a_password_is_set_in_a_dialog_and_kept_as_a_hash(staff: Client) -> None:
    station = make_station()
    path = reverse("admin:stations_station_set_password", args=[station.pk])
    short = staff.post(path, {"password": "short", "_form_submitted": "on"})
    assert "at least 16 characters" in short.content.decode()
    staff.post(path, {"password": "a-long-enough-password", "_form_submitted": "on"})
    station.refresh_from_db()
    assert station.check_password("a-long-enough-password")
    assert "long" not in station.password_hash
