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
from collections.abc import Iterator
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
SLOWEST_APP = "djstripe"

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

    Built in two steps: the first holds dj-stripe, whose migrations take five times as long as all others, and
    what those need. So a new migration of ours costs seconds.
    """
    first = _built(
        admin, f"first_{digest_of(migrations_up_to(SLOWEST_APP))}", None, [SLOWEST_APP], fresh=fresh
    )
    return _built(admin, f"template_{migrations_digest()}", first, [], fresh=fresh)


def _built(
    admin: psycopg.Connection, name: str, source: str | None, arguments: list[str], *, fresh: bool
) -> str:
    kind = name.partition("_")[0] + "_"
    if name in _names(admin, kind):
        if not fresh:
            return name
        _drop(admin, name)
    for outdated in _names(admin, kind)[: 1 - TEMPLATES_KEPT]:
        _drop(admin, outdated)
    building = f"building_{os.getpid()}"
    _clone(admin, source or "template1", building)
    _migrate(building, *arguments)
    admin.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (building, name))))
    return name


def _migrate(database: str, *arguments: str) -> None:
    what = " ".join(["manage.py migrate", *arguments])
    print(f"\nTest database: {what}, once per change of these migrations ...", file=sys.stderr, flush=True)
    own = {CHILD: "1", "DATABASE_URL": postgres.url(database), "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, *what.split(), "--verbosity", "0"]
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ | own, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"`{what}` on an empty database failed:\n{done.stdout}{done.stderr}")


def migrations_up_to(app: str) -> list[Path]:
    """The files of the app's migrations and of all that they depend on."""
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None)
    plan = {node for leaf in loader.graph.leaf_nodes(app) for node in loader.graph.forwards_plan(leaf)}
    return [Path(str(sys.modules[loader.graph.nodes[node].__module__].__file__)) for node in sorted(plan)]


def migrations_digest() -> str:
    """Changes with every migration of every installed app, ours or not."""
    from django.apps import apps

    configurations = sorted(apps.get_app_configs(), key=lambda app: app.name)
    return digest_of(
        [path for app in configurations for path in sorted(Path(app.path, "migrations").glob("*.py"))]
    )


def digest_of(files: list[Path]) -> str:
    """Of names and contents, and of the database's version."""
    digest = hashlib.sha256(postgres.data.joinpath("PG_VERSION").read_bytes())
    for path in files:
        digest.update(f"{path.parent.parent.name}/{path.name}\0".encode() + path.read_bytes())
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
