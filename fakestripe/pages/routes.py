"""Requests to the hosted pages."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from fakestripe.api import Answer, Api, Request
from fakestripe.errors import StripeError
from fakestripe.money import display
from fakestripe.pages import checkout
from fakestripe.pages.templates import Html, element, fill, page, source
from fakestripe.resources import capabilities, completion
from fakestripe.store import Row
from fakestripe.types import Obj

SAFE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
SESSION = re.compile(r"/c/pay/(cs_test_\w+)(/return)?")
CHALLENGE = re.compile(r"/3ds/((?:pi|seti)_\w+)")

RECEIPT = re.compile(r"/receipts/(ch_\w+)")
ONBOARDING = re.compile(r"/setup/(link_\w+)")


class Pages:
    """Answers everything outside ``/v1`` and ``/_control``."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._pages = (
            (SESSION, self._checkout),
            (CHALLENGE, self._challenge),
            (RECEIPT, self._receipt),
            (ONBOARDING, self._onboarding),
        )

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        if request.path == "/assets/hosted.css":
            return Answer(200, source("hosted.css").encode(), {"Content-Type": "text/css; charset=utf-8"})
        if request.path == "/":
            return _message(
                200, "Local Stripe", "It runs. The API is under /v1, its documentation in docs/fakestripe.md."
            )
        for pattern, page_of in self._pages:
            if match := pattern.fullmatch(request.path):
                return page_of(request, match[1])
        return _message(404, "Nothing here", f"There is no page {request.path}.")

    def _row(self, object_id: str) -> Row | None:
        with self._api.lock:
            self._api.run_timers()
            row = self._api.store.rows.get(object_id)
            return row and row.copy()

    # -- Checkout -----------------------------------------------------------------------------------

    def _checkout(self, request: Request, session_id: str) -> Answer:
        row = self._row(session_id)
        if row is None:
            return _message(404, "Nothing here", "This payment page does not exist.")
        if request.method == "POST":
            return self._pay(request, row)
        status = row.obj["status"]
        if status == "complete" and request.path.endswith("/return"):
            return _to(success_url(row.obj))
        if status == "complete":
            return _message(200, "All done", "This payment page has been completed already.")
        if status == "expired":
            return _message(
                410,
                "This page has expired",
                "Go back to where you came from and start again.",
                row.obj["cancel_url"],
            )
        return Answer(200, checkout.render(row, manual=_is_hold(row)), dict(SAFE_HEADERS))

    def _pay(self, request: Request, row: Row) -> Answer:
        session = row.obj
        form = {name: values[-1].strip() for name, values in parse_qs(request.body).items()}
        given = session["customer_details"] or {}
        number, email = (
            form.get("other") or form.get("card", ""),
            form.get("email") or given.get("email") or "",
        )
        try:
            self._api.inside(
                lambda call: completion.pay(call, session["id"], number, email, form.get("name", "")),
                row.account,
            )
        except StripeError:
            return _to(f"/c/pay/{session['id']}")
        return self._onward(session["id"])

    def _onward(self, session_id: str) -> Answer:
        row = self._row(session_id)
        if row is not None and row.obj["status"] == "complete":
            return _to(success_url(row.obj))
        intent_id = row and (row.obj["payment_intent"] or row.obj["setup_intent"])
        return _to(f"/3ds/{intent_id}")

    # -- the bank's challenge -----------------------------------------------------------------------

    def _challenge(self, request: Request, intent_id: str) -> Answer:
        row = self._row(intent_id)
        if row is None:
            return _message(404, "Nothing here", "Your bank does not know this payment.")
        if row.obj["status"] != "requires_action":
            return self._after_challenge(row)
        if request.method != "POST":
            return Answer(200, _question(row.obj), dict(SAFE_HEADERS))
        passed = parse_qs(request.body).get("passed") == ["yes"]
        self._api.inside(lambda call: completion.challenge(call, intent_id, passed=passed), row.account)
        return self._after_challenge(self._row(intent_id) or row)

    def _after_challenge(self, row: Row) -> Answer:
        back, intent = row.private.get("return_url"), row.obj
        if not back:
            return _message(200, "Thank you", "Your bank has answered. You can close this page.")
        if row.private.get("session"):
            return _to(back)
        ok = intent["status"] in (*completion.DONE, "processing")
        return _to(_with_query(back, _outcome(intent, "succeeded" if ok else "failed")))

    def _receipt(self, request: Request, charge_id: str) -> Answer:
        row = self._row(charge_id)
        if row is None or not row.obj["captured"]:
            return _message(404, "Nothing here", "There is no receipt of this payment.")
        charge = row.obj
        refunded = charge["amount_refunded"] - (charge["amount"] - charge["amount_captured"])
        text = f"{display(charge['amount_captured'], charge['currency'])} paid by card."
        if refunded:
            text += f" {display(refunded, charge['currency'])} refunded."
        return _message(200, "Receipt", text)

    # -- Connect onboarding -----------------------------------------------------------------------------

    def _onboarding(self, request: Request, link_id: str) -> Answer:
        row = self._row(link_id)
        if row is None:
            return _message(404, "Nothing here", "This onboarding link does not exist.")
        link = row.obj
        if link["expires_at"] <= self._api.clock.now():
            return _to(link["refresh_url"])
        if request.method != "POST":
            body = fill(
                "onboarding.html", platform="this platform", link=link_id, return_url=link["return_url"]
            )
            return Answer(200, page("Onboarding", body), dict(SAFE_HEADERS))
        self._api.inside(lambda call: capabilities.onboard(call, link["account"]))
        return _to(link["return_url"])


def _is_hold(row: Row) -> bool:
    card = row.private["options"].get("card", {})
    return "manual" in (row.private["intent_data"].get("capture_method"), card.get("capture_method"))


def _question(intent: Obj) -> bytes:
    if intent["object"] == "payment_intent":
        text = f"Do you want to pay {display(intent['amount'], intent['currency'])}?"
    else:
        text = "Do you want to save this card for later payments?"
    return page(
        "Authentication", fill("challenge.html", heading="Is it you?", text=text, intent=intent["id"])
    )


def _outcome(intent: Obj, status: str) -> dict[str, str]:
    kind = intent["object"]
    return {kind: intent["id"], f"{kind}_client_secret": intent["client_secret"], "redirect_status": status}


def _with_query(url: str, extra: dict[str, str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, urlencode(extra)]))))


def success_url(session: Obj) -> str:
    """Where a customer goes after paying, with the session's id filled in."""
    url: str = session["success_url"]
    for placeholder in ("{CHECKOUT_SESSION_ID}", "%7BCHECKOUT_SESSION_ID%7D"):
        url = url.replace(placeholder, session["id"])
    return url


def _to(url: str) -> Answer:
    return Answer(303, b"", {**SAFE_HEADERS, "Location": url})


def _message(status: int, heading: str, text: str, link: str | None = None) -> Answer:
    button = element("a", "Go back", "button quiet", href=link) if link else Html("")
    body = fill("message.html", heading=heading, text=text, link=button)
    return Answer(status, page(heading, body), dict(SAFE_HEADERS))
