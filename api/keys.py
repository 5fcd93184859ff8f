"""Who asks: an organisation's API key as bearer token, what it may do, and how often."""

import logging
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from ninja.errors import AuthorizationError
from ninja.security import HttpBearer
from redis.exceptions import RedisError

from accounts.models import ApiKey, Organisation
from api.problems import RateExceeded

log = logging.getLogger(__name__)
WINDOW_S = 60


def organisation_of(request: HttpRequest) -> Organisation:
    """The organisation that the request's key acts for: the tenant check of every query."""
    key: ApiKey = request.auth  # type: ignore[attr-defined]  # ninja sets it
    return key.organisation


class Key(HttpBearer):
    """A valid key with `scope`. 401 without one, 403 for one that may not, 429 for one that asks too often."""

    def __init__(self, scope: ApiKey.Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiKey | None:
        key = ApiKey.find(token.strip())
        if key is None:
            return None
        _count(key)
        if self.scope not in key.scopes:
            raise AuthorizationError(
                message=f"This key may not do that: it lacks the scope {str(self.scope)!r}."
            )
        key.note_used()
        return key


reads = Key(ApiKey.Scope.READ)
commands = Key(ApiKey.Scope.COMMANDS)


def _count(key: ApiKey) -> None:
    """Count the request in its minute. While the cache is away, nobody is refused."""
    limit: int = settings.API_REQUESTS_PER_MINUTE
    now = int(time.time())
    name = f"api:{key.pk}:{now // WINDOW_S}"
    try:
        cache.add(name, 0, timeout=2 * WINDOW_S)
        asked = cache.incr(name)
    except (RedisError, ValueError) as error:
        log.warning("requests of API keys are not counted: %s", error)
        return
    if asked > limit:
        raise RateExceeded(WINDOW_S - now % WINDOW_S)
