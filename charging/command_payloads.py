"""What a command may say: OCPP 1.6's own schemas, checked when it is asked for; and what of it is shown.

Commands are few, so jsonschema's patience costs nothing here; the gateway checks again, in the version that
the station speaks.
"""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from jsonschema import Draft4Validator, FormatChecker, validators

from charging.models import StationCommand

TAGS = frozenset({"idTag", "parentIdTag"})
SECRET_SETTINGS = frozenset({"AuthorizationKey", "BasicAuthPassword"})
PLACES = ("v16/schemas/{}.json", "v201/schemas/{}Request.json", "v21/schemas/{}Request.json")
HIDDEN = "••••"
DEEPEST = 20


def check(action: str, payload: Any) -> None:
    """Raise ValidationError naming every field that the schema of `action` does not take."""
    if action not in StationCommand.Action.values:
        known = ", ".join(StationCommand.Action.values)
        raise ValidationError({"action": f"{action!r} is not one of {known}"})
    if not isinstance(payload, dict):
        raise ValidationError({"payload": "an object is needed, such as {}"})
    found: dict[str, list[str]] = {}
    for field, problem in _unstorable(payload, "payload", DEEPEST):
        found.setdefault(field, []).append(problem)
    validator = None if found else _validator(action)
    for error in validator.iter_errors(_in_numbers(action, payload)) if validator else ():
        for field, problem in _words(error):
            found.setdefault(field, []).append(problem)
    if found:
        raise ValidationError(found)


def _in_numbers(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """OCPP 2 names transactions where 1.6 numbers them: a name is as good here."""
    name = payload.get("transactionId")
    named = action == StationCommand.Action.REMOTE_STOP and isinstance(name, str) and 1 <= len(name) <= 36
    return {**payload, "transactionId": 0} if named else payload


def shown(payload: Any) -> Any:
    """`payload` as people and programs may read it back: tags masked, passwords hidden."""
    if isinstance(payload, list):
        return [shown(one) for one in payload]
    if not isinstance(payload, dict):
        return payload
    secret = payload.get("key") in SECRET_SETTINGS
    return {
        name: masked(str(value)) if name in TAGS else HIDDEN if secret and name == "value" else shown(value)
        for name, value in payload.items()
    }


def masked(tag: str) -> str:
    """All but the last four characters hidden."""
    return f"{HIDDEN} {tag[-4:]}" if len(tag) > 4 else HIDDEN


def moment(text: Any) -> datetime | None:
    """An OCPP dateTime; without a zone it is taken as UTC. None for what is none."""
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return read if read.tzinfo else datetime.fromisoformat(f"{text}+00:00")


def _unstorable(value: Any, field: str, depth: int) -> Iterator[tuple[str, str]]:
    """JSON that the database can't keep."""
    if depth == 0:
        yield field, "is nested too deeply"
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _unstorable(name, field, depth)
            yield from _unstorable(one, f"{field}.{name}", depth - 1)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _unstorable(one, f"{field}[{number}]", depth - 1)
    elif isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value):
        yield field, "holds a character that is none (NUL or half of a pair)"
    elif isinstance(value, float) and not math.isfinite(value):
        yield field, "is not a number"


def _words(error: Any) -> Iterator[tuple[str, str]]:
    field = "payload" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    if error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield f"{field}.{name}", "is required"
    elif error.validator == "additionalProperties":
        for name in error.instance:
            if name not in error.schema.get("properties", {}):
                yield f"{field}.{name}", "is not a field of this action"
    else:
        yield field, error.message


def _multiple_of(_validator: Any, step: Any, value: Any, _schema: Any) -> Iterator[Any]:
    """jsonschema divides floats, by which 21.4 is no multiple of 0.1."""
    from jsonschema.exceptions import ValidationError as SchemaError

    if isinstance(value, int | float) and Decimal(str(value)) % Decimal(str(step)):
        yield SchemaError(f"{value} is not a multiple of {step}")


_formats = FormatChecker(formats=())


@_formats.checks("date-time")
def _is_moment(value: object) -> bool:
    return not isinstance(value, str) or moment(value) is not None


_extend: Any = validators.extend  # its stub has no types
_Checked = _extend(Draft4Validator, {"multipleOf": _multiple_of})


@cache
def _validator(action: str) -> Any:
    """The validator of an action's request; None where no version has it."""
    document = _document(action)
    return None if document is None else _Checked(document, format_checker=_formats)


@cache
def _document(action: str) -> Mapping[str, Any] | None:
    found = find_spec("ocpp")
    if found is None or found.origin is None:
        raise RuntimeError("the package `ocpp`, which brings OCPP's JSON schemas, is not installed")
    home = Path(found.origin).parent
    for place in PLACES:
        if (path := home / place.format(action)).exists():
            document: Mapping[str, Any] = json.loads(path.read_text("utf-8-sig"))
            return document
    return None
