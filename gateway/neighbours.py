"""This gateway among others: it claims its stations in the registry, and they settle who holds which."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from picows import WSCloseCode

from gateway.presence import Presence
from gateway.registry import Message, Registry

logger = logging.getLogger(__name__)
MARGIN_S = 1.0  # for the way to another gateway and back
RENEWALS = 3  # a lease survives two that fail


class Neighbours:
    """Keeps the registry in step with `presence`; `on_command` is called when a command waits for us."""

    def __init__(self, registry: Registry, presence: Presence, on_command: Callable[[], None]) -> None:
        self.registry, self.presence, self._on_command = registry, presence, on_command
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        presence.on_change = self.changed

    def changed(self, identity: str) -> None:
        """A station came or went here."""
        self._changed.add(identity)
        self._wake.set()

    def tasks(self) -> list[Coroutine[Any, Any, None]]:
        """What has to run for as long as the gateway serves."""
        return [self._claim_changes(), self._renew(), self.registry.listen(self._hear)]

    async def is_alive_elsewhere(self, identity: str) -> bool:
        """Does another gateway hold this station, and does it answer a ping there?"""
        node = await self.registry.holder(identity)
        if not node:
            return False
        return await self.registry.lives_at(node, identity, self.presence.options.ping_timeout_s + MARGIN_S)

    async def leave(self) -> None:
        """At the end: give back all that is ours, so that nobody has to ask us."""
        await self.registry.release(list(self.registry.fences))
        await self.registry.close()

    async def _claim_changes(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, set()
            here = [identity for identity in changed if identity in self.presence.connections]
            await self.registry.release(changed.difference(here))
            for identity, node, fence in await self.registry.claim(here):
                await self.registry.tell(node, Message("lost", identity, fence=fence))

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self.registry.lease_s / RENEWALS)
            for identity in await self.registry.renew():
                self._give_up(identity)

    async def _hear(self, message: Message) -> None:
        if message.kind == "command":
            self._on_command()
        elif message.kind == "lost" and message.fence > self.registry.fences.get(message.identity, 0):
            self._give_up(message.identity)
        elif message.kind == "is_alive":
            alive = await self._is_alive_here(message.identity)
            await self.registry.tell(message.node, Message("answer", number=message.number, yes=alive))

    async def _is_alive_here(self, identity: str) -> bool:
        connection = self.presence.connections.get(identity)
        if connection is None or not await connection.is_alive():
            return False
        connection.note(
            "Connection", "a second connection, at another gateway, was refused: this one is alive", "refused"
        )
        return True

    def _give_up(self, identity: str) -> None:
        connection = self.presence.connections.get(identity)
        if connection is not None:
            connection.note("Connection", "a newer connection, at another gateway, took over", "replaced")
            connection.close(WSCloseCode.POLICY_VIOLATION, "replaced by a newer connection")
