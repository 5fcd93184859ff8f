"""``python -m fakestripe``: the local Stripe as a process of its own."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from fakestripe.journal import JournalError
from fakestripe.server import Server


def main(arguments: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; 1 when it can't start, with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="fakestripe", description="A local Stripe. No real money moves.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
    parser.add_argument("--port", type=int, default=12111, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--state", type=Path, help="keep the state in this file; without it, in memory only")
    parser.add_argument("--speed", type=float, default=1.0, help="run the clock this many times faster")
    options = parser.parse_args(arguments)
    try:
        server = Server(host=options.host, port=options.port, state=options.state, speed=options.speed)
    except (OSError, ValueError, JournalError) as error:
        sys.stderr.write(f"fakestripe: {error}\n")
        return 1
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with server:
        sys.stdout.write(f"fakestripe: listening on {server.url} (key {server.key})\n")
        sys.stdout.flush()
        stop.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
