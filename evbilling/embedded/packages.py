"""System packages that no wheel brings: says which are missing, and installs them as root on Debian.

    python3 -m evbilling.embedded.packages run|test

Runs before .venv exists: nothing but the standard library. `run` is what `make run` needs, `test` what the
tests need.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Package:
    """A Debian package, what it is for, and how to see that it is there."""

    name: str
    purpose: str
    is_there: Callable[[], bool]


def chromium() -> str | None:
    """The path of the browser that tests drive."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _makes_environments() -> bool:
    return importlib.util.find_spec("venv") is not None and importlib.util.find_spec("ensurepip") is not None


VENV = Package("python3-venv", "makes .venv", _makes_environments)
PANGO = Package("libpangoft2-1.0-0", "lays out PDFs", lambda: _loads("libpangoft2-1.0.so.0"))
HARFBUZZ = Package(
    "libharfbuzz-subset0", "makes PDFs four times faster", lambda: _loads("libharfbuzz-subset.so.0")
)
CHROMIUM = Package("chromium", "the browser of the tests", lambda: chromium() is not None)
NEEDED = {"run": (VENV, PANGO, HARFBUZZ), "test": (VENV, PANGO, HARFBUZZ, CHROMIUM)}


def missing(task: str) -> list[Package]:
    return [package for package in NEEDED[task] if not package.is_there()]


def install_line(packages: list[Package]) -> str:
    """What a person types to get these."""
    names = " ".join(package.name for package in packages)
    return f"sudo apt-get update && sudo apt-get install -y --no-install-recommends {names}"


def install(packages: list[Package]) -> None:
    """As root on Debian. Raises CalledProcessError if apt-get fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    names = [package.name for package in packages]
    for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *names]):
        print("# apt-get", *arguments, flush=True)
        subprocess.run(["/usr/bin/apt-get", *arguments], env=environment, check=True)


def ensure(task: str) -> None:
    """Return when all packages for the task are there; otherwise exit with the line to type."""
    if not (lacking := missing(task)):
        return
    if os.geteuid() == 0 and Path("/usr/bin/apt-get").exists():
        try:
            install(lacking)
        except subprocess.CalledProcessError as error:
            sys.exit(f"apt-get failed (code {error.returncode}); its words are above.")
        lacking = missing(task)
    if lacking:
        listed = "\n".join(f"  {package.name}: {package.purpose}" for package in lacking)
        sys.exit(f"Missing on this system:\n{listed}\nType:\n  {install_line(lacking)}")


if __name__ == "__main__":
    if sys.argv[1:] not in (["run"], ["test"]):
        sys.exit("usage: python3 -m evbilling.embedded.packages run|test")
    ensure(sys.argv[1])
