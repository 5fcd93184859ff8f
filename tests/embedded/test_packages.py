"""System packages: a missing one ends with the exact line to type, or is installed as root."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from evbilling import checks
from evbilling.embedded import packages
from evbilling.embedded.folder import PROJECT
from evbilling.embedded.packages import Package

LINE = "sudo apt-get update && sudo apt-get install -y --no-install-recommends no-such-library"


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> Package:
    package = Package("no-such-library", "proves a point", lambda: False)
    monkeypatch.setitem(packages.NEEDED, "run", (package,))
    return package


def test_a_normal_user_is_told_the_line_to_type(lacking: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit) as ended:
        packages.ensure("run")
    assert "no-such-library: proves a point" in str(ended.value)
    assert str(ended.value).endswith(LINE)


def test_root_gets_it_installed(lacking: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[Package] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(packages, "install", installed.extend)
    with pytest.raises(SystemExit, match="no-such-library"):
        packages.ensure("run")  # it is still missing afterwards: that must not pass in silence
    assert installed == [lacking]


def test_it_needs_nothing_but_the_standard_library() -> None:
    """It runs before .venv exists: -I -S keeps site-packages and our environment out."""
    code = f"import sys; sys.path.insert(0, {str(PROJECT)!r}); import evbilling.embedded.packages"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)


def test_this_machine_has_what_tests_need() -> None:
    assert packages.missing("test") == []


def test_a_library_that_cannot_be_loaded_is_missing() -> None:
    assert not packages._loads("libno-such-thing.so.0")


def test_the_system_check_says_that_pdfs_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Package("libpangoft2-1.0-0", "lays out PDFs", lambda: False)
    monkeypatch.setattr(checks, "PANGO", gone)
    (found,) = checks.libraries_of_pdfs()
    assert found.is_serious()
    assert "apt-get install" in str(found.hint)
