"""A fact that arrives after the price is never lost: it holds the session, whoever writes it."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, connections, transaction

from charging import quality, rating
from charging.models import ChargingSession, PricedSession, QuarantinedFact, Reading, SessionState
from tests.builders import (
    MONDAY,
    add_readings,
    connector_of,
    make_session,
    make_station,
    make_tariff,
    make_user,
)


def make_priced(**fields: Any) -> ChargingSession:
    connector = connector_of(make_station())
    make_tariff(organisation=connector.organisation)
    session = make_session(connector, **{"readings": [(1800, 5_000)], **fields})
    rating.sweep()
    session.refresh_from_db()
    assert session.state == "priced"
    return session


def is_held_for_late_fact(session: ChargingSession) -> bool:
    session.refresh_from_db()
    return (session.quality, session.hold_reasons) == ("held", ["late_fact"])


@pytest.mark.django_db
class TestALateFact:
    def test_a_reading_within_the_session_holds_it_and_is_kept_as_evidence(self) -> None:
        session = make_priced()
        add_readings(session, [(900, 4_000)])
        assert is_held_for_late_fact(session)
        evidence = session.reviews.get().evidence["late_fact"]
        assert [fact["register_wh"] for fact in evidence] == [4_000]

    def test_a_register_above_the_stop_holds_the_session_however_late_it_is(self) -> None:
        session = make_priced(energy_wh=10_000)
        add_readings(session, [(9_000, 10_001)])
        assert is_held_for_late_fact(session)

    def test_a_state_within_the_session_holds_it(self) -> None:
        session = make_priced()
        SessionState.objects.create(
            organisation_id=session.organisation_id,
            session=session,
            at=session.started_at + timedelta(minutes=30),
            state=SessionState.State.PARKED,
        )
        assert is_held_for_late_fact(session)

    def test_a_quarantined_fact_holds_its_session(self) -> None:
        session = make_priced()
        QuarantinedFact.objects.create(
            organisation_id=session.organisation_id,
            source="ocpp",
            source_key="frame-1",
            session=session,
            reason="conflicting_stop",
            raw="[2]",
        )
        assert is_held_for_late_fact(session)

    def test_a_corrected_stop_holds_the_session_and_keeps_what_it_said_before(self) -> None:
        session = make_priced(energy_wh=10_000)
        ChargingSession.objects.filter(pk=session.pk).update(meter_end_wh=12_000)
        assert is_held_for_late_fact(session)
        evidence = session.reviews.get().evidence["late_fact"]
        assert (evidence["was"]["meter_end_wh"], evidence["is"]["meter_end_wh"]) == (10_000, 12_000)

    @pytest.mark.parametrize(
        "reading",
        [(1800, 5_000), (3600, 10_000), (7200, 10_000), (0, 0)],
        ids=["repeat", "the stop's own", "after the stop, no more energy", "the start's own"],
    )
    def test_what_changes_no_price_holds_nothing(self, reading: tuple[int, int]) -> None:
        session = make_priced(energy_wh=10_000)
        add_readings(session, [reading])
        session.refresh_from_db()
        assert session.quality == "good"

    def test_a_fact_of_a_session_without_price_holds_nothing(self) -> None:
        session = make_session()
        add_readings(session, [(900, 4_000)])
        session.refresh_from_db()
        assert session.quality == "good"

    def test_a_later_fact_holds_again_what_was_released(self) -> None:
        session = make_priced()
        add_readings(session, [(900, 4_000)])
        quality.release(session, by=make_user(), note="billed as it was shown")
        add_readings(session, [(2700, 8_000)])
        assert is_held_for_late_fact(session)
        assert sorted(review.action for review in session.reviews.all()) == ["held", "held", "released"]

    def test_one_statement_with_many_facts_leaves_one_review_a_session(self) -> None:
        first, second = make_priced(), make_priced()
        Reading.objects.bulk_create(
            Reading(
                organisation_id=session.organisation_id,
                session=session,
                at=session.started_at + timedelta(seconds=s),
                register_wh=s,
            )
            for session in (first, second)
            for s in (60, 120, 180)
        )
        assert [first.reviews.count(), second.reviews.count()] == [1, 1]


@pytest.mark.django_db
def test_a_price_and_its_session_never_go_back() -> None:
    session = make_priced()
    for statement in (
        "UPDATE charging_chargingsession SET state = 'ended'",
        "UPDATE charging_pricedsession SET net = 0, gross = 0",
        "DELETE FROM charging_pricedsession",
        "UPDATE charging_sessionreview SET note = 'x'",
    ):
        if "review" in statement:
            add_readings(session, [(900, 4_000)])
        with (
            pytest.raises(DatabaseError, match="Cannot"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_reading_on_its_way_while_the_session_is_rated_is_not_lost() -> None:
    """The reading is written but not committed when the sweep comes: the sweep leaves the session alone."""
    connector = connector_of(make_station())
    make_tariff(organisation=connector.organisation)
    session = make_session(connector)
    written, swept = threading.Event(), threading.Event()

    def write_slowly() -> None:
        try:
            with transaction.atomic():
                add_readings(session, [(900, 4_000)])
                written.set()
                swept.wait(10)
        finally:
            connections.close_all()

    writer = threading.Thread(target=write_slowly)
    writer.start()
    assert written.wait(10)
    assert rating.sweep() == 0
    swept.set()
    writer.join(10)
    assert rating.sweep() == 1
    assert session.readings.count() == 1


@pytest.mark.django_db(transaction=True)
def test_sweeps_side_by_side_price_each_session_once() -> None:
    connector = connector_of(make_station())
    make_tariff(organisation=connector.organisation)
    sessions = [make_session(connector, start=MONDAY + timedelta(hours=2 * n)) for n in range(12)]
    together = threading.Barrier(3)
    done: list[int] = []

    def sweep() -> None:
        try:
            together.wait(10)
            done.append(rating.sweep())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=sweep) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    rating.sweep()  # a row that two had their hands on at once waits for the next round
    assert PricedSession.objects.count() == len(sessions)
    assert sum(done) <= len(sessions)
