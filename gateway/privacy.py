"""Nothing that we keep in text holds a whole tag: it is masked, and hashed where it may be needed again."""

import re

import msgspec

from accounts.models import Token

TAG = re.compile(r'("(?:idTag|parentIdTag|idToken|additionalIdToken)"\s*:\s*)"((?:[^"\\]|\\.)*)"')
PASSWORD = re.compile(r'"(?:AuthorizationKey|BasicAuthPassword)"')
VALUE = re.compile(r'("(?:value|attributeValue)"\s*:\s*)"(?:[^"\\]|\\.)*"')
WITHIN = re.compile(r'(\\"(?:idTag|idToken)\\"\s*:\s*\\")(.*?)(\\")')  # JSON as a text inside of JSON
WITH_TAGS = frozenset(
    {
        "Authorize",
        "BatterySwap",
        "CustomerInformation",
        "NotifyReport",
        "RequestBatterySwap",
        "RequestStartTransaction",
        "TransactionEvent",
        "DataTransfer",
        "StartTransaction",
        "StopTransaction",
        "RemoteStartTransaction",
        "SendLocalList",
        "ReserveNow",
    }
)


def as_text(raw: bytes) -> str:
    """Bytes from outside as text that PostgreSQL stores: what is not UTF-8, and NUL, is escaped."""
    return raw.decode("utf-8", "backslashreplace").replace("\0", "\\x00")


def masked(text: str) -> str:
    """`text` with all but the last characters of each tag hidden."""
    if '\\"id' in text:
        text = WITHIN.sub(lambda found: f"{found[1]}{_mask(found[2])}{found[3]}", text)
    return TAG.sub(lambda found: f"{found[1]}{_quoted(_mask(found[2]))}", text)


def without_password(text: str) -> str:
    """`text` of a call that sets a station's password, with all that it sets hidden."""
    return VALUE.sub(r'\1"••••"', text) if PASSWORD.search(text) else text


def hashed(text: str) -> str:
    """`text` with each tag masked, followed by the keyed hash by which its token would be found."""
    return TAG.sub(
        lambda found: f"{found[1]}{_quoted(f'{_mask(found[2])} {Token.hash_of(_tag(found[2]))}')}", text
    )


def _mask(escaped: str) -> str:
    tag = _tag(escaped)
    return f"•••• {tag[-4:]}" if len(tag) > 4 else "••••"


def _tag(escaped: str) -> str:
    try:
        return msgspec.json.decode(f'"{escaped}"', type=str)
    except msgspec.MsgspecError:
        return escaped


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
