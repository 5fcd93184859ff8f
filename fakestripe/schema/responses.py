"""Answers checked against stripe-python's object classes: missing, unknown and wrong fields.

In those classes ``Optional[T]`` means "null or absent"; everything else must be there.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, ClassVar, ForwardRef, Literal, Union, get_args, get_origin

from stripe import ListObject, SearchResultObject, StripeObject
from stripe._object_classes import get_object_class

from fakestripe.schema.routes import Route, type_imports
from fakestripe.types import Obj

WRAPPED = re.compile(r"(ListObject|SearchResultObject)\[(.+)\]")
ALLOWED_EXTRA = {"list": {"total_count"}, "event": {"account"}}


def problems(route: Route, answer: Obj) -> list[str]:
    """What is wrong with the answer of a route; empty when all is well."""
    wrapped = WRAPPED.fullmatch(route.returns)
    name = wrapped[2] if wrapped else route.returns
    target = resolve(name, route.module)
    if wrapped:
        return list(_list_problems(target, answer, route.returns))
    return list(_object_problems(target, answer, str(answer.get("object", name))))


def object_problems(cls: type[StripeObject], value: Obj) -> list[str]:
    """What is wrong with an object of a class, for tests of events and webhooks."""
    return list(_object_problems(cls, value, cls.__name__))


@functools.cache
def expandable(kind: str, name: str) -> bool:
    """Whether the field of an object (by its ``object`` name) can hold another object."""
    cls: Any = get_object_class("V1", kind)
    hint = _fields(cls).get(name)
    flat = [inner for option in _options(hint) for inner in (option, *get_args(option))]
    return any(isinstance(option, ForwardRef) or get_origin(option) is ListObject for option in flat)


@functools.cache
def resolve(name: str, module: str) -> Any:
    """The class a generated module means by ``name`` (imported there for type checkers only)."""
    found = vars(importlib.import_module(module)).get(name)
    if found is not None:
        return found
    imports = _imports(module)
    if name not in imports:
        raise LookupError(f"{module} doesn't say where {name} comes from")
    source, original = imports[name]
    return getattr(importlib.import_module(source), original)


@functools.cache
def _imports(module: str) -> dict[str, tuple[str, str]]:
    return type_imports(ast.parse(inspect.getsource(importlib.import_module(module))))


@functools.cache
def _fields(cls: type) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        own = vars(base).get("__annotations__", {})
        merged |= {
            name: hint
            for name, hint in own.items()
            if not name.startswith("_")
            and get_origin(hint) is not ClassVar
            and base.__module__ != "stripe._stripe_object"
        }
    return merged


def _object_problems(cls: type, value: Any, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is not an object"
        return
    if value.get("deleted") is True:
        return
    fields = _fields(cls)
    named = value.get("object")  # in an event's data this is the object itself
    extra = ALLOWED_EXTRA.get(named, set()) if isinstance(named, str) else set()
    for name in value.keys() - fields.keys() - extra:
        yield f"{where}.{name}: unknown field"
    for name, hint in fields.items():
        if name in value:
            yield from _value_problems(hint, value[name], f"{where}.{name}", cls.__module__)
        elif not _optional(hint):
            yield f"{where}.{name}: missing"


def _list_problems(target: Any, value: Obj, where: str) -> Iterator[str]:
    if value.get("object") not in ("list", "search_result") or not isinstance(value.get("data"), list):
        yield f"{where}: not a list"
        return
    for name in ("has_more", "url"):
        if name not in value:
            yield f"{where}.{name}: missing"
    for index, item in enumerate(value["data"]):
        if isinstance(target, type):
            yield from _object_problems(target, item, f"{where}[{index}]")


def _optional(hint: Any) -> bool:
    return NoneType in _options(hint)


def _options(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, UnionType):
        return tuple(inner for option in get_args(hint) for inner in _options(option))
    return (hint,)


def _value_problems(hint: Any, value: Any, where: str, module: str) -> Iterator[str]:
    options = [resolve(o.__forward_arg__, module) if isinstance(o, ForwardRef) else o for o in _options(hint)]
    if value is None:
        if NoneType not in options:
            yield f"{where}: must not be null"
    elif isinstance(value, dict):
        yield from _dict_problems(options, value, where, module)
    elif isinstance(value, list):
        items = [get_args(option)[0] for option in options if get_origin(option) is list]
        if not items:
            yield f"{where}: must not be a list"
        for index, item in enumerate(value if items else []):
            yield from _value_problems(items[0], item, f"{where}[{index}]", module)
    elif not any(_leaf_fits(option, options, value) for option in options):
        yield f"{where}: {value!r} does not fit {hint}"


def _dict_problems(options: list[Any], value: Obj, where: str, module: str) -> Iterator[str]:
    for option in options:
        origin = get_origin(option) or option
        if origin in (ListObject, SearchResultObject):
            item = get_args(option)[0]
            inner = resolve(item.__forward_arg__, module) if isinstance(item, ForwardRef) else item
            yield from _list_problems(inner, value, where)
            return
        if getattr(origin, "__name__", "") == "UntypedStripeObject" or origin is dict or option is Any:
            return
    classes = [option for option in options if isinstance(option, type) and issubclass(option, StripeObject)]
    fitting = [cls for cls in classes if getattr(cls, "OBJECT_NAME", None) == value.get("object")] or classes
    if not fitting:
        yield f"{where}: must not be an object"
        return
    yield from _object_problems(fitting[0], value, where)


def _leaf_fits(option: Any, options: list[Any], value: Any) -> bool:
    if get_origin(option) is Literal:
        return value in get_args(option)
    if option is Any:
        return True
    if option is str:
        open_enum = any(get_origin(other) is Literal for other in options)
        return isinstance(value, str) and not open_enum
    if option is Decimal:
        return isinstance(value, str)
    if option is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(option, type) and isinstance(value, option)
