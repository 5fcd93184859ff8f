"""A session is priced once, by the tariff of its start, from its facts alone."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import DriverGroup, DriverGroupMember
from charging import rating, signals
from charging.models import ChargingSession, PricedSession, SessionState
from tariffs.models import TariffVersion
from tests.builders import (
    MONDAY,
    connector_of,
    make_driver,
    make_session,
    make_site,
    make_station,
    make_tariff,
    make_tariff_document,
)

pytestmark = pytest.mark.django_db

CHARGING, PARKED = SessionState.State.CHARGING, SessionState.State.PARKED


def make_priceable(document: dict[str, object] | None = None, **fields: Any) -> ChargingSession:
    connector = connector_of(make_station())
    make_tariff(document, organisation=connector.organisation)
    return make_session(connector, **fields)


def price_of(session: ChargingSession) -> PricedSession:
    return PricedSession.objects.of(session.organisation_id).get(session=session)


def test_an_ended_session_is_priced_by_its_start_and_stop_registers() -> None:
    session = make_priceable(meter_start_wh=1_000_000, energy_wh=10_000)
    rating.sweep()
    price = price_of(session)
    assert (price.net.amount, price.tax.amount, price.gross.amount) == (5, 1, 6)
    assert str(price.gross.currency) == "EUR"
    assert (price.energy_wh, price.duration_s) == (10_000, 3600)
    session.refresh_from_db()
    assert session.state == ChargingSession.State.PRICED
    assert session.tariff_version_id == price.tariff_version_id


def test_energy_is_priced_when_it_flowed() -> None:
    """Three quarters of the energy flowed in the dear hour before 11:00, as the readings tell."""
    elements = [
        {"price_components": [{"type": "ENERGY", "price": "1"}], "restrictions": {"end_time": "11:00"}},
        {"price_components": [{"type": "ENERGY", "price": "0.10"}]},
    ]
    session = make_priceable(
        {"id": "peak", "currency": "EUR", "elements": elements},
        start=MONDAY + timedelta(hours=9),  # 10:00 in Amsterdam
        seconds=7200,
        energy_wh=8_000,
        readings=[(3600, 6_000)],
    )
    rating.sweep()
    assert price_of(session).net.amount == Decimal("6.20")


def test_time_costs_while_charging_and_parking_while_parked() -> None:
    session = make_priceable(
        make_tariff_document("0.50", time="2", parking="6", flat="1", tax=None),
        seconds=7200,
        readings=[(3600, 10_000)],
        states=[(0, CHARGING), (3600, PARKED)],
    )
    rating.sweep()
    price = price_of(session)
    assert (price.energy.amount, price.time.amount, price.parking.amount, price.fees.amount) == (5, 2, 6, 1)
    assert price.net.amount == 14


def test_a_session_without_states_was_charging_throughout() -> None:
    session = make_priceable(make_tariff_document(None, time="2", parking="6", tax=None))
    rating.sweep()
    assert price_of(session).time.amount == 2
    assert price_of(session).parking.amount == 0


def test_repeated_readings_change_nothing() -> None:
    document = make_tariff_document("0.30", time="1.20")
    readings = [(600, 2_000), (1200, 3_500), (2400, 9_000)]
    once = make_priceable(document, readings=readings)
    twice = make_priceable(document, readings=[*readings, *readings])
    rating.sweep()
    assert price_of(once).result == price_of(twice).result


def test_the_sweep_prices_each_session_once() -> None:
    session = make_priceable()
    assert rating.sweep() == 1
    assert rating.sweep() == 0
    assert rating.rate(session) == price_of(session)
    assert PricedSession.objects.count() == 1


def test_a_session_that_runs_is_not_priced() -> None:
    session = make_priceable(seconds=None)
    assert rating.sweep() == 0
    assert rating.rate(session) is None


def test_without_a_tariff_there_is_no_price_of_zero() -> None:
    session = make_session()
    rating.sweep()
    session.refresh_from_db()
    assert (session.state, session.quality, session.hold_reasons) == ("ended", "held", ["no_tariff"])
    assert not PricedSession.objects.exists()
    review = session.reviews.get()
    assert "no tariff is assigned" in review.evidence["no_tariff"]["message"]


def test_what_the_engine_refuses_is_held_with_the_field_it_named() -> None:
    session = make_priceable(
        {"id": "t", "currency": "EUR", "elements": []},
    )
    rating.sweep()
    session.refresh_from_db()
    assert session.hold_reasons == ["not_priceable"]
    assert session.reviews.get().evidence["not_priceable"]["field"] == "tariff.elements"


def test_a_poison_session_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    poison, good = make_priceable(), make_priceable()
    priced_row = rating.priced_row

    def explode_for_poison(session: ChargingSession, *rest: Any) -> PricedSession:
        if session.pk == poison.pk:
            raise ZeroDivisionError("boom")
        return priced_row(session, *rest)

    monkeypatch.setattr(rating, "priced_row", explode_for_poison)
    rating.sweep()
    poison.refresh_from_db()
    assert poison.hold_reasons == ["rating_failed"]
    assert poison.reviews.get().evidence["rating_failed"] == {"error": "ZeroDivisionError: boom"}
    assert price_of(good).net.amount == 5


def test_the_price_is_that_of_the_start_however_late_it_is_pinned() -> None:
    session = make_priceable()
    old = TariffVersion.objects.get()
    TariffVersion.objects.create(
        organisation_id=old.organisation_id,
        tariff=old.tariff,
        number=2,
        document=make_tariff_document("9.99"),
        valid_from=session.started_at + timedelta(seconds=1),
    )
    assert rating.pin_sweep() == 1
    session.refresh_from_db()
    assert session.tariff_version == old
    assert rating.pin_sweep() == 0


def test_a_running_session_is_pinned_and_one_without_tariff_is_held_at_once() -> None:
    running = make_priceable(seconds=None)
    nowhere = make_session(seconds=None)
    rating.pin_sweep()
    running.refresh_from_db()
    nowhere.refresh_from_db()
    assert running.tariff_version is not None
    assert (nowhere.quality, nowhere.hold_reasons) == ("held", ["no_tariff"])
    assert rating.pin_sweep() == 0


def test_a_driver_group_has_its_own_price() -> None:
    connector = connector_of(make_station())
    staff = DriverGroup.objects.create(organisation=connector.organisation, name="Staff")
    driver = make_driver()
    DriverGroupMember.objects.create(organisation=connector.organisation, group=staff, driver=driver)
    make_tariff(organisation=connector.organisation, connector=connector)
    make_tariff(make_tariff_document("0.20"), organisation=connector.organisation, driver_group=staff)
    session = make_session(connector, driver=driver)
    rating.sweep()
    assert price_of(session).net.amount == 2


def test_the_live_cost_ends_as_the_bill() -> None:
    document = make_tariff_document("0.30", time="1.20", flat="0.50")
    readings = [(600, 2_000), (1200, 3_500), (2400, 9_000)]
    session = make_priceable(document, seconds=None, readings=readings)
    costs = [rating.running_price(session, session.started_at + timedelta(seconds=s)) for s in (0, 900, 2400)]
    assert [cost.total.net for cost in costs] == sorted(cost.total.net for cost in costs)
    assert costs[1].total.net == Decimal("1.40")  # 0.50 + 2 kWh at 0.30 + 15 min at 1.20 an hour
    session.state, session.ended_at = "ended", session.started_at + timedelta(seconds=2400)
    session.meter_end_wh = 9_000
    session.save()
    rating.sweep()
    assert price_of(session).gross.amount == costs[2].total.gross


def test_asking_for_the_live_cost_writes_nothing() -> None:
    session = make_priceable(seconds=None)
    rating.running_price(session, timezone.now())
    session.refresh_from_db()
    assert session.tariff_version is None


def test_a_running_session_without_tariff_has_no_live_cost() -> None:
    with pytest.raises(LookupError, match="no tariff is assigned"):
        rating.running_price(make_session(seconds=None), timezone.now())


def test_billing_is_nudged_after_the_commit(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    session = make_priceable()
    heard: list[tuple[object, object]] = []

    def listen(**sent: object) -> None:
        heard.append((sent["organisation_id"], sent["session_id"]))

    signals.session_completed.connect(listen)
    try:
        with django_capture_on_commit_callbacks() as callbacks:
            rating.sweep()
        assert heard == []
        for callback in callbacks:
            callback()
    finally:
        signals.session_completed.disconnect(listen)
    assert heard == [(session.organisation_id, session.pk)]


def test_the_site_zone_decides_not_the_server() -> None:
    elements = [
        {"price_components": [{"type": "ENERGY", "price": "1"}], "restrictions": {"start_time": "18:00"}},
        {"price_components": [{"type": "ENERGY", "price": "0.10"}]},
    ]
    document = {"id": "evening", "currency": "EUR", "elements": elements}
    prices = {}
    for zone in ("Europe/Amsterdam", "America/New_York"):
        station = make_station(make_site(time_zone=zone))
        make_tariff(document, organisation=station.organisation)
        session = make_session(connector_of(station), start=MONDAY + timedelta(hours=18), energy_wh=10_000)
        rating.sweep()
        prices[zone] = price_of(session).net.amount
    assert prices == {"Europe/Amsterdam": 10, "America/New_York": 1}
