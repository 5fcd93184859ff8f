"""Fragments that pages ask for every few seconds: made once, handed to all viewers (docs/decisions/0005).

A fragment is kept in the cache with the marks of what it shows (charging.nudges): it stands until a mark
changes, for a few seconds at least and `for_s` at most. Who polls shows a pass, which spares looking up the
log-in each time. Without Valkey everything is made from the database, as for an ordinary page.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation import get_language

from charging import nudges

AT_LEAST_S = 3.0
PASS_S = 60  # a membership that ends is noticed this late by a page that is open
STALE_S = 60  # how long an outdated one may be served while somebody makes the next
MAKING_S = 5


@dataclass(frozen=True)
class Fragment:
    """What a view made. `shows`: ids of stations or organisations; `for_s` 0: not to be kept."""

    response: HttpResponse
    shows: Sequence[UUID] = ()
    for_s: float = 0


@dataclass(frozen=True)
class _Kept:
    body: bytes
    shows: tuple[UUID, ...]
    marks: list[bytes]
    for_s: float
    made: float = field(default_factory=time.time)

    def stands(self) -> bool:
        age = time.time() - self.made
        if age < AT_LEAST_S or age > self.for_s:
            return age < AT_LEAST_S
        return nudges.changes_of(self.shows) == self.marks


def polled(request: HttpRequest, name: str, make: Callable[[], Fragment]) -> HttpResponse:
    """The fragment called `name` in the request's language; 304 if the viewer has it already."""
    key = f"live:{name}:{get_language()}"
    kept: _Kept | None = cache.get(key)
    if kept is not None and (kept.stands() or not cache.add(f"{key}:making", 1, MAKING_S)):
        return _answer(request, kept.body)
    before = nudges.changes_of(kept.shows) if kept is not None else None
    fragment = make()
    if fragment.response.status_code != 200:
        return fragment.response
    if fragment.for_s:
        shows = tuple(fragment.shows)
        # marks from before the making miss no change; after it, a change in between shows `for_s` late
        known = before if kept is not None and kept.shows == shows else nudges.changes_of(shows)
        if known is not None:
            kept = _Kept(fragment.response.content, shows, known, fragment.for_s)
            cache.set(key, kept, int(fragment.for_s) + STALE_S)
    cache.delete(f"{key}:making")
    return _answer(request, fragment.response.content)


def give_pass(request: HttpRequest, place: str, value: str) -> None:
    """Remember that whoever holds this log-in may poll `place`; `value` is what the view needs to know."""
    if key := _pass_key(request, place):
        cache.set(key, value, PASS_S)


def pass_of(request: HttpRequest, place: str) -> str:
    """What `give_pass` was told within the last minute, or ""."""
    key = _pass_key(request, place)
    return str(cache.get(key, "")) if key else ""


def viewer_of(request: HttpRequest) -> str:
    """Tells viewers apart whose fragments hold forms: a form's token belongs to one browser's cookie."""
    return _digest(request.COOKIES.get(settings.CSRF_COOKIE_NAME, ""))


def name_of(secret: str) -> str:
    """A name for the cache that gives `secret` away to nobody."""
    return _digest(secret)


def _pass_key(request: HttpRequest, place: str) -> str:
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return f"live:pass:{_digest(f'{session}/{place}')}" if session else ""


def _digest(text: str) -> str:
    return hashlib.sha256(f"{settings.SECRET_KEY}\0{text}".encode()).hexdigest()[:32]


def _answer(request: HttpRequest, body: bytes) -> HttpResponse:
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    same = etag in request.headers.get("If-None-Match", "")
    response = HttpResponse(status=304) if same else HttpResponse(body)
    response["ETag"] = etag
    patch_cache_control(response, private=True, no_cache=True)
    patch_vary_headers(response, ["Cookie", "Accept-Language"])
    return response
