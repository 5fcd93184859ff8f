"""From a station's socket to the driver's receipt, with processes killed at every step on the way."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from urllib.request import urlopen

import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db.models import Sum
from django.test import Client

from accounts.models import Driver, User
from billing import cards, stripe_client
from billing.models import Document, Entry, Payment, PaymentProfile, SessionCharge
from charging.models import ChargingSession, PricedSession, Reading
from demo import card, world
from demo.stations.credentials import station_password
from stations.models import Station
from tests.chain.conftest import System
from tests.gateway.station import ScriptedStation
from tests.processes import wait_until

IDENTITY = "HST-SPH-01"
TAG = "04A1B2C3D4E5F6"


@pytest.fixture
def driver(system: System) -> Driver:
    """The demo driver, with a card saved on the hosted page."""
    world.build()
    call_command("stripe_setup", stdout=StringIO())
    driver = Driver.objects.get(user__email="driver@evbilling.example")
    card.save_card(driver)
    profile = cards.refresh(driver)
    assert profile is not None
    assert profile.card_last4 == "4242"
    return driver


def connect(system: System) -> ScriptedStation:
    """Connected anew, as a station does after each loss."""
    station = ScriptedStation(system.gateway_url, IDENTITY, station_password(IDENTITY))
    station.boot()
    return station


def settled(session: ChargingSession) -> Document | None:
    """The receipt of the session, once its PDF is there."""
    receipt: Document | None = Document.objects.filter(
        charge__session=session, kind="receipt", file__isnull=False
    ).first()
    return receipt


def charge_with_kills(system: System) -> ChargingSession:
    """One charge, told twice where a station would, with a kill -9 after every acknowledged message."""
    began = datetime.now(UTC) - timedelta(minutes=30)
    first = connect(system)
    number = first.start(TAG, meter=1_000, at=began)["transactionId"]
    system.kill("gateway")
    again = connect(system)
    assert again.start(TAG, meter=1_000, at=began)["transactionId"] == number
    for minute in range(5, 30, 5):
        again.meter(number, 1_000 + 1_000 * minute, at=began + timedelta(minutes=minute))
    system.kill("gateway", "scheduler")
    last = connect(system)
    ended = began + timedelta(minutes=30)
    last.stop(number, 31_000, at=ended, reason="EVDisconnected")
    system.kill("gateway", "scheduler", "worker")
    with connect(system) as repeated:
        repeated.stop(number, 31_000, at=ended, reason="EVDisconnected")
    session: ChargingSession = ChargingSession.objects.get(source="ocpp")
    return session


def test_a_charge_becomes_money_once_whatever_is_killed_on_the_way(system: System, driver: Driver) -> None:
    session = charge_with_kills(system)
    wait_until(lambda: PricedSession.objects.filter(session=session).exists(), 90, "priced")
    system.kill("scheduler", "stripe")
    wait_until(lambda: SessionCharge.objects.filter(session=session).exists(), 90, "charged")
    system.kill("worker", "scheduler")
    # killed while Stripe was asked: the attempt counts as lost, and is looked up, after twice Stripe's time-out
    wait_until(lambda: Payment.objects.filter(session=session, state="paid").exists(), 180, "paid")
    system.kill("web", "worker", "stripe")
    receipt = wait_until(lambda: settled(session), 120, "receipt with PDF")
    assert receipt is not None

    session.refresh_from_db()
    assert (session.energy_wh, session.driver_id, session.state) == (30_000, driver.pk, "priced")
    assert set(Reading.objects.filter(session=session).values_list("register_wh", flat=True)) >= {
        1_000 + 1_000 * minute for minute in range(5, 30, 5)
    }
    _is_paid_once(session, driver)
    assert default_storage.open(receipt.file.name).read(5) == b"%PDF-"
    _is_seen_by_all(session, receipt)
    call_command("verify_books", "--stripe", stdout=StringIO())


def _is_paid_once(session: ChargingSession, driver: Driver) -> None:
    priced = PricedSession.objects.get(session=session)
    charge = SessionCharge.objects.get(session=session)
    payment = Payment.objects.get(session=session)
    assert priced.gross.amount > 15
    assert payment.captured == charge.gross == priced.gross
    entries = Entry.objects.filter(journal=charge.journal_id)
    assert entries.count() >= 3
    assert entries.aggregate(Sum("amount"))["amount__sum"] == 0
    customer = PaymentProfile.objects.get(driver=driver).customer_id
    intents = stripe_client.ask(lambda client: client.v1.payment_intents.list({"customer": customer}))["data"]
    assert [(intent["status"], intent["amount_received"]) for intent in intents] == [
        ("succeeded", round(priced.gross.amount * 100))
    ]


def _is_seen_by_all(session: ChargingSession, receipt: Document) -> None:
    amount = f"{receipt.gross.amount:.2f}"
    seen_by = {
        "driver@evbilling.example": "/driver/history/",
        "owner@evbilling.example": f"/owner/hafenstrom/sessions/{session.pk}/",
        "admin@evbilling.example": f"/admin/charging/chargingsession/{session.pk}/change/",
    }
    for email, page in seen_by.items():
        client = Client()
        client.force_login(User.objects.get(email=email), "django.contrib.auth.backends.ModelBackend")
        answer = client.get(page)
        assert answer.status_code == 200, page
        if email != "admin@evbilling.example":
            assert amount in answer.content.decode(), page
    stranger = Client()
    stranger.force_login(
        User.objects.get(email="glen@evbilling.example"), "django.contrib.auth.backends.ModelBackend"
    )
    assert stranger.get(seen_by["owner@evbilling.example"]).status_code == 404


def test_a_station_page_shows_its_price_to_anybody(system: System) -> None:
    world.build()
    code = Station.objects.get(identity=IDENTITY).public_code
    page = urlopen(f"{system.web_url}/s/{code}/", timeout=60).read().decode()
    assert re.search(r"0[.,]59", page)
    assert IDENTITY not in page
