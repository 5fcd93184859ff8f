"""The official OCPP JSON schemas, turned into validating msgspec types when the gateway starts.

The schemas come with the `ocpp` package; nothing of them is copied here. Validation by these types says the
same as jsonschema, some hundred times faster.
"""

import keyword
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

Place = tuple[str, ...]
FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}
KEYWORDS = {  # JSON schema's words for what msgspec.Meta says
    "maxLength": "max_length",
    "minLength": "min_length",
    "maxItems": "max_length",
    "minItems": "min_length",
    "minimum": "ge",
    "maximum": "le",
    "pattern": "pattern",
}
SCALARS: dict[str, Any] = {"string": str, "integer": int, "number": float, "boolean": bool}


class Schema:
    """One message's schema as types: `strict` as published, `lenient` with unknown fields let through."""

    def __init__(self, document: dict[str, Any], name: str) -> None:
        self.name = name
        self.document = document
        self.strict = msgspec.json.Decoder(_Converter(document, strict=True).type_of(document, name))
        self._lenient: msgspec.json.Decoder[Any] | None = None
        self._multiples = list(_multiples(document, document.get("definitions", {})))

    def validate(self, payload: bytes | Raw) -> Any:
        """The payload as a struct if it is as published, to the letter. Raises as `decode` does."""
        value = self.strict.decode(payload)
        self._check_multiples(payload)
        return value

    def decode(self, payload: bytes | Raw) -> Any:
        """The payload as a struct. Unknown fields are let through: the log keeps what was said.

        Raises msgspec.ValidationError naming the field, or msgspec.DecodeError for broken JSON.
        """
        try:
            return self.validate(payload)
        except msgspec.ValidationError as error:
            if "unknown field" not in str(error):
                raise
            value = self.lenient.decode(payload)
            self._check_multiples(payload)
            return value

    def _check_multiples(self, payload: bytes | Raw) -> None:
        """`multipleOf`, which in binary fractions would refuse 0.3 as a multiple of 0.1."""
        if not self._multiples:
            return
        document = _exact.decode(payload)
        for path, step in self._multiples:
            for number in _at(document, path):
                if number % step:
                    place = ".".join(part for part in path if part)
                    raise msgspec.ValidationError(f"Expected a multiple of {step} - at `$.{place}`")

    @property
    def lenient(self) -> "msgspec.json.Decoder[Any]":
        if self._lenient is None:
            kind = _Converter(self.document, strict=False).type_of(self.document, self.name)
            self._lenient = msgspec.json.Decoder(kind)
        return self._lenient


_exact = msgspec.json.Decoder(float_hook=Decimal)


def _multiples(schema: Any, definitions: dict[str, Any], path: Place = ()) -> Iterator[tuple[Place, Decimal]]:
    """Where numbers have to be multiples of something; "" stands for each item of an array."""
    schema = definitions[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    if "multipleOf" in schema:
        yield path, Decimal(str(schema["multipleOf"]))
    if "items" in schema:
        yield from _multiples(schema["items"], definitions, (*path, ""))
    for name, inner in schema.get("properties", {}).items():
        yield from _multiples(inner, definitions, (*path, name))


def _at(value: Any, path: Place) -> Iterator[Any]:
    """The values at `path`; none where it leads nowhere."""
    if not path:
        yield value
    elif path[0] == "":
        for item in value:
            yield from _at(item, path[1:])
    elif path[0] in value:
        yield from _at(value[path[0]], path[1:])


@cache
def requests(version: str) -> dict[str, Schema]:
    """Action -> schema of its request, for `version` such as "ocpp1.6"."""
    return {
        name.removesuffix("Request"): Schema(document, name)
        for name, document in _documents(version).items()
        if not name.endswith("Response")
    }


@cache
def responses(version: str) -> dict[str, Schema]:
    """Action -> schema of its response."""
    return {
        name.removesuffix("Response"): Schema(document, name)
        for name, document in _documents(version).items()
        if name.endswith("Response")
    }


@cache
def _documents(version: str) -> dict[str, dict[str, Any]]:
    found = find_spec("ocpp")
    if found is None or found.origin is None:
        raise RuntimeError("the package `ocpp`, which brings OCPP's JSON schemas, is not installed")
    folder = Path(found.origin).parent / FOLDERS[version] / "schemas"
    decode = msgspec.json.decode
    return {path.stem: decode(path.read_text("utf-8-sig").encode()) for path in sorted(folder.glob("*.json"))}


class _Converter:
    """Types for one schema document; `$ref` leads to its `definitions`."""

    def __init__(self, document: dict[str, Any], *, strict: bool) -> None:
        self.definitions: dict[str, Any] = document.get("definitions", {})
        self.strict = strict
        self.made: dict[str, Any] = {}

    def type_of(self, schema: dict[str, Any], name: str) -> Any:
        if "$ref" in schema:
            return self._referred(schema["$ref"].rpartition("/")[2])
        if "enum" in schema:
            return Literal[tuple(schema["enum"])]
        kind = schema.get("type")
        if kind == "object" and ("properties" in schema or schema.get("additionalProperties") is False):
            return self._struct(schema, name)
        if kind == "object":
            return dict[str, Any]
        if kind == "array":
            return self._limited(list[self.type_of(schema.get("items", {}), name)], schema)  # type: ignore[misc]  # built at run time
        return self._limited(SCALARS[kind], schema) if kind in SCALARS else Any

    def _referred(self, name: str) -> Any:
        if name not in self.made:
            self.made[name] = self.type_of(self.definitions[name], name)
        return self.made[name]

    def _limited(self, kind: Any, schema: dict[str, Any]) -> Any:
        limits = {ours: _whole(schema[theirs]) for theirs, ours in KEYWORDS.items() if theirs in schema}
        return Annotated[kind, Meta(**limits)] if limits else kind

    def _struct(self, schema: dict[str, Any], name: str) -> type[msgspec.Struct]:
        required, fields, renamed = set(schema.get("required", ())), [], {}
        for key, value in schema.get("properties", {}).items():
            attribute = f"{key}_" if keyword.iskeyword(key) else key
            kind = self.type_of(value, f"{name}_{key}")
            renamed[attribute] = key
            fields.append((attribute, kind) if key in required else (attribute, kind | UnsetType, UNSET))
        closed = self.strict and schema.get("additionalProperties", True) is False
        return msgspec.defstruct(
            re.sub(r"\W", "_", name),
            fields,
            rename=renamed,
            forbid_unknown_fields=closed,
            kw_only=True,
            gc=False,
        )


def _whole(limit: Any) -> Any:
    """Some schemas write a length as 16.0."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit
