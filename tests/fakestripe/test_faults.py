"""Injected faults: what is lost on the way, and what is true afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from stripe import APIConnectionError, APIError, CardError, RateLimitError

import fakestripe
from tests.fakestripe.builders import Stripe, client_of, control, pay

INTENTS = "POST /v1/payment_intents"
PARAMS: Any = {
    "amount": 1000,
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "payment_method_types": ["card"],
    "confirm": True,
}


def charges(stripe: Stripe) -> int:
    return len(stripe.charges.list({"limit": 100}).data)


@pytest.mark.parametrize(("when", "effects"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("kind", ["timeout", "reset", "error"])
def test_a_fault_strikes_before_or_after_the_effect(
    server: fakestripe.Server, stripe: Stripe, kind: str, when: str, effects: int
) -> None:
    impatient = client_of(server, timeout_s=0.3)
    control(server, "POST", "faults", kind=kind, match=INTENTS, when=when)
    with pytest.raises(APIError if kind == "error" else APIConnectionError):
        impatient.payment_intents.create(PARAMS, {"idempotency_key": "attempt-1"})
    assert charges(stripe) == effects
    retried = impatient.payment_intents.create(PARAMS, {"idempotency_key": "attempt-1"})
    assert retried.status == "succeeded"
    assert charges(stripe) == 1


def test_an_unknown_outcome_is_found_by_looking_it_up(server: fakestripe.Server, stripe: Stripe) -> None:
    server.faults.after_effect(INTENTS, seconds=0.1)
    with pytest.raises(APIConnectionError):
        pay(stripe, metadata={"attempt": "17"})
    (found,) = stripe.payment_intents.list().data
    assert (found.status, found.metadata["attempt"]) == ("succeeded", "17")


def test_stripe_pythons_own_retries_charge_once(server: fakestripe.Server, stripe: Stripe) -> None:
    patient = client_of(server, retries=2)
    server.faults.reset(INTENTS, when="after")
    server.faults.error(INTENTS)
    assert pay(patient).status == "succeeded"
    assert charges(stripe) == 1


def test_too_many_requests(server: fakestripe.Server, stripe: Stripe) -> None:
    server.faults.rate_limit(INTENTS, times=2)
    for _ in range(2):
        with pytest.raises(RateLimitError):
            pay(stripe)
    assert pay(stripe).status == "succeeded"


def test_a_match_names_method_and_path(server: fakestripe.Server, stripe: Stripe) -> None:
    server.faults.error("POST /v1/payment_intents/*/capture", times=None)
    intent = pay(stripe, capture_method="manual")
    with pytest.raises(APIError):
        stripe.payment_intents.capture(intent.id)
    assert stripe.payment_intents.retrieve(intent.id).status == "requires_capture"
    server.faults.clear()
    assert stripe.payment_intents.capture(intent.id).status == "succeeded"


def test_any_card_can_be_declined(server: fakestripe.Server, stripe: Stripe) -> None:
    server.faults.decline(INTENTS, "expired_card")
    with pytest.raises(CardError) as caught:
        pay(stripe)
    assert caught.value.code == "expired_card"
    assert pay(stripe).status == "succeeded"


def test_probability_follows_its_seed(server: fakestripe.Server, stripe: Stripe) -> None:
    outcomes = []
    for _ in range(2):
        server.faults.clear()
        control(
            server,
            "POST",
            "faults",
            kind="error",
            match="GET /v1/customers",
            times=None,
            probability=0.5,
            seed=3,
        )
        outcomes.append([_works(stripe) for _ in range(20)])
    assert outcomes[0] == outcomes[1]
    assert {True, False} == set(outcomes[0])


def _works(stripe: Stripe) -> bool:
    try:
        stripe.customers.list()
    except APIError:
        return False
    return True


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "flood", "match": "*"},
        {"kind": "error", "match": "*", "when": "never"},
        {"kind": "decline", "match": "*", "decline_code": "bad_mood"},
        {"kind": "error", "match": "*", "surprise": 1},
        {"kind": "error"},
    ],
)
def test_an_impossible_fault_is_refused(server: fakestripe.Server, rule: dict[str, Any]) -> None:
    assert control(server, "POST", "faults", **rule).status == 400
    assert control(server, "GET", "faults").json() == {"faults": []}


def test_faults_tell_how_often_they_struck(server: fakestripe.Server, stripe: Stripe) -> None:
    server.faults.error("GET /v1/customers", times=5)
    for _ in range(3):
        assert not _works(stripe)
    assert [fault["struck"] for fault in control(server, "GET", "faults").json()["faults"]] == [3]
    control(server, "DELETE", "faults")
    assert _works(stripe)


def test_the_clock_only_moves_forward(server: fakestripe.Server) -> None:
    now = control(server, "GET", "clock").json()["now"]
    assert control(server, "POST", "clock", seconds=3600).json()["now"] >= now + 3600
    assert control(server, "POST", "clock", seconds=-1).status == 400


def test_unknown_control_requests_are_told(server: fakestripe.Server) -> None:
    assert control(server, "POST", "nonsense").status == 404
    assert control(server, "POST", "challenges/pi_unknown", passed=True).status == 404
    assert control(server, "GET", "state").json() == {}
