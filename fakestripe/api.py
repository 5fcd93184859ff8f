"""One API request from first line to answer: key, route, parameters, idempotency, handler, commit."""

from __future__ import annotations

import heapq
import json
import re
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from fakestripe import expand, resources
from fakestripe.call import ENDPOINTS, TIMERS, Call, Endpoint
from fakestripe.clock import Clock
from fakestripe.errors import StripeError, not_implemented
from fakestripe.faults import Fault, Faults
from fakestripe.form import decode
from fakestripe.idempotency import Claim, InFlight, claim_of, keep, recall
from fakestripe.ids import new_id
from fakestripe.resources.accounts import PLATFORM
from fakestripe.schema import params as schema
from fakestripe.schema import responses, routes
from fakestripe.store import Row, Store, Tx
from fakestripe.types import Obj, Params

API_VERSION = "2026-05-27.dahlia"
ZERO_KEY = re.compile(r"sk_test_0{24,}")
VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?")

resources.load()


@dataclass(slots=True)
class Request:
    """An HTTP request: ``headers`` with lower-case names, ``query`` and ``body`` as text."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(slots=True)
class Answer:
    """What goes back. ``fault`` asks the connection to time out or reset instead."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault | None = None


class Api:
    """Carries out requests one after another on a store."""

    def __init__(self, store: Store, clock: Clock, faults: Faults, *, check_responses: bool = True) -> None:
        self.store = store
        self.clock = clock
        self.faults = faults
        self.check_responses = check_responses
        self.base_url = ""
        self.plan_deliveries: Callable[[Tx, list[Row]], None] = lambda tx, events: None
        self.on_deliveries: Callable[[list[Obj]], None] = lambda deliveries: None
        self.lock = threading.RLock()
        self._in_flight = InFlight()
        self._timers = [(row.obj["due"], key) for key, row in store.kinds.get("_timer", {}).items()]
        heapq.heapify(self._timers)

    # -- one request --------------------------------------------------------------------------------

    def handle(self, request: Request) -> Answer:
        """Answer a request to ``/v1/...``."""
        request_id = new_id("req", 14)
        headers = {
            "Request-Id": request_id,
            "Stripe-Version": request.headers.get("stripe-version", API_VERSION),
        }
        try:
            answer = self._answer(request, request_id)
        except StripeError as error:
            answer = _error_answer(error, request_id)
        answer.headers = headers | answer.headers
        return answer

    def _answer(self, request: Request, request_id: str) -> Answer:
        authenticate(request.headers.get("authorization", ""))
        _known_version(request.headers.get("stripe-version"))
        route, ids = _route(request)
        raw = decode(request.query if request.method != "POST" else _both(request))
        fault = self.faults.take(f"{request.method} {request.path}")
        if fault is not None and fault.when == "before" and fault.kind != "decline":
            return fault_answer(fault)
        params = schema.validate(route, raw)
        endpoint = ENDPOINTS.get(route.name)
        if endpoint is None:
            raise not_implemented(route.name)
        endpoint.check(params)
        account = request.headers.get("stripe-account")
        key = request.headers.get("idempotency-key")
        claim = claim_of(key, account, request.method, request.path, raw)
        with self._in_flight.holding(claim), self.lock:
            call = self._call(account, ids, params, request_id, key)
            if fault is not None and fault.kind == "decline":
                call.forced_decline = fault.decline
            answer = self._once(call, endpoint, route, claim)
        if fault is not None and fault.when == "after":
            return fault_answer(fault)
        return answer

    def _call(
        self, account: str | None, ids: list[str], params: Params, request_id: str, key: str | None
    ) -> Call:
        self.run_timers()
        if account == PLATFORM:
            account = None
        tx = Tx(self.store, account)
        owner = tx.find(account) if account is not None else None
        if account is not None and (owner is None or owner.kind != "account"):
            raise StripeError(
                403,
                f"The provided key does not have access to account '{account}' (or that account does not "
                "exist).",
                code="account_invalid",
            )
        return Call(tx, self.clock.now(), self.base_url, API_VERSION, ids, params, request_id, key)

    def _once(self, call: Call, endpoint: Endpoint, route: routes.Route, claim: Claim | None) -> Answer:
        if claim is not None:
            kept = recall(call.tx, claim, call.now)
            if kept is not None:
                headers = {
                    **kept["headers"],
                    "Idempotent-Replayed": "true",
                    "Original-Request": kept["request"],
                }
                return Answer(kept["status"], kept["body"].encode(), headers)
        answer = self._run(call, endpoint, route)
        if claim is not None:
            answer.headers["Idempotency-Key"] = claim.key
            told = {"status": answer.status, "body": answer.body.decode(), "headers": answer.headers}
            keep(call.tx, claim, call.now, told | {"request": call.request_id})
        self.commit(call.tx)
        return answer

    def _run(self, call: Call, endpoint: Endpoint, route: routes.Route) -> Answer:
        try:
            shown = expand.present(call, endpoint.handler(call))
        except StripeError as error:
            if not error.commits:
                call.tx.changes.clear()
            return _error_answer(error, call.request_id)
        if self.check_responses:
            faulty = responses.problems(route, shown)
            if faulty:
                call.tx.changes.clear()
                raise StripeError(
                    500, f"fakestripe built a wrong answer: {'; '.join(faulty[:5])}", type_="api_error"
                )
        return Answer(200, render(shown))

    def busy_keys(self) -> int:
        """How many idempotency keys have a request running."""
        return len(self._in_flight)

    # -- shared with pages, control and the webhook sender ------------------------------------------

    def commit(self, tx: Tx) -> None:
        """Commit with the deliveries its events call for, and remember its timers."""
        events = self._fresh(tx, "event")
        if events:
            self.plan_deliveries(tx, events)
        timers, deliveries = self._fresh(tx, "_timer"), self._fresh(tx, "_delivery")
        tx.commit()
        for row in timers:
            heapq.heappush(self._timers, (row.obj["due"], row.obj["id"]))
        if deliveries:
            self.on_deliveries([row.obj for row in deliveries])

    def _fresh(self, tx: Tx, kind: str) -> list[Row]:
        return [
            row for key, row in tx.changes.items() if row and row.kind == kind and key not in self.store.rows
        ]

    def run_timers(self) -> None:
        """Do what has come due."""
        with self.lock:
            while self._timers and self._timers[0][0] <= self.clock.now():
                _, timer_id = heapq.heappop(self._timers)
                row = self.store.rows.get(timer_id)
                if row is not None:
                    self._run_timer(row)

    def _run_timer(self, row: Row) -> None:
        tx = Tx(self.store, row.account)
        call = Call(tx, self.clock.now(), self.base_url, API_VERSION)
        try:
            TIMERS[row.obj["action"]](call, row.obj["target"])
        except Exception:  # one broken timer must not stop the clock for all others
            traceback.print_exc(file=sys.stderr)
            tx.changes.clear()
        tx.drop(row.obj["id"])
        self.commit(tx)

    def inside(self, work: Callable[[Call], Obj], account: str | None = None) -> Obj:
        """Run ``work`` in a transaction of its own (the hosted pages and the control endpoints use this)."""
        with self.lock:
            self.run_timers()
            call = Call(Tx(self.store, account), self.clock.now(), self.base_url, API_VERSION)
            try:
                result = work(call)
            except StripeError as error:
                if error.commits:
                    self.commit(call.tx)
                raise
            self.commit(call.tx)
            return result


def authenticate(header: str) -> None:
    """Only the zero key opens this server, so a real key sent here by mistake is refused, not used."""
    scheme, _, key = header.partition(" ")
    if scheme.lower() == "basic":
        raise StripeError(
            401, "fakestripe takes the key as 'Authorization: Bearer sk_test_000...', not as basic auth."
        )
    if not key:
        raise StripeError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, "
            "using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    if not ZERO_KEY.fullmatch(key):
        shown = f"{key[:8]}***" if len(key) > 12 else "***"
        raise StripeError(
            401,
            f"Invalid API Key provided: {shown}. fakestripe accepts only 'sk_test_' and at least 24 zeros.",
        )


def _known_version(version: str | None) -> None:
    if version is not None and not VERSION.fullmatch(version):
        raise StripeError(400, f"Invalid Stripe API version: {version}")


def _route(request: Request) -> tuple[routes.Route, list[str]]:
    if request.path.startswith("/v2/"):
        raise not_implemented(f"API v2 ({request.method} {request.path})")
    found = routes.match(request.method, request.path)
    if found is None:
        raise StripeError(
            404,
            f"Unrecognized request URL ({request.method}: {request.path}). Please see "
            "https://stripe.com/docs or we can help at https://support.stripe.com/.",
        )
    return found


def _both(request: Request) -> str:
    return "&".join(part for part in (request.query, request.body) if part)


def render(body: Obj) -> bytes:
    """JSON as Stripe prints it."""
    return json.dumps(body, indent=2).encode()


def _error_answer(error: StripeError, request_id: str | None) -> Answer:
    error.error.setdefault("request_log_url", f"https://dashboard.stripe.com/test/logs/{request_id}")
    return Answer(error.status, render(error.body()), dict(error.headers))


def fault_answer(fault: Fault) -> Answer:
    """The answer an injected fault gives."""
    if fault.kind == "rate_limit":
        message = (
            "Too many requests hit the API too quickly. We recommend an exponential backoff of your requests."
        )
        return _error_answer(StripeError(429, message, code="rate_limit"), None)
    if fault.kind == "error":
        message = "An unknown error occurred (injected by fakestripe)."
        return _error_answer(StripeError(500, message, type_="api_error"), None)
    return Answer(0, b"", fault=fault)
