"""The other end of a transfer: a ``py_`` charge on the connected account, and its refund when reversed."""

from __future__ import annotations

from fakestripe.call import Call
from fakestripe.ids import new_id
from fakestripe.resources import balance
from fakestripe.resources.payment_methods import billing_details
from fakestripe.types import Obj

_NOTHING = """
application application_fee application_fee_amount calculated_statement_descriptor customer
description failure_balance_transaction failure_code failure_message on_behalf_of outcome
payment_intent payment_method receipt_email receipt_number receipt_url review shipping source
statement_descriptor statement_descriptor_suffix transfer_data transfer_group
"""
NOTHING = tuple(_NOTHING.split())


def create(call: Call, debit: Obj, account: str) -> Obj:
    """Credit a connected account with what ``debit`` (a balance transaction) takes from the platform."""
    transfer, amount, currency = debit["source"], -debit["amount"], debit["currency"]
    payment_id = new_id("py")
    credit = balance.record(
        call, "payment", payment_id, amount, currency, available_on=debit["available_on"], account=account
    )
    payment: Obj = dict.fromkeys(NOTHING) | {
        "id": payment_id,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        "balance_transaction": credit["id"],
        "billing_details": billing_details(None),
        "captured": True,
        "created": call.now,
        "currency": currency,
        "disputed": False,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "paid": True,
        "payment_method_details": {"stripe_account": {}, "type": "stripe_account"},
        "refunded": False,
        "source_transfer": transfer,
        "status": "succeeded",
    }
    return call.tx.add("charge", payment, account=account)


def give_back(call: Call, transfer: Obj, amount: int) -> Obj:
    """Debit the connected account by what is reversed."""
    account, refund_id = transfer["destination"], new_id("pyr")
    debit = balance.record(call, "payment_refund", refund_id, -amount, transfer["currency"], account=account)
    payment = call.tx.edit_anywhere(transfer["destination_payment"]).obj
    payment["amount_refunded"] += amount
    payment["refunded"] = payment["amount_refunded"] == payment["amount"]
    refund: Obj = {
        "id": refund_id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": debit["id"],
        "charge": payment["id"],
        "created": call.now,
        "currency": transfer["currency"],
        "metadata": {},
        "payment_intent": None,
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    return call.tx.add("refund", refund, account=account)
