"""A client that asks with an organisation's key."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import ApiKey, Organisation
from stations.models import Station
from tests.builders import make_organisation, make_site, make_station

SCOPES = tuple(ApiKey.Scope.values)


class Caller:
    """Asks the api as the holder of `key`; without one, as nobody."""

    def __init__(self, key: str = "") -> None:
        self.client = Client(headers={"Authorization": f"Bearer {key}"} if key else {})

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1{path}", query)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        return self.client.post(
            f"/api/v1{path}", body, content_type="application/json", headers=headers or None
        )


CallerOf = Callable[..., Caller]


@pytest.fixture
def organisation(db: None) -> Organisation:
    return make_organisation()


@pytest.fixture
def station(organisation: Organisation) -> Station:
    return make_station(make_site(organisation), evses=2, name="Harbour 1")


@pytest.fixture
def caller(organisation: Organisation) -> Caller:
    """With a key that may do everything."""
    return caller_of(organisation)


def caller_of(organisation: Organisation, *scopes: str) -> Caller:
    _row, key = ApiKey.issue(organisation, "test", scopes or SCOPES)
    return Caller(key)


def fields_of(answer: Any) -> set[str]:
    """The fields that a problem names; fails for what is none."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == answer.status_code
    return {one["field"] for one in said.get("errors", ())}
