"""The gateway process: the listening socket, who is let in, and the tasks that keep it going."""

import asyncio
import logging
import re
import ssl
import time
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

from picows import WSCloseCode

from gateway.commanding import Commander
from gateway.connection import Connection
from gateway.database import Database
from gateway.handshake import Admitted, Handshake, NotAdmitted, Upgrade
from gateway.limits import Failures
from gateway.logins import Login, Logins, any_hash
from gateway.options import Options
from gateway.presence import Presence
from gateway.schemas import requests
from gateway.versions import SUBPROTOCOLS
from gateway.writer import Writer
from stations.models import Station

logger = logging.getLogger(__name__)
IDENTITY = re.compile(r"[A-Za-z0-9*+=:|@._\-]{1,48}")
DRAIN_S = 8.0
GOODBYE_S = 1.0
UNAUTHORIZED = NotAdmitted(
    HTTPStatus.UNAUTHORIZED, "unknown station or wrong password", 'WWW-Authenticate: Basic realm="ocpp"'
)


class Gateway:
    """One OCPP server; several may run side by side."""

    def __init__(self, options: Options | None = None, tls: ssl.SSLContext | None = None) -> None:
        self.options = options or Options.from_settings()
        self.database = Database()
        self.writer = Writer(self.options.batch_size)
        self.presence = Presence(self.database, self.options)
        self.commander = Commander(self.presence, self.database)
        self._logins = Logins(self.options.allow_profile_0)
        self._tls = tls
        self._by_address = Failures(self.options.failures_per_ip)
        self._by_identity = Failures(self.options.failures_per_identity)
        self._tasks: list[asyncio.Task[None]] = []
        self._handshakes: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, *, reuse_port: bool = False) -> int:
        """Listen; returns the port. Raises OSError when the port is taken."""
        for version in SUBPROTOCOLS:
            requests(version)
        await self.database.run(any_hash)
        for forever in (self.writer.run(), self.presence.run(), self.commander.run()):
            self._tasks.append(asyncio.create_task(_kept_going(forever)))
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Handshake(self.admit, self.options, self._handshakes),
            host, port, ssl=self._tls, backlog=1024, reuse_port=reuse_port or None,
        )  # fmt: skip
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Take no more, answer what is waiting, say goodbye."""
        if self._server is not None:
            self._server.close()
        await self.writer.drain(DRAIN_S)
        await self.presence.close_all(GOODBYE_S)
        await asyncio.sleep(0)
        await self.writer.drain(1.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
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
        login = await self._log_in(upgrade)
        await self._settle_duplicate(upgrade.identity)
        chosen = next(
            (name for name in upgrade.subprotocols if name in SUBPROTOCOLS), ""
        )  # theirs comes first
        if not chosen:
            return Admitted(Unspoken(login, upgrade, self), "")
        connection = Connection(login.reporter, chosen, self.writer, self.presence, self.options)
        return Admitted(connection, chosen)

    async def _log_in(self, upgrade: Upgrade) -> Login:
        address, now = self._address(upgrade), time.monotonic()
        pair = f"{upgrade.identity} {address}"
        if self._by_address.too_many(address, now) or self._by_identity.too_many(pair, now):
            raise NotAdmitted(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong log-ins", "Retry-After: 60")
        login = await self.database.run(self._logins.check, upgrade.identity, *upgrade.credentials())
        if login is None:
            self._by_address.note(address, now)
            self._by_identity.note(pair, now)
            logger.warning("a log-in as %s from %s was refused", upgrade.identity, address)
            raise UNAUTHORIZED
        if login.security_profile >= Station.SecurityProfile.TLS and not self._is_secure(upgrade):
            raise NotAdmitted(HTTPStatus.FORBIDDEN, "this station's security profile asks for TLS")
        if login.security_profile == Station.SecurityProfile.MUTUAL_TLS:
            raise NotAdmitted(HTTPStatus.FORBIDDEN, "client certificates are not checked here yet")
        return login

    def _is_secure(self, upgrade: Upgrade) -> bool:
        behind_proxy = upgrade.address in self.options.trusted_proxies
        return self._tls is not None or (
            behind_proxy and upgrade.headers.get("x-forwarded-proto", "").lower() == "https"
        )

    async def _settle_duplicate(self, identity: str) -> None:
        """The station is connected already: if that connection lives, the newcomer is refused."""
        while (old := self.presence.connections.get(identity)) is not None:
            if await old.is_alive():
                old.note("Connection", "a second connection was refused: this one is alive", "refused")
                raise NotAdmitted(HTTPStatus.CONFLICT, "this station is connected already")
            if self.presence.connections.get(identity) is old:
                return  # it is replaced when the newcomer is in

    def _address(self, upgrade: Upgrade) -> str:
        if upgrade.address in self.options.trusted_proxies:
            forwarded = upgrade.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
            return forwarded or upgrade.address
        return upgrade.address


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
