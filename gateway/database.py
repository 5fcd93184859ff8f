"""Blocking calls of the database, in threads whose connections are dropped when they break."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """A few threads for queries; the writer has one of its own."""

    def __init__(self, threads: int = 3) -> None:
        self._opened: list[BaseDatabaseWrapper] = []
        self._threads = ThreadPoolExecutor(threads, "query", initializer=self._remember)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result; a broken connection raises OperationalError and is not used again."""

        def guarded() -> T:
            try:
                return function(*args, **kwargs)
            except (OperationalError, InterfaceError):
                connection.close()
                raise

        return await asyncio.get_running_loop().run_in_executor(self._threads, guarded)

    async def close(self) -> None:
        """Wait for what is running and close the connections."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._threads.shutdown(wait=True)
        for opened in self._opened:
            opened.inc_thread_sharing()  # its own thread is gone
            opened.close()

    def _remember(self) -> None:
        self._opened.append(connections[DEFAULT_DB_ALIAS])
