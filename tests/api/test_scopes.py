"""Every route of the api: nothing without a key, nothing of another organisation, all of it in the document."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import Organisation
from api.v1.app import api
from charging import commands
from charging.models import ChargingSession, StationCommand
from stations.models import Station
from tariffs.models import Tariff
from tests.api.conftest import Caller, caller_of, fields_of
from tests.builders import connector_of, make_organisation, make_session, make_site, make_station, make_tariff

pytestmark = pytest.mark.django_db

BODIES: dict[str, Any] = {"/stations/{identity}/commands": {"action": "ClearCache"}}


def routes() -> Iterator[tuple[str, str]]:
    for path, operations in api.get_openapi_schema(path_prefix="")["paths"].items():
        for method in operations:
            yield method, path


ROUTES = list(routes())


@pytest.fixture
def tenant() -> Organisation:
    """An organisation with one of each that the api shows."""
    organisation = make_organisation()
    station = make_station(make_site(organisation))
    make_session(connector_of(station))
    make_tariff(organisation=organisation)
    commands.request(station, "ClearCache", {})
    return organisation


def filled(path: str, tenant: Organisation) -> str:
    """The route with the tenant's own ids in it."""
    own: dict[str, Callable[[], object]] = {
        "identity": lambda: Station.objects.of(tenant).get().identity,
        "command_id": lambda: StationCommand.objects.of(tenant).get().pk,
        "session_id": lambda: ChargingSession.objects.of(tenant).get().pk,
        "tariff_id": lambda: Tariff.objects.of(tenant).get().pk,
    }
    return re.sub(r"{(\w+)}", lambda found: str(own[found[1]]()), path)


def call(caller: Caller, method: str, path: str, url: str) -> Any:
    return caller.get(url) if method == "get" else caller.post(url, BODIES[path])


def test_there_are_routes_to_walk() -> None:
    assert len(ROUTES) >= 11


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[" ".join(route) for route in ROUTES])
class TestEachRoute:
    def test_without_a_key_there_is_401(self, tenant: Organisation, method: str, path: str) -> None:
        answer = call(Caller(), method, path, filled(path, tenant))
        assert answer.status_code == 401
        fields_of(answer)

    def test_with_ones_own_key_it_is_there(self, tenant: Organisation, method: str, path: str) -> None:
        answer = call(caller_of(tenant), method, path, filled(path, tenant))
        assert answer.status_code in (200, 201)

    def test_another_organisations_ids_are_404_and_lists_empty(
        self, tenant: Organisation, method: str, path: str
    ) -> None:
        stranger = caller_of(make_organisation())
        before = StationCommand.objects.count()
        answer = call(stranger, method, path, filled(path, tenant))
        if "{" in path:
            assert answer.status_code == 404
            fields_of(answer)
        else:
            assert answer.json() == {"items": [], "next": None}
        assert StationCommand.objects.count() == before

    def test_a_foreign_id_and_one_that_is_nobodys_look_the_same(
        self, tenant: Organisation, method: str, path: str
    ) -> None:
        stranger = caller_of(make_organisation())
        if "{identity}" not in path:
            return
        foreign = call(stranger, method, path, filled(path, tenant))
        nobodys = call(stranger, method, path, path.replace("{identity}", "NOBODY"))
        assert (foreign.status_code, foreign.content) == (nobodys.status_code, nobodys.content)


def test_the_document_is_public_and_loads_nothing(client: Client) -> None:
    said = client.get("/api/v1/openapi.json").json()
    assert said["openapi"].startswith("3.")
    assert "/api/v1/stations/{identity}/commands" in said["paths"]
    assert said["components"]["securitySchemes"]


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/stations"])
def test_a_path_that_isn_t_there_is_a_problem(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    fields_of(answer)


def test_a_method_that_isn_t_taken_is_a_problem(client: Client) -> None:
    answer = client.delete("/api/v1/stations")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    fields_of(answer)
