"""Monthly invoices: one a buyer and month, of sums and not of recomputed figures, collected once."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from moneyed import Money

import fakestripe
from accounts.models import BillingPreference, Driver, Fleet, FleetMember, Organisation
from billing import books, invoice_payments, invoicing, ledger, pdf, refunds
from billing.invoice_snapshots import Month
from billing.invoiced_sessions import outstanding
from billing.models import Account, Document, InvoiceLine, Payment
from stations.models import Connector
from tests.billing.journeys import charge_at, charged_at, deliver, euros, make_payer, make_place, settle
from tests.builders import make_driver, make_organisation, make_token

pytestmark = pytest.mark.django_db(transaction=True)
OCTOBER = date(2026, 10, 1)
NOVEMBER = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def place(stripe: fakestripe.Server) -> Connector:
    return make_place(make_organisation(legal_name="Stroom BV", country="NL", time_zone="Europe/Amsterdam"))


def on(day: int, month: int = 10, hour: int = 12) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def monthly_driver(**fields: Any) -> Driver:
    return make_payer(billing_preference=BillingPreference.MONTHLY, **fields)


def make_fleet(organisation: Organisation, *drivers: Driver, **fields: Any) -> Fleet:
    fleet = Fleet.objects.create(
        organisation=organisation, **{"name": "Bakkerij Jansen", "email": "ap@jansen.example", **fields}
    )
    for number, driver in enumerate(drivers):
        FleetMember.objects.create(
            organisation=organisation, fleet=fleet, driver=driver, cost_centre=f"CC{number}"
        )
    return fleet


def issue(organisation: Organisation, period: date = OCTOBER, now: datetime = NOVEMBER) -> list[Document]:
    settle()
    return [document for batch in invoicing.run(organisation, period, now) for document in batch]


def holds() -> bool:
    wrong = [row for finding in books.verify() for row in finding.wrong]
    assert not wrong
    return True


def test_a_drivers_month_is_one_invoice_charged_to_the_card(
    place: Connector, stripe: fakestripe.Server
) -> None:
    driver = monthly_driver(name="Ada")
    for day in (3, 4, 5):
        charge_at(place, driver, start=on(day))
    (invoice,) = issue(place.organisation)
    assert invoice.number == "I-2026-000001"
    assert invoice.gross == euros("18.00")
    assert invoice.snapshot["taxes"] == [{"rate": "20", "net": "15.00", "tax": "3.00"}]
    assert invoice.lines.count() == 3
    assert charged_at(stripe) == 0
    settle()
    assert charged_at(stripe) == 1800
    assert set(Payment.objects.values_list("state", flat=True)) == {Payment.State.PAID}
    assert Document.objects.count() == 1  # the invoice is the receipt
    assert ledger.balance(
        place.organisation_id, Account.Kind.DRIVER_RECEIVABLE, "EUR", driver_id=driver.pk
    ) == euros("0")
    assert holds()


def test_running_again_changes_nothing_and_late_sessions_go_on_the_next_one(place: Connector) -> None:
    driver = monthly_driver()
    charge_at(place, driver, start=on(3))
    charge_at(place, driver, start=on(1, month=11, hour=0))
    assert len(issue(place.organisation)) == 1
    assert issue(place.organisation) == []
    late = charge_at(place, driver, start=on(20))
    (second,) = issue(place.organisation)
    assert [line.charge.session for line in second.lines.all()] == [late]
    assert second.sequence == 2
    assert InvoiceLine.objects.count() == 2


def test_the_month_ends_at_the_sellers_midnight(place: Connector) -> None:
    driver = monthly_driver()
    inside = charge_at(place, driver, start=datetime(2026, 10, 31, 21, 50, tzinfo=UTC))
    charge_at(place, driver, start=datetime(2026, 10, 31, 23, 5, tzinfo=UTC))
    (invoice,) = issue(place.organisation)
    assert [line.charge.session for line in invoice.lines.all()] == [inside]


def test_a_month_that_is_not_over_is_refused(place: Connector) -> None:
    with pytest.raises(ValueError, match="period: November 2026 is not over yet"):
        list(invoicing.run(place.organisation, date(2026, 11, 1), NOVEMBER))


def test_the_dry_run_equals_the_run(place: Connector) -> None:
    for day, name in enumerate(("Ada", "Grace"), start=3):
        charge_at(place, monthly_driver(name=name), start=on(day))
    settle()
    planned = invoicing.buyers(Month(place.organisation, OCTOBER, NOVEMBER))
    issued = issue(place.organisation)
    assert [(buyer.driver_id, buyer.gross) for buyer in planned] == [
        (document.driver_id, document.gross.amount) for document in issued
    ]


def test_a_fleet_gets_one_invoice_for_all_its_drivers_and_pays_by_transfer(place: Connector) -> None:
    ada, grace = make_driver(name="Ada"), make_driver(name="Grace")
    fleet = make_fleet(place.organisation, ada, grace, net_terms_days=30)
    charge_at(place, ada, start=on(3))
    charge_at(place, grace, start=on(4), kwh=20)
    (invoice,) = issue(place.organisation)
    assert invoice.due_on == date(2026, 12, 2)
    assert [(line.driver_name, line.cost_centre) for line in invoice.lines.all()] == [
        ("Ada", "CC0"), ("Grace", "CC1")
    ]  # fmt: skip
    payment = invoice.payments.get()
    assert payment.state == Payment.State.AWAITED
    assert outstanding(payment) == euros("18.00")

    invoice_payments.record_transfer(payment, euros("7.00"), date(2026, 11, 10), "SEPA 1")
    payment.refresh_from_db()
    assert payment.state == Payment.State.AWAITED
    assert outstanding(payment) == euros("11.00")
    invoice_payments.record_transfer(payment, euros("11.00"), date(2026, 11, 12), "SEPA 2")
    payment.refresh_from_db()
    assert payment.state == Payment.State.PAID
    assert ledger.balance(place.organisation_id, Account.Kind.BANK, "EUR") == euros("18.00")
    assert ledger.balance(
        place.organisation_id, Account.Kind.DRIVER_RECEIVABLE, "EUR", fleet_id=fleet.pk
    ) == euros("0")
    assert holds()


@pytest.mark.parametrize(
    ("amount", "reference", "day", "said"),
    [
        (euros("6.01"), "x", 10, "amount: must be more than zero and at most 6"),
        (euros("0"), "x", 10, "amount: must be more than zero"),
        (Money("6.00", "GBP"), "x", 10, "amount: is in GBP, the invoice is in EUR"),
        (euros("6.00"), "  ", 10, "reference: say what"),
        (euros("6.00"), "x", 999, "received_on: lies in the future"),
    ],
)
def test_a_transfer_that_does_not_fit_is_refused(
    place: Connector, amount: Money, reference: str, day: int, said: str
) -> None:
    driver = make_driver()
    make_fleet(place.organisation, driver)
    charge_at(place, driver, start=on(3))
    (invoice,) = issue(place.organisation)
    payment = invoice.payments.get()
    received_on = timezone.now().date() + timedelta(days=day - 100)
    with pytest.raises(invoice_payments.NotRecorded, match=said):
        invoice_payments.record_transfer(payment, amount, received_on, reference)
    assert outstanding(payment) == euros("6.00")


def test_the_same_transfer_is_recorded_once(place: Connector) -> None:
    driver = make_driver()
    make_fleet(place.organisation, driver)
    charge_at(place, driver, start=on(3))
    (invoice,) = issue(place.organisation)
    payment = invoice.payments.get()
    invoice_payments.record_transfer(payment, euros("1.00"), date(2026, 11, 3), "SEPA 1")
    with pytest.raises(invoice_payments.NotRecorded, match="reference"):
        invoice_payments.record_transfer(payment, euros("1.00"), date(2026, 11, 3), "SEPA 1")
    assert outstanding(payment) == euros("5.00")


def test_a_fleets_invoice_can_be_paid_on_the_hosted_page(
    place: Connector, stripe: fakestripe.Server, endpoint: str
) -> None:
    driver = make_driver()
    make_fleet(place.organisation, driver)
    charge_at(place, driver, start=on(3))
    (invoice,) = issue(place.organisation)
    payment = invoice.payments.get()
    url = invoice_payments.open_checkout(payment, "http://127.0.0.1/ok", "http://127.0.0.1/no")
    payment.refresh_from_db()
    assert payment.checkout_id in url
    stripe.control.pay(payment.checkout_id, card="4242424242424242", email="ap@jansen.example")
    deliver(stripe, endpoint)
    settle()
    payment.refresh_from_db()
    assert payment.state == Payment.State.PAID
    assert outstanding(payment) == euros("0")
    assert holds()


def test_a_token_of_its_own_goes_to_the_fleet_and_the_rest_stays_private(place: Connector) -> None:
    driver = make_payer()
    business, private = make_token(driver), make_token(driver)
    fleet = Fleet.objects.create(organisation=place.organisation, name="Firm", email="a@firm.example")
    FleetMember.objects.create(organisation=place.organisation, fleet=fleet, driver=driver, token=business)
    charge_at(place, driver, start=on(3), token=business)
    charge_at(place, driver, start=on(4), token=private)
    settle()
    assert sorted(Payment.objects.values_list("method", flat=True)) == ["account", "card"]


def test_a_session_on_an_invoice_is_credited_by_reference(
    place: Connector, stripe: fakestripe.Server
) -> None:
    driver = make_driver()
    make_fleet(place.organisation, driver)
    session = charge_at(place, driver, start=on(3))
    charge_at(place, driver, start=on(4))
    (invoice,) = issue(place.organisation)
    of_session = Payment.objects.get(session=session)
    note = refunds.credit(of_session, euros("6.00"), "The cable was broken")
    assert note.corrects == invoice
    assert note.snapshot["taxes"] == [{"rate": "20", "tax": "1.00", "net": "5.00"}]
    payment = invoice.payments.get()
    assert outstanding(payment) == euros("6.00")
    with pytest.raises(refunds.NotRefundable, match=r"amount: at most 0\.00"):
        refunds.credit(of_session, euros("0.01"), "Again")
    invoice_payments.record_transfer(payment, euros("6.00"), date(2026, 11, 3), "SEPA 1")
    assert issue(place.organisation) == []
    assert holds()


def test_invoice_and_lines_never_change(place: Connector) -> None:
    charge_at(place, monthly_driver(), start=on(3))
    issue(place.organisation)
    for statement in (
        "UPDATE billing_invoiceline SET gross = gross + 1, net = net + 1",
        "DELETE FROM billing_invoiceline",
        "UPDATE billing_document SET due_on = due_on + 1",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_the_pdf_shows_every_session_and_the_letter_goes_out(place: Connector) -> None:
    driver = make_driver(name="<b>Ada</b>")
    make_fleet(place.organisation, driver, vat_id="NL001234567B01", reference="PO 7")
    charge_at(place, driver, start=on(3))
    (invoice,) = issue(place.organisation)
    settle()
    assert pdf.content(invoice) == pdf.render(invoice)
    (letter,) = [each for each in mail.outbox if each.to == ["ap@jansen.example"]]
    assert "Please pay by 16 November 2026" in letter.body
    assert "/pay/" in letter.body


def test_the_command_issues_and_says_how_much(place: Connector, capsys: Any) -> None:
    charge_at(place, monthly_driver(), start=on(3))
    settle()
    call_command("invoice_month", organisation=place.organisation.slug, month="2026-10", dry_run=True)
    assert "1 invoices  6.00 EUR" in capsys.readouterr().out
    assert not Document.objects.exists()
    call_command("invoice_month", organisation=place.organisation.slug, month="2026-10")
    assert "1 invoices  6.00 EUR" in capsys.readouterr().out
    with pytest.raises(CommandError, match="--month: 'oct' is no month"):
        call_command("invoice_month", month="oct")


def test_currencies_are_never_added(place: Connector) -> None:
    driver = monthly_driver()
    charge_at(place, driver, start=on(3))
    settle()
    found = invoicing.buyers(Month(place.organisation, OCTOBER, NOVEMBER))
    assert [(buyer.currency, buyer.gross) for buyer in found] == [("EUR", Decimal("6.0000"))]
