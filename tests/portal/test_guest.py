"""The station's public page: price first, whoever asks; and links that open one payment only."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from moneyed import Money

from billing import links
from billing.minor_units import zero
from billing.models import Payment
from portal.guest.station_page import page_of, rounded_up, station_of
from stations.models import Connector, Status, StatusInterval
from tests.builders import (
    MONDAY,
    connector_of,
    make_driver,
    make_organisation,
    make_session,
    make_site,
    make_station,
    make_tariff,
    make_token,
)
from tests.portal.rows import make_priced_connector
from tests.portal.test_driver import text_of

pytestmark = pytest.mark.django_db


def online(connector: Connector, status: str = Status.AVAILABLE) -> Connector:
    """The connector's station is connected and says `status`."""
    station = connector.evse.station
    station.connected_at = MONDAY
    station.save(update_fields=["connected_at"])
    StatusInterval.objects.create(
        organisation_id=connector.organisation_id, connector=connector, status=status, since=MONDAY
    )
    return connector


@pytest.fixture
def connector() -> Connector:
    return online(make_priced_connector(make_organisation()))


def station_url(connector: Connector) -> str:
    return reverse("portal:station", args=[connector.evse.station.public_code])


def make_payment(connector: Connector, state: str) -> Payment:
    nothing = zero("EUR")
    amounts: dict[str, Any] = {
        "due": nothing,
        "authorised": Money("45", "EUR"),
        "captured": nothing,
        "refunded": nothing,
        "credited": nothing,
    }
    payment: Payment = Payment.objects.create(
        organisation_id=connector.organisation_id,
        method=Payment.Method.GUEST,
        state=state,
        connector=connector,
        **amounts,
    )
    return payment


def test_the_price_comes_before_the_button_and_holds_the_tax(client: Client, connector: Connector) -> None:
    page = text_of(client.get(station_url(connector)))
    assert "0.60 EUR/kWh" in page
    assert "0.024 EUR/min" in page
    assert page.index("0.60 EUR/kWh") < page.index("Pay by card and charge")
    assert "held on your card, not charged" in page


def test_the_example_is_what_the_engine_charges(connector: Connector) -> None:
    (offer,) = page_of(connector.evse.station).offers
    assert offer.example is not None
    assert offer.example.energy_wh == 11_000
    assert str(offer.example.shares.gross) == "6.96"  # (11 x 0.50 + 0.30) x 1.2


def test_the_page_never_shows_the_ocpp_identity(client: Client, connector: Connector) -> None:
    station = connector.evse.station
    station.name = "Harbour 1"
    station.save(update_fields=["name"])
    assert station.identity not in client.get(station_url(connector)).content.decode()


def test_codes_are_read_in_small_letters_too_and_unknown_ones_are_404(
    client: Client, connector: Connector
) -> None:
    code = connector.evse.station.public_code
    assert station_of(code.lower()) == connector.evse.station
    assert client.get(reverse("portal:station", args=["ZZZZZZZZ"])).status_code == 404


def test_without_a_tariff_nobody_can_start(client: Client) -> None:
    connector = online(connector_of(make_station(make_site(make_organisation()))))
    page = client.get(station_url(connector))
    assert "No price is set here" in text_of(page)
    answer = client.post(station_url(connector) + "start/", {"port": connector.pk, "way": "guest"})
    assert answer.status_code == 302
    assert Payment.objects.count() == 0


@pytest.mark.parametrize("status", [Status.CHARGING, Status.FAULTED, Status.UNAVAILABLE, Status.OFFLINE])
def test_a_port_that_is_not_free_starts_nothing(client: Client, status: str) -> None:
    connector = online(make_priced_connector(make_organisation()), status)
    client.post(station_url(connector) + "start/", {"port": connector.pk, "way": "guest"})
    assert Payment.objects.count() == 0


@pytest.mark.parametrize("port", ["", "x", "00000000-0000-7000-8000-000000000000"])
def test_a_port_of_elsewhere_starts_nothing(client: Client, connector: Connector, port: str) -> None:
    answer = client.post(station_url(connector) + "start/", {"port": port, "way": "guest"}, follow=True)
    assert "not free any more" in text_of(answer)


@pytest.mark.parametrize(
    ("amount", "hold"), [("43.10", "45"), ("45", "45"), ("4120", "4500"), ("0.30", "0.5"), ("101", "150")]
)
def test_holds_are_plain_amounts_at_least_as_large(amount: str, hold: str) -> None:
    assert rounded_up(Decimal(amount)) == Decimal(hold)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Payment.State.HELD, "Plug in now"),
        (Payment.State.EXPIRED, "You paid nothing"),
        (Payment.State.RELEASED, "You paid nothing"),
    ],
)
def test_the_guests_page_says_where_things_stand(
    client: Client, connector: Connector, state: str, words: str
) -> None:
    signed = links.sign_payment(make_payment(connector, state))
    assert words in text_of(client.get(reverse("portal:guest-live", args=[signed])))


def test_a_session_that_does_not_add_up_is_said_to_be_checked(client: Client, connector: Connector) -> None:
    payment = make_payment(connector, Payment.State.HELD)
    payment.token = make_token(make_driver(guest=True), kind="guest")
    payment.save(update_fields=["token"])
    make_session(connector, token=payment.token, quality="held", hold_reasons=["implausible_power"])
    page = client.get(reverse("portal:guest-live", args=[links.sign_payment(payment)]))
    assert "until then you are not charged" in text_of(page)


def test_a_settled_page_stops_asking(client: Client, connector: Connector) -> None:
    signed = links.sign_payment(make_payment(connector, Payment.State.RELEASED))
    assert client.get(reverse("portal:guest-state", args=[signed])).status_code == 286


def test_a_forged_link_opens_nothing(client: Client, connector: Connector) -> None:
    signed = links.sign_payment(make_payment(connector, Payment.State.HELD))
    for forged in (signed[:-1] + "x", "nonsense", links.sign(document="1", organisation="2")):
        for name in ("guest-live", "guest-state", "pay"):
            assert client.get(reverse(f"portal:{name}", args=[forged])).status_code == 404


def test_ports_with_different_tariffs_say_each_price_once(client: Client) -> None:
    organisation = make_organisation()
    station = make_station(make_site(organisation), evses=3)
    make_tariff(organisation=organisation)
    for number in (1, 2, 3):
        online(connector_of(station, number))
    assert len(page_of(station).price_groups) == 1
