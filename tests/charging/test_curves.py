"""Old readings become curves: small, exact, and priced like the rows they were made of."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.partitions import ensure_months
from charging import curves, rating
from charging.curve import BrokenCurve, Point, in_order, pack, unpack
from charging.facts import gather
from charging.models import ChargingSession, Reading, SessionCurve
from gateway.retention import drop_old_messages
from tests.builders import MONDAY, add_readings, connector_of, make_session, make_station, make_tariff

OLD = datetime(2020, 3, 31, 23, tzinfo=UTC)
NUMBERS = st.none() | st.integers(-(2**63), 2**63 - 1)
INSTANTS = st.integers(0, 2**51).map(lambda us: OLD + timedelta(microseconds=us - 2**50))
POINTS = st.lists(st.builds(Point, INSTANTS, NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=40)
STEPS = st.lists(st.tuples(st.integers(-100, 4000), st.integers(0, 12_000)), max_size=12)


@given(POINTS)
def test_a_curve_is_exactly_what_was_packed(points: list[Point]) -> None:
    assert unpack(pack(points)) == points


@given(st.binary(max_size=60))
def test_bytes_that_are_no_curve_are_told(junk: bytes) -> None:
    try:
        unpack(junk)
    except BrokenCurve:
        return
    assert pack(unpack(junk))


def test_a_sample_takes_at_most_six_bytes() -> None:
    """An hour on one phase meter, every ten seconds, with noise on power and current."""
    noise = random.Random(7)
    register, points = 12_345_678, []
    for number in range(360):
        power = 11_000 + noise.randrange(200)
        register += power // 360
        at = MONDAY + timedelta(seconds=10 * number)
        points.append(Point(at, register, power, 16_000 + noise.randrange(300), 20 + number // 6))
    assert len(pack(points)) <= 6 * len(points)


def make_old(**fields: Any) -> ChargingSession:
    connector = connector_of(make_station())
    make_tariff(organisation=connector.organisation)
    return make_session(connector, start=OLD, **fields)


@pytest.mark.django_db
class TestASession:
    @settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(STEPS)
    def test_is_priced_from_its_curve_as_from_its_rows(self, steps: list[tuple[int, int]]) -> None:
        seconds, registers = sorted(second for second, _ in steps), sorted(register for _, register in steps)
        with transaction.atomic():
            session = make_old(energy_wh=12_000, readings=zip(seconds, registers, strict=True))
            before = gather(session)
            curves.archive(session.organisation_id, session.pk)
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM charging_reading WHERE session_id = %s", [session.pk])
            after = gather(session)
            assert after == before
            prices = [rating.price_of(session, facts).to_json(explain=True) for facts in (before, after)]
            assert prices[0] == prices[1]
            transaction.set_rollback(True)

    def test_is_packed_once_it_ended_a_while_ago(self) -> None:
        now = timezone.now().replace(microsecond=0)
        recent = make_session(start=now - timedelta(hours=5), readings=[(60, 100)])
        running = make_session(start=OLD, seconds=None, readings=[(60, 100)])
        old = make_old(readings=[(60, 100), (120, 200)])
        assert curves.archive_sweep() == 1
        assert curves.archive_sweep() == 0
        curve = SessionCurve.objects.get()
        assert (curve.session, curve.count, curve.rows) == (old, 2, {"2020_03": 2})
        for session in (recent, running):
            session.refresh_from_db()
            assert session.archived_at is None

    def test_counts_a_reading_that_came_after_its_curve(self) -> None:
        session = make_old(readings=[(60, 100)])
        curves.archive_sweep()
        add_readings(session, [(60, 100), (90, 150)])
        assert gather(session).registers == ((60, 100), (90, 150))
        curves.archive(session.organisation_id, session.pk)
        assert SessionCurve.objects.get().rows == {"2020_03": 3}

    def test_shows_the_running_price_of_today_without_looking_for_a_curve(
        self, django_assert_num_queries: Any
    ) -> None:
        session = make_session(start=timezone.now() - timedelta(hours=1), seconds=None, readings=[(60, 100)])
        with django_assert_num_queries(2):
            gather(session)


@pytest.mark.django_db(transaction=True)
class TestAMonth:
    @pytest.fixture(autouse=True)
    def kept(self, settings: Any) -> None:
        settings.READINGS_KEPT_MONTHS = 13

    def test_goes_when_all_its_readings_are_in_curves_and_no_price_changes(self) -> None:
        ensure_months("charging_reading", "at", OLD, 2)
        session = make_old(seconds=7200, readings=[(60, 100), (3000, 4_000), (5000, 8_000)])
        running = make_session(start=OLD, seconds=None, readings=[(30, 20)])
        rating.sweep()
        facts = gather(session)
        assert curves.drop_old_readings() == ["charging_reading_2020_03", "charging_reading_2020_04"]
        assert not Reading.objects.exists()
        assert gather(session) == facts
        assert gather(running).registers == ((30, 20),)

    def test_stays_while_a_reading_is_in_no_curve(self) -> None:
        ensure_months("charging_reading", "at", OLD, 1)
        session = make_old(readings=[(60, 100)])
        assert curves.drop_old_readings(limit=0) == []
        curves.archive_sweep()
        add_readings(session, [(90, 150)])
        assert curves.drop_old_readings(limit=0) == []
        assert session.readings.count() == 2
        assert curves.drop_old_readings() == ["charging_reading_2020_03"]
        assert gather(session).registers == ((60, 100), (90, 150))

    def test_that_is_kept_stays(self, settings: Any) -> None:
        now = timezone.now()
        ensure_months("charging_reading", "at", now, 1)
        session = make_session(start=now, seconds=None, readings=[(0, 0)])
        for kept in (1, 0):
            settings.READINGS_KEPT_MONTHS = kept
            assert curves.drop_old_readings() == []
        assert session.readings.count() == 1

    def test_of_the_message_log_goes_by_age_alone(self) -> None:
        ensure_months("gateway_ocppmessage", "at", OLD, 1)
        ensure_months("gateway_ocppmessage", "at", timezone.now(), 1)
        assert drop_old_messages() == ["gateway_ocppmessage_2020_03"]


def test_points_come_in_order_of_time_then_register_and_once() -> None:
    later = MONDAY + timedelta(seconds=1)
    points = [Point(later, 5), Point(MONDAY, None, 7), Point(MONDAY, 9), Point(MONDAY, 3), Point(MONDAY, 9)]
    assert in_order(points) == [Point(MONDAY, 3), Point(MONDAY, 9), Point(MONDAY, None, 7), Point(later, 5)]
