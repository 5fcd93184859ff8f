"""Django's cache in Valkey, except that Valkey being away is no error: nothing is known then, nothing kept.

Sessions are read from the database meanwhile, and pages are made anew for each request.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as TooSlow

logger = logging.getLogger(__name__)
GIVE_UP_S = 2.0
T = TypeVar("T")


class ForgivingCache(RedisCache):
    """A cache that may be away."""

    _away_until = 0.0  # of the process: nobody waits for each of many questions

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return _ask(lambda: super(ForgivingCache, self).get(key, default, version), default)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        wanted = list(keys)
        return _ask(lambda: super(ForgivingCache, self).get_many(wanted, version), {})

    def set(self, key: Any, value: Any, timeout: Any = ..., version: int | None = None) -> None:
        kept = self.default_timeout if timeout is ... else timeout
        _ask(lambda: super(ForgivingCache, self).set(key, value, kept, version), None)

    def set_many(self, data: Mapping[Any, Any], timeout: Any = ..., version: int | None = None) -> list[Any]:
        kept = self.default_timeout if timeout is ... else timeout
        return _ask(lambda: super(ForgivingCache, self).set_many(dict(data), kept, version), list(data))

    def add(self, key: Any, value: Any, timeout: Any = ..., version: int | None = None) -> bool:
        """Away: True, as if nobody had been quicker."""
        kept = self.default_timeout if timeout is ... else timeout
        return _ask(lambda: super(ForgivingCache, self).add(key, value, kept, version), True)

    def delete(self, key: Any, version: int | None = None) -> bool:
        return _ask(lambda: super(ForgivingCache, self).delete(key, version), False)

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return _ask(lambda: super(ForgivingCache, self).has_key(key, version), False)


def _ask(ask: Callable[[], T], otherwise: T) -> T:
    if time.monotonic() < ForgivingCache._away_until:
        return otherwise
    try:
        return ask()
    except (Unreachable, TooSlow) as error:
        ForgivingCache._away_until = time.monotonic() + GIVE_UP_S
        logger.warning("the cache is away: %s", error)
        return otherwise
