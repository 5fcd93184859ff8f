"""A driver: log in, see the month, find out why a session cost what it did, fetch the receipt, go dark."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

import fakestripe
from tests.billing.journeys import charge_at, make_payer, make_place, settle
from tests.browser.conftest import DESK, PHONE, OpenPage, log_in
from tests.builders import make_user

PASSWORD = "plug-in-and-charge"


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_driver_finds_out_why_it_cost_what_it_cost(
    site: str, stripe: fakestripe.Server, open_page: OpenPage, keep_picture: Any, size: dict[str, int]
) -> None:
    driver = make_payer(user=make_user("mara@example.test", PASSWORD, name="Mara Vogt"))
    place = make_place(flat="0.30", parking="1.20")
    for days, kwh in ((1, 11), (2, 12), (40, 13)):
        charge_at(place, driver, kwh=kwh, start=timezone.now() - timedelta(days=days))
    settle()

    page = open_page(size=size)
    log_in(page, site, "mara@example.test", PASSWORD)
    expect(page.get_by_role("heading", name="Hello Mara")).to_be_visible()
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="History").click()
    expect(page.get_by_text("6.96 EUR").locator("visible=true").first).to_be_visible()
    keep_picture(page, "1-history")
    page.locator("a", has_text=place.evse.station.site.name).locator("visible=true").first.click()

    expect(page.get_by_role("heading", name="Why this price")).to_be_visible()
    expect(page.get_by_text("11.000 kWh")).to_be_visible()
    expect(page.get_by_text("0.50 EUR/kWh")).to_be_visible()
    keep_picture(page, "2-session")
    receipt = page.get_by_role("link", name="Receipt")
    answer = page.request.get(site + str(receipt.get_attribute("href")))
    assert answer.body().startswith(b"%PDF-")

    page.get_by_role("button", name="Dark colours").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_role("heading", name="Why this price")).to_be_visible()


def test_a_driver_adds_a_card_on_stripes_page(
    site: str, stripe: fakestripe.Server, open_page: OpenPage
) -> None:
    make_user("mara@example.test", PASSWORD, name="Mara Vogt")
    page = open_page()
    log_in(page, site, "mara@example.test", PASSWORD)
    page.get_by_role("button", name="Add a card").click()
    page.wait_for_url(f"{stripe.url}/**")
    page.locator("button.primary").click()
    page.wait_for_url(f"{site}/driver/account/")
    expect(page.get_by_text("Card added. You can charge now.")).to_be_visible()
    expect(page.get_by_text("Visa •••• 4242")).to_be_visible()


def test_a_wrong_password_is_said_beside_the_form_and_keeps_the_address(
    site: str, open_page: OpenPage
) -> None:
    page = open_page()
    page.goto(f"{site}/accounts/login/")
    page.get_by_label("Email").fill("mara@example.test")
    page.get_by_label("Password", exact=True).fill("not it")
    page.get_by_role("button", name="Log in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value("mara@example.test")
