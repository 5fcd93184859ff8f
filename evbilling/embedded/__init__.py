"""PostgreSQL and Valkey for a machine where nobody installed them.

Settings call `database_url()` and `redis_url()` when `DATABASE_URL` or `REDIS_URL` is not set. The first
caller starts the service under `.run/` (`EVBILLING_RUN_DIR` names another folder), later ones share it, and
it ends when its last user is gone. Both listen on Unix sockets only. Nothing here needs Django.
"""

from __future__ import annotations

import os
import sys
from typing import TypeVar

from evbilling.embedded.folder import EmbeddedError, run_dir
from evbilling.embedded.guard import Use
from evbilling.embedded.postgres import Postgres
from evbilling.embedded.valkey import Valkey

__all__ = ["EmbeddedError", "Postgres", "Use", "Valkey", "database_url", "redis_url", "run_dir"]

AnyService = TypeVar("AnyService", Postgres, Valkey)
_uses: dict[str, Use] = {}


def database_url() -> str:
    """The URL of the embedded PostgreSQL, started if need be. Raises EmbeddedError, which says what to do."""
    return _used(Postgres(run_dir() / "postgres")).url()


def redis_url() -> str:
    """The URL of the embedded Valkey, started if need be. Raises EmbeddedError, which says what to do."""
    return _used(Valkey(run_dir() / "valkey")).url()


def _used(service: AnyService) -> AnyService:
    if _wanted():
        _uses.setdefault(service.name, Use(service)).join()
    return service


def _wanted() -> bool:
    """Tools that only read the settings get the URL without a server behind it."""
    return os.environ.get("EVBILLING_EMBEDDED") != "off" and "mypy" not in sys.modules
