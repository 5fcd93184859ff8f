"""What a visitor of the hosted pages does: pay, save a card, pass or fail a challenge."""

from __future__ import annotations

from fakestripe.call import Call
from fakestripe.cards import BY_NAME, BY_NUMBER
from fakestripe.errors import StripeError, invalid
from fakestripe.merge import merge_metadata
from fakestripe.resources import (
    checkout,
    confirmation,
    customers,
    payment_intents,
    payment_methods,
    setup_intents,
)
from fakestripe.store import Row
from fakestripe.types import Obj, clone

DONE = ("succeeded", "requires_capture")


def pay(call: Call, session_id: str, number: str, email: str, name: str) -> Obj:
    """Pay (or save) with a test card, by number or name.

    Then the session is complete, or its intent waits for a challenge.

    Raises the 402 of a decline; the session stays open then and may be tried again.
    """
    row = call.tx.edit_row("checkout.session", session_id)
    session = row.obj
    if session["status"] != "open":
        raise invalid(f"This Checkout Session is {session['status']}.", param="session")
    card = BY_NUMBER.get(number) or BY_NAME.get(number)
    if card is None:
        raise invalid("Choose one of the test cards.", param="card")
    row.private["error"] = None
    method = payment_methods.build(call, card, billing={"email": email, "name": name})
    session["customer_details"] = checkout.details(email or None, name or None)
    try:
        _attempt(call, row, method)
    except StripeError as error:
        row.private["error"] = error.error["message"]
        raise
    finish(call, session_id)
    return session


def _attempt(call: Call, row: Row, method: Obj) -> None:
    session = row.obj
    back = f"{call.base_url}/c/pay/{session['id']}/return"
    if session["mode"] == "setup":
        intent_row = call.tx.edit_row("setup_intent", session["setup_intent"])
        intent_row.private["session"] = session["id"]
        setup_intents.confirm_with(call, intent_row, method, back)
        return
    intent_row = _intent(call, row)
    confirmation.confirm(call, intent_row, method, off_session=False, return_url=back)


def _intent(call: Call, row: Row) -> Row:
    """The session's PaymentIntent, made at the first try, as at Stripe."""
    session = row.obj
    if session["payment_intent"] is None:
        intent = payment_intents.new_intent(call, session["amount_total"], session["currency"])
        data = clone(row.private["intent_data"])
        merge_metadata(intent, data.pop("metadata", None))
        intent |= {name: value or None for name, value in data.items()}
        intent["capture_method"] = intent["capture_method"] or "automatic_async"
        payment_intents.set_options(intent, row.private["options"])
        _create_customer(call, session)
        intent["customer"] = session["customer"]
        call.emit("payment_intent.created", intent)
        session["payment_intent"] = intent["id"]
    found = call.tx.edit_row("payment_intent", session["payment_intent"])
    found.private["session"] = session["id"]
    return found


def _create_customer(call: Call, session: Obj) -> None:
    if session["customer"] is None and session["customer_creation"] == "always":
        given = session["customer_details"]
        params = {name: given[name] for name in ("email", "name") if given[name]}
        inner = Call(call.tx, call.now, call.base_url, call.api_version, params=params)
        session["customer"] = customers.create(inner)["id"]


def finish(call: Call, session_id: str) -> None:
    """Complete a session whose intent has got through; a no-op otherwise."""
    session = call.tx.edit("checkout.session", session_id)
    kind = "setup_intent" if session["mode"] == "setup" else "payment_intent"
    intent = call.tx.read(kind, session[kind])
    if session["status"] != "open" or intent["status"] not in DONE:
        return
    session |= {"status": "complete", "url": None}
    if session["mode"] == "payment":
        session["payment_status"] = "paid" if intent["status"] == "succeeded" else "unpaid"
    call.emit("checkout.session.completed", session)


def challenge(call: Call, intent_id: str, *, passed: bool) -> Obj:
    """The visitor answers a 3-D Secure challenge; a Checkout session behind it completes in the same step."""
    kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
    row = call.tx.edit_row(kind, intent_id)
    if kind == "setup_intent":
        setup_intents.authenticate(call, intent_id, passed=passed)
    else:
        confirmation.authenticate(call, intent_id, passed=passed)
    if session_id := row.private.get("session"):
        error = row.obj.get("last_payment_error") or row.obj.get("last_setup_error")
        call.tx.edit_row("checkout.session", session_id).private["error"] = error and error["message"]
        finish(call, session_id)
    return row.obj
