"""Pages that ask every few seconds: made once for all viewers, anew when something changed, never for strangers."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Driver, Organisation
from billing import links
from billing.models import Payment
from charging import nudges
from charging.models import ChargingSession
from evbilling.cache import ForgivingCache
from portal import live
from tests.builders import make_driver, make_member, make_organisation, make_session, make_token
from tests.portal.rows import make_priced_connector
from tests.portal.test_guest import make_payment, online

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


@pytest.fixture
def charge(organisation: Organisation) -> ChargingSession:
    """A charge that runs, begun 20 minutes ago."""
    connector = online(make_priced_connector(organisation))
    session = make_session(connector, driver=make_driver())
    ChargingSession.objects.filter(pk=session.pk).update(
        state="active", ended_at=None, meter_end_wh=None, started_at=timezone.now() - timedelta(minutes=20)
    )
    session.refresh_from_db()
    return session


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change shows at the next poll, not only three seconds later."""
    monkeypatch.setattr(live, "AT_LEAST_S", 0.0)


def board_url(organisation: Organisation) -> str:
    return reverse("portal:board", args=[organisation.slug])


def viewers(organisation: Organisation, count: int) -> list[Client]:
    """Members who have the board open."""
    found = []
    for _ in range(count):
        client = Client()
        client.force_login(make_member(organisation).user)
        assert client.get(board_url(organisation)).status_code == 200
        found.append(client)
    return found


def queries_of(clients: list[Client], url: str, times: int) -> int:
    with CaptureQueriesContext(connection) as asked:
        for _ in range(times):
            assert all(client.get(url).status_code in (200, 304) for client in clients)
    return len(asked)


def test_viewers_of_a_board_cost_the_same_queries_however_many_there_are(
    organisation: Organisation, charge: ChargingSession, at_once: None
) -> None:
    url = board_url(organisation)
    costs = []
    for count in (1, 15):
        watching = viewers(organisation, count)
        nudges.changed([organisation.pk])  # somebody has to make it once
        costs.append(queries_of(watching, url, times=4))
    assert costs[0] == costs[1]
    assert 0 < costs[0] <= 8


def test_a_board_that_did_not_change_is_not_sent_again(
    organisation: Organisation, charge: ChargingSession
) -> None:
    (client,) = viewers(organisation, 1)
    first = client.get(board_url(organisation))
    again = client.get(board_url(organisation), headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert "private" in first["Cache-Control"]
    assert "Cookie" in first["Vary"]


def test_news_of_a_station_are_on_the_board_at_the_next_poll(
    organisation: Organisation, charge: ChargingSession, at_once: None
) -> None:
    (client,) = viewers(organisation, 1)
    before = client.get(board_url(organisation)).content
    ChargingSession.objects.filter(pk=charge.pk).update(last_register_wh=charge.meter_start_wh + 7_700)
    assert client.get(board_url(organisation)).content == before, "nobody has told"
    nudges.changed([organisation.pk])
    assert b"7.7" in client.get(board_url(organisation)).content


def test_a_stranger_gets_no_board_whoever_has_it_open(organisation: Organisation) -> None:
    viewers(organisation, 1)
    stranger = Client()
    assert stranger.get(board_url(organisation)).status_code == 302
    stranger.force_login(make_member(make_organisation()).user)
    assert stranger.get(board_url(organisation)).status_code == 404
    assert stranger.post(board_url(organisation)).status_code in (403, 404, 405)


def test_a_pass_ends_with_the_log_in(organisation: Organisation) -> None:
    (client,) = viewers(organisation, 1)
    client.logout()
    assert client.get(board_url(organisation)).status_code == 302


def test_a_site_of_another_organisation_shows_nothing_of_it(
    organisation: Organisation, charge: ChargingSession
) -> None:
    other = online(make_priced_connector(make_organisation(), name="Their place"))
    (client,) = viewers(organisation, 1)
    page = client.get(board_url(organisation), {"site": str(other.evse.station.site_id)}).content.decode()
    assert "Their place" not in page


def test_a_driver_who_charges_asks_the_database_only_when_the_station_has_news(
    client: Client, charge: ChargingSession, at_once: None
) -> None:
    driver = charge.driver
    assert isinstance(driver, Driver)
    assert driver.user is not None
    client.force_login(driver.user)
    url = reverse("portal:driver-now")
    client.get(reverse("portal:driver-home"))
    client.get(url)
    client.get(url)
    assert queries_of([client], url, times=5) == 0
    nudges.changed([charge.station_id])
    assert queries_of([client], url, times=5) > 0


def test_a_guests_page_costs_no_queries_between_two_meter_values(
    client: Client, organisation: Organisation, charge: ChargingSession, at_once: None
) -> None:
    token = make_token()
    ChargingSession.objects.filter(pk=charge.pk).update(token=token, driver=None)
    payment = make_payment(charge.connector, Payment.State.HELD)
    Payment.objects.filter(pk=payment.pk).update(token_id=token.pk)
    url = reverse("portal:guest-state", args=[links.sign_payment(payment)])
    client.get(reverse("portal:guest-live", args=[links.sign_payment(payment)]))
    assert b"Stop charging" in client.get(url).content
    assert queries_of([client], url, times=5) == 0
    ChargingSession.objects.filter(pk=charge.pk).update(
        state="ended", ended_at=timezone.now(), meter_end_wh=9_000
    )
    nudges.changed([charge.station_id])
    assert b"Stop charging" not in client.get(url).content


def test_without_valkey_the_board_comes_from_the_database(
    organisation: Organisation, charge: ChargingSession, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (client,) = viewers(organisation, 1)
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": "unix:///nonexistent/valkey.sock"}
    }
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    monkeypatch.setattr(nudges, "_away_until", 0.0)
    monkeypatch.setattr(ForgivingCache, "_away_until", 0.0)
    nudges._client.cache_clear()
    try:
        for _ in range(3):
            page = client.get(board_url(organisation))
            assert page.status_code == 200
            assert str(charge.connector.evse.station) in page.content.decode()
    finally:
        nudges._client.cache_clear()
