"""The gateway process: the listening socket, who is let in, and the tasks that keep it going."""

import asyncio
import logging
import re
import ssl
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

from django.conf import settings
from picows import WSCloseCode

from gateway.admission import Door
from gateway.changes import Changes
from gateway.commanding import Commander
from gateway.connection import Connection
from gateway.costs import CostTeller
from gateway.database import Database
from gateway.handshake import Admitted, Handshake, NotAdmitted, Upgrade
from gateway.logins import Login, any_hash
from gateway.neighbours import Neighbours
from gateway.options import Options
from gateway.presence import Presence
from gateway.registry import Registry
from gateway.schemas import requests
from gateway.versions import SUBPROTOCOLS
from gateway.writer import Writer

logger = logging.getLogger(__name__)
IDENTITY = re.compile(r"[A-Za-z0-9*+=:|@._\-]{1,48}")


class Gateway:
    """One OCPP server; several may run side by side."""

    def __init__(self, options: Options | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.options = options or Options.from_settings()
        self.database = Database()
        self.writer = Writer(self.options.batch_size)
        self.changes = Changes(self.writer, self.database)
        self.presence = Presence(self.database, self.options)
        self.commander = Commander(self.presence, self.database)
        self._costs = CostTeller(self.presence, self.database)
        self.registry = Registry(settings.REDIS_URL, self.options.lease_s)
        self._neighbours = Neighbours(self.registry, self.presence, self.commander.wake)
        self._door = Door(self.options, self.database, self.writer)
        self._tls = tls
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []
        self._handshakes: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen; returns the port. Raises OSError when the port is taken."""
        for version in SUBPROTOCOLS:
            requests(version)
        await self.database.run(any_hash)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Handshake(self.admit, self.options, self._handshakes),
            host, port, ssl=self._tls, backlog=1024, reuse_port=reuse_port or None,
            ssl_handshake_timeout=self.options.handshake_timeout_s if self._tls else None,
        )  # fmt: skip
        upkeep = (self.writer.run(), self.changes.run(), self.presence.run(), self.commander.run())
        for forever in (*upkeep, self._costs.run(), *self._neighbours.tasks()):
            self._tasks.append(asyncio.create_task(_kept_going(forever)))
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more, answer what is waiting, say goodbye: within a little more than drain_s + goodbye_s."""
        self._stopping = True
        if self._server is not None:
            self._server.close()
        await self.writer.drain(self.options.drain_s)
        await self.presence.close_all(self.options.goodbye_s)
        await asyncio.sleep(0)
        await self.writer.drain(0.5)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.commander.finish(0.5)
        await self._neighbours.leave()
        self.writer.close()
        await self.database.close()

    async def admit(self, upgrade: Upgrade) -> Admitted:
        """Check who connects. Raises NotAdmitted with the HTTP answer."""
        if upgrade.path == "/healthz":
            raise NotAdmitted(HTTPStatus.OK, f"ok, {len(self.presence.connections)} stations\n")
        if not upgrade.path.startswith("/ocpp/") or not IDENTITY.fullmatch(upgrade.identity):
            raise NotAdmitted(HTTPStatus.NOT_FOUND, "stations connect to /ocpp/<identity>")
        if upgrade.headers.get("upgrade", "").lower() != "websocket":
            raise NotAdmitted(HTTPStatus.UPGRADE_REQUIRED, "a WebSocket is needed", "Upgrade: websocket")
        if self._stopping:
            raise NotAdmitted(HTTPStatus.SERVICE_UNAVAILABLE, "the gateway restarts", "Retry-After: 1")
        login = await self._door.log_in(upgrade)
        await self._settle_duplicate(upgrade.identity)
        chosen = next(
            (name for name in upgrade.subprotocols if name in SUBPROTOCOLS), ""
        )  # theirs comes first
        if not chosen:
            return Admitted(Unspoken(login, upgrade, self), "")
        connection = Connection(login.reporter, chosen, self.changes, self.presence, self.options)
        return Admitted(connection, chosen)

    async def _settle_duplicate(self, identity: str) -> None:
        """The station is connected already: if that connection lives, the newcomer is refused."""
        while (old := self.presence.connections.get(identity)) is not None:
            if await old.is_alive():
                old.note("Connection", "a second connection was refused: this one is alive", "refused")
                raise NotAdmitted(HTTPStatus.CONFLICT, "this station is connected already")
            if self.presence.connections.get(identity) is old:
                return  # it is replaced when the newcomer is in
        if await self._neighbours.is_alive_elsewhere(identity):
            raise NotAdmitted(HTTPStatus.CONFLICT, "this station is connected already")


class Unspoken(Connection):
    """A station that offers no subprotocol of ours: let in without one, and closed (OCPP-J 1.6, 3.1.2)."""

    def __init__(self, login: Login, upgrade: Upgrade, gateway: Gateway) -> None:
        super().__init__(login.reporter, "", gateway.writer, gateway.presence, gateway.options)
        self._offered = ", ".join(upgrade.subprotocols) or "nothing"

    def on_ws_connected(self, transport: Any) -> None:
        self.transport = transport
        self.note("Connection", f"offered {self._offered[:200]}", "no subprotocol")
        self.close(WSCloseCode.PROTOCOL_ERROR, f"offer one of {', '.join(SUBPROTOCOLS)}")

    def on_ws_disconnected(self, transport: Any) -> None:
        return


async def _kept_going(forever: Coroutine[Any, Any, None]) -> None:
    try:
        await forever
    except asyncio.CancelledError:
        raise
    except BaseException:
        logger.critical("the gateway can't go on", exc_info=True)
        raise SystemExit(1) from None  # the supervisor starts it again
