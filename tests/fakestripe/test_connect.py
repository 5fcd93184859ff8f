"""Owners on Connect: onboarding, transfers, reversals, payouts, and balances that tie out."""

from __future__ import annotations

from typing import Any

import pytest

import fakestripe
from fakestripe.resources.accounts import PLATFORM
from tests.fakestripe.builders import Stripe, inbox, pay, refused, send


def owner(server: fakestripe.Server, stripe: Stripe, *, onboarded: bool = True, **more: Any) -> str:
    """A connected account in Germany."""
    controller = {
        "fees": {"payer": "application"},
        "losses": {"payments": "application"},
        "stripe_dashboard": {"type": "express"},
    }
    params: Any = {"country": "DE", "email": "owner@example.com", "controller": controller, **more}
    account = stripe.accounts.create(params | {"capabilities": {"transfers": {"requested": True}}})
    if onboarded:
        server.control.onboard(account.id)
    return account.id


def balance_of(stripe: Stripe, account: str | None = None) -> tuple[int, int]:
    """(available, pending) euro cents."""
    shown = stripe.balance.retrieve(options={"stripe_account": account} if account else {})
    return shown.available[0].amount, shown.pending[0].amount


def test_an_account_is_onboarded_on_a_page(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe, onboarded=False, metadata={"organisation": "7"})
    shown = stripe.accounts.retrieve(account)
    assert (shown.details_submitted, shown.payouts_enabled, shown.type) == (False, False, "express")
    assert shown.requirements is not None
    assert shown.requirements.currently_due
    link = stripe.account_links.create(
        {
            "account": account,
            "type": "account_onboarding",
            "refresh_url": "http://127.0.0.1:9/again",
            "return_url": "http://127.0.0.1:9/done",
        }
    )
    path = link.url.removeprefix(server.url)
    assert b"test data" in send(server, "GET", path).body
    with inbox(stripe, connect=True) as box:
        assert send(server, "POST", path).headers["location"] == "http://127.0.0.1:9/done"
        server.webhooks.flush()
    assert {event.account for event in box.events} == {account}
    assert {"account.updated", "capability.updated"} <= set(box.types())
    done = stripe.accounts.retrieve(account)
    assert (done.details_submitted, done.payouts_enabled) == (True, True)
    assert stripe.accounts.capabilities.retrieve(account, "transfers").status == "active"
    server.control.advance(301)
    assert send(server, "GET", path).headers["location"] == "http://127.0.0.1:9/again"


def test_a_transfer_carries_the_charge_and_its_group(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe)
    charge = str(pay(stripe, 2000, transfer_group="session-9").latest_charge)
    transfer = stripe.transfers.create(
        {
            "amount": 1700,
            "currency": "eur",
            "destination": account,
            "source_transaction": charge,
            "metadata": {"settlement": "1"},
            "expand": ["destination_payment", "balance_transaction"],
        }
    )
    payment, moved = transfer.destination_payment, transfer.balance_transaction
    assert not isinstance(payment, str)
    assert not isinstance(moved, str)
    assert (transfer.transfer_group, transfer.source_transaction) == ("session-9", charge)
    assert payment is not None
    assert payment.amount == 1700
    assert moved is not None
    assert (moved.amount, moved.status) == (-1700, "pending")  # it waits with its charge
    assert balance_of(stripe, account) == (0, 1700)
    assert balance_of(stripe) == (0, 2000 - 55 - 1700)
    assert [t.id for t in stripe.transfers.list({"transfer_group": "session-9"}).data] == [transfer.id]


def test_transfers_never_exceed_their_charge(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe)
    charge = str(pay(stripe, 2000).latest_charge)
    base: Any = {"currency": "eur", "destination": account, "source_transaction": charge}
    stripe.transfers.create(base | {"amount": 1500})
    with refused(400, param="amount") as error:
        stripe.transfers.create(base | {"amount": 501})
    assert "must not exceed the source amount of €20.00" in str(error.user_message)
    with refused(400, param="currency"):
        stripe.transfers.create(base | {"amount": 100, "currency": "usd"})


def test_what_is_not_there_cannot_be_transferred_or_paid_out(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    account = owner(server, stripe)
    pay(stripe, 2000)  # pending for two days
    with refused(400, code="balance_insufficient"):
        stripe.transfers.create({"amount": 100, "currency": "eur", "destination": account})
    with refused(400, code="balance_insufficient"):
        stripe.payouts.create({"amount": 100, "currency": "eur"})
    server.control.advance(2 * 86_400)
    assert stripe.transfers.create({"amount": 100, "currency": "eur", "destination": account}).amount == 100


def test_transfers_need_a_destination_that_can_take_them(server: fakestripe.Server, stripe: Stripe) -> None:
    charge = str(pay(stripe, 2000).latest_charge)
    base: Any = {"amount": 100, "currency": "eur", "source_transaction": charge}
    with refused(400, code="insufficient_capabilities_for_transfer", param="destination"):
        stripe.transfers.create(base | {"destination": owner(server, stripe, onboarded=False)})
    with refused(403, code="account_invalid", param="destination"):
        stripe.transfers.create(base | {"destination": "acct_unknown"})


def test_a_reversal_brings_money_back_up_to_the_transfer(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe)
    charge = str(pay(stripe, 2000).latest_charge)
    transfer = stripe.transfers.create(
        {"amount": 1000, "currency": "eur", "destination": account, "source_transaction": charge}
    )
    part = stripe.transfers.reversals.create(transfer.id, {"amount": 300, "metadata": {"refund": "1"}})
    with refused(400, code="amount_too_large", param="amount"):
        stripe.transfers.reversals.create(transfer.id, {"amount": 701})
    stripe.transfers.reversals.create(transfer.id)
    done = stripe.transfers.retrieve(transfer.id)
    assert (done.reversed, done.amount_reversed, len(done.reversals.data)) == (True, 1000, 2)
    assert stripe.transfers.reversals.retrieve(transfer.id, part.id).amount == 300
    assert sum(balance_of(stripe, account)) == 0
    with refused(400, param="id"):
        stripe.transfers.reversals.create(transfer.id)


def test_money_already_paid_out_cannot_be_reversed(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe)
    charge = str(pay(stripe, 2000, payment_method="pm_card_bypassPending").latest_charge)
    transfer = stripe.transfers.create(
        {"amount": 1000, "currency": "eur", "destination": account, "source_transaction": charge}
    )
    stripe.payouts.create({"amount": 900, "currency": "eur"}, {"stripe_account": account})
    with refused(400, code="balance_insufficient", param="amount"):
        stripe.transfers.reversals.create(transfer.id, {"amount": 200})


def test_daily_payouts_tie_out_to_their_transactions(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe)
    for amount in (1500, 2500):
        charge = str(pay(stripe, amount).latest_charge)
        stripe.transfers.create(
            {"amount": amount - 500, "currency": "eur", "destination": account, "source_transaction": charge}
        )
    server.control.advance(3 * 86_400)
    (payout,) = stripe.payouts.list(options={"stripe_account": account}).data
    assert (payout.amount, payout.automatic, payout.status) == (3000, True, "pending")
    inside = stripe.balance_transactions.list({"payout": payout.id}, {"stripe_account": account}).data
    assert sorted(t.net for t in inside) == [-3000, 1000, 2000]
    assert balance_of(stripe, account) == (0, 0)
    with inbox(stripe, connect=True, events=["payout.paid"]) as box:
        server.control.advance(2 * 86_400)
        server.webhooks.flush()
    assert [(event.type, event.account) for event in box.events] == [("payout.paid", account)]


def test_a_failed_payout_returns_and_goes_out_again(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe)
    charge = str(pay(stripe, 2000, payment_method="pm_card_bypassPending").latest_charge)
    stripe.transfers.create(
        {"amount": 1000, "currency": "eur", "destination": account, "source_transaction": charge}
    )
    server.control.advance(86_400 + 60)
    (first,) = stripe.payouts.list(options={"stripe_account": account}).data
    server.control.finish_payout(first.id, paid=False)
    assert balance_of(stripe, account) == (1000, 0)
    server.control.advance(86_400)
    again, failed = stripe.payouts.list(options={"stripe_account": account}).data
    assert (failed.status, again.status, again.amount) == ("failed", "pending", 1000)


def test_manual_payouts_wait_to_be_asked(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe, settings={"payouts": {"schedule": {"interval": "manual"}}})
    charge = str(pay(stripe, 2000, payment_method="pm_card_bypassPending").latest_charge)
    stripe.transfers.create(
        {"amount": 1000, "currency": "eur", "destination": account, "source_transaction": charge}
    )
    server.control.advance(3 * 86_400)
    assert stripe.payouts.list(options={"stripe_account": account}).data == []
    payout = stripe.payouts.create({"amount": 1000, "currency": "eur"}, {"stripe_account": account})
    canceled = stripe.payouts.cancel(payout.id, options={"stripe_account": account})
    assert canceled.status == "canceled"
    assert balance_of(stripe, account) == (1000, 0)


def test_accounts_do_not_see_each_other(server: fakestripe.Server, stripe: Stripe) -> None:
    account = owner(server, stripe)
    customer = stripe.customers.create().id
    with refused(404, code="resource_missing", param="id"):
        stripe.customers.retrieve(customer, options={"stripe_account": account})
    assert stripe.customers.list(options={"stripe_account": account}).data == []
    with refused(403, code="account_invalid"):
        stripe.customers.list(options={"stripe_account": "acct_unknown"})
    with refused(403, code="account_invalid"):
        stripe.customers.list(options={"stripe_account": customer})


def test_the_platform_has_an_account_of_its_own(stripe: Stripe) -> None:
    assert stripe.accounts.retrieve_current().id == PLATFORM
    assert stripe.accounts.retrieve(PLATFORM).charges_enabled is True
    assert stripe.accounts.list().data == []
    customer = stripe.customers.create().id
    assert stripe.customers.retrieve(customer, options={"stripe_account": PLATFORM}).id == customer


@pytest.mark.parametrize(
    "change",
    [
        {"type": "custom", "controller": None},
        {"settings": {"payouts": {"schedule": {"interval": "weekly"}}}},
        {"capabilities": {"sepa_debit_payments": {"requested": True}}},
        {"individual": {"first_name": "Ada"}},
    ],
)
def test_what_connect_lacks_here_is_said(
    server: fakestripe.Server, stripe: Stripe, change: dict[str, Any]
) -> None:
    base: Any = {"country": "DE", "controller": {"stripe_dashboard": {"type": "express"}}}
    with refused(501, code="not_implemented"):
        stripe.accounts.create(base | change)


def test_an_account_is_updated_and_deleted_only_without_money(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    account = owner(server, stripe)
    company: Any = {"name": "Lade GmbH", "vat_id": "DE123456789", "address": {"city": "Köln"}}
    changed = stripe.accounts.update(
        account, {"company": company, "business_profile": {"url": "https://lade.example"}}
    )
    assert changed.company is not None
    assert (changed.company.name, changed.company.vat_id_provided) == ("Lade GmbH", True)
    empty = owner(server, stripe)
    assert stripe.accounts.delete(empty).deleted is True
    charge = str(pay(stripe, 2000).latest_charge)
    stripe.transfers.create(
        {"amount": 1000, "currency": "eur", "destination": account, "source_transaction": charge}
    )
    with refused(400, param="account"):
        stripe.accounts.delete(account)
