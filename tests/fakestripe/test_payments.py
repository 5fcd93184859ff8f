"""PaymentIntents: money moves once, declines leave a trace, states only go forward."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import CardError

import fakestripe
from fakestripe import money
from fakestripe.errors import StripeError
from tests.fakestripe.builders import Stripe, hold, inbox, pay, refused, saved_card


def test_a_saved_card_pays_off_session(stripe: Stripe) -> None:
    customer, method = saved_card(stripe)
    intent = pay(
        stripe,
        1999,
        customer=customer,
        payment_method=method,
        off_session=True,
        metadata={"attempt": "7"},
        transfer_group="session-1",
        expand=["latest_charge.balance_transaction"],
    )
    charge: Any = intent.latest_charge
    assert (intent.status, intent.amount_received, intent.amount_capturable) == ("succeeded", 1999, 0)
    assert (charge.captured, charge.amount_captured, charge.metadata["attempt"]) == (True, 1999, "7")
    assert charge.transfer_group == "session-1"
    fee = 25 + 30  # 1.5 % of 19.99 rounded, and 25 cents
    assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (fee, 1999 - fee)


def test_an_intent_is_built_up_step_by_step(stripe: Stripe) -> None:
    customer, method = saved_card(stripe)
    intent = stripe.payment_intents.create(
        {"amount": 500, "currency": "EUR", "payment_method_types": ["card"]}
    )
    assert (intent.status, intent.currency) == ("requires_payment_method", "eur")
    with refused(400, code="payment_intent_unexpected_state") as error:
        stripe.payment_intents.confirm(intent.id)
    assert error.error is not None
    assert error.error.payment_intent is not None
    assert error.error.payment_intent.id == intent.id
    intent = stripe.payment_intents.update(
        intent.id, {"amount": 700, "customer": customer, "payment_method": method}
    )
    assert (intent.status, intent.amount) == ("requires_confirmation", 700)
    assert stripe.payment_intents.confirm(intent.id).status == "succeeded"
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.confirm(intent.id)
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.update(intent.id, {"amount": 800})
    assert stripe.payment_intents.update(intent.id, {"metadata": {"a": "b"}}).metadata.to_dict() == {"a": "b"}


def test_a_decline_tells_why_and_the_intent_can_be_tried_again(stripe: Stripe) -> None:
    with pytest.raises(CardError) as caught:
        pay(stripe, payment_method="pm_card_chargeDeclinedInsufficientFunds")
    error: Any = caught.value.error
    assert (caught.value.http_status, error.code, error.decline_code) == (
        402,
        "card_declined",
        "insufficient_funds",
    )
    assert error.advice_code == "try_again_later"
    assert error.payment_intent.status == "requires_payment_method"
    assert error.payment_intent.last_payment_error.decline_code == "insufficient_funds"
    failed = stripe.charges.retrieve(error.charge)
    assert (failed.status, failed.paid, failed.balance_transaction) == ("failed", False, None)
    again = stripe.payment_intents.confirm(error.payment_intent.id, {"payment_method": "pm_card_visa"})
    assert (again.status, again.last_payment_error) == ("succeeded", None)
    charges = stripe.charges.list({"payment_intent": again.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


def test_do_not_retry_declines_say_so(stripe: Stripe) -> None:
    with pytest.raises(CardError) as caught:
        pay(stripe, payment_method="pm_card_visa_chargeDeclinedStolenCard")
    error: Any = caught.value.error
    assert (error.decline_code, error.advice_code) == ("stolen_card", "do_not_try_again")


def test_authentication_required_off_session_ends_on_session(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    customer = stripe.customers.create().id
    setup = stripe.setup_intents.create(
        {
            "customer": customer,
            "payment_method": "pm_card_authenticationRequired",
            "payment_method_types": ["card"],
        }
    )
    stripe.setup_intents.confirm(setup.id)
    server.control.challenge(setup.id)
    method = str(stripe.setup_intents.retrieve(setup.id).payment_method)
    with pytest.raises(CardError) as caught:
        pay(stripe, customer=customer, payment_method=method, off_session=True)
    error: Any = caught.value.error
    assert (error.code, error.decline_code) == ("authentication_required", "authentication_required")
    assert error.payment_method.id == method
    intent = stripe.payment_intents.confirm(
        error.payment_intent.id, {"payment_method": method, "return_url": "http://127.0.0.1:9/back"}
    )
    assert intent.status == "requires_action"
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    assert str(intent.next_action.redirect_to_url.url).startswith(server.url)
    server.control.challenge(intent.id)
    paid = stripe.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    charge: Any = paid.latest_charge
    assert paid.status == "succeeded"
    assert charge.payment_method_details.card.three_d_secure.result == "authenticated"


def test_a_card_that_asks_once_is_quiet_off_session_after_setup(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    customer = stripe.customers.create().id
    setup = stripe.setup_intents.create(
        {
            "customer": customer,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "payment_method_types": ["card"],
            "confirm": True,
        }
    )
    assert setup.status == "requires_action"
    server.control.challenge(setup.id)
    method = str(stripe.setup_intents.retrieve(setup.id).payment_method)
    assert pay(stripe, customer=customer, payment_method=method, off_session=True).status == "succeeded"
    assert pay(stripe, customer=customer, payment_method=method).status == "requires_action"
    with pytest.raises(CardError, match="authentication"):
        pay(stripe, payment_method="pm_card_authenticationRequiredOnSetup", off_session=True)


def test_a_failed_challenge_asks_for_another_card(server: fakestripe.Server, stripe: Stripe) -> None:
    intent = pay(stripe, payment_method="pm_card_authenticationRequired")
    server.control.challenge(intent.id, passed=False)
    failed = stripe.payment_intents.retrieve(intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"
    assert stripe.charges.list({"payment_intent": intent.id}).data == []


def test_a_passed_challenge_can_still_end_in_a_decline(server: fakestripe.Server, stripe: Stripe) -> None:
    intent = pay(stripe, payment_method="pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    assert intent.status == "requires_action"
    server.control.challenge(intent.id)
    failed = stripe.payment_intents.retrieve(intent.id)
    assert failed.last_payment_error is not None
    assert failed.last_payment_error.decline_code == "insufficient_funds"


def test_error_on_requires_action_refuses_instead(stripe: Stripe) -> None:
    with pytest.raises(CardError, match="authentication action"):
        pay(stripe, payment_method="pm_card_authenticationRequired", error_on_requires_action=True)


def test_a_failed_setup_leaves_the_reason(stripe: Stripe) -> None:
    customer = stripe.customers.create().id
    with pytest.raises(CardError) as caught:
        saved_card(stripe, "pm_card_chargeDeclined", customer)
    error: Any = caught.value.error
    setup = stripe.setup_intents.retrieve(error.setup_intent.id, {"expand": ["latest_attempt"]})
    attempt: Any = setup.latest_attempt
    assert (setup.status, attempt.status) == ("requires_payment_method", "failed")
    assert setup.last_setup_error is not None
    assert setup.last_setup_error.decline_code == "generic_decline"


# -- holds -----------------------------------------------------------------------------------------


def test_a_hold_is_incremented_and_captured_in_part(stripe: Stripe) -> None:
    intent = hold(stripe, 5000)
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 5000, 0)
    more = stripe.payment_intents.increment_authorization(intent.id, {"amount": 7500})
    assert (more.amount, more.amount_capturable) == (7500, 7500)
    done = stripe.payment_intents.capture(
        intent.id, {"amount_to_capture": 6200, "expand": ["latest_charge.balance_transaction"]}
    )
    charge: Any = done.latest_charge
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 6200, 0)
    assert (charge.amount, charge.amount_captured, charge.amount_refunded) == (7500, 6200, 1300)
    assert charge.balance_transaction.amount == 6200
    release = stripe.refunds.list({"charge": charge.id}).data
    assert [(refund.amount, refund.balance_transaction) for refund in release] == [(1300, None)]
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.capture(intent.id)


@pytest.mark.parametrize("amount", [5001, 0, -5])
def test_a_capture_beyond_the_hold_is_refused(stripe: Stripe, amount: int) -> None:
    intent = hold(stripe, 5000)
    code = "amount_too_large" if amount > 0 else "parameter_invalid_integer"
    with refused(400, code=code, param="amount_to_capture"):
        stripe.payment_intents.capture(intent.id, {"amount_to_capture": amount})
    assert stripe.payment_intents.retrieve(intent.id).status == "requires_capture"


def test_increments_need_to_be_asked_for_to_rise_and_end_after_ten(stripe: Stripe) -> None:
    plain = pay(stripe, 5000, capture_method="manual")
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.increment_authorization(plain.id, {"amount": 6000})
    intent = hold(stripe, 5000)
    with refused(400, code="amount_too_small", param="amount"):
        stripe.payment_intents.increment_authorization(intent.id, {"amount": 5000})
    for step in range(1, 11):
        stripe.payment_intents.increment_authorization(intent.id, {"amount": 5000 + step})
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.increment_authorization(intent.id, {"amount": 9000})


def test_a_declined_increment_leaves_the_hold_alone_but_counts(
    server: fakestripe.Server, stripe: Stripe
) -> None:
    intent = hold(stripe, 5000)
    server.faults.decline(
        "POST /v1/payment_intents/*/increment_authorization", "insufficient_funds", times=10
    )
    for _ in range(10):
        with pytest.raises(CardError, match="insufficient funds"):
            stripe.payment_intents.increment_authorization(intent.id, {"amount": 9000})
    assert stripe.payment_intents.retrieve(intent.id).amount_capturable == 5000
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.increment_authorization(intent.id, {"amount": 9000})


def test_a_canceled_hold_moves_no_money(stripe: Stripe) -> None:
    intent = hold(stripe)
    canceled = stripe.payment_intents.cancel(intent.id, {"cancellation_reason": "requested_by_customer"})
    assert (canceled.status, canceled.amount_capturable) == ("canceled", 0)
    charge = stripe.charges.retrieve(str(intent.latest_charge))
    assert (charge.captured, charge.refunded, charge.balance_transaction) == (False, True, None)
    assert stripe.balance_transactions.list().data == []
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.cancel(intent.id)
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.capture(intent.id)


def test_a_paid_intent_cannot_be_canceled(stripe: Stripe) -> None:
    with refused(400, code="payment_intent_unexpected_state"):
        stripe.payment_intents.cancel(pay(stripe).id)


def test_a_hold_runs_out_after_seven_days(server: fakestripe.Server, stripe: Stripe) -> None:
    intent = hold(stripe)
    with inbox(stripe) as box:
        server.control.advance(7 * 86_400 - 60)
        assert stripe.payment_intents.retrieve(intent.id).status == "requires_capture"
        server.control.advance(120)
        assert server.webhooks.flush() == 0
    expired = stripe.payment_intents.retrieve(intent.id)
    assert (expired.status, expired.cancellation_reason) == ("canceled", "automatic")
    assert {"charge.expired", "payment_intent.canceled"} <= set(box.types())


# -- amounts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "currency", "code"),
    [
        (49, "eur", "amount_too_small"),
        (29, "gbp", "amount_too_small"),
        (49, "jpy", "amount_too_small"),
        (17499, "huf", "amount_too_small"),
        (0, "eur", "parameter_invalid_integer"),
        (-100, "eur", "parameter_invalid_integer"),
        (100_000_000, "eur", "amount_too_large"),
        (1001, "kwd", "parameter_invalid_integer"),
    ],
)
def test_amounts_stripe_would_not_charge_are_refused(
    stripe: Stripe, amount: int, currency: str, code: str
) -> None:
    with refused(400, code=code, param="amount"):
        pay(stripe, amount, currency)


@pytest.mark.parametrize(
    ("amount", "currency", "shown"), [(50, "jpy", "¥50"), (1230, "kwd", "1.230 KWD"), (50, "eur", "€0.50")]
)
def test_currencies_of_zero_two_and_three_decimals_stay_whole(
    stripe: Stripe, amount: int, currency: str, shown: str
) -> None:
    intent = pay(stripe, amount, currency)
    assert (intent.amount_received, intent.currency) == (amount, currency)
    assert money.display(amount, currency) == shown


@given(st.integers(1, money.MAXIMUM), st.sampled_from(sorted(money.FIXED_FEE)))
def test_a_fee_is_whole_and_never_above_the_amount(amount: int, currency: str) -> None:
    fee = money.card_fee(amount, currency)
    assert 0 < fee <= amount
    assert fee in (amount, money.FIXED_FEE[currency] + (amount * 150 + 5000) // 10_000)


@given(st.integers(-(10**9), 10**9), st.sampled_from(["jpy", "eur", "kwd"]))
def test_amounts_are_written_exactly(amount: int, currency: str) -> None:
    text = money.decimal_text(amount, currency)
    assert int(text.replace(".", "")) == amount
    assert len(text.partition(".")[2]) == money.exponent(currency)


@given(st.text(max_size=5))
def test_unknown_currencies_are_refused(code: str) -> None:
    known = money.TWO_DECIMAL | money.ZERO_DECIMAL | money.THREE_DECIMAL
    if code.lower() in known:
        assert money.known_currency(code) == code.lower()
    else:
        with pytest.raises(StripeError, match="Invalid currency"):
            money.known_currency(code)


# -- what Stripe demands around confirmation -------------------------------------------------------


def test_redirecting_payment_methods_need_a_return_url(stripe: Stripe) -> None:
    base: Any = {"amount": 500, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    with refused(400, param="return_url"):
        stripe.payment_intents.create(base)
    with refused(400, code="url_invalid", param="return_url"):
        stripe.payment_intents.create(base | {"return_url": "javascript:alert(1)"})
    never = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
    for more in ({"return_url": "http://127.0.0.1/x"}, {"off_session": True}, never):
        assert stripe.payment_intents.create(base | more).status == "succeeded"


def test_off_session_belongs_to_a_confirmation(stripe: Stripe) -> None:
    with refused(400, param="off_session"):
        stripe.payment_intents.create({"amount": 500, "currency": "eur", "off_session": True})


def test_paying_can_save_the_card(stripe: Stripe) -> None:
    customer = stripe.customers.create().id
    pay(stripe, customer=customer, setup_future_usage="off_session")
    (method,) = stripe.payment_methods.list({"customer": customer}).data
    assert pay(stripe, customer=customer, payment_method=method.id, off_session=True).status == "succeeded"


def test_a_client_secret_must_fit(stripe: Stripe) -> None:
    intent = pay(stripe)
    assert (
        stripe.payment_intents.retrieve(intent.id, {"client_secret": str(intent.client_secret)}).id
        == intent.id
    )
    with refused(400, param="client_secret"):
        stripe.payment_intents.retrieve(intent.id, {"client_secret": "pi_other_secret"})
