"""Whatever is done in whatever order, the local Stripe's own books add up."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from fakestripe import ZERO_KEY, Server
from fakestripe.api import Request
from fakestripe.errors import StripeError
from fakestripe.schema.responses import object_problems
from tests.fakestripe.test_responses import CLASSES

CARDS = ("visa", "chargeDeclined", "authenticationRequired", "refundFail", "pendingRefund", "createDispute")
AMOUNTS = st.integers(300, 5000)
PARTS = st.integers(1, 300)


class Books(RuleBasedStateMachine):
    """Random payments, captures, refunds, disputes and transfers, straight into the API."""

    intents: Bundle[str] = Bundle("intents")

    def __init__(self) -> None:
        super().__init__()
        self.server = Server()
        owner = self._post("/v1/accounts", type="express")
        self.owner = self.server.control.onboard(owner["id"])["id"]

    def teardown(self) -> None:
        self.server.store.close()

    def _post(self, path: str, **params: Any) -> Any:
        headers = {"authorization": f"Bearer {ZERO_KEY}"}
        answer = self.server.api.handle(Request("POST", path, "", headers, urlencode(params)))
        assert answer.status in (200, 400, 402), answer.body
        return json.loads(answer.body)

    @initialize(target=intents, amount=AMOUNTS)
    def one_of_each(self, amount: int) -> Any:
        return multiple(*(self._pay(amount, card, manual=False) for card in CARDS))

    @rule(target=intents, amount=AMOUNTS, card=st.sampled_from(CARDS), manual=st.booleans())
    def pay(self, amount: int, card: str, manual: bool) -> Any:
        return self._pay(amount, card, manual=manual)

    def _pay(self, amount: int, card: str, *, manual: bool) -> str:
        params = {
            "amount": amount,
            "currency": "eur",
            "payment_method": f"pm_card_{card}",
            "payment_method_types[0]": "card",
            "confirm": "true",
            "capture_method": "manual" if manual else "automatic",
        }
        made = self._post("/v1/payment_intents", **params)
        return str(made.get("id") or made["error"]["payment_intent"]["id"])

    @rule(intent=intents, amount=PARTS | AMOUNTS)
    def capture(self, intent: str, amount: int) -> None:
        self._post(f"/v1/payment_intents/{intent}/capture", amount_to_capture=amount)

    @rule(intent=consumes(intents))
    def cancel(self, intent: str) -> None:
        self._post(f"/v1/payment_intents/{intent}/cancel")

    @rule(intent=intents, amount=PARTS)
    def refund(self, intent: str, amount: int) -> None:
        self._post("/v1/refunds", payment_intent=intent, amount=amount)

    @rule(intent=intents, passed=st.booleans())
    def challenge(self, intent: str, passed: bool) -> None:
        self.server.control.challenge(intent, passed=passed)

    @rule(intent=intents, amount=PARTS)
    def transfer(self, intent: str, amount: int) -> None:
        charge = self.server.store.rows[intent].obj["latest_charge"] or "ch_none"
        params = {
            "amount": amount,
            "currency": "eur",
            "destination": self.owner,
            "source_transaction": charge,
        }
        made = self.server.api.handle(
            Request("POST", "/v1/transfers", "", {"authorization": f"Bearer {ZERO_KEY}"}, urlencode(params))
        )
        assert made.status in (200, 400, 404)
        if made.status == 200:
            self._post(f"/v1/transfers/{json.loads(made.body)['id']}/reversals", amount=amount // 2)

    @rule(won=st.booleans(), data=st.data())
    def decide(self, won: bool, data: st.DataObject) -> None:
        disputes = list(self.server.store.kinds.get("dispute", {}))
        if disputes:
            dispute = data.draw(st.sampled_from(disputes))
            if self.server.store.rows[dispute].obj["status"] == "needs_response":
                self.server.control.close_dispute(dispute, won=won)
            else:
                with pytest.raises(StripeError, match="closed"):
                    self.server.control.close_dispute(dispute, won=won)

    @rule(hours=st.integers(1, 200))
    def wait(self, hours: int) -> None:
        self.server.control.advance(hours * 3600)

    def _all(self, kind: str) -> list[Any]:
        return [row.obj for row in self.server.store.kinds.get(kind, {}).values()]

    @invariant()
    def captures_cover_refunds(self) -> None:
        for charge in self._all("charge"):
            refunds = [
                r for r in self._all("refund") if r["charge"] == charge["id"] and r["status"] != "failed"
            ]
            assert sum(r["amount"] for r in refunds) == charge["amount_refunded"] <= charge["amount"]
            given_back = sum(r["amount"] for r in refunds if r["balance_transaction"])
            assert given_back <= charge["amount_captured"] <= charge["amount"]

    @invariant()
    def intents_agree_with_their_charges(self) -> None:
        charges = {charge["id"]: charge for charge in self._all("charge")}
        for intent in self._all("payment_intent"):
            charge = charges.get(intent["latest_charge"])
            captured = charge["amount_captured"] if charge else 0
            assert intent["amount_received"] == captured
            assert (intent["status"] == "succeeded") == (captured > 0)
            assert (intent["status"] == "requires_capture") == (intent["amount_capturable"] > 0)

    @invariant()
    def money_is_neither_made_nor_lost(self) -> None:
        moved = self._all("balance_transaction")
        taken = sum(c["amount_captured"] for c in self._all("charge") if c["payment_intent"])
        refunded = sum(
            r["amount"]
            for r in self._all("refund")
            if r["balance_transaction"] and r["payment_intent"] and r["status"] != "failed"
        )
        disputed = sum(d["amount"] for d in self._all("dispute") if d["status"] != "won")
        paid_out = sum(p["amount"] for p in self._all("payout") if p["status"] != "failed")
        fees = sum(t["fee"] for t in moved)
        assert sum(t["net"] for t in moved) == taken - refunded - disputed - paid_out - fees

    @invariant()
    def objects_fit_their_classes(self) -> None:
        for kind in ("payment_intent", "charge", "refund", "dispute"):
            for obj in self._all(kind)[-2:]:
                assert object_problems(CLASSES[kind], obj) == []


TestBooks = Books.TestCase
TestBooks.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
