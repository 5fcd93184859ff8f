"""The state file: what was acknowledged is there after a kill at any moment."""

from __future__ import annotations

import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from stripe import StripeClient, StripeError

import fakestripe
from fakestripe.journal import Journal, JournalError, decode, encode
from fakestripe.store import Row, Store
from tests import processes
from tests.fakestripe.builders import Stripe, checkout, client_of, inbox, pay
from tests.processes import wait_until


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    with fakestripe.serve(state) as server:
        stripe = client_of(server)
        intent = pay(stripe, metadata={"a": "b"})
        stripe.customers.delete(stripe.customers.create().id)
        session = checkout(stripe)
        first = stripe.customers.create({"name": "A"}, {"idempotency_key": "k"})
        server.control.advance(3600)
        before, now = server.control.state(), server.clock.now()
    with fakestripe.serve(state) as server:
        assert server.control.state() == before
        assert server.clock.now() >= now
        stripe = client_of(server)
        assert stripe.customers.create({"name": "A"}, {"idempotency_key": "k"}).id == first.id
        assert stripe.refunds.create({"payment_intent": intent.id}).amount == 1000
        server.control.advance(86_400)
        assert stripe.checkout.sessions.retrieve(session.id).status == "expired"  # its timer survived


def test_pending_webhooks_survive_a_restart(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    with fakestripe.serve(state) as server, inbox(client_of(server)) as box:
        server.webhooks.hold()
        pay(client_of(server))
        server.stop()
        with fakestripe.Server(state=state) as restarted:
            assert restarted.webhooks.flush() == 0
            assert "payment_intent.succeeded" in box.types()


class Payer(threading.Thread):
    """Pays and pays, and remembers what was acknowledged."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.stripe: Stripe = StripeClient(
            fakestripe.Server.key, base_addresses={"api": url}, max_network_retries=0
        ).v1
        self.acknowledged: list[str] = []

    def run(self) -> None:
        try:
            while True:
                self.acknowledged.append(pay(self.stripe).id)
        except StripeError:
            return


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fakestripe", "--port", "0", "--state", str(tmp_path / "stripe.json")]
    acknowledged: set[str] = set()
    with processes.start("fakestripe", *command, folder=tmp_path) as process:
        for round_ in range(2):
            url = _url(process, round_)
            payers = [Payer(url) for _ in range(2)]
            for payer in payers:
                payer.start()
            _wait_for(payers)
            process.kill()
            for payer in payers:
                payer.join()
                acknowledged.update(payer.acknowledged)
            process.restart()
        found = _payments(_url(process, 2))
        assert acknowledged <= found.keys()
        assert all(found[intent] == "succeeded" for intent in acknowledged)
        assert process.stop() == 0


def _wait_for(payers: list[Payer]) -> None:
    wait_until(lambda: all(len(payer.acknowledged) >= 5 for payer in payers))


def _url(process: processes.Running, restarts: int) -> str:
    def newest() -> str:
        urls = re.findall(r"listening on (http://\S+)", process.output())
        return urls[restarts] if len(urls) > restarts else ""

    return wait_until(newest, what="the address")


def _payments(url: str) -> dict[str, str]:
    stripe = Payer(url).stripe
    return {
        intent.id: intent.status for intent in stripe.payment_intents.list({"limit": 100}).auto_paging_iter()
    }


def test_a_torn_last_line_is_dropped_and_damage_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    with fakestripe.serve(state) as server:
        kept = pay(client_of(server)).id
        lost = pay(client_of(server)).id
    lines = state.read_bytes().splitlines(keepends=True)
    state.write_bytes(b"".join(lines[:-1]) + lines[-1][:-20])
    with fakestripe.serve(state) as server:
        found = {intent["id"] for intent in server.control.state()["payment_intent"]}
        assert kept in found
        assert lost not in found
    state.write_bytes(lines[0] + b"00000000 {}\n" + lines[1])
    with pytest.raises(JournalError, match="damaged at line 2"):
        fakestripe.Server(state=state)
    state.write_bytes(b"hello\nworld\n")
    with pytest.raises(JournalError, match="damaged at line 1"):
        fakestripe.Server(state=state)


@pytest.mark.parametrize(
    "damage", [b"", b"\n", b"0000", b"zzzzzzzz {}\n", encode({"a": 1})[:-1], encode({"a": 1})[1:]]
)
def test_a_line_is_whole_or_nothing(damage: bytes) -> None:
    assert decode(encode({"a": 1})) == {"a": 1}
    assert decode(damage) is None


def test_two_servers_never_share_a_state_file(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    with fakestripe.serve(state), pytest.raises(JournalError, match="in use by another fakestripe"):
        fakestripe.Server(state=state)
    with fakestripe.serve(state):
        pass  # let go of


def test_history_is_rewritten_when_it_outgrows_the_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fakestripe.journal.LEAST_REWRITE", 50_000)
    state = tmp_path / "stripe.json"
    store = Store(state)
    for number in range(2000):
        store.commit({"cus_1": Row("customer", {"id": "cus_1", "object": "customer", "number": number})})
    store.close()
    assert state.stat().st_size < 60_000
    assert Store(state).rows["cus_1"].obj["number"] == 1999


def test_a_port_in_use_and_a_foreign_host_are_told(tmp_path: Path) -> None:
    with fakestripe.serve() as server:
        port = server.url.rpartition(":")[2]
        for arguments, told in ((("--port", port), "in use"), (("--host", "0.0.0.0"), "loopback only")):
            name = told.replace(" ", "-")
            with processes.start(
                name, sys.executable, "-m", "fakestripe", *arguments, folder=tmp_path
            ) as other:
                assert other.wait_for_end() == 1
                assert told in other.output()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_asked(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "fakestripe", "--port", "0"]
    with processes.start("fakestripe", *command, folder=tmp_path) as process:
        process.wait_for_output("listening on")
        process.process.send_signal(number)
        assert process.wait_for_end() == 0


def test_a_fast_clock_keeps_its_time(tmp_path: Path) -> None:
    state = tmp_path / "stripe.json"
    with fakestripe.serve(state, speed=100_000) as server:
        start = server.clock.now()
        wait_until(lambda: server.clock.now() > start + 50_000)
        reached = server.clock.now()
    with fakestripe.serve(state) as server:
        assert server.clock.now() > reached - 100_000
    with pytest.raises(ValueError, match="at least 1"):
        fakestripe.Server(speed=0.5)


def test_a_refused_request_leaves_no_trace(server: fakestripe.Server, stripe: Stripe) -> None:
    before = server.control.state()
    broken: Any = {
        "payment_method": "pm_card_visa",
        "email": "a@example.com",
        "metadata": {f"k{n}": "v" for n in range(51)},
    }
    with pytest.raises(StripeError):
        stripe.customers.create(broken)
    assert server.control.state().keys() - before.keys() == {"_idempotency"}  # the refusal itself is kept


def test_a_journal_is_read_before_it_is_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "stripe.json")
    with pytest.raises(JournalError):
        journal.append({})
    journal.close()
