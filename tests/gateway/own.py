"""A gateway inside the test's process, for tests that need other options than everybody's."""

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.options import Options
from gateway.server import Gateway


@contextmanager
def own_gateway(options: Options | None = None, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL of a gateway that runs in a thread of its own while the block lasts."""
    ready, stopping = threading.Event(), threading.Event()
    port: list[int] = []
    failed: list[Exception] = []

    async def serve() -> None:
        gateway = Gateway(options or Options(), tls)
        port.append(await gateway.start("127.0.0.1", 0))
        ready.set()
        while not stopping.is_set():
            await asyncio.sleep(0.01)
        await gateway.stop()

    def run() -> None:
        try:
            asyncio.run(serve())
        except Exception as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(20), "the gateway does not start"
    try:
        yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port[0]}/ocpp"
    finally:
        stopping.set()
        thread.join(20)
        assert not thread.is_alive(), "the gateway does not stop"
        assert not failed, failed
