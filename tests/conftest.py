"""What all tests share: their own database and queue, and no way out of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests import databases, network
from tests.chromium import browser  # noqa: F401  a fixture for all
from tests.cleaning import Baseline


@pytest.fixture(scope="session", autouse=True)
def _refuse_the_network(tmp_path_factory: pytest.TempPathFactory) -> None:
    os.environ[network.ATTEMPTS_FILE] = str(tmp_path_factory.mktemp("network") / "attempts")
    network.install()


@pytest.fixture(autouse=True)
def _stay_on_this_machine(_refuse_the_network: None) -> Iterator[None]:
    """Fail a test that tried to reach the network, even if the code under test swallowed the refusal."""
    network.attempts()
    yield
    if tried := network.attempts():
        pytest.fail("This test tried to leave this machine:\n" + "\n".join(tried), pytrace=False)


@pytest.fixture(scope="session")
def queue_server() -> Iterator[str]:
    """The URL of a Valkey of this process's own; tests that use the database have it as well."""
    with databases.own_valkey():
        yield databases.valkey.url()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_createdb: bool,
    queue_server: str,
) -> Iterator[None]:
    """A database cloned from the migrated template. `--create-db` builds the template anew."""
    from django.db import connections
    from django.test import TransactionTestCase

    with databases.own_database(fresh_template=django_db_createdb) as name:
        url = databases.postgres.url(name)
        os.environ["DATABASE_URL"] = url
        connections.settings["default"]["NAME"] = name
        connections["default"].settings_dict["NAME"] = name
        baseline = Baseline.of(url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: baseline.restore(url))
            yield
        with django_db_blocker.unblock():
            connections.close_all()


@pytest.fixture(autouse=True)
def _empty_queues(request: pytest.FixtureRequest) -> Iterator[None]:
    """Cache, queues and live updates start empty for each test that has a queue server."""
    yield
    if {"queue_server", "django_db_setup"} & set(request.fixturenames):
        _flush()


def _flush() -> None:
    import redis

    with redis.Redis.from_url(databases.valkey.url()) as client:
        client.flushall()


@pytest.fixture
def process_folder(tmp_path: Path) -> Path:
    """Where processes that a test starts write their output."""
    return tmp_path
