"""Send the commands that wait in the database; each by its own task, never from inside a handler."""

import asyncio
import logging
import time

from django.db import DatabaseError

from charging import commands
from charging.models import StationCommand
from gateway import translation
from gateway.connection import CallFailed, Connection
from gateway.database import Database
from gateway.presence import Presence
from gateway.translation import NotSayable

logger = logging.getLogger(__name__)
SWEEP_S = 0.25
EXPIRE_EVERY_S = 2.0


class Commander:
    """Claims pending commands of the stations connected here, and writes what became of them."""

    def __init__(self, presence: Presence, database: Database) -> None:
        self.presence, self.database = presence, database
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Sweep until cancelled; the database being away only delays."""
        next_expiry = 0.0
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                for command in await self.database.run(commands.claim, self.presence.by_station):
                    self._start(command)
                if time.monotonic() > next_expiry:
                    next_expiry = time.monotonic() + EXPIRE_EVERY_S
                    await self.database.run(commands.expire)
            except DatabaseError as error:
                logger.warning("commands wait: %s", error)

    def _start(self, command: StationCommand) -> None:
        task = asyncio.get_running_loop().create_task(self._send(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, command: StationCommand) -> None:
        connection = self.presence.by_station.get(command.station_id)
        try:
            await self._settle(command, connection)
        except DatabaseError:
            logger.exception("the outcome of command %s is not kept", command.pk)

    async def _settle(self, command: StationCommand, connection: Connection | None) -> None:
        try:
            if connection is None:
                raise ConnectionError("the station went away")  # noqa: TRY301  the same as going away later
            action, payload = await self.database.run(translation.outgoing, connection.version, command)
            answer = await connection.call(action, payload)
        except NotSayable as problem:
            await self.database.run(commands.refused, command, "FormationViolation", str(problem))
        except CallFailed as error:
            await self.database.run(commands.refused, command, error.code, error.description)
        except (TimeoutError, ConnectionError):
            await self.database.run(commands.timed_out, command)
        else:
            await self.database.run(commands.answered, command, translation.incoming(command.action, answer))
