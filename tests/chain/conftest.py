"""The whole system as processes on the suite's database: what `make run` starts, without its supervisor."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.processes import Running, free_port, manage, start

WEB = ("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--no-access-log")


@dataclass(frozen=True)
class System:
    """Running processes by name, and where they listen."""

    web_url: str
    gateway_url: str
    processes: dict[str, Running]

    def kill(self, *names: str) -> None:
        """kill -9, and start again."""
        for name in names:
            self.processes[name].kill()
        for name in names:
            self.processes[name].restart()
            self.wait_for(name)

    def wait_for(self, name: str) -> None:
        if name in PORTS:
            self.processes[name].wait_for_port(PORTS[name], timeout_s=40)


PORTS: dict[str, int] = {}


@pytest.fixture
def system(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[System]:
    """Everything up, on ports of its own."""
    PORTS.update(web=free_port(), gateway=free_port(), stripe=free_port())
    urls = {
        "BASE_URL": f"http://127.0.0.1:{PORTS['web']}",
        "FAKESTRIPE_URL": f"http://127.0.0.1:{PORTS['stripe']}",
        "MEDIA_ROOT": str(tmp_path / "media"),
    }
    settings.BASE_URL, settings.FAKESTRIPE_URL = urls["BASE_URL"], urls["FAKESTRIPE_URL"]
    settings.MEDIA_ROOT = urls["MEDIA_ROOT"]
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {**settings.STORAGES["default"], "OPTIONS": {"location": urls["MEDIA_ROOT"]}},
    }
    python = manage()[0]
    state = str(tmp_path / "stripe.json")
    commands = {
        "stripe": [python, "-m", "fakestripe", "--port", str(PORTS["stripe"]), "--state", state],
        "web": [python, *WEB, "--port", str(PORTS["web"]), "evbilling.wsgi:application"],
        "gateway": manage("gateway", "--port", str(PORTS["gateway"])),
        "scheduler": manage("scheduler"),
        "worker": manage("rqworker", "default", "documents", "--worker-class", "rq.SimpleWorker"),
    }
    processes = {
        name: start(name, *command, folder=tmp_path, environment=urls) for name, command in commands.items()
    }
    running = System(urls["BASE_URL"], f"ws://127.0.0.1:{PORTS['gateway']}/ocpp", processes)
    try:
        for name in processes:
            running.wait_for(name)
        yield running
    finally:
        for process in processes.values():
            process.kill()
