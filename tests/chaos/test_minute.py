"""The short form of `make chaos`: the whole system under its supervisor, and every process killed at least once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evbilling.embedded import Postgres, Use
from evbilling.embedded.folder import PROJECT
from tests import databases

BOUND_S = 420  # alone it takes about a minute; on a machine with other work, several


@pytest.fixture
def folder(django_db_setup: None, tmp_path: Path) -> Path:
    """A run folder whose PostgreSQL has the tables already: migrating takes longer than all the rest."""
    folder = tmp_path / "run"
    postgres = Postgres(folder / "postgres")
    use = Use(postgres)
    use.join()
    try:
        _copy_tables(postgres)
    finally:
        assert use.leave(wait_s=30)
    return folder


def _copy_tables(target: Postgres) -> None:
    owner = target.prepare()
    source = databases.postgres.url(f"suite_{os.getpid()}")
    dump = subprocess.run(
        [str(target._program("pg_dump", owner)), "--no-owner", "--no-privileges", source],
        capture_output=True, check=True,
    )  # fmt: skip
    load = [str(target._program("psql", owner)), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-1", target.url()]
    subprocess.run(load, input=dump.stdout, capture_output=True, check=True)


def test_nothing_acknowledged_is_lost_and_all_energy_billed_once_whatever_is_killed(folder: Path) -> None:
    began = time.monotonic()
    words = ["--minutes", "0.3", "--stations", "10", "--every", "3.5", "--folder", str(folder)]
    words += ["--sessions-per-hour", "600", "--meter-interval", "1"]
    environment = {name: value for name, value in os.environ.items() if name != databases.CHILD}
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *words],
        cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=BOUND_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    for victim in ("gateway", "postgres", "rqworker", "scheduler"):
        assert f"{victim} " in done.stdout.partition("Killed:")[2].partition("\n")[0], done.stdout
    assert "acknowledged facts are there once" in done.stdout
    print(f"{time.monotonic() - began:.0f} s")
