"""A driver sees their own sessions, what they cost and why; nobody else's."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Driver, Token
from billing.models import DriverHistoryEntry
from charging.models import ChargingSession, StationCommand
from portal.driver.history import history_of
from portal.driver.starting import StartRefused, start_charging
from tests.builders import make_driver, make_organisation, make_session
from tests.portal.rows import make_charged_sessions, make_priced_connector

pytestmark = pytest.mark.django_db


@pytest.fixture
def mara(client: Client) -> Driver:
    driver = make_driver()
    assert driver.user is not None
    client.force_login(driver.user)
    return driver


def text_of(response: object) -> str:
    """The page's words, tags and white space dropped."""
    markup = response.content.decode()  # type: ignore[attr-defined]  # a test response
    return " ".join(re.sub(r"<[^>]+>", " ", markup).replace("&nbsp;", " ").split())


def test_history_groups_by_month_and_adds_up(client: Client, mara: Driver) -> None:
    connector = make_priced_connector(make_organisation())
    make_charged_sessions(connector, mara, 40)
    months = history_of(mara, {}).months
    assert sum(len(month.rows) for month in months) == 40
    assert [month.first for month in months] == sorted((month.first for month in months), reverse=True)
    for month in months:
        (total,) = month.totals
        assert total.shares.gross == sum(row.shares.gross for row in month.rows)
        assert total.shares.gross == len(month.rows) * Decimal("6.36")
        assert month.energy_wh == len(month.rows) * 10_000
    assert client.get(reverse("portal:driver-history")).status_code == 200


def test_sessions_of_two_currencies_are_never_added(mara: Driver) -> None:
    make_charged_sessions(make_priced_connector(make_organisation()), mara, 2)
    entry = DriverHistoryEntry.objects.filter(driver=mara).latest("started_at")
    DriverHistoryEntry.objects.filter(pk=entry.pk).update(currency="GBP")
    totals = {total.shares.currency for month in history_of(mara, {}).months for total in month.totals}
    assert totals == {"EUR", "GBP"}


def test_filters_come_from_the_url_and_nonsense_is_ignored(client: Client, mara: Driver) -> None:
    make_charged_sessions(make_priced_connector(make_organisation(), name="Harbour"), mara, 1)
    url = reverse("portal:driver-history")
    assert "Harbour" in text_of(client.get(url, {"place": "harb"}))
    assert "Nothing matches" in text_of(client.get(url, {"place": "mountain"}))
    for nonsense in (
        {"year": "x"},
        {"before": "yesterday"},
        {"year": "99999999999"},
        {"before": "2026-01-01"},
    ):
        assert client.get(url, nonsense).status_code == 200


def test_a_session_says_why_it_cost_what_it_cost(client: Client, mara: Driver) -> None:
    (session,) = make_charged_sessions(make_priced_connector(make_organisation()), mara, 1)
    page = text_of(client.get(reverse("portal:driver-session", args=[session.pk])))
    assert "Why this price" in page
    assert "Energy Rule 1: always" in page
    assert "10.000 kWh" in page
    assert "0.50 EUR/kWh" in page
    assert "20 %" in page
    assert "Total 6.36 EUR" in page


def test_another_drivers_session_does_not_exist(client: Client, mara: Driver) -> None:
    (theirs,) = make_charged_sessions(make_priced_connector(make_organisation()), make_driver(), 1)
    for name in ("driver-session", "driver-receipt"):
        assert client.get(reverse(f"portal:{name}", args=[theirs.pk])).status_code == 404
    assert client.post(reverse("portal:driver-stop", args=[theirs.pk])).status_code == 404


def test_pages_of_a_driver_send_strangers_to_the_log_in(client: Client) -> None:
    for name in ("driver-home", "driver-history", "driver-account", "driver-charge", "driver-now"):
        assert client.get(reverse(f"portal:{name}")).status_code == 302


def test_a_held_session_is_told_as_being_checked(client: Client, mara: Driver) -> None:
    session = make_session(
        make_priced_connector(make_organisation()), driver=mara, quality="held", hold_reasons=["x"]
    )
    page = text_of(client.get(reverse("portal:driver-session", args=[session.pk])))
    assert "until then you are not charged" in page


class TestStarting:
    def test_pressing_start_twice_asks_the_station_once(self, mara: Driver) -> None:
        connector = make_priced_connector(make_organisation())
        first, second = start_charging(mara, connector), start_charging(mara, connector)
        assert first == second
        assert StationCommand.objects.get().payload == {"connectorId": 1, "idTag": Token.remote_uid(mara.pk)}

    def test_a_blocked_driver_is_told_why(self, mara: Driver) -> None:
        connector = make_priced_connector(make_organisation())
        start_charging(mara, connector)
        mara.tokens.update(blocked_at=datetime(2026, 1, 1, tzinfo=UTC))
        with pytest.raises(StartRefused, match="a payment to this operator is open"):
            start_charging(mara, connector)

    def test_stopping_twice_asks_once(self, client: Client, mara: Driver) -> None:
        session = make_session(
            make_priced_connector(make_organisation()), driver=mara, seconds=None, transaction_id="77"
        )
        for _press in range(2):
            client.post(reverse("portal:driver-stop", args=[session.pk]))
        assert StationCommand.objects.get().payload == {"transactionId": 77}

    def test_home_shows_energy_and_cost_so_far(self, client: Client, mara: Driver) -> None:
        connector = make_priced_connector(make_organisation())
        make_session(
            connector,
            driver=mara,
            seconds=None,
            transaction_id="7",
            readings=((600, 5_000),),
            last_register_wh=5_000,
        )
        assert ChargingSession.objects.active().count() == 1
        page = text_of(client.get(reverse("portal:driver-now")))
        assert "5.0 kWh" in page
        assert "3.36 EUR" in page
