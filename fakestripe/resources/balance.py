"""Balance transactions and the balance: https://docs.stripe.com/api/balance_transactions

Money settles in the currency it was paid in: there is one balance per currency and no conversion.
"""

from __future__ import annotations

from collections.abc import Iterator

from fakestripe.call import Call, endpoint
from fakestripe.errors import StripeError
from fakestripe.expand import view
from fakestripe.ids import new_id
from fakestripe.lists import filtered, page
from fakestripe.types import Obj

DAY_S = 86_400
PENDING_S = 2 * DAY_S
CATEGORIES = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failure",
    "adjustment": "dispute",
    "transfer": "transfer",
    "transfer_refund": "transfer_reversal",
    "payout": "payout",
    "payout_failure": "payout_reversal",
    "payout_cancel": "payout_reversal",
}


def record(
    call: Call,
    type_: str,
    source: str,
    amount: int,
    currency: str,
    *,
    fee: int = 0,
    fee_name: str = "Stripe processing fees",
    available_on: int | None = None,
    category: str | None = None,
    account: str | None = "",
    description: str | None = None,
) -> Obj:
    """Move a balance by ``amount - fee`` minor units (negative: out), available now unless told otherwise."""
    due = call.now if available_on is None else available_on
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": fee_name,
            "type": "stripe_fee",
        }
    ]
    transaction: Obj = {
        "id": new_id("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": due,
        "balance_type": "payments",
        "created": call.now,
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": details if fee else [],
        "net": amount - fee,
        "reporting_category": category or CATEGORIES[type_],
        "source": source,
        "status": "available" if due <= call.now else "pending",
        "type": type_,
    }
    return call.tx.add("balance_transaction", transaction, account=account)


@view("balance_transaction")
def _settle(call: Call, transaction: Obj) -> None:
    transaction["status"] = "available" if transaction["available_on"] <= call.now else "pending"


def sums(call: Call, account: str | None) -> tuple[dict[str, int], dict[str, int]]:
    """(available, pending) minor units by currency of an account."""
    available: dict[str, int] = {}
    pending: dict[str, int] = {}
    for row in call.tx.rows_anywhere("balance_transaction"):
        if row.account == account:
            currency = row.obj["currency"]
            here = available if row.obj["available_on"] <= call.now else pending
            here[currency] = here.get(currency, 0) + row.obj["net"]
    return available, pending


def require(call: Call, amount: int, currency: str) -> None:
    """Refuse what the available balance of this account doesn't cover."""
    available, _ = sums(call, call.account)
    if available.get(currency, 0) < amount:
        raise StripeError(
            400,
            "You have insufficient available funds in your Stripe account. Try adding funds directly to your "
            "available balance by creating Charges using the 4000000000000077 test card. "
            "See: https://stripe.com/docs/testing#available-balance",
            code="balance_insufficient",
        )


@endpoint("GET /v1/balance")
def retrieve(call: Call) -> Obj:
    available, pending = sums(call, call.account)
    currencies = sorted(available.keys() | pending.keys()) or ["eur"]

    def amounts(of: dict[str, int]) -> list[Obj]:
        return [
            {"amount": of.get(c, 0), "currency": c, "source_types": {"card": of.get(c, 0)}}
            for c in currencies
        ]

    return {
        "object": "balance",
        "available": amounts(available),
        "livemode": False,
        "pending": amounts(pending),
    }


@endpoint("GET /v1/balance_transactions", "created", "currency", "type", "source", "payout")
def list_(call: Call) -> Obj:
    transactions: Iterator[Obj] = iter(filtered(call, "balance_transaction", "currency", "type", "source"))
    if payout := call.get("payout"):
        inside = set(call.tx.row("payout", payout, "payout").private.get("transactions", []))
        transactions = (item for item in transactions if item["id"] in inside)
    return page(call, transactions, "/v1/balance_transactions")


@endpoint("GET /v1/balance_transactions/{id}")
def retrieve_transaction(call: Call) -> Obj:
    return call.tx.read("balance_transaction", call.ids[0])
