"""The revenue page adds up to the sessions, drills down to journals, exports, and is shared read only."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Organisation, Role
from billing import links
from charging.models import PricedSession
from portal.owner import reports
from portal.owner.sharing import Cadence
from revenue import rollups
from revenue.models import ElectricityPrice, ReportSubscription, SentReport, ShareLink
from tests.builders import make_driver, make_member, make_organisation, make_site
from tests.portal.rows import make_charged_sessions, make_priced_connector
from tests.portal.test_driver import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation(time_zone="Europe/Berlin")


@pytest.fixture
def busy(organisation: Organisation) -> Organisation:
    """Twelve sessions of 5.30 EUR on the last twelve days."""
    make_charged_sessions(make_priced_connector(organisation), make_driver(), 12)
    return organisation


def page(name: str, organisation: Organisation, *more: object) -> str:
    return reverse(f"portal:{name}", args=[organisation.slug, *more])


def table(response: object) -> list[dict[str, str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]  # a download
    return list(csv.DictReader(io.StringIO(text)))


def log_in(client: Client, organisation: Organisation, role: str = Role.OWNER) -> None:
    client.force_login(make_member(organisation, role).user)


def test_tiles_and_tables_add_up_to_the_sessions(client: Client, busy: Organisation) -> None:
    log_in(client, busy)
    shown = client.get(page("revenue", busy))
    net = sum(priced.net.amount for priced in PricedSession.objects.of(busy))
    assert shown.context["total"].net == net == Decimal("63.60")
    for one in shown.context["tables"]:
        assert one.total.net == net
        assert sum(row.sums.net for row in one.rows) == net
    assert shown.context["tiles"][0].figure == "63.60"
    assert len(shown.context["heat_maps"]) == 2


@pytest.mark.parametrize("key", ["trend", "sites", "stations", "tariffs", "hours"])
def test_every_table_comes_as_csv_and_xlsx_with_the_same_sums(
    client: Client, busy: Organisation, key: str
) -> None:
    log_in(client, busy)
    rows = table(client.get(page("revenue", busy), {"table": key, "format": "csv"}))
    assert sum(Decimal(row["net"]) for row in rows) == Decimal("63.60")
    assert {row["currency"] for row in rows} == {"EUR"}
    xlsx = client.get(page("revenue", busy), {"table": key, "format": "xlsx"})
    assert xlsx.content.startswith(b"PK")


@pytest.mark.parametrize("query", [{"table": "nothing", "format": "csv"}])
def test_an_unknown_table_is_not_found(client: Client, busy: Organisation, query: dict[str, str]) -> None:
    log_in(client, busy)
    assert client.get(page("revenue", busy), query).status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"since": "soon"}, "Enter a valid date"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "Ends before it begins"),
        ({"since": "2001-01-01", "until": "2026-01-01"}, "three years at most"),
        ({"site": "00000000-0000-0000-0000-000000000000"}, "Select a valid choice"),
    ],
)
def test_nonsense_is_said_beside_its_field(
    client: Client, busy: Organisation, query: dict[str, str], words: str
) -> None:
    log_in(client, busy)
    assert words in text_of(client.get(page("revenue", busy), query))


def test_filters_narrow_and_a_site_of_somebody_else_does_not(client: Client, busy: Organisation) -> None:
    empty, foreign = make_site(busy), make_site(make_organisation())
    log_in(client, busy)
    assert client.get(page("revenue", busy), {"site": str(empty.pk)}).context["total"].net == 0
    other = client.get(page("revenue", busy), {"site": str(foreign.pk)})
    assert other.context["form"].errors["site"]
    assert other.context["asked"].scope.site_id is None


@pytest.mark.parametrize("step", ["day", "week", "month"])
def test_columns_gather_days_and_lose_none(client: Client, busy: Organisation, step: str) -> None:
    log_in(client, busy)
    shown = client.get(page("revenue", busy), {"step": step})
    assert sum(row.sums.net for row in shown.context["tables"][-1].rows) == Decimal("63.60")


def test_a_day_leads_to_its_sessions_and_balanced_journals(client: Client, busy: Organisation) -> None:
    priced = PricedSession.objects.of(busy).select_related("session").first()
    assert priced is not None
    day = priced.session.started_at.astimezone(ZoneInfo("Europe/Berlin")).date()
    log_in(client, busy)
    text = text_of(client.get(page("revenue-day", busy, day.isoformat())))
    assert "Balanced 0.00" in text
    assert "Charging revenue" in text
    assert "1 journal of these sessions" in text
    assert client.get(page("revenue-day", busy, "2026-13-45")).status_code == 404
    assert client.get(page("revenue-day", busy, "9999-12-31")).status_code == 404


def test_a_new_owner_reads_what_comes_next(client: Client, organisation: Organisation) -> None:
    log_in(client, organisation)
    assert "As soon as the first session has ended" in text_of(client.get(page("revenue", organisation)))


def test_an_electricity_price_changes_what_is_left(client: Client, busy: Organisation) -> None:
    log_in(client, busy)
    site = make_priced_connector(busy).evse.station.site
    own = PricedSession.objects.of(busy).select_related("session__station").first()
    assert own is not None
    asked = {"site": str(own.session.station.site_id), "valid_from": "2020-01-01", "per_kwh": "0.2345"}
    assert client.post(page("electricity", busy), asked).status_code == 302
    again = client.post(page("electricity", busy), asked)
    assert "has a price from that day already" in text_of(again)
    assert "no more than 4 decimal" in text_of(
        client.post(page("electricity", busy), {**asked, "per_kwh": "0.23456"})
    )
    rollups.sweep()
    total = client.get(page("revenue", busy)).context["total"]
    assert total.energy_cost == Decimal("28.14")
    assert total.margin == Decimal("63.60") - Decimal("28.14")
    assert ElectricityPrice.objects.filter(site=site).count() == 0


def test_posts_of_strangers_and_lookers_are_refused(client: Client, busy: Organisation) -> None:
    link = ShareLink.objects.create(
        organisation=busy,
        name="x",
        made_by=make_member(busy).user,
        expires_at=timezone.now() + timedelta(days=1),
    )
    posts = [
        page("electricity", busy),
        page("sharing", busy),
        page("report", busy),
        page("revoke-share", busy, link.pk),
    ]
    log_in(client, make_organisation())
    assert [client.post(url).status_code for url in posts] == [404] * 4
    log_in(client, busy, Role.VIEWER)
    assert [client.post(url).status_code for url in posts] == [403] * 4
    link.refresh_from_db()
    assert link.revoked_at is None


def test_a_share_link_shows_revenue_until_it_is_revoked(client: Client, busy: Organisation) -> None:
    log_in(client, busy)
    client.post(page("sharing", busy), {"name": "Ms Ledger", "days": "30"})
    (shown,) = client.get(page("sharing", busy)).context["links"]
    client.logout()
    assert client.get(shown["url"]).context["total"].net == Decimal("63.60")
    sessions = table(client.get(shown["url"], {"table": "sessions", "format": "csv"}))
    assert sum(Decimal(row["gross"]) for row in sessions) == Decimal("76.32")
    assert client.get(shown["url"], {"table": "sites", "format": "xlsx"}).status_code == 200
    assert client.post(shown["url"]).status_code == 405
    log_in(client, busy)
    client.post(page("revoke-share", busy, shown["link"].pk))
    client.logout()
    assert client.get(shown["url"]).status_code == 404


def test_expired_forged_and_other_links_do_not_open(client: Client, busy: Organisation) -> None:
    now = timezone.now()
    link = ShareLink.objects.create(
        organisation=busy, name="x", made_by=make_member(busy).user, expires_at=now + timedelta(days=1)
    )
    signed = links.sign(organisation=busy.pk, share=link.pk)
    elsewhere = links.sign(organisation=make_organisation().pk, share=link.pk)
    ShareLink.objects.update(made_at=now - timedelta(days=3), expires_at=now - timedelta(days=1))
    for one in (signed, elsewhere, signed[:-2] + "xx", links.sign(organisation=busy.pk, payment=link.pk)):
        assert client.get(reverse("portal:shared", args=[one])).status_code == 404


def subscription(organisation: Organisation, cadence: str, ago_days: int) -> ReportSubscription:
    row = ReportSubscription.objects.create(
        organisation=organisation, membership=make_member(organisation), cadence=cadence
    )
    ReportSubscription.objects.filter(pk=row.pk).update(since=timezone.now() - timedelta(days=ago_days))
    return row


@pytest.mark.parametrize(
    ("cadence", "today", "first", "last"),
    [
        (Cadence.WEEKLY, date(2026, 11, 22), date(2026, 11, 9), date(2026, 11, 15)),
        (Cadence.WEEKLY, date(2026, 11, 23), date(2026, 11, 16), date(2026, 11, 22)),
        (Cadence.MONTHLY, date(2026, 3, 1), date(2026, 2, 1), date(2026, 2, 28)),
        (Cadence.MONTHLY, date(2026, 1, 31), date(2025, 12, 1), date(2025, 12, 31)),
    ],
)
def test_a_report_is_of_the_last_whole_week_or_month(
    cadence: str, today: date, first: date, last: date
) -> None:
    assert reports.period_before(cadence, today) == (first, last)


def test_a_report_goes_out_once_with_the_pages_figures_in_all_three_forms(busy: Organisation) -> None:
    subscription(busy, Cadence.WEEKLY, 30)
    assert reports.sweep() == 1
    assert reports.sweep() == 0
    (sent,) = SentReport.objects.of(busy)
    assert sent.sent_at is not None
    assert (sent.last - sent.first).days == 6
    (letter,) = mail.outbox
    assert isinstance(letter, EmailMultiAlternatives)
    figure = f"{reports.content(sent)['total'].net:.2f}"
    assert Decimal(figure) > 0
    html = str(letter.alternatives[0][0])
    assert figure in letter.body
    assert figure in html
    name, pdf, kind = letter.attachments[0]
    assert (name, kind) == (f"revenue-{sent.first}.pdf", "application/pdf")
    assert bytes(pdf).startswith(b"%PDF")


def test_a_new_subscriber_is_not_sent_the_past(busy: Organisation) -> None:
    subscription(busy, Cadence.MONTHLY, 0)
    assert reports.sweep() == 0
    assert mail.outbox == []


def test_a_report_that_could_not_be_sent_is_tried_again(
    busy: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscription(busy, Cadence.WEEKLY, 30)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", _no_server)
        assert reports.sweep() == 0
    SentReport.objects.update(claimed_at=timezone.now() - timedelta(hours=1))
    assert reports.sweep() == 1
    assert len(mail.outbox) == 1


def _no_server(*_: object) -> int:
    raise ConnectionRefusedError("no mail server")


def test_the_page_asks_as_often_for_many_sessions_as_for_few(
    client: Client, organisation: Organisation
) -> None:
    place = make_priced_connector(organisation)
    log_in(client, organisation)
    counts = []
    for count in (5, 60):
        make_charged_sessions(
            make_priced_connector(organisation) if count == 60 else place, make_driver(), count
        )
        client.get(page("revenue", organisation))
        with CaptureQueriesContext(connection) as asked:
            client.get(page("revenue", organisation))
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 20
