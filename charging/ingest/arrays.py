"""Columns of many rows as PostgreSQL array literals: ten times faster to write than parameters one by one."""

from collections.abc import Iterable


def plain(values: Iterable[object]) -> str:
    """Ids, whole numbers, times: nothing that needs quoting. None is NULL."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts(values: Iterable[str]) -> str:
    """Any text but NUL."""
    escaped = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(escaped) + '"}' if escaped else "{}"
