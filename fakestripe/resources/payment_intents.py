"""PaymentIntents: https://docs.stripe.com/api/payment_intents"""

from __future__ import annotations

from fakestripe import money
from fakestripe.addresses import web_address
from fakestripe.call import Call, endpoint, only
from fakestripe.errors import StripeError, invalid, not_implemented
from fakestripe.ids import new_id, token
from fakestripe.lists import filtered, page
from fakestripe.merge import address, assign, merge_metadata
from fakestripe.resources import charges, confirmation
from fakestripe.resources.customers import living
from fakestripe.resources.payment_methods import card_of, declined, from_data, usable
from fakestripe.store import Row
from fakestripe.types import Obj, clone

PLAIN = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
)
SHARED = (*PLAIN, "metadata", "payment_method", "payment_method_data", "payment_method_options", "shipping")
SETTINGS = (*SHARED, "amount", "currency", "customer", "payment_method_types", "transfer_group")
CONFIRMING = ("off_session", "return_url", "error_on_requires_action", "use_stripe_sdk")
CARD_OPTIONS = (
    "request_three_d_secure",
    "request_incremental_authorization",
    "setup_future_usage",
    "capture_method",
)
MAX_INCREMENTS = 10
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (*OPEN, "requires_capture", "processing")


@endpoint(
    "POST /v1/payment_intents",
    *SETTINGS,
    *CONFIRMING,
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "confirmation_method",
)
def create(call: Call) -> Obj:
    currency = money.known_currency(call.params["currency"])
    amount = money.chargeable(call.params["amount"], currency)
    if not call.get("confirm") and call.get("off_session"):
        raise invalid("`off_session` can only be set when `confirm` is true.", param="off_session")
    intent = new_intent(call, amount, currency)
    row = call.tx.edit_row("payment_intent", intent["id"])
    _methods(call, intent)
    _apply(call, intent)
    call.emit("payment_intent.created", intent)
    if call.get("confirm"):
        _confirm(call, row)
    return intent


BLANK: Obj = {
    "object": "payment_intent",
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic_async",
    "confirmation_method": "automatic",
    "customer": None,
    "customer_account": None,
    "description": None,
    "excluded_payment_method_types": None,
    "last_payment_error": None,
    "latest_charge": None,
    "livemode": False,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {
        "card": {
            "installments": None,
            "mandate_options": None,
            "network": None,
            "request_three_d_secure": "automatic",
        }
    },
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "requires_payment_method",
    "transfer_data": None,
    "transfer_group": None,
}


def new_intent(call: Call, amount: int, currency: str) -> Obj:
    """Store a bare intent."""
    intent_id = new_id("pi")
    intent: Obj = clone(BLANK) | {
        "id": intent_id,
        "amount": amount,
        "client_secret": f"{intent_id}_secret_{token(25)}",
        "created": call.now,
        "currency": currency,
    }
    return call.tx.add("payment_intent", intent, private={"increments": 0, "return_url": None})


def _methods(call: Call, intent: Obj) -> None:
    automatic, types = call.get("automatic_payment_methods"), call.get("payment_method_types")
    if automatic and types:
        message = (
            "You may only specify one of these parameters: automatic_payment_methods, payment_method_types."
        )
        raise invalid(message, param="payment_method_types")
    if types is None and (automatic is None or automatic["enabled"]):
        redirects = (automatic or {}).get("allow_redirects", "always")
        intent["automatic_payment_methods"] = {"allow_redirects": redirects, "enabled": True}
        on_session = call.get("confirm") and not call.get("off_session")
        if (
            on_session
            and redirects == "always"
            and not call.get("return_url")
            and not call.get("use_stripe_sdk")
        ):
            raise invalid(
                "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. "
                "Because some of these payment methods might redirect your customer off of your page, you "
                "must provide a `return_url`. If you don't want to accept redirect-based payment methods, "
                "set `automatic_payment_methods[enabled]` to `true` and "
                "`automatic_payment_methods[allow_redirects]` to `never` when creating Setup Intents and "
                "Payment Intents.",
                param="return_url",
            )
    intent["capture_method"] = call.get("capture_method", intent["capture_method"])
    intent["confirmation_method"] = call.get("confirmation_method", intent["confirmation_method"])


def cards_only(types: list[str], param: str = "payment_method_types") -> list[str]:
    """Payment method types, of which the local Stripe has cards."""
    for name in types:
        if name != "card":
            raise not_implemented(f"payment methods of type '{name}' ({param})")
    return types


def _apply(call: Call, intent: Obj) -> None:
    assign(call, intent, *PLAIN, "transfer_group")
    if "payment_method_types" in call.params:
        intent["payment_method_types"] = cards_only(call.get("payment_method_types") or ["card"])
    if "customer" in call.params:
        intent["customer"] = living(call, call.params["customer"])["id"]
    if "shipping" in call.params:
        intent["shipping"] = _shipping(call.get("shipping"))
    set_options(intent, call.get("payment_method_options"))
    merge_metadata(intent, call.params.get("metadata"))
    method = _method(call)
    if method is not None:
        confirmation.check_owner(call, method, intent["customer"])
        intent |= {"payment_method": method["id"], "status": "requires_confirmation"}


def _shipping(sent: Obj | None) -> Obj | None:
    if not sent:
        return None
    names = ("carrier", "name", "phone", "tracking_number")
    return {name: sent.get(name) for name in names} | {"address": address(sent.get("address"))}


def set_options(intent: Obj, sent: Obj | None) -> None:
    """``payment_method_options[card]``."""
    options = only(
        only(sent, "payment_method_options", "card").get("card"),
        "payment_method_options[card]",
        *CARD_OPTIONS,
    )
    intent["payment_method_options"]["card"] |= {
        name: value for name, value in options.items() if value != ""
    }
    if options.get("capture_method") == "manual":
        intent["capture_method"] = "manual"
    if options.get("setup_future_usage") in ("on_session", "off_session"):
        intent["setup_future_usage"] = options["setup_future_usage"]


def _method(call: Call) -> Obj | None:
    if data := call.get("payment_method_data"):
        return from_data(call, data)
    if method_id := call.get("payment_method"):
        return usable(call, method_id)
    return None


def _confirm(call: Call, row: Row) -> None:
    intent = row.obj
    if intent["payment_method"] is None:
        raise _unexpected(
            intent,
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either "
            "update the PaymentIntent with a payment method and then confirm it again, or confirm it again "
            "directly with a payment method or ConfirmationToken.",
        )
    method = call.tx.read("payment_method", intent["payment_method"])
    off_session, return_url = bool(call.get("off_session")), call.get("return_url")
    if return_url is not None:
        web_address(return_url, "return_url")
    confirmation.confirm(call, row, method, off_session=off_session, return_url=return_url)


def _unexpected(intent: Obj, message: str) -> StripeError:
    return invalid(message, code="payment_intent_unexpected_state", payment_intent=clone(intent))


@endpoint("GET /v1/payment_intents/{intent}", "client_secret")
def retrieve(call: Call) -> Obj:
    intent = call.tx.read("payment_intent", call.ids[0])
    check_secret(call, intent)
    return intent


def check_secret(call: Call, intent: Obj) -> None:
    """A client secret, where one is given, must be the intent's own."""
    if call.get("client_secret") not in (None, intent["client_secret"]):
        message = "The client_secret provided does not match any associated intent on this account."
        raise invalid(message, param="client_secret")


@endpoint("POST /v1/payment_intents/{intent}", *SETTINGS)
def update(call: Call) -> Obj:
    intent = call.tx.edit("payment_intent", call.ids[0])
    blocked = {"amount", "currency", "customer", "payment_method", "payment_method_data"} & call.params.keys()
    if intent["status"] not in OPEN and blocked:
        message = f"This PaymentIntent's {sorted(blocked)[0]} could not be updated because it has a status of"
        raise _unexpected(intent, f"{message} {intent['status']}.")
    currency = money.known_currency(call.get("currency", intent["currency"]))
    if "amount" in call.params or "currency" in call.params:
        intent["amount"] = money.chargeable(call.get("amount", intent["amount"]), currency)
        intent["currency"] = currency
    _apply(call, intent)
    return intent


@endpoint(
    "POST /v1/payment_intents/{intent}/confirm",
    "payment_method",
    "payment_method_data",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    *CONFIRMING,
)
def confirm(call: Call) -> Obj:
    row = call.tx.edit_row("payment_intent", call.ids[0])
    intent = row.obj
    if intent["status"] in ("succeeded", "requires_capture", "canceled", "processing"):
        raise _unexpected(intent, _why_not_confirmed(intent["status"]))
    _apply(call, intent)
    _confirm(call, row)
    return intent


def _why_not_confirmed(status: str) -> str:
    reason = {
        "succeeded": "it has already succeeded after being previously confirmed",
        "requires_capture": (
            "it has a status of requires_capture. It was confirmed already and waits for its capture"
        ),
    }.get(status, f"it has a status of {status}")
    return f"You cannot confirm this PaymentIntent because {reason}."


@endpoint("POST /v1/payment_intents/{intent}/capture", "amount_to_capture", "metadata", "final_capture")
def capture(call: Call) -> Obj:
    intent = call.tx.edit("payment_intent", call.ids[0])
    if intent["status"] != "requires_capture":
        raise _unexpected(
            intent,
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be captured: requires_capture.",
        )
    if call.get("final_capture") is False:
        raise not_implemented("several captures of one PaymentIntent (final_capture=false)")
    amount = _capture_amount(intent, call.get("amount_to_capture", intent["amount_capturable"]))
    merge_metadata(intent, call.params.get("metadata"))
    charges.capture(call, call.tx.edit("charge", intent["latest_charge"]), amount)
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    call.emit("payment_intent.succeeded", intent)
    return intent


def _capture_amount(intent: Obj, amount: int) -> int:
    if amount > intent["amount_capturable"]:
        raise invalid(
            f"The requested capture amount ({amount}) is greater than the amount you can capture for this "
            f"charge ({intent['amount_capturable']}).",
            code="amount_too_large",
            param="amount_to_capture",
        )
    if amount < 1:
        code = "parameter_invalid_integer"
        raise invalid("This value must be greater than or equal to 1.", code=code, param="amount_to_capture")
    return amount


@endpoint(
    "POST /v1/payment_intents/{intent}/increment_authorization",
    "amount",
    "description",
    "metadata",
    "statement_descriptor",
)
def increment_authorization(call: Call) -> Obj:
    row = call.tx.edit_row("payment_intent", call.ids[0])
    intent, amount = row.obj, call.params["amount"]
    charge = _incrementable(call, row)
    if amount <= intent["amount"]:
        message = (
            "The incremented amount must be greater than the amount of the PaymentIntent "
            f"({intent['amount']})."
        )
        raise invalid(message, code="amount_too_small", param="amount")
    money.chargeable(amount, intent["currency"])
    row.private["increments"] += 1
    decline = call.forced_decline or card_of(call, charge["payment_method"]).decline
    if decline is not None:
        raise declined(decline, charge=charge["id"], payment_intent=clone(intent))
    assign(call, intent, "description", "statement_descriptor")
    merge_metadata(intent, call.params.get("metadata"))
    intent |= {"amount": amount, "amount_capturable": amount}
    charge["amount"] = charge["payment_method_details"]["card"]["amount_authorized"] = amount
    charge["payment_method_details"]["card"]["overcapture"]["maximum_amount_capturable"] = amount
    call.emit("payment_intent.amount_capturable_updated", intent)
    return intent


def _incrementable(call: Call, row: Row) -> Obj:
    intent = row.obj
    if intent["status"] != "requires_capture":
        message = (
            f"This PaymentIntent's authorization can't be incremented: its status is {intent['status']}."
        )
        raise _unexpected(intent, message)
    charge = call.tx.edit("charge", intent["latest_charge"])
    if charge["payment_method_details"]["card"]["incremental_authorization"]["status"] != "available":
        raise _unexpected(
            intent,
            "This PaymentIntent is not eligible for incremental authorization. Create it with "
            "payment_method_options[card][request_incremental_authorization]=if_available and look at "
            "payment_method_details.card.incremental_authorization.status of its charge.",
        )
    if row.private["increments"] >= MAX_INCREMENTS:
        message = (
            f"This PaymentIntent has reached the maximum of {MAX_INCREMENTS} incremental "
            "authorization attempts."
        )
        raise _unexpected(intent, message)
    return charge


@endpoint("POST /v1/payment_intents/{intent}/cancel", "cancellation_reason")
def cancel(call: Call) -> Obj:
    intent = call.tx.read("payment_intent", call.ids[0])
    if intent["status"] not in CANCELABLE:
        raise _unexpected(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
        )
    return confirmation.cancel(call, intent["id"], call.get("cancellation_reason"))


@endpoint("GET /v1/payment_intents", "created", "customer")
def list_(call: Call) -> Obj:
    return page(call, filtered(call, "payment_intent", "customer"), "/v1/payment_intents")
