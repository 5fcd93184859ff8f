"""What goes wrong with webhooks on purpose: dropped, delayed, duplicated, reordered."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass, field

from fakestripe.resources.events import fits
from fakestripe.types import Obj

KINDS = ("drop", "delay", "duplicate", "reorder")


@dataclass(slots=True)
class Rule:
    """One rule: ``drop`` the delivery, ``delay`` it by ``seconds``, ``duplicate`` it ``copies`` times more,
    or ``reorder`` (a random delay of up to ``seconds``). ``match``: an event type, ``charge.*`` or ``*``.
    """

    kind: str
    match: str = "*"
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    seconds: float = 1.0
    copies: int = 1
    struck: int = 0
    _random: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: '{self.kind}' is unknown; use one of {', '.join(KINDS)}")
        self._random = random.Random(self.seed)  # noqa: S311 -- chance for tests, not secrecy

    def strikes(self, type_: str) -> bool:
        """Whether it strikes an event of this type; counts it if so."""
        if self.times is not None and self.struck >= self.times:
            return False
        if not fits(self.match, type_) or self._random.random() >= self.probability:
            return False
        self.struck += 1
        return True

    def delay(self) -> float:
        """How long this rule holds a delivery back."""
        return self._random.uniform(0, self.seconds) if self.kind == "reorder" else self.seconds

    def shown(self) -> Obj:
        """For the control endpoint."""
        return {name: value for name, value in asdict(self).items() if not name.startswith("_")}


class Rules:
    """The rules in force; all that strike apply."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> Rule:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(rule)
        return rule

    def delays(self, type_: str) -> list[float]:
        """One delay in seconds per copy to send; empty when the delivery is dropped."""
        with self._lock:
            striking = [rule for rule in self._rules if rule.strikes(type_)]
            if any(rule.kind == "drop" for rule in striking):
                return []
            copies = 1 + sum(rule.copies for rule in striking if rule.kind == "duplicate")
            slow = [rule for rule in striking if rule.kind in ("delay", "reorder")]
            return [sum(rule.delay() for rule in slow) for _ in range(copies)]

    def list(self) -> list[Obj]:
        """All rules, with how often each struck."""
        with self._lock:
            return [rule.shown() for rule in self._rules]

    def clear(self) -> None:
        """Deliver normally again."""
        with self._lock:
            self._rules.clear()
