"""What `make run` writes to the terminal: a prefix per program, a few lines a second, all in the logs."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
LINES_A_SECOND = 5


@dataclass
class _Budget:
    """How much one program may still say this second."""

    second: int = 0
    left: int = LINES_A_SECOND
    held_back: int = 0


@dataclass
class Terminal:
    """Writes lines with their program's name in front; what is too much is counted and left to the log."""

    output: TextIO = field(default_factory=lambda: sys.stdout)
    width: int = 10
    _muted: bool = False
    _budgets: dict[str, _Budget] = field(default_factory=dict)

    @property
    def is_interactive(self) -> bool:
        return self.output.isatty()

    def say(self, text: str = "") -> None:
        """Something of the supervisor's own."""
        self._write(text)

    def progress(self, text: str) -> None:
        """A line that the next one overwrites; where nobody watches, nothing."""
        if self.is_interactive:
            self.output.write(f"\r\033[K{text[:100]}")
            self.output.flush()

    def mute(self) -> None:
        """Relay nothing from here on: programs that end have nothing to say that matters."""
        self._muted = True

    def relay(self, name: str, line: str) -> None:
        """A line of a program's output."""
        if self._muted:
            return
        budget = self._budgets.setdefault(name, _Budget())
        second = int(time.monotonic())
        if second != budget.second:
            if budget.held_back:
                self._write(f"{self._prefix(name)} ... {budget.held_back} more lines in its log")
            self._budgets[name] = budget = _Budget(second)
        if budget.left:
            budget.left -= 1
            self._write(f"{self._prefix(name)} {line}")
        else:
            budget.held_back += 1

    def _prefix(self, name: str) -> str:
        label = f"{name:<{self.width}}|"
        if not self.is_interactive or "NO_COLOR" in os.environ:
            return label
        colour = COLOURS[list(self._budgets).index(name) % len(COLOURS)]
        return f"\033[{colour}m{label}\033[0m"

    def _write(self, text: str) -> None:
        clear = "\r\033[K" if self.is_interactive else ""
        self.output.write(f"{clear}{text}\n")
        self.output.flush()
