"""Which gateway process holds which station, in Valkey: several processes and machines side by side.

An entry `gateway:station:<identity>` says `node|fence` and lives for one lease; its node renews all of its
entries in batches, so that a dead node's entries end by themselves. Of two nodes that believe they hold a
station, the one with the higher fence (Valkey's clock when the connection was claimed) is right: a node that
was cut off finds out at its next renewal, and never deletes or overwrites its successor's entry.

Valkey away: connections and acknowledgements go on; what can't be asked is taken as "nobody else".
"""

import asyncio
import itertools
import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from charging.nudges import node_channel, station_key

logger = logging.getLogger(__name__)
CHUNK = 500
TIMEOUT_S = 1.0
AWAY = (RedisError, OSError, TimeoutError)

CLAIM = """
local old = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local fence = time[1] * 1000000 + time[2]
if old then
    local before = tonumber(string.match(old, '|(%d+)$'))
    if before and before >= fence then fence = before + 1 end
end
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. text, 'PX', ARGV[2])
return {text, old or ''}
"""
RENEW = """
local old = redis.call('GET', KEYS[1])
local mine = ARGV[1] .. '|' .. ARGV[2]
if old and old ~= mine and tonumber(string.match(old, '|(%d+)$') or '0') >= tonumber(ARGV[2]) then
    return old
end
redis.call('SET', KEYS[1], mine, 'PX', ARGV[3])
return ''
"""
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] .. '|' .. ARGV[2] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(slots=True)
class Message:
    """What one gateway tells another. `kind`: command, is_alive, answer, lost."""

    kind: str
    identity: str = ""
    node: str = ""  # who asks
    number: int = 0  # of a question, and of its answer
    yes: bool = False
    fence: int = 0

    def text(self) -> str:
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def read(cls, data: bytes) -> "Message":
        """Raises ValueError, TypeError for what is no message."""
        return cls(**json.loads(data))


Hear = Callable[[Message], Awaitable[None]]


@dataclass
class Registry:
    """This process's view: `node` is its name, `fences` the stations that it has claimed."""

    url: str
    lease_s: float = 30.0
    node: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}")
    fences: dict[str, int] = field(default_factory=dict)
    _questions: dict[int, "asyncio.Future[bool]"] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _away: bool = False

    def __post_init__(self) -> None:
        self._client: Any = Redis.from_url(
            self.url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )

    async def claim(self, identities: Sequence[str]) -> list[tuple[str, str, int]]:
        """Say that these stations are here; returns (identity, node, our fence) of each taken from another."""
        replies = await self._each(
            CLAIM, [(identity, (self.node, self._lease_ms)) for identity in identities]
        )
        if replies is None:  # our own clock until Valkey is back: the next renewal makes the entries
            fence = time.time_ns() // 1000
            self.fences.update((identity, fence) for identity in identities)
            return []
        taken = []
        for identity, (fence_text, old) in zip(identities, replies, strict=True):
            self.fences[identity] = int(fence_text)
            node = old.decode().rpartition("|")[0]
            if node not in ("", self.node):
                taken.append((identity, node, int(fence_text)))
        return taken

    async def renew(self) -> list[str]:
        """Prolong all leases; returns the stations that another node holds by now."""
        mine = list(self.fences.items())
        calls = [(identity, (self.node, fence, self._lease_ms)) for identity, fence in mine]
        replies = await self._each(RENEW, calls)
        if replies is None:
            return []
        return [identity for (identity, _), reply in zip(mine, replies, strict=True) if reply]

    async def release(self, identities: Iterable[str]) -> None:
        """These stations have left; entries that are another node's by now stay."""
        left = [(identity, self.fences.pop(identity)) for identity in identities if identity in self.fences]
        await self._each(RELEASE, [(identity, (self.node, fence)) for identity, fence in left])

    async def holder(self, identity: str) -> str:
        """The other node that holds the station, or ""."""
        entry = await self._ask(lambda: self._client.get(station_key(identity)), None)
        node = entry.decode().rpartition("|")[0] if entry else ""
        return "" if node == self.node else node

    async def lives_at(self, node: str, identity: str, within_s: float) -> bool:
        """Ask `node` whether the station answers a ping there. No answer within `within_s` is a no."""
        number = next(self._numbers)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._questions[number] = answer
        try:
            if not await self.tell(node, Message("is_alive", identity, self.node, number)):
                return False
            return await asyncio.wait_for(answer, within_s)
        except TimeoutError:
            return False
        finally:
            del self._questions[number]

    async def tell(self, node: str, message: Message) -> bool:
        """False if nobody listens there."""
        heard = await self._ask(lambda: self._client.publish(node_channel(node), message.text()), 0)
        return bool(heard)

    async def listen(self, hear: Hear) -> None:
        """Hand each message to `hear`, each in a task of its own, until cancelled."""
        tasks: set[asyncio.Task[None]] = set()
        while True:
            try:
                async with self._client.pubsub() as channel:
                    await channel.subscribe(node_channel(self.node))
                    while True:
                        raw = await channel.get_message(ignore_subscribe_messages=True, timeout=1)
                        _end_if_cancelled()
                        if raw is not None and (message := _read(raw["data"])) is not None:
                            task = asyncio.create_task(self._hear(message, hear))
                            tasks.add(task)
                            task.add_done_callback(tasks.discard)
            except AWAY as error:
                _end_if_cancelled()
                self._note_away(error)
                await asyncio.sleep(1.0)

    async def close(self) -> None:
        await self._client.aclose()

    async def _hear(self, message: Message, hear: Hear) -> None:
        if message.kind != "answer":
            await hear(message)
        elif (question := self._questions.get(message.number)) is not None and not question.done():
            question.set_result(message.yes)

    @property
    def _lease_ms(self) -> int:
        return int(self.lease_s * 1000)

    async def _each(self, script: str, calls: Sequence[tuple[str, tuple[Any, ...]]]) -> list[Any] | None:
        """Run `script` for each station, pipelined; None when Valkey is away."""
        replies: list[Any] = []
        for first in range(0, len(calls), CHUNK):
            pipeline = self._client.pipeline(transaction=False)
            for identity, values in calls[first : first + CHUNK]:
                pipeline.eval(script, 1, station_key(identity), *values)
            answered = await self._ask(pipeline.execute, None)
            if answered is None:
                return None
            replies += answered
        return replies

    async def _ask(self, ask: Callable[[], Awaitable[Any]], otherwise: Any) -> Any:
        try:
            answer = await ask()
        except AWAY as error:
            _end_if_cancelled()
            self._note_away(error)
            return otherwise
        _end_if_cancelled()
        if self._away:
            self._away = False
            logger.warning("Valkey is back: the registry of connections is made anew")
        return answer

    def _note_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            logger.warning("Valkey is away, each gateway sees only its own stations: %s", error)


def _end_if_cancelled() -> None:
    """redis-py may swallow a cancellation that comes while it connects; without this we would wait for ever."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _read(data: bytes) -> Message | None:
    try:
        return Message.read(data)
    except (ValueError, TypeError) as error:
        logger.warning("a message that is none: %s", error)
        return None
