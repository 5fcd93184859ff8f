"""The Forecast and Placement pages say a sentence first, with its basis, and never what isn't known."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import Role
from revenue.forecast.reading import today_at
from revenue.models import Candidate, HolidayRegion
from stations.models import Connector, Site
from tests.builders import (
    connector_of,
    make_candidate,
    make_member,
    make_organisation,
    make_session,
    make_site,
    make_station,
)
from tests.portal.test_driver import text_of
from tests.revenue.test_forecast_making import record_sessions

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def port() -> Connector:
    """One of two ports of a site in Edinburgh, with ten months of sessions."""
    site = make_site(
        time_zone="Europe/London", country="GB", name="Harbour", latitude="55.95", longitude="-3.19"
    )
    connector = connector_of(make_station(site, evses=2))
    record_sessions(connector, 300, 6)
    return connector


def site_of(port: Connector) -> Site:
    return port.evse.station.site


def url(name: str, port: Connector, **more: object) -> str:
    return reverse(f"portal:{name}", kwargs={"organisation": site_of(port).organisation.slug, **more})


def taken(client: Client, address: str) -> list[str]:
    """The lines of a page's CSV."""
    return client.get(address, {"format": "csv"}).getvalue().decode().splitlines()


def test_the_forecast_page_says_what_to_expect_and_on_what_basis(client: Client, port: Connector) -> None:
    client.force_login(make_member(port.organisation, Role.VIEWER).user)
    page = client.get(url("forecast", port))
    text = text_of(page)
    assert "Harbour can expect about 8" in text
    assert "of 2 ports in use" in text
    assert "Based on 1,800 sessions over" in text
    assert "Hours inside the 80 % interval" in text
    assert "Public holidays of (GB)" not in text
    assert page.context["found"].past.hours > 1300


def test_all_hours_can_be_taken_away(client: Client, port: Connector) -> None:
    client.force_login(make_member(port.organisation).user)
    lines = taken(client, url("forecast", port))
    assert lines[0].endswith("hour_utc,hour_local,starts,starts_low,starts_high,energy_wh,energy_wh_low,"
                             "energy_wh_high,ports_in_use,ports_in_use_low,ports_in_use_high")  # fmt: skip
    assert len(lines) in (360, 361, 362)


def test_a_forecast_of_the_past_stands_beside_what_came(client: Client, port: Connector) -> None:
    client.force_login(make_member(port.organisation).user)
    day = today_at(site_of(port)) - timedelta(days=20)
    page = client.get(url("forecast", port), {"day": day.isoformat(), "measure": "energy_wh"})
    assert "Seen from" in text_of(page)
    rows = page.context["chart"].table.rows
    assert all(row[1] and row[2] for row in rows[28:])
    assert client.get(url("forecast", port), {"day": "soon", "measure": "x"}).status_code == 200


def test_too_early_is_said_and_so_is_nothing_at_all(client: Client) -> None:
    connector = connector_of(make_station())
    client.force_login(make_member(connector.organisation).user)
    make_session(connector)
    assert "Too early to tell" in text_of(client.get(url("forecast", connector)))
    empty = make_organisation()
    client.force_login(make_member(empty).user)
    assert "No sites yet" in text_of(client.get(reverse("portal:forecast", args=[empty.slug])))
    assert "No sessions yet" in text_of(client.get(reverse("portal:placement", args=[empty.slug])))


def test_holidays_are_chosen_by_owners_and_managers_alone(client: Client, port: Connector) -> None:
    address = url("forecast-holidays", port, site_id=site_of(port).pk)
    client.force_login(make_member(make_organisation()).user)
    assert client.post(address, {"region": "SCT"}).status_code == 404
    client.force_login(make_member(port.organisation, Role.VIEWER).user)
    assert client.post(address, {"region": "SCT"}).status_code == 403
    client.force_login(make_member(port.organisation, Role.MANAGER).user)
    assert client.post(address, {"region": "SCT"}).status_code == 302
    assert HolidayRegion.objects.of(port.organisation).get().subdivision == "SCT"
    client.post(address, {"region": "nowhere"})
    assert not HolidayRegion.objects.of(port.organisation).exists()


def test_the_placement_page_says_what_another_port_would_win(client: Client, port: Connector) -> None:
    client.force_login(make_member(port.organisation).user)
    page = client.get(url("placement", port), {"cost": "4000"})
    text = text_of(page)
    assert "Another AC port at Harbour would win about" in text
    assert "2 AC ports · " in text
    assert "Advice on a location from sessions alone is not supported" in text
    lines = taken(client, url("placement", port))
    assert len(lines) == 5
    for nonsense in (
        {"cost": "x", "reach": "-1", "most": "1e99", "budget": "NaN"},
        {"reach": "0", "most": "0"},
    ):
        assert client.get(url("placement", port), nonsense).status_code == 200


def test_few_sessions_are_not_judged(client: Client) -> None:
    connector = connector_of(make_station())
    record_sessions(connector, 5, 2)
    client.force_login(make_member(connector.organisation).user)
    text = text_of(client.get(url("placement", connector)))
    assert "Can't be known yet" in text.replace("’", "'").replace("&#x27;", "'")
    assert "No site's sessions say yet" in text.replace("&#x27;", "'")


def test_candidates_are_added_chosen_and_removed(client: Client, port: Connector) -> None:
    for _ in range(3):
        other = connector_of(make_station(make_site(port.organisation, time_zone="Europe/London")))
        record_sessions(other, 40, 3)
    client.force_login(make_member(port.organisation, Role.MANAGER).user)
    file = SimpleUploadedFile("sites.csv", b"name,latitude,longitude,cost\nQuay,55.98,-3.17,30000\n")
    assert client.post(url("placement-add", port), {"file": file}).status_code == 302
    one = {"name": "Fort", "latitude": "56.1", "longitude": "-3.4", "cost": "10000", "traffic": "900"}
    assert client.post(url("placement-add", port), one).status_code == 302
    text = text_of(client.get(url("placement", port)))
    assert "Build " in text
    assert "900 vehicles a day: assumed x" in text
    tight = text_of(client.get(url("placement", port), {"budget": "10000"}))
    assert "Build Fort:" in tight
    quay = Candidate.objects.of(port.organisation).get(name="Quay")
    assert client.post(url("placement-remove", port, candidate_id=quay.pk)).status_code == 302
    assert not Candidate.objects.of(port.organisation).filter(name="Quay").exists()


def test_what_is_wrong_with_a_candidate_is_said_and_nothing_added(client: Client, port: Connector) -> None:
    client.force_login(make_member(port.organisation).user)
    page = client.post(url("placement-add", port), {"name": "Quay", "latitude": "955", "longitude": "x"})
    assert page.status_code == 400
    text = text_of(page).replace("&#x27;", "'")
    assert "latitude: '955' is no number from -90 to 90" in text
    assert "longitude: 'x' is no number" in text
    assert not Candidate.objects.of(port.organisation).exists()


def test_strangers_and_viewers_change_no_candidates(client: Client, port: Connector) -> None:
    candidate = make_candidate(port.organisation)
    paths = [url("placement-add", port), url("placement-remove", port, candidate_id=candidate.pk)]
    client.force_login(make_member(make_organisation()).user)
    assert [client.post(path).status_code for path in paths] == [404, 404]
    client.force_login(make_member(port.organisation, Role.VIEWER).user)
    assert [client.post(path).status_code for path in paths] == [403, 403]
    stranger = make_member(make_organisation())
    client.force_login(stranger.user)
    own = reverse("portal:placement-remove", args=[stranger.organisation.slug, candidate.pk])
    assert client.post(own).status_code == 404
    assert Candidate.objects.of(port.organisation).count() == 1
