"""Month end: what the accountant sees and takes away adds up to what is in the books."""

import csv
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from django.test import Client
from django.utils import timezone

import fakestripe
from accounts.models import Fleet, Organisation, Role
from billing import datev, month_end, refunds
from billing.models import Account, BuyerTax, Entry, Payment
from billing.month_end import Span
from charging.models import ChargingSession
from tests.billing.conftest import _own_media, stripe  # noqa: F401  fixtures
from tests.billing.journeys import charge_at, euros, make_payer, make_place, settle
from tests.billing.test_invoices import make_fleet
from tests.builders import make_driver, make_member, make_organisation

pytestmark = pytest.mark.django_db(transaction=True)
BATCH = datev.Batch(1001, 1, "03", "EUR")


@pytest.fixture
def seller(stripe: fakestripe.Server) -> Organisation:  # noqa: F811  the fixture above
    """A month with a card payment of 6.00, a refund of 1.20 of it, and a reseller's session without tax."""
    place = make_place(make_organisation(country="NL", time_zone="Europe/Amsterdam"))
    site = place.evse.station.site
    site.country = "NL"
    site.save(update_fields=["country"])
    charge_at(place, make_payer())
    settle()
    refunds.refund(Payment.objects.get(), euros("1.20"), "The cable was broken")
    driver = make_driver()
    fleet = make_fleet(place.organisation, driver, country="DE", vat_id="DE136695976")
    BuyerTax.objects.create(organisation=place.organisation, fleet=fleet, resells=True)
    charge_at(place, driver, start=timezone.now() - timedelta(hours=5))
    settle()
    return place.organisation


def this_month(seller: Organisation) -> Span:
    return Span(seller, timezone.now().date().replace(day=1))


def test_tax_by_rate_is_what_the_tax_accounts_say(seller: Organisation) -> None:
    found = month_end.taxes(this_month(seller))
    assert [(line.country, line.treatment, line.rate, line.net, line.tax) for line in found] == [
        ("NL", "reverse", Decimal(0), Decimal("5.00"), Decimal(0)),
        ("NL", "standard", Decimal(20), Decimal("4.00"), Decimal("0.80")),
    ]
    booked = Entry.objects.filter(account__kind=Account.Kind.TAX_PAYABLE).aggregate(all=Sum("amount"))["all"]
    assert sum(line.tax for line in found) == -booked


def test_movements_sum_to_zero_and_close_at_the_balance(seller: Organisation) -> None:
    found = month_end.movements(this_month(seller))
    assert sum(each.closing for each in found) == 0
    assert sum(each.debit for each in found) == sum(each.credit for each in found) > 0
    for each in found:
        assert each.opening + each.debit - each.credit == each.closing
    assert Fleet.objects.count() == 1


def test_another_month_and_another_seller_have_none_of_it(seller: Organisation) -> None:
    assert month_end.taxes(Span(seller, date(2024, 2, 1))) == []
    assert month_end.movements(Span(make_organisation(), this_month(seller).first)) == []


def test_what_waits_for_an_invoice_is_said_to_be_open(seller: Organisation) -> None:
    assert month_end.still_open(this_month(seller))["on_account"] == 1


def test_the_datev_batch_moves_every_account_as_the_books_do(seller: Organisation) -> None:
    span = this_month(seller)
    lines = datev.export(span, BATCH, datetime(2026, 11, 2, tzinfo=UTC)).decode("cp1252").split("\r\n")
    head, names, *rows = csv.reader(lines[:-1], delimiter=";")
    assert head[:5] == ["EXTF", "700", "21", "Buchungsstapel", "13"]
    assert len(head) == 31
    assert (head[14], head[15]) == (f"{span.first:%Y%m%d}", f"{span.last:%Y%m%d}")
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        assert len(row) == len(names)
        amount = Decimal(row[0].replace(",", ".")) * (1 if row[1] == "S" else -1)
        moved[row[6]] += amount
        moved[row[7]] -= amount
    meant: dict[str, Decimal] = defaultdict(Decimal)
    for entry in Entry.objects.select_related("account"):
        meant[datev._number(entry.account, "03")] += entry.amount.amount
    assert {key: amount for key, amount in moved.items() if amount} == {
        key: amount for key, amount in meant.items() if amount
    }


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"consultant": "12", "client": "1", "chart": "03"}, "consultant: a number from 1001"),
        ({"consultant": "x", "client": "1", "chart": "03"}, "consultant: &#x27;x&#x27; is no number"),
        ({"consultant": "1001", "client": "0", "chart": "03"}, "client: a number from 1"),
        ({"consultant": "1001", "client": "1", "chart": "99"}, "chart: one of 03, 04"),
    ],
)
def test_datev_numbers_that_can_not_be_are_refused_by_field(
    client: Client, db: None, asked: dict[str, str], said: str
) -> None:
    seller = make_organisation()
    client.force_login(make_member(seller, Role.ACCOUNTANT).user)
    answer = client.get(f"/owner/{seller.slug}/month-end/", {"format": "datev", **asked})
    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_the_accountant_sees_the_page_and_takes_the_files(client: Client, seller: Organisation) -> None:
    client.force_login(make_member(seller, Role.ACCOUNTANT).user)
    month = f"{this_month(seller).first:%Y-%m}"
    url = f"/owner/{seller.slug}/month-end/"
    page = client.get(url, {"month": month}).content.decode()
    assert "Reverse charge" in page
    assert "Sessions waiting for an invoice" in page
    csv_file = client.get(url, {"month": month, "table": "taxes", "format": "csv"})
    assert "NL,VAT as the tariff says" in b"".join(csv_file).decode()
    assert client.get(url, {"month": month, "table": "accounts", "format": "xlsx"}).content.startswith(b"PK")
    batch = client.get(
        url, {"month": month, "format": "datev", "consultant": "1001", "client": "7", "chart": "04"}
    )
    assert batch.status_code == 200
    assert batch["Content-Disposition"].startswith('attachment; filename="EXTF_')


def test_a_month_that_is_none_is_the_last_one(client: Client, seller: Organisation) -> None:
    client.force_login(make_member(seller).user)
    page = client.get(f"/owner/{seller.slug}/month-end/", {"month": "2026-13"})
    assert page.status_code == 200
    assert page.context["span"].first < this_month(seller).first


def test_held_sessions_are_a_click_away(client: Client, seller: Organisation) -> None:
    session = ChargingSession.objects.filter(organisation=seller).latest("started_at")
    ChargingSession.objects.filter(pk=session.pk).update(
        quality=ChargingSession.Quality.HELD, hold_reasons=["overlap"]
    )
    client.force_login(make_member(seller).user)
    month = f"{this_month(seller).first:%Y-%m}"
    page = client.get(f"/owner/{seller.slug}/month-end/", {"month": month})
    ((_words, count, url),) = [each for each in page.context["open"] if each[2]]
    assert count == 1
    shown = client.get(url).content.decode()
    assert str(session.pk) in shown
    others = ChargingSession.objects.filter(organisation=seller).exclude(pk=session.pk)
    assert all(str(other.pk) not in shown for other in others)
