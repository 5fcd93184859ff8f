"""Months are added ahead; rows that came before their month move into it, even those nothing may change."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from moneyed import Money

from accounts.identifiers import uuid7
from accounts.partitions import ensure_all, ensure_months
from billing.ledger import Cause, Posting, post
from billing.models import Account, Entry, Journal
from tests.builders import make_organisation

pytestmark = pytest.mark.django_db
FAR = datetime(2031, 5, 17, 12, tzinfo=UTC)


def partition_of(entry: Entry) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM billing_entry WHERE id = %s", [entry.id])
        return str(cursor.fetchone()[0])


def book_in_the_far_future() -> Entry:
    organisation = make_organisation()
    five = Money(Decimal(5), "EUR")
    post(
        organisation.pk,
        "far",
        Cause(Journal.Cause.values[0], uuid7()),
        [Posting(Account.Kind.REVENUE, -five), Posting(Account.Kind.STRIPE_CLEARING, five)],
        booked_at=FAR,
    )
    entry: Entry = Entry.objects.filter(organisation=organisation).latest("booked_at")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as a commit does
    return entry


def test_an_entry_without_a_month_is_taken_and_moves_when_the_month_is_made() -> None:
    entry = book_in_the_far_future()
    assert partition_of(entry) == "billing_entry_default"
    assert ensure_months("billing_entry", "booked_at", FAR, count=2) == [
        "billing_entry_2031_05",
        "billing_entry_2031_06",
    ]
    assert partition_of(entry) == "billing_entry_2031_05"
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Entry.objects.filter(id=entry.id).update(amount=Decimal(6))
    with (
        pytest.raises(DatabaseError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE billing_entry_2031_05")


def test_a_migrated_database_has_its_months_and_making_them_again_is_nothing() -> None:
    ensure_all()
    assert ensure_all() == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"charging_reading_{datetime.now(UTC):%Y_%m}"])
        assert cursor.fetchone()[0] is not None
