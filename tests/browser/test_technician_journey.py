"""A technician on the phone: what to mend first, take it, write down what was done, close it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from moneyed import Money
from playwright.sync_api import expect

from accounts.models import Role
from stations.models import WorkOrder
from stations.uptime import outages
from tests.billing.journeys import make_place
from tests.browser.conftest import DESK, PHONE, OpenPage, log_in
from tests.builders import make_member, make_status, make_user, make_work_order

PASSWORD = "plug-in-and-charge"


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_technician_works_a_fault(
    site: str, open_page: OpenPage, keep_picture: Any, size: dict[str, int]
) -> None:
    place = make_place()
    now = timezone.now()
    make_status(place, since=now - timedelta(days=300))
    make_status(place, "Faulted", now - timedelta(days=2), "GroundFailure")
    outages.sweep()
    user = make_user("tess@example.test", PASSWORD, name="Tess Ohm")
    make_member(place.organisation, Role.TECHNICIAN, user)
    station = place.evse.station
    make_work_order(station, now - timedelta(days=2), loss_per_day=Money("14.20", "EUR"))

    page = open_page(size=size)
    log_in(page, site, "tess@example.test", PASSWORD)
    page.goto(f"{site}/owner/{place.organisation.slug}/")
    page.get_by_role("link", name="Maintenance").click()
    expect(page.get_by_text("costs about 14 EUR a day, measured on 212 sessions").first).to_be_visible()
    keep_picture(page, "1-list")
    page.get_by_role("link", name="has been down since").click()
    page.get_by_role("button", name="I take it").click()
    expect(page.get_by_text("Assigned: Tess Ohm")).to_be_visible()
    keep_picture(page, "2-order")
    page.get_by_role("link", name="Outages of this port").click()
    page.get_by_text("Evidence").click()
    expect(page.get_by_text("Faulted · GroundFailure")).to_be_visible()
    keep_picture(page, "3-evidence")
    page.go_back()
    page.get_by_label("What you saw or did").fill("Water in the socket, dried and sealed.")
    page.get_by_label("Outcome").select_option("Repaired")
    page.get_by_role("button", name="Close the order").click()
    expect(page.get_by_text("Repaired: Water in the socket, dried and sealed.")).to_be_visible()
    expect(page.get_by_role("button", name="Close the order")).to_have_count(0)
    keep_picture(page, "4-closed")
    order = WorkOrder.objects.get()
    assert (order.close_reason, order.assignee) == ("repaired", user)
    page.get_by_role("link", name="Maintenance").first.click()
    expect(page.get_by_text("Nothing is waiting to be mended.")).to_be_visible()
