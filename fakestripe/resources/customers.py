"""Customers: https://docs.stripe.com/api/customers"""

from __future__ import annotations

from fakestripe.call import Call, endpoint, only
from fakestripe.errors import missing_object
from fakestripe.expand import includable
from fakestripe.ids import new_id, token
from fakestripe.lists import filtered, full, page
from fakestripe.merge import address, assign, merge_metadata
from fakestripe.resources import payment_methods
from fakestripe.types import Obj, clone

PLAIN = ("description", "email", "name", "phone", "tax_exempt", "business_name", "individual_name")
FIELDS = (
    *PLAIN,
    "address",
    "shipping",
    "metadata",
    "invoice_settings",
    "preferred_locales",
    "balance",
    "invoice_prefix",
)


@endpoint("POST /v1/customers", *FIELDS, "payment_method")
def create(call: Call) -> Obj:
    customer: Obj = {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": call.now,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": token(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    call.tx.add("customer", customer)
    if method := call.get("payment_method"):
        payment_methods.attach_to(call, method, customer["id"])
    _apply(call, customer)
    call.emit("customer.created", customer)
    return customer


def _apply(call: Call, customer: Obj) -> None:
    assign(call, customer, *PLAIN, "preferred_locales", "balance", "invoice_prefix")
    if "address" in call.params:
        customer["address"] = address(call.get("address"))
    if "shipping" in call.params:
        sent = call.get("shipping")
        customer["shipping"] = sent and {
            "address": address(sent["address"]),
            "name": sent["name"],
            "phone": sent.get("phone"),
        }
    customer["tax_exempt"] = customer["tax_exempt"] or "none"
    customer["preferred_locales"] = customer["preferred_locales"] or []
    _invoice_settings(call, customer)
    merge_metadata(customer, call.params.get("metadata"))


def _invoice_settings(call: Call, customer: Obj) -> None:
    sent = only(call.get("invoice_settings"), "invoice_settings", "default_payment_method", "footer")
    for name, value in sent.items():
        if name == "default_payment_method" and value:
            method = call.tx.read("payment_method", value, "invoice_settings[default_payment_method]")
            if method["customer"] != customer["id"]:
                raise payment_methods.not_of_customer(value, "invoice_settings[default_payment_method]")
        customer["invoice_settings"][name] = value or None


def living(call: Call, customer_id: str, param: str = "customer") -> Obj:
    """The customer, unless it never was or was deleted."""
    customer = call.tx.read("customer", customer_id, param)
    if customer.get("deleted"):
        raise missing_object("customer", customer_id, param)
    return customer


@endpoint("GET /v1/customers/{customer}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("customer", call.ids[0])


@endpoint("POST /v1/customers/{customer}", *FIELDS)
def update(call: Call) -> Obj:
    before = clone(living(call, call.ids[0], "id"))
    customer = call.tx.edit("customer", call.ids[0])
    _apply(call, customer)
    if customer != before:
        call.emit("customer.updated", customer, before=before)
    return customer


@endpoint("DELETE /v1/customers/{customer}")
def delete(call: Call) -> Obj:
    row = call.tx.edit_row("customer", living(call, call.ids[0], "id")["id"])
    call.emit("customer.deleted", row.obj)
    for method in list(call.tx.search("payment_method", lambda obj: obj["customer"] == call.ids[0])):
        payment_methods.detach_from(call, method["id"])
    row.obj = {"id": row.obj["id"], "object": "customer", "deleted": True}
    return row.obj


@endpoint("GET /v1/customers", "created", "email")
def list_(call: Call) -> Obj:
    alive = (obj for obj in filtered(call, "customer") if not obj.get("deleted") and _wanted(call, obj))
    return page(call, alive, "/v1/customers")


def _wanted(call: Call, customer: Obj) -> bool:
    email = call.get("email")
    return email is None or customer["email"] == email


@endpoint("GET /v1/customers/{customer}/payment_methods", "type")
def list_payment_methods(call: Call) -> Obj:
    customer = living(call, call.ids[0], "id")["id"]
    kind = call.get("type")
    methods = call.tx.search(
        "payment_method", lambda obj: obj["customer"] == customer and kind in (None, obj["type"])
    )
    return page(call, methods, f"/v1/customers/{customer}/payment_methods")


@endpoint("GET /v1/customers/{customer}/payment_methods/{payment_method}")
def retrieve_payment_method(call: Call) -> Obj:
    method = call.tx.read("payment_method", call.ids[1])
    if method["customer"] != call.ids[0]:
        raise missing_object("payment_method", call.ids[1], "payment_method")
    return method


@includable("customer", "sources")
def _sources(call: Call, customer: Obj) -> Obj:
    return full([], f"/v1/customers/{customer['id']}/sources")


@includable("customer", "subscriptions")
def _subscriptions(call: Call, customer: Obj) -> Obj:
    return full([], f"/v1/customers/{customer['id']}/subscriptions")


@includable("customer", "tax_ids")
def _tax_ids(call: Call, customer: Obj) -> Obj:
    return full([], f"/v1/customers/{customer['id']}/tax_ids")


def _nothing(call: Call, name: str) -> Obj:
    customer = living(call, call.ids[0], "id")["id"]
    return full([], f"/v1/customers/{customer}/{name}")


@endpoint("GET /v1/customers/{customer}/tax_ids")
def list_tax_ids(call: Call) -> Obj:
    """Always empty: creating one is answered 501."""
    return _nothing(call, "tax_ids")
