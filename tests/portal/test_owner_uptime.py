"""The uptime pages: every figure with its evidence, exclusions by people who may, files for EV-ChART."""

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Membership, Role
from charging.models import Reading
from stations.models import EVSE, Exclusion, Station
from stations.uptime import outages
from tests.builders import (
    LONG_AGO,
    add_readings,
    connector_of,
    make_exclusion,
    make_member,
    make_organisation,
    make_outage,
    make_session,
    make_site,
    make_station,
    make_status,
)
from tests.portal.test_driver import text_of

pytestmark = pytest.mark.django_db
MARCH = datetime(2025, 3, 1, tzinfo=UTC)


@pytest.fixture
def station() -> Station:
    site = make_site(make_organisation(), time_zone="UTC", name="Harbour")
    station = make_station(site, name="Quay", identity="QUAY")
    make_status(connector_of(station), since=LONG_AGO)
    return station


@pytest.fixture
def member(client: Client, station: Station) -> Membership:
    found = make_member(station.organisation, Role.TECHNICIAN)
    client.force_login(found.user)
    return found


def url(name: str, station: Station, *args: object) -> str:
    return reverse(f"portal:{name}", args=[station.organisation.slug, *args])


def rows_of(client: Client, station: Station, table: str, month: str) -> list[dict[str, str]]:
    asked = {"table": table, "month": month, "format": "csv"}
    response = client.get(url("uptime", station), asked)
    assert response["Content-Type"].startswith("text/csv")
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(StringIO(text)))


def test_the_page_says_first_which_port_missed_the_goal(
    client: Client, station: Station, member: Membership
) -> None:
    make_outage(station, timezone.now() - timedelta(days=40), minutes=20 * 24 * 60)
    page = text_of(client.get(url("uptime", station)))
    assert "1 of 1 ports missed 97 %; Harbour, Quay · 1 most: 94." in page
    assert "down for 480 h 00 min that nothing excuses" in page
    assert "Missed" in page


def test_without_a_miss_it_says_so(client: Client, station: Station, member: Membership) -> None:
    page = text_of(client.get(url("uptime", station)))
    assert "The one port measured was up more than 97 %" in page


def test_a_port_shows_its_outages_with_their_evidence(
    client: Client, station: Station, member: Membership
) -> None:
    now = timezone.now()
    make_status(connector_of(station), "Faulted", now - timedelta(hours=3), "GroundFailure")
    make_status(connector_of(station), "Available", now - timedelta(hours=1))
    outages.sweep()
    page = text_of(client.get(url("uptime-port", station, station.evses.get().pk)))
    assert "2 h 00 min down" in page
    assert "Faulted · GroundFailure" in page


def test_an_exclusion_is_kept_with_who_said_so_and_counts(
    client: Client, station: Station, member: Membership
) -> None:
    evse = station.evses.get()
    since = timezone.now().replace(second=0, microsecond=0) - timedelta(days=2)
    make_outage(station, since, minutes=600)
    said = {
        "category": "vandalism",
        "breadth": "port",
        "since": f"{since:%Y-%m-%dT%H:%M}",
        "until": f"{since + timedelta(minutes=90):%Y-%m-%dT%H:%M}",
        "reason": "cable cut, police report 4711",
    }
    response = client.post(url("uptime-exclude", station, evse.pk), said, follow=True)
    page = text_of(response)
    assert "1 h 30 min of it excluded" in page
    assert "police report 4711" in page
    exclusion = Exclusion.objects.get()
    assert (exclusion.said_by, exclusion.evse, exclusion.since) == (member.user, evse, since)
    client.post(url("uptime-withdraw", station, exclusion.pk), {"port": str(evse.pk)})
    exclusion.refresh_from_db()
    assert exclusion.withdrawn_by == member.user
    assert "of it excluded" not in text_of(client.get(url("uptime-port", station, evse.pk)))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"reason": " "}, "This field is required"),
        ({"until": "2025-02-01T00:00"}, "The end has to come after the beginning"),
        ({"since": "soon"}, "Enter a valid date"),
        ({"category": "closed"}, "Select a valid choice"),
    ],
)
def test_what_makes_no_sense_is_said_beside_the_field(
    client: Client, station: Station, member: Membership, wrong: dict[str, str], told: str
) -> None:
    said = {"category": "utility", "breadth": "site", "since": "2025-03-01T00:00", "reason": "storm"}
    evse = station.evses.get()
    page = text_of(client.post(url("uptime-exclude", station, evse.pk), {**said, **wrong}))
    assert told in page
    assert not Exclusion.objects.exists()


def test_strangers_and_viewers_cannot_exclude(client: Client, station: Station) -> None:
    evse, exclusion = station.evses.get(), make_exclusion(station)
    for member, status in (
        (make_member(make_organisation()), 404),
        (make_member(station.organisation, Role.VIEWER), 403),
    ):
        client.force_login(member.user)
        assert client.post(url("uptime-exclude", station, evse.pk)).status_code == status
        assert client.post(url("uptime-withdraw", station, exclusion.pk)).status_code == status
    own = make_station()
    client.force_login(make_member(own.organisation).user)
    assert client.post(url("uptime-exclude", own, evse.pk)).status_code == 404
    assert client.post(url("uptime-withdraw", own, exclusion.pk)).status_code == 404


def test_ev_chart_uptime_has_the_twelve_months_that_end_with_the_month(
    client: Client, station: Station, member: Membership
) -> None:
    make_outage(station, MARCH, minutes=20_000)
    make_exclusion(station, MARCH, minutes=5_000)
    (row,) = rows_of(client, station, "uptime", "2025-12")
    assert row == {
        "port_id": "QUAY-1",
        "station_id": "QUAY",
        "report_yr_mon": "2025-12",
        "uptime_pct": "97.146",
        "outage_total": "20000.00",
        "outage_excluded": "5000.00",
    }


def test_ev_chart_outages_are_cut_to_the_month(client: Client, station: Station, member: Membership) -> None:
    make_outage(station, MARCH - timedelta(minutes=30), minutes=45)
    (row,) = rows_of(client, station, "outages", "2025-03")
    assert (row["outage_id"], row["outage_duration"]) == ("QUAY-1-20250228T233000Z", "15.00")
    assert rows_of(client, station, "outages", "2025-04") == []


def test_ev_chart_sessions_of_the_quarter(client: Client, station: Station, member: Membership) -> None:
    session = make_session(
        connector_of(station), start=MARCH, energy_wh=12_345, stop_reason="PowerLoss", readings=[(60, 100)]
    )
    make_session(connector_of(station), start=MARCH + timedelta(days=60))
    Reading.objects.update(power_w=49_900)
    add_readings(session, [(120, 200)])
    (row,) = rows_of(client, station, "sessions", "2025-01")
    assert row["session_id"] == str(session.pk)
    assert (row["energy_kwh"], row["power_kw"], row["session_error"]) == ("12.345", "49.9", "PowerLoss")


def test_the_command_writes_a_quarter_and_names_what_is_wrong(station: Station, tmp_path: Path) -> None:
    make_outage(station, MARCH, minutes=60)
    slug = station.organisation.slug
    call_command("export_ev_chart", slug, "--quarter", "2025Q1", "--folder", str(tmp_path), stdout=StringIO())
    uptime = list(csv.DictReader((tmp_path / "uptime-2025Q1.csv").open()))
    assert [row["report_yr_mon"] for row in uptime] == ["2025-01", "2025-02", "2025-03"]
    assert [row["outage_total"] for row in uptime] == ["0.00", "0.00", "60.00"]
    assert len(list(csv.DictReader((tmp_path / "outages-2025Q1.csv").open()))) == 1
    with pytest.raises(CommandError, match="there is none called 'nobody'"):
        call_command("export_ev_chart", "nobody", "--quarter", "2025Q1")
    with pytest.raises(CommandError, match="is not a quarter such as 2026Q3"):
        call_command("export_ev_chart", slug, "--quarter", "25-1")


def test_the_page_asks_as_often_for_many_ports_as_for_one(
    client: Client, station: Station, member: Membership, django_assert_max_num_queries: object
) -> None:
    for _ in range(12):
        make_status(connector_of(make_station(station.site)), since=LONG_AGO)
    assert EVSE.objects.count() == 13
    with django_assert_max_num_queries(13):  # type: ignore[operator]  # pytest-django's fixture
        client.get(url("uptime", station))
