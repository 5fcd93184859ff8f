"""The api's URL map, below /api/. Also there, whatever goes wrong is said as a problem, never as a page."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.urls import URLPattern, URLResolver, path, re_path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from api import problems
from api.v1.app import api

View = Callable[..., HttpResponseBase]


@require_safe
def openapi(_request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document of version 1."""
    return JsonResponse(api.get_openapi_schema(path_prefix="/api/v1/"))


@csrf_exempt
def nothing(_request: HttpRequest, **_path: Any) -> HttpResponse:
    """A path that the api doesn't have."""
    return problems.problem(404, "There is no such path; /api/v1/openapi.json lists those there are.")


def _with_problems(view: View) -> View:
    """ninja says 405 in plain text."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = view(request, *args, **kwargs)
        if answer.status_code != 405:
            return answer
        allowed = answer.headers.get("Allow", "")
        return problems.problem(405, f"This path takes {allowed} only.", headers={"Allow": allowed})

    return checked


def _patterns() -> list[URLPattern | URLResolver]:
    found = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern)]
    for pattern in found:
        pattern.callback = _with_problems(pattern.callback)
    return [path(f"v1/{one.pattern}", one.callback, name=one.name) for one in found if one.name != "api-root"]


app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/openapi.json", openapi, name="openapi"),
    *_patterns(),
    re_path(r"^(?P<rest>.*)$", nothing, name="nothing"),
]
