"""`manage.py gateway`: the OCPP server."""

import asyncio
import gc
import signal
import ssl
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.server import Gateway


class Command(BaseCommand):
    help = "Serve OCPP to charging stations at ws://HOST:PORT/ocpp/<identity>."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=9000, help="0 for any free one")
        parser.add_argument("--tls-certificate", help="PEM file of the certificate chain")
        parser.add_argument("--tls-key", help="PEM file of its key")
        parser.add_argument(
            "--reuse-port", action="store_true", help="share the port with other gateway processes"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            uvloop.run(self.serve(options))
        except OSError as error:
            raise CommandError(
                f"port {options['port']}: {error.strerror}. Name another one by --port."
            ) from None

    async def serve(self, options: dict[str, Any]) -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        tls = _tls(options["tls_certificate"], options["tls_key"])
        gateway = Gateway(tls=tls)
        port = await gateway.start(options["host"], options["port"], reuse_port=options["reuse_port"])
        _calm_collector()
        scheme = "wss" if tls else "ws"
        self.stdout.write(f"OCPP gateway at {scheme}://{options['host']}:{port}/ocpp/<identity>")
        self.stdout.flush()
        await stopping.wait()
        await gateway.stop()


def _calm_collector() -> None:
    """Batches of thousands of calls are no garbage: don't search the whole heap for each of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def _tls(certificate: str | None, key: str | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise CommandError(f"--tls-certificate {certificate}: {error}") from None
    return context
