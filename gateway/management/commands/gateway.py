"""`manage.py gateway`: the OCPP server."""

import asyncio
import gc
import logging
import signal
import ssl
import sys
from typing import Any

import uvloop
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway import tls
from gateway.options import Options
from gateway.processes import Processes, parent_gone, reserve
from gateway.server import Gateway

logger = logging.getLogger(__name__)
MOST_PROCESSES = 64


class Command(BaseCommand):
    help = "Serve OCPP to charging stations at ws://HOST:PORT/ocpp/<identity>."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=9000, help="0 for any free one")
        parser.add_argument("--processes", type=int, default=1, help="how many share the port")
        parser.add_argument("--tls-certificate", default="", help="PEM file of the certificate chain")
        parser.add_argument("--tls-key", default="", help="PEM file of its key")
        parser.add_argument(
            "--tls-client-ca", default="", help="PEM file of the CA that issues stations' certificates"
        )
        parser.add_argument(
            "--reuse-port", action="store_true", help="share the port with other gateway processes"
        )
        parser.add_argument("--child", action="store_true", help="end when standard input ends")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["processes"] <= MOST_PROCESSES:
            raise CommandError(f"--processes: 1 to {MOST_PROCESSES}")
        if (options["tls_key"] or options["tls_client_ca"]) and not options["tls_certificate"]:
            raise CommandError("--tls-certificate is needed as well")
        try:
            self._run(options)
        except OSError as error:
            raise CommandError(
                f"port {options['port']}: {error.strerror}. Name another one by --port."
            ) from None
        except tls.TlsProblem as error:
            raise CommandError(str(error)) from None

    def _run(self, options: dict[str, Any]) -> None:
        if options["processes"] == 1:
            uvloop.run(self.serve(options))
            return
        with reserve(options["host"], options["port"]) as holder:
            port = holder.getsockname()[1]
            command = [sys.executable, sys.argv[0], "gateway", *_handed_on(options), "--port", str(port)]
            self._announce(options, port)
            asyncio.run(Processes(command, options["processes"], sys.stderr).run())

    async def serve(self, options: dict[str, Any]) -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        files = tls.Files(options["tls_certificate"], options["tls_key"], options["tls_client_ca"])
        context = tls.server_context(files, Options.from_settings()) if files.certificate else None
        if context is not None:
            loop.add_signal_handler(signal.SIGHUP, _load_again, context, files)
        gateway = Gateway(tls=context)
        port = await gateway.start(options["host"], options["port"], reuse_port=options["reuse_port"])
        _calm_collector()
        if options["child"]:
            watching = asyncio.create_task(parent_gone())
            watching.add_done_callback(lambda _: stopping.set())
        else:
            self._announce(options, port)
        await stopping.wait()
        await gateway.stop()

    def _announce(self, options: dict[str, Any], port: int) -> None:
        scheme = "wss" if options["tls_certificate"] else "ws"
        self.stdout.write(f"OCPP gateway at {scheme}://{options['host']}:{port}/ocpp/<identity>")
        self.stdout.flush()


def _handed_on(options: dict[str, Any]) -> list[str]:
    """What each of several processes is told."""
    names = ("host", "tls_certificate", "tls_key", "tls_client_ca", "settings", "pythonpath")
    pairs = [(f"--{name.replace('_', '-')}", options[name]) for name in names if options.get(name)]
    return [*(word for pair in pairs for word in pair), "--reuse-port", "--child"]


def _load_again(context: ssl.SSLContext, files: tls.Files) -> None:
    try:
        tls.load(context, files)
        logger.warning("the certificates were read again")
    except tls.TlsProblem as error:
        logger.error("the certificates in use stay: %s", error)  # noqa: TRY400  the text says it all


def _calm_collector() -> None:
    """Batches of thousands of calls are no garbage: don't search the whole heap for each of them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
