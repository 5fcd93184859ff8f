"""What the values of a message measure, said once: most messages of a station are alike but for their numbers.

A shape is JSON: the sampled values as they came, each `"value"` emptied ("" for a text, 0 for a number). The
values themselves are kept beside it, word for word, separated by blanks. What can't be told apart like this,
such as signed data, has no shape and is kept whole.
"""

import hashlib
from typing import Any

import msgspec
from msgspec import Raw

LONGEST_SHAPE = 8_000
LONGEST_SAID = 2_000  # signed values are longer, and no two of them have much in common
_raw_samples = msgspec.json.Decoder(list[dict[str, Raw]])
_samples = msgspec.json.Decoder(list[dict[str, Any]])
_text = msgspec.json.Decoder(str)


def shape_id(shape: str) -> int:
    """63 bits that follow from the shape: processes need not agree on a counter."""
    return int.from_bytes(hashlib.blake2b(shape.encode(), digest_size=8).digest(), "big") >> 1


def split(sampled: str) -> tuple[str, str]:
    """Shape and values of sampled values in JSON; "" and all of it where they can't be told apart."""
    try:
        samples = _raw_samples.decode(sampled)
        values = [bytes(sample["value"]).decode() for sample in samples]
        said = " ".join(_text.decode(value) if value[0] == '"' else value for value in values)
    except (msgspec.MsgspecError, KeyError):
        return "", sampled
    if not is_separable(said, len(values)):
        return "", sampled
    for sample, value in zip(samples, values, strict=True):
        sample["value"] = Raw(b'""' if value[0] == '"' else b"0")
    shape = msgspec.json.encode(samples).decode()
    return (shape, said) if len(shape) <= LONGEST_SHAPE else ("", sampled)


def is_separable(said: str, count: int) -> bool:
    """Whether `said`, joined by blanks, gives back the `count` values it was joined from."""
    return 0 < len(said) <= LONGEST_SAID and said.count(" ") == count - 1 and said.isprintable()


def whole(shape: str, said: str) -> str:
    """The sampled values in JSON."""
    return msgspec.json.encode(join(shape, said)).decode() if shape else said


def join(shape: str, said: str) -> list[dict[str, Any]]:
    """The sampled values as they came."""
    if not shape:
        return _samples.decode(said) if said else []
    samples = _samples.decode(shape)
    for sample, value in zip(samples, said.split(" "), strict=True):
        sample["value"] = value if sample["value"] == "" else msgspec.json.decode(value)
    return samples
