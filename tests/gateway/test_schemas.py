"""Our types and jsonschema say the same about messages, whole and broken."""

import copy
import json
import random
from decimal import Decimal
from typing import Any

import jsonschema
import msgspec
import pytest

from gateway import decoding, schemas

VERSIONS = list(schemas.FOLDERS)


def example(schema: dict[str, Any], definitions: dict[str, Any], chance: random.Random, deep: int = 0) -> Any:
    """Something that `schema` allows: required fields, and some of the others."""
    if "$ref" in schema:
        return example(definitions[schema["$ref"].rpartition("/")[2]], definitions, chance, deep + 1)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            required = set(schema.get("required", ()))
            return {
                key: example(value, definitions, chance, deep + 1)
                for key, value in schema.get("properties", {}).items()
                if key in required or (deep < 4 and chance.random() < 0.4)
            }
        case "array":
            least = int(schema.get("minItems", 0))
            most = min(int(schema.get("maxItems", least + 2)), least + 2)
            count = chance.randint(least, max(least, most))
            return [example(schema["items"], definitions, chance, deep + 1) for _ in range(count)]
        case "string":
            return "x" * chance.randint(1, int(min(schema.get("maxLength", 8), 8)))
        case "integer":
            return chance.randint(int(schema.get("minimum", 0)), int(min(schema.get("maximum", 9), 9)))
        case "number":
            return chance.randint(int(schema.get("minimum", 0)), 9)
        case "boolean":
            return chance.random() < 0.5
    return "anything"


def places(value: Any) -> list[tuple[Any, Any]]:
    """All (container, key) pairs inside a message."""
    found: list[tuple[Any, Any]] = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += [(value, key), *places(inner)]
    return found


def broken(message: Any, chance: random.Random) -> Any:
    """The message with one thing changed, most often for the worse."""
    message = copy.deepcopy(message)
    if not (found := places(message)):
        return chance.choice([[], "text", 5, {"unheard": "of"}])
    container, key = chance.choice(found)
    match chance.randrange(4):
        case 0 if isinstance(container, dict):
            del container[key]
        case 1 if isinstance(container, dict):
            container["unheard"] = "of"
        case 2:
            container[key] = "y" * 3000
        case _:
            container[key] = chance.choice([None, True, 5, 1.5, "odd", [], {}, [1], -1])
    return message


@pytest.mark.parametrize("version", VERSIONS)
def test_the_verdicts_agree_with_jsonschema(version: str) -> None:
    chance = random.Random(version)
    everything = schemas.requests(version) | {
        f"{k}Response": v for k, v in schemas.responses(version).items()
    }
    verdicts = {True: 0, False: 0}
    for schema in everything.values():
        document = schema.document
        judge = jsonschema.validators.validator_for(document)(document)
        for _ in range(12):
            message = example(document, document.get("definitions", {}), chance)
            for candidate in (message, broken(message, chance)):
                right = judge.is_valid(candidate)
                assert accepts(schema, candidate) == right, (schema.name, candidate)
                verdicts[right] += 1
    assert min(verdicts.values()) > 200


@pytest.mark.parametrize("limit", ["16", "16.1", "0.3", "0.30000000000000004", "16.15", "1e1", "-0.1"])
def test_multiples_are_judged_in_decimals_as_jsonschema_does_with_them(limit: str) -> None:
    schema = schemas.requests("ocpp1.6")["SetChargingProfile"]
    text = """{"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 1, "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile", "chargingProfileKind": "Relative", "chargingSchedule": {
        "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": LIMIT}]}}}"""
    text = text.replace("LIMIT", limit)
    document = json.loads(json.dumps(schema.document), parse_float=Decimal)
    judge = jsonschema.validators.validator_for(document)(document)
    assert accepts(schema, text) == judge.is_valid(json.loads(text, parse_float=Decimal))
    assert accepts(schema, text) == (Decimal(limit) % Decimal("0.1") == 0)


def accepts(schema: schemas.Schema, message: Any) -> bool:
    text = message if isinstance(message, str) and message.startswith("{") else json.dumps(message)
    try:
        schema.validate(text.encode())
    except msgspec.ValidationError:
        return False
    return True


def test_unknown_fields_alone_are_let_through() -> None:
    schema = schemas.requests("ocpp1.6")["Authorize"]
    assert schema.decode(b'{"idTag":"A","more":1}').idTag == "A"
    with pytest.raises(msgspec.ValidationError):
        schema.decode(b'{"more":1}')


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"{}", "ProtocolError"),
        (b'{"connectorId":"1","meterValue":[]}', "TypeConstraintViolation"),
        (b'{"connectorId":1,"meterValue":[]}', "OccurenceConstraintViolation"),
        (b'{"connectorId":1.5,"meterValue":[]}', "TypeConstraintViolation"),
        (b"[]", "TypeConstraintViolation"),
    ],
)
def test_each_kind_of_error_has_its_code(payload: bytes, code: str) -> None:
    with pytest.raises(msgspec.ValidationError) as error:
        schemas.requests("ocpp1.6")["MeterValues"].decode(payload)
    assert decoding.error_code(str(error.value)) == code
