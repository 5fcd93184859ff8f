"""The server as a whole, and ``serve`` for tests."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from fakestripe.api import Api
from fakestripe.clock import Clock
from fakestripe.control import Control
from fakestripe.faults import Faults
from fakestripe.pages import Pages
from fakestripe.store import Store
from fakestripe.web import Listener
from fakestripe.webhooks import Pace, Webhooks

TICK_S = 0.25
ZERO_KEY = "sk_test_" + "0" * 24
PACE = Pace()
TEST_PACE = Pace(base_s=0.05, cap_s=0.5, attempts=40, timeout_s=5.0)


class Server:
    """A running local Stripe.

    ``url`` is for ``StripeClient(base_addresses={"api": url})``; ``key`` is the one key it takes.
    ``faults``, ``webhooks``, ``clock`` and ``control`` are for tests.
    """

    key = ZERO_KEY

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        state: Path | str | None = None,
        speed: float = 1.0,
        pace: Pace = PACE,
        check_responses: bool = True,
    ) -> None:
        self.store = Store(Path(state) if state is not None else None)
        self.clock = Clock(self.store, speed)
        self.faults = Faults()
        self.api = Api(self.store, self.clock, self.faults, check_responses=check_responses)
        self.webhooks = Webhooks(self.api, pace)
        self.control = Control(self.api, self.webhooks)
        self.pages = Pages(self.api)
        try:
            self._listener = Listener(host, port, self)
        except BaseException:
            self.store.close()
            raise
        self.url = f"http://{host}:{self._listener.server_address[1]}"
        self.api.base_url = self.url
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True),
            threading.Thread(target=self._tick, daemon=True),
        ]

    def start(self) -> None:
        """Begin to answer and to send."""
        self.webhooks.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop; the state file is complete at any time anyway."""
        self._stopping.set()
        self._listener.end()
        for thread in self._threads:
            thread.join()
        self.webhooks.stop()
        with self.api.lock:
            self.store.close()

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_S):
            with self.api.lock:
                self.clock.keep()
                self.api.run_timers()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextlib.contextmanager
def serve(state: Path | str | None = None, *, speed: float = 1.0, pace: Pace = TEST_PACE) -> Iterator[Server]:
    """A server in this process on a free port, for tests; webhooks are retried fast."""
    with Server(state=state, speed=speed, pace=pace) as server:
        yield server
