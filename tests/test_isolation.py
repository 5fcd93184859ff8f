"""What the other tests rely on: tests stay on this machine, and leave no rows behind."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection

from evbilling.embedded.folder import PROJECT
from tests import databases, network
from tests.cleaning import Baseline
from tests.processes import free_port, manage, start

OUTSIDE = ("192.0.2.1", 9)  # RFC 5737: belongs to nobody

SWALLOWS = """
import contextlib, socket

def test_swallows():
    with contextlib.suppress(OSError):
        socket.create_connection(("192.0.2.1", 9))
"""


@pytest.mark.parametrize("host", [None, "", "localhost", "127.0.0.1", "127.8.9.1", "::1", b"localhost"])
def test_loopback_is_here(host: object) -> None:
    assert network.is_here(host)


@pytest.mark.parametrize("host", ["example.org", "192.0.2.1", "10.0.0.1", "169.254.169.254", "2001:db8::1"])
def test_everything_else_is_not(host: str) -> None:
    assert not network.is_here(host)


def test_names_and_addresses_outside_are_refused() -> None:
    with network.attempts_expected() as tried:
        with pytest.raises(network.NetworkRefusedError, match="example"):
            socket.getaddrinfo("www.example.org", 443)
        with pytest.raises(network.NetworkRefusedError, match="192"):
            socket.create_connection(OUTSIDE)
        with pytest.raises(network.NetworkRefusedError), socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"hello", OUTSIDE)
    assert len(tried) == 3


def test_a_test_that_swallows_the_refusal_fails(tmp_path: Path) -> None:
    (tmp_path / "test_swallows.py").write_text(SWALLOWS)
    command = (sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", os.devnull, str(tmp_path))
    environment = {"PYTHONPATH": str(PROJECT), databases.CHILD: ""}
    with start("inner", *command, folder=tmp_path, environment=environment) as inner:
        assert inner.wait_for_end(timeout_s=60) == 1
    assert "tried to leave this machine" in inner.output()
    network.attempts()


def test_processes_that_tests_start_are_guarded_too(tmp_path: Path) -> None:
    code = "import socket; socket.getaddrinfo('www.example.org', 443)"
    curious = start("curious", sys.executable, "-c", code, folder=tmp_path)
    with network.attempts_expected() as tried, curious:
        assert curious.wait_for_end() == 1
    assert "www.example.org" in tried[0]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", ["first", "second"])
def test_rows_and_cache_of_one_test_are_gone_in_the_next(turn: str) -> None:
    assert not get_user_model().objects.exists()
    assert cache.get("left") is None
    get_user_model().objects.create(email=f"{turn}@example.org")
    cache.set("left", turn)


@pytest.mark.django_db(transaction=True)
def test_what_migrations_made_comes_back() -> None:
    url = databases.postgres.url(connection.settings_dict["NAME"])
    baseline = Baseline.of(url)
    before = set(ContentType.objects.values_list("app_label", "model"))
    assert before
    with psycopg.connect(url) as other:
        other.execute("SET session_replication_role = replica")
        other.execute("DELETE FROM django_content_type")
        other.execute("UPDATE django_migrations SET name = 'changed'")

    baseline.restore(url)
    ContentType.objects.clear_cache()
    assert set(ContentType.objects.values_list("app_label", "model")) == before
    assert Baseline.of(url).seeds == baseline.seeds


@pytest.mark.django_db(transaction=True)
def test_processes_that_tests_start_use_the_suites_database(tmp_path: Path) -> None:
    get_user_model().objects.create(email="shared@example.org")
    code = "from accounts.models import User; print(list(User.objects.values_list('email', flat=True)))"
    with start("shell", *manage("shell", "-v0", "-c", code), folder=tmp_path) as shell:
        assert shell.wait_for_end(timeout_s=60) == 0
    assert "shared@example.org" in shell.output()


def test_a_killed_process_can_be_started_again(tmp_path: Path) -> None:
    port = free_port()
    with start(
        "server", sys.executable, "-m", "http.server", str(port), "-b", "127.0.0.1", folder=tmp_path
    ) as server:
        server.wait_for_port(port)
        first = server.pid
        server.kill()
        server.restart()
        server.wait_for_port(port)
        assert server.pid != first
        assert server.stop() != 0
