"""Tell pages which stations have news: once a second for all of them, not once a message or a viewer."""

import asyncio
from uuid import UUID

from charging import nudges
from gateway.connection import Taker
from gateway.database import Database
from gateway.work import Exchange

TELL_EVERY_S = 1.0


class Changes:
    """Passes exchanges on to the writer, and notes whose facts they hold."""

    def __init__(self, taker: Taker, database: Database) -> None:
        self._submit, self._database = taker.submit, database
        self._fresh: set[UUID] = set()
        self._due: set[UUID] = set()

    def submit(self, exchange: Exchange) -> None:
        if exchange.work.facts:
            reporter = exchange.reporter
            self._fresh.add(reporter.station_id)
            self._fresh.add(reporter.organisation_id)
        self._submit(exchange)

    async def run(self) -> None:
        """Until cancelled. What came in during one second is told after the next one: it is committed then,
        or, should the database be slow, pages find out by themselves a few seconds later."""
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            due, self._due, self._fresh = self._due | self._fresh, self._fresh, set()
            if due:
                await self._database.run(nudges.changed, due)
