"""``/_control/``: what tests do to the local Stripe that nobody can do to the real one. JSON in, JSON out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from fakestripe.api import Answer, Api, Request, render
from fakestripe.call import Call
from fakestripe.delivery_rules import Rule
from fakestripe.errors import StripeError, missing_object
from fakestripe.faults import Fault
from fakestripe.resources import capabilities, completion, disputes, payouts, refunds
from fakestripe.types import Obj
from fakestripe.webhooks import Webhooks

Action = Callable[[Obj, list[str]], Obj]


class Control:
    """The same verbs for Python (methods) and HTTP (``handle``)."""

    def __init__(self, api: Api, webhooks: Webhooks) -> None:
        self._api, self._webhooks = api, webhooks
        self._actions: dict[str, Action] = {
            "GET faults": lambda data, ids: {"faults": api.faults.list()},
            "POST faults": lambda data, ids: api.faults.add(Fault(**data)).shown(),
            "DELETE faults": lambda data, ids: _do(api.faults.clear),
            "GET webhooks/rules": lambda data, ids: {"rules": webhooks.rules.list()},
            "POST webhooks/rules": lambda data, ids: webhooks.rules.add(Rule(**data)).shown(),
            "DELETE webhooks/rules": lambda data, ids: _do(webhooks.rules.clear),
            "POST webhooks/hold": lambda data, ids: _do(webhooks.hold),
            "POST webhooks/release": lambda data, ids: _do(webhooks.release),
            "POST webhooks/flush": lambda data, ids: {"left": webhooks.flush(**data)},
            "GET webhooks/deliveries": lambda data, ids: {"deliveries": webhooks.deliveries(**data)},
            "POST webhooks/deliveries/*": lambda data, ids: {"status": webhooks.deliver(ids[0])},
            "GET clock": lambda data, ids: {"now": api.clock.now()},
            "POST clock": lambda data, ids: {"now": self.advance(**data)},
            "GET state": lambda data, ids: self.state(),
            "POST disputes": lambda data, ids: self.open_dispute(**data),
            "POST disputes/*/close": lambda data, ids: self.close_dispute(ids[0], **data),
            "POST challenges/*": lambda data, ids: self.challenge(ids[0], **data),
            "POST checkout/*": lambda data, ids: self.pay(ids[0], **data),
            "POST refunds/*/fail": lambda data, ids: self.fail_refund(ids[0]),
            "POST accounts/*/onboard": lambda data, ids: self.onboard(ids[0]),
            "POST payouts/*": lambda data, ids: self.finish_payout(ids[0], **data),
        }

    # -- verbs --------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> int:
        """Move the clock forward and do what comes due; returns the new time."""
        self._api.clock.advance(seconds)
        self._api.run_timers()
        return self._api.clock.now()

    def state(self) -> Obj:
        """Every object by kind, without secrets of this server."""
        with self._api.lock:
            return {kind: [row.obj for row in rows.values()] for kind, rows in self._api.store.kinds.items()}

    def open_dispute(self, charge: str, reason: str = "fraudulent", amount: int | None = None) -> Obj:
        """Let the cardholder dispute a charge, whatever its card."""
        return self._api.inside(lambda call: disputes.open_dispute(call, charge, reason, amount))

    def close_dispute(self, dispute: str, *, won: bool) -> Obj:
        """Let the bank decide a dispute."""
        return self._api.inside(lambda call: disputes.close(call, dispute, won=won))

    def challenge(self, intent: str, *, passed: bool = True) -> Obj:
        """Answer the 3-D Secure challenge of a PaymentIntent or SetupIntent."""
        return self._inside_of(intent, lambda call: completion.challenge(call, intent, passed=passed))

    def pay(
        self, session: str, card: str = "4242424242424242", email: str = "driver@example.com", name: str = ""
    ) -> Obj:
        """Fill in a Checkout page. A decline raises StripeError and leaves the session open."""
        return self._inside_of(session, lambda call: completion.pay(call, session, card, email, name))

    def fail_refund(self, refund: str) -> Obj:
        """Let the bank send a refund back."""

        def work(call: Call) -> Obj:
            refunds.fail(call, refund)
            return call.tx.read("refund", refund)

        return self._inside_of(refund, work)

    def finish_payout(self, payout: str, *, paid: bool = True) -> Obj:
        """Let a payout arrive, or fail."""
        return self._inside_of(payout, lambda call: payouts.finish(call, payout, paid=paid))

    def onboard(self, account: str) -> Obj:
        """Fill in the onboarding of a connected account."""
        return self._inside_of(account, lambda call: capabilities.onboard(call, account))

    def _inside_of(self, object_id: str, work: Callable[[Call], Obj]) -> Obj:
        row = self._api.store.rows.get(object_id)
        if row is None:
            raise missing_object("object", object_id)
        return self._api.inside(work, row.account)

    # -- HTTP ---------------------------------------------------------------------------------------

    def handle(self, request: Request) -> Answer:
        """Answer a request to ``/_control/...``."""
        try:
            action, ids = self._find(request)
            return Answer(200, render(action(_data(request), ids)))
        except StripeError as error:
            return Answer(error.status, render(error.body()))
        except (TypeError, ValueError) as error:
            return Answer(400, render(StripeError(400, f"{request.method} {request.path}: {error}").body()))

    def _find(self, request: Request) -> tuple[Action, list[str]]:
        parts = [request.method, *request.path.removeprefix("/_control/").split("/")]
        for pattern, action in self._actions.items():
            method, _, path = pattern.partition(" ")
            wanted = [method, *path.split("/")]
            if len(wanted) == len(parts) and all(w in ("*", p) for w, p in zip(wanted, parts, strict=True)):
                return action, [p for w, p in zip(wanted, parts, strict=True) if w == "*"]
        raise StripeError(404, f"There is no {request.method} {request.path}; see docs/fakestripe.md.")


def _data(request: Request) -> Obj:
    if request.method != "POST":
        return {name: values[-1] for name, values in parse_qs(request.query).items()}
    if request.headers.get("content-type", "").split(";")[0] != "application/json":
        # A form on a web page can't send this type, so no page in a browser can steer this server.
        raise StripeError(415, "Send Content-Type: application/json.")
    data: Any = json.loads(request.body or "{}")
    if not isinstance(data, dict):
        raise StripeError(400, "Send a JSON object.")
    return data


def _do(verb: Callable[[], None]) -> Obj:
    verb()
    return {"done": True}
