"""The embedded PostgreSQL and Valkey: started by whoever comes first, shared, kept, recovered, ended."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from evbilling.embedded import EmbeddedError, Postgres, Use, Valkey
from evbilling.embedded.service import Service
from tests.processes import Running, start, wait_until

USER = """
import signal
from evbilling.embedded import database_url, redis_url
print("ready", database_url(), redis_url(), flush=True)
signal.pause()
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    home = tmp_path / "run"
    yield home
    for service in (Postgres(home / "postgres"), Valkey(home / "valkey")):
        assert Use(service).leave(wait_s=20), f"{service.name} outlives its users"


def a_user(home: Path, name: str = "user") -> Running:
    """A process that uses both services until it is ended."""
    environment = {"EVBILLING_RUN_DIR": str(home)}
    return start(name, sys.executable, "-c", USER, folder=home.parent, environment=environment)


def joined(service: Service) -> Use:
    use = Use(service)
    use.join()
    return use


def first_pid(service: Service) -> int:
    return wait_until(service.pids, what=f"a process of {service.name}")[0]


def guard_pid(service: Service) -> int:
    """The guard is the parent of what it started."""
    stat = Path(f"/proc/{first_pid(service)}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def await_end(service: Service) -> None:
    wait_until(lambda: not service.pids(), what=f"the end of {service.name}")


def is_gone(pid: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()  # ended, not yet collected
    except FileNotFoundError:
        return True


def write(service: Postgres, text: str) -> None:
    with psycopg.connect(service.url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def notes(service: Postgres) -> list[str]:
    with psycopg.connect(service.url()) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM notes ORDER BY text")]


def test_data_is_kept_between_starts(home: Path) -> None:
    database, queue = Postgres(home / "postgres"), Valkey(home / "valkey")
    uses = [joined(database), joined(queue)]
    write(database, "kept")
    redis.Redis.from_url(queue.url()).set("note", "kept")
    assert all(use.leave(wait_s=20) for use in uses)
    assert database.pids() == queue.pids() == []

    uses = [joined(database), joined(queue)]
    assert notes(database) == ["kept"]
    assert redis.Redis.from_url(queue.url()).get("note") == b"kept"
    assert all(use.leave(wait_s=20) for use in uses)


def test_many_at_once_share_one_server_that_outlives_the_first(home: Path) -> None:
    users = [a_user(home, f"user{number}") for number in range(6)]
    database = Postgres(home / "postgres")
    urls = {user.wait_for_output(r"ready (.+)\n").group(1) for user in users}
    server = first_pid(database)

    for user in users[:-1]:
        user.stop()
    assert len(urls) == 1
    assert database.pids()[0] == server
    assert database.is_ready()

    users[-1].stop()
    await_end(database)


def test_services_end_after_a_user_that_was_killed(home: Path) -> None:
    user = a_user(home)
    user.wait_for_output("ready")
    user.kill()

    for service in (Postgres(home / "postgres"), Valkey(home / "valkey")):
        await_end(service)


@pytest.mark.parametrize("kind", [Postgres, Valkey])
def test_a_killed_server_comes_back_with_what_it_had_acknowledged(home: Path, kind: type[Service]) -> None:
    service = kind(home / kind.name)
    use = joined(service)
    if isinstance(service, Postgres):
        write(service, "acknowledged")
    else:
        redis.Redis.from_url(Valkey(service.home).url()).set("note", "acknowledged")
    killed = first_pid(service)
    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: service.is_ready() and service.pids()[0] != killed, what="a new server")
    if isinstance(service, Postgres):
        assert notes(service) == ["acknowledged"]
    else:
        assert redis.Redis.from_url(Valkey(service.home).url()).get("note") == b"acknowledged"
    assert use.leave(wait_s=20)


@pytest.mark.parametrize("kind", [Postgres, Valkey])
def test_a_server_without_a_guard_is_taken_over(home: Path, kind: type[Service]) -> None:
    service = kind(home / kind.name)
    use = joined(service)
    server = first_pid(service)
    guard = guard_pid(service)
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: is_gone(guard), what="the end of the guard")

    use.join()
    assert service.pids()[0] == server
    assert use.leave(wait_s=20)
    assert service.pids() == []


@pytest.mark.parametrize("kind", [Postgres, Valkey])
def test_the_last_user_ends_a_server_whose_guard_was_killed(home: Path, kind: type[Service]) -> None:
    service = kind(home / kind.name)
    use = joined(service)
    guard = guard_pid(service)
    os.kill(guard, signal.SIGKILL)
    wait_until(lambda: is_gone(guard), what="the end of the guard")

    assert use.leave(wait_s=20)
    assert service.pids() == []


def test_lock_files_of_a_dead_server_do_not_stop_the_next(home: Path) -> None:
    """In a container, the process id in a stale lock file soon belongs to somebody else: here, to us."""
    database = Postgres(home / "postgres")
    use = joined(database)
    write(database, "kept")
    lock = (database.data / "postmaster.pid").read_text()
    assert use.leave(wait_s=20)
    for path in (database.data / "postmaster.pid", Path(f"{database.socket}.lock")):
        path.write_text(lock.replace(lock.split()[0], str(os.getpid()), 1))
    database.socket.touch()

    use.join()
    assert notes(database) == ["kept"]
    assert use.leave(wait_s=20)


def test_a_half_made_data_folder_is_made_anew(home: Path) -> None:
    database = Postgres(home / "postgres")
    database.prepare()
    half_made = database.home / "data.new"
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("18\n")

    use = joined(database)
    assert database.is_ready()
    assert use.leave(wait_s=20)


def test_a_path_too_long_for_a_socket_still_works(home: Path) -> None:
    deep = home / ("a" * 60) / ("b" * 60)
    database, queue = Postgres(deep / "postgres"), Valkey(deep / "valkey")
    uses = [joined(database), joined(queue)]

    assert len(str(database.home / database.socket_name)) > 107 > len(str(database.socket))
    write(database, "here")
    assert redis.Redis.from_url(queue.url()).ping()
    assert database.socket_dir.stat().st_mode & 0o777 == 0o700
    assert all(use.leave(wait_s=20) for use in uses)
    for service in (database, queue):
        assert not service.socket.exists()


def test_a_path_with_odd_characters_works_in_urls(home: Path) -> None:
    odd = home / "Größe & 100% \"so\" + 'so'?"
    database, queue = Postgres(odd / "postgres"), Valkey(odd / "valkey")
    uses = [joined(database), joined(queue)]

    write(database, "here")
    assert notes(database) == ["here"]
    assert redis.Redis.from_url(queue.url()).ping()
    assert all(use.leave(wait_s=20) for use in uses)


def test_nothing_listens_on_the_network(home: Path) -> None:
    services = [Postgres(home / "postgres"), Valkey(home / "valkey")]
    uses = [joined(service) for service in services]

    listening = {
        line.split()[9]
        for table in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    }
    for service in services:
        held = {os.readlink(link) for pid in service.pids() for link in Path(f"/proc/{pid}/fd").iterdir()}
        assert not {f"socket:[{inode}]" for inode in listening} & held
        assert service.home.stat().st_mode & 0o777 == 0o700
    assert all(use.leave(wait_s=20) for use in uses)


def test_data_of_another_version_is_refused_with_what_to_do(home: Path) -> None:
    database = Postgres(home / "postgres")
    database.prepare()
    database.data.mkdir()
    (database.data / "PG_VERSION").write_text("16\n")

    with pytest.raises(EmbeddedError, match="made by PostgreSQL 16; this is 18"):
        Use(database).join()


def test_a_server_that_cannot_start_shows_its_log(home: Path) -> None:
    database = Postgres(home / "postgres")
    use = joined(database)
    assert use.leave(wait_s=20)
    (database.data / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(EmbeddedError, match="no_such_setting"):
        Use(database).join()


def test_settings_can_be_read_without_starting_anything(home: Path) -> None:
    environment = {"EVBILLING_RUN_DIR": str(home), "EVBILLING_EMBEDDED": "off"}
    user = start("reader", sys.executable, "-c", USER, folder=home.parent, environment=environment)
    user.wait_for_output("ready postgresql://evbilling@/evbilling")
    user.kill()
    assert not home.exists()
