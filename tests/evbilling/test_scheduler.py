"""The scheduler: what is due runs, a failing task stops nobody, a stop is heard at once."""

import threading

import pytest

from evbilling.schedule import SCHEDULE
from evbilling.scheduler import Task, run_forever, run_lanes, run_once

calls: list[str] = []


def good() -> None:
    calls.append("good")


def bad() -> None:
    calls.append("bad")
    raise RuntimeError("on purpose")


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


def task(name: str, every_s: float = 10) -> Task:
    return Task(f"{__name__}.{name}", every_s)


def test_a_failing_task_neither_stops_the_others_nor_its_own_next_round(
    caplog: pytest.LogCaptureFixture, db: None
) -> None:
    run_once([task("bad"), task("good")])
    run_once([task("bad")])
    assert calls == ["bad", "good", "bad"]
    assert "on purpose" in caplog.text


def test_what_is_due_first_runs_first_and_a_stop_ends_the_loop(db: None) -> None:
    stop = threading.Event()
    ticks = iter(range(100))

    def clock() -> float:
        if len(calls) >= 4:
            stop.set()
        return next(ticks) / 1e6

    often, seldom = task("good", every_s=0), task("bad", every_s=1000)
    run_forever([often, seldom], stop, clock)
    assert calls[0] == "good"
    assert calls.count("bad") == 1
    assert calls.count("good") >= 3


blocked = threading.Event()


def stuck() -> None:
    calls.append("stuck")
    assert blocked.wait(20), "nobody let the slow task go on"


def test_a_slow_task_keeps_no_other_waiting(transactional_db: None) -> None:
    stop = threading.Event()
    blocked.clear()

    def watch() -> None:
        while calls.count("good") < 3 or "stuck" not in calls:
            threading.Event().wait(0.001)
        stop.set()
        blocked.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    run_lanes([Task(f"{__name__}.stuck", 0, slow=True), task("good", every_s=0)], stop)
    watcher.join(20)
    assert calls.count("good") >= 3


def test_every_line_of_the_timetable_names_a_function_that_is_there() -> None:
    from django.utils.module_loading import import_string

    assert SCHEDULE
    for line in SCHEDULE:
        assert callable(import_string(line.path))
        assert line.every_s > 0
