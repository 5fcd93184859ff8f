"""A station shows what its session costs: the price of the bill, so far and in the end."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

import pricing
from accounts.models import Organisation
from charging import rating, running_cost
from charging.models import ChargingSession, CostNotice, StationDisplay
from charging.price_now import Moment, as_text, price_now
from gateway.models import OcppMessage
from stations.models import Station
from tariffs.models import TariffVersion
from tests.builders import make_tariff, make_tariff_document, make_token
from tests.gateway.conftest import PASSWORD, Connect
from tests.gateway.station2 import ScriptedStation2, new_transaction
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
VENDOR = "org.openchargealliance.costmsg"


@pytest.fixture(autouse=True)
def tariff(organisation: Organisation) -> TariffVersion:
    """0.50 a kWh and 1.00 to start, 20 % tax on top; idle 6.00 an hour."""
    make_token(uid="TAG")
    return make_tariff(make_tariff_document("0.50", flat="1.00", parking="6.00"), organisation=organisation)


@pytest.fixture
def charger2(gateway: str, station: Station) -> Iterator[ScriptedStation2]:
    with ScriptedStation2(gateway, station.identity, PASSWORD) as opened:
        here(station)
        yield opened


def here(station: Station) -> None:
    wait_until(lambda: Station.objects.filter(pk=station.pk, last_seen_at__isnull=False).exists())


def ago(minutes: float) -> datetime:
    return timezone.now() - timedelta(minutes=minutes)


def sweep() -> int:
    rating.pin_sweep()
    return running_cost.sweep()


def later(seconds: int = 120) -> None:
    """The notices grow old."""
    past = timezone.now() - timedelta(seconds=seconds)
    CostNotice.objects.update(priced_at=past, told_at=past, as_of=past)


def all_told() -> None:
    wait_until(lambda: not CostNotice.objects.exclude(state="told").exists(), what="the notices to be told")


def data_of(call: dict[str, Any]) -> dict[str, Any]:
    assert call["vendorId"] == VENDOR
    return dict(json.loads(call["data"], parse_float=Decimal))


def test_a_station_of_ocpp_2_shows_the_price_the_running_and_the_final_cost(
    charger2: ScriptedStation2,
) -> None:
    tx = new_transaction()
    charger2.event("Started", tx, ago(20), tag="TAG", wh=0, state="Charging")
    charger2.event("Updated", tx, ago(10), wh=4000)
    assert sweep() == 1
    shown = charger2.wait_for_call("SetDisplayMessage")["message"]
    assert shown["transactionId"] == tx
    assert shown["message"]["content"] == "0.60 EUR/kWh + 7.20 EUR/h idle + 1.20 EUR start, tax included"
    assert charger2.wait_for_call("CostUpdated") == {"transactionId": tx, "totalCost": 3.6}
    all_told()
    charger2.event("Ended", tx, ago(1), wh=6500)
    assert rating.sweep() == 1
    assert sweep() == 1
    assert charger2.wait_for_call("CostUpdated") == {"transactionId": tx, "totalCost": 5.1}
    all_told()
    assert sweep() == 0
    assert OcppMessage.objects.filter(action="CostUpdated", direction="out").count() == 2


def test_a_station_of_1_6_shows_them_by_the_data_transfer_of_california(
    station: Station, connect: Connect
) -> None:
    charger = connect(station)
    here(station)
    number = charger.start("TAG", meter=1000, at=ago(20))["transactionId"]
    charger.meter(number, 5000, at=ago(10))
    sweep()
    price = charger.wait_for_call("DataTransfer")
    assert (price["messageId"], data_of(price)["idToken"]) == ("SetUserPrice", "TAG")
    running = charger.wait_for_call("DataTransfer")
    assert running["messageId"] == "RunningCost"
    told = data_of(running)
    assert (told["transactionId"], told["cost"], told["meterValue"]) == (number, Decimal("3.6"), 5000)
    assert told["chargingPrice"] == {"kWhPrice": Decimal("0.6"), "flatFee": Decimal("1.2")}
    assert told["idlePrice"] == {"hourPrice": Decimal("7.2")}
    all_told()
    charger.stop(number, 7500, at=ago(1))
    rating.sweep()
    sweep()
    final = charger.wait_for_call("DataTransfer")
    assert final["messageId"] == "FinalCost"
    assert data_of(final) == {
        "transactionId": number, "cost": Decimal("5.1"), "priceText": "5.1 EUR, tax included",
    }  # fmt: skip
    wait_until(lambda: OcppMessage.objects.filter(payload__contains="SetUserPrice").exists())
    log = OcppMessage.objects.get(payload__contains="SetUserPrice")
    assert '"TAG' not in log.payload.replace('\\"', '"')


@pytest.mark.parametrize("answer", ["UnknownVendorId", "UnknownMessageId"])
def test_a_station_that_knows_nothing_of_costs_is_left_alone_until_it_boots(
    station: Station, connect: Connect, answer: str
) -> None:
    charger = connect(station)
    here(station)
    charger.answers["DataTransfer"] = lambda _: {"status": answer}
    number = charger.start("TAG", at=ago(20))["transactionId"]
    sweep()
    charger.wait_for_call("DataTransfer")
    charger.wait_for_call("DataTransfer")
    wait_until(lambda: StationDisplay.objects.filter(station=station, refusal=answer).exists())
    later()
    charger.meter(number, 9000, at=ago(1))
    assert sweep() == 0
    charger.boot()
    assert sweep() == 1


def test_a_cost_is_told_again_for_a_step_or_after_a_while_and_not_else(charger2: ScriptedStation2) -> None:
    tx = new_transaction()
    charger2.event("Started", tx, ago(20), tag="TAG", wh=0, state="Charging")
    sweep()
    charger2.wait_for_call("CostUpdated")
    all_told()
    assert sweep() == 0  # just told
    charger2.event("Updated", tx, wh=100)
    CostNotice.objects.update(priced_at=ago(0.2), told_at=ago(0.2), as_of=ago(0.2))
    assert sweep() == 1
    assert CostNotice.objects.get().state == "told"  # 0.06 more within a minute is no step
    charger2.event("Updated", tx, wh=400)
    CostNotice.objects.update(priced_at=ago(0.2), told_at=ago(0.2), as_of=ago(0.2))
    assert sweep() == 1
    assert charger2.wait_for_call("CostUpdated")["totalCost"] == 1.44
    all_told()
    later()
    assert sweep() == 1
    assert CostNotice.objects.get().state == "told"  # nothing new costs nothing to say


def test_a_held_session_is_shown_no_cost(charger2: ScriptedStation2) -> None:
    charger2.event("Started", new_transaction(), ago(5), tag="NOBODY", wh=0)
    assert sweep() == 0
    assert not CostNotice.objects.exists()


def test_a_station_that_is_away_is_told_when_it_is_back(gateway: str, station: Station) -> None:
    tx = new_transaction()
    with ScriptedStation2(gateway, station.identity, PASSWORD) as charger:
        here(station)
        charger.event("Started", tx, ago(20), tag="TAG", wh=0, state="Charging")
    sweep()
    with ScriptedStation2(gateway, station.identity, PASSWORD) as charger:
        assert charger.wait_for_call("CostUpdated")["transactionId"] == tx


def test_an_amount_is_written_digit_for_digit(charger2: ScriptedStation2) -> None:
    tx = new_transaction()
    charger2.event("Started", tx, ago(20), tag="TAG", wh=0, state="Charging")
    charger2.event("Updated", tx, ago(10), wh=16_833)
    sweep()
    charger2.wait_for_call("CostUpdated")
    wait_until(lambda: OcppMessage.objects.filter(action="CostUpdated").exists())
    assert '"totalCost":11.3,' in OcppMessage.objects.get(action="CostUpdated").payload


def test_one_notice_is_claimed_once(charger2: ScriptedStation2, station: Station) -> None:
    charger2.event("Started", new_transaction(), ago(20), tag="TAG", wh=0)
    charger2.close()
    sweep()
    assert len(running_cost.claim({station.pk})) == 1
    assert running_cost.claim({station.pk}) == []


def test_the_price_now_follows_the_clock_of_the_site() -> None:
    def element(price: str, **when: Any) -> dict[str, Any]:
        component = {"type": "ENERGY", "price": price, "step_size": 1, "vat": 20}
        return {"price_components": [component], "restrictions": when}

    elements = [
        element("0.40", start_time="17:00", end_time="21:00"),
        element("0.25", max_kwh=10),
        element("0.30"),
    ]
    tariff = pricing.Tariff.from_json({"id": "t", "currency": "EUR", "elements": elements})
    five = datetime(2024, 1, 1, 16, 0, tzinfo=UTC)  # 17:00 in Amsterdam
    assert price_now(tariff, Moment(five, "Europe/Amsterdam")) == {"ENERGY": Decimal("0.48")}
    assert price_now(tariff, Moment(five, "UTC")) == {"ENERGY": Decimal("0.3")}
    assert price_now(tariff, Moment(five, "UTC", energy_wh=10_000)) == {"ENERGY": Decimal("0.36")}
    assert as_text({"ENERGY": Decimal("0.4567")}, "EUR") == "0.4567 EUR/kWh, tax included"
    assert as_text({}, "EUR") == "0.00 EUR"


def test_a_session_that_is_settled_elsewhere_is_not_shown_our_price(charger2: ScriptedStation2) -> None:
    charger2.event("Started", new_transaction(), ago(5), tag="TAG", wh=0)
    ChargingSession.objects.update(settled_elsewhere=True)
    assert sweep() == 0
