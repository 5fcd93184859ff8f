"""Blocking calls of the database, in threads whose connections are dropped when they break."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, connection

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """A few threads for queries; the writer has one of its own."""

    def __init__(self, threads: int = 3) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="query", initializer=None)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result; a broken connection raises OperationalError and is not used again."""

        def guarded() -> T:
            try:
                return function(*args, **kwargs)
            except (OperationalError, InterfaceError):
                connection.close()
                raise

        return await asyncio.get_running_loop().run_in_executor(self._threads, guarded)

    def close(self) -> None:
        self._threads.shutdown(wait=True)
