"""Several gateways hold the stations of one database: each station once, each command once."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from websockets.exceptions import ConnectionClosed, InvalidStatus

from charging import commands, nudges
from charging.models import StationCommand
from charging.nudges import station_key
from gateway import commanding
from gateway.models import OcppMessage
from gateway.registry import Message, Registry
from stations.models import Station
from tests import databases
from tests.gateway.conftest import PASSWORD
from tests.gateway.own import own_gateway
from tests.gateway.station import ScriptedStation
from tests.gateway.test_admission import dead_connection
from tests.processes import Running, manage, start, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two(transactional_db: None) -> Iterator[tuple[str, str]]:
    with own_gateway() as first, own_gateway() as second:
        yield first, second


@pytest.fixture
def valkey(queue_server: str) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(queue_server) as client:
        yield client


def entry_of(valkey: "redis.Redis", station: Station) -> bytes:
    return bytes(valkey.get(station_key(station.identity)) or b"")  # type: ignore[arg-type]  # not awaited


def claimed(valkey: "redis.Redis", station: Station, other_than: bytes = b"") -> bytes:
    wait_until(lambda: entry_of(valkey, station) not in (b"", other_than), what="an entry")
    return entry_of(valkey, station)


def refused_at(url: str, station: Station) -> int:
    with pytest.raises(InvalidStatus) as refused:
        ScriptedStation(url, station.identity, PASSWORD)
    return refused.value.response.status_code


# -- one station, two gateways


def test_a_second_connection_at_another_gateway_is_refused_while_the_first_lives(
    two: tuple[str, str], station: Station, valkey: "redis.Redis"
) -> None:
    with ScriptedStation(two[0], station.identity, PASSWORD) as first:
        claimed(valkey, station)
        with ThreadPoolExecutor(1) as threads:
            assert threads.submit(refused_at, two[1], station).result(10) == 409
        assert "currentTime" in first.call("Heartbeat", {})
    wait_until(lambda: OcppMessage.objects.filter(direction="event", verdict="refused").count() == 1)


def test_a_station_whose_old_connection_is_dead_moves_to_another_gateway(
    two: tuple[str, str], station: Station, valkey: "redis.Redis"
) -> None:
    with dead_connection(two[0], station) as dead:
        before = claimed(valkey, station)
        with ScriptedStation(two[1], station.identity, PASSWORD) as charger:
            assert charger.boot()["status"] == "Accepted"
            after = claimed(valkey, station, before)
            dead.settimeout(10)
            while dead.recv(4096):  # the old gateway hangs up
                pass
            wait_until(lambda: OcppMessage.objects.filter(verdict="replaced").exists())
            assert entry_of(valkey, station) == after


def test_an_unauthenticated_connection_at_another_gateway_disturbs_nobody(
    two: tuple[str, str], station: Station, valkey: "redis.Redis"
) -> None:
    with dead_connection(two[0], station):
        before = claimed(valkey, station)
        with pytest.raises(InvalidStatus):
            ScriptedStation(two[1], station.identity, "wrong")
        assert entry_of(valkey, station) == before


def test_an_entry_ends_with_its_connection(
    two: tuple[str, str], station: Station, valkey: "redis.Redis"
) -> None:
    with ScriptedStation(two[0], station.identity, PASSWORD):
        claimed(valkey, station)
    wait_until(lambda: not entry_of(valkey, station))


# -- commands


def test_a_command_finds_the_gateway_of_its_station_at_once_and_is_sent_once(
    station: Station, valkey: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commanding, "SWEEP_S", 600.0)  # only a nudge is this quick
    with own_gateway() as first, own_gateway(), ScriptedStation(first, station.identity, PASSWORD) as charger:
        claimed(valkey, station)
        for number in range(3):
            command = commands.request(station, "Reset", {"type": "Soft"})
            charger.wait_for_call("Reset", timeout_s=5)
            wait_until(lambda pk=command.pk: StationCommand.objects.get(pk=pk).state == "accepted")  # type: ignore[misc]
            assert OcppMessage.objects.filter(direction="out", action="Reset").count() <= number + 1
    assert OcppMessage.objects.filter(direction="out", action="Reset").count() == 3


def test_two_gateways_that_sweep_at_once_send_each_command_once(
    two: tuple[str, str], station: Station
) -> None:
    with ScriptedStation(two[0], station.identity, PASSWORD) as charger:
        sent = [commands.request(station, "ClearCache", {}) for _ in range(10)]
        for _ in sent:
            charger.wait_for_call("ClearCache")
        wait_until(lambda: StationCommand.objects.filter(state="accepted").count() == len(sent))
        charger.call("Heartbeat", {})
    wait_until(lambda: OcppMessage.objects.filter(verdict="closed").exists())
    assert OcppMessage.objects.filter(direction="out", action="ClearCache").count() == len(sent)


def test_without_valkey_stations_connect_are_acknowledged_and_get_their_commands(
    station: Station, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"
    nudges._client.cache_clear()
    monkeypatch.setattr(nudges, "_away_until", 0.0)
    try:
        with own_gateway() as url, ScriptedStation(url, station.identity, PASSWORD) as charger:
            assert charger.boot()["status"] == "Accepted"
            commands.request(station, "Reset", {"type": "Soft"})
            assert charger.wait_for_call("Reset") == {"type": "Soft"}
    finally:
        nudges._client.cache_clear()


def test_pages_are_told_of_a_station_that_has_news(
    two: tuple[str, str], station: Station, valkey: "redis.Redis"
) -> None:
    with ScriptedStation(two[0], station.identity, PASSWORD) as charger:
        charger.call("Heartbeat", {})
        charger.status("Charging")
        wait_until(lambda: all(nudges.changes_of([station.pk, station.organisation_id]) or [b""]))


# -- the registry by itself


def apart(play: Callable[[Registry, Registry], Coroutine[Any, Any, None]], lease_s: float = 5) -> None:
    async def run() -> None:
        url = databases.valkey.url()
        one, two = Registry(url, lease_s, "one"), Registry(url, lease_s, "two")
        try:
            await play(one, two)
        finally:
            await one.close()
            await two.close()

    asyncio.run(run())


def test_a_node_that_was_cut_off_neither_deletes_nor_overwrites_its_successors_entry(
    queue_server: str,
) -> None:
    async def play(one: Registry, two: Registry) -> None:
        await one.claim(["A"])
        assert await two.claim(["A"]) == [("A", "one", two.fences["A"])]
        assert await one.renew() == ["A"]
        await one.release(["A"])
        assert await one.holder("A") == "two"

    apart(play)


def test_an_entry_that_was_lost_with_valkeys_memory_is_made_again_by_its_holder(
    queue_server: str, valkey: "redis.Redis"
) -> None:
    async def play(one: Registry, two: Registry) -> None:
        await one.claim(["A"])
        await two.claim(["A"])
        valkey.flushall()
        assert await one.renew() == []  # quicker than the one who is right
        assert await two.renew() == []
        assert await one.renew() == ["A"]
        assert await one.holder("A") == "two"

    apart(play)


def test_a_dead_nodes_entries_end_with_their_lease(queue_server: str) -> None:
    async def play(one: Registry, two: Registry) -> None:
        await one.claim([str(number) for number in range(1200)])
        assert await two.holder("1199") == "one"
        assert not await two.lives_at("one", "1199", 1), "nobody listens there"
        async with asyncio.timeout(10):
            while await two.holder("1199"):
                await asyncio.sleep(0.05)

    apart(play, lease_s=0.5)


def test_nodes_that_were_alone_agree_when_valkey_is_back(queue_server: str) -> None:
    async def play(one: Registry, two: Registry) -> None:
        one.fences["A"] = time.time_ns() // 1000 - 5_000_000
        two.fences["A"] = time.time_ns() // 1000 - 1_000_000
        assert await one.renew() == []
        assert await two.renew() == []
        assert await one.renew() == ["A"]

    apart(play)


def test_a_message_between_gateways_survives_the_way() -> None:
    message = Message("answer", "CP", "node", 7, yes=True, fence=9)
    assert Message.read(message.text().encode()) == message
    with pytest.raises(TypeError):
        Message.read(b'{"unheard": 1}')


# -- one port, several processes


@pytest.fixture
def pair(tmp_path: Path, transactional_db: None) -> Iterator[Running]:
    with start("pair", *manage("gateway", "--port", "0", "--processes", "2"), folder=tmp_path) as process:
        url_of(process)
        wait_until(lambda: len(children(process)) == 2)
        yield process


def url_of(process: Running) -> str:
    return process.wait_for_output(r"OCPP gateway at (\S+)/<identity>", timeout_s=60)[1]


def children(process: Running) -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def listen(charger: ScriptedStation) -> None:
    """Until the connection ends."""
    while True:
        charger.receive(10)


def runs(process: psutil.Process) -> bool:
    """Neither gone nor waiting for a parent to collect it."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def connected(process: Running, station: Station) -> ScriptedStation:
    def attempt() -> ScriptedStation | None:
        try:
            return ScriptedStation(url_of(process), station.identity, PASSWORD)
        except (OSError, InvalidStatus):
            return None

    return wait_until(attempt, 40, "a connection")  # type: ignore[return-value]  # it is true


def test_a_process_that_is_killed_comes_back_and_its_station_as_well(pair: Running, station: Station) -> None:
    charger = connected(pair, station)
    before = {child.pid for child in children(pair)}
    for child in children(pair):
        child.kill()
        break
    wait_until(lambda: len({child.pid for child in children(pair)} - before) == 1, 20)
    charger.close()
    with connected(pair, station) as charger:
        assert charger.boot()["status"] == "Accepted"


def test_at_sigterm_all_processes_say_goodbye_and_end(pair: Running, station: Station) -> None:
    charger = connected(pair, station)
    assert charger.boot()["status"] == "Accepted"
    own = children(pair)
    pair.process.terminate()
    with pytest.raises(ConnectionClosed) as closed:
        listen(charger)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert pair.wait_for_end() == 0
    assert not any(map(runs, own))


def test_no_process_outlives_a_parent_that_was_killed(pair: Running) -> None:
    own = children(pair)
    os.kill(pair.pid, signal.SIGKILL)
    wait_until(lambda: not any(map(runs, own)), 20)


def test_a_port_in_use_is_told_for_several_processes_too(pair: Running, tmp_path: Path) -> None:
    port = url_of(pair).partition("/ocpp")[0].rpartition(":")[2]
    with start("again", *manage("gateway", "--port", port, "--processes", "2"), folder=tmp_path) as process:
        assert process.wait_for_end(40) == 1
        assert f"port {port}" in process.output()
