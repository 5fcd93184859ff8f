"""Faults that tests inject: what goes wrong between a client and Stripe, before or after the effect."""

from __future__ import annotations

import random
import threading
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase

from fakestripe.call import Decline
from fakestripe.cards import FORCED
from fakestripe.types import Obj

KINDS = ("timeout", "reset", "error", "rate_limit", "decline")
WHENS = ("before", "after")


@dataclass(slots=True)
class Fault:
    """One rule.

    ``kind``: ``timeout`` (no answer for ``seconds``, then the connection ends), ``reset`` (of a connection),
    ``error`` (HTTP 500), ``rate_limit`` (429, always before the effect), ``decline`` (of the card, with
    ``decline_code``). ``when``: ``before`` the effect or ``after`` it. ``match``: method and path with ``*``,
    e.g. ``POST /v1/payment_intents/*/capture``. ``times``: how often it strikes (None: for ever);
    ``probability`` with ``seed``: how likely it strikes each time.
    """

    kind: str
    match: str
    when: str = "before"
    times: int | None = 1
    probability: float = 1.0
    seed: int = 0
    seconds: float = 30.0
    decline_code: str = "generic_decline"
    struck: int = 0
    _random: random.Random = field(default_factory=random.Random, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: '{self.kind}' is unknown; use one of {', '.join(KINDS)}")
        if self.when not in WHENS:
            raise ValueError(f"when: '{self.when}' is unknown; use before or after")
        if self.kind == "decline" and self.decline_code not in FORCED:
            raise ValueError(
                f"decline_code: '{self.decline_code}' is unknown; use one of {', '.join(map(str, FORCED))}"
            )
        self._random = random.Random(self.seed)  # noqa: S311 -- chance for tests, not secrecy

    def strikes(self, request: str) -> bool:
        """Whether it strikes this request; counts it if so."""
        if self.times is not None and self.struck >= self.times:
            return False
        if not fnmatchcase(request, self.match) or self._random.random() >= self.probability:
            return False
        self.struck += 1
        return True

    @property
    def decline(self) -> Decline:
        return FORCED[self.decline_code]

    def shown(self) -> Obj:
        """For the control endpoint."""
        return {name: value for name, value in asdict(self).items() if not name.startswith("_")}


class Faults:
    """The rules in force; the first that strikes wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force."""
        with self._lock:
            self._rules.append(fault)
        return fault

    def before_effect(self, match: str, *, times: int | None = 1, seconds: float = 30.0) -> Fault:
        """Time out before anything is done."""
        return self.add(Fault("timeout", match, "before", times, seconds=seconds))

    def after_effect(self, match: str, *, times: int | None = 1, seconds: float = 30.0) -> Fault:
        """Do it, then never answer."""
        return self.add(Fault("timeout", match, "after", times, seconds=seconds))

    def error(self, match: str, *, when: str = "before", times: int | None = 1) -> Fault:
        """Answer HTTP 500."""
        return self.add(Fault("error", match, when, times))

    def reset(self, match: str, *, when: str = "before", times: int | None = 1) -> Fault:
        """Reset the connection."""
        return self.add(Fault("reset", match, when, times))

    def rate_limit(self, match: str, *, times: int | None = 1) -> Fault:
        """Answer HTTP 429."""
        return self.add(Fault("rate_limit", match, "before", times))

    def decline(self, match: str, decline_code: str = "generic_decline", *, times: int | None = 1) -> Fault:
        """Let the issuer decline what the request asks for, whatever the card."""
        return self.add(Fault("decline", match, "before", times, decline_code=decline_code))

    def take(self, request: str) -> Fault | None:
        """The fault that strikes this request, if any."""
        with self._lock:
            return next((fault for fault in self._rules if fault.strikes(request)), None)

    def list(self) -> list[Obj]:
        """All rules, with how often each struck."""
        with self._lock:
            return [fault.shown() for fault in self._rules]

    def clear(self) -> None:
        """No more faults."""
        with self._lock:
            self._rules.clear()
