"""Group commit: one batch is being committed while the next one fills; answers go out after the commit."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from gateway.committing import DatabaseAway, commit
from gateway.work import Exchange

logger = logging.getLogger(__name__)
LONGEST_PAUSE_S = 2.0

Answered = Sequence[tuple[Exchange, bytes]]
Commit = Callable[[Sequence[Exchange]], list[bytes]]


class Writer:
    """Takes exchanges from all connections, in order, and answers each once it is committed."""

    def __init__(self, batch_size: int, commit: Commit = commit) -> None:
        self.batch_size = batch_size
        self.committed = 0
        self._commit = commit
        self._waiting: list[Exchange] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, exchange: Exchange) -> None:
        self._waiting.append(exchange)
        self._idle.clear()
        self._wake.set()

    async def run(self) -> None:
        """Commit and answer until cancelled; a batch is answered while the next one is being committed."""
        answering: Answered = ()
        while True:
            if not self._waiting:
                self._answer(answering)
                answering = ()
                if not self._waiting:
                    self._idle.set()
                    await self._wake.wait()
            batch, self._waiting = self._waiting[: self.batch_size], self._waiting[self.batch_size :]
            self._wake.clear()
            committing = asyncio.ensure_future(self._committed(batch))
            await asyncio.sleep(0)  # it is on its way
            self._answer(answering)
            answering = list(zip(batch, await committing, strict=True))
            self.committed += len(batch)

    def _answer(self, answering: Answered) -> None:
        for exchange, frame in answering:
            if exchange.station is not None:
                exchange.station.answer(frame)

    async def drain(self, timeout_s: float) -> None:
        """Return when all is answered, or after `timeout_s`."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            logger.warning("%d calls stay unanswered; their stations will repeat them", len(self._waiting))

    def close(self) -> None:
        from django.db import connection

        self._thread.submit(connection.close)
        self._thread.shutdown(wait=True)

    async def _committed(self, batch: Sequence[Exchange]) -> list[bytes]:
        """Commit, however long the database is away: the answers are held, and a repeat changes nothing."""
        pause_s = 0.05
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, batch)
            except DatabaseAway as error:
                logger.warning("the database is away, %d calls are held: %s", len(batch), error)
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
