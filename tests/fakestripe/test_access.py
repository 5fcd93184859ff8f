"""Who gets in: the zero key, from this machine."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest

import fakestripe
from tests.fakestripe.builders import send


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer sk_test_abcdefghijklmnopqrstuvwx",
        "Bearer sk_live_" + "0" * 24,
        "Bearer sk_test_000",
        "Basic c2s6",
    ],
)
def test_any_other_key_is_a_401_that_does_not_repeat_the_key(server: fakestripe.Server, header: str) -> None:
    reply = send(server, "GET", "/v1/customers", Authorization=header)
    assert reply.status == 401
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert header.partition(" ")[2][12:] not in reply.json()["error"]["message"] or len(header) < 20


def test_unknown_urls_and_api_v2_are_told_apart(server: fakestripe.Server) -> None:
    assert send(server, "GET", "/v1/nonsense").status == 404
    assert send(server, "PUT", "/v1/customers").status == 501
    assert send(server, "GET", "/v2/core/events").status == 501


def test_it_listens_on_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback only"):
        fakestripe.Server(host="0.0.0.0")


def test_foreign_host_names_are_refused(server: fakestripe.Server) -> None:
    assert send(server, "GET", "/v1/customers", Host="stripe.evil.example").status == 403


def test_the_api_version_is_echoed(server: fakestripe.Server) -> None:
    reply = send(server, "GET", "/v1/customers", Stripe_Version="2026-05-27.dahlia")
    assert reply.headers["stripe-version"] == "2026-05-27.dahlia"
    assert reply.headers["request-id"].startswith("req_")
    assert send(server, "GET", "/v1/customers", Stripe_Version="yesterday").status == 400


def test_one_connection_serves_many_requests_even_after_errors(server: fakestripe.Server) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=5)
    headers = {"Authorization": f"Bearer {server.key}"}
    statuses = []
    for path in ("/v1/customers", "/v1/customers/cus_none", "/v1/nonsense", "/", "/v1/customers"):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [200, 404, 404, 200, 200]


@pytest.mark.parametrize("length", ["-1", "x", "99999999999"])
def test_a_broken_content_length_is_a_413(server: fakestripe.Server, length: str) -> None:
    assert send(server, "POST", "/v1/customers", "a=b", Content_Length=length).status == 413


def test_web_pages_cannot_steer_the_control_endpoints(server: fakestripe.Server) -> None:
    reply = send(server, "POST", "/_control/webhooks/hold", "{}", Content_Type="text/plain")
    assert reply.status == 415
