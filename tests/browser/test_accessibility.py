"""axe finds nothing on any page, in light and dark, on a phone and a desk; the keyboard reaches all of it."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django import Settings

from accounts.models import User
from billing import links
from billing.models import Payment
from charging.models import OcppMessage
from revenue import rollups
from revenue.models import ShareLink
from stations.models import Status, StatusInterval
from tests.admin_world import make_kept_by_the_station
from tests.billing.journeys import charge_at, make_payer, make_place, settle
from tests.browser.conftest import DESK, PHONE, OpenPage, log_in
from tests.builders import make_candidate, make_dispute, make_member, make_session, make_user, make_work_order
from tests.revenue.test_forecast_making import record_sessions

PASSWORD = "plug-in-and-charge"


@pytest.fixture
def addresses(site: str, settings: Settings) -> dict[str, list[str]]:
    """Pages for nobody in particular, and pages for somebody who is driver and owner at once, all with content."""
    settings.DEBUG = True  # for /design/; error pages have a test of their own
    place = make_place(flat="0.30", parking="1.20")
    user = make_user("mara@example.test", PASSWORD, name="Mara Vogt")
    driver = make_payer(user=user)
    make_member(place.organisation, user=user)
    StatusInterval.objects.create(
        organisation_id=place.organisation_id, connector=place, status=Status.CHARGING, since=timezone.now()
    )
    sessions = [charge_at(place, driver, start=timezone.now() - timedelta(days=days)) for days in (1, 35)]
    make_session(
        place, driver=driver, seconds=None, transaction_id="5", start=timezone.now() - timedelta(minutes=9)
    )
    settle()
    record_sessions(place, 90, 3)
    for north in ("52.37", "52.39"):
        make_candidate(place.organisation, latitude=north)
    station, slug = place.evse.station, place.organisation.slug
    make_kept_by_the_station(station)
    message = OcppMessage.objects.create(
        organisation_id=station.organisation_id, station=station, at=timezone.now(), direction="in",
        message_id="m1", action="Heartbeat", payload="{}", verdict="ok",
    )  # fmt: skip
    paid = links.sign_payment(Payment.objects.filter(driver=driver).latest("created_at"))
    share = ShareLink.objects.create(
        organisation=place.organisation, name="Ms Ledger", made_by=user,
        expires_at=timezone.now() + timedelta(days=9),
    )  # fmt: skip
    shared = links.sign(organisation=place.organisation_id, share=share.pk)
    dispute = make_dispute(place.organisation, Payment.objects.of(place.organisation).earliest("created_at"))
    rollups.sweep()
    own = [
        "/driver/",
        "/driver/history/",
        "/driver/charge/",
        "/driver/account/",
        f"/driver/sessions/{sessions[0].pk}/",
        "/owner/",
        f"/owner/{slug}/",
        f"/owner/{slug}/sessions/",
        f"/owner/{slug}/sessions/{sessions[0].pk}/",
        f"/owner/{slug}/revenue/",
        f"/owner/{slug}/revenue/?step=month&site={station.site_id}",
        f"/owner/{slug}/revenue/days/{sessions[0].started_at.date()}/",
        f"/owner/{slug}/revenue/electricity/",
        f"/owner/{slug}/revenue/sharing/",
        f"/owner/{slug}/month-end/",
        f"/owner/{slug}/revenue/disputes/",
        f"/owner/{slug}/revenue/disputes/{dispute.pk}/",
        f"/owner/{slug}/stations/",
        f"/owner/{slug}/stations/{station.pk}/code/",
        f"/owner/{slug}/stations/new/",
        f"/owner/{slug}/stations/{station.pk}/",
        f"/owner/{slug}/stations/{station.pk}/commands/",
        f"/owner/{slug}/stations/{station.pk}/commands/reset/",
        f"/owner/{slug}/stations/{station.pk}/commands/any/",
        f"/owner/{slug}/stations/{station.pk}/messages/",
        f"/owner/{slug}/stations/{station.pk}/messages/{message.id}/",
        f"/owner/{slug}/stations/{station.pk}/connect/",
        f"/owner/{slug}/stations/{station.pk}/password/",
        f"/owner/{slug}/stations/{station.pk}/ports/",
        f"/owner/{slug}/api-keys/",
        f"/owner/{slug}/uptime/",
        f"/owner/{slug}/uptime/ports/{place.evse_id}/",
        f"/owner/{slug}/maintenance/",
        f"/owner/{slug}/maintenance/reliability/",
        f"/owner/{slug}/maintenance/windows/",
        f"/owner/{slug}/maintenance/orders/{make_work_order(place.evse.station).pk}/",
        f"/owner/{slug}/forecast/",
        f"/owner/{slug}/placement/",
        "/accounts/email/",
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/logout/",
    ]
    anybody = [
        "/",
        "/design/",
        f"/s/{station.public_code}/",
        f"/pay/{paid}/",
        f"/shared/{shared}/",
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/reset/",
    ]
    return {"anybody": anybody, "own": own}


@pytest.mark.parametrize(
    ("size", "theme"),
    [(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (DESK, "dark")],
    ids=["phone-light", "phone-dark", "desk-light", "desk-dark"],
)
def test_axe_finds_nothing_and_nothing_sticks_out(
    site: str, addresses: dict[str, list[str]], open_page: OpenPage, size: dict[str, int], theme: str
) -> None:
    page = open_page(size=size, theme=theme)
    found = [one for path in addresses["anybody"] for one in complaints(page, site + path)]
    log_in(page, site, "mara@example.test", PASSWORD)
    found += [one for path in addresses["own"] for one in complaints(page, site + path)]
    assert found == []


def complaints(page: Page, url: str) -> list[str]:
    """What is wrong with a page, in words."""
    answer = page.goto(url)
    wrong = [] if answer is not None and answer.status == 200 else [f"{url}: did not answer 200"]
    violations = Axe().run(page).response["violations"]
    wrong += [f"{url}: {one['id']} at {one['nodes'][0]['html'][:200]}" for one in violations]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        wrong.append(f"{url}: wider than the screen")
    return wrong


def test_error_pages_belong_to_the_design(site: str, open_page: OpenPage) -> None:
    page = open_page()
    answer = page.goto(f"{site}/there/is/no/such/page/")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert Axe().run(page).response["violations"] == []


def test_the_keyboard_reaches_the_content_first(
    site: str, open_page: OpenPage, transactional_db: None
) -> None:
    page = open_page()
    page.goto(f"{site}/accounts/login/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type("mara@example.test")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    assert User.objects.count() == 0
