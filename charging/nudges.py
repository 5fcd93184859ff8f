"""Small hints over Valkey between processes. Each only saves waiting: a sweep finds out anyway.

Valkey being away is no error here; it is told once in the log.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import redis
from django.conf import settings
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)
TIMEOUT_S = 0.3
GIVE_UP_S = 2.0  # after a failure: ask again only then, so that nobody waits for each of many hints
CHANGES = "live:changes"  # id of a station or an organisation -> when something of it changed last
T = TypeVar("T")
_away_until = 0.0


def station_key(identity: str) -> str:
    """Where the registry of connections says `node|fence` of a station."""
    return f"gateway:station:{identity}"


def node_channel(node: str) -> str:
    """Where a gateway process listens."""
    return f"gateway:node:{node}"


def command_waits(identity: str) -> None:
    """Tell the gateway that holds the station to look for commands."""

    def tell(client: Any) -> None:
        entry = client.get(station_key(identity))
        if entry:
            node = entry.decode().rpartition("|")[0]
            client.publish(node_channel(node), json.dumps({"kind": "command", "identity": identity}))

    attempt(tell, None)


def changed(ids: Iterable[UUID]) -> None:
    """What these stations or organisations do has changed: pages that show it are made anew."""
    now = str(time.time_ns())
    changes = {str(each): now for each in ids}
    if changes:
        attempt(lambda client: client.hset(CHANGES, mapping=changes), None)


def changes_of(ids: Iterable[UUID]) -> list[bytes] | None:
    """When each of these changed last, as opaque bytes; None when nobody can tell."""
    wanted = [str(each) for each in ids]
    if not wanted:
        return []
    found = attempt(lambda client: client.hmget(CHANGES, wanted), None)
    return None if found is None else [each or b"" for each in found]


def attempt(ask: Callable[[Any], T], otherwise: T) -> T:
    """What `ask` gets from Valkey, or `otherwise` when it is away."""
    global _away_until  # noqa: PLW0603  one breaker for the process
    if time.monotonic() < _away_until:
        return otherwise
    try:
        return ask(_client())
    except (RedisError, OSError) as error:
        _away_until = time.monotonic() + GIVE_UP_S
        logger.warning("Valkey is away, sweeps do it alone: %s", error)
        return otherwise


@cache
def _client() -> Any:
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )
