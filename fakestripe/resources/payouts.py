"""Payouts: https://docs.stripe.com/api/payouts"""

from __future__ import annotations

from dataclasses import replace

from fakestripe import money
from fakestripe.call import Call, endpoint, timer
from fakestripe.errors import invalid
from fakestripe.ids import new_id
from fakestripe.lists import created_fits, filtered, page
from fakestripe.merge import merge_metadata
from fakestripe.resources import balance
from fakestripe.types import Obj, clone

DAY_S = 86_400
ARRIVES_AFTER_S = 2 * DAY_S


@endpoint(
    "POST /v1/payouts", "amount", "currency", "description", "metadata", "method", "statement_descriptor"
)
def create(call: Call) -> Obj:
    currency = money.known_currency(call.params["currency"])
    amount = call.params["amount"]
    if amount < 1:
        code = "parameter_invalid_integer"
        raise invalid("This value must be greater than or equal to 1.", code=code, param="amount")
    if call.get("method", "standard") != "standard":
        raise invalid(
            "Instant payouts are not available for this account.",
            code="instant_payouts_unsupported",
            param="method",
        )
    balance.require(call, amount, currency)
    payout = _record(call, amount, currency)
    merge_metadata(payout, call.params.get("metadata"))
    call.emit("payout.created", payout)
    call.later(payout["arrival_date"], "payout_arrives", payout["id"])
    return payout


def _record(call: Call, amount: int, currency: str, inside: list[str] | None = None) -> Obj:
    payout_id, automatic = new_id("po"), inside is not None
    transaction = balance.record(call, "payout", payout_id, -amount, currency, description="STRIPE PAYOUT")
    payout: Obj = {
        "id": payout_id,
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": call.now + ARRIVES_AFTER_S,
        "automatic": automatic,
        "balance_transaction": transaction["id"],
        "created": call.now,
        "currency": currency,
        "description": call.get("description"),
        "destination": _bank_account(call),
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "completed" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": call.get("statement_descriptor"),
        "status": "pending",
        "trace_id": None,
        "type": "bank_account",
    }
    return call.tx.add("payout", payout, private={"transactions": [*(inside or []), transaction["id"]]})


def _bank_account(call: Call) -> str | None:
    return next((row.obj["id"] for row in call.tx.rows_of("bank_account")), None)


@timer("pay_out")
def pay_out(call: Call, account_id: str) -> None:
    """Every day, what is available on a connected account goes to its bank."""
    account = call.tx.edit_anywhere(account_id).obj
    if account.get("deleted"):
        return
    call.later(call.now + DAY_S, "pay_out", account_id)
    if account["settings"]["payouts"]["schedule"]["interval"] != "daily":
        return
    inner = replace(call, tx=call.tx.of(account_id))
    for currency in sorted(balance.sums(inner, account_id)[0]):
        _sweep(inner, currency)


def _sweep(call: Call, currency: str) -> None:
    paid = {key for row in call.tx.rows_of("payout") for key in row.private["transactions"]}
    due = [
        row.obj
        for row in call.tx.rows_of("balance_transaction")
        if row.obj["currency"] == currency
        and row.obj["available_on"] <= call.now
        and row.obj["id"] not in paid
    ]
    amount = sum(transaction["net"] for transaction in due)
    if amount <= 0:
        return
    payout = _record(call, amount, currency, [transaction["id"] for transaction in due])
    call.emit("payout.created", payout)
    call.later(payout["arrival_date"], "payout_arrives", payout["id"])


@timer("payout_arrives")
def arrives(call: Call, payout_id: str) -> None:
    """The bank has it."""
    finish(call, payout_id, paid=True)


def finish(call: Call, payout_id: str, *, paid: bool) -> Obj:
    """A payout arrives, or comes back into the balance."""
    payout = call.tx.edit("payout", payout_id)
    if payout["status"] not in ("pending", "in_transit"):
        return payout
    if paid:
        payout["status"] = "paid"
        call.emit("payout.paid", payout)
        return payout
    back = balance.record(call, "payout_failure", payout_id, payout["amount"], payout["currency"])
    payout |= {
        "status": "failed",
        "failure_balance_transaction": back["id"],
        "failure_code": "account_closed",
        "failure_message": "The bank account has been closed.",
    }
    call.emit("payout.failed", payout)
    return payout


@endpoint("GET /v1/payouts/{payout}")
def retrieve(call: Call) -> Obj:
    return call.tx.read("payout", call.ids[0])


@endpoint("POST /v1/payouts/{payout}", "metadata")
def update(call: Call) -> Obj:
    before = clone(call.tx.read("payout", call.ids[0]))
    payout = call.tx.edit("payout", call.ids[0])
    merge_metadata(payout, call.params.get("metadata"))
    call.emit("payout.updated", payout, before=before)
    return payout


@endpoint("POST /v1/payouts/{payout}/cancel")
def cancel(call: Call) -> Obj:
    payout = call.tx.edit("payout", call.ids[0])
    if payout["status"] != "pending":
        message = (
            f"Payouts can only be canceled while they are pending; {payout['id']} is {payout['status']}."
        )
        raise invalid(message, code="payouts_not_allowed", param="payout")
    back = balance.record(call, "payout_cancel", payout["id"], payout["amount"], payout["currency"])
    payout |= {"status": "canceled", "failure_balance_transaction": back["id"]}
    call.emit("payout.canceled", payout)
    return payout


@endpoint("GET /v1/payouts", "created", "arrival_date", "status")
def list_(call: Call) -> Obj:
    arrival = call.get("arrival_date")
    payouts = (
        payout
        for payout in filtered(call, "payout", "status")
        if arrival is None or created_fits(payout["arrival_date"], arrival)
    )
    return page(call, payouts, "/v1/payouts")
