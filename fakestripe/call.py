"""What a handler gets (``Call``) and how it says which route it answers (``endpoint``)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fakestripe.errors import not_implemented
from fakestripe.ids import new_id
from fakestripe.store import Tx
from fakestripe.types import Obj, Params, clone

ALWAYS = frozenset({"expand", "limit", "starting_after", "ending_before"})


@dataclass(frozen=True, slots=True)
class Decline:
    """Why an issuer says no: Stripe's error code, decline code and sentence."""

    code: str
    decline_code: str | None
    message: str


@dataclass(slots=True)
class Call:
    """One request being carried out inside a transaction."""

    tx: Tx
    now: int
    base_url: str
    api_version: str
    ids: list[str] = field(default_factory=list)
    params: Params = field(default_factory=dict)
    request_id: str | None = None
    idempotency_key: str | None = None
    forced_decline: Decline | None = None

    @property
    def account(self) -> str | None:
        return self.tx.account

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter; an explicit empty value reads as None."""
        value = self.params.get(name, default)
        return None if value == "" else value

    def emit(self, type_: str, obj: Obj, *, before: Obj | None = None, account: str | None = "") -> None:
        """Record an event with a snapshot of ``obj``; ``before`` gives ``previous_attributes``."""
        owner = self.account if account == "" else account
        data: Obj = {"object": clone(obj)}
        if before is not None:
            data["previous_attributes"] = _changed(before, obj)
        event: Obj = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.api_version,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": type_,
        }
        if owner is not None:
            event["account"] = owner
        self.tx.add("event", event, account=owner)

    def later(self, due: int, action: str, target: str) -> None:
        """Have ``action`` (see ``timer``) done on ``target`` when the clock reaches ``due``."""
        timer = {"id": new_id("tmr"), "due": due, "action": action, "target": target}
        self.tx.add("_timer", timer, account=self.account)


def _changed(before: Obj, after: Obj) -> Obj:
    changes: Obj = {}
    for name in after.keys() | before.keys():
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        nested = isinstance(old, dict) and isinstance(new, dict)
        changes[name] = _changed(old, new) if nested else clone(old)  # type: ignore[arg-type]  # both dicts here
    return changes


Handler = Callable[[Call], Obj]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler and the parameters it honours; every other one Stripe knows is answered 501."""

    handler: Handler
    honours: frozenset[str]

    def check(self, params: Params) -> None:
        """Refuse parameters that would otherwise be silently ignored."""
        for name in params:
            if name not in self.honours and name not in ALWAYS:
                raise not_implemented(f"the parameter '{name}' of this call")


ENDPOINTS: dict[str, Endpoint] = {}
TIMERS: dict[str, Callable[[Call, str], None]] = {}


def endpoint(route: str, *honours: str) -> Callable[[Handler], Handler]:
    """Register a handler for ``"POST /v1/refunds"`` (the template as in stripe-python)."""

    def register(handler: Handler) -> Handler:
        ENDPOINTS[route] = Endpoint(handler, frozenset(honours))
        return handler

    return register


def timer(action: str) -> Callable[[Callable[[Call, str], None]], Callable[[Call, str], None]]:
    """Register what ``Call.later`` does in time; it must be a no-op if things changed meanwhile."""

    def register(handler: Callable[[Call, str], None]) -> Callable[[Call, str], None]:
        TIMERS[action] = handler
        return handler

    return register


def only(params: Params | None, where: str, *honours: str) -> Params:
    """Nested parameters that are honoured; 501 for the rest."""
    for name in params or {}:
        if name not in honours:
            raise not_implemented(f"the parameter '{where}[{name}]' of this call")
    return params or {}
