"""Customers and their payment methods."""

from __future__ import annotations

from typing import Any

import pytest
from stripe import CardError

from tests.fakestripe.builders import Stripe, pay, refused, saved_card


def test_a_customer_is_created_changed_and_deleted(stripe: Stripe) -> None:
    customer = stripe.customers.create(
        {"email": "a@example.com", "name": "Ada", "metadata": {"driver": "7", "plan": "x"}}
    )
    changed = stripe.customers.update(
        customer.id,
        {"business_name": "", "metadata": {"plan": "", "fleet": "9"}, "address": {"city": "Bonn"}},
    )
    assert (changed.name, changed.business_name) == ("Ada", None)
    assert changed.address is not None
    assert changed.address.city == "Bonn"
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"driver": "7", "fleet": "9"}
    assert stripe.customers.update(customer.id, {"metadata": ""}).to_dict()["metadata"] == {}
    stripe.customers.delete(customer.id)
    assert stripe.customers.retrieve(customer.id).deleted is True
    assert stripe.customers.list().data == []
    with refused(404, code="resource_missing", param="customer"):
        pay(stripe, customer=customer.id)


def test_an_unknown_id_is_a_404_that_names_it(stripe: Stripe) -> None:
    with refused(404, code="resource_missing", param="id") as error:
        stripe.customers.retrieve("cus_unknown")
    assert "No such customer: 'cus_unknown'" in str(error.user_message)


def test_customers_are_found_by_email(stripe: Stripe) -> None:
    for email in ("a@example.com", "b@example.com", "a@example.com"):
        stripe.customers.create({"email": email})
    assert len(stripe.customers.list({"email": "a@example.com"}).data) == 2


def test_at_most_50_metadata_keys(stripe: Stripe) -> None:
    with refused(400, param="metadata"):
        stripe.customers.create({"metadata": {f"k{number}": "v" for number in range(51)}})


def test_a_payment_method_is_attached_listed_and_detached_for_good(stripe: Stripe) -> None:
    customer = stripe.customers.create()
    method = stripe.payment_methods.attach("pm_card_mastercard", {"customer": customer.id})
    assert method.card is not None
    assert (method.card.brand, method.card.last4) == ("mastercard", "4444")
    assert [m.id for m in stripe.payment_methods.list({"customer": customer.id, "type": "card"}).data] == [
        method.id
    ]
    assert [m.id for m in stripe.customers.payment_methods.list(customer.id).data] == [method.id]
    stripe.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    assert stripe.payment_methods.detach(method.id).customer is None
    settings = stripe.customers.retrieve(customer.id).invoice_settings
    assert settings is not None
    assert settings.default_payment_method is None
    assert stripe.payment_methods.list({"customer": customer.id}).data == []
    with refused(400, code="payment_method_unexpected_state", param="payment_method"):
        stripe.payment_methods.attach(method.id, {"customer": customer.id})


def test_a_payment_method_belongs_to_one_customer(stripe: Stripe) -> None:
    _, method = saved_card(stripe)
    other = stripe.customers.create()
    with refused(400, code="payment_method_unexpected_state"):
        stripe.payment_methods.attach(method, {"customer": other.id})
    with refused(400, code="payment_method_unexpected_state", param="payment_method"):
        pay(stripe, customer=other.id, payment_method=method)
    with refused(400, code="payment_method_unexpected_state", param="customer"):
        pay(stripe, payment_method=method)
    with refused(400, code="payment_method_unexpected_state"):
        stripe.customers.update(other.id, {"invoice_settings": {"default_payment_method": method}})


def test_a_payment_method_without_customer_pays_once(stripe: Stripe) -> None:
    method = stripe.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    assert pay(stripe, payment_method=method.id).status == "succeeded"
    with refused(400, code="payment_method_unexpected_state", param="payment_method"):
        pay(stripe, payment_method=method.id)


@pytest.mark.parametrize(
    ("card", "code"),
    [
        ({"number": "4242424242424241", "exp_month": 12, "exp_year": 2040}, "incorrect_number"),
        ({"number": "4242", "exp_month": 12, "exp_year": 2040}, "incorrect_number"),
        ({"number": "4929000000006", "exp_month": 12, "exp_year": 2040}, "card_declined"),
        ({"number": "4242424242424242", "exp_month": 13, "exp_year": 2040}, "invalid_expiry_month"),
        ({"number": "4242424242424242", "exp_month": 1, "exp_year": 2020}, "invalid_expiry_year"),
    ],
)
def test_impossible_cards_are_refused(stripe: Stripe, card: Any, code: str) -> None:
    with pytest.raises(CardError) as caught:
        stripe.payment_methods.create({"type": "card", "card": card})
    assert caught.value.code == code


def test_a_card_number_makes_the_card_it_stands_for(stripe: Stripe) -> None:
    card: Any = {"number": "4000 0027 6000 0016", "exp_month": 7, "exp_year": 2041, "cvc": "123"}
    method = stripe.payment_methods.create({"type": "card", "card": card})
    assert method.card is not None
    assert (method.card.country, method.card.exp_year, method.card.last4) == ("DE", 2041, "0016")


@pytest.mark.parametrize(
    ("name", "decline_code"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    ],
)
def test_a_declining_card_is_declined_when_attached_already(
    stripe: Stripe, name: str, decline_code: str
) -> None:
    customer = stripe.customers.create()
    with pytest.raises(CardError) as caught:
        stripe.payment_methods.attach(name, {"customer": customer.id})
    assert caught.value.error is not None
    assert (caught.value.code, caught.value.error.decline_code) == ("card_declined", decline_code)
    assert stripe.payment_methods.list({"customer": customer.id}).data == []


def test_a_card_can_be_saved_and_decline_later(stripe: Stripe) -> None:
    customer, method = saved_card(stripe, "pm_card_chargeCustomerFail")
    with pytest.raises(CardError):
        pay(stripe, customer=customer, payment_method=method, off_session=True)


def test_deleting_a_customer_detaches_the_cards(stripe: Stripe) -> None:
    customer, method = saved_card(stripe)
    stripe.customers.delete(customer)
    assert stripe.payment_methods.retrieve(method).customer is None


def test_a_saved_card_can_be_updated(stripe: Stripe) -> None:
    _, method = saved_card(stripe)
    changed = stripe.payment_methods.update(
        method, {"card": {"exp_year": 2045}, "billing_details": {"name": "Ada"}, "metadata": {"a": "b"}}
    )
    assert changed.card is not None
    assert (changed.card.exp_year, changed.billing_details.name) == (2045, "Ada")
