"""Delivers events to webhook endpoints, signed, retried with back-off, in no promised order."""

from __future__ import annotations

import heapq
import hmac
import http.client
import itertools
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from urllib.parse import urlsplit

from fakestripe.api import Api, render
from fakestripe.call import Call
from fakestripe.delivery_rules import Rule, Rules
from fakestripe.expand import present
from fakestripe.ids import new_id
from fakestripe.resources.events import fits
from fakestripe.store import Row, Tx
from fakestripe.types import Obj

KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard deliveries are tried: back-off doubles from ``base_s`` up to ``cap_s``."""

    base_s: float = 0.5
    cap_s: float = 60.0
    attempts: int = 40
    timeout_s: float = 10.0

    def wait(self, attempt: int) -> float:
        """Seconds until the next try after ``attempt`` failed ones."""
        return float(min(self.cap_s, self.base_s * 2 ** min(attempt - 1, 20)))


def signature(secret: str, payload: bytes, timestamp: int) -> str:
    """The ``Stripe-Signature`` header: https://docs.stripe.com/webhooks#verify-manually"""
    signed = f"{timestamp}.".encode() + payload
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, 'sha256').hexdigest()}"


class Webhooks:
    """The queue of deliveries and the threads that send them."""

    def __init__(self, api: Api, pace: Pace, workers: int = 2) -> None:
        self._api, self._pace = api, pace
        self.rules = Rules()
        self._wake = threading.Condition()
        self._queue: list[tuple[float, int, str]] = []  # due, a number that keeps equals in order, delivery
        self._numbers = itertools.count()
        self._sending: set[str] = set()
        self._held = self._stopping = False
        self._finished = [
            row.obj["id"] for row in reversed(self._rows(None)) if row.obj["status"] != "pending"
        ]
        api.plan_deliveries = self._plan
        api.on_deliveries = self._enqueue
        self._enqueue([row.obj for row in reversed(self._rows("pending"))])
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop sending; what is pending stays in the state file."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            thread.join(timeout=self._pace.timeout_s)

    # -- what tests and the control endpoint ask for ------------------------------------------------

    def hold(self) -> None:
        """Send nothing until ``release`` (``deliver`` still works)."""
        with self._wake:
            self._held = True

    def release(self) -> None:
        """Send again."""
        with self._wake:
            self._held = False
            self._wake.notify_all()

    def duplicate(self, match: str = "*", *, copies: int = 1, times: int | None = None) -> Rule:
        """Send events more than once."""
        return self.rules.add(Rule("duplicate", match, times, copies=copies))

    def delay(self, seconds: float, match: str = "*", *, times: int | None = None) -> Rule:
        """Send events later."""
        return self.rules.add(Rule("delay", match, times, seconds=seconds))

    def drop(self, match: str = "*", *, times: int | None = None) -> Rule:
        """Never send events."""
        return self.rules.add(Rule("drop", match, times))

    def reorder(self, seconds: float = 0.2, match: str = "*", *, seed: int = 0) -> Rule:
        """Shuffle events by random delays."""
        return self.rules.add(Rule("reorder", match, seconds=seconds, seed=seed))

    def deliveries(self, status: str | None = None) -> list[Obj]:
        """The deliveries, oldest first: pending, delivered or failed; with the event's type."""
        with self._api.lock:
            return [dict(row.obj) for row in reversed(self._rows(status))]

    def deliver(self, delivery_id: str) -> int:
        """Send one delivery now, whatever its state; returns the endpoint's HTTP status (0: no answer)."""
        with self._wake:
            self._sending.add(delivery_id)
        return self._send(delivery_id, whatever=True)

    def flush(self, timeout_s: float = 10.0) -> int:
        """Try all pending deliveries until they got through or time is up; returns how many are left."""
        deadline = time.monotonic() + timeout_s
        self.release()
        while (left := self.deliveries("pending")) and time.monotonic() < deadline:
            with self._wake:
                queued = {key for _, _, key in self._queue} | self._sending
                self._queue = [(0.0, number, key) for _, number, key in sorted(self._queue)]
                for delivery in left:
                    if delivery["id"] not in queued:
                        self._push(0.0, delivery["id"])
                self._wake.notify_all()
                self._wake.wait(0.02)
        return len(left)

    # -- planning -----------------------------------------------------------------------------------

    def _rows(self, status: str | None) -> list[Row]:
        rows = Tx(self._api.store).rows_anywhere("_delivery")
        return [row for row in rows if status in (None, row.obj["status"])]

    def _plan(self, tx: Tx, events: list[Row]) -> None:
        endpoints = list(tx.rows_anywhere("webhook_endpoint"))
        for event in events:
            ids = [
                key
                for webhook in endpoints
                if _wants(webhook, event)
                for key in self._deliveries(tx, webhook, event)
            ]
            event.private["deliveries"] = ids

    def _deliveries(self, tx: Tx, webhook: Row, event: Row) -> list[str]:
        ids = []
        for delay in self.rules.delays(event.obj["type"]):
            delivery = {
                "id": new_id("whd"),
                "event": event.obj["id"],
                "type": event.obj["type"],
                "endpoint": webhook.obj["id"],
                "url": webhook.obj["url"],
                "status": "pending",
                "attempts": 0,
                "due": time.time() + delay,
                "answers": [],
            }
            tx.add("_delivery", delivery, account=webhook.account)
            ids.append(delivery["id"])
        return ids

    def _enqueue(self, deliveries: list[Obj]) -> None:
        with self._wake:
            for delivery in deliveries:
                self._push(delivery["due"], delivery["id"])
            self._wake.notify_all()

    def _push(self, due: float, delivery_id: str) -> None:
        heapq.heappush(self._queue, (due, next(self._numbers), delivery_id))

    # -- sending ------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (delivery_id := self._next()) is not None:
            try:
                self._send(delivery_id)
            except Exception:  # a bug must not end all deliveries
                traceback.print_exc(file=sys.stderr)

    def _next(self) -> str | None:
        with self._wake:
            while not self._stopping:
                now = time.time()
                if self._queue and not self._held and self._queue[0][0] <= now:
                    _, _, delivery_id = heapq.heappop(self._queue)
                    self._sending.add(delivery_id)
                    return delivery_id
                waits = self._queue and not self._held
                self._wake.wait(max(0.001, self._queue[0][0] - now) if waits else None)
            return None

    def _send(self, delivery_id: str, *, whatever: bool = False) -> int:
        status = 0
        try:
            parcel = self._parcel(delivery_id, whatever=whatever)
            if parcel is not None:
                status = _post(*parcel, self._pace.timeout_s)
                self._note(delivery_id, status)
        finally:
            with self._wake:
                self._sending.discard(delivery_id)
                self._wake.notify_all()
        return status

    def _parcel(self, delivery_id: str, *, whatever: bool) -> tuple[str, bytes, str] | None:
        api = self._api
        with api.lock:
            delivery = api.store.rows.get(delivery_id)
            webhook = delivery and api.store.rows.get(delivery.obj["endpoint"])
            event = delivery and api.store.rows.get(delivery.obj["event"])
            if not delivery or not webhook or not event:
                self._forget(delivery_id)
                return None
            if delivery.obj["status"] != "pending" and not whatever:
                return None  # sent by hand meanwhile
            call = Call(Tx(api.store, event.account), api.clock.now(), api.base_url, event.obj["api_version"])
            payload = render(present(call, event.obj))
            return webhook.obj["url"], payload, webhook.private["secret"]

    def _forget(self, delivery_id: str) -> None:
        if delivery_id in self._api.store.rows:
            tx = Tx(self._api.store)
            tx.drop(delivery_id)
            tx.commit()

    def _note(self, delivery_id: str, status: int) -> None:
        with self._api.lock:
            if delivery_id not in self._api.store.rows:
                return
            tx = Tx(self._api.store)
            delivery = tx.edit_anywhere(delivery_id).obj
            delivery["attempts"] += 1
            delivery["answers"] = [*delivery["answers"][-9:], status]
            if 200 <= status < 300:
                delivery["status"] = "delivered"
            elif delivery["status"] == "pending":
                self._try_again(delivery)
            if delivery["status"] != "pending":
                self._finished.append(delivery_id)
            tx.commit()
            self._prune()

    def _try_again(self, delivery: Obj) -> None:
        if delivery["attempts"] >= self._pace.attempts:
            delivery["status"] = "failed"
            return
        delivery["due"] = time.time() + self._pace.wait(delivery["attempts"])
        with self._wake:
            self._push(delivery["due"], delivery["id"])

    def _prune(self) -> None:
        if len(self._finished) > KEPT:
            tx = Tx(self._api.store)
            for delivery_id in self._finished[: KEPT // 2]:
                if delivery_id in self._api.store.rows:
                    tx.drop(delivery_id)
            tx.commit()
            del self._finished[: KEPT // 2]


def _wants(webhook: Row, event: Row) -> bool:
    if webhook.obj["status"] != "enabled" or not any(
        fits(p, event.obj["type"]) for p in webhook.obj["enabled_events"]
    ):
        return False
    if webhook.private["connect"]:
        return event.account is not None and webhook.account is None
    return event.account == webhook.account


def _post(url: str, payload: bytes, secret: str, timeout_s: float) -> int:
    parts = urlsplit(url)
    https = parts.scheme == "https"
    connect = http.client.HTTPSConnection if https else http.client.HTTPConnection
    connection = connect(parts.hostname or "", parts.port, timeout=timeout_s)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature(secret, payload, int(time.time())),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks) fakestripe",
    }
    try:
        connection.request(
            "POST", f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}", payload, headers
        )
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return 0
    else:
        return response.status
    finally:
        connection.close()
