"""The guard of one embedded service; `evbilling.embedded.guard` starts it and tells what it does."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from evbilling.embedded.guard import KINDS, Guard


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m evbilling.embedded", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("home", type=Path, help="the folder of its data")
    parser.add_argument("--fast", action="store_true", help="for tests: no safety against power loss")
    options = parser.parse_args()
    if os.fork():  # whoever started us need not collect us
        os._exit(0)
    os.setsid()
    Guard(KINDS[options.kind](options.home, fast=options.fast)).run()


if __name__ == "__main__":
    main()
