"""Hosted Checkout in ``payment`` and ``setup`` mode: https://docs.stripe.com/api/checkout/sessions"""

from __future__ import annotations

from fakestripe import money
from fakestripe.addresses import web_address
from fakestripe.call import Call, endpoint, only, timer
from fakestripe.errors import invalid, not_implemented
from fakestripe.expand import includable, view
from fakestripe.ids import new_id
from fakestripe.lists import created_fits, filtered, full, page
from fakestripe.merge import merge_metadata
from fakestripe.resources import confirmation, customers, line_items, setup_intents
from fakestripe.resources.payment_intents import cards_only
from fakestripe.types import Obj, clone

HOUR_S = 3600
KEPT = ("client_reference_id", "cancel_url", "success_url", "locale", "submit_type", "customer_creation")
FIELDS = (
    *KEPT,
    "mode",
    "line_items",
    "customer",
    "customer_email",
    "currency",
    "expires_at",
    "metadata",
    "payment_intent_data",
    "setup_intent_data",
    "payment_method_types",
    "payment_method_options",
    "billing_address_collection",
    "ui_mode",
)
INTENT_DATA = (
    "capture_method", "description", "metadata", "receipt_email", "setup_future_usage",
    "statement_descriptor", "statement_descriptor_suffix", "transfer_group",
)  # fmt: skip


@endpoint("POST /v1/checkout/sessions", *FIELDS)
def create(call: Call) -> Obj:
    _check(call)
    session = _blank(call)
    items = line_items.build(call, call.get("line_items") or [])
    intent_data = only(call.get("payment_intent_data"), "payment_intent_data", *INTENT_DATA)
    private = {
        "line_items": items,
        "intent_data": intent_data,
        "options": call.get("payment_method_options") or {},
        "error": None,
    }
    call.tx.add("checkout.session", session, private=private)
    for name in KEPT:
        if name in call.params:
            session[name] = call.get(name)
    merge_metadata(session, call.params.get("metadata"))
    _customer(call, session)
    if session["mode"] == "setup":
        _prepare_setup(call, session)
    else:
        _prepare_payment(session, items)
    call.later(session["expires_at"], "expire_session", session["id"])
    return session


def _check(call: Call) -> None:
    if call.get("ui_mode", "hosted_page") != "hosted_page":
        raise not_implemented(f"ui_mode={call.get('ui_mode')} (only hosted_page)")
    mode = call.get("mode")
    if mode is None:
        raise invalid("You must specify `mode` in order to create a Checkout Session.", param="mode")
    if mode == "subscription":
        raise not_implemented("Checkout in subscription mode")
    if not call.get("success_url"):
        raise invalid("Missing required param: success_url.", code="parameter_missing", param="success_url")
    for name in ("success_url", "cancel_url"):
        if call.get(name):
            web_address(call.params[name], name)
    other = {
        "payment": ("setup_intent_data",),
        "setup": ("payment_intent_data", "line_items", "submit_type"),
    }[mode]
    for name in other:
        if call.get(name):
            raise invalid(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    if call.get("customer") and call.get("customer_email"):
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid(message, param="customer_email")


def _expiry(call: Call) -> int:
    expires_at: int = call.get("expires_at", call.now + 24 * HOUR_S)
    if expires_at < call.now + HOUR_S // 2 - 30:
        message = "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        raise invalid(message, param="expires_at")
    if expires_at > call.now + 24 * HOUR_S + 30:
        message = "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        raise invalid(message, param="expires_at")
    return expires_at


BLANK: Obj = {
    "object": "checkout.session",
    "adaptive_pricing": {"enabled": False},
    "after_expiration": None,
    "allow_promotion_codes": None,
    "amount_subtotal": None,
    "amount_total": None,
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "cancel_url": None,
    "client_reference_id": None,
    "client_secret": None,
    "collected_information": None,
    "consent": None,
    "consent_collection": None,
    "currency": None,
    "currency_conversion": None,
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "customer": None,
    "customer_account": None,
    "customer_creation": None,
    "customer_details": None,
    "customer_email": None,
    "discounts": [],
    "invoice": None,
    "invoice_creation": None,
    "livemode": False,
    "locale": None,
    "metadata": {},
    "origin_context": None,
    "payment_intent": None,
    "payment_link": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
    "permissions": None,
    "phone_number_collection": {"enabled": False},
    "recovered_from": None,
    "saved_payment_method_options": None,
    "setup_intent": None,
    "shipping_address_collection": None,
    "shipping_cost": None,
    "shipping_options": [],
    "status": "open",
    "submit_type": None,
    "subscription": None,
    "success_url": None,
    "total_details": None,
    "ui_mode": "hosted_page",
    "wallet_options": None,
}


def _blank(call: Call) -> Obj:
    session_id = new_id("cs_test", 58)
    return clone(BLANK) | {
        "id": session_id,
        "billing_address_collection": call.get("billing_address_collection"),
        "created": call.now,
        "expires_at": _expiry(call),
        "mode": call.params["mode"],
        "payment_method_collection": "if_required" if call.params["mode"] == "payment" else "always",
        "payment_method_types": cards_only(call.get("payment_method_types") or ["card"]),
        "payment_status": "unpaid" if call.params["mode"] == "payment" else "no_payment_required",
        "url": f"{call.base_url}/c/pay/{session_id}",
    }


def _customer(call: Call, session: Obj) -> None:
    if customer_id := call.get("customer"):
        customer = customers.living(call, customer_id)
        session["customer"] = customer_id
        session["customer_email"] = None
        if customer["email"]:
            session["customer_details"] = details(customer["email"], customer["name"])
    elif email := call.get("customer_email"):
        session["customer_email"] = email
        session["customer_details"] = details(email, None)
    elif session["mode"] == "payment" and session["customer_creation"] is None:
        session["customer_creation"] = "if_required"


def details(email: str | None, name: str | None) -> Obj:
    """``customer_details``."""
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }


def _prepare_setup(call: Call, session: Obj) -> None:
    data = only(call.get("setup_intent_data"), "setup_intent_data", "description", "metadata")
    intent = setup_intents.new_intent(call, "off_session")
    intent |= {"customer": session["customer"], "description": data.get("description")}
    merge_metadata(intent, data.get("metadata"))
    call.emit("setup_intent.created", intent)
    if call.get("currency"):
        session["currency"] = money.known_currency(call.params["currency"])
    session["setup_intent"] = intent["id"]


def _prepare_payment(session: Obj, items: list[Obj]) -> None:
    if not items:
        message = "You must pass at least one of the following: `line_items`."
        raise invalid(message, code="parameter_missing", param="line_items")
    currencies = {item["currency"] for item in items}
    if len(currencies) > 1:
        message = f"All line items must have the same currency, not {', '.join(sorted(currencies))}."
        raise invalid(message, param="line_items")
    currency = items[0]["currency"]
    total = money.chargeable(sum(item["amount_total"] for item in items), currency, "line_items")
    session |= {"currency": currency, "amount_subtotal": total, "amount_total": total}
    session["total_details"] = {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0}


@view("checkout.session")
def _payment_status(call: Call, session: Obj) -> None:
    """A hold is ``unpaid`` until its intent is captured."""
    intent_id = session["payment_intent"]
    found = call.tx.find(intent_id) if isinstance(intent_id, str) else None
    if found is not None and session["status"] == "complete":
        session["payment_status"] = "paid" if found.obj["status"] == "succeeded" else "unpaid"


@includable("checkout.session", "line_items")
def _line_items(call: Call, session: Obj) -> Obj:
    items = call.tx.row("checkout.session", session["id"]).private["line_items"]
    return full(items, f"/v1/checkout/sessions/{session['id']}/line_items")


@endpoint("GET /v1/checkout/sessions/{session}/line_items")
def list_line_items(call: Call) -> Obj:
    items = call.tx.row("checkout.session", call.ids[0]).private["line_items"]
    return page(call, items, f"/v1/checkout/sessions/{call.ids[0]}/line_items")


@endpoint("GET /v1/checkout/sessions/{session}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("checkout.session", call.ids[0])


@endpoint("POST /v1/checkout/sessions/{session}", "metadata")
def update(call: Call) -> Obj:
    session = call.tx.edit("checkout.session", call.ids[0])
    merge_metadata(session, call.params.get("metadata"))
    return session


@endpoint("POST /v1/checkout/sessions/{session}/expire")
def expire(call: Call) -> Obj:
    session = call.tx.edit("checkout.session", call.ids[0])
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            "Session has a status"
        )
        raise invalid(f"{message} of `{session['status']}`.", param="session")
    _expire(call, session)
    return session


@timer("expire_session")
def expire_in_time(call: Call, session_id: str) -> None:
    """``expires_at`` has come."""
    session = call.tx.edit("checkout.session", session_id)
    if session["status"] == "open":
        _expire(call, session)


def _expire(call: Call, session: Obj) -> None:
    session |= {"status": "expired", "url": None}
    intent_id = session["payment_intent"]
    if intent_id and call.tx.read("payment_intent", intent_id)["status"] != "canceled":
        confirmation.cancel(call, intent_id, "expired")
    if session["setup_intent"]:
        intent = call.tx.edit("setup_intent", session["setup_intent"])
        intent |= {"status": "canceled", "cancellation_reason": "abandoned", "next_action": None}
        call.emit("setup_intent.canceled", intent)
    call.emit("checkout.session.expired", session)


@endpoint("GET /v1/checkout/sessions", "created", "customer", "customer_details", "payment_intent", "status")
def list_(call: Call) -> Obj:
    email, created = (call.get("customer_details") or {}).get("email"), call.get("created")
    sessions = (
        session
        for session in filtered(call, "checkout.session", "customer", "payment_intent", "status")
        if (email is None or (session["customer_details"] or {}).get("email") == email)
        and (created is None or created_fits(session["created"], created))
    )
    return page(call, sessions, "/v1/checkout/sessions")
