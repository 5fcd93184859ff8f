"""Request parameters checked against stripe-python's TypedDicts, refused in Stripe's words.

stripe-python types an enum as ``Literal[...] | str`` (open for the reader of an answer); Stripe itself
refuses unknown values, so here such a union is closed. ``Literal[''] | T``: an empty string unsets it.
"""

from __future__ import annotations

import functools
import importlib
import re
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin

from stripe._request_options import RequestOptions
from typing_extensions import get_type_hints, is_typeddict

from fakestripe.errors import StripeError, invalid
from fakestripe.schema.routes import Route
from fakestripe.types import Obj, Params

OPTIONS = frozenset(RequestOptions.__annotations__)
INHERITED = {
    "StripeContext": object,
    "Mapping": dict,
    "Any": Any,
}  # what RequestOptions' own annotations name
INTEGER = re.compile(r"-?\d{1,19}")
NUMBER = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a parameter may be: a union taken apart."""

    emptyable: bool = False
    enum: tuple[str, ...] = ()
    string: bool = False
    integer: bool = False
    boolean: bool = False
    number: bool = False
    anything: bool = False
    hashes: tuple[type, ...] = ()
    items: Any = None
    values: bool = False


@functools.cache
def fields_of(typed_dict: type) -> dict[str, tuple[bool, Kind]]:
    """name -> (required, kind) of a parameter TypedDict; the SDK's own request options are left out."""
    hints = get_type_hints(typed_dict, localns=INHERITED, include_extras=True)
    own = {name: hint for name, hint in hints.items() if name not in OPTIONS or not _is_request(typed_dict)}
    return {name: _field(hint) for name, hint in own.items()}


def _is_request(typed_dict: type) -> bool:
    return set(typed_dict.__annotations__) >= OPTIONS


def _field(hint: Any) -> tuple[bool, Kind]:
    if get_origin(hint) is NotRequired:
        return False, kind_of(get_args(hint)[0])
    return True, kind_of(hint)


def kind_of(hint: Any) -> Kind:
    """Take an annotation apart into the shapes it allows."""
    options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    literals = [value for option in options if get_origin(option) is Literal for value in get_args(option)]
    enum = tuple(value for value in literals if isinstance(value, str) and value)
    lists = [option for option in options if get_origin(option) is list]
    return Kind(
        emptyable="" in literals or NoneType in options,
        enum=enum,
        string=str in options and not enum,
        integer=int in options,
        boolean=bool in options,
        number=any(getattr(option, "__name__", "") in ("float", "Decimal") for option in options),
        anything=Any in options,
        hashes=tuple(option for option in options if is_typeddict(option)),
        items=kind_of(get_args(lists[0])[0]) if lists else None,
        values=any(_is_map(option) for option in options),
    )


def _is_map(option: Any) -> bool:
    origin = get_origin(option)
    return origin is dict or getattr(origin, "__name__", "") == "UntypedStripeObject"


def validate(route: Route, raw: Obj) -> Params:
    """Check and type the decoded parameters of a request; raises StripeError (400) as Stripe would."""
    if route.params is None:
        fields: dict[str, tuple[bool, Kind]] = {}
    else:
        module, name = route.params
        fields = fields_of(getattr(importlib.import_module(module), name))
    return _hash(fields, raw, "")


def _hash(fields: dict[str, tuple[bool, Kind]], raw: Obj, prefix: str) -> Params:
    unknown = [_path(prefix, name) for name in raw if name not in fields]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        message = f"Received unknown parameter{plural}: {', '.join(unknown)}"
        raise invalid(message, code="parameter_unknown", param=unknown[0])
    for name, (required, _) in fields.items():
        if required and name not in raw:
            param = _path(prefix, name)
            raise invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)
    return {name: convert(fields[name][1], value, _path(prefix, name)) for name, value in raw.items()}


def _path(prefix: str, name: str) -> str:
    return f"{prefix}[{name}]" if prefix else name


def convert(kind: Kind, value: Any, param: str) -> Any:
    """Turn one decoded value into its type, or refuse it."""
    if isinstance(value, list):
        return _list(kind, value, param)
    if isinstance(value, dict):
        return _nested(kind, value, param)
    if value == "":
        return _empty(kind, param)
    return _leaf(kind, value, param)


def _list(kind: Kind, value: list[Any], param: str) -> Any:
    if kind.items is None:
        if kind.values:  # metadata with numbers for keys looks like a list
            return {str(index): item for index, item in enumerate(value)}
        raise invalid(f"Invalid {_wanted(kind)}: {value!r}", param=param)
    return [convert(kind.items, item, f"{param}[{index}]") for index, item in enumerate(value)]


def _nested(kind: Kind, value: Obj, param: str) -> Any:
    if kind.hashes:
        return _first_fit(kind.hashes, value, param)
    if kind.values:
        return _string_map(value, param)
    if kind.anything:
        return value
    raise invalid(f"Invalid {_wanted(kind)}: {value!r}", param=param)


def _first_fit(hashes: tuple[type, ...], value: Obj, param: str) -> Params:
    for candidate in hashes[:-1]:
        try:
            return _hash(fields_of(candidate), value, param)
        except StripeError:
            continue
    return _hash(fields_of(hashes[-1]), value, param)


def _string_map(value: Obj, param: str) -> dict[str, str]:
    for key, item in value.items():
        if not isinstance(item, str):
            raise invalid(f"Invalid string: {item!r}", param=_path(param, key))
        if param.endswith(("metadata", "metadata]")):
            _metadata_limits(key, item, param)
    return value


def _metadata_limits(key: str, item: str, param: str) -> None:
    if len(key) > 40:
        raise invalid(
            f"Metadata keys can have up to 40 characters: '{key}' has {len(key)}.", param=_path(param, key)
        )
    if len(item) > 500:
        message = (
            f"Metadata values can have up to 500 characters, but you passed in a value that is {len(item)}"
        )
        raise invalid(f"{message} characters.", param=_path(param, key))


def _empty(kind: Kind, param: str) -> str | Obj:
    if kind.emptyable or kind.anything:
        return ""
    raise invalid(
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a "
        f"parameter; however '{param}' cannot be unset. You should remove '{param}' from your request or "
        "supply a non-empty value.",
        code="parameter_invalid_empty",
        param=param,
    )


def _leaf(kind: Kind, value: str, param: str) -> Any:
    if kind.boolean and value in ("true", "false"):
        return value == "true"
    if kind.integer and INTEGER.fullmatch(value):
        return int(value)
    if value in kind.enum or kind.string or kind.anything:
        return value
    if kind.number and NUMBER.fullmatch(value):
        return value  # decimals stay text: no float near money
    raise _refusal(kind, value, param)


def _refusal(kind: Kind, value: str, param: str) -> StripeError:
    if kind.enum:
        return invalid(f"Invalid {param}: must be one of {_either(kind.enum)}", param=param)
    code = "parameter_invalid_integer" if kind.integer else None
    return invalid(f"Invalid {_wanted(kind)}: {value}", code=code, param=param)


def _either(values: tuple[str, ...]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])}, or {values[-1]}"


def _wanted(kind: Kind) -> str:
    if kind.hashes or kind.values:
        return "hash"
    if kind.items is not None:
        return "array"
    return "integer" if kind.integer else "boolean" if kind.boolean else "number" if kind.number else "string"
