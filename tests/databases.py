"""PostgreSQL and Valkey for tests.

All suites of one checkout share one PostgreSQL under `.run/test/`. Each process of each suite gets a database
of its own, cloned from a template that the real migrations made once (dj-stripe alone takes half a minute),
and a Valkey of its own. What a killed run left behind is removed by the next.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from evbilling.embedded import Postgres, Use, Valkey, run_dir
from evbilling.embedded.folder import PROJECT
from evbilling.embedded.locks import FileLock

HOME = run_dir() / "test"
CHILD = "EVBILLING_TEST_PROCESS"  # set for processes that tests start: they use the suite's services
TEMPLATES_KEPT = 4
SLOW_AND_BELOW = ("djstripe", "accounts", "django.contrib.auth", "django.contrib.contenttypes")

postgres = Postgres(HOME / "postgres", fast=True)
valkey = Valkey(HOME / f"valkey-{os.getpid()}", fast=True)


def point_to_own_services() -> None:
    """Before the project's settings are read: name our services, without starting them yet."""
    if CHILD not in os.environ:
        os.environ["DATABASE_URL"] = postgres.url("before_any_test")
        os.environ["REDIS_URL"] = valkey.url()


@contextmanager
def own_valkey() -> Iterator[None]:
    """A Valkey for this process alone, gone with it."""
    HOME.mkdir(parents=True, exist_ok=True)
    _remove_leftover_valkeys()
    use = Use(valkey)
    use.join()
    try:
        yield
    finally:
        if use.leave(wait_s=10):
            shutil.rmtree(valkey.home)


@contextmanager
def own_database(*, fresh_template: bool = False) -> Iterator[str]:
    """A migrated database for this process alone; yields its name. `fresh_template` distrusts the cache."""
    HOME.mkdir(parents=True, exist_ok=True)
    use = Use(postgres)
    use.join()
    name = f"suite_{os.getpid()}"
    try:
        with FileLock(HOME / "databases.lock"), _admin() as admin:
            _drop_leftovers(admin)
            template = _template(admin, fresh=fresh_template)
            _clone(admin, template, name)
        yield name
        with _admin() as admin:
            _drop(admin, name)
    finally:
        use.leave()


def _admin() -> psycopg.Connection:
    return psycopg.connect(postgres.url("postgres"), autocommit=True)


def _names(admin: psycopg.Connection, prefix: str) -> list[str]:
    rows = admin.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY oid", [prefix]
    )
    return [name for (name,) in rows]


def _template(admin: psycopg.Connection, *, fresh: bool) -> str:
    """The name of a database that holds exactly what the migrations make; built unless it is there.

    It grows on a base with dj-stripe's tables, which takes longest and changes seldom.
    """
    base = f"base_{migrations_digest(only=SLOW_AND_BELOW)}"
    _kept(admin, base, "template1", fresh, "djstripe")
    template = f"template_{migrations_digest()}"
    _kept(admin, template, base, fresh)
    return template


def _kept(admin: psycopg.Connection, name: str, origin: str, fresh: bool, *migrate: str) -> None:
    """Have the database `name`, made from `origin` by migrations, unless it is there and trusted."""
    family = name.partition("_")[0] + "_"
    known = _names(admin, family)
    if name in known:
        if not fresh:
            return
        _drop(admin, name)
    for outdated in known[: 1 - TEMPLATES_KEPT]:
        _drop(admin, outdated)
    building = f"building_{os.getpid()}"
    _clone(admin, origin, building)
    _migrate(building, *migrate)
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (building, name))))


def _migrate(database: str, *apps: str) -> None:
    print(
        "\nBuilding the template database: once per change of the migrations ...", file=sys.stderr, flush=True
    )
    own = {CHILD: "1", "DATABASE_URL": postgres.url(database), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "manage.py", "migrate", *apps, "--verbosity", "0"]
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"`manage.py migrate` on an empty database failed:\n{done.stdout}{done.stderr}")


def migrations_digest(only: Container[str] | None = None) -> str:
    """Changes with every migration of every installed app, ours or not, or of those named."""
    from django.apps import apps

    digest = hashlib.sha256(postgres.data.joinpath("PG_VERSION").read_bytes())
    chosen = [app for app in apps.get_app_configs() if only is None or app.name in only]
    for app in sorted(chosen, key=lambda app: app.name):
        for path in sorted(Path(app.path, "migrations").glob("*.py")):
            digest.update(f"{app.name}/{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _clone(admin: psycopg.Connection, template: str, name: str) -> None:
    _drop(admin, name)
    admin.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    )


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_leftovers(admin: psycopg.Connection) -> None:
    for name in (*_names(admin, "suite_"), *_names(admin, "building_")):
        if not _is_alive(int(name.rpartition("_")[2])):
            _drop(admin, name)


def _remove_leftover_valkeys() -> None:
    for home in HOME.glob("valkey-*"):
        if not _is_alive(int(home.name.rpartition("-")[2])) and FileLock(home / "guard.lock").is_free():
            shutil.rmtree(home, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
