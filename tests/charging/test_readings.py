"""What the batcher stores of meter values: each reading once, whichever way it comes in."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.partitions import ensure_months
from charging import ingest, rating
from charging.ingest import Metered, Outcome, Reporter
from charging.models import ChargingSession, QuarantinedFact, Reading, SampleShape
from tests.builders import MONDAY, connector_of, make_session, make_station, make_tariff

pytestmark = pytest.mark.django_db(transaction=True)
SHAPE, SAID = '[{"value":"","unit":"Wh"},{"value":"","measurand":"Voltage"}]', "{} 230.10"


@pytest.fixture(autouse=True)
def fresh_memory() -> None:
    ingest.forget()


def metered(session: ChargingSession, second: int, register_wh: int | None, **fields: Any) -> Metered:
    station = session.station
    reporter = Reporter(station.organisation_id, station.pk, station.identity)
    at = session.started_at + timedelta(seconds=second)
    values = {"power_w": 11_000, "current_ma": None, "soc_percent": None, "sampled": ""} | fields
    said: dict[str, Any] = {} if values["sampled"] else {"shape": SHAPE, "said": SAID.format(register_wh)}
    return Metered(reporter, str(session.transaction_id), at, register_wh, **values, **said)


def store(*facts: Metered) -> list[Outcome]:
    with transaction.atomic():
        return ingest.commit(facts)


def rows(session: ChargingSession) -> list[tuple[int, int | None]]:
    found = Reading.objects.filter(session=session).order_by("at", "register_wh")
    return [((row.at - session.started_at).seconds, row.register_wh) for row in found]


def running(**fields: Any) -> ChargingSession:
    return make_session(seconds=None, **fields)


def test_new_readings_land_in_their_month_and_move_their_session() -> None:
    now = timezone.now()
    ensure_months("charging_reading", "at", now, 1)
    session = running(start=now - timedelta(seconds=600))
    store(metered(session, 60, 100), metered(session, 120, 250, power_w=None))
    assert rows(session) == [(60, 100), (120, 250)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM charging_reading")
        assert cursor.fetchall() == [(f"charging_reading_{now:%Y_%m}",)]
    session.refresh_from_db()
    told = (session.last_register_wh, session.last_power_w, session.last_reading_at)
    assert told == (250, 11_000, session.started_at + timedelta(seconds=120))


def test_what_was_sampled_is_kept_word_for_word_and_its_shape_once() -> None:
    session = running()
    store(metered(session, 60, 100), metered(session, 120, 250))
    store(metered(session, 180, None, sampled='[{"value":7.50,"measurand":"SoC"}]'))
    assert [row.said for row in Reading.objects.order_by("at")] == ["100 230.10", "250 230.10", "7.50"]
    assert Reading.objects.order_by("at")[0].sampled == [
        {"value": "100", "unit": "Wh"},
        {"value": "230.10", "measurand": "Voltage"},
    ]
    assert SampleShape.objects.count() == 2


@pytest.mark.parametrize("remembered", [True, False])
def test_a_repeat_changes_nothing(remembered: bool) -> None:
    session = running()
    for _ in range(3):
        assert store(metered(session, 60, 100), metered(session, 60, 100)) == [Outcome(), Outcome()]
        assert store(metered(session, 120, 200)) == [Outcome()]
        if not remembered:
            ingest.forget()
    assert rows(session) == [(60, 100), (120, 200)]


def test_readings_out_of_order_and_two_of_one_instant_are_all_kept() -> None:
    session = running()
    store(metered(session, 300, 900))
    store(metered(session, 100, 300), metered(session, 200, 600), metered(session, 200, None))
    store(metered(session, 400, 1000), metered(session, 350, 950))
    kept = [(100, 300), (200, 600), (200, None), (300, 900), (350, 950), (400, 1000)]
    assert rows(session) == kept
    session.refresh_from_db()
    assert session.last_register_wh == 1000


def test_a_reading_that_its_session_was_not_told_of_is_no_stumbling_block() -> None:
    session = running()
    store(metered(session, 60, 100))
    ChargingSession.objects.update(last_reading_at=None)
    store(metered(session, 60, 100), metered(session, 90, 150))
    assert rows(session) == [(60, 100), (90, 150)]


def test_a_month_that_is_made_meanwhile_is_found() -> None:
    session = running(start=MONDAY)
    store(metered(session, 60, 100))
    ensure_months("charging_reading", "at", MONDAY, 1)
    store(metered(session, 90, 150))
    store(metered(session, 120, 200))
    assert rows(session) == [(60, 100), (90, 150), (120, 200)]


def test_what_a_rollback_took_back_is_not_remembered() -> None:
    session = running()
    with transaction.atomic():
        ingest.commit([metered(session, 60, 100)])
        transaction.set_rollback(True)
    ingest.forget()
    store(metered(session, 60, 100))
    assert rows(session) == [(60, 100)]
    assert Reading.objects.get().sampled[0]["value"] == "100"


def test_a_reading_after_the_price_holds_the_session_and_one_after_the_stop_does_not() -> None:
    connector = connector_of(make_station())
    make_tariff(organisation=connector.organisation)
    session = make_session(connector, energy_wh=1_000)
    store(metered(session, 4000, 1_000))
    rating.sweep()
    session.refresh_from_db()
    assert (session.state, session.quality) == ("priced", "good")
    store(metered(session, 5000, 1_000))
    session.refresh_from_db()
    assert session.quality == "good"
    store(metered(session, 600, 400))
    session.refresh_from_db()
    assert (session.quality, session.hold_reasons) == ("held", ["late_fact"])
    assert rows(session) == [(600, 400), (4000, 1_000), (5000, 1_000)]


def test_another_stations_transaction_is_set_aside() -> None:
    session, other = running(), make_station()
    fact = metered(session, 60, 100)
    fact.reporter = Reporter(other.organisation_id, other.pk, other.identity)
    assert store(fact)[0].quarantined == "unknown_transaction"
    assert not Reading.objects.exists()
    assert QuarantinedFact.objects.get().station == other
