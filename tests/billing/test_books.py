"""`verify_books` holds after honest work and names what somebody tampered with."""

import re
from io import StringIO

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, transaction

import fakestripe
from billing import refunds
from billing.models import DocumentFile, DriverHistoryEntry, Payment
from tests.billing.journeys import (
    charge_at,
    deliver,
    euros,
    guest_charges,
    make_payer,
    make_place,
    pay_as_guest,
    settle,
)
from tests.builders import make_driver

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worked(stripe: fakestripe.Server, endpoint: str) -> None:
    """A paid, a refunded, a declined, a carried, a card-less and a guest's session."""
    connector = make_place()
    charge_at(connector, make_payer())
    charge_at(make_place(), make_payer("pm_card_chargeCustomerFail"))
    charge_at(make_place(), make_driver())
    charge_at(make_place(energy="0.10"), make_payer(), kwh=1)
    guest = pay_as_guest(stripe, make_place())
    deliver(stripe, endpoint)
    guest_charges(guest)
    settle()
    refunds.refund(Payment.objects.filter(state="paid", method="card").get(), euros("1.50"), "Goodwill")


def verify(*options: str) -> str:
    """What the command printed; its exit code is 1 exactly if it found something."""
    out = StringIO()
    code = 0
    try:
        call_command("verify_books", *options, stdout=out)
    except CommandError as error:
        code = error.returncode
    told = out.getvalue()
    assert code == int("WRONG" in told)
    return told


def test_the_books_hold(worked: None) -> None:
    told = verify("--stripe")
    assert "the books hold: 22 checks" in told, told
    assert re.search(r"journals sum to zero per currency +11 looked at", told), told


TAMPER = {
    "journals sum to zero": "UPDATE billing_entry SET amount = amount + 1 WHERE amount = 6",
    "charge lines sum": "UPDATE billing_chargeline SET amount = amount + 1 WHERE component = 'energy'",
    "what payments received": "UPDATE billing_payment SET captured = captured - 1 WHERE state = 'paid'",
    "no payment took more": (
        "ALTER TABLE billing_payment DROP CONSTRAINT payment_credits_at_most_owed;"
        "UPDATE billing_payment SET due = 1 WHERE state = 'paid'"
    ),
    "document numbers have no gaps": "UPDATE billing_documentcounter SET last = last + 1",
    "documents say what was charged": "UPDATE billing_document SET gross = gross + 1, net = net + 1",
    "every settled payment has its receipt": (
        "DELETE FROM billing_mail; DELETE FROM billing_refund; DELETE FROM billing_documentfile;"
        "DELETE FROM billing_document; UPDATE billing_payment SET paid_at = paid_at - interval '1 hour'"
    ),
    "every charge has one payable": (
        "DELETE FROM billing_paymentattempt WHERE state = 'failed';"
        "DELETE FROM billing_payment WHERE state = 'failed'"
    ),
    "charges are booked": (
        "UPDATE billing_journal SET cause_id = gen_random_uuid() WHERE cause = 'session_charged'"
    ),
    "drivers' history": "UPDATE billing_driverhistoryentry SET paid = 0.01",
    "payment states fit": "UPDATE billing_payment SET state = 'short' WHERE state = 'paid'",
    "refunds have credit notes": "UPDATE billing_refund SET amount = 1",
}


def test_tampering_is_found(worked: None) -> None:
    """Each in a transaction that looks at itself and is then undone."""
    for check, sql in TAMPER.items():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(sql)
            told = verify("--no-files")
            assert re.search(rf"{check}.*WRONG", told), told
            transaction.set_rollback(True)
    assert "the books hold" in verify()


def test_a_changed_pdf_and_a_lost_one_are_found(worked: None) -> None:
    first, second = DocumentFile.objects.order_by("made_at")[:2]
    default_storage.delete(first.name)
    default_storage.delete(second.name)
    default_storage.save(second.name, ContentFile(b"%PDF-other"))
    told = verify()
    assert "is missing" in told
    assert "has changed" in told


def test_money_at_stripe_that_the_books_miss_is_found(worked: None) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE billing_payment SET intent_id = '' WHERE state = 'paid'")
    assert "Stripe received 600" in verify("--stripe").replace("6.00", "600")


def test_the_history_can_be_rebuilt(worked: None) -> None:
    before = list(
        DriverHistoryEntry.objects.order_by("session_id").values("session_id", "paid", "payment_state")
    )
    DriverHistoryEntry.objects.all().delete()
    call_command("rebuild_history", stdout=StringIO())
    after = list(
        DriverHistoryEntry.objects.order_by("session_id").values("session_id", "paid", "payment_state")
    )
    assert after == before
    assert len(after) == 5
