"""Tables by month: rows land in their month, upkeep adds months and loses none."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from accounts.partitions import ensure_all, ensure_months
from tests.builders import add_readings, make_organisation, make_session
from tests.raw import copy_row, refused_by

pytestmark = pytest.mark.django_db
LATER = datetime(2031, 11, 20, tzinfo=UTC)


def partition_of(session_id: UUID) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT tableoid::regclass::text FROM charging_reading WHERE session_id = %s",
            [session_id],
        )
        return {name for (name,) in cursor.fetchall()}


def test_a_reading_of_a_month_nobody_prepared_is_kept_and_moves_when_the_month_is_made() -> None:
    session = make_session(start=LATER, seconds=None, readings=[(0, 0), (60, 10)])
    assert partition_of(session.pk) == {"charging_reading_default"}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as a commit does
    assert ensure_months("charging_reading", "at", LATER, 1) == ["charging_reading_2031_11"]
    assert partition_of(session.pk) == {"charging_reading_2031_11"}
    assert session.readings.count() == 2


def test_upkeep_makes_each_month_once_over_the_turn_of_the_year() -> None:
    made = ensure_months("charging_reading", "at", LATER, 3)
    assert made == ["charging_reading_2031_11", "charging_reading_2031_12", "charging_reading_2032_01"]
    assert ensure_months("charging_reading", "at", LATER, 3) == []


def test_a_prepared_month_takes_its_readings_and_no_others() -> None:
    ensure_months("charging_reading", "at", LATER, 1)
    session = make_session(start=datetime(2031, 11, 30, 23, 59, 59, tzinfo=UTC), seconds=None)
    add_readings(session, [(0, 0), (1, 1)])
    assert partition_of(session.pk) == {"charging_reading_2031_11", "charging_reading_default"}


def test_the_daily_upkeep_knows_every_partitioned_table_and_repeats_quietly() -> None:
    ensure_all()
    assert ensure_all() == []
    now = datetime.now(UTC)
    session = make_session(start=now - timedelta(seconds=5), seconds=None, readings=[(0, 0)])
    assert partition_of(session.pk) == {f"charging_reading_{now:%Y_%m}"}


def test_a_reading_is_of_a_session_of_its_organisation_for_good() -> None:
    session = make_session(readings=[(0, 0)])
    reading = session.readings.get()
    with refused_by("foreign key"):
        copy_row(reading, organisation_id=make_organisation().pk)
    with refused_by("Cannot update"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE charging_reading SET session_id = gen_random_uuid() WHERE id = %s", [reading.id]
        )
    with refused_by("foreign key"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM charging_chargingsession WHERE id = %s", [session.pk])
