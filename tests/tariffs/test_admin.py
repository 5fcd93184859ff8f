"""The admin publishes tariffs and ends assignments; it never edits a price."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tariffs.models import Tariff, TariffAssignment, TariffVersion
from tests.builders import make_organisation, make_site, make_tariff, make_tariff_document

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db
ADD = "admin:tariffs_tariffversion_add"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.test", "x"))
    return client


def publish(client: Client, tariff: Tariff, document: object, valid_from: str = "") -> Answer:
    day, _, time = valid_from.partition(" ")
    form = {"tariff": tariff.pk, "document": json.dumps(document), "valid_from_0": day, "valid_from_1": time}
    return client.post(reverse(ADD), form)


def test_adding_a_version_publishes_it(staff: Client) -> None:
    tariff = make_tariff(organisation=make_organisation()).tariff
    assert publish(staff, tariff, make_tariff_document("0.61")).status_code == 302
    version = TariffVersion.objects.get(number=2)
    assert (version.tariff, version.organisation_id) == (tariff, tariff.organisation_id)
    assert version.valid_from <= timezone.now()


@pytest.mark.parametrize(
    ("document", "valid_from", "field", "message"),
    [
        (make_tariff_document("-1"), "", "document", "price: must not be negative"),
        (make_tariff_document(), "2020-01-01 00:00", "valid_from", "is past"),
    ],
)
def test_a_refused_version_says_why_at_its_field(
    document: dict[str, Any], valid_from: str, field: str, message: str, staff: Client
) -> None:
    tariff = make_tariff(organisation=make_organisation()).tariff
    answer = publish(staff, tariff, document, valid_from)
    assert message in str(answer.context["adminform"].form.errors[field])
    assert TariffVersion.objects.count() == 1


def assign(client: Client, **changed: object) -> Answer:
    form = {"valid_from_0": "2030-01-01", "valid_from_1": "00:00", "valid_until_0": "", "valid_until_1": ""}
    return client.post(reverse("admin:tariffs_tariffassignment_add"), {**form, **changed})


def test_a_tariff_is_assigned_only_within_its_organisation(staff: Client) -> None:
    tariff, elsewhere = make_tariff(organisation=make_organisation()).tariff, make_site()
    answer = assign(staff, organisation=tariff.organisation_id, tariff=tariff.pk, site=elsewhere.pk)
    errors = answer.context["adminform"].form.errors
    assert "belongs to another organisation" in str(errors["site"])
    site = make_site(tariff.organisation)
    answer = assign(staff, organisation=tariff.organisation_id, tariff=tariff.pk, site=site.pk)
    assert answer.status_code == 302
    assert TariffAssignment.objects.filter(site=site).count() == 1


def test_an_assignment_cannot_end_in_the_past(staff: Client) -> None:
    make_tariff(organisation=make_organisation())
    assignment = TariffAssignment.objects.get()
    path = reverse("admin:tariffs_tariffassignment_change", args=[assignment.pk])
    answer = staff.post(path, {"valid_until_0": "2020-01-01", "valid_until_1": "00:00"})
    assert "is past" in str(answer.context["adminform"].form.errors["valid_until"])
    later = timezone.now() + timedelta(days=1)
    form = {"valid_until_0": f"{later:%Y-%m-%d}", "valid_until_1": "00:00"}
    assert staff.post(path, form).status_code == 302
