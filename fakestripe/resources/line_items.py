"""Line items of Checkout, priced inline by ``price_data``; stored prices are answered 501."""

from __future__ import annotations

from fakestripe import money
from fakestripe.call import Call, only
from fakestripe.errors import invalid, not_implemented
from fakestripe.ids import new_id
from fakestripe.types import Obj

MAX_ITEMS = 100


def build(call: Call, sent: list[Obj]) -> list[Obj]:
    """Line item objects from ``line_items`` parameters."""
    if len(sent) > MAX_ITEMS:
        raise invalid(f"Checkout takes up to {MAX_ITEMS} line items.", param="line_items")
    return [_item(call, item, f"line_items[{index}]") for index, item in enumerate(sent)]


def _item(call: Call, sent: Obj, param: str) -> Obj:
    if "price" in sent:
        raise not_implemented(f"stored prices ({param}[price]); pass price_data")
    only(sent, param, "price_data", "quantity")
    if "price_data" not in sent:
        raise invalid(
            f"Missing required param: {param}[price_data].",
            code="parameter_missing",
            param=f"{param}[price_data]",
        )
    data = only(
        sent["price_data"], f"{param}[price_data]", "currency", "unit_amount", "product_data", "tax_behavior"
    )
    currency = money.known_currency(data["currency"], f"{param}[price_data][currency]")
    quantity, unit = sent.get("quantity", 1), _unit_amount(data, param)
    name = _product_name(data, param)
    total = unit * quantity
    return {
        "id": new_id("li"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": currency,
        "description": name,
        "metadata": {},
        "price": _price(call, currency, unit),
        "quantity": quantity,
    }


def _unit_amount(data: Obj, param: str) -> int:
    unit = data.get("unit_amount")
    if unit is None:
        message = f"You must specify {param}[price_data][unit_amount]."
        raise invalid(message, code="parameter_missing", param=f"{param}[price_data][unit_amount]")
    if unit < 0:
        raise invalid(
            "This value must be greater than or equal to 0.", param=f"{param}[price_data][unit_amount]"
        )
    return int(unit)


def _product_name(data: Obj, param: str) -> str:
    where = f"{param}[price_data][product_data]"
    if "product_data" not in data:
        raise invalid(f"Missing required param: {where}.", code="parameter_missing", param=where)
    return str(only(data["product_data"], where, "name", "description", "metadata")["name"])


def _price(call: Call, currency: str, unit: int) -> Obj:
    return {
        "id": new_id("price"),
        "object": "price",
        "active": False,
        "billing_scheme": "per_unit",
        "created": call.now,
        "currency": currency,
        "custom_unit_amount": None,
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": new_id("prod", 14),
        "recurring": None,
        "tax_behavior": "unspecified",
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "one_time",
        "unit_amount": unit,
        "unit_amount_decimal": str(unit),
    }
