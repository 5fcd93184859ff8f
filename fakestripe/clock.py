"""The server's clock: real time, moved forward by tests or run faster for a demo."""

from __future__ import annotations

import time

from fakestripe.store import Store


class Clock:
    """``now()`` in whole UTC seconds. The offset lives in the state file, so time never runs backwards."""

    def __init__(self, store: Store, speed: float = 1.0) -> None:
        if speed < 1:
            raise ValueError("--speed must be at least 1: Stripe's clock never runs slower than the world's")
        self._store = store
        self._speed = speed
        self._since = time.monotonic()

    def now(self) -> int:
        return int(time.time() + self._offset())

    def _offset(self) -> float:
        return self._store.clock_offset + (time.monotonic() - self._since) * (self._speed - 1)

    def keep(self) -> None:
        """Write down how far a fast clock has come."""
        if self._speed != 1:
            offset, self._since = self._offset(), time.monotonic()
            self._store.set_clock_offset(offset)

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        if seconds < 0:
            raise ValueError("the clock only moves forward: seconds must not be negative")
        offset, self._since = self._offset() + seconds, time.monotonic()
        self._store.set_clock_offset(offset)
