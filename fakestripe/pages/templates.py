"""HTML from the template files beside this module; every value is escaped unless it is ``Html``."""

from __future__ import annotations

from functools import cache
from html import escape
from pathlib import Path
from string import Template

HERE = Path(__file__).parent


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


@cache
def source(name: str) -> str:
    """A template or style sheet as text."""
    return (HERE / name).read_text(encoding="utf-8")


def fill(template: str, /, **values: str) -> Html:
    """A template with its values in place."""
    safe = {key: value if isinstance(value, Html) else escape(value) for key, value in values.items()}
    return Html(Template(source(template)).substitute(safe))


def page(title: str, body: Html) -> bytes:
    """A whole page."""
    return fill("page.html", title=title, body=body).encode()


def element(tag: str, text: str, class_: str = "", **attributes: str) -> Html:
    """One element with text inside."""
    given = ({"class": class_} if class_ else {}) | attributes
    inside = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
    return Html(f"<{tag}{inside}>{text if isinstance(text, Html) else escape(text)}</{tag}>")


def join(parts: list[Html]) -> Html:
    """Elements below each other."""
    return Html("\n".join(parts))
