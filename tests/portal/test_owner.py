"""The owner's figures are sums of priced sessions, and lists cost the same however long they are."""

from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Organisation
from charging.models import PricedSession
from portal.owner.figures import figures_by_day, revenue_chart, tiles
from portal.owner.period import period_of
from portal.owner.sessions import PAGE_SIZE
from tests.builders import make_driver, make_member, make_organisation
from tests.portal.rows import make_charged_sessions, make_priced_connector
from tests.portal.test_driver import text_of

pytestmark = pytest.mark.django_db

QUERY_BUDGET = {"today": 16, "board": 8, "sessions": 9, "stations": 8, "driver-home": 12, "driver-history": 6}


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation(time_zone="Europe/Berlin")


def test_tiles_and_chart_are_the_sums_of_the_priced_sessions(organisation: Organisation) -> None:
    make_charged_sessions(make_priced_connector(organisation), make_driver(), 12)
    period = period_of(QueryDict("days=7"), ZoneInfo("Europe/Berlin"))
    days = figures_by_day(organisation, period)
    nets = [priced.net.amount for priced in PricedSession.objects.of(organisation)]
    assert sum((day.shares.net for day in days.values()), Decimal(0)) == sum(nets)
    revenue, energy, sessions, per_kwh = tiles(days, period, "EUR")
    assert revenue.figure in ("31.80", "37.10")  # six or seven days of 5.30, as today's hour has it
    assert sessions.figure in ("6", "7")
    assert per_kwh.figure == "0.530"
    assert energy.unit == "kWh"
    assert len(revenue_chart(days, period, "EUR").columns) == 7


def test_another_organisations_sessions_do_not_count(organisation: Organisation) -> None:
    make_charged_sessions(make_priced_connector(make_organisation()), make_driver(), 3)
    assert figures_by_day(organisation, period_of(QueryDict(), ZoneInfo("UTC"))) == {}


@pytest.mark.parametrize("asked", ["", "x", "-1", "31", "7"])
def test_a_period_is_one_of_three(asked: str) -> None:
    assert period_of(QueryDict(f"days={asked}"), ZoneInfo("UTC")).days == (7 if asked == "7" else 30)


def test_every_session_is_on_exactly_one_page(client: Client, organisation: Organisation) -> None:
    sessions = make_charged_sessions(make_priced_connector(organisation), make_driver(), PAGE_SIZE + 5)
    client.force_login(make_member(organisation).user)
    url = reverse("portal:sessions", args=[organisation.slug])
    first = client.get(url)
    second = client.get(url, {"after": first.context["page"].older})
    shown = [row.session.pk for page in (first, second) for row in page.context["page"].rows]
    assert sorted(shown) == sorted(session.pk for session in sessions)
    assert second.context["page"].older == ""


def test_filters_narrow_the_list_and_nonsense_is_said_beside_the_field(
    client: Client, organisation: Organisation
) -> None:
    make_charged_sessions(make_priced_connector(organisation), make_driver(), 2)
    client.force_login(make_member(organisation).user)
    url = reverse("portal:sessions", args=[organisation.slug])
    assert len(client.get(url, {"show": "held"}).context["page"].rows) == 0
    assert "Enter a valid date" in text_of(client.get(url, {"since": "soon"}))
    assert client.get(url, {"after": "nonsense"}).status_code == 200
    assert client.get(url, {"after": "2026-01-01~x"}).status_code == 200


def test_a_session_shows_its_journal_and_that_it_balances(client: Client, organisation: Organisation) -> None:
    (session,) = make_charged_sessions(make_priced_connector(organisation), make_driver(), 1)
    client.force_login(make_member(organisation).user)
    page = text_of(client.get(reverse("portal:session", args=[organisation.slug, session.pk])))
    assert "Session charged" in page
    assert "Charging revenue" in page
    assert "−5.30 EUR" in page
    assert "Balanced 0.00" in page


def test_a_qr_code_leads_to_the_station_page(client: Client, organisation: Organisation) -> None:
    station = make_priced_connector(organisation).evse.station
    client.force_login(make_member(organisation).user)
    page = client.get(reverse("portal:station-code", args=[organisation.slug, station.pk]))
    assert page.context["link"] == f"http://testserver/s/{station.public_code}/"
    assert page.context["qr"].path.startswith("M")


def test_pages_ask_the_database_as_often_for_200_rows_as_for_10(
    client: Client, organisation: Organisation
) -> None:
    driver = make_driver()
    client.force_login(make_member(organisation, user=driver.user).user)
    make_charged_sessions(make_priced_connector(organisation), driver, 10)
    few = {name: queries(client, page_url(name, organisation)) for name in QUERY_BUDGET}
    make_charged_sessions(make_priced_connector(organisation), driver, 190)
    many = {name: queries(client, page_url(name, organisation)) for name in QUERY_BUDGET}
    assert many == few
    assert {name: count for name, count in many.items() if count > QUERY_BUDGET[name]} == {}


def page_url(name: str, organisation: Organisation) -> str:
    return reverse(f"portal:{name}", args=[] if name.startswith("driver") else [organisation.slug])


def queries(client: Client, url: str) -> int:
    """How often a page asks; what is cached once a process does not count."""
    client.get(url)
    with CaptureQueriesContext(connection) as asked:
        client.get(url)
    return len(asked)
