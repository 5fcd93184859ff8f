"""The questions that billing asks Stripe, each named for what it asks. All answer plain dictionaries."""

from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from typing import Any

from billing.stripe_client import Obj, StripeClient, ask

WITH_FEE = ["latest_charge.balance_transaction"]
CHARGES = ["data.latest_charge"]


def create_intent(params: Obj, key: str) -> Obj:
    return ask(
        lambda stripe: stripe.v1.payment_intents.create(
            _params({**params, "expand": WITH_FEE}), {"idempotency_key": key}
        )
    )


def retrieve_intent(intent_id: str) -> Obj:
    return ask(lambda stripe: stripe.v1.payment_intents.retrieve(intent_id, {"expand": WITH_FEE}))


def intents_of(customer_id: str, since: int) -> list[Obj]:
    """A customer's PaymentIntents created at or after the Unix time `since`, newest first."""
    found = ask(
        lambda stripe: stripe.v1.payment_intents.list(
            {"customer": customer_id, "created": {"gte": since}, "limit": 100}
        )
    )
    return list(found["data"])


def capture_intent(intent_id: str, minor: int, key: str) -> Obj:
    return ask(
        lambda stripe: stripe.v1.payment_intents.capture(
            intent_id, {"amount_to_capture": minor, "expand": WITH_FEE}, {"idempotency_key": key}
        )
    )


def cancel_intent(intent_id: str, key: str) -> Obj:
    return ask(lambda stripe: stripe.v1.payment_intents.cancel(intent_id, {}, {"idempotency_key": key}))


def confirm_on_session(intent_id: str, method_id: str, return_url: str, key: str) -> Obj:
    return ask(
        lambda stripe: stripe.v1.payment_intents.confirm(
            intent_id,
            {"payment_method": method_id, "return_url": return_url, "expand": WITH_FEE},
            {"idempotency_key": key},
        )
    )


def create_checkout(params: Obj, key: str = "") -> Obj:
    """`key` may be left out where a second session does no harm."""
    options: Any = {"idempotency_key": key} if key else {}
    return ask(lambda stripe: stripe.v1.checkout.sessions.create(_params(params), options))


def retrieve_checkout(checkout_id: str) -> Obj:
    expand = ["payment_intent.latest_charge.balance_transaction", "setup_intent.payment_method"]
    return ask(lambda stripe: stripe.v1.checkout.sessions.retrieve(checkout_id, {"expand": expand}))


def create_customer(params: Obj, key: str) -> Obj:
    return ask(lambda stripe: stripe.v1.customers.create(_params(params), {"idempotency_key": key}))


def retrieve_customer(customer_id: str) -> Obj:
    return ask(lambda stripe: stripe.v1.customers.retrieve(customer_id))


def retrieve_method(method_id: str) -> Obj:
    return ask(lambda stripe: stripe.v1.payment_methods.retrieve(method_id))


def cards_of(customer_id: str) -> list[Obj]:
    """A customer's saved cards, newest first."""
    found = ask(lambda stripe: stripe.v1.customers.payment_methods.list(customer_id, {"type": "card"}))
    return list(found["data"])


def detach_method(method_id: str) -> Obj:
    return ask(lambda stripe: stripe.v1.payment_methods.detach(method_id))


def create_refund(intent_id: str, minor: int, metadata: dict[str, str], key: str) -> Obj:
    return ask(
        lambda stripe: stripe.v1.refunds.create(
            {"payment_intent": intent_id, "amount": minor, "metadata": metadata}, {"idempotency_key": key}
        )
    )


def retrieve_refund(refund_id: str) -> Obj:
    return ask(lambda stripe: stripe.v1.refunds.retrieve(refund_id))


def retrieve_charge(charge_id: str) -> Obj:
    return ask(lambda stripe: stripe.v1.charges.retrieve(charge_id))


def retrieve_dispute(dispute_id: str) -> Obj:
    return ask(lambda stripe: stripe.v1.disputes.retrieve(dispute_id))


def answer_dispute(dispute_id: str, evidence: dict[str, str], key: str) -> Obj:
    """Hand `evidence` to the bank: for Stripe there is one answer, and no second."""
    return ask(
        lambda stripe: stripe.v1.disputes.update(
            dispute_id, _params({"evidence": evidence, "submit": True}), {"idempotency_key": key}
        )
    )


def upload_evidence(name: str, content: bytes, key: str) -> Obj:
    """Upload a PDF as dispute evidence; returns Stripe's File."""
    file = BytesIO(content)
    file.name = name  # what the upload is called
    return ask(
        lambda stripe: stripe.v1.files.create(
            {"purpose": "dispute_evidence", "file": file}, {"idempotency_key": key}
        )
    )


def _list_disputes(params: Any, stripe: StripeClient) -> Any:
    return stripe.v1.disputes.list(params)


def all_disputes() -> Iterator[Obj]:
    """All disputes, newest first."""
    return _all(_list_disputes, {})


def _list_intents(params: Any, stripe: StripeClient) -> Any:
    return stripe.v1.payment_intents.list(params)


def _params(params: Obj) -> Any:
    """Our dictionaries are built from rows; stripe's types want literal ones."""
    return params


def all_intents() -> Iterator[Obj]:
    """All PaymentIntents, newest first, with their latest charge."""
    return _all(_list_intents, {"expand": CHARGES})


def _all(listed: Callable[[Any, StripeClient], Any], params: Obj) -> Iterator[Obj]:
    """All objects of a list, page by page."""
    last: Obj = {}
    while True:
        found = ask(partial(listed, _params(params | last | {"limit": 100})))
        yield from found["data"]
        if not found["has_more"]:
            return
        last = {"starting_after": found["data"][-1]["id"]}
