"""What runs by the clock: the sweeps that make "not yet done" rows done, and the upkeep of partitions.

Any number of schedulers may run side by side: every sweep claims its rows with SKIP LOCKED.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.db import close_old_connections
from django.utils.module_loading import import_string

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Task:
    """A function without arguments, named by its dotted path, run every `every_s` seconds.

    A slow one may take minutes, and runs beside those that money waits for.
    """

    path: str
    every_s: float
    slow: bool = False
    due: float = field(default=0.0, compare=False)

    def run(self) -> None:
        """Call the function; an error is logged, and the next round tries again."""
        close_old_connections()
        function: Callable[[], object] = import_string(self.path)
        try:
            function()
        except Exception:
            log.exception("%s failed; next try in %s s", self.path, self.every_s)


def run_forever(
    tasks: Sequence[Task], stop: threading.Event, clock: Callable[[], float] = time.monotonic
) -> None:
    """Run what is due, oldest first, until `stop` is set; a running task is always let finish."""
    while not stop.is_set():
        task = min(tasks, key=lambda task: task.due)
        if stop.wait(max(0.0, task.due - clock())):
            return
        task.run()
        task.due = clock() + task.every_s


def run_lanes(tasks: Sequence[Task], stop: threading.Event) -> None:
    """Run the slow tasks in a thread of their own, the others here, until `stop` is set."""
    slow = [task for task in tasks if task.slow]
    beside = threading.Thread(target=run_forever, args=(slow, stop), name="slow tasks")
    if slow:
        beside.start()
    run_forever([task for task in tasks if not task.slow], stop)
    if slow:
        beside.join()


def run_once(tasks: Sequence[Task]) -> None:
    """Run each task one time, in order."""
    for task in tasks:
        task.run()
