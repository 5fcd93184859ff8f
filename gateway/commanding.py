"""Send the commands that wait in the database; each by its own task, never from inside a handler."""

import asyncio
import contextlib
import logging
import time
from typing import Any

from django.db import DatabaseError

from accounts.sealing import BrokenSeal, is_sealed, unseal
from charging import commands
from charging.models import StationCommand
from gateway import translation
from gateway.connection import CallFailed, Connection
from gateway.database import Database
from gateway.ocpp16 import VERSION
from gateway.presence import Presence
from gateway.translation import NotSayable

logger = logging.getLogger(__name__)
SWEEP_S = 1.0  # without a nudge
BREATH_S = 0.02  # between two nudges: what was asked for meanwhile goes in one sweep
EXPIRE_EVERY_S = 2.0
SEALED_FOR_S = 3600


class Commander:
    """Claims pending commands of the stations connected here, and writes what became of them."""

    def __init__(self, presence: Presence, database: Database) -> None:
        self.presence, self.database = presence, database
        self._tasks: set[asyncio.Task[None]] = set()
        self._nudged = asyncio.Event()

    def wake(self) -> None:
        """A command waits: sweep now."""
        self._nudged.set()

    async def run(self) -> None:
        """Sweep until cancelled; the database being away only delays."""
        next_expiry = 0.0
        while True:
            await self._pause()
            try:
                for command in await self.database.run(commands.claim, self.presence.by_station):
                    self._start(command)
                if time.monotonic() > next_expiry:
                    next_expiry = time.monotonic() + EXPIRE_EVERY_S
                    await self.database.run(commands.expire)
            except DatabaseError as error:
                logger.warning("commands wait: %s", error)

    async def finish(self, within_s: float) -> None:
        """Let what came of the commands on their way be written."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within_s)

    async def _pause(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nudged.wait(), SWEEP_S)
        await asyncio.sleep(BREATH_S)
        self._nudged.clear()

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
            command.payload = opened(command.payload, connection.version)  # only here, never saved
            action, payload = await self.database.run(translation.outgoing, connection.version, command)
            answer = await connection.call(action, payload)
        except BrokenSeal as error:
            await self.database.run(commands.refused, command, "SecurityError", str(error))
        except NotSayable as problem:
            await self.database.run(commands.refused, command, "FormationViolation", str(problem))
        except CallFailed as error:
            await self.database.run(commands.refused, command, error.code, error.description)
        except (TimeoutError, ConnectionError):
            await self.database.run(commands.timed_out, command)
        else:
            await self.database.run(commands.answered, command, translation.incoming(command.action, answer))


def opened(payload: dict[str, Any], version: str) -> dict[str, Any]:
    """The payload with a sealed password opened; OCPP 1.6 wants it in hexadecimal. Raises BrokenSeal."""
    value = payload.get("value")
    if not is_sealed(value):
        return payload
    password = unseal(str(value), within_s=SEALED_FOR_S)
    return {**payload, "value": password.encode().hex() if version == VERSION else password}
