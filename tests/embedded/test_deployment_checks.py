"""`manage.py check --deploy` warns of everything that suits one's own machine only."""

from __future__ import annotations

from pytest_django import Settings

from evbilling import checks
from evbilling.embedded import Postgres, Valkey, run_dir


def test_embedded_services_are_warned_of(settings: Settings) -> None:
    host = str(Postgres(run_dir() / "postgres").socket_dir)
    settings.DATABASES = {"default": {"OPTIONS": {"host": host}}}
    settings.REDIS_URL = Valkey(run_dir() / "valkey").url()
    assert [found.id for found in checks.services_of_their_own()] == ["evbilling.W002", "evbilling.W003"]


def test_servers_of_their_own_are_not(settings: Settings) -> None:
    settings.DATABASES = {"default": {"HOST": "database.example"}}
    settings.REDIS_URL = "redis://queue.example/0"
    assert checks.services_of_their_own() == []
