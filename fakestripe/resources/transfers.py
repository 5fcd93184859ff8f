"""Transfers to connected accounts and their reversals: https://docs.stripe.com/api/transfers"""

from __future__ import annotations

from fakestripe import money
from fakestripe.call import Call, endpoint
from fakestripe.errors import StripeError, invalid, missing_object
from fakestripe.expand import view
from fakestripe.ids import new_id
from fakestripe.lists import filtered, full, page
from fakestripe.merge import assign, merge_metadata
from fakestripe.money import display
from fakestripe.resources import accounts, balance, capabilities, destination_payments
from fakestripe.types import Obj, clone


@endpoint(
    "POST /v1/transfers",
    "amount",
    "currency",
    "description",
    "destination",
    "metadata",
    "source_transaction",
    "transfer_group",
)
def create(call: Call) -> Obj:
    currency, amount = money.known_currency(call.params["currency"]), _positive(call)
    account = accounts.connected(call, call.params["destination"], "destination")
    capabilities.require_transfers(account)
    available_on = call.now
    if source := call.get("source_transaction"):
        available_on = _take_from_charge(call, source, amount, currency)
    else:
        balance.require(call, amount, currency)
    transfer = _record(call, account, amount, currency, available_on)
    merge_metadata(transfer, call.params.get("metadata"))
    call.emit("transfer.created", transfer)
    return transfer


def _positive(call: Call) -> int:
    amount = call.get("amount")
    if amount is None:
        raise invalid("Missing required param: amount.", code="parameter_missing", param="amount")
    if amount < 1:
        code = "parameter_invalid_integer"
        raise invalid("This value must be greater than or equal to 1.", code=code, param="amount")
    return int(amount)


def _take_from_charge(call: Call, source: str, amount: int, currency: str) -> int:
    charge = call.tx.edit("charge", source, "source_transaction")
    if not charge["captured"] or charge["balance_transaction"] is None:
        message = f"Charge {source} has not been captured: there is no money to transfer from it."
        raise invalid(message, param="source_transaction")
    if charge["currency"] != currency:
        message = (
            f"The currency of source_transaction's balance transaction ({charge['currency']}) "
            "must be the same as"
        )
        raise invalid(f"{message} the transfer currency ({currency})", param="currency")
    _within_source(call, charge, amount)
    group = call.get("transfer_group") or charge["transfer_group"] or f"group_{charge['payment_intent']}"
    call.params["transfer_group"] = group
    charge["transfer_group"] = charge["transfer_group"] or group
    return int(call.tx.read("balance_transaction", charge["balance_transaction"])["available_on"])


def _within_source(call: Call, charge: Obj, amount: int) -> None:
    earlier = sum(
        t["amount"] for t in call.tx.search("transfer", lambda t: t["source_transaction"] == charge["id"])
    )
    if earlier + amount > charge["amount_captured"]:
        most = display(charge["amount_captured"], charge["currency"])
        message = f"Transfers using this transaction as a source must not exceed the source amount of {most}."
        if earlier:
            told = display(earlier, charge["currency"])
            message += f" (There is already a transfer using this source, amounting to {told}.)"
        raise invalid(message, param="amount")


def _record(call: Call, account: Obj, amount: int, currency: str, available_on: int) -> Obj:
    transfer_id = new_id("tr")
    out = balance.record(call, "transfer", transfer_id, -amount, currency, available_on=available_on)
    payment = destination_payments.create(call, out, account["id"])
    transfer: Obj = {
        "id": transfer_id,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": out["id"],
        "created": call.now,
        "currency": currency,
        "description": call.get("description"),
        "destination": account["id"],
        "destination_payment": payment["id"],
        "livemode": False,
        "metadata": {},
        "reversals": full([], f"/v1/transfers/{transfer_id}/reversals"),
        "reversed": False,
        "source_transaction": call.get("source_transaction"),
        "source_type": "card",
        "transfer_group": call.get("transfer_group"),
    }
    return call.tx.add("transfer", transfer)


@view("transfer")
def _reversals(call: Call, transfer: Obj) -> None:
    found = [
        clone(item) for item in call.tx.search("transfer_reversal", lambda r: r["transfer"] == transfer["id"])
    ]
    transfer["reversals"] = full(found, f"/v1/transfers/{transfer['id']}/reversals")


@endpoint("GET /v1/transfers/{transfer}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("transfer", call.ids[0])


@endpoint("POST /v1/transfers/{transfer}", "description", "metadata")
def update(call: Call) -> Obj:
    before = clone(call.tx.read("transfer", call.ids[0]))
    transfer = call.tx.edit("transfer", call.ids[0])
    assign(call, transfer, "description")
    merge_metadata(transfer, call.params.get("metadata"))
    call.emit("transfer.updated", transfer, before=before)
    return transfer


@endpoint("GET /v1/transfers", "created", "destination", "transfer_group")
def list_(call: Call) -> Obj:
    return page(call, filtered(call, "transfer", "destination", "transfer_group"), "/v1/transfers")


@endpoint("POST /v1/transfers/{id}/reversals", "amount", "description", "metadata")
def reverse(call: Call) -> Obj:
    transfer = call.tx.edit("transfer", call.ids[0])
    amount = _reversible(call, transfer)
    before = clone(transfer)
    reversal = _record_reversal(call, transfer, amount)
    transfer["amount_reversed"] += amount
    transfer["reversed"] = transfer["amount_reversed"] == transfer["amount"]
    merge_metadata(reversal, call.params.get("metadata"))
    call.emit("transfer.reversed", transfer, before=before)
    return reversal


def _reversible(call: Call, transfer: Obj) -> int:
    left = transfer["amount"] - transfer["amount_reversed"]
    amount: int = call.get("amount", left)
    if left == 0:
        raise invalid(f"Transfer {transfer['id']} is already fully reversed.", param="id")
    if amount < 1:
        code = "parameter_invalid_integer"
        raise invalid("This value must be greater than or equal to 1.", code=code, param="amount")
    if amount > left:
        raise invalid(
            f"Reversal amount ({display(amount, transfer['currency'])}) is greater than unreversed amount on "
            f"transfer ({display(left, transfer['currency'])})",
            code="amount_too_large",
            param="amount",
        )
    available, pending = balance.sums(call, transfer["destination"])
    held = available.get(transfer["currency"], 0) + pending.get(transfer["currency"], 0)
    if held < amount:
        message = (
            f"Insufficient funds on the connected account {transfer['destination']} to reverse this transfer."
        )
        raise StripeError(400, message, code="balance_insufficient", param="amount")
    return amount


def _record_reversal(call: Call, transfer: Obj, amount: int) -> Obj:
    reversal_id = new_id("trr")
    back = balance.record(call, "transfer_refund", reversal_id, amount, transfer["currency"])
    refund = destination_payments.give_back(call, transfer, amount)
    reversal: Obj = {
        "id": reversal_id,
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": back["id"],
        "created": call.now,
        "currency": transfer["currency"],
        "destination_payment_refund": refund["id"],
        "metadata": {},
        "source_refund": None,
        "transfer": transfer["id"],
    }
    return call.tx.add("transfer_reversal", reversal)


@endpoint("GET /v1/transfers/{id}/reversals")
def list_reversals(call: Call) -> Obj:
    transfer = call.tx.read("transfer", call.ids[0])
    found = call.tx.search("transfer_reversal", lambda r: r["transfer"] == transfer["id"])
    return page(call, found, f"/v1/transfers/{transfer['id']}/reversals")


@endpoint("GET /v1/transfers/{transfer}/reversals/{id}")
def retrieve_reversal(call: Call) -> Obj:
    reversal = call.tx.read("transfer_reversal", call.ids[1])
    if reversal["transfer"] != call.ids[0]:
        raise missing_object("transfer_reversal", call.ids[1])
    return reversal


@endpoint("POST /v1/transfers/{transfer}/reversals/{id}", "metadata")
def update_reversal(call: Call) -> Obj:
    retrieve_reversal(call)
    reversal = call.tx.edit("transfer_reversal", call.ids[1])
    merge_metadata(reversal, call.params.get("metadata"))
    return reversal
