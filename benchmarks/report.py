"""The one form of a benchmark's result: a table for people, a JSON list for `make bench`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(".run/bench")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. ratio_to_limit: to the best possible (or the run's yardstick);
    ratio_to_naive: to the simple way of doing the same. bar: what was asked, in words; None without one."""

    name: str
    value: float
    unit: str
    ratio_to_limit: float | None = None
    ratio_to_naive: float | None = None
    bar: str | None = None
    holds: bool | None = None


def best_cpu_s(work: Callable[[], object], *, times: int, rounds: int = 7) -> float:
    """CPU seconds of one call: the best of several rounds, so that a busy machine disturbs little."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.process_time()
        for _ in range(times):
            work()
        best = min(best, (time.process_time() - begin) / times)
    return best


def publish(name: str, figures: Sequence[Figure], folder: Path = FOLDER) -> None:
    """Print the table and write `folder`/`name`.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps([asdict(each) for each in figures], indent=2) + "\n")
    print(f"{name}\n{'figure':58} {'value':>14} {'unit':11} {'x limit':>8} {'x naive':>8}  bar")
    for each in figures:
        verdict = "" if each.bar is None else f"{each.bar}: {'holds' if each.holds else 'MISSED'}"
        print(
            f"{each.name:58} {each.value:>14,.1f} {each.unit:11} "
            f"{_ratio(each.ratio_to_limit):>8} {_ratio(each.ratio_to_naive):>8}  {verdict}"
        )


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:,.2f}"
