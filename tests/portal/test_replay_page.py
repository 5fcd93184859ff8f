"""The replay's page: a sentence with its basis, all elasticities side by side, and what is missing said."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organisation
from charging import rating
from tests.builders import make_driver, make_member, make_organisation, make_session, make_site
from tests.portal.test_driver import text_of
from tests.revenue.pricing_world import Place, make_place, make_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def place() -> Place:
    """Forty sessions of 10 kWh at 0.50 EUR on the last forty days, at all hours."""
    found = make_place(name="Harbour", parking=None)
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    for number in range(40):
        make_session(
            found.connectors[number % 4],
            start=now - timedelta(days=number + 1, hours=number % 24),
            seconds=3600,
            energy_wh=10_000,
            driver=make_driver(),
        )
    assert rating.sweep() == 40
    return found


def asked(client: Client, organisation: Organisation, **query: Any) -> str:
    return text_of(client.get(reverse("portal:prices-replay", args=[organisation.slug]), query))


def test_a_cheaper_day_is_said_in_a_sentence_with_its_basis(client: Client, place: Place) -> None:
    client.force_login(make_member(place.site.organisation).user)
    page = asked(
        client, place.site.organisation, site=place.site.pk, days=90, what="window", percent=-20,
        from_time="00:00", to_time="23:59",
    )  # fmt: skip
    assert "Energy 20 % cheaper from 00:00–23:59 would have brought 40.00 EUR less if nobody" in page
    assert "measured on 40 sessions at Harbour" in page
    assert "200.00 EUR" in page  # as it was
    assert "pay less 100 %" in page
    for elasticity in ("0.0", "−0.2", "−0.5", "−1.0"):
        assert elasticity in page
    assert "Billed were" not in page


def test_a_shorter_period_rests_on_fewer_sessions(client: Client, place: Place) -> None:
    client.force_login(make_member(place.site.organisation).user)
    page = asked(client, place.site.organisation, site=place.site.pk, days=30, what="rules")
    assert "measured on 29 sessions" in page or "measured on 30 sessions" in page
    assert "brought the same" in page
    make_rule(place, percent=20)
    assert "EUR more if nobody" in asked(
        client, place.site.organisation, site=place.site.pk, days=30, what="rules"
    )


def test_another_tariff_is_tried_and_what_is_missing_is_said(client: Client, place: Place) -> None:
    client.force_login(make_member(place.site.organisation).user)
    own = place.site.organisation
    tariff = place.base.tariff
    assert "brought the same" in asked(
        client, own, site=place.site.pk, days=90, what="tariff", tariff=tariff.pk
    )
    assert "Needed for" in asked(client, own, site=place.site.pk, days=90, what="tariff")
    empty = make_site(own)
    assert "no priced sessions" in asked(client, own, site=empty.pk, days=90, what="tariff", tariff=tariff.pk)


def test_another_organisations_site_cannot_be_chosen(client: Client, place: Place) -> None:
    stranger = make_member(make_organisation())
    client.force_login(stranger.user)
    page = asked(client, stranger.organisation, site=place.site.pk, days=90, what="rules")
    assert "Select a valid choice" in page
    assert "Harbour" not in page
