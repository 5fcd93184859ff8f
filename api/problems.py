"""Errors as RFC 9457 problem details: what is wrong, by field, and what to do about it."""

import json
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, AuthorizationError, HttpError
from ninja.errors import ValidationError as RequestError

log = logging.getLogger(__name__)
Fields = Iterable[tuple[str, str]]


class FieldProblem(Schema):
    """One field that could not be taken."""

    field: str
    detail: str


class Problem(Schema):
    """RFC 9457; `errors` names the fields."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = []


class RateExceeded(Exception):
    """A key asked more often than it may; it may ask again after `wait_s` seconds."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(f"wait {wait_s} s")
        self.wait_s = wait_s


class Conflict(Exception):
    """The request contradicts what is there already, at `field`."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field, self.detail = field, detail


def problem(
    status: int, detail: str, fields: Fields = (), headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The answer that says what is wrong."""
    said: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    errors = [{"field": field, "detail": words} for field, words in fields]
    if errors:
        said["errors"] = errors
    return HttpResponse(
        json.dumps(said), status=status, content_type="application/problem+json", headers=dict(headers or {})
    )


def install(api: NinjaAPI) -> None:
    """Every error that an operation may raise becomes a problem."""
    handlers: dict[type[Exception], Any] = {
        RequestError: _not_understood,
        ValidationError: _refused,
        AuthenticationError: _who_are_you,
        AuthorizationError: lambda _request, error: problem(403, str(error)),
        Http404: lambda _request, _error: nothing_here(),
        HttpError: lambda _request, error: problem(error.status_code, str(error)),
        RateExceeded: _too_often,
        Conflict: lambda _request, error: problem(409, error.detail, [(error.field, error.detail)]),
        Exception: _our_fault,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def nothing_here() -> HttpResponse:
    """One answer for what is not there and for what is another organisation's."""
    return problem(404, "There is nothing here that this key may see.")


def _not_understood(_request: HttpRequest, error: RequestError) -> HttpResponse:
    fields = [(_field(one["loc"]), str(one["msg"])) for one in error.errors]
    return problem(422, "The request has fields that can't be taken.", fields)


def _field(place: Iterable[Any]) -> str:
    """`("body", "asked", "payload", 0)` is `payload[0]`: where a value came from, and its parameter, go unsaid."""
    _source, *path = place
    shown = path[1:] if len(path) > 1 else path
    text = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in shown)
    return text.lstrip(".") or "body"


def _refused(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    by_field = error.message_dict if hasattr(error, "error_dict") else {"body": error.messages}
    fields = [(field, words) for field, found in by_field.items() for words in found]
    return problem(422, "The request has fields that can't be taken.", fields)


def _who_are_you(_request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    words = (
        "Send a valid API key: `Authorization: Bearer evb_...`. Owners and managers make keys in the portal."
    )
    return problem(401, words, headers={"WWW-Authenticate": 'Bearer realm="evbilling"'})


def _too_often(_request: HttpRequest, error: RateExceeded) -> HttpResponse:
    words = f"This key has asked too often; ask again in {error.wait_s} s."
    return problem(429, words, headers={"Retry-After": str(error.wait_s)})


def _our_fault(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500, "Something went wrong on our side. Nothing half done is kept; try again.")
