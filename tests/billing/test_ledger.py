"""The database keeps the books: raw SQL can't unbalance, change or empty them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.models import Organisation
from accounts.partitions import ensure_months
from billing import ledger
from billing.ledger import Cause, KeyReused, Posting
from billing.models import Account, Entry, Journal
from tests.billing.journeys import euros
from tests.builders import make_organisation

pytestmark = pytest.mark.django_db(transaction=True)

Kind = Account.Kind


@pytest.fixture
def organisation() -> Organisation:
    return make_organisation()


def book(
    organisation: Organisation, key: str = "k", amount: str = "10.00", at: datetime | None = None
) -> Journal:
    postings = [Posting(Kind.STRIPE_CLEARING, euros(amount)), Posting(Kind.REVENUE, -euros(amount))]
    return ledger.post(organisation.pk, key, Cause(Journal.Cause.CAPTURE, uuid4()), postings, booked_at=at)


def run(sql: str, *arguments: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, arguments)


def test_a_key_books_once(organisation: Organisation) -> None:
    assert book(organisation) == book(organisation)
    assert Entry.objects.count() == 2
    assert ledger.balance(organisation.pk, Kind.REVENUE, "EUR") == euros("-10.00")


def test_a_key_that_comes_back_with_other_amounts_is_refused(organisation: Organisation) -> None:
    book(organisation)
    with pytest.raises(KeyReused):
        book(organisation, amount="11.00")


def test_the_same_key_of_another_organisation_is_another_journal(organisation: Organisation) -> None:
    assert book(organisation) != book(make_organisation())


def test_what_does_not_sum_to_zero_never_commits(organisation: Organisation) -> None:
    with pytest.raises(IntegrityError, match="does not sum to zero"):
        ledger.post(
            organisation.pk,
            "k",
            Cause(Journal.Cause.CAPTURE, uuid4()),
            [Posting(Kind.STRIPE_CLEARING, euros("10.00")), Posting(Kind.REVENUE, -euros("9.99"))],
        )
    assert not Journal.objects.exists()


def test_currencies_never_make_up_for_each_other(organisation: Organisation) -> None:
    from moneyed import Money

    with pytest.raises(IntegrityError, match="does not sum to zero"):
        ledger.post(
            organisation.pk,
            "k",
            Cause(Journal.Cause.CAPTURE, uuid4()),
            [Posting(Kind.STRIPE_CLEARING, euros("10.00")), Posting(Kind.REVENUE, Money("-10.00", "USD"))],
        )


def test_a_journal_without_entries_never_commits(organisation: Organisation) -> None:
    with pytest.raises(IntegrityError, match="has no entries"), transaction.atomic():
        Journal.objects.create(
            organisation=organisation,
            idempotency_key="k",
            cause=Journal.Cause.CAPTURE,
            cause_id=uuid4(),
            booked_at=datetime.now(UTC),
        )


INSERT = """
INSERT INTO billing_entry (id, organisation_id, journal_id, account_id, amount, currency, booked_at)
SELECT gen_random_uuid(), %s, %s, %s, %s, %s, booked_at + %s * interval '1 second'
FROM billing_journal WHERE id = %s
"""


@pytest.mark.parametrize("case", ["unbalanced", "currency", "organisation", "time"])
def test_raw_inserts_into_a_journal_are_refused(organisation: Organisation, case: str) -> None:
    journal = book(organisation)
    account = Account.objects.filter(kind=Kind.REVENUE).get()
    owner = make_organisation().pk if case == "organisation" else organisation.pk
    currency = "USD" if case == "currency" else "EUR"
    later = 1 if case == "time" else 0
    with pytest.raises(IntegrityError):
        run(INSERT, owner, journal.pk, account.pk, Decimal(1), currency, later, journal.pk)
    assert Entry.objects.count() == 2


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE billing_entry SET amount = amount + 1",
        "DELETE FROM billing_entry",
        "TRUNCATE billing_entry",
        "TRUNCATE billing_entry_default",
        "TRUNCATE {month}",
        "UPDATE {month} SET amount = 0.01",
        "UPDATE billing_journal SET description = 'other'",
        "DELETE FROM billing_journal",
        "TRUNCATE billing_journal CASCADE",
        "UPDATE billing_account SET currency = 'USD'",
        "DELETE FROM billing_account",
        "TRUNCATE billing_account CASCADE",
    ],
)
def test_raw_sql_can_not_change_the_books(organisation: Organisation, sql: str) -> None:
    month = f"billing_entry_{book(organisation).booked_at:%Y_%m}"
    with pytest.raises(DatabaseError):
        run(sql.format(month=month))
    assert Entry.objects.count() == 2


def test_a_new_months_partition_takes_its_rows_and_keeps_the_rules(organisation: Organisation) -> None:
    then = datetime(2001, 3, 4, tzinfo=UTC)  # a month that has no partition yet
    book(organisation, at=then)
    table = "billing_entry_2001_03"
    assert ensure_months("billing_entry", "booked_at", then, count=1) == [table]
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone()[0] == 2
        book(organisation, "another", at=then)
        for sql in ("DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET amount = 0.01"):
            with pytest.raises(DatabaseError):
                run(sql.format(table))
    finally:
        run(f"ALTER TABLE billing_entry DETACH PARTITION {table}")
        run(f"DROP TABLE {table}")


def test_a_balance_can_be_asked_as_of_a_time(organisation: Organisation) -> None:
    first = book(organisation, "a")
    book(organisation, "b")
    assert ledger.balance(organisation.pk, Kind.REVENUE, "EUR", at=first.booked_at) == euros("-10.00")
    assert ledger.balance(organisation.pk, Kind.REVENUE, "EUR") == euros("-20.00")
