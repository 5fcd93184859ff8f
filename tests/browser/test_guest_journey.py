"""A guest, no account: scan, see the price, pay by card, plug in, watch, stop, receipt."""

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import expect

import fakestripe
from billing.models import Payment
from charging import rating
from stations.models import Station
from tests.billing.journeys import settle
from tests.browser.conftest import OpenPage
from tests.builders import make_organisation, make_site, make_station, make_tariff, make_tariff_document
from tests.gateway.conftest import Connect, connect, gateway, gateway_process, with_password
from tests.gateway.station import ScriptedStation

__all__ = ["connect", "gateway", "gateway_process"]  # fixtures


class ChargingStation(threading.Thread):
    """A station with a car beside it: starts when told, 5 kWh in ten minutes, stops when told."""

    def __init__(self, station: ScriptedStation) -> None:
        super().__init__(daemon=True)
        self.station = station
        self.trouble: BaseException | None = None

    def run(self) -> None:
        try:
            self._charge()
        except BaseException as error:  # the test's thread asks
            self.trouble = error

    def _charge(self) -> None:
        asked: dict[str, Any] = self.station.wait_for_call("RemoteStartTransaction", 60)
        self.station.status("Charging")
        plugged_in = datetime.now(UTC) - timedelta(minutes=10)
        transaction = self.station.start(asked["idTag"], at=plugged_in)["transactionId"]
        self.station.meter(transaction, 5_000)
        assert self.station.wait_for_call("RemoteStopTransaction", 60) == {"transactionId": transaction}
        self.station.stop(transaction, 5_000)
        self.station.status("Available")


@pytest.fixture
def station(transactional_db: None) -> Station:
    organisation = make_organisation(name="Harbour Power", legal_name="Harbour Power Ltd")
    station = with_password(
        make_station(make_site(organisation, name="Harbour"), max_power_w=50_000, power_type="DC")
    )
    make_tariff(make_tariff_document("0.50", flat="0.30", tax="20"), organisation=organisation)
    return station


@pytest.fixture
def car(station: Station, connect: Connect) -> Iterator[ChargingStation]:
    """The station, booted and free, its own thread answering the gateway."""
    scripted = connect(station)
    scripted.boot()
    scripted.status("Available")
    thread = ChargingStation(scripted)
    thread.start()
    yield thread
    assert thread.trouble is None


def test_a_guest_charges_from_the_qr_code_to_the_receipt(
    station: Station,
    car: ChargingStation,
    site: str,
    stripe: fakestripe.Server,
    open_page: OpenPage,
    keep_picture: Any,
) -> None:
    page = open_page()
    page.goto(f"{site}/s/{station.public_code}/")
    expect(page.get_by_text("0.60 EUR/kWh".replace(" ", " "))).to_be_visible()
    keep_picture(page, "1-price")
    page.get_by_role("button", name="Pay by card and charge").click()

    page.wait_for_url(f"{stripe.url}/**")
    page.locator("input[name=email]").fill("guest@example.test")
    page.locator("button.primary").click()
    page.wait_for_url(f"{site}/g/**")
    assert Payment.objects.get().state in ("checkout", "held")

    expect(page.get_by_role("heading", name="Charging")).to_be_visible(timeout=40_000)
    expect(page.get_by_text("5.0 kWh").first).to_be_visible()
    expect(page.get_by_text("3.36 EUR").first).to_be_visible()
    keep_picture(page, "2-charging")
    page.get_by_role("button", name="Stop charging").click()
    car.join(60)

    rating.sweep()
    settle()
    expect(page.get_by_role("heading", name="All done")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("You paid")).to_be_visible()
    expect(page.locator(".figure")).to_contain_text("3.36")
    keep_picture(page, "3-done")
    payment = Payment.objects.get()
    assert (payment.state, str(payment.captured.amount.normalize())) == ("paid", "3.36")

    receipt = page.get_by_role("link", name=re.compile("Receipt"))
    expect(receipt).to_be_visible(timeout=30_000)
    answer = page.request.get(str(receipt.get_attribute("href")))
    assert answer.status == 200
    assert answer.body().startswith(b"%PDF-")
