"""The review queue in the admin: who decides says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from charging import rating
from charging.models import ChargingSession, QuarantinedFact
from tests.builders import make_session, make_user

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.test", "x"))
    return client


@pytest.fixture
def held() -> ChargingSession:
    session = make_session(energy_wh=0, seconds=7200)
    rating.sweep()
    session.refresh_from_db()
    assert session.quality == "held"
    return session


def decide(client: Client, session: ChargingSession, what: str, note: str) -> Answer:
    path = reverse(f"admin:charging_chargingsession_{what}", args=[session.pk])
    return client.post(path, {"note": note, "_form_submitted": "on"})


@pytest.mark.parametrize(("what", "quality"), [("release", "released"), ("waive", "waived")])
def test_a_held_session_is_decided_on_with_a_reason(
    what: str, quality: str, staff: Client, held: ChargingSession
) -> None:
    answer = decide(staff, held, what, "looked at the log")
    assert answer["HX-Redirect"] == reverse("admin:charging_chargingsession_change", args=[held.pk])
    held.refresh_from_db()
    assert held.quality == quality
    review = held.reviews.last()
    assert review is not None
    assert review.by is not None
    assert (review.note, review.by.email) == ("looked at the log", "root@example.test")


def test_without_a_reason_nothing_happens(staff: Client, held: ChargingSession) -> None:
    answer = decide(staff, held, "release", "")
    assert "This field is required" in answer.content.decode()
    held.refresh_from_db()
    assert held.quality == "held"


def test_a_member_of_staff_without_the_permission_decides_nothing(
    client: Client, held: ChargingSession
) -> None:
    client.force_login(make_user(is_staff=True))
    assert decide(client, held, "release", "please").status_code == 403
    held.refresh_from_db()
    assert held.quality == "held"


def test_the_session_page_shows_evidence_and_readings(staff: Client) -> None:
    session = make_session(readings=[(60, 9_000), (120, 8_000)], seconds=3600)
    rating.sweep()
    page = staff.get(reverse("admin:charging_chargingsession_change", args=[session.pk])).content.decode()
    assert "register_backwards" in page
    assert "<td>9000</td>" in page


def test_a_quarantined_fact_is_resolved_once_with_a_reason(staff: Client) -> None:
    fact = QuarantinedFact.objects.create(
        organisation_id=make_session().organisation_id, source="ocpp", source_key="k", reason="x", raw="[]"
    )
    path = reverse("admin:charging_quarantinedfact_resolve", args=[fact.pk])
    for note in ("test charger", "something else"):
        staff.post(path, {"note": note, "_form_submitted": "on"})
    fact.refresh_from_db()
    assert fact.resolution == "test charger (root@example.test)"
