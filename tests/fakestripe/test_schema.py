"""The schema is Stripe's: what Stripe refuses is refused, what isn't built is said to be missing."""

from __future__ import annotations

import importlib

import pytest

import fakestripe
from fakestripe.call import ENDPOINTS
from fakestripe.errors import StripeError
from fakestripe.form import decode
from fakestripe.schema.params import fields_of, validate
from fakestripe.schema.routes import all_routes, match
from tests.fakestripe.builders import Stripe, pay, refused, send

ROUTES = {route.name: route for route in all_routes()}
MISSING = [route for route in all_routes() if route.name not in ENDPOINTS]


def test_every_endpoint_answers_a_route_of_stripe_python() -> None:
    assert set(ENDPOINTS) <= set(ROUTES)
    assert len(ENDPOINTS) > 80


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
def test_an_endpoint_honours_only_parameters_that_stripe_has(name: str) -> None:
    params = ROUTES[name].params
    known = set(fields_of(getattr(importlib.import_module(params[0]), params[1]))) if params else set()
    assert ENDPOINTS[name].honours <= known


def test_the_parameters_of_all_routes_can_be_read() -> None:
    for route in all_routes():
        with pytest.raises(StripeError, match="unknown parameter"):
            validate(route, {"no_such_parameter": "1"})


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_not_built_is_never_an_invented_success(server: fakestripe.Server, method: str) -> None:
    routes = [route for route in MISSING if route.method == method.lower()]
    assert routes
    for route in routes[::7]:
        path = "/".join("x" if part.startswith("{") else part for part in route.template.split("/"))
        reply = send(server, method, path)
        assert reply.status in (400, 501), (route.name, reply.status)
        if reply.status == 501:
            assert reply.json()["error"]["code"] == "not_implemented"


def test_a_known_parameter_that_is_not_built_is_refused_not_ignored(stripe: Stripe) -> None:
    with refused(501, code="not_implemented"):
        pay(stripe, application_fee_amount=100)
    with refused(501, code="not_implemented"):
        pay(stripe, payment_method_options={"card": {"installments": {"enabled": True}}})


def test_literal_segments_win_over_placeholders() -> None:
    found = match("GET", "/v1/payment_intents/search")
    assert found is not None
    assert found[0].template == "/v1/payment_intents/search"
    found = match("POST", "/v1/payment_intents/pi_1/capture")
    assert found is not None
    assert (found[0].template, found[1]) == ("/v1/payment_intents/{intent}/capture", ["pi_1"])


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ("amount=100&currency=eur&nonsense=1", "parameter_unknown", "nonsense"),
        ("amount=100&currency=eur&shipping[name]=A&shipping[address][moon]=1", None, "shipping"),
        ("currency=eur", "parameter_missing", "amount"),
        ("amount=ten&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=10.5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=&currency=eur", "parameter_invalid_empty", "amount"),
        ("amount=100&currency=eur&confirm=maybe", None, "confirm"),
        ("amount=100&currency=eur&capture_method=never", None, "capture_method"),
        ("amount=100&currency=eur&payment_method_types=card", None, "payment_method_types"),
        ("amount=100&currency=eur&metadata=x", None, "metadata"),
        ("amount=100&currency=eur&metadata[a][b]=x", None, "metadata[a]"),
        ("amount[x]=100&currency=eur", None, "amount"),
        (f"amount=100&currency=eur&metadata[k]={'x' * 501}", None, "metadata[k]"),
        (f"amount=100&currency=eur&metadata[{'k' * 41}]=x", None, None),
        ("amount=100&currency=xyz", None, "currency"),
    ],
)
def test_bad_parameters_are_refused_by_name(
    server: fakestripe.Server, body: str, code: str | None, param: str | None
) -> None:
    reply = send(server, "POST", "/v1/payment_intents", body)
    error = reply.json()["error"]
    assert (reply.status, error["type"]) == (400, "invalid_request_error"), error
    if code is not None:
        assert error["code"] == code
    if param is not None:
        assert error["param"].startswith(param), error
    assert not server.control.state().get("payment_intent")


def test_forms_decode_to_nested_values() -> None:
    assert decode("a=1&b[c]=2&b[d][0]=3&b[d][1]=4&e[]=5&e[]=6&f[0][g]=7&h=") == {
        "a": "1",
        "b": {"c": "2", "d": ["3", "4"]},
        "e": ["5", "6"],
        "f": [{"g": "7"}],
        "h": "",
    }


@pytest.mark.parametrize("body", ["a[b=1", "a=1&a[b]=2", "[x]=1", "a" + "[b]" * 20 + "=1"])
def test_broken_forms_are_a_clear_400(server: fakestripe.Server, body: str) -> None:
    reply = send(server, "POST", "/v1/customers", body)
    assert reply.status == 400
    assert reply.json()["error"]["type"] == "invalid_request_error"
