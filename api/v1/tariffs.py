"""Tariffs and their immutable versions."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from ninja import Query, Router

from accounts.models import Organisation
from api import keys
from api.problems import Problem
from api.v1 import schemas
from api.v1.paging import PageAsked, page_of, refuse_unknown
from tariffs.models import Tariff

router = Router(tags=["Tariffs"])
PROBLEMS = {frozenset({401, 403, 404, 422, 429}): Problem}


def _tariffs_of(organisation: Organisation) -> QuerySet[Tariff]:
    found: QuerySet[Tariff] = Tariff.objects.of(organisation).prefetch_related("versions")
    return found


@router.get("/tariffs", response={200: schemas.TariffPage, **PROBLEMS}, auth=keys.reads)
def tariffs(request: HttpRequest, asked: Query[PageAsked]) -> dict[str, Any]:
    """All tariffs, the newest first."""
    refuse_unknown(request, PageAsked)
    return page_of(_tariffs_of(keys.organisation_of(request)), "created_at", asked, tariff_json)


@router.get("/tariffs/{tariff_id}", response={200: schemas.Tariff, **PROBLEMS}, auth=keys.reads)
def tariff(request: HttpRequest, tariff_id: UUID) -> dict[str, Any]:
    """One tariff with all its versions."""
    found = _tariffs_of(keys.organisation_of(request)).filter(pk=tariff_id).first()
    if found is None:
        raise Http404
    return tariff_json(found)


def tariff_json(tariff: Tariff) -> dict[str, Any]:
    """As schemas.Tariff has it."""
    names = ("id", "name", "currency", "archived_at", "created_at")
    versions = [
        {name: getattr(one, name) for name in ("number", "valid_from", "published_at", "document")}
        for one in tariff.versions.all()
    ]
    return {name: getattr(tariff, name) for name in names} | {"versions": versions}
