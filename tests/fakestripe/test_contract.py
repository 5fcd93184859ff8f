"""What Stripe itself does too: with STRIPE_CONTRACT_KEY set to a test key these run against Stripe.

    STRIPE_CONTRACT_KEY=sk_test_... pytest -m contract tests/fakestripe/test_contract.py

Without it they run against the local Stripe. They ask only what both must answer alike.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from stripe import CardError, IdempotencyError, InvalidRequestError

from tests.fakestripe.builders import Stripe, checkout, hold, pay, refused, saved_card

pytestmark = pytest.mark.contract


def code_of(error: CardError) -> tuple[str | None, str | None]:
    assert error.error is not None
    return error.code, error.error.decline_code


def test_a_saved_card_pays_off_session_and_is_refunded(contract: Stripe) -> None:
    customer, method = saved_card(contract)
    intent = pay(contract, 1500, customer=customer, payment_method=method, off_session=True)
    assert (intent.status, intent.amount_received) == ("succeeded", 1500)
    charge = contract.charges.retrieve(str(intent.latest_charge))
    assert (charge.paid, charge.captured, charge.amount_captured) == (True, True, 1500)
    refund = contract.refunds.create({"payment_intent": intent.id, "amount": 500})
    assert refund.amount == 500
    with pytest.raises(InvalidRequestError, match="greater than unrefunded amount"):
        contract.refunds.create({"payment_intent": intent.id, "amount": 1001})
    contract.refunds.create({"payment_intent": intent.id})
    with refused(400, code="charge_already_refunded"):
        contract.refunds.create({"payment_intent": intent.id})


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_visa_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
    ],
)
def test_declines_carry_their_codes(contract: Stripe, card: str, code: str, decline_code: str) -> None:
    with pytest.raises(CardError) as caught:
        pay(contract, payment_method=card)
    assert caught.value.http_status == 402
    assert caught.value.code == code
    error: Any = caught.value.error
    if code == "card_declined":
        assert error.decline_code == decline_code
    assert error.payment_intent.status == "requires_payment_method"


def test_off_session_authentication_is_a_decline_with_the_intent(contract: Stripe) -> None:
    with pytest.raises(CardError) as caught:
        pay(contract, payment_method="pm_card_authenticationRequired", off_session=True)
    assert code_of(caught.value) == ("authentication_required", "authentication_required")
    error: Any = caught.value.error
    intent = contract.payment_intents.retrieve(error.payment_intent.id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    again = contract.payment_intents.confirm(
        intent.id,
        {"payment_method": "pm_card_authenticationRequired", "return_url": "https://example.com/back"},
    )
    assert again.status == "requires_action"
    assert again.next_action is not None
    assert again.next_action.type == "redirect_to_url"


def test_a_hold_is_captured_in_part_and_only_once(contract: Stripe) -> None:
    intent = pay(contract, 5000, capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 5000)
    with pytest.raises(InvalidRequestError, match="capture"):
        contract.payment_intents.capture(intent.id, {"amount_to_capture": 5001})
    done = contract.payment_intents.capture(intent.id, {"amount_to_capture": 1234})
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 1234, 0)
    charge = contract.charges.retrieve(str(done.latest_charge))
    assert (charge.amount, charge.amount_captured) == (5000, 1234)
    with refused(400, code="payment_intent_unexpected_state"):
        contract.payment_intents.capture(intent.id)


def test_a_hold_is_canceled_and_stays_so(contract: Stripe) -> None:
    intent = pay(contract, 5000, capture_method="manual")
    assert contract.payment_intents.cancel(intent.id).status == "canceled"
    with refused(400, code="payment_intent_unexpected_state"):
        contract.payment_intents.cancel(intent.id)


def test_a_hold_says_whether_it_can_grow(contract: Stripe) -> None:
    intent = hold(contract, 5000, expand=["latest_charge"])
    charge: Any = intent.latest_charge
    assert charge.payment_method_details.card.incremental_authorization.status in ("available", "unavailable")


def test_idempotency_keys_replay_and_refuse_other_requests(contract: Stripe) -> None:
    key = str(uuid.uuid4())
    first = contract.customers.create({"name": "A"}, {"idempotency_key": key})
    assert contract.customers.create({"name": "A"}, {"idempotency_key": key}).id == first.id
    with pytest.raises(IdempotencyError):
        contract.customers.create({"name": "B"}, {"idempotency_key": key})


def test_bad_requests_are_named(contract: Stripe) -> None:
    unknown: Any = {"nonsense": "1"}
    with refused(400, code="parameter_unknown", param="nonsense"):
        contract.customers.create(unknown)
    missing: Any = {"currency": "eur"}
    with refused(400, code="parameter_missing", param="amount"):
        contract.payment_intents.create(missing)
    with refused(400, code="amount_too_small"):
        pay(contract, 10)
    with refused(404, code="resource_missing"):
        contract.payment_intents.retrieve("pi_unknown")


def test_metadata_is_merged_by_key(contract: Stripe) -> None:
    customer = contract.customers.create({"metadata": {"a": "1", "b": "2"}})
    changed = contract.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    deleted = contract.customers.delete(customer.id)
    assert deleted.deleted is True


def test_a_payment_method_pays_once_without_customer(contract: Stripe) -> None:
    method = contract.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    assert pay(contract, payment_method=method.id).status == "succeeded"
    with pytest.raises(InvalidRequestError, match="may not be used again"):
        pay(contract, payment_method=method.id)


def test_a_hosted_page_opens_and_expires(contract: Stripe) -> None:
    session = checkout(
        contract,
        success_url="https://example.com/paid?s={CHECKOUT_SESSION_ID}",
        cancel_url="https://example.com/canceled",
        payment_intent_data={"capture_method": "manual"},
    )
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.amount_total == 5000
    assert str(session.url).startswith("http")
    assert contract.checkout.sessions.expire(session.id).status == "expired"
    with pytest.raises(InvalidRequestError, match="can be expired"):
        contract.checkout.sessions.expire(session.id)
